"""Turns: sending, the queue, stop, continue, edit, regenerate, branches."""

from __future__ import annotations

import asyncio

import pytest

import browserllm as bl
from browserllm.app import actions as act
from browserllm.app.state import ConversationSettings, Loading, ReasoningPart, TextPart
from browserllm.errors import DeviceLost
from browserllm.stores.memory import MemoryStore
from browserllm.testing import HANG
from browserllm.types import ReasoningDelta
from unit.app.chats import Chats, SlowStore


async def test_a_message_is_answered_and_the_answer_says_who_gave_it() -> None:
    chats = Chats("Hello there.")
    conversation = await chats.create()
    answer = await chats.ask(conversation, "Hi")
    assert chats.texts(conversation) == [("user", "Hi", "done"), ("assistant", "Hello there.", "done")]
    assert answer.answer is not None
    assert (answer.answer.where, answer.answer.backend, answer.answer.model) == ("local", "scripted", "scripted")
    assert answer.answer.completion_tokens == 2
    assert answer.answer.finish_reason == "stop"
    thread = chats.thread(conversation)
    assert (thread.status, thread.answering, thread.queue) == ("ready", None, ())
    assert thread.context_tokens == answer.answer.context_tokens
    assert thread.context_tokens


async def test_the_next_message_carries_the_conversation() -> None:
    chats = Chats(["One.", "Two."])
    conversation = await chats.create(settings=ConversationSettings(system="Be brief.", temperature=0.5, seed=7))
    await chats.ask(conversation, "First")
    await chats.ask(conversation, "Second")
    request = chats.backend.requests[-1]
    assert [(message.role, message.text) for message in request.messages] == [
        ("system", "Be brief."),
        ("user", "First"),
        ("assistant", "One."),
        ("user", "Second"),
    ]
    assert (request.temperature, request.seed) == (0.5, 7)


async def test_messages_sent_while_an_answer_goes_on_are_queued_and_answered_in_order() -> None:
    clock = bl.testing.Clock()
    slow = bl.ScriptedBackend([["One", bl.testing.Wait(1)], "Two", "Three"], clock=clock)
    chats = Chats(backend=slow)
    conversation = await chats.create()
    await chats.send(conversation, "a")
    await chats.streaming(conversation, "One")
    second = await chats.send(conversation, "b")
    third = await chats.send(conversation, "c")
    assert chats.thread(conversation).queue == (second, third)
    assert [text for _, text, _ in chats.texts(conversation)] == ["a", "One", "b", "c"]
    assert [status for _, _, status in chats.texts(conversation)] == ["done", "streaming", "queued", "queued"]
    clock.advance(1)
    await chats.idle(conversation)
    assert [text for _, text, _ in chats.texts(conversation)] == ["a", "One", "b", "Two", "c", "Three"]
    assert {status for _, _, status in chats.texts(conversation)} == {"done"}
    assert chats.thread(conversation).queue == ()


async def test_stop_keeps_the_text_and_returns_the_queued_messages_as_drafts() -> None:
    chats = Chats([["One two", HANG], "Next."])
    conversation = await chats.create()
    await chats.send(conversation, "a")
    await chats.streaming(conversation, "One two")
    await chats.send(conversation, "b")
    await chats.send(conversation, "c")
    drafts = await chats.app.call(act.StopAnswer(conversation=conversation))
    assert [draft.parts for draft in drafts] == [(TextPart(text="b"),), (TextPart(text="c"),)]
    await chats.idle(conversation)
    assert chats.texts(conversation) == [("user", "a", "done"), ("assistant", "One two", "stopped")]
    assert len(chats.backend.stopped) == 1
    # The conversation goes on, with the text of the stopped answer.
    await chats.ask(conversation, "d")
    assert [message.text for message in chats.backend.requests[-1].messages] == ["a", "One two", "d"]


async def test_a_message_that_waits_for_the_model_is_a_draft_again_after_stop() -> None:
    chats = Chats([[HANG]])
    conversation = await chats.create()
    chats.app.state.put(Loading(model="tiny", phase="loading"), "loading")
    await chats.send(conversation, "a")
    await chats.until(lambda: chats.backend.requests)
    assert chats.texts(conversation)[0] == ("user", "a", "queued")
    assert chats.thread(conversation).status == "submitted"
    drafts = await chats.app.call(act.StopAnswer(conversation=conversation))
    assert [draft.parts for draft in drafts] == [(TextPart(text="a"),)]
    await chats.idle(conversation)
    assert chats.shown(conversation) == []
    assert chats.thread(conversation).status == "ready"
    assert await chats.store.items("message/") == []


async def test_a_failure_is_in_the_message_and_the_conversation_goes_on() -> None:
    chats = Chats([["Half an", DeviceLost("the GPU went away")], "Fine."])
    conversation = await chats.create()
    answer = await chats.ask(conversation, "a")
    assert answer.status == "error"
    assert answer.error is not None and answer.error.code == "device_lost"
    assert answer.parts == (TextPart(text="Half an"),)
    assert chats.thread(conversation).status == "error"
    assert (await chats.ask(conversation, "b")).status == "done"
    assert chats.thread(conversation).status == "ready"
    assert chats.thread(conversation).error is None


async def test_regenerating_makes_a_branch_that_can_be_switched() -> None:
    chats = Chats(["One.", "Two."])
    conversation = await chats.create()
    first = await chats.ask(conversation, "a")
    again = await chats.app.call(act.Regenerate(conversation=conversation))
    await chats.idle(conversation)
    assert chats.texts(conversation)[-1] == ("assistant", "Two.", "done")
    assert chats.thread(conversation).children[first.parent or ""] == (first.id, again)
    assert [message.text for message in chats.backend.requests[-1].messages] == ["a"]
    await chats.app.call(act.SelectBranch(conversation=conversation, message=first.id))
    assert chats.texts(conversation)[-1] == ("assistant", "One.", "done")
    await chats.ask(conversation, "b")
    assert [message.text for message in chats.backend.requests[-1].messages] == ["a", "One.", "b"]


async def test_a_branch_that_is_stopped_at_once_leaves_nothing() -> None:
    chats = Chats(["One.", [HANG]])
    conversation = await chats.create()
    first = await chats.ask(conversation, "a")
    await chats.app.call(act.Regenerate(conversation=conversation))
    await chats.until(lambda: len(chats.backend.requests) == 2)
    assert await chats.app.call(act.StopAnswer(conversation=conversation)) == []
    await chats.idle(conversation)
    assert chats.shown(conversation)[-1].id == first.id
    assert len(chats.thread(conversation).messages) == 2


async def test_an_edited_message_is_answered_on_a_branch_of_its_own() -> None:
    chats = Chats(["One.", "Two."])
    conversation = await chats.create()
    await chats.ask(conversation, "a")
    question = chats.shown(conversation)[0]
    new = await chats.app.call(
        act.EditMessage(conversation=conversation, message=question.id, parts=(TextPart(text="b"),))
    )
    await chats.idle(conversation)
    assert chats.thread(conversation).children[""] == (question.id, new)
    assert [text for _, text, _ in chats.texts(conversation)] == ["b", "Two."]


async def test_an_edited_answer_is_what_the_model_said() -> None:
    chats = Chats(["One.", "Two."])
    conversation = await chats.create()
    answer = await chats.ask(conversation, "a")
    await chats.app.call(
        act.EditMessage(conversation=conversation, message=answer.id, parts=(TextPart(text="Better."),))
    )
    assert len(chats.backend.requests) == 1
    await chats.ask(conversation, "b")
    assert [message.text for message in chats.backend.requests[-1].messages] == ["a", "Better.", "b"]


async def test_an_answer_in_progress_is_stopped_when_its_question_is_edited() -> None:
    chats = Chats([["One two", HANG], "Two."])
    conversation = await chats.create()
    await chats.send(conversation, "a")
    await chats.streaming(conversation)
    question = chats.shown(conversation)[0]
    await chats.app.call(act.EditMessage(conversation=conversation, message=question.id, parts=(TextPart(text="b"),)))
    await chats.idle(conversation)
    assert [text for _, text, _ in chats.texts(conversation)] == ["b", "Two."]
    await chats.app.call(act.SelectBranch(conversation=conversation, message=question.id))
    assert chats.texts(conversation)[-1] == ("assistant", "One two", "stopped")


async def test_continue_goes_on_with_the_text_that_is_there() -> None:
    chats = Chats([["The cat sat ", "on the", HANG], ["on ", "the mat", "."]])
    conversation = await chats.create()
    await chats.send(conversation, "a")
    await chats.streaming(conversation, "on the")
    await chats.app.call(act.StopAnswer(conversation=conversation))
    before = chats.shown(conversation)[-1]
    await chats.app.call(act.ContinueAnswer(conversation=conversation))
    await chats.idle(conversation)
    assert chats.texts(conversation) == [("user", "a", "done"), ("assistant", "The cat sat on the mat.", "done")]
    after = chats.shown(conversation)[-1]
    assert after.id == before.id
    assert after.answer is not None and after.answer.completion_tokens == 5
    messages = chats.backend.requests[-1].messages
    assert [message.role for message in messages] == ["user", "assistant", "user"]
    # The instruction is not part of the conversation.
    chats.backend._script._answers = ["Yes."]
    await chats.ask(conversation, "b")
    assert [message.text for message in chats.backend.requests[-1].messages] == ["a", "The cat sat on the mat.", "b"]


async def test_an_answer_that_ended_in_a_thought_is_answered_again() -> None:
    """No model can go on with it; what it thought stays on its branch."""
    chats = Chats([[ReasoningDelta(reasoning="Hm."), HANG], "One.", [HANG], "Two."])
    conversation = await chats.create()
    await chats.send(conversation, "a")
    await chats.until(lambda: chats.shown(conversation)[-1].parts == (ReasoningPart(text="Hm.", state="streaming"),))
    await chats.app.call(act.StopAnswer(conversation=conversation))
    thought = chats.shown(conversation)[-1]
    assert thought.parts == (ReasoningPart(text="Hm."),)
    await chats.app.call(act.ContinueAnswer(conversation=conversation))
    await chats.idle(conversation)
    assert chats.texts(conversation)[-1] == ("assistant", "One.", "done")
    assert chats.thread(conversation).messages[thought.id] == thought
    # An answer that had not begun is given in its place.
    await chats.send(conversation, "b")
    await chats.until(lambda: len(chats.backend.requests) == 3)
    await chats.app.call(act.StopAnswer(conversation=conversation))
    empty = chats.shown(conversation)[-1]
    assert (empty.parts, empty.status) == ((), "stopped")
    await chats.app.call(act.ContinueAnswer(conversation=conversation))
    await chats.idle(conversation)
    assert chats.shown(conversation)[-1].id == empty.id
    assert chats.texts(conversation)[-1] == ("assistant", "Two.", "done")


async def test_a_continuation_that_fails_keeps_the_text() -> None:
    chats = Chats([["One two", HANG], [DeviceLost("the GPU went away")], ["three", "."]])
    conversation = await chats.create()
    await chats.send(conversation, "a")
    await chats.streaming(conversation, "One two")
    await chats.app.call(act.StopAnswer(conversation=conversation))
    await chats.app.call(act.ContinueAnswer(conversation=conversation))
    await chats.idle(conversation)
    assert chats.texts(conversation)[-1] == ("assistant", "One two", "error")
    await chats.app.call(act.ContinueAnswer(conversation=conversation))
    await chats.idle(conversation)
    assert chats.texts(conversation)[-1] == ("assistant", "One two three.", "done")
    assert chats.shown(conversation)[-1].error is None


async def test_deleting_a_message_takes_what_follows() -> None:
    chats = Chats(["One.", "Two."])
    conversation = await chats.create()
    first = await chats.ask(conversation, "a")
    await chats.ask(conversation, "b")
    await chats.app.call(act.DeleteMessage(conversation=conversation, message=chats.shown(conversation)[2].id))
    assert chats.shown(conversation)[-1].id == first.id
    await chats.conversations.records.flush()
    assert len(await chats.store.items("message/")) == 2


async def test_deleting_the_question_stops_its_answer() -> None:
    chats = Chats([["One", HANG]])
    conversation = await chats.create()
    await chats.send(conversation, "a")
    await chats.streaming(conversation, "One")
    await chats.app.call(act.DeleteMessage(conversation=conversation, message=chats.shown(conversation)[0].id))
    await chats.idle(conversation)
    assert chats.thread(conversation).messages == {}
    assert chats.thread(conversation).status == "ready"
    assert len(chats.backend.stopped) == 1
    assert await chats.store.items("message/") == []


async def test_thoughts_are_shown_apart_from_the_answer() -> None:
    chats = Chats([[ReasoningDelta(reasoning="Let me "), ReasoningDelta(reasoning="think."), "Yes", "."]])
    conversation = await chats.create()
    answer = await chats.ask(conversation, "a")
    assert answer.parts == (ReasoningPart(text="Let me think."), TextPart(text="Yes."))


async def test_two_conversations_answer_at_the_same_time() -> None:
    chats = Chats([["One", HANG], "Two."])
    first, second = await chats.create(), await chats.create()
    await chats.send(first, "a")
    await chats.streaming(first, "One")
    await chats.ask(second, "b")
    assert chats.texts(second)[-1] == ("assistant", "Two.", "done")
    assert chats.texts(first)[-1] == ("assistant", "One", "streaming")
    await chats.app.close()


async def test_an_answer_goes_on_when_its_conversation_is_closed() -> None:
    clock = bl.testing.Clock()
    chats = Chats(backend=bl.ScriptedBackend([["One ", bl.testing.Wait(1), "two."]], clock=clock))
    conversation = await chats.create()
    await chats.send(conversation, "a")
    await chats.streaming(conversation, "One")
    await chats.app.call(act.CloseConversation(id=conversation))
    assert conversation not in chats.app.state.value.threads
    clock.advance(1)
    await chats.idle(conversation)
    assert chats.conversations.thread(conversation) is None
    await chats.app.call(act.OpenConversation(id=conversation))
    assert chats.texts(conversation)[-1] == ("assistant", "One two.", "done")


async def test_a_partial_answer_outlives_the_page() -> None:
    """It is written about once a second; after a reload it is there, as stopped."""
    clock = bl.testing.Clock()
    backend = bl.ScriptedBackend([["One ", bl.testing.Wait(1), "two ", bl.testing.Wait(1), "three"]], clock=clock)
    chats = Chats(backend=backend)
    conversation = await chats.create()
    await chats.send(conversation, "a")
    await chats.streaming(conversation, "One")
    chats.now_s += 2
    clock.advance(1)
    await chats.streaming(conversation, "two")
    await chats.conversations.records.flush()
    again = await chats.again().start()
    await again.app.call(act.OpenConversation(id=conversation))
    assert again.texts(conversation) == [("user", "a", "done"), ("assistant", "One two ", "stopped")]
    assert again.thread(conversation).answering is None
    await chats.app.close()


@pytest.mark.parametrize("clock_jumps_s", [0, -3600])
async def test_the_last_words_before_a_silence_outlive_the_page(
    monkeypatch: pytest.MonkeyPatch, clock_jumps_s: float
) -> None:
    """A model that says nothing more, or a wrong time of day, keeps them from being written no longer than usual."""
    monkeypatch.setattr("browserllm.app.turn.SAVE_EVERY_MS", 1)
    chats = Chats([["One two", HANG]])
    conversation = await chats.create()
    await chats.send(conversation, "a")
    chats.now_s += clock_jumps_s
    await chats.streaming(conversation, "One two")
    await chats.until(lambda: any(b"One two" in value for value in chats.store._values.values()))
    again = await chats.again().start()
    await again.app.call(act.OpenConversation(id=conversation))
    assert again.texts(conversation) == [("user", "a", "done"), ("assistant", "One two", "stopped")]
    await chats.app.close()


async def test_closing_the_app_in_the_middle_of_a_turn_writes_what_has_arrived() -> None:
    chats = Chats([["One two", HANG]], store=SlowStore())
    conversation = await chats.create()
    await chats.send(conversation, "a")
    await chats.streaming(conversation, "One two")
    await chats.app.close()
    assert b"One two" in b"".join(value for _, value in sorted(chats.store._values.items()))
    again = await chats.again().start()
    await again.app.call(act.OpenConversation(id=conversation))
    assert again.texts(conversation)[-1] == ("assistant", "One two", "stopped")


class DeadStore(MemoryStore):
    """A store that stops answering."""

    dead = False

    async def put(self, key: str, value: bytes) -> None:
        if self.dead:
            await asyncio.get_running_loop().create_future()
        await super().put(key, value)


async def test_a_store_that_does_not_answer_does_not_keep_the_app_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("browserllm.app.conversations.CLOSE_GRACE_S", 0.01)
    store = DeadStore()
    chats = Chats([["One two", HANG]], store=store)
    conversation = await chats.create()
    await chats.send(conversation, "a")
    await chats.streaming(conversation, "One two")
    await chats.conversations.records.flush()
    store.dead = True
    await chats.rooms.close()
    await chats.app.close()
    assert chats.texts(conversation)[-1] == ("assistant", "One two", "stopped")


async def test_queued_messages_outlive_the_page_in_their_place() -> None:
    chats = Chats([["One", HANG]])
    conversation = await chats.create()
    await chats.send(conversation, "a")
    await chats.send(conversation, "b")
    await chats.send(conversation, "c")
    await chats.streaming(conversation, "One")
    await chats.app.close()
    again = await chats.again().start()
    await again.app.call(act.OpenConversation(id=conversation))
    assert [text for _, text, _ in again.texts(conversation)] == ["a", "One", "b", "c"]
    assert [status for _, _, status in again.texts(conversation)] == ["done", "stopped", "stopped", "stopped"]
    # The last one can be answered.
    await again.app.call(act.Regenerate(conversation=conversation))
    await again.idle(conversation)
    assert again.texts(conversation)[-1] == ("assistant", "Hello again.", "done")
    assert [message.text for message in again.backend.requests[0].messages] == ["a", "One", "b\n\nc"]


async def test_what_is_not_valid_is_refused_and_adds_nothing() -> None:
    chats = Chats()
    conversation = await chats.create()
    for nothing in ("  \n", "\u200b", "\ufeff \u2060\u00ad", "\u2800\u3164", "\x00\x7f", "\U000e0041\ufe0f"):
        with pytest.raises(bl.InvalidRequest, match="no character that can be seen"):
            await chats.send(conversation, nothing)
    with pytest.raises(bl.InvalidRequest, match="no conversation 'gone'"):
        await chats.send("gone", "a")
    with pytest.raises(bl.InvalidRequest, match="no message 'gone'"):
        await chats.app.call(act.DeleteMessage(conversation=conversation, message="gone"))
    for action in (act.Regenerate(conversation=conversation), act.ContinueAnswer(conversation=conversation)):
        with pytest.raises(bl.InvalidRequest):
            await chats.app.call(action)
    assert chats.shown(conversation) == []
    await asyncio.sleep(0)
