"""Budget: refuse what would cost more than there is left, before it is spent."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from datetime import UTC, date, datetime
from math import isfinite
from typing import Literal

import msgspec
from msgspec.structs import replace

from ..._internal.arguments import check_kind
from ..._internal.clock import AnyClock
from ...errors import BrowserLLMError, BudgetExceeded
from ...stores.base import KeyValueStore, check_key, check_store
from ...stores.memory import MemoryStore
from ...types import ChatRequest, TextPart, ToolCallPart, ToolResultPart
from ..base import Backend, Middleware
from ..facts import BackendFacts
from ..router.checks import check, check_above_0
from ..router.routed import is_empty
from ..stream import Delta, Draft
from .ledger import Ledger, Spent

BYTES_PER_TOKEN = 4
"""What an estimate of a prompt counts as one token, in bytes of UTF-8."""

ASSUMED_ANSWER_TOKENS = 500
"""What an estimate takes for an answer whose ``max_tokens`` is not given."""


class Allowance(msgspec.Struct, frozen=True, kw_only=True):
    """How much may be spent: US dollars, tokens (of prompt and answer together), or both. ``None`` is no limit."""

    usd: float | None = None
    tokens: int | None = None


class _Estimate(msgspec.Struct, frozen=True):
    usd: float | None
    tokens: int
    model: str | None
    """Which model is asked; looked for only where its price is not known."""


def utc_today() -> date:
    """Today in UTC: the same day for all programs that share a store."""
    return datetime.now(UTC).date()


class Budget(Middleware):
    """Keeps what is spent within an allowance per request, per session and per day, and else raises `BudgetExceeded`.

    Before a request goes out, its estimate is set aside, so that requests side by side cannot spend the same dollar
    twice. Afterwards what it really cost counts, also when it failed or was cancelled half-way: where the cost is not
    known then, the estimate counts if anything was received, and nothing if not. An answer may cost more than its
    estimate (give ``max_tokens`` to make that unlikely); what is over counts, and the next request is refused.

    A day's count is kept in ``store`` and so survives a restart; any number of programs may share one, and spend no
    more together than one alone. What another program has set aside counts too; if it dies, for an hour
    (`ledger.RESERVATION_S`). A count that cannot be right is an error, never an allowance. A session is whatever
    ``request.metadata["session"]`` names (without it, everything that names none) and is counted as long as this object
    lives.
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
        now: Callable[[], float] = time.time,
        clock: AnyClock | None = None,
    ) -> None:
        """Spend no more than these; ``unknown_cost`` says what happens to a request whose price is not known.

        An allowed request of unknown cost counts its tokens alone. ``key`` tells several budgets in one store apart,
        which stays the caller's to close. ``today`` says which day it is, by default in UTC; ``datetime.date.today``
        counts by the local one. A clock that is set forward begins a new day; one that is set back stays on the latest
        day that was counted. ``now`` (seconds since 1970) and ``clock`` tell when a dead program's reservation expires.
        Raises `InvalidRequest` for an allowance that is not above 0, and when there is none.
        """
        super().__init__(backend)
        limits = {"per_request": per_request, "per_session": per_session, "per_day": per_day}
        if store is not None:
            check_store(store)
        self._limits = {name: limit for name, limit in limits.items() if limit is not None}
        check("per_day", per_day, bool(self._limits), "given, or per_session or per_request")
        for name, limit in self._limits.items():
            check_kind(name, limit, Allowance, "an allowance", write=f"write {name}=Allowance(usd=1.0)")
            check_above_0(**{f"{name}.usd": limit.usd, f"{name}.tokens": limit.tokens})
        check("unknown_cost", unknown_cost, unknown_cost in ("refuse", "allow"), "'refuse' or 'allow'")
        check("key", key, bool(key) and "/" not in key, "a name without '/'")
        self.unknown_cost = unknown_cost
        self._counts_usd = any(limit.usd is not None for limit in self._limits.values())
        prefix = check_key(f"budget/{key}/")
        self._ledger = Ledger(MemoryStore() if store is None else store, prefix, today, now, clock)
        self._sessions: dict[str, Spent] = {}

    async def spent_today(self) -> Spent:
        """Return what all programs that share the store have spent today, under this key."""
        return await self._ledger.read()

    def spent_in_session(self, session: str = "") -> Spent:
        """Return what this object has spent on a session."""
        return replace(self._sessions.get(session, Spent()))

    async def facts(self, request: ChatRequest) -> BackendFacts:
        """Ask the wrapped backend, and say when the request would be refused, so that a router asks another one."""
        facts = await self.backend.facts(request)
        if not facts.available:
            return facts
        # By the last count that was read: routers ask often, and the request itself is checked against the newest.
        today = self._ledger.known
        if today is None:
            today = await self._ledger.read()
        usd = await self._expected_usd(request) if facts.cost_usd is None else _sound(facts.cost_usd)
        estimate = self._estimate(request, usd, facts.model)
        reason = self._refusal(request, None, estimate) or self._refusal(request, today, estimate)
        return replace(facts, available=False, reason=reason) if reason else facts

    async def generate(self, request: ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
        """Pass the answer on, if there is enough left for it."""
        usd = await self._expected_usd(request)
        model = (await self.backend.facts(request)).model if self._is_unpriced(usd) else None
        estimate = self._estimate(request, usd, model)
        # Nothing is awaited until it is set aside for the session: no other request can be told the same in between.
        if reason := self._refusal(request, None, estimate):
            raise self._exceeded(reason, request, await self._ledger.read(), estimate)
        aside = Spent(reserved_usd=estimate.usd or 0.0, reserved_tokens=estimate.tokens)
        spending = self._sessions.setdefault(_session_of(request), Spent())
        spending.add(aside)
        name = os.urandom(8).hex()
        today = Spent()

        def refusal(total: Spent) -> str:
            nonlocal today
            today = total
            return self._refusal(request, total, estimate)

        reason = "it was not set aside"
        try:
            reason = await self._ledger.reserve(name, aside.reserved_usd, aside.reserved_tokens, refusal)
        finally:
            if reason:
                _settle(spending, aside, Spent())
        if reason:
            raise self._exceeded(reason, request, today, estimate)
        began = False
        try:
            async with aclosing(self.backend.generate(request, draft)) as deltas:
                async for delta in deltas:
                    began = began or not is_empty(delta)
                    yield delta
                    await self._renew(name, draft)
        finally:
            real = _real(draft, estimate, received=began)
            _settle(spending, aside, real)
            try:
                await self._ledger.settle(name, real.usd, real.tokens)
            except BrowserLLMError as error:
                draft.warn("budget", f"what this answer cost could not be written down: {error}")

    async def _renew(self, name: str, draft: Draft) -> None:
        try:
            await self._ledger.renew(name)
        except BrowserLLMError as error:
            draft.warn("budget", f"that this answer is under way could not be written down: {error}")

    async def _expected_usd(self, request: ChatRequest) -> float | None:
        return _sound(await self.backend.estimate_cost(request)) if self._counts_usd else None

    def _is_unpriced(self, usd: float | None) -> bool:
        """Whether a request is refused because its price is not known."""
        return self._counts_usd and usd is None and self.unknown_cost == "refuse"

    def _estimate(self, request: ChatRequest, usd: float | None, model: str | None) -> _Estimate:
        size = sum(len(text.encode(errors="replace")) for text in _texts(request))
        answer = request.max_tokens or ASSUMED_ANSWER_TOKENS
        return _Estimate(usd, -(-size // BYTES_PER_TOKEN) + answer * request.n, model or request.model)

    def _refusal(self, request: ChatRequest, today: Spent | None, estimate: _Estimate) -> str:
        """Why the request must not go out; empty when it may.

        With ``today`` (the day's count) the day alone is looked at, without it the rest.
        """
        if self._is_unpriced(estimate.usd):
            which = "its model" if estimate.model is None else f"model {estimate.model!r}"
            return (
                f"the price of {which} at {self.backend.name!r} is not known, and the budget is in US dollars: give "
                f"the backend the model's price (prices={{{estimate.model or 'MODEL'!r}: Price(...)}}), or say "
                "unknown_cost='allow'"
            )
        session = self._sessions.get(_session_of(request), Spent())
        so_far = {"per_request": Spent(), "per_session": session} if today is None else {"per_day": today}
        for name, spent in so_far.items():
            limit = self._limits.get(name)
            if limit is None:
                continue
            usd, tokens = spent.usd + spent.reserved_usd, spent.tokens + spent.reserved_tokens
            if limit.usd is not None and _over(usd, estimate.usd, limit.usd):
                expected = "an unknown amount" if estimate.usd is None else f"${estimate.usd:.6g}"
                return (
                    f"the request is expected to cost {expected}, and of {name}.usd={limit.usd:g} ${usd:.6g} is spent "
                    f"or set aside{'' if today is None else self._ledger.ahead()}"
                )
            if limit.tokens is not None and _over(tokens, estimate.tokens, limit.tokens):
                return (
                    f"the request is expected to take {estimate.tokens} tokens, and of {name}.tokens={limit.tokens} "
                    f"{tokens} are spent or set aside{'' if today is None else self._ledger.ahead()}"
                )
        return ""

    def _exceeded(self, reason: str, request: ChatRequest, today: Spent, estimate: _Estimate) -> BudgetExceeded:
        session = self._sessions.get(_session_of(request), Spent())
        data = {
            "estimate": {"usd": estimate.usd, "tokens": estimate.tokens},
            "session": msgspec.to_builtins(session),
            "today": msgspec.to_builtins(today),
        }
        return BudgetExceeded(f"{reason}; nothing was sent", data=data)


def _over(gone: float, more: float | None, limit: float) -> bool:
    """Whether it would be too much. What is free is never; of unknown cost, when nothing is left."""
    if more is None:
        return gone >= limit
    return more > 0 and gone + more > limit * (1 + 1e-9)  # sums of cents are not exact


def _sound(usd: float | None) -> float | None:
    """Return a price, or ``None`` (unknown) for what can be none: that would be free, or give money back."""
    return usd if usd is not None and isfinite(usd) and usd >= 0 else None


def _real(draft: Draft, estimate: _Estimate, *, received: bool) -> Spent:
    """Return what an answer did cost, by its own word where that can be true."""
    usage = draft.usage
    usd, tokens = _sound(draft.cost_usd), usage.total_tokens
    if min(usage.prompt_tokens, usage.completion_tokens) < 0 or (usd is None and draft.cost_usd is not None):
        # A server that counts below zero would give money back.
        return Spent(usd=max(usd or 0.0, estimate.usd or 0.0), tokens=max(tokens, estimate.tokens))
    if usd is None and received:
        usd = estimate.usd
    if not tokens and received:
        tokens = estimate.tokens
    return Spent(usd=usd or 0.0, tokens=tokens)


def _settle(spending: Spent, aside: Spent, real: Spent) -> None:
    """Count what was spent in place of what was set aside."""
    spending.usd += real.usd
    spending.tokens += real.tokens
    spending.reserved_usd -= aside.reserved_usd
    spending.reserved_tokens -= aside.reserved_tokens


def _session_of(request: ChatRequest) -> str:
    return str(request.metadata.get("session", ""))


def _texts(request: ChatRequest) -> list[str]:
    texts: list[str] = []
    for message in request.messages:
        for part in message.parts:
            if isinstance(part, TextPart):
                texts.append(part.text)
            elif isinstance(part, ToolCallPart):
                texts.append(part.arguments)
            elif isinstance(part, ToolResultPart):
                texts.append(part.content)
    return texts
