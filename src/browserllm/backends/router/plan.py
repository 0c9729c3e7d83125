"""The plan for a request: which backends to ask, in which order, and which are excluded. Nothing is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec.structs import replace

from ...errors import InvalidRequest
from ...page.environment import Environment
from ...types import ChatRequest
from .candidate import Candidate, Choice, Excluded
from .policies import Policy
from .routed import RoutedBackend
from .survey import survey
from .translation import Translator

if TYPE_CHECKING:
    from ..._internal.clock import AnyClock

KEEP_S = 1.0
"""How long a plan made ahead is kept for its answer, in seconds: a backend's facts may change without notice."""

_NOTHING_KNOWN = Environment()


class Plan(NamedTuple):
    """The choices, best first; the excluded backends, and why; the choices to prepare in the background."""

    choices: Sequence[Choice]
    excluded: Sequence[Excluded]
    to_prepare: Sequence[Choice]


class _Ranking(NamedTuple):
    """A plan that a policy made from some candidates, with the policy's attributes at that time."""

    policy: Policy
    attributes: Mapping[str, Any]
    candidates: Sequence[Candidate]
    plan: Plan


class _Ahead(NamedTuple):
    """A plan made before its request was sent, when, and what the router knew then."""

    question: ChatRequest
    plan: Plan
    made_at_s: float
    known: Sequence[object]


class Planner:
    """Surveys a router's backends and lets the policy rank them. It reuses a ranking of the same candidates.

    A conversation asks for a router's facts, and perhaps for a token count, before it sends the same request. These
    are one question: the answer uses the plan that was made ahead for them, unless something has changed since or the
    router has answered another request.
    """

    def __init__(self, routed: Mapping[str, RoutedBackend], translator: Translator, clock: AnyClock) -> None:
        """Plan for these backends, keyed by their names in the router."""
        self._routed = routed
        self._order = list(routed.values())
        self._translator = translator
        self._clock = clock
        self._environment = _NOTHING_KNOWN
        self._last: _Ranking | None = None
        self._ahead: _Ahead | None = None

    async def plan_ahead(
        self, policy: Policy, request: ChatRequest, environment: Environment | None, *, again: bool = True
    ) -> Plan:
        """Return the plan for a request that may follow, and keep it for the answer.

        Without ``again``, a plan that was kept for this request is enough.
        """
        plan = None if again else self._kept(policy, request, environment)
        if plan is None:
            plan = await self.plan(policy, request, environment)
            self._ahead = _Ahead(_question(request), plan, self._clock.now_s, self._known(policy, environment))
        return plan

    async def plan_answer(self, policy: Policy, request: ChatRequest, environment: Environment | None) -> Plan:
        """Return the plan for a request that is sent now: the one made ahead, if it still holds, or a new one."""
        if self._ahead is not None:
            plan = self._kept(policy, request, environment)
            self._ahead = None
            if plan is not None:
                return plan
        return await self.plan(policy, request, environment)

    def _kept(self, policy: Policy, request: ChatRequest, environment: Environment | None) -> Plan | None:
        """Return the plan made ahead for the same request, unless it is old or the router knows something new."""
        ahead = self._ahead
        if (
            ahead is None
            or self._clock.now_s - ahead.made_at_s > KEEP_S
            or ahead.question != _question(request)
            or ahead.known != self._known(policy, environment)
        ):
            return None
        return ahead.plan

    def _known(self, policy: Policy, environment: Environment | None) -> Sequence[object]:
        return [policy, dict(vars(policy)), environment, *(routed.known for routed in self._order)]

    async def plan(self, policy: Policy, request: ChatRequest, environment: Environment | None) -> Plan:
        """Return the plan for a request; ``environment`` is ``None`` if it is unknown."""
        policy.check(request, self._routed)
        now = environment or _NOTHING_KNOWN
        if now is not self._environment and now != self._environment:
            self._environment = now
        candidates, excluded = await survey(self._order, request, self._environment, self._translator)
        last = self._last
        if (
            last is not None
            and last.policy is policy
            and last.candidates == candidates
            and last.attributes == vars(policy)
        ):
            plan = last.plan
        else:
            plan = _rank(policy, request, candidates)
            kept = _Ranking(policy, dict(vars(policy)), candidates, plan)
            self._last = kept if policy.is_repeatable() else None
        return plan._replace(excluded=[*excluded, *plan.excluded]) if excluded else plan


def _question(request: ChatRequest) -> ChatRequest:
    """Return a copy for comparison; the time that is left for the answer makes it no other question."""
    return replace(request, messages=[*request.messages], tools=[*request.tools], deadline_s=None)


def _rank(policy: Policy, request: ChatRequest, candidates: Sequence[Candidate]) -> Plan:
    """Let the policy rank the candidates. Raises `InvalidRequest` if it ranks one twice, or one it was not given."""
    offered = {candidate.name: candidate for candidate in candidates}
    choices: list[Choice] = []
    excluded: list[Excluded] = []
    for choice in policy.rank(request, candidates) if candidates else ():
        candidate = offered.pop(choice.name, None)
        if candidate is None or candidate is not choice.candidate:
            raise InvalidRequest(
                f"the policy {policy.name} ranked {choice.name!r} twice, or it was not among its candidates; "
                "return each candidate at most once, and no others",
                parameter="policy",
            )
        if choice.excluded:
            excluded.append(candidate.excluded(choice.reason))
        else:
            choices.append(choice)
    excluded.extend(one.excluded(f"{policy.name} did not rank it") for one in offered.values())
    to_prepare = [choice for choice in choices if choice.prepare and choice.candidate.local]
    return Plan(choices, excluded, to_prepare)
