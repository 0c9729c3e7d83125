"""Compare: one prompt, answered by several models, or by one model on several engines, one after the other."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec.structs import replace

from .._internal import lazy_asyncio as asyncio
from ..backends.local import LocalBackend
from ..backends.split_characters import whole_text
from ..errors import InvalidRequest
from ..models.fit import memory_need
from ..models.machine import MIB, computer_memory, gpu_memory
from ..types import ChatStart
from .actions import RunComparison
from .answer_info import answer_info
from .app import App
from .blank import is_blank
from .checks import checked_length
from .error_info import error_info, name_clouds
from .limits import MAX_COMPARED
from .live_answer import LiveAnswer
from .messages import MAX_MESSAGE_BYTES
from .models import Models
from .state import CompareRun, Comparison, MessagePart, TextPart


class Compare:
    """Runs comparisons, in `AppState.compare`. Nothing of them leaves the device."""

    def __init__(self, app: App, models: Models) -> None:
        """Compare models of this device."""
        self._app = app
        self._models = models
        self._running = False
        app.on(RunComparison, self._run)

    async def _run(self, action: RunComparison) -> None:
        if is_blank(action.prompt):
            raise InvalidRequest("the prompt is empty; write what the models should answer", parameter="prompt")
        checked_length("prompt", action.prompt, MAX_MESSAGE_BYTES)
        if not 1 <= len(action.models) <= MAX_COMPARED:
            raise InvalidRequest(
                f"{len(action.models)} models are to be compared; choose 1 to {MAX_COMPARED}", parameter="models"
            )
        if self._running:
            raise InvalidRequest("a comparison is running already; stop it first", parameter="prompt")
        catalog = self._models.manager.catalog
        runs = [
            CompareRun(model=catalog.find(model).card.id, engine=engine, device=device)
            for model, engine, device in action.models
        ]
        self._running = True
        self._app.state.put(Comparison(prompt=action.prompt, runs=tuple(runs)), "compare")
        try:
            for index, (name, _, _) in enumerate(action.models):
                await self._answer(index, name, action)
        finally:
            self._running = False
            for index, run in enumerate(self._app.state.value.compare.runs):
                if run.status in ("waiting", "loading", "streaming"):
                    self._change(index, status="stopped")

    async def _answer(self, index: int, name: str, action: RunComparison) -> None:
        run = self._app.state.value.compare.runs[index]
        manager = self._models.manager
        self._change(index, status="loading")
        try:
            with manager.using(run.model):
                keep_others = await self._have_room(run)
                loaded = await self._models.load(name, engine=run.engine, device=run.device, keep_others=keep_others)
                self._change(index, engine=loaded.engine, device=loaded.device)
                backend = LocalBackend(
                    manager.host, name, engine=loaded.engine, device=loaded.device, catalog=manager.catalog
                )
                async with backend.stream(action.prompt, max_tokens=action.max_tokens, private=True) as stream:
                    live = LiveAnswer(lambda parts: self._change(index, text=_text_of(parts)))
                    try:
                        async for chunk in stream:
                            if isinstance(chunk, ChatStart):
                                self._change(index, status="streaming")
                            live.feed(chunk)
                    finally:
                        self._change(index, text=_text_of(live.end()))
                    response = stream.response
                    self._change(index, text=whole_text(response.text))
        except asyncio.CancelledError:
            self._change(index, status="stopped")
            raise
        except Exception as error:  # the other sides are still worth seeing
            self._change(index, status="error", error=name_clouds(error_info(error), self._app.state.value.clouds))
            return
        info = answer_info(backend, [response], response.warnings, cost_usd=response.cost_usd, first_ms=None)
        info = replace(info, hops=(*self._hops(run.model), *info.hops))
        self._change(index, status="done", answer=info)
        self._models.note_answer(info)

    async def _have_room(self, run: CompareRun) -> bool:
        """Return whether the model fits into memory beside those that are loaded, as far as that is known."""
        manager = self._models.manager
        facts = await manager.host.probe()
        on_cpu = run.device == "wasm" or not facts.webgpu.available
        memory = computer_memory(facts) if on_cpu else gpu_memory(facts)
        others = [loaded for loaded in await manager.status() if loaded.model != run.model]
        needs = [self._need_mb(run.model, run.engine, run.device)]
        needs += [self._need_mb(loaded.model, loaded.engine, loaded.device) for loaded in others]
        if not others:
            return True
        known = [need for need in needs if need is not None]
        return memory.usable_mb is not None and len(known) == len(needs) and sum(known) <= memory.usable_mb / 2

    def _need_mb(self, model: str, engine: str | None, device: str | None) -> float | None:
        """Return the most memory that a build of the model needs, as far as that is known."""
        catalog = self._models.manager.catalog
        if model not in catalog:
            return None
        card = catalog.get(model)
        builds = [
            memory_need(artifact).mb
            for artifact in card.artifacts
            if engine in (None, artifact.engine) and device in (None, artifact.device)
        ]
        # The built-in model's size is not in its card: four bytes for a parameter are the most.
        return max(builds, default=0.0) or (card.parameters or 0) * 4 / MIB or None

    def _hops(self, model: str) -> tuple[Any, ...]:
        return next((loaded.hops for loaded in self._app.state.value.loaded if loaded.model == model), ())

    def _change(self, index: int, **fields: Any) -> None:
        compare = self._app.state.value.compare
        if index < len(compare.runs):
            runs = list(compare.runs)
            runs[index] = replace(runs[index], **fields)
            self._app.state.put(replace(compare, runs=tuple(runs)), "compare")


def _text_of(parts: Iterable[MessagePart]) -> str:
    return "".join(part.text for part in parts if isinstance(part, TextPart))
