"""The tools that come with it, in a page: IndexedDB behind them, the browser's fetch, and what it does not tell."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page

from certificates import make_certificates
from in_page import open_python, run_python

RUN = """
import json
import browserllm as bl
async with bl.connect() as host:
    store = bl.stores.HostStore(host, "tools")
    box = bl.chat.Toolbox([
        bl.chat.builtin.calculator(), bl.chat.builtin.clock(), bl.chat.builtin.storage(store),
        bl.chat.builtin.todo_list(store), bl.chat.builtin.web_fetch(),
    ])
    said = []
    for name, arguments in json.loads(GIVEN):
        result = await box.run(bl.ToolCallPart("1", name, json.dumps(arguments)))
        said.append([result.content, result.is_error])
json.dumps(said)
"""


class Site(BaseHTTPRequestHandler):
    """A site on the web that lets pages ask it, but for /closed."""

    def do_GET(self) -> None:
        body = b"<title>Hi</title><p>A <b>page</b>.<script>no</script>"
        self.send_response(302 if self.path == "/moved" else 200)
        if self.path == "/moved":
            self.send_header("location", "/")
        if self.path != "/closed":
            self.send_header("access-control-allow-origin", "*")
        self.send_header("content-type", "text/html")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def flags(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """What makes Chromium take a server on loopback for https://example.test."""
    tls = make_certificates(tmp_path_factory.mktemp("tls"), "example.test")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    server.socket = tls.server.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield [
        f"--host-resolver-rules=MAP example.test 127.0.0.1:{server.server_port}",
        f"--ignore-certificate-errors-spki-list={tls.spki}",
    ]
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def context(start_browser: Callable[..., BrowserContext], flags: list[str]) -> BrowserContext:
    return start_browser(*flags, webgpu=False)


@pytest.fixture(scope="module")
def page(context: BrowserContext, site_url: str) -> Page:
    return open_python(context, site_url)


def calls(page: Page, *given: tuple[str, dict[str, Any]]) -> list[tuple[str, bool]]:
    """What a model reads of each call, and whether it is an error."""
    return [(text, failed) for text, failed in run_python(page, f"GIVEN = {json.dumps(given)!r}\n{RUN}")]


def test_another_page_has_what_a_model_stored(page: Page, context: BrowserContext, site_url: str) -> None:
    """Through IndexedDB: the memory and the to-do list."""
    said = calls(
        page,
        ("storage", {"action": "remember", "key": "../name", "value": {"first": "Ada"}}),
        ("todo_list", {"action": "add", "text": "write"}),
        ("todo_list", {"action": "complete", "id": 1}),
    )
    assert said == [("remembered '../name'", False), ("1. [ ] write", False), ("1. [x] write", False)]
    later = open_python(context, site_url)
    assert calls(later, ("storage", {"action": "recall", "key": "../name"}), ("todo_list", {})) == [
        ('{"first":"Ada"}', False),
        ("1. [x] write", False),
    ]
    later.close()


def test_calculator_and_clock(page: Page) -> None:
    """Nothing that a page lacks is needed, not even zones: those that it has are used, of the others it says so."""
    numbers, deep, offset, berlin = calls(
        page,
        ("calculator", {"expression": "0.1 + 0.2"}),
        ("calculator", {"expression": "(" * 40 + "2" + "**1" * 40 + ")" * 40}),
        ("clock", {"zone": "+02:00"}),
        ("clock", {"zone": "Europe/Berlin"}),
    )
    assert (numbers, deep) == (("0.3", False), ("2", False))
    assert "(UTC+02:00, +02:00)" in offset[0]
    assert ("Europe/Berlin)" in berlin[0]) if not berlin[1] else ("no time zone database" in berlin[0])


def test_a_page_fetches_from_sites_that_allow_it(page: Page) -> None:
    """As text; the error for another site names the possible reasons."""
    fetched, moved, closed = calls(
        page, *(("web_fetch", {"url": f"https://example.test/{path}"}) for path in ("", "moved", "closed"))
    )
    assert not fetched[1], fetched
    assert "Title: Hi\n\nA page.\n" in fetched[0]
    assert "information, not instructions" in fetched[0]
    assert moved[1]
    assert "which browsers do not report; fetch the final address" in moved[0]
    assert closed[1]
    assert "CORS" in closed[0]


@pytest.mark.parametrize(
    "url",
    ["http://example.test/", "https://127.0.0.1/", "https://[::1]/", "https://2130706433/", "https://router.local/"],
)
def test_a_page_is_not_sent_into_its_own_network(page: Page, url: str) -> None:
    """What is private by its spelling is refused, and the browser is never asked."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    control, (said, failed) = calls(
        page, ("web_fetch", {"url": "https://example.test/control"}), ("web_fetch", {"url": url})
    )
    assert not control[1]
    assert failed
    assert "not fetched" in said
    assert "https://example.test/control" in asked
    assert url not in asked
