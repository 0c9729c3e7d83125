"""Models: the catalog, the storage and the memory of this device in the state, and the actions on them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

import msgspec
from msgspec.structs import replace

from .._internal import lazy_asyncio as asyncio
from .._internal.nesting import decode_json
from ..errors import InvalidRequest, LoadFailed, OutOfMemory, QuotaExceeded
from ..models import LoadedModel, ModelCard, ModelEvent, ModelManager
from ..models.catalog.catalog import POCKET
from ..models.keep_alive import MEMORY_SHORT
from ..models.storage import Storage
from ..page.host import Progress
from ..stores.base import KeyValueStore
from .actions import (
    AddModel,
    CleanStorage,
    DeleteModel,
    LoadModel,
    PersistStorage,
    RefreshModels,
    UnloadModel,
)
from .answer_info import hop_info
from .app import App
from .checks import checked_length, checked_model_id
from .downloads import PREFIX as DOWNLOADS
from .downloads import Downloads
from .limits import MAX_ADDRESS_CHARS
from .model_list import Judge, describe_storage
from .notices import Notices
from .state import AnswerInfo, Loaded, Loading, Model, Sample, Settings, Totals
from .versions import check_not_newer, is_left_alone

CUSTOM = "model/"
MAX_SAMPLES = 500


class Models:
    """The models of this device. `start` shows the built-in model at once, and the others when they are judged."""

    def __init__(self, app: App, manager: ModelManager, store: KeyValueStore, notices: Notices) -> None:
        """Use ``manager``; custom models and begun downloads are kept in ``store``."""
        self.manager = manager
        self.downloads = Downloads(app, manager, store, notices)
        self._app = app
        self._store = store
        self._notices = notices
        self._refreshing: asyncio.Task[None] | None = None
        self._again = False
        self._custom: set[str] = set()
        self._memory: dict[str, int | None] = {}
        self._speed = _Mean()
        self._duration = _Mean()
        self._unsubscribe: list[Callable[[], None]] = [
            manager.subscribe(self._on_event),
            app.state.subscribe(lambda state: state.settings, self._apply),
        ]
        app.on(LoadModel, self._load)
        app.on(UnloadModel, self._unload)
        app.on(DeleteModel, self._delete)
        app.on(AddModel, self._add)
        app.on(RefreshModels, lambda action: self.refresh())
        app.on(PersistStorage, self._persist)
        app.on(CleanStorage, self._clean)

    async def start(self) -> None:
        """Show the built-in model, which can answer at once; `refresh` shows the others."""
        self._apply(self._app.state.value.settings)
        judge = Judge(self.manager.host, await self.manager.host.probe(), Storage(), ())
        self._app.state.put({POCKET.id: judge.model(POCKET, "quick")}, "models")

    async def close(self) -> None:
        """Stop following the models."""
        for unsubscribe in self._unsubscribe:
            unsubscribe()

    async def refresh(self) -> None:
        """Look again at what is downloaded, loaded and stored; callers during a look share the next one."""
        if self._refreshing is not None and not self._refreshing.done():
            self._again = True
        else:
            self._refreshing = self._app.spawn(self._look())
        await asyncio.shield(self._refreshing)

    async def reload(self) -> None:
        """Look again at everything, also at the custom models that another tab has added or removed."""
        await self.restore_custom()
        await self.refresh()

    async def restore_custom(self) -> None:
        """Bring the custom models of earlier visits and of other tabs into the catalog, and take out removed ones."""
        known = set(self._custom)
        stored = dict(await self._store.items(CUSTOM))
        loaded = {CUSTOM + one.model for one in self._app.state.value.loaded}
        for key in known - stored.keys() - loaded:
            self._custom.discard(key)
            self.manager.catalog.remove(key.removeprefix(CUSTOM))
        for key, raw in stored.items():
            if key in self._custom or is_left_alone(key, raw, self._notices):
                continue
            self._custom.add(key)
            try:
                self.manager.catalog.add(decode_json(raw, ModelCard))
            except (msgspec.DecodeError, RecursionError, InvalidRequest) as error:
                self._notices.add(
                    f"custom-{key}",
                    f"The model you added as “{key.removeprefix(CUSTOM)}” could not be read: {error}",
                    code="model_damaged",
                    name=key.removeprefix(CUSTOM),
                    why=str(error),
                )

    def default_model(self) -> str:
        """Return the model that answers if a conversation names none.

        It is the one of the settings once it is on the device, else the one that was loaded last, else the built-in
        one: it answers while the download of a better one goes on.
        """
        state = self._app.state.value
        wanted = state.settings.model
        if wanted is not None and not wanted.startswith("cloud:"):
            known = state.models.get(wanted)
            if (known is not None and known.downloaded) or any(one.model == wanted for one in state.loaded):
                return wanted
        chats = [one.model for one in state.loaded if _is_chat(state.models.get(one.model))]
        return chats[-1] if chats else POCKET.id

    async def load(
        self, name: str, *, engine: str | None = None, device: str | None = None, keep_others: bool = False
    ) -> LoadedModel:
        """Load a model, with its progress in the state; what is missing is downloaded first."""
        card = self.manager.catalog.find(name).card
        try:
            loaded = await self.manager.load(name, engine=engine, device=device, keep_others=keep_others)
        except Exception:
            self._set_loading(card.id, None)  # there are events of other ends: if this caller gives up, others may wait
            raise
        await self._show_loaded()
        return loaded

    def note_answer(self, info: AnswerInfo) -> None:
        """Count an answer, and add a point to the plot if this device gave it."""
        now = self._app.now_ms()
        state = self._app.state.value
        totals = state.totals
        self._speed.add(info.tokens_per_s)
        self._duration.add(info.duration_ms)
        self._app.state.put(
            Totals(
                answers=totals.answers + 1,
                tokens=totals.tokens + info.completion_tokens,
                tokens_per_s=self._speed.value,
                answer_ms=self._duration.value,
                last_activity_at=now,
            ),
            "totals",
        )
        if info.where == "local" and info.model is not None:
            sample = Sample(at=now, model=info.model, tokens_per_s=info.tokens_per_s, memory_bytes=self._memory_bytes())
            self._app.state.put((*state.samples, sample)[-MAX_SAMPLES:], "samples")

    # Actions

    async def _load(self, action: LoadModel) -> None:
        await self.load(action.model, engine=action.engine, device=action.device, keep_others=action.keep_others)

    async def _unload(self, action: UnloadModel) -> None:
        await self.manager.unload(action.model)
        await self._show_loaded()

    async def _delete(self, action: DeleteModel) -> float:
        custom = {card.id: card for card in self.manager.catalog.added}
        if action.model == "*":
            stored = await self.manager.clear()
            gone = [card for card in custom.values() if _was_picked(card)]
            self._app.state.put({}, "downloads")
            await self._store.clear(DOWNLOADS)
        else:
            stored = await self.manager.delete(action.model)
            card = custom.get(action.model)
            # A custom model without files goes from the list; one with an address could be downloaded again.
            gone = [card] if card is not None and (_was_picked(card) or not stored) else []
            self._app.state.remove("downloads", action.model)
            await self._store.delete(DOWNLOADS + action.model)
        for card in gone:
            self.manager.catalog.remove(card.id)
            await self._store.delete(CUSTOM + card.id)
            self._custom.discard(CUSTOM + card.id)
        await self._show_loaded()
        await self.refresh()
        return float(stored)

    async def _add(self, action: AddModel) -> str:
        checked_length("source", action.source or "", MAX_ADDRESS_CHARS, "address")
        try:
            if action.id is not None:
                checked_model_id(action.id)
            card = await self.manager.add(action.source, id=action.id)
        except LoadFailed as error:
            if error.data.get("missing") != "library":
                raise
            raise LoadFailed(
                f"WebLLM needs one .wasm that is compiled for this model, and {error.data['why']}; choose a folder "
                "that has it",
                data=error.data,
            ) from error
        try:
            checked_model_id(card.id)
            await check_not_newer(self._store, CUSTOM + card.id)
        except InvalidRequest:
            self.manager.catalog.remove(card.id)
            raise
        if action.source is None:
            await self.manager.download(card.id)  # its files are here: this records whose they are
        self._custom.add(CUSTOM + card.id)
        await self._store.put(CUSTOM + card.id, msgspec.json.encode(card))
        await self.refresh()
        return card.id

    async def _persist(self, action: PersistStorage) -> bool:
        kept = await self.manager.persist()
        self._app.state.change("storage", persisted=kept)
        return kept

    async def _clean(self, action: CleanStorage) -> float:
        freed = await self.manager.remove_orphans()
        for stored in (await self.manager.storage()).models:
            busy = stored.model in self._app.state.value.downloads and self._app.state.value.downloads[
                stored.model
            ].state not in ("failed",)
            if stored.partials and not stored.complete and not busy:
                freed += await self.manager.delete(stored.key)
        await self.refresh()
        return float(freed)

    # Looking at the page

    async def _look(self) -> None:
        while True:
            self._again = False
            await self._look_once()
            if not self._again:
                return

    async def _look_once(self) -> None:
        host = self.manager.host
        facts, storage = await host.probe(), await self.manager.storage()
        await self.downloads.list_interrupted(storage)
        downloading = self.downloads.running | set(self._app.state.value.downloads)
        self._app.state.put(describe_storage(storage, downloading), "storage")
        await self._show_loaded()
        judge = Judge(host, facts, storage, {card.id for card in self.manager.catalog.added})
        known = self._app.state.value.models
        found: dict[str, Model] = {}
        models: AsyncGenerator[Model, None] = judge.all(self.manager.catalog)
        async with aclosing(models):
            async for model in models:
                # An equal one stays the same object, so that pages get only what has changed.
                found[model.id] = known[model.id] if known.get(model.id) == model else model
        self._app.state.put(found, "models")

    async def _show_loaded(self) -> None:
        self._put_loaded(await self.manager.status())

    def _put_loaded(self, models: list[LoadedModel]) -> None:
        self._memory = {model.model: model.memory_bytes for model in models}
        self._app.state.put(
            tuple(
                Loaded(
                    model=model.model,
                    engine=model.engine,
                    device=model.device,
                    adapter=model.adapter,
                    context_window=model.context_window,
                    hops=tuple(hop_info(hop) for hop in model.route),
                    expires_at=self._expires_at(model.model),
                )
                for model in models
            ),
            "loaded",
        )

    def _expires_at(self, model: str) -> float | None:
        expires_at = self.manager.expires_at(model) if model in self.manager.catalog else None
        return None if expires_at is None else expires_at * 1000

    def _memory_bytes(self) -> float | None:
        known = [size for size in self._memory.values() if size is not None]
        return float(sum(known)) if known else None

    # Following events

    def _on_event(self, event: ModelEvent) -> None:
        state, model = self._app.state, event.model
        if event.kind == "progress" and event.progress is not None:
            self._on_progress(model, event.progress)
        elif event.kind == "loading":
            if model not in state.value.loads:  # else a second caller shares the load
                self._set_loading(model, Loading(model=model, phase="queued"))
        elif event.kind in ("ready", "unloaded", "device_lost", "error"):
            self._set_loading(model, None)
            self._in_background(self._show_loaded)
        elif event.kind in ("in_use", "idle"):
            expires_at = self._expires_at(model)
            loaded = state.value.loaded
            state.put(
                tuple(replace(one, expires_at=expires_at) if one.model == model else one for one in loaded), "loaded"
            )
        if event.kind in ("downloaded", "deleted", "evicted"):
            self._in_background(self.refresh)
        if event.kind in ("downloaded", "ready", "error"):
            self._in_background(lambda: self.downloads.on_event(event))
        self._tell(event)

    def _on_progress(self, model: str, progress: Progress) -> None:
        known = self._app.state.value.models.get(model)
        # The files of the built-in model come with the app: reading them is part of loading it.
        if progress.phase in ("downloading", "verifying") and not (known is not None and known.bundled):
            self.downloads.on_progress(model, progress)
        if model in self._app.state.value.loads:
            over = progress.phase in ("ready", "error")
            self._set_loading(
                model,
                None
                if over
                else Loading(model=model, phase=progress.phase, fraction=progress.fraction, text=progress.text),
            )

    def _set_loading(self, model: str, loading: Loading | None) -> None:
        """Show how far a load is, or its end; beside all loads, the one that goes on, not one that waits for it."""
        state = self._app.state
        if loading is None:
            state.remove("loads", model)
        else:
            state.put(loading, "loads", model)
        loads = list(state.value.loads.values())
        shown = next((load for load in loads if load.phase != "queued"), loads[0] if loads else None)
        if shown is not state.value.loading:
            state.put(shown, "loading")

    def _tell(self, event: ModelEvent) -> None:
        name = self._name(event.model)
        if event.kind == "device_lost":
            self._notices.add(
                "device-lost",
                f"The GPU was lost, and {name} with it. The next message loads it again.",
                code="gpu_lost",
                kind="warning",
                name=name,
            )
        elif event.kind == "unloaded" and event.message == MEMORY_SHORT:
            self._tell_freed(name)
        elif event.kind == "evicted":
            self._notices.add(
                f"evicted-{event.model}",
                f"{name}: {event.message}",
                code="evicted",
                kind="warning",
                name=name,
                why=event.message,
            )
        elif event.kind == "error" and isinstance(event.error, QuotaExceeded):
            self._notices.add(
                f"quota-{event.model}",
                f"{name} could not be downloaded.",
                code="not_downloaded",
                kind="error",
                error=event.error,
                name=name,
            )
        elif event.kind == "error" and isinstance(event.error, OutOfMemory):
            self.on_out_of_memory()

    def on_out_of_memory(self) -> None:
        """Free the models that no request uses, if the settings say so; browsers report no earlier sign of pressure."""
        if self._app.state.value.settings.free_under_pressure:
            self._in_background(self._free_idle)

    async def _free_idle(self) -> None:
        await self.manager.free_idle()

    def _tell_freed(self, name: str) -> None:
        """Name a model that was freed, beside those of a notice that is still shown."""
        shown = next((notice for notice in self._app.state.value.notices if notice.id == "freed"), None)
        names = [] if shown is None else [each for each in shown.data["names"] if each != name]
        names.append(name)
        text = f"Memory was short, so this was taken out of it: {', '.join(names)}."
        self._notices.add("freed", text, code="freed", names=names)

    def _in_background(self, work: Callable[[], Awaitable[None]]) -> None:
        text = "The page could not be asked about its models, so what is shown may be old."
        self._app.spawn(self._notices.guard("models", text, work, code="page_silent"))

    def _name(self, model: str) -> str:
        known = self._app.state.value.models.get(model)
        return known.name if known is not None else model

    def _apply(self, settings: Settings) -> None:
        budget = settings.storage_budget_bytes
        self.manager.storage_budget_bytes = None if budget is None else int(budget)
        self.manager.free_under_pressure = settings.free_under_pressure
        self.manager.keep_alive(settings.keep_alive_s, hidden_s=settings.free_hidden_s)


def _was_picked(card: ModelCard) -> bool:
    """Whether a model's files came from a folder that the user picked: no server has them."""
    return all(artifact.url.endswith("/resolve/picked/") for artifact in card.artifacts)


def _is_chat(model: Model | None) -> bool:
    return model is None or model.type == "chat"


class _Mean:
    """The mean of all values so far, without keeping them."""

    def __init__(self) -> None:
        self._sum = 0.0
        self._count = 0

    def add(self, value: float | None) -> None:
        if value is not None:
            self._sum += value
            self._count += 1

    @property
    def value(self) -> float | None:
        return self._sum / self._count if self._count else None
