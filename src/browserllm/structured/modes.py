"""The ways to ask for JSON of a schema: what is sent for each, what is said when the answer does not fit.

`INSTRUCTIONS` and `REPAIRS` are all the words that are ever added to a chat.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec.structs import replace

from ..constrained.grammars.response_format import UNCONSTRAINED
from ..errors import InvalidRequest, Unsupported
from ..json_schema.problem import Misfit
from ..json_schema.types import OutputType
from ..types import (
    Capabilities,
    ChatRequest,
    ChatResponse,
    ContentPart,
    Message,
    StructuredMode,
    TextPart,
    Tool,
    ToolResultPart,
)

_SCHEMA = "Answer with JSON that matches this JSON schema: {schema}"

INSTRUCTIONS: dict[StructuredMode, str] = {
    "constrained": _SCHEMA,
    "json_schema": _SCHEMA,
    "json": _SCHEMA,
    "tool": "Answer by calling {name}.",
    "fenced": "Answer with one ```json block that matches this JSON schema: {schema}",
}
"""What is put after the system message. A constraint holds a model to a schema and shows it nothing; an API shows it
what it can hold it to, and a type may ask for more than that."""

_WRONG = "That does not match the JSON schema:\n{problems}\n\n"

REPAIRS: dict[StructuredMode, str] = {
    "constrained": _WRONG + "Answer again, with JSON that has this right.",
    "json_schema": _WRONG + "Answer again, with JSON that has this right.",
    "json": _WRONG + "Answer again, with JSON alone that has this right.",
    "tool": _WRONG + "Call {name} again, with arguments that have this right.",
    "fenced": _WRONG + "Answer again, with one ```json block that has this right.",
}
"""What follows an answer that does not fit."""


def mode_for(capabilities: Capabilities, wanted: StructuredMode | None, name: str) -> StructuredMode:
    """Return the wanted mode, or the strongest one of the backend called ``name``.

    Raises `InvalidRequest` for what is no mode, `Unsupported` for one that the backend does not have.
    """
    if wanted is None:
        return capabilities.structured_output[0] if capabilities.structured_output else "fenced"
    if wanted not in tuple(INSTRUCTIONS):
        known = ", ".join(map(repr, INSTRUCTIONS))
        raise InvalidRequest(f"mode={wanted!r} is not known; use one of {known}", parameter="mode")
    has: tuple[StructuredMode, ...] = (*capabilities.structured_output, "fenced")
    if wanted not in has:
        raise Unsupported(
            f"{name!r} has no mode {wanted!r}; it has {', '.join(map(repr, has))}",
            data={"parameter": "mode", "modes": list(has)},
        )
    return wanted


class Form:
    """An output type as one mode asks for it."""

    def __init__(self, output: OutputType[Any], mode: StructuredMode) -> None:
        """Ask for ``output`` in this mode."""
        self.output = output
        self.mode: StructuredMode = mode

    def asked(self, request: ChatRequest) -> ChatRequest:
        """Return the request as it is sent first."""
        name, schema = self.output.name, self.output.schema
        words = INSTRUCTIONS[self.mode].replace("{name}", name)
        said = words.replace("{schema}", msgspec.json.encode(schema).decode())
        request = replace(request, messages=_told(request.messages, said))
        if self.mode == "tool":
            tool = Tool(name, self.output.description or schema.get("description", ""), schema)
            return replace(request, tools=[tool], tool_choice={"name": name})
        if self.mode == "json":
            return replace(request, response_format={"type": "json_object"})
        if self.mode == "fenced":
            return request
        spec = {"name": name, "schema": schema}
        return replace(request, response_format={"type": "json_schema", "json_schema": spec})

    def again(self, request: ChatRequest, response: ChatResponse, misfit: Misfit) -> ChatRequest:
        """Return the request that goes on after an answer that does not fit: with it, and what is wrong with it."""
        said = REPAIRS[self.mode].replace("{name}", self.output.name).replace("{problems}", str(misfit))
        calls = response.message.tool_calls
        if calls:
            # Vendors want an answer to each call, and nothing else.
            results: list[ContentPart] = [ToolResultPart(call.id, said, is_error=True) for call in calls]
            reply = Message("tool", results)
        else:
            reply = Message("user", said)
        return replace(request, messages=[*request.messages, response.message, reply])

    def held(self, response: ChatResponse, *, called: bool) -> StructuredMode:
        """Return the mode that an answer was really given in: ``fenced`` is words alone.

        That is what remains where the backend warned that it had to leave the response format out, and where the
        answer is a text although a call was asked for. A backend that names what it does not hold a model to holds it
        to the rest.
        """
        if self.mode == "tool":
            return "tool" if called else "fenced"
        ignored = any(
            warning.parameter == "response_format" and not warning.message.startswith(UNCONSTRAINED)
            for warning in response.warnings
        )
        return "fenced" if ignored else self.mode


def _told(messages: list[Message], said: str) -> list[Message]:
    """Return the messages with an instruction after the last system message, which stays as it is before that."""
    at = sum(message.role == "system" for message in messages)
    if not at:
        return [Message("system", said), *messages]
    last = messages[at - 1]
    content = f"{last.content}\n\n{said}" if isinstance(last.content, str) else [*last.content, TextPart(f"\n\n{said}")]
    return [*messages[: at - 1], replace(last, content=content), *messages[at:]]
