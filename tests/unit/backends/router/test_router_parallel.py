"""Router: several backends at one request, and many requests at few backends."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncGenerator
from typing import Any

import pytest

import browserllm as bl
from browserllm.backends.draft import Draft
from browserllm.backends.router.race import PIPE_LENGTH
from browserllm.backends.stream import Delta
from browserllm.testing.script import HANG, Answer, Wait

DOWN = bl.Unavailable("down", reason="server_error")


def scripted(name: str, *answers: Answer, clock: bl.testing.Clock | None = None) -> bl.ScriptedBackend:
    return bl.ScriptedBackend(list(answers), name=name, model=f"{name}-model", clock=clock)


def racing(*backends: bl.Backend, **options: Any) -> bl.Router:
    return bl.Router(backends, bl.Explicit(), fallback="parallel", **options)


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


# Several backends at one request


async def test_the_first_to_deliver_content_answers_and_the_others_are_closed() -> None:
    """An empty delta is not content; the losers are hops on the route."""
    clock = bl.testing.Clock()
    a = scripted("a", ["", Wait(3), "from a"], clock=clock)
    b = scripted("b", [Wait(1), "from b"], clock=clock)
    c = scripted("c", ["", Wait(2), "from c"], clock=clock)
    router = racing(a, b, c, parallel=3, clock=clock)
    task = asyncio.create_task(router.complete("go"))
    await settle()
    assert all(len(backend.requests) == 1 for backend in (a, b, c))
    clock.advance(1)
    reply = await task
    assert (reply.text, reply.backend, reply.model) == ("from b", "b", "b-model")
    assert [(hop.backend, hop.code, hop.reason) for hop in reply.route] == [
        ("a", "cancelled", "'b' answered first"),
        ("c", "cancelled", "'b' answered first"),
    ]
    assert len(a.stopped) == len(c.stopped) == 1
    assert b.stopped == []


async def test_the_losers_are_stopped_while_the_winner_still_answers() -> None:
    """Not only at its end: their answers cost money."""
    loser = scripted("loser", [HANG])
    stream = racing(scripted("winner", ["one ", HANG]), loser).stream("go")
    assert isinstance(await anext(stream), bl.types.ChatStart)
    await settle()
    assert len(loser.stopped) == 1
    await stream.aclose()


async def test_the_width_is_kept_and_a_failed_backend_is_replaced_at_once() -> None:
    """The best ones run, in the policy's order; every failure is kept."""
    a, b, c, d = (
        scripted("a", [DOWN]),
        scripted("b", [HANG]),
        scripted("c", [Wait(0), "from c"]),
        scripted("d", "from d"),
    )
    reply = await racing(a, b, c, d, parallel=2).complete("go")
    assert reply.backend == "c"
    assert [(hop.backend, hop.code) for hop in reply.route] == [("a", "unavailable"), ("b", "cancelled")]
    assert d.requests == []
    stalled = bl.errors.Stalled("nothing came")
    with pytest.raises(bl.AllBackendsFailed) as caught:
        await racing(scripted("a", [DOWN]), scripted("b", [stalled]), scripted("c", [DOWN])).complete("go")
    assert sorted(type(cause).__name__ for cause in caught.value.causes) == ["Stalled", "Unavailable", "Unavailable"]


async def test_a_hedge_starts_only_if_the_backend_before_is_slow() -> None:
    """Each starts ``hedge_after_s`` after the one before, up to the width; a failed one is replaced at once."""
    clock = bl.testing.Clock()
    a, b, c, d = (scripted(name, [HANG], clock=clock) for name in "abcd")
    router = racing(a, b, c, d, parallel=3, hedge_after_s=2, clock=clock)
    task = asyncio.create_task(router.complete("go"))

    async def asked_after(seconds: float) -> list[int]:
        clock.advance(seconds)
        await settle()
        return [len(backend.requests) for backend in (a, b, c, d)]

    assert await asked_after(0) == [1, 0, 0, 0]
    assert await asked_after(1.9) == [1, 0, 0, 0]
    assert await asked_after(0.1) == [1, 1, 0, 0]
    assert await asked_after(2) == [1, 1, 1, 0]
    assert await asked_after(10) == [1, 1, 1, 0]
    task.cancel()
    await settle()
    assert all(len(backend.stopped) == 1 for backend in (a, b, c))

    failing, spare = scripted("failing", [DOWN]), scripted("spare", "spare")
    reply = await racing(failing, spare, parallel=2, hedge_after_s=100, clock=clock).complete("go")
    assert reply.backend == "spare"
    fast = racing(scripted("fast", "fast"), c2 := scripted("c2", "hi"), parallel=2, hedge_after_s=1, clock=clock)
    assert (await fast.complete("go")).backend == "fast"
    assert c2.requests == []


async def test_a_replacement_keeps_the_width_that_hedging_has_reached() -> None:
    """If one of two fails after the hedge, the third starts at once."""
    clock = bl.testing.Clock()
    a, b, c = scripted("a", [HANG]), scripted("b", [Wait(1), DOWN], clock=clock), scripted("c", "from c")
    task = asyncio.create_task(racing(a, b, c, parallel=2, hedge_after_s=5, clock=clock).complete("go"))
    await settle()
    clock.advance(5)
    await settle()
    assert (len(b.requests), len(c.requests)) == (1, 0)
    clock.advance(1)
    assert (await task).backend == "c"


async def test_only_the_winners_metadata_is_in_the_response() -> None:
    """Not the warnings, usage, cost and route of a loser."""

    class Warns(bl.ScriptedBackend):
        async def generate(self, request: bl.ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
            draft.warn("seed", f"{self.name} has no seed")
            draft.route.append(bl.types.Hop(reason="an engine less", backend=self.name))
            async for delta in super().generate(request, draft):
                draft.warn("top_k", f"{self.name} has no top_k")
                yield delta
            draft.cost_usd = 0.5

    clock = bl.testing.Clock()
    winner = Warns([["one ", Wait(1), "two"]], name="winner", clock=clock, finish_reason="length")
    task = asyncio.create_task(racing(Warns([["", HANG]], name="loser"), winner).complete("go"))
    await settle()
    clock.advance(1)  # what the winner says of itself at its end counts, too
    reply = await task
    assert [warning.message for warning in reply.warnings] == [
        "winner has no seed",
        "winner has no top_k",
        "winner has no top_k",
    ]
    assert [hop.reason for hop in reply.route] == ["an engine less", "'winner' answered first"]
    assert (reply.cost_usd, reply.usage.completion_tokens, reply.finish_reason) == (0.5, 2, "length")


async def test_what_a_failed_router_in_a_race_passed_over_is_on_the_route() -> None:
    """The hops within it come before its own, as they do when backends are asked one after another."""
    inner = bl.Router([scripted("a", [DOWN]), scripted("b", [DOWN])], name="inner")
    routes = [
        (await bl.Router([inner, scripted("c", "fine")], bl.Explicit(), fallback=fallback).complete("go")).route
        for fallback in ("sequential", "parallel")
    ]
    assert [hop.backend for hop in routes[1] if hop.code != "cancelled"] == ["a", "b", "inner"]
    assert routes[0] == routes[1]


async def test_a_slow_reader_slows_the_backend_down() -> None:
    """The buffer is bounded: an answer that is not read does not fill the memory."""
    said = 0

    class Talks(bl.Backend):
        name = "talks"
        leaves_device = needs_network = False

        async def generate(self, request: bl.ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
            nonlocal said
            for number in range(1000):
                said += 1
                yield f"{number} "

    stream = racing(Talks(), scripted("other", [HANG])).stream("go")
    await anext(stream)
    await settle()
    assert said <= PIPE_LENGTH + 2
    response = await stream.finish()
    assert response.text == "".join(f"{number} " for number in range(1000))


async def test_each_backend_runs_in_one_task_from_beginning_to_end() -> None:
    """So what is bound to a task, such as a timeout, works inside a race."""

    class Bound(bl.Backend):
        name = "bound"
        leaves_device = needs_network = False

        async def generate(self, request: bl.ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
            async with asyncio.timeout(20):
                yield "one "
                await asyncio.sleep(0)
                yield "two"

    assert (await racing(Bound(), scripted("other", [HANG])).complete("go")).text == "one two"


# Many requests at few backends


class Counts(bl.Backend):
    """Repeats the prompt word by word, and counts concurrent requests."""

    leaves_device = needs_network = False

    def __init__(self, name: str, seed: int, *, failing: float = 0.0) -> None:
        self.name = name
        self.draw = random.Random(seed)  # noqa: S311
        self.failing = failing
        self.at_once = self.most = 0
        self.order: list[str] = []

    async def generate(self, request: bl.ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        self.order.append(str(request.metadata.get("user")))
        try:
            for word in request.messages[0].text.split():
                for _ in range(self.draw.randrange(3)):
                    await asyncio.sleep(0)
                if self.draw.random() < self.failing:
                    raise DOWN
                yield word + " "
        finally:
            self.at_once -= 1


async def test_a_limit_holds_and_users_are_served_in_turn() -> None:
    """A user with fifty requests does not delay one with two."""
    backend = Counts("local", 1)
    router = bl.Router([backend], bl.LocalFirst(max_queue=None), limits={"local": 2})
    users = ["busy"] * 50 + ["calm"] * 2
    replies = await asyncio.gather(*(router.complete("hello", metadata={"user": user}) for user in users))
    assert all(reply.text == "hello " for reply in replies)
    assert backend.most == 2
    assert backend.order[:10].count("calm") == 2
    assert len(backend.order) == 52


async def test_a_full_queue_sends_requests_to_the_next_backend() -> None:
    """The route has the reason; without another backend the error has it."""
    slow, other = scripted("slow", [HANG]), scripted("other", "from other")
    router = bl.Router([slow, other], bl.Explicit(), limits={"slow": 1}, max_waiting=1)
    running = [asyncio.create_task(router.complete("go")) for _ in range(2)]
    await settle()
    reply = await router.complete("go")
    assert (reply.backend, reply.route[0].code) == ("other", "queue_full")
    assert "the queue for 'slow' is full: 1 waiting, 1 running" in reply.route[0].reason
    with pytest.raises(bl.AllBackendsFailed) as caught:
        await router.complete("go", metadata={"backends": "slow"})
    assert isinstance(caught.value.causes[-1], bl.errors.QueueFull)
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)


async def test_waiting_requests_in_the_router_count_for_the_policy() -> None:
    """With many of them the cloud takes over."""
    away = bl.ScriptedBackend("from the cloud", name="cloud", leaves_device=True)
    router = bl.Router([scripted("local", [HANG]), away], bl.LocalFirst(max_queue=2), limits={"local": 1})
    waiting = [asyncio.create_task(router.complete("go")) for _ in range(4)]
    await settle()
    assert (await router.explain("go")).ranked[1].reason == "on this device; 3 requests are ahead of this one"
    assert (await router.complete("go")).backend == "cloud"
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


@pytest.mark.parametrize("metadata", [{}, {"user": ["a", "list"]}, {"user": {"id": 1}}, {"user": None}])
async def test_any_metadata_value_selects_a_line(metadata: dict[str, Any]) -> None:
    """A value that is not hashable is used as text."""
    router = bl.Router([Counts("local", 1)], limits={"local": 1})
    replies = await asyncio.gather(*(router.complete("hello", metadata=metadata) for _ in range(3)))
    assert [reply.text for reply in replies] == ["hello "] * 3


@pytest.mark.parametrize("fallback", ["sequential", "parallel"])
async def test_a_thousand_streams_at_once_lose_nothing(fallback: Any) -> None:
    """With random failures, limits, restarts, stops and cancellations, every answer is complete or has failed."""
    seed = 20261121
    draw = random.Random(seed)  # noqa: S311
    backends = [Counts(name, seed + index, failing=0.03) for index, name in enumerate("abcd")]
    router = bl.Router(
        backends,
        bl.backends.router.RoundRobin(),
        fallback=fallback,
        on_interrupted="restart",
        limits=dict.fromkeys("abcd", 20),
        breaker=None,
        random=random.Random(seed),  # noqa: S311
    )
    outcomes: Counter[str] = Counter()

    async def one(number: int) -> None:
        text = " ".join(f"{number}-{word}" for word in range(5))
        stream = router.stream(text, metadata={"user": number % 7})
        if draw.random() < 0.1:
            stop_after = draw.randrange(4)
            async for chunk in stream:
                if chunk.sequence >= stop_after:
                    stream.stop()
            assert stream.response.finish_reason in {"cancelled", "stop"}
            outcomes["stopped"] += 1
            return
        seen: list[str] = []
        try:
            async for chunk in stream:
                if isinstance(chunk, bl.types.ChatRestart):
                    seen.clear()
                elif isinstance(chunk, bl.types.TextDelta):
                    seen.append(chunk.text)
        except bl.AllBackendsFailed as error:
            outcomes[f"failed with {len(error.causes)} causes"] += 1
            return
        assert "".join(seen) == stream.response.text == text + " ", (seed, number)
        outcomes["answered"] += 1

    tasks = [asyncio.create_task(one(number)) for number in range(1000)]
    await settle()
    cancelled = draw.sample(tasks, 50)
    for task in cancelled:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    failures = [result for result in results if isinstance(result, Exception)]
    assert failures == [], seed
    lost = sum(isinstance(result, asyncio.CancelledError) for result in results)
    assert sum(outcomes.values()) + lost == 1000
    assert outcomes["answered"] > 700
    assert {outcome for outcome in outcomes if "failed" in outcome} <= {"failed with 4 causes"}
    assert all(backend.most <= 20 and backend.at_once == 0 for backend in backends), seed
    for member in router._order:  # pyright: ignore[reportPrivateUsage]
        assert member.queue is not None
        assert (member.queue.running, member.queue.waiting, member.measurements.running) == (0, 0, 0), seed


async def test_the_same_seed_and_clock_give_the_same_route() -> None:
    """A router depends only on its arguments."""

    async def play() -> list[Any]:
        clock = bl.testing.Clock()
        backends = [Counts(name, index, failing=0.2) for index, name in enumerate("abc")]
        settings = bl.backends.router.Breaker(failures=2, cool_down_s=5, jitter=0.5)
        router = bl.Router(
            backends,
            bl.backends.router.LeastLatency(),
            breaker=settings,
            clock=clock,
            random=random.Random(7),  # noqa: S311
            on_interrupted="restart",
        )
        log: list[Any] = []
        for number in range(60):
            clock.advance(1)
            try:
                reply = await router.complete(f"one two {number}")
                log.append((reply.backend, [(hop.backend, hop.reason) for hop in reply.route]))
            except bl.AllBackendsFailed as error:
                log.append(str(error))
        return log

    first, second = await play(), await play()
    assert first == second
    assert any("circuit breaker" in str(entry) for entry in first)
