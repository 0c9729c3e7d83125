"""App: the state, and the actions that change it. It knows no page: a `Pipe` connects it to one, or to several."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Literal, TypeVar

from .._internal import lazy_asyncio as asyncio
from .._internal.version import __version__
from ..errors import InvalidRequest, Unavailable
from ..page.host import report
from .actions import Action
from .live_state import LiveState
from .state import AppState

A = TypeVar("A", bound=Action)
Emit = Callable[[Any], None]
Handler = Callable[[Any, Emit], Awaitable[Any]]


class App:
    """The app's state and actions.

    Each room of the app (conversations, models, routing, ...) registers its actions with `on`. ``now``
    returns the time in seconds since the epoch.
    """

    def __init__(
        self, *, python: Literal["page", "process", "notebook"] = "page", now: Callable[[], float] = time.time
    ) -> None:
        """Begin with an empty state; ``python`` says where this Python runs."""
        self.state = LiveState(AppState(version=__version__, python=python))
        self._now = now
        self._handlers: dict[type[Action], Handler] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._opening: asyncio.Task[Any] | None = None
        self._closers: list[Callable[[], Awaitable[None]]] = []

    def on(self, action: type[A], handler: Callable[[A], Awaitable[Any]]) -> None:
        """Let ``handler`` carry out an action."""
        self.on_events(action, lambda given, emit: handler(given))

    def on_events(self, action: type[A], handler: Callable[[A, Emit], Awaitable[Any]]) -> None:
        """Let ``handler`` carry out an action that has events; it calls its second argument with each."""
        if action in self._handlers:
            raise ValueError(f"the action {action.name!r} has a handler already")
        self._handlers[action] = handler

    async def call(self, action: Action, emit: Emit | None = None) -> Any:
        """Carry out an action and return its result. Cancelling this cancels the action.

        While the app is opening, an action without a handler waits for that. Raises `InvalidRequest` for an action
        without a handler, and what the action raises.
        """
        if type(action) not in self._handlers and self._opening is not None:
            await asyncio.shield(self._opening)
        handler = self._handlers.get(type(action))
        if handler is None and self.state.value.error is not None:
            raise Unavailable(f"the app could not start: {self.state.value.error.message}")
        if handler is None:
            raise InvalidRequest(f"this app has no action {type(action).name!r}", parameter="action")
        return await handler(action, emit or _ignore)

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run ``work`` in a task that ends with the app."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def open_with(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Let ``work`` register the actions; those that are called earlier wait for its end."""
        self._opening = self.spawn(work)
        return self._opening

    def on_close(self, closer: Callable[[], Awaitable[None]]) -> None:
        """Call ``closer`` when the app closes; the last one first."""
        self._closers.append(closer)

    def now_ms(self) -> float:
        """Return the time in milliseconds since the epoch."""
        return self._now() * 1000

    async def clear(self) -> None:
        """Close the rooms and forget their actions, so that others can be put in their place."""
        await self._close_rooms()
        self._handlers = {}

    async def close(self) -> None:
        """Close the rooms, cancel what still runs, and wait for its end."""
        await self._close_rooms()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _close_rooms(self) -> None:
        while self._closers:
            try:
                await self._closers.pop()()
            except Exception as error:  # the others are still to be closed
                report(error, "a room of the app could not be closed")


def _ignore(event: Any) -> None:
    pass
