"""A whole app over a scripted page, as a page uses it, for the tests beside this file."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from browserllm.app import actions as act
from browserllm.app import threads
from browserllm.app.app import App
from browserllm.app.opening import open_app
from browserllm.app.state import AppState, ChatMessage, TextPart
from browserllm.models.activity import Activity
from browserllm.stores.base import KeyValueStore
from browserllm.stores.memory import MemoryStore
from browserllm.testing.host import ScriptedHost

T = TypeVar("T")

STEPS = 50_000
"""How many steps of the event loop anything here may take."""


class Opened:
    """An open app. The host's clock is also that of idle models, and the time of day."""

    def __init__(self, app: App, host: ScriptedHost, store: KeyValueStore) -> None:
        self.app = app
        self.host = host
        self.store = store

    @property
    def state(self) -> AppState:
        return self.app.state.value

    async def call(self, action: act.Action) -> Any:
        return await self.app.call(action)

    async def until(self, holds: Callable[[], Any]) -> None:
        for _ in range(STEPS):
            if holds():
                return
            await asyncio.sleep(0)
        raise AssertionError(f"this did not happen in {STEPS} steps of the event loop")

    async def settings(self, **changes: Any) -> None:
        await self.call(act.UpdateSettings(changes=changes))
        self.app.state.flush()

    async def ask(self, text: str, **settings: Any) -> ChatMessage:
        """Send a message in a new conversation, and return the answer at its end."""
        from browserllm.app.state import ConversationSettings

        conversation = await self.call(act.CreateConversation(settings=ConversationSettings(**settings)))
        await self.call(act.OpenConversation(id=conversation))
        await self.call(act.SendMessage(conversation=conversation, parts=(TextPart(text=text),)))
        await self.until(lambda: self.shown(conversation)[-1].role == "assistant")
        await self.until(lambda: self.shown(conversation)[-1].status in ("done", "stopped", "error"))
        return self.shown(conversation)[-1]

    def shown(self, conversation: str) -> list[ChatMessage]:
        return threads.shown(self.state.threads[conversation])

    async def settled(self) -> None:
        """Wait until the catalog is judged."""
        await self.until(lambda: len(self.state.models) > 1)


def room_of(app: App, kind: type[T]) -> T:
    """The room of this type: each closes with the app."""
    owners = (getattr(close, "__self__", None) for close in app._closers)
    return next(owner for owner in owners if isinstance(owner, kind))


async def opened(
    host: ScriptedHost | None = None, store: KeyValueStore | None = None, *, settled: bool = True
) -> Opened:
    host = host or ScriptedHost()
    store = store or MemoryStore()
    host.shared(Activity).idleness.clock = host.clock
    app = await open_app(host, store=store, now=lambda: 1000 + host.clock.now_s)
    found = Opened(app, host, store)
    if settled:
        await found.settled()
    return found


def text_of(message: ChatMessage) -> str:
    return "".join(part.text for part in message.parts if isinstance(part, TextPart))
