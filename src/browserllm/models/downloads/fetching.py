"""Fetcher: sees to it that a model's files are on the device, and that there is room for them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ..._internal.formatting import size_text
from ...errors import BrowserLLMError, DownloadInterrupted, ModelNotDownloaded
from ...page.host import Host, Progress
from ..activity import Activity
from ..catalog.card import Artifact, ModelCard
from ..engines import FileList
from ..loading import OnProgress
from ..space import OnFull, Space
from ..storage import Storage, journal_key
from ..stored import Stored
from .download import Download, start_download


class Fetcher:
    """Starts the downloads of a host's models, each with room made for it and everybody told."""

    def __init__(
        self,
        host: Host,
        activity: Activity,
        space: Space,
        *,
        budget_bytes: int | None,
        on_full: OnFull,
        clock: Callable[[], float],
    ) -> None:
        """``clock`` returns seconds since the epoch; see `ModelManager` for the rest."""
        self._host = host
        self._activity = activity
        self._space = space
        self._budget_bytes = budget_bytes
        self._on_full: OnFull = on_full
        self._clock = clock

    async def stock(self) -> Storage:
        """Ask the page what it keeps, and tell of what the browser has evicted."""
        stock = await self._space.stock()
        self._activity.note_stored(stock)
        return stock

    async def ensure(self, card: ModelCard, artifact: Artifact, may_download: bool, report: OnProgress) -> None:
        """Return once an artifact's files are on the device.

        Raises `ModelNotDownloaded` when they must not be fetched or there is no network, and what a download raises.
        """
        kept = (await self.stock()).find(card.id, artifact)
        if kept is None or not kept.complete:
            if not may_download:
                raise ModelNotDownloaded(
                    f"model {card.id!r} is not on this device: {_to_fetch(artifact)} to download; "
                    f"ModelManager.download({card.id!r}) does that, and so does load() with download=True",
                    data={"model": card.id, "download_bytes": artifact.download_bytes},
                )

            def report_download(progress: Progress) -> None:
                # The end of the download is not the end of the load that waits for it.
                if progress.phase not in ("ready", "error"):
                    report(progress)

            try:
                await self.start(card, artifact, report_download)
            except DownloadInterrupted as error:
                if error.data.get("reason") != "offline" and (await self._host.probe(refresh=True)).online is not False:
                    raise
                raise ModelNotDownloaded(
                    f"model {card.id!r} is not on this device ({_to_fetch(artifact)} to download) and the browser is "
                    f"offline: connect it and load again, which goes on with what has come already ({error})",
                    data={"model": card.id, "download_bytes": artifact.download_bytes, "reason": "offline"},
                ) from error
            kept = (await self.stock()).find(card.id, artifact)
        if kept is not None:
            self._activity.kept[card.id] = kept

    def start(self, card: ModelCard, artifact: Artifact, on_progress: OnProgress | None) -> Download:
        """Begin to fetch an artifact, or join who does."""
        key = journal_key(card.id, artifact)
        activity = self._activity

        def tell(progress: Progress) -> None:
            # Everybody who shares a download is told the same update: as an event it counts once.
            if activity.told.get(key) is not progress:
                activity.told[key] = progress
                activity.tell("progress", card.id, progress=progress)
            if on_progress is not None:
                on_progress(progress)

        download = start_download(
            self._host,
            artifact,
            model=card.id,
            on_progress=tell,
            make_room=partial(self._make_room, card.id),
            epoch=self._clock,
        )
        if key not in activity.fetching:
            activity.fetching[key] = card.id
            activity.tell("downloading", card.id)
            activity.spawn(self._tell_end(key, card.id, download))
        return download

    async def _tell_end(self, key: str, model: str, download: Download) -> None:
        try:
            error = await download.outcome()
        finally:
            del self._activity.fetching[key]
            self._activity.told.pop(key, None)
        if error is None:
            self._activity.tell("downloaded", model)
        else:
            self._activity.tell(
                "error", model, error=error if isinstance(error, BrowserLLMError) else None, message=str(error)
            )

    async def _make_room(self, model: str, files: FileList, stored: Stored) -> None:
        if not self._activity.persist_asked:
            self._activity.persist_asked = True
            await self._host.call("persist")
        deleted = await self._space.make_room(
            model,
            files.files,
            stored,
            budget_bytes=self._budget_bytes,
            keep={model, *self._activity.busy, *self._activity.loaded},
            on_full=self._on_full,
        )
        self._activity.note_deleted(deleted)


def _to_fetch(artifact: Artifact) -> str:
    if artifact.download_bytes is None:
        return "a size that is not known yet"
    return ("about " if artifact.download_estimated else "") + size_text(artifact.download_bytes)
