"""Activity: what goes on with the models of a host. All managers of the host share one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Coroutine
from typing import Any

import msgspec

from .._internal import lazy_asyncio as asyncio
from ..errors import BrowserLLMError, Unavailable
from ..page.host import Event, Host, Progress, Subscribers, report
from .events import EventKind, ModelEvent
from .loading import LoadedModel, SharedLoad, Wish
from .readiness import Standings
from .storage import Storage, StoredModel, put_record

NOTE_USE_EVERY_MS = 60_000
"""How exactly the journal knows when a model was last used: at its load, and then at most once in so many ms."""


class Activity:
    """What is under way, what is in the page's memory, and who listens.

    ``loaded`` has the models in memory, the last one at the end; ``kept`` what is stored of those; ``fetching`` the
    names of the models that are being fetched, by the journal's key, and ``told`` their last update. ``turn`` is held
    by the one load that may use the GPU. ``standings`` is what was found out for whoever chooses between models.
    """

    def __init__(self) -> None:
        """Begin with nothing; `watch` is what makes it hear of the page's events."""
        self.loads: dict[tuple[str, Wish], SharedLoad] = {}
        self.turn = asyncio.Lock()
        self.loaded: dict[str, LoadedModel] = {}
        self.kept: dict[str, StoredModel] = {}
        self.fetching: dict[str, str] = {}
        self.told: dict[str, Progress] = {}
        self.standings = Standings()
        self.persist_asked = False
        self._evicted: set[str] = set()
        self._subscribers: Subscribers[ModelEvent] = Subscribers()
        self._tasks: set[asyncio.Task[None]] = set()
        self._watched = False

    def watch(self, host: Host) -> None:
        """Hear of the page's events; once is enough."""
        if not self._watched:
            self._watched = True
            host.subscribe(self._on_event)

    @property
    def busy(self) -> set[str]:
        """The models that are being fetched or loaded."""
        return {*self.fetching.values(), *(model for model, _ in self.loads)}

    def subscribe(self, callback: Callable[[ModelEvent], None]) -> Callable[[], None]:
        """Call ``callback`` with every event from now on; returns what ends that."""
        return self._subscribers.add(callback)

    def tell(
        self,
        kind: EventKind,
        model: str,
        *,
        progress: Progress | None = None,
        loaded: LoadedModel | None = None,
        error: BrowserLLMError | None = None,
        message: str = "",
    ) -> None:
        """Tell every subscriber; one that fails is reported to the loop, and ends nothing."""
        if kind != "progress":
            self.standings.forget()
        event = ModelEvent(kind=kind, model=model, progress=progress, loaded=loaded, error=error, message=message)
        self._subscribers.notify(event, f"the model event {kind!r}")

    def end_load(self, key: tuple[str, Wish], load: SharedLoad) -> None:
        """Forget a load: it is over, or nobody wants it any more."""
        if self.loads.get(key) is load:
            del self.loads[key]

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something that nobody waits for; its failure is reported to the loop, unless the page has gone."""

        def done(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            error = None if task.cancelled() else task.exception()
            if isinstance(error, Exception) and not (isinstance(error, Unavailable) and error.reason == "closed"):
                report(error, "work beside a model failed")

        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(done)

    def note_use(self, host: Host, model: str, now_ms: float) -> None:
        """Let the journal know that a model is in use; nobody waits for that."""
        kept = self.kept.get(model)
        # A last use that is still to come was noted by a clock that went wrong: this one is true.
        if kept is None or 0 <= now_ms - (kept.last_used_ms or 0) < NOTE_USE_EVERY_MS:
            return
        self.kept[model] = kept = msgspec.structs.replace(kept, last_used_ms=now_ms)
        self.spawn(put_record(host, kept.key, kept.to_record()))

    def note_stored(self, stock: Storage) -> None:
        """Tell, once, of the models whose files the browser has deleted."""
        for model in stock.models:
            if not model.evicted:
                self._evicted.discard(model.key)
            elif model.key not in self._evicted:
                self._evicted.add(model.key)
                message = f"the browser has deleted {len(model.missing)} of its files; the next load fetches them again"
                self.tell("evicted", model.model, message=message)

    def note_deleted(self, models: Collection[StoredModel]) -> None:
        """Tell of the models whose files are gone because somebody asked."""
        for name in dict.fromkeys(kept.model for kept in models):
            self.kept.pop(name, None)
            self.tell("deleted", name)

    def _on_event(self, event: Event) -> None:
        if event.name == "environment":
            self.standings.forget()  # what can be fetched has changed with the network
        if event.name not in ("device_lost", "unloaded"):
            return
        self.standings.forget()
        # A page that does not say which model means all of them.
        named = event.data.get("model")
        for model in [str(named)] if named is not None else list(self.loaded):
            self.loaded.pop(model, None)
            kind = "device_lost" if event.name == "device_lost" else "unloaded"
            self.tell(kind, model, message=str(event.data.get("reason") or ""))
