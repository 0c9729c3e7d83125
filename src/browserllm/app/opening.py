"""Opening: puts the rooms of the app together, in the order that makes the first answer fast.

1. the page's engine worker, the device, the settings: a second or so;
2. the built-in model is shown and begins to load, the conversations are listed: the app is ready;
3. in the background, the clouds, the storage and the rest of the catalog.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import Literal, Protocol

from .._internal import lazy_asyncio as asyncio
from ..errors import Unavailable, error_from_wire
from ..models import ModelManager
from ..models.catalog.catalog import POCKET
from ..page.host import Event, Host
from ..stores.base import KeyValueStore
from ..stores.memory import MemoryStore
from ..stores.page import HostStore
from .actions import RefreshDevice
from .agents import Agents
from .app import App
from .chat_rooms import ChatRooms
from .clouds import Clouds
from .compare import Compare
from .device import describe_device, describe_engines
from .error_info import error_info
from .models import Models
from .notices import Notices
from .routing import CLOUD, Routing
from .settings import SettingsRoom
from .state import AppState, Cloud, Settings
from .tabs import Shared, Tabs

STORE = "app"
"""The name of the page's store that keeps what the app keeps."""

OpenHost = Callable[[], Awaitable[Host]]


class TabsPort(Protocol):
    """What carries texts between the tabs of a site: a page's BroadcastChannel."""

    def tabs_send(self, text: str) -> None:
        """Send a text to every other tab."""
        ...

    def tabs_set_handler(self, handler: Callable[[str], None]) -> None:
        """Call ``handler`` with every text of another tab."""
        ...


class Rooms:
    """The rooms of an app over one host."""

    def __init__(self, app: App, host: Host, store: KeyValueStore, notices: Notices) -> None:
        """Make the rooms; each registers its actions. They close with the app, the chats first; the host stays open."""
        self.app = app
        self.host = host
        self.notices = notices
        self.settings = SettingsRoom(app, store, notices, find_model=self._find_model)
        self.models = Models(app, ModelManager(host, clock=lambda: app.now_ms() / 1000), store, notices)
        self.clouds = Clouds(app, store, notices)
        self.routing = Routing(app, self.models, self.clouds)
        self.chats = ChatRooms(app, store, self.routing.backend_for, notices)
        self.chats.answering.on_answer = self.models.note_answer
        self.compare = Compare(app, self.models)
        self.agents = Agents(app, self.routing.backend_of, self.chats.answering)
        self.tabs: Tabs | None = None
        self._unsubscribe = host.subscribe(self._on_event)
        app.on(RefreshDevice, lambda action: self.show_device(refresh=True))
        for close in (self.routing.close, self.models.close, self.leave, self.chats.close, self.agents.close):
            app.on_close(close)

    def _find_model(self, name: str) -> object:
        """Return a model, or a cloud, that can be chosen. Raises what says why it cannot."""
        if name.startswith(CLOUD):
            return self.clouds.find(name.removeprefix(CLOUD))
        return self.models.manager.catalog.find(name)

    async def start(self) -> None:
        """Show the device, the settings, the built-in model and the conversations; the rest follows by itself."""
        await asyncio.gather(self.show_device(), self.settings.start(), self.clouds.start())
        await self.models.start()
        self.app.spawn(
            self.notices.guard(
                "models", "The models of this device could not all be listed.", self._warm_up, code="models_not_listed"
            )
        )
        await self.chats.start()

    def join_tabs(self, tabs: TabsPort) -> None:
        """Share what is stored with the other tabs of the site."""
        shared = {
            "settings": Shared(_settings, self.settings.reload),
            "clouds": Shared(_clouds, self.clouds.start),
            "models": Shared(_models, self.models.reload),
        }
        self.tabs = Tabs(self.app, self.chats.conversations, self.notices, shared, tabs.tabs_send)
        tabs.tabs_set_handler(self.tabs.on_text)

    async def show_device(self, *, refresh: bool = False) -> None:
        """Show the facts of the device and its engines; ``refresh`` looks again at the GPU."""
        facts = await self.host.probe(refresh=refresh)
        self.app.state.put(describe_device(facts, self.host.environment), "device")
        self.app.state.put(describe_engines(self.host.hello, facts), "engines")

    async def leave(self) -> None:
        """Follow neither the host nor the other tabs any more."""
        self._unsubscribe()
        if self.tabs is not None:
            self.tabs.close()

    async def _warm_up(self) -> None:
        """Load the built-in model if it would answer, and look at everything else while the engine loads it."""
        await self.models.restore_custom()
        state = self.app.state.value
        if state.settings.mode != "cloud" and self.models.default_model() == POCKET.id and not state.loaded:
            self.app.spawn(
                self.notices.guard(
                    "built-in",
                    "The built-in model could not be loaded.",
                    lambda: self.models.load(POCKET.id),
                    code="not_loaded",
                )  # a message that is sent meanwhile waits for this very load
            )
            await asyncio.sleep(0)  # the request goes first
        await self.models.refresh()
        # A third of a second in a page's Python: better now, while the engine works, than with the first message.
        import_module("browserllm.chat.session")

    def _on_event(self, event: Event) -> None:
        if event.name == "environment":
            environment = self.host.environment
            self.app.state.change(
                "device",
                online=environment.online is not False,
                metered=environment.metered,
                save_data=environment.save_data,
            )
        elif event.name == "internal_error":
            self.notices.add(
                "internal",
                "Something failed in the page's engine.",
                code="engine_failed",
                kind="error",
                error=error_from_wire(event.data),
            )
        elif event.name == "storage_lost":
            self.notices.add(
                "storage-lost",
                "The browser has cleared what was stored here. The conversation that is open is still in this tab: "
                "export it before you close the tab.",
                code="storage_lost",
                kind="warning",
            )
            text = "The models of this device could not all be listed."
            self.app.spawn(self.notices.guard("models", text, self.models.refresh, code="models_not_listed"))
        elif event.name == "device_lost":
            text = "The device could not be looked at."
            self.app.spawn(self.notices.guard("device", text, self.show_device, code="device_not_read"))


def start_app(
    open_host: OpenHost,
    *,
    store: KeyValueStore | None = None,
    tabs: TabsPort | None = None,
    python: Literal["page", "process", "notebook"] = "page",
    now: Callable[[], float] = time.time,
) -> App:
    """Return the app at once, while it opens: `AppState.status` says when it is ready, or why it failed.

    Actions that come earlier wait. After a failure, `RefreshDevice` tries again. ``store`` is by default the page's
    own; the caller closes it, and the host, after `App.close`. ``tabs`` connects to the other tabs of the site.
    """
    app = App(python=python, now=now)
    app.open_with(_open(app, open_host, store, tabs))
    return app


async def open_app(
    host: Host,
    store: KeyValueStore | None = None,
    *,
    python: Literal["page", "process", "notebook"] = "process",
    now: Callable[[], float] = time.time,
) -> App:
    """Return the app over an open host when it is ready. Raises what kept it from opening."""
    app = App(python=python, now=now)
    try:
        await app.open_with(_put_together(app, host, store))
    except BaseException:
        await app.close()
        raise
    return app


async def _open(app: App, open_host: OpenHost, store: KeyValueStore | None, tabs: TabsPort | None) -> None:
    try:
        await _put_together(app, await open_host(), store, tabs)
    except Exception as error:
        await app.clear()
        app.state.put(error_info(error), "error")
        app.state.put("failed", "status")
        app.on(RefreshDevice, lambda action: _again(app, open_host, store, tabs))


async def _again(app: App, open_host: OpenHost, store: KeyValueStore | None, tabs: TabsPort | None) -> None:
    await app.clear()
    app.state.put(None, "error")
    app.state.put("starting", "status")
    await app.open_with(_open(app, open_host, store, tabs))


async def _put_together(app: App, host: Host, store: KeyValueStore | None, tabs: TabsPort | None = None) -> None:
    notices = Notices(app)
    kept = await _usable(store or HostStore(host, STORE), notices)
    rooms = Rooms(app, host, kept, notices)
    await rooms.start()
    if tabs is not None:
        rooms.join_tabs(tabs)
    app.state.put("ready", "status")


async def _usable(store: KeyValueStore, notices: Notices) -> KeyValueStore:
    """Return the store, or one in memory if the browser offers no storage, as some do in private windows."""
    try:
        await store.get("settings")
    except Unavailable as error:
        if error.reason == "closed":
            raise
        notices.add(
            "no-storage",
            "This browser keeps nothing for this site, so conversations and settings are gone when the page is closed.",
            code="no_storage",
            kind="warning",
            error=error,
        )
        return MemoryStore()
    return store


def _settings(state: AppState) -> Settings:
    return state.settings


def _clouds(state: AppState) -> dict[str, Cloud]:
    return state.clouds


def _models(state: AppState) -> frozenset[tuple[str, bool]]:
    """Return the models that are downloaded, and those that the user has added."""
    return frozenset(
        (name, model.downloaded) for name, model in state.models.items() if model.downloaded or model.custom
    )
