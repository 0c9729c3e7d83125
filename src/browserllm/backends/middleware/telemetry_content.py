"""Prompts and answers as OpenTelemetry's message attributes: JSON, roles with parts."""

from __future__ import annotations

from typing import Any

import msgspec

from ..._internal.nesting import decode_json
from ...types import (
    AudioPart,
    ChatRequest,
    ChatRestart,
    ContentPart,
    ImagePart,
    Message,
    ReasoningDelta,
    ReasoningPart,
    TextDelta,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from ..stream import Delta


def input_content(request: ChatRequest) -> dict[str, str]:
    """Return the attributes of a request: system instructions, messages and tools."""
    system = [message for message in request.messages if message.role == "system"]
    messages = [message for message in request.messages if message.role != "system"]
    attributes = {"gen_ai.input.messages": _json([_message(message) for message in messages])}
    if system:
        parts = [part for message in system for part in _parts(message)]
        attributes["gen_ai.system_instructions"] = _json(parts)
    if request.tools:
        tools = [{"type": "function", **msgspec.to_builtins(tool)} for tool in request.tools]
        attributes["gen_ai.tool.definitions"] = _json(tools)
    return attributes


class AnswerContent:
    """Collects an answer as it is received."""

    def __init__(self) -> None:
        """Start empty."""
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._calls: dict[int, dict[str, str]] = {}
        self._arguments: dict[int, list[str]] = {}

    def add(self, delta: Delta) -> None:
        """Add one more delta."""
        if isinstance(delta, str):
            self._text.append(delta)
        elif isinstance(delta, TextDelta):
            self._text.append(delta.text)
        elif isinstance(delta, ReasoningDelta):
            self._reasoning.append(delta.reasoning)
        elif isinstance(delta, ChatRestart):
            self.__init__()
        else:
            call = self._calls.setdefault(delta.index, {"id": "", "name": ""})
            call["id"] = delta.id or call["id"]
            call["name"] = delta.name or call["name"]
            self._arguments.setdefault(delta.index, []).append(delta.arguments)

    def attributes(self, finish_reason: str) -> dict[str, str]:
        """Return the attribute of the answer."""
        parts: list[ContentPart] = []
        if self._reasoning:
            parts.append(ReasoningPart("".join(self._reasoning)))
        if self._text:
            parts.append(TextPart("".join(self._text)))
        parts += [
            ToolCallPart(call["id"], call["name"], "".join(self._arguments[index]))
            for index, call in self._calls.items()
        ]
        message = {**_message(Message("assistant", parts)), "finish_reason": finish_reason}
        return {"gen_ai.output.messages": _json([message])}


def _message(message: Message) -> dict[str, Any]:
    named = {} if message.name is None else {"name": message.name}
    return {"role": message.role, "parts": _parts(message), **named}


def _parts(message: Message) -> list[dict[str, Any]]:
    return [_part(part) for part in message.parts]


def _part(part: ContentPart) -> dict[str, Any]:
    if isinstance(part, TextPart):
        return {"type": "text", "content": part.text}
    if isinstance(part, ReasoningPart):
        return {"type": "reasoning", "content": part.text}
    if isinstance(part, ToolCallPart):
        return {"type": "tool_call", "id": part.id, "name": part.name, "arguments": _arguments(part.arguments)}
    if isinstance(part, ToolResultPart):
        return {"type": "tool_call_response", "id": part.id, "response": part.content}
    return _media(part)


def _media(part: ImagePart | AudioPart) -> dict[str, Any]:
    """Describe an image or audio by its URL or size: bytes do not belong in a trace."""
    modality = "image" if isinstance(part, ImagePart) else "audio"
    if part.url is not None and not part.url.startswith("data:"):
        return {"type": "uri", "modality": modality, "mime_type": part.media_type, "uri": part.url}
    return {"type": modality, "mime_type": part.media_type, "size_bytes": len(part.data or part.url or "")}


def _arguments(text: str) -> Any:
    try:
        return decode_json(text, object)
    except (ValueError, RecursionError):
        return text


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
