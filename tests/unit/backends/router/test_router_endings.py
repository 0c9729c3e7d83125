"""Router: answers that break off, and requests that are stopped, cancelled or late, in every phase."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest

import browserllm as bl
from browserllm.backends.draft import Draft
from browserllm.backends.stream import Delta
from browserllm.testing.script import DEAF, HANG, Answer, Wait

CUT = bl.Unavailable("the connection was cut", reason="unreachable")
DOWN = bl.Unavailable("the server answers 503", reason="server_error")


def scripted(name: str, *answers: Answer) -> bl.ScriptedBackend:
    return bl.ScriptedBackend(list(answers), name=name, model=f"{name}-model")


def restarting(*backends: bl.Backend, **options: Any) -> bl.Router:
    return bl.Router(backends, bl.Explicit(), on_interrupted="restart", **options)


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


BOTH = pytest.mark.parametrize("fallback", ["sequential", "parallel"])


# An answer that breaks off


@BOTH
async def test_an_answer_that_breaks_off_raises_the_failure(fallback: Any) -> None:
    """As it is, with what was received on the response; no other backend answers."""
    other = scripted("other", [HANG])
    stream = bl.Router([scripted("first", ["Once ", "upon ", CUT]), other], bl.Explicit(), fallback=fallback).stream(
        "go"
    )
    received: list[str] = []
    with pytest.raises(bl.Unavailable) as caught:
        async for chunk in stream:
            received.append(chunk.text)  # noqa: PERF401 (what came before the failure counts)
    assert caught.value is CUT
    assert received == ["", "Once ", "upon "]
    assert (stream.response.text, stream.response.backend, stream.response.finish_reason) == (
        "Once upon ",
        "first",
        "error",
    )
    assert len(other.requests) == len(other.stopped)


@BOTH
async def test_an_answer_may_restart_with_the_next_backend(fallback: Any) -> None:
    """A restart chunk comes first, so that a UI can clear; the response has only the last answer."""
    router = restarting(
        scripted("first", ["Once ", CUT]), scripted("second", "A new one"), fallback=fallback, parallel=1
    )
    chunks = [chunk async for chunk in router.stream("go", text="both")]
    start, once, restart, *rest = chunks
    assert isinstance(start, bl.types.ChatStart) and start.backend == "first"
    assert once.text == "Once "
    assert isinstance(restart, bl.types.ChatRestart)
    assert (restart.backend, restart.model, restart.accumulated) == ("second", "second-model", "")
    assert (restart.hop.backend, restart.hop.reason) == ("first", "the connection was cut")
    assert [chunk.accumulated for chunk in rest] == ["A ", "A new ", "A new one", "A new one"]
    done = rest[-1]
    assert isinstance(done, bl.types.ChatDone)
    assert (done.response.text, done.response.backend, done.response.model) == ("A new one", "second", "second-model")
    assert done.response.route == [restart.hop]
    assert done.response.usage.completion_tokens == 3
    assert [chunk.sequence for chunk in chunks] == list(range(len(chunks)))


async def test_an_answer_may_break_off_more_than_once() -> None:
    """An empty answer after that is still the answer."""
    router = restarting(
        scripted("a", ["one ", CUT]), scripted("b", [DOWN]), scripted("c", ["two ", CUT]), scripted("d", [])
    )
    chunks = [chunk async for chunk in router.stream("go")]
    assert [type(chunk).__name__ for chunk in chunks] == [
        "ChatStart",
        "TextDelta",
        "ChatRestart",
        "TextDelta",
        "ChatRestart",
        "ChatDone",
    ]
    assert [chunk.backend for chunk in chunks if isinstance(chunk, bl.types.ChatRestart)] == ["c", "d"]
    done = chunks[-1]
    assert isinstance(done, bl.types.ChatDone)
    assert (done.response.text, done.response.backend) == ("", "d")
    assert [hop.backend for hop in done.response.route] == ["a", "b", "c"]


@BOTH
async def test_without_another_backend_the_received_answer_remains(fallback: Any) -> None:
    """Under the name of its backend, with its warnings, and every cause on the error."""

    class Warns(bl.ScriptedBackend):
        async def generate(self, request: bl.ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
            draft.warn("seed", f"{self.name} has no seed")
            async for delta in super().generate(request, draft):
                yield delta

    first = Warns([["Once ", CUT]], name="first", model="m1")
    stream = restarting(first, Warns([[DOWN]], name="second"), fallback=fallback, parallel=1).stream("go")
    with pytest.raises(bl.AllBackendsFailed) as caught:
        await stream.finish()
    assert caught.value.causes == (CUT, DOWN)
    response = stream.response
    assert (response.text, response.backend, response.model) == ("Once ", "first", "m1")
    assert [warning.message for warning in response.warnings] == ["first has no seed"]
    assert [hop.backend for hop in response.route] == ["first", "second"]


async def test_a_final_error_does_not_restart_the_answer() -> None:
    """Such as a content filter in the middle of an answer."""
    other = scripted("other", "hello")
    refused = bl.errors.ContentFiltered("no more of this")
    with pytest.raises(bl.errors.ContentFiltered):
        await restarting(scripted("first", ["Once ", refused]), other).complete("go")
    assert other.requests == []


async def test_a_router_in_a_router_restarts_within() -> None:
    """Its restart chunk is passed on, and the outer response is right."""
    inner = restarting(scripted("a", ["one ", CUT]), scripted("b", "two"), name="inner")
    for fallback in ("sequential", "parallel"):
        reply = await bl.Router([inner, scripted("other", [HANG])], bl.Explicit(), fallback=fallback).complete("go")
        assert (reply.text, reply.backend) == ("two", "b")
        assert reply.route[0].backend == "a"


# Stopped, cancelled, late


class Soft(bl.Backend):
    """Reacts to a stop by failing instead of ending."""

    name = "soft"
    leaves_device = needs_network = False

    def __init__(self, *first: str) -> None:
        self.first = first
        self.stopped = 0

    async def generate(self, request: bl.ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
        stop = asyncio.Event()
        draft.interrupt = stop.set
        for text in self.first:
            yield text
        await stop.wait()
        self.stopped += 1
        raise CUT


@BOTH
@pytest.mark.parametrize("first", [("",), ("one",)])
async def test_a_stopped_answer_does_not_restart(fallback: Any, first: tuple[str, ...]) -> None:
    """A failure while stopping counts as stopped; the next backend is not asked."""
    soft, other = Soft(*first), scripted("other", "hello")
    router = restarting(soft, other, fallback=fallback, parallel=1)
    stream = router.stream("go")
    reading = asyncio.create_task(stream.finish())
    await settle()
    stream.stop()
    response = await reading
    assert (response.finish_reason, response.text) == ("cancelled", "".join(first))
    assert other.requests == []
    assert router._order[0].measurements.failures == 0  # pyright: ignore[reportPrivateUsage]


@BOTH
async def test_a_stop_reaches_a_router_in_a_router(fallback: Any) -> None:
    """It does not restart either."""
    other = scripted("other", "hello")
    inner = restarting(Soft("one"), other, name="inner")
    stream = bl.Router([inner, scripted("last", [HANG])], bl.Explicit(), fallback=fallback).stream("go")
    reading = asyncio.create_task(stream.finish())
    await settle()
    stream.stop()
    response = await reading
    assert (response.finish_reason, response.text, response.backend) == ("cancelled", "one", "soft")
    assert other.requests == []


class SlowFacts(bl.ScriptedBackend):
    """Never returns its facts."""

    async def facts(self, request: bl.ChatRequest) -> bl.backends.BackendFacts:
        await asyncio.get_running_loop().create_future()
        raise AssertionError


PHASES: dict[str, Callable[[], bl.Backend]] = {
    "facts": lambda: SlowFacts(name="slow"),
    "first content": lambda: scripted("slow", [HANG]),
    "first content, deaf": lambda: scripted("slow", [DEAF]),
    "in the middle": lambda: scripted("slow", ["one ", HANG]),
}


async def end(how: str, stream: bl.backends.ChatStream, reading: asyncio.Task[Any]) -> None:
    if how == "stop":
        stream.stop()
    elif how == "aclose":
        await stream.aclose()
    else:
        reading.cancel()


@BOTH
@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("how", ["stop", "aclose", "cancel"])
async def test_an_end_reaches_the_backend_in_every_phase(fallback: Any, phase: str, how: str) -> None:
    """Nothing is left running or counted, no other backend is asked, and the response says so."""
    slow, other = PHASES[phase](), scripted("other", [HANG])
    router = bl.Router([slow, other], bl.Explicit(), fallback=fallback, limits={"slow": 1, "other": 1})
    stream = router.stream("go")
    reading = asyncio.create_task(stream.finish())
    await settle()
    await end(how, stream, reading)
    if how == "cancel":
        with pytest.raises(asyncio.CancelledError):
            await reading
    else:
        assert (await reading).finish_reason == "cancelled"
    assert stream.response.finish_reason == "cancelled"
    for member in router._order:  # pyright: ignore[reportPrivateUsage]
        assert isinstance(member.backend, bl.ScriptedBackend)
        assert len(member.backend.requests) == len(member.backend.stopped)
        assert member.queue is not None and (member.queue.running, member.queue.waiting) == (0, 0)
        assert member.measurements.running == 0
        assert member.breaker is not None and member.breaker.state == "closed"
        assert member.measurements.failures == 0
    assert len(other.requests) == (1 if fallback == "parallel" and phase != "facts" else 0)


@BOTH
@pytest.mark.parametrize("how", ["stop", "aclose", "cancel"])
async def test_an_end_removes_a_waiting_request_from_its_line(fallback: Any, how: str) -> None:
    """It is never sent, and the next one in the line is served."""
    slow = scripted("slow", [HANG], "hello", "hello")
    router = bl.Router([slow], limits={"slow": 1}, fallback=fallback)
    first = asyncio.create_task(router.complete("first"))
    await settle()
    stream = router.stream("waits")
    waits, next_one = asyncio.create_task(stream.finish()), asyncio.create_task(router.complete("next"))
    await settle()
    await end(how, stream, waits)
    await settle()
    first.cancel()
    assert (await next_one).text == "hello"
    assert [request.messages[0].text for request in slow.requests] == ["first", "next"]
    assert stream.response.finish_reason == "cancelled"


@BOTH
async def test_a_stopped_answer_is_not_measured(fallback: Any) -> None:
    """Even if it ended with usage, it says nothing about the backend."""

    class Ends(bl.Backend):
        name = "ends"
        leaves_device = needs_network = False

        async def generate(self, request: bl.ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
            stop = asyncio.Event()
            draft.interrupt = stop.set
            yield "one"
            await stop.wait()
            draft.usage = bl.types.Usage(completion_tokens=1)

    router = bl.Router([Ends(), scripted("other", [HANG])], bl.Explicit(), fallback=fallback)
    stream = router.stream("go")
    reading = asyncio.create_task(stream.finish())
    await settle()
    stream.stop()
    assert (await reading).usage.completion_tokens == 1
    assert router._order[0].measurements.answers == 0  # pyright: ignore[reportPrivateUsage]


async def test_a_breaker_that_opens_stops_waiting_requests() -> None:
    """A request that waited is not sent to a backend that has failed meanwhile."""
    clock = bl.testing.Clock()
    flaky = bl.ScriptedBackend([[Wait(1), DOWN], "hello"], name="flaky", clock=clock)
    router = bl.Router(
        [flaky, scripted("other", "hi", "hi")],
        bl.Explicit(),
        limits={"flaky": 1},
        breaker=bl.backends.router.Breaker(failures=1, jitter=0),
        clock=clock,
    )
    tasks = [asyncio.create_task(router.complete("go")) for _ in range(2)]
    await settle()
    clock.advance(1)
    replies = await asyncio.gather(*tasks)
    assert [reply.backend for reply in replies] == ["other", "other"]
    assert len(flaky.requests) == 1
    assert "'flaky' was not asked: its circuit breaker is open for another 30 s" in replies[1].route[0].reason


async def test_privacy_is_checked_again_before_sending() -> None:
    """A backend may begin to leave the device while a request waits for it."""
    changing = scripted("changing", [HANG], "hello")
    router = bl.Router([changing], limits={"changing": 1})
    first = asyncio.create_task(router.complete("go"))
    await settle()
    waiting = asyncio.create_task(router.complete("a secret", private=True))
    await settle()
    changing.leaves_device = True
    first.cancel()
    with pytest.raises(bl.AllBackendsFailed, match="the request is private, and 'changing' may leave the device"):
        await waiting
    assert len(changing.requests) == 1


async def test_a_deadline_covers_all_attempts() -> None:
    """It does not restart with each backend, and no backend is asked after it."""
    other = scripted("other", "hello")
    reply = await bl.Router([scripted("slow", [HANG]), other], bl.Explicit()).complete("go", deadline_s=0.01)
    assert reply.finish_reason == "cancelled"
    assert reply.warnings[0].parameter == "deadline_s"
    assert other.requests == []


async def test_a_cancelled_probe_makes_room_for_another_one() -> None:
    """It is inconclusive: the breaker stays half-open."""
    clock = bl.testing.Clock()
    flaky = scripted("flaky", [DOWN], [HANG], "well")
    router = bl.Router([flaky], breaker=bl.backends.router.Breaker(failures=1, cool_down_s=10, jitter=0), clock=clock)
    with pytest.raises(bl.AllBackendsFailed):
        await router.complete("one")
    clock.advance(10)
    probe = asyncio.create_task(router.complete("two"))
    await settle()
    with pytest.raises(bl.AllBackendsFailed, match="a probe is running"):
        await router.complete("three")
    probe.cancel()
    await settle()
    assert (await router.complete("four")).text == "well"


async def test_a_dropped_stream_releases_everything() -> None:
    """A plain ``break`` is enough."""
    slow = scripted("slow", ["one ", HANG])
    router = bl.Router([slow], limits={"slow": 1})

    async def read_one() -> None:
        async for chunk in router.stream("go"):
            if chunk.text:
                break

    await read_one()
    await settle()
    assert len(slow.stopped) == 1
    queue = router._order[0].queue  # pyright: ignore[reportPrivateUsage]
    assert queue is not None and queue.running == 0


async def test_a_failing_cleanup_frees_its_place_in_the_queue() -> None:
    """The failure is raised, and the place is free."""

    class Clumsy(bl.ScriptedBackend):
        async def generate(self, request: bl.ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
            try:
                yield "one"
                await asyncio.get_running_loop().create_future()
            finally:
                raise ZeroDivisionError("while cleaning up")

    router = bl.Router([Clumsy(name="clumsy")], limits={"clumsy": 1})
    stream = router.stream("go")
    await anext(stream)
    with pytest.raises(ZeroDivisionError):
        await stream.aclose()
    queue = router._order[0].queue  # pyright: ignore[reportPrivateUsage]
    assert queue is not None and queue.running == 0
