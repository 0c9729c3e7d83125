"""Downloads: several at once, each with pause, resume and cancel; interrupted ones can go on at the next visit."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec.structs import replace

from .._internal import lazy_asyncio as asyncio
from .._internal.nesting import decode_json
from ..errors import Cancelled, InvalidRequest, Unsupported
from ..models import ModelEvent, ModelManager
from ..models.activity import Activity
from ..models.catalog.card import Artifact
from ..models.downloads.download import Download as Handle
from ..models.downloads.download import join_downloads
from ..models.engines import keeps_files, list_files
from ..models.storage import Storage, StoredModel, journal_key
from ..models.stored import ask_stored
from ..page.device import ConnectionFacts
from ..page.host import Progress
from ..stores.base import KeyValueStore
from .actions import (
    CancelDownload,
    DownloadModel,
    EstimateDownload,
    ListMissingFiles,
    PauseDownload,
    ResumeDownload,
)
from .app import App
from .error_info import error_info
from .notices import Notices
from .state import Download, MissingFile
from .versions import is_left_alone

PREFIX = "download/"

SPEEDS = {"slow-2g": 6_250.0, "2g": 8_750.0, "3g": 87_500.0}
"""Bytes per second, at most, of the connections that browsers call slow (the Network Information API's table: 50, 70
and 700 kilobits per second). ``4g`` only means faster than that."""
BYTES_PER_S = 125_000
"""Of one megabit per second."""


def _speed_of(connection: ConnectionFacts) -> float | None:
    """Bytes per second, before a download has measured them; of a fast connection this is the least, 10 Mbit/s."""
    measured = connection.downlink_mbps
    slow = SPEEDS.get(connection.effective_type or "")
    return measured * BYTES_PER_S if measured else slow


class _Record(msgspec.Struct, frozen=True, kw_only=True):
    """A download that has begun and not ended: its build, and whether the user cancelled it but kept the parts."""

    model: str
    build: str
    cancelled: bool = False


class Downloads:
    """The downloads of the app, in `AppState.downloads`. Each is recorded in ``store`` until it ends."""

    def __init__(self, app: App, manager: ModelManager, store: KeyValueStore, notices: Notices) -> None:
        """Download with ``manager``."""
        self._app = app
        self._notices = notices
        self._manager = manager
        self._store = store
        self._handles: dict[str, Handle] = {}
        self._builds: dict[str, str] = {}
        self._speed: float | None = None
        app.on(DownloadModel, lambda action: self.start(action.model))
        app.on(ResumeDownload, lambda action: self.start(action.model))
        app.on(PauseDownload, self._pause)
        app.on(CancelDownload, self._cancel)
        app.on(EstimateDownload, self._estimate)
        app.on(ListMissingFiles, self._list_missing)

    @property
    def running(self) -> set[str]:
        """The models whose files are arriving, or paused in this visit."""
        return set(self._handles)

    async def list_interrupted(self, storage: Storage) -> None:
        """Show the downloads that an earlier visit, or another program, has begun: they are paused."""
        records = await self._records()
        for stored in storage.models:
            record = records.get(stored.model)
            begun = bool(stored.partials) or (record is not None and record.build == stored.key and not stored.complete)
            hidden = record is not None and record.cancelled
            if begun and not hidden and stored.model not in self._app.state.value.downloads:
                self._builds[stored.model] = stored.key
                total = self._total_bytes(stored)
                received = float(stored.size_bytes)
                found = Download(model=stored.model, state="paused", received_bytes=received, total_bytes=total)
                self._app.state.put(found, "downloads", stored.model)

    async def start(self, name: str) -> None:
        """Start a download, or go on with one that is paused, has failed, or was interrupted."""
        card = self._manager.catalog.find(name).card
        handle = self._handles.get(card.id)
        if handle is not None:
            handle.resume()
            self._show(card.id, handle)
            return
        before = self._app.state.value.downloads.get(card.id)
        # The build that was begun, not one that seems better by now.
        build = None if before is None else self._build_named(card.id, self._builds.get(card.id))
        alike = [] if build is None else [each for each in card.artifacts if each.id == build.id]
        if build is None:
            handle = await self._manager.start_download(name)
        elif build.id is not None and len(alike) == 1:
            handle = await self._manager.start_download(build.id)
        else:  # the same files, for several devices
            handle = await self._manager.start_download(card.id, engine=build.engine)
        if card.id in self._handles:  # a second click, while the first one was being carried out
            await handle.cancel()
            return
        await self._take(card.id, handle)
        known = before or Download(model=card.id, state="waiting")
        self._app.state.put(replace(known, state="waiting", error=None), "downloads", card.id)

    def on_progress(self, model: str, progress: Progress) -> None:
        """Show the progress of a download, however it was begun: files arrive, or are verified."""
        handle = self._handles.get(model)
        paused = handle is not None and handle.state == "paused"
        if progress.bytes_per_s:
            self._speed = progress.bytes_per_s
        known = self._app.state.value.downloads.get(model)
        self._app.state.put(
            Download(
                model=model,
                state="paused" if paused else "verifying" if progress.phase == "verifying" else "running",
                received_bytes=float(progress.loaded_bytes or 0),
                total_bytes=progress.total_bytes or (known.total_bytes if known is not None else None),
                bytes_per_s=None if paused else progress.bytes_per_s,
                left_s=None if paused else progress.seconds_left,
            ),
            "downloads",
            model,
        )

    async def on_event(self, event: ModelEvent) -> None:
        """Show what happens to downloads that a load has begun; those of this app are followed anyway.

        An engine fetches files of the built-in model by itself: that has no end but the end of the load.
        """
        if event.model in self._handles or event.model not in self._app.state.value.downloads:
            return
        if event.kind in ("downloaded", "ready"):
            await self._end(event.model, None)
        elif event.kind == "error" and event.error is not None:
            await self._end(event.model, event.error)

    # Actions

    async def _pause(self, action: PauseDownload) -> None:
        model = self._manager.catalog.find(action.model).card.id
        handle = self._handles.get(model)
        shown = self._app.state.value.downloads.get(model)
        if handle is None and shown is not None and shown.state in ("running", "waiting", "verifying"):
            # A load has begun it: join it, since a pause is for all who wait for it.
            handle = next(iter(join_downloads(self._manager.host, model)), None)
            if handle is not None:
                await self._take(model, handle)
        if handle is None:
            self._refuse_of_engine(model, "paused")
            if shown is not None and shown.state == "paused":
                return
            raise InvalidRequest(f"model {action.model!r} is not being downloaded", parameter="model")
        handle.pause()
        self._show(model, handle)

    async def _cancel(self, action: CancelDownload) -> None:
        model = self._manager.catalog.find(action.model).card.id
        shown = self._app.state.value.downloads.get(model)
        if shown is None:
            raise InvalidRequest(f"model {action.model!r} is not being downloaded", parameter="model")
        # All of them, also those that loads have begun: their callers get `Cancelled`.
        handles = join_downloads(self._manager.host, model)
        if not handles and shown.state not in ("paused", "failed"):
            self._refuse_of_engine(model, "cancelled")
        self._handles.pop(model, None)
        if handles:
            self._builds[model] = handles[0].key
        self._app.state.remove("downloads", model)
        await asyncio.gather(*(handle.cancel(delete=action.delete, for_all=True) for handle in handles))
        if action.delete:
            await self._manager.host.shared(Activity).loads_ended(model)
            for stored in (await self._manager.storage()).models:
                if stored.model == model and not stored.complete:
                    await self._manager.delete(stored.key)
            await self._store.delete(PREFIX + model)
            self._builds.pop(model, None)
        elif model in self._builds:
            await self._record(model, self._builds[model], cancelled=True)

    def _refuse_of_engine(self, model: str, what: str) -> None:
        """Raise `Unsupported` for a download that an engine does by itself: no page can stop it."""
        card = self._manager.catalog.get(model)
        if not all(artifact.bundled or keeps_files(artifact) for artifact in card.artifacts):
            raise Unsupported(
                f"model {model!r} is the browser's own, and its download cannot be {what}: the browser fetches it for "
                "all sites, and goes on by itself",
                data={"model": model},
            )

    async def _estimate(self, action: EstimateDownload) -> float | None:
        card = self._manager.catalog.find(action.model).card
        shown = self._app.state.value.models.get(card.id)
        running = self._app.state.value.downloads.get(card.id)
        if shown is not None and shown.downloaded and running is None:
            return 0.0
        size = shown.download_bytes if shown is not None else card.artifacts[0].download_bytes
        if running is not None:
            size = running.total_bytes or size
        if size is None:
            return None
        left = max(0.0, size - (running.received_bytes if running is not None else 0.0))
        connection = (await self._manager.host.probe()).connection
        speed = self._speed or (_speed_of(connection) if connection is not None else None)
        return left / speed if speed else None

    async def _list_missing(self, action: ListMissingFiles) -> list[MissingFile]:
        card = self._manager.catalog.find(action.model).card
        build = self._build_named(card.id, self._builds.get(card.id))
        if build is None or build.bundled or card.id not in self._app.state.value.downloads:
            raise InvalidRequest(f"model {action.model!r} is not being downloaded", parameter="model")
        files = (await list_files(self._manager.host, build)).files
        stored = await ask_stored(self._manager.host)
        sizes = {entry.key: entry.size_bytes for entry in stored.entries}
        begun = {(part.cache, part.url): part.loaded_bytes for part in stored.partials}
        return [
            MissingFile(
                url=file.url,
                cache=file.cache,
                size_bytes=file.size_bytes,
                hash_algorithm=file.hash.algorithm if file.hash is not None else None,
                hash=file.hash.value if file.hash is not None else None,
                received_bytes=begun.get((file.cache, file.url), 0),
            )
            for file in files
            if (file.cache, file.url) not in sizes
            or (file.size_bytes is not None and sizes[file.cache, file.url] != file.size_bytes)
        ]

    # Inside

    async def _take(self, model: str, handle: Handle) -> None:
        """Follow a download, and record it, so that the next visit can go on with it."""
        self._handles[model] = handle
        self._builds[model] = handle.key
        self._app.spawn(
            self._notices.guard(
                f"download-{model}",
                "The end of a download could not be recorded.",
                lambda: self._follow(model, handle),
                code="download_not_recorded",
            )
        )
        try:
            await self._record(model, handle.key, cancelled=False)
        except BaseException:  # a full disk, for one; a download left running unseen would be joined by the next one
            if self._handles.get(model) is handle:
                del self._handles[model]
            await handle.cancel()
            raise

    async def _follow(self, model: str, handle: Handle) -> None:
        error = await handle.outcome()
        if self._handles.get(model) is handle:
            del self._handles[model]
            await self._end(model, error)

    async def _end(self, model: str, error: BaseException | None) -> None:
        """Show the end of a download: a failure stays until it is resumed or cancelled."""
        if error is None:
            self._app.state.remove("downloads", model)
            self._builds.pop(model, None)
            await self._store.delete(PREFIX + model)
            return
        ended: dict[str, Any] = {"state": "paused", "error": None}
        if not isinstance(error, Cancelled):
            ended = {"state": "failed", "error": error_info(error)}
        self._app.state.change("downloads", model, bytes_per_s=None, left_s=None, **ended)

    def _show(self, model: str, handle: Handle) -> None:
        states: dict[str, Any] = {"paused": "paused", "downloading": "running", "waiting": "waiting"}
        state = states.get(handle.state)
        if state is not None:
            self._app.state.change("downloads", model, state=state, bytes_per_s=None, left_s=None, error=None)

    async def _record(self, model: str, build: str, *, cancelled: bool) -> None:
        record = _Record(model=model, build=build, cancelled=cancelled)
        await self._store.put(PREFIX + model, msgspec.json.encode(record))

    async def _records(self) -> dict[str, _Record]:
        records: dict[str, _Record] = {}
        for key, raw in await self._store.items(PREFIX):
            if is_left_alone(key, raw, self._notices):
                continue
            try:
                record = decode_json(raw, _Record)
            except (msgspec.DecodeError, RecursionError):
                await self._store.delete(key)  # what is stored says enough
                continue
            records[record.model] = record
        return records

    def _build_named(self, model: str, key: str | None) -> Artifact | None:
        card = self._manager.catalog.get(model)
        return next((artifact for artifact in card.artifacts if journal_key(model, artifact) == key), None)

    def _total_bytes(self, stored: StoredModel) -> float | None:
        if stored.model not in self._manager.catalog:
            return None
        build = self._build_named(stored.model, stored.key)
        if build is None or build.download_bytes is None:
            return None
        return float(max(build.download_bytes, stored.size_bytes))
