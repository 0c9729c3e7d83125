"""The plan for a request: what a router keeps from one request to the next is never out of date."""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any

import pytest

import browserllm as bl
from browserllm.backends.draft import Draft
from browserllm.backends.stream import Delta


class Plain(bl.Backend):
    """Does not override `facts`: its attributes are all that is known."""

    def __init__(self, name: str, *, leaves_device: bool) -> None:
        self.name = name
        self.leaves_device = self.needs_network = leaves_device

    async def generate(self, request: bl.ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
        """Answer with nothing special."""
        yield "fine"


class Counting(bl.CloudFirst):
    """Counts how often it ranks."""

    repeatable = True

    def __init__(self) -> None:
        self.__class__.asked = 0

    asked = 0

    def rank(
        self, request: bl.ChatRequest, candidates: Sequence[bl.backends.router.Candidate]
    ) -> Sequence[bl.backends.router.Choice]:
        """Count, and rank like a cloud-first policy."""
        type(self).asked += 1
        return super().rank(request, candidates)


class CountingAnew(Counting):
    """Does not declare its ranking repeatable."""


@pytest.mark.parametrize(("policy", "asked"), [(Counting, 1), (CountingAnew, 3)])
async def test_equal_candidates_are_ranked_once_if_the_policys_own_class_is_repeatable(policy: Any, asked: int) -> None:
    """A subclass that ranks by something else must not inherit the declaration."""
    router = bl.Router([Plain("a", leaves_device=False), Plain("b", leaves_device=True)], policy())
    for _ in range(3):
        assert (await router.complete("hello")).backend == "b"
    assert policy.asked == asked


async def test_facts_that_are_patched_into_a_backend_are_used() -> None:
    """As a test double may do."""
    backend = Plain("a", leaves_device=False)
    router = bl.Router([backend, Plain("b", leaves_device=False)])
    assert (await router.complete("hello")).backend == "a"

    async def gone(request: bl.ChatRequest) -> bl.backends.BackendFacts:
        return bl.backends.BackendFacts(leaves_device=False, needs_network=False, available=False, reason="gone")

    backend.facts = gone
    reply = await router.complete("hello")
    assert (reply.backend, [hop.reason for hop in reply.route]) == ("b", ["gone"])


@pytest.mark.parametrize("seed", range(40))
async def test_a_router_plans_like_a_new_one_whatever_it_planned_before(seed: int) -> None:
    """Facts, attributes, the environment, capabilities, the policy and the request change at random in between."""
    draw = random.Random(seed)  # noqa: S311 (no secret)
    world = [bl.page.Environment()]
    plain = [Plain(f"plain-{index}", leaves_device=bool(index % 2)) for index in range(3)]
    scripted = [bl.ScriptedBackend(name=f"scripted-{index}", leaves_device=bool(index % 2)) for index in range(3)]
    backends: list[bl.Backend] = [*plain, *scripted]
    policies: list[Any] = [
        bl.LocalFirst(),
        bl.CloudFirst(),
        bl.LocalOnly(),
        bl.backends.router.LeastCost(),
        bl.backends.router.ByCapability(),
    ]
    router = bl.Router(backends, policies[0], environment=lambda: world[0])

    def facts() -> bl.backends.BackendFacts:
        return bl.backends.BackendFacts(
            leaves_device=draw.random() < 0.5,
            needs_network=draw.random() < 0.5,
            available=draw.random() < 0.8,
            loaded=draw.choice([None, True, False]),
            downloaded=draw.choice([None, True, False]),
            fetch_bytes=draw.choice([None, 5, 500_000_000]),
            queue_length=draw.randrange(8),
            cost_usd=draw.choice([None, 0.0, 0.5]),
        )

    def change_attribute() -> None:
        draw.choice(plain).leaves_device = draw.random() < 0.5

    def change_facts() -> None:
        draw.choice(scripted).known_facts = facts()

    def change_world() -> None:
        world[0] = bl.page.Environment(online=draw.choice([None, True, False]), metered=draw.random() < 0.5)

    def change_capabilities() -> None:
        backends[draw.randrange(6)].capabilities = bl.types.Capabilities(images=draw.random() < 0.5)

    def change_policy() -> None:
        router.policy = draw.choice(policies)

    def change_an_option() -> None:
        policies[0].max_queue = draw.choice([None, 0, 4])
        policies[0].wait = draw.choice(["fetch", "load", "nothing"])

    changes: list[Callable[[], None]] = [
        change_attribute,
        change_facts,
        change_world,
        change_capabilities,
        change_policy,
        change_an_option,
        lambda: None,
    ]
    for _ in range(25):
        draw.choice(changes)()
        options: dict[str, Any] = draw.choice([{}, {}, {"private": True}, {"model": "m"}])
        part = bl.ImagePart(data=b"GIF89a")
        prompt: Any = draw.choice(["hello", "hello", [bl.Message("user", [bl.TextPart("what?"), part])]])
        fresh = bl.Router(backends, router.policy, environment=lambda: world[0])
        assert await router.explain(prompt, **options) == await fresh_explained(fresh, prompt, options, router)


async def fresh_explained(
    fresh: bl.Router, prompt: Any, options: dict[str, Any], router: bl.Router
) -> bl.backends.router.Explanation:
    """Return the explanation of a new router with the same measurements."""
    for name, routed in fresh._routed.items():  # pyright: ignore[reportPrivateUsage]
        routed.measurements = router._routed[name].measurements  # pyright: ignore[reportPrivateUsage]
    return await fresh.explain(prompt, **options)
