"""Draft: the response in the making, which a backend fills in while it answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import msgspec
from msgspec.structs import replace

from ..types import ChatRequest, ChatResponse, ChatWarning, FinishReason, Hop, Message, Timings, Usage

_NO_USAGE = Usage()
_NO_TIMINGS = Timings()


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


class Recorded(_Answer, kw_only=True):
    """What a backend wrote down of one answer: who gave it, how it ended, what it took."""

    backend: str


class Draft(_Answer, eq=False):
    """The response in the making: a backend writes down what it knows, as soon as it knows it.

    The fields of `Recorded` are about one answer. A request may take several: a retry and a fallback `begin` anew, a
    backend in a race writes into a `child` that is adopted if it wins, and `snapshot` and `restore` bring back what an
    answer had said of itself. The other fields are about the request, and stay:

    ``route`` lists the steps passed over. ``interrupt``, when set, asks the engine to end this answer soon; it must not
    block. Without it, a stop cancels the backend's wait. ``stopped`` says that the caller no longer wants this answer:
    a failure is then not retried. ``private`` says that the request began as a private one: every request that
    comes of it is private, too.
    """

    request: ChatRequest
    backend: str
    request_id: str
    route: list[Hop] = []
    stopped: bool = False
    private: bool = False
    interrupt: Callable[[], None] | None = None

    def __post_init__(self) -> None:
        """Take the model and the privacy that the request asks for."""
        self.model = self.request.model
        self.private = self.private or self.request.private

    def warn(self, parameter: str, message: str) -> None:
        """Add a warning to the response."""
        self.warnings.append(ChatWarning(parameter, message))

    def begin(self, request: ChatRequest, backend: str) -> None:
        """Begin anew with another backend, or with another request; warnings and all about the request remain."""
        # Field by field, because every request of a router comes through here; a test says when one is missing.
        self.request = request
        self.interrupt = None
        self.backend = backend
        self.model = request.model
        self.engine = self.device = self.adapter = None
        self.finish_reason = "stop"
        self.usage = _NO_USAGE
        self.timings = _NO_TIMINGS
        self.cost_usd = self.provider_request_id = None

    def snapshot(self) -> Recorded:
        """Return what is written down of the answer so far."""
        recorded: dict[str, Any] = {name: getattr(self, name) for name in Recorded.__struct_fields__}
        recorded["warnings"] = self.warnings.copy()
        return Recorded(**recorded)

    def restore(self, recorded: Recorded | Draft) -> None:
        """Write down again what a snapshot has, in place of what is there."""
        for name in _ABOUT_ANSWER:
            setattr(self, name, getattr(recorded, name))
        self.warnings[:] = recorded.warnings

    def child(self, request: ChatRequest, backend: str) -> Self:
        """Return a draft for a backend that answers beside others; it begins with the warnings that there are."""
        return type(self)(request, backend, self.request_id, private=self.private, warnings=self.warnings.copy())

    def adopt(self, child: Draft) -> None:
        """Take what a child has written down. From then on both have the same warnings and the same route."""
        self.request = child.request
        self.restore(child)
        if child.route is not self.route:
            self.route.extend(child.route)
            child.route, child.warnings = self.route, self.warnings

    def response(
        self, message: Message, finish_reason: FinishReason, *, total_ms: float, logprobs: list[Any]
    ) -> ChatResponse:
        """Return the response; ``total_ms`` is what the answer took, where the backend has not said it."""
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


_ABOUT_ANSWER = tuple(name for name in Recorded.__struct_fields__ if name != "warnings")
