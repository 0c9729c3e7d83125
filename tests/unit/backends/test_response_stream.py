"""The one life of every stream: an answer, a turn and an object begin, stop, close and end alike."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest

import browserllm as bl
from browserllm.backends.draft import Draft
from browserllm.backends.stream import Delta

Open = Callable[[bl.Backend], Any]

STREAMS: dict[str, Open] = {
    "answer": lambda backend: backend.stream("Count."),
    "turn": lambda backend: bl.Session(backend).stream("Count."),
    "object": lambda backend: bl.stream_generate(backend, "Count.", output=dict[str, int]),
}
each = pytest.mark.parametrize("open_stream", STREAMS.values(), ids=list(STREAMS))


class Counter(bl.Backend):
    """Counts in a JSON object; after 2 it waits until it is ended, which takes it a moment, and notes how that was."""

    name = "counter"
    leaves_device = False

    def __init__(self, *, ends: bool = False, failure: Exception | None = None) -> None:
        """With ``ends`` the object is closed after 2; with a ``failure`` it fails there."""
        self.ends = ends
        self.failure = failure
        self.log: list[str] = []
        self.waits = asyncio.Event()

    async def generate(self, request: bl.ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
        self.log.append("asked")
        try:
            for text in ('{"a": 0, ', '"b": 1, ', '"c": 2'):
                yield text
            if self.failure is not None:
                raise self.failure
            if not self.ends:
                self.waits.set()
                await asyncio.get_running_loop().create_future()
            yield "}"
        except asyncio.CancelledError:
            self.log.append("cancelled")
            raise
        except GeneratorExit:
            self.log.append("closed")
            raise
        finally:
            await asyncio.sleep(0)
            self.log.append("let go")


async def wait_for(condition: Callable[[], object]) -> None:
    """Let the loop turn until the condition holds; the test's own bound ends a wait for nothing."""
    while not condition():
        await asyncio.sleep(0)


async def read(stream: Any) -> list[Any]:
    """All chunks; then it waits once more, which would raise a cancellation that stuck to the task."""
    chunks = [chunk async for chunk in stream]
    await asyncio.sleep(0)
    return chunks


def finish_reason(stream: Any) -> str:
    """How the answer, the turn, or the object's answer ended."""
    return (stream.reply if isinstance(stream, bl.chat.TurnStream) else stream.response).finish_reason


def assert_is_over(stream: Any) -> None:
    """It has ended early, and says so."""
    assert stream.done
    assert finish_reason(stream) == "cancelled"


@each
async def test_nothing_runs_before_the_first_chunk_is_asked_for(open_stream: Open) -> None:
    """An unread stream costs nothing, closed or not; closing ends it for good."""
    backend = Counter()
    stream = open_stream(backend)
    await asyncio.sleep(0)
    assert not stream.done
    with pytest.raises(bl.InvalidRequest, match="no result yet: iterate it"):
        finish_reason(stream)
    await stream.aclose()
    assert stream.done
    assert [chunk async for chunk in stream] == []
    assert backend.log == []


@each
async def test_a_stream_can_be_awaited_for_its_result(open_stream: Open) -> None:
    """Which is what `finish` returns, then and later."""
    stream = open_stream(Counter(ends=True))
    result = await stream
    assert stream.done
    assert await stream.finish() is result
    assert result.text == '{"a": 0, "b": 1, "c": 2}'


@each
async def test_a_failure_is_raised_where_it_happens(open_stream: Open) -> None:
    """After the chunks before it; then the stream has ended, and the backend has stopped."""
    backend = Counter(failure=bl.errors.DeviceLost("the GPU went away"))
    stream = open_stream(backend)
    chunks: list[Any] = []
    with pytest.raises(bl.errors.DeviceLost, match="went away"):
        async for chunk in stream:
            chunks.append(chunk)  # noqa: PERF401 (kept when the error comes)
    assert chunks
    assert stream.done
    assert finish_reason(stream) == "error"
    assert [chunk async for chunk in stream] == []
    await stream.aclose()
    assert finish_reason(stream) == "error"
    assert backend.log == ["asked", "let go"]


@each
@pytest.mark.parametrize("is_read_first", [True, False])
async def test_every_await_of_a_failed_stream_raises_its_failure(open_stream: Open, is_read_first: bool) -> None:
    """The first and the later ones, and one after the failure was raised to a loop; the partial answer stays."""
    failure = bl.errors.DeviceLost("the GPU went away")
    stream = open_stream(Counter(failure=failure))
    if is_read_first:
        with pytest.raises(bl.errors.DeviceLost):
            await read(stream)
    for _ in range(2):
        with pytest.raises(bl.errors.DeviceLost) as raised:
            await stream
        assert raised.value is failure
    assert finish_reason(stream) == "error"


async def test_a_turn_that_may_not_begin_raises_that_however_often_it_is_awaited() -> None:
    """Another turn runs: no await of the second one returns a reply."""
    backend = Counter()
    session = bl.Session(backend)
    second = session.stream("Count.")
    async with session.stream("Count.") as first:
        await anext(first)
        for _ in range(2):
            with pytest.raises(bl.InvalidRequest, match="another turn"):
                await second


@each
async def test_a_second_reader_is_refused(open_stream: Open) -> None:
    """However it reads; the first one goes on."""
    backend = Counter()
    stream = open_stream(backend)
    first = asyncio.create_task(read(stream))
    await backend.waits.wait()
    for reads in (anext, type(stream).finish, read):
        with pytest.raises(bl.InvalidRequest, match="one reader"):
            await reads(stream)
    stream.stop()
    await first
    assert_is_over(stream)


@each
async def test_leaving_async_with_closes_the_stream(open_stream: Open) -> None:
    """After the block the backend has stopped."""
    backend = Counter()
    async with open_stream(backend) as stream:
        await anext(stream)
        await anext(stream)
        assert not stream.done
    assert backend.log == ["asked", "closed", "let go"]
    assert_is_over(stream)


@each
async def test_a_break_drops_the_stream(open_stream: Open) -> None:
    """Nothing else refers to it, so the event loop closes the generator at once, without the garbage collector."""
    backend = Counter()
    gc.disable()
    try:
        async for _ in open_stream(backend):
            break
        await wait_for(lambda: "let go" in backend.log)
    finally:
        gc.enable()
    assert backend.log == ["asked", "closed", "let go"]


@each
async def test_an_exception_in_the_loop_drops_the_stream(open_stream: Open) -> None:
    """As soon as the traceback, which refers to it, is gone."""
    backend = Counter()

    async def fail() -> None:
        async for _ in open_stream(backend):
            raise KeyError

    with pytest.raises(KeyError):
        await fail()
    gc.collect()
    await wait_for(lambda: "let go" in backend.log)
    assert backend.log == ["asked", "closed", "let go"]


@each
async def test_a_stop_ends_the_wait_of_the_task_that_reads(open_stream: Open) -> None:
    """That task reads on to the end, uncancelled; a second stop, and one after the end, change nothing."""
    backend = Counter()
    stream = open_stream(backend)
    task = asyncio.create_task(read(stream))
    await backend.waits.wait()
    stream.stop()
    stream.stop()
    await task
    assert task.cancelling() == 0
    stream.stop()
    assert backend.log == ["asked", "cancelled", "let go"]
    assert_is_over(stream)


@each
async def test_a_stop_before_the_first_chunk_asks_nothing(open_stream: Open) -> None:
    """The stream can be read to its end all the same."""
    backend = Counter()
    stream = open_stream(backend)
    stream.stop()
    assert not any(getattr(chunk, "text", None) for chunk in await read(stream))
    assert stream.done
    assert backend.log == []


@each
async def test_closing_ends_the_wait_of_another_task(open_stream: Open) -> None:
    """It waits until the backend has let go; the other task reads on to the end, uncancelled."""
    backend = Counter()
    stream = open_stream(backend)
    task = asyncio.create_task(read(stream))
    await backend.waits.wait()
    await stream.aclose()
    assert backend.log == ["asked", "cancelled", "let go"]
    assert_is_over(stream)
    await task
    assert task.cancelling() == 0
    await stream.aclose()


@each
async def test_a_cancelled_close_does_not_cancel_another_one(open_stream: Open) -> None:
    """Several tasks may wait for the end, and each gives up for itself alone."""
    backend = Counter()
    stream = open_stream(backend)
    reading = asyncio.create_task(read(stream))
    await backend.waits.wait()
    one, other = (asyncio.create_task(stream.aclose()) for _ in range(2))
    await wait_for(lambda: "cancelled" in backend.log)
    one.cancel()
    await other
    assert one.cancelled()
    assert backend.log == ["asked", "cancelled", "let go"]
    await reading


@each
async def test_cancelling_the_reading_task_ends_the_stream(open_stream: Open) -> None:
    """The backend is stopped, and the cancellation is raised."""
    backend = Counter()
    stream = open_stream(backend)
    task = asyncio.create_task(read(stream))
    await backend.waits.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert backend.log == ["asked", "cancelled", "let go"]
    assert_is_over(stream)


@each
async def test_a_timeout_around_one_chunk_ends_the_stream(open_stream: Open) -> None:
    """``wait_for(anext(stream))`` may drive the stream from another task."""
    backend = Counter()
    stream = open_stream(backend)
    with pytest.raises(TimeoutError):
        while True:
            await asyncio.wait_for(anext(stream), 0.01)
    assert backend.log == ["asked", "cancelled", "let go"]
    assert_is_over(stream)


@each
async def test_closing_after_the_end_changes_nothing(open_stream: Open) -> None:
    """A stream that has ended keeps its result."""
    stream = open_stream(Counter(ends=True))
    result = await stream.finish()
    await stream.aclose()
    stream.stop()
    assert await stream is result
    assert finish_reason(stream) == "stop"
