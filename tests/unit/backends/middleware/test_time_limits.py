"""TimeLimits: an answer that takes too long is stopped at the limit, and the waiting task stays as it was."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest

import browserllm as bl
from browserllm.backends.draft import Draft
from browserllm.backends.stream import Delta
from browserllm.testing.backend import ScriptedBackend
from browserllm.testing.script import DEAF, HANG, Clock, Wait


async def settle() -> None:
    """Let every task run until it waits for something."""
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("limits", "script", "waits", "kind", "phase", "received"),
    [
        ({"first_token_s": 5}, [Wait(6), "late"], [5], bl.Timeout, "first_token", ""),
        ({"first_token_s": 5}, ["", HANG], [5], bl.Timeout, "first_token", ""),
        ({"between_tokens_s": 3}, ["a ", Wait(2), "b ", HANG], [2, 3], bl.errors.Stalled, "between_tokens", "a b "),
        (
            {"first_token_s": 60, "between_tokens_s": 3},
            [Wait(4), "a ", HANG],
            [4, 3],
            bl.errors.Stalled,
            "between_tokens",
            "a ",
        ),
        ({"total_s": 10}, ["a ", Wait(6), "b ", Wait(6), "c"], [6, 4], bl.Timeout, "total", "a b "),
        ({"total_s": 10, "between_tokens_s": 4}, ["a ", HANG], [4], bl.errors.Stalled, "between_tokens", "a "),
    ],
)
async def test_an_answer_that_takes_too_long_is_given_up(
    limits: dict[str, float],
    script: list[Any],
    waits: list[float],
    kind: type[bl.BrowserLLMError],
    phase: str,
    received: str,
) -> None:
    """Exactly at the limit, with the phase and what was received; the backend is stopped."""
    clock = Clock()
    inner = ScriptedBackend([script], clock=clock, name="slow")
    stream = bl.TimeLimits(inner, clock=clock, **limits).stream("hi")
    answer = asyncio.create_task(stream.finish())
    await settle()
    for wait_s in waits:
        clock.advance(wait_s - 0.01)
        await settle()
        assert not answer.done()
        clock.advance(0.01)
        await settle()
    with pytest.raises(kind, match="'slow'") as caught:
        await answer
    assert (caught.value.data["phase"], stream.response.text) == (phase, received)
    assert len(inner.stopped) == 1


async def test_an_answer_within_the_limits_passes() -> None:
    """The limit between tokens restarts with each token, and the caller's processing does not count."""
    clock = Clock()
    inner = ScriptedBackend([[Wait(4), "a ", Wait(4), "b ", Wait(4), "c"]], clock=clock)
    limited = bl.TimeLimits(inner, first_token_s=5, between_tokens_s=5, total_s=1000, clock=clock)
    text = ""
    async with limited.stream("hi") as stream:
        chunk: bl.types.ChatChunk | None = await next_chunk(stream, clock, 4)
        while chunk is not None:
            text += chunk.text
            clock.advance(100)  # a slow caller
            await settle()
            chunk = await next_chunk(stream, clock, 4)
    assert text == "a b c"


async def next_chunk(stream: bl.backends.ChatStream, clock: Clock, wait_s: float) -> bl.types.ChatChunk | None:
    """Ask for the next chunk, and let its time pass."""

    async def ask() -> bl.types.ChatChunk | None:
        return await anext(stream, None)

    asking = asyncio.create_task(ask())
    await settle()
    if not asking.done():
        clock.advance(wait_s)
    return await asking


async def test_the_total_is_all_of_the_time() -> None:
    """The time of the caller's processing is noticed at the next chunk."""
    clock = Clock()
    stream = bl.TimeLimits(ScriptedBackend("a b c", clock=clock), total_s=10, clock=clock).stream("hi")
    with pytest.raises(bl.Timeout, match="total_s=10"):
        async for _ in stream:
            clock.advance(6)
            await settle()
    assert stream.response.text == "a "


async def test_a_cancelled_task_stays_cancelled_when_the_time_is_up_too() -> None:
    """If both happen at the same moment, the cancellation wins."""
    clock = Clock()
    answer = asyncio.create_task(
        bl.TimeLimits(ScriptedBackend([[HANG]], clock=clock), total_s=5, clock=clock).complete("x")
    )
    await settle()
    clock.advance(5)
    answer.cancel()
    with pytest.raises(asyncio.CancelledError):
        await answer


async def test_a_timeout_leaves_the_task_as_it_was() -> None:
    """The cancellation that ends the wait is undone: the task continues, and can itself be cancelled."""
    clock = Clock()

    async def ask() -> int:
        with pytest.raises(bl.Timeout):
            await bl.TimeLimits(ScriptedBackend([[DEAF]], clock=clock), total_s=5, clock=clock).complete("x")
        await asyncio.sleep(0)
        task = asyncio.current_task()
        assert task is not None
        return task.cancelling()

    asking = asyncio.create_task(ask())
    await settle()
    clock.advance(5)
    assert await asking == 0


@pytest.mark.parametrize("then", ["goes on", "ends", "fails"])
async def test_a_backend_that_swallows_the_cancellation_is_given_up_all_the_same(then: str) -> None:
    """The caller sees the time limit, and its task is not left cancelled."""
    clock = Clock()

    class Stubborn(bl.Backend):
        async def generate(self, request: bl.ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
            try:
                await asyncio.get_running_loop().create_future()
            except asyncio.CancelledError:
                if then == "fails":
                    raise bl.Unavailable("cut off", reason="unreachable") from None
            if then == "goes on":
                yield "late"

    async def ask() -> int:
        with pytest.raises(bl.Timeout):
            await bl.TimeLimits(Stubborn(), total_s=5, clock=clock).complete("x")
        task = asyncio.current_task()
        assert task is not None
        return task.cancelling()

    asking = asyncio.create_task(ask())
    await settle()
    clock.advance(5)
    assert await asking == 0


async def test_a_failure_in_time_is_passed_on() -> None:
    """The backend's own error is raised."""
    with pytest.raises(bl.RateLimited):
        await bl.TimeLimits(ScriptedBackend([["a", bl.RateLimited("busy")]]), total_s=5, clock=Clock()).complete("x")


async def test_a_router_asks_the_next_after_a_time_limit() -> None:
    """Unlike after a deadline."""
    clock = Clock()
    slow = bl.TimeLimits(ScriptedBackend([[HANG]], clock=clock, name="slow"), first_token_s=5, clock=clock)
    router = bl.Router([slow, ScriptedBackend("fast", name="fast")], clock=clock)
    answer = asyncio.create_task(router.complete("hi"))
    await settle()
    clock.advance(5)
    response = await answer
    assert (response.text, [hop.code for hop in response.route]) == ("fast", ["timeout"])
