"""ModelManager: the models of a device, from the catalog to the page's memory. The one face of this folder."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from .._internal import lazy_asyncio as asyncio
from .._internal.arguments import check_kind, check_model
from ..errors import BrowserLLMError, Cancelled, InvalidRequest, ModelNotDownloaded, Unsupported
from ..page.host import Host, Progress, check_host, read
from . import engines
from .activity import Activity
from .catalog.card import Artifact, ModelCard
from .catalog.catalog import Catalog, check_purpose
from .catalog.entry import ModelEntry, describe
from .events import ModelEvent
from .fit import Fit, JudgedBuild, candidates, fit
from .loading import LoadedModel, OnProgress, SharedLoad, Wish, load_first, load_one, name_adapter
from .readiness import Standing, judge_files
from .space import OnFull, Space
from .storage import Storage, StoredModel, plan_eviction

if TYPE_CHECKING:
    import builtins
    from pathlib import Path

    from ..types import Hop
    from .downloads.download import Download, DownloadResult
    from .downloads.fetching import Fetcher
    from .recommend import Recommendation, Tiers

DEFAULT_MODEL = "pocket"


class _Status(msgspec.Struct):
    loaded: list[LoadedModel]


class ModelManager:
    """Finds, downloads, loads, unloads and deletes models. All managers of a host know of each other."""

    def __init__(
        self,
        host: Host,
        catalog: Catalog | None = None,
        *,
        storage_budget_bytes: int | None = None,
        on_full: OnFull = "fail",
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Manage the models of ``host``; ``catalog`` knows them by name.

        ``storage_budget_bytes`` bounds what all models take, beside the browser's own quota. When a download needs more
        than is left, ``on_full`` decides: ``"fail"`` raises `QuotaExceeded`, whose ``data["plan"]`` names what could be
        deleted; ``"evict"`` deletes the models unused for longest, never one that is loaded or being fetched; an async
        function gets the `EvictionPlan` and answers whether to follow it. ``clock`` returns seconds since the epoch.
        """
        check_host(host)
        check_kind("catalog", catalog, (Catalog, type(None)), "a catalog", write="use Catalog([card, ...])")
        self.host = host
        self.catalog = Catalog() if catalog is None else catalog
        self._budget_bytes = storage_budget_bytes
        self._on_full: OnFull = on_full
        self._clock = clock
        self._space = Space(host, self.catalog, clock)

    # What there is

    async def fit(self, name: str, *, engine: str | None = None, device: str | None = None) -> Fit:
        """Say whether this device can run a model, and why not; raises `ModelNotFound`, `Unsupported`."""
        card, pinned = self._find(name)
        return await self._fit(_only(card, pinned), await self.storage(), engine, device)

    async def recommend(self, purpose: str = "chat", count: int = 3) -> builtins.list[Recommendation]:
        """Return the best models of this device for a purpose: ``chat``, ``code``, ``math``, ``multilingual``, ..."""
        from .recommend import recommend

        return recommend(self.catalog, await self.host.probe(), purpose, count, **self._means(await self.storage()))

    async def tiers(self) -> Tiers:
        """Return the models that are Quick, Smart and Genius on this device."""
        from .recommend import tiers

        return tiers(self.catalog, await self.host.probe(), **self._means(await self.storage()))

    async def list(
        self, *, fits: bool | None = None, purpose: str | None = None, downloaded: bool | None = None
    ) -> builtins.list[ModelEntry]:
        """Return the catalog's models as they stand with this device; each argument leaves only those that agree."""
        if purpose is not None:
            check_purpose(purpose, self.catalog)
        stock = await self.storage()
        loaded = {model.model: model for model in await self.status()}
        entries: builtins.list[ModelEntry] = []
        for card in self.catalog:
            if purpose is not None and purpose not in card.purposes:
                continue
            entry = describe(card, await self._fit(card, stock), stock, loaded.get(card.id), await self.host.probe())
            if fits in (None, entry.fit.fits) and downloaded in (None, entry.downloaded):
                entries.append(entry)
        return entries

    async def add(self, source: str | Path | None = None, *, id: str | None = None, **options: Any) -> ModelCard:  # noqa: A002
        """Add a custom model to the catalog: a folder of this machine, an address, or one picked in the page.

        See `add_custom` for ``id``, ``options`` and what is raised; an ``id`` that is taken raises `InvalidRequest`.
        """
        from .custom import add_custom

        card = await add_custom(self.host, source, id=id, **options)
        self.catalog.add(card)
        return card

    # Onto the device

    async def start_download(
        self,
        name: str,
        *,
        engine: str | None = None,
        device: str | None = None,
        on_progress: OnProgress | None = None,
    ) -> Download:
        """Begin to fetch a model's files, without touching the GPU; await the `Download`, pause it, cancel it.

        Of its builds the best that this device can run is taken, or that of ``engine`` and ``device``, or the one that
        ``name`` is the engine's own id of. Who asks for a build that is being fetched shares that download.

        Raises `ModelNotFound`, `Unsupported`, and `Unavailable` when the device can run none. Awaiting the download
        raises `QuotaExceeded` when there is too little space (see ``on_full``), and what else `Download` says.
        """
        card, pinned = self._find(name)
        choice = await self._candidates(card, pinned, engine, device)
        for artifact, obstacle in choice:
            if obstacle is None:
                if not artifact.bundled and not engines.keeps_files(artifact):
                    raise Unsupported(
                        f"model {card.id!r} is the browser's own, which only the browser can download: load it, and "
                        "the browser does that first",
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
    ) -> DownloadResult:
        """Fetch a model's files to the end: `start_download`, awaited. Cancelling it keeps what has come."""
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
        """Bring a model into memory, prove that it answers, and return how it runs.

        Tries its artifacts, the best first, or only those of ``engine`` and ``device``; the steps passed over are on
        the result's ``route``. What is not on the device is downloaded first, unless ``download`` is false. Other
        models are freed before this one takes memory, unless ``keep_others``. Loads of the same model share one load,
        others wait their turn. A cancelled load stops in the page once nobody waits for it any more; what it has
        fetched stays, for the next one to go on with.

        Raises `ModelNotFound`; `Unsupported` when the model has no artifact for that engine and device; `Unavailable`
        when the device can run none; `ModelNotDownloaded` when its files are not here and cannot or must not be
        fetched; what the page reported when one was tried, `LoadFailed` with every try when more were.
        """
        card, pinned = self._find(name)
        wish = Wish(engine, device, pinned.id if pinned is not None else None, keep_others, download)
        activity = self._activity
        known = activity.loaded.get(card.id)
        if known is not None and wish.is_met(known):
            activity.note_use(self.host, card.id, self._clock() * 1000)
            return known
        load = activity.loads.get((card.id, wish))
        if load is None:
            load = activity.loads[card.id, wish] = SharedLoad()
            load.start(self._load(card, pinned, wish, load.report), partial(activity.end_load, (card.id, wish), load))
        return await load.wait(on_progress)

    async def unload(self, name: str | None = None) -> builtins.list[str]:
        """Free a model's memory, or that of all models; returns the ids that were loaded."""
        check_model("name", name)
        model = self._find(name)[0].id if name is not None and name in self.catalog else name
        result = await self.host.call("unload", {} if model is None else {"model": model})
        activity = self._activity
        for gone in list(activity.loaded) if model is None else [model]:
            activity.loaded.pop(gone, None)
        return list(result.get("unloaded", []))

    async def status(self) -> builtins.list[LoadedModel]:
        """Ask the page which models are in its memory."""
        status = read(await self.host.call("status"), _Status, "'status'")
        known = self._activity.loaded
        return [known.get(model.model) or await name_adapter(self.host, model) for model in status.loaded]

    async def current(self) -> str:
        """Return the model that was loaded last, or the built-in one when there is none."""
        known = self._activity.loaded
        if known:
            return list(known)[-1]
        loaded = [model.model for model in await self.status() if model.model in self.catalog]
        return loaded[-1] if loaded else DEFAULT_MODEL

    def forget(self, name: str) -> None:
        """Take note that the page has lost a model, so that the next load asks the page."""
        self._activity.loaded.pop(name, None)
        self._activity.standings.forget()

    async def standing(
        self, name: str | None = None, *, engine: str | None = None, device: str | None = None, download: bool = True
    ) -> Standing:
        """Say what a chat with a model (without a name: the `current` one) would have to do first; loads nothing.

        May be asked before every chat: the page is asked once, and again after something happened to a model or to the
        network, or after some seconds. Raises `ModelNotFound`, `Unsupported`, as `load` would with these arguments.
        """
        standings = self._activity.standings
        key = (name, engine, device, download)
        return standings.get(key, self._clock()) or await standings.ask(key, self._clock, partial(self._judge, *key))

    def subscribe(self, callback: Callable[[ModelEvent], None]) -> Callable[[], None]:
        """Call ``callback`` with every `ModelEvent` of this host's models; returns what ends that."""
        return self._activity.subscribe(callback)

    # Storage

    async def storage(self) -> Storage:
        """Ask the browser what it keeps: the space there is, every model's bytes and last use, and what is nobody's."""
        return await self._fetcher.stock()

    async def persist(self) -> bool:
        """Ask the browser to keep models when the disk is full, as the first download does; returns what it says."""
        self._activity.persist_asked = True
        return bool((await self.host.call("persist")).get("persisted"))

    async def delete(self, name: str) -> int:
        """Delete a model's files from the device, and free its memory; returns the bytes that became free.

        An engine's own id deletes that build alone. Files that another model needs too stay.

        Raises `ModelNotFound`, and `InvalidRequest` while it is being fetched or loaded.
        """
        stock = await self.storage()
        return await self._delete(self.select(name, stock), stock)

    def select(self, name: str, stock: Storage) -> builtins.list[StoredModel]:
        """Return what is stored under a name: all builds of a model, or the one with that id; none when it is not here.

        Raises `ModelNotFound` when neither the storage nor the catalog knows the name.
        """
        # The storage first: it may know a custom model that this program has not added.
        found = [kept for kept in stock.models if name in (kept.model, kept.key)]
        if found:
            return found
        card, pinned = self._find(name)
        return [
            kept for kept in stock.models if kept.model == card.id and (pinned is None or kept.artifact_id == pinned.id)
        ]

    async def clear(self) -> int:
        """Delete everything: all models, parts of files and orphans; returns the bytes that became free.

        Raises `InvalidRequest` while a model is being fetched or loaded.
        """
        models = (await self.storage()).models
        await self._release({kept.model for kept in models} | self._activity.busy)
        freed = await self._space.clear()
        self._activity.note_deleted(models)
        return freed

    async def evict(self, budget_bytes: int) -> builtins.list[StoredModel]:
        """Delete models, those unused for longest first, until all take at most ``budget_bytes``; returns which.

        Models that are loaded or being fetched stay.
        """
        stock = await self.storage()
        plan = plan_eviction(
            stock.models,
            stock.models_bytes - budget_bytes,
            keep={*self._activity.busy, *(loaded.model for loaded in await self.status())},
        )
        await self._delete(plan.models, stock)
        return plan.models

    async def remove_orphans(self) -> int:
        """Delete files that belong to no model, and parts of files that nobody went on with for a week.

        Raises `InvalidRequest` while a model is being fetched: its files may be those of no model known here.
        """
        self._refuse_busy(set(self._activity.fetching.values()))
        return await self._space.delete_orphans(await self.storage())

    # Behind the face

    @property
    def _activity(self) -> Activity:
        activity = self.host.shared(Activity)
        activity.watch(self.host)
        return activity

    @property
    def _fetcher(self) -> Fetcher:
        # Not before it is needed: most programs load what is there, and start sooner without it.
        from .downloads.fetching import Fetcher

        return Fetcher(
            self.host,
            self._activity,
            self._space,
            budget_bytes=self._budget_bytes,
            on_full=self._on_full,
            clock=self._clock,
        )

    @property
    def _engines(self) -> builtins.list[str]:
        return [engine.name for engine in self.host.hello.engines]

    def _find(self, name: str) -> tuple[ModelCard, Artifact | None]:
        match = self.catalog.find(name)
        return match.card, match.artifact

    async def _candidates(
        self,
        card: ModelCard,
        pinned: Artifact | None,
        engine: str | None,
        device: str | None,
        stock: Storage | None = None,
    ) -> builtins.list[JudgedBuild]:
        """Return what could run, the best first; of the builds for one engine and device, those already here first."""
        choice = candidates(_only(card, pinned), await self.host.probe(), engine, device, self._engines)
        if len(choice) == 1 or all(artifact.bundled for artifact, _ in choice):
            return choice
        stock = stock or await self.storage()
        steps = [(artifact.engine, artifact.device) for artifact, _ in choice]

        def rank(candidate: JudgedBuild) -> tuple[int, bool]:
            artifact = candidate.artifact
            kept = stock.find(card.id, artifact)
            return steps.index((artifact.engine, artifact.device)), kept is None or not kept.complete

        return sorted(choice, key=rank)

    async def _judge(self, name: str | None, engine: str | None, device: str | None, download: bool) -> Standing:
        card, pinned = self._find(name or await self.current())
        wish = Wish(engine, device, pinned.id if pinned is not None else None)
        for loaded in await self.status():
            if loaded.model == card.id and wish.is_met(loaded):
                return Standing(model=card.id, loaded=True, context_window=loaded.context_window or card.context_window)
        stock = Storage() if all(artifact.bundled for artifact in card.artifacts) else await self.storage()
        choice = await self._candidates(card, pinned, engine, device, stock)
        return judge_files(card, choice, await self.host.probe(), stock, may_download=download)

    async def _fit(self, card: ModelCard, stock: Storage, engine: str | None = None, device: str | None = None) -> Fit:
        return fit(card, await self.host.probe(), engine=engine, device=device, **self._means(stock))

    def _means(self, stock: Storage) -> dict[str, Any]:
        """Return what beside the device decides on a fit: the page's engines, the space, what is downloaded."""
        return {
            "engines": self._engines,
            "free_bytes": stock.available_bytes,
            "stored": {model.artifact_id for model in stock.models if model.complete and model.artifact_id},
        }

    async def _load(self, card: ModelCard, pinned: Artifact | None, wish: Wish, report: OnProgress) -> LoadedModel:
        activity = self._activity
        activity.tell("loading", card.id)
        try:
            loaded = await self._load_best(card, pinned, wish, report)
        except asyncio.CancelledError:
            message = f"the load of model {card.id!r} was stopped"
            activity.tell("error", card.id, error=Cancelled(message), message=message)
            raise
        except BrowserLLMError as error:
            activity.tell("error", card.id, error=error, message=str(error))
            raise
        activity.loaded[card.id] = loaded
        if loaded.engine in (await self.host.probe()).engines:
            await self.host.probe(refresh=True)  # the browser has its model now
        activity.tell("ready", card.id, loaded=loaded)
        activity.note_use(self.host, card.id, self._clock() * 1000)
        return loaded

    async def _load_best(self, card: ModelCard, pinned: Artifact | None, wish: Wish, report: OnProgress) -> LoadedModel:
        for present in await self.status():
            if present.model == card.id and wish.is_met(present):
                return present
        activity = self._activity

        def report_load(progress: Progress) -> None:
            report(progress)
            activity.tell("progress", card.id, progress=progress)

        async def load(artifact: Artifact, route: builtins.list[Hop], may_download: bool) -> LoadedModel:
            if engines.keeps_files(artifact):
                await self._fetcher.ensure(card, artifact, wish.download and may_download, report)
            elif not (wish.download and may_download) and not engines.is_here(artifact, await self.host.probe()):
                raise ModelNotDownloaded(
                    f"model {card.id!r} is not on this device: the browser downloads it when it is loaded with "
                    "download=True",
                    data={"model": card.id, "download_bytes": None},
                )
            async with activity.turn:
                # Whoever had the turn before may have loaded this very model, or another one.
                for other in await self.status():
                    if other.model == card.id and wish.is_met(other):
                        return other
                    if other.model == card.id or not wish.keep_others:
                        await self.unload(other.model)
                return await load_one(self.host, card, artifact, route, report_load)

        return await load_first(card, await self._candidates(card, pinned, wish.engine, wish.device), load)

    async def _delete(self, chosen: builtins.list[StoredModel], stock: Storage) -> int:
        await self._release({kept.model for kept in chosen})
        freed = await self._space.delete(chosen, stock)
        self._activity.note_deleted(chosen)
        return freed

    async def _release(self, names: set[str]) -> None:
        """Free the memory of models that are to be deleted; refuses those on their way here."""
        self._refuse_busy(names & self._activity.busy)
        for loaded in await self.status():
            if loaded.model in names:
                await self.unload(loaded.model)

    def _refuse_busy(self, busy: set[str]) -> None:
        if busy:
            raise InvalidRequest(
                f"model {min(busy)!r} is being fetched or loaded: cancel that before you delete", parameter="name"
            )


def _only(card: ModelCard, pinned: Artifact | None) -> ModelCard:
    """Return a card with the one artifact that was asked for by its own id."""
    return card if pinned is None else msgspec.structs.replace(card, artifacts=[pinned])
