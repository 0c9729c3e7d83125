"""ModelManager: brings models into a page's memory, on the best engine that really runs them."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

import msgspec

from ..device import AdapterInfo, DeviceFacts
from ..errors import BrowserLLMError, Cancelled, LoadFailed, ProtocolError, Unavailable, Unsupported
from ..host import Event, Host, Progress, read
from ..types import Hop, Usage
from .card import Artifact, ModelCard
from .catalog import Catalog

if TYPE_CHECKING:
    import asyncio

OnProgress = Callable[[Progress], None]

DEFAULT_MODEL = "pocket"

PREFERENCE: tuple[tuple[str, str], ...] = (
    ("webllm", "webgpu"),
    ("transformersjs", "webgpu"),
    ("transformersjs", "wasm"),
)
"""Engines and devices, the best first; what is not listed comes last."""

NO_WEBGPU = {
    "insecure_context": "WebGPU needs a secure page (https, or localhost)",
    "no_api": "this browser has no WebGPU",
    "no_adapter": "WebGPU finds no adapter on this machine",
    "device_failed": "the WebGPU adapter gives no device",
}
"""What the reasons of a page without WebGPU mean."""


SOFTWARE = "(software)"


class LoadedModel(msgspec.Struct, frozen=True, kw_only=True):
    """A model in the page's memory: on which engine, device and adapter, and which steps were passed over."""

    model: str
    engine: str
    device: str
    adapter: str | None = None
    context_window: int | None = None
    load_ms: float | None = None
    route: list[Hop] = []


class _Status(msgspec.Struct):
    loaded: list[LoadedModel]


class _ValidationResult(msgspec.Struct):
    usage: Usage


class _Load:
    """A load under way, and everybody who waits for it."""

    task: asyncio.Task[LoadedModel]

    def __init__(self) -> None:
        self.waiting = 0
        self.listeners: list[OnProgress] = []

    def start(self, work: Coroutine[Any, Any, LoadedModel]) -> None:
        import asyncio

        self.task = asyncio.get_running_loop().create_task(work)

    def report(self, progress: Progress) -> None:
        for listener in list(self.listeners):
            listener(progress)


class _Models:
    """What all managers of one host share: the loads under way, and what is in the page's memory."""

    def __init__(self) -> None:
        import asyncio

        self.loads: dict[tuple[str, str | None, str | None], _Load] = {}
        self.loaded: dict[str, LoadedModel] = {}
        self.turn = asyncio.Lock()
        self.subscribed = False

    def end(self, key: tuple[str, str | None, str | None], load: _Load) -> None:
        if self.loads.get(key) is load:
            del self.loads[key]

    def on_event(self, event: Event) -> None:
        if event.name == "device_lost":
            self.loaded.clear()
        elif event.name == "unloaded":
            self.loaded.pop(str(event.data.get("model")), None)


def describe_adapter(adapter: AdapterInfo) -> str:
    """Return an adapter's name for people: what WebGPU tells of it, and whether it is software."""
    words = [adapter.description] if adapter.description else [adapter.vendor, adapter.architecture, adapter.device]
    name = " ".join(word for word in words if word) or "unnamed adapter"
    return f"{name} {SOFTWARE}" if adapter.fallback else name


class ModelManager:
    """Loads and unloads the models of a host. All managers of one host know of each other's models."""

    def __init__(self, host: Host, catalog: Catalog | None = None) -> None:
        """Manage the models of ``host``; ``catalog`` knows them by name."""
        self.host = host
        self.catalog = catalog or Catalog()

    async def load(
        self,
        name: str = DEFAULT_MODEL,
        *,
        engine: str | None = None,
        device: str | None = None,
        on_progress: OnProgress | None = None,
    ) -> LoadedModel:
        """Bring a model into memory, prove that it answers, and return how it runs.

        Tries its artifacts, the best first, or only those of ``engine`` and ``device``; the steps passed over are on
        the result's ``route``. Loads of the same model share one load, others wait their turn. A cancelled load stops
        in the page once nobody waits for it any more.

        Raises `ModelNotFound`; `Unsupported` when the model has no artifact for that engine and device; `Unavailable`
        when the device can run none; what the page reported when one was tried, `LoadFailed` with every try when more
        were.
        """
        import asyncio

        card = self.catalog.get(name)
        known = self._current().loaded.get(card.id)
        if known is not None and _fits(known, engine, device):
            return known
        models = self._current()
        key = (card.id, engine, device)
        load = models.loads.get(key)
        if load is None:
            load = models.loads[key] = _Load()
            load.start(self._load(card, engine, device, load.report))
            load.task.add_done_callback(lambda _: models.end(key, load))
        load.waiting += 1
        if on_progress is not None:
            load.listeners.append(on_progress)
        try:
            return await asyncio.shield(load.task)
        finally:
            load.waiting -= 1
            if on_progress is not None:
                load.listeners.remove(on_progress)
            if load.waiting == 0 and not load.task.done():
                models.end(key, load)
                load.task.cancel()

    async def unload(self, name: str | None = None) -> list[str]:
        """Free a model's memory, or that of all models; returns the ids that were loaded."""
        result = await self.host.call("unload", {} if name is None else {"model": name})
        models = self._current()
        for model in list(models.loaded) if name is None else [name]:
            models.loaded.pop(model, None)
        return list(result.get("unloaded", []))

    async def status(self) -> list[LoadedModel]:
        """Ask the page which models are in its memory."""
        status = read(await self.host.call("status"), _Status, "'status'")
        known = self._current().loaded
        return [known.get(model.model) or await self._loaded(model, []) for model in status.loaded]

    async def current(self) -> str:
        """Return the model that was loaded last, or the built-in one when there is none."""
        known = self._current().loaded
        if known:
            return list(known)[-1]
        loaded = [model.model for model in await self.status() if model.model in self.catalog]
        return loaded[-1] if loaded else DEFAULT_MODEL

    def forget(self, name: str) -> None:
        """Take note that the page has lost a model, so that the next load asks the page."""
        self._current().loaded.pop(name, None)

    def _current(self) -> _Models:
        models = self.host.shared(_Models)
        if not models.subscribed:
            models.subscribed = True
            self.host.subscribe(models.on_event)
        return models

    async def _load(self, card: ModelCard, engine: str | None, device: str | None, report: OnProgress) -> LoadedModel:
        models = self._current()
        async with models.turn:
            for present in await self.status():
                if present.model == card.id:
                    if _fits(present, engine, device):
                        models.loaded[card.id] = present
                        return present
                    await self.unload(card.id)
            loaded = await self._load_first(card, self._candidates(card, engine, device), report)
            models.loaded[card.id] = loaded
            return loaded

    def _candidates(self, card: ModelCard, engine: str | None, device: str | None) -> list[Artifact]:
        candidates = [
            artifact
            for artifact in card.artifacts
            if engine in (None, artifact.engine) and device in (None, artifact.device)
        ]
        if not candidates:
            wanted = " and ".join(
                f"{name} {value!r}" for name, value in (("engine", engine), ("device", device)) if value is not None
            )
            there = ", ".join(f"{artifact.engine} on {artifact.device}" for artifact in card.artifacts)
            raise Unsupported(
                f"model {card.id!r} has nothing for {wanted}; it has: {there}",
                data={"parameter": "device" if engine is None else "engine"},
            )
        return sorted(candidates, key=_rank)

    async def _load_first(self, card: ModelCard, candidates: list[Artifact], report: OnProgress) -> LoadedModel:
        facts = await self.host.probe()
        route: list[Hop] = []
        failures: list[BrowserLLMError] = []
        for artifact in candidates:
            obstacle = self._obstacle(artifact, facts)
            try:
                if obstacle is not None:
                    raise obstacle
                return await self._load_one(card, artifact, route, report)
            except BrowserLLMError as error:
                if isinstance(error, (Cancelled, ProtocolError)) or (
                    isinstance(error, Unavailable) and error.reason == "closed"
                ):
                    raise
                failures.append(error)
                route.append(
                    Hop(
                        model=card.id,
                        engine=artifact.engine,
                        device=artifact.device,
                        reason=str(error),
                        code=error.code,
                    )
                )
        if len(failures) == 1 or all(isinstance(error, Unavailable) for error in failures):
            raise failures[0]
        steps = "; ".join(f"{hop.engine} on {hop.device}: {hop.reason}" for hop in route)
        raise LoadFailed(
            f"no engine could load model {card.id!r}: {steps}", data={"steps": msgspec.to_builtins(route)}
        ) from failures[-1]

    def _obstacle(self, artifact: Artifact, facts: DeviceFacts) -> BrowserLLMError | None:
        engines = [engine.name for engine in self.host.hello.engines]
        if artifact.engine not in engines:
            return Unavailable(
                f"the page has no engine {artifact.engine!r}, only {', '.join(map(repr, engines)) or 'none'}",
                reason="missing_feature",
            )
        if artifact.device != "webgpu":
            if facts.wasm.simd is False:
                return Unavailable("this browser's WebAssembly has no SIMD", reason="missing_feature")
            return None
        webgpu = facts.webgpu
        if not webgpu.available:
            reason = webgpu.reason or "no_adapter"
            return Unavailable(NO_WEBGPU.get(reason, f"WebGPU is not available: {reason!r}"), reason=reason)
        missing = sorted(set(artifact.features) - set(webgpu.features))
        if missing:
            return Unavailable(
                f"the WebGPU adapter lacks {', '.join(map(repr, missing))}",
                reason="missing_feature",
                data={"missing": missing},
            )
        return None

    async def _load_one(self, card: ModelCard, artifact: Artifact, route: list[Hop], report: OnProgress) -> LoadedModel:
        args = {
            "model": card.id,
            "engine": artifact.engine,
            "device": artifact.device,
            "artifact": artifact.to_wire(),
        }
        result = read(await self.host.call("load", args, report), LoadedModel, "'load'")
        try:
            report(Progress("warming_up", text="making sure that the model answers"))
            await self._validate(card.id)
        except BaseException:
            await self.unload(card.id)
            raise
        return await self._loaded(result, list(route))

    async def _loaded(self, result: LoadedModel, route: list[Hop]) -> LoadedModel:
        adapter = result.adapter
        if adapter is not None:
            # An engine tells its adapter's name; that it is software, only the probe tells.
            probed = (await self.host.probe()).webgpu.adapter
            if probed is not None and probed.fallback:
                adapter = f"{adapter} {SOFTWARE}"
        return msgspec.structs.replace(result, adapter=adapter, route=route)

    async def _validate(self, model: str) -> None:
        """Let the model answer two tokens, one from the prompt and one from decoding: what compiles may fail to run."""
        args: dict[str, Any] = {
            "model": model,
            "messages": [{"role": "user", "content": "Hi"}],
            "max_tokens": 2,
            "temperature": 0,
        }
        result = read(await self.host.call("chat", args), _ValidationResult, "'chat'")
        if result.usage.completion_tokens < 1:
            raise LoadFailed(f"model {model!r} was loaded but its validation generation gave no token")


def _fits(loaded: LoadedModel, engine: str | None, device: str | None) -> bool:
    return engine in (None, loaded.engine) and device in (None, loaded.device)


def _rank(artifact: Artifact) -> int:
    step = (artifact.engine, artifact.device)
    return PREFERENCE.index(step) if step in PREFERENCE else len(PREFERENCE)
