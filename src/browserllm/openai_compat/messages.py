"""Converts OpenAI's messages and tools to ours: from dicts, our own objects, and those of the official SDK."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, cast

import msgspec

from .._internal.content import content_of
from ..backends.media import SOUND_FORMATS
from ..errors import InvalidRequest, Unsupported
from ..types import (
    AudioPart,
    ChatWarning,
    ContentPart,
    ImagePart,
    Message,
    ReasoningPart,
    Role,
    TextPart,
    Tool,
    ToolCallPart,
    ToolResultPart,
)
from .shapes import MessageExtras, Shape, ToolCallExtras

T = TypeVar("T")

_ROLES: dict[str, Role] = {
    "developer": "system",
    "system": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
}
_MESSAGE_FIELDS = frozenset({"role", "content", "name", "tool_call_id", "tool_calls", "refusal", "function_call"}) | {
    *("reasoning_content", "browserllm"),
    # Fields of an answer that is sent back; they mean nothing to a model.
    *("annotations", "parsed"),
}


class RequestReader:
    """Converts the messages and tools of one request, and collects warnings about what is ignored."""

    def __init__(self, *, strict: bool) -> None:
        """With ``strict``, what would be ignored is an error instead of a warning."""
        self.warnings: list[ChatWarning] = []
        self._strict = strict

    def report(self, parameter: str, message: str) -> None:
        """Warn that something is ignored, or raise `Unsupported`."""
        if self._strict:
            raise Unsupported(message, data={"parameter": parameter})
        self.warnings.append(ChatWarning(parameter, message))

    def messages(self, given: Any) -> list[Message]:
        """Convert the messages."""
        return [self._message(each, f"messages[{index}]") for index, each in enumerate(list_of(given, "messages"))]

    def _message(self, given: Any, where: str) -> Message:
        fields = fields_of(given, where)
        role_name = fields.get("role")
        role = _ROLES.get(role_name) if isinstance(role_name, str) else None
        if role_name == "function" or fields.get("function_call") is not None:
            raise wrong(where, "role 'function' and function_call are deprecated; use tool_calls and role 'tool'")
        if role is None:
            raise wrong(where, f"role={role_name!r} is not valid; use one of {', '.join(map(repr, _ROLES))}")
        for name in fields:
            if name not in _MESSAGE_FIELDS and fields[name] is not None:
                self.report(f"{where}.{name}", f"{where}: {name!r} is not supported; it was left out")
        parts = self._parts(fields, role, where)
        if role == "tool":
            parts = [_tool_result(fields, parts, where)]
        elif role == "assistant":
            parts = _assistant(fields, parts, where)
        elif fields.get("tool_calls"):
            raise wrong(where, f"role {role_name!r} cannot have tool_calls; only 'assistant' calls tools")
        return Message(role, content_of(parts), name=fields.get("name"))

    def _parts(self, fields: dict[str, Any], role: Role, where: str) -> list[ContentPart]:
        content = fields.get("content")
        if content is None:
            if role != "assistant":
                raise wrong(where, "content is missing; use a text or a list of parts")
            return []
        if isinstance(content, str):
            return [TextPart(content)] if content else []
        given = list_of(content, f"{where}.content")
        parts = [self._part(each, f"{where}.content[{index}]") for index, each in enumerate(given)]
        return [part for part in parts if part is not None]

    def _part(self, given: Any, where: str) -> ContentPart | None:
        fields = fields_of(given, where)
        kind = fields.get("type")
        if kind in ("text", "refusal"):
            return TextPart(text_of(fields, kind, where))
        if kind == "image_url":
            image = fields_of(fields.get("image_url"), f"{where}.image_url")
            if image.get("detail") not in (None, "auto"):
                self.report(f"{where}.image_url.detail", f"{where}: an image's detail is not supported; it was ignored")
            return ImagePart(url=text_of(image, "url", f"{where}.image_url"))
        if kind == "input_audio":
            return _sound(fields_of(fields.get("input_audio"), f"{where}.input_audio"), f"{where}.input_audio")
        if kind == "file":
            self.report(where, f"{where}: a part of type 'file' is not supported; it was left out")
            return None
        raise wrong(where, f"type={kind!r} is not valid; use 'text', 'image_url' or 'input_audio'")

    def tools(self, given: Any, choice: Any) -> tuple[list[Tool], str | dict[str, Any] | None]:
        """Return the tools that may be called and the choice among them."""
        tools = [
            tool
            for index, each in enumerate(list_of(given, "tools"))
            if (tool := self._tool(each, f"tools[{index}]")) is not None
        ]
        if choice is None or isinstance(choice, str):
            return tools, choice
        fields = fields_of(choice, "tool_choice")
        if fields.get("type") != "allowed_tools":
            return tools, fields
        allowed = fields_of(fields.get("allowed_tools"), "tool_choice.allowed_tools")
        where = "tool_choice.allowed_tools.tools"
        names = {
            text_of(fields_of(fields_of(each, where).get("function"), where), "name", where)
            for each in list_of(allowed.get("tools"), where)
        }
        unknown = names - {tool.name for tool in tools}
        if unknown:
            raise wrong(where, f"{sorted(unknown)!r} are not among the tools")
        return [tool for tool in tools if tool.name in names], allowed.get("mode")

    def _tool(self, given: Any, where: str) -> Tool | None:
        fields = fields_of(given, where)
        kind = fields.get("type")
        if kind != "function":
            if kind != "custom":
                raise wrong(where, f"type={kind!r} is not valid; use 'function'")
            self.report(where, f"{where}: a tool of type 'custom' is not supported; it was left out")
            return None
        function = fields_of(fields.get("function"), f"{where}.function")
        parameters = function.get("parameters")
        return Tool(
            name=text_of(function, "name", f"{where}.function"),
            description=text_of(function, "description", f"{where}.function", default=""),
            parameters={} if parameters is None else fields_of(parameters, f"{where}.function.parameters"),
        )


def _assistant(fields: dict[str, Any], said: list[ContentPart], where: str) -> list[ContentPart]:
    """Return the parts of an assistant message: thinking, text or refusal, and calls."""
    extras = fields.get("browserllm")
    given = None if extras is None else _convert(extras, MessageExtras, f"{where}.browserllm")
    text = text_of(fields, "reasoning_content", where, default="")
    parts: list[ContentPart] = [ReasoningPart(text)] if text and given is None else []
    parts += [] if given is None else given.reasoning
    parts += said
    refusal = text_of(fields, "refusal", where, default="")
    parts += [TextPart(refusal)] if refusal else []
    calls = list_of(fields.get("tool_calls") or (), f"{where}.tool_calls")
    parts += [_tool_call(call, f"{where}.tool_calls[{index}]") for index, call in enumerate(calls)]
    if given is not None and given.parts is not None and _is_the_same(given.parts, parts):
        return [*given.parts]
    return parts


def _is_the_same(one: Iterable[ContentPart], other: Iterable[ContentPart]) -> bool:
    """Return whether two lists have the same parts in any order; if not, the program edited the message."""

    def said(parts: Iterable[ContentPart]) -> tuple[str, list[ContentPart]]:
        known = [*parts]
        text = "".join(part.text for part in known if isinstance(part, TextPart))
        return text, sorted((part for part in known if not isinstance(part, TextPart)), key=repr)

    return said(one) == said(other)


def _tool_call(given: Any, where: str) -> ToolCallPart:
    fields = fields_of(given, where)
    if fields.get("type", "function") != "function":
        raise wrong(where, f"type={fields['type']!r} is not valid; use 'function'")
    function = fields_of(fields.get("function"), f"{where}.function")
    extras = fields.get("browserllm")
    return ToolCallPart(
        id=text_of(fields, "id", where),
        name=text_of(function, "name", f"{where}.function"),
        arguments=text_of(function, "arguments", f"{where}.function"),
        signature=None if extras is None else _convert(extras, ToolCallExtras, f"{where}.browserllm").signature,
    )


def _tool_result(fields: dict[str, Any], said: list[ContentPart], where: str) -> ToolResultPart:
    texts = [part.text for part in said if isinstance(part, TextPart)]
    if len(texts) < len(said):
        raise wrong(where, "a tool's result must be text; use only parts of type 'text'")
    return ToolResultPart(id=text_of(fields, "tool_call_id", where), content="".join(texts))


def _sound(fields: dict[str, Any], where: str) -> AudioPart:
    import base64

    media_type = SOUND_FORMATS.get(str(fields.get("format")))
    if media_type is None:
        formats = " or ".join(map(repr, SOUND_FORMATS))
        raise wrong(where, f"format={fields.get('format')!r} is not valid; use {formats}")
    try:
        return AudioPart(data=base64.b64decode(text_of(fields, "data", where), validate=True), media_type=media_type)
    except ValueError as error:  # binascii.Error is one; text that is not ASCII raises another
        raise wrong(where, f"data is not valid base64: {error}") from error


def fields_of(given: Any, where: str) -> dict[str, Any]:
    """Return the fields of a dict, one of our objects, or one of the official SDK's."""
    if isinstance(given, Shape):
        return {name: getattr(given, name) for name in given.__struct_fields__}
    if isinstance(given, Mapping):
        return dict(cast("Mapping[str, Any]", given))
    if hasattr(given, "model_dump"):
        # Iterating a pydantic object yields its fields without converting the values.
        return dict(given)
    raise wrong(where, f"{shorten(given)} is not valid; use a dict or an object of the OpenAI SDK")


def list_of(given: Any, where: str) -> list[Any]:
    """Return the items of an iterable as a list. Raises `InvalidRequest` for strings, mappings and other values."""
    if isinstance(given, (str, bytes, Mapping)) or not isinstance(given, Iterable):
        raise wrong(where, f"{shorten(given)} is not valid; use a list")
    return list(cast("Iterable[Any]", given))


def text_of(fields: dict[str, Any], name: str, where: str, *, default: str | None = None) -> str:
    """Return the text of a field."""
    value = fields.get(name)
    if value is None and default is not None:
        return default
    if not isinstance(value, str):
        raise wrong(where, f"{name}={shorten(value)} is not valid; use a text")
    return value


def _convert(given: Any, kind: type[T], where: str) -> T:
    try:
        return given if isinstance(given, kind) else msgspec.convert(given, kind)
    except msgspec.ValidationError as error:
        raise wrong(where, f"{shorten(given)} is not valid; send it back as it was in the answer: {error}") from error


def wrong(where: str, message: str) -> InvalidRequest:
    """Return the error for an invalid value in the request; ``where`` names its place."""
    return InvalidRequest(f"{where}: {message}", parameter=where)


def shorten(value: Any, limit: int = 80) -> str:
    """Return the repr of a value, cut to ``limit`` characters."""
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"
