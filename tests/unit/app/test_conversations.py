"""Conversations: the list, its records, forks, and what another tab has changed."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

import browserllm as bl
from browserllm.app import actions as act
from browserllm.app.state import ConversationSettings, FilePart, Loading, TextPart
from browserllm.errors import QuotaExceeded
from browserllm.stores.memory import MemoryStore
from browserllm.testing import HANG
from unit.app.chats import Chats, SlowStore


async def test_a_conversation_outlives_the_page_with_its_shown_branch() -> None:
    chats = Chats(["One.", "Two."])
    conversation = await chats.create(folder="Work", settings=ConversationSettings(model="tiny"))
    first = await chats.ask(conversation, "What is one?")
    await chats.app.call(act.Regenerate(conversation=conversation))
    await chats.idle(conversation)
    await chats.app.call(act.SelectBranch(conversation=conversation, message=first.id))
    await chats.app.call(act.UpdateConversation(id=conversation, pinned=True))
    again = await chats.again().start()
    entry = again.app.state.value.conversations[conversation]
    assert entry == chats.entry(conversation)
    assert (entry.pinned, entry.folder, entry.settings.model) == (True, "Work", "tiny")
    await again.app.call(act.OpenConversation(id=conversation))
    assert again.texts(conversation) == [("user", "What is one?", "done"), ("assistant", "One.", "done")]
    assert again.thread(conversation).messages == chats.thread(conversation).messages


async def test_the_title_is_the_first_message_until_the_user_chooses_one() -> None:
    chats = Chats()
    conversation = await chats.create()
    assert chats.entry(conversation).title == ""
    await chats.ask(conversation, "  # How do I\nbake bread?")
    assert chats.entry(conversation).title == "How do I"
    assert chats.entry(conversation).preview == "Hello from the script."
    assert chats.entry(conversation).messages == 2
    await chats.app.call(act.UpdateConversation(id=conversation, title="Bread"))
    await chats.ask(conversation, "And cake?")
    assert chats.entry(conversation).title == "Bread"
    again = await chats.again().start()
    await again.ask(conversation, "And pie?")
    assert again.entry(conversation).title == "Bread"
    await again.app.call(act.UpdateConversation(id=conversation, title=""))
    assert again.entry(conversation).title == "How do I"


async def test_a_long_title_ends_at_a_word_and_a_file_gives_its_name() -> None:
    chats = Chats()
    conversation = await chats.create()
    await chats.ask(conversation, "word " * 40)
    assert chats.entry(conversation).title == "word " * 10 + "word…"
    other = await chats.create()
    await chats.ask(other, FilePart(media_type="text/plain", filename="notes.txt", text="a b"))
    assert chats.entry(other).title == "notes.txt"


async def test_a_conversation_that_is_not_kept_leaves_no_record() -> None:
    chats = Chats()
    conversation = await chats.create(keep=False)
    await chats.ask(conversation, "Hi")
    await chats.app.call(act.CloseConversation(id=conversation))
    await chats.app.call(act.OpenConversation(id=conversation))
    assert len(chats.shown(conversation)) == 2
    assert conversation not in chats.app.state.value.conversations
    assert await chats.store.items() == []
    await chats.app.call(act.DeleteConversation(id=conversation))
    assert conversation not in chats.app.state.value.threads


async def test_creating_with_an_id_that_exists_opens_that_conversation() -> None:
    """So a component that mounts twice does not make two."""
    chats = Chats()
    assert await chats.create(id="mine", keep=False) == "mine"
    await chats.ask("mine", "Hi")
    assert await chats.create(id="mine", keep=False) == "mine"
    assert len(chats.shown("mine")) == 2
    with pytest.raises(bl.InvalidRequest, match="id='a/b'"):
        await chats.create(id="a/b")


async def test_damaged_records_are_skipped_with_a_notice_that_names_them() -> None:
    chats = Chats(["One.", "Two."])
    conversation = await chats.create()
    await chats.ask(conversation, "a")
    await chats.ask(conversation, "b")
    answer = chats.shown(conversation)[1]
    await chats.store.put("conversation/bad", b"{")
    await chats.store.put("conversation/deep", b"[" * 5000)
    await chats.store.put("conversation/moved", await chats.store.get(f"conversation/{conversation}") or b"")
    await chats.store.put(f"message/{conversation}/{answer.id}", b'{"id": 5}')
    again = await chats.again().start()
    assert list(again.app.state.value.conversations) == [conversation]
    await again.app.call(act.OpenConversation(id=conversation))
    assert [text for _, text, _ in again.texts(conversation)] == ["a", "b", "Two."]
    named = [notice.text for notice in again.app.state.value.notices]
    for key in ("conversation/bad", "conversation/deep", "conversation/moved", f"message/{conversation}/{answer.id}"):
        assert key in named[0]
    assert len(named) == 1
    # What was damaged is still there, for a later version to mend.
    assert await again.store.get("conversation/bad") == b"{"
    assert (await again.ask(conversation, "c")).status == "done"


class FullStore(MemoryStore):
    """A store without space."""

    full = False

    async def put(self, key: str, value: bytes) -> None:
        if self.full:
            raise QuotaExceeded("the storage is full")
        await super().put(key, value)


async def test_a_full_storage_is_reported_once_and_the_answer_is_not_lost() -> None:
    store = FullStore()
    chats = Chats(store=store)
    conversation = await chats.create()
    store.full = True
    answer = await chats.ask(conversation, "a")
    assert answer.status == "done"
    notices = chats.app.state.value.notices
    assert [notice.error.code if notice.error else "" for notice in notices] == ["quota_exceeded"]
    with pytest.raises(QuotaExceeded):
        await chats.create()
    assert list(chats.app.state.value.conversations) == [conversation]
    store.full = False
    await chats.ask(conversation, "b")
    again = await chats.again().start()
    await again.app.call(act.OpenConversation(id=conversation))
    assert "b" in [text for _, text, _ in again.texts(conversation)]


async def test_deleting_removes_every_record_and_stops_the_answer() -> None:
    chats = Chats([["One", HANG]])
    conversation, other = await chats.create(), await chats.create()
    await chats.send(conversation, "a")
    await chats.streaming(conversation, "One")
    await chats.app.call(act.DeleteConversation(id=conversation))
    await chats.idle(conversation)
    assert [key for key, _ in await chats.store.items()] == [f"conversation/{other}"]
    assert len(chats.backend.stopped) == 1
    assert list(chats.app.state.value.conversations) == [other]
    await chats.app.call(act.DeleteConversation(id="*"))
    assert await chats.store.items() == []
    with pytest.raises(bl.InvalidRequest, match="no conversation"):
        await chats.app.call(act.OpenConversation(id=conversation))


async def test_a_fork_copies_the_shown_messages_up_to_one() -> None:
    chats = Chats(["One.", "Two.", "Three."])
    conversation = await chats.create(settings=ConversationSettings(system="Be brief."))
    first = await chats.ask(conversation, "a")
    await chats.ask(conversation, "b")
    fork = await chats.app.call(act.ForkConversation(id=conversation, message=first.id))
    assert [text for _, text, _ in chats.texts(fork)] == ["a", "One."]
    await chats.ask(fork, "c")
    assert [message.text for message in chats.backend.requests[-1].messages] == ["Be brief.", "a", "One.", "c"]
    assert len(chats.shown(conversation)) == 4
    again = await chats.again().start()
    await again.app.call(act.OpenConversation(id=fork))
    assert [text for _, text, _ in again.texts(fork)] == ["a", "One.", "c", "Three."]


async def test_settings_that_are_not_valid_change_nothing() -> None:
    chats = Chats()
    conversation = await chats.create()
    before = chats.entry(conversation)
    for settings in (
        ConversationSettings(temperature=5),
        ConversationSettings(tools=("hammer",)),
        ConversationSettings(schema={"type": "objekt"}),
        ConversationSettings(schema={"type": "object"}, tools=("clock",)),
    ):
        with pytest.raises(bl.InvalidRequest):
            await chats.app.call(act.UpdateConversation(id=conversation, settings=settings))
        with pytest.raises(bl.InvalidRequest):
            await chats.create(settings=settings)
    assert chats.entry(conversation) == before
    assert list(chats.app.state.value.conversations) == [conversation]


async def test_a_private_conversation_stays_private() -> None:
    chats = Chats()
    private = ConversationSettings(private=True)
    conversation = await chats.create(settings=private)
    await chats.app.call(act.UpdateConversation(id=conversation, settings=ConversationSettings()))
    await chats.app.call(act.UpdateConversation(id=conversation, settings=private))
    await chats.ask(conversation, "a")
    assert chats.backend.requests[-1].private
    with pytest.raises(bl.InvalidRequest, match="is private and stays so"):
        await chats.app.call(act.UpdateConversation(id=conversation, settings=ConversationSettings()))


async def test_a_single_message_makes_a_private_conversation_stay_private() -> None:
    """Also one whose answer has not come: it was asked of a model already. Without messages it can change."""
    chats = Chats([[HANG]])
    conversation = await chats.create(settings=ConversationSettings(private=True))
    question = await chats.send(conversation, "a")
    assert chats.entry(conversation).messages == 1
    open_to_all = act.UpdateConversation(id=conversation, settings=ConversationSettings())
    with pytest.raises(bl.InvalidRequest, match="is private and stays so"):
        await chats.app.call(open_to_all)
    await chats.app.call(act.DeleteMessage(conversation=conversation, message=question))
    await chats.app.call(open_to_all)
    assert not chats.entry(conversation).settings.private
    await chats.rooms.close()


async def test_the_privacy_switch_makes_every_request_private_until_it_is_off() -> None:
    chats = Chats()
    conversation = await chats.create()
    chats.app.state.change("settings", never_leave_device=True)
    await chats.ask(conversation, "a")
    chats.app.state.change("settings", never_leave_device=False)
    await chats.ask(conversation, "b")
    assert [request.private for request in chats.backend.requests] == [True, False]
    assert [message.text for message in chats.backend.requests[-1].messages] == ["a", "Hello from the script.", "b"]


# Two tabs over one store


async def tabs(answers: Any = "Hello.") -> tuple[Chats, Chats, str]:
    """Two tabs that show the same conversation, and the conversation."""
    one = Chats(answers)
    conversation = await one.create()
    await one.ask(conversation, "a")
    two = await Chats("From two.", store=one.store).start()
    await two.app.call(act.OpenConversation(id=conversation))
    return one, two, conversation


async def test_messages_of_two_tabs_are_merged() -> None:
    one, two, conversation = await tabs()
    told: list[str] = []
    two.conversations.records.on_written.append(told.append)
    before = one.thread(conversation).messages
    await two.ask(conversation, "b")
    assert told and set(told) == {conversation}
    await one.conversations.reload(conversation)
    assert [text for _, text, _ in one.texts(conversation)] == ["a", "Hello.", "b", "From two."]
    # What did not change is the same object, so that pages draw nothing anew.
    assert all(one.thread(conversation).messages[key] is message for key, message in before.items())
    await one.ask(conversation, "c")
    assert [message.text for message in one.backend.requests[-1].messages] == ["a", "Hello.", "b", "From two.", "c"]


async def test_two_tabs_that_write_at_the_same_moment_lose_nothing() -> None:
    one = Chats(store=SlowStore())
    conversation = await one.create()
    two = await Chats(store=one.store).start()
    await asyncio.gather(
        one.app.call(act.UpdateConversation(id=conversation, title="Mine")),
        two.app.call(act.UpdateConversation(id=conversation, pinned=True)),
    )
    three = await Chats(store=one.store).start()
    assert (three.entry(conversation).title, three.entry(conversation).pinned) == ("Mine", True)


async def test_two_tabs_change_different_fields_of_a_conversation() -> None:
    one, two, conversation = await tabs()
    await one.app.call(act.UpdateConversation(id=conversation, title="Mine"))
    await two.app.call(act.UpdateConversation(id=conversation, pinned=True))
    await one.conversations.reload(conversation)
    assert (one.entry(conversation).title, one.entry(conversation).pinned) == ("Mine", True)


async def test_an_answer_in_progress_in_another_tab_is_shown_as_such() -> None:
    one, two, conversation = await tabs(["Hello.", ["One", HANG]])
    await one.send(conversation, "b")
    await one.streaming(conversation, "One")
    one.now_s += 2
    await one.conversations.records.flush()
    await two.conversations.reload(conversation, elsewhere=True)
    assert two.thread(conversation).elsewhere
    assert two.texts(conversation)[-1][2] == "submitted"
    await one.app.call(act.StopAnswer(conversation=conversation))
    await one.idle(conversation)
    await two.conversations.reload(conversation, elsewhere=False)
    assert two.texts(conversation)[-1] == ("assistant", "One", "stopped")
    assert not two.thread(conversation).elsewhere


async def test_a_reload_keeps_what_is_not_written_yet() -> None:
    chats = Chats(store=SlowStore())
    conversation = await chats.create()
    answer = await chats.ask(conversation, "a")
    better = act.EditMessage(conversation=conversation, message=answer.id, parts=(TextPart(text="Better."),))
    await asyncio.gather(chats.conversations.reload(conversation), chats.app.call(better))
    assert chats.texts(conversation)[-1] == ("assistant", "Better.", "done")


async def test_a_conversation_that_is_opened_again_at_once_has_its_newest_changes() -> None:
    """Records are written a moment after a change; the store is read only when they are."""
    chats = Chats(store=SlowStore())
    conversation = await chats.create()
    await chats.send(conversation, "a")
    await chats.until(lambda: chats.texts(conversation)[-1][2] == "done" and not chats.thread(conversation).queue)
    await chats.until(lambda: conversation not in chats.turns._work)
    await chats.app.call(act.CloseConversation(id=conversation))
    assert chats.conversations.records.pending(conversation)
    await chats.app.call(act.OpenConversation(id=conversation))
    assert chats.texts(conversation) == [("user", "a", "done"), ("assistant", "Hello from the script.", "done")]


async def test_a_tab_that_goes_away_in_the_middle_of_an_answer_leaves_it_stopped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("browserllm.app.conversations.ELSEWHERE_S", 0.01)
    one, two, conversation = await tabs(["Hello.", ["One", HANG]])
    await one.send(conversation, "b")
    await one.streaming(conversation, "One")
    await one.conversations.records.flush()
    await two.conversations.reload(conversation, elsewhere=True)
    assert two.thread(conversation).elsewhere
    # Nothing more is heard of the other tab.
    await two.until(lambda: not two.thread(conversation).elsewhere)
    assert two.texts(conversation)[-1][2] == "stopped"
    await one.rooms.close()


async def test_a_reload_does_not_touch_the_answer_of_this_tab() -> None:
    one, two, conversation = await tabs(["Hello.", ["One", HANG]])
    await one.send(conversation, "b")
    await one.streaming(conversation, "One")
    await two.app.call(act.UpdateConversation(id=conversation, title="Two"))
    await one.conversations.reload(conversation)
    assert one.texts(conversation)[-1] == ("assistant", "One", "streaming")
    assert one.entry(conversation).title == "Two"
    await one.app.call(act.StopAnswer(conversation=conversation))
    assert one.texts(conversation)[-1] == ("assistant", "One", "stopped")


@pytest.mark.parametrize("action", ["send", "send while another answers", "regenerate"])
async def test_a_reload_does_not_touch_what_waits_for_an_answer_of_this_tab(action: str) -> None:
    """A question whose model loads, and an answer whose turn has not come."""
    one, two, conversation = await tabs(["Hello.", [HANG], "Again."])
    one.app.state.put(Loading(model="tiny", phase="loading"), "loading")
    if action.startswith("send"):
        await one.conversations.reload(conversation, elsewhere=action != "send")
        await one.send(conversation, "b")
        await one.until(lambda: len(one.backend.requests) == 2)
        waiting = ("user", "b", "queued")
    else:
        regenerate = act.Regenerate(conversation=conversation)
        await asyncio.gather(one.app.call(regenerate), one.app.call(regenerate))
        waiting = ("assistant", "", "submitted")
    await one.conversations.records.flush()
    before = one.thread(conversation)
    assert waiting in one.texts(conversation)
    await two.app.call(act.UpdateConversation(id=conversation, title="Two"))
    await one.conversations.reload(conversation)
    assert (one.thread(conversation).messages, one.thread(conversation).path) == (before.messages, before.path)
    drafts = await one.app.call(act.StopAnswer(conversation=conversation))
    assert len(drafts) == (action != "regenerate")
    await one.idle(conversation)
    assert one.texts(conversation) == [("user", "a", "done"), ("assistant", "Hello.", "done")]


async def test_a_question_keeps_its_state_while_another_tab_answers() -> None:
    """In the store it is still queued, though its model is loaded by now."""
    one, _, conversation = await tabs(["Hello.", [HANG]])
    await one.conversations.reload(conversation, elsewhere=True)
    await one.send(conversation, "b")
    await one.until(lambda: len(one.backend.requests) == 2)
    await one.conversations.records.flush()
    assert one.texts(conversation)[-2] == ("user", "b", "submitted")
    await one.conversations.reload(conversation, elsewhere=True)
    assert one.texts(conversation)[-2] == ("user", "b", "submitted")
    await one.rooms.close()


async def test_two_tabs_that_answer_at_once_show_the_end_of_each_others_answers() -> None:
    """While this tab answers, it keeps its own answer, and reads the other tab's again."""
    one, two, conversation = await tabs(["Hello.", ["One", HANG]])
    await one.send(conversation, "b")
    await one.streaming(conversation, "One")
    one.now_s += 2
    await one.conversations.records.flush()
    two.backend = bl.ScriptedBackend([["Two", HANG]])
    await two.conversations.reload(conversation, elsewhere=True)
    await two.send(conversation, "c")
    await two.streaming(conversation, "Two")
    await one.app.call(act.StopAnswer(conversation=conversation))
    await one.idle(conversation)
    await two.conversations.reload(conversation, elsewhere=False)
    said = [
        ("".join(part.text for part in each.parts if isinstance(part, TextPart)), each.status)
        for each in two.thread(conversation).messages.values()
        if each.role == "assistant"
    ]
    assert sorted(said) == [("Hello.", "done"), ("One", "stopped"), ("Two", "streaming")]
    await two.app.call(act.StopAnswer(conversation=conversation))
    await two.rooms.close()


async def test_a_conversation_deleted_in_another_tab_is_gone_here_and_stays_gone() -> None:
    one, two, conversation = await tabs(["Hello.", ["One", HANG]])
    await one.send(conversation, "b")
    await one.streaming(conversation, "One")
    await two.app.call(act.DeleteConversation(id=conversation))
    # This tab does not know yet, and writes its answer.
    await one.app.call(act.StopAnswer(conversation=conversation))
    await one.idle(conversation)
    assert await one.store.items() == []
    await one.conversations.reload(conversation)
    assert one.app.state.value.conversations == {}
    assert one.app.state.value.threads == {}


async def test_a_conversation_created_in_another_tab_appears() -> None:
    one, two, _ = await tabs()
    created = await two.create(title="New")
    await one.conversations.reload(created)
    assert one.app.state.value.conversations[created].title == "New"
    await one.app.call(act.OpenConversation(id=created))


async def test_records_are_what_the_state_has() -> None:
    """Another version of the app can read them: plain JSON in the names of the state."""
    chats = Chats("Hello.")
    conversation = await chats.create()
    await chats.ask(conversation, "a")
    record = msgspec.json.decode((await chats.store.items("conversation/"))[0][1])
    assert record["version"] == 1
    assert record["conversation"]["updatedAt"] == chats.entry(conversation).updated_at
    kept = [msgspec.json.decode(value) for _, value in await chats.store.items("message/")]
    assert {message["role"] for message in kept} == {"user", "assistant"}
    assert TextPart(text="Hello.") in chats.shown(conversation)[1].parts
    await asyncio.sleep(0)
