"""Retry, TimeLimits and Logging, and how middleware and routers are put together."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from random import Random
from typing import Any

import pytest

import browserllm as bl
from browserllm.routing.middleware.retry import may_pass
from browserllm.scripted import DEAF, HANG, Clock, ScriptedBackend, Wait
from browserllm.stream import Delta, Draft
from unit.interruptible import Interruptible, stopped

LATER = bl.RateLimited("too many requests", data={"retry_after_s": 7})
DOWN = bl.Unavailable("the server failed", reason="server_error")


async def settle() -> None:
    """Let every task run until it waits for something."""
    for _ in range(20):
        await asyncio.sleep(0)


# Retry


async def test_a_failure_that_may_pass_is_tried_again_and_told_as_a_hop() -> None:
    """The waits double within their spread, what the other side asks for is waited at least, and then it answers."""
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
    assert response.route[2].reason == "too many requests (try 3; the next one 7 s later)"


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        (bl.RateLimited("too many requests"), True),
        (DOWN, True),
        (bl.Unavailable("nobody there", reason="unreachable"), True),
        (bl.Timeout("too slow"), True),
        (bl.Stalled("silent"), True),
        (bl.AllBackendsFailed("all", causes=[bl.AuthenticationError("no"), DOWN]), True),
        (bl.AllBackendsFailed("all", causes=[bl.AuthenticationError("no")]), False),
        (bl.RateLimited("no money left", data={"reason": "quota"}), False),
        (bl.Unavailable("offline", reason="offline"), False),
        (bl.Unavailable("private", reason="private"), False),
        (bl.AuthenticationError("wrong key"), False),
        (bl.InvalidRequest("wrong value"), False),
        (bl.BudgetExceeded("spent"), False),
        (bl.ContentFiltered("refused"), False),
    ],
)
async def test_only_what_may_pass_is_tried_again(error: bl.BrowserLLMError, passes: bool) -> None:
    """A caller's mistake, somebody's decision and a used-up quota do not become better by waiting."""
    assert may_pass(error) is passes
    inner = ScriptedBackend([[error], "later"])
    retry = bl.Retry(inner, first_wait_s=0)
    if passes:
        assert (await retry.complete("hi")).text == "later"
    else:
        with pytest.raises(type(error)):
            await retry.complete("hi")
        assert len(inner.requests) == 1


async def test_after_content_nothing_is_tried_again() -> None:
    """The caller has it already; a second answer would say it twice. An empty start is no content."""
    inner = ScriptedBackend([["", "a ", DOWN], "never"])
    stream = bl.Retry(inner, first_wait_s=0).stream("hi")
    with pytest.raises(bl.Unavailable):
        await stream.finish()
    assert (stream.response.text, len(inner.requests)) == ("a ", 1)
    inner = ScriptedBackend([["", DOWN], "again"])
    assert (await bl.Retry(inner, first_wait_s=0).complete("hi")).text == "again"


async def test_too_many_failures_and_too_long_a_wait_are_raised() -> None:
    """The last failure is raised as it is; a wait over the limit is not begun."""
    inner = ScriptedBackend([[DOWN]])
    with pytest.raises(bl.Unavailable):
        await bl.Retry(inner, retries=2, first_wait_s=0).complete("hi")
    assert len(inner.requests) == 3
    inner = ScriptedBackend([[LATER]])
    with pytest.raises(bl.RateLimited):
        await bl.Retry(inner, max_wait_s=6.9, clock=Clock()).complete("hi")
    assert len(inner.requests) == 1


async def test_a_stop_ends_the_wait_at_once() -> None:
    """No second request goes out, and the stream ends as cancelled."""
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


async def test_what_fails_while_it_is_stopped_is_not_tried_again() -> None:
    """An engine that was asked to end its answer may fail doing so; nobody wants another one."""
    engine = Interruptible(DOWN, said="")
    assert (await stopped(bl.Retry(engine, first_wait_s=0))).finish_reason == "cancelled"
    assert len(engine.requests) == 1


async def test_a_cancelled_task_ends_the_wait_at_once() -> None:
    """The cancellation is passed on, not taken for a failure."""
    clock = Clock()
    inner = ScriptedBackend([[LATER], "never"], clock=clock)
    answer = asyncio.create_task(bl.Retry(inner, clock=clock).complete("hi"))
    await settle()
    answer.cancel()
    with pytest.raises(asyncio.CancelledError):
        await answer
    assert len(inner.requests) == 1


async def test_what_a_failed_try_wrote_is_gone() -> None:
    """Usage, cost and the way to interrupt it belong to the answer that came."""

    class Twice(bl.Backend):
        name = "twice"
        tries = 0

        async def generate(self, request: bl.ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
            self.tries += 1
            if self.tries == 1:
                draft.cost_usd, draft.usage = 5.0, bl.Usage(prompt_tokens=9)
                draft.interrupt = lambda: None
                raise DOWN
            assert draft.interrupt is None
            yield "ok"

    response = await bl.Retry(Twice(), first_wait_s=0).complete("hi")
    assert (response.cost_usd, response.usage.prompt_tokens, response.backend) == (None, 0, "twice")


# TimeLimits


@pytest.mark.parametrize(
    ("limits", "script", "waits", "kind", "phase", "received"),
    [
        ({"first_token_s": 5}, [Wait(6), "late"], [5], bl.Timeout, "first_token", ""),
        ({"first_token_s": 5}, ["", HANG], [5], bl.Timeout, "first_token", ""),
        ({"between_tokens_s": 3}, ["a ", Wait(2), "b ", HANG], [2, 3], bl.Stalled, "between_tokens", "a b "),
        (
            {"first_token_s": 60, "between_tokens_s": 3},
            [Wait(4), "a ", HANG],
            [4, 3],
            bl.Stalled,
            "between_tokens",
            "a ",
        ),
        ({"total_s": 10}, ["a ", Wait(6), "b ", Wait(6), "c"], [6, 4], bl.Timeout, "total", "a b "),
        ({"total_s": 10, "between_tokens_s": 4}, ["a ", HANG], [4], bl.Stalled, "between_tokens", "a "),
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
    """Exactly at the limit, with the phase, what was received, and the backend told."""
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
    """The limits between tokens begin anew with each, and what the caller does with one does not count."""
    clock = Clock()
    inner = ScriptedBackend([[Wait(4), "a ", Wait(4), "b ", Wait(4), "c"]], clock=clock)
    limited = bl.TimeLimits(inner, first_token_s=5, between_tokens_s=5, total_s=1000, clock=clock)
    text = ""
    async with limited.stream("hi") as stream:
        chunk: bl.ChatChunk | None = await next_chunk(stream, clock, 4)
        while chunk is not None:
            text += chunk.text
            clock.advance(100)  # a slow caller
            await settle()
            chunk = await next_chunk(stream, clock, 4)
    assert text == "a b c"


async def next_chunk(stream: bl.ChatStream, clock: Clock, wait_s: float) -> bl.ChatChunk | None:
    """Ask for the next chunk, and let the time pass that it takes, if it takes any."""

    async def ask() -> bl.ChatChunk | None:
        return await anext(stream, None)

    asking = asyncio.create_task(ask())
    await settle()
    if not asking.done():
        clock.advance(wait_s)
    return await asking


async def test_the_total_is_all_of_the_time() -> None:
    """What the caller's own work took is noticed at the next chunk."""
    clock = Clock()
    stream = bl.TimeLimits(ScriptedBackend("a b c", clock=clock), total_s=10, clock=clock).stream("hi")
    with pytest.raises(bl.Timeout, match="total_s=10"):
        async for _ in stream:
            clock.advance(6)
            await settle()
    assert stream.response.text == "a "


async def test_a_cancelled_task_stays_cancelled_when_the_time_is_up_too() -> None:
    """Both at the same moment: whoever cancelled is told, not a timeout."""
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
    """The cancellation that ends the wait is taken back: the task goes on, and can itself be cancelled."""
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


async def test_a_router_asks_the_next_after_a_time_limit() -> None:
    """That is what tells it from a deadline."""
    clock = Clock()
    slow = bl.TimeLimits(ScriptedBackend([[HANG]], clock=clock, name="slow"), first_token_s=5, clock=clock)
    router = bl.Router([slow, ScriptedBackend("fast", name="fast")], clock=clock)
    answer = asyncio.create_task(router.complete("hi"))
    await settle()
    clock.advance(5)
    response = await answer
    assert (response.text, [hop.code for hop in response.route]) == ("fast", ["timeout"])


# Logging


class Records(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []
        self.logger = logging.Logger("test", logging.DEBUG)
        self.logger.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    @property
    def lines(self) -> list[str]:
        return [record.getMessage() for record in self.records]


async def test_an_answer_is_two_records_with_every_fact_and_no_content() -> None:
    """Who, which model, how it ended, tokens, time, cost and route; not a word of what was said."""
    log, clock = Records(), Clock()
    inner = bl.Retry(ScriptedBackend([[DOWN], "a secret answer"], name="cloud", model="m-1"), first_wait_s=0)
    response = await bl.Logging(inner, logger=log.logger, clock=clock).complete("a secret question", max_tokens=5)
    assert log.lines == [
        f"{response.request_id} asks cloud: 1 messages, 0 tools",
        f"{response.request_id} ends (stop) with cloud (m-1): {response.usage.prompt_tokens} + 3 tokens, 0 ms, $0; "
        "passed over: cloud: unavailable",
    ]
    start, end = (record.__dict__["chat"] for record in log.records)
    assert (start["event"], end["event"]) == ("start", "end")
    assert (end["model"], end["finish_reason"], end["completion_tokens"], end["cost_usd"]) == ("m-1", "stop", 3, 0.0)
    assert all("secret" not in repr(record.__dict__) for record in log.records)


async def test_content_is_logged_where_it_is_asked_for() -> None:
    """The last message and the answer."""
    log = Records()
    await bl.Logging(ScriptedBackend("the answer"), logger=log.logger, content=True).complete("the question")
    assert log.lines[0].endswith("the last: 'the question'")
    assert log.lines[1].endswith("said: 'the answer'")


@pytest.mark.parametrize("content", [False, True])
async def test_a_failure_is_an_error_record_without_the_words_of_the_provider(content: bool) -> None:
    """Providers quote requests in their messages; the code, the reason and the status say enough."""
    log = Records()
    error = bl.Unavailable(
        "cannot answer 'my secret'", reason="server_error", data={"status": 503, "request": "secret"}
    )
    with pytest.raises(bl.Unavailable):
        await bl.Logging(ScriptedBackend([[error]]), logger=log.logger, content=content).complete("hi")
    assert [record.levelno for record in log.records] == [logging.INFO, logging.ERROR]
    assert "failed: type='Unavailable' code='unavailable' reason='server_error' status=503" in log.lines[1]
    assert ("secret" in log.lines[1]) is content


async def test_a_stopped_answer_is_logged_as_cancelled() -> None:
    """However it is stopped: stop(), or a reader that leaves."""
    for leave in ("stop", "close"):
        log = Records()
        stream = bl.Logging(ScriptedBackend([["a ", HANG]]), logger=log.logger).stream("hi")
        assert (await anext(aiter(stream))).sequence == 0
        if leave == "stop":
            stream.stop()
            await stream.finish()
        else:
            await stream.aclose()
        assert log.records[-1].__dict__["chat"]["finish_reason"] == "cancelled"
        assert log.records[-1].levelno == logging.INFO


async def test_what_fails_while_it_is_stopped_is_no_error() -> None:
    """It has stopped, which is all that was asked."""
    log = Records()
    await stopped(bl.Logging(Interruptible(DOWN), logger=log.logger))
    assert [record.levelno for record in log.records] == [logging.INFO, logging.INFO]
    assert "ends (cancelled)" in log.lines[1]


# Put together


def every_middleware(inner: bl.Backend) -> list[bl.Middleware]:
    """One of each, around the same backend."""
    return [
        bl.Logging(inner, logger=logging.Logger("nobody")),
        bl.Retry(inner),
        bl.TimeLimits(inner, total_s=1000),
        bl.Budget(inner, per_day=bl.Allowance(usd=1)),
        bl.ResponseCache(inner),
        bl.Redaction(inner),
    ]


@pytest.mark.parametrize("number", range(6))
async def test_every_middleware_passes_on_what_it_does_not_change(number: int) -> None:
    """Facts, where requests go, the world around, getting ready, closing: as the wrapped backend says."""
    facts = bl.BackendFacts(leaves_device=True, needs_network=True, model="m", loaded=True, cost_usd=0.0)
    around = bl.Environment(online=True, metered=True)
    inner = ScriptedBackend("fine", name="inner", leaves_device=True, facts=facts, environment=around)
    outer = every_middleware(inner)[number]
    request = bl.ChatRequest(messages=[bl.Message("user", "hi")])
    assert (outer.name, outer.leaves_device, outer.needs_network) == ("inner", True, True)
    assert outer.capabilities is inner.capabilities
    assert await outer.facts(request) == facts
    assert outer.environment() == around
    await outer.prepare(request)
    assert inner.prepared == [request]
    if number != 3:
        assert (await outer.complete("hi")).text == "fine"
    await outer.close()
    assert inner.closed


@pytest.mark.parametrize("number", [0, 1, 2, 4, 5])
async def test_every_middleware_passes_a_stop_on_and_ends_its_answer(number: int) -> None:
    """A stop, a closed stream and a cancelled task all reach the backend, through whatever is around it."""
    for way in ("stop", "close", "cancel"):
        inner = ScriptedBackend([["a ", HANG]], leaves_device=True)
        stream = every_middleware(inner)[number].stream("hi", temperature=0)
        task = asyncio.create_task(stream.finish())
        await settle()
        if way == "stop":
            stream.stop()
            assert (await task).finish_reason == "cancelled"
        elif way == "close":
            await stream.aclose()
            assert (await task).finish_reason == "cancelled"
        else:
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        assert len(inner.stopped) == 1
        assert stream.response.text == "a "


async def test_a_router_of_middleware_and_middleware_around_a_router() -> None:
    """The order of the documentation: what is about a backend inside, what is about the whole outside."""
    local = ScriptedBackend([[bl.DeviceLost("the GPU went away")]], name="local")
    cloud = ScriptedBackend([[DOWN], ["hello <EMAIL_1>"]], name="cloud", leaves_device=True)
    router = bl.Router([local, bl.Retry(bl.Redaction(cloud), first_wait_s=0)])
    whole = bl.Logging(bl.ResponseCache(router), logger=logging.Logger("nobody"))
    first = await whole.complete("I am ada@example.org", temperature=0)
    assert (first.text, first.backend) == ("hello ada@example.org", "cloud")
    assert [hop.backend for hop in first.route] == ["local", "cloud"]
    assert cloud.requests[-1].messages[0].text == "I am <EMAIL_1>"
    again = await whole.complete("I am ada@example.org", temperature=0)
    assert (again.text, len(cloud.requests)) == (first.text, 2)
    with pytest.raises(bl.AllBackendsFailed):
        await whole.complete("private", private=True)
    assert len(cloud.requests) == 2


@pytest.mark.parametrize(
    ("make", "parameter"),
    [
        (lambda b: bl.Retry(b, retries=-1), "retries"),
        (lambda b: bl.Retry(b, max_wait_s=-1), "max_wait_s"),
        (bl.TimeLimits, "total_s"),
        (lambda b: bl.TimeLimits(b, first_token_s=0), "first_token_s"),
        (bl.Budget, "per_day"),
        (lambda b: bl.Budget(b, per_day=bl.Allowance(usd=-1)), "per_day.usd"),
        (lambda b: bl.Budget(b, per_day=bl.Allowance(usd=1), unknown_cost="guess"), "unknown_cost"),
        (lambda b: bl.Budget(b, per_day=bl.Allowance(usd=1), key="a/b"), "key"),
        (lambda b: bl.ResponseCache(b, max_entries=0), "max_entries"),
        (lambda b: bl.ResponseCache(b, max_age_s=0), "max_age_s"),
        (lambda b: bl.Redaction(b, media="drop"), "media"),
        (lambda b: bl.Redaction(b, terms="Falcon"), "terms"),
    ],
)
def test_options_that_make_no_sense_are_refused_by_name(make: Any, parameter: str) -> None:
    """At once, when the middleware is made."""
    with pytest.raises(bl.InvalidRequest) as caught:
        make(ScriptedBackend())
    assert caught.value.data["parameter"] == parameter
