"""ChannelHost: a Host over any channel of text messages. It numbers requests and routes each message to its request."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Protocol, Self

import msgspec

from .._internal import lazy_asyncio as asyncio
from .._internal.nesting import check_depth
from ..errors import BrowserLLMError, InvalidRequest, ProtocolError, Unavailable, error_from_wire
from .host import Chunk, Event, Hello, Host, HostStream, Progress, report

PROTOCOL_VERSION = 1

BUFFERED_CHUNKS = 1024
"""Chunks buffered separately for a slow reader; beyond that, text is joined to the last one."""

BUFFERED_CHARACTERS = 16 * 1024 * 1024
"""Text buffered for a reader that does not read; beyond that, the request fails."""

_CHUNK_SIZE = 16
"""The size in characters that each buffered chunk, and each of its logprobs, adds to its text."""


SAVES_ON_CANCEL = "download"
"""The operation that saves data when it is cancelled: bytes that have arrived but are not on disk yet."""

SAVE_WAIT_S = 2.0
"""How long closing waits for that. A page that does not respond has lost the unsaved bytes anyway."""


class _HelloMessage(msgspec.Struct, tag_field="type", tag="hello"):
    # The data is decoded later: a page of another version may send something that `Hello` does not know.
    data: msgspec.Raw
    v: int = PROTOCOL_VERSION


class _ProgressMessage(msgspec.Struct, tag_field="type", tag="progress"):
    id: int
    data: Progress


class _ChunkMessage(msgspec.Struct, tag_field="type", tag="chunk"):
    id: int
    data: Chunk


class _ResultMessage(msgspec.Struct, tag_field="type", tag="result"):
    id: int
    data: dict[str, Any] = {}


class _ErrorMessage(msgspec.Struct, tag_field="type", tag="error"):
    error: dict[str, Any]
    id: int | None = None


class _EventMessage(msgspec.Struct, tag_field="type", tag="event"):
    name: str
    data: dict[str, Any] = {}


_Other = _ProgressMessage | _ResultMessage | _ErrorMessage | _EventMessage | _HelloMessage
_Incoming = _ChunkMessage | _Other


class _Outgoing(msgspec.Struct, omit_defaults=False):
    v: int
    id: int
    op: str
    args: Mapping[str, Any] = {}


class Channel(Protocol):
    """A channel of text messages to a page: a MessagePort, a WebSocket."""

    def open(self, on_text: Callable[[str | bytes], None], on_closed: Callable[[str], None]) -> None:
        """Start delivering: ``on_text`` for every message in order, then ``on_closed`` once with the reason."""
        ...

    def send(self, text: str) -> None:
        """Send a message without waiting; raises a `BrowserLLMError` if it cannot."""
        ...

    async def close(self) -> None:
        """Close the channel; safe to call more than once."""
        ...


class _Pending:
    """A running request: its waiter, and the chunks that have not been read yet."""

    __slots__ = (
        "_create_future",
        "buffer",
        "error",
        "late",
        "late_size",
        "on_end",
        "on_progress",
        "op",
        "result",
        "waiter",
    )

    def __init__(self, op: str, on_progress: Callable[[Progress], None] | None = None) -> None:
        self.op = op
        self._create_future: Callable[[], asyncio.Future[None]] = asyncio.get_running_loop().create_future
        self.on_progress = on_progress
        self.buffer: deque[Chunk] = deque()
        self.late: list[Chunk] = []  # chunks that arrived while the buffer was full, read as one after it
        self.late_size = 0
        self.waiter: asyncio.Future[None] | None = None
        self.on_end: asyncio.Future[None] | None = None
        self.result: dict[str, Any] | None = None
        self.error: BrowserLLMError | None = None

    def wake(self) -> None:
        waiter = self.waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
        if self.on_end is not None and self.ended and not self.on_end.done():
            self.on_end.set_result(None)

    def end(self) -> asyncio.Future[None]:
        """Return a future that is done once the request has ended."""
        self.on_end = self.on_end or self._create_future()
        return self.on_end

    async def wait(self) -> None:
        self.waiter = self._create_future()
        try:
            await self.waiter
        finally:
            self.waiter = None

    @property
    def ended(self) -> bool:
        return self.result is not None or self.error is not None


class ChannelHost(Host):
    """A `Host` over any `Channel`: numbers requests and routes each message to its request."""

    def __init__(self, channel: Channel, first_id: int = 1) -> None:
        """Take ownership of ``channel``; await `start` before the first call. Request ids start at ``first_id``."""
        super().__init__()
        self._channel = channel
        self._pending: dict[int, _Pending] = {}
        self._last_id = first_id - 1
        self._hello_error: BrowserLLMError | None = None
        self._hello_waiter: _Pending | None = None
        self._greeted = False
        self._closed: str | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._decode = msgspec.json.Decoder(_Incoming).decode
        self._encode = msgspec.json.Encoder().encode

    async def start(self) -> Self:
        """Open the channel and wait for the page's hello.

        Raises `ProtocolError` if the page speaks another version, `Unavailable` if the channel closes first.
        """
        self._loop = asyncio.get_running_loop()
        self._hello_waiter = _Pending("hello")
        self._channel.open(self._on_text, self._on_closed)
        while not self._greeted and self._hello_error is None:
            await self._hello_waiter.wait()
        if self._hello_error is not None:
            raise self._hello_error
        return self

    @property
    def closed(self) -> bool:
        """Whether the connection is closed."""
        return self._closed is not None

    async def call(
        self, op: str, args: Mapping[str, Any] | None = None, on_progress: Callable[[Progress], None] | None = None
    ) -> dict[str, Any]:
        """Ask the page for ``op`` and return its result."""
        self._check_open()
        pending = _Pending(op, on_progress)
        request_id = self._ask(op, args, pending)
        try:
            while not pending.ended:
                await pending.wait()
        finally:
            self._forget(request_id, cancel=not pending.ended)
        if pending.error is not None:
            raise pending.error
        return pending.result or {}

    def stream(
        self, op: str, args: Mapping[str, Any] | None = None, on_progress: Callable[[Progress], None] | None = None
    ) -> HostStream:
        """Ask the page for ``op`` and return its chunks as they arrive."""
        self._check_open()
        pending = _Pending(op, on_progress)
        return _ChannelStream(self, self._ask(op, args, pending), pending)

    async def close(self) -> None:
        """Close the connection. Downloads are cancelled first, and save what they have fetched."""
        for request_id in self._pending:
            self.cancel(request_id)  # a port outlives this host, and so would its requests
        saving = [pending.end() for pending in self._pending.values() if pending.op == SAVES_ON_CANCEL]
        if saving and self._closed is None:
            await asyncio.wait(saving, timeout=SAVE_WAIT_S)
        self._on_closed("it was closed by this program")
        await self._channel.close()

    def cancel(self, request_id: int) -> None:
        """Ask the page to stop a pending request; its result will still arrive."""
        if request_id in self._pending and self._closed is None:
            # A channel that accepts no more messages is closing, and then the page stops all its requests.
            with suppress(Unavailable):
                self._send(_Outgoing(PROTOCOL_VERSION, request_id, "cancel"))

    def _forget(self, request_id: int, *, cancel: bool) -> None:
        # Later messages for a forgotten id are ignored: that is how a cancelled request is drained.
        if cancel:
            self.cancel(request_id)
        self._pending.pop(request_id, None)

    def _ask(self, op: str, args: Mapping[str, Any] | None, pending: _Pending) -> int:
        self._check_loop()
        self._last_id = request_id = self._last_id + 1
        self._pending[request_id] = pending
        try:
            self._send(_Outgoing(PROTOCOL_VERSION, request_id, op, args or {}))
        except BaseException:
            del self._pending[request_id]
            raise
        return request_id

    def _check_open(self) -> None:
        if self._closed is not None:
            raise self._closed_error()

    def _check_loop(self) -> None:
        """Raise in another event loop than the one that opened the channel, because no answer would arrive there."""
        if self._loop is None:
            return
        if asyncio.get_running_loop() is not self._loop:
            raise InvalidRequest(
                "this connection to the page belongs to another event loop: use it in the loop that connected, or "
                "connect in this one (a browserllm.Client does so itself: Client(), or Client(open_backend))"
            )

    def _send(self, message: _Outgoing) -> None:
        self._channel.send(self._encode(message).decode())

    def _on_text(self, text: str | bytes) -> None:
        try:
            check_depth(text)
            message = self._decode(text)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            self._on_broken(text, error)
            return
        if isinstance(message, _ChunkMessage):
            # Handled first and inline, because there is one for every token.
            pending = self._pending.get(message.id)
            if pending is None:
                return
            buffer = pending.buffer
            if len(buffer) < BUFFERED_CHUNKS and not pending.late:
                buffer.append(message.data)
            else:
                self._on_slow_reader(message.id, pending, message.data)
            waiter = pending.waiter
            if waiter is not None and not waiter.done():
                waiter.set_result(None)
        else:
            self._on_other(message)

    def _on_other(self, message: _Other) -> None:
        if isinstance(message, _EventMessage):
            self._emit(Event(message.name, message.data))
        elif isinstance(message, _HelloMessage):
            self._on_hello(message)
        elif isinstance(message, _ErrorMessage):
            error = self._error_from_page(message.error)
            if message.id is None:
                # The page could not read one of our messages, and does not know which.
                self._fail_all(error, cancel=True)
            else:
                self._end(message.id, error=error)
        elif isinstance(message, _ResultMessage):
            self._end(message.id, result=message.data)
        else:
            pending = self._pending.get(message.id)
            if pending is not None and pending.on_progress is not None:
                try:
                    pending.on_progress(message.data)
                except Exception as error:  # the caller's bug must not end the connection
                    report(error, "an on_progress callback failed")

    def _error_from_page(self, body: Mapping[str, Any]) -> BrowserLLMError:
        """Return the exception for an error of the page; subclasses may add what they know."""
        return error_from_wire(body)

    def _end(
        self, request_id: int, *, result: dict[str, Any] | None = None, error: BrowserLLMError | None = None
    ) -> None:
        pending = self._pending.pop(request_id, None)
        if pending is not None:
            pending.result, pending.error = result, error
            pending.wake()

    def _on_hello(self, message: _HelloMessage) -> None:
        try:
            hello = msgspec.json.decode(message.data, type=Hello)
        except msgspec.ValidationError as error:
            self._greet(ProtocolError(f"the page's hello cannot be read: {error}"))
            return
        if hello.protocol != PROTOCOL_VERSION:
            error = ProtocolError(
                f"the page speaks protocol version {hello.protocol!r} (page {hello.page_version!r}), this program "
                f"version {PROTOCOL_VERSION!r}; use a page and a package of the same release",
                data={"page_protocol": hello.protocol, "protocol": PROTOCOL_VERSION},
            )
            self._greet(error)
            return
        self.hello = hello
        if hello.environment is not None:
            self._update_environment(hello.environment)
        self._greet(None)

    def _greet(self, error: BrowserLLMError | None) -> None:
        if self._greeted or self._hello_error is not None:
            return
        self._greeted = error is None
        self._hello_error = error
        if self._hello_waiter is not None:
            self._hello_waiter.wake()

    def _on_broken(self, text: str | bytes, error: Exception) -> None:
        start = text[:80] if isinstance(text, str) else text[:320].decode(errors="replace")[:80]
        broken = ProtocolError(f"the page sent an invalid message ({error}): {start!r}", data={"text": start})
        self._fail_all(broken, cancel=True)
        self._greet(broken)

    def _on_slow_reader(self, request_id: int, pending: _Pending, chunk: Chunk) -> None:
        for each in (chunk,) if pending.late else (pending.buffer.pop(), chunk):
            self._add_late(request_id, pending, each)

    def _add_late(self, request_id: int, pending: _Pending, chunk: Chunk) -> None:
        pending.late.append(chunk)
        # An empty chunk needs memory, too.
        pending.late_size += len(chunk.text) + _CHUNK_SIZE * (1 + len(chunk.logprobs or ()))
        if pending.late_size > BUFFERED_CHARACTERS:
            self._forget(request_id, cancel=True)
            pending.error = ProtocolError(
                f"the request was stopped because more than {BUFFERED_CHARACTERS} characters of its answer were not "
                "read; read the stream faster"
            )

    def _on_closed(self, why: str) -> None:
        if self._closed is not None:
            return
        self._closed = why
        self._fail_all(self._closed_error(), cancel=False)
        self._greet(self._closed_error())

    def _closed_error(self) -> Unavailable:
        return Unavailable(
            f"the connection to the page is closed: {self._closed}; connect again to continue", reason="closed"
        )

    def _fail_all(self, error: BrowserLLMError, *, cancel: bool) -> None:
        for request_id, pending in list(self._pending.items()):
            self._forget(request_id, cancel=cancel)
            # Each waiter gets its own exception, because raising one changes its traceback and cause.
            pending.error = error_from_wire({"code": error.code, "message": error.message, "data": error.data})
            pending.wake()


def _joined(chunks: list[Chunk]) -> Chunk:
    """Join several chunks into one."""
    logprobs = [entry for chunk in chunks for entry in chunk.logprobs or ()]
    return msgspec.structs.replace(
        chunks[-1],
        text="".join(chunk.text for chunk in chunks),
        tokens=sum(chunk.tokens for chunk in chunks),
        logprobs=logprobs or None,
    )


class _ChannelStream(HostStream):
    def __init__(self, host: ChannelHost, request_id: int, pending: _Pending) -> None:
        self._host = host
        self._request_id = request_id
        self._pending = pending

    async def __anext__(self) -> Chunk:
        pending = self._pending
        while not pending.buffer:
            if pending.late:
                late, pending.late, pending.late_size = pending.late, [], 0
                return _joined(late)
            if pending.error is not None:
                raise pending.error
            if pending.result is not None:
                self.result = pending.result
                raise StopAsyncIteration
            await pending.wait()
        return pending.buffer.popleft()

    def cancel(self) -> None:
        self._host.cancel(self._request_id)

    def drop(self) -> None:
        self._host._forget(self._request_id, cancel=not self._pending.ended)  # pyright: ignore[reportPrivateUsage]
