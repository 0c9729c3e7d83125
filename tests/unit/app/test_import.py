"""Importing what is here already: nothing is there twice, nothing is lost, and two tabs do not disturb each other."""

from __future__ import annotations

import asyncio
import json
import random
from typing import Any

import msgspec
import pytest

import browserllm as bl
from browserllm.app import actions as act
from browserllm.app.actions import Imported
from browserllm.app.limits import MAX_SYSTEM_CHARS
from browserllm.app.messages import MAX_MESSAGE_BYTES
from browserllm.app.records import CLAIM_S
from browserllm.app.state import ConversationSettings, TextPart
from browserllm.errors import QuotaExceeded
from browserllm.stores.memory import MemoryStore
from browserllm.testing import HANG
from browserllm.types import ReasoningDelta, ToolCallPart
from unit.app.chats import Chats, SlowStore, waits_for
from unit.app.test_threads import check


async def export(chats: Chats) -> str:
    return await chats.app.call(act.ExportConversations())


async def give(chats: Chats, text: str) -> Imported:
    return await chats.app.call(act.ImportConversations(text=text))


async def moved(chats: Chats, answers: Any = "From there.") -> Chats:
    """Another device with the same conversations."""
    other = Chats(answers)
    other.now_s = chats.now_s + 100
    await give(other, await export(chats))
    for conversation in other.app.state.value.conversations:
        await other.app.call(act.OpenConversation(id=conversation))
    return other


def said(chats: Chats, conversation: str) -> list[str]:
    """The texts of all messages, on all branches."""
    messages = chats.thread(conversation).messages.values()
    return sorted("".join(part.text for part in each.parts if isinstance(part, TextPart)) for each in messages)


async def again(chats: Chats, conversation: str) -> Chats:
    """The app at the next visit, with the conversation open."""
    later = await chats.again().start()
    await later.app.call(act.OpenConversation(id=conversation))
    return later


async def test_ones_own_export_changes_nothing() -> None:
    chats = Chats(["One.", "Two.", "Other."])
    conversation = await chats.create(title="Mine", settings=ConversationSettings(system="Be brief."))
    await chats.ask(conversation, "a")
    await chats.app.call(act.Regenerate(conversation=conversation))
    await chats.idle(conversation)
    empty = await chats.create()
    state, stored = chats.app.state.value, await chats.store.items()
    text = await export(chats)
    assert await give(chats, text) == Imported(present=(conversation, empty))
    assert chats.app.state.value is state
    assert await chats.store.items() == stored
    # Nor does one of a conversation that was renamed, moved and went on since.
    await chats.app.call(act.UpdateConversation(id=conversation, title="New", folder="Work"))
    await chats.ask(conversation, "b")
    thread, entry = chats.thread(conversation), chats.entry(conversation)
    assert await give(chats, text) == Imported(present=(conversation, empty))
    assert (chats.thread(conversation), chats.entry(conversation)) == (thread, entry)


@pytest.mark.parametrize("is_open", [True, False])
async def test_messages_that_were_added_elsewhere_are_joined(is_open: bool) -> None:
    chats = Chats("One.")
    conversation = await chats.create()
    await chats.ask(conversation, "a")
    there = await moved(chats)
    await there.ask(conversation, "b")
    if not is_open:
        await chats.app.call(act.CloseConversation(id=conversation))
    other = await chats.create(title="Other")
    assert await give(chats, await export(there)) == Imported(joined=(conversation,))
    if not is_open:
        await chats.app.call(act.OpenConversation(id=conversation))
    later = await again(chats, conversation)
    for shown in (chats, later):
        assert [text for _, text, _ in shown.texts(conversation)] == ["a", "One.", "b", "From there."]
        entry = shown.app.state.value.conversations[conversation]
        assert (entry.messages, entry.preview, entry.updated_at) == (4, "From there.", there.now_s * 1000)
    assert await give(chats, await export(there)) == Imported(present=(conversation,))
    assert other in chats.app.state.value.conversations


async def test_what_went_on_in_both_places_becomes_two_branches() -> None:
    chats = Chats(["One.", "From here."])
    conversation = await chats.create()
    await chats.ask(conversation, "a")
    there = await moved(chats)
    await there.ask(conversation, "there")
    here = await chats.ask(conversation, "here")
    await give(chats, await export(there))
    assert said(chats, conversation) == ["From here.", "From there.", "One.", "a", "here", "there"]
    assert chats.shown(conversation)[-1] == here  # what is shown stays shown
    await give(there, await export(chats))
    assert there.thread(conversation).messages == chats.thread(conversation).messages


@pytest.mark.parametrize(
    ("change", "other"),
    [
        (lambda answer: answer["parts"][0].update(text="Uno."), "Uno."),
        (lambda answer: answer.update(role="user"), "One."),
        (lambda answer: answer["parts"].insert(0, {"type": "reasoning", "text": "Hm."}), "One."),
        (lambda answer: answer["parts"][0].update(text="One. And more", type="reasoning"), ""),
    ],
)
async def test_a_message_that_was_changed_elsewhere_is_a_branch_beside_it_once(change: Any, other: str) -> None:
    chats = Chats("One.")
    conversation = await chats.create()
    await chats.ask(conversation, "a")
    await chats.ask(conversation, "b")
    shown = chats.texts(conversation)
    file = json.loads(await export(chats))
    answer = next(each for each in file["conversations"][0]["messages"] if each["role"] == "assistant")
    change(answer)
    text = json.dumps(file)
    assert (await give(chats, text)).joined == (conversation,)
    assert said(chats, conversation) == sorted(["One.", "One.", other, "a", "b"])
    assert chats.texts(conversation) == shown
    for each in (text, await export(chats)):
        assert await give(chats, each) == Imported(present=(conversation,))
    later = await again(chats, conversation)
    assert said(later, conversation) == said(chats, conversation)


async def test_an_answer_that_was_exported_before_its_end_is_the_same_answer() -> None:
    """Whichever of the two places has the whole of it."""
    chats = Chats([["Half", HANG], "Half, and the rest."])
    conversation = await chats.create()
    await chats.send(conversation, "a")
    await chats.streaming(conversation, "Half")
    half = await export(chats)
    await chats.app.call(act.StopAnswer(conversation=conversation))
    other = Chats()
    await give(other, half)
    await chats.app.call(act.ContinueAnswer(conversation=conversation))
    await chats.idle(conversation)
    whole = chats.shown(conversation)[-1]
    assert await give(chats, half) == Imported(present=(conversation,))
    assert chats.shown(conversation)[-1] == whole
    assert (await give(other, await export(chats))).joined == (conversation,)
    later = await again(other, conversation)
    assert later.texts(conversation) == chats.texts(conversation)
    assert len(later.thread(conversation).messages) == 2


async def test_an_answer_that_had_not_begun_in_the_file_is_the_same_answer() -> None:
    chats = Chats([[HANG], "One."])
    conversation = await chats.create()
    await chats.send(conversation, "a")
    await chats.until(lambda: chats.backend.requests)
    text = await export(chats)
    await chats.app.call(act.StopAnswer(conversation=conversation))
    await chats.app.call(act.ContinueAnswer(conversation=conversation))
    await chats.idle(conversation)
    assert await give(chats, text) == Imported(present=(conversation,))
    assert chats.texts(conversation) == [("user", "a", "done"), ("assistant", "One.", "done")]


async def test_an_answer_that_grew_under_a_question_that_was_changed_stays_where_it_is() -> None:
    chats = Chats("One")
    conversation = await chats.create()
    answer = await chats.ask(conversation, "a")
    file = json.loads(await export(chats))
    question, grown = file["conversations"][0]["messages"]
    question["parts"][0]["text"] = "b"
    grown["parts"][0]["text"] = "One and more"
    grown["parts"].append({"type": "text", "text": "And more."})
    await give(chats, json.dumps(file))
    assert said(chats, conversation) == ["One and moreAnd more.", "a", "b"]
    assert chats.thread(conversation).messages[answer.id].parent == answer.parent
    assert await give(chats, json.dumps(file)) == Imported(present=(conversation,))
    # And the whole of it is not replaced by its beginning.
    del grown["parts"][1]
    assert await give(chats, json.dumps(file)) == Imported(present=(conversation,))


async def test_an_answer_in_progress_is_not_replaced_by_what_it_became_elsewhere() -> None:
    chats = Chats([["Half", HANG]])
    conversation = await chats.create()
    await chats.send(conversation, "a")
    await chats.streaming(conversation, "Half")
    file = json.loads(await export(chats))
    file["conversations"][0]["messages"][1]["parts"][0]["text"] = "Half, and the rest."
    await give(chats, json.dumps(file))
    assert chats.texts(conversation)[-1] == ("assistant", "Half", "streaming")
    await chats.app.call(act.StopAnswer(conversation=conversation))
    await chats.idle(conversation)
    assert said(await again(chats, conversation), conversation) == ["Half", "Half, and the rest.", "a"]


async def test_a_thought_that_was_changed_makes_another_answer() -> None:
    chats = Chats([[ReasoningDelta(reasoning="Hm."), "One."]])
    conversation = await chats.create()
    await chats.ask(conversation, "a")
    file = json.loads(await export(chats))
    file["conversations"][0]["messages"][1]["parts"][0]["text"] = "Eh."
    await give(chats, json.dumps(file))
    assert said(chats, conversation) == ["One.", "One.", "a"]


async def test_a_call_that_still_waits_is_the_same_as_in_the_file() -> None:
    """There it has ended without a result."""
    chats = Chats([[ToolCallPart("c", "web_fetch", '{"url": "https://a.test/"}')]])
    conversation = await chats.create(settings=ConversationSettings(tools=("web_fetch",)))
    await chats.send(conversation, "a")
    await chats.until(lambda: chats.app.state.value.approvals)
    assert await give(chats, await export(chats)) == Imported(present=(conversation,))
    await chats.rooms.close()


async def test_an_empty_conversation_gets_the_messages_of_the_file_and_gives_none() -> None:
    """A component has made it, with the id that it always has."""
    chats, empty = Chats("One."), Chats()
    for each in (chats, empty):
        await each.create(id="help")
    nothing = await export(chats)
    await chats.ask("help", "a")
    assert await give(empty, await export(chats)) == Imported(joined=("help",))
    assert empty.texts("help") == chats.texts("help")
    assert (empty.entry("help").title, empty.entry("help").messages) == ("a", 2)
    assert await give(chats, nothing) == Imported(present=("help",))


async def test_a_conversation_is_as_new_as_its_newest_message() -> None:
    chats = Chats("One.")
    conversation = await chats.create()
    await chats.ask(conversation, "a")
    there = await moved(chats)
    await there.ask(conversation, "b")
    chats.now_s = there.now_s + 1
    await chats.ask(conversation, "c")
    await give(chats, await export(there))
    assert chats.entry(conversation).updated_at == chats.now_s * 1000


async def test_two_imports_of_one_file_join_it_once() -> None:
    chats = Chats("One.", store=SlowStore())
    conversation = await chats.create()
    await chats.ask(conversation, "a")
    there = await moved(chats)
    await there.ask(conversation, "b")
    text = await export(there)
    results = await asyncio.gather(give(chats, text), give(chats, text))
    assert results == [Imported(joined=(conversation,)), Imported(present=(conversation,))]


async def test_an_answer_in_progress_goes_on_while_its_conversation_is_joined() -> None:
    chats = Chats(["One.", ["Two", HANG]])
    conversation = await chats.create()
    await chats.ask(conversation, "a")
    there = await moved(chats)
    await there.ask(conversation, "b")
    await chats.send(conversation, "c")
    await chats.streaming(conversation, "Two")
    await give(chats, await export(there))
    assert chats.texts(conversation)[-1] == ("assistant", "Two", "streaming")
    assert chats.thread(conversation).status == "streaming"
    await chats.app.call(act.StopAnswer(conversation=conversation))
    await chats.idle(conversation)
    assert said(chats, conversation) == ["From there.", "One.", "Two", "a", "b", "c"]


async def test_another_conversation_with_the_same_id_is_added_as_a_copy_once() -> None:
    """A component of two sites may have made both."""
    chats, other = Chats("One."), Chats("Two.")
    for each in (chats, other):
        await each.create(id="help")
        await each.ask("help", "a")
    text = await export(other)
    (copy,) = (await give(chats, text)).added
    assert copy != "help"
    assert await give(chats, text) == Imported(present=(copy,))
    await chats.app.call(act.OpenConversation(id=copy))
    assert (said(chats, "help"), said(chats, copy)) == (["One.", "a"], ["Two.", "a"])
    # Nor if a program has numbered the messages of both.
    numbered: list[Any] = []
    for each in (chats, other):
        exported = await each.app.call(act.ExportConversations(id="help"))
        numbered += json.loads(exported)["conversations"]
    for each in numbered:
        each["conversation"]["id"] = "numbered"
        each["shown"] = None
        ids = {message["id"]: f"m{number}" for number, message in enumerate(each["messages"])}
        for message in each["messages"]:
            message |= {"id": ids[message["id"]], "parent": ids.get(message["parent"])}
    numbered[1]["messages"][0]["parts"][0]["text"] = "b"
    file = {**json.loads(text), "conversations": numbered}
    first, second = (await give(chats, json.dumps(file))).added
    assert "numbered" in (first, second)
    # Nor does it mix with one that is in memory only.
    third = Chats("Three.")
    await third.create(id="help", keep=False)
    assert (await give(third, text)).added == (copy,)
    assert third.thread("help").messages == {}


async def test_a_conversation_that_a_file_has_twice_is_added_once() -> None:
    chats = Chats("One.")
    conversation = await chats.create(title="Mine", settings=ConversationSettings(private=True))
    await chats.ask(conversation, "a")
    there = await moved(chats)
    await there.ask(conversation, "b")
    older, newer = json.loads(await export(chats)), json.loads(await export(there))
    newer["conversations"] = [*older["conversations"], *newer["conversations"], *older["conversations"]]
    newer["conversations"][1]["conversation"]["settings"]["private"] = False
    other = Chats()
    assert await give(other, json.dumps(newer)) == Imported(added=(conversation,))
    await other.app.call(act.OpenConversation(id=conversation))
    assert said(other, conversation) == ["From there.", "One.", "a", "b"]
    entry = other.entry(conversation)
    assert (entry.title, entry.messages, entry.settings.private) == ("Mine", 4, True)
    assert (await again(other, conversation)).entry(conversation) == entry


async def test_what_is_joined_from_a_private_conversation_stays_on_the_device() -> None:
    chats = Chats("One.")
    conversation = await chats.create()
    await chats.ask(conversation, "a")
    there = await moved(chats)
    await there.app.call(act.UpdateConversation(id=conversation, settings=ConversationSettings(private=True)))
    await there.ask(conversation, "b")
    await give(chats, await export(there))
    await chats.ask(conversation, "c")
    assert chats.backend.requests[-1].private


@pytest.mark.parametrize("seed", range(25))
async def test_two_places_that_import_each_others_files_come_to_the_same(seed: int) -> None:
    """Whatever was done in each: all messages of both are in both, once, and the next import finds nothing new."""
    chance = random.Random(seed)  # noqa: S311
    chats = Chats("From here.")
    conversation = await chats.create()
    for _ in range(3):
        await chats.ask(conversation, "a")
    there = await moved(chats)
    for place in (chats, there):
        for _ in range(chance.randrange(8)):
            await anything(place, conversation, chance)
    before = {key for place in (chats, there) for key in place.thread(conversation).messages}
    await give(chats, await export(there))
    await give(there, await export(chats))
    for place, other in ((chats, there), (there, chats)):
        thread = place.thread(conversation)
        check(thread)
        assert set(thread.messages) == before
        assert await give(place, await export(other)) == Imported(present=(conversation,))
        later = await again(place, conversation)
        assert later.thread(conversation).messages == thread.messages
        assert later.entry(conversation).messages == len(thread.path)
    here, far = chats.thread(conversation).messages, there.thread(conversation).messages
    assert {key: (each.parts, each.parent) for key, each in here.items()} == {
        key: (each.parts, each.parent) for key, each in far.items()
    }


async def anything(place: Chats, conversation: str, chance: random.Random) -> None:
    """Do something to a conversation, as a user may."""
    place.now_s += 1
    thread = place.thread(conversation)
    shown = [thread.messages[key] for key in thread.path]
    message = chance.choice(shown) if shown else None
    what = chance.choice(["ask", "regenerate", "edit", "delete", "branch"])
    if what == "ask" or message is None:
        await place.ask(conversation, "b")
    elif what == "regenerate":
        await place.app.call(act.Regenerate(conversation=conversation, message=message.id))
    elif what == "edit":
        parts = (TextPart(text=f"edited {chance.random()}"),)
        await place.app.call(act.EditMessage(conversation=conversation, message=message.id, parts=parts))
    elif what == "delete" and len(shown) > 2:
        await place.app.call(act.DeleteMessage(conversation=conversation, message=shown[-1].id))
    else:
        picked = chance.choice(list(thread.messages))
        await place.app.call(act.SelectBranch(conversation=conversation, message=picked))
    await place.idle(conversation)


class Full(MemoryStore):
    """A store with little space."""

    most_bytes = 10**9

    async def put(self, key: str, value: bytes) -> None:
        if self.used_bytes - len(self._values.get(key, b"")) + len(value) > self.most_bytes:
            raise QuotaExceeded("the storage is full")
        await super().put(key, value)

    @property
    def used_bytes(self) -> int:
        return sum(map(len, self._values.values()))


@pytest.mark.parametrize("share", [0.01, 0.2, 0.4, 0.6, 0.8, 0.9, 1])
async def test_an_import_that_fails_takes_back_what_it_joined(share: float) -> None:
    """However far it came: messages that were added or replaced, entries, and conversations."""
    store = Full()
    chats = Chats([["Half", HANG], "The rest."], store=store)
    first, second = await chats.create(), await chats.create()
    await chats.send(first, "a")
    await chats.streaming(first, "Half")
    await chats.app.call(act.StopAnswer(conversation=first))
    await chats.idle(first)
    there = await moved(chats, "and more.")
    await there.app.call(act.ContinueAnswer(conversation=first))
    await there.idle(first)
    await there.ask(first, "b")
    await there.ask(second, "c")
    there.now_s -= 1000  # so that it comes last in the file
    await there.ask(await there.create(), "d")
    text = await export(there)
    other = Chats(store=Full())
    other.store._values.update(store._values)  # type: ignore[attr-defined]
    await give(await other.start(), text)
    needed = other.store.used_bytes  # type: ignore[attr-defined]
    state, stored = chats.app.state.value, await store.items()
    store.most_bytes = store.used_bytes + int(share * (needed - store.used_bytes)) - 1
    with pytest.raises(QuotaExceeded):
        await give(chats, text)
    assert await store.items() == stored
    assert (chats.app.state.value.conversations, chats.app.state.value.threads) == (state.conversations, state.threads)


# Two tabs


@pytest.mark.parametrize("store", [MemoryStore, SlowStore])
async def test_two_tabs_that_import_the_same_file_at_once_have_it_once(
    store: type[MemoryStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("browserllm.app.records.POLL_S", 0)
    source = Chats("One.")
    ids = [await source.create(title=f"Number {number}") for number in range(3)]
    for conversation in ids:
        await source.ask(conversation, "a")
        await source.ask(conversation, "b")
    text = await export(source)
    one = await Chats(store=store()).start()
    two = await Chats(store=one.store).start()
    results = await asyncio.gather(give(one, text), give(two, text))
    assert sorted(each for result in results for each in result.added) == sorted(ids)
    assert sorted(each for result in results for each in result.present) == sorted(ids)
    three = await Chats(store=one.store).start()
    for conversation in ids:
        await three.app.call(act.OpenConversation(id=conversation))
        assert three.thread(conversation).messages == source.thread(conversation).messages
        assert {one.entry(conversation).title, two.entry(conversation).title} == {source.entry(conversation).title}


async def test_the_same_file_given_twice_at_once_is_added_once() -> None:
    """A second click, while the first one is being carried out."""
    source = Chats()
    conversation = await source.create()
    await source.ask(conversation, "a")
    text = await export(source)
    chats = Chats(store=SlowStore())
    results = await asyncio.gather(give(chats, text), give(chats, text))
    assert results == [Imported(added=(conversation,)), Imported(present=(conversation,))]


async def test_two_tabs_that_create_a_conversation_with_one_id_have_one() -> None:
    """A component of both pages: the title of the first stays, and both open it."""
    one, two = Chats(store=SlowStore()), Chats()
    two = Chats(store=one.store)
    await asyncio.gather(one.create(id="help", title="One"), two.create(id="help", title="Two"))
    assert one.entry("help") == two.entry("help")
    await one.ask("help", "a")
    await two.conversations.reload("help")
    assert said(two, "help") == said(one, "help") != []


class Killed(MemoryStore):
    """A store whose page is closed after some writes: nothing reaches it any more."""

    left = 4

    async def put(self, key: str, value: bytes) -> None:
        self._go_on()
        await super().put(key, value)

    async def swap(self, key: str, expected: bytes | None, value: bytes | None) -> bool:
        self._go_on()
        return await super().swap(key, expected, value)

    def _go_on(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise ConnectionError


async def test_what_a_killed_page_leaves_of_an_import_is_in_no_list_and_deleted_later() -> None:
    source = Chats()
    conversation = await source.create()
    for text in ("a", "b", "c"):
        await source.ask(conversation, text)
    text = await export(source)
    store = Killed()
    with pytest.raises(ConnectionError):
        await give(Chats(store=store), text)
    assert len(await store.items("message/")) == 2
    store.left = 1_000
    soon = Chats(store=store)
    soon.now_s += CLAIM_S - 1
    await soon.start()
    assert soon.app.state.value.conversations == {}
    assert len(await store.items("message/")) == 2  # the page may be alive, and only slow
    await soon.rooms.close()
    later = Chats(store=store)
    later.now_s += CLAIM_S
    await later.start()
    await later.until(lambda: not store._values)
    # And the id is free: at once, too, for an import that finds the claim abandoned.
    assert (await give(later, text)).added == (conversation,)


async def test_an_import_takes_over_what_a_killed_page_has_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    """It waits while the other page may be alive."""
    monkeypatch.setattr("browserllm.app.records.POLL_S", 0)
    source = Chats()
    conversation = await source.create()
    await source.ask(conversation, "a")
    text = await export(source)
    store = Killed()
    store.left = 2
    with pytest.raises(ConnectionError):
        await give(Chats(store=store), text)
    store.left = 1_000
    tab = Chats(store=store)
    going = asyncio.create_task(give(tab, text))
    for _ in range(100):
        await asyncio.sleep(0)
    assert not going.done()
    tab.now_s += CLAIM_S
    assert (await going).added == (conversation,)
    assert said(await again(tab, conversation), conversation) == said(source, conversation)


async def test_nothing_of_an_abandoned_import_is_in_the_next_one() -> None:
    """Which may be of another file; and a sign of life in the future is one of a wrong clock."""
    source, other = Chats("One."), Chats("Two.")
    for each in (source, other):
        await each.create(id="help")
        await each.ask("help", "a")
    store = Killed()
    store.left = 4
    tab = Chats(store=store)
    tab.now_s += 1_000_000
    with pytest.raises(ConnectionError):
        await give(tab, await export(source))
    assert len(await store.items("message/")) == 2
    store.left = 1_000
    tab = Chats(store=store)
    assert (await give(tab, await export(other))).added == ("help",)
    assert said(await again(tab, "help"), "help") == ["Two.", "a"]


async def test_a_start_looks_at_an_unfinished_import_when_it_may_be_abandoned(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = Chats()
    conversation = await source.create()
    await source.ask(conversation, "a")
    store = Killed()
    store.left = 2
    with pytest.raises(ConnectionError):
        await give(Chats(store=store), await export(source))
    store.left = 1_000
    for age_s, wait_s in ((1, CLAIM_S - 1), (CLAIM_S + 1, 0), (-1, 0)):
        tab = Chats(store=store)
        tab.now_s += age_s
        waits = waits_for(conversation, monkeypatch)
        await tab.start()
        assert waits == [wait_s]
        await tab.rooms.close()
        monkeypatch.undo()


async def test_a_long_import_gives_signs_of_life(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that no other tab takes it for abandoned."""
    source = Chats()
    conversation = await source.create()
    for _ in range(4):
        await source.ask(conversation, "a")
    text = await export(source)

    class Slow(MemoryStore):
        async def put(self, key: str, value: bytes) -> None:
            chats.now_s += CLAIM_S / 3
            await super().put(key, value)
            other.now_s = chats.now_s
            await other.conversations.records.remove_abandoned(conversation)

    chats = Chats(store=Slow())
    other = Chats(store=chats.store)
    assert (await give(chats, text)).added == (conversation,)
    assert said(await again(chats, conversation), conversation) == said(source, conversation)


# What is wrong with a file


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda entry: entry.update(folder="x" * 3_000_000),
            "the folder has 3000000 characters, over the limit of 100",
        ),
        (lambda entry: entry.update(title="x" * 3_000_000), "the title has 3000000 characters"),
        (lambda entry: entry["settings"].update(model="x" * 3_000_000), "the name of the model has 3000000"),
        (lambda entry: entry["settings"].update(system="x" * 3_000_000), "the system prompt has 3000000"),
        (lambda entry: entry["settings"].update(preset="x" * 3_000_000), "the id of the preset has 3000000"),
        (lambda entry: entry["settings"].update(tools=["clock"] * 9), "a tool is named twice"),
        (lambda entry: entry["settings"].update(schema={"description": "x" * 3_000_000}), "the schema has 3000018"),
    ],
)
async def test_limits_hold_for_imports_and_actions_alike(change: Any, message: str) -> None:
    chats = Chats()
    conversation = await chats.create()
    file = json.loads(await export(chats))
    entry = file["conversations"][0]["conversation"]
    change(entry)
    other = Chats()
    with pytest.raises(bl.InvalidRequest, match=message):
        await give(other, json.dumps(file))
    assert await other.store.items() == []
    settings = msgspec.convert(entry["settings"], ConversationSettings)
    fields = {"title": entry["title"], "folder": entry["folder"], "settings": settings}
    for action in (act.UpdateConversation(id=conversation, **fields), act.CreateConversation(**fields)):
        with pytest.raises(bl.InvalidRequest, match=message):
            await chats.app.call(action)
    assert len(chats.app.state.value.conversations) == 1


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (
            {"type": "file", "mediaType": "text/plain", "filename": "x" * 300, "text": "a"},
            "the name of the file has 300",
        ),
        ({"type": "file", "mediaType": "x" * 300, "text": "a"}, "the type of the file has 300"),
        (
            {"type": "dynamic-tool", "toolName": "x" * 2000, "toolCallId": "a", "state": "output-available"},
            "the name of a tool has 2000",
        ),
    ],
)
async def test_limits_hold_for_the_parts_of_messages(part: dict[str, Any], message: str) -> None:
    source = Chats()
    await source.ask(await source.create(), "a")
    file = json.loads(await export(source))
    file["conversations"][0]["messages"][1]["parts"].append(part)
    with pytest.raises(bl.InvalidRequest, match=f"message 2: {message}"):
        await give(Chats(), json.dumps(file))


async def test_the_largest_message_that_can_be_sent_can_be_imported() -> None:
    """What the app has exported it can read, whatever is in it."""
    source = Chats()
    conversation = await source.create(settings=ConversationSettings(system="x" * MAX_SYSTEM_CHARS))
    around = len(msgspec.json.encode((TextPart(text=""),)))
    await source.ask(conversation, "x" * (MAX_MESSAGE_BYTES - around))
    other = Chats()
    assert (await give(other, await export(source))).added == (conversation,)
    assert said(await again(other, conversation), conversation) == said(source, conversation)


async def test_a_folder_is_one_line_and_a_blank_one_is_none() -> None:
    chats = Chats()
    conversation = await chats.create(folder="  Work \n and  play ")
    assert chats.entry(conversation).folder == "Work and play"
    await chats.app.call(act.UpdateConversation(id=conversation, folder="\u200b "))
    assert chats.entry(conversation).folder is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "it is empty. Nothing was added. Choose another file."),
        ("Dear diary", "it is not a file with conversations. Nothing was added. Choose a JSON file that this app expo"),
        ("[1, 2]", "it is not a file with conversations"),
        ('{"format": "browserllm.conversations", "version": 1, "conv', "its end is missing"),
        (
            '{"format": "browserllm.conversations",\n\n"version": 1, oops}',
            'line 3 is not valid JSON, near “ns", "version": 1, oops}”',
        ),
        (
            '{"format": "browserllm.conversations", "version": 0}',
            "its “version” is 0, which no version of the app wrote",
        ),
        ('{"format": "browserllm.conversations", "version": "1"}', "“version” is a text, where a number belongs"),
        ('{"format": "browserllm.conversations", "version": 1}', "“conversations” is missing"),
        (
            '{"format": "browserllm.conversations", "version": 1, "conversations": 7}',
            "“conversations” is a number, where a list",
        ),
        (
            '{"format": "browserllm.conversations", "version": 1, "conversations": [7]}',
            "conversation 1: it is a number, where an object belongs",
        ),
        (
            '{"format": "browserllm.conversations", "version": 1, "conversations": [{}]}',
            "conversation 1: “conversation” is missing",
        ),
        ('{"a": ' + "[" * 500 + "]" * 500 + "}", "nested too deeply"),
        ('{"\ud800": 1}', "it has characters that are not valid text"),
    ],
)
async def test_an_error_says_in_plain_words_what_is_wrong_with_the_file(text: str, message: str) -> None:
    with pytest.raises(bl.InvalidRequest) as caught:
        await give(Chats(), text)
    assert message in str(caught.value)


async def test_no_error_of_a_damaged_file_shows_how_the_app_is_made() -> None:
    """Each value of a file is replaced by one of another kind, and each is left out once."""
    source = Chats("One.")
    await source.ask(await source.create(settings=ConversationSettings(system="a", tools=("clock",))), "a")
    text = await export(source)
    told: list[str] = []

    def places(value: Any) -> list[tuple[Any, Any]]:
        items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        return [place for key, inner in items for place in ((value, key), *places(inner))]

    for number in range(len(places(json.loads(text)))):
        for damage in ("text", 5, [7], {"a": "b"}, None, ...):
            file = json.loads(text)
            holder, key = places(file)[number]
            if damage is ...:
                del holder[key]
            else:
                holder[key] = damage
            try:
                await give(Chats(), json.dumps(file))
            except bl.InvalidRequest as error:
                told.append(str(error))
    assert len(told) > 100
    for said_ in told:
        assert said_.startswith("this file cannot be imported: ")
        assert "Nothing was added." in said_
        assert not any(word in said_ for word in ("$", "`", "Expected", "Invalid", "msgspec", "Object", "something")), (
            said_
        )
