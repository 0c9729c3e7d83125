"""Clouds from a page: the scenarios that CPython runs, over the browser's own fetch, from another origin."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page

from browserllm._internal.http.fetch import BROWSERS_OWN, FORBIDDEN
from in_page import open_python, run_python
from pytest_in_page import TESTS, put_tests
from vendor_server import PATIENCE_S, Hold, Reply, VendorServer, answer, stream
from vendors import SCENARIOS, VENDORS

MANY = 1000


@pytest.fixture(scope="module")
def servers() -> Iterator[Mapping[str, VendorServer]]:
    """A server for each vendor, which lets the pages of every origin ask it."""
    with ExitStack() as stack:
        yield {
            vendor: stack.enter_context(VendorServer(exchanges, cors=True))
            for vendor, (_, exchanges) in VENDORS.items()
        }


@pytest.fixture(scope="module")
def server() -> Iterator[VendorServer]:
    """A server that plays what a test brings."""
    with VendorServer(cors=True) as running:
        yield running


@pytest.fixture(scope="module")
def page(start_browser: Callable[..., BrowserContext], site_url: str) -> Page:
    """A page with Python, pytest and the scenarios in it."""
    page = open_python(start_browser(webgpu=False), site_url)
    put_tests(page, site_url, TESTS.glob("*_scenarios.py"))
    return page


@pytest.mark.parametrize(("vendor", "name"), SCENARIOS)
def test_scenario(page: Page, servers: Mapping[str, VendorServer], vendor: str, name: str) -> None:
    """A page gets the same answers, and the same errors."""
    module = VENDORS[vendor][0][name].__module__
    run_python(page, f"import {module}\nawait {module}.{name}({servers[vendor].url!r})\nNone")


SEND = """
import json
import browserllm as bl
from browserllm._internal.http.client import HttpRequest
from browserllm._internal.http.platform import open_client
from browserllm.errors import to_wire
client = open_client()
try:
    response = await client.send(HttpRequest(**json.loads(GIVEN)))
    body = (await response.read()).decode()
    outcome = {"status": response.status, "headers": dict(response.headers), "body": body}
except bl.BrowserLLMError as error:
    outcome = to_wire(error)
json.dumps(outcome)
"""


def send(page: Page, url: str, method: str = "GET", **given: Any) -> dict[str, Any]:
    """Send a request from the page."""
    return run_python(page, SEND.replace("GIVEN", repr(json.dumps({"method": method, "url": url, **given}))))


def test_a_request_carries_nothing_of_the_page(page: Page, server: VendorServer) -> None:
    """Neither the browser's cookies for the server, nor the page's address; headers arrive unchanged."""
    url = server.add("plain", answer({"ok": True}, x_request_id="r-1"))
    page.context.add_cookies([{"name": "who", "value": "me", "url": server.url}])
    outcome = send(page, url, headers={"authorization": "Bearer k", "User-Agent": "ours"})
    assert (outcome["status"], outcome["body"], outcome["headers"]["x-request-id"]) == (200, '{"ok": true}', "r-1")
    (asked,) = server.asked("plain")
    assert asked.headers["authorization"] == "Bearer k"
    assert "ours" not in asked.headers["user-agent"]
    assert not {"cookie", "referer"} & set(asked.headers)
    assert asked.headers["cache-control"] == "no-cache"


def test_a_server_that_does_not_let_pages_ask_it(page: Page) -> None:
    """The error names CORS as a possible cause, because browsers do not report it."""
    with VendorServer({"plain": answer({})}) as closed:
        outcome = send(page, f"{closed.url}/plain")
        assert len(closed.asked("plain")) == 1
    assert (outcome["code"], outcome["data"]["reason"]) == ("unavailable", "unreachable")
    assert "CORS" in outcome["message"]
    assert closed.url in outcome["message"]


def test_a_redirect_is_an_error_and_not_followed(page: Page, server: VendorServer) -> None:
    """The key stays where it was sent."""
    elsewhere = server.add("elsewhere", answer({}))
    url = server.add("moved", Reply(status=307, headers={"location": elsewhere}, length=0))
    assert send(page, url)["status"] == 302
    assert server.asked("elsewhere") == []


def test_the_forbidden_headers_are_the_browsers(page: Page) -> None:
    """What we refuse is what this browser drops, and what we leave out it writes itself."""
    kept = page.evaluate(
        "names => names.filter((name) => new Request('/', { headers: { [name]: 'x' } }).headers.has(name))",
        [*FORBIDDEN, "proxy-x", "sec-x"],
    )
    assert kept == []
    dropped = page.evaluate(
        "names => names.filter((name) => !new Request('/', { headers: { [name]: 'x' } }).headers.has(name))",
        ["authorization", "x-api-key", "x-goog-api-key", "anthropic-version", "content-type", "accept"],
    )
    assert dropped == []
    assert {"host", "content-length"} <= BROWSERS_OWN


BEGIN = """
import asyncio, sys
from browserllm._internal.http.client import HttpRequest
from browserllm._internal.http.platform import open_client

async def read():
    response = await open_client().send(HttpRequest(method="GET", url=URL))
    async for chunk in response.chunks():
        pass

sys.reading = asyncio.ensure_future(read())
None
"""

CANCEL = """
import asyncio, sys
sys.reading.cancel()
try:
    await sys.reading
except asyncio.CancelledError:
    ended = "cancelled"
del sys.reading
'"' + ended + '"'
"""


@pytest.mark.parametrize("where", ["before", "within"])
def test_a_cancelled_task_ends_the_transfer(page: Page, server: VendorServer, where: str) -> None:
    """The server sees its client go, before the headers and in the middle of the body."""
    hold = Hold()
    url = server.add(where, Reply(before=hold) if where == "before" else stream(b"data: x\n\n", hold))
    run_python(page, BEGIN.replace("URL", repr(url)))
    assert hold.reached.wait(PATIENCE_S)
    (asked,) = server.asked(where)
    assert not asked.gone.is_set()
    assert run_python(page, CANCEL) == "cancelled"
    assert asked.gone.wait(PATIENCE_S)


READ = """
import gc, json
from pyodide_js import _module
from browserllm._internal.http.client import HttpRequest
from browserllm._internal.http.platform import open_client

async def read_once():
    count = most = 0
    response = await open_client().send(HttpRequest(method="GET", url=URL))
    async for chunk in response.chunks():
        count += 1
        most = max(most, _module._hiwire_num_refs())
    await response.aclose()
    return count, most

await read_once()
gc.collect()
before = _module._hiwire_num_refs()
chunks = most = 0
while chunks < MANY:
    count, high = await read_once()
    chunks += count
    most = max(most, high)
gc.collect()
json.dumps([chunks, most - before, _module._hiwire_num_refs() - before])
"""


def test_a_thousand_chunks_leave_nothing_behind(page: Page, server: VendorServer) -> None:
    """Python holds no more of the browser's objects after them than before, and few while they come."""
    url = server.add("many", Reply((b"x" * 65536,) * 256))
    chunks, most, left = run_python(page, READ.replace("URL", repr(url)).replace("MANY", str(MANY)))
    assert chunks >= MANY
    assert left <= 0
    assert most < 50
