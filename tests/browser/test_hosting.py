"""The site on hosts that send the headers of `browserllm build --headers`, and on one that sends none."""

from __future__ import annotations

import functools
import http.server
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Playwright

from browserllm.cli.build import copy_site
from browserllm.cli.hosting import HASHED
from in_page import FLAGS, NO_WEBGPU, SITE
from static_server import QuietHandler, StaticServer

WAIT_MS = 120_000


class FollowsHeaders(QuietHandler):
    """A host that does what `_headers` says: each rule whose path fits adds its headers."""

    def end_headers(self) -> None:
        """Send the headers of the rules, and then the end."""
        rules = re.split(r"^(?=/)", (Path(self.directory) / "_headers").read_text(), flags=re.MULTILINE)
        for rule in filter(None, rules):
            pattern, *lines = rule.strip().splitlines()
            if re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), self.path.partition("?")[0]):
                for line in lines:
                    name, _, value = line.strip().partition(": ")
                    self.send_header(name, value)
        super().end_headers()


@pytest.fixture
def netlify(tmp_path: Path) -> Iterator[str]:
    """The site on a host that reads `_headers`."""
    copy_site(SITE, tmp_path / "site", host="netlify")
    handler = functools.partial(FollowsHeaders, directory=str(tmp_path / "site"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[str]:
    """The site on a host that sends no headers."""
    copy_site(SITE, tmp_path / "site")
    server = StaticServer(tmp_path / "site")
    yield server.url
    server.stop()


@pytest.fixture
def nginx(tmp_path: Path) -> Iterator[str]:
    """The site on nginx."""
    program = shutil.which("nginx")
    if program is None:
        pytest.skip("no nginx here")
    copy_site(SITE, tmp_path / "site", host="nginx")
    port = free_port()
    include = f"root {tmp_path}/site; include {tmp_path}/site/nginx-headers.conf;"
    types = "include /etc/nginx/mime.types;"
    server = f"server {{ listen 127.0.0.1:{port}; {include} }}"
    (tmp_path / "nginx.conf").write_text(
        f"daemon off; pid {tmp_path}/pid; error_log {tmp_path}/errors; events {{}}\n"
        f"http {{ access_log off; {types} {server} }}\nuser root;"
    )
    process = subprocess.Popen([program, "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")])
    yield f"http://127.0.0.1:{port}/"
    process.terminate()
    process.wait()


def free_port() -> int:
    """Return a port that nothing listens on."""
    server = StaticServer(Path.cwd())
    server.stop()
    return int(server.url.rsplit(":", 1)[1].strip("/"))


def visit(playwright: Playwright, browser_path: str, url: str, folder: Path) -> dict[str, Any]:
    """Open the app without a service worker and ask it; returns what the page knows, and the headers of two files."""
    context = playwright.chromium.launch_persistent_context(
        str(folder), executable_path=browser_path, headless=True, args=[*FLAGS, *NO_WEBGPU], service_workers="block"
    )
    try:
        page = context.new_page()
        for attempt in range(50):
            try:
                page.goto(url)
                break
            except Exception:
                if attempt == 49:
                    raise
                page.wait_for_timeout(100)
        page.locator("main#main").wait_for(state="attached", timeout=WAIT_MS)
        page.get_by_role("button", name="Start chatting").click(timeout=WAIT_MS)
        box = page.get_by_role("textbox", name="Message", exact=True)
        box.fill("Tell me a story about a fox.")
        box.press("Enter")
        page.locator(".message-foot").filter(has_text="On this device").first.wait_for(timeout=WAIT_MS)
        script = page.evaluate("() => document.querySelector('script[src*=assets]').src")
        headers = "async (url) => Object.fromEntries((await fetch(url)).headers)"
        return {
            "isolated": page.evaluate("() => crossOriginIsolated"),
            "page": page.evaluate(headers, url),
            "script": page.evaluate(headers, script),
        }
    finally:
        context.close()


@pytest.mark.parametrize("host", ["netlify", "nginx"])
def test_a_host_that_sends_the_headers_isolates_the_page_at_the_first_visit(
    request: pytest.FixtureRequest, playwright: Playwright, browser_path: str, tmp_path: Path, host: str
) -> None:
    """Without any service worker; the app answers there, and hashed files alone may be kept unasked."""
    found = visit(playwright, browser_path, request.getfixturevalue(host), tmp_path / "profile")
    assert found["isolated"] is True
    assert found["script"]["cache-control"] == HASHED
    assert "immutable" not in found["page"].get("cache-control", "")
    assert found["page"]["content-security-policy"] == "frame-ancestors 'self'"


def test_a_host_without_headers_answers_without_isolation(
    playwright: Playwright, browser_path: str, tmp_path: Path, bare: str
) -> None:
    """At the first visit, or wherever a service worker is not allowed."""
    found = visit(playwright, browser_path, bare, tmp_path / "profile")
    assert found["isolated"] is False
