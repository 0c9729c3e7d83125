"""A download that is ordered from the page, again after each pause."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..._internal import lazy_asyncio as asyncio
from ...errors import Cancelled
from ...page.host import Host, HostStream, Progress


class PausableOrder:
    """Orders files from the page; a pause ends the order, and the next one goes on from what the page kept."""

    def __init__(self, host: Host) -> None:
        """Order nothing yet; it runs until it is paused."""
        self._host = host
        self._stream: HostStream | None = None
        self._pausing = False
        self._running = asyncio.Event()
        self._running.set()

    @property
    def paused(self) -> bool:
        """Whether nothing may be ordered now."""
        return not self._running.is_set()

    @property
    def under_way(self) -> bool:
        """Whether the page works on an order."""
        return self._stream is not None

    async def resumed(self) -> None:
        """Wait until orders may be given."""
        await self._running.wait()

    def pause(self) -> None:
        """End the order that runs, and give no other one before `resume`."""
        self._running.clear()
        if self._stream is not None:
            self._pausing = True
            self._stream.cancel()

    def resume(self) -> None:
        """Let orders be given again."""
        self._running.set()

    def cancel(self) -> None:
        """Have the page stop; `fetch` ends when it has."""
        if self._stream is not None:
            self._stream.cancel()

    async def fetch(self, args: dict[str, Any], on_progress: Callable[[Progress], None]) -> dict[str, Any] | None:
        """Order files; return the page's result, or ``None`` when a pause ended the order."""
        # Streamed, not called: a pause, a resume and a deletion have to wait for what the page still writes.
        stream = self._stream = self._host.stream("download", args, on_progress)
        try:
            async for _ in stream:
                pass
        except Cancelled:
            if not self._pausing:
                raise
            return None
        finally:
            self._stream, self._pausing = None, False
            stream.drop()
        return stream.result or {}
