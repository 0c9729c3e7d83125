"""DownloadJob: downloads one artifact for all its `Download` handles, from its manifest to its journal record."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Literal

import msgspec

from ..._internal import lazy_asyncio as asyncio
from ...errors import Cancelled
from ...page.host import FileProgress, Host, Progress, read
from ..catalog.card import Artifact
from ..engines import FileList, list_files
from ..storage import Record, delete_files, journal_key, put_record
from ..stored import Stored, StoredFile, ask_stored
from .progress import Meter
from .request import PausableRequest
from .subscribers import Caller, DownloadSubscribers

MakeRoom = Callable[[FileList, Stored], Awaitable[None]]
"""Makes room for a list of files, given what is stored now, or raises `QuotaExceeded`."""

State = Literal["waiting", "downloading", "paused", "done", "cancelled", "failed"]


class DownloadedFile(msgspec.Struct, frozen=True, kw_only=True):
    """A complete file in its cache.

    ``resumed_from`` counts the bytes left by an earlier download. ``verified`` is ``hash`` or ``size`` (compared with
    the manifest or the server), ``stored`` (it was stored already) or ``none`` (there was nothing to compare with).
    """

    cache: str
    url: str
    size_bytes: int
    fetched_bytes: int = 0
    resumed_from: int = 0
    verified: Literal["hash", "size", "none", "stored"] = "none"


class DownloadResult(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a download: its files, and the bytes received from the network.

    ``fetched_bytes`` counts the whole download, however often it was paused, but not what an earlier download left. If
    a pause interrupted a file, only the bytes that the page kept count.
    """

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


class DownloadJob:
    """One download: reads the manifest, makes room, requests the files from the page, writes the journal."""

    def __init__(
        self, host: Host, artifact: Artifact, model: str, clock: Callable[[], float], epoch: Callable[[], float]
    ) -> None:
        """Prepare the download; ``clock`` and ``epoch`` return seconds."""
        self.model = model
        self.state: State = "waiting"
        self.subscribers = DownloadSubscribers()
        self._host = host
        self._artifact = artifact
        self._epoch = epoch
        self._meter = Meter(clock)
        self._request = PausableRequest(host)
        self._before: Stored | None = None
        self._files = FileList([], "")
        self.finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._result: DownloadResult | None = None
        self._error: BaseException | None = None

    def start(self, parallel: int, refresh: bool, make_room: MakeRoom | None, at_end: Callable[[], None]) -> None:
        """Begin, and call ``at_end`` when the download has ended or has no caller left."""
        self._at_end = at_end
        self._task = asyncio.create_task(self._run(parallel, refresh, make_room))
        self._task.add_done_callback(self._on_end)

    @property
    def key(self) -> str:
        """The journal's key of the build."""
        return journal_key(self.model, self._artifact)

    @property
    def ended(self) -> bool:
        """Whether it has ended, successfully or not."""
        return self.finished.done()

    @property
    def wanted(self) -> bool:
        """Whether it has callers left."""
        return bool(self.subscribers)

    @property
    def error(self) -> BaseException | None:
        """The error it ended with; ``None`` if it succeeded."""
        if self._result is not None:
            return None
        return self._error or Cancelled(f"the download of {self.model!r} was cancelled")

    def result(self) -> DownloadResult:
        """Return the result of an ended download, or raise its error."""
        if self._result is None:
            raise self._error or Cancelled(f"the download of {self.model!r} was cancelled")
        return self._result

    def leave(self, caller: Caller) -> None:
        """Remove a caller; without callers the download stops."""
        self.subscribers.leave(caller)
        if not self.wanted:
            self.stop()
        self.subscribers.wake()

    def stop(self) -> None:
        """End it with `Cancelled` for all callers; does nothing if it has ended, or was stopped before."""
        if self._request.cancelled or self.ended:
            return
        self.subscribers.drop_late()
        self._at_end()  # a new caller starts a new download
        self._request.cancel()
        if not self._request.under_way:  # else the task ends when the page has stopped
            self._task.cancel()

    async def stopped(self) -> None:
        """Wait until the page has stopped writing."""
        await asyncio.wait([self._task])

    def pause(self) -> None:
        """Pause; does nothing if it is paused or ended."""
        if self.ended or self._request.paused:
            return
        self.state = "paused"
        self._request.pause()
        self.subscribers.notify(self._meter.pause())

    def resume(self) -> None:
        """Resume; does nothing if it is not paused."""
        if self.ended or not self._request.paused:
            return
        self._request.resume()
        self.state = "downloading" if self._request.under_way else "waiting"
        self._meter.resume()

    async def delete_what_came(self) -> None:
        """Delete the files and partial files that this download brought."""
        before = self._before or Stored()
        there = {entry.key for entry in before.entries}
        mine = {(file.cache, file.url) for file in self._files.files}
        now = await ask_stored(self._host)
        files = [entry for entry in now.entries if entry.key in mine - there]
        partials = [part for part in now.partials if (part.cache, part.url) in mine]
        await delete_files(self._host, files, partials, [])

    async def kept_bytes(self) -> int:
        """Ask the page how many bytes of the files are stored, partial files included."""
        return sum(file.loaded_bytes for file in _stored_progress(self._files, await ask_stored(self._host)))

    async def _run(self, parallel: int, refresh: bool, make_room: MakeRoom | None) -> DownloadResult:
        if self._artifact.bundled:
            return DownloadResult(model=self.model, files=[], fetched_bytes=0)
        # Ask this first, because reading the manifest stores it.
        self._before = stored = await ask_stored(self._host)
        self._files = files = await list_files(self._host, self._artifact, refresh=refresh)
        if make_room is not None:
            await make_room(files, stored)
        args = {"files": msgspec.to_builtins(files.files), "parallel": parallel}
        there = _stored_progress(files, await ask_stored(self._host))  # the manifest was stored, others may be deleted
        self._meter = self._meter.of(there)
        fetched = 0
        while True:
            await self._request.resumed()
            self.state = "downloading"
            raw = await self._request.fetch(args, self._on_raw)
            if raw is not None:
                break
            if self._request.cancelled:
                raise Cancelled("stopped while it was being paused")
            # A stopped request has no result: compare what is stored before and after.
            before, there = there, _stored_progress(files, await ask_stored(self._host))
            fetched += _growth(before, there)
        result = read(raw, _PageResult, "'download'")
        await self._write_journal(result)
        return DownloadResult(model=self.model, files=result.files, fetched_bytes=fetched + result.fetched_bytes)

    async def _write_journal(self, result: _PageResult) -> None:
        key = journal_key(self.model, self._artifact)
        journal = self._before.journal if self._before is not None else {}
        files = [StoredFile(file.cache, file.url, file.size_bytes) for file in result.files]
        record = Record(
            model=self.model,
            engine=self._artifact.engine,
            device=self._artifact.device,
            artifact_id=self._artifact.id,
            files=files,
            size_bytes=sum(file.size_bytes for file in result.files),
            downloaded_ms=self._epoch() * 1000,
            # From the record that this one replaces: downloading again is not a use.
            last_used_ms=_last_used_ms(journal.get(key)) or None,
        )
        await put_record(self._host, key, record)

    def _on_raw(self, raw: Progress) -> None:
        update = self._meter.update(raw)
        if self._request.paused or self._request.cancelled:
            return
        if update is not None:
            self.subscribers.notify(update)
        else:
            self.subscribers.notify_later(self._meter.emit)

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
                # The page says that a request was cancelled; a caller should read which download.
                self._error = None if isinstance(error, Cancelled) and self._request.cancelled else error
                self.state = "cancelled" if isinstance(error, Cancelled) else "failed"
        self.finished.set_result(None)
        text = str(self.error or "")
        self.subscribers.notify(self._meter.finish("ready" if self.state == "done" else "error", text))


def _last_used_ms(raw: Any) -> float:
    try:
        return msgspec.convert(raw, Record).last_used_ms or 0
    except msgspec.ValidationError:
        return 0


def _stored_progress(files: FileList, stored: Stored) -> list[FileProgress]:
    """Return how much of each file is stored."""
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


def _growth(before: list[FileProgress], after: list[FileProgress]) -> int:
    """Return the bytes added between two moments; a file that was started again counts as 0, not less."""
    return sum(max(0, now.loaded_bytes - then.loaded_bytes) for then, now in zip(before, after, strict=True))
