"""The clock that everything which waits or measures a time is given: the system's, or in tests `browserllm.testing.Clock`."""

from __future__ import annotations

import time
from typing import Protocol

from . import lazy_asyncio as asyncio


class AnyClock(Protocol):
    """Tells seconds from any start, never backwards, and sleeps."""

    @property
    def now_s(self) -> float:
        """Seconds from any start."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait so many seconds."""
        ...


class SystemClock:
    """The clock of the machine, which no change of the time of day moves."""

    @property
    def now_s(self) -> float:
        """Seconds since some start."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait so many seconds; 0 lets other tasks run once."""
        await asyncio.sleep(seconds)
