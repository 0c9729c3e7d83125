"""The plan for a request: what a router keeps from one request to the next is never out of date."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any

import pytest
from msgspec.structs import replace

import browserllm as bl
from browserllm.backends.draft import Draft
from browserllm.backends.stream import Delta
from browserllm.testing import Wait


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


class Ahead:
    """A router that has just been asked for its facts about a request, and how often its policy ranked since then."""

    def __init__(self) -> None:
        self.clock = bl.testing.Clock()
        self.world = bl.page.Environment(online=True)
        self.cloud = bl.ScriptedBackend(name="cloud", leaves_device=True, clock=self.clock)
        self.here = bl.ScriptedBackend(name="here", clock=self.clock)
        self.router = bl.Router(
            [self.here, self.cloud], CountingAnew(), clock=self.clock, environment=lambda: self.world
        )
        self.request = bl.ChatRequest(messages=[bl.Message("user", "hello")])

    async def plans_for(self, request: bl.ChatRequest) -> int:
        """Answer a request, and return how often the router planned for that."""
        before = CountingAnew.asked
        await self.router.complete(request)
        return CountingAnew.asked - before


async def test_the_plan_for_the_facts_of_a_request_is_the_plan_for_its_answer() -> None:
    """Once, and also where it was counted in between and less time is left: that is the same question."""
    ahead = Ahead()
    await ahead.router.facts(replace(ahead.request, deadline_s=9.0))
    assert CountingAnew.asked == 1
    await ahead.router.count_tokens(ahead.request)
    assert CountingAnew.asked == 1
    assert await ahead.plans_for(replace(ahead.request, deadline_s=8.0)) == 0
    assert await ahead.plans_for(ahead.request) == 1, "each answer has a plan of its own"
    await ahead.router.facts(ahead.request)
    await ahead.router.facts(ahead.request)
    assert CountingAnew.asked == 4, "facts are always those of now"


@pytest.mark.parametrize(
    "change",
    [
        lambda ahead: ahead.clock.advance(1.1),
        lambda ahead: setattr(ahead, "world", bl.page.Environment(online=False)),
        lambda ahead: setattr(ahead.router, "policy", CountingAnew()),
        lambda ahead: setattr(ahead.router.policy, "max_queue", 3),
        lambda ahead: setattr(ahead.cloud, "capabilities", bl.types.Capabilities(images=True)),
        lambda ahead: setattr(ahead.cloud, "leaves_device", False),
        lambda ahead: ahead.request.messages.append(bl.Message("user", "more")),
        lambda ahead: setattr(ahead, "request", replace(ahead.request, private=True)),
        lambda ahead: setattr(ahead, "request", replace(ahead.request, model="m")),
    ],
    ids=["time", "world", "policy", "option", "capabilities", "place", "messages", "privacy", "model"],
)
async def test_what_has_changed_since_the_facts_is_planned_for_again(change: Callable[[Ahead], None]) -> None:
    """A plan is kept for a second, for the same request, and as long as the router knows nothing new."""
    ahead = Ahead()
    await ahead.router.facts(ahead.request)
    change(ahead)
    assert await ahead.plans_for(ahead.request) == 1


async def test_a_request_in_between_is_something_new() -> None:
    """Two conversations that share a router do not both get the backend whose turn it is."""
    first, second = bl.ScriptedBackend(name="first"), bl.ScriptedBackend(name="second")
    router = bl.Router([first, second], bl.backends.router.RoundRobin())
    request, other = (bl.ChatRequest(messages=[bl.Message("user", text)]) for text in ("hello", "hi"))
    await router.facts(request)
    assert (await router.complete(other)).backend == "first"
    assert (await router.complete(request)).backend == "second"


async def test_a_backend_whose_breaker_opened_in_between_is_passed_over_as_by_a_new_plan() -> None:
    """A request that was running when the plan was made may fail before the answer begins."""
    clock = bl.testing.Clock()
    down = bl.ScriptedBackend([[Wait(1), bl.Unavailable("down")]], name="down", clock=clock)
    breaker = bl.backends.router.Breaker(failures=1)
    policy = CountingAnew()
    router = bl.Router([down, bl.ScriptedBackend(name="up")], policy, breaker=breaker, clock=clock)
    down.leaves_device = True
    running = asyncio.create_task(router.complete("hi"))
    while not down.requests:
        await asyncio.sleep(0)
    request = bl.ChatRequest(messages=[bl.Message("user", "hello")])
    await router.facts(request)
    clock.advance(1)
    assert (await running).backend == "up"
    planned = CountingAnew.asked
    assert (await router.complete(request)).backend == "up"
    assert CountingAnew.asked == planned + 1


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
