"""LiveState: holds the state of the app, and calls those who watch a part of it when that part changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar, cast

from msgspec.structs import replace

from .._internal import lazy_asyncio as asyncio
from ..page.host import report
from .state import AppState

T = TypeVar("T")

FRAME_S = 1 / 60
"""Watchers are called at most this often, in seconds: a page draws no faster."""


class LiveState:
    """The current state. Changes make new objects along their path, so parts compare by identity.

    ::

        live.put(Download(model=name, state="running"), "downloads", name)
        live.change("threads", id, status="streaming")
        live.remove("downloads", name)
        unsubscribe = live.subscribe(lambda state: state.loaded, print)
    """

    def __init__(self, value: AppState | None = None, *, frame_s: float = FRAME_S) -> None:
        """Begin with ``value``, or with an empty state; a frame takes ``frame_s`` seconds."""
        self._frame_s = frame_s
        self.value = AppState() if value is None else value
        self._watchers: dict[int, _Watcher[Any]] = {}
        self._last_watcher = 0
        self._timer: asyncio.TimerHandle | None = None
        self._told_at = float("-inf")

    def get(self, *path: str) -> Any:
        """Return the part at ``path`` (names of fields, keys of dicts), or ``None`` if a key is not there."""
        value: Any = self.value
        for step in path:
            value = cast(Any, value).get(step) if isinstance(value, dict) else getattr(value, step)
            if value is None:
                return None
        return value

    def put(self, value: Any, *path: str) -> None:
        """Set the part at ``path``."""
        self.value = _with(self.value, path, value)
        self._schedule()

    def change(self, *path: str, **fields: Any) -> None:
        """Change fields of the struct at ``path``; does nothing if a key on the path is not there."""
        part = self.get(*path)
        if part is not None:
            self.put(replace(part, **fields), *path)

    def remove(self, *path: str) -> None:
        """Remove a key of a dict, if it is there."""
        *parents, key = path
        holder = self.get(*parents)
        if holder is not None and key in holder:
            self.put({name: part for name, part in holder.items() if name != key}, *parents)

    def subscribe(self, select: Callable[[AppState], T], on_change: Callable[[T], None]) -> Callable[[], None]:
        """Call ``on_change`` with the selected part whenever it changed, at most once a frame.

        ``select`` should return a part of the state, or a plain value. Returns a function that unsubscribes.
        """
        self._last_watcher += 1
        number = self._last_watcher
        self._watchers[number] = _Watcher(select, on_change, select(self.value))

        def unsubscribe() -> None:
            self._watchers.pop(number, None)

        return unsubscribe

    def flush(self) -> None:
        """Call the watchers now, without waiting for the frame."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for number in list(self._watchers):
            watcher = self._watchers.get(number)  # one before it may have unsubscribed it
            if watcher is None:
                continue
            try:
                watcher.look(self.value)
            except Exception as error:  # what one of them fails at must not keep the others from the news
                report(error, "a watcher of the app's state failed")

    def _schedule(self) -> None:
        if self._timer is not None or not self._watchers:
            return
        loop = asyncio.get_running_loop()
        wait = max(0.0, self._told_at + self._frame_s - loop.time())
        self._timer = loop.call_later(wait, self._tell)

    def _tell(self) -> None:
        self._timer = None
        self._told_at = asyncio.get_running_loop().time()
        self.flush()


class _Watcher(Generic[T]):
    def __init__(self, select: Callable[[AppState], T], on_change: Callable[[T], None], seen: T) -> None:
        self._select = select
        self._on_change = on_change
        self._seen = seen

    def look(self, state: AppState) -> None:
        now = self._select(state)
        if now is self._seen:
            return
        seen, self._seen = self._seen, now
        if now != seen:
            self._on_change(now)


def _with(part: Any, path: tuple[str, ...], value: Any) -> Any:
    if not path:
        return value
    step, *rest = path
    if isinstance(part, dict):
        held = cast(dict[str, Any], part)
        return {**held, step: _with(held.get(step), tuple(rest), value)}
    return replace(part, **{step: _with(getattr(part, step), tuple(rest), value)})
