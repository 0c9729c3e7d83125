"""A backend in a router, and one attempt at a request: the queue, the breaker and the measurements around it."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from ...errors import Unavailable
from ...types import Capabilities, ChatRequest, ReasoningDelta, TextDelta
from ..base import Backend
from ..draft import Draft
from ..stream import Delta
from .breaker import CircuitBreaker
from .candidate import Candidate
from .measurements import Measurements
from .queue import FairQueue


class RoutedBackend:
    """One backend of a router, with its name there and the router's state for it."""

    def __init__(
        self,
        name: str,
        backend: Backend,
        measurements: Measurements,
        breaker: CircuitBreaker | None,
        queue: FairQueue | None,
        fair_key: str,
    ) -> None:
        """``queue`` limits concurrent requests; ``fair_key`` is the metadata field that selects a line in it."""
        self.name = name
        self.backend = backend
        self.measurements = measurements
        self.breaker = breaker
        self.queue = queue
        self.fair_key = fair_key
        self.candidate: Candidate | None = None
        """The last candidate that the survey made for a plain request; the next one is usually equal."""
        self.facts_are_attributes = getattr(type(backend).facts, "__wrapped__", None) is Backend.facts
        """Whether its facts are just its attributes, since its class does not override `facts`."""

    @property
    def known(self) -> tuple[object, ...]:
        """What is known about the backend without asking it."""
        return (
            self.backend.leaves_device,
            self.backend.needs_network,
            self.backend.capabilities,
            None if self.breaker is None else self.breaker.state,
            0 if self.queue is None else self.queue.waiting,
        )


class Attempt:
    """One request to one backend: `start` it, record how it went, and always `end` it."""

    __slots__ = ("_entered", "_probe", "_settled", "_started", "began_at", "routed", "started_at")

    def __init__(self, routed: RoutedBackend) -> None:
        """Prepare the attempt; nothing is sent."""
        self.routed = routed
        self.started_at = 0.0
        self.began_at: float | None = None
        self._entered = self._started = self._settled = False
        self._probe = False

    async def start(self, request: ChatRequest, number: int) -> None:
        """Wait for a place in the queue, and ask the breaker.

        Raises `QueueFull`, or `Unavailable` if the breaker is open or the request is private.
        """
        routed = self.routed
        if routed.queue is not None:
            await routed.queue.enter(_hashable(request.metadata.get(routed.fair_key)))
            self._entered = True
        # Checked again: a policy made the ranking, and it may be outdated.
        if request.private and routed.backend.may_leave():
            raise Unavailable(
                f"the request is private, and {routed.name!r} may leave the device; nothing was sent", reason="private"
            )
        if routed.breaker is not None:
            allowed = routed.breaker.allow()
            if allowed is None:
                raise Unavailable(f"{routed.name!r} was not asked: {routed.breaker.refusal()}", reason="circuit_open")
            self._probe = allowed
        self._started = True
        self.started_at = routed.measurements.started(number)

    def began(self) -> None:
        """Record the first content."""
        self.began_at = self.routed.measurements.began(self.started_at)

    def answered(self, draft: Draft) -> None:
        """Record a complete answer; one that was stopped says nothing about the backend."""
        if draft.stopped:
            return
        self._settled = True
        self.routed.measurements.answered(self.began_at, draft.usage.completion_tokens)
        if self.routed.breaker is not None:
            self.routed.breaker.success(probe=self._probe)

    def failed(self, error: Exception, draft: Draft) -> None:
        """Record a failure; one before the start or after a stop does not count against the backend."""
        if self._started and not draft.stopped:
            self._settled = True
            self.routed.measurements.failed(error)
            if self.routed.breaker is not None:
                self.routed.breaker.failure(error, probe=self._probe)

    def end(self) -> None:
        """Release everything; safe to call at any time, also more than once."""
        routed = self.routed
        if self._started:
            self._started = False
            routed.measurements.ended()
            if not self._settled and routed.breaker is not None:
                routed.breaker.inconclusive(probe=self._probe)
        if self._entered and routed.queue is not None:
            self._entered = False
            routed.queue.leave()


def is_empty(delta: Delta) -> bool:
    """Whether a delta carries no content yet."""
    if isinstance(delta, str):
        return not delta
    if isinstance(delta, TextDelta):
        return not (delta.text or delta.logprobs or delta.signature)
    return isinstance(delta, ReasoningDelta) and not (delta.reasoning or delta.signature or delta.redacted)


def unique_names(backends: Sequence[Backend]) -> list[str]:
    """Return the backends' names, made unique: "openai", "openai-2"."""
    names: list[str] = []
    given = {backend.name for backend in backends}
    for backend in backends:
        name, number = backend.name, 1
        while name in names or (number > 1 and name in given):
            number += 1
            name = f"{backend.name}-{number}"
        names.append(name)
    return names


def union_of(all_of: Sequence[Capabilities]) -> Capabilities:
    """Return what at least one can do; of the structured output modes, those that all have, as any may answer."""
    first, *others = (one.structured_output for one in all_of)
    return Capabilities(
        structured_output=tuple(mode for mode in first if all(mode in other for other in others)),
        images=any(one.images for one in all_of),
        audio=any(one.audio for one in all_of),
        tools=any(one.tools for one in all_of),
        multiple_answers=any(one.multiple_answers for one in all_of),
        parameters=frozenset[str]().union(*(one.parameters for one in all_of)),
    )


def _hashable(value: object) -> Hashable:
    return value if isinstance(value, Hashable) else repr(value)
