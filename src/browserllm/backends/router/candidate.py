"""What a policy sees and returns: candidates (one backend for one request), choices and exclusions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import msgspec
from msgspec.structs import replace

from ...errors import BrowserLLMError, error_from_wire
from ...page.environment import Environment
from ...types import AudioPart, Capabilities, ChatRequest, ContentPart, Hop, ImagePart, ToolCallPart, ToolResultPart
from ..facts import BackendFacts
from .breaker import BreakerState
from .measurements import Measurements

ModelMatch = Literal["any", "asked", "perhaps", "translated", "own"]
"""How a candidate's model relates to the requested one: no model was requested (``any``); it is that model
(``asked``), or may be (``perhaps``); the `Translations` name it (``translated``); or the backend does not have the
requested model and would use its default (``own``)."""

_DEFAULTS = ChatRequest(messages=[])
_NO_PARAMETERS = frozenset({"messages", "model", "metadata", "deadline_s", "private", "unsupported", "tools", "n"})


class Excluded(msgspec.Struct, frozen=True, kw_only=True):
    """A backend that is not asked, and why. ``code`` and ``data`` are those of the corresponding error."""

    name: str
    reason: str
    code: str = "unavailable"
    data: dict[str, Any] = {}

    def hop(self) -> Hop:
        """Return it as a step of the route."""
        return Hop(reason=self.reason, code=self.code, backend=self.name)

    def error(self) -> BrowserLLMError:
        """Return it as an exception."""
        return error_from_wire(
            {"code": self.code, "message": f"{self.name!r} was not asked: {self.reason}", "data": self.data}
        )


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """One backend that may get a request, with everything that is known before anything is sent.

    ``position`` is its index in the router. ``measurements`` are those of its earlier answers in this router, and
    ``waiting`` is the number of requests in the router's queue for it. ``missing`` names what the request needs and the
    backend does not support: ``images``, ``audio``, ``tools``, ``response_format``.
    """

    name: str
    position: int
    facts: BackendFacts
    environment: Environment
    measurements: Measurements
    capabilities: Capabilities
    breaker: BreakerState = "closed"
    waiting: int = 0
    model: str | None = None
    match: ModelMatch = "any"
    missing: tuple[str, ...] = ()

    @property
    def local(self) -> bool:
        """Whether the request stays on the user's device."""
        return not self.facts.leaves_device

    @property
    def queue_length(self) -> int:
        """How many requests are ahead of this one: in the backend and in the router's queue for it."""
        return (self.facts.queue_length or 0) + self.waiting

    def excluded(self, reason: str) -> Excluded:
        """Return this candidate as one that the policy excludes."""
        if self.facts.downloaded is False:
            return Excluded(name=self.name, reason=reason, code="model_not_downloaded")
        return Excluded(name=self.name, reason=reason, data={"reason": "policy"})

    def unhonoured(self, request: ChatRequest) -> list[str]:
        """Return the request's parameters that the backend does not honour, as far as it is known."""
        return unhonoured_of(request, self.capabilities, self.facts)


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """A candidate as a policy ranks it, and why; with ``excluded`` it is not asked.

    ``prepare`` means that the candidate would rank higher if its model were ready: while another backend answers, the
    router prepares it for later requests.
    """

    candidate: Candidate
    reason: str
    excluded: bool = False
    prepare: bool = False

    @property
    def name(self) -> str:
        """The backend's name."""
        return self.candidate.name

    @property
    def model(self) -> str | None:
        """The model that would answer."""
        return self.candidate.model

    def request_for(self, request: ChatRequest) -> ChatRequest:
        """Return the request for this backend, with its name of the model."""
        candidate = self.candidate
        if candidate.match == "any" or candidate.model == request.model:
            return request
        return replace(request, model=candidate.model)


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """What a router would do with a request: the backends it would ask, in order, and the excluded ones.

    ``str()`` is readable text.
    """

    policy: str
    ranked: list[Choice]
    excluded: list[Excluded]

    def __str__(self) -> str:
        lines = [f"{self.policy} would ask:"] if self.ranked else [f"{self.policy} has no backend to ask:"]
        for place, choice in enumerate(self.ranked, 1):
            model = f" ({choice.model})" if choice.model else ""
            lines.append(f"  {place}. {choice.name}{model}: {choice.reason}")
        lines.extend(f"  -  {excluded.name}: {excluded.reason}" for excluded in self.excluded)
        return "\n".join(lines)


def knows_model(choices: Sequence[Choice]) -> bool | None:
    """Whether one of these has the requested model; ``None`` if that is not known."""
    matches = {choice.candidate.match for choice in choices}
    if matches & {"asked", "translated"}:
        return True
    return None if matches & {"any", "perhaps"} else False


_NEEDS: dict[type[ContentPart], str] = {
    ImagePart: "images",
    AudioPart: "audio",
    ToolCallPart: "tools",
    ToolResultPart: "tools",
}
"""The capability that each content part needs; every backend takes text, and leaves reasoning out."""


def needs_of(request: ChatRequest) -> tuple[str, ...]:
    """Return the capabilities that a backend must have to take the whole request."""
    needs: list[str] = []
    if request.tools and request.tool_choice != "none":
        needs.append("tools")
    if request.response_format is not None and request.response_format.get("type", "text") != "text":
        needs.append("response_format")
    for message in request.messages:
        needs += [_NEEDS[kind] for part in message.parts if (kind := type(part)) in _NEEDS]
    return tuple(dict.fromkeys(needs))


def unhonoured_of(request: ChatRequest, capabilities: Capabilities, facts: BackendFacts) -> list[str]:
    """Return the request's parameters that a backend does not honour, by its capabilities (if listed) and its facts."""
    known = capabilities.parameters
    found = [
        name
        for name in (ChatRequest.__struct_fields__ if known else ())
        if name not in known and name not in _NO_PARAMETERS and getattr(request, name) != getattr(_DEFAULTS, name)
    ]
    return [*found, *(name for name in facts.unhonoured if name not in found)]


def missing_of(needs: tuple[str, ...], capabilities: Capabilities) -> tuple[str, ...]:
    """Return the needs that a backend cannot meet. A backend that lists no parameters is assumed to take them all."""
    return tuple(
        need
        for need in needs
        if (
            bool(capabilities.parameters) and need not in capabilities.parameters
            if need == "response_format"
            else not getattr(capabilities, need)
        )
    )
