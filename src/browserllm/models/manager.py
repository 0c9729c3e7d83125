"""ModelManager: finds, downloads, loads and deletes models. The public interface of this package."""

from __future__ import annotations

import builtins
import os
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from .. import models
from .._internal import lazy_asyncio as asyncio
from .._internal.arguments import check_kind, check_model
from ..errors import BrowserLLMError, Cancelled, ModelNotDownloaded, Unsupported
from ..page.host import Host, Progress, check_host, read
from . import engines
from .activity import Activity
from .catalog.card import Artifact, ModelCard
from .catalog.catalog import Catalog, check_purpose
from .catalog.entry import ModelEntry, describe
from .choosing import choose_builds, fit_here, fit_options, only_pinned
from .events import ModelEvent
from .fit import Fit
from .keep_alive import KeepAlive
from .loading import LoadedModel, LoadRequest, OnProgress, SharedLoad, load_first, load_one, name_adapter
from .readiness import Readiness, judge_readiness
from .space import OnFull, Space
from .storage import Storage, StoredModel, plan_eviction

if TYPE_CHECKING:
    from ..types import Hop
    from .downloads.fetching import Fetcher

DEFAULT_MODEL = "pocket"


class _Status(msgspec.Struct):
    loaded: list[LoadedModel]


class ModelManager(KeepAlive):
    """Finds, downloads, loads, unloads and deletes models. All managers of a host share their state."""

    def __init__(
        self,
        host: Host,
        catalog: Catalog | None = None,
        *,
        storage_budget_bytes: int | None = None,
        on_full: OnFull = "fail",
        keep_alive_s: float | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Manage the models of ``host``; ``catalog`` defaults to the built-in models.

        ``storage_budget_bytes`` limits the size of all models together, beside the browser's own quota. If a download
        needs more space than is left, ``on_full`` decides: ``"fail"`` raises `QuotaExceeded`, whose ``data["plan"]``
        names what could be deleted; ``"evict"`` deletes the least recently used models, but none that is loaded or
        being downloaded; an async function gets the `EvictionPlan` and returns whether to follow it. ``keep_alive_s``
        frees models that are not used, as `keep_alive` does. ``clock`` returns seconds since the epoch.
        """
        check_host(host)
        check_kind("catalog", catalog, (Catalog, type(None)), "a catalog", write="use Catalog([card, ...])")
        self.host = host
        self.catalog = Catalog() if catalog is None else catalog
        self.storage_budget_bytes = storage_budget_bytes
        self._on_full: OnFull = on_full
        self._clock = clock
        self._space = Space(host, self.catalog, clock)
        if keep_alive_s is not None:
            self.keep_alive(keep_alive_s)

    # Finding models

    async def fit(self, name: str, *, engine: str | None = None, device: str | None = None) -> Fit:
        """Return whether this device can run a model, and if not why; raises `ModelNotFound`, `Unsupported`."""
        card, pinned = self._find(name)
        return await fit_here(self.host, only_pinned(card, pinned), await self.storage(), engine, device)

    async def recommend(self, purpose: str = "chat", count: int = 3) -> builtins.list[models.Recommendation]:
        """Return the best models for a purpose on this device: ``chat``, ``code``, ``math``, ``multilingual``, ..."""
        from .recommend import recommend

        options = fit_options(self.host, await self.storage())
        return recommend(self.catalog, await self.host.probe(), purpose, count, **options)

    async def tiers(self) -> models.Tiers:
        """Return the Quick, Smart and Genius models for this device."""
        from .recommend import tiers

        return tiers(self.catalog, await self.host.probe(), **fit_options(self.host, await self.storage()))

    async def list(
        self, *, fits: bool | None = None, purpose: str | None = None, downloaded: bool | None = None
    ) -> builtins.list[ModelEntry]:
        """Return the catalog's models with their state on this device, filtered by the arguments."""
        if purpose is not None:
            check_purpose(purpose, self.catalog)
        storage = await self.storage()
        loaded = {model.model: model for model in await self.status()}
        entries: builtins.list[ModelEntry] = []
        for card in self.catalog:
            if purpose is not None and purpose not in card.purposes:
                continue
            judged = await fit_here(self.host, card, storage)
            entry = describe(card, judged, storage, loaded.get(card.id), await self.host.probe())
            if fits in (None, entry.fit.fits) and downloaded in (None, entry.downloaded):
                entries.append(entry)
        return entries

    async def add(
        self,
        source: str | os.PathLike[str] | None = None,
        *,
        id: str | None = None,  # noqa: A002 (what it is everywhere)
        **options: Any,
    ) -> ModelCard:
        """Add a custom model to the catalog: from a folder of this machine, a URL, or a folder picked in the page.

        See `add_custom` for ``id``, ``options`` and errors. Raises `InvalidRequest` when the ``id`` is taken.
        """
        from .custom import add_custom

        card = await add_custom(self.host, source, id=id, **options)
        self.catalog.add(card)
        return card

    # Downloading and loading

    async def start_download(
        self,
        name: str,
        *,
        engine: str | None = None,
        device: str | None = None,
        on_progress: OnProgress | None = None,
    ) -> models.Download:
        """Begin to download a model's files, without using the GPU; the `Download` can be awaited, paused, cancelled.

        Chooses the best build that this device can run, the one for ``engine`` and ``device``, or the one whose id is
        ``name``. Callers who ask for a build that is being downloaded share that download.

        Raises `ModelNotFound`, `Unsupported`, and `Unavailable` when the device can run no build. Awaiting the download
        raises `QuotaExceeded` when there is too little space (see ``on_full``), and the errors of `start_download`.
        """
        card, pinned = self._find(name)
        choice = await choose_builds(self.host, card, pinned, engine, device, self.storage)
        for artifact, obstacle in choice:
            if obstacle is None:
                if not artifact.bundled and not engines.keeps_files(artifact):
                    raise Unsupported(
                        f"model {card.id!r} is the browser's own, and only the browser can download it: load it, and "
                        "the browser downloads it first",
                        data={"model": card.id},
                    )
                return self._fetcher.start(card, artifact, on_progress)
        raise next(obstacle for _, obstacle in choice if obstacle is not None)

    async def download(
        self,
        name: str,
        *,
        engine: str | None = None,
        device: str | None = None,
        on_progress: OnProgress | None = None,
    ) -> models.DownloadResult:
        """Download a model's files and wait for the end. Cancelling keeps the files and parts downloaded so far."""
        return await (await self.start_download(name, engine=engine, device=device, on_progress=on_progress))

    async def load(
        self,
        name: str = DEFAULT_MODEL,
        *,
        engine: str | None = None,
        device: str | None = None,
        keep_others: bool = False,
        download: bool = True,
        on_progress: OnProgress | None = None,
    ) -> LoadedModel:
        """Load a model into memory, check that it answers, and return where it runs.

        Tries its artifacts, the best first, or only those for ``engine`` and ``device``; the result's ``route`` lists
        those that failed. Missing files are downloaded first, unless ``download`` is false. Other models are unloaded
        before this one takes memory, unless ``keep_others``. Concurrent loads of the same model share one load; others
        wait their turn. A load is cancelled in the page when its last caller is; its downloaded files stay for the next
        load.

        Raises `ModelNotFound`; `Unsupported` when the model has no artifact for that engine and device; `Unavailable`
        when the device can run none; `ModelNotDownloaded` when its files are not on the device and cannot or must not
        be downloaded; the page's error after one attempt, or `LoadFailed` listing several attempts.
        """
        card, pinned = self._find(name)
        request = LoadRequest(engine, device, pinned.id if pinned is not None else None, keep_others, download)
        activity = self._activity
        known = activity.loaded.get(card.id)
        if known is not None and request.is_met_by(known):
            self._note_use(card.id)
            return known
        load = activity.loads.get((card.id, request))
        if load is None:
            load = activity.loads[card.id, request] = SharedLoad()
            at_end = partial(activity.end_load, (card.id, request), load)
            load.start(self._load(card, pinned, request, load.report), at_end)
        return await load.wait(on_progress)

    async def unload(self, name: str | None = None) -> builtins.list[str]:
        """Free the memory of a model, or of all models; returns the ids of those that were loaded."""
        check_model("name", name)
        return await self._unload(self._find(name)[0].id if name is not None and name in self.catalog else name)

    async def status(self) -> builtins.list[LoadedModel]:
        """Ask the page which models are in its memory."""
        status = read(await self.host.call("status"), _Status, "'status'")
        known = self._activity.loaded
        return [known.get(model.model) or await name_adapter(self.host, model) for model in status.loaded]

    async def current(self) -> str:
        """Return the model that was loaded last, or the built-in model if none is loaded."""
        known = self._activity.loaded
        if known:
            return list(known)[-1]
        loaded = [model.model for model in await self.status() if model.model in self.catalog]
        return loaded[-1] if loaded else DEFAULT_MODEL

    def forget(self, name: str) -> None:
        """Record that the page has lost a model, so that the next load asks the page."""
        self._activity.loaded.pop(name, None)
        self._activity.readiness_cache.forget()

    async def readiness(
        self, name: str | None = None, *, engine: str | None = None, device: str | None = None, download: bool = True
    ) -> Readiness:
        """Return what must happen before a model (by default the `current` one) can answer; loads nothing.

        Cheap enough to call before every chat: the answer is kept until a model or the network changes, or for some
        seconds. Raises `ModelNotFound` and `Unsupported` as `load` does.
        """
        cache = self._activity.readiness_cache
        key = (name, engine, device, download)
        kept = cache.get(key, self._clock())
        return kept or await cache.ask(key, self._clock, partial(self._judge_readiness, *key))

    def subscribe(self, callback: Callable[[ModelEvent], None]) -> Callable[[], None]:
        """Call ``callback`` with every `ModelEvent` of this host; returns a function that unsubscribes it."""
        return self._activity.subscribe(callback)

    # Storage

    async def storage(self) -> Storage:
        """Return the browser's storage: its space, each model's size and last use, and files that belong to none."""
        return await self._fetcher.storage()

    async def persist(self) -> bool:
        """Ask the browser to keep models even if the disk is full, as the first download does; returns its answer."""
        self._activity.persist_asked = True
        return bool((await self.host.call("persist")).get("persisted"))

    async def delete(self, name: str) -> int:
        """Delete a model's files from the device, and free its memory; returns the bytes freed.

        An engine's own id deletes only that build. Files that another model also needs stay.

        Raises `ModelNotFound`, and `InvalidRequest` while the model is being downloaded or loaded.
        """
        storage = await self.storage()
        return await self._delete(self.select(name, storage), storage)

    def select(self, name: str, storage: Storage) -> builtins.list[StoredModel]:
        """Return the stored builds with a name: all builds of a model, or the one with that id.

        Raises `ModelNotFound` when neither the storage nor the catalog knows the name.
        """
        # First the storage: it may have a custom model that this program has not added.
        found = [kept for kept in storage.models if name in (kept.model, kept.key)]
        if found:
            return found
        card, pinned = self._find(name)
        builds = [kept for kept in storage.models if kept.model == card.id]
        return builds if pinned is None else [kept for kept in builds if kept.artifact_id == pinned.id]

    async def clear(self) -> int:
        """Delete all models, partial files and orphans; returns the bytes freed.

        Raises `InvalidRequest` while a model is being downloaded or loaded.
        """
        models = (await self.storage()).models
        await self._release({kept.model for kept in models} | self._activity.busy)
        freed = await self._space.clear()
        self._activity.note_deleted(models)
        return freed

    async def evict(self, budget_bytes: int) -> builtins.list[StoredModel]:
        """Delete the least recently used models until all take at most ``budget_bytes``; returns the deleted ones.

        Models that are loaded or being downloaded stay.
        """
        storage = await self.storage()
        plan = plan_eviction(
            storage.models,
            storage.models_bytes - budget_bytes,
            keep={*self._activity.busy, *(loaded.model for loaded in await self.status())},
        )
        await self._delete(plan.models, storage)
        return plan.models

    async def remove_orphans(self) -> int:
        """Delete files that belong to no model, and partial files unchanged for a week; returns the bytes freed.

        Raises `InvalidRequest` while a model is being downloaded, since its files may not be recorded yet.
        """
        self._activity.refuse_busy(set(self._activity.fetching.values()))
        return await self._space.delete_orphans(await self.storage())

    # Private

    @property
    def _activity(self) -> Activity:
        activity = self.host.shared(Activity)
        activity.watch(self.host)
        return activity

    @property
    def _fetcher(self) -> Fetcher:
        # Imported on first use: most programs load a stored model, and start faster without it.
        from .downloads.fetching import Fetcher

        return Fetcher(
            self.host,
            self._activity,
            self._space,
            budget_bytes=self.storage_budget_bytes,
            on_full=self._on_full,
            clock=self._clock,
        )

    async def _unload(self, model: str | None) -> builtins.list[str]:
        activity = self._activity
        if model is not None:
            activity.loaded.pop(model, None)  # before the page has done it: from now on a request loads it again
        result = await self.host.call("unload", {} if model is None else {"model": model})
        for gone in list(activity.loaded) if model is None else [model]:
            activity.loaded.pop(gone, None)
        return list(result.get("unloaded", []))

    def _id_of(self, name: str) -> str:
        return self._find(name)[0].id

    def _find(self, name: str) -> tuple[ModelCard, Artifact | None]:
        match = self.catalog.find(name)
        return match.card, match.artifact

    async def _judge_readiness(
        self, name: str | None, engine: str | None, device: str | None, download: bool
    ) -> Readiness:
        card, pinned = self._find(name or await self.current())
        request = LoadRequest(engine, device, pinned.id if pinned is not None else None)
        for loaded in await self.status():
            if loaded.model == card.id and request.is_met_by(loaded):
                window = loaded.context_window or card.context_window
                return Readiness(
                    model=card.id,
                    loaded=True,
                    context_window=window,
                    engine=loaded.engine,
                    options=loaded.options,
                )
        storage = Storage() if all(artifact.bundled for artifact in card.artifacts) else await self.storage()
        choice = await choose_builds(self.host, card, pinned, engine, device, storage)
        return judge_readiness(card, choice, await self.host.probe(), storage, may_download=download)

    async def _load(
        self, card: ModelCard, pinned: Artifact | None, request: LoadRequest, report: OnProgress
    ) -> LoadedModel:
        activity = self._activity
        activity.publish("loading", card.id)
        try:
            loaded = await self._load_best(card, pinned, request, report)
        except asyncio.CancelledError:
            message = f"the load of model {card.id!r} was cancelled"
            activity.publish("error", card.id, error=Cancelled(message), message=message)
            raise
        except BrowserLLMError as error:
            activity.publish("error", card.id, error=error, message=str(error))
            raise
        activity.loaded[card.id] = loaded
        if loaded.engine in (await self.host.probe()).engines:
            await self.host.probe(refresh=True)  # the browser has its model now
        activity.publish("ready", card.id, loaded=loaded)
        self._note_use(card.id)
        return loaded

    async def _load_best(
        self, card: ModelCard, pinned: Artifact | None, request: LoadRequest, report: OnProgress
    ) -> LoadedModel:
        activity = self._activity
        for present in await self.status():
            if present.model in activity.idleness.freeing:
                continue  # it is on its way out: wait for that, and load it again
            if present.model == card.id and request.is_met_by(present):
                return present

        def report_load(progress: Progress) -> None:
            report(progress)
            activity.publish("progress", card.id, progress=progress)

        async def load(artifact: Artifact, route: builtins.list[Hop], may_download: bool) -> LoadedModel:
            if engines.keeps_files(artifact):
                await self._fetcher.ensure(card, artifact, request.download and may_download, report)
            elif not (request.download and may_download) and not engines.is_here(artifact, await self.host.probe()):
                raise ModelNotDownloaded(
                    f"model {card.id!r} is not on this device: load it with download=True, and the browser downloads "
                    "it first",
                    data={"model": card.id, "download_bytes": None},
                )
            async with activity.turn:
                # The load before this one may have loaded this very model, or another one.
                for other in await self.status():
                    if other.model == card.id and request.is_met_by(other):
                        return other
                    if other.model == card.id or not request.keep_others:
                        await self.unload(other.model)
                return await self._load_with_memory(
                    card.id, artifact, route, lambda hops: load_one(self.host, card, artifact, hops, report_load)
                )

        choice = await choose_builds(self.host, card, pinned, request.engine, request.device, self.storage)
        return await load_first(card, choice, load)

    async def _delete(self, chosen: builtins.list[StoredModel], storage: Storage) -> int:
        await self._release({kept.model for kept in chosen})
        freed = await self._space.delete(chosen, storage)
        self._activity.note_deleted(chosen)
        return freed

    async def _release(self, names: set[str]) -> None:
        """Unload models that are to be deleted; raises `InvalidRequest` for those being downloaded or loaded."""
        self._activity.refuse_busy(names)
        for loaded in await self.status():
            if loaded.model in names:
                await self.unload(loaded.model)
