"""The parts of a router by themselves: the fair queue, the circuit breaker, what is remembered, the translations."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence

import pytest

import browserllm as bl
from browserllm.backends.router.breaker import CircuitBreaker, counts
from browserllm.backends.router.measurements import FORGET_AFTER_S, Measurements
from browserllm.backends.router.queue import FairQueue
from browserllm.backends.router.translation import Translator

DOWN = bl.Unavailable("down", reason="server_error")


async def settle() -> None:
    """Let every task run until all of them wait."""
    for _ in range(10):
        await asyncio.sleep(0)


def a_breaker(clock: bl.testing.Clock, **settings: float) -> CircuitBreaker:
    return CircuitBreaker(bl.backends.router.Breaker(jitter=0, **settings), clock)  # type: ignore[arg-type]


def fail(breaker: CircuitBreaker, times: int = 1, error: Exception = DOWN) -> None:
    for _ in range(times):
        allowed = breaker.allow()
        assert allowed is not None
        breaker.failure(error, probe=allowed)


def succeed(breaker: CircuitBreaker, times: int = 1) -> None:
    for _ in range(times):
        allowed = breaker.allow()
        assert allowed is not None
        breaker.success(probe=allowed)


# The fair queue


async def enter_in_line(queue: FairQueue, entered: list[str], keys: Sequence[str]) -> list[asyncio.Task[None]]:
    """Start a task for each key, which wait in this order."""

    async def one(key: str) -> None:
        await queue.enter(key[0])
        entered.append(key)

    tasks = [asyncio.create_task(one(key)) for key in keys]
    await settle()
    return tasks


async def test_waiting_keys_are_served_in_turn() -> None:
    """A user with a hundred requests does not delay one with a single request."""
    queue, entered = FairQueue(1), list[str]()
    await queue.enter("z")
    await enter_in_line(queue, entered, ["a1", "a2", "a3", "b1", "b2", "c1"])
    assert queue.waiting == 6
    for _ in range(6):
        queue.leave()
        await settle()
    assert entered == ["a1", "b1", "c1", "a2", "b2", "a3"]
    queue.leave()
    assert (queue.running, queue.waiting) == (0, 0)


async def test_the_limit_holds_while_places_change_hands() -> None:
    """A free place goes directly to a waiting request: a newcomer cannot take it."""
    queue, entered = FairQueue(2), list[str]()
    await queue.enter()
    await queue.enter()
    await enter_in_line(queue, entered, ["a"])
    queue.leave()
    assert not queue.try_enter()
    await settle()
    assert entered == ["a"] and queue.running == 2


async def test_a_cancelled_waiter_loses_no_place() -> None:
    """Neither while it waits nor at the moment it gets its place."""
    queue, entered = FairQueue(1), list[str]()
    await queue.enter()
    tasks = await enter_in_line(queue, entered, ["a1", "b1", "c1"])
    tasks[0].cancel()
    await settle()
    assert queue.waiting == 2
    queue.leave()
    tasks[1].cancel()  # its place has come, and it does not know yet
    await settle()
    assert entered == ["c1"]
    assert (queue.running, queue.waiting) == (1, 0)
    queue.leave()
    assert queue.running == 0


async def test_cancelled_waiters_are_removed() -> None:
    """However many come and go while a request runs, the lines stay empty."""
    queue, entered = FairQueue(1), list[str]()
    await queue.enter()
    for task in await enter_in_line(queue, entered, ["a1", "a2", "b1"]):
        task.cancel()
    await settle()
    assert (queue.running, queue.waiting, queue._lines) == (1, 0, {})  # pyright: ignore[reportPrivateUsage]


async def test_a_place_does_not_go_to_a_waiter_that_was_just_cancelled() -> None:
    """It is cancelled first, then a place is free, before the task has run again."""
    queue, entered = FairQueue(1), list[str]()
    await queue.enter()
    tasks = await enter_in_line(queue, entered, ["a1", "a2"])
    tasks[0].cancel()
    queue.leave()
    await settle()
    assert entered == ["a2"]
    assert (queue.running, queue.waiting) == (1, 0)


async def test_a_full_queue_refuses_at_once() -> None:
    """Its length is bounded; a free place makes room again."""
    queue, entered = FairQueue(1, max_waiting=1, name="'local'"), list[str]()
    await queue.enter()
    await enter_in_line(queue, entered, ["a"])
    with pytest.raises(bl.errors.QueueFull, match=r"the queue for 'local' is full: 1 waiting, 1 running") as caught:
        await queue.enter("b")
    assert caught.value.data == {"waiting": 1, "running": 1}
    queue.leave()
    await enter_in_line(queue, entered, ["b"])
    assert queue.waiting == 1


async def test_any_order_of_events_keeps_the_count() -> None:
    """Random arrivals, departures and cancellations: never over the limit, no request lost, no place left over."""
    seed = 20261121
    draw = random.Random(seed)  # noqa: S311
    queue = FairQueue(3, max_waiting=50)
    at_work = most = done = 0

    async def one(key: int) -> None:
        nonlocal at_work, most, done
        await queue.enter(key)
        try:
            at_work += 1
            most = max(most, at_work)
            for _ in range(draw.randrange(4)):
                await asyncio.sleep(0)
            done += 1
        finally:
            at_work -= 1
            queue.leave()

    tasks: list[asyncio.Task[None]] = []
    for _ in range(1500):
        if queue.waiting < 50:
            tasks.append(asyncio.create_task(one(draw.randrange(5))))
        if draw.random() < 0.3:
            draw.choice(tasks[-20:]).cancel()
        if draw.random() < 0.7:
            await asyncio.sleep(0)
    results = await asyncio.gather(*tasks, return_exceptions=True)
    cancelled = sum(isinstance(result, asyncio.CancelledError) for result in results)
    full = sum(isinstance(result, bl.errors.QueueFull) for result in results)
    assert most == 3, seed
    assert cancelled > 50 and done + full >= len(tasks) - cancelled, seed
    assert (queue.running, queue.waiting, queue._lines) == (0, 0, {}), seed  # pyright: ignore[reportPrivateUsage]


@pytest.mark.parametrize(("limit", "max_waiting", "parameter"), [(0, 1, "limit"), (1, -1, "max_waiting")])
def test_limits_that_are_not_valid_are_refused(limit: int, max_waiting: int, parameter: str) -> None:
    """The message has the value."""
    with pytest.raises(bl.InvalidRequest, match="must be at least") as caught:
        FairQueue(limit, max_waiting=max_waiting)
    assert caught.value.data["parameter"] == parameter


# The circuit breaker


def test_a_breaker_opens_after_failures_in_a_row_and_closes_again() -> None:
    """Closed, open, half-open, closed."""
    clock = bl.testing.Clock()
    breaker = a_breaker(clock, failures=3, cool_down_s=30)
    fail(breaker, 2)
    assert breaker.state == "closed"
    fail(breaker)
    assert breaker.state == "open"
    assert breaker.allow() is None
    clock.advance(29.5)
    assert breaker.refusal() == "its circuit breaker is open for another 0.5 s"
    clock.advance(0.5)
    assert breaker.state == "half_open"
    assert breaker.refusal() == ""
    succeed(breaker)
    assert breaker.state == "closed"
    fail(breaker, 2)
    assert breaker.state == "closed"  # what was before the success does not count any more


def test_a_success_resets_the_consecutive_failures() -> None:
    """Failures that are far apart are not consecutive either."""
    clock = bl.testing.Clock()
    breaker = a_breaker(clock, failures=3, min_requests=100, window_s=60)
    fail(breaker, 2)
    succeed(breaker)
    fail(breaker, 2)
    assert breaker.state == "closed"
    clock.advance(61)
    fail(breaker, 2)
    assert breaker.state == "closed"
    fail(breaker)
    assert breaker.state == "open"


def test_a_breaker_opens_at_a_failure_rate() -> None:
    """Every second request fails, which is half of them; old requests no longer count."""
    clock = bl.testing.Clock()
    breaker = a_breaker(clock, failures=100, rate=0.5, min_requests=10, window_s=60)
    for _ in range(4):
        succeed(breaker)
        fail(breaker)
    clock.advance(70)  # those eight are forgotten
    for _ in range(4):
        succeed(breaker)
        fail(breaker)
    assert breaker.state == "closed"
    succeed(breaker)
    fail(breaker)
    assert breaker.state == "open"


def test_a_half_open_breaker_lets_one_probe_through_at_a_time() -> None:
    """The others go elsewhere meanwhile; an inconclusive probe makes room for another one."""
    clock = bl.testing.Clock()
    breaker = a_breaker(clock, failures=1, cool_down_s=10)
    fail(breaker)
    clock.advance(10)
    assert breaker.allow() is True
    assert breaker.allow() is None
    assert "a probe is running" in breaker.refusal()
    breaker.inconclusive(probe=True)
    assert breaker.allow() is True
    breaker.failure(DOWN, probe=True)
    assert breaker.state == "open"
    assert breaker.opens_in_s == 10


def test_a_breaker_may_need_several_successes() -> None:
    """As many consecutive probes as configured."""
    clock = bl.testing.Clock()
    breaker = a_breaker(clock, failures=1, cool_down_s=10, successes=2)
    fail(breaker)
    clock.advance(10)
    succeed(breaker)
    assert breaker.state == "half_open"
    fail(breaker)
    clock.advance(10)
    succeed(breaker, 2)
    assert breaker.state == "closed"


def test_a_late_answer_does_not_close_an_open_breaker() -> None:
    """A request from before it opened says nothing about now."""
    clock = bl.testing.Clock()
    breaker = a_breaker(clock, failures=1)
    early = breaker.allow()
    assert early is False
    fail(breaker)
    breaker.success(probe=early)
    assert breaker.state == "open"
    until = breaker.opens_in_s
    clock.advance(1)
    breaker.failure(DOWN, probe=False)
    assert breaker.opens_in_s == until - 1


def test_a_rate_limit_opens_a_breaker_for_as_long_as_the_server_says() -> None:
    """It opens at once; without a time the rate limit counts as a failure."""
    clock = bl.testing.Clock()
    breaker = a_breaker(clock, failures=2, cool_down_s=10)
    fail(breaker, 1, bl.RateLimited("slow down", data={"retry_after_s": 90}))
    assert breaker.opens_in_s == 90
    clock.advance(90)
    succeed(breaker)
    fail(breaker, 1, bl.RateLimited("slow down"))
    assert breaker.state == "closed"
    fail(breaker, 1, bl.RateLimited("slow down"))
    assert breaker.opens_in_s == 10


def test_an_overloaded_server_gets_no_requests_for_as_long_as_it_asks() -> None:
    """A 503 with Retry-After."""
    breaker = a_breaker(bl.testing.Clock())
    fail(breaker, 1, bl.Unavailable("busy", reason="server_error", data={"retry_after_s": 7}))
    assert breaker.opens_in_s == 7


def test_the_jitter_shortens_cool_downs_and_is_repeatable() -> None:
    """They are never longer than configured; the same seed gives the same time."""

    def opened(seed: int) -> float:
        settings = bl.backends.router.Breaker(failures=1, cool_down_s=100, jitter=0.2)
        breaker = CircuitBreaker(settings, bl.testing.Clock(), random.Random(seed))  # noqa: S311
        fail(breaker)
        return breaker.opens_in_s

    assert opened(1) == opened(1) != opened(2)
    assert all(80 <= opened(seed) <= 100 for seed in range(20))


@pytest.mark.parametrize(
    ("error", "its_fault"),
    [
        (bl.Unavailable("x", reason="unreachable"), True),
        (bl.Unavailable("x", reason="server_error"), True),
        (bl.Unavailable("x", reason="offline"), False),
        (bl.Unavailable("x", reason="private"), False),
        (bl.Timeout("x"), True),
        (bl.errors.Stalled("x"), True),
        (bl.errors.DeviceLost("x"), True),
        (bl.errors.ProtocolError("x"), True),
        (bl.AuthenticationError("x"), True),
        (ZeroDivisionError("a bug"), True),
        (bl.InvalidRequest("x"), False),
        (bl.ContextExceeded("x"), False),
        (bl.errors.ContentFiltered("x"), False),
        (bl.BudgetExceeded("x"), False),
        (bl.errors.Unsupported("x"), False),
        (bl.errors.ModelNotFound("x"), False),
        (bl.errors.QueueFull("x"), False),
        (bl.Cancelled("x"), False),
        (bl.AllBackendsFailed("x", causes=[bl.Unavailable("x", reason="private")]), False),
        (bl.AllBackendsFailed("x", causes=[bl.Unavailable("x", reason="private"), bl.errors.Stalled("x")]), True),
    ],
)
def test_faults_of_the_backend_count_against_it(error: Exception, its_fault: bool) -> None:
    """Faults of a server, a network or a device; not of the request."""
    assert counts(error) is its_fault
    breaker = a_breaker(bl.testing.Clock(), failures=1)
    fail(breaker, 1, error)
    assert breaker.state == ("open" if its_fault else "closed")


@pytest.mark.parametrize(
    "settings",
    [
        {"failures": 0},
        {"rate": 0},
        {"rate": 1.1},
        {"min_requests": 0},
        {"window_s": 0},
        {"cool_down_s": -1},
        {"successes": 0},
        {"jitter": 2},
        {"cool_down_s": float("nan")},
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, float]) -> None:
    """When the router is created, with the name and the value."""
    with pytest.raises(bl.InvalidRequest, match=next(iter(settings))):
        bl.Router([bl.ScriptedBackend()], breaker=bl.backends.router.Breaker(**settings))  # type: ignore[arg-type]


# What is remembered


def test_speeds_are_smoothed_and_forgotten() -> None:
    """The newest measurement has a weight of 0.3, and after a while nothing is known any more."""
    clock = bl.testing.Clock()
    history = Measurements(clock)
    assert history.first_token_s is None and history.tokens_per_s is None
    for seconds, tokens in ((1.0, 11), (2.0, 21)):
        started_at = history.started(0)
        clock.advance(seconds)
        began_at = history.began(started_at)
        clock.advance(1)
        history.answered(began_at, tokens)
        history.ended()
    assert history.first_token_s == pytest.approx(1.3)
    assert history.tokens_per_s == pytest.approx(13)
    assert (history.answers, history.running) == (2, 0)
    clock.advance(FORGET_AFTER_S + 1)
    assert history.first_token_s is None and history.tokens_per_s is None
    started_at = history.started(1)
    clock.advance(5)
    history.began(started_at)
    assert history.first_token_s == 5 and history.tokens_per_s is None


def test_failures_in_a_row_end_with_an_answer() -> None:
    """The total number of failures stays."""
    history = Measurements(bl.testing.Clock())
    history.failed(DOWN)
    history.failed(ZeroDivisionError())
    assert (history.failures, history.failures_in_a_row, history.last_failure) == (2, 2, "ZeroDivisionError")
    history.answered(None, 0)
    assert (history.failures, history.failures_in_a_row) == (2, 0)


# Translations


def test_a_name_comes_before_a_pattern_and_the_first_pattern_that_knows_the_backend_wins() -> None:
    """The default (``"*"``) is a pattern, too."""
    translator = Translator(
        {
            "gpt-*": {"local": "Qwen3-4B"},
            "gpt-5-nano": {"local": "Qwen3-0.6B"},
            "*": {"local": "pocket", "claude": "haiku"},
        },
        ["local", "claude"],
    )
    assert translator.by_name("gpt-5-nano", "local") == "Qwen3-0.6B"
    assert translator.by_name("gpt-5", "local") is None
    assert translator.by_pattern("gpt-5", "local") == "Qwen3-4B"
    assert translator.by_pattern("gpt-5", "claude") == "haiku"
    assert translator.by_pattern("gemini", "local") == "pocket"


def test_translations_to_unknown_backends_are_refused() -> None:
    """The error lists the known names."""
    with pytest.raises(bl.InvalidRequest, match=r"names the unknown backend 'clod'\. Choose one of: local"):
        Translator({"a": {"clod": "b"}}, ["local"])
    with pytest.raises(bl.InvalidRequest, match="must be the name of a model"):
        Translator({"a": {"local": ""}}, ["local"])
