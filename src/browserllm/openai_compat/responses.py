"""Converts our answers to OpenAI's formats: completions, chunks, models, embeddings."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Literal, cast

from ..errors import ProtocolError
from ..types import (
    ChatChunk,
    ChatDone,
    ChatResponse,
    ChatRestart,
    ChatStart,
    ChatWarning,
    Embeddings,
    Message,
    ModelInfo,
    ReasoningDelta,
    ReasoningPart,
    TextDelta,
    TextPart,
    ToolCallDelta,
    ToolCallPart,
    Usage,
)
from .shapes import (
    AnswerExtras,
    ChatCompletion,
    ChatCompletionChunk,
    ChatCompletionMessage,
    Choice,
    ChoiceDelta,
    ChoiceLogprobs,
    ChunkChoice,
    CompletionTokensDetails,
    CompletionUsage,
    CreateEmbeddingResponse,
    DeltaFunction,
    DeltaToolCall,
    Embedding,
    EmbeddingUsage,
    FinishReason,
    Function,
    MessageExtras,
    Model,
    ModelExtras,
    ModelList,
    PromptTokensDetails,
    TokenLogprob,
    ToolCall,
    ToolCallExtras,
    TopLogprob,
)


def completion_of(
    response: ChatResponse, *, warnings: Sequence[ChatWarning] = (), usage: Usage | None = None
) -> ChatCompletion:
    """Return a response as a chat completion.

    ``warnings`` are those about the request; ``usage``, if given, is the sum over several attempts.
    """
    return ChatCompletion(
        id=response.request_id,
        object="chat.completion",
        created=int(time.time()),
        model=response.model or "",
        choices=[
            Choice(
                finish_reason=_finish_reason(response),
                index=0,
                message=_message(response),
                logprobs=_logprobs(response.logprobs) if response.logprobs else None,
            )
        ],
        usage=_usage(usage or response.usage),
        system_fingerprint=_fingerprint(response.engine, response.device),
        browserllm=_extras(response, warnings),
    )


class ChunkWriter:
    """Converts the chunks of one stream: the role first, then the content, the finish reason and, on request, usage."""

    def __init__(self, *, include_usage: bool = False, warnings: Sequence[ChatWarning] = ()) -> None:
        """Convert one answer; ``warnings`` are those about the request."""
        self._include_usage = include_usage
        self._warnings = warnings
        self._created = int(time.time())
        self._id = self._model = ""
        self._fingerprint: str | None = None

    def write(self, chunk: ChatChunk) -> list[ChatCompletionChunk]:
        """Convert one of our chunks to none, one or two of OpenAI's."""
        if isinstance(chunk, TextDelta):
            logprobs = None if chunk.logprobs is None else _logprobs(chunk.logprobs)
            if chunk.signature is not None and not chunk.text and logprobs is None:
                return []  # the last chunk has it, with everything else to send back
            return [self._chunk(ChoiceDelta(content=chunk.text), logprobs=logprobs)]
        if isinstance(chunk, ToolCallDelta):
            return [self._chunk(ChoiceDelta(tool_calls=[_call_delta(chunk)]))]
        if isinstance(chunk, ReasoningDelta):
            return [self._chunk(ChoiceDelta(reasoning_content=chunk.reasoning))] if chunk.reasoning else []
        if isinstance(chunk, ChatStart):
            self._id = chunk.request_id
            extras = self._begin(chunk)
            return [self._chunk(ChoiceDelta(role="assistant", content=""), extras=extras)]
        if isinstance(chunk, ChatRestart):
            extras = self._begin(chunk)
            extras.restart = chunk.hop
            return [self._chunk(ChoiceDelta(), extras=extras)]
        return self._end(chunk.response) if isinstance(chunk, ChatDone) else []

    def _begin(self, chunk: ChatStart | ChatRestart) -> AnswerExtras:
        self._model = chunk.model or ""
        self._fingerprint = _fingerprint(chunk.engine, chunk.device)
        return AnswerExtras(backend=chunk.backend, engine=chunk.engine, device=chunk.device)

    def _end(self, response: ChatResponse) -> list[ChatCompletionChunk]:
        self._model = response.model or self._model
        self._fingerprint = _fingerprint(response.engine, response.device)
        extras = _extras(response, self._warnings)
        delta = ChoiceDelta(browserllm=_message_extras(response.message))
        chunks = [self._chunk(delta, finish_reason=_finish_reason(response), extras=extras)]
        if self._include_usage:
            last = self._chunk(None)
            last.usage = _usage(response.usage)
            chunks.append(last)
        return chunks

    def _chunk(
        self,
        delta: ChoiceDelta | None,
        *,
        finish_reason: FinishReason | None = None,
        logprobs: ChoiceLogprobs | None = None,
        extras: AnswerExtras | None = None,
    ) -> ChatCompletionChunk:
        choice = delta and ChunkChoice(index=0, delta=delta, finish_reason=finish_reason, logprobs=logprobs)
        return ChatCompletionChunk(
            id=self._id,
            object="chat.completion.chunk",
            created=self._created,
            model=self._model,
            choices=[choice] if choice else [],
            system_fingerprint=self._fingerprint,
            browserllm=extras,
        )


def model_of(info: ModelInfo) -> Model:
    """Return a model; its creation time is unknown, so ``created`` is 0."""
    extras = ModelExtras(
        name=info.name, context_window=info.context_window, downloaded=info.downloaded, loaded=info.loaded
    )
    return Model(id=info.id, object="model", created=0, owned_by="browserllm", browserllm=extras)


def models_of(infos: Sequence[ModelInfo]) -> ModelList:
    """Return a list of models."""
    return ModelList(object="list", data=[model_of(info) for info in infos])


def embeddings_of(
    embeddings: Embeddings, *, encoding_format: Literal["float", "base64"] = "float"
) -> CreateEmbeddingResponse:
    """Return vectors, as numbers or as the base64 of 32-bit floats."""
    usage = embeddings.usage
    return CreateEmbeddingResponse(
        object="list",
        data=[
            Embedding(
                object="embedding", index=index, embedding=vector if encoding_format == "float" else _base64(vector)
            )
            for index, vector in enumerate(embeddings.vectors)
        ],
        model=embeddings.model,
        usage=EmbeddingUsage(prompt_tokens=usage.prompt_tokens, total_tokens=usage.total_tokens),
    )


def _message(response: ChatResponse) -> ChatCompletionMessage:
    message = response.message
    calls = [
        ToolCall(
            id=call.id,
            function=Function(name=call.name, arguments=call.arguments),
            type="function",
            browserllm=_signature(call),
        )
        for call in message.tool_calls
    ]
    return ChatCompletionMessage(
        role="assistant",
        content=message.text if message.text or not calls else None,
        refusal=None,
        tool_calls=calls or None,
        reasoning_content=message.reasoning or None,
        browserllm=_message_extras(message),
    )


def _message_extras(message: Message) -> MessageExtras | None:
    """Return the parts of a message that OpenAI's format cannot hold and that must be sent back with it."""
    parts = [part for part in message.parts if isinstance(part, (ReasoningPart, TextPart, ToolCallPart))]
    reasoning = [part for part in parts if isinstance(part, ReasoningPart)]
    texts = [part for part in parts if isinstance(part, TextPart)]
    usual = [*reasoning, *texts, *(part for part in parts if isinstance(part, ToolCallPart))]
    if all(part.signature is None for part in parts):
        return None
    if parts != usual or len(texts) > 1 or any(part.signature is not None for part in texts):
        return MessageExtras(reasoning=reasoning, parts=parts)
    return MessageExtras(reasoning=reasoning) if any(part.signature is not None for part in reasoning) else None


def _call_delta(chunk: ToolCallDelta) -> DeltaToolCall:
    return DeltaToolCall(
        index=chunk.index,
        id=chunk.id,
        function=DeltaFunction(name=chunk.name, arguments=chunk.arguments),
        type=None if chunk.id is None else "function",
        browserllm=_signature(chunk),
    )


def _signature(call: ToolCallPart | ToolCallDelta) -> ToolCallExtras | None:
    return None if call.signature is None else ToolCallExtras(signature=call.signature)


def _finish_reason(response: ChatResponse) -> FinishReason:
    reason = response.finish_reason
    # An answer that was cut off for any reason is incomplete, which OpenAI calls "length".
    return "length" if reason in ("cancelled", "error") else reason


def _usage(usage: Usage) -> CompletionUsage:
    return CompletionUsage(
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        total_tokens=usage.total_tokens,
        prompt_tokens_details=PromptTokensDetails(
            cached_tokens=usage.cached_tokens, cache_write_tokens=usage.cache_write_tokens
        ),
        completion_tokens_details=CompletionTokensDetails(reasoning_tokens=usage.reasoning_tokens),
    )


def _extras(response: ChatResponse, warnings: Sequence[ChatWarning]) -> AnswerExtras:
    return AnswerExtras(
        backend=response.backend,
        engine=response.engine,
        device=response.device,
        adapter=response.adapter,
        finish_reason=response.finish_reason,
        cost_usd=response.cost_usd,
        provider_request_id=response.provider_request_id,
        timings=response.timings,
        warnings=[*warnings, *response.warnings],
        route=response.route,
    )


def _fingerprint(engine: str | None, device: str | None) -> str | None:
    """Return engine and device, which answers depend on besides the model; ``None`` for a cloud."""
    return None if engine is None else f"{engine}-{device}"


def _logprobs(entries: Sequence[Any]) -> ChoiceLogprobs:
    try:
        tokens = [
            TokenLogprob(
                **_token(entry), top_logprobs=[TopLogprob(**_token(each)) for each in entry.get("top_logprobs") or ()]
            )
            for entry in entries
        ]
    except (KeyError, TypeError, AttributeError) as error:
        raise ProtocolError(f"the backend's logprobs are not in OpenAI's format: {list(entries)[:1]!r}") from error
    return ChoiceLogprobs(content=tokens, refusal=None)


def _token(entry: Any) -> dict[str, Any]:
    known = cast("dict[str, Any]", entry)
    return {"token": known["token"], "logprob": known["logprob"], "bytes": known.get("bytes")}


def _base64(vector: Sequence[float]) -> str:
    import base64
    import struct

    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
