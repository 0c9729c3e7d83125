"""What chat completions answer: chunks, whole answers and errors, of OpenAI and of servers that are compatible.

The shapes are those of https://developers.openai.com/api/reference (chat completions, streaming), and what others add
to them: thinking (`reasoning_content`, `reasoning`), errors in the middle of a stream, other finish reasons.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, cast

import msgspec

from ..errors import BrowserLLMError
from ..stream import Delta, Draft
from ..thoughts import ThoughtReader
from ..types import FinishReason, ReasoningDelta, TextDelta, ToolCallDelta, Usage
from .events import Event
from .failures import Meaning, Place, VendorError, failure
from .reader import Reader, broke_off

_FINISH: dict[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
    "function_call": "tool_calls",
    "model_length": "length",
    "eos": "stop",
}
# What servers say instead of an answer's end when they could not go on.
_BROKEN = frozenset({"error", "insufficient_system_resource"})

_MEANINGS: dict[str, Meaning] = {
    "context_length_exceeded": "context",
    "exceed_context_size_error": "context",
    "content_filter": "filtered",
    "content_policy_violation": "filtered",
    "insufficient_quota": "quota",
    "billing_hard_limit_reached": "quota",
    "rate_limit_exceeded": "rate",
    "invalid_api_key": "authentication",
    "model_not_found": "model",
    "tool_use_failed": "broken",
    "json_validate_failed": "broken",
}
_CONTEXT = re.compile(r"context (length|window|size)|prompt is too long", re.IGNORECASE)


def read_error(body: Any) -> VendorError:
    """Return what an error says: OpenAI's ``{"error": {...}}``, or ``error``, ``message`` or ``detail`` as a text."""
    if not isinstance(body, dict):
        return VendorError(message=body if isinstance(body, str) else "")
    fields = cast("dict[str, Any]", body)
    inner = fields.get("error")
    if isinstance(inner, dict):
        fields = cast("dict[str, Any]", inner)
    said = fields.get("message") or (inner if isinstance(inner, str) else None) or fields.get("detail") or ""
    message = said if isinstance(said, str) else msgspec.json.encode(said).decode()
    names = [str(fields[key]) for key in ("code", "type") if isinstance(fields.get(key), (str, int))]
    meaning: Meaning = ""
    for name in names:
        meaning = meaning or _MEANINGS.get(name, "")
    if not meaning and _CONTEXT.search(message):
        meaning = "context"
    metadata = fields.get("metadata")
    if isinstance(metadata, dict) and "flagged_input" in metadata:  # OpenRouter's moderation
        meaning = "filtered"
    return VendorError(message=message, code=names[0] if names else "", meaning=meaning)


class ChatCompletionReader(Reader):
    """Reads chat completion chunks, or one whole chat completion."""

    def __init__(self, draft: Draft, place: Place, thoughts: ThoughtReader | None = None) -> None:
        """Write into ``draft``; ``thoughts`` finds those that a server leaves in the text."""
        super().__init__(draft, place)
        self._thoughts = thoughts
        self._finish = ""
        self._refused = False
        self._usage: _Usage | None = None
        # The ids of the calls, and which of them the server's index was last given to.
        self._calls: list[str] = []
        self._places: dict[int | None, int] = {}

    @property
    def complete(self) -> bool:
        """Whether the finish reason has come: some servers say nothing more after it."""
        return bool(self._finish)

    def read(self, event: Event) -> Iterator[Delta]:
        """Read one chunk, an error, or the end marker."""
        if event.data.strip() == "[DONE]":
            self.ended = True
            return
        if not event.data.strip():
            return
        chunk = event.decode(_Chunk)
        if chunk.error or event.name == "error" or chunk.object == "error":
            raise self._failure(event.decode(dict[str, Any]))
        yield from self._read_chunk(chunk)

    def read_whole(self, body: bytes) -> Iterator[Delta]:
        """Read an answer that was not streamed."""
        yield from self.read(Event(body.decode("utf-8", "replace")))
        self.ended = True

    def finish(self) -> Iterable[Delta]:
        """Settle why the answer ended and what it took."""
        if not self.ended and not self.complete:
            raise broke_off(self.place)
        draft = self.draft
        reason = _FINISH.get(self._finish)
        if reason is None:
            reason = "stop"
            draft.warn("finish_reason", f"{self.place.backend!r} said {self._finish!r}; it is taken for 'stop'")
        # Some servers say "stop" after tool calls; a refusal has no reason of its own.
        if self._calls and reason == "stop":
            reason = "tool_calls"
        draft.finish_reason = "content_filter" if self._refused else reason
        if self._usage is None:
            draft.warn("usage", f"{self.place.backend!r} did not say how many tokens the answer took")
        else:
            draft.usage = _usage(self._usage)
        return () if self._thoughts is None else self._thoughts.finish(cut=draft.finish_reason == "length")

    def _read_chunk(self, chunk: _Chunk) -> Iterator[Delta]:
        draft = self.draft
        draft.model = chunk.model or draft.model
        draft.provider_request_id = draft.provider_request_id or chunk.id
        self._usage = chunk.usage or self._usage
        for choice in chunk.choices or ():
            if choice.index:
                continue
            message = choice.delta or choice.message
            if message is not None:
                yield from self._read_message(message, choice.logprobs)
            if choice.finish_reason in _BROKEN:
                raise self._failure({"message": f"the answer broke off: {choice.finish_reason}"})
            self._finish = choice.finish_reason or self._finish

    def _read_message(self, message: _Message, logprobs: _Logprobs | None) -> Iterator[Delta]:
        thought = message.reasoning_content or message.reasoning
        if thought and isinstance(thought, str):
            if self._thoughts is not None:
                yield from self._thoughts.release()
            yield ReasoningDelta(sequence=0, reasoning=thought)
        entries = None if logprobs is None else logprobs.content
        for kind, text in _texts(message.content):
            if not text:
                continue
            if kind == "thinking":
                if self._thoughts is not None:
                    yield from self._thoughts.release()
                yield ReasoningDelta(sequence=0, reasoning=text)
            elif self._thoughts is not None:
                yield from self._thoughts.feed(text, entries or None)
                entries = None
            elif entries:
                yield TextDelta(sequence=0, text=text, logprobs=entries)
                entries = None
            else:
                yield text
        if entries:
            # Tokens that are a part of a character have no text yet.
            yield TextDelta(sequence=0, logprobs=entries)
        if message.refusal:
            self._refused = True
            yield message.refusal
        for call in message.tool_calls or ():
            yield self._read_call(call)

    def _read_call(self, call: _ToolCall) -> ToolCallDelta:
        call_id = call.id or ""
        place = self._find_call(call.index, call_id)
        new = place is None
        if place is None:
            if not call_id:
                import os

                call_id = f"call_{os.urandom(8).hex()}"
            place = len(self._calls)
            self._calls.append(call_id)
            self._places[call.index] = place
        function = call.function or _Function()
        arguments = function.arguments
        # Some servers send the arguments as JSON instead of a text of JSON.
        text = arguments if isinstance(arguments, str) else "" if arguments is None else _json(arguments)
        return ToolCallDelta(
            sequence=0, index=place, id=call_id if new else None, name=function.name or None, arguments=text
        )

    def _find_call(self, index: int | None, call_id: str) -> int | None:
        """Return which call this continues. An index that comes again with another id is another call."""
        place = (len(self._calls) - 1 if self._calls else None) if index is None else self._places.get(index)
        return place if place is not None and (not call_id or call_id == self._calls[place]) else None

    def _failure(self, body: dict[str, Any]) -> BrowserLLMError:
        error = read_error(body)
        # OpenRouter's code is the status that the answer would have had.
        status = int(error.code) if re.fullmatch(r"[45]\d\d", error.code) else None
        return failure(error, self.place, status=status)


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _texts(content: Any) -> Iterator[tuple[str, str]]:
    """Give the texts of a content: a text, or (Mistral's thinking models) parts of text and thinking."""
    if isinstance(content, str):
        yield "text", content
        return
    for part in _dicts(content):
        if part.get("type") == "thinking":
            yield "thinking", "".join(_text(inner) for inner in _dicts(part.get("thinking")))
        else:
            yield "text", _text(part)


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [each for each in cast("list[Any]", value) if isinstance(each, dict)] if isinstance(value, list) else []


def _text(part: dict[str, Any]) -> str:
    text = part.get("text")
    return text if isinstance(text, str) else ""


def _usage(usage: _Usage) -> Usage:
    prompt = usage.prompt_tokens_details or _PromptDetails()
    reasoning = (usage.completion_tokens_details or _CompletionDetails()).reasoning_tokens or 0
    prompt_tokens, completion_tokens = usage.prompt_tokens or 0, usage.completion_tokens or 0
    # xAI counts the thinking beside the completion, OpenAI as a part of it; the total tells.
    if reasoning and usage.total_tokens == prompt_tokens + completion_tokens + reasoning:
        completion_tokens += reasoning
    return Usage(
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
        cached_tokens=prompt.cached_tokens or usage.prompt_cache_hit_tokens or 0,
        cache_write_tokens=prompt.cache_write_tokens or 0,
        reasoning_tokens=reasoning,
    )


# The shapes, as far as we read them. Everything may be missing: compatible servers leave out what they like.


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: Any = None


class _ToolCall(msgspec.Struct):
    index: int | None = None
    id: str | None = None
    function: _Function | None = None


class _Message(msgspec.Struct):
    content: Any = None
    reasoning_content: str | None = None
    reasoning: Any = None
    refusal: str | None = None
    tool_calls: list[_ToolCall] | None = None


class _Logprobs(msgspec.Struct):
    content: list[Any] | None = None


class _Choice(msgspec.Struct):
    index: int | None = None
    delta: _Message | None = None
    message: _Message | None = None
    finish_reason: str | None = None
    logprobs: _Logprobs | None = None


class _PromptDetails(msgspec.Struct):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class _CompletionDetails(msgspec.Struct):
    reasoning_tokens: int | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    prompt_tokens_details: _PromptDetails | None = None
    completion_tokens_details: _CompletionDetails | None = None
    prompt_cache_hit_tokens: int | None = None


class _Chunk(msgspec.Struct):
    id: str | None = None
    object: str | None = None
    model: str | None = None
    choices: list[_Choice] | None = None
    usage: _Usage | None = None
    error: Any = None
