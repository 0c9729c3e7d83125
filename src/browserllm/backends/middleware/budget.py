"""Budget: refuse a request that would cost more than is left, before it is sent."""

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
from ...errors import BrowserLLMError, BudgetExceeded, InvalidRequest
from ...stores.base import KeyValueStore, check_key, check_store
from ...stores.memory import MemoryStore
from ...types import ChatRequest, TextPart, ToolCallPart, ToolResultPart
from ..base import Backend, Middleware
from ..draft import Draft
from ..facts import BackendFacts
from ..router.checks import check, check_above_0
from ..router.routed import is_empty
from ..stream import Delta
from .ledger import Ledger, Spent

BYTES_PER_TOKEN = 4
"""An estimate of a prompt counts this many bytes of UTF-8 as one token."""

ASSUMED_ANSWER_TOKENS = 500
"""The estimated length of an answer without ``max_tokens``."""


class Allowance(msgspec.Struct, frozen=True, kw_only=True):
    """How much may be spent: US dollars, tokens (prompt and answer together), or both. ``None`` means no limit."""

    usd: float | None = None
    tokens: int | None = None


class _Estimate(msgspec.Struct, frozen=True):
    usd: float | None
    tokens: int
    model: str | None
    """The requested model; looked up only if its price is unknown."""


def utc_today() -> date:
    """Return today's date in UTC: the same day for all programs that share a store."""
    return datetime.now(UTC).date()


class Budget(Middleware):
    """Limits spending per request, per session and per day; raises `BudgetExceeded` beyond that.

    Before a request is sent, its estimate is reserved, so that concurrent requests cannot spend the same dollar twice.
    Afterwards its real cost counts, also if it failed or was cancelled. If that is unknown, the estimate counts,
    provided that anything was received. An answer may cost more than its estimate (set ``max_tokens`` to make that
    unlikely); the excess counts, and the next request is refused.

    ``store`` keeps the count of each day, so it survives a restart. Any number of programs may share a store, and
    together spend no more than one program would. The reservations of other programs count too; those of a program
    that died expire after an hour (`ledger.RESERVATION_S`). An impossible count is an error, never an allowance. A
    session is the value of ``request.metadata["session"]`` (requests without one share a session), and lasts as long
    as this object.
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
        """Spend no more than these allowances; ``unknown_cost`` decides about requests with an unknown price.

        If it is ``"allow"``, such a request counts only its tokens. ``key`` separates several budgets in one store; the
        caller closes the store. ``today`` returns the current day, by default in UTC; ``datetime.date.today`` takes the
        local one. A clock that is set forward begins a new day; a clock that is set back stays on the last counted day.
        ``now`` (seconds since 1970) and ``clock`` decide when the reservation of a dead program expires. Raises
        `InvalidRequest` for an allowance that is not above 0, or without an allowance.
        """
        super().__init__(backend)
        limits = {"per_request": per_request, "per_session": per_session, "per_day": per_day}
        if store is not None:
            check_store(store)
        self._limits = {name: limit for name, limit in limits.items() if limit is not None}
        if not self._limits:
            raise InvalidRequest(
                "Budget() got no allowance. Give it at least one of per_request, per_session and per_day.",
                parameter="per_day",
            )
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
        """Return what all programs that share the store have spent today under this key."""
        return await self._ledger.read()

    def spent_in_session(self, session: str = "") -> Spent:
        """Return what this object has spent in a session."""
        return replace(self._sessions.get(session, Spent()))

    async def facts(self, request: ChatRequest) -> BackendFacts:
        """Return the wrapped backend's facts; unavailable if the budget would refuse, so that a router asks another."""
        facts = await self.backend.facts(request)
        if not facts.available:
            return facts
        # The last count that was read is enough: routers ask often, and the request is checked against the newest.
        today = self._ledger.known
        if today is None:
            today = await self._ledger.read()
        usd = await self._expected_usd(request) if facts.cost_usd is None else _sound(facts.cost_usd)
        estimate = self._estimate(request, usd, facts.model)
        reason = self._refusal(request, None, estimate) or self._refusal(request, today, estimate)
        return replace(facts, available=False, reason=reason, code="budget_exceeded") if reason else facts

    async def generate(self, request: ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
        """Answer if enough is left."""
        usd = await self._expected_usd(request)
        model = (await self.backend.facts(request)).model if self._is_unpriced(usd) else None
        estimate = self._estimate(request, usd, model)
        # Nothing is awaited until the session's reservation is made, so no other request can come in between.
        if reason := self._refusal(request, None, estimate):
            raise self._exceeded(reason, request, await self._ledger.read(), estimate)
        reserved = Spent(reserved_usd=estimate.usd or 0.0, reserved_tokens=estimate.tokens)
        spending = self._sessions.setdefault(_session_of(request), Spent())
        spending.add(reserved)
        name = os.urandom(8).hex()
        today = Spent()

        def refusal(total: Spent) -> str:
            nonlocal today
            today = total
            return self._refusal(request, total, estimate)

        reason = "it was not reserved"
        try:
            reason = await self._ledger.reserve(name, reserved.reserved_usd, reserved.reserved_tokens, refusal)
        finally:
            if reason:
                _settle(spending, reserved, Spent())
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
            _settle(spending, reserved, real)
            try:
                await self._ledger.settle(name, real.usd, real.tokens)
            except BrowserLLMError as error:
                draft.warn("budget", f"the cost of this answer could not be stored: {error}")

    async def _renew(self, name: str, draft: Draft) -> None:
        try:
            await self._ledger.renew(name)
        except BrowserLLMError as error:
            draft.warn("budget", f"the reservation of this answer could not be renewed: {error}")

    async def _expected_usd(self, request: ChatRequest) -> float | None:
        return _sound(await self.backend.estimate_cost(request)) if self._counts_usd else None

    def _is_unpriced(self, usd: float | None) -> bool:
        """Whether a request is refused because its price is unknown."""
        return self._counts_usd and usd is None and self.unknown_cost == "refuse"

    def _estimate(self, request: ChatRequest, usd: float | None, model: str | None) -> _Estimate:
        size = sum(len(text.encode(errors="replace")) for text in _texts(request))
        answer = request.max_tokens or ASSUMED_ANSWER_TOKENS
        return _Estimate(usd, -(-size // BYTES_PER_TOKEN) + answer * request.n, model or request.model)

    def _refusal(self, request: ChatRequest, today: Spent | None, estimate: _Estimate) -> str:
        """Return why the request must not be sent; empty if it may.

        With ``today`` (the day's count) only the day's allowance is checked, without it only the others.
        """
        if self._is_unpriced(estimate.usd):
            which = "its model" if estimate.model is None else f"model {estimate.model!r}"
            return (
                f"the price of {which} at {self.backend.name!r} is unknown, and the budget is in US dollars: give the "
                f"backend prices={{{estimate.model or 'MODEL'!r}: Price(...)}}, or the budget unknown_cost='allow'"
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
                    f"the request may cost {expected}, but ${usd:.6g} of {name}.usd={limit.usd:g} is spent or reserved"
                    f"{'' if today is None else self._ledger.ahead()}"
                )
            if limit.tokens is not None and _over(tokens, estimate.tokens, limit.tokens):
                return (
                    f"the request may take {estimate.tokens} tokens, but {tokens} of {name}.tokens={limit.tokens} are "
                    f"spent or reserved{'' if today is None else self._ledger.ahead()}"
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
    """Whether it would exceed the limit. A free request never does; one of unknown cost does if nothing is left."""
    if more is None:
        return gone >= limit
    return more > 0 and gone + more > limit * (1 + 1e-9)  # sums of cents are not exact


def _sound(usd: float | None) -> float | None:
    """Return a price, or ``None`` (unknown) if it is impossible: a negative one would give money back."""
    return usd if usd is not None and isfinite(usd) and usd >= 0 else None


def _real(draft: Draft, estimate: _Estimate, *, received: bool) -> Spent:
    """Return the real cost of an answer: what it reports, if that is possible, otherwise the estimate."""
    usage = draft.usage
    usd, tokens = _sound(draft.cost_usd), usage.total_tokens
    if min(usage.prompt_tokens, usage.completion_tokens) < 0 or (usd is None and draft.cost_usd is not None):
        # A negative count would give money back.
        return Spent(usd=max(usd or 0.0, estimate.usd or 0.0), tokens=max(tokens, estimate.tokens))
    if usd is None and received:
        usd = estimate.usd
    if not tokens and received:
        tokens = estimate.tokens
    return Spent(usd=usd or 0.0, tokens=tokens)


def _settle(spending: Spent, reserved: Spent, real: Spent) -> None:
    """Replace a reservation by the real cost."""
    spending.usd += real.usd
    spending.tokens += real.tokens
    spending.reserved_usd -= reserved.reserved_usd
    spending.reserved_tokens -= reserved.reserved_tokens


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
