"""PausableRequest: a download request to the page that can be paused and sent again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..._internal import lazy_asyncio as asyncio
from ..._internal.clock import AnyClock
from ...errors import Cancelled
from ...page.host import Host, HostStream, Progress
from .watch import Watch


class PausableRequest:
    """Requests files from the page; a pause ends the request, and the next one resumes from what the page kept."""

    def __init__(self, host: Host, clock: AnyClock | None = None) -> None:
        """Prepare requests to ``host``; `fetch` sends one. ``clock`` measures how long the page is silent."""
        self._host = host
        self._watch = Watch(host, clock)
        self._stream: HostStream | None = None
        self._pausing = False
        self.cancelled = False
        self._running = asyncio.Event()
        self._running.set()

    @property
    def paused(self) -> bool:
        """Whether the download is paused."""
        return not self._running.is_set()

    @property
    def under_way(self) -> bool:
        """Whether the page is working on a request."""
        return self._stream is not None

    async def resumed(self) -> None:
        """Wait while the download is paused."""
        await self._running.wait()

    def pause(self) -> None:
        """End the current request; `resume` allows the next one."""
        self._running.clear()
        if self._stream is not None:
            self._pausing = True
            self._stream.cancel()

    def resume(self) -> None:
        """Allow requests again."""
        self._running.set()

    def cancel(self) -> None:
        """Ask the page to stop for good; `fetch` ends when it has stopped."""
        self.cancelled = True
        if self._stream is not None:
            self._stream.cancel()

    async def fetch(self, args: dict[str, Any], on_progress: Callable[[Progress], None]) -> dict[str, Any] | None:
        """Request files; return the page's result, or ``None`` when a pause ended the request.

        Raises `Unavailable` when the page no longer answers.
        """

        def hear(progress: Progress) -> None:
            self._watch.hear()
            on_progress(progress)

        return await self._watch.over(self._fetch(args, hear))

    async def _fetch(self, args: dict[str, Any], on_progress: Callable[[Progress], None]) -> dict[str, Any] | None:
        # A stream, not a call: a pause, a resume and a deletion must wait until the page has stopped writing.
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
