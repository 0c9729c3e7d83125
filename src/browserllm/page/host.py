"""Host: a connection to a page's engine worker. The protocol behind it is described in docs/protocol.md."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

import msgspec

from .._internal import lazy_asyncio as asyncio
from .._internal.arguments import wrong
from ..errors import ProtocolError, Unsupported
from .device import DeviceFacts, EnvironmentFacts
from .environment import Environment

T = TypeVar("T")


class Chunk(msgspec.Struct, omit_defaults=True):
    """A piece of an answer: the text of ``tokens`` tokens.

    The first one has ``prompt_end``: the end of the prompt, with the opening tag of a thought if the template added it.
    """

    text: str
    tokens: int = 1
    logprobs: list[Any] | None = None
    prompt_end: str | None = None


class FileProgress(msgspec.Struct, frozen=True, omit_defaults=True):
    """The progress of one file of a download.

    ``state`` is ``waiting``, ``downloading``, ``verifying``, ``retrying`` (the next ``attempt`` starts in
    ``retry_in_ms``) or ``done``.
    """

    url: str
    state: str = "waiting"
    loaded_bytes: int = 0
    total_bytes: int | None = None
    attempt: int = 1
    retry_in_ms: float | None = None


class Progress(msgspec.Struct, frozen=True, omit_defaults=True):
    """The progress of a download or a load.

    ``fraction`` is 0..1, or ``None`` if unknown; ``position`` is the place in the queue. A download also has its
    smoothed speed, the time left in seconds (``None`` while unknown), and all its ``files``.
    """

    phase: str
    fraction: float | None = None
    text: str = ""
    loaded_bytes: int | None = None
    total_bytes: int | None = None
    position: int | None = None
    bytes_per_s: float | None = None
    seconds_left: float | None = None
    files: list[FileProgress] = []


HonouredOptions = Mapping[str, bool | float]
"""The options of a chat that an engine or a loaded model honours: ``True``, or the largest value that it honours."""


class EngineInfo(msgspec.Struct, frozen=True):
    """An engine in the page: its version, its devices, and its features given a suitable model.

    ``devices`` are among ``webgpu``, ``wasm``, ``browser`` (the browser's own choice); ``capabilities`` among ``chat``,
    ``embed``, ``images``, ``interleaved_images`` (between the texts of a message), ``logprobs``, ``structured_output``
    (grammars), ``json_schema`` (schemas, by the browser). ``options`` are those of a chat, ``None`` if the page does
    not report them.
    """

    name: str
    version: str = ""
    devices: list[str] = []
    capabilities: list[str] = []
    options: HonouredOptions | None = None


class Hello(msgspec.Struct, frozen=True):
    """The page's first message; ``environment`` is the state at that time."""

    protocol: int
    page_version: str = ""
    engines: list[EngineInfo] = []
    user_agent: str = ""
    environment: EnvironmentFacts | None = None


class Event(msgspec.Struct, frozen=True):
    """Something that happened in the page unasked: ``device_lost``, ``unloaded``, ``environment``."""

    name: str
    data: dict[str, Any] = {}


def read(data: Mapping[str, Any], kind: type[T], what: str) -> T:
    """Convert a result of the page to its Python type; raise `ProtocolError` naming the request ``what``."""
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        raise ProtocolError(
            f"the page's answer to {what} violates the protocol: {error}; use a page and a package of the same release"
        ) from error


def check_host(value: object) -> None:
    """Raise `InvalidRequest` for an argument that is not a host, with what to write instead."""
    if isinstance(value, Host):
        return
    write = "use the host of `async with browserllm.connect() as host:`"
    if hasattr(value, "__aenter__") or hasattr(value, "__await__"):
        write = "it is not open yet: write `async with browserllm.connect() as host:`, or `host = await connect()`"
    raise wrong("host", value, "a host", write)


class HostStream(ABC):
    """The chunks of one streamed request. Iterate over it, then read `result`."""

    result: dict[str, Any] | None = None
    """The final result, once the request has succeeded."""

    def __aiter__(self) -> Self:
        return self

    @abstractmethod
    async def __anext__(self) -> Chunk:
        """Return the next chunk; raises the error that the page reports."""

    @abstractmethod
    def cancel(self) -> None:
        """Ask the page to stop this request; its result still arrives. Does nothing once it has ended."""

    @abstractmethod
    def drop(self) -> None:
        """Ask the page to stop this request, and deliver nothing more of it."""


class Subscribers(Generic[T]):
    """Callbacks for events of one kind. If one fails, the event loop reports it and the others still run."""

    def __init__(self) -> None:
        """Start without callbacks."""
        self._callbacks: list[Callable[[T], None]] = []

    def add(self, callback: Callable[[T], None]) -> Callable[[], None]:
        """Call ``callback`` with every event from now on; returns a function that unsubscribes it."""
        self._callbacks.append(callback)

        def remove() -> None:
            if callback in self._callbacks:
                self._callbacks.remove(callback)

        return remove

    def notify(self, event: T, name: str) -> None:
        """Call all callbacks with ``event``; ``name`` is for the report if one fails."""
        for callback in list(self._callbacks):
            try:
                callback(event)
            except Exception as error:  # a subscriber's bug must not stop the sender
                report(error, f"a subscriber failed on {name}")


class Host(ABC):
    """A connection to a page's engine worker.

    ``hello`` is the page's first message, ``notices`` are messages for the user about the start.
    """

    hello: Hello

    def __init__(self) -> None:
        """Start with no notices and no subscribers."""
        self.notices: list[str] = []
        self._subscribers: Subscribers[Event] = Subscribers()
        self._shared: dict[type[Any], Any] = {}
        self._facts: DeviceFacts | None = None
        self._environment_facts: EnvironmentFacts | None = None
        self._environment = Environment()

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {'closed' if getattr(self, 'closed', True) else 'connected'}>"

    @abstractmethod
    async def call(
        self, op: str, args: Mapping[str, Any] | None = None, on_progress: Callable[[Progress], None] | None = None
    ) -> dict[str, Any]:
        """Ask the page for ``op`` and return its result; raises the error that the page reports.

        Cancelling the call also cancels it in the page.
        """

    @abstractmethod
    def stream(
        self, op: str, args: Mapping[str, Any] | None = None, on_progress: Callable[[Progress], None] | None = None
    ) -> HostStream:
        """Ask the page for ``op`` and return its chunks as they arrive.

        An op without chunks may be streamed, too: then its result arrives after a `HostStream.cancel`, while a
        cancelled `call` does not wait for it.
        """

    @abstractmethod
    async def close(self) -> None:
        """Close the connection: pending requests fail with `Unavailable`; safe to call more than once."""

    async def probe(self, *, refresh: bool = False) -> DeviceFacts:
        """Return the facts of the page's device, cached after the first call unless ``refresh``.

        The network and the battery are always current, because the page reports their changes.
        """
        if refresh or self._facts is None:
            facts = self._with_disk(read(await self.call("probe", {"refresh": refresh}), DeviceFacts, "'probe'"))
            # An event may have arrived meanwhile, and events are never older than the answer.
            self._facts = _with_environment(facts, self._environment_facts)
        return self._facts

    @property
    def closed(self) -> bool:
        """Whether the connection is closed."""
        return False

    @property
    def environment(self) -> Environment:
        """The network, the battery and whether the page is seen, as last reported; asks nothing of the page."""
        return self._environment

    def disk_free_bytes(self) -> int | None:
        """Return the free bytes on the disk with the page's files; ``None`` if unknown.

        Browsers report a site's quota, which may be more than the disk has.
        """
        return None

    def share_folder(self, path: str | os.PathLike[str]) -> str:
        """Let the page read a folder of this machine; returns its URL, the same in every run with this profile.

        Raises `Unsupported` if no local process serves the page, `InvalidRequest` if the folder does not exist.
        """
        raise Unsupported(
            f"cannot share the folder {str(path)!r}: no program on this machine serves this page; pass the URL of a "
            "server that has the folder, let the user pick it in the page, or use browserllm.connect() in a process"
        )

    def subscribe(self, callback: Callable[[Event], None]) -> Callable[[], None]:
        """Call ``callback`` with every `Event` of the page; returns a function that unsubscribes it."""
        return self._subscribers.add(callback)

    def shared(self, kind: type[T]) -> T:
        """Return this host's only object of ``kind``, created at the first call: state that belongs to the page."""
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
        elif event.name == "environment":
            try:
                self._update_environment(read(event.data, EnvironmentFacts, "'environment'"))
            except ProtocolError as error:
                report(error, "the page reported an environment that cannot be read")
        self._subscribers.notify(event, f"the event {event.name!r}")

    def _with_disk(self, facts: DeviceFacts) -> DeviceFacts:
        storage, free = facts.storage, self.disk_free_bytes()
        if free is None or storage.usage is None or storage.quota is None:
            return facts
        storage = msgspec.structs.replace(storage, quota=min(storage.quota, storage.usage + free))
        return msgspec.structs.replace(facts, storage=storage)

    def _update_environment(self, now: EnvironmentFacts) -> None:
        """Store the current environment."""
        self._environment_facts = now
        if self._facts is not None:
            self._facts = _with_environment(self._facts, now)
        connection, battery = now.connection, now.battery
        self._environment = Environment(
            online=now.online,
            metered=connection.metered if connection is not None else None,
            save_data=connection.save_data if connection is not None else None,
            battery_level=battery.level if battery is not None else None,
            charging=battery.charging if battery is not None else None,
            visibility=now.visibility,
        )


def _with_environment(facts: DeviceFacts, now: EnvironmentFacts | None) -> DeviceFacts:
    if now is None:
        return facts
    return msgspec.structs.replace(facts, online=now.online, connection=now.connection, battery=now.battery)


def report(error: Exception, message: str) -> None:
    """Report a callback's exception to the event loop, because no caller can catch it."""
    asyncio.get_running_loop().call_exception_handler({"message": message, "exception": error})
