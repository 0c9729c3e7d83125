"""Policies: small classes that put candidates into an order, each with a reason that a person understands.

A policy is a pure function of what it is shown: it sends nothing, remembers nothing and may be shared by routers. It is
never shown a backend that may not be asked: a cloud for a private request, one that needs a network while there is
none, one with an open circuit breaker.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Sequence
from typing import Any, Literal, cast

from ..._internal.arguments import check_callable, check_kind
from ..._internal.formatting import size_text
from ..._internal.identity import Hashed, identity_of
from ...errors import InvalidRequest
from ...types import ChatRequest
from .candidate import Candidate, Choice

Key = tuple[Any, ...]


POLICIES = "use LocalFirst(), CloudFirst(), Explicit('name') or another policy"


class Policy(ABC):
    """Puts candidates into an order. Implement `rank`."""

    @property
    def name(self) -> str:
        """What explanations call this policy."""
        return type(self).__name__

    @abstractmethod
    def rank(self, request: ChatRequest, candidates: Sequence[Candidate]) -> Sequence[Choice]:
        """Return choices, the best first; a candidate that is left out is not asked."""

    def identity(self, request: ChatRequest, hashed: Hashed) -> Any:
        """Return, as JSON, all by which it ranks: its attributes. It counts where the policy's own class says it."""
        return dict(vars(self))

    def is_repeatable(self) -> bool:
        """Whether equal candidates are ranked alike, whatever the request is, so that a router may keep the ranking.

        It counts only where the policy's own class says so, with ``repeatable = True``.
        """
        return bool(vars(type(self)).get("repeatable", False))

    def check(self, request: ChatRequest | None, names: Collection[str]) -> None:  # noqa: B027 (most name none)
        """Raise `InvalidRequest` when this policy, or the request, names a backend that is not among ``names``."""


def in_order(choices: Sequence[tuple[Key, Choice]]) -> list[Choice]:
    """Sort choices by their keys; those that lack the model, or cannot take the whole request, come last."""
    if len(choices) == 1:
        return [choices[0][1]]
    return [choice for _, choice in sorted(choices, key=_sort_key)]


def _sort_key(item: tuple[Key, Choice]) -> Key:
    key, choice = item
    candidate = choice.candidate
    return (bool(candidate.missing), candidate.match == "own", *key)


def _choice(candidate: Candidate, reason: str, *, prepare: bool = False) -> Choice:
    """A choice whose reason also says what the candidate lacks."""
    if candidate.match == "own":
        reason += f"; does not have the model that was asked for, {candidate.model!r} would answer"
    if candidate.missing:
        reason += f"; cannot take the request's {' and '.join(candidate.missing)}"
    return Choice(candidate=candidate, reason=reason, prepare=prepare)


def _out(candidate: Candidate, reason: str) -> Choice:
    return Choice(candidate=candidate, reason=reason, excluded=True)


class LocalFirst(Policy):
    """On the device whenever that is sensible, else in the cloud.

    A model that must be fetched first is worth it up to ``max_fetch_bytes``, and never on a connection that is metered
    or to be spared; more than that is not fetched by a chat at all. ``wait`` says what a request waits for although a
    cloud could answer at once: a ``"fetch"`` (and a load), a ``"load"`` alone, or ``"nothing"``; what it does not wait
    for is got ready while the cloud answers. The device comes second, too, with more than ``max_queue`` requests before
    this one, and on a battery under ``min_battery`` (0..1) that is not being charged.
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
        """See the class; ``max_fetch_bytes=None`` fetches any amount, ``max_queue=None`` waits behind any number."""
        if max_fetch_bytes is not None and max_fetch_bytes < 0:
            raise InvalidRequest(
                f"max_fetch_bytes={max_fetch_bytes!r} must be at least 0, or None", parameter="max_fetch_bytes"
            )
        if wait not in ("fetch", "load", "nothing"):
            raise InvalidRequest(f"wait={wait!r} is not valid; use 'fetch', 'load' or 'nothing'", parameter="wait")
        if max_queue is not None and max_queue < 0:
            raise InvalidRequest(f"max_queue={max_queue!r} must be at least 0, or None", parameter="max_queue")
        if not 0 <= min_battery <= 1:
            raise InvalidRequest(f"min_battery={min_battery!r} must be between 0 and 1", parameter="min_battery")
        self.max_fetch_bytes = max_fetch_bytes
        self.wait = wait
        self.max_queue = max_queue
        self.min_battery = min_battery

    def rank(self, request: ChatRequest, candidates: Sequence[Candidate]) -> Sequence[Choice]:
        """See the class."""
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
            reason, step, waits = "on this device, after a fetch of " + _bytes(facts.fetch_bytes), 2, "fetch"
        elif facts.loaded is False:
            reason, step, waits = "on this device, to be loaded first", 1, "load"
        else:
            reason, step, waits = ("on this device, and loaded" if facts.loaded else "on this device"), 0, ""
        environment = candidate.environment
        battery = environment.battery_level
        if battery is not None and battery < self.min_battery and environment.charging is False:
            later = f"the battery is at {battery:.0%}"
        elif self.max_queue is not None and candidate.queue_length > self.max_queue:
            later = f"{candidate.queue_length} requests come before this one"
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
            return "its model is not on this device, and nothing is fetched while data is to be saved"
        if self.max_fetch_bytes is None:
            return ""
        if facts.fetch_bytes is None:
            return "its model is not on this device, and the size of its files is not known"
        if facts.fetch_bytes > self.max_fetch_bytes:
            return (
                f"its model is not on this device: {_bytes(facts.fetch_bytes)} to fetch is more than "
                f"max_fetch_bytes={self.max_fetch_bytes} allows"
            )
        return ""


class CloudFirst(Policy):
    """In the cloud whenever possible, on the device when it is not."""

    identity = Policy.identity
    repeatable = True

    def rank(self, request: ChatRequest, candidates: Sequence[Candidate]) -> Sequence[Choice]:
        """See the class."""
        return in_order(
            [
                ((1,), _choice(candidate, "on this device, in case no cloud answers"))
                if candidate.local
                else ((0,), _choice(candidate, "in the cloud"))
                for candidate in candidates
            ]
        )


class LocalOnly(LocalFirst):
    """On the device or not at all: like `LocalFirst`, but any amount is fetched, and any line waited in."""

    identity = Policy.identity
    repeatable = True

    def __init__(
        self, *, max_fetch_bytes: int | None = None, max_queue: int | None = None, min_battery: float = 0.0
    ) -> None:
        """See `LocalFirst`; on a connection that is metered or to be spared nothing is fetched, all the same."""
        super().__init__(max_fetch_bytes=max_fetch_bytes, max_queue=max_queue, min_battery=min_battery)

    def rank(self, request: ChatRequest, candidates: Sequence[Candidate]) -> Sequence[Choice]:
        """See the class."""
        local = [candidate for candidate in candidates if candidate.local]
        out = [
            _out(candidate, "leaves the device, which LocalOnly does not allow")
            for candidate in candidates
            if not candidate.local
        ]
        return [*super().rank(request, local), *out]


class Explicit(Policy):
    """The backends of these names, in this order, and no others.

    A request can name its own in ``metadata[key]`` (a name or a list of names); without names, here or there, all are
    asked in the router's order.
    """

    def __init__(self, *names: str, key: str = "backends") -> None:
        """Ask ``names`` in their order."""
        for name in names:
            check_kind("names", name, str, "a backend's name", write="use Explicit('first', 'second')")
        self.names = names
        self.key = key

    def identity(self, request: ChatRequest, hashed: Hashed) -> Any:
        """Return the names that count for this request."""
        return [self.names, self.key, request.metadata.get(self.key)]

    def check(self, request: ChatRequest | None, names: Collection[str]) -> None:
        """Every name must be one of the router's."""
        for name in self.names if request is None else self._wanted(request):
            if name not in names:
                known = ", ".join(names)
                raise InvalidRequest(
                    f"there is no backend {name!r} in this router; there are {known}",
                    parameter="names" if request is None else "metadata",
                )

    def rank(self, request: ChatRequest, candidates: Sequence[Candidate]) -> Sequence[Choice]:
        """See the class."""
        wanted = self._wanted(request) or [candidate.name for candidate in candidates]
        by_name = {candidate.name: candidate for candidate in candidates}
        ranked = [
            _choice(by_name[name], f"number {place} of those asked for")
            for place, name in enumerate(wanted, 1)
            if name in by_name
        ]
        return [*ranked, *(_out(c, "not among those asked for") for c in candidates if c.name not in wanted)]

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
    """Each in turn: first the one that was asked longest ago."""

    identity = Policy.identity

    def rank(self, request: ChatRequest, candidates: Sequence[Candidate]) -> Sequence[Choice]:
        """See the class."""
        return in_order(
            [
                (
                    (candidate.measurements.last_asked,),
                    _choice(
                        candidate,
                        "not asked yet" if candidate.measurements.last_asked < 0 else "its turn comes by order",
                    ),
                )
                for candidate in candidates
            ]
        )


class LeastLatency(Policy):
    """First the backend that began its answers fastest of late; before it those without a (recent) measurement."""

    identity = Policy.identity

    def rank(self, request: ChatRequest, candidates: Sequence[Candidate]) -> Sequence[Choice]:
        """See the class."""
        ranked: list[tuple[Key, Choice]] = []
        for candidate in candidates:
            seconds = candidate.measurements.first_token_s
            reason = "not measured yet" if seconds is None else f"begins after {seconds * 1000:.3g} ms"
            asked = candidate.measurements.last_asked if seconds is None else 0
            failing = candidate.measurements.failures_in_a_row > 0
            ranked.append(((failing, seconds or 0.0, asked), _choice(candidate, reason)))
        return in_order(ranked)


class LeastCost(Policy):
    """First the backend with the lowest estimated cost; those without an estimate come last."""

    identity = Policy.identity
    repeatable = True

    def rank(self, request: ChatRequest, candidates: Sequence[Candidate]) -> Sequence[Choice]:
        """See the class."""
        ranked: list[tuple[Key, Choice]] = []
        for candidate in candidates:
            cost = candidate.facts.cost_usd
            if cost is None:
                ranked.append(((1, 0.0), _choice(candidate, "its cost is not known")))
            else:
                ranked.append(((0, cost), _choice(candidate, "free" if cost == 0 else f"about ${cost:.2g}")))
        return in_order(ranked)


class ByCapability(Policy):
    """Only backends that can take the whole request: its images, audio, tools and format.

    Among them those that honour more of its parameters come first, then the order of ``then``.
    """

    def __init__(self, then: Policy | None = None) -> None:
        """Order equals by ``then``, by default `LocalFirst`."""
        check_kind("then", then, (Policy, type(None)), "a policy", write=POLICIES)
        self.then = then or LocalFirst()

    def identity(self, request: ChatRequest, hashed: Hashed) -> Any:
        """Return that of ``then``."""
        return identity_of(self.then, request, hashed)

    def check(self, request: ChatRequest | None, names: Collection[str]) -> None:
        """Ask ``then``."""
        self.then.check(request, names)

    def rank(self, request: ChatRequest, candidates: Sequence[Candidate]) -> Sequence[Choice]:
        """See the class."""
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
            note = f"; does not honour {', '.join(lacking)}" if lacking else "; can do all that is asked"
            said = Choice(candidate=choice.candidate, reason=choice.reason + note, prepare=choice.prepare)
            ranked.append(((len(lacking), place), said))
        return in_order(ranked) + out


class Custom(Policy):
    """A function of your own: it gets the request and the candidates, and returns them (or their names) in order."""

    def __init__(
        self, function: Callable[[ChatRequest, Sequence[Candidate]], Sequence[Candidate | Choice | str]]
    ) -> None:
        """Ask ``function``; it may return `Choice` objects, too, with reasons. What it leaves out is not asked."""
        check_callable("function", function, write="use Custom(lambda request, candidates: candidates)")
        self.function = function

    @property
    def name(self) -> str:
        """The function's name."""
        return getattr(self.function, "__name__", type(self).__name__)

    def rank(self, request: ChatRequest, candidates: Sequence[Candidate]) -> Sequence[Choice]:
        """See the class. Raises `InvalidRequest` for a name that is not among the candidates."""
        by_name = {candidate.name: candidate for candidate in candidates}
        choices: list[Choice] = []
        for given in self.function(request, candidates):
            if isinstance(given, Choice):
                choices.append(given)
                continue
            name = given.name if isinstance(given, Candidate) else given
            if name not in by_name:
                raise InvalidRequest(
                    f"{self.name}() returned {name!r}, which is not among the candidates: {', '.join(by_name)}",
                    parameter="policy",
                )
            candidate = given if isinstance(given, Candidate) else by_name[given]
            choices.append(Choice(candidate=candidate, reason=f"number {len(choices) + 1} for {self.name}()"))
        return choices


def _bytes(size: int | None) -> str:
    return "unknown size" if size is None else size_text(size)
