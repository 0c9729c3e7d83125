"""Converts Amplifier's requests to ours."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

from .._internal.content import content_of
from ..types import (
    ChatRequest,
    ContentPart,
    ImagePart,
    Message,
    ReasoningPart,
    TextPart,
    Tool,
    ToolCallPart,
    ToolResultPart,
)
from .kernel import ChatRequest as AmplifierRequest
from .kernel import InvalidRequestError
from .kernel import Message as AmplifierMessage
from .settings import Settings, thinking_of

MISSING_RESULT = "No result: the call was interrupted before the tool finished. Call it again if it is still needed."
"""What the model reads in place of a tool result that the conversation lacks."""


class Repair(NamedTuple):
    """A tool call without a result in the conversation."""

    tool_call_id: str
    tool_name: str


class Converted(NamedTuple):
    """A request of ours, and which tool results had to be added."""

    request: ChatRequest
    repairs: list[Repair]


def convert_request(request: AmplifierRequest, options: Mapping[str, Any], settings: Settings) -> Converted:
    """Convert a request. ``options`` (the keyword arguments of ``complete``) win over it, and it over ``settings``.

    Raises `InvalidRequestError` for messages that cannot be sent to any model.
    """
    messages, repairs = _convert_messages(request.messages)

    def chosen(name: str, setting: str | None = None) -> Any:
        for value in (options.get(name), getattr(request, name, None)):
            if value is not None:
                return value
        return getattr(settings, setting or name, None)

    effort = chosen("reasoning_effort", "thinking")
    max_tokens = options.get("max_tokens")
    fields: dict[str, Any] = {
        "messages": messages,
        "model": chosen("model"),
        "temperature": chosen("temperature"),
        "top_p": chosen("top_p"),
        "top_k": chosen("top_k"),
        "seed": chosen("seed"),
        "max_tokens": chosen("max_output_tokens", "max_tokens") if max_tokens is None else max_tokens,
        "stop": chosen("stop") or [],
        "tools": [_tool(each) for each in request.tools or ()],
        "tool_choice": _tool_choice(chosen("tool_choice")) if request.tools else None,
        "thinking": thinking_of(effort) if isinstance(effort, str) else effort,
        "response_format": _response_format(request),
        "deadline_s": chosen("timeout"),
        "private": settings.private,
    }
    return Converted(ChatRequest(**fields), repairs)


def _tool(spec: Any) -> Tool:
    return Tool(spec.name, spec.description or "", dict(spec.parameters))


def _tool_choice(choice: Any) -> Any:
    """Return the choice as `ChatRequest` takes it; every vendor's way to name a function is accepted."""
    if choice == "any":
        return "required"
    if not isinstance(choice, Mapping):
        return choice
    fields = cast("Mapping[str, Any]", choice)
    kind, function = fields.get("type"), fields.get("function")
    name: Any = cast("Mapping[str, Any]", function).get("name") if isinstance(function, Mapping) else fields.get("name")
    if name is None and kind in ("auto", "none", "required", "any"):
        return _tool_choice(kind)
    return {"type": "function", "function": {"name": name}}


def _response_format(request: AmplifierRequest) -> dict[str, Any] | None:
    given = request.response_format
    if given is None or given.type == "text":
        return None
    if given.type == "json":
        return {"type": "json_object"}
    schema = given.json_schema
    named = isinstance(schema.get("schema"), Mapping)  # OpenAI's {"name": ..., "schema": ...}, instead of a schema
    wrapped: dict[str, Any] = {"name": schema.get("name") or "answer", "schema": schema["schema"] if named else schema}
    if given.strict is not None:
        wrapped["strict"] = given.strict
    return {"type": "json_schema", "json_schema": wrapped}


# Messages


def _convert_messages(given: Sequence[AmplifierMessage]) -> tuple[list[Message], list[Repair]]:
    messages: list[Message] = []
    for index, each in enumerate(given):
        messages += _convert_message(each, f"messages[{index}]")
    return _with_all_results(messages)


def _convert_message(given: AmplifierMessage, where: str) -> list[Message]:
    parts, results = _read_blocks(given, where)
    if given.role == "system":
        return [Message("system", "\n\n".join(part.text for part in parts if isinstance(part, TextPart)))]
    if given.role == "developer":
        # Amplifier gives files of context this role; models know no such role, and a system message comes first only.
        text = "\n\n".join(part.text for part in parts if isinstance(part, TextPart))
        return [Message("user", f"<context_file>\n{text}\n</context_file>")]
    if given.role in ("tool", "function"):
        return _results(given, parts, results, where)
    if given.role == "assistant":
        calls = [*(part for part in parts if isinstance(part, ToolCallPart)), *_calls_in_field(given, where)]
        unique = {call.id: call for call in reversed(calls)}
        others = [part for part in parts if not isinstance(part, (ToolCallPart, ImagePart))]
        return [Message("assistant", content_of([*others, *reversed(unique.values())]))]
    user = [part for part in parts if isinstance(part, (TextPart, ImagePart))]
    return [*results, *([Message("user", content_of(user), name=given.name)] if user or not results else [])]


def _results(given: AmplifierMessage, parts: list[ContentPart], results: list[Message], where: str) -> list[Message]:
    """Convert a message with a tool's result; its images follow in a user message, because results are text."""
    call_id = given.tool_call_id or (given.name if given.role == "function" else None)
    images = [part for part in parts if isinstance(part, ImagePart)]
    if not results:
        if not call_id:
            raise _invalid(f"{where}: role {given.role!r} needs a tool_call_id, which names the call of the result")
        text = "\n\n".join(part.text for part in parts if isinstance(part, TextPart))
        results = [Message("tool", [ToolResultPart(call_id, text or ("(see the image)" if images else ""))])]
    return [*results, *([Message("user", list[ContentPart](images))] if images else [])]


def _calls_in_field(given: AmplifierMessage, where: str) -> list[ToolCallPart]:
    """Read a message's extra field ``tool_calls``: Amplifier's loops store ``{id, tool, arguments}`` there."""
    calls: list[ToolCallPart] = []
    for each in cast("Sequence[Any]", getattr(given, "tool_calls", None) or ()):
        fields = _fields(each)
        function = _fields(fields.get("function"))
        name = fields.get("tool") or fields.get("name") or function.get("name")
        arguments = fields.get("arguments") or fields.get("input") or function.get("arguments") or "{}"
        if not name or not fields.get("id"):
            raise _invalid(f"{where}: a tool call needs an id and a name; it has {sorted(fields)}")
        calls.append(ToolCallPart(str(fields["id"]), str(name), _json(arguments)))
    return calls


def _read_blocks(given: AmplifierMessage, where: str) -> tuple[list[ContentPart], list[Message]]:
    """Return a message's parts, and the tool results among its blocks as messages."""
    if isinstance(given.content, str):
        return ([TextPart(given.content)] if given.content else []), []
    parts: list[ContentPart] = []
    results: list[Message] = []
    for block in given.content:
        if block.type == "text":
            parts.append(TextPart(block.text))
        elif block.type == "thinking":
            parts.append(ReasoningPart(block.thinking, block.signature))
        elif block.type == "redacted_thinking":
            parts.append(ReasoningPart("", block.data, redacted=True))
        elif block.type == "reasoning":
            text = "\n\n".join(text for each in block.summary if (text := _text_of(each)))
            if text:
                parts.append(ReasoningPart(text))
        elif block.type == "tool_call":
            parts.append(ToolCallPart(block.id, block.name, _json(block.input)))
        elif block.type == "tool_result":
            results.append(Message("tool", [ToolResultPart(block.tool_call_id, _output(block.output))]))
        else:
            parts.append(_image(block.source, where))
    return parts, results


def _image(source: Mapping[str, Any], where: str) -> ImagePart:
    """Read an image's source: ``{type: base64, media_type, data}``, or ``{type: url, url}``."""
    url, data = source.get("url"), source.get("data")
    if isinstance(url, str):
        return ImagePart(url=url)
    if isinstance(data, bytes):
        return ImagePart(data=data, media_type=source.get("media_type"))
    if isinstance(data, str):
        return ImagePart(url=f"data:{source.get('media_type') or 'image/png'};base64,{data}")
    raise _invalid(f"{where}: an image needs a source with 'url', or with 'data' in base64; it has {sorted(source)}")


def _with_all_results(messages: list[Message]) -> tuple[list[Message], list[Repair]]:
    """Return the messages with a result for each call, next to it.

    A session that was cancelled between a call and its result lacks it, and vendors refuse such a conversation.
    """
    if not any(message.tool_calls for message in messages):
        return messages, []
    known = {
        part.id for message in messages if message.role == "tool" for part in message.parts
        if isinstance(part, ToolResultPart)
    }  # fmt: skip
    repaired: list[Message] = []
    repairs: list[Repair] = []
    for message in messages:
        repaired.append(message)
        for call in message.tool_calls:
            if call.id not in known:
                repairs.append(Repair(call.id, call.name))
                repaired.append(Message("tool", [ToolResultPart(call.id, MISSING_RESULT, is_error=True)]))
    return repaired, repairs


def _fields(value: Any) -> dict[str, Any]:
    if isinstance(value, Mapping):
        return dict(cast("Mapping[str, Any]", value))
    return dict(value.model_dump()) if hasattr(value, "model_dump") else {}


def _text_of(value: Any) -> str:
    return value if isinstance(value, str) else str(_fields(value).get("text") or "")


def _json(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _output(value: Any) -> str:
    """Return a tool's output as the model reads it: a text as it is, anything else as JSON."""
    if isinstance(value, list):
        blocks = [_fields(each) for each in cast("list[Any]", value)]
        if blocks and all(block.get("type") == "text" for block in blocks):
            return "\n\n".join(str(block.get("text", "")) for block in blocks)
    return _json(value)


def _invalid(message: str) -> InvalidRequestError:
    return InvalidRequestError(message, provider="browserllm")
