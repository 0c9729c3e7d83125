"""ChatStream: what comes, in which order, and every way it can end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest

import browserllm as bl
from browserllm.backends.draft import Draft
from browserllm.backends.stream import Delta
from browserllm.testing.script import DEAF, HANG, Wait
from browserllm.types import TextMode


class Recorder(bl.Backend):
    """A backend that counts for ever, and notes how it was ended."""

    name = "recorder"

    def __init__(self, *, listens: bool = False) -> None:
        """With ``listens`` it can be interrupted, as an engine can."""
        self.listens = listens
        self.log: list[str] = []
        self.go_on = asyncio.Event()

    async def generate(self, request: bl.ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
        """Yield numbers; wait before each one after the third."""
        interrupted = asyncio.Event()
        if self.listens:
            draft.interrupt = interrupted.set
        try:
            for number in range(1_000_000):
                if number >= 3:
                    await interrupted.wait()
                if interrupted.is_set():
                    self.log.append("interrupted")
                    draft.usage = bl.types.Usage(completion_tokens=number)
                    return
                yield f"{number} "
        except asyncio.CancelledError:
            self.log.append("cancelled")
            raise
        except GeneratorExit:
            self.log.append("closed")
            raise


async def wait_for(condition: Callable[[], object]) -> None:
    """Let the loop turn until the condition holds; the test's own bound ends a wait for nothing."""
    while not condition():
        await asyncio.sleep(0)


async def test_chunks_come_in_order_and_numbered() -> None:
    """A start, the text in pieces, a done with the response; the numbers count from 0."""
    backend = bl.ScriptedBackend(["Hello big world"])
    chunks = [chunk async for chunk in backend.stream("hi")]
    assert [type(chunk) for chunk in chunks] == [bl.types.ChatStart, *[bl.types.TextDelta] * 3, bl.types.ChatDone]
    assert [chunk.sequence for chunk in chunks] == [0, 1, 2, 3, 4]
    assert [chunk.text for chunk in chunks] == ["", "Hello ", "big ", "world", ""]
    start, done = chunks[0], chunks[-1]
    assert isinstance(start, bl.types.ChatStart)
    assert isinstance(done, bl.types.ChatDone)
    assert (start.backend, start.model) == ("scripted", "scripted")
    assert start.request_id == done.response.request_id
    assert done.message == bl.Message("assistant", "Hello big world")
    assert (done.finish_reason, done.warnings) == ("stop", [])
    assert done.usage.completion_tokens == 3
    assert done.timings.total_ms is not None
    assert done.response.cost_usd == 0.0


async def test_text_can_be_accumulated() -> None:
    """With ``accumulated`` every chunk's text is the answer so far, the done chunk's too."""
    texts = [chunk.text async for chunk in bl.ScriptedBackend(["a b c"]).stream("hi", text="accumulated")]
    assert texts == ["", "a ", "a b ", "a b c", "a b c"]


async def test_text_can_be_both() -> None:
    """With ``both`` the piece and the answer so far stand side by side."""
    chunks = [chunk async for chunk in bl.ScriptedBackend(["a b"]).stream("hi", text="both")]
    pairs = [(chunk.text, chunk.accumulated) for chunk in chunks]
    assert pairs == [("", ""), ("a ", "a "), ("b", "a b"), ("", "a b")]


@pytest.mark.parametrize("mode", ["accumulated", "both"])
async def test_the_chunks_of_a_long_text_are_joined(mode: TextMode) -> None:
    """Beyond 65,536 characters each chunk that repeats the text adds 1/1024 of the rest; nothing is lost."""
    long, pieces = "x" * (65_536 + 64 * 1024), [str(number % 10) for number in range(200)]
    chunks = [chunk async for chunk in bl.ScriptedBackend([[long, *pieces]]).stream("hi", text=mode)]
    texts = [chunk for chunk in chunks if isinstance(chunk, bl.types.TextDelta)]
    so_far = [chunk.accumulated if mode == "both" else chunk.text for chunk in texts]
    assert [len(text or "") - len(long) for text in so_far] == [0, 64, 129, 194, 200]
    assert so_far[-1] == long + "".join(pieces)
    assert [chunk.sequence for chunk in chunks] == list(range(len(chunks)))


def test_an_unknown_text_mode_is_refused() -> None:
    """The error names the value and the choices."""
    with pytest.raises(bl.InvalidRequest, match=r"text='all'.*'delta', 'accumulated' or 'both'"):
        bl.ScriptedBackend().stream("hi", text="all")  # pyright: ignore[reportArgumentType]


async def test_reasoning_and_tool_calls_are_kept_apart_from_the_text() -> None:
    """Their chunks carry no text of the answer; the message has thinking, text and then the tool calls, whole."""
    call = bl.ToolCallPart("c1", "weather", '{"city": "Oslo"}')
    thought = bl.types.ReasoningDelta(reasoning="hm")
    backend = bl.ScriptedBackend([[thought, "Let me see.", call]])
    stream = backend.stream("hi", text="accumulated")
    chunks = [chunk async for chunk in stream]
    kinds = [bl.types.ChatStart, bl.types.ReasoningDelta, bl.types.TextDelta, bl.types.ToolCallDelta, bl.types.ChatDone]
    assert [type(chunk) for chunk in chunks] == kinds
    assert [chunk.text for chunk in chunks] == ["", "", "Let me see.", "Let me see.", "Let me see."]
    parts = [bl.ReasoningPart("hm"), bl.TextPart("Let me see."), call]
    assert stream.response.message == bl.Message("assistant", parts)
    assert (stream.response.reasoning, stream.response.text) == ("hm", "Let me see.")
    assert stream.response.finish_reason == "tool_calls"


async def test_a_signature_ends_a_piece_of_thinking() -> None:
    """Pieces are joined up to the signature; the next thought is a part of its own."""
    script: list[bl.types.ReasoningDelta | str] = [
        bl.types.ReasoningDelta(reasoning="a"),
        bl.types.ReasoningDelta(reasoning="b"),
        bl.types.ReasoningDelta(signature="s1"),
        bl.types.ReasoningDelta(signature="s2", redacted=True),
        "done",
    ]
    response = await bl.ScriptedBackend([script]).complete("hi")
    thoughts = [bl.ReasoningPart("ab", "s1"), bl.ReasoningPart("", "s2", redacted=True)]
    assert response.message.content == [*thoughts, bl.TextPart("done")]
    again = await bl.ScriptedBackend(["ok"]).complete([bl.Message("user", "hi"), response.message])
    assert again.text == "ok"


@pytest.mark.parametrize("mode", ["delta", "accumulated", "both"])
async def test_a_restart_clears_the_earlier_chunks(mode: TextMode) -> None:
    """Accumulated text and the response begin again after a `ChatRestart`."""

    class Restarts(bl.Backend):
        async def generate(self, request: bl.ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
            yield bl.types.ReasoningDelta(reasoning="hm")
            yield bl.types.TextDelta(text="one ", logprobs=[{"token": "one "}])
            yield bl.types.ToolCallDelta(id="1", name="f")
            draft.begin(request, "second")
            yield bl.types.ChatRestart(hop=bl.types.Hop(reason="broke off", backend="first"), backend="second")
            yield "two"

    stream = Restarts().stream("hi", text=mode)
    chunks = [chunk async for chunk in stream]
    (restart,) = [chunk for chunk in chunks if isinstance(chunk, bl.types.ChatRestart)]
    assert (restart.sequence, restart.text, restart.hop.backend, restart.backend) == (4, "", "first", "second")
    assert restart.accumulated == ("" if mode == "both" else None)
    assert chunks[-2].text == "two"
    assert stream.response.message == bl.Message("assistant", "two")
    assert (stream.response.backend, stream.response.logprobs) == ("second", [])


async def test_a_tool_call_in_pieces_is_put_together() -> None:
    """Arguments that stream in pieces make one call; a call without text is a message of one part."""

    class Pieces(bl.Backend):
        async def generate(self, request: bl.ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
            yield bl.types.ToolCallDelta(id="1", name="f", arguments='{"a"')
            yield bl.types.ToolCallDelta(arguments=": 1}")
            yield bl.types.ToolCallDelta(index=1, id="2", name="g")

    response = await Pieces().complete("hi")
    assert response.message.tool_calls == [bl.ToolCallPart("1", "f", '{"a": 1}'), bl.ToolCallPart("2", "g", "{}")]
    assert response.text == ""


@pytest.mark.parametrize(("finish_reason", "arguments"), [("stop", "{}"), ("tool_calls", "{}"), ("length", "")])
async def test_a_call_that_may_be_cut_off_gets_no_arguments(finish_reason: Any, arguments: str) -> None:
    """Only in a whole answer does a call without arguments mean that there are none."""
    backend = bl.ScriptedBackend([[bl.ToolCallPart("1", "f", "")]], finish_reason=finish_reason)
    assert (await backend.complete("hi")).message.tool_calls == [bl.ToolCallPart("1", "f", arguments)]


async def test_calls_are_in_the_order_of_their_numbers() -> None:
    """A server may begin the second call first; the text before and between them stays where it is."""

    class Mixed(bl.Backend):
        async def generate(self, request: bl.ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
            yield bl.types.ToolCallDelta(index=1, id="2", name="g")
            yield "so"
            yield bl.types.ToolCallDelta(index=0, id="1", name="f")

    parts = (await Mixed().complete("hi")).message.parts
    assert parts == [bl.ToolCallPart("1", "f"), bl.TextPart("so"), bl.ToolCallPart("2", "g")]


async def test_logprobs_ride_on_the_chunk_and_the_response() -> None:
    """Entries are on the chunk they belong to, and all of them on the response."""

    class WithLogprobs(bl.Backend):
        async def generate(self, request: bl.ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
            yield bl.types.TextDelta(text="a", logprobs=[{"token": "a"}])
            yield bl.types.TextDelta(text="b", logprobs=[{"token": "b"}])

    stream = WithLogprobs().stream("hi")
    chunks = [chunk async for chunk in stream]
    assert [chunk.logprobs for chunk in chunks if isinstance(chunk, bl.types.TextDelta)] == [
        [{"token": "a"}],
        [{"token": "b"}],
    ]
    assert stream.response.logprobs == [{"token": "a"}, {"token": "b"}]


async def test_an_error_comes_after_the_chunks_before_it() -> None:
    """What was generated is delivered, then the error is raised, and a response with ``error`` remains."""
    stream = bl.ScriptedBackend([["one ", bl.errors.DeviceLost("the GPU went away")]]).stream("hi")
    texts: list[str] = []
    with pytest.raises(bl.errors.DeviceLost, match="went away"):
        async for chunk in stream:
            texts.append(chunk.text)  # noqa: PERF401 (kept when the error comes)
    assert texts == ["", "one "]
    assert (stream.response.finish_reason, stream.response.text) == ("error", "one ")
    assert [chunk async for chunk in stream] == []


@pytest.mark.parametrize("listens", [True, False])
async def test_stop_between_chunks_yields_a_cancelled_done(listens: bool) -> None:
    """After stop() no more text comes, only the done chunk; the backend was stopped."""
    backend = Recorder(listens=listens)
    stream = backend.stream("hi")
    chunks: list[bl.types.ChatChunk] = []
    async for chunk in stream:
        chunks.append(chunk)
        if chunk.sequence == 2:
            stream.stop()
            stream.stop()
    assert [chunk.text for chunk in chunks] == ["", "0 ", "1 ", ""]
    assert isinstance(chunks[-1], bl.types.ChatDone)
    assert stream.response.finish_reason == "cancelled"
    assert backend.log == (["interrupted"] if listens else ["closed"])
    assert stream.response.usage.completion_tokens == (2 if listens else 0)


@pytest.mark.parametrize(("listens", "log"), [(True, "interrupted"), (False, "cancelled")])
async def test_stop_during_the_wait_yields_a_cancelled_done(listens: bool, log: str) -> None:
    """A task that waits for the next chunk gets the done chunk at once, and is not cancelled."""
    backend = Recorder(listens=listens)
    stream = backend.stream("hi")
    third = asyncio.Event()

    async def read() -> list[bl.types.ChatChunk]:
        chunks: list[bl.types.ChatChunk] = []
        async for chunk in stream:
            chunks.append(chunk)
            if chunk.sequence == 3:
                third.set()
        await asyncio.sleep(0)  # would raise if the cancellation had stuck to the task
        return chunks

    task = asyncio.create_task(read())
    await third.wait()
    await asyncio.sleep(0)
    stream.stop()
    chunks = await task
    assert isinstance(chunks[-1], bl.types.ChatDone)
    assert task.cancelling() == 0
    assert stream.response.finish_reason == "cancelled"
    assert backend.log == [log]


async def test_stop_before_the_first_chunk() -> None:
    """A stream stopped before it was read gives a start and a cancelled done, and asks the backend nothing."""
    backend = bl.ScriptedBackend()
    stream = backend.stream("hi")
    stream.stop()
    kinds = [type(chunk) async for chunk in stream]
    assert kinds == [bl.types.ChatStart, bl.types.ChatDone]
    assert stream.response.finish_reason == "cancelled"
    assert backend.requests == []


async def test_an_engine_that_ignores_a_stop_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a grace period the wait ends."""
    monkeypatch.setattr("browserllm.backends.stream.STOP_GRACE_S", 0.0)

    class Deaf(bl.Backend):
        async def generate(self, request: bl.ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
            draft.interrupt = lambda: None
            yield "one "
            await asyncio.get_running_loop().create_future()

    stream = Deaf().stream("hi")
    async for chunk in stream:
        if chunk.text:
            stream.stop()
    assert (stream.response.finish_reason, stream.response.text) == ("cancelled", "one ")
    host = bl.ScriptedHost([["one ", DEAF], "fine"])
    backend = bl.LocalBackend(host)
    stream = backend.stream("hi")
    reading = asyncio.create_task(stream.finish())
    await wait_for(lambda: ("chat" in [op for op, _ in host.requests]) and stream._generation.waiting)
    await wait_for(lambda: "one " in stream._generation._parts.text)
    stream.stop()
    assert (await reading).finish_reason == "cancelled"


async def test_text_after_the_stop_is_not_delivered() -> None:
    """An engine may send another piece before it stops: the answer ends where the stop was."""

    class Late(bl.Backend):
        async def generate(self, request: bl.ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
            interrupted = asyncio.Event()
            draft.interrupt = interrupted.set
            yield "one "
            await interrupted.wait()
            yield "late"
            yield "later"

    stream = Late().stream("hi")
    reading = asyncio.create_task(stream.finish())
    await wait_for(lambda: stream._generation._parts.text and stream._generation.waiting)
    stream.stop()
    assert ((await reading).text, stream.response.finish_reason) == ("one ", "cancelled")


async def test_stop_ends_the_wait_of_the_task_that_waits() -> None:
    """A stream may be handed from one task to another: the one that waits now is woken, no other is cancelled."""
    stream = Recorder().stream("hi")
    iterator = aiter(stream)
    for _ in range(4):
        await asyncio.create_task(anext(iterator))  # pyright: ignore[reportArgumentType]
    waiting = asyncio.create_task(anext(iterator))  # pyright: ignore[reportArgumentType]
    await wait_for(lambda: stream._generation.waiting)
    stream.stop()
    assert isinstance(await waiting, bl.types.ChatDone)


async def test_a_failure_while_stopping_counts_as_stopped() -> None:
    """An engine that breaks while it is being stopped has stopped."""

    class Breaks(bl.Backend):
        async def generate(self, request: bl.ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
            interrupted = asyncio.Event()
            draft.interrupt = interrupted.set
            yield "a"
            await interrupted.wait()
            raise bl.errors.InternalError("broken")

    stream = Breaks().stream("hi")
    async for chunk in stream:
        if chunk.text:
            stream.stop()
    assert stream.response.finish_reason == "cancelled"


async def test_a_backend_that_swallows_the_stop_leaves_no_cancellation_behind() -> None:
    """Whatever the backend does instead, a timeout around the caller's code still works afterwards."""

    class Swallows(bl.Backend):
        leaves_device = False

        def __init__(self, failure: Exception | None) -> None:
            self.failure = failure

        async def generate(self, request: bl.ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
            yield "a"
            try:
                await asyncio.get_running_loop().create_future()
            except asyncio.CancelledError:
                if self.failure is not None:
                    raise self.failure from None

    for failure in (None, bl.Timeout("late")):
        stream = Swallows(failure).stream("hi")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                async for chunk in stream:
                    if chunk.text:
                        asyncio.get_running_loop().call_soon(stream.stop)
                assert stream.response.finish_reason == "cancelled"
                await asyncio.get_running_loop().create_future()


async def test_a_deadline_ends_the_answer() -> None:
    """At the deadline the answer ends as cancelled, with a warning that says so."""
    backend = bl.ScriptedBackend([["one ", HANG]])
    response = await backend.complete("hi", deadline_s=0.001)
    assert response.finish_reason == "cancelled"
    assert [warning.parameter for warning in response.warnings] == ["deadline_s"]
    assert "0.001" in response.warnings[0].message
    assert backend.stopped == backend.requests


async def test_a_deadline_that_is_not_reached_changes_nothing() -> None:
    """The timer goes with the stream."""
    response = await bl.ScriptedBackend(["fine"]).complete("hi", deadline_s=60)
    assert (response.finish_reason, response.warnings) == ("stop", [])


async def test_cancelling_and_stopping_at_once_still_cancels() -> None:
    """A stop does not swallow another cancellation at the same moment."""
    stream = Recorder().stream("hi")
    third = asyncio.Event()

    async def read() -> None:
        async for chunk in stream:
            if chunk.sequence == 3:
                third.set()

    task = asyncio.create_task(read())
    await third.wait()
    await asyncio.sleep(0)
    stream.stop()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert stream.response.finish_reason == "cancelled"


async def test_a_stop_in_a_task_that_was_cancelled_before_is_not_a_new_cancellation() -> None:
    """A task that caught a cancellation may still read an answer to its end."""
    stream = bl.ScriptedBackend([["a", HANG]]).stream("hi")
    begun = asyncio.Event()

    async def clean_up() -> str:
        try:
            begun.set()
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            asyncio.get_running_loop().call_later(0.01, stream.stop)
            return (await stream).finish_reason
        return "not cancelled"

    task = asyncio.create_task(clean_up())
    await begun.wait()
    task.cancel()
    assert await task == "cancelled"
    assert task.cancelling() == 1


async def test_closing_before_the_last_chunk_is_read() -> None:
    """A response that is settled is not undone by a close that comes before its done chunk was read."""
    stream = bl.ScriptedBackend([["all", bl.errors.DeviceLost("x")]]).stream("hi")
    with pytest.raises(bl.errors.DeviceLost):
        await stream.finish()
    await stream.aclose()
    assert stream.response.finish_reason == "error"


async def test_the_next_request_works_at_once() -> None:
    """Whatever ended the last answer, the same backend answers the next one."""
    backend = bl.ScriptedBackend([["a ", HANG], "fine"])
    async with backend.stream("hi") as stream:
        async for chunk in stream:
            if chunk.text:
                break
    assert (await backend.complete("hi")).text == "fine"


async def test_a_wait_on_the_clock_is_moved_by_the_test() -> None:
    """The script's clock stands still until it is moved."""
    backend = bl.ScriptedBackend([["a ", Wait(5), "b"]])
    task = asyncio.create_task(backend.complete("hi"))
    await wait_for(lambda: backend.clock._sleepers)
    backend.clock.advance(4.9)
    await asyncio.sleep(0)
    assert not task.done()
    backend.clock.advance(0.2)
    assert (await task).text == "a b"


async def test_the_backend_is_a_context_manager() -> None:
    """Leaving it closes the backend; what it is by default is said plainly."""
    async with bl.ScriptedBackend() as backend:
        assert (await backend.health()).ok
        assert await backend.list_models() == []
        assert await backend.estimate_cost("hi") == 0
    assert backend.closed
    await Recorder().close()


async def test_a_backend_can_see_that_its_answer_was_stopped() -> None:
    """A backend that is asked to end softly and then fails must know not to try again."""

    class Deaf(bl.Backend):
        async def generate(self, request: bl.ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
            drafts.append(draft)
            draft.interrupt = lambda: None
            yield "one"
            yield "two"

    drafts: list[Draft] = []
    stream = Deaf().stream("go")
    await anext(stream)
    assert not drafts[0].stopped
    stream.stop()
    assert drafts[0].stopped
    drafts[0].begin(drafts[0].request, "another")
    assert drafts[0].stopped
    await stream.aclose()


async def test_the_parts_of_an_answer_stay_in_their_order() -> None:
    """Thoughts, texts and calls as they came; a piece goes on with what is before it, a call with its number."""
    think = bl.types.ReasoningDelta

    class Interleaved(bl.Backend):
        async def generate(self, request: bl.ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
            yield think(reasoning="a")
            yield ""
            yield think(reasoning="b", signature="s1")
            yield "one"
            yield bl.types.ToolCallDelta(index=0, id="1", name="f", arguments="{")
            yield think(reasoning="")
            yield think(reasoning="c")
            yield bl.types.ToolCallDelta(index=0, arguments="}", signature="s2")
            yield think(reasoning="d")
            yield think(signature="s3", redacted=True)
            yield "t"
            yield "wo"
            yield bl.types.TextDelta(text="three", signature="s4")
            yield bl.types.TextDelta(signature="s5")
            yield bl.types.ToolCallDelta(index=1, id="2", name="g")
            yield "four"

    expected = [
        bl.ReasoningPart("ab", "s1"),
        bl.TextPart("one"),
        bl.ToolCallPart("1", "f", "{}", "s2"),
        bl.ReasoningPart("cd"),
        bl.ReasoningPart("", "s3", redacted=True),
        bl.TextPart("two"),
        bl.TextPart("three", "s4"),
        bl.TextPart("", "s5"),
        bl.ToolCallPart("2", "g"),
        bl.TextPart("four"),
    ]
    modes: list[TextMode] = ["delta", "accumulated", "both"]
    for mode in modes:
        chunks = [chunk async for chunk in Interleaved().stream("hi", text=mode)]
        done = chunks[-1]
        assert isinstance(done, bl.types.ChatDone)
        assert done.message == bl.Message("assistant", [*expected]), mode
        assert done.message.text == "onetwothreefour"
        signed = [chunk.signature for chunk in chunks if isinstance(chunk, bl.types.TextDelta) and chunk.signature]
        assert signed == ["s4", "s5"], mode
