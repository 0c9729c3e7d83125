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
from .device import DeviceFacts, Surroundings
from .environment import Environment

T = TypeVar("T")


class Chunk(msgspec.Struct, omit_defaults=True):
    """A piece of an answer: the text of ``tokens`` tokens.

    The first one says how the prompt ended: with the opening mark of a thought, if the template has begun one.
    """

    text: str
    tokens: int = 1
    logprobs: list[Any] | None = None
    prompt_end: str | None = None


class FileProgress(msgspec.Struct, frozen=True, omit_defaults=True):
    """How far one file of a download is.

    ``state`` is ``waiting``, ``downloading``, ``verifying``, ``retrying`` (the next ``attempt`` begins in
    ``retry_in_ms``) or ``done``.
    """

    url: str
    state: str = "waiting"
    loaded_bytes: int = 0
    total_bytes: int | None = None
    attempt: int = 1
    retry_in_ms: float | None = None


class Progress(msgspec.Struct, frozen=True, omit_defaults=True):
    """How far a download or a load is.

    ``fraction`` is 0..1, or ``None`` where nobody knows; ``position`` the place in the queue. A download also has its
    smoothed speed, the time left in seconds (``None`` while nobody can say), and all its ``files``.
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


class EngineInfo(msgspec.Struct, frozen=True):
    """An engine in the page: its version, its devices, and what it can do with a fitting model.

    ``devices`` are of ``webgpu``, ``wasm``, ``browser`` (the browser's own choice); ``capabilities`` of ``chat``,
    ``embed``, ``images``, ``logprobs``, ``structured_output`` (grammars), ``json_schema`` (schemas, by the browser).
    """

    name: str
    version: str = ""
    devices: list[str] = []
    capabilities: list[str] = []


class Hello(msgspec.Struct, frozen=True):
    """What the page says first; ``environment`` is how things are then."""

    protocol: int
    page_version: str = ""
    engines: list[EngineInfo] = []
    user_agent: str = ""
    environment: Surroundings | None = None


class Event(msgspec.Struct, frozen=True):
    """Something that happened in the page by itself: ``device_lost``, ``unloaded``, ``environment``."""

    name: str
    data: dict[str, Any] = {}


def read(data: Mapping[str, Any], kind: type[T], what: str) -> T:
    """Turn a result of the page into its Python type, or raise `ProtocolError` saying ``what`` was wrong."""
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        raise ProtocolError(
            f"the page answered {what} with something else than its protocol promises: {error}"
        ) from error


def check_host(value: object) -> None:
    """Raise `InvalidRequest` for an argument that is not a host, with what to write."""
    if isinstance(value, Host):
        return
    write = "use what `async with browserllm.connect() as host:` gives"
    if hasattr(value, "__aenter__") or hasattr(value, "__await__"):
        write = "it is not open yet: write `async with browserllm.connect() as host:`, or `host = await connect()`"
    raise wrong("host", value, "a host", write)


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


class Subscribers(Generic[T]):
    """Functions called with every event of a kind; one that fails is reported to the loop, and ends nothing."""

    def __init__(self) -> None:
        """Begin with none."""
        self._callbacks: list[Callable[[T], None]] = []

    def add(self, callback: Callable[[T], None]) -> Callable[[], None]:
        """Call ``callback`` with every event from now on; returns what ends that."""
        self._callbacks.append(callback)

        def remove() -> None:
            if callback in self._callbacks:
                self._callbacks.remove(callback)

        return remove

    def tell(self, event: T, name: str) -> None:
        """Call them all; ``name`` says which event it was, where one fails."""
        for callback in list(self._callbacks):
            try:
                callback(event)
            except Exception as error:  # a subscriber's bug must not end what it listens to
                report(error, f"a subscriber failed on {name}")


class Host(ABC):
    """A connection to a page's engine worker.

    ``hello`` is what the page said first, ``notices`` what its user should know about how it was started.
    """

    hello: Hello

    def __init__(self) -> None:
        """Start with no notices and no subscribers."""
        self.notices: list[str] = []
        self._subscribers: Subscribers[Event] = Subscribers()
        self._shared: dict[type[Any], Any] = {}
        self._facts: DeviceFacts | None = None
        self._surroundings: Surroundings | None = None
        self._environment = Environment()

    @abstractmethod
    async def call(
        self, op: str, args: Mapping[str, Any] | None = None, on_progress: Callable[[Progress], None] | None = None
    ) -> dict[str, Any]:
        """Ask the page for ``op`` and return its result; raises what the page reports.

        A cancelled call is cancelled in the page too.
        """

    @abstractmethod
    def stream(
        self, op: str, args: Mapping[str, Any] | None = None, on_progress: Callable[[Progress], None] | None = None
    ) -> HostStream:
        """Ask the page for ``op`` and return its chunks as they come.

        An op without chunks may be streamed too: then its end arrives after a `HostStream.cancel`, which a cancelled
        `call` does not wait for.
        """

    @abstractmethod
    async def close(self) -> None:
        """End the connection: what is pending fails with `Unavailable`; safe to call more than once."""

    async def probe(self, *, refresh: bool = False) -> DeviceFacts:
        """Return the facts of the page's device; kept after the first time unless ``refresh``.

        What the page tells by itself (network, battery) is always how it is now.
        """
        if refresh or self._facts is None:
            facts = self._with_disk(read(await self.call("probe", {"refresh": refresh}), DeviceFacts, "'probe'"))
            # An event may have come since: what the page tells by itself is never older.
            self._facts = _with_surroundings(facts, self._surroundings)
        return self._facts

    @property
    def closed(self) -> bool:
        """Whether the connection has ended."""
        return False

    @property
    def environment(self) -> Environment:
        """The network and the battery, as the page told them last: nobody is asked, for the page tells every change."""
        return self._environment

    def disk_free_bytes(self) -> int | None:
        """Return how many bytes are free on the disk that the page's files are on; ``None`` where that is not known.

        Browsers tell what they would let a site keep, which may be more than the disk has.
        """
        return None

    def share_folder(self, path: str | os.PathLike[str]) -> str:
        """Let the page read a folder of this machine; returns its address, the same in every run with this profile.

        Raises `Unsupported` where no process of ours serves the page, `InvalidRequest` when there is no such folder.
        """
        raise Unsupported(
            f"the folder {str(path)!r} cannot be shared with this page, which no program on this machine serves: give "
            "the URL of a server that has the folder, let the person pick it, or use a browser that "
            "browserllm.connect() launches"
        )

    def subscribe(self, callback: Callable[[Event], None]) -> Callable[[], None]:
        """Call ``callback`` with every `Event` of the page; returns what ends that."""
        return self._subscribers.add(callback)

    def shared(self, kind: type[T]) -> T:
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
        elif event.name == "environment":
            try:
                self._look_around(read(event.data, Surroundings, "'environment'"))
            except ProtocolError as error:
                report(error, "the page told of an environment that cannot be read")
        self._subscribers.tell(event, f"the event {event.name!r}")

    def _with_disk(self, facts: DeviceFacts) -> DeviceFacts:
        storage, free = facts.storage, self.disk_free_bytes()
        if free is None or storage.usage is None or storage.quota is None:
            return facts
        storage = msgspec.structs.replace(storage, quota=min(storage.quota, storage.usage + free))
        return msgspec.structs.replace(facts, storage=storage)

    def _look_around(self, now: Surroundings) -> None:
        """Take note of how things are around the device."""
        self._surroundings = now
        if self._facts is not None:
            self._facts = _with_surroundings(self._facts, now)
        connection, battery = now.connection, now.battery
        self._environment = Environment(
            online=now.online,
            metered=connection.metered if connection is not None else None,
            save_data=connection.save_data if connection is not None else None,
            battery_level=battery.level if battery is not None else None,
            charging=battery.charging if battery is not None else None,
        )


def _with_surroundings(facts: DeviceFacts, now: Surroundings | None) -> DeviceFacts:
    if now is None:
        return facts
    return msgspec.structs.replace(facts, online=now.online, connection=now.connection, battery=now.battery)


def report(error: Exception, message: str) -> None:
    """Tell the loop of a callback's exception, which nobody is there to catch."""
    asyncio.get_running_loop().call_exception_handler({"message": message, "exception": error})
