"""Host: a connection to a page's engine worker, and the multiplexer that makes one of any pipe of texts.

The protocol is described in ARCHITECTURE.md. Here are its Python words (`Chunk`, `Progress`, `DeviceFacts`, `Event`), the
abstract `Host` that everything above stands on, the abstract `Channel` under it, and `ChannelHost` between the two.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar

import msgspec

from .errors import BrowserLLMError, ProtocolError, Unavailable, error_from_wire

if TYPE_CHECKING:
    import asyncio

PROTOCOL_VERSION = 1

BUFFERED_CHUNKS = 1024
"""Chunks kept apart for a reader that is slow; beyond that, text is joined to the last one."""

BUFFERED_CHARACTERS = 16 * 1024 * 1024
"""Text kept for a reader that does not read; beyond that, the request fails."""

T = TypeVar("T")
SharedT = TypeVar("SharedT")


# The words of the protocol


class Chunk(msgspec.Struct, omit_defaults=True):
    """A piece of an answer: the text of ``tokens`` tokens."""

    text: str
    tokens: int = 1
    logprobs: list[Any] | None = None


class Progress(msgspec.Struct, frozen=True, omit_defaults=True):
    """How far a load is: ``fraction`` is 0..1 or ``None`` where nobody knows; ``position`` is the place in the queue."""

    phase: str
    fraction: float | None = None
    text: str = ""
    loaded_bytes: int | None = None
    total_bytes: int | None = None
    position: int | None = None


class EngineInfo(msgspec.Struct, frozen=True):
    """An engine in the page, and its version."""

    name: str
    version: str = ""


class Hello(msgspec.Struct, frozen=True):
    """What the page says first."""

    protocol: int
    page_version: str = ""
    engines: list[EngineInfo] = []
    user_agent: str = ""


class Event(msgspec.Struct, frozen=True):
    """Something that happened in the page by itself: ``device_lost``, ``unloaded``."""

    name: str
    data: dict[str, Any] = {}


class AdapterInfo(msgspec.Struct, frozen=True):
    """What WebGPU tells of the adapter; ``fallback`` marks a software adapter."""

    vendor: str | None = None
    architecture: str | None = None
    device: str | None = None
    description: str | None = None
    fallback: bool | None = None


class WebGPUFacts(msgspec.Struct, frozen=True):
    """Whether WebGPU is there; ``reason`` says why not, in a word of `browserllm.errors.UnavailableReason`."""

    available: bool
    reason: str | None = None
    adapter: AdapterInfo | None = None
    features: list[str] = []
    limits: dict[str, float] = {}


class WasmFacts(msgspec.Struct, frozen=True):
    """What WebAssembly can do in the page."""

    simd: bool | None = None
    threads: bool | None = None


class StorageFacts(msgspec.Struct, frozen=True):
    """Storage of the page's origin, in bytes."""

    usage: float | None = None
    quota: float | None = None
    persisted: bool | None = None


class ConnectionFacts(msgspec.Struct, frozen=True):
    """The network, as far as the browser tells."""

    type: str | None = None
    save_data: bool | None = None


class BrowserFacts(msgspec.Struct, frozen=True):
    """The browser's name and version."""

    name: str | None = None
    version: str | None = None


class DeviceFacts(msgspec.Struct, frozen=True):
    """What a page tells of its device; ``None`` where the browser does not say."""

    webgpu: WebGPUFacts
    wasm: WasmFacts = WasmFacts()
    storage: StorageFacts = StorageFacts()
    memory_gb: float | None = None
    cores: int | None = None
    online: bool | None = None
    connection: ConnectionFacts | None = None
    browser: BrowserFacts = BrowserFacts()
    user_agent: str = ""
    cross_origin_isolated: bool | None = None
    secure_context: bool | None = None


class _HelloMessage(msgspec.Struct, tag_field="type", tag="hello"):
    # The data is read later: a page of another version may say something that `Hello` does not know.
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


_Incoming = _ChunkMessage | _ProgressMessage | _ResultMessage | _ErrorMessage | _EventMessage | _HelloMessage


class _Outgoing(msgspec.Struct, omit_defaults=False):
    v: int
    id: int
    op: str
    args: Mapping[str, Any] = {}


def read(data: Mapping[str, Any], kind: type[T], what: str) -> T:
    """Turn a result of the page into its Python type, or raise `ProtocolError` saying ``what`` was wrong."""
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        raise ProtocolError(
            f"the page answered {what} with something else than its protocol promises: {error}"
        ) from error


# The foundation


class HostStream(ABC):
    """The chunks of one streamed request. Iterate it, then read `result`."""

    result: dict[str, Any] | None = None
    """What ended the request, once it has ended well."""

    def __aiter__(self) -> Self:
        return self

    @abstractmethod
    async def __anext__(self) -> Chunk:
        """Return the next chunk; raises what the page reports."""

    @abstractmethod
    def cancel(self) -> None:
        """Ask the page to stop this request; its end still arrives. Does nothing once it has ended."""

    @abstractmethod
    def drop(self) -> None:
        """Ask the page to stop this request, and forget it: nothing of it is delivered any more."""


class Host(ABC):
    """A connection to a page's engine worker.

    ``hello`` is what the page said first, ``notices`` what its user should know about how it was started.
    """

    hello: Hello

    def __init__(self) -> None:
        """Start with no notices and no subscribers."""
        self.notices: list[str] = []
        self._subscribers: list[Callable[[Event], None]] = []
        self._shared: dict[type[Any], Any] = {}
        self._facts: DeviceFacts | None = None

    @abstractmethod
    async def call(
        self, op: str, args: Mapping[str, Any] | None = None, on_progress: Callable[[Progress], None] | None = None
    ) -> dict[str, Any]:
        """Ask the page for ``op`` and return its result; raises what the page reports.

        A cancelled call is cancelled in the page too.
        """

    @abstractmethod
    def stream(self, op: str, args: Mapping[str, Any] | None = None) -> HostStream:
        """Ask the page for ``op`` and return its chunks as they come."""

    @abstractmethod
    async def close(self) -> None:
        """End the connection: what is pending fails with `Unavailable`; safe to call more than once."""

    async def probe(self, *, refresh: bool = False) -> DeviceFacts:
        """Return the facts of the page's device; kept after the first time unless ``refresh``."""
        if refresh or self._facts is None:
            self._facts = read(await self.call("probe", {"refresh": refresh}), DeviceFacts, "'probe'")
        return self._facts

    def subscribe(self, callback: Callable[[Event], None]) -> Callable[[], None]:
        """Call ``callback`` with every `Event` of the page; returns what ends that."""
        self._subscribers.append(callback)

        def unsubscribe() -> None:
            if callback in self._subscribers:
                self._subscribers.remove(callback)

        return unsubscribe

    def shared(self, kind: type[SharedT]) -> SharedT:
        """Return this host's one object of ``kind``, made at the first call: state that belongs to the page."""
        if kind not in self._shared:
            self._shared[kind] = kind()
        return self._shared[kind]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    def _emit(self, event: Event) -> None:
        if event.name == "device_lost":
            self._facts = None
        for callback in list(self._subscribers):
            try:
                callback(event)
            except Exception as error:  # a subscriber's bug must not end the connection
                _report(error, f"a subscriber failed on the event {event.name!r}")


def _report(error: Exception, message: str) -> None:
    import asyncio

    asyncio.get_running_loop().call_exception_handler({"message": message, "exception": error})


# The multiplexer


class Channel(Protocol):
    """A pipe of texts to a page: a MessagePort, a WebSocket."""

    def open(self, on_text: Callable[[str | bytes], None], on_closed: Callable[[str], None]) -> None:
        """Start to deliver: every text in order, then once why the pipe closed."""
        ...

    def send(self, text: str) -> None:
        """Send a text without waiting; raises a `BrowserLLMError` when it cannot."""
        ...

    async def close(self) -> None:
        """Close the pipe; safe to call more than once."""
        ...


class _Pending:
    """A request under way: who waits for it, and what came that nobody has read yet."""

    __slots__ = ("_create_future", "buffer", "error", "on_progress", "result", "waiter")

    def __init__(self, on_progress: Callable[[Progress], None] | None = None) -> None:
        import asyncio

        self._create_future: Callable[[], asyncio.Future[None]] = asyncio.get_running_loop().create_future
        self.on_progress = on_progress
        self.buffer: deque[Chunk] = deque()
        self.waiter: asyncio.Future[None] | None = None
        self.result: dict[str, Any] | None = None
        self.error: BrowserLLMError | None = None

    def wake(self) -> None:
        waiter = self.waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

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
    """A `Host` over any `Channel`: numbers the requests and brings every message to the one who waits for it."""

    def __init__(self, channel: Channel) -> None:
        """Take over ``channel``; await `start` before the first call."""
        super().__init__()
        self._channel = channel
        self._pending: dict[int, _Pending] = {}
        self._last_id = 0
        self._hello_error: BrowserLLMError | None = None
        self._hello_waiter: _Pending | None = None
        self._greeted = False
        self._closed: str | None = None
        self._decode = msgspec.json.Decoder(_Incoming).decode
        self._encode = msgspec.json.Encoder().encode

    async def start(self) -> Self:
        """Open the channel and wait for the page's hello.

        Raises `ProtocolError` when the page speaks another version, `Unavailable` when the channel closes first.
        """
        self._hello_waiter = _Pending()
        self._channel.open(self._on_text, self._on_closed)
        while not self._greeted and self._hello_error is None:
            await self._hello_waiter.wait()
        if self._hello_error is not None:
            raise self._hello_error
        return self

    @property
    def closed(self) -> bool:
        """Whether the connection has ended."""
        return self._closed is not None

    async def call(
        self, op: str, args: Mapping[str, Any] | None = None, on_progress: Callable[[Progress], None] | None = None
    ) -> dict[str, Any]:
        """Ask the page for ``op`` and return its result."""
        pending = _Pending(on_progress)
        request_id = self._ask(op, args, pending)
        try:
            while not pending.ended:
                await pending.wait()
        finally:
            self._forget(request_id, tell=not pending.ended)
        if pending.error is not None:
            raise pending.error
        assert pending.result is not None
        return pending.result

    def stream(self, op: str, args: Mapping[str, Any] | None = None) -> HostStream:
        """Ask the page for ``op`` and return its chunks as they come."""
        pending = _Pending()
        return _ChannelStream(self, self._ask(op, args, pending), pending)

    async def close(self) -> None:
        """End the connection."""
        self._on_closed("it was closed by this program")
        await self._channel.close()

    def cancel(self, request_id: int) -> None:
        """Ask the page to stop a request that is still pending; its end will still arrive."""
        if request_id in self._pending and self._closed is None:
            # A pipe that takes no more texts is closing: the page stops everything that was asked through it.
            with suppress(Unavailable):
                self._send(_Outgoing(PROTOCOL_VERSION, request_id, "cancel"))

    def _forget(self, request_id: int, *, tell: bool) -> None:
        # What the page still sends for a forgotten id is ignored: that is how a cancelled request is drained.
        if tell:
            self.cancel(request_id)
        self._pending.pop(request_id, None)

    def _ask(self, op: str, args: Mapping[str, Any] | None, pending: _Pending) -> int:
        if self._closed is not None:
            raise self._closed_error()
        self._last_id = request_id = self._last_id + 1
        self._send(_Outgoing(PROTOCOL_VERSION, request_id, op, args or {}))
        self._pending[request_id] = pending
        return request_id

    def _send(self, message: _Outgoing) -> None:
        self._channel.send(self._encode(message).decode())

    def _on_text(self, text: str | bytes) -> None:
        try:
            message = self._decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            self._on_broken(text, error)
            return
        if message.__class__ is _ChunkMessage:
            # The one message whose handling counts: there is one for every token.
            pending = self._pending.get(message.id)
            if pending is None:
                return
            buffer = pending.buffer
            if len(buffer) < BUFFERED_CHUNKS:
                buffer.append(message.data)
            else:
                self._on_slow_reader(message.id, pending, message.data)
            waiter = pending.waiter
            if waiter is not None and not waiter.done():
                waiter.set_result(None)
            return
        self._on_other(message)

    def _on_other(self, message: _Incoming) -> None:
        if isinstance(message, _EventMessage):
            self._emit(Event(message.name, message.data))
        elif isinstance(message, _HelloMessage):
            self._on_hello(message)
        elif message.id is None:
            assert isinstance(message, _ErrorMessage)
            self._fail_all(error_from_wire(message.error), tell=True)
        elif (pending := self._pending.get(message.id)) is not None:
            if isinstance(message, _ProgressMessage):
                if pending.on_progress is not None:
                    try:
                        pending.on_progress(message.data)
                    except Exception as error:  # the caller's bug must not end the connection
                        _report(error, "an on_progress callback failed")
                return
            del self._pending[message.id]
            if isinstance(message, _ResultMessage):
                pending.result = message.data
            else:
                assert isinstance(message, _ErrorMessage)
                pending.error = error_from_wire(message.error)
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
        broken = ProtocolError(f"the page sent something that is no message ({error}): {start!r}", data={"text": start})
        self._fail_all(broken, tell=True)
        self._greet(broken)

    def _on_slow_reader(self, request_id: int, pending: _Pending, chunk: Chunk) -> None:
        last = pending.buffer[-1]
        last.text += chunk.text
        last.tokens += chunk.tokens
        if chunk.logprobs is not None:
            last.logprobs = [*(last.logprobs or []), *chunk.logprobs]
        if len(last.text) > BUFFERED_CHARACTERS:
            self._forget(request_id, tell=True)
            pending.error = ProtocolError(
                f"more than {BUFFERED_CHARACTERS} characters of the answer wait unread; the request was stopped"
            )

    def _on_closed(self, why: str) -> None:
        if self._closed is not None:
            return
        self._closed = why
        self._fail_all(self._closed_error(), tell=False)
        self._greet(self._closed_error())

    def _closed_error(self) -> Unavailable:
        return Unavailable(
            f"the connection to the page is closed: {self._closed}; connect again to go on", reason="closed"
        )

    def _fail_all(self, error: BrowserLLMError, *, tell: bool) -> None:
        for request_id, pending in list(self._pending.items()):
            self._forget(request_id, tell=tell)
            # Each waiter gets an exception of its own: tracebacks and causes are per raise.
            pending.error = error_from_wire({"code": error.code, "message": error.message, "data": error.data})
            pending.wake()


class _ChannelStream(HostStream):
    def __init__(self, host: ChannelHost, request_id: int, pending: _Pending) -> None:
        self._host = host
        self._request_id = request_id
        self._pending = pending

    async def __anext__(self) -> Chunk:
        pending = self._pending
        while not pending.buffer:
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
        self._host._forget(self._request_id, tell=not self._pending.ended)  # pyright: ignore[reportPrivateUsage]
