"""The door: whatever a caller passes becomes a checked `ChatRequest`, or an `InvalidRequest` that names the value."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from .._internal.nesting import check_depth
from ..errors import InvalidRequest
from ..types import MAX_REQUEST_BYTES, ChatRequest, Message, ReasoningPart, ToolResultPart
from .within_private import is_within_private

Prompt = str | Message | Sequence["Message | Mapping[str, Any]"] | ChatRequest
"""What a backend takes: a text, a message, a list of messages (dicts will do), or a whole request."""

_FIELDS = frozenset(ChatRequest.__struct_fields__)
_decoder = msgspec.json.Decoder(ChatRequest)
_encoder = msgspec.json.Encoder()

# What a field may hold, where msgspec's own words do not say it.
_CHOICES = {"thinking": "use True, False, 'low', 'medium', 'high', or None to leave it to the model"}

# (field, smallest, largest, whether the smallest itself is allowed)
_RANGES: tuple[tuple[str, float, float, bool], ...] = (
    ("temperature", 0, 2, True),
    ("top_p", 0, 1, False),
    ("top_k", 1, float("inf"), True),
    ("max_tokens", 1, float("inf"), True),
    ("frequency_penalty", -2, 2, True),
    ("presence_penalty", -2, 2, True),
    ("top_logprobs", 0, 20, True),
    ("n", 1, float("inf"), True),
    ("deadline_s", 0, float("inf"), False),
)


def build_request(prompt: Prompt, options: Mapping[str, Any]) -> ChatRequest:
    """Make a checked request of a prompt and options; options win over what a given request says.

    But for ``private``: what is private stays so, and what is asked within a private request is private, too.
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
    fields.update(options)
    if is_within_private() and fields.get("private", False) is False:
        fields["private"] = True
    if fields.get("tools", []) != []:
        from .tools import declared_tools  # others start sooner without it

        fields["tools"] = declared_tools(fields["tools"])
    if isinstance(fields.get("stop"), str):
        fields["stop"] = [fields["stop"]]
    request = _decode(_encode(fields), fields)
    _check_ranges(request)
    _check_messages(request.messages)
    return request


def contradiction(what: str) -> InvalidRequest:
    """Return the error for a request that is said to be private and not to be."""
    return InvalidRequest(
        f"{what}: a private request is not made public by an option; say private once, and make a new request for what "
        "may leave the device",
        parameter="private",
    )


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
        path = re.search(r"\$\.(\w+)", str(error))
        parameter = path.group(1) if path else "messages"
        value = _shorten(fields.get(parameter))
        why = _CHOICES.get(parameter, str(error))
        raise InvalidRequest(f"{parameter}={value} is not valid: {why}", parameter=parameter) from error


def _check_ranges(request: ChatRequest) -> None:
    for name, low, high, inclusive in _RANGES:
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


def _check_messages(messages: Sequence[Message]) -> None:
    if not messages:
        raise InvalidRequest("messages=[] is empty; pass at least one message", parameter="messages")
    for index, message in enumerate(messages):
        if message.role == "system" and index and messages[index - 1].role != "system":
            raise InvalidRequest(
                f"messages[{index}] has role 'system' after role {messages[index - 1].role!r}; "
                "system messages come first",
                parameter="messages",
            )
        if message.role != "assistant" and _has(message, ReasoningPart):
            raise InvalidRequest(
                f"messages[{index}] has role {message.role!r} and reasoning; only 'assistant' reasons",
                parameter="messages",
            )
        if message.tool_calls and message.role != "assistant":
            raise InvalidRequest(
                f"messages[{index}] has role {message.role!r} and a tool call; only 'assistant' calls tools",
                parameter="messages",
            )
        if message.role != "tool" and _has(message, ToolResultPart):
            raise InvalidRequest(
                f"messages[{index}] has role {message.role!r} and a tool result; use role 'tool'",
                parameter="messages",
            )
    if all(message.role == "system" for message in messages):
        raise InvalidRequest(
            "messages holds only system messages; add a message with role 'user'", parameter="messages"
        )


def _has(message: Message, kind: type[Any]) -> bool:
    return not isinstance(message.content, str) and any(isinstance(part, kind) for part in message.content)


def _shorten(value: Any, limit: int = 80) -> str:
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"
