"""Policies: in which order, and why, in words that a person understands."""

from __future__ import annotations

from typing import Any

import pytest

import browserllm as bl
from browserllm.backends.router.measurements import Measurements

REQUEST = bl.ChatRequest(messages=[bl.Message("user", "hello")])
GIGABYTE = 1_000_000_000


def candidate(name: str = "local", **given: Any) -> bl.backends.router.Candidate:
    """Return a candidate, by default on the device; ``given`` are fields of its facts and environment."""
    facts = {
        key: given.pop(key)
        for key in list(given)
        if key in bl.backends.BackendFacts.__struct_fields__ and key != "model"
    }
    environment = {key: given.pop(key) for key in list(given) if key in bl.page.Environment.__struct_fields__}
    cloud = facts.pop("leaves_device", False)
    return bl.backends.router.Candidate(
        name=name,
        position=given.pop("position", 0),
        facts=bl.backends.BackendFacts(leaves_device=cloud, needs_network=cloud, **facts),
        environment=bl.page.Environment(**environment),
        measurements=given.pop("measurements", None) or Measurements(bl.testing.Clock()),
        capabilities=given.pop("capabilities", bl.types.Capabilities()),
        **given,
    )


CLOUD = candidate("cloud", leaves_device=True, position=1)


def ranked(
    policy: bl.backends.router.Policy, *candidates: bl.backends.router.Candidate, request: bl.ChatRequest = REQUEST
) -> list[str]:
    return [choice.name for choice in policy.rank(request, candidates) if not choice.excluded]


def reasons(
    policy: bl.backends.router.Policy, *candidates: bl.backends.router.Candidate, request: bl.ChatRequest = REQUEST
) -> dict[str, str]:
    return {choice.name: choice.reason for choice in policy.rank(request, candidates)}


def measured(*, first_token_s: float | None = None, asked: int = -1, failures: int = 0) -> Measurements:
    clock = bl.testing.Clock()
    past = Measurements(clock)
    past.last_asked = asked
    if first_token_s is not None:
        started_at = past.started(asked)
        clock.advance(first_token_s)
        past.began(started_at)
    for _ in range(failures):
        past.failed(bl.errors.Stalled("x"))
    return past


@pytest.mark.parametrize(
    ("facts", "first", "reason"),
    [
        ({}, "local", "on this device"),
        ({"fits": True, "downloaded": True, "loaded": True}, "local", "on this device, and loaded"),
        ({"downloaded": True, "loaded": False}, "local", "on this device, not loaded yet"),
        (
            {"downloaded": False, "fetch_bytes": 50_000_000, "loaded": False},
            "local",
            "on this device, after a download of 50.0 MB",
        ),
        ({"loaded": True, "queue_length": 4}, "local", "on this device, and loaded"),
        (
            {"loaded": True, "queue_length": 3, "waiting": 2},
            "cloud",
            "on this device, and loaded; 5 requests are ahead of this one",
        ),
        (
            {"loaded": True, "battery_level": 0.12, "charging": False},
            "cloud",
            "on this device, and loaded; the battery is at 12%",
        ),
        ({"loaded": True, "battery_level": 0.12, "charging": True}, "local", "on this device, and loaded"),
        ({"loaded": True, "battery_level": 0.12}, "local", "on this device, and loaded"),
        ({"loaded": True, "battery_level": 0.5, "charging": False}, "local", "on this device, and loaded"),
        ({"downloaded": True, "loaded": False, "metered": True}, "local", "on this device, not loaded yet"),
        (
            {"loaded": True, "missing": ("images",)},
            "cloud",
            "on this device, and loaded; cannot take the request's images",
        ),
        (
            {"loaded": True, "model": "pocket", "match": "own"},
            "cloud",
            "on this device, and loaded; does not have the requested model, so 'pocket' would answer",
        ),
    ],
)
def test_local_first_prefers_the_device_when_sensible(facts: dict[str, Any], first: str, reason: str) -> None:
    """The second backend is still asked if the first one fails."""
    local = candidate(**facts)
    assert sorted(ranked(bl.LocalFirst(), CLOUD, local)) == ["cloud", "local"]
    assert ranked(bl.LocalFirst(), CLOUD, local)[0] == first
    assert reasons(bl.LocalFirst(), CLOUD, local)["local"] == reason


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"fetch_bytes": 2 * GIGABYTE}, "its download of 2.0 GB is larger than max_fetch_bytes=100000000"),
        ({"fetch_bytes": 10, "metered": True}, "a metered connection or save-data forbids the download"),
        ({"fetch_bytes": 10, "save_data": True}, "a metered connection or save-data forbids the download"),
        ({}, "its download size is unknown"),
    ],
)
def test_local_first_does_not_fetch_against_the_users_interest(facts: dict[str, Any], reason: str) -> None:
    """Such a model is excluded, with the reason."""
    local = candidate(downloaded=False, **facts)
    assert ranked(bl.LocalFirst(), local, CLOUD) == ["cloud"]
    assert reason in reasons(bl.LocalFirst(), local, CLOUD)["local"]


def test_local_first_fetches_up_to_its_limit() -> None:
    """Any size with None, but never on a metered connection."""
    local = candidate(downloaded=False, fetch_bytes=2 * GIGABYTE)
    assert ranked(bl.LocalFirst(max_fetch_bytes=2 * GIGABYTE), CLOUD, local) == ["local", "cloud"]
    assert ranked(bl.LocalFirst(max_fetch_bytes=None), CLOUD, candidate(downloaded=False)) == ["local", "cloud"]
    metered = candidate(downloaded=False, fetch_bytes=10, metered=True)
    assert ranked(bl.LocalFirst(max_fetch_bytes=None), CLOUD, metered) == ["cloud"]


def test_among_several_on_the_device_the_readiest_comes_first() -> None:
    """Loaded models come first, then downloaded ones, then those to download, then the cloud."""
    fetch = candidate("fetch", downloaded=False, fetch_bytes=10)
    load = candidate("load", downloaded=True, loaded=False)
    ready = candidate("ready", downloaded=True, loaded=True)
    assert ranked(bl.LocalFirst(), fetch, CLOUD, load, ready) == ["ready", "load", "fetch", "cloud"]


@pytest.mark.parametrize(
    ("wait", "order", "prepared"),
    [
        ("fetch", ["load", "fetch", "cloud"], []),
        ("load", ["load", "cloud", "fetch"], ["fetch"]),
        ("nothing", ["cloud", "load", "fetch"], ["load", "fetch"]),
    ],
)
def test_the_option_wait_limits_what_a_request_waits_for(wait: Any, order: list[str], prepared: list[str]) -> None:
    """A model that it does not wait for comes after the clouds, and is prepared meanwhile."""
    fetch = candidate("fetch", downloaded=False, fetch_bytes=10)
    load = candidate("load", downloaded=True, loaded=False)
    choices = bl.LocalFirst(wait=wait).rank(REQUEST, [fetch, CLOUD, load])
    assert [choice.name for choice in choices] == order
    assert sorted(choice.name for choice in choices if choice.prepare) == sorted(prepared)


@pytest.mark.parametrize(
    "options", [{"max_fetch_bytes": -1}, {"wait": "never"}, {"max_queue": -1}, {"min_battery": 20}]
)
def test_options_out_of_range_are_refused(options: dict[str, Any]) -> None:
    """The error has their name and value."""
    with pytest.raises(bl.InvalidRequest, match=next(iter(options))):
        bl.LocalFirst(**options)


def test_cloud_first_and_local_only() -> None:
    """The device comes last, or is the only choice, whatever the download size and the queue."""
    busy = candidate(downloaded=False, fetch_bytes=9 * GIGABYTE, queue_length=99, battery_level=0.01, charging=False)
    assert ranked(bl.CloudFirst(), busy, CLOUD) == ["cloud", "local"]
    assert ranked(bl.LocalOnly(), CLOUD, busy) == ["local"]
    assert reasons(bl.LocalOnly(), CLOUD, busy)["cloud"] == "leaves the device, which LocalOnly does not allow"
    assert ranked(bl.LocalOnly(), candidate(downloaded=False, fetch_bytes=10, save_data=True)) == []


def test_explicit_uses_its_own_names_or_the_requests() -> None:
    """In that order, and no others; without names all backends in the router's order."""
    three = [candidate(name) for name in "abc"]
    assert ranked(bl.Explicit("c", "a"), *three) == ["c", "a"]
    assert reasons(bl.Explicit("c"), *three)["a"] == "not among the requested backends"
    assert ranked(bl.Explicit(), *three) == ["a", "b", "c"]
    one = bl.ChatRequest(messages=REQUEST.messages, metadata={"backends": "b"})
    two = bl.ChatRequest(messages=REQUEST.messages, metadata={"backends": ["b", "a", "b"]})
    assert ranked(bl.Explicit("c"), *three, request=one) == ["b"]
    assert ranked(bl.Explicit("c"), *three, request=two) == ["b", "a"]


@pytest.mark.parametrize("given", [[], 3, [1], {"a": 1}, ["a", None]])
def test_explicit_refuses_anything_but_names(given: Any) -> None:
    """Wrong metadata is an error, not ignored."""
    request = bl.ChatRequest(messages=REQUEST.messages, metadata={"backends": given})
    with pytest.raises(bl.InvalidRequest, match="is not valid; give the name of a backend"):
        bl.Explicit().rank(request, [candidate("a")])


def test_round_robin_ranks_the_longest_unused_backend_first() -> None:
    """A backend that was never asked comes first."""
    asked = [
        candidate("a", measurements=measured(asked=7)),
        candidate("b", measurements=measured(asked=3)),
        candidate("c"),
    ]
    assert ranked(bl.backends.router.RoundRobin(), *asked) == ["c", "b", "a"]


def test_least_latency_takes_unmeasured_backends_first_and_then_the_fastest() -> None:
    """A backend that fails right now comes last, however fast it was."""
    candidates = [
        candidate("slow", measurements=measured(first_token_s=2)),
        candidate("fast", measurements=measured(first_token_s=0.5)),
        candidate("new"),
        candidate("failing", measurements=measured(first_token_s=0.1, failures=1)),
    ]
    assert ranked(bl.backends.router.LeastLatency(), *candidates) == ["new", "fast", "slow", "failing"]
    assert reasons(bl.backends.router.LeastLatency(), *candidates)["fast"] == "first token after 500 ms"


def test_least_cost_takes_the_cheapest() -> None:
    """Backends without an estimate come last."""
    candidates = [
        candidate("unknown"),
        candidate("dear", cost_usd=0.02),
        candidate("cheap", cost_usd=0.00031),
        candidate("free", cost_usd=0.0),
    ]
    assert ranked(bl.backends.router.LeastCost(), *candidates) == ["free", "cheap", "dear", "unknown"]
    assert reasons(bl.backends.router.LeastCost(), *candidates)["cheap"] == "about $0.00031"


def test_by_capability_takes_backends_that_can_take_the_whole_request() -> None:
    """Others are excluded; those that honour fewer parameters come later; ``then`` orders equal ones."""
    request = bl.ChatRequest(messages=REQUEST.messages, seed=1, top_k=3)
    some = bl.types.Capabilities(parameters=frozenset({"messages", "seed"}))
    every = bl.types.Capabilities(parameters=frozenset({"messages", "seed", "top_k"}))
    candidates = [
        candidate("blind", missing=("images",)),
        candidate("some", capabilities=some),
        candidate("every", capabilities=every, leaves_device=True),
        candidate("every-local", capabilities=every),
    ]
    assert ranked(bl.backends.router.ByCapability(), *candidates, request=request) == ["every-local", "every", "some"]
    said = reasons(bl.backends.router.ByCapability(), *candidates, request=request)
    assert said["some"] == "on this device; does not honour top_k"
    assert said["blind"] == "cannot take the request's images"
    cloud_first = bl.backends.router.ByCapability(bl.CloudFirst())
    assert ranked(cloud_first, *candidates, request=request) == ["every", "every-local", "some"]
    assert ranked(bl.backends.router.ByCapability(bl.LocalOnly()), *candidates, request=request) == [
        "every-local",
        "some",
    ]


def test_a_function_is_a_policy() -> None:
    """It returns candidates, names, or choices with reasons."""

    def shortest_name(request: bl.ChatRequest, candidates: Any) -> list[bl.backends.router.Candidate]:
        return sorted(candidates, key=lambda candidate: len(candidate.name))

    policy = bl.backends.router.Custom(shortest_name)
    assert policy.name == "shortest_name"
    assert ranked(policy, candidate("long"), candidate("s")) == ["s", "long"]
    assert reasons(policy, candidate("s"))["s"] == "number 1 for shortest_name()"
    assert ranked(bl.backends.router.Custom(lambda _, __: ["b"]), candidate("a"), candidate("b")) == ["b"]
    chosen = bl.backends.router.Custom(
        lambda _, candidates: [bl.backends.router.Choice(candidate=candidates[0], reason="because")]
    )
    assert reasons(chosen, candidate("a")) == {"a": "because"}
    with pytest.raises(bl.InvalidRequest, match=r"returned the unknown candidate 'x'\. Choose among: a"):
        bl.backends.router.Custom(lambda _, __: ["x"]).rank(REQUEST, [candidate("a")])


def test_backends_with_the_model_that_can_take_the_request_come_first_in_every_policy() -> None:
    """A cheaper or faster backend with another model is only a fallback."""
    free = candidate("free", cost_usd=0.0, model="pocket", match="own")
    blind = candidate("blind", cost_usd=0.0, missing=("images", "tools"))
    dear = candidate("dear", cost_usd=1.0, leaves_device=True)
    for policy in (
        bl.LocalFirst(),
        bl.backends.router.LeastCost(),
        bl.backends.router.LeastLatency(),
        bl.backends.router.RoundRobin(),
        bl.CloudFirst(),
    ):
        assert ranked(policy, blind, free, dear) == ["dear", "free", "blind"], policy.name
    assert "cannot take the request's images and tools" in reasons(bl.backends.router.LeastCost(), blind, dear)["blind"]
