"""Watch: notices when the page stops answering while it downloads.

On a disk that was full from the start, Chromium sometimes never returns from a write of the engine's worker. Such a
worker hears nothing any more, not even a cancel, and only a reload of the page ends it.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

from ..._internal import lazy_asyncio as asyncio
from ..._internal.clock import AnyClock, SystemClock
from ...errors import Unavailable
from ...page.host import Host

SILENCE_S = 15.0
"""After so long without progress the page is asked for a sign of life."""
ANSWER_S = 45.0
"""How long that may take: a model that computes on the CPU keeps the worker busy for seconds."""

T = TypeVar("T")


class Watch:
    """Waits for work of the page, as long as the page answers."""

    def __init__(self, host: Host, clock: AnyClock | None = None) -> None:
        """Ask ``host`` for its status when it is silent."""
        self._host = host
        self._clock = clock or SystemClock()
        self._heard_s = self._clock.now_s

    def hear(self) -> None:
        """Note that the page has said something."""
        self._heard_s = self._clock.now_s

    async def over(self, work: Coroutine[Any, Any, T]) -> T:
        """Return what ``work`` returns; raises `Unavailable` if the page no longer answers."""
        self.hear()
        working = asyncio.create_task(work)
        silent = asyncio.create_task(self._wait_for_silence())
        try:
            await asyncio.wait([working, silent], return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                silent.result()
            return await working
        finally:
            for task in (working, silent):
                task.cancel()
            await asyncio.gather(working, silent, return_exceptions=True)

    async def _wait_for_silence(self) -> None:
        while True:
            left = self._heard_s + SILENCE_S - self._clock.now_s
            if left > 0:
                await self._clock.sleep(left)
            elif await self._answers():
                self.hear()
            else:
                raise Unavailable(
                    f"the page has not answered for {SILENCE_S + ANSWER_S:.0f} s: the browser waits for its disk, as "
                    "happens when that is full; free disk space, and reload the page: what has arrived is kept",
                    reason="blocked",
                )

    async def _answers(self) -> bool:
        asked = asyncio.create_task(self._host.call("status"))
        late = asyncio.create_task(self._clock.sleep(ANSWER_S))
        try:
            await asyncio.wait([asked, late], return_when=asyncio.FIRST_COMPLETED)
            return asked.done()  # an error is an answer, too: it ends the download by itself
        finally:
            for task in (asked, late):
                task.cancel()
            await asyncio.gather(asked, late, return_exceptions=True)
