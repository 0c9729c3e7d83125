"""Router: who is asked, who after him, and what the response says of it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Any

import pytest

import browserllm as bl
from browserllm.backends.draft import Draft
from browserllm.backends.stream import Delta
from browserllm.testing.script import HANG, Answer, Wait

DOWN = bl.Unavailable("the server answers 503", reason="server_error")
OFFLINE, ONLINE = bl.page.Environment(online=False), bl.page.Environment(online=True)


def local(answers: str | Sequence[Answer] = "from the device", name: str = "local", **facts: Any) -> bl.ScriptedBackend:
    """Return a backend on the device, with these facts."""
    said = bl.backends.BackendFacts(leaves_device=False, needs_network=False, cost_usd=0.0, **facts) if facts else None
    return bl.ScriptedBackend(answers, name=name, model=f"{name}-model", facts=said)


def cloud(answers: str | Sequence[Answer] = "from the cloud", name: str = "cloud", **facts: Any) -> bl.ScriptedBackend:
    """Return a backend that leaves the device."""
    said = bl.backends.BackendFacts(leaves_device=True, needs_network=True, **facts) if facts else None
    return bl.ScriptedBackend(answers, name=name, model=f"{name}-model", leaves_device=True, facts=said)


class Warns(bl.ScriptedBackend):
    """Warns, spends, and then plays its script."""

    async def generate(self, request: bl.ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
        draft.warn("top_k", f"{self.name} knows no top_k")
        draft.engine = f"{self.name}-engine"
        async for delta in super().generate(request, draft):
            draft.cost_usd = 1.5
            yield delta


async def test_the_first_backend_answers_and_no_other_is_asked() -> None:
    """The response names it, and its route is empty."""
    first, second = local(), cloud()
    reply = await bl.Router([second, first]).complete("hello")
    assert (reply.text, reply.backend, reply.model) == ("from the device", "local", "local-model")
    assert reply.route == []
    assert second.requests == []


@pytest.mark.parametrize(
    "error",
    [
        DOWN,
        bl.errors.ModelNotFound("x"),
        bl.errors.ModelNotDownloaded("x"),
        bl.errors.ModelNotLoaded("x"),
        bl.errors.LoadFailed("x"),
        bl.errors.OutOfMemory("x"),
        bl.errors.DeviceLost("x"),
        bl.ContextExceeded("x"),
        bl.errors.QuotaExceeded("x"),
        bl.errors.DownloadInterrupted("x"),
        bl.Timeout("x"),
        bl.errors.Stalled("x"),
        bl.AuthenticationError("x"),
        bl.RateLimited("x"),
        bl.errors.QueueFull("x"),
        bl.errors.Unsupported("x"),
        bl.errors.ProtocolError("x"),
        bl.AllBackendsFailed("x"),
        ZeroDivisionError("a bug in a backend"),
    ],
)
async def test_the_next_backend_answers_after_an_error_that_is_not_final(error: Exception) -> None:
    """The failure is a hop on the route, with its code and its reason."""
    reply = await bl.Router([local([[error]]), cloud()]).complete("hello")
    assert (reply.text, reply.backend, reply.finish_reason) == ("from the cloud", "cloud", "stop")
    code = error.code if isinstance(error, bl.BrowserLLMError) else "internal"
    assert [(hop.backend, hop.code, hop.model) for hop in reply.route] == [("local", code, "local-model")]
    assert str(error) in reply.route[0].reason


@pytest.mark.parametrize(
    "error",
    [bl.InvalidRequest("bad"), bl.errors.ContentFiltered("no"), bl.BudgetExceeded("spent"), bl.Cancelled("stopped")],
)
@pytest.mark.parametrize("fallback", ["sequential", "parallel"])
async def test_final_errors_are_raised_unchanged(error: Exception, fallback: Any) -> None:
    """No other backend is asked."""
    other = cloud([[HANG]] if fallback == "parallel" else "hi")
    router = bl.Router([local([[error]]), other], fallback=fallback)
    with pytest.raises(type(error)) as caught:
        await router.complete("hello")
    assert caught.value is error
    assert len(other.requests) == len(other.stopped) == (1 if fallback == "parallel" else 0)


async def test_when_all_backends_fail_every_cause_is_kept_in_order() -> None:
    """Excluded backends come first, then those that failed, on the error and on the route."""
    stalled = bl.errors.Stalled("nothing came for 120 s")
    router = bl.Router(
        [
            local([[DOWN]]),
            cloud(),
            local([[stalled]], name="other"),
            local(name="small", fits=False, reason="needs 9 GB"),
        ],
        environment=lambda: OFFLINE,
    )
    stream = router.stream("hello")
    with pytest.raises(bl.AllBackendsFailed) as caught:
        await stream.finish()
    assert [type(cause) for cause in caught.value.causes] == [
        bl.Unavailable,
        bl.Unavailable,
        bl.Unavailable,
        bl.errors.Stalled,
    ]
    assert str(caught.value) == (
        "no backend could answer: 'cloud': the device is offline; 'small': needs 9 GB; "
        "'local': the server answers 503; 'other': nothing came for 120 s"
    )
    assert caught.value.causes[2:] == (DOWN, stalled)
    assert caught.value.data == {"backends": ["cloud", "small", "local", "other"]}
    assert [hop.backend for hop in stream.response.route] == ["cloud", "small", "local", "other"]
    assert stream.response.finish_reason == "error"


class RanksNone(bl.backends.router.Policy):
    """Asks no backend."""

    def rank(
        self, request: bl.ChatRequest, candidates: Sequence[bl.backends.router.Candidate]
    ) -> Sequence[bl.backends.router.Choice]:
        return []


@pytest.mark.parametrize(
    ("backend", "policy", "options", "fault"),
    [
        (cloud(), bl.LocalOnly(), {}, "policy"),
        (cloud(), RanksNone(), {}, "policy"),
        (local(downloaded=False), RanksNone(), {}, "policy"),
        (cloud(), None, {"private": True}, "policy"),
        (bl.Budget(cloud(cost_usd=9.0), per_day=bl.Allowance(usd=1.0)), None, {}, "policy"),
        (local(fits=False), None, {}, "device"),
        (local(fits=False, available=False), None, {}, "device"),
        (local(available=False, code="unavailable", data={"reason": "closed"}), None, {}, "device"),
        (local(available=False, code="model_not_found"), None, {}, "caller"),
        (local(available=False, reason="it is broken"), None, {}, "backend"),
        (bl.OpenAI("gpt-6-luna", api_key=None, base_url="https://example.test/v1"), None, {}, "backend"),
    ],
)
@pytest.mark.parametrize("depth", [0, 1])
async def test_the_error_says_whose_fault_it_is_that_a_backend_was_not_asked(
    backend: bl.Backend, policy: Any, options: dict[str, Any], fault: str, depth: int
) -> None:
    """Also when the router that did not ask it is a backend of another one."""
    router = bl.Router([backend], policy)
    for _ in range(depth):
        router = bl.Router([router])
    with pytest.raises(bl.AllBackendsFailed) as caught:
        await router.complete("hello", **options)
    assert caught.value.fault_of == fault


async def test_the_metadata_of_a_failed_backend_is_not_in_the_response() -> None:
    """Warnings, engine, cost and finish reason are those of the backend that answered."""
    failing = Warns([[DOWN]], name="failing")
    answering = Warns("hello", name="answering")
    reply = await bl.Router([failing, answering], bl.Explicit()).complete("hello", top_k=3)
    assert [warning.message for warning in reply.warnings] == ["answering knows no top_k"]
    assert (reply.engine, reply.cost_usd, reply.usage.completion_tokens) == ("answering-engine", 1.5, 1)


async def test_the_start_names_the_backend_that_answers() -> None:
    """It waits until a backend delivers content, even if one announces itself and then fails."""
    chunks = [chunk async for chunk in bl.Router([local([["", DOWN]]), cloud("one two")]).stream("hello")]
    start, one, two, done = chunks
    assert isinstance(start, bl.types.ChatStart) and start.backend == "cloud"
    assert (one.text, two.text) == ("one ", "two")
    assert isinstance(done, bl.types.ChatDone)
    assert [chunk.sequence for chunk in chunks] == [0, 1, 2, 3]


async def test_an_empty_answer_is_an_answer() -> None:
    """A model may have nothing to say; no other backend is asked then."""
    other = cloud()
    reply = await bl.Router([local([[]]), other]).complete("hello")
    assert (reply.text, reply.backend, reply.finish_reason) == ("", "local", "stop")
    assert other.requests == []


@pytest.mark.parametrize("fallback", ["sequential", "parallel"])
async def test_a_private_request_stays_on_the_device(fallback: Any) -> None:
    """Even if no backend can answer then; the error says why."""
    away = cloud()
    router = bl.Router([away, local([[DOWN]])], bl.CloudFirst(), fallback=fallback)
    with pytest.raises(bl.AllBackendsFailed, match="private, and this backend may leave the device") as caught:
        await router.complete("hello", private=True)
    assert isinstance(caught.value.causes[0], bl.Unavailable) and caught.value.causes[0].reason == "private"
    assert away.requests == []
    assert (await router.complete("hello")).backend == "cloud"


async def test_offline_the_cloud_is_skipped_at_once_and_online_it_is_used_again() -> None:
    """The environment is read for each request."""
    here, away = local(), cloud()
    router = bl.Router([here, away], bl.CloudFirst())
    here.known_environment = OFFLINE
    reply = await router.complete("hello")
    assert (reply.backend, [hop.reason for hop in reply.route]) == ("local", ["the device is offline"])
    assert away.requests == []
    here.known_environment = ONLINE
    assert (await router.complete("hello")).backend == "cloud"


async def test_a_model_that_is_not_downloaded_and_cannot_be_is_excluded() -> None:
    """Offline, or if the backend says so; the cause is `ModelNotDownloaded`."""
    here = local(downloaded=False, fetch_bytes=10)
    router = bl.Router([here], environment=lambda: OFFLINE)
    with pytest.raises(bl.AllBackendsFailed) as caught:
        await router.complete("hello")
    assert isinstance(caught.value.causes[0], bl.errors.ModelNotDownloaded)
    refuses = local(downloaded=False, available=False, reason="it is not to be fetched")
    with pytest.raises(bl.AllBackendsFailed, match="it is not to be fetched") as caught:
        await bl.Router([refuses]).complete("hello")
    assert isinstance(caught.value.causes[0], bl.errors.ModelNotDownloaded)


async def test_the_routers_own_environment_comes_before_the_backends() -> None:
    """Without either, nothing is known."""
    here = local()
    here.known_environment = OFFLINE
    assert bl.Router([here]).environment() == OFFLINE
    assert bl.Router([here], environment=lambda: ONLINE).environment() == ONLINE
    assert bl.Router([local(), cloud()]).environment() is None


async def test_a_backend_whose_facts_fail_is_excluded() -> None:
    """Its failure is the cause; the others answer."""

    class Closed(bl.ScriptedBackend):
        async def facts(self, request: bl.ChatRequest) -> bl.backends.BackendFacts:
            raise bl.Unavailable("the page is closed", reason="closed")

    broken = Closed(name="broken")
    reply = await bl.Router([broken, local()]).complete("hello")
    assert [(hop.backend, hop.reason) for hop in reply.route] == [("broken", "the page is closed")]
    with pytest.raises(bl.AllBackendsFailed) as caught:
        await bl.Router([broken]).complete("hello")
    assert isinstance(caught.value.causes[0], bl.Unavailable) and caught.value.causes[0].reason == "closed"
    assert broken.requests == []
    reply = await bl.Router([broken, local()]).complete("hello", model="local-model")
    assert (reply.backend, reply.route[0].reason) == ("local", "the page is closed")

    class Buggy(bl.ScriptedBackend):
        async def facts(self, request: bl.ChatRequest) -> bl.backends.BackendFacts:
            raise KeyError("oops")

    reply = await bl.Router([Buggy(name="buggy"), local()]).complete("hello")
    assert (reply.route[0].code, reply.route[0].reason) == ("internal", "KeyError: 'oops'")


async def test_a_breaker_opens_lets_a_probe_through_and_closes() -> None:
    """An open breaker costs no attempt; the reason says how long it stays open."""
    clock = bl.testing.Clock()
    flaky = local([[DOWN], [DOWN], "well again"])
    router = bl.Router(
        [flaky, cloud()], breaker=bl.backends.router.Breaker(failures=2, cool_down_s=30, jitter=0), clock=clock
    )
    for _ in range(2):
        assert (await router.complete("hello")).backend == "cloud"
    reply = await router.complete("hello")
    assert len(flaky.requests) == 2
    assert [hop.reason for hop in reply.route] == ["its circuit breaker is open for another 30 s"]
    assert (await router.health()).reason == "'local': its circuit breaker is open for another 30 s"
    clock.advance(30)
    assert (await router.complete("hello")).text == "well again"
    assert (await router.complete("hello")).route == []


async def test_while_a_probe_runs_other_requests_go_elsewhere() -> None:
    """Also requests that were planned before it began."""
    clock = bl.testing.Clock()
    flaky = local([[DOWN], [Wait(1), "well"]], name="flaky")
    flaky.clock = flaky._script.clock = clock  # pyright: ignore[reportPrivateUsage]
    router = bl.Router(
        [flaky, cloud()],
        bl.Explicit(),
        breaker=bl.backends.router.Breaker(failures=1, cool_down_s=30, jitter=0),
        clock=clock,
    )
    await router.complete("hello")
    clock.advance(30)
    import asyncio

    probing = asyncio.create_task(router.complete("hello"))
    for _ in range(5):
        await asyncio.sleep(0)
    other = await router.complete("hello")
    assert other.backend == "cloud" and "a probe is running" in other.route[0].reason
    clock.advance(1)
    assert (await probing).text == "well"
    assert len(flaky.requests) == 2


async def test_without_a_breaker_a_failing_backend_is_asked_every_time() -> None:
    """The program may have its own breaker."""
    flaky = local([[DOWN]])
    router = bl.Router([flaky, cloud()], breaker=None)
    for _ in range(20):
        await router.complete("hello")
    assert len(flaky.requests) == 20


async def test_explain_gives_the_order_with_reasons_and_sends_nothing() -> None:
    """It is repeatable, and a request afterwards does what it says."""
    here, away, small = local(loaded=True), cloud(), local(name="small", fits=False, reason="needs 9 GB of memory")
    router = bl.Router([away, here, small], bl.backends.router.RoundRobin())
    explanation = await router.explain("hello")
    assert str(explanation) == (
        "RoundRobin would ask:\n"
        "  1. cloud (cloud-model): not asked yet\n"
        "  2. local: not asked yet\n"
        "  -  small: needs 9 GB of memory"
    )
    assert await router.explain("hello") == explanation
    assert here.requests == away.requests == small.requests == []
    assert [choice.name for choice in explanation.ranked] == ["cloud", "local"]
    assert [(excluded.name, excluded.code) for excluded in explanation.excluded] == [("small", "unavailable")]
    assert (await router.complete("hello")).backend == "cloud"
    assert (await router.complete("hello")).backend == "local"
    refused = await bl.Router([away]).explain("hello", private=True)
    assert str(refused).startswith("LocalFirst has no backend to ask:\n  -  cloud: the request is private")


async def test_candidates_that_a_policy_does_not_rank_have_a_reason() -> None:
    """It is on the route and in the error."""
    router = bl.Router([local(), cloud()], bl.backends.router.Custom(lambda _, __: []))
    with pytest.raises(bl.AllBackendsFailed, match="'local': <lambda> did not rank it; 'cloud': <lambda> did not"):
        await router.complete("hello")


async def test_a_policy_may_only_rank_its_candidates() -> None:
    """A candidate of an earlier request, such as a cloud for a private one, is refused, and so is one ranked twice."""
    kept: list[bl.backends.router.Choice] = []

    def keeps(
        request: bl.ChatRequest, candidates: Sequence[bl.backends.router.Candidate]
    ) -> Sequence[bl.backends.router.Choice]:
        kept.extend(bl.backends.router.Choice(candidate=candidate, reason="kept") for candidate in candidates)
        return kept[:2]

    away = cloud()
    router = bl.Router([away, local()], bl.backends.router.Custom(keeps))
    await router.complete("hello")
    assert len(away.requests) == 1
    with pytest.raises(bl.InvalidRequest, match="ranked 'cloud' twice, or it was not among its candidates"):
        await router.complete("hello", private=True)
    away.capabilities = bl.types.Capabilities()  # what is known of it is not what the policy was shown
    with pytest.raises(bl.InvalidRequest, match="ranked 'cloud' twice, or it was not among its candidates"):
        await router.complete("hello")
    with pytest.raises(bl.InvalidRequest, match="ranked 'local'"):
        await bl.Router(
            [local()], bl.backends.router.Custom(lambda _, candidates: [*candidates, *candidates])
        ).complete("hello")
    assert len(away.requests) == 1


async def test_explicit_names_are_checked_when_they_are_given() -> None:
    """Those of the policy when the router is created, those of a request with the request."""
    with pytest.raises(bl.InvalidRequest, match=r"unknown backend 'clod'\. Choose one of: local, cloud"):
        bl.Router([local(), cloud()], bl.Explicit("clod"))
    router = bl.Router([local(), cloud()], bl.backends.router.ByCapability(bl.Explicit("cloud")))
    with pytest.raises(bl.InvalidRequest, match="unknown backend 'x'"):
        await router.complete("hello", metadata={"backends": ["local", "x"]})
    assert (await router.complete("hello")).backend == "cloud"
    assert (await router.complete("hello", metadata={"backends": "local"})).backend == "local"


async def test_round_robin_takes_each_backend_in_turn() -> None:
    """A failure counts as a turn."""
    router = bl.Router([local(name=name) for name in "abc"], bl.backends.router.RoundRobin())
    assert [(await router.complete("hello")).backend for _ in range(7)] == list("abcabca")


async def test_least_latency_uses_measurements_of_earlier_answers() -> None:
    """It measures the first content of each answer, on the router's clock."""
    clock = bl.testing.Clock()

    class Slow(bl.ScriptedBackend):
        seconds = 0.0

        async def generate(self, request: bl.ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
            clock.advance(self.seconds)
            yield "hello"

    slow, fast = Slow(name="slow"), Slow(name="fast")
    slow.seconds, fast.seconds = 2, 1
    router = bl.Router([slow, fast], bl.backends.router.LeastLatency(), clock=clock)
    assert [(await router.complete("hello")).backend for _ in range(4)] == ["slow", "fast", "fast", "fast"]
    slow.seconds = 0.1
    clock.advance(301)  # what was measured is too old: both are measured again
    assert {(await router.complete("hello")).backend for _ in range(2)} == {"slow", "fast"}
    assert (await router.complete("hello")).backend == "slow"


@pytest.mark.parametrize("unsupported", ["warn", "error"])
async def test_backends_that_cannot_take_the_whole_request_come_last_or_are_excluded(unsupported: Any) -> None:
    """With ``unsupported="error"`` they are excluded."""
    seeing = bl.ScriptedBackend(
        "a cat", name="seeing", capabilities=bl.types.Capabilities(images=True), leaves_device=True
    )
    blind = bl.ScriptedBackend("what cat?", name="blind", capabilities=bl.types.Capabilities())
    router = bl.Router([blind, seeing])
    question = bl.Message("user", [bl.TextPart("what is it?"), bl.ImagePart(url="data:image/png;base64,AA==")])
    assert (await router.complete(question, unsupported=unsupported)).backend == "seeing"
    assert (await router.complete("hello")).backend == "blind"
    explanation = await router.explain(question, unsupported=unsupported)
    if unsupported == "error":
        assert [(one.name, one.code) for one in explanation.excluded] == [("blind", "unsupported")]
    else:
        assert explanation.ranked[1].reason == "on this device; cannot take the request's images"


@pytest.mark.parametrize(
    ("part", "options", "missing"),
    [
        (bl.TextPart("hello"), {}, ()),
        (bl.TextPart("hello"), {"tools": [bl.Tool("f")]}, ("tools",)),
        (bl.TextPart("hello"), {"tools": [bl.Tool("f")], "tool_choice": "none"}, ()),
        (bl.TextPart("hello"), {"response_format": {"type": "json_object"}}, ("response_format",)),
        (bl.TextPart("hello"), {"response_format": {"type": "text"}}, ()),
        (bl.ImagePart(url="https://example.com/cat.png"), {}, ("images",)),
        (bl.AudioPart(data=b"miaow", media_type="audio/wav"), {"tools": [bl.Tool("f")]}, ("tools", "audio")),
    ],
)
async def test_the_needs_of_a_request_are_read_from_it(
    part: Any, options: dict[str, Any], missing: tuple[str, ...]
) -> None:
    """A backend that lists no parameters is assumed to support them all."""
    plain = bl.ScriptedBackend(name="plain", capabilities=bl.types.Capabilities(parameters=frozenset({"seed"})))
    mute = bl.ScriptedBackend(name="mute", capabilities=bl.types.Capabilities())
    explanation = await bl.Router([plain, mute]).explain(bl.Message("user", [part]), **options)
    found = {choice.name: choice.candidate.missing for choice in explanation.ranked}
    assert found == {"plain": missing, "mute": tuple(need for need in missing if need != "response_format")}


@pytest.mark.parametrize(
    ("delta", "begins"),
    [
        (bl.types.TextDelta(), False),
        (bl.types.TextDelta(text="x"), True),
        (bl.types.TextDelta(logprobs=[{"token": "x"}]), True),
        (bl.types.ReasoningDelta(), False),
        (bl.types.ReasoningDelta(reasoning="hm"), True),
        (bl.types.ReasoningDelta(signature="s"), True),
        (bl.types.ToolCallDelta(name="f"), True),
    ],
)
async def test_an_answer_begins_with_its_first_content(delta: Any, begins: bool) -> None:
    """Until then a failure goes to the next backend; from then on it is raised."""

    class Says(bl.ScriptedBackend):
        async def generate(self, request: bl.ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
            yield delta
            raise DOWN

    router = bl.Router([Says(name="says"), cloud()], bl.Explicit())
    if begins:
        with pytest.raises(bl.Unavailable):
            await router.complete("hello")
    else:
        assert (await router.complete("hello")).backend == "cloud"


async def test_backends_with_the_same_name_get_numbers() -> None:
    """Responses and routes use the numbered names."""
    router = bl.Router([cloud([[DOWN]], name="openai"), cloud(name="openai"), cloud(name="openai-2")])
    assert list(router.backends) == ["openai", "openai-3", "openai-2"]
    reply = await router.complete("hello")
    assert (reply.backend, reply.route[0].backend) == ("openai-3", "openai")


@pytest.mark.parametrize(
    ("options", "parameter"),
    [
        ({"fallback": "both"}, "fallback"),
        ({"on_interrupted": "ignore"}, "on_interrupted"),
        ({"parallel": 0}, "parallel"),
        ({"hedge_after_s": -1}, "hedge_after_s"),
        ({"limits": {"clod": 1}}, "limits"),
        ({"limits": {"local": 0}}, "limit"),
        ({"limits": {"local": 1}, "max_waiting": -1}, "max_waiting"),
        ({"translations": {"a": {"clod": "b"}}}, "translations"),
    ],
)
def test_options_that_are_not_valid_are_refused(options: dict[str, Any], parameter: str) -> None:
    """When the router is created, not with the first request."""
    with pytest.raises(bl.InvalidRequest) as caught:
        bl.Router([local()], **options)
    assert caught.value.data["parameter"] == parameter
    with pytest.raises(bl.InvalidRequest, match="got no backends"):
        bl.Router([])


async def test_a_routers_attributes_combine_those_of_its_backends() -> None:
    """It may leave the device if one may, needs a network if all do, and can do what one can."""
    seeing = bl.ScriptedBackend(capabilities=bl.types.Capabilities(images=True), leaves_device=True)
    reading = bl.ScriptedBackend(capabilities=bl.types.Capabilities(tools=True, parameters=frozenset({"seed"})))
    router = bl.Router([seeing, reading])
    assert (router.leaves_device, router.needs_network) == (True, False)
    assert router.capabilities == bl.types.Capabilities(images=True, tools=True, parameters=frozenset({"seed"}))
    assert not bl.Router([reading]).leaves_device
    assert bl.Router([seeing]).needs_network


async def test_routers_nest() -> None:
    """A router inside a router keeps private requests on the device, and the outer one knows that."""
    away, here = cloud(), local()
    inner = bl.Router([away, here], bl.CloudFirst(), name="inner")
    outer = bl.Router([inner, cloud([[DOWN]], name="other")], bl.Explicit())
    assert (await outer.complete("hello")).backend == "cloud"
    reply = await outer.complete("hello", private=True)
    assert reply.backend == "local"
    assert [(hop.backend, hop.code) for hop in reply.route] == [("other", "unavailable"), ("cloud", "unavailable")]
    assert len(away.requests) == 1
    only_clouds = bl.Router([bl.Router([away], name="inner")])
    with pytest.raises(bl.AllBackendsFailed, match="'inner': 'cloud': the request is private"):
        await only_clouds.complete("hello", private=True)


async def test_middleware_around_a_router_that_leaves_the_device_gets_no_private_request() -> None:
    """Whatever it wraps."""

    class Uploads(bl.backends.Middleware):
        def __init__(self, backend: bl.Backend) -> None:
            super().__init__(backend)
            self.leaves_device = True

    inner = bl.Router([local(), cloud()], name="inner")
    assert (await bl.Router([bl.backends.Middleware(inner)]).complete("hello", private=True)).backend == "local"
    with pytest.raises(bl.AllBackendsFailed):
        await bl.Router([Uploads(bl.Router([local()]))]).complete("hello", private=True)


async def test_a_router_has_facts_for_another_one() -> None:
    """They are those of its first choice; whether the request may leave the device covers all choices."""
    request = bl.ChatRequest(messages=[bl.Message("user", "hello")])
    private = bl.ChatRequest(messages=request.messages, private=True)
    router = bl.Router([local(model="small", loaded=True, queue_length=2), cloud()])
    facts = await router.facts(request)
    assert (facts.model, facts.loaded, facts.queue_length, facts.leaves_device, facts.needs_network) == (
        "small",
        True,
        2,
        True,
        False,
    )
    assert not (await router.facts(private)).leaves_device
    facts = await bl.Router([cloud()]).facts(private)
    assert (facts.available, facts.leaves_device) == (False, False)
    assert facts.reason == "'cloud': the request is private, and this backend may leave the device"


async def test_a_router_is_healthy_if_one_backend_is() -> None:
    """The reason has the problems of the others."""

    class Ill(bl.ScriptedBackend):
        async def health(self) -> bl.types.Health:
            return bl.types.Health(ok=False, reason="no key")

    class Broken(bl.ScriptedBackend):
        async def health(self) -> bl.types.Health:
            raise bl.Unavailable("no network")

    ill, broken = Ill(name="ill"), Broken(name="broken")
    assert await bl.Router([ill, local(), broken]).health() == bl.types.Health(
        ok=True, reason="'ill': no key; 'broken': no network"
    )
    assert not (await bl.Router([ill, broken]).health()).ok


async def test_models_are_listed_by_backend_and_one_failure_hides_nothing() -> None:
    """A request can use each id as it is."""

    class Lists(bl.ScriptedBackend):
        async def list_models(self) -> list[bl.types.ModelInfo]:
            return [bl.types.ModelInfo(id=f"{self.name}-1", name="One")]

    class Fails(bl.ScriptedBackend):
        async def list_models(self) -> list[bl.types.ModelInfo]:
            raise bl.Unavailable("no network")

    router = bl.Router([Lists(name="a"), Fails(name="b"), Lists(name="c")])
    models = await router.list_models()
    assert models == [bl.types.ModelInfo(id="a/a-1", name="One"), bl.types.ModelInfo(id="c/c-1", name="One")]
    reply = await router.complete("hello", model=models[1].id)
    assert (reply.backend, reply.model) == ("c", "c-1")
    with pytest.raises(bl.AllBackendsFailed, match="'b': no network"):
        await bl.Router([Fails(name="b")]).list_models()


async def test_the_cost_is_estimated_by_the_first_choice() -> None:
    """With the model of that backend; without a choice there is no estimate."""

    class Costs(bl.ScriptedBackend):
        async def estimate_cost(self, prompt: Any, **options: Any) -> float | None:
            return 0.25 if prompt.model == "big" else 0.01

    router = bl.Router([local(), Costs(name="costs", leaves_device=True)], bl.CloudFirst())
    assert await router.estimate_cost("hello") == 0.01
    assert await router.estimate_cost("hello", model="costs/big") == 0.25
    assert await bl.Router([cloud()]).estimate_cost("hello", private=True) is None


async def test_prepare_goes_to_the_first_choice() -> None:
    """The others are not prepared."""
    here, away = local(), cloud()
    request = bl.ChatRequest(messages=[bl.Message("user", "hello")])
    await bl.Router([away, here]).prepare(request)
    assert (here.prepared, away.prepared) == ([request], [])


async def test_closing_closes_every_backend_once_whatever_one_raises() -> None:
    """The first failure is raised at the end."""
    closed: list[str] = []

    class Closes(bl.ScriptedBackend):
        async def close(self) -> None:
            closed.append(self.name)
            if self.name == "b":
                raise bl.Unavailable("b does not close")

    a, b, c = (Closes(name=name) for name in "abc")
    router = bl.Router([a, b, a, c])
    with pytest.raises(bl.Unavailable, match="b does not close"):
        await router.close()
    assert closed == ["a", "b", "c"]


async def test_tokens_are_counted_by_the_first_choice() -> None:
    """Without a choice there is no count."""

    class Counts(bl.ScriptedBackend):
        async def count_tokens(self, prompt: Any, *, model: str | None = None) -> int | None:
            return 1000 + len(prompt.messages)

    router = bl.Router([local(available=False, reason="no GPU"), Counts(name="second")])
    assert await router.count_tokens("one two three") == 1001
    said = (await local().complete("one two three")).usage.prompt_tokens
    assert await bl.Router([local()]).count_tokens("one two three") == said
    assert await bl.Logging(router).count_tokens("one two three", model="other") == 1001
    assert await bl.Router([local(available=False, reason="no GPU")]).count_tokens("one") is None
    with pytest.raises(bl.InvalidRequest):
        await router.count_tokens([])


async def test_a_router_has_only_the_structured_output_modes_of_all_its_backends() -> None:
    """Any of its backends may answer."""
    first, second = local(), cloud()
    second.capabilities = bl.types.Capabilities(structured_output=("tool", "json"))
    assert bl.Router([first, second]).capabilities.structured_output == ("json", "tool")
