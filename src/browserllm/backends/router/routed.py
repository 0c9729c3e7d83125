"""A backend as a member of a router, and one turn of it: its place in the line, its breaker, its past."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from ...errors import Unavailable
from ...types import Capabilities, ChatRequest, ReasoningDelta, TextDelta
from ..base import Backend
from ..stream import Delta, Draft
from .breaker import CircuitBreaker
from .latencies import History
from .queue import FairQueue


class Member:
    """One backend of a router, by the name it has there."""

    def __init__(
        self,
        name: str,
        backend: Backend,
        history: History,
        breaker: CircuitBreaker | None,
        queue: FairQueue | None,
        fair_key: str,
    ) -> None:
        """Everything but the backend is the router's own; ``fair_key`` is what in the metadata names a line."""
        self.name = name
        self.backend = backend
        self.history = history
        self.breaker = breaker
        self.queue = queue
        self.fair_key = fair_key


class Turn:
    """One try of one member: `take` it, say how it went, and `end` it, whatever happened."""

    __slots__ = ("_entered", "_probe", "_settled", "_started", "began_at", "member", "started_at")

    def __init__(self, member: Member) -> None:
        """A turn that has not been taken yet."""
        self.member = member
        self.started_at = 0.0
        self.began_at: float | None = None
        self._entered = self._started = self._settled = False
        self._probe = False

    async def take(self, request: ChatRequest, number: int) -> None:
        """Wait for a place. Raises `QueueFull`, or `Unavailable` when the breaker opened or the request is private."""
        member = self.member
        if member.queue is not None:
            await member.queue.enter(_hashable(request.metadata.get(member.fair_key)))
            self._entered = True
        # Looked at here once more: nothing is sent on the word of whoever ranked the candidates, or of a while ago.
        if request.private and member.backend.may_leave():
            raise Unavailable(
                f"the request is private, and {member.name!r} may leave the device; nothing was sent", reason="private"
            )
        if member.breaker is not None:
            allowed = member.breaker.allow()
            if allowed is None:
                raise Unavailable(f"{member.name!r} was not asked: {member.breaker.refusal()}", reason="circuit_open")
            self._probe = allowed
        self._started = True
        self.started_at = member.history.started(number)

    def began(self) -> None:
        """Note the first content."""
        self.began_at = self.member.history.began(self.started_at)

    def answered(self, draft: Draft) -> None:
        """Note a whole answer; one that was stopped says nothing of the backend."""
        if draft.stopped:
            return
        self._settled = True
        self.member.history.answered(self.began_at, draft.usage.completion_tokens)
        if self.member.breaker is not None:
            self.member.breaker.success(probe=self._probe)

    def failed(self, error: Exception, draft: Draft) -> None:
        """Note a failure; one before the turn was taken, or after a stop, is nothing that the backend did."""
        if self._started and not draft.stopped:
            self._settled = True
            self.member.history.failed(error)
            if self.member.breaker is not None:
                self.member.breaker.failure(error, probe=self._probe)

    def end(self) -> None:
        """Let go of everything; safe whether or not the turn was taken."""
        member = self.member
        if self._started:
            member.history.ended()
            if not self._settled and member.breaker is not None:
                member.breaker.neither(probe=self._probe)
        if self._entered and member.queue is not None:
            member.queue.leave()


def is_empty(delta: Delta) -> bool:
    """Whether a delta only announces that something may come."""
    if isinstance(delta, str):
        return not delta
    if isinstance(delta, TextDelta):
        return not (delta.text or delta.logprobs or delta.signature)
    return isinstance(delta, ReasoningDelta) and not (delta.reasoning or delta.signature or delta.redacted)


def unique_names(backends: Sequence[Backend]) -> list[str]:
    """Return the backends' names, made different: "openai", "openai-2"."""
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
    """Return what at least one of them can do; of the ways to JSON those that all have, as any of them may answer."""
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
