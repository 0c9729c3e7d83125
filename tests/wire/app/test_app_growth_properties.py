"""What is done to a conversation takes time that grows with its messages: counted in steps, not in seconds."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from itertools import count
from typing import Any

import msgspec
import pytest

from browserllm.stores.memory import MemoryStore
from growth import assert_linear, counted

STATE = counted("app.state")
ACT = counted("app.actions")
THREADS = counted("app.threads")
APP = counted("app.app")
CHAT_ROOMS = counted("app.chat_rooms")
NOTICES = counted("app.notices")
PATCHES = counted("app.patches")
RECORDS = counted("app.records")
SCRIPTED = counted("testing.backend")

SIZES = (250, 500, 1000, 2000)
ID = "c"


def message(number: int, parent: int | None, **fields: Any) -> Any:
    """A message with a number; those with odd numbers are answers."""
    return STATE.ChatMessage(
        id=f"m{number}",
        role="assistant" if number % 2 else "user",
        parts=(STATE.TextPart(text=f"Text {number}"),),
        parent=None if parent is None else f"m{parent}",
        created_at=number,
        **fields,
    )


def chain(size: int) -> list[Any]:
    """One message after the other."""
    return [message(number, number - 1 if number else None) for number in range(size)]


def fan(size: int) -> list[Any]:
    """A question with many answers, the last of which goes on."""
    return [message(0, None), *(message(number, 0) for number in range(1, size))]


def thread_of(messages: list[Any]) -> Any:
    return THREADS.build(ID, messages)


class Chats:
    """An app with one conversation."""

    def __init__(self, messages: list[Any]) -> None:
        self.app = APP.App(now=lambda: 1_000.0)
        numbers = count(1)
        backend = SCRIPTED.ScriptedBackend("Hello.")
        self.rooms = CHAT_ROOMS.ChatRooms(
            self.app, MemoryStore(), lambda settings: backend, NOTICES.Notices(self.app),
            new_id=lambda: f"new{next(numbers)}",
        )  # fmt: skip
        self.size = len(messages)
        if messages:
            asyncio.run(self._fill(messages))

    async def _fill(self, messages: list[Any]) -> None:
        entry = STATE.Conversation(id=ID, title="T", created_at=0, updated_at=0)
        await self.rooms.conversations.adopt(entry, thread_of(messages), named=True)
        await self.app.call(ACT.OpenConversation(id=ID))
        self.file = await self.app.call(ACT.ExportConversations())

    def run(self, *actions: Any) -> None:
        """Carry out actions, until everything is written, and make the patches for a page."""

        async def run() -> None:
            before = self.app.state.value
            for action in actions:
                await self.app.call(action)
            await self.rooms.conversations.records.flush()
            PATCHES.diff(before, self.app.state.value)

        asyncio.run(run())


PARTS = (STATE.TextPart(text="Better."),)
DONE: dict[str, Callable[[Chats], list[Any]]] = {
    "open": lambda chats: [ACT.CloseConversation(id=ID), ACT.OpenConversation(id=ID)],
    "fork": lambda chats: [ACT.ForkConversation(id=ID)],
    "edit an answer at the end": lambda chats: [
        ACT.EditMessage(conversation=ID, message=f"m{chats.size - 1}", parts=PARTS)
    ],
    "edit the first answer, and come back": lambda chats: [
        ACT.EditMessage(conversation=ID, message="m1", parts=PARTS),
        ACT.SelectBranch(conversation=ID, message="m1"),
    ],
    "delete all but the first": lambda chats: [ACT.DeleteMessage(conversation=ID, message="m1")],
    "delete the last": lambda chats: [ACT.DeleteMessage(conversation=ID, message=f"m{chats.size - 1}")],
    "delete the conversation and bring it back": lambda chats: [
        ACT.DeleteConversation(id=ID, undo=True),
        ACT.RestoreConversation(id=ID),
        ACT.OpenConversation(id=ID),
        ACT.DeleteConversation(id=ID),
    ],
    "export": lambda chats: [ACT.ExportConversations(), ACT.ExportConversations(format="markdown")],
    "import one's own": lambda chats: [ACT.ImportConversations(text=chats.file)],
    "import": lambda chats: [ACT.DeleteConversation(id=ID), ACT.ImportConversations(text=chats.file)],
    "join": lambda chats: [
        ACT.DeleteMessage(conversation=ID, message="m1"),
        ACT.ImportConversations(text=chats.file),
    ],
    "import what was changed": lambda chats: [ACT.ImportConversations(text=chats.file.replace("Text", "Word"))],
    "search": lambda chats: [ACT.SearchConversations(text="text"), ACT.SearchConversations(text="no such")],
}


@pytest.mark.parametrize("shape", [chain, fan])
@pytest.mark.parametrize("what", DONE)
def test_what_is_done_to_a_conversation_grows_with_its_messages(what: str, shape: Callable[[int], list[Any]]) -> None:
    assert_linear(lambda size: Chats(shape(size)), lambda chats: chats.run(*DONE[what](chats)), SIZES)


def test_a_conversation_with_many_damaged_records_grows_with_its_messages() -> None:
    """Every second parent is missing, and every message of another is part of a circle."""

    def orphans(size: int) -> list[Any]:
        return [each for each in chain(size) if int(each.id[1:]) % 3]

    def circle(size: int) -> list[Any]:
        return [message(number, (number + 1) % size) for number in range(size)]

    for damaged in (orphans, circle):
        assert_linear(damaged, thread_of, SIZES)


def test_an_answer_before_many_queued_messages_grows_with_their_number() -> None:
    def queued(size: int) -> Any:
        return thread_of(fan(size))

    def answered(thread: Any) -> None:
        THREADS.insert(thread, message(99_999, 0), before=thread.children["m0"])

    assert_linear(queued, answered, SIZES)


def test_a_list_of_conversations_is_read_and_deleted_in_time_that_grows_with_its_length() -> None:
    """Each change of the list copies it, so all of a change is made at once."""

    async def stored(size: int) -> MemoryStore:
        store = MemoryStore()
        for number in range(size):
            entry = STATE.Conversation(id=f"c{number}", title="T", created_at=0, updated_at=number)
            record = RECORDS.ConversationRecord(conversation=entry)
            await store.put(f"conversation/c{number}", msgspec.json.encode(record))
        return store

    class Indexed(MemoryStore):
        """One that finds keys by their beginnings, as a page's store does."""

        async def clear(self, prefix: str = "") -> None:
            return None

    async def read(store: MemoryStore) -> Chats:
        chats = Chats([])
        chats.rooms.conversations.records.store = chats.rooms.conversations.store = store
        await chats.rooms.conversations.start()
        return chats

    def opened(size: int) -> Chats:
        store = Indexed()
        store._values = asyncio.run(stored(size))._values
        return asyncio.run(read(store))

    sizes = (1000, 2000, 4000)
    assert_linear(lambda size: asyncio.run(stored(size)), lambda store: asyncio.run(read(store)), sizes)
    for undo in (True, False):
        assert_linear(opened, lambda chats, undo=undo: chats.run(ACT.DeleteConversation(id="*", undo=undo)), sizes)


def test_a_file_with_many_conversations_is_imported_in_time_that_grows_with_their_number() -> None:
    def many(size: int) -> tuple[Chats, str]:
        chats = Chats(chain(2))
        file = json.loads(chats.file)
        one = json.dumps(file["conversations"][0])
        file["conversations"] = [json.loads(one.replace('"c"', f'"c{number}"')) for number in range(size)]
        return chats, json.dumps(file)

    assert_linear(many, lambda given: given[0].run(ACT.ImportConversations(text=given[1])), (50, 100, 200, 400))
