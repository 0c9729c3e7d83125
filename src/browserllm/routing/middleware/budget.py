"""Budget: refuse what would cost more than there is left, before it is spent."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from datetime import UTC, date, datetime, timedelta
from typing import Literal

import msgspec
from msgspec.structs import replace

from ...backend import Backend, Middleware
from ...errors import BrowserLLMError, BudgetExceeded, InternalError
from ...facts import BackendFacts
from ...store import KeyValueStore, MemoryStore
from ...stream import Delta, Draft
from ...types import ChatRequest, TextPart, ToolCallPart, ToolResultPart
from ..checks import check, check_above_0
from ..member import is_empty

BYTES_PER_TOKEN = 4
"""What an estimate of a prompt counts as one token, in bytes of UTF-8."""

ASSUMED_ANSWER_TOKENS = 500
"""What an estimate takes for an answer whose ``max_tokens`` is not given."""

KEPT_DAYS = 7
"""For how many days the count is kept, so that a clock that is set back finds it again."""


class Allowance(msgspec.Struct, frozen=True, kw_only=True):
    """How much may be spent: US dollars, tokens (of prompt and answer together), or both. ``None`` is no limit."""

    usd: float | None = None
    tokens: int | None = None


class Spent(msgspec.Struct, kw_only=True):
    """What was spent. ``reserved_*`` is what running answers are expected to cost, on top of that."""

    usd: float = 0.0
    tokens: int = 0
    reserved_usd: float = 0.0
    reserved_tokens: int = 0

    def add(self, other: Spent) -> None:
        """Count ``other`` as well."""
        self.usd += other.usd
        self.tokens += other.tokens
        self.reserved_usd += other.reserved_usd
        self.reserved_tokens += other.reserved_tokens


class _Estimate(msgspec.Struct, frozen=True):
    usd: float | None
    tokens: int


def utc_today() -> date:
    """Today in UTC: the same day for everybody who shares a store."""
    return datetime.now(UTC).date()


class Budget(Middleware):
    """Keeps what is spent within an allowance per request, per session and per day, and else raises `BudgetExceeded`.

    Before a request goes out, its estimate is set aside, so that requests side by side cannot spend the same dollar
    twice. Afterwards what it really cost counts, also when it failed or was cancelled half-way: where the cost is not
    known then, the estimate counts if anything was received, and nothing if not. An answer may cost more than its
    estimate (give ``max_tokens`` to make that unlikely); what is over counts, and the next request is refused.

    A day's count is kept in ``store`` and so survives a restart; any number of programs may share one. What another one
    has set aside counts too, and stays if that program dies. A session is whatever ``request.metadata["session"]``
    names (without it, everything that names none) and is counted as long as this object lives.
    """

    identity = Middleware.identity

    def __init__(
        self,
        backend: Backend,
        *,
        per_request: Allowance | None = None,
        per_session: Allowance | None = None,
        per_day: Allowance | None = None,
        unknown_cost: Literal["refuse", "allow"] = "refuse",
        store: KeyValueStore | None = None,
        key: str = "default",
        today: Callable[[], date] = utc_today,
    ) -> None:
        """Spend no more than these; ``unknown_cost`` says what happens to a request whose price nobody knows.

        An allowed request of unknown cost counts its tokens alone. ``key`` tells several budgets in one store apart,
        which stays the caller's to close. ``today`` says which day it is, by default in UTC; ``datetime.date.today``
        counts by the local one. A clock that is set forward begins a new day; one that is set back finds the count of
        the old one. Raises `InvalidRequest` for an allowance that is not above 0, and when there is none.
        """
        super().__init__(backend)
        limits = {"per_request": per_request, "per_session": per_session, "per_day": per_day}
        self._limits = {name: limit for name, limit in limits.items() if limit is not None}
        check("per_day", per_day, bool(self._limits), "given, or per_session or per_request")
        for name, limit in self._limits.items():
            check_above_0(**{f"{name}.usd": limit.usd, f"{name}.tokens": limit.tokens})
        check("unknown_cost", unknown_cost, unknown_cost in ("refuse", "allow"), "'refuse' or 'allow'")
        check("key", key, bool(key) and "/" not in key, "a name without '/'")
        self.unknown_cost = unknown_cost
        self._counts_usd = any(limit.usd is not None for limit in self._limits.values())
        self._ledger = _Ledger(store or MemoryStore(), f"budget/{key}/", today)
        self._sessions: dict[str, Spent] = {}

    async def spent_today(self) -> Spent:
        """Return what everybody who shares the store has spent today, under this key."""
        return await self._ledger.read()

    def spent_in_session(self, session: str = "") -> Spent:
        """Return what this object has spent on a session."""
        return replace(self._sessions.get(session, Spent()))

    async def facts(self, request: ChatRequest) -> BackendFacts:
        """Ask the wrapped backend, and say when the request would be refused, so that a router asks another one."""
        facts = await self.backend.facts(request)
        if not facts.available:
            return facts
        # By the last count that was read: routers ask often, and the request itself is held to the newest.
        today = self._ledger.known or await self._ledger.read()
        usd = await self._expected_usd(request) if facts.cost_usd is None else facts.cost_usd
        reason = self._refusal(request, today, self._estimate(request, usd))
        return replace(facts, available=False, reason=reason) if reason else facts

    async def generate(self, request: ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
        """Pass the answer on, if there is enough left for it."""
        estimate = self._estimate(request, await self._expected_usd(request))
        today = await self._ledger.read()
        # Nothing is awaited from here until it is set aside: nobody else can be told that there is enough in between.
        reason = self._refusal(request, today, estimate)
        if reason:
            raise BudgetExceeded(f"{reason}; nothing was sent", data=self._data(request, today, estimate))
        session = _session_of(request)
        aside = Spent(reserved_usd=estimate.usd or 0.0, reserved_tokens=estimate.tokens)
        spending = self._sessions.setdefault(session, Spent())
        spending.add(aside)
        day = self._ledger.add(aside)
        began = False
        try:
            await self._ledger.write(day)
            async with aclosing(self.backend.generate(request, draft)) as deltas:
                async for delta in deltas:
                    began = began or not is_empty(delta)
                    yield delta
        finally:
            real = _real(draft, estimate, received=began)
            real.reserved_usd, real.reserved_tokens = -aside.reserved_usd, -aside.reserved_tokens
            spending.add(real)
            self._ledger.add(real, day)
            try:
                await self._ledger.write(day)
            except BrowserLLMError as error:
                draft.warn("budget", f"what this answer cost could not be written down: {error}")

    async def _expected_usd(self, request: ChatRequest) -> float | None:
        return await self.backend.estimate_cost(request) if self._counts_usd else None

    def _estimate(self, request: ChatRequest, usd: float | None) -> _Estimate:
        size = sum(len(text.encode(errors="replace")) for text in _texts(request))
        answer = request.max_tokens or ASSUMED_ANSWER_TOKENS
        return _Estimate(usd, -(-size // BYTES_PER_TOKEN) + answer * request.n)

    def _refusal(self, request: ChatRequest, today: Spent, estimate: _Estimate) -> str:
        """Why the request must not go out; empty when it may."""
        if self._counts_usd and estimate.usd is None and self.unknown_cost == "refuse":
            return (
                f"nobody knows what {self.backend.name!r} charges for model {request.model!r}, and the budget is in US "
                "dollars: give the backend the model's price, or say unknown_cost='allow'"
            )
        session = self._sessions.get(_session_of(request), Spent())
        so_far = {"per_request": Spent(), "per_session": session, "per_day": today}
        for name, limit in self._limits.items():
            spent = so_far[name]
            usd, tokens = spent.usd + spent.reserved_usd, spent.tokens + spent.reserved_tokens
            if limit.usd is not None and _over(usd, estimate.usd, limit.usd):
                expected = "an unknown amount" if estimate.usd is None else f"${estimate.usd:.6g}"
                return (
                    f"the request is expected to cost {expected}, and of {name}.usd={limit.usd:g} ${usd:.6g} is spent "
                    "or set aside"
                )
            if limit.tokens is not None and _over(tokens, estimate.tokens, limit.tokens):
                return (
                    f"the request is expected to take {estimate.tokens} tokens, and of {name}.tokens={limit.tokens} "
                    f"{tokens} are spent or set aside"
                )
        return ""

    def _data(self, request: ChatRequest, today: Spent, estimate: _Estimate) -> dict[str, object]:
        session = self._sessions.get(_session_of(request), Spent())
        return {
            "estimate": {"usd": estimate.usd, "tokens": estimate.tokens},
            "session": msgspec.to_builtins(session),
            "today": msgspec.to_builtins(today),
        }


class _Ledger:
    """What was spent on each day. Every program has an entry of its own, so that none overwrites another one's."""

    def __init__(self, store: KeyValueStore, prefix: str, today: Callable[[], date]) -> None:
        self._store = store
        self._prefix = prefix
        self._today = today
        self._me = os.urandom(8).hex()
        self._mine: dict[str, Spent] = {}
        self._others: dict[str, Spent] = {}
        self._writing: set[str] = set()
        self._changed: set[str] = set()
        self._cleaned = ""

    @property
    def known(self) -> Spent | None:
        """Today's count as it was last read; ``None`` when it was not yet read today."""
        day = self._day()
        return self._sum(day) if day in self._others else None

    async def read(self) -> Spent:
        """Today's count, as it stands in the store now."""
        day = self._day()
        if self._cleaned != day:
            await self._forget_old(day)
            self._cleaned = day
        others = Spent()
        for key, value in await self._store.items(f"{self._prefix}{day}/"):
            if not key.endswith(self._me):
                others.add(_decode(key, value))
        self._others = {day: others}
        return self._sum(day)

    def add(self, amount: Spent, day: str | None = None) -> str:
        """Count an amount on ``day``, by default today; returns the day."""
        day = day or self._day()
        self._mine.setdefault(day, Spent()).add(amount)
        return day

    async def write(self, day: str) -> None:
        """Write my count of ``day`` down. Whoever writes already does it for all."""
        self._changed.add(day)
        if day in self._writing:
            return
        self._writing.add(day)
        try:
            while day in self._changed:
                self._changed.discard(day)
                await self._store.put(f"{self._prefix}{day}/{self._me}", msgspec.json.encode(self._mine[day]))
        finally:
            self._writing.discard(day)

    def _day(self) -> str:
        return self._today().isoformat()

    def _sum(self, day: str) -> Spent:
        total = Spent()
        total.add(self._mine.get(day, Spent()))
        total.add(self._others.get(day, Spent()))
        return total

    async def _forget_old(self, day: str) -> None:
        oldest = (date.fromisoformat(day) - timedelta(days=KEPT_DAYS)).isoformat()
        for key, _ in await self._store.items(self._prefix):
            if key.removeprefix(self._prefix).partition("/")[0] < oldest:
                await self._store.delete(key)


def _decode(key: str, value: bytes) -> Spent:
    try:
        return msgspec.json.decode(value, type=Spent)
    except msgspec.DecodeError as error:
        # To pass over it would be to spend it again.
        raise InternalError(f"the count {key!r} of a budget cannot be read: {error}; delete it to go on") from error


def _over(gone: float, more: float | None, limit: float) -> bool:
    """Whether it would be too much. What is free is never; of unknown cost, when nothing is left."""
    if more is None:
        return gone >= limit
    return more > 0 and gone + more > limit * (1 + 1e-9)  # sums of cents are not exact


def _real(draft: Draft, estimate: _Estimate, *, received: bool) -> Spent:
    usd, tokens = draft.cost_usd, draft.usage.total_tokens
    if usd is None and received:
        usd = estimate.usd
    if not tokens and received:
        tokens = estimate.tokens
    return Spent(usd=usd or 0.0, tokens=tokens)


def _session_of(request: ChatRequest) -> str:
    return str(request.metadata.get("session", ""))


def _texts(request: ChatRequest) -> list[str]:
    texts: list[str] = []
    for message in request.messages:
        if isinstance(message.content, str):
            texts.append(message.content)
            continue
        for part in message.content:
            if isinstance(part, TextPart):
                texts.append(part.text)
            elif isinstance(part, ToolCallPart):
                texts.append(part.arguments)
            elif isinstance(part, ToolResultPart):
                texts.append(part.content)
    return texts
