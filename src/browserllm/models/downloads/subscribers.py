"""The callers of one download: each is told of its progress, at once or a little later."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ..._internal import lazy_asyncio as asyncio
from ...page.host import Progress
from .progress import UPDATE_EVERY_S


class Caller(Protocol):
    """One that wants the files."""

    def tell(self, progress: Progress) -> None:
        """Take an update."""
        ...


class Subscribers:
    """The callers, and the last update that they were told. ``changed`` is a future of the next change."""

    def __init__(self) -> None:
        """Begin without callers."""
        self.progress = Progress("queued")
        self._callers: list[Caller] = []
        self._loop = asyncio.get_running_loop()
        self._late: asyncio.TimerHandle | None = None
        self.changed: asyncio.Future[None] = self._loop.create_future()

    def __bool__(self) -> bool:
        return bool(self._callers)

    def join(self, caller: Caller) -> None:
        """Add a caller."""
        self._callers.append(caller)

    def leave(self, caller: Caller) -> None:
        """Remove a caller."""
        self._callers.remove(caller)

    def tell(self, progress: Progress) -> None:
        """Tell every caller; a late update is then not needed any more."""
        if self._late is not None:
            self._late.cancel()
            self._late = None
        self.progress = progress
        for caller in list(self._callers):
            caller.tell(progress)
        self.wake()

    def tell_late(self, emit: Callable[[], Progress]) -> None:
        """Tell what ``emit`` returns a little later, unless another update comes before: it may be the last one."""
        if self._late is None:
            self._late = self._loop.call_later(UPDATE_EVERY_S, lambda: self.tell(emit()))

    def wake(self) -> None:
        """Let those that wait for a change look again."""
        changed, self.changed = self.changed, self._loop.create_future()
        if not changed.done():
            changed.set_result(None)
