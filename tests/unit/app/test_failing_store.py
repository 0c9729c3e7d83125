"""A store that fails for a while: nothing is forgotten, neither to be written nor to be deleted."""

from __future__ import annotations

import pytest

from browserllm.app import actions as act
from browserllm.stores.memory import MemoryStore
from unit.app.chats import Chats


class Failing(MemoryStore):
    """A store that refuses changes while ``fails`` is set."""

    fails = False

    async def put(self, key: str, value: bytes) -> None:
        self._check()
        await super().put(key, value)

    async def swap(self, key: str, expected: bytes | None, value: bytes | None) -> bool:
        self._check()
        return await super().swap(key, expected, value)

    async def delete(self, key: str) -> None:
        self._check()
        await super().delete(key)

    def _check(self) -> None:
        if self.fails:
            raise OSError("the disk is full")


async def test_what_could_not_be_saved_is_saved_with_the_next_write() -> None:
    store = Failing()
    chats = Chats(["One.", "Two."], store=store)
    conversation = await chats.create()
    store.fails = True
    await chats.ask(conversation, "a")
    await chats.app.call(act.UpdateConversation(id=conversation, pinned=True))
    store.fails = False
    await chats.ask(conversation, "b")
    again = await chats.again().start()
    await again.app.call(act.OpenConversation(id=conversation))
    assert again.texts(conversation) == chats.texts(conversation)
    assert len(again.shown(conversation)) == 4
    assert again.entry(conversation).pinned


async def test_what_could_not_be_saved_is_not_lost_to_news_of_another_tab() -> None:
    store = Failing()
    chats = Chats(store=store)
    conversation = await chats.create()
    store.fails = True
    await chats.ask(conversation, "a")
    before = chats.texts(conversation)
    await chats.conversations.reload(conversation)
    assert chats.texts(conversation) == before
    assert len(before) == 2


async def test_what_could_not_be_saved_does_not_come_back_after_a_deletion() -> None:
    store = Failing()
    chats = Chats(["One.", "Two."], store=store)
    conversation, other = await chats.create(), await chats.create()
    store.fails = True
    await chats.ask(conversation, "a")
    store.fails = False
    await chats.app.call(act.DeleteConversation(id=conversation))
    await chats.ask(other, "b")
    assert not [key for key, _ in await store.items("") if conversation in key]


@pytest.mark.parametrize("which", ["one", "all"])
async def test_a_conversation_that_could_not_be_deleted_is_in_the_list_again(which: str) -> None:
    store = Failing()
    chats = Chats(store=store)
    conversations = [await chats.create(title=f"Title {number}") for number in range(3)]
    store.fails = True
    with pytest.raises(OSError, match="full"):
        await chats.app.call(act.DeleteConversation(id="*" if which == "all" else conversations[0]))
    assert set(chats.app.state.value.conversations) == set(conversations)
    store.fails = False
    await chats.ask(conversations[0], "a")
    assert chats.entry(conversations[0]).title == "Title 0"  # still the user's own
    await chats.app.call(act.DeleteConversation(id="*"))
    assert await store.items("") == []
