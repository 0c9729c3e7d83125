"""Whatever users do, in whatever order: the tree stays whole, and the store has what the state has."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress

import pytest

import browserllm as bl
from browserllm.app import actions as act
from browserllm.app.app import Action
from browserllm.app.messages import IN_PROGRESS
from browserllm.app.state import TextPart
from browserllm.errors import DeviceLost
from unit.app.chats import Chats
from unit.app.test_threads import check


def parts(text: str) -> tuple[TextPart, ...]:
    return (TextPart(text=text),)


def an_action(chance: random.Random, chats: Chats, conversation: str, number: int) -> Action:
    """Return anything that a page may send, also for messages that are gone."""
    thread = chats.conversations.thread(conversation)
    messages = [*([] if thread is None else thread.messages), "gone"]
    message = chance.choice(messages[-6:])
    text = parts(f"message {number}")
    made: list[Action] = [
        act.SendMessage(conversation=conversation, parts=text),
        act.SendMessage(conversation=conversation, parts=text),
        act.StopAnswer(conversation=conversation),
        act.Regenerate(conversation=conversation, message=chance.choice([None, message])),
        act.ContinueAnswer(conversation=conversation),
        act.EditMessage(conversation=conversation, message=message, parts=text),
        act.DeleteMessage(conversation=conversation, message=message),
        act.SelectBranch(conversation=conversation, message=message),
        act.CloseConversation(id=conversation),
        act.OpenConversation(id=conversation),
        act.UpdateConversation(id=conversation, pinned=chance.random() < 0.5),
        act.ForkConversation(id=conversation, message=chance.choice([None, message])),
        act.SearchConversations(text="message"),
        act.ExportConversations(id=conversation),
    ]
    return chance.choice(made)


@pytest.mark.parametrize("seed", range(60))
async def test_any_sequence_of_actions_leaves_a_whole_conversation(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311
    clock = bl.testing.Clock()
    scripts = [
        ["One ", bl.testing.Wait(1), "two."],
        ["Three."],
        [bl.testing.Wait(1), "Four."],
        ["Five", DeviceLost("the GPU went away")],
        [],
    ]
    answers = [chance.choice(scripts) for _ in range(60)]
    chats = Chats(backend=bl.ScriptedBackend(answers, clock=clock))
    conversation = await chats.create()
    other = await Chats("From elsewhere.", store=chats.store).start()
    for number in range(40):
        chats.now_s += 0.6
        with suppress(bl.InvalidRequest):
            await chats.app.call(an_action(chance, chats, conversation, number))
        if chance.random() < 0.3:
            clock.advance(1)
        if chance.random() < 0.1:
            await chats.conversations.reload(conversation)
        for _ in range(chance.randrange(40)):
            await asyncio.sleep(0)
        if (thread := chats.conversations.thread(conversation)) is not None:
            check(thread)
            active = {each.id for each in thread.messages.values() if each.status in IN_PROGRESS}
            assert set(thread.queue) <= active
    while conversation in chats.turns._work:
        clock.advance(1)
        await asyncio.sleep(0)
        await chats.app.call(act.StopAnswer(conversation=conversation))
    await chats.idle(conversation)
    await chats.app.call(act.OpenConversation(id=conversation))
    thread = chats.thread(conversation)
    check(thread)
    assert not [each for each in thread.messages.values() if each.status in IN_PROGRESS]
    assert (thread.status in ("ready", "error"), thread.answering, thread.queue) == (True, None, ())
    await other.conversations.reload(conversation)
    await other.app.call(act.OpenConversation(id=conversation))
    assert other.thread(conversation).messages == thread.messages
    assert other.thread(conversation).path == thread.path
    assert other.entry(conversation) == chats.entry(conversation)
