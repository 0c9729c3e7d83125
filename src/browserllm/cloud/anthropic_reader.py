"""Reads what Anthropic's messages API answers: the events of a stream, and errors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from ..stream import Delta, Draft
from ..types import FinishReason, ReasoningDelta, ToolCallDelta, Usage
from .events import Event
from .failures import Place, failure, read_error
from .history import mark_signature, new_call_id
from .reader import Reader


class _Usage(msgspec.Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    output_tokens_details: _OutputTokens | None = None


class _OutputTokens(msgspec.Struct):
    thinking_tokens: int | None = None


class _Start(msgspec.Struct):
    model: str | None = None
    usage: _Usage | None = None


class _Kind(msgspec.Struct):
    type: str = ""


class _Block(_Kind):
    """A block, or a delta of one; what is in it depends on its type."""

    text: str = ""
    thinking: str = ""
    signature: str = ""
    data: Any = None
    id: str | None = None
    name: str | None = None
    input: Any = None
    partial_json: str = ""


class _StopDetails(msgspec.Struct):
    category: str | None = None
    explanation: str | None = None


class _Stop(msgspec.Struct):
    stop_reason: str | None = None
    stop_details: _StopDetails | None = None


class _MessageStart(msgspec.Struct):
    message: _Start


class _BlockStart(msgspec.Struct):
    content_block: _Block
    index: int = 0


class _BlockDelta(msgspec.Struct):
    delta: _Block
    index: int = 0


class _MessageDelta(msgspec.Struct):
    delta: _Stop
    usage: _Usage | None = None


_BLOCKS = frozenset({"text", "thinking", "redacted_thinking", "tool_use"})

_FINISH: dict[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}


class AnthropicReader(Reader):
    """Reads the events of an answer: one block after another, each with a start, deltas and an end."""

    def __init__(self, draft: Draft, place: Place) -> None:
        """Write into ``draft``; ``place`` is for errors."""
        super().__init__(draft, place)
        self._usage = _Usage()
        self._calls: dict[int, int] = {}
        self._passed_over: set[int] = set()
        self._signature = ""

    def read(self, event: Event) -> Iterator[Delta]:
        """Read an event. Pings, and whatever is unknown, give nothing."""
        match event.decode(_Kind).type:
            case "message_start":
                start = event.decode(_MessageStart).message
                self.draft.model = start.model or self.draft.model
                self._add_usage(start.usage)
                yield ""
            case "content_block_start":
                begun = event.decode(_BlockStart)
                yield from self._seal()
                yield from self._begin(begun.index, begun.content_block)
            case "content_block_delta":
                more = event.decode(_BlockDelta)
                yield from self._go_on(more.index, more.delta)
            case "content_block_stop":
                yield from self._seal()
            case "message_delta":
                end = event.decode(_MessageDelta)
                yield from self._seal()
                self._add_usage(end.usage)
                self._end(end.delta)
            case "message_stop":
                self.ended = True
                if self._usage.output_tokens is None:
                    self.draft.warn("usage", f"{self.place.backend!r} did not say how many tokens the answer took")
            case "error":
                raise failure(read_error(event.decode(dict[str, Any])), self.place)
            case _:
                pass

    def _begin(self, index: int, block: _Block) -> Iterator[Delta]:
        if block.type not in _BLOCKS:
            self._passed_over.add(index)
            self.draft.warn("extra_body", f"the answer has a part of type {block.type!r}, which was left out")
        elif block.type == "tool_use":
            call = self._calls[index] = len(self._calls)
            yield ToolCallDelta(
                sequence=0,
                index=call,
                id=block.id or new_call_id(),
                name=block.name,
                # Usually empty: the arguments come with the deltas.
                arguments=msgspec.json.encode(block.input).decode() if block.input else "",
            )
        elif block.type == "redacted_thinking":
            yield ReasoningDelta(sequence=0, signature=self._mark(str(block.data)), redacted=True)
        else:
            yield from self._words(block)

    def _go_on(self, index: int, delta: _Block) -> Iterator[Delta]:
        if index in self._passed_over:
            return
        if delta.type == "input_json_delta" and index in self._calls:
            yield ToolCallDelta(sequence=0, index=self._calls[index], arguments=delta.partial_json)
        elif delta.type in ("text_delta", "thinking_delta", "signature_delta"):
            yield from self._words(delta)

    def _words(self, block: _Block) -> Iterator[Delta]:
        if block.text:
            yield block.text
        if block.thinking:
            yield ReasoningDelta(sequence=0, reasoning=block.thinking)
        # It seals the whole block, wherever in it it comes; of several the last one counts, as for the vendor's SDK.
        self._signature = block.signature or self._signature

    def _seal(self) -> Iterator[Delta]:
        if self._signature:
            yield ReasoningDelta(sequence=0, signature=self._mark(self._signature))
        self._signature = ""

    def _mark(self, signature: str) -> str:
        return mark_signature("anthropic", self.place.model, signature)

    def _add_usage(self, new: _Usage | None) -> None:
        """Take what is said of the tokens; later counts include the earlier ones."""
        if new is None:
            return
        for field in _Usage.__struct_fields__:
            if getattr(new, field) is not None:
                setattr(self._usage, field, getattr(new, field))
        usage = self._usage
        cached, written = usage.cache_read_input_tokens or 0, usage.cache_creation_input_tokens or 0
        details = usage.output_tokens_details
        self.draft.usage = Usage(
            # This API counts the cached ones apart.
            prompt_tokens=(usage.input_tokens or 0) + cached + written,
            completion_tokens=usage.output_tokens or 0,
            cached_tokens=cached,
            cache_write_tokens=written,
            reasoning_tokens=0 if details is None else details.thinking_tokens or 0,
        )

    def _end(self, stop: _Stop) -> None:
        reason, draft = stop.stop_reason, self.draft
        if reason is None:
            return
        draft.finish_reason = _FINISH.get(reason, "stop")
        details = stop.stop_details or _StopDetails()
        if reason == "refusal":
            why = ": ".join(word for word in (details.category, details.explanation) if word)
            draft.warn("messages", f"the model refused to answer{f' ({why})' if why else ''}")
        elif reason == "model_context_window_exceeded":
            draft.warn("messages", "the answer was cut off where the model's context window ends")
        elif reason == "pause_turn":
            draft.warn("extra_body", "the turn is paused ('pause_turn'): send the chat with this answer to go on")
        elif reason not in _FINISH:
            draft.warn("finish_reason", f"{reason!r} is unknown; it was taken for 'stop'")
