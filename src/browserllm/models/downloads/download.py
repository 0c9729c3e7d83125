"""Download: a handle to await, watch, pause, resume and cancel the download of a model's files.

All callers who download the same artifact from the same host share one `DownloadJob`; each has its own `Download`. A
caller leaves by `Download.cancel`, or when its waiting task is cancelled; the job stops when the last caller leaves.
The bytes received so far stay, and the next download resumes from there.
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
    """Begin to download an artifact of ``model``, or join its download that is in progress.

    ``parallel`` files (1..16) are downloaded at a time; ``refresh`` reads the manifest from its server again.
    ``on_progress`` gets at most four updates a second. ``make_room`` is called before the first byte. ``clock`` and
    ``epoch`` return seconds: the first measures speed, the second dates the journal's record.

    Raises `InvalidRequest` for a ``parallel`` out of range. All other errors are raised where the download is awaited:
    `LoadFailed` for an invalid manifest or missing files, `QuotaExceeded`, `IntegrityError`, `DownloadInterrupted`,
    `Stalled`, `AuthenticationError`, `RateLimited`, `Unavailable` when the page is closed, `Cancelled`.
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


def join_downloads(host: Host, model: str) -> list[Download]:
    """Join what is being downloaded of ``model``: a `Download` for each build, by whichever caller it was begun."""
    return [Download(job, None) for job in list(host.shared(_Jobs).running.values()) if job.model == model]


class Download:
    """A download, in progress or ended. Await it for its `DownloadResult`, as often as you like.

    ``async for`` yields its latest `Progress`, and raises the download's error. A task that is cancelled while it waits
    leaves the download, which stops when its last caller has left.
    """

    def __init__(self, job: DownloadJob, on_progress: OnProgress | None) -> None:
        """Join ``job``; call `start_download` to get a download."""
        self._job = job
        self._waiting = 0
        self._left = False
        self._on_progress = on_progress
        job.subscribers.join(self)

    @property
    def model(self) -> str:
        """The id of the model."""
        return self._job.model

    @property
    def key(self) -> str:
        """The journal's key of the build that is downloaded, as in `StoredModel.key`."""
        return self._job.key

    @property
    def identity(self) -> tuple[str, int]:
        """The same for all who share this download, and different for every other one that has not ended."""
        return self._job.key, id(self._job)

    @property
    def progress(self) -> Progress:
        """The latest progress."""
        return self._job.subscribers.progress

    @property
    def state(self) -> State:
        """``waiting`` (before the first byte), ``downloading``, ``paused``, ``done``, ``cancelled`` or ``failed``."""
        return "cancelled" if self._left else self._job.state

    def __await__(self) -> Generator[Any, None, DownloadResult]:
        return self._result().__await__()

    def __aiter__(self) -> DownloadUpdates:
        return DownloadUpdates(self)

    def pause(self) -> None:
        """Pause the download until `resume`, for all its callers."""
        self._job.pause()

    def resume(self) -> None:
        """Resume after `pause`, from the last byte; does nothing if the download is not paused."""
        self._job.resume()

    async def cancel(self, *, delete: bool = False, for_all: bool = False) -> None:
        """Leave the download; the last caller to leave stops it, and waits until it has stopped.

        ``for_all`` stops it for the other callers, too, who get `Cancelled`; a load that waits for these files ends so.
        The bytes received stay for a later download; ``delete`` deletes what this download has brought.
        """
        if not self._left and self._job.ended:
            return
        if not self._left:
            self._leave()
        if for_all:
            self._job.stop()
        if for_all or not self._job.wanted:
            await self._job.stopped()
            if delete:
                await self._job.delete_what_came()

    async def kept_bytes(self) -> int:
        """Ask the page how many bytes of these files are stored, which a later download can skip."""
        return await self._job.kept_bytes()

    async def outcome(self) -> BaseException | None:
        """Wait for the end without keeping the download going.

        Returns its error (`Cancelled` if it was cancelled), or ``None`` if it succeeded.
        """
        await asyncio.shield(self._job.finished)
        return self._job.error

    async def wait_for_update(self, seen: Progress | None) -> Progress:
        """Return the progress once it differs from ``seen``; raises the download's error."""
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

    def notify(self, progress: Progress) -> None:
        """Call the caller's ``on_progress`` with an update; called by the job."""
        if self._on_progress is not None:
            try:
                self._on_progress(progress)
            except Exception as error:  # one caller's bug must not end the download for the others
                report(error, "an on_progress callback failed")


class DownloadUpdates:
    """The updates of a `Download` as an async iterator; a slow reader skips some, but never the last."""

    def __init__(self, download: Download) -> None:
        """Start before the first update of ``download``."""
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
    """The downloads in progress on a host."""

    def __init__(self) -> None:
        self.running: dict[tuple[str, str, str | None], DownloadJob] = {}

    def end(self, key: tuple[str, str, str | None], job: DownloadJob) -> None:
        if self.running.get(key) is job:
            del self.running[key]
