"""Requests without a conversation."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import browserllm as bl
from browserllm.app import actions as act
from browserllm.app.actions import GenerateEvent, PlainMessage
from browserllm.app.state import ConversationSettings, FilePart, TextPart
from browserllm.backends.router.router import Router
from browserllm.errors import DeviceLost
from browserllm.testing import HANG
from browserllm.types import ReasoningDelta, ToolCallPart
from unit.app.chats import Chats


def said(text: str, role: Any = "user") -> PlainMessage:
    return PlainMessage(role=role, parts=(TextPart(text=text),))


async def generate(chats: Chats, *messages: PlainMessage, **settings: Any) -> tuple[Any, list[GenerateEvent]]:
    events: list[GenerateEvent] = []
    action = act.Generate(messages=messages, settings=ConversationSettings(**settings))
    return await chats.app.call(action, events.append), events


async def test_a_text_comes_as_events_and_as_a_whole() -> None:
    chats = Chats([[ReasoningDelta(reasoning="Hm."), "Hello ", "there."]])
    made, events = await generate(chats, said("Be brief.", "system"), said("Hi"), said("Yes?", "assistant"), said("Go"))
    assert [(event.type, event.text) for event in events] == [
        ("start", ""),
        ("reasoning", "Hm."),
        ("text", "Hello "),
        ("text", "there."),
    ]
    assert (made.text, made.reasoning, made.value) == ("Hello there.", "Hm.", None)
    assert made.answer.backend == "scripted"
    assert [message.role for message in chats.backend.requests[0].messages] == ["system", "user", "assistant", "user"]
    assert chats.app.state.value.conversations == {}
    assert await chats.store.items() == []


async def test_the_halves_of_a_character_are_joined() -> None:
    """Each event can be written as JSON; half a character at the end is replaced."""
    chats = Chats(
        [[ReasoningDelta(reasoning="\ud83d"), ReasoningDelta(reasoning="\ude00"), "a\ud83d", "\ude00b\ud83d"]]
    )
    made, events = await generate(chats, said("Go"))
    assert [(event.type, event.text) for event in events[1:]] == [
        ("reasoning", "\U0001f600"),
        ("text", "a"),
        ("text", "\U0001f600b"),
        ("text", "\ufffd"),
    ]
    assert (made.text, made.reasoning) == ("a\U0001f600b\ufffd", "\U0001f600")


async def test_an_object_comes_as_values() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
    chats = Chats([['{"a"', ": 1", "2}"]])
    made, events = await generate(chats, said("Go"), schema=schema)
    assert made.value == {"a": 12}
    assert events[0].type == "start"
    assert events[-1] == GenerateEvent(type="object", value={"a": 12})


async def test_cancelling_the_call_stops_the_backend() -> None:
    chats = Chats([["Hello", HANG]])
    events: list[GenerateEvent] = []
    task = asyncio.create_task(chats.app.call(act.Generate(messages=(said("Go"),)), events.append))
    await chats.until(lambda: len(events) == 2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(chats.backend.stopped) == 1


async def test_tools_run_but_those_that_need_an_approval_do_not() -> None:
    chats = Chats([[ToolCallPart("c", "web_fetch", '{"url": "https://example.com/"}')], "Well."])
    made, _ = await generate(chats, said("Look"), tools=("web_fetch",))
    assert made.text == "Well."
    assert "only a conversation" in str(chats.backend.requests[-1].messages[-1].parts)


async def test_a_restart_is_an_event() -> None:
    broken = bl.ScriptedBackend([["Half", DeviceLost("gone")]], name="broken")
    chats = Chats(backend=Router([broken, bl.ScriptedBackend("Whole.")], on_interrupted="restart"))
    made, events = await generate(chats, said("Go"))
    assert [event.type for event in events] == ["start", "text", "restart", "text"]
    assert made.text == "Whole."


async def test_the_privacy_switch_holds_here_too() -> None:
    chats = Chats()
    chats.app.state.change("settings", never_leave_device=True)
    await generate(chats, said("Go"))
    assert chats.backend.requests[0].private


@pytest.mark.parametrize(
    "messages",
    [
        (),
        (said("Hi"), said("Yes", "assistant")),
        (said(" "),),
        (said("a", "system"),),
        (PlainMessage(role="user", parts=(FilePart(media_type="application/zip", filename="a.zip"),)),),
        (said("b", "assistant"), said("a")),
    ],
)
async def test_messages_that_are_not_valid_are_refused(messages: tuple[PlainMessage, ...]) -> None:
    chats = Chats()
    with pytest.raises(bl.InvalidRequest):
        await generate(chats, *messages)
    assert chats.backend.requests == []
