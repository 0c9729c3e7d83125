"""The clock for everything that waits or measures time: the system's, or `browserllm.testing.Clock` in tests."""

from __future__ import annotations

import time
from typing import Protocol

from . import lazy_asyncio as asyncio


class AnyClock(Protocol):
    """A monotonic clock that can also sleep."""

    @property
    def now_s(self) -> float:
        """Seconds since an arbitrary start; never goes backwards."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait this many seconds."""
        ...


class SystemClock:
    """The machine's monotonic clock; changes of the time of day do not affect it."""

    @property
    def now_s(self) -> float:
        """Seconds since an arbitrary start."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait this many seconds; 0 lets other tasks run once."""
        await asyncio.sleep(seconds)
