"""The HTTP client in a page, tested with a fake of the browser's fetch; tests/browser uses the real one."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable
from types import SimpleNamespace
from typing import Any

import pytest

import browserllm as bl
from browserllm._internal.http.client import HttpRequest, HttpResponse, Secret, Timeouts
from browserllm._internal.http.fetch import FetchClient

URL = "https://api.test/v1/chat"


class JsException(Exception):  # noqa: N818 (Pyodide's name)
    """Pyodide's exception for a JavaScript error."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name, self.message = name, message


class Value:
    """A proxy of a JavaScript object, which lives as long as Python holds it."""

    alive = 0

    def __init__(self, **says: Any) -> None:
        self.__dict__.update(says)
        Value.alive += 1

    def __del__(self) -> None:
        Value.alive -= 1

    def to_bytes(self) -> bytes:
        return self.__dict__["data"]


class Browser:
    """The parts of fetch that the client uses: the test provides the response and its body."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.pieces: asyncio.Queue[bytes | JsException] = asyncio.Queue()
        self.aborted = asyncio.Event()
        self.reads = 0
        self.clock = bl.testing.Clock()
        self.navigator = SimpleNamespace(onLine=True)
        abort = self.aborted.set
        self.js = SimpleNamespace(
            AbortController=SimpleNamespace(new=lambda: SimpleNamespace(signal="signal", abort=abort)),
            Object=SimpleNamespace(fromEntries="fromEntries"),
            fetch=self._fetch,
            navigator=self.navigator,
        )
        self.ffi = SimpleNamespace(to_js=self._to_js, JsException=JsException)
        self.client = FetchClient(js=self.js, ffi=self.ffi, clock=self.clock)

    async def send(self, **changes: Any) -> HttpResponse:
        given: dict[str, Any] = {"method": "POST", "url": URL, "body": b"{}", **changes}
        return await self.client.send(HttpRequest(**given))

    async def open(self, **says: Any) -> HttpResponse:
        """Send a request that succeeds."""
        self.say(**says)
        return await self.send()

    def say(self, **says: Any) -> None:
        headers = SimpleNamespace(entries=lambda: [["Content-Type", "text/event-stream"], ["x-request-id", "r-1"]])
        body = SimpleNamespace(getReader=lambda: SimpleNamespace(read=self._read))
        given = {"type": "cors", "status": 200, "headers": headers, "body": body, **says}
        self.answer.set_result(SimpleNamespace(**given))

    def _to_js(self, value: Any, *, dict_converter: Any) -> Any:
        assert dict_converter == "fromEntries"
        for text in value["headers"].values():
            assert type(text) is str  # a Secret would arrive masked
        return value

    def _fetch(self, url: str, options: dict[str, Any]) -> Awaitable[Any]:
        self.requests.append((url, options))
        return self._unless_aborted(asyncio.shield(self.answer))

    def _read(self) -> Awaitable[Any]:
        self.reads += 1
        return self._unless_aborted(self._next())

    async def _next(self) -> Value:
        piece = await self.pieces.get()
        if isinstance(piece, JsException):
            raise piece
        return Value(done=False, value=Value(data=piece)) if piece else Value(done=True)

    async def _unless_aborted(self, work: Awaitable[Any]) -> Any:
        doing, over = asyncio.ensure_future(work), asyncio.ensure_future(self.aborted.wait())
        await asyncio.wait([doing, over], return_when=asyncio.FIRST_COMPLETED)
        over.cancel()
        if doing.done():
            return doing.result()
        doing.cancel()
        raise JsException("AbortError", "The user aborted a request.")


async def sleeping(clock: bl.testing.Clock) -> None:
    """Wait until a task sleeps on the clock."""
    while not clock._sleepers:
        await asyncio.sleep(0)


async def test_a_request_carries_no_state_of_the_page() -> None:
    """No cookies, cache, referrer or redirects; a masked value is sent in plain; the browser sets its own headers."""
    browser = Browser()
    headers = {"authorization": Secret("Bearer k"), "x-mine": "1", "User-Agent": "me", "Accept-Encoding": "identity"}
    browser.say()
    response = await browser.send(headers=headers)
    assert (response.status, response.headers["content-type"]) == (200, "text/event-stream")
    assert response.headers["x-request-id"] == "r-1"
    assert browser.requests == [
        (
            URL,
            {
                "method": "POST",
                "headers": {"authorization": "Bearer k", "x-mine": "1"},
                "body": b"{}",
                "signal": "signal",
                "cache": "no-store",
                "credentials": "omit",
                "redirect": "manual",
                "referrerPolicy": "no-referrer",
            },
        )
    ]
    await response.aclose()
    assert browser.aborted.is_set()


async def test_a_request_without_a_body_has_none() -> None:
    """GET with a body is an error in a browser."""
    browser = Browser()
    browser.say(body=None, status=204)
    response = await browser.send(method="GET", body=None)
    assert "body" not in browser.requests[0][1]
    assert [chunk async for chunk in response.chunks()] == []
    assert (await response.read(), browser.reads) == (b"", 0)


async def test_the_body_is_streamed_and_every_proxy_is_released() -> None:
    """A thousand pieces leave no proxy behind, and nothing to abort."""
    browser = Browser()
    response = await browser.open()
    pieces = [bytes([index % 250 + 1]) for index in range(1000)]
    for piece in [*pieces, b""]:
        browser.pieces.put_nowait(piece)
    chunks = response.chunks()
    for piece in pieces:
        assert await anext(chunks) == piece
        # Also while the reader pauses. (The fake's task holds the last one until the loop's next step.)
        await asyncio.sleep(0)
        assert Value.alive == 0
    assert [chunk async for chunk in chunks] == []
    await response.aclose()
    assert not browser.aborted.is_set()


@pytest.mark.parametrize("name", ["Cookie", "Origin", "Referer", "Sec-Fetch-Mode", "Proxy-Authorization", "TE"])
async def test_a_header_that_a_browser_would_drop_is_an_error(name: str) -> None:
    """Nothing is sent, and the value is not shown."""
    browser = Browser()
    with pytest.raises(bl.InvalidRequest, match=f"'{name}'") as caught:
        await browser.send(headers={name: "s3cret"})
    assert "s3cret" not in str(caught.value)
    assert browser.requests == []


@pytest.mark.parametrize("header", [("x-a b", "1"), ("x-a", "one\ntwo"), ("x-a", "ключ")])
async def test_a_header_that_http_does_not_allow_is_an_error(header: tuple[str, str]) -> None:
    """A key that ends with a line break is an error that does not show the key."""
    browser = Browser()
    with pytest.raises(bl.InvalidRequest) as caught:
        await browser.send(headers=dict([header]))
    assert header[1] not in str(caught.value)
    assert browser.requests == []


async def test_a_request_without_an_answer_is_unavailable() -> None:
    """The error names the causes that a browser does not distinguish, and does not show the request."""
    browser = Browser()
    browser.answer.set_exception(JsException("TypeError", "Failed to fetch"))
    key = Secret("".join(["s3", "cret"]))
    with pytest.raises(bl.Unavailable, match=r"https://api.test cannot.*Failed to fetch.*CORS") as caught:
        await browser.send(headers={"authorization": key})
    assert caught.value.reason == "unreachable"
    assert caught.value.__context__ is None
    shown = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    assert "[secret]" in shown
    assert "".join(key) not in shown


@pytest.mark.parametrize(
    ("url", "reason"),
    [(URL, "offline"), ("http://127.0.0.1:11434/v1", "unreachable"), ("http://localhost/", "unreachable")],
)
async def test_offline_is_reported_for_remote_servers_only(url: str, reason: str) -> None:
    """A server on this machine needs no network connection."""
    browser = Browser()
    browser.navigator.onLine = False
    browser.answer.set_exception(JsException("TypeError", "Failed to fetch"))
    with pytest.raises(bl.Unavailable) as caught:
        await browser.send(url=url)
    assert caught.value.reason == reason


async def test_a_redirect_is_not_followed() -> None:
    """Following it would send the key elsewhere; the page learns only that it was a redirect."""
    browser = Browser()
    response = await browser.open(type="opaqueredirect", status=0, body=None)
    assert (response.status, await response.read()) == (302, b"")


async def test_silence_before_the_headers_is_a_timeout() -> None:
    """The transfer is aborted, too."""
    browser = Browser()
    sending = asyncio.create_task(browser.send(timeouts=Timeouts(silence_s=5)))
    await sleeping(browser.clock)
    browser.clock.advance(5)
    with pytest.raises(bl.Timeout, match="sent nothing for 5 s") as caught:
        await sending
    assert caught.value.data["phase"] == "first_token"
    assert browser.aborted.is_set()


@pytest.mark.parametrize(("pieces", "error"), [([], bl.Timeout), ([b"a"], bl.errors.Stalled)])
async def test_silence_in_the_body(pieces: list[bytes], error: type[bl.BrowserLLMError]) -> None:
    """Before the first byte it is a timeout, later a stall; time spent by a slow reader does not count."""
    browser = Browser()
    browser.say()
    response = await browser.send(timeouts=Timeouts(silence_s=5))
    chunks = response.chunks()
    for piece in pieces:
        browser.pieces.put_nowait(piece)
        assert await anext(chunks) == piece
    browser.clock.advance(5)
    for _ in range(3):
        await asyncio.sleep(0)
    reading = asyncio.ensure_future(anext(chunks))
    await sleeping(browser.clock)
    browser.clock.advance(4)
    for _ in range(3):
        await asyncio.sleep(0)
    assert not browser.aborted.is_set()
    browser.clock.advance(5)
    with pytest.raises(error):
        await reading
    assert browser.aborted.is_set()


async def test_without_a_limit_there_is_no_watchdog() -> None:
    """`None` means forever."""
    browser = Browser()
    browser.say()
    response = await browser.send(timeouts=Timeouts(silence_s=None))
    browser.pieces.put_nowait(b"a")
    assert await anext(response.chunks()) == b"a"
    assert browser.clock._sleepers == []
    await response.aclose()


async def test_a_connection_that_breaks_in_the_body() -> None:
    """The data before it was delivered; the error says where it broke."""
    browser = Browser()
    response = await browser.open()
    browser.pieces.put_nowait(b"half")
    browser.pieces.put_nowait(JsException("TypeError", "network error"))
    chunks = response.chunks()
    assert await anext(chunks) == b"half"
    with pytest.raises(bl.Unavailable, match="broke in the middle") as caught:
        await anext(chunks)
    assert (caught.value.reason, caught.value.data["phase"]) == ("unreachable", "body")
    assert caught.value.__context__ is None


async def test_a_cancelled_task_ends_the_transfer_at_once() -> None:
    """Both while waiting for the headers and while waiting for a piece."""
    browser = Browser()
    sending = asyncio.create_task(browser.send())
    while not browser.requests:
        await asyncio.sleep(0)
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    assert browser.aborted.is_set()
    browser = Browser()
    response = await browser.open()
    reading = asyncio.ensure_future(anext(response.chunks()))
    while not browser.reads:
        await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert browser.aborted.is_set()


async def test_closing_ends_running_transfers() -> None:
    """A closed client leaves nothing running; a reader gets an error, and a later request works."""
    browser = Browser()
    response = await browser.open()
    await browser.client.close()
    await browser.client.close()
    assert browser.aborted.is_set()
    with pytest.raises(bl.Unavailable, match="this program closed the transfer"):
        await anext(response.chunks())
    await response.aclose()
    browser.aborted.clear()
    assert (await browser.send()).status == 200
    await browser.client.close()
