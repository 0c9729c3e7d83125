"""Policies: small classes that rank candidates, each with a readable reason.

A policy is a pure function of its arguments: it sends nothing, keeps no state, and several routers may share it. It
never sees a backend that must not be asked: a cloud for a private request, a backend that needs a network while the
device is offline, one with an open circuit breaker.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Sequence
from typing import Any, Literal, cast

from ..._internal.arguments import check_callable, check_kind, check_number
from ..._internal.formatting import size_text
from ..._internal.identity import Hashed, identity_of
from ...errors import InvalidRequest
from ...types import ChatRequest
from .candidate import Candidate, Choice

Key = tuple[Any, ...]


POLICIES = "use LocalFirst(), CloudFirst(), Explicit('name') or another policy"


class Policy(ABC):
    """Ranks candidates. Implement `rank`."""

    @property
    def name(self) -> str:
        """The policy's name in explanations."""
        return type(self).__name__

    @abstractmethod
    def rank(self, request: ChatRequest, candidates: Sequence[Candidate]) -> Sequence[Choice]:
        """Return choices, best first. Candidates that it does not return are not asked."""

    def identity(self, request: ChatRequest, hashed: Hashed) -> Any:
        """Return everything that its ranking depends on (its attributes) as JSON values.

        A cache uses it only if the policy's own class declares it; an inherited one does not count.
        """
        return dict(vars(self))

    def is_repeatable(self) -> bool:
        """Whether it ranks equal candidates alike for every request, so that a router may reuse a ranking.

        The policy's own class must declare it, with ``repeatable = True``; an inherited value does not count.
        """
        return bool(vars(type(self)).get("repeatable", False))

    def check(self, request: ChatRequest | None, names: Collection[str]) -> None:  # noqa: B027 (most name none)
        """Raise `InvalidRequest` if this policy, or the request, names a backend that is not in ``names``."""


def in_order(choices: Sequence[tuple[Key, Choice]]) -> list[Choice]:
    """Sort choices by their keys; those without the model, or that cannot take the whole request, come last."""
    if len(choices) == 1:
        return [choices[0][1]]
    return [choice for _, choice in sorted(choices, key=_sort_key)]


def _sort_key(item: tuple[Key, Choice]) -> Key:
    key, choice = item
    candidate = choice.candidate
    return (bool(candidate.missing), candidate.match == "own", *key)


def _choice(candidate: Candidate, reason: str, *, prepare: bool = False) -> Choice:
    """Return a choice whose reason also says what the candidate lacks."""
    if candidate.match == "own":
        reason += f"; does not have the requested model, so {candidate.model!r} would answer"
    if candidate.missing:
        reason += f"; cannot take the request's {' and '.join(candidate.missing)}"
    return Choice(candidate=candidate, reason=reason, prepare=prepare)


def _out(candidate: Candidate, reason: str) -> Choice:
    return Choice(candidate=candidate, reason=reason, excluded=True)


class LocalFirst(Policy):
    """On the device whenever that is sensible, otherwise in the cloud.

    A chat downloads a model of up to ``max_fetch_bytes``, but never on a metered connection or with save-data; larger
    models are excluded until they are downloaded. ``wait`` says what a request waits for although a cloud could answer
    at once: a ``"fetch"`` (download and load), only a ``"load"``, or ``"nothing"``. A model that it does not wait for
    is prepared while the cloud answers. The cloud also comes first with more than ``max_queue`` requests ahead of this
    one, and on a battery below ``min_battery`` (0..1) that is not charging.
    """

    identity = Policy.identity
    repeatable = True

    def __init__(
        self,
        *,
        max_fetch_bytes: int | None = 100_000_000,
        wait: Literal["fetch", "load", "nothing"] = "fetch",
        max_queue: int | None = 4,
        min_battery: float = 0.2,
    ) -> None:
        """Set the limits; ``max_fetch_bytes=None`` downloads any size, ``max_queue=None`` waits behind any number."""
        for limit, value in (("max_fetch_bytes", max_fetch_bytes), ("max_queue", max_queue)):
            check_number(limit, value, "at least 0, or None", lambda number: number >= 0, optional=True)
        if wait not in ("fetch", "load", "nothing"):
            raise InvalidRequest(f"wait={wait!r} is not valid; use 'fetch', 'load' or 'nothing'", parameter="wait")
        check_number("min_battery", min_battery, "between 0 and 1", lambda level: 0 <= level <= 1)
        self.max_fetch_bytes = max_fetch_bytes
        self.wait = wait
        self.max_queue = max_queue
        self.min_battery = min_battery

    def rank(self, request: ChatRequest, candidates: Sequence[Candidate]) -> Sequence[Choice]:
        """Rank the candidates."""
        ranked: list[tuple[Key, Choice]] = []
        out: list[Choice] = []
        for candidate in candidates:
            if not candidate.local:
                ranked.append(((1,), _choice(candidate, "in the cloud")))
                continue
            refusal = self._not_worth_fetching(candidate)
            if refusal:
                out.append(_out(candidate, refusal))
            else:
                ranked.append(self._place(candidate))
        return in_order(ranked) + out

    def _place(self, candidate: Candidate) -> tuple[Key, Choice]:
        facts = candidate.facts
        if facts.downloaded is False:
            reason, step, waits = "on this device, after a download of " + _bytes(facts.fetch_bytes), 2, "fetch"
        elif facts.loaded is False:
            reason, step, waits = "on this device, not loaded yet", 1, "load"
        else:
            reason, step, waits = ("on this device, and loaded" if facts.loaded else "on this device"), 0, ""
        environment = candidate.environment
        battery = environment.battery_level
        if battery is not None and battery < self.min_battery and environment.charging is False:
            later = f"the battery is at {battery:.0%}"
        elif self.max_queue is not None and candidate.queue_length > self.max_queue:
            later = f"{candidate.queue_length} requests are ahead of this one"
        else:
            later = ""
        if later:
            return (2, step), _choice(candidate, f"{reason}; {later}")
        if waits and self.wait not in {"fetch", waits}:
            return (2, step), _choice(candidate, f"{reason}, which wait={self.wait!r} does not wait for", prepare=True)
        return (0, step), _choice(candidate, reason)

    def _not_worth_fetching(self, candidate: Candidate) -> str:
        facts, environment = candidate.facts, candidate.environment
        if facts.downloaded is not False:
            return ""
        if environment.metered or environment.save_data:
            return "its model is not on this device, and a metered connection or save-data forbids the download"
        if self.max_fetch_bytes is None:
            return ""
        if facts.fetch_bytes is None:
            return "its model is not on this device, and its download size is unknown"
        if facts.fetch_bytes > self.max_fetch_bytes:
            return (
                f"its model is not on this device, and its download of {_bytes(facts.fetch_bytes)} is larger than "
                f"max_fetch_bytes={self.max_fetch_bytes}"
            )
        return ""


class CloudFirst(Policy):
    """In the cloud whenever possible, otherwise on the device."""

    identity = Policy.identity
    repeatable = True

    def rank(self, request: ChatRequest, candidates: Sequence[Candidate]) -> Sequence[Choice]:
        """Rank the candidates."""
        return in_order(
            [
                ((1,), _choice(candidate, "on this device, if no cloud answers"))
                if candidate.local
                else ((0,), _choice(candidate, "in the cloud"))
                for candidate in candidates
            ]
        )


class LocalOnly(LocalFirst):
    """On the device or not at all: like `LocalFirst`, but with downloads and queues of any size."""

    identity = Policy.identity
    repeatable = True

    def __init__(
        self, *, max_fetch_bytes: int | None = None, max_queue: int | None = None, min_battery: float = 0.0
    ) -> None:
        """Set the limits as for `LocalFirst`; it downloads nothing on a metered connection or with save-data either."""
        super().__init__(max_fetch_bytes=max_fetch_bytes, max_queue=max_queue, min_battery=min_battery)

    def rank(self, request: ChatRequest, candidates: Sequence[Candidate]) -> Sequence[Choice]:
        """Rank the candidates."""
        local = [candidate for candidate in candidates if candidate.local]
        out = [
            _out(candidate, "leaves the device, which LocalOnly does not allow")
            for candidate in candidates
            if not candidate.local
        ]
        return [*super().rank(request, local), *out]


class Explicit(Policy):
    """The backends with these names, in this order, and no others.

    A request can name others in ``metadata[key]`` (a name or a list of names). Without any names, the router asks all
    backends in their order.
    """

    def __init__(self, *names: str, key: str = "backends") -> None:
        """Ask ``names`` in this order."""
        for name in names:
            check_kind("names", name, str, "a backend's name", write="use Explicit('first', 'second')")
        self.names = names
        self.key = key

    def identity(self, request: ChatRequest, hashed: Hashed) -> Any:
        """Return the names that apply to this request."""
        return [self.names, self.key, request.metadata.get(self.key)]

    def check(self, request: ChatRequest | None, names: Collection[str]) -> None:
        """Check that every name is a backend of the router."""
        for name in self.names if request is None else self._wanted(request):
            if name not in names:
                known = ", ".join(names)
                raise InvalidRequest(
                    f"unknown backend {name!r}. Choose one of: {known}",
                    parameter="names" if request is None else "metadata",
                )

    def rank(self, request: ChatRequest, candidates: Sequence[Candidate]) -> Sequence[Choice]:
        """Rank the candidates."""
        wanted = self._wanted(request) or [candidate.name for candidate in candidates]
        by_name = {candidate.name: candidate for candidate in candidates}
        ranked = [
            _choice(by_name[name], f"number {place} of the requested backends")
            for place, name in enumerate(wanted, 1)
            if name in by_name
        ]
        return [*ranked, *(_out(c, "not among the requested backends") for c in candidates if c.name not in wanted)]

    def _wanted(self, request: ChatRequest) -> Sequence[str]:
        given = request.metadata.get(self.key)
        if given is None:
            return list(dict.fromkeys(self.names))
        names: Any = [given] if isinstance(given, str) else given
        if (
            not isinstance(names, list)
            or not names
            or not all(isinstance(name, str) for name in cast("list[Any]", names))
        ):
            raise InvalidRequest(
                f"metadata[{self.key!r}]={given!r} is not valid; give the name of a backend, or a list of them",
                parameter="metadata",
            )
        return list(dict.fromkeys(cast("list[str]", names)))


class RoundRobin(Policy):
    """Each in turn: the backend that was asked longest ago comes first."""

    identity = Policy.identity

    def rank(self, request: ChatRequest, candidates: Sequence[Candidate]) -> Sequence[Choice]:
        """Rank the candidates."""
        return in_order(
            [
                (
                    (candidate.measurements.last_asked,),
                    _choice(
                        candidate,
                        "not asked yet" if candidate.measurements.last_asked < 0 else "asked in turn",
                    ),
                )
                for candidate in candidates
            ]
        )


class LeastLatency(Policy):
    """The backend with the fastest recent first token comes first, after those without a recent measurement."""

    identity = Policy.identity

    def rank(self, request: ChatRequest, candidates: Sequence[Candidate]) -> Sequence[Choice]:
        """Rank the candidates."""
        ranked: list[tuple[Key, Choice]] = []
        for candidate in candidates:
            seconds = candidate.measurements.first_token_s
            reason = "not measured yet" if seconds is None else f"first token after {seconds * 1000:.3g} ms"
            asked = candidate.measurements.last_asked if seconds is None else 0
            failing = candidate.measurements.failures_in_a_row > 0
            ranked.append(((failing, seconds or 0.0, asked), _choice(candidate, reason)))
        return in_order(ranked)


class LeastCost(Policy):
    """The backend with the lowest estimated cost comes first; those without an estimate come last."""

    identity = Policy.identity
    repeatable = True

    def rank(self, request: ChatRequest, candidates: Sequence[Candidate]) -> Sequence[Choice]:
        """Rank the candidates."""
        ranked: list[tuple[Key, Choice]] = []
        for candidate in candidates:
            cost = candidate.facts.cost_usd
            if cost is None:
                ranked.append(((1, 0.0), _choice(candidate, "unknown cost")))
            else:
                ranked.append(((0, cost), _choice(candidate, "free" if cost == 0 else f"about ${cost:.2g}")))
        return in_order(ranked)


class ByCapability(Policy):
    """Only backends that can take the whole request: its images, audio, tools and response format.

    Those that honour more of its parameters come first; ``then`` orders the rest.
    """

    def __init__(self, then: Policy | None = None) -> None:
        """Order equal backends by ``then``, by default `LocalFirst`."""
        check_kind("then", then, (Policy, type(None)), "a policy", write=POLICIES)
        self.then = then or LocalFirst()

    def identity(self, request: ChatRequest, hashed: Hashed) -> Any:
        """Return the identity of ``then``."""
        return identity_of(self.then, request, hashed)

    def check(self, request: ChatRequest | None, names: Collection[str]) -> None:
        """Check the names in ``then``."""
        self.then.check(request, names)

    def rank(self, request: ChatRequest, candidates: Sequence[Candidate]) -> Sequence[Choice]:
        """Rank the candidates."""
        able = [candidate for candidate in candidates if not candidate.missing]
        out = [
            _out(candidate, f"cannot take the request's {' and '.join(candidate.missing)}")
            for candidate in candidates
            if candidate.missing
        ]
        ranked: list[tuple[Key, Choice]] = []
        for place, choice in enumerate(self.then.rank(request, able)):
            if choice.excluded:
                out.append(choice)
                continue
            lacking = choice.candidate.unhonoured(request)
            note = f"; does not honour {', '.join(lacking)}" if lacking else "; honours all parameters"
            noted = Choice(candidate=choice.candidate, reason=choice.reason + note, prepare=choice.prepare)
            ranked.append(((len(lacking), place), noted))
        return in_order(ranked) + out


class Custom(Policy):
    """Your own function: it gets the request and the candidates, and returns candidates (or their names) in order."""

    def __init__(
        self, function: Callable[[ChatRequest, Sequence[Candidate]], Sequence[Candidate | Choice | str]]
    ) -> None:
        """Rank with ``function``. It may also return `Choice` objects with reasons; omitted ones are not asked."""
        check_callable("function", function, write="use Custom(lambda request, candidates: candidates)")
        self.function = function

    @property
    def name(self) -> str:
        """The function's name."""
        return getattr(self.function, "__name__", type(self).__name__)

    def rank(self, request: ChatRequest, candidates: Sequence[Candidate]) -> Sequence[Choice]:
        """Rank the candidates. Raises `InvalidRequest` for a name that is not among them."""
        by_name = {candidate.name: candidate for candidate in candidates}
        choices: list[Choice] = []
        for given in self.function(request, candidates):
            if isinstance(given, Choice):
                choices.append(given)
                continue
            name = given.name if isinstance(given, Candidate) else given
            if name not in by_name:
                raise InvalidRequest(
                    f"{self.name}() returned the unknown candidate {name!r}. Choose among: {', '.join(by_name)}",
                    parameter="policy",
                )
            candidate = given if isinstance(given, Candidate) else by_name[given]
            choices.append(Choice(candidate=candidate, reason=f"number {len(choices) + 1} for {self.name}()"))
        return choices


def _bytes(size: int | None) -> str:
    return "unknown size" if size is None else size_text(size)
