"""The HTTP seam of a page: the browser's own fetch, through Pyodide.

What a browser does not tell, nobody can say here. Why nobody answered may be the network, the server, or that the
server does not let pages ask it (CORS). When the connection stands is not told either, so ``Timeouts.connect_s`` has no
effect of its own: ``silence_s`` bounds the wait for the headers, connecting and sending included.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from importlib import import_module
from typing import Any

from ...errors import BrowserLLMError, InvalidRequest, Stalled, Timeout, Unavailable, Unsupported
from .. import lazy_asyncio as asyncio
from ..clock import AnyClock, SystemClock
from .address import is_loopback, origin, read_address
from .client import HttpClient, HttpRequest, HttpResponse

BROWSERS_OWN = frozenset({"accept-encoding", "connection", "content-length", "host", "user-agent"})
"""Headers that the browser writes itself; ours would say the same, or nothing that counts, so they are left to it."""

FORBIDDEN = frozenset(
    {
        "accept-charset",
        "access-control-request-headers",
        "access-control-request-method",
        "cookie",
        "cookie2",
        "date",
        "dnt",
        "expect",
        "keep-alive",
        "origin",
        "referer",
        "set-cookie",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "via",
    }
)
"""Headers that a page may not write (https://fetch.spec.whatwg.org/#forbidden-request-header): fetch drops them."""

_NAME = re.compile(r"[-!#$%&'*+.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


class FetchClient(HttpClient):
    """Sends requests from a page, without cookies, cache, referrer or redirects."""

    def __init__(self, *, js: Any = None, ffi: Any = None, clock: AnyClock | None = None) -> None:
        """``js`` and ``ffi`` are Pyodide's modules `js` and `pyodide.ffi`, imported with the first request."""
        self._js = js
        self._ffi = ffi
        self._clock = clock or SystemClock()
        self._transfers: set[_Transfer] = set()

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Send a request and return once the headers are there."""
        js = self._js = self._js or import_module("js")
        ffi = self._ffi = self._ffi or import_module("pyodide.ffi")
        if request.address is not None:
            raise Unsupported("a page cannot choose the address that a host is reached at; leave out the address")
        try:
            read_address(request.url)
        except ValueError as error:
            # A browser would find a host in it, and perhaps another one than was judged.
            raise InvalidRequest(
                f"the request to {origin(request.url)} cannot be sent: {error}; check base_url", parameter="base_url"
            ) from None
        _check_headers(request)
        transfer = _Transfer(js.AbortController.new(), self._clock, request, self._transfers)
        try:
            answer = await transfer.wait(js.fetch(request.url, _options(request, transfer, js, ffi)))
        except ffi.JsException as error:
            failure = transfer.failure(error, js.navigator.onLine)
        else:
            return FetchResponse(answer, transfer, ffi)
        # Raised out here, the failure has no context: whoever shows it shows nothing of the request.
        raise failure

    async def close(self) -> None:
        """End what is still under way; the connections are the browser's."""
        for transfer in list(self._transfers):
            transfer.abort()


class FetchResponse(HttpResponse):
    """An answer of the browser's fetch."""

    def __init__(self, answer: Any, transfer: _Transfer, ffi: Any) -> None:
        """Made by `FetchClient`."""
        # Of a redirect, which is not followed, a page learns nothing but that it is one.
        self.status = 302 if answer.type == "opaqueredirect" else int(answer.status)
        self.headers = {str(name).lower(): str(value) for name, value in answer.headers.entries()}
        self._reader = answer.body.getReader() if answer.body else None
        self._transfer = transfer
        self._ffi = ffi
        if self._reader is None:
            transfer.end()

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Give the body's bytes as they come; once."""
        failure: BrowserLLMError | None = None
        transfer = self._transfer
        phase = "first_token"
        try:
            while self._reader is not None:
                transfer.check_open()
                data = _bytes_of(await transfer.wait(self._reader.read()))
                if data is None:
                    transfer.end()
                    return
                phase = "body"
                if data:
                    yield data
        except self._ffi.JsException as error:
            failure = transfer.failure(error, online=True, phase=phase)
        if failure is not None:
            raise failure

    async def aclose(self) -> None:
        """End the transfer at once."""
        if self._transfer.open:
            self._transfer.abort()
        self._reader = None


class _Transfer:
    """One request under way: what ends it, on order or because nothing comes for too long."""

    def __init__(self, controller: Any, clock: AnyClock, request: HttpRequest, others: set[_Transfer]) -> None:
        self.controller = controller
        self.open = True
        self._clock = clock
        self._request = request
        self._waiting_since: float | None = None
        self._silent = False
        self._watch: asyncio.Task[None] | None = None
        self._others = others
        others.add(self)

    async def wait(self, promise: Any) -> Any:
        """Await what the browser has promised; whoever is cancelled meanwhile ends the transfer."""
        self._waiting_since = self._clock.now_s
        if self._watch is None and self._request.timeouts.silence_s is not None:
            self._watch = asyncio.get_running_loop().create_task(self._end_silence(self._request.timeouts.silence_s))
        try:
            return await promise
        except BaseException:
            self.abort()
            raise
        finally:
            self._waiting_since = None

    def check_open(self) -> None:
        """Raise `Unavailable` when it was ended by somebody else than who reads it."""
        if not self.open:
            raise Unavailable(
                f"the transfer from {origin(self._request.url)} was ended by this program", reason="closed"
            )

    def abort(self) -> None:
        """Have the browser end it at once."""
        self.end()
        self.controller.abort()

    def end(self) -> None:
        """Take note that it is over."""
        self.open = False
        self._others.discard(self)
        if self._watch is not None:
            self._watch.cancel()

    def failure(self, error: Any, online: bool, phase: str = "") -> BrowserLLMError:
        """Say what a failure of the browser's means; ``phase`` is empty until the headers are there."""
        where, limit_s = origin(self._request.url), self._request.timeouts.silence_s
        if self._silent and phase == "body":
            return Stalled(
                f"{where} said nothing more for {limit_s:g} s; try again, or raise Timeouts.silence_s",
                data={"limit_s": limit_s},
            )
        if self._silent:
            return Timeout(
                f"{where} said nothing for {limit_s:g} s; try again, or raise Timeouts.silence_s",
                data={"phase": "first_token", "limit_s": limit_s},
            )
        why = self._request.hide(f"{error.name}: {error.message}")
        if phase:
            return Unavailable(
                f"the connection to {where} broke in the middle of the answer ({why}); try again",
                reason="unreachable",
                data={"phase": "body"},
            )
        if not online and not is_loopback(self._request.url):
            return Unavailable(
                f"{where} cannot be reached: the browser is offline ({why}); connect it and try again",
                reason="offline",
            )
        return Unavailable(
            f"{where} cannot be reached from this page ({why}); check the network and the address, and that the "
            "server lets pages ask it, which needs CORS headers: a browser does not tell which of these it is",
            reason="unreachable",
        )

    async def _end_silence(self, limit_s: float) -> None:
        """One task for the whole transfer: a timer for every chunk would cost more than the chunk."""
        while True:
            since, now = self._waiting_since, self._clock.now_s
            left_s = limit_s if since is None else since + limit_s - now
            if left_s <= 0:
                break
            await self._clock.sleep(left_s)
        self._silent = True
        self._watch = None  # not to be cancelled by its own order
        self.abort()


def _bytes_of(piece: Any) -> bytes | None:
    """Return what a reader gave, or ``None`` at the end. The browser's own objects go with this frame: what a generator
    held on to would wait with it.
    """
    return None if piece.done else piece.value.to_bytes()


def _options(request: HttpRequest, transfer: _Transfer, js: Any, ffi: Any) -> Any:
    """Return the browser's own object with what to send."""
    options: dict[str, Any] = {
        "method": request.method,
        # Plain texts: a Secret would arrive as one that is masked.
        "headers": {
            name: "".join(value) for name, value in request.headers.items() if name.lower() not in BROWSERS_OWN
        },
        "signal": transfer.controller.signal,
        "cache": "no-store",
        "credentials": "omit",
        "redirect": "manual",
        "referrerPolicy": "no-referrer",
    }
    if request.body is not None:
        options["body"] = request.body
    return ffi.to_js(options, dict_converter=js.Object.fromEntries)


def _check_headers(request: HttpRequest) -> None:
    """Raise `InvalidRequest` for a header that would not arrive; its value may be a key, so it is not shown."""
    for name, value in request.headers.items():
        small = name.lower()
        if small in FORBIDDEN or small.startswith(("proxy-", "sec-")):
            raise InvalidRequest(
                f"the header {name!r} is none that a page may send, browsers drop it: leave it out of headers",
                parameter="headers",
            )
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            raise InvalidRequest(
                f"the header {name!r} has a name or a value that HTTP does not allow: look for line breaks, and for "
                "characters that are not Latin",
                parameter="headers",
            )
