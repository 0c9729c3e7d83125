"""Deletions that can be undone: durable at once, in every tab, and final in the end."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import browserllm as bl
from browserllm.app import actions as act
from browserllm.app.deletion import KEEP_S
from browserllm.errors import QuotaExceeded
from browserllm.stores.memory import MemoryStore
from browserllm.testing import HANG
from unit.app.chats import Chats, waits_for


async def delete(chats: Chats, conversation: str, *, undo: bool = True) -> None:
    await chats.app.call(act.DeleteConversation(id=conversation, undo=undo))


async def restore(chats: Chats, conversation: str) -> None:
    await chats.app.call(act.RestoreConversation(id=conversation))


def listed(chats: Chats) -> list[str]:
    return list(chats.app.state.value.conversations)


async def test_a_deleted_conversation_is_gone_and_comes_back_as_it_was() -> None:
    chats = Chats(["One.", "Two."])
    conversation = await chats.create(title="Rome", folder="Work")
    await chats.ask(conversation, "a")
    entry, thread = chats.entry(conversation), chats.thread(conversation)
    await delete(chats, conversation)
    assert (listed(chats), chats.app.state.value.threads) == ([], {})
    with pytest.raises(bl.InvalidRequest, match="no conversation"):
        await chats.send(conversation, "b")
    await restore(chats, conversation)
    assert chats.entry(conversation) == entry
    await chats.app.call(act.OpenConversation(id=conversation))
    assert chats.thread(conversation) == thread
    assert (await chats.ask(conversation, "b")).status == "done"


async def test_the_deletion_survives_a_page_that_is_killed() -> None:
    """The mark is in the store when the action has returned. A later visit deletes for good."""
    chats = Chats()
    conversation, other = await chats.create(), await chats.create()
    await chats.ask(conversation, "a")
    await delete(chats, conversation)
    soon = chats.again()
    soon.now_s += 1
    await soon.start()
    assert listed(soon) == [other]
    await restore(soon, conversation)  # another tab still offers to undo it
    assert set(listed(soon)) == {conversation, other}
    await delete(soon, conversation)
    later = soon.again()
    later.now_s = soon.now_s + KEEP_S
    await later.start()
    assert listed(later) == [other]
    await later.until(lambda: conversation not in later.conversations.marked)
    assert [key for key, _ in await later.store.items()] == [f"conversation/{other}"]
    with pytest.raises(bl.InvalidRequest, match="deleted for good"):
        await restore(later, conversation)
    await soon.rooms.close()


async def test_a_start_waits_until_a_mark_is_old_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """And deletes nothing that was brought back meanwhile."""
    monkeypatch.setattr("browserllm.app.deletion.KEEP_S", 0.01)
    chats = Chats()
    gone, kept = await chats.create(), await chats.create()
    await delete(chats, gone)
    await delete(chats, kept)
    again = await chats.again().start()
    assert set(again.conversations.marked) == {gone, kept}
    await restore(again, kept)
    await again.until(lambda: not again.rooms.deletions._timers and gone not in again.conversations.marked)
    for _ in range(50):
        await asyncio.sleep(0)
    assert (listed(again), [key for key, _ in await again.store.items()]) == ([kept], [f"conversation/{kept}"])


@pytest.mark.parametrize(
    ("age_s", "wait_s"),
    [(0, KEEP_S), (1, KEEP_S - 1), (KEEP_S - 1, 1), (KEEP_S, 0), (KEEP_S + 1, 0), (10 * KEEP_S, 0), (-1, 0), (-999, 0)],
)
async def test_a_start_deletes_when_the_mark_is_a_minute_old(
    age_s: float, wait_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At once if it is older, or of a time that is still to come: the clock was wrong then."""
    chats = Chats()
    conversation = await chats.create()
    await delete(chats, conversation)
    again = chats.again()
    again.now_s = chats.now_s + age_s
    waits = waits_for(conversation, monkeypatch)
    await again.start()
    assert waits == [wait_s]
    await again.rooms.close()
    assert again.rooms.deletions._timers == {}


@pytest.mark.parametrize("id", ["one", "*"])
async def test_a_marked_conversation_can_be_deleted_for_good(id: str) -> None:
    """When the page no longer offers to undo it, and with all others."""
    chats = Chats()
    await chats.create(id="one")
    await chats.create(id="two")
    await delete(chats, "one")
    await delete(chats, id, undo=False)
    assert [key for key, _ in await chats.store.items()] == ([] if id == "*" else ["conversation/two"])
    assert chats.conversations.marked == {}
    with pytest.raises(bl.InvalidRequest):
        await restore(chats, "one")


async def test_all_conversations_can_be_marked() -> None:
    chats = Chats()
    ids = [await chats.create() for _ in range(3)]
    await delete(chats, "*")
    assert listed(chats) == []
    for conversation in ids:
        await restore(chats, conversation)
    assert listed(chats) == ids


async def test_an_answer_in_progress_is_kept_as_far_as_it_is() -> None:
    """It is stopped, and so is a message that waited."""
    chats = Chats([["One", HANG]])
    conversation = await chats.create()
    await chats.send(conversation, "a")
    await chats.streaming(conversation, "One")
    await chats.send(conversation, "b")
    await delete(chats, conversation)
    await chats.until(lambda: chats.backend.stopped)
    await restore(chats, conversation)
    await chats.app.call(act.OpenConversation(id=conversation))
    assert chats.texts(conversation) == [
        ("user", "a", "done"),
        ("assistant", "One", "stopped"),
        ("user", "b", "stopped"),
    ]
    assert chats.thread(conversation).status == "ready"


async def test_a_mark_that_cannot_be_written_is_an_error_and_changes_nothing() -> None:
    class FullStore(MemoryStore):
        full = False

        async def swap(self, key: str, expected: Any, value: Any) -> bool:
            if self.full:
                raise QuotaExceeded("the disk is full")
            return await super().swap(key, expected, value)

    store = FullStore()
    chats = Chats(store=store)
    conversation = await chats.create(title="Rome")
    store.full = True
    with pytest.raises(QuotaExceeded):
        await delete(chats, conversation)
    assert (listed(chats), chats.conversations.marked) == ([conversation], {})


@pytest.mark.parametrize("undo", [True, False])
async def test_what_was_deleted_before_a_failure_stays_deleted(undo: bool) -> None:
    """Those that are left are in the list again, and their titles are still the user's own."""

    class Failing(MemoryStore):
        left = 1_000

        async def delete(self, key: str) -> None:
            self._count()
            await super().delete(key)

        async def swap(self, key: str, expected: Any, value: Any) -> bool:
            self._count()
            return await super().swap(key, expected, value)

        def _count(self) -> None:
            self.left -= 1
            if self.left < 0:
                raise ConnectionError

    store = Failing()
    chats = Chats(store=store)
    ids = [await chats.create(title=title) for title in ("One", "Two", "Three")]
    store.left = 1
    with pytest.raises(ConnectionError):
        await delete(chats, "*", undo=undo)
    assert listed(chats) == ids[1:]
    assert list(chats.conversations.marked) == (ids[:1] if undo else [])
    store.left = 1_000
    await chats.ask(ids[1], "a")
    assert chats.entry(ids[1]).title == "Two"
    again = await chats.again().start()
    assert sorted(listed(again)) == sorted(ids[1:])
    await again.rooms.close()


async def test_the_id_of_a_marked_conversation_may_be_used_in_memory() -> None:
    """Then the old one is gone for good."""
    chats = Chats()
    await chats.create(id="help")
    await delete(chats, "help")
    await chats.create(id="help", keep=False)
    assert await chats.store.items() == []
    with pytest.raises(bl.InvalidRequest, match="deleted for good"):
        await restore(chats, "help")


async def test_other_tabs_follow_a_deletion_and_its_undo() -> None:
    one = Chats()
    conversation = await one.create()
    await one.ask(conversation, "a")
    two = Chats([["Two", HANG]], store=one.store)
    await two.start()
    await two.send(conversation, "b")
    await two.streaming(conversation, "Two")
    await delete(one, conversation)
    await two.conversations.reload(conversation)
    assert (listed(two), two.app.state.value.threads) == ([], {})
    await two.until(lambda: two.backend.stopped)
    await restore(one, conversation)
    await two.conversations.reload(conversation)
    assert listed(two) == [conversation]


async def test_the_id_of_a_marked_conversation_begins_anew() -> None:
    """Nothing of the old one is in the new one; the old one is gone for good."""
    chats = Chats()
    await chats.create(id="help")
    await chats.ask("help", "a")
    text = await chats.app.call(act.ExportConversations(id="help"))
    await delete(chats, "help")
    await chats.create(id="help")
    assert (chats.texts("help"), chats.conversations.marked) == ([], {})
    await delete(chats, "help")
    assert (await chats.app.call(act.ImportConversations(text=text))).added == ("help",)
    again = await chats.again().start()
    await again.app.call(act.OpenConversation(id="help"))
    assert [text for _, text, _ in again.texts("help")] == ["a", "Hello from the script."]


async def test_one_that_is_not_kept_is_deleted_at_once() -> None:
    chats = Chats()
    conversation = await chats.create(keep=False)
    await delete(chats, conversation)
    assert not chats.conversations.has(conversation)
    for id in (conversation, "no such"):  # noqa: A001 (the action's word)
        with pytest.raises(bl.InvalidRequest):
            await restore(chats, id)
        with pytest.raises(bl.InvalidRequest):
            await delete(chats, id)
