"""The count of a budget: shared by programs, held against damage, dead programs and clocks that jump."""

from __future__ import annotations

import asyncio
import time
from datetime import date, timedelta
from itertools import permutations
from random import Random
from typing import Any

import msgspec
import pytest

import browserllm as bl
from browserllm._internal.clock import AnyClock
from browserllm.backends.draft import Draft
from browserllm.backends.middleware.ledger import KEPT_DAYS, MAX_TOKENS, MAX_USD, RESERVATION_S
from browserllm.testing.script import HANG
from unit.backends.middleware.test_budget import Day, Priced, settle

KEY = "budget/default/2026-11-21/all"


class Times(AnyClock):
    """The time of day and the monotonic clock; the test moves both."""

    def __init__(self) -> None:
        self.wall_s = 1_800_000_000.0
        self.steady_s = 500.0

    def now(self) -> float:
        return self.wall_s

    @property
    def now_s(self) -> float:
        return self.steady_s

    def advance(self, seconds: float) -> None:
        self.wall_s += seconds
        self.steady_s += seconds


def program(store: Any, times: Times | None = None, day: Day | None = None, **script: Any) -> bl.Budget:
    """Return the budget of another program, which may spend a dollar a day."""
    times = times or Times()
    inner = Priced(script.pop("answers", "fine"), estimate=script.pop("estimate", 0.4), cost=script.pop("cost", 0.4))
    return bl.Budget(
        inner, per_day=bl.Allowance(usd=1.0), store=store, today=day or Day(), now=times.now, clock=times, **script
    )


class Interleaved(bl.stores.MemoryStore):
    """A store whose calls each wait for a random number of loop turns, so that any order of calls may occur."""

    def __init__(self, random: Random) -> None:
        super().__init__()
        self.random = random

    async def items(self, prefix: str = "") -> list[tuple[str, bytes]]:
        await self._wait()
        found = await super().items(prefix)
        await self._wait()
        return found

    async def swap(self, key: str, expected: bytes | None, value: bytes | None) -> bool:
        await self._wait()
        done = await super().swap(key, expected, value)
        await self._wait()
        return done

    async def _wait(self) -> None:
        for _ in range(self.random.randrange(4)):
            await asyncio.sleep(0)


@pytest.mark.parametrize("seed", range(30))
async def test_programs_that_share_a_store_spend_no_more_than_one(seed: int) -> None:
    """Whatever the order of their reads and writes, spending and reservations never exceed the allowance."""
    store = Interleaved(Random(seed))  # noqa: S311
    programs = [program(store, estimate=0.3, cost=0.3) for _ in range(4)]
    done = await asyncio.gather(*(each.complete("hi") for each in programs * 3), return_exceptions=True)
    answered = [each for each in done if isinstance(each, bl.ChatResponse)]
    assert len(answered) == 3, f"seed {seed}"
    assert all(isinstance(each, bl.BudgetExceeded) for each in done if not isinstance(each, bl.ChatResponse))
    for each in programs:
        spent = await each.spent_today()
        assert (spent.usd, spent.reserved_usd) == (pytest.approx(0.9), 0)


GOOD: dict[str, Any] = {"usd": 0.5, "tokens": 10, "held": {}}
HELD: dict[str, Any] = {"usd": 0.5, "tokens": 10, "at_s": 1.8e9, "steady_s": 5.0}
NO_USD: list[Any] = [-0.01, -1e-12, -1e308, 1e10, 1e308, "0", None, True, [], {}]
NO_TOKENS: list[Any] = [-1, -(10**30), 10**16, 10**30, 0.5, "0", None, True, []]
WRONG: list[bytes] = [
    b"",
    b"{",
    b"{}",
    b"[]",
    b"0",
    b"null",
    b'"x"',
    b"\xff",
    b"NaN",
    b"[" * 100_000,
    b'{"usd": NaN, "tokens": 0, "held": {}}',
    b'{"usd": Infinity, "tokens": 0, "held": {}}',
    b'{"usd": -Infinity, "tokens": 0, "held": {}}',
    b'{"usd": 1e999, "tokens": 0, "held": {}}',
    b'{"usd": 0, "tokens": 0, "held": {}} {"usd": 0}',
    *(msgspec.json.encode({**GOOD, "usd": usd}) for usd in NO_USD),
    *(msgspec.json.encode({**GOOD, "tokens": tokens}) for tokens in NO_TOKENS if tokens not in (-(10**30), 10**30)),
    b'{"usd": 0, "tokens": -1000000000000000000000000000000, "held": {}}',
    b'{"usd": 0, "tokens": 1000000000000000000000000000000, "held": {}}',
    *(msgspec.json.encode({**GOOD, "held": held}) for held in ([], None, 7, "x", {"a": {}}, {"a": []})),
    *(msgspec.json.encode({**GOOD, "held": {"a": {**HELD, "usd": usd}}}) for usd in NO_USD),
    *(msgspec.json.encode({**GOOD, "held": {"a": {**HELD, "at_s": at_s}}}) for at_s in ("now", None, [])),
    b'{"usd": 0, "tokens": 0, "held": {"a": {"usd": 0, "tokens": 0, "at_s": 1e999, "steady_s": 0}}}',
    *(msgspec.json.encode({name: value for name, value in GOOD.items() if name != left}) for left in GOOD),
    msgspec.json.encode({**GOOD, "reserved_usd": -5}),
]


@pytest.mark.parametrize("value", WRONG)
async def test_an_impossible_count_is_refused(value: bytes) -> None:
    """The error names the key and what to do; the count stays as it is, and nothing is sent."""
    store = bl.stores.MemoryStore()
    await store.put(KEY, value)
    budget = program(store)
    for call in (budget.complete, budget.facts, lambda _: budget.spent_today()):
        request = bl.ChatRequest(messages=[bl.Message("user", "hi")])
        with pytest.raises(bl.errors.InternalError, match=r"budget/default/2026-11-21/all.*delete it") as caught:
            await call(request)
        assert caught.value.data["key"] == KEY
    assert await store.items() == [(KEY, value)]
    assert isinstance(budget.backend, Priced) and budget.backend.requests == []


@pytest.mark.parametrize("day", ["", "today", "2026-13-01", "20261121", "2026-11-21T00", "2026-W47-6", "9" * 40])
async def test_an_entry_without_a_valid_day_is_refused(day: str) -> None:
    """Otherwise it would be ignored, or count as the latest day."""
    store = bl.stores.MemoryStore()
    await store.put(f"budget/default/{day}/all", msgspec.json.encode(GOOD))
    with pytest.raises(bl.errors.InternalError, match="is not a day"):
        await program(store).complete("hi")


async def test_the_largest_count_is_valid() -> None:
    """Adding to it does not make it invalid."""
    store = bl.stores.MemoryStore()
    await store.put(KEY, msgspec.json.encode({**GOOD, "usd": MAX_USD, "tokens": MAX_TOKENS}))
    with pytest.raises(bl.BudgetExceeded):
        await program(store).complete("hi")
    free = program(store, estimate=0.0, cost=7.0)
    await free.complete("hi")
    assert (await free.spent_today()).usd == (await program(store).spent_today()).usd == MAX_USD


async def test_a_smaller_count_than_before_is_ignored() -> None:
    """A store that was restored, emptied or overwritten gives a running program no money back."""
    for damage in (None, {**GOOD, "usd": 0.1, "tokens": 0}, {"usd": 0.0, "tokens": 0, "held": {}}):
        store = bl.stores.MemoryStore()
        budget = program(store)
        await budget.complete("hi")
        await budget.complete("hi")
        if damage is None:
            await store.clear()
        else:
            await store.put(KEY, msgspec.json.encode(damage))
        with pytest.raises(bl.BudgetExceeded):
            await budget.complete("hi")
        assert (await budget.spent_today()).usd == pytest.approx(0.8)
        # It is put right for everybody with the next change.
        assert isinstance(budget.backend, Priced)
        budget.backend.estimate = budget.backend.cost = 0.0
        await budget.complete("hi")
        assert (await program(store).spent_today()).usd == pytest.approx(0.8)


async def running(budget: bl.Budget) -> asyncio.Task[Any]:
    """Start an answer and leave it running."""
    task = asyncio.create_task(budget.complete("hi"))
    await settle()
    return task


async def killed(budget: bl.Budget) -> None:
    """Let a program die in the middle of an answer, which is then neither counted nor released."""
    task = await running(budget)
    budget._ledger.settle = budget._ledger.read  # type: ignore[assignment,method-assign]
    task.cancel()
    with pytest.raises((asyncio.CancelledError, TypeError)):
        await task


async def test_the_reservations_of_a_dead_program_expire() -> None:
    """After an hour, not before; for running programs, and for new ones."""
    store, times = bl.stores.MemoryStore(), Times()
    await killed(program(store, times, answers=[["a", HANG]], estimate=0.9))
    other = program(store, times)
    for _ in range(2):
        with pytest.raises(bl.BudgetExceeded):
            await other.complete("hi")
        times.advance(RESERVATION_S / 2 - 1)
    times.advance(3)
    assert (await other.spent_today()).reserved_usd == 0
    assert (await other.complete("hi")).text == "fine"
    assert (await program(store, times).spent_today()).reserved_usd == 0


async def test_the_reservations_of_a_running_program_stay() -> None:
    """As long as its answer runs: it renews them, and never expires its own."""
    store, times = bl.stores.MemoryStore(), Times()
    one = program(store, times, answers=[[*"abcdefgh", HANG]], estimate=0.9, cost=0.9)
    other = program(store, times)
    stream = one.stream("hi")
    text = ""
    async for chunk in stream:
        text += chunk.text
        if not text:
            continue  # it has not begun
        times.advance(RESERVATION_S * 0.6)
        with pytest.raises(bl.BudgetExceeded):
            await other.complete("hi")
        if text == "abcdefgh":
            break
    times.advance(RESERVATION_S * 3)
    with pytest.raises(bl.BudgetExceeded):
        await one.complete("hi")
    await stream.aclose()
    # Whatever another one had made of it: what it did cost counts.
    assert (await other.spent_today()).usd == pytest.approx(0.9)


@pytest.mark.parametrize("hours", [-1000, -25, -2, -0.5, 0.5, 2, 23, 1000])
async def test_a_time_of_day_that_jumps_gives_nothing_back(hours: float) -> None:
    """Reservations of running programs stay; those of a dead program expire an hour later, wherever the clock is."""
    store, times = bl.stores.MemoryStore(), Times()
    task = await running(program(store, times, answers=[["a", HANG]], estimate=0.9))
    times.wall_s += hours * 3600
    for later in (False, True):
        other = program(store, times)
        if later:
            times.advance(RESERVATION_S - 1)
        with pytest.raises(bl.BudgetExceeded):
            await other.complete("hi")
    times.advance(RESERVATION_S + 2)
    assert (await program(store, times).complete("hi")).text == "fine"
    task.cancel()
    await asyncio.wait([task])


async def test_after_a_restart_of_the_machine_the_time_of_day_decides() -> None:
    """The monotonic clock restarts then."""
    store, times = bl.stores.MemoryStore(), Times()
    await killed(program(store, times, answers=[["a", HANG]], estimate=0.9))
    times.steady_s = 1.0
    times.wall_s += RESERVATION_S - 1
    with pytest.raises(bl.BudgetExceeded):
        await program(store, times).complete("hi")
    times.wall_s += 2
    assert (await program(store, times).complete("hi")).text == "fine"


@pytest.mark.parametrize("days", [*permutations((-400, -8, -1, 0))])
async def test_a_calendar_that_is_set_back_gives_nothing_back(days: tuple[int, ...]) -> None:
    """Any day before the last counted one counts as that day, for this program and for new ones."""
    store, day = bl.stores.MemoryStore(), Day()
    start = day.today
    first = program(store, day=day, estimate=0.8, cost=0.8)
    await first.complete("hi")
    for shift in days:
        day.today = start + timedelta(days=shift)
        for budget in (first, program(store, day=day)):
            with pytest.raises(bl.BudgetExceeded) as caught:
                await budget.complete("hi")
            assert ("a clock was ahead" in str(caught.value)) is (shift < 0)
            assert (await budget.spent_today()).usd == 0.8
            assert not (await budget.facts(bl.ChatRequest(messages=[bl.Message("user", "hi")]))).available
    day.today = start + timedelta(days=1)
    await first.complete("hi")


async def test_only_old_days_are_deleted() -> None:
    """However the clock jumps, the store keeps a week."""
    store, day, random = bl.stores.MemoryStore(), Day(), Random(7)  # noqa: S311
    latest = day.today
    for _ in range(60):
        day.today = date(2026, 1, 1) + timedelta(days=random.randrange(700))
        try:
            await program(store, day=day).complete("hi")
        except bl.BudgetExceeded:
            assert day.today <= latest
        latest = max(latest, day.today)
        kept = [key.split("/")[2] for key, _ in await store.items("budget/")]
        assert max(kept) <= latest.isoformat()
        assert min(kept) >= (date.fromisoformat(max(kept)) - timedelta(days=KEPT_DAYS)).isoformat()


@pytest.mark.parametrize("price", [-0.1, -1e300, float("nan"), float("inf"), float("-inf")])
async def test_an_impossible_price_is_unknown(price: float) -> None:
    """It is not free, and does not give money back."""
    store = bl.stores.MemoryStore()
    with pytest.raises(bl.BudgetExceeded, match="is unknown"):
        await program(store, estimate=price).complete("hi")
    budget = program(store, estimate=0.4, cost=price)
    assert not (
        await program(store, estimate=price).facts(bl.ChatRequest(messages=[bl.Message("user", "hi")]))
    ).available
    await budget.complete("hi")
    assert (await budget.spent_today()).usd == 0.4


@pytest.mark.parametrize("usage", [(-(10**9), 5), (5, -(10**9)), (-1, 0), (-3, -3)])
async def test_a_server_that_counts_below_zero_gives_no_tokens_back(usage: tuple[int, int]) -> None:
    """The estimate counts instead."""

    class Negative(Priced):
        async def generate(self, request: bl.ChatRequest, draft: Draft) -> Any:
            async for delta in super().generate(request, draft):
                yield delta
            draft.usage = bl.types.Usage(prompt_tokens=usage[0], completion_tokens=usage[1])

    budget = bl.Budget(
        Negative(estimate=0.4, cost=0.0), per_day=bl.Allowance(usd=1.0, tokens=2000), per_session=bl.Allowance(usd=1.0)
    )
    await budget.complete("hi")
    spent = await budget.spent_today()
    assert spent.tokens >= 501 and spent.usd == budget.spent_in_session().usd == 0.4


def test_a_store_that_cannot_swap_is_refused() -> None:
    """With it two programs could spend the same money."""

    class Old:
        """A store without ``swap``."""

    with pytest.raises(bl.InvalidRequest, match="swap") as caught:
        bl.Budget(Priced(estimate=1, cost=1), per_day=bl.Allowance(usd=1), store=Old())  # type: ignore[arg-type]
    assert caught.value.data["parameter"] == "store"


@pytest.mark.parametrize("key", ["a\0b", "\ud800", "k" * 2000, "a/b", ""])
def test_a_key_that_stores_refuse_is_refused_at_once(key: str) -> None:
    """When the budget is created, not with the first request."""
    with pytest.raises(bl.InvalidRequest):
        bl.Budget(Priced(estimate=1, cost=1), per_day=bl.Allowance(usd=1), key=key)


async def test_a_count_that_keeps_changing_is_given_up() -> None:
    """With an error, not an endless loop."""

    class Restless(bl.stores.MemoryStore):
        async def swap(self, key: str, expected: bytes | None, value: bytes | None) -> bool:
            return False

    budget = program(Restless())
    with pytest.raises(bl.Unavailable, match="try again later"):
        await budget.complete("hi")
    assert budget.spent_in_session() == bl.backends.middleware.Spent()


@pytest.mark.parametrize("turns", range(1, 14))
async def test_a_cancellation_at_any_moment_leaves_no_reservation(turns: int) -> None:
    """Before it is stored, after it, or in between."""
    store = Interleaved(Random(turns))  # noqa: S311
    budget = program(store, answers=[["a", HANG]], estimate=0.9, cost=0.0)
    task = asyncio.create_task(budget.complete("hi"))
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert budget.spent_in_session().reserved_usd == pytest.approx(0)
    assert isinstance(budget.backend, Priced)
    budget.backend.estimate = 0.95
    again = asyncio.create_task(budget.complete("hi"))
    for _ in range(100):
        await asyncio.sleep(0)
    assert not again.done()
    again.cancel()
    await asyncio.wait([again])


def test_the_default_clocks_are_those_of_the_machine() -> None:
    """The time of day and the monotonic clock."""
    ledger = bl.Budget(Priced(estimate=1, cost=1), per_day=bl.Allowance(usd=1))._ledger
    assert ledger._now is time.time
    assert abs(ledger._clock.now_s - time.monotonic()) < 60
