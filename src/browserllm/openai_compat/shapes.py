"""The answers of OpenAI's chat completions API as data: the names and fields of its reference and official SDK.

A field that has no default here is always written, as the API does; the others only when they say something. What
browserllm adds lies in one field, ``browserllm``, and a model's thinking in ``reasoning_content``, as compatible
servers have it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any, Literal, cast

import msgspec

from ..types import ChatWarning, Hop, ReasoningPart, TextPart, Timings, ToolCallPart

FinishReason = Literal["stop", "length", "tool_calls", "content_filter"]


class Shape(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The methods of the official SDK's objects that programs use."""

    def to_dict(self) -> dict[str, Any]:
        """Return the object as the API writes it, without unset fields."""
        return msgspec.to_builtins(self, enc_hook=_plain)

    def to_json(self, *, indent: int | None = 2) -> str:
        """Return `to_dict` as JSON."""
        return _json(self.to_dict(), indent)

    def model_dump(
        self,
        *,
        mode: Literal["python", "json"] = "python",
        exclude_none: bool = False,
        exclude_unset: bool = False,
    ) -> dict[str, Any]:
        """Return the object as a dict, with all its fields unless told otherwise."""
        return self.to_dict() if exclude_unset else _dump(self, exclude_none)

    def model_dump_json(
        self, *, indent: int | None = None, exclude_none: bool = False, exclude_unset: bool = False
    ) -> str:
        """Return `model_dump` as JSON."""
        return _json(self.model_dump(exclude_none=exclude_none, exclude_unset=exclude_unset), indent)


def _dump(value: Any, exclude_none: bool) -> Any:
    if isinstance(value, Shape):
        fields = ((name, getattr(value, name)) for name in value.__struct_fields__)
        return {name: _dump(each, exclude_none) for name, each in fields if not (exclude_none and each is None)}
    if isinstance(value, list):
        return [_dump(each, exclude_none) for each in cast("list[Any]", value)]
    return msgspec.to_builtins(value, enc_hook=_plain)


def _plain(value: Any) -> Any:
    """Return an object of the caller's type (``parsed``) as plain data."""
    dump = getattr(value, "model_dump", None)
    if dump is None:
        raise NotImplementedError(f"{type(value).__name__!r} cannot be written as JSON")
    return dump(mode="json")


def _json(value: Any, indent: int | None) -> str:
    text = msgspec.json.encode(value)
    return (text if indent is None else msgspec.json.format(text, indent=indent)).decode()


# What browserllm adds


class AnswerExtras(Shape):
    """The backend that answered, its timings and cost, and warnings about ignored parameters.

    ``finish_reason`` is ours, where OpenAI has no word for it (``cancelled``). ``mode`` and ``repairs`` are those of
    an answer that was parsed. ``restart`` says that a router's next backend begins the answer anew: what was streamed
    before this chunk no longer counts.
    """

    backend: str | None = None
    engine: str | None = None
    device: str | None = None
    adapter: str | None = None
    finish_reason: str | None = None
    cost_usd: float | None = None
    provider_request_id: str | None = None
    timings: Timings | None = None
    warnings: list[ChatWarning] = []
    route: list[Hop] = []
    mode: str | None = None
    repairs: int | None = None
    restart: Hop | None = None


class MessageExtras(Shape):
    """A message's thinking with the signatures that some providers want back with the history.

    ``parts`` is the whole turn, where OpenAI's message has no place for the order of its parts or a text's signature.
    """

    reasoning: list[ReasoningPart]
    parts: list[ReasoningPart | TextPart | ToolCallPart] | None = None


class ToolCallExtras(Shape):
    """The signature that some providers require back, unchanged, with a tool call."""

    signature: str


class ModelExtras(Shape):
    """What is known about a model on this device."""

    name: str = ""
    context_window: int | None = None
    downloaded: bool = False
    loaded: bool = False


# A complete answer


class Function(Shape):
    """The function of a tool call; ``arguments`` is JSON text, ``parsed_arguments`` what `parse` made of it."""

    name: str
    arguments: str
    parsed_arguments: Any = None


class ToolCall(Shape):
    """The model calls a tool."""

    id: str
    function: Function
    type: Literal["function"]
    browserllm: ToolCallExtras | None = None


class ChatCompletionMessage(Shape):
    """The model's message; send it back in ``messages`` unchanged."""

    role: Literal["assistant"]
    content: str | None
    refusal: str | None
    tool_calls: list[ToolCall] | None = None
    function_call: None = None
    annotations: None = None
    audio: None = None
    reasoning_content: str | None = None
    parsed: Any = None
    browserllm: MessageExtras | None = None


class TopLogprob(Shape):
    """An alternative token."""

    token: str
    logprob: float
    bytes: list[int] | None


class TokenLogprob(Shape):
    """A token of the answer, with its logarithmic probability."""

    token: str
    logprob: float
    bytes: list[int] | None
    top_logprobs: list[TopLogprob]


class ChoiceLogprobs(Shape):
    """The tokens of an answer or of a piece of it."""

    content: list[TokenLogprob] | None
    refusal: list[TokenLogprob] | None


class Choice(Shape):
    """One answer."""

    finish_reason: FinishReason
    index: int
    message: ChatCompletionMessage
    logprobs: ChoiceLogprobs | None


class PromptTokensDetails(Shape):
    """The prompt tokens that were read from a cache, and those written to one."""

    cached_tokens: int
    cache_write_tokens: int = 0


class CompletionTokensDetails(Shape):
    """The thinking tokens of an answer."""

    reasoning_tokens: int


class CompletionUsage(Shape):
    """The tokens that an answer used."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptTokensDetails
    completion_tokens_details: CompletionTokensDetails


class ChatCompletion(Shape):
    """A complete answer."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[Choice]
    usage: CompletionUsage | None
    system_fingerprint: str | None = None
    service_tier: str | None = None
    browserllm: AnswerExtras | None = None


# A streamed answer


class DeltaFunction(Shape):
    """What a chunk adds to the function of a call."""

    name: str | None = None
    arguments: str | None = None


class DeltaToolCall(Shape):
    """What a chunk adds to the call of this ``index``; the first one of a call has its id and name."""

    index: int
    id: str | None = None
    function: DeltaFunction | None = None
    type: Literal["function"] | None = None
    browserllm: ToolCallExtras | None = None


class ChoiceDelta(Shape):
    """What a chunk adds to the message; the last one has its ``browserllm``, where there is one."""

    role: Literal["assistant"] | None = None
    content: str | None = None
    refusal: str | None = None
    tool_calls: list[DeltaToolCall] | None = None
    function_call: None = None
    reasoning_content: str | None = None
    browserllm: MessageExtras | None = None


class ChunkChoice(Shape):
    """What a chunk adds to an answer; the last one says why it ended."""

    index: int
    delta: ChoiceDelta
    finish_reason: FinishReason | None
    logprobs: ChoiceLogprobs | None = None


class ChatCompletionChunk(Shape):
    """A piece of a streamed answer; the one with the ``usage`` has no choices."""

    id: str
    object: Literal["chat.completion.chunk"]
    created: int
    model: str
    choices: list[ChunkChoice]
    usage: CompletionUsage | None = None
    system_fingerprint: str | None = None
    service_tier: str | None = None
    browserllm: AnswerExtras | None = None


# Models and embeddings


class Model(Shape):
    """An available model."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: str
    browserllm: ModelExtras | None = None


class ModelList(Shape):
    """The available models; iterate it, also with ``async for``."""

    object: Literal["list"]
    data: list[Model]

    def __iter__(self) -> Iterator[Model]:
        return iter(self.data)

    async def __aiter__(self) -> AsyncIterator[Model]:
        for model in self.data:
            yield model


class Embedding(Shape):
    """A text as a vector: numbers, or with ``encoding_format="base64"`` their bytes (32-bit floats, little-endian)."""

    object: Literal["embedding"]
    index: int
    embedding: list[float] | str


class EmbeddingUsage(Shape):
    """The tokens that embeddings used."""

    prompt_tokens: int
    total_tokens: int


class CreateEmbeddingResponse(Shape):
    """Vectors, in the order of the texts."""

    object: Literal["list"]
    data: list[Embedding]
    model: str
    usage: EmbeddingUsage
