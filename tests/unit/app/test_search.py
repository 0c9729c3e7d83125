"""Search: over the titles and messages of all conversations, which are read once and again when they change."""

from __future__ import annotations

import asyncio

import pytest

import browserllm as bl
from browserllm.app import actions as act
from browserllm.app import search
from browserllm.app.state import ConversationSettings, SearchHit, TextPart
from browserllm.stores.memory import MemoryStore
from browserllm.testing import HANG
from unit.app.chats import Chats, SlowStore


class CountingStore(MemoryStore):
    """A store that counts how often the messages of a conversation are read."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: list[str] = []

    async def items(self, prefix: str = "") -> list[tuple[str, bytes]]:
        if prefix.startswith("message/"):
            self.reads.append(prefix.split("/")[1])
        await asyncio.sleep(0)
        return await super().items(prefix)


async def find(chats: Chats, text: str, limit: int = 50) -> list[SearchHit]:
    return await chats.app.call(act.SearchConversations(text=text, limit=limit))


async def closed(chats: Chats, question: str = "a", **fields: object) -> str:
    """A conversation with an answer, which is not open."""
    chats.now_s += 10
    conversation = await chats.create(**fields)
    await chats.ask(conversation, question)
    await chats.app.call(act.CloseConversation(id=conversation))
    return conversation


async def test_search_finds_titles_and_messages_newest_first() -> None:
    chats = Chats(["Bread needs flour.", "Cake needs  Sugar\nand eggs.", "Nothing."])
    bread, cake, other = await chats.create(), await chats.create(), await chats.create(title="Sugar free")
    for conversation in (bread, cake, other):
        chats.now_s += 10
        await chats.ask(conversation, "a")
        await chats.app.call(act.CloseConversation(id=conversation))
    hits = await find(chats, "sugar")
    assert [(hit.conversation, bool(hit.message)) for hit in hits] == [(other, False), (cake, True)]
    assert hits[1].excerpt == "Cake needs Sugar and eggs."
    assert [hit.conversation for hit in await find(chats, "NEEDS")] == [cake, bread]
    assert len(await find(chats, "needs", 1)) == 1
    assert await find(chats, "sugar and") != []
    assert await find(chats, " ") == []
    assert await find(chats, "(*") == []
    assert await find(chats, "needs", 0) == []


@pytest.mark.parametrize(
    ("said", "wanted", "excerpt"),
    [
        ("Die Straße ist lang.", "STRASSE IST", "Die Straße ist lang."),
        ("ÉTÉ à Paris", "été  à\nparis", "ÉTÉ à Paris"),
        ("x" * 200 + " needle " + "y" * 200, "Needle", "x" * 39 + " needle " + "y" * 59),
    ],
)
async def test_case_and_spaces_do_not_matter(said: str, wanted: str, excerpt: str) -> None:
    chats = Chats(said)
    await closed(chats)
    (hit,) = await find(chats, wanted)
    assert hit.excerpt.strip("…") == excerpt


async def test_what_has_not_changed_is_not_read_again() -> None:
    """Nor by a search that begins while the first one reads."""
    store = CountingStore()
    chats = Chats("A needle.", store=store)
    conversations = [await closed(chats) for _ in range(3)]
    store.reads.clear()
    both = await asyncio.gather(find(chats, "needle"), find(chats, "NEEDLE"))
    assert [len(hits) for hits in both] == [3, 3]
    assert sorted(store.reads) == sorted(conversations)
    assert await find(chats, "no such text") == []
    assert len(store.reads) == 3


async def test_what_has_changed_is_read_again() -> None:
    """A new answer, an edit, a new title, a deletion, an import; and no other conversation than that."""
    store = CountingStore()
    chats = Chats(["One.", "Two.", "Three."], store=store)
    first, second = await closed(chats), await closed(chats)
    assert await find(chats, "three") == []
    store.reads.clear()
    answer = await chats.ask(first, "b")
    assert [hit.message for hit in await find(chats, "three")] == [answer.id]
    await chats.app.call(act.EditMessage(conversation=first, message=answer.id, parts=(TextPart(text="Four."),)))
    assert [hit.conversation for hit in await find(chats, "four")] == [first]
    await chats.app.call(act.UpdateConversation(id=second, title="Five"))
    assert [hit.message for hit in await find(chats, "five")] == [""]
    other = Chats("Four!")
    text = await other.app.call(act.ExportConversations(id=await closed(other)))
    (copy,) = (await chats.app.call(act.ImportConversations(text=text))).added
    assert {hit.conversation for hit in await find(chats, "four")} == {first, copy}
    await chats.app.call(act.DeleteConversation(id=first, undo=True))
    assert [hit.conversation for hit in await find(chats, "four")] == [copy]
    await chats.app.call(act.RestoreConversation(id=first))
    assert {hit.conversation for hit in await find(chats, "four")} == {first, copy}
    assert set(store.reads) <= {first, second, copy}
    assert store.reads.count(second) == 1


async def test_a_search_that_ends_early_keeps_what_was_read() -> None:
    """The oldest conversations are not looked at, and not read again by the next search."""
    store = CountingStore()
    chats = Chats("A needle.", store=store)
    conversations = [await closed(chats) for _ in range(3)]
    await find(chats, "needle")
    store.reads.clear()
    assert [hit.conversation for hit in await find(chats, "needle", 1)] == [conversations[2]]
    assert len(await find(chats, "needle")) == 3
    assert store.reads == []


async def test_what_was_written_a_moment_ago_is_found() -> None:
    """Records are written a moment after a change; the store is read only when they are."""
    chats = Chats("A needle.", store=SlowStore())
    conversation = await chats.create()
    await chats.send(conversation, "a")
    await chats.until(lambda: conversation not in chats.turns._work)
    await chats.app.call(act.CloseConversation(id=conversation))
    assert chats.conversations.records.pending(conversation)
    assert len(await find(chats, "needle")) == 1


async def test_the_texts_of_an_open_conversation_are_kept_until_it_changes() -> None:
    chats = Chats("A needle.")
    conversation = await chats.create()
    await chats.ask(conversation, "a")
    await find(chats, "needle")
    kept = chats.rooms.search._kept[conversation]
    await find(chats, "other")
    assert chats.rooms.search._kept[conversation] is kept
    await chats.ask(conversation, "b")
    await find(chats, "needle")
    assert chats.rooms.search._kept[conversation] is not kept


async def test_a_search_that_ends_early_reads_no_more_than_it_shows() -> None:
    store = CountingStore()
    chats = Chats("A needle.", store=store)
    conversations = [await closed(chats) for _ in range(3)]
    store.reads.clear()
    await find(chats, "needle", 2)
    assert store.reads == [conversations[2], conversations[1]]


async def test_an_open_conversation_is_not_read_and_nothing_is_kept_of_a_deleted_one() -> None:
    store = CountingStore()
    chats = Chats(["A needle.", "Another needle."], store=store)
    conversation = await chats.create()
    first = await chats.ask(conversation, "a")
    chats.now_s += 1
    second = await chats.ask(conversation, "b")
    store.reads.clear()
    assert [hit.message for hit in await find(chats, "needle")] == [second.id, first.id]
    await chats.app.call(act.CloseConversation(id=conversation))
    assert len(await find(chats, "needle")) == 2
    assert store.reads == []
    await chats.app.call(act.DeleteConversation(id=conversation))
    assert await find(chats, "needle") == []
    assert chats.rooms.search._kept == {}


async def test_a_title_that_was_changed_in_another_tab_is_found_by_its_new_words_only() -> None:
    store = MemoryStore()
    one, two = Chats(store=store), Chats(store=store)
    conversation = await closed(one, title="Old words")
    await two.start()
    assert len(await find(one, "old words")) == 1
    await two.app.call(act.UpdateConversation(id=conversation, title="New words"))
    await one.conversations.reload(conversation)
    assert await find(one, "old words") == []
    assert len(await find(one, "new words")) == 1


async def test_what_another_tab_has_changed_is_found() -> None:
    store = MemoryStore()
    one, two = Chats("One.", store=store), Chats("Two.", store=store)
    conversation = await closed(one)
    await two.start()
    assert await find(two, "two") == []
    two.now_s = one.now_s  # a clock that does not tell the changes apart
    await two.ask(conversation, "b")
    await one.conversations.reload(conversation)
    assert [hit.conversation for hit in await find(one, "two")] == [conversation]


async def test_an_answer_in_progress_is_found() -> None:
    chats = Chats([["A needle", HANG]])
    conversation = await chats.create()
    assert await find(chats, "needle") == []
    await chats.send(conversation, "b")
    await chats.streaming(conversation, "needle")
    assert len(await find(chats, "needle")) == 1
    await chats.rooms.close()


async def test_a_text_that_is_too_long_to_search_for_is_refused() -> None:
    chats = Chats()
    assert await find(chats, "x" * search.MAX_SEARCH_CHARS) == []
    with pytest.raises(bl.InvalidRequest, match="the text to search for has 1001 characters"):
        await find(chats, "x" * (search.MAX_SEARCH_CHARS + 1))


async def test_what_is_not_kept_is_not_found() -> None:
    chats = Chats("A needle.")
    conversation = await chats.create(keep=False, settings=ConversationSettings())
    await chats.ask(conversation, "b")
    assert await find(chats, "needle") == []


async def test_the_kept_texts_have_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond it the oldest conversations are read each time, and found all the same."""
    chars = len("a") + len("a") + len("A needle, and more text.")  # title, question, answer
    monkeypatch.setattr(search, "MAX_KEPT_CHARS", 2 * chars)
    store = CountingStore()
    chats = Chats("A needle, and more text.", store=store)
    conversations = [await closed(chats) for _ in range(3)]
    await find(chats, "needle")
    store.reads.clear()
    assert len(await find(chats, "needle")) == 3
    assert store.reads == [conversations[0]]
    monkeypatch.setattr(search, "MAX_KEPT_CHARS", 2 * chars - 1)
    await find(chats, "needle")
    store.reads.clear()
    await find(chats, "needle")
    assert store.reads == [conversations[1], conversations[0]]
