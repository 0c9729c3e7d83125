"""The promise that a private request never leaves the device, whatever the backends, failures and policies.

Hypothesis makes up routers in routers in middleware (every one that there is, and some that open private requests),
backends that fail, lie and break off, policies that cheat, and sequences of requests and conversations. It is here and
not among the unit tests because a page has no Hypothesis.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import browserllm as bl
from browserllm.backends.draft import Draft
from browserllm.backends.stream import Delta
from cases import cases

NAMES = ("a", "b", "c")
SECRET = "a secret"
FAILURES: list[Exception] = [
    bl.Unavailable("down", reason="server_error"),
    bl.Unavailable("refused", reason="private"),
    bl.RateLimited("slow down", data={"retry_after_s": 5}),
    bl.errors.ModelNotFound("no such model"),
    bl.errors.Stalled("nothing came"),
    bl.InvalidRequest("bad"),
    ZeroDivisionError("a bug"),
]


class Leaf(bl.Backend):
    """Plays what it is told, and notes every private request that comes to it although it leaves the device."""

    def __init__(self, told: dict[str, Any], leaks: list[str]) -> None:
        self.name = told["name"]
        self.leaves_device = self.needs_network = told["leaves_device"]
        self.said: bl.backends.BackendFacts | None = told["facts"]
        self.plays: list[list[str | Exception]] = told["plays"]
        self.leaks = leaks
        self.turn = 0

    def note(self, request: bl.ChatRequest, what: str) -> None:
        # By the text alone: a copy of a private request may no longer be marked as private.
        leaves = self.leaves_device or (self.said is not None and self.said.leaves_device and what != "facts")
        if SECRET in str(request.messages) and leaves:
            self.leaks.append(f"{what} of {self.name}")

    async def generate(self, request: bl.ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
        self.note(request, "generate")
        play = self.plays[self.turn % len(self.plays)]
        self.turn += 1
        for step in play:
            if isinstance(step, Exception):
                raise step
            await asyncio.sleep(0)
            yield step

    async def facts(self, request: bl.ChatRequest) -> bl.backends.BackendFacts:
        self.note(request, "facts")
        return self.said or await super().facts(request)

    async def prepare(self, request: bl.ChatRequest) -> None:
        self.note(request, "prepare")

    async def estimate_cost(self, prompt: Any, **options: Any) -> float | None:
        self.note(prompt, "estimate_cost")
        return None

    async def count_tokens(self, prompt: Any, *, model: str | None = None) -> int | None:
        self.note(prompt, "count_tokens")
        return 7


def cheats() -> bl.backends.router.Policy:
    """A policy that keeps what it has seen, and puts clouds first: its own, those of before, and forged ones."""
    kept: dict[str, bl.backends.router.Choice] = {}
    turn = 0

    def cheat(
        request: bl.ChatRequest, candidates: Sequence[bl.backends.router.Candidate]
    ) -> list[bl.backends.router.Choice]:
        nonlocal turn
        turn += 1
        fresh = [bl.backends.router.Choice(candidate=candidate, reason="", prepare=True) for candidate in candidates]
        for choice in fresh:
            kept.setdefault(choice.name, choice)
        if turn % 3 == 0:
            return [*kept.values()]
        if turn % 3 == 1 and candidates:
            return [*fresh, replace(fresh[0], candidate=replace(candidates[0], name="b")), *kept.values()]
        return fresh[::-1]

    return bl.backends.router.Custom(cheat)


POLICIES = [
    bl.LocalFirst,
    lambda: bl.LocalFirst(wait="nothing", max_fetch_bytes=None),
    bl.CloudFirst,
    bl.LocalOnly,
    bl.Explicit,
    bl.backends.router.RoundRobin,
    bl.backends.router.LeastLatency,
    bl.backends.router.LeastCost,
    bl.backends.router.ByCapability,
    cheats,
]

texts = st.sampled_from(["", "one ", "two "])
maybe = st.sampled_from([None, True, False])
facts = st.builds(
    bl.backends.BackendFacts,
    leaves_device=st.booleans(),
    needs_network=st.booleans(),
    model=st.sampled_from([None, "m1", "m2"]),
    knows_model=maybe,
    available=st.booleans(),
    fits=maybe,
    downloaded=maybe,
    fetch_bytes=st.sampled_from([None, 10, 10**10]),
    loaded=maybe,
    queue_length=st.sampled_from([None, 0, 9]),
)
leaves = st.fixed_dictionaries(
    {
        "kind": st.just("leaf"),
        "name": st.sampled_from(NAMES),
        "leaves_device": st.booleans(),
        "facts": st.none() | facts,
        "plays": st.lists(st.lists(texts | st.sampled_from(FAILURES), max_size=3), min_size=1, max_size=3),
    }
)


def router_of(members: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries(
        {
            "kind": st.just("router"),
            "name": st.sampled_from(NAMES),
            "members": st.lists(members, min_size=1, max_size=4),
            "policy": st.integers(0, len(POLICIES) - 1),
            "options": st.fixed_dictionaries(
                {
                    "fallback": st.sampled_from(["sequential", "parallel"]),
                    "on_interrupted": st.sampled_from(["raise", "restart"]),
                    "breaker": st.sampled_from(
                        [None, bl.backends.router.Breaker(failures=1), bl.backends.router.Breaker()]
                    ),
                    "warm_up": st.booleans(),
                    "translations": st.sampled_from([{}, {"m1": {}}]),
                }
            ),
        }
    )


def wrapped(members: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries(
        {
            "kind": st.just("middleware"),
            "inner": members,
            "leaves_device": st.sampled_from([None, True]),
            "around": st.integers(0, 9),
        }
    )


trees = st.recursive(leaves, lambda inner: router_of(inner) | wrapped(inner), max_leaves=8)
requests = st.fixed_dictionaries(
    {
        "private": st.booleans(),
        "model": st.sampled_from([None, "m1", "m2", "a/m1", "b/a/m2", "unknown"]),
        "unsupported": st.sampled_from(["warn", "error"]),
        "metadata": st.sampled_from([{}, {"backends": ["b", "a"]}, {"user": 1}]),
    }
)
actions = st.lists(
    st.tuples(
        st.sampled_from(
            [
                *("complete", "complete", "stop", "explain", "prepare", "estimate_cost", "count_tokens", "facts"),
                *("together", "converse", "object", "client"),
            ]
        ),
        requests,
    ),
    min_size=1,
    max_size=6,
)
environments = st.builds(bl.page.Environment, online=maybe, metered=maybe)


class Uploads(bl.backends.Middleware):
    """Says of itself that it leaves the device, whatever it wraps; notes what comes to it."""

    def __init__(self, backend: bl.Backend, leaks: list[str]) -> None:
        super().__init__(backend)
        self.leaves_device = True
        self.leaks = leaks

    async def generate(self, request: bl.ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
        if request.private:
            self.leaks.append(f"generate of the middleware around {self.name}")
        async for delta in super().generate(request, draft):
            yield delta


class Opens(bl.backends.Middleware):
    """Says of every request that it is not private."""

    async def generate(self, request: bl.ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
        async for delta in super().generate(replace(request, private=False), draft):
            yield delta


class Forwards(bl.backends.Middleware):
    """Calls the wrapped backend directly, as middleware of anybody's does."""

    async def generate(self, request: bl.ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
        async for delta in self.backend.generate(request, draft):
            yield delta


class Handler(logging.Handler):
    """Where logs go: elsewhere, for all that anybody here knows."""

    def __init__(self, leaks: list[str]) -> None:
        super().__init__()
        self.leaks = leaks

    def emit(self, record: logging.LogRecord) -> None:
        if SECRET in f"{record.getMessage()}{vars(record)!r}":
            self.leaks.append("log")


class Exporter(InMemorySpanExporter):
    """Where spans go: the same."""

    def __init__(self, leaks: list[str]) -> None:
        super().__init__()
        self.leaks = leaks

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        if any(SECRET in span.to_json() for span in spans):
            self.leaks.append("span")
        return SpanExportResult.SUCCESS


def logs(backend: bl.Backend, leaks: list[str], clock: bl.testing.Clock) -> bl.Backend:
    logger = logging.Logger("test", logging.DEBUG)
    logger.addHandler(Handler(leaks))
    return bl.Logging(backend, logger=logger, content=True)


def traces(backend: bl.Backend, leaks: list[str], clock: bl.testing.Clock) -> bl.Backend:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(Exporter(leaks)))
    return bl.Telemetry(backend, tracer_provider=provider, content=True, clock=clock)


MIDDLEWARE: list[Callable[[bl.Backend, list[str], bl.testing.Clock], bl.Backend]] = [
    lambda backend, leaks, clock: bl.backends.Middleware(backend),
    lambda backend, leaks, clock: Opens(backend),
    lambda backend, leaks, clock: Forwards(backend),
    lambda backend, leaks, clock: bl.Retry(backend, retries=1, first_wait_s=0),
    lambda backend, leaks, clock: bl.ResponseCache(backend),
    lambda backend, leaks, clock: bl.Budget(backend, per_day=bl.Allowance(usd=9), unknown_cost="allow"),
    lambda backend, leaks, clock: bl.Redaction(backend),
    lambda backend, leaks, clock: bl.TimeLimits(backend, total_s=1000, clock=clock),
    logs,
    traces,
]


def build(
    tree: dict[str, Any], leaks: list[str], environment: bl.page.Environment, clock: bl.testing.Clock
) -> bl.Backend:
    if tree["kind"] == "leaf":
        return Leaf(tree, leaks)
    if tree["kind"] == "middleware":
        inner = build(tree["inner"], leaks, environment, clock)
        # Around a backend that leaves the device anyway, a word more says nothing.
        if tree["leaves_device"] and not inner.leaves_device:
            return Uploads(inner, leaks)
        return MIDDLEWARE[tree["around"]](inner, leaks, clock)
    members = [build(member, leaks, environment, clock) for member in tree["members"]]
    return bl.Router(
        members,
        POLICIES[tree["policy"]](),
        name=tree["name"],
        environment=lambda: environment,
        clock=clock,
        **tree["options"],
    )


async def act(router: bl.Backend, what: str, options: dict[str, Any]) -> None:
    said = SECRET if options["private"] else "hello"
    request = bl.ChatRequest(messages=[bl.Message("user", said)], stop=[said], **options)
    if what == "complete":
        await router.complete(request)
    elif what == "together":
        await asyncio.gather(*(router.complete(request) for _ in range(3)))
    elif what == "stop":
        stream = router.stream(request)
        async for _ in stream:
            stream.stop()
    elif what == "converse":
        fields = {name: value for name, value in options.items() if name != "model"}
        chat = bl.Session(router, context=bl.chat.Summarize(backend=router, window=40, reserve=10), **fields)
        for _ in range(3):
            await chat.send(f"{said} {'word ' * 10}")
        chat.backend = router
        await chat.count_tokens()
    elif what == "object":
        await bl.generate(router, said, output=int, repairs=1, **options)
    elif what == "client":
        asked = {"model": options["model"], "extra_body": {"private": options["private"]}}
        await bl.AsyncClient(router).chat.completions.create(messages=[{"role": "user", "content": said}], **asked)
    elif what == "explain":
        if not isinstance(router, bl.Router):
            return
        explanation = await router.explain(request)
        assert all(not options["private"] or choice.candidate.local for choice in explanation.ranked)
        assert all(excluded.reason for excluded in explanation.excluded)
    else:
        await getattr(router, what)(request)


@given(router_of(trees) | trees, actions, environments)
@settings(max_examples=cases(400), deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_private_request_reaches_no_backend_that_leaves_the_device(
    tree: dict[str, Any], actions: list[tuple[str, dict[str, Any]]], environment: bl.page.Environment
) -> None:
    """Neither with the request itself, nor when asked what it would cost, nor to get ready for it."""
    leaks: list[str] = []

    async def play() -> None:
        clock = bl.testing.Clock()
        router = build(tree, leaks, environment, clock)
        for what, options in actions:
            with contextlib.suppress(bl.BrowserLLMError, ZeroDivisionError):  # failing is allowed, leaking is not
                await act(router, what, options)
            clock.advance(20)
        await asyncio.sleep(0)
        await router.close()

    asyncio.run(play())
    assert leaks == []
