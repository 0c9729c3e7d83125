"""Download: a model's files on their way to the device, as a handle to await, watch, pause, resume and cancel.

All callers who want the same artifact from the same host share one `DownloadJob`; each holds a `Download` of its own. A
caller leaves by `Download.cancel`, or when the task that waits for it is cancelled; the last one who leaves stops the
job. What has arrived stays, and the next download goes on from there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from typing import Any

from ..._internal import lazy_asyncio as asyncio
from ...errors import Cancelled, InvalidRequest
from ...page.host import Host, Progress, report
from ..catalog.card import Artifact
from ..storage import journal_key
from .job import DownloadJob, DownloadResult, MakeRoom, State

OnProgress = Callable[[Progress], None]


def start_download(
    host: Host,
    artifact: Artifact,
    *,
    model: str,
    on_progress: OnProgress | None = None,
    parallel: int = 4,
    refresh: bool = False,
    make_room: MakeRoom | None = None,
    clock: Callable[[], float] = time.monotonic,
    epoch: Callable[[], float] = time.time,
) -> Download:
    """Begin to download an artifact of ``model``, or join the download of it that is under way.

    ``parallel`` files (1..16) are fetched at a time; ``refresh`` reads the manifest anew. ``on_progress`` gets at most
    four updates a second. ``make_room`` is asked before the first byte. ``clock`` and ``epoch`` return seconds; speeds
    are measured with the one, the journal's dates are of the other.

    Raises `InvalidRequest` for a ``parallel`` out of range. Everything else is raised where the download is awaited:
    `LoadFailed` for a manifest that is none or lacks files, `QuotaExceeded`, `IntegrityError`, `DownloadInterrupted`,
    `Stalled`, `AuthenticationError`, `RateLimited`, `Unavailable` when the page goes away, `Cancelled`.
    """
    if not 1 <= parallel <= 16:
        raise InvalidRequest(f"parallel={parallel!r} is not valid; use 1 to 16 files at a time", parameter="parallel")
    jobs = host.shared(_Jobs)
    key = (journal_key(model, artifact), artifact.url, artifact.dtype)
    job = jobs.running.get(key)
    if job is None:
        job = jobs.running[key] = DownloadJob(host, artifact, model, clock, epoch)
        job.start(parallel, refresh, make_room, at_end=lambda: jobs.end(key, job))
    return Download(job, on_progress)


class Download:
    """A download under way or over. Await it for its `DownloadResult`, as often as you like.

    Iterated with ``async for`` it gives its `Progress`, always the latest, and raises what it failed with. Whoever
    waits in one of these ways and is cancelled leaves the download; it stops when nobody is left.
    """

    def __init__(self, job: DownloadJob, on_progress: OnProgress | None) -> None:
        """Made by `start_download`."""
        self._job = job
        self._waiting = 0
        self._left = False
        self._on_progress = on_progress
        job.subscribers.join(self)

    @property
    def model(self) -> str:
        """The model whose files these are."""
        return self._job.model

    @property
    def progress(self) -> Progress:
        """How far it is."""
        return self._job.subscribers.progress

    @property
    def state(self) -> State:
        """What it does: ``waiting`` is before the first byte, ``paused`` until `resume`, the last three are the end."""
        return "cancelled" if self._left else self._job.state

    def __await__(self) -> Generator[Any, None, DownloadResult]:
        return self._result().__await__()

    def __aiter__(self) -> DownloadUpdates:
        return DownloadUpdates(self)

    def pause(self) -> None:
        """Let nothing more be fetched until `resume`, for everybody who shares this download."""
        self._job.pause()

    def resume(self) -> None:
        """Go on after `pause`, from the byte that was the last; does nothing when it is not paused."""
        self._job.resume()

    async def cancel(self, *, delete: bool = False) -> None:
        """Leave the download; it stops when no other caller wants it. Returns once it has stopped, every time.

        What arrived stays for a later download, unless ``delete`` asks to remove what this download brought.
        """
        if not self._left and self._job.ended:
            return
        if not self._left:
            self._leave()
        if not self._job.wanted:
            await self._job.stopped()
            if delete:
                await self._job.delete_what_came()

    async def kept_bytes(self) -> int:
        """Ask the page how many bytes of these files it keeps: what a later download need not fetch."""
        return await self._job.kept_bytes()

    async def outcome(self) -> BaseException | None:
        """Wait for the end without wanting it: who watches in this way does not keep the download going.

        Returns what it failed with, `Cancelled`, or ``None`` when all is there.
        """
        await asyncio.shield(self._job.finished)
        return self._job.error

    async def wait_for_update(self, seen: Progress | None) -> Progress:
        """Return the progress once it is another than ``seen``; raises when the download ends badly meanwhile."""
        while not self._left and self._job.subscribers.progress is seen and not self._job.ended:
            await self._wait(self._job.subscribers.changed)
        if self._left or self._job.subscribers.progress is seen:
            await self._result()
        return self._job.subscribers.progress

    async def _result(self) -> DownloadResult:
        if not self._job.ended and not self._left:
            await self._wait(self._job.finished)
        if self._left:
            raise Cancelled(f"the download of {self.model!r} was cancelled")
        return self._job.result()

    async def _wait(self, future: asyncio.Future[None]) -> None:
        self._waiting += 1
        try:
            await asyncio.shield(future)
        except asyncio.CancelledError:
            if self._waiting == 1 and not self._job.ended:
                self._leave()
            raise
        finally:
            self._waiting -= 1

    def _leave(self) -> None:
        self._left = True
        self._job.leave(self)

    def tell(self, progress: Progress) -> None:
        """Hand an update to the caller's function; called by the job."""
        if self._on_progress is not None:
            try:
                self._on_progress(progress)
            except Exception as error:  # a caller's bug must not end the download of the others
                report(error, "an on_progress callback failed")


class DownloadUpdates:
    """The updates of one `Download`, as an async iterator; a slow reader misses some, never the last."""

    def __init__(self, download: Download) -> None:
        """Made by iterating a `Download`."""
        self._download = download
        self._seen: Progress | None = None

    def __aiter__(self) -> DownloadUpdates:
        return self

    async def __anext__(self) -> Progress:
        progress = await self._download.wait_for_update(self._seen)
        if progress is self._seen:
            raise StopAsyncIteration
        self._seen = progress
        return progress


class _Jobs:
    """The downloads of a host that are under way."""

    def __init__(self) -> None:
        self.running: dict[tuple[str, str, str | None], DownloadJob] = {}

    def end(self, key: tuple[str, str, str | None], job: DownloadJob) -> None:
        if self.running.get(key) is job:
            del self.running[key]
