"""Pages of others aim at ours: they open it, frame it and point it at sockets of theirs, and get nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import BrowserContext, expect

from app_page import AppPage, text_of
from attackers import listening, served
from browserllm.cli.build import copy_site
from in_page import SITE, run_python


@pytest.fixture(scope="module")
def browser(start_browser: Callable[..., BrowserContext]) -> BrowserContext:
    """One browser without WebGPU, as anybody may use to visit the attacker's page."""
    return start_browser(webgpu=False)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site as `browserllm build` writes it."""
    folder = tmp_path_factory.mktemp("built")
    copy_site(SITE, folder)
    return folder


def addresses_of(socket: str) -> list[str]:
    """Queries and fragments of many kinds that name a socket."""
    names = ("ws", "url", "socket", "host", "token", "secret", "browserllmLaunch")
    values = (socket, quote(socket, safe=""), socket.upper(), socket.replace("ws:", "http:"), socket[len("ws:") :])
    pairs = [f"{name}={value}" for name in names for value in values]
    return [*(f"#{pair}" for pair in pairs), *(f"?headless&{pair}#{pair}" for pair in pairs[:5])]


def test_the_host_page_takes_no_socket_from_its_address(
    browser: BrowserContext, serve: Callable[[Path], str], tmp_path: Path
) -> None:
    """Even where a server has the page: opened or framed with whatever address, it starts and connects nothing."""
    site = serve(SITE)
    page = browser.new_page()
    sockets: list[str] = []
    page.on("websocket", lambda socket: sockets.append(socket.url))
    with listening() as (address, connected):
        for more in addresses_of(address):
            page.goto("about:blank")
            page.goto(f"{site}host.html{more}")
            expect(page.locator("#status")).to_have_attribute("data-state", "crashed")
            assert page.workers == []
        frames = "".join(f'<iframe src="{site}host.html{more}"></iframe>' for more in addresses_of(address)[:5])
        (tmp_path / "evil.html").write_text(f"<!doctype html>{frames}")
        page.goto(f"{serve(tmp_path)}evil.html")
        for frame in page.frames[1:]:
            expect(frame.locator("p")).to_contain_text("does not run inside another page")
        # The element that a page of another could name so is no launch either.
        page.goto(f"{site}host.html")
        page.evaluate("document.body.innerHTML += '<form id=browserllmLaunch><input name=secret value=x></form>'")
        assert (connected, sockets, page.workers) == ([], [], [])
    page.close()


def test_a_built_site_and_the_chat_pages_server_have_no_host_page(browser: BrowserContext, built: Path) -> None:
    """Only a browser that Python launched gets it, whatever the spelling of its address."""
    assert not [path for path in built.rglob("*") if path.name.lower().startswith("host")]
    with served(SITE) as server:
        for path in ("host.html", "host.html?headless", "./host.html", "%68ost.html", "HOST.html", "host.html/"):
            answer = browser.request.get(server.url + path, max_redirects=0)
            assert answer.status == 404, path


FRAMES = (
    '<iframe src="URL"></iframe>',
    '<iframe src="URL" sandbox="allow-scripts"></iframe>',
    '<iframe src="URL" sandbox="allow-scripts allow-same-origin allow-popups"></iframe>',
    '<iframe src="URL" allow="fullscreen *" credentialless></iframe>',
    '<object data="URL" type="text/html"></object>',
    '<embed src="URL" type="text/html">',
)

OPAQUE = 1
"""The frame that has no origin: the page's scripts are refused to it, so not even the refusal is shown."""


@pytest.mark.parametrize("name", ["index.html", "python.html"])
def test_a_built_page_does_not_run_in_a_frame(
    browser: BrowserContext, built: Path, serve: Callable[[Path], str], tmp_path: Path, name: str
) -> None:
    """On a server that sends no headers: there is no engine, no Python, and nothing to press; by itself it runs."""
    url = serve(built) + name
    (tmp_path / "evil.html").write_text("<!doctype html>" + "".join(frame.replace("URL", url) for frame in FRAMES))
    page = browser.new_page()
    page.goto(f"{serve(tmp_path)}evil.html")
    inner = [frame for frame in page.frames[1:] if frame.url == url]
    assert len(inner) == len(FRAMES)
    for number, frame in enumerate(inner):
        if number != OPAQUE:
            text = "This page does not run inside another page. Open it by itself."
            expect(frame.locator("body")).to_have_text(text)
            assert frame.locator("button, form, textarea").count() == 0
        assert frame.evaluate("typeof window.browserllm") == "undefined"
    assert page.workers == []
    with page.context.expect_page() as opened:
        inner[0].get_by_role("link").click()
    # Its scripts have run then. (wait_for_function() would ask again by eval(), which the page forbids.)
    opened.value.wait_for_load_state("load")
    if name == "index.html":
        expect(opened.value.get_by_role("button", name="New chat")).to_be_attached()
    assert run_python(opened.value, "1 + 1") == 2
    opened.value.close()
    page.close()


def test_our_servers_let_no_page_be_framed(
    browser: BrowserContext, tmp_path: Path, serve: Callable[[Path], str]
) -> None:
    """The browser does not even load it."""
    with served(SITE) as server:
        frames = "".join(frame.replace("URL", server.url) for frame in FRAMES[:3])
        (tmp_path / "evil.html").write_text(f"<!doctype html>{frames}")
        page = browser.new_page()
        page.goto(f"{serve(tmp_path)}evil.html")
        for frame in page.frames[1:]:
            assert frame.url.startswith("chrome-error:")
        page.close()


ASK_OUTSIDE = """
import asyncio, json
from js import WebSocket, addEventListener, fetch
from pyodide.ffi import create_once_callable, create_proxy

blocked = []
note = create_proxy(lambda event: blocked.append(event.blockedURI))
addEventListener("securitypolicyviolation", note)

async def socket(address):
    ended = asyncio.get_running_loop().create_future()
    connection = WebSocket.new(address)
    connection.onopen = create_once_callable(lambda event: ended.set_result("open"))
    connection.onerror = create_once_callable(lambda event: ended.set_result("refused"))
    return await ended

for address in ADDRESSES:
    try:
        await fetch(address)
    except Exception:
        pass  # nothing answers there: what counts is who said no
json.dumps([await socket(SOCKET), blocked])
"""


def test_the_apps_python_reaches_https_and_loopback_and_opens_no_socket(browser: BrowserContext) -> None:
    """The policy of the page is its workers' too: whatever ran there could not hand the engine to a socket."""
    allowed = ["http://127.0.0.1:9/", "http://localhost:9/", "https://127.0.0.1:9/"]
    forbidden = ["http://192.0.2.1/", "http://localhost.evil.test/"]
    with served(SITE) as server, listening() as (address, connected):
        app = AppPage(browser, server.url).open()
        page = app.page
        app.check()  # the page itself needs nothing that its policy forbids
        code = ASK_OUTSIDE.replace("SOCKET", repr(address)).replace("ADDRESSES", repr([*allowed, *forbidden]))
        assert run_python(page, code) == ["refused", [*forbidden, address]]
        page.evaluate(
            "address => new Promise(done => { new WebSocket(address).onerror = done; }).then(() => null)", address
        )
        assert connected == []
        page.close()


@pytest.mark.parametrize("webgpu", [True, False])
def test_a_built_site_runs_under_its_policy(
    start_browser: Callable[..., BrowserContext], built: Path, webgpu: bool
) -> None:
    """With the headers and the meta tag both, each engine loads and answers, and nothing of it is forbidden."""
    with served(built) as server:
        app = AppPage(start_browser(webgpu=webgpu), server.url).open().start_chatting()
        assert text_of(app.ask("Tell me a story about a fox."))
        app.check()
