"""Activity: the state of a host's models: loads, downloads and subscribers. All managers of the host share one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Coroutine
from typing import Any

import msgspec

from .._internal import lazy_asyncio as asyncio
from ..errors import BrowserLLMError, InvalidRequest, Unavailable
from ..page.host import Event, Host, Progress, Subscribers, report
from .events import EventKind, ModelEvent
from .idleness import Idleness
from .loading import LoadedModel, LoadRequest, SharedLoad
from .readiness import ReadinessCache
from .storage import Storage, StoredModel, put_record

NOTE_USE_EVERY_MS = 60_000
"""How often the journal's last-used time is updated: when the model is loaded, then at most once per interval."""


class Activity:
    """The loads and downloads in progress, the models in the page's memory, and the subscribers.

    ``loaded`` has the models in memory, the most recent last, and ``kept`` their stored files. ``fetching`` maps
    downloads to the models being downloaded, and ``last_progress`` to their last update. The load that may use the
    GPU holds ``turn``. ``readiness_cache`` keeps what routers have asked about models. ``idleness`` knows which models
    are in use, and ``reasons`` why a model that the page reports as unloaded was freed. ``on_visibility`` is called
    when the page may have been hidden or seen again.
    """

    def __init__(self) -> None:
        """Start empty; `watch` subscribes to the page's events."""
        self.loads: dict[tuple[str, LoadRequest], SharedLoad] = {}
        self.turn = asyncio.Lock()
        self.loaded: dict[str, LoadedModel] = {}
        self.kept: dict[str, StoredModel] = {}
        self.fetching: dict[tuple[str, int], str] = {}
        self.last_progress: dict[tuple[str, int], Progress] = {}
        self.readiness_cache = ReadinessCache()
        self.idleness = Idleness()
        self.reasons: dict[str, str] = {}
        self.persist_asked = False
        self.on_visibility: Callable[[], None] | None = None
        self._evicted: set[str] = set()
        self._subscribers: Subscribers[ModelEvent] = Subscribers()
        self._tasks: set[asyncio.Task[None]] = set()
        self._watched = False

    def watch(self, host: Host) -> None:
        """Subscribe to the page's events; further calls do nothing."""
        if not self._watched:
            self._watched = True
            host.subscribe(self._on_event)

    @property
    def busy(self) -> set[str]:
        """The models that are being downloaded or loaded."""
        return {*self.fetching.values(), *(model for model, _ in self.loads)}

    def is_needed(self, model: str) -> bool:
        """Whether a request uses a model, or a caller waits for its load."""
        return self.idleness.is_held(model) or any(name == model for name, _ in self.loads)

    def refuse_busy(self, models: Collection[str]) -> None:
        """Raise `InvalidRequest` if one of ``models`` is being downloaded or loaded."""
        busy = self.busy.intersection(models)
        if busy:
            raise InvalidRequest(
                f"model {min(busy)!r} is being downloaded or loaded; cancel that before you delete it",
                parameter="name",
            )

    def subscribe(self, callback: Callable[[ModelEvent], None]) -> Callable[[], None]:
        """Call ``callback`` with every event from now on; returns a function that unsubscribes it."""
        return self._subscribers.add(callback)

    def publish(
        self,
        kind: EventKind,
        model: str,
        *,
        progress: Progress | None = None,
        loaded: LoadedModel | None = None,
        error: BrowserLLMError | None = None,
        message: str = "",
    ) -> None:
        """Send an event to every subscriber; one that fails is reported to the event loop, and the others go on."""
        if kind != "progress":
            self.readiness_cache.forget()
        event = ModelEvent(kind=kind, model=model, progress=progress, loaded=loaded, error=error, message=message)
        self._subscribers.notify(event, f"the model event {kind!r}")

    def end_load(self, key: tuple[str, LoadRequest], load: SharedLoad) -> None:
        """Forget a load that has ended or that no caller waits for."""
        if self.loads.get(key) is load:
            del self.loads[key]

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run work in the background; a failure is reported to the event loop, unless the page was closed."""

        def done(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            error = None if task.cancelled() else task.exception()
            if isinstance(error, Exception) and not (isinstance(error, Unavailable) and error.reason == "closed"):
                report(error, "a background task of the models failed")

        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(done)

    async def loads_ended(self, model: str) -> None:
        """Wait until no load of a model is in progress."""
        while tasks := [load.task for (name, _), load in self.loads.items() if name == model]:
            await asyncio.wait(tasks)

    def note_use(self, host: Host, model: str, now_ms: float) -> None:
        """Record in the journal, in the background, that a model is in use."""
        kept = self.kept.get(model)
        # A last use in the future was recorded by a wrong clock: overwrite it.
        if kept is None or 0 <= now_ms - (kept.last_used_ms or 0) < NOTE_USE_EVERY_MS:
            return
        self.kept[model] = kept = msgspec.structs.replace(kept, last_used_ms=now_ms)
        self.spawn(put_record(host, kept.key, kept.to_record()))

    def note_stored(self, storage: Storage) -> None:
        """Publish one ``evicted`` event for each model whose files the browser has deleted."""
        for model in storage.models:
            if not model.evicted:
                self._evicted.discard(model.key)
            elif model.key not in self._evicted:
                self._evicted.add(model.key)
                count = len(model.missing)
                message = f"the browser deleted {count} of the model's files; the next load downloads them again"
                self.publish("evicted", model.model, message=message)

    def note_deleted(self, models: Collection[StoredModel]) -> None:
        """Publish a ``deleted`` event for each model whose files the program deleted."""
        for name in dict.fromkeys(kept.model for kept in models):
            self.kept.pop(name, None)
            self.publish("deleted", name)

    def _on_event(self, event: Event) -> None:
        if event.name == "environment":
            self.readiness_cache.forget()  # the network decides what can be downloaded
            if self.on_visibility is not None:
                self.on_visibility()
        if event.name not in ("device_lost", "unloaded"):
            return
        self.readiness_cache.forget()
        # Without a model's name the event is about all of them.
        named = event.data.get("model")
        for model in [str(named)] if named is not None else list(self.loaded):
            self.loaded.pop(model, None)
            kind = "device_lost" if event.name == "device_lost" else "unloaded"
            reason = event.data.get("reason") or self.reasons.pop(model, "")
            self.publish(kind, model, message=str(reason))
