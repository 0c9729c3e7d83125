"""The callers of one download, who all get its progress."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ..._internal import lazy_asyncio as asyncio
from ...page.host import Progress
from .progress import UPDATE_EVERY_S


class Caller(Protocol):
    """A caller that waits for the files."""

    def notify(self, progress: Progress) -> None:
        """Receive an update."""
        ...


class DownloadSubscribers:
    """The callers of a download and their last update. ``changed`` is a future that resolves at the next change."""

    def __init__(self) -> None:
        """Start without callers."""
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

    def notify(self, progress: Progress) -> None:
        """Send an update to every caller; this cancels a delayed one."""
        self.drop_late()
        self.progress = progress
        for caller in list(self._callers):
            caller.notify(progress)
        self.wake()

    def notify_later(self, emit: Callable[[], Progress]) -> None:
        """Send what ``emit`` returns after a short delay, unless another update comes first."""
        if self._late is None:
            self._late = self._loop.call_later(UPDATE_EVERY_S, lambda: self.notify(emit()))

    def drop_late(self) -> None:
        """Do not send the delayed update, if there is one."""
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def wake(self) -> None:
        """Wake the tasks that wait for a change."""
        changed, self.changed = self.changed, self._loop.create_future()
        if not changed.done():
            changed.set_result(None)
