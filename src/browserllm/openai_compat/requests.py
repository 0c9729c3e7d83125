"""Converts OpenAI's requests, as JSON or keyword arguments, to ours.

The format is https://developers.openai.com/api/reference (chat completions). An unknown parameter is an error that
suggests the nearest name. A parameter of OpenAI's without effect here becomes a warning on the answer, or with
``unsupported="error"`` an `Unsupported`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, cast

from .._internal.http.secrets import Mask, secrets_in
from ..errors import InvalidRequest, Unsupported
from ..types import ChatRequest, ChatWarning, ThinkingEffort
from .messages import RequestReader, fields_of, list_of, shorten, wrong

_PASSED_THROUGH = frozenset(
    {
        "model",
        "temperature",
        "top_p",
        "frequency_penalty",
        "presence_penalty",
        "seed",
        "logprobs",
        "top_logprobs",
        "n",
        "stop",
        "logit_bias",
        "metadata",
    }
)
OWN_FIELDS = frozenset({"top_k", "thinking", "deadline_s", "private", "unsupported"})
"""The fields of `ChatRequest` that OpenAI does not know; the official SDK sends them in its ``extra_body``."""

_READ_HERE = frozenset(
    {
        "messages",
        "max_tokens",
        "max_completion_tokens",
        "tools",
        "tool_choice",
        "response_format",
        "reasoning_effort",
        "stream",
        "stream_options",
    }
)

# Parameters without effect here, with the values that ask for nothing and so need no warning.
_IGNORED: dict[str, tuple[Any, ...]] = {
    "audio": (),
    "extra_headers": (),
    "extra_query": (),
    "modalities": (["text"],),
    "moderation": (),
    "parallel_tool_calls": (True,),
    "prediction": (),
    "prompt_cache_key": (),
    "prompt_cache_options": (),
    "prompt_cache_retention": (),
    "safety_identifier": (),
    "service_tier": ("auto", "default"),
    "store": (False,),
    "user": (),
    "verbosity": (),
    "web_search_options": (),
}
# OpenAI's efforts, as `ChatRequest.thinking`.
_EFFORTS: dict[str, bool | ThinkingEffort] = {
    "none": False,
    "minimal": "low",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "high",
    "max": "high",
}
_REPLACED = {"functions": "tools", "function_call": "tool_choice"}
_KNOWN = _PASSED_THROUGH | OWN_FIELDS | _READ_HERE | _IGNORED.keys() | _REPLACED.keys()


class ReadRequest(NamedTuple):
    """A converted request, whether to stream the answer, and warnings about ignored parameters.

    The backend validates the request's values.
    """

    request: ChatRequest
    stream: bool
    include_usage: bool
    warnings: list[ChatWarning]


def read_request(body: Mapping[str, Any]) -> ReadRequest:
    """Read the parameters of a chat completion, by name; ``None`` is a parameter that was not given.

    Raises `InvalidRequest` for an unknown parameter and for invalid messages, parts, calls and tools. With
    ``unsupported="error"``, raises `Unsupported` for what would be ignored.
    """
    given = {name: value for name, value in body.items() if value is not None and not is_not_given(value)}
    _check_names(given)
    if "messages" not in given:
        raise InvalidRequest("messages is missing; pass at least one message", parameter="messages")
    reading = RequestReader(strict=given.get("unsupported") == "error")
    fields = {name: value for name, value in given.items() if name in _PASSED_THROUGH | OWN_FIELDS}
    fields["messages"] = reading.messages(given["messages"])
    fields["tools"], fields["tool_choice"] = reading.tools(given.get("tools", ()), given.get("tool_choice"))
    fields["max_tokens"] = _max_tokens(given)
    if "reasoning_effort" in given:
        fields["thinking"] = _thinking(given, reading)
    fields["response_format"] = _response_format(given.get("response_format"))
    for name, harmless in _IGNORED.items():
        if name in given and given[name] not in harmless:
            shown = repr(given[name])
            if name in {"extra_headers", "extra_query"}:
                shown = _masked(given[name])
            reading.report(name, f"{name}={shown} is not supported; it was left out")
    stream = _flag(given, "stream")
    include_usage = _include_usage(given, stream=stream, reading=reading)
    return ReadRequest(ChatRequest(**fields), stream, include_usage, reading.warnings)


def _max_tokens(given: dict[str, Any]) -> Any:
    older, newer = given.get("max_tokens"), given.get("max_completion_tokens")
    if older is not None and newer is not None and older != newer:
        raise InvalidRequest(
            f"max_tokens={older!r} and max_completion_tokens={newer!r} contradict each other; pass only one of them",
            parameter="max_completion_tokens",
        )
    return older if newer is None else newer


def _thinking(given: dict[str, Any], reading: RequestReader) -> bool | ThinkingEffort:
    effort = given["reasoning_effort"]
    if not isinstance(effort, str) or effort not in _EFFORTS:
        choices = ", ".join(map(repr, _EFFORTS))
        raise InvalidRequest(
            f"reasoning_effort={shorten(effort)} is not valid; use one of {choices}", parameter="reasoning_effort"
        )
    thinking = _EFFORTS[effort]
    said = given.get("thinking")
    if said not in (None, thinking) and not (said is True and thinking):
        raise InvalidRequest(
            f"reasoning_effort={effort!r} and thinking={said!r} contradict each other; pass only one of them",
            parameter="reasoning_effort",
        )
    if thinking not in (False, effort):
        reading.report("reasoning_effort", f"reasoning_effort={effort!r} is not supported; used {thinking!r} instead")
    return thinking


def _response_format(given: Any) -> dict[str, Any] | None:
    if given is None:
        return None
    if not isinstance(given, Mapping):
        raise InvalidRequest(
            f"response_format={given!r} is not valid: create() takes {{'type': ...}}; for a Python type use "
            "chat.completions.parse()",
            parameter="response_format",
        )
    fields = dict(cast("Mapping[str, Any]", given))
    return None if fields.get("type") == "text" else fields


def _include_usage(given: dict[str, Any], *, stream: bool, reading: RequestReader) -> bool:
    if "stream_options" not in given:
        return False
    if not stream:
        raise InvalidRequest("stream_options needs stream=True", parameter="stream_options")
    options = fields_of(given["stream_options"], "stream_options")
    for name, value in options.items():
        if name not in ("include_usage", "include_obfuscation"):
            raise wrong("stream_options", f"unknown option {name!r}; use 'include_usage'")
        if name == "include_obfuscation" and value:
            reading.report("stream_options", "stream_options: include_obfuscation is not supported; it was ignored")
    return _flag(options, "include_usage")


def _flag(fields: dict[str, Any], name: str) -> bool:
    value = fields.get(name) or False
    if not isinstance(value, bool):
        raise InvalidRequest(f"{name}={value!r} is not valid; use True or False", parameter=name)
    return value


def _masked(given: Any) -> str:
    """Return the repr of headers or a query with secrets masked."""
    if not isinstance(given, Mapping):
        return f"{type(given).__name__}(...)"
    texts = {str(name): str(value) for name, value in cast("Mapping[Any, Any]", given).items()}
    return Mask(secrets_in(texts)).text(repr(cast("object", given)))


def _check_names(given: Mapping[str, Any]) -> None:
    for name in given:
        if name in _REPLACED:
            raise InvalidRequest(f"{name!r} is deprecated; use {_REPLACED[name]!r}", parameter=name)
        if name not in _KNOWN:
            import difflib

            near = difflib.get_close_matches(name, sorted(_KNOWN - _REPLACED.keys()), n=1, cutoff=0.5)
            hint = f"did you mean {near[0]!r}?" if near else f"known parameters: {', '.join(sorted(_KNOWN))}"
            raise InvalidRequest(f"unknown parameter {name!r}; {hint}", parameter=name)


def is_not_given(value: object) -> bool:
    """Return whether a value is the official SDK's marker for a parameter that was not given."""
    kind = type(value)
    return kind.__name__ in ("NotGiven", "Omit") and kind.__module__.partition(".")[0] == "openai"


class EmbeddingRequest(NamedTuple):
    """A request for embeddings: the texts and the encoding."""

    texts: list[str]
    encoding_format: Literal["float", "base64"]


def read_embedding_request(body: Mapping[str, Any]) -> EmbeddingRequest:
    """Read the parameters of an embedding request, except the model; ``user`` has no effect.

    Raises `InvalidRequest` for invalid or unknown parameters, `Unsupported` for ``dimensions``.
    """
    given = {name: value for name, value in body.items() if value is not None and not is_not_given(value)}
    for name in given:
        if name not in ("input", "encoding_format", "dimensions", "user"):
            raise InvalidRequest(f"unknown parameter {name!r} of an embedding", parameter=name)
    if "dimensions" in given:
        raise Unsupported(
            f"dimensions={given['dimensions']!r} is not supported: each model has one vector size; leave it out",
            data={"parameter": "dimensions"},
        )
    texts = given.get("input", "")
    texts = [texts] if isinstance(texts, str) else list_of(texts, "input")
    for text in texts:
        if not isinstance(text, str):
            raise wrong("input", f"{shorten(text)} is not valid; use a text or a list of texts")
    encoding_format = given.get("encoding_format", "float")
    if encoding_format not in ("float", "base64"):
        raise InvalidRequest(
            f"encoding_format={encoding_format!r} is not valid; use 'float' or 'base64'", parameter="encoding_format"
        )
    return EmbeddingRequest(texts, encoding_format)
