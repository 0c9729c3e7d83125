"""Collects the parts of an answer from its deltas, in the order in which they arrive."""

from __future__ import annotations

import msgspec

from .._internal.content import content_of
from ..types import ContentPart, Message, ReasoningDelta, ReasoningPart, TextPart, ToolCallDelta, ToolCallPart


class _Text(msgspec.Struct):
    pieces: list[str] = []


class _Reasoning(msgspec.Struct):
    pieces: list[str] = []
    signature: str | None = None
    redacted: bool = False


class _Call(msgspec.Struct):
    pieces: list[str] = []
    id: str = ""
    name: str = ""
    signature: str | None = None


class AnswerParts:
    """The parts of an answer so far. Append text without a signature directly to ``text``."""

    def __init__(self) -> None:
        """Start empty."""
        self._calls: dict[int, _Call] = {}
        self._parts: list[_Text | TextPart | _Reasoning | _Call] = []
        self._open_text()

    def add_text(self, text: str, signature: str) -> None:
        """Add a text that has a signature."""
        self._add(TextPart(text, signature))

    def add_reasoning(self, delta: ReasoningDelta) -> None:
        """Continue the current reasoning part; start a new one after a signature or after any other part."""
        if not (delta.reasoning or delta.signature or delta.redacted):
            return
        before = self._parts[-2] if len(self._parts) > 1 and not any(self.text) else None
        # Redacted reasoning has no text, so it never continues a part that has some.
        if not isinstance(before, _Reasoning) or before.signature or (delta.redacted and before.pieces):
            before = _Reasoning()
            self._add(before)
        before.pieces.append(delta.reasoning)
        before.signature, before.redacted = delta.signature, delta.redacted

    def add_call(self, delta: ToolCallDelta) -> None:
        """Continue a tool call, or start it."""
        call = self._calls.get(delta.index)
        if call is None:
            call = self._calls[delta.index] = _Call()
            self._add(call)
        call.pieces.append(delta.arguments)
        call.id = delta.id or call.id
        call.name = delta.name or call.name
        call.signature = delta.signature or call.signature

    def message(self, *, is_whole: bool) -> Message:
        """Return the assistant message, with its calls ordered by index.

        If the message ``is_whole``, a call without arguments gets ``{}``; otherwise its arguments may have been cut
        off and stay empty.
        """
        calls = iter(sorted(self._calls))
        ordered = [self._calls[next(calls)] if isinstance(each, _Call) else each for each in self._parts]
        parts = [part for each in ordered if (part := _whole(each, "{}" if is_whole else "")) is not None]
        return Message("assistant", content_of(parts))

    def _open_text(self) -> None:
        """Add an empty text part at the end, for text that may follow."""
        part = _Text()
        self._parts.append(part)
        self.text = part.pieces

    def _add(self, part: TextPart | _Reasoning | _Call) -> None:
        if not any(self.text):
            self._parts.pop()
        self._parts.append(part)
        self._open_text()


def _whole(part: _Text | TextPart | _Reasoning | _Call, no_arguments: str) -> ContentPart | None:
    """Return the finished part, or ``None`` for an empty text."""
    if isinstance(part, TextPart):
        return part
    text = "".join(part.pieces)
    if isinstance(part, _Text):
        return TextPart(text) if text else None
    if isinstance(part, _Reasoning):
        return ReasoningPart(text, part.signature, part.redacted)
    return ToolCallPart(part.id, part.name, text or no_arguments, part.signature)
