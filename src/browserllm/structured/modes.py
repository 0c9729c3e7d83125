"""The modes of asking for JSON that matches a schema: the request of each, and its reply to an invalid answer.

`INSTRUCTIONS` and `REPAIRS` are all the texts that are ever added to a chat.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec.structs import replace

from .._internal.content import content_of, with_joined_texts
from ..errors import InvalidRequest, Unsupported
from ..json_schema.problem import InvalidValue
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
"""The text after the system message. A constraint does not show the model the schema, and an API shows only the part
that it can enforce; so each mode but ``tool`` states the whole schema."""

_WRONG = "That does not match the JSON schema:\n{problems}\n\n"

REPAIRS: dict[StructuredMode, str] = {
    "constrained": _WRONG + "Answer again, with JSON that has this right.",
    "json_schema": _WRONG + "Answer again, with JSON that has this right.",
    "json": _WRONG + "Answer again, with JSON alone that has this right.",
    "tool": _WRONG + "Call {name} again, with arguments that have this right.",
    "fenced": _WRONG + "Answer again, with one ```json block that has this right.",
}
"""The reply to an answer that does not match."""


def mode_for(capabilities: Capabilities, wanted: StructuredMode | None, name: str) -> StructuredMode:
    """Return the wanted mode, or the strongest one of the backend named ``name``.

    Raises `InvalidRequest` for an unknown mode, `Unsupported` for one that the backend does not have.
    """
    if wanted is None:
        return capabilities.structured_output[0] if capabilities.structured_output else "fenced"
    if wanted not in tuple(INSTRUCTIONS):
        known = ", ".join(map(repr, INSTRUCTIONS))
        raise InvalidRequest(f"unknown mode={wanted!r}; use one of {known}", parameter="mode")
    has: tuple[StructuredMode, ...] = (*capabilities.structured_output, "fenced")
    if wanted not in has:
        raise Unsupported(
            f"backend {name!r} does not support mode={wanted!r}; use one of {', '.join(map(repr, has))}",
            data={"parameter": "mode", "modes": list(has)},
        )
    return wanted


class OutputForm:
    """An output type with the mode of asking for it: builds the first request and those for repairs."""

    def __init__(self, output: OutputType[Any], mode: StructuredMode) -> None:
        """Ask for ``output`` in this mode."""
        self.output = output
        self.mode: StructuredMode = mode

    def first_request(self, request: ChatRequest) -> ChatRequest:
        """Return the first request."""
        name, schema = self.output.name, self.output.schema
        words = INSTRUCTIONS[self.mode].replace("{name}", name)
        said = words.replace("{schema}", msgspec.json.encode(schema).decode())
        request = replace(request, messages=_with_instruction(request.messages, said))
        if self.mode == "tool":
            tool = Tool(name, self.output.description or schema.get("description", ""), schema)
            return replace(request, tools=[tool], tool_choice={"name": name})
        if self.mode == "json":
            return replace(request, response_format={"type": "json_object"})
        if self.mode == "fenced":
            return request
        spec = {"name": name, "schema": schema}
        return replace(request, response_format={"type": "json_schema", "json_schema": spec})

    def repair_request(self, request: ChatRequest, response: ChatResponse, invalid: InvalidValue) -> ChatRequest:
        """Return the request after an invalid answer: with the answer, and what is wrong with it."""
        said = REPAIRS[self.mode].replace("{name}", self.output.name).replace("{problems}", str(invalid))
        calls = response.message.tool_calls
        if calls:
            # Vendors require a result for each call, and nothing else.
            results: list[ContentPart] = [ToolResultPart(call.id, said, is_error=True) for call in calls]
            reply = Message("tool", results)
        else:
            reply = Message("user", said)
        return replace(request, messages=[*request.messages, response.message, reply])

    def mode_used(self, response: ChatResponse, *, called: bool) -> StructuredMode:
        """Return the mode that took effect: ``fenced`` if only the instruction did.

        That is so if the backend warned that it left the response format out, or if the model wrote text instead of the
        requested call. A backend that warns of parts it cannot constrain still constrains the rest.
        """
        if self.mode == "tool":
            return "tool" if called else "fenced"
        ignored = any(
            warning.parameter == "response_format" and warning.code != "partly_constrained"
            for warning in response.warnings
        )
        return "fenced" if ignored else self.mode


def _with_instruction(messages: list[Message], said: str) -> list[Message]:
    """Append an instruction to the last system message, or add one."""
    at = sum(message.role == "system" for message in messages)
    if not at:
        return [Message("system", said), *messages]
    last = messages[at - 1]
    parts = with_joined_texts([*last.parts, TextPart(f"\n\n{said}")])
    return [*messages[: at - 1], replace(last, content=content_of(parts)), *messages[at:]]
