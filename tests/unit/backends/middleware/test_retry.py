"""Retry: a failure that may pass is tried again, and nothing else is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from random import Random

import pytest

import browserllm as bl
from browserllm.backends.draft import Draft
from browserllm.backends.stream import Delta
from browserllm.testing.backend import ScriptedBackend
from browserllm.testing.script import Clock
from unit.chat.interruptible import Interruptible, stopped

LATER = bl.RateLimited("too many requests", data={"retry_after_s": 7})
DOWN = bl.Unavailable("the server failed", reason="server_error")


async def settle() -> None:
    """Let every task run until it waits for something."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_a_transient_failure_is_retried_and_is_a_hop_on_the_route() -> None:
    """The waits double within their spread, and are at least as long as the server asks for."""
    clock = Clock()
    inner = ScriptedBackend([[DOWN], [DOWN], [LATER], "fine now"], clock=clock, name="cloud")
    retry = bl.Retry(inner, retries=3, first_wait_s=1, clock=clock, random=Random(4))  # noqa: S311
    answer = asyncio.create_task(retry.complete("hi"))
    drawn = Random(4)  # noqa: S311
    for number, wait_s in enumerate((drawn.uniform(0.5, 1), 2 * drawn.uniform(0.5, 1), 7), start=1):
        await settle()
        assert len(inner.requests) == number
        clock.advance(wait_s - 0.001)
        await settle()
        assert len(inner.requests) == number, "it came back too early"
        clock.advance(0.001)
    response = await answer
    assert response.text == "fine now"
    assert [(hop.code, hop.backend) for hop in response.route] == [
        ("unavailable", "cloud"),
        ("unavailable", "cloud"),
        ("rate_limited", "cloud"),
    ]
    assert response.route[2].reason == "too many requests (attempt 3; retrying in 7 s)"


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        (bl.RateLimited("too many requests"), True),
        (DOWN, True),
        (bl.Unavailable("no answer", reason="unreachable"), True),
        (bl.Timeout("too slow"), True),
        (bl.errors.Stalled("silent"), True),
        (bl.AllBackendsFailed("all", causes=[bl.AuthenticationError("no"), DOWN]), True),
        (bl.AllBackendsFailed("all", causes=[bl.AuthenticationError("no")]), False),
        (bl.RateLimited("no money left", data={"reason": "quota"}), False),
        (bl.Unavailable("offline", reason="offline"), False),
        (bl.Unavailable("private", reason="private"), False),
        (bl.AuthenticationError("wrong key"), False),
        (bl.InvalidRequest("wrong value"), False),
        (bl.BudgetExceeded("spent"), False),
        (bl.errors.ContentFiltered("refused"), False),
    ],
)
async def test_only_transient_failures_are_retried(error: bl.BrowserLLMError, passes: bool) -> None:
    """Waiting does not help against a wrong request, a refusal or a used-up quota."""
    assert error.retryable is passes
    inner = ScriptedBackend([[error], "later"])
    retry = bl.Retry(inner, first_wait_s=0)
    if passes:
        assert (await retry.complete("hi")).text == "later"
    else:
        with pytest.raises(type(error)):
            await retry.complete("hi")
        assert len(inner.requests) == 1


async def test_nothing_is_retried_after_content() -> None:
    """The caller has it already, and a second answer would repeat it. An empty delta is not content."""
    inner = ScriptedBackend([["", "a ", DOWN], "never"])
    stream = bl.Retry(inner, first_wait_s=0).stream("hi")
    with pytest.raises(bl.Unavailable):
        await stream.finish()
    assert (stream.response.text, len(inner.requests)) == ("a ", 1)
    inner = ScriptedBackend([["", DOWN], "again"])
    assert (await bl.Retry(inner, first_wait_s=0).complete("hi")).text == "again"


async def test_too_many_failures_and_too_long_a_wait_are_raised() -> None:
    """The last failure is raised as it is; a wait over the limit does not start."""
    inner = ScriptedBackend([[DOWN]])
    with pytest.raises(bl.Unavailable):
        await bl.Retry(inner, retries=2, first_wait_s=0).complete("hi")
    assert len(inner.requests) == 3
    inner = ScriptedBackend([[LATER]])
    with pytest.raises(bl.RateLimited):
        await bl.Retry(inner, max_wait_s=6.9, clock=Clock()).complete("hi")
    assert len(inner.requests) == 1
    clock = Clock()
    inner = ScriptedBackend([[LATER], "just in time"], clock=clock)
    answer = asyncio.create_task(bl.Retry(inner, max_wait_s=7, clock=clock).complete("hi"))
    await settle()
    clock.advance(7)
    assert (await answer).text == "just in time"


async def test_a_stop_ends_the_wait_at_once() -> None:
    """No second request is sent, and the stream ends as cancelled."""
    clock = Clock()
    inner = ScriptedBackend([[LATER], "never"], clock=clock)
    stream = bl.Retry(inner, clock=clock).stream("hi")
    answer = asyncio.create_task(stream.finish())
    await settle()
    stream.stop()
    assert (await answer).finish_reason == "cancelled"
    clock.advance(100)
    await settle()
    assert len(inner.requests) == 1


async def test_a_failure_while_stopping_is_not_retried() -> None:
    """An engine may fail when it is interrupted; the caller does not want another answer."""
    engine = Interruptible(DOWN, said="")
    assert (await stopped(bl.Retry(engine, first_wait_s=0))).finish_reason == "cancelled"
    assert len(engine.requests) == 1


async def test_a_cancelled_task_ends_the_wait_at_once() -> None:
    """The cancellation is passed on, not treated as a failure."""
    clock = Clock()
    inner = ScriptedBackend([[LATER], "never"], clock=clock)
    answer = asyncio.create_task(bl.Retry(inner, clock=clock).complete("hi"))
    await settle()
    answer.cancel()
    with pytest.raises(asyncio.CancelledError):
        await answer
    assert len(inner.requests) == 1


async def test_the_metadata_of_a_failed_attempt_is_dropped() -> None:
    """Usage, cost and the way to interrupt belong to the successful attempt."""

    class Twice(bl.Backend):
        name = "twice"
        attempts = 0

        async def generate(self, request: bl.ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
            self.attempts += 1
            if self.attempts == 1:
                draft.cost_usd, draft.usage = 5.0, bl.types.Usage(prompt_tokens=9)
                draft.interrupt = lambda: None
                raise DOWN
            assert draft.interrupt is None
            yield "ok"

    response = await bl.Retry(Twice(), first_wait_s=0).complete("hi")
    assert (response.cost_usd, response.usage.prompt_tokens, response.backend) == (None, 0, "twice")


async def test_the_warnings_of_a_failed_attempt_are_dropped() -> None:
    """Each attempt warns of the same option again; the response says it once, after earlier warnings."""

    class Warns(bl.Backend):
        name = "warns"
        attempts = 0

        async def generate(self, request: bl.ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
            self.attempts += 1
            draft.warn("seed", f"attempt {self.attempts} left it out")
            if self.attempts < 3:
                raise DOWN
            yield "ok"

    class Warned(bl.backends.Middleware):
        async def generate(self, request: bl.ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
            draft.warn("n", "one alone")
            async for delta in self.backend.generate(request, draft):
                yield delta

    response = await Warned(bl.Retry(Warns(), first_wait_s=0)).complete("hi")
    assert [warning.message for warning in response.warnings] == ["one alone", "attempt 3 left it out"]
