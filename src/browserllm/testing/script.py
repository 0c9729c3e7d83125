"""The words of a script that plays a backend or a page, and the clock that a test moves."""

from __future__ import annotations

from enum import Enum
from typing import Final, NamedTuple

from .._internal import lazy_asyncio as asyncio


class Wait(NamedTuple):
    """A pause of so many seconds on the script's clock."""

    seconds: float


class Cue(Enum):
    """A step that is no text."""

    HANG = "hang"
    DEAF = "deaf"
    CLOSE = "close"


HANG: Final = Cue.HANG
DEAF: Final = Cue.DEAF
CLOSE: Final = Cue.CLOSE


class Clock:
    """A clock that stands still until the test moves it."""

    def __init__(self) -> None:
        """Start at 0 seconds."""
        self.now_s = 0.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    async def sleep(self, seconds: float) -> None:
        """Wait until the clock has been moved by ``seconds``."""
        if seconds > 0:
            future = asyncio.get_running_loop().create_future()
            self._sleepers.append((self.now_s + seconds, future))
            await future

    def advance(self, seconds: float) -> None:
        """Move the clock, and wake whoever has slept long enough."""
        self.now_s += seconds
        for due, future in list(self._sleepers):
            if due <= self.now_s:
                self._sleepers.remove((due, future))
                if not future.done():
                    future.set_result(None)
