"""Draft: the response that a backend fills in while it answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, Self

import msgspec
from msgspec.structs import replace

from ..errors import ContextExceeded
from ..types import ChatRequest, ChatResponse, ChatWarning, FinishReason, Hop, Message, Timings, Usage

_NO_USAGE = Usage()
_NO_TIMINGS = Timings()


class Shortener(Protocol):
    """Shortens a conversation's request to what one backend can hold; a `Session` gives one to each of its answers."""

    async def fit(
        self,
        request: ChatRequest,
        *,
        name: str,
        backend: Any,
        window: int | None,
        refusal: ContextExceeded | None = None,
    ) -> ChatRequest:
        """Return the request, perhaps without its oldest turns, for the `Backend` that a router calls ``name``.

        ``window`` is the context window in the backend's facts. ``refusal`` is its error if it has already refused the
        request as too long. Raises `ContextExceeded` if the request cannot be short enough.
        """
        ...


class _Answer(msgspec.Struct, kw_only=True):
    """The fields about one answer."""

    model: str | None = None
    engine: str | None = None
    device: str | None = None
    adapter: str | None = None
    finish_reason: FinishReason = "stop"
    usage: Usage = Usage()
    timings: Timings = Timings()
    cost_usd: float | None = None
    provider_request_id: str | None = None
    warnings: list[ChatWarning] = []


class AnswerRecord(_Answer, kw_only=True):
    """What a draft holds about one answer: which backend gave it, how it ended, what it cost."""

    backend: str


class Draft(_Answer, eq=False):
    """The unfinished response: a backend fills in each field as soon as it knows it.

    The fields of `AnswerRecord` describe one answer. A request may need several answers: a retry or a fallback calls
    `begin`, a backend in a race writes into a `child` that is adopted if it wins, and `snapshot` and `restore` save and
    bring back the record of an answer. The other fields belong to the request and are kept:

    ``route`` lists the hops that were skipped. With a ``shortener``, a router may shorten the request for each backend.
    ``interrupt``, if set, asks the engine to end this answer soon; it must not block. Without it, a stop cancels the
    backend's wait. ``stopped`` says that the caller stopped this answer, so a failure is not retried. ``private`` says
    that the original request was private; every request derived from it is private, too.
    """

    request: ChatRequest
    backend: str
    request_id: str
    route: list[Hop] = []
    stopped: bool = False
    private: bool = False
    interrupt: Callable[[], None] | None = None
    shortener: Shortener | None = None

    def __post_init__(self) -> None:
        """Copy the model and ``private`` from the request."""
        self.model = self.request.model
        self.private = self.private or self.request.private

    def warn(self, parameter: str, message: str) -> None:
        """Add a warning to the response."""
        self.warnings.append(ChatWarning(parameter, message))

    def begin(self, request: ChatRequest, backend: str) -> None:
        """Start over with another backend or request. Keeps the warnings and the fields about the request."""
        # Field by field, for speed: every routed request comes through here. A test fails if a field is missing.
        self.request = request
        self.interrupt = None
        self.backend = backend
        self.model = request.model
        self.engine = self.device = self.adapter = None
        self.finish_reason = "stop"
        self.usage = _NO_USAGE
        self.timings = _NO_TIMINGS
        self.cost_usd = self.provider_request_id = None

    def snapshot(self) -> AnswerRecord:
        """Return the record of the answer so far."""
        recorded: dict[str, Any] = {name: getattr(self, name) for name in AnswerRecord.__struct_fields__}
        recorded["warnings"] = self.warnings.copy()
        return AnswerRecord(**recorded)

    def restore(self, recorded: AnswerRecord | Draft) -> None:
        """Replace the record of the answer with a snapshot."""
        for name in _ABOUT_ANSWER:
            setattr(self, name, getattr(recorded, name))
        self.warnings[:] = recorded.warnings

    def child(self, request: ChatRequest, backend: str) -> Self:
        """Return a draft for a backend that answers in parallel with others; it starts with the current warnings."""
        return type(self)(
            request,
            backend,
            self.request_id,
            private=self.private,
            shortener=self.shortener,
            warnings=self.warnings.copy(),
        )

    def adopt(self, child: Draft) -> None:
        """Take over a child's record. From then on both share their warnings and their route."""
        self.request = child.request
        self.restore(child)
        if child.route is not self.route:
            self.route.extend(child.route)
            child.route, child.warnings = self.route, self.warnings

    def response(
        self, message: Message, finish_reason: FinishReason, *, total_ms: float, logprobs: list[Any]
    ) -> ChatResponse:
        """Return the response; ``total_ms`` is used if the backend has not set it in ``timings``."""
        timings = self.timings
        return ChatResponse(
            request_id=self.request_id,
            backend=self.backend,
            message=message,
            finish_reason=finish_reason,
            model=self.model,
            engine=self.engine,
            device=self.device,
            adapter=self.adapter,
            usage=self.usage,
            timings=timings if timings.total_ms is not None else replace(timings, total_ms=total_ms),
            warnings=self.warnings,
            route=self.route,
            logprobs=logprobs,
            cost_usd=self.cost_usd,
            provider_request_id=self.provider_request_id,
        )


_ABOUT_ANSWER = tuple(name for name in AnswerRecord.__struct_fields__ if name != "warnings")
