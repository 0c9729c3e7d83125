"""Budget: what would cost too much is refused before it is sent, whatever runs at the same time or failed before."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from datetime import date
from typing import Any

import pytest

import browserllm as bl
from browserllm.backends.draft import Draft
from browserllm.backends.stream import Delta
from browserllm.testing.backend import ScriptedBackend
from browserllm.testing.script import HANG, Answer


class Priced(ScriptedBackend):
    """A script with an estimated and a real cost."""

    def __init__(self, answers: str | list[Answer] = "fine", *, estimate: float | None, cost: float | None) -> None:
        super().__init__(answers, name="cloud", leaves_device=True)
        self.estimate = estimate
        self.cost = cost

    async def estimate_cost(self, prompt: Any, **options: Any) -> float | None:
        return self.estimate

    async def facts(self, request: bl.ChatRequest) -> bl.backends.BackendFacts:
        return bl.backends.BackendFacts(leaves_device=True, needs_network=True, cost_usd=self.estimate)

    async def generate(self, request: bl.ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
        inner = super().generate(request, draft)
        try:
            async for delta in inner:
                draft.cost_usd = None
                yield delta
        finally:
            await inner.aclose()
            draft.cost_usd = self.cost


class Day:
    """A calendar that the test sets."""

    def __init__(self) -> None:
        self.today = date(2026, 11, 21)

    def __call__(self) -> date:
        return self.today


async def settle() -> None:
    """Let every task run until it waits for something."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_a_request_over_the_allowance_is_refused_and_not_sent() -> None:
    """Real costs count, not estimates; the error has the figures."""
    inner = Priced(estimate=0.4, cost=0.3)
    budget = bl.Budget(inner, per_day=bl.Allowance(usd=1.0))
    for _ in range(2):
        await budget.complete("hi")
    assert (await budget.spent_today()).usd == pytest.approx(0.6)
    await budget.complete("hi")  # 0.6 + 0.4 is just within
    with pytest.raises(bl.BudgetExceeded, match=r"\$0.4, but \$0.9 of per_day.usd=1 is spent or reserved") as caught:
        await budget.complete("hi")
    assert len(inner.requests) == 3
    assert caught.value.data["estimate"]["usd"] == 0.4
    assert caught.value.data["today"]["usd"] == pytest.approx(0.9)


async def test_concurrent_requests_cannot_spend_the_same_dollar() -> None:
    """Of ten with room for three, three are sent, and their reservations are released when they end."""
    inner = Priced([["a", HANG]], estimate=0.3, cost=0.1)
    budget = bl.Budget(inner, per_day=bl.Allowance(usd=1.0))
    streams = [budget.stream("hi") for _ in range(10)]
    tasks = [asyncio.create_task(stream.finish()) for stream in streams]
    await settle()
    refused = [task for task in tasks if task.done()]
    assert (len(inner.requests), len(refused)) == (3, 7)
    assert all(isinstance(task.exception(), bl.BudgetExceeded) for task in refused)
    assert (await budget.spent_today()).reserved_usd == pytest.approx(0.9)
    for stream, task in zip(streams, tasks, strict=True):
        if not task.done():
            stream.stop()
            await task
    spent = await budget.spent_today()
    assert (spent.usd, spent.reserved_usd) == (pytest.approx(0.3), pytest.approx(0))


@pytest.mark.parametrize("way", ["stop", "cancel", "fail", "close"])
@pytest.mark.parametrize(("cost", "counted"), [(0.2, 0.2), (None, 0.5)])
async def test_an_answer_that_broke_off_is_counted(way: str, cost: float | None, counted: float) -> None:
    """By its cost if that is known, otherwise by its estimate, as something was received."""
    last: Any = bl.Unavailable("gone", reason="unreachable") if way == "fail" else HANG
    budget = bl.Budget(Priced([["a ", last]], estimate=0.5, cost=cost), per_day=bl.Allowance(usd=1.0))
    stream = budget.stream("hi")
    task = asyncio.create_task(stream.finish())
    await settle()
    if way == "stop":
        stream.stop()
    elif way == "cancel":
        task.cancel()
    elif way == "close":
        await stream.aclose()
    await asyncio.wait([task])
    if way == "cancel":
        assert task.cancelled()
    else:
        assert (task.exception() is not None) is (way == "fail")
    spent = await budget.spent_today()
    assert (spent.usd, spent.reserved_usd) == (counted, 0)


async def test_a_failure_before_any_content_costs_nothing() -> None:
    """Such as a refused connection."""
    budget = bl.Budget(Priced([[bl.RateLimited("busy")]], estimate=0.5, cost=None), per_day=bl.Allowance(usd=1.0))
    with pytest.raises(bl.RateLimited):
        await budget.complete("hi")
    spent = await budget.spent_today()
    assert (spent.usd, spent.reserved_usd) == (0, 0)


@pytest.mark.parametrize("routed", ["alone", "in a router", "of a router"])
async def test_the_error_for_an_unknown_price_names_the_model(routed: str) -> None:
    """For a request without a model it is the backend's default."""
    backend = bl.OpenAI("x-1", base_url="http://127.0.0.1:9", api_key="k")
    day = bl.Allowance(usd=1)
    budget = {
        "alone": lambda: bl.Budget(backend, per_day=day),
        "in a router": lambda: bl.Router([bl.Budget(backend, per_day=day)]),
        "of a router": lambda: bl.Budget(bl.Router([backend]), per_day=day),
    }[routed]()
    with pytest.raises(bl.BrowserLLMError) as caught:
        await budget.complete("hi")
    who = "router" if routed == "of a router" else "openai"
    assert f"the price of model 'x-1' at {who!r} is unknown" in str(caught.value)
    assert "prices={'x-1': Price(...)}, or the budget unknown_cost='allow'" in str(caught.value)
    assert "None" not in str(caught.value)


async def test_unknown_costs_are_refused_unless_they_are_allowed() -> None:
    """Allowed ones count their tokens; if nothing is left, they are refused, too."""
    inner = Priced(estimate=None, cost=None)
    with pytest.raises(bl.BudgetExceeded, match=r"give the backend prices=\{'MODEL': Price\(...\)\}"):
        await bl.Budget(inner, per_day=bl.Allowance(usd=1)).complete("hi")
    assert inner.requests == []
    budget = bl.Budget(inner, per_day=bl.Allowance(usd=1), unknown_cost="allow")
    await budget.complete("hi")
    assert (await budget.spent_today()).tokens > 0
    inner.estimate = inner.cost = 1.0
    await budget.complete("hi")
    inner.estimate = None
    with pytest.raises(bl.BudgetExceeded, match="an unknown amount"):
        await budget.complete("hi")


async def test_free_requests_are_sent_even_if_everything_is_spent() -> None:
    """A local model in the same budget still answers."""
    inner = Priced(estimate=1.0, cost=2.0)
    budget = bl.Budget(inner, per_day=bl.Allowance(usd=1.0))
    await budget.complete("hi")
    inner.estimate = inner.cost = 0.0
    assert (await budget.complete("hi")).text == "fine"


async def test_tokens_can_be_limited_without_dollars() -> None:
    """A prompt is estimated from its bytes, an answer by max_tokens; a budget of tokens needs no price."""
    inner = Priced(estimate=None, cost=None)
    budget = bl.Budget(inner, per_request=bl.Allowance(tokens=100))
    await budget.complete("x" * 320, max_tokens=20)
    with pytest.raises(bl.BudgetExceeded, match=r"take 101 tokens, but 0 of per_request.tokens=100"):
        await budget.complete("x" * 321, max_tokens=20)
    with pytest.raises(bl.BudgetExceeded, match="take 501 tokens"):
        await budget.complete("hi")
    tool = bl.Message("tool", [bl.ToolResultPart("1", "x" * 400)])
    with pytest.raises(bl.BudgetExceeded, match="take 102 tokens"):
        await budget.complete([bl.Message("user", "hi"), tool], max_tokens=1)


async def test_the_request_names_its_session() -> None:
    """Each session has its own allowance; requests without one share a session."""
    budget = bl.Budget(Priced(estimate=0.4, cost=0.4), per_session=bl.Allowance(usd=0.5))
    await budget.complete("hi", metadata={"session": "one"})
    with pytest.raises(bl.BudgetExceeded, match=r"per_session.usd=0.5"):
        await budget.complete("hi", metadata={"session": "one"})
    await budget.complete("hi", metadata={"session": "two"})
    await budget.complete("hi")
    assert budget.spent_in_session("one").usd == budget.spent_in_session().usd == 0.4


async def test_a_day_survives_a_restart_and_is_shared() -> None:
    """The next program continues the count, and two at once count each other's spending."""
    store, day = bl.stores.MemoryStore(), Day()

    def program() -> bl.Budget:
        return bl.Budget(Priced(estimate=0.4, cost=0.4), per_day=bl.Allowance(usd=1.0), store=store, today=day)

    one, two = program(), program()
    await one.complete("hi")
    await two.complete("hi")
    for budget in (one, two, program()):
        with pytest.raises(bl.BudgetExceeded):
            await budget.complete("hi")
        assert (await budget.spent_today()).usd == 0.8
    other = bl.Budget(
        Priced(estimate=0.4, cost=0.4), per_day=bl.Allowance(usd=1.0), store=store, key="other", today=day
    )
    await other.complete("hi")


async def test_the_reservations_of_a_dead_program_count() -> None:
    """The real cost of its answer is unknown, so the estimate counts."""
    store, day = bl.stores.MemoryStore(), Day()
    one = bl.Budget(Priced([["a", HANG]], estimate=0.9, cost=0.1), per_day=bl.Allowance(usd=1), store=store, today=day)
    running = one.stream("hi")
    task = asyncio.create_task(running.finish())
    await settle()
    two = bl.Budget(Priced(estimate=0.2, cost=0.2), per_day=bl.Allowance(usd=1), store=store, today=day)
    with pytest.raises(bl.BudgetExceeded):
        await two.complete("hi")
    running.stop()
    await task
    await two.complete("hi")


async def test_a_new_day_starts_at_zero_and_a_clock_set_back_keeps_the_count() -> None:
    """Seven days are kept."""
    store, day = bl.stores.MemoryStore(), Day()
    budget = bl.Budget(Priced(estimate=0.8, cost=0.8), per_day=bl.Allowance(usd=1), store=store, today=day)
    await budget.complete("hi")
    day.today = date(2026, 11, 22)
    await budget.complete("hi")
    day.today = date(2026, 11, 21)
    with pytest.raises(bl.BudgetExceeded):
        await budget.complete("hi")
    day.today = date(2026, 11, 29)
    await budget.complete("hi")
    assert [key.split("/")[2] for key, _ in await store.items("budget/")] == ["2026-11-22", "2026-11-29"]


async def test_an_answer_over_midnight_counts_on_the_day_it_began() -> None:
    """The day of its reservation."""
    store, day = bl.stores.MemoryStore(), Day()
    budget = bl.Budget(
        Priced([["a", HANG]], estimate=0.8, cost=0.5), per_day=bl.Allowance(usd=1), store=store, today=day
    )
    stream = budget.stream("hi")
    task = asyncio.create_task(stream.finish())
    await settle()
    day.today = date(2026, 11, 22)
    stream.stop()
    await task
    assert await budget.spent_today() == bl.backends.middleware.Spent()
    day.today = date(2026, 11, 21)
    assert (await budget.spent_today()).usd == 0.5


async def test_sums_of_cents_reach_the_limit_exactly() -> None:
    """0.1 + 0.1 + 0.1 is a little more than 0.3 in floating point; that must not count."""
    budget = bl.Budget(Priced(estimate=0.1, cost=0.1), per_day=bl.Allowance(usd=0.3))
    for _ in range(3):
        await budget.complete("hi")
    with pytest.raises(bl.BudgetExceeded):
        await budget.complete("hi")


class Slow(bl.stores.MemoryStore):
    """A store whose next write waits for a ``gate``, if the test sets one."""

    gate: asyncio.Future[None] | None = None

    async def put(self, key: str, value: bytes) -> None:
        gate, self.gate = self.gate, None
        if gate is not None:
            await gate
        await super().put(key, value)


async def test_an_older_count_never_overwrites_a_newer_one() -> None:
    """However slow the store is, the last count stays."""
    store, day = Slow(), Day()

    def program() -> bl.Budget:
        inner = Priced([["a", HANG]], estimate=0.2, cost=0.1)
        return bl.Budget(inner, per_day=bl.Allowance(usd=9), store=store, today=day)

    budget = program()
    streams = [budget.stream("hi") for _ in range(2)]
    answers = [asyncio.create_task(stream.finish()) for stream in streams]
    await settle()
    gate = store.gate = asyncio.get_running_loop().create_future()
    for stream in streams:
        stream.stop()
        await settle()
    gate.set_result(None)
    await asyncio.gather(*answers)
    assert await program().spent_today() == await budget.spent_today()
    assert (await budget.spent_today()).usd == pytest.approx(0.2)


class Broken(bl.stores.MemoryStore):
    """A store that fails on demand."""

    reading = writing = False

    async def items(self, prefix: str = "") -> list[tuple[str, bytes]]:
        if self.reading:
            raise bl.Unavailable("the store is gone", reason="blocked")
        return await super().items(prefix)

    async def put(self, key: str, value: bytes) -> None:
        if self.writing:
            raise bl.errors.QuotaExceeded("no room")
        await super().put(key, value)


async def test_a_store_that_fails_stops_spending() -> None:
    """A request that cannot be counted is not sent; a failure to store the cost afterwards is a warning."""
    store = Broken()
    inner = Priced([["a", HANG]], estimate=0.4, cost=0.4)
    budget = bl.Budget(inner, per_day=bl.Allowance(usd=1), store=store)
    store.reading = True
    with pytest.raises(bl.Unavailable):
        await budget.complete("hi")
    store.reading, store.writing = False, True
    with pytest.raises(bl.errors.QuotaExceeded):
        await budget.complete("hi")
    assert inner.requests == []
    store.writing = False
    stream = budget.stream("hi")
    task = asyncio.create_task(stream.finish())
    await settle()
    store.writing = True
    stream.stop()
    assert [warning.parameter for warning in (await task).warnings] == ["budget"]
    assert await budget.spent_today() == bl.backends.middleware.Spent(usd=0.4, tokens=(await task).usage.total_tokens)


async def test_a_count_that_cannot_be_read_is_not_zero() -> None:
    """Ignoring it would allow spending it again."""
    store, day = bl.stores.MemoryStore(), Day()
    await store.put("budget/default/2026-11-21/other", b"{")
    with pytest.raises(bl.errors.InternalError, match="budget/default/2026-11-21/other"):
        await bl.Budget(Priced(estimate=0.1, cost=0.1), per_day=bl.Allowance(usd=1), store=store, today=day).complete(
            "x"
        )


async def test_a_router_skips_a_spent_budget() -> None:
    """The facts say so before any attempt, also right after a start, from the count in the store."""
    store, day = bl.stores.MemoryStore(), Day()

    def cloud() -> bl.Budget:
        return bl.Budget(Priced(estimate=0.6, cost=0.6), per_day=bl.Allowance(usd=1), store=store, today=day)

    spent = cloud()
    await spent.complete("hi")
    for budget in (spent, cloud()):
        router = bl.Router([budget, ScriptedBackend("local", name="local")], policy=bl.CloudFirst())
        response = await router.complete("hi")
        assert (response.text, response.backend) == ("local", "local")


async def test_the_facts_use_the_estimate_if_they_lack_a_price() -> None:
    """A backend need not implement both."""

    class Quiet(Priced):
        async def facts(self, request: bl.ChatRequest) -> bl.backends.BackendFacts:
            return bl.backends.BackendFacts(leaves_device=True, needs_network=True)

    request = bl.ChatRequest(messages=[bl.Message("user", "hi")])
    for estimate, available in ((0.1, True), (2.0, False), (None, False)):
        budget = bl.Budget(Quiet(estimate=estimate, cost=0.1), per_day=bl.Allowance(usd=1))
        assert (await budget.facts(request)).available is available
