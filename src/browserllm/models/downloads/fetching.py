"""Fetcher: downloads a model's files if they are missing, after making room for them."""

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
from ..storage import Storage
from ..stored import Stored
from .download import Download, start_download


class Fetcher:
    """Starts the downloads of a host's models, makes room for them, and publishes their events."""

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

    async def storage(self) -> Storage:
        """Ask the page for its stored models, and publish an event for each one that the browser evicted."""
        storage = await self._space.storage()
        self._activity.note_stored(storage)
        return storage

    async def ensure(self, card: ModelCard, artifact: Artifact, may_download: bool, report: OnProgress) -> None:
        """Download an artifact's files unless they are on the device.

        Raises `ModelNotDownloaded` if they are missing and ``may_download`` is false or there is no network, and the
        errors of a download.
        """
        kept = (await self.storage()).find(card.id, artifact)
        if kept is None or not kept.complete:
            if not may_download:
                raise ModelNotDownloaded(
                    f"model {card.id!r} is not on this device ({_to_fetch(artifact)} to download); call "
                    f"ModelManager.download({card.id!r}), or load() with download=True",
                    data={"model": card.id, "download_bytes": artifact.download_bytes},
                )

            def report_download(progress: Progress) -> None:
                # The end of the download is not the end of the load.
                if progress.phase not in ("ready", "error"):
                    report(progress)

            try:
                await self.start(card, artifact, report_download)
            except DownloadInterrupted as error:
                if error.data.get("reason") != "offline" and (await self._host.probe(refresh=True)).online is not False:
                    raise
                raise ModelNotDownloaded(
                    f"model {card.id!r} is not on this device ({_to_fetch(artifact)} to download) and the browser is "
                    f"offline; connect to the network and load again, which resumes the download ({error})",
                    data={"model": card.id, "download_bytes": artifact.download_bytes, "reason": "offline"},
                ) from error
            kept = (await self.storage()).find(card.id, artifact)
        if kept is not None:
            self._activity.kept[card.id] = kept

    def start(self, card: ModelCard, artifact: Artifact, on_progress: OnProgress | None) -> Download:
        """Begin to download an artifact, or join the download that is in progress."""
        activity = self._activity

        def report_progress(progress: Progress) -> None:
            # All callers of a download get the same update, which is published once.
            if activity.last_progress.get(key) is not progress:
                activity.last_progress[key] = progress
                activity.publish("progress", card.id, progress=progress)
            if on_progress is not None:
                on_progress(progress)

        download = start_download(
            self._host,
            artifact,
            model=card.id,
            on_progress=report_progress,
            make_room=partial(self._make_room, card.id),
            epoch=self._clock,
        )
        # Not the build alone: a cancelled download of it may still be ending.
        key = download.identity
        if key not in activity.fetching:
            activity.fetching[key] = card.id
            activity.publish("downloading", card.id)
            activity.spawn(self._publish_end(key, card.id, download))
        return download

    async def _publish_end(self, key: tuple[str, int], model: str, download: Download) -> None:
        try:
            error = await download.outcome()
        finally:
            del self._activity.fetching[key]
            self._activity.last_progress.pop(key, None)
        if error is None:
            self._activity.publish("downloaded", model)
        else:
            self._activity.publish(
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
        return "an unknown size"
    return ("about " if artifact.download_estimated else "") + size_text(artifact.download_bytes)
