"""Download: a model's files on their way to the device, as a handle to await, watch, pause, resume and cancel.

All callers who want the same artifact from the same host share one `_Job`; each holds a `Download` of its own. A
caller leaves by `Download.cancel`, or when the task that waits for it is cancelled; the last one who leaves stops the
job. What has arrived stays, and the next download goes on from there.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Generator
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from ..errors import Cancelled, InvalidRequest
from ..host import FileProgress, Host, HostStream, Progress, read, report
from .card import Artifact
from .files import FileList, list_files
from .progress import Meter
from .storage import Record, Stored, StoredFile, ask_stored, delete_files, journal_key, put_record

if TYPE_CHECKING:
    import asyncio

OnProgress = Callable[[Progress], None]

MakeRoom = Callable[[FileList, Stored], Awaitable[None]]
"""Sees to it that a list of files can be stored, or raises `QuotaExceeded`; told what is stored now."""

State = Literal["waiting", "downloading", "paused", "done", "cancelled", "failed"]


class DownloadedFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file that is whole and in its cache.

    ``resumed_from`` counts the bytes that an earlier download had left. ``verified`` is ``hash`` or ``size`` (compared
    with what was promised), ``stored`` (it was there already) or ``none`` (nobody promised anything).
    """

    cache: str
    url: str
    size_bytes: int
    fetched_bytes: int = 0
    resumed_from: int = 0
    verified: Literal["hash", "size", "none", "stored"] = "none"


class DownloadResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a download brought: its files, and the bytes that were fetched for them by its last order to the page."""

    model: str
    files: list[DownloadedFile]
    fetched_bytes: int

    @property
    def size_bytes(self) -> int:
        """The size of all files."""
        return sum(file.size_bytes for file in self.files)


class _PageResult(msgspec.Struct):
    files: list[DownloadedFile]
    fetched_bytes: int


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
        job = jobs.running[key] = _Job(host, artifact, model, clock, epoch)
        job.start(parallel, refresh, make_room, at_end=lambda: jobs.end(key, job))
    return Download(job, on_progress)


class Download:
    """A download under way or over. Await it for its `DownloadResult`, as often as you like.

    Iterated with ``async for`` it gives its `Progress`, always the latest, and raises what it failed with. Whoever
    waits in one of these ways and is cancelled leaves the download; it stops when nobody is left.
    """

    def __init__(self, job: _Job, on_progress: OnProgress | None) -> None:
        """Made by `start_download`."""
        self._job = job
        self._waiting = 0
        self._left = False
        self._on_progress = on_progress
        job.join(self)

    @property
    def model(self) -> str:
        """The model whose files these are."""
        return self._job.model

    @property
    def progress(self) -> Progress:
        """How far it is."""
        return self._job.progress

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
        """Leave the download; it stops when nobody else wants it. Returns when it has stopped; later calls do nothing.

        What arrived stays for a later download, unless ``delete`` asks to remove what this download brought.
        """
        if self._left or self._job.ended:
            return
        self._leave()
        if not self._job.wanted:
            await self._job.stopped()
            if delete:
                await self._job.delete_what_came()

    async def outcome(self) -> BaseException | None:
        """Wait for the end without wanting it: who watches in this way does not keep the download going.

        Returns what it failed with, `Cancelled`, or ``None`` when all is there.
        """
        import asyncio

        await asyncio.shield(self._job.finished)
        return self._job.error

    async def wait_for_update(self, seen: Progress | None) -> Progress:
        """Return the progress once it is another than ``seen``; raises when the download ends badly meanwhile."""
        while not self._left and self._job.progress is seen and not self._job.ended:
            await self._wait(self._job.changed)
        if self._left or self._job.progress is seen:
            await self._result()
        return self._job.progress

    async def _result(self) -> DownloadResult:
        if not self._job.ended and not self._left:
            await self._wait(self._job.finished)
        if self._left:
            raise Cancelled(f"the download of {self.model!r} was cancelled")
        return self._job.result()

    async def _wait(self, future: asyncio.Future[None]) -> None:
        import asyncio

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
        self.running: dict[tuple[str, str, str | None], _Job] = {}

    def end(self, key: tuple[str, str, str | None], job: _Job) -> None:
        if self.running.get(key) is job:
            del self.running[key]


class _Job:
    """One download: reads the manifest, asks for room, orders the files from the page, writes the journal."""

    def __init__(
        self, host: Host, artifact: Artifact, model: str, clock: Callable[[], float], epoch: Callable[[], float]
    ) -> None:
        import asyncio

        self.model = model
        self.state: State = "waiting"
        self.progress = Progress("queued")
        self._host = host
        self._artifact = artifact
        self._clock = clock
        self._epoch = epoch
        self._meter = Meter(clock)
        self._callers: list[Download] = []
        self._before: Stored | None = None
        self._files = FileList([], "")
        self._stream: HostStream | None = None
        self._loop = asyncio.get_running_loop()
        self._running = asyncio.Event()
        self._running.set()
        self._pausing = False
        self.changed: asyncio.Future[None] = self._loop.create_future()
        self.finished: asyncio.Future[None] = self._loop.create_future()
        self._result: DownloadResult | None = None
        self._error: BaseException | None = None

    def start(self, parallel: int, refresh: bool, make_room: MakeRoom | None, at_end: Callable[[], None]) -> None:
        self._at_end = at_end
        self._task = self._loop.create_task(self._run(parallel, refresh, make_room))
        self._task.add_done_callback(self._on_end)

    @property
    def ended(self) -> bool:
        return self.finished.done()

    @property
    def wanted(self) -> bool:
        return bool(self._callers)

    @property
    def error(self) -> BaseException | None:
        if self._result is not None:
            return None
        return self._error or Cancelled(f"the download of {self.model!r} was cancelled")

    def result(self) -> DownloadResult:
        if self._result is None:
            raise self._error or Cancelled(f"the download of {self.model!r} was cancelled")
        return self._result

    def join(self, caller: Download) -> None:
        self._callers.append(caller)

    def leave(self, caller: Download) -> None:
        self._callers.remove(caller)
        if not self._callers:
            self._at_end()  # whoever comes now begins anew
            if self._stream is not None:
                self._stream.cancel()  # and the task ends when the page has stopped
            else:
                self._task.cancel()
        self._wake()

    async def stopped(self) -> None:
        import asyncio

        await asyncio.wait([self._task])

    def pause(self) -> None:
        if self.ended or not self._running.is_set():
            return
        self._running.clear()
        self.state = "paused"
        if self._stream is not None:
            self._pausing = True
            self._stream.cancel()
        self._tell(self._meter.pause())

    def resume(self) -> None:
        if self.ended or self._running.is_set():
            return
        self._running.set()
        self.state = "waiting" if self._stream is None else "downloading"
        self._meter.resume()

    async def delete_what_came(self) -> None:
        before = self._before or Stored()
        there = {entry.key for entry in before.entries}
        mine = {(file.cache, file.url) for file in self._files.files}
        now = await ask_stored(self._host)
        files = [entry for entry in now.entries if entry.key in mine - there]
        partials = [part for part in now.partials if (part.cache, part.url) in mine]
        await delete_files(self._host, files, partials, [])

    async def _run(self, parallel: int, refresh: bool, make_room: MakeRoom | None) -> DownloadResult:
        if self._artifact.bundled:
            return DownloadResult(model=self.model, files=[], fetched_bytes=0)
        # First what is stored: reading the manifest stores it.
        self._before = stored = await ask_stored(self._host)
        self._files = files = await list_files(self._host, self._artifact, refresh=refresh)
        if make_room is not None:
            await make_room(files, stored)
        self._meter = Meter(self._clock, _what_is_there(files, stored))
        args = {"files": msgspec.to_builtins(files.files), "parallel": parallel}
        while True:
            await self._running.wait()
            self.state = "downloading"
            result = await self._fetch(args)
            if result is not None:
                break
        await self._write_journal(result)
        return DownloadResult(model=self.model, files=result.files, fetched_bytes=result.fetched_bytes)

    async def _fetch(self, args: dict[str, Any]) -> _PageResult | None:
        """Order the files from the page; returns ``None`` when a pause ended it."""
        # Streamed, not called: a pause, a resume and a deletion have to wait for what the page still writes.
        stream = self._stream = self._host.stream("download", args, self._on_raw)
        try:
            async for _ in stream:
                pass
        except Cancelled:
            if not self.wanted or not self._pausing:
                raise
            return None
        finally:
            self._stream, self._pausing = None, False
            stream.drop()
        return read(stream.result or {}, _PageResult, "'download'")

    async def _write_journal(self, result: _PageResult) -> None:
        key = journal_key(self.model, self._artifact)
        files = [StoredFile(file.cache, file.url, file.size_bytes) for file in result.files]
        record = Record(
            model=self.model,
            engine=self._artifact.engine,
            device=self._artifact.device,
            artifact_id=self._artifact.id,
            files=files,
            size_bytes=sum(file.size_bytes for file in result.files),
            downloaded_ms=self._epoch() * 1000,
            last_used_ms=self._last_used_ms(key),
        )
        await put_record(self._host, key, record)

    def _last_used_ms(self, key: str) -> float | None:
        """Return what the record says that this one replaces: fetching again is no use."""
        before = self._before.journal.get(key) if self._before is not None else None
        try:
            return msgspec.convert(before, Record).last_used_ms
        except msgspec.ValidationError:
            return None

    def _on_raw(self, raw: Progress) -> None:
        update = self._meter.update(raw)
        if update is not None and self._running.is_set():
            self._tell(update)

    def _tell(self, progress: Progress) -> None:
        self.progress = progress
        for caller in list(self._callers):
            caller.tell(progress)
        self._wake()

    def _wake(self) -> None:
        changed, self.changed = self.changed, self._loop.create_future()
        if not changed.done():
            changed.set_result(None)

    def _on_end(self, task: asyncio.Task[DownloadResult]) -> None:
        self._at_end()
        if task.cancelled():
            self.state = "cancelled"
        else:
            error = task.exception()
            if error is None:
                self._result = task.result()
                self.state = "done"
            else:
                self._error = error
                self.state = "cancelled" if isinstance(error, Cancelled) else "failed"
        self.finished.set_result(None)
        text = str(self._error) if self._error is not None else ""
        self._tell(self._meter.finish("ready" if self.state == "done" else "error", text))


def _what_is_there(files: FileList, stored: Stored) -> list[FileProgress]:
    """Return how far each file is before the download begins."""
    whole = {entry.key: entry for entry in stored.entries}
    begun = {(part.cache, part.url): part for part in stored.partials}
    there: list[FileProgress] = []
    for file in files.files:
        entry, part = whole.get((file.cache, file.url)), begun.get((file.cache, file.url))
        size = file.size_bytes
        if entry is not None and (size is None or entry.size_bytes in (None, size)):
            size = size if size is not None else entry.size_bytes
            there.append(FileProgress(file.url, "done", size or 0, size))
        else:
            there.append(FileProgress(file.url, "waiting", part.loaded_bytes if part is not None else 0, size))
    return there
