"""Stopping and deleting: what is sent at the same time is neither lost nor left without an end."""

from __future__ import annotations

import asyncio
from typing import Any

import browserllm as bl
from browserllm.app import actions as act
from browserllm.app.state import Loading, TextPart
from browserllm.backends.base import Middleware
from browserllm.testing import HANG
from unit.app.chats import Chats


class Reluctant(Middleware):
    """A backend that gives up only when the test lets it, as an engine in the middle of a step does."""

    identity = Middleware.identity

    def __init__(self, answers: Any) -> None:
        super().__init__(bl.ScriptedBackend(answers))
        self.asked = 0
        self.gives_up = asyncio.Event()

    async def generate(self, request: Any, draft: Any) -> Any:
        self.asked += 1
        try:
            async for delta in self.backend.generate(request, draft):
                yield delta
        except asyncio.CancelledError:
            await self.gives_up.wait()
            raise


async def _send_during(chats: Chats, backend: Reluctant, conversation: str, action: Any) -> Any:
    """Send “b” while an action waits for the engine to give up; returns what the action returned."""
    going = asyncio.create_task(chats.app.call(action))
    for _ in range(20):
        await asyncio.sleep(0)
    await chats.send(conversation, "b")
    assert not going.done()
    backend.gives_up.set()
    result = await going
    chats.app.state.put(None, "loading")
    await chats.idle(conversation)
    return result


async def test_what_is_sent_while_a_message_becomes_a_draft_again_is_answered() -> None:
    backend = Reluctant([[HANG], "For b."])
    chats = Chats(backend=backend)
    conversation = await chats.create()
    chats.app.state.put(Loading(model="tiny", phase="loading"), "loading")
    await chats.send(conversation, "a")
    await chats.until(lambda: backend.asked)
    drafts = await _send_during(chats, backend, conversation, act.StopAnswer(conversation=conversation))
    assert [draft.parts for draft in drafts] == [(TextPart(text="a"),)]
    expected = [("user", "b", "done"), ("assistant", "For b.", "done")]
    assert chats.texts(conversation) == expected
    again = await chats.again().start()
    await again.app.call(act.OpenConversation(id=conversation))
    assert again.texts(conversation) == expected


async def test_what_is_sent_while_the_question_is_deleted_is_answered() -> None:
    backend = Reluctant([["One", HANG], "For b."])
    chats = Chats(backend=backend)
    conversation = await chats.create()
    question = await chats.send(conversation, "a")
    await chats.streaming(conversation, "One")
    delete = act.DeleteMessage(conversation=conversation, message=question)
    await _send_during(chats, backend, conversation, delete)
    expected = [("user", "b", "done"), ("assistant", "For b.", "done")]
    assert chats.texts(conversation) == expected
    again = await chats.again().start()
    await again.app.call(act.OpenConversation(id=conversation))
    assert again.texts(conversation) == expected


async def test_what_is_sent_while_an_empty_branch_is_stopped_is_answered() -> None:
    backend = Reluctant(["One.", [HANG], "For b."])
    chats = Chats(backend=backend)
    conversation = await chats.create()
    await chats.ask(conversation, "a")
    await chats.app.call(act.Regenerate(conversation=conversation))
    await chats.until(lambda: backend.asked == 2)
    await _send_during(chats, backend, conversation, act.StopAnswer(conversation=conversation))
    assert chats.texts(conversation)[-2:] == [("user", "b", "done"), ("assistant", "For b.", "done")]


async def test_stopping_a_repeated_answer_while_a_model_loads_keeps_the_answer_before_it() -> None:
    chats = Chats(["One.", [HANG]])
    conversation = await chats.create()
    await chats.ask(conversation, "a")
    chats.app.state.put(Loading(model="tiny", phase="loading"), "loading")
    await chats.app.call(act.Regenerate(conversation=conversation))
    await chats.until(lambda: len(chats.backend.requests) == 2)
    assert await chats.app.call(act.StopAnswer(conversation=conversation)) == []
    await chats.idle(conversation)
    assert chats.texts(conversation) == [("user", "a", "done"), ("assistant", "One.", "done")]


async def test_deleting_the_answer_in_progress_leaves_its_question_done() -> None:
    chats = Chats([["One", HANG]])
    conversation = await chats.create()
    await chats.send(conversation, "a")
    await chats.streaming(conversation, "One")
    answer = chats.shown(conversation)[-1].id
    await chats.app.call(act.DeleteMessage(conversation=conversation, message=answer))
    await chats.idle(conversation)
    assert chats.texts(conversation) == [("user", "a", "done")]
    again = await chats.again().start()
    await again.app.call(act.OpenConversation(id=conversation))
    assert again.texts(conversation) == [("user", "a", "done")]


async def test_answers_that_wait_for_their_turn_end_with_a_stop() -> None:
    chats = Chats([["One", HANG], "Two.", "Three."])
    conversation = await chats.create()
    await chats.send(conversation, "a")
    await chats.streaming(conversation, "One")
    regenerate = act.Regenerate(conversation=conversation)
    await asyncio.gather(chats.app.call(regenerate), chats.app.call(regenerate))
    await chats.app.call(act.StopAnswer(conversation=conversation))
    await chats.idle(conversation)
    assert chats.texts(conversation) == [("user", "a", "done"), ("assistant", "One", "stopped")]
    assert len(chats.thread(conversation).messages) == 2


async def test_the_only_answer_that_waits_for_its_turn_is_stopped() -> None:
    chats = Chats(["One."])
    conversation = await chats.create()
    answer = await chats.ask(conversation, "a")
    await chats.app.call(act.DeleteMessage(conversation=conversation, message=answer.id))
    await asyncio.gather(
        chats.app.call(act.Regenerate(conversation=conversation)),
        chats.app.call(act.StopAnswer(conversation=conversation)),
    )
    await chats.idle(conversation)
    assert chats.texts(conversation) == [("user", "a", "done"), ("assistant", "", "stopped")]
