"""ChatWorker: the browser and the model of a terminal chat, in an event loop of their own.

The terminal's thread waits for keys and draws; the loop's thread talks to the browser. So a chat that waits for its
user still answers the browser. Ctrl-C never interrupts a drawing: while work is followed, it is one of the events.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine, Iterator, Mapping
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from .._internal.waiting import LoopThread
from ..backends.local import LocalBackend
from ..chat.session import Session
from ..chat.turn_stream import TurnStream
from ..errors import InternalError
from ..models.loading import LoadedModel
from ..models.manager import DEFAULT_MODEL
from ..page.connect import Connecting
from ..page.host import Host, Progress

T = TypeVar("T")

TICK_S = 0.1
"""How often followed work yields, also without an event."""

INTERRUPT = object()
"""The event of a Ctrl-C."""

TICK = object()
"""The event that nothing happened for a while."""

_END = object()


class Work(Generic[T]):
    """Work in the loop's thread, followed by the terminal's thread with `events`, inside ``with``."""

    def __init__(self, thread: LoopThread, events: SimpleQueue[Any], work: Coroutine[Any, Any, T]) -> None:
        """Do ``work``, whose events arrive in ``events``."""
        self._thread = thread
        self._events = events
        self._work = work
        self._task: asyncio.Task[T] | None = None
        self._before: Any = None

    def __enter__(self) -> Self:
        self._before = signal.signal(signal.SIGINT, self._on_interrupt)
        self._thread.run(self._begin())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if self._task is not None and not self._task.done():
                self.cancel()
                for _ in self.events():
                    pass
        finally:
            signal.signal(signal.SIGINT, self._before)

    def events(self) -> Iterator[Any]:
        """Yield what happens, until the work has ended; `TICK` when nothing happens for a while."""
        while True:
            try:
                event = self._events.get(timeout=TICK_S)
            except Empty:
                event = TICK
            if event is _END:
                return
            yield event

    def cancel(self) -> None:
        """Cancel the work; it still ends with an event."""
        self._thread.run(_call(self._cancel))

    def result(self) -> T:
        """Return the result, or raise the error that ended the work; `asyncio.CancelledError` if it was cancelled."""
        if self._task is None:
            raise InternalError("this work has not begun; please report this")
        return self._task.result()

    def _on_interrupt(self, number: int, frame: object) -> None:
        self._events.put(INTERRUPT)

    async def _begin(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._work)
        self._task.add_done_callback(lambda _: self._events.put(_END))

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()


class ChatWorker:
    """The host, the backend and the session of a chat. Sessions change only between two answers."""

    def __init__(
        self,
        open_host: Callable[[], Connecting],
        *,
        engine: str | None,
        device: str | None,
        options: Mapping[str, Any],
    ) -> None:
        """Connect with ``open_host``; ``engine`` and ``device`` are forced; ``options`` are those of the session."""
        self._open_host = open_host
        self._engine = engine
        self._device = device
        self._options = dict(options)
        self._thread = LoopThread(self._end)
        self._events: SimpleQueue[Any] = SimpleQueue()
        self._host: Host | None = None
        self._session: Session | None = None

    @property
    def host(self) -> Host:
        """The connection to the page."""
        assert self._host is not None  # noqa: S101 (`connect` comes first)
        return self._host

    @property
    def session(self) -> Session:
        """The conversation."""
        assert self._session is not None  # noqa: S101 (`connect` comes first)
        return self._session

    @session.setter
    def session(self, session: Session) -> None:
        self._session = session

    @property
    def model(self) -> str:
        """The model that answers."""
        return self.session.model or DEFAULT_MODEL

    @property
    def backend(self) -> LocalBackend:
        """What answers."""
        backend = self.session.backend
        assert isinstance(backend, LocalBackend)  # noqa: S101 (`use` sets no other)
        return backend

    @property
    def options(self) -> dict[str, Any]:
        """The options of a new session: the request fields from the command line."""
        return {name: value for name, value in self._options.items() if value is not None}

    def connect(self, model: str, system: str | None) -> Work[None]:
        """Start the browser, and begin a session with a model that is not loaded yet."""

        async def work() -> None:
            self._host = await self._open_host().__aenter__()
            self._session = Session(self._backend(model), model=model, system=system, **self.options)

        return self._follow(work())

    def reconnect(self) -> Work[None]:
        """Start the browser again, after it ended; the conversation goes on."""

        async def work() -> None:
            self._host = await self._open_host().__aenter__()
            self.use(self.model)

        return self._follow(work())

    def load(self, model: str) -> Work[LoadedModel]:
        """Download a model if necessary, and load it; its events are `Progress`."""
        manager = self.backend.models
        return self._follow(
            manager.load(model, engine=self._engine, device=self._device, on_progress=self._on_progress)
        )

    def use(self, model: str) -> None:
        """Let a model answer from the next message on."""
        self.session.backend = self._backend(model)
        self.session.model = model

    def begin_anew(self) -> None:
        """Begin another conversation with the same model, system message and options."""
        old = self.session
        self._session = Session(old.backend, model=old.model, system=old.system, **self.options)

    def answer(self, stream: TurnStream) -> Work[None]:
        """Stream a turn; its events are its chunks, and `Progress` if the model has to be loaded first."""

        async def work() -> None:
            async with stream:
                async for chunk in stream:
                    self._events.put(chunk)

        return self._follow(work())

    def stop(self, stream: TurnStream) -> None:
        """Stop a turn; what it has said so far is kept."""
        self._thread.run(_call(stream.stop))

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do work that is not followed, and return its result; Ctrl-C cancels it."""
        return self._thread.run(work)

    def close(self) -> None:
        """Close the browser, and end the loop."""
        self._thread.close()

    def _follow(self, work: Coroutine[Any, Any, T]) -> Work[T]:
        self._events = SimpleQueue()
        return Work(self._thread, self._events, work)

    def _backend(self, model: str) -> LocalBackend:
        return LocalBackend(self.host, model, engine=self._engine, device=self._device, on_progress=self._on_progress)

    def _on_progress(self, progress: Progress) -> None:
        self._events.put(progress)

    async def _end(self) -> None:
        if self._host is not None:
            await self._host.close()


async def _call(function: Callable[[], object]) -> None:
    function()
