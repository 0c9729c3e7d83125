"""What every backend and every middleware does without being told."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import browserllm as bl
from browserllm._internal.clock import SystemClock
from browserllm.backends.draft import Draft
from browserllm.backends.stream import Delta
from browserllm.testing.script import Wait


class Plain(bl.Backend):
    """A backend that knows nothing of itself."""

    async def generate(self, request: bl.ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
        yield "plain"


async def test_a_backend_that_declares_nothing_counts_as_leaving_the_device() -> None:
    """Privacy must not depend on the backend's author."""
    backend = Plain()
    facts = await backend.facts(bl.ChatRequest(messages=[], model="m"))
    assert (facts.leaves_device, facts.needs_network, facts.model) == (True, True, "m")
    assert backend.environment() is None
    await backend.prepare(bl.ChatRequest(messages=[]))


async def test_a_middleware_passes_everything_on() -> None:
    """Name, capabilities, facts, answers, stops and the end are those of the backend inside."""
    inner = bl.ScriptedBackend(
        ["one two", ["a ", Wait(9), "b"]], name="inner", environment=bl.page.Environment(online=True)
    )
    outer = bl.backends.Middleware(inner)
    assert (outer.name, outer.capabilities, outer.leaves_device) == ("inner", inner.capabilities, False)
    response = await outer.complete("hi")
    assert (response.text, response.backend, response.model) == ("one two", "inner", "scripted")
    assert await outer.list_models() == []
    assert (await outer.health()).ok
    assert await outer.estimate_cost("hi") == 0
    assert outer.environment() == bl.page.Environment(online=True)
    request = inner.requests[0]
    assert await outer.facts(request) == await inner.facts(request)
    await outer.prepare(request)
    assert inner.prepared == [request]
    async with outer.stream("hi") as stream:
        async for chunk in stream:
            if chunk.text:
                stream.stop()
    assert (stream.response.finish_reason, inner.stopped) == ("cancelled", [inner.requests[1]])
    async with outer:
        pass
    assert inner.closed


async def test_the_system_clock_advances_and_sleeps() -> None:
    """It is used when no test clock is."""
    clock = SystemClock()
    before = clock.now_s
    await clock.sleep(0)
    assert clock.now_s >= before
