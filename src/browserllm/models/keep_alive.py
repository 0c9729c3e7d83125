"""KeepAlive: the part of `ModelManager` that frees models which are not used."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager

from ..errors import OutOfMemory
from ..page.host import Host
from ..types import Hop
from .activity import Activity
from .catalog.card import Artifact
from .loading import LoadedModel

MEMORY_SHORT = "memory was short"
"""Why `KeepAlive.free_idle` frees a model, in the event."""


class KeepAlive(ABC):
    """Keeps loaded models as long as they are used, and for some time after that. `ModelManager` inherits it."""

    host: Host
    free_under_pressure: bool = False
    """Whether a load that runs out of memory frees the models that no request uses, and tries once more."""
    _clock: Callable[[], float]

    def keep_alive(self, seconds: float | None, *, hidden_s: float | None = None) -> None:
        """Free each model that was not used for ``seconds``; ``None`` keeps models until they are unloaded.

        With ``hidden_s`` a model is also freed when the page has been hidden, and the model not used, for so long; and
        at once when the browser freezes the hidden page to save memory. Applies to all managers of the host. A use is a
        load, or a request of a `LocalBackend` from before its load to the end of its answer; other code holds a model
        with `using`. Raises `InvalidRequest` unless the limits are above 0.
        """
        activity = self._activity
        activity.idleness.set_limits(seconds, hidden_s)
        activity.on_visibility = self._follow_visibility
        activity.idleness.set_visibility(self.host.environment.visibility)
        self._publish_all()
        self._watch()

    def _follow_visibility(self) -> None:
        """Free what is due because the page is hidden, or keep it because the page is seen again."""
        activity = self._activity
        visibility = self.host.environment.visibility
        if not activity.idleness.set_visibility(visibility) or activity.idleness.hidden_s is None:
            return
        self._publish_all()
        self._watch()
        if visibility == "frozen":
            activity.spawn(self._free_frozen())

    def _publish_all(self) -> None:
        """Let subscribers look again at when each model is freed."""
        activity = self._activity
        for model in list(activity.loaded):
            activity.publish("in_use" if activity.idleness.is_held(model) else "idle", model)

    async def _free_frozen(self) -> None:
        await self._free_idle("the browser froze the page to save memory")

    @contextmanager
    def using(self, name: str) -> Generator[None]:
        """Hold a model for the time of the block, so that `keep_alive` does not free it; raises `ModelNotFound`."""
        model = self._id_of(name)
        activity = self._activity
        try:
            with activity.idleness.using(model):
                self._publish(model)
                yield
        finally:
            self._publish(model)
            self._watch()

    def expires_at(self, name: str) -> float | None:
        """Return when `keep_alive` frees a loaded model, in seconds since the epoch; ``None`` if it does not."""
        model = self._id_of(name)
        left_s = self._activity.idleness.left_s(model) if model in self._activity.loaded else None
        return None if left_s is None else self._clock() + left_s

    async def free_idle(self) -> list[str]:
        """Free the loaded models that no request uses, for example when memory is short; returns their ids."""
        return await self._free_idle(MEMORY_SHORT)

    async def _free_idle(self, reason: str) -> list[str]:
        idle = [loaded.model for loaded in await self.status() if not self._activity.is_needed(loaded.model)]
        for model in idle:
            await self._free(model, reason)
        return idle

    async def _load_with_memory(
        self, model: str, artifact: Artifact, route: list[Hop], load: Callable[[list[Hop]], Awaitable[LoadedModel]]
    ) -> LoadedModel:
        """Load a build; `free_under_pressure` decides what happens when memory is short. The route then says so."""
        try:
            return await load(route)
        except OutOfMemory as error:
            freed = await self.free_idle() if self.free_under_pressure else []
            if not freed:
                raise
            hop = Hop(
                model=model,
                engine=artifact.engine,
                device=artifact.device,
                reason=f"{error}; {', '.join(freed)} was freed, and the load tried again",
                code=error.code,
            )
            return await load([*route, hop])

    @abstractmethod
    async def status(self) -> list[LoadedModel]:
        """Ask the page which models are in its memory."""

    @property
    @abstractmethod
    def _activity(self) -> Activity: ...

    @abstractmethod
    def _id_of(self, name: str) -> str: ...

    @abstractmethod
    async def _unload(self, model: str | None) -> list[str]: ...

    def _note_use(self, model: str) -> None:
        """Record that a model was used just now."""
        activity = self._activity
        activity.note_use(self.host, model, self._clock() * 1000)
        activity.idleness.touch(model)
        self._publish(model)
        self._watch()

    def _watch(self) -> None:
        activity = self._activity
        activity.idleness.watch(activity.loaded, self._free_due, activity.spawn)

    def _publish(self, model: str) -> None:
        activity = self._activity
        if activity.idleness.is_limited and model in activity.loaded:
            activity.publish("in_use" if activity.idleness.is_held(model) else "idle", model)

    async def _free_due(self, model: str) -> None:
        """Free a model that is due, unless a request came for it meanwhile."""
        activity = self._activity
        async with activity.turn:  # not in the middle of another load
            if activity.is_needed(model):
                activity.idleness.touch(model)
            elif activity.idleness.left_s(model) == 0.0:
                await self._free(model, activity.idleness.reason(model))

    async def _free(self, model: str, reason: str) -> None:
        activity = self._activity
        activity.reasons[model] = reason
        activity.idleness.freeing.add(model)
        try:
            await self._unload(model)
        finally:
            activity.idleness.freeing.discard(model)
            activity.reasons.pop(model, None)
