"""An app with conversations over a backend that follows a script, for the tests beside this file."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

import browserllm as bl
from browserllm.app import actions as act
from browserllm.app import threads
from browserllm.app.app import App
from browserllm.app.chat_rooms import ChatRooms
from browserllm.app.notices import Notices
from browserllm.app.state import ChatMessage, Conversation, ConversationSettings, FilePart, Settings, TextPart, Thread
from browserllm.backends.base import Backend
from browserllm.stores.base import KeyValueStore
from browserllm.stores.memory import MemoryStore

APPS = count(1)


class Chats:
    """The app, and what a test needs to use it as a page does."""

    def __init__(
        self,
        answers: Any = "Hello from the script.",
        *,
        backend: Backend | None = None,
        store: KeyValueStore | None = None,
        settings: Settings | None = None,
    ) -> None:
        self.now_s = 1_000.0
        self.app = App(now=lambda: self.now_s)
        self.app.state.put(settings or Settings(never_leave_device=False), "settings")
        self.backend: Any = backend or bl.ScriptedBackend(answers)
        self.store = store or MemoryStore()
        numbers = count(1)
        apps = next(APPS)
        self.asked: list[ConversationSettings] = []
        self.rooms = ChatRooms(
            self.app, self.store, self._backend_for, Notices(self.app), new_id=lambda: f"i{apps}-{next(numbers)}"
        )
        self.conversations, self.turns = self.rooms.conversations, self.rooms.turns

    def _backend_for(self, settings: ConversationSettings) -> Backend:
        self.asked.append(settings)
        return self.backend

    async def create(self, **fields: Any) -> str:
        return await self.app.call(act.CreateConversation(**fields))

    async def send(self, conversation: str, *parts: str | FilePart) -> str:
        given = tuple(TextPart(text=part) if isinstance(part, str) else part for part in parts)
        return await self.app.call(act.SendMessage(conversation=conversation, parts=given))

    async def ask(self, conversation: str, *parts: str | FilePart) -> ChatMessage:
        """Send a message, and return the answer at its end."""
        await self.send(conversation, *parts)
        await self.idle(conversation)
        return self.shown(conversation)[-1]

    def thread(self, conversation: str) -> Thread:
        thread = self.conversations.thread(conversation)
        assert thread is not None
        return thread

    def entry(self, conversation: str) -> Conversation:
        return self.conversations.get(conversation)

    def shown(self, conversation: str) -> list[ChatMessage]:
        return threads.shown(self.thread(conversation))

    def texts(self, conversation: str) -> list[tuple[str, str, str]]:
        """Role, text and status of each shown message."""
        return [
            (each.role, "".join(part.text for part in each.parts if isinstance(part, TextPart)), each.status)
            for each in self.shown(conversation)
        ]

    async def until(self, holds: Callable[[], Any]) -> None:
        async with asyncio.timeout(20):  # so that a test that fails ends
            while not holds():
                await asyncio.sleep(0)

    async def idle(self, conversation: str) -> None:
        """Wait until nothing is being answered in a conversation, and everything is written."""
        await self.until(lambda: conversation not in self.turns._work)
        await self.conversations.records.flush()

    async def streaming(self, conversation: str, text: str = "") -> None:
        """Wait until the answer has begun, and has this text."""
        await self.until(
            lambda: any(status == "streaming" and text in said for _, said, status in self.texts(conversation))
        )

    async def start(self) -> Chats:
        await self.rooms.start()
        return self

    def again(self, answers: Any = "Hello again.") -> Chats:
        """The app after the page was opened again, over the same store."""
        return Chats(answers, store=self.store)


def waits_for(conversation: str, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the event loop is to wait, from now on, with what it then does to a conversation."""
    loop, found = asyncio.get_running_loop(), list[float]()
    later = loop.call_later

    def call_later(delay: float, callback: Callable[..., object], *args: Any, **options: Any) -> Any:
        if args[:1] == (conversation,):
            found.append(delay)
        return later(delay, callback, *args, **options)

    monkeypatch.setattr(loop, "call_later", call_later)
    return found


class SlowStore(MemoryStore):
    """A store whose calls let other tasks go on, as those of a page do."""

    async def get(self, key: str) -> bytes | None:
        await asyncio.sleep(0)
        found = await super().get(key)
        await asyncio.sleep(0)
        return found

    async def put(self, key: str, value: bytes) -> None:
        for _ in range(5):
            await asyncio.sleep(0)
        await super().put(key, value)

    async def swap(self, key: str, expected: bytes | None, value: bytes | None) -> bool:
        await asyncio.sleep(0)
        if await MemoryStore.get(self, key) != expected:
            return False
        if value is None:
            await MemoryStore.delete(self, key)
        else:
            await MemoryStore.put(self, key, value)
        return True
