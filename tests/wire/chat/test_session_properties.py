"""Hypothesis against sessions: whatever happens in whatever order, the conversation can go on.

Backends fail, hang, call tools that are not there; turns are stopped, cancelled and left at any point; hooks raise.
What is left is a history that is valid and can be kept, what was there before is still its beginning, and the next turn
works.

Here and not with the unit tests, because Hypothesis is not there in a page.
"""

from __future__ import annotations

import asyncio
import gc
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import browserllm as bl
from browserllm.testing.script import HANG

# A thousand conversations take long when each line is counted; the unit tests reach the same lines.
pytestmark = pytest.mark.no_cover


@bl.tool
async def fine(steps: int = 0) -> str:
    """Answer after some steps."""
    for _ in range(steps):
        await asyncio.sleep(0)
    return "found it"


@bl.tool
async def broken() -> None:
    """Fail."""
    raise RuntimeError("broken")


@bl.tool
async def hanging() -> None:
    """Never end."""
    await asyncio.Event().wait()


@bl.tool
async def odd() -> None:
    """End as if it had been cancelled."""
    raise asyncio.CancelledError


TOOLS = [fine, broken, hanging, odd, bl.Tool("declared")]


class Moody(bl.Hooks):
    """Raises at the event of this number."""

    def __init__(self) -> None:
        self.left = -1

    def event(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise RuntimeError("a mood")

    async def before_request(self, request: bl.ChatRequest) -> None:
        self.event()

    async def after_response(self, response: bl.ChatResponse) -> None:
        self.event()

    def on_chunk(self, chunk: bl.types.ChatChunk) -> None:
        self.event()

    async def on_tool_call(self, call: bl.ToolCallPart) -> Any:
        self.event()
        await asyncio.sleep(0)
        return {"deny": False, "change": bl.chat.Change({"steps": 1})}.get(call.id)

    async def on_error(self, error: Exception) -> None:
        self.event()


names = st.sampled_from(["fine", "broken", "hanging", "odd", "declared", "unknown"])
made_calls = st.builds(
    bl.ToolCallPart,
    st.sampled_from(["1", "2", "deny", "change"]),
    names,
    st.sampled_from(["{}", '{"steps": 2}', '{"steps"', '{"other": 1}']),
)
failures = st.sampled_from(
    [
        bl.Unavailable("offline"),
        bl.ContextExceeded("too long"),
        bl.ContextExceeded("too long", data={"context_window": 60}),
        ValueError("a bug"),
    ]
)
steps = st.one_of(
    st.sampled_from(["word ", "more ", "\ud800", ""]),
    st.builds(bl.types.ReasoningDelta, sequence=st.just(0), reasoning=st.just("hm")),
    made_calls,
    made_calls,
    failures,
    st.just(HANG),
)
answers = st.lists(st.lists(steps, max_size=4), min_size=1, max_size=4)
operations = st.sampled_from(["send", "send", "send", "retry", "edit", "undo", "fork", "results", "resume", "reload"])
endings = st.sampled_from(["none", "none", "stop", "break", "drop", "cancel", "aclose", "stop later"])
contexts = st.sampled_from(
    [
        bl.chat.DropOldest(),
        bl.chat.DropOldest(0.5, window=80, reserve=5),
        bl.chat.Summarize(window=80, reserve=5, max_tokens=5),
        bl.chat.FailWhenFull(window=120, reserve=5),
    ]
)
what_happens = st.lists(
    st.tuples(operations, answers, endings, st.integers(1, 25), st.integers(-12, 12), st.integers(-3, 3)),
    min_size=1,
    max_size=6,
)


async def read(turn: bl.chat.TurnStream, ending: str, after: int) -> None:
    """Read a turn, and end it after so many chunks."""
    seen = 0
    sequence = -1
    async for chunk in turn:
        assert chunk.sequence == sequence + 1
        sequence = chunk.sequence
        seen += 1
        if seen == after and ending == "stop":
            turn.stop()
        if seen == after and ending in ("break", "drop"):
            break
    if ending == "break":
        await turn.aclose()


async def take(turn: bl.chat.TurnStream, ending: str, after: int) -> None:
    """Take a turn to an end, in whatever way; nothing takes for ever."""
    task = asyncio.ensure_future(read(turn, ending, after))
    for tick in range(120):
        await asyncio.sleep(0)
        if task.done():
            break
        if tick == after and ending == "cancel":
            task.cancel()
        if tick == after and ending == "aclose":
            await turn.aclose()
        if tick == after and ending == "stop later":
            turn.stop()
    else:
        turn.stop()
    with suppress(bl.BrowserLLMError, ValueError, RuntimeError, asyncio.CancelledError):
        await asyncio.wait_for(task, 5)
    assert ending == "drop" or turn.done


def begin(chat: bl.Session, operation: str, which: int) -> bl.chat.TurnStream | None:
    """Begin what the operation says; ``None`` where it is done already."""
    if operation == "undo":
        chat.undo()
        return None
    if operation == "results":
        return chat.send_results([bl.ToolResultPart(call.id, "outside") for call in chat.history.pending])
    if operation == "edit":
        return chat.edit(which, "edited")
    if operation in ("retry", "resume"):
        return getattr(chat, operation)()
    return chat.stream(f"question {which}")


def follows(before: bl.chat.History, request: bl.ChatRequest) -> bool:
    """Whether a request begins with the history as it was, from where a turn begins."""
    sent = [message for message in request.messages if message.role != "system"]
    starts = [*before.turn_starts(), len(before.messages)]
    return any(
        sent[: len(before.messages) - start] == before.messages[start:] for start in starts if start >= before.start
    )


async def live(context: Any, events: list[tuple[str, Any, str, int, int, int]]) -> None:
    """Hold a conversation to which all of that happens."""
    mood = Moody()
    settings_: dict[str, Any] = {"tools": TOOLS, "hooks": [mood], "context": context, "max_rounds": 3}
    chat = bl.Session(bl.ScriptedBackend("x"), system="s", tool_timeout_s=None, **settings_)
    for operation, script, ending, after, moody, which in events:
        backend = bl.ScriptedBackend(script)
        chat.backend = backend
        before = chat.history
        seen = before.to_json()
        mood.left = moody
        if operation == "fork":
            chat = chat.fork()
            assert chat.history == before
            continue
        if operation == "reload":
            chat = bl.Session.from_json(chat.to_json(), backend, take=True, tool_timeout_s=None, **settings_)
            assert chat.history == before
            continue
        try:
            turn = begin(chat, operation, which)
        except bl.InvalidRequest:
            assert chat.history is before
            continue
        if turn is not None:
            await take(turn, ending, after)
            del turn
            gc.collect(0)
            for _ in range(30):
                await asyncio.sleep(0)
        after_it = chat.history
        after_it.check()
        assert bl.chat.History.from_json(after_it.to_json()) == after_it
        assert before.to_json() == seen, "what was read stays as it was"
        if operation in ("send", "results", "resume"):
            assert after_it.messages[: len(before.messages)] == before.messages
            assert after_it.start >= before.start
            asked = [one for one in backend.requests if "summarise" not in one.messages[0].text]
            assert all(follows(before, one) for one in asked)
            # Room made for a request that is refused again is given back.
            refused = any(isinstance(step, bl.ContextExceeded) for answer in script for step in answer)
            assert (
                refused
                or after_it.start != before.start
                or all(
                    [m for m in one.messages if m.role != "system"][: len(before.sent)] == before.sent for one in asked
                )
            ), "nothing but room that is made changes the beginning"
    mood.left = -1
    chat.backend = bl.ScriptedBackend("well")
    chat.context = bl.chat.DropOldest()
    if chat.history.pending:
        chat.undo()
    reply = await chat.send("and now?")
    assert (reply.text, reply.finish_reason) == ("well", "stop")
    chat.history.check()
    assert len(asyncio.all_tasks()) == 1, "nothing is left running"


@settings(max_examples=1_000, deadline=None)
@given(contexts, what_happens)
def test_a_conversation_can_always_continue(context: Any, events: Any) -> None:
    """After any operations with any failures, ended at any point."""
    asyncio.run(live(context, events))
