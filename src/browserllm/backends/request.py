"""Request validation: turns what a caller passes into a checked `ChatRequest`, or raises `InvalidRequest`.

It puts messages into their canonical form, once (see `browserllm.types.content_of`). Later code reads `Message.parts`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, cast

import msgspec
from msgspec.structs import replace

from .._internal.content import content_of
from .._internal.nesting import check_depth
from ..errors import InvalidRequest
from ..types import MAX_REQUEST_BYTES, OPTION_RANGES, ROLE_PARTS, ChatRequest, ContentPart, Message, Role
from .private_context import is_within_private

Prompt = str | Message | Sequence[Message | Mapping[str, Any]] | ChatRequest
"""What a backend accepts as a prompt: a text, a message, a list of messages (or dicts), or a whole request."""

_FIELDS = frozenset(ChatRequest.__struct_fields__)
_decoder = msgspec.json.Decoder(ChatRequest)
_encoder = msgspec.json.Encoder()

# The choices of a field, where msgspec's message does not list them.
_CHOICES = {"thinking": "use True, False, 'low', 'medium', 'high', or None to leave it to the model"}


def build_request(prompt: Prompt, options: Mapping[str, Any]) -> ChatRequest:
    """Build a checked request from a prompt and options; options override the fields of a given request.

    The exception is ``private``: a private request stays private, and so is a request made within one. The messages of
    the result are in canonical form (`content_of`).

    Raises `InvalidRequest` for an unknown option, a wrong type, a value out of range, messages that do not form a chat,
    or more than `MAX_REQUEST_BYTES` of JSON.
    """
    _check_names(options)
    fields: dict[str, Any] = {}
    if isinstance(prompt, ChatRequest):
        fields = {name: getattr(prompt, name) for name in ChatRequest.__struct_fields__}
        if prompt.private and options.get("private") is False:
            raise contradiction("the request has private=True, but the option is private=False")
    elif isinstance(prompt, str):
        if not prompt.strip():
            raise InvalidRequest(
                f"the prompt {_shorten(prompt)} is empty; messages need some text", parameter="messages"
            )
        fields["messages"] = [Message("user", prompt)]
    elif isinstance(prompt, Message):
        fields["messages"] = [prompt]
    else:
        fields["messages"] = prompt
    request = _checked({**fields, **options})
    _check_messages(request.messages)
    return request


def check_options(options: Mapping[str, Any]) -> ChatRequest:
    """Check options as `build_request` does, and return them as a request without messages.

    For callers that keep options for later requests. Raises `InvalidRequest` for an unknown option, a wrong type, a
    value out of range, or ``messages``.
    """
    _check_names(options)
    if "messages" in options:
        raise InvalidRequest("'messages' is not an option; pass messages as the prompt", parameter="messages")
    return _checked({**options, "messages": []})


def contradiction(what: str) -> InvalidRequest:
    """Return the error for contradicting values of ``private``."""
    return InvalidRequest(
        f"{what}: an option cannot make a private request public; set private once, and build a new request for what "
        "may leave the device",
        parameter="private",
    )


def _checked(fields: dict[str, Any]) -> ChatRequest:
    """Return the request with these fields; everything but the messages is checked."""
    if is_within_private() and fields.get("private", False) is False:
        fields["private"] = True
    if fields.get("tools", []) != []:
        from .tools import declared_tools  # imported late: most requests have no tools

        fields["tools"] = declared_tools(fields["tools"])
    if isinstance(fields.get("stop"), str):
        fields["stop"] = [fields["stop"]]
    _check_finite(fields)
    request = _decode(_encode(fields), fields)
    _check_ranges(request)
    return request


def _check_names(options: Mapping[str, Any]) -> None:
    for name in options:
        if name not in _FIELDS:
            import difflib

            near = difflib.get_close_matches(name, sorted(_FIELDS), n=1, cutoff=0.5)
            hint = f"did you mean {near[0]!r}?" if near else f"known options: {', '.join(sorted(_FIELDS))}"
            raise InvalidRequest(f"unknown option {name!r}; {hint}", parameter=name)


def _encode(fields: Mapping[str, Any]) -> bytes:
    # msgspec does not check the types of a Struct built in Python, but it checks JSON; the size limit is of the JSON.
    try:
        text = _encoder.encode(fields)
        check_depth(text)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidRequest(f"the request cannot be written as JSON: {error}") from error
    if len(text) > MAX_REQUEST_BYTES:
        raise InvalidRequest(
            f"the request is {len(text)} bytes of JSON, over the limit of {MAX_REQUEST_BYTES}; "
            "shorten the messages or shrink their images",
            parameter="messages",
            data={"size_bytes": len(text), "limit_bytes": MAX_REQUEST_BYTES},
        )
    return text


def _decode(text: bytes, fields: Mapping[str, Any]) -> ChatRequest:
    try:
        return _decoder.decode(text)
    except msgspec.ValidationError as error:
        raise _wrong_type(text, fields, error) from error


def _wrong_type(text: bytes, fields: Mapping[str, Any], error: msgspec.ValidationError) -> InvalidRequest:
    """Return the error for JSON that is not a request: decodes field by field to find the wrong one."""
    raw = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    for field in msgspec.structs.fields(ChatRequest):
        if field.name not in raw or (why := _invalid_value(raw[field.name], field.type)) is None:
            continue
        name, value = field.name, fields[field.name]
        if name == "messages" and isinstance(value, (list, tuple)):
            messages = cast("Sequence[object]", value)
            for index, each in enumerate(msgspec.json.decode(raw[name], type=list[msgspec.Raw])):
                if (found := _invalid_value(each, Message)) is not None:
                    name, value, why = f"messages[{index}]", messages[index], found
                    if "`$.role`" in found:
                        why = f"{found}; use one of {', '.join(map(repr, ROLE_PARTS))}"
                    break
        why = _CHOICES.get(name, why)
        return InvalidRequest(f"{name}={_shorten(value)} is not valid: {why}", parameter=field.name)
    return InvalidRequest(f"the request is not valid: {error}")


def _invalid_value(raw: msgspec.Raw, kind: Any) -> str | None:
    """Return why a piece of JSON does not match a type, or ``None`` if it does."""
    try:
        msgspec.json.decode(raw, type=kind)
    except msgspec.ValidationError as error:
        return str(error)
    return None


def _check_finite(fields: Mapping[str, Any]) -> None:
    """Raise `InvalidRequest` for NaN and infinity, which JSON writes as null: the option would be left out."""
    for name, *_ in OPTION_RANGES:
        value = fields.get(name)
        if isinstance(value, float) and not math.isfinite(value):
            raise InvalidRequest(f"{name}={value!r} is not valid: it must be a finite number", parameter=name)


def _check_ranges(request: ChatRequest) -> None:
    for name, low, high, inclusive in OPTION_RANGES:
        value: float | None = getattr(request, name)
        if value is None:
            continue
        if not ((value >= low if inclusive else value > low) and value <= high):
            start = f"at least {low:g}" if inclusive else f"above {low:g}"
            end = "" if high == float("inf") else f" and at most {high:g}"
            raise InvalidRequest(f"{name}={value!r} is out of range: it must be {start}{end}", parameter=name)
    if request.top_logprobs is not None and not request.logprobs:
        raise InvalidRequest(f"top_logprobs={request.top_logprobs!r} needs logprobs=True", parameter="top_logprobs")
    if "" in request.stop:
        raise InvalidRequest(
            f"stop={request.stop!r} contains an empty text, which would stop at once; remove it", parameter="stop"
        )


def _check_messages(messages: list[Message]) -> None:
    """Check that the messages form a chat, and put each into canonical form."""
    if not messages:
        raise InvalidRequest("messages=[] is empty; pass at least one message", parameter="messages")
    before = "system"
    for index, message in enumerate(messages):
        if message.role == "system" and before != "system":
            raise InvalidRequest(
                f"messages[{index}] has role 'system' after role {before!r}; system messages come first",
                parameter="messages",
            )
        before = message.role
        parts = message.parts
        check_parts(message.role, parts, index)
        content = content_of(parts)
        if content is not message.content:
            messages[index] = replace(message, content=content)
    if before == "system":
        raise InvalidRequest(
            "messages contains only system messages; add a message with role 'user'", parameter="messages"
        )


def check_parts(role: Role, parts: Sequence[ContentPart], index: int) -> None:
    """Raise `InvalidRequest` if ``messages[index]`` contains a part that `ROLE_PARTS` does not allow for its role."""
    allowed = ROLE_PARTS[role]
    if role == "tool" and not any(isinstance(part, allowed) for part in parts):
        raise InvalidRequest(
            f"messages[{index}] has role 'tool' and no ToolResultPart; pass one with the id of the call it answers",
            parameter="messages",
        )
    for part in parts:
        if not isinstance(part, allowed):
            owners = [repr(each) for each, kinds in ROLE_PARTS.items() if isinstance(part, kinds)]
            raise InvalidRequest(
                f"messages[{index}] has role {role!r} and a {type(part).__name__}, which only role "
                f"{' or '.join(owners)} can have; role {role!r} can have "
                f"{', '.join(kind.__name__ for kind in allowed)}",
                parameter="messages",
            )


def _shorten(value: Any, limit: int = 80) -> str:
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"
