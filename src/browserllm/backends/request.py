"""Request validation: what a caller passes becomes a checked `ChatRequest`, or an `InvalidRequest` with the value.

Messages are put into their canonical form here, once (see `browserllm.types.content_of`). Everything behind reads
`Message.parts`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import msgspec
from msgspec.structs import replace

from .._internal.nesting import check_depth
from ..errors import InvalidRequest
from ..types import MAX_REQUEST_BYTES, OPTION_RANGES, ROLE_PARTS, ChatRequest, ContentPart, Message, Role, content_of
from .within_private import is_within_private

Prompt = str | Message | Sequence["Message | Mapping[str, Any]"] | ChatRequest
"""What a backend takes: a text, a message, a list of messages (dicts will do), or a whole request."""

_FIELDS = frozenset(ChatRequest.__struct_fields__)
_decoder = msgspec.json.Decoder(ChatRequest)
_encoder = msgspec.json.Encoder()

# What a field may hold, where msgspec's own words do not say it.
_CHOICES = {"thinking": "use True, False, 'low', 'medium', 'high', or None to leave it to the model"}


def build_request(prompt: Prompt, options: Mapping[str, Any]) -> ChatRequest:
    """Make a checked request of a prompt and options; options win over what a given request says.

    But for ``private``: what is private stays so, and what is asked within a private request is private, too. The
    messages of the result are in the canonical form (`content_of`).

    Raises `InvalidRequest` for an unknown option, a wrong type, a value out of range, a chat that makes no sense, or
    more than `MAX_REQUEST_BYTES` of JSON.
    """
    _check_names(options)
    fields: dict[str, Any] = {}
    if isinstance(prompt, ChatRequest):
        fields = {name: getattr(prompt, name) for name in ChatRequest.__struct_fields__}
        if prompt.private and options.get("private") is False:
            raise contradiction("the request says private=True, and the option private=False")
    elif isinstance(prompt, str):
        fields["messages"] = [Message("user", prompt)]
    elif isinstance(prompt, Message):
        fields["messages"] = [prompt]
    else:
        fields["messages"] = prompt
    request = _checked({**fields, **options})
    _check_messages(request.messages)
    return request


def check_options(options: Mapping[str, Any]) -> ChatRequest:
    """Return a request without messages that has these options, checked as `build_request` checks them.

    For what keeps options until there is something to ask. Raises `InvalidRequest` for an unknown option, a wrong type
    or a value out of range, and for ``messages``.
    """
    _check_names(options)
    if "messages" in options:
        raise InvalidRequest("'messages' is not an option; pass messages as the prompt", parameter="messages")
    return _checked({**options, "messages": []})


def contradiction(what: str) -> InvalidRequest:
    """Return the error for a request that is said to be private and not to be."""
    return InvalidRequest(
        f"{what}: a private request is not made public by an option; say private once, and make a new request for what "
        "may leave the device",
        parameter="private",
    )


def _checked(fields: dict[str, Any]) -> ChatRequest:
    """Return the request of these fields, all but its messages checked."""
    if is_within_private() and fields.get("private", False) is False:
        fields["private"] = True
    if fields.get("tools", []) != []:
        from .tools import declared_tools  # others start sooner without it

        fields["tools"] = declared_tools(fields["tools"])
    if isinstance(fields.get("stop"), str):
        fields["stop"] = [fields["stop"]]
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
    # A request made by hand is not checked by its type; its JSON is, and the JSON's size is what the limit means.
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
    """Return the error for JSON that is no request: each field is decoded by itself, to see which one is wrong."""
    raw = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    for field in msgspec.structs.fields(ChatRequest):
        if field.name not in raw or (why := _misfit(raw[field.name], field.type)) is None:
            continue
        name, value = field.name, fields[field.name]
        if name == "messages" and isinstance(value, (list, tuple)):
            messages = cast("Sequence[object]", value)
            for index, each in enumerate(msgspec.json.decode(raw[name], type=list[msgspec.Raw])):
                if (found := _misfit(each, Message)) is not None:
                    name, value, why = f"messages[{index}]", messages[index], found
                    break
        why = _CHOICES.get(name, why)
        return InvalidRequest(f"{name}={_shorten(value)} is not valid: {why}", parameter=field.name)
    return InvalidRequest(f"the request is not valid: {error}")


def _misfit(raw: msgspec.Raw, kind: Any) -> str | None:
    """Say why a piece of JSON is not of a type; ``None`` where it is."""
    try:
        msgspec.json.decode(raw, type=kind)
    except msgspec.ValidationError as error:
        return str(error)
    return None


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
        raise InvalidRequest(f"stop={request.stop!r} holds an empty text, which would stop at once", parameter="stop")


def _check_messages(messages: list[Message]) -> None:
    """Check that the messages make a chat, and put each into the canonical form."""
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
            "messages holds only system messages; add a message with role 'user'", parameter="messages"
        )


def check_parts(role: Role, parts: Sequence[ContentPart], index: int) -> None:
    """Raise `InvalidRequest` where ``messages[index]``, of this role, holds what `ROLE_PARTS` does not have for it."""
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
