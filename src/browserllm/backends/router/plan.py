"""The plan for a request: which backends to ask, in which order, and which are excluded. Nothing is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ...errors import InvalidRequest
from ...page.environment import Environment
from ...types import ChatRequest
from .candidate import Candidate, Choice, Excluded
from .policies import Policy
from .routed import RoutedBackend
from .survey import survey
from .translation import Translator

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


class Planner:
    """Surveys a router's backends and lets the policy rank them. It reuses a ranking of the same candidates."""

    def __init__(self, routed: Mapping[str, RoutedBackend], translator: Translator) -> None:
        """Plan for these backends, keyed by their names in the router."""
        self._routed = routed
        self._order = list(routed.values())
        self._translator = translator
        self._environment = _NOTHING_KNOWN
        self._last: _Ranking | None = None

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
