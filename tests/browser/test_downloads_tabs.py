"""Downloads in pages of one origin: two at once, one that is closed midway, a disk that is full."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page

from drivers import CALL, InPage, Outcome
from fault_server import Fault, FaultServer
from in_page import open_python
from served_models import noise_model

MB = 1_000_000
COLLECTIONS = 1000
"""A bound, so that what never ends fails."""


@pytest.fixture(scope="module")
def context(start_browser: Callable[..., BrowserContext]) -> BrowserContext:
    """A browser whose pages share an origin and so their caches."""
    return start_browser(webgpu=False)


def start_call(page: Page, op: str, args: dict[str, Any]) -> Callable[[], Outcome]:
    """Ask through Python in the page without waiting; what is returned waits."""
    code = CALL.replace("OP", repr(op)).replace("ARGS", repr(json.dumps(args)))
    page.evaluate("code => { window.asked = window.browserllm.python(code); }", code)
    return lambda: Outcome(**json.loads(page.evaluate("() => window.asked")))


def test_two_tabs_download_the_same_model(context: BrowserContext, site_url: str) -> None:
    """Two pages of one origin at once: both end well, and what is kept is what the server has."""
    with FaultServer() as server:
        files = noise_model(server, "/tabs", [1_500_000, 800_000], [Fault(bytes_per_s=2 * MB)])
        pages = [open_python(context, site_url) for _ in range(2)]
        orders = {"files": [file.order() for file in files], "backoff_ms": 10}
        waiting = [start_call(page, "download", orders) for page in pages]
        server.wait_until(lambda: server.sent_bytes("/tabs") > 500_000)
        for outcome in [wait() for wait in waiting]:
            assert outcome.code is None, outcome
        driver = InPage(pages[0])
        assert driver.wrong_entries(files) == driver.missing_entries(files) == []
        partials = driver.call("stored", {}).result["partials"]
        assert [each for each in partials if "/tabs/" in each["url"]] == []


def test_a_closed_tab_leaves_its_download_to_the_next(context: BrowserContext, site_url: str) -> None:
    """A page closed in the middle of a download; another page of the origin finishes it."""
    with FaultServer() as server:
        files = noise_model(server, "/closed", [3 * MB], [Fault(bytes_per_s=6 * MB)])
        orders = {"files": [file.order() for file in files], "backoff_ms": 10}
        page = open_python(context, site_url)
        start_call(page, "download", orders)
        server.wait_until(lambda: server.sent_bytes("/closed") > MB)
        page.close()
        driver = InPage(open_python(context, site_url))
        assert driver.call("download", orders).code is None
        assert driver.wrong_entries(files) == driver.missing_entries(files) == []


def test_a_full_disk_is_named_and_nothing_is_spoilt(context: BrowserContext, site_url: str) -> None:
    """With 2 MB to spare, 6 MB end as QuotaExceeded; with room again, the download goes on and completes."""
    with FaultServer() as server:
        files = noise_model(server, "/full", [3 * MB, 3 * MB])
        orders = {"files": [file.order() for file in files], "backoff_ms": 10, "retries": 1}
        page = open_python(context, site_url)
        driver = InPage(page)
        origin = site_url.rstrip("/")
        session = context.new_cdp_session(page)
        used = driver.call("stored", {}).result["usage_bytes"]
        session.send("Storage.overrideQuotaForOrigin", {"origin": origin, "quotaSize": used + 2 * MB})
        outcome = driver.call("download", orders)
        assert outcome.code == "quota_exceeded", outcome
        assert driver.wrong_entries(files) == []
        session.send("Storage.overrideQuotaForOrigin", {"origin": origin})
        assert driver.call("download", orders).code is None
        assert driver.wrong_entries(files) == driver.missing_entries(files) == []


def test_a_download_ends_while_memory_is_collected(start_browser: Callable[..., BrowserContext], site_url: str) -> None:
    """A browser that repeatedly frees unreferenced objects does not lose a file that is about to be opened."""
    page = open_python(start_browser("--js-flags=--expose-gc", webgpu=False), site_url)
    with FaultServer() as server:
        files = noise_model(server, "/collected", [1000] * 30)
        finish = start_call(page, "download", {"files": [file.order() for file in files]})
        page.evaluate("() => { window.asked.finally(() => { window.ended = true; }); }")
        for _ in range(COLLECTIONS):
            if page.evaluate("() => window.ended === true"):
                break
            for worker in page.workers:
                worker.evaluate("() => gc()")
        else:
            raise AssertionError(f"the download goes on after {COLLECTIONS} collections")
        assert finish().code is None
        assert InPage(page).wrong_entries(files) == InPage(page).missing_entries(files) == []
