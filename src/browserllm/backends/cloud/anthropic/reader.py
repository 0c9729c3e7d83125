"""Reads the answers of Anthropic's messages API: the events of a stream, and errors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import msgspec

from ....types import FinishReason, ReasoningDelta, Usage
from ...draft import Draft
from ...stream import Delta
from ..failures import ErrorSource, quote
from ..fields import json_text, name_of, objects_of, shape, words_of
from ..history import mark_signature
from ..native import NativeReader
from ..token_counts import token_count

# The shapes, as far as they are read. The types are checked where they matter: see `fields`.


class _Message(msgspec.Struct):
    model: Any = None
    content: Any = None
    stop_reason: Any = None
    stop_details: Any = None
    usage: Any = None


class _Block(msgspec.Struct):
    """A block, or a delta of one; what is in it depends on its type."""

    type: Any = None
    text: Any = None
    thinking: Any = None
    signature: Any = None
    data: Any = None
    id: Any = None
    name: Any = None
    input: Any = None
    partial_json: Any = None


class _StopDetails(msgspec.Struct):
    category: Any = None
    explanation: Any = None


class _Event(msgspec.Struct):
    type: Any = None
    index: Any = None
    message: Any = None
    content_block: Any = None
    delta: Any = None
    usage: Any = None


_COUNTS = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens", "output_tokens", "thinking_tokens")

_BLOCKS = frozenset({"text", "thinking", "redacted_thinking", "tool_use"})

_FINISH: dict[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}


class AnthropicReader(NativeReader):
    """Reads the events of an answer: one block after another, each with a start, deltas and an end."""

    FORMAT = "Anthropic"
    FIELDS = frozenset(
        {*_Event.__struct_fields__, *_Message.__struct_fields__, "id", "role", "stop_sequence", "container"}
    )
    FINISH = _FINISH
    CALLS_COME_WHOLE = False

    def __init__(self, draft: Draft, source: ErrorSource) -> None:
        """Write into ``draft``; ``source`` is for errors."""
        super().__init__(draft, source)
        self._counts: dict[str, int] = {}
        self._block = -1
        self._open_calls: dict[int, int] = {}
        self._call_ids: dict[int, str] = {}
        self._passed_over: set[int] = set()
        self._signature = ""
        self._details = _StopDetails()
        self._held: Any = None

    def read_object(self, value: dict[str, Any], name: str) -> Iterator[Delta]:
        """Read an event. Pings, and whatever is unknown, give nothing."""
        event = shape(value, _Event)
        match name_of(event.type) or (name if name != "message" else ""):
            case "message_start":
                started = shape(event.message, _Message)
                self._read_about(started)
                self._held = started.content
                yield ""
            case "content_block_start":
                yield from self._begin(self._index(event.index, self._block + 1), shape(event.content_block, _Block))
            case "content_block_delta":
                yield from self._go_on(self._index(event.index, max(self._block, 0)), shape(event.delta, _Block))
            case "content_block_stop":
                yield from self._seal()
                call = self._open_calls.get(self._index(event.index, self._block))
                if call is not None:
                    yield from self.calls.close(call)
            case "message_delta":
                yield from self._seal()
                self._read_about(shape(event.delta, _Message))
                self._add_usage(event.usage)
            case "message_stop":
                self.ended = True
            case "message" | "":
                # An answer that came whole.
                whole = shape(value, _Message)
                self._read_about(whole)
                yield from self._read_blocks(whole.content)
            case _:
                pass

    def read_rest(self) -> Iterator[Delta]:
        """Give the blocks that came with the start of the message, if no others did."""
        if self._block < 0:
            yield from self._read_blocks(self._held)
        yield from self._seal()

    def settle(self) -> FinishReason:
        """Return why the answer ended."""
        draft, reason, details = self.draft, self.reason or "end_turn", self._details
        if reason == "refusal":
            why = ": ".join(word for word in (name_of(details.category), name_of(details.explanation)) if word)
            draft.warn("messages", f"the model refused to answer{f' ({why})' if why else ''}")
        elif reason == "model_context_window_exceeded":
            draft.warn("messages", "the answer was cut off at the end of the model's context window")
        elif reason == "pause_turn":
            draft.warn("extra_body", "the turn is paused ('pause_turn'): send the chat with this answer to continue it")
        elif reason not in _FINISH:
            draft.warn("finish_reason", f"the finish reason {reason!r} is unknown; 'stop' is assumed")
        return _FINISH.get(reason, "stop")

    def _index(self, said: Any, otherwise: int) -> int:
        index = token_count(said)
        return otherwise if index is None else index

    def _read_about(self, message: _Message) -> None:
        """Take what a message, its start or its end says besides its blocks."""
        self.draft.model = name_of(message.model) or self.draft.model
        self._add_usage(message.usage)
        if (reason := name_of(message.stop_reason)) and self.take_reason(reason):
            self._details = shape(message.stop_details, _StopDetails)

    def _read_blocks(self, content: Any) -> Iterator[Delta]:
        if isinstance(content, str):
            content = {"type": "text", "text": content}
        for block in objects_of(content, "content"):
            yield from self._begin(self._block + 1, shape(block, _Block))

    def _begin(self, index: int, block: _Block) -> Iterator[Delta]:
        yield from self._seal()
        self._block = index
        self._passed_over.discard(index)
        kind = name_of(block.type) or _kind_of(block)
        if kind == "tool_use":
            yield from self._begin_call(index, block)
        elif kind == "redacted_thinking":
            if data := name_of(block.data):
                yield ReasoningDelta(signature=self._mark(data), redacted=True)
        elif kind in _BLOCKS or not kind:
            yield from self._words(block)
        else:
            self._passed_over.add(index)
            self.draft.warn("extra_body", f"the answer has a part of type {kind!r}, which was left out")

    def _begin_call(self, index: int, block: _Block) -> Iterator[Delta]:
        call_id, name = name_of(block.id), name_of(block.name).strip()
        if call_id and call_id == self._call_ids.get(index):
            return  # the same start again
        # Usually empty: the arguments come with the deltas.
        given = block.input if isinstance(block.input, str) else json_text(block.input) if block.input else ""
        if not name:
            self._open_calls.pop(index, None)
            self._passed_over.add(index)
            self.calls.leave_out(quote(given, 100) or repr(call_id))
            return
        self._call_ids[index] = call_id
        self._open_calls[index] = self.calls.count
        yield self.calls.begin(call_id, name, spare=given)

    def _go_on(self, index: int, delta: _Block) -> Iterator[Delta]:
        if index in self._passed_over:
            return
        self._block = max(self._block, index)
        kind = name_of(delta.type)
        if kind == "input_json_delta" or (not kind and delta.partial_json is not None):
            piece = delta.partial_json
            text = piece if isinstance(piece, str) else "" if piece is None else json_text(piece)
            call = self._open_calls.get(index)
            if call is not None:
                yield from self.calls.go_on(call, text)
            elif text.strip():
                self._passed_over.add(index)
                self.calls.leave_out(quote(text, 100))
        elif kind in ("text_delta", "thinking_delta", "signature_delta", ""):
            yield from self._words(delta)

    def _words(self, block: _Block) -> Iterator[Delta]:
        if text := words_of(block.text, "text"):
            yield text
        if thinking := words_of(block.thinking, "thinking"):
            yield ReasoningDelta(reasoning=thinking)
        # It seals the whole block, wherever in it it comes; of several the last one counts, as for the vendor's SDK.
        self._signature = name_of(block.signature) or self._signature

    def _seal(self) -> Iterator[Delta]:
        if self._signature:
            yield ReasoningDelta(signature=self._mark(self._signature))
        self._signature = ""

    def _mark(self, signature: str) -> str:
        return mark_signature("anthropic", self.source.model, signature)

    def _add_usage(self, said: Any) -> None:
        """Take what is said of the tokens; later counts include the earlier ones, and some servers then say 0."""
        if not isinstance(said, dict):
            return
        fields = cast("dict[str, Any]", said)
        details = fields.get("output_tokens_details")
        if isinstance(details, dict):
            fields = {**fields, "thinking_tokens": cast("dict[str, Any]", details).get("thinking_tokens")}
        for key in _COUNTS:
            if (count := token_count(fields.get(key))) is not None:
                self._counts[key] = max(count, self._counts.get(key, 0))
        self.counted = "output_tokens" in self._counts
        new, cached, written, output, thinking = (self._counts.get(key, 0) for key in _COUNTS)
        self.draft.usage = Usage(
            # This API counts the cached ones apart.
            prompt_tokens=new + cached + written,
            completion_tokens=output,
            cached_tokens=cached,
            cache_write_tokens=written,
            reasoning_tokens=min(thinking, output),
        )


def _kind_of(block: _Block) -> str:
    """Return the type of a block that does not say it."""
    if block.name is not None:
        return "tool_use"
    return "redacted_thinking" if isinstance(block.data, str) and block.text is None else ""
