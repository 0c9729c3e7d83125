"""The HTTP client in a page: the browser's own fetch, through Pyodide.

Browsers report few details. A request without an answer may be the fault of the network, of the server, or of its CORS
rules. They do not report when a connection is established either, so ``Timeouts.connect_s`` has no effect here:
``silence_s`` limits the wait for the headers, including connecting and sending.
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
"""Headers that the browser sets itself; ours would add nothing, so they are left out."""

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
"""Headers that a page may not set (https://fetch.spec.whatwg.org/#forbidden-request-header): fetch drops them."""

_NAME = re.compile(r"[-!#$%&'*+.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


class FetchClient(HttpClient):
    """Sends requests from a page, without cookies, cache, referrer or redirects."""

    def __init__(self, *, js: Any = None, ffi: Any = None, clock: AnyClock | None = None) -> None:
        """``js`` and ``ffi`` are Pyodide's modules `js` and `pyodide.ffi`, by default imported at the first request."""
        self._js = js
        self._ffi = ffi
        self._clock = clock or SystemClock()
        self._transfers: set[_Transfer] = set()

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Send a request and return once the headers have arrived."""
        js = self._js = self._js or import_module("js")
        ffi = self._ffi = self._ffi or import_module("pyodide.ffi")
        if request.address is not None:
            raise Unsupported("a page cannot choose the IP address of a host; leave out the address")
        try:
            read_address(request.url)
        except ValueError as error:
            # A browser might find another host in it than the checks did.
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
        # Raised here, outside the except block, the failure has no context that could show the request.
        raise failure

    async def close(self) -> None:
        """End the running transfers; the browser manages the connections."""
        for transfer in list(self._transfers):
            transfer.abort()


class FetchResponse(HttpResponse):
    """A response of the browser's fetch."""

    def __init__(self, answer: Any, transfer: _Transfer, ffi: Any) -> None:
        """Read ``answer``, a JavaScript Response."""
        # Redirects are not followed, and a page learns nothing more about them.
        self.status = 302 if answer.type == "opaqueredirect" else int(answer.status)
        self.headers = {str(name).lower(): str(value) for name, value in answer.headers.entries()}
        self._reader = answer.body.getReader() if answer.body else None
        self._transfer = transfer
        self._ffi = ffi
        if self._reader is None:
            transfer.end()

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Yield the body's bytes as they arrive. Works once."""
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
    """One running request, which can be aborted, or ends when nothing arrives for too long."""

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
        """Await a JavaScript promise; cancelling the wait aborts the transfer."""
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
        """Raise `Unavailable` if the transfer was ended while it was being read."""
        if not self.open:
            raise Unavailable(
                f"this program closed the transfer from {origin(self._request.url)}; send the request again",
                reason="closed",
            )

    def abort(self) -> None:
        """Abort the transfer in the browser at once."""
        self.end()
        self.controller.abort()

    def end(self) -> None:
        """Mark the transfer as ended."""
        self.open = False
        self._others.discard(self)
        if self._watch is not None:
            self._watch.cancel()

    def failure(self, error: Any, online: bool, phase: str = "") -> BrowserLLMError:
        """Return our error for a failure in the browser; ``phase`` is empty until the headers have arrived."""
        where, limit_s = origin(self._request.url), self._request.timeouts.silence_s
        if self._silent and phase == "body":
            return Stalled(
                f"{where} stopped sending for {limit_s:g} s; try again, or increase Timeouts.silence_s",
                data={"limit_s": limit_s},
            )
        if self._silent:
            return Timeout(
                f"{where} sent nothing for {limit_s:g} s; try again, or increase Timeouts.silence_s",
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
            f"{where} cannot be reached from this page ({why}); check the network, the address, and that the server "
            "allows requests from pages (CORS headers): browsers do not report which of these is the cause",
            reason="unreachable",
        )

    async def _end_silence(self, limit_s: float) -> None:
        """Abort after too long a silence. One task per transfer: a timer per chunk would cost more than the chunk."""
        while True:
            since, now = self._waiting_since, self._clock.now_s
            left_s = limit_s if since is None else since + limit_s - now
            if left_s <= 0:
                break
            await self._clock.sleep(left_s)
        self._silent = True
        self._watch = None  # abort() must not cancel this task
        self.abort()


def _bytes_of(piece: Any) -> bytes | None:
    """Return a reader's piece as bytes, or ``None`` at the end.

    JavaScript's objects are released with this frame; a suspended generator would keep them alive.
    """
    return None if piece.done else piece.value.to_bytes()


def _options(request: HttpRequest, transfer: _Transfer, js: Any, ffi: Any) -> Any:
    """Return the JavaScript object with fetch's options."""
    options: dict[str, Any] = {
        "method": request.method,
        # Plain strings: a Secret would arrive masked.
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
    """Raise `InvalidRequest` for a header that would not arrive; never show its value, which may be a key."""
    for name, value in request.headers.items():
        small = name.lower()
        if small in FORBIDDEN or small.startswith(("proxy-", "sec-")):
            raise InvalidRequest(
                f"a page may not send the header {name!r}, because browsers drop it; remove it from headers",
                parameter="headers",
            )
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            raise InvalidRequest(
                f"the header {name!r} has a name or a value that HTTP does not allow; remove line breaks and "
                "non-Latin characters",
                parameter="headers",
            )
