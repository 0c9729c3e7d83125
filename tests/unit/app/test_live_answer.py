"""An answer while it streams: shown once a frame, and parts that did not change stay the same objects."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from browserllm.app.live_answer import LiveAnswer, arguments_of
from browserllm.app.live_state import LiveState
from browserllm.app.patches import Patch, diff
from browserllm.app.state import AppState, ChatMessage, MessagePart, ReasoningPart, TextPart, Thread, ToolPart
from browserllm.types import ChatRestart, ChatStart, Hop, ReasoningDelta, TextDelta, ToolCallDelta, ToolCallPart

START = ChatStart(request_id="r", backend="b")


def answer(*chunks: object) -> tuple[LiveAnswer, list[tuple[MessagePart, ...]]]:
    shown: list[tuple[MessagePart, ...]] = []
    live = LiveAnswer(shown.append)
    for chunk in chunks:
        live.feed(chunk)  # type: ignore[arg-type]
    return live, shown


async def test_many_chunks_are_shown_once() -> None:
    live, shown = answer(START, *[TextDelta(text="a ") for _ in range(100)])
    assert shown == []
    await asyncio.sleep(0.05)
    assert shown == [(TextPart(text="a " * 100, state="streaming"),)]
    assert live.end() == (TextPart(text="a " * 100),)


async def test_parts_that_do_not_change_stay_the_same_objects() -> None:
    live, _ = answer(START, ReasoningDelta(reasoning="Hm."), TextDelta(text="a"))
    before = live.parts
    live.feed(TextDelta(text="b"))
    assert live.parts[0] is before[0] == ReasoningPart(text="Hm.")
    assert live.parts[1] == TextPart(text="ab", state="streaming")
    live.end()


async def test_the_arguments_of_a_call_grow() -> None:
    live, _ = answer(START, ToolCallDelta(index=0, id="c", name="clock", arguments='{"zone": "Eur'))
    assert live.parts == (
        ToolPart(tool_name="clock", tool_call_id="c", state="input-streaming", input={"zone": "Eur"}),
    )
    live.put_call(ToolCallPart("c", "clock", '{"zone": "Europe/Berlin"}'), state="input-available")
    assert live.parts[0].input == {"zone": "Europe/Berlin"}  # type: ignore[union-attr]
    live.end()


async def test_a_restart_takes_back_the_round_in_progress_only() -> None:
    restart = ChatRestart(hop=Hop(reason="it broke"), backend="other")
    call = ToolCallDelta(index=0, id="c", name="clock", arguments="{}")
    live, _ = answer(START, TextDelta(text="a"), call, START, TextDelta(text="half"), restart, TextDelta(text="whole"))
    assert [type(part) for part in live.end()] == [TextPart, ToolPart, TextPart]
    assert live.parts[-1] == TextPart(text="whole")


async def test_the_halves_of_a_character_may_come_in_two_chunks() -> None:
    """Each text that is shown can be written as JSON, and the character is whole at the end."""
    live, _ = answer(START, TextDelta(text="a\ud83d"))
    assert live.parts == (TextPart(text="a", state="streaming"),)
    live.feed(TextDelta(text="\ude00b"))
    assert live.parts == (TextPart(text="a\U0001f600b", state="streaming"),)
    live.feed(ReasoningDelta(reasoning="\ud83d"))
    live.feed(ReasoningDelta(reasoning="\ude00"))
    live.feed(ToolCallDelta(index=0, id="c", name="clock", arguments='{"zone": "\ud83d'))
    live.feed(ToolCallDelta(index=0, arguments='\ude00"}'))
    msgspec.json.encode(live.parts)
    assert live.end() == (
        TextPart(text="a\U0001f600b"),
        ReasoningPart(text="\U0001f600"),
        ToolPart(tool_name="clock", tool_call_id="c", state="input-streaming", input={"zone": "\U0001f600"}),
    )


async def test_half_a_character_at_the_end_is_replaced() -> None:
    """Also at the end of a round, before a call; and nothing is shown after the end."""
    live, shown = answer(START, TextDelta(text="a\ud800"), START, TextDelta(text="b\ud800"))
    assert live.end() == (TextPart(text="a\ufffdb\ufffd"),)
    await asyncio.sleep(0.05)
    assert shown == []


async def test_a_restart_drops_half_a_character() -> None:
    """It belongs to what is taken back."""
    restart = ChatRestart(hop=Hop(reason="it broke"), backend="other")
    live, _ = answer(START, TextDelta(text="a\ud83d"), restart, TextDelta(text="\ude00b"))
    assert live.end() == (TextPart(text="\ufffdb"),)


@pytest.mark.parametrize("arguments", ['{"zone": "\ud800"}', "[" * 100_000, "\ud800"])
async def test_arguments_that_are_not_json_stay_a_text(arguments: str) -> None:
    """One that a page and a store can hold."""
    found = arguments_of(ToolCallPart("c", "clock", arguments))
    assert isinstance(found, str)
    msgspec.json.encode(found)


async def test_a_frame_of_a_long_conversation_is_one_patch() -> None:
    """What a page gets for a frame is the new words, however long answer and conversation are."""
    messages = {f"m{number}": ChatMessage(id=f"m{number}", role="user") for number in range(1000)}
    state = LiveState(AppState(threads={"t": Thread(id="t", messages=messages)}))

    def show(parts: tuple[MessagePart, ...]) -> None:
        state.put(ChatMessage(id="m999", role="assistant", parts=parts), "threads", "t", "messages", "m999")

    live = LiveAnswer(show)
    live.feed(TextDelta(text="token " * 10_000))
    live._on_frame()
    before = state.value
    live.feed(TextDelta(text="new "))
    live.feed(TextDelta(text="words"))
    live._on_frame()
    path = ("threads", "t", "messages", "m999", "parts", 0, "text")
    assert diff(before, state.value) == [Patch("append", path, "new words")]
    live.end()
