"""Middleware together: what each passes on, and how middleware and routers are put around each other."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

import browserllm as bl
from browserllm.testing.backend import ScriptedBackend
from browserllm.testing.script import HANG

DOWN = bl.Unavailable("the server failed", reason="server_error")


async def settle() -> None:
    """Let every task run until it waits for something."""
    for _ in range(20):
        await asyncio.sleep(0)


def every_middleware(inner: bl.Backend) -> list[bl.backends.Middleware]:
    """Return one of each middleware, around the same backend."""
    return [
        bl.Logging(inner, logger=logging.Logger("unread")),
        bl.Retry(inner),
        bl.TimeLimits(inner, total_s=1000),
        bl.Budget(inner, per_day=bl.Allowance(usd=1)),
        bl.ResponseCache(inner),
        bl.Redaction(inner),
    ]


@pytest.mark.parametrize("number", range(6))
async def test_every_middleware_passes_on_what_it_does_not_change(number: int) -> None:
    """Facts, privacy, the environment, `prepare` and `close` are those of the wrapped backend."""
    facts = bl.backends.BackendFacts(leaves_device=True, needs_network=True, model="m", loaded=True, cost_usd=0.0)
    around = bl.page.Environment(online=True, metered=True)
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


@pytest.mark.parametrize("number", range(7))
async def test_the_capabilities_of_a_loaded_model_are_visible_through_every_layer(number: int) -> None:
    """If a loaded model takes no images, whatever its card says, middleware and routers report that from then on."""
    artifact = bl.models.Artifact(engine="webllm", device="webgpu", url="u", bundled=True)
    boast = bl.models.ModelCard(id="mine", artifacts=[artifact], vision=True)
    local = bl.LocalBackend(bl.ScriptedHost("fine"), "mine", catalog=bl.models.Catalog([boast]))
    outer: bl.Backend = bl.Router([local]) if number == 6 else every_middleware(local)[number]
    twice = bl.Logging(bl.Router([outer]), logger=logging.Logger("quiet"))
    assert (outer.capabilities.images, twice.capabilities.images) == (True, True)
    await local.prepare(bl.ChatRequest(messages=[bl.Message("user", "hi")]))
    assert (outer.capabilities.images, twice.capabilities.images) == (False, False)
    local.name, local.needs_network = "renamed", True
    assert (outer.name, outer.needs_network) == ("router" if number == 6 else "renamed", True)
    assert twice.needs_network


def test_attributes_set_on_a_middleware_override_the_backends() -> None:
    """Such as its name, for the route."""
    outer = bl.Retry(ScriptedBackend(name="inner"))
    outer.name = "patient"
    outer.backend.name = "renamed"
    assert (outer.name, outer.capabilities) == ("patient", outer.backend.capabilities)


@pytest.mark.parametrize("number", [0, 1, 2, 4, 5])
async def test_every_middleware_passes_a_stop_on_and_ends_its_answer(number: int) -> None:
    """A stop, a closed stream and a cancelled task all reach the backend."""
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
    """In the order of the documentation: middleware for one backend inside, for all of them outside."""
    local = ScriptedBackend([[bl.errors.DeviceLost("the GPU went away")]], name="local")
    cloud = ScriptedBackend([[DOWN], ["hello <EMAIL_1>"]], name="cloud", leaves_device=True)
    router = bl.Router([local, bl.Retry(bl.Redaction(cloud), first_wait_s=0)])
    whole = bl.Logging(bl.ResponseCache(router), logger=logging.Logger("unread"))
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
def test_options_that_are_not_valid_are_refused_by_name(make: Any, parameter: str) -> None:
    """When the middleware is created."""
    with pytest.raises(bl.InvalidRequest) as caught:
        make(ScriptedBackend())
    assert caught.value.data["parameter"] == parameter
