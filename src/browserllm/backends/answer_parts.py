"""The parts of an answer in the making: in the order in which they came, each whole in the end."""

from __future__ import annotations

import msgspec

from ..types import (
    ContentPart,
    Message,
    ReasoningDelta,
    ReasoningPart,
    TextPart,
    ToolCallDelta,
    ToolCallPart,
    content_of,
)


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
    """What came of an answer so far. A piece of text without a signature is appended to ``text``."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._calls: dict[int, _Call] = {}
        self._parts: list[_Text | TextPart | _Reasoning | _Call] = []
        self._open_text()

    def add_text(self, text: str, signature: str) -> None:
        """Add a text that came with a signature."""
        self._add(TextPart(text, signature))

    def add_reasoning(self, delta: ReasoningDelta) -> None:
        """Go on with a thought, or begin the next one: after a signature, and after what is no thought."""
        if not (delta.reasoning or delta.signature or delta.redacted):
            return
        before = self._parts[-2] if len(self._parts) > 1 and not any(self.text) else None
        # What is hidden is nothing else, so it goes on with no words.
        if not isinstance(before, _Reasoning) or before.signature or (delta.redacted and before.pieces):
            before = _Reasoning()
            self._add(before)
        before.pieces.append(delta.reasoning)
        before.signature, before.redacted = delta.signature, delta.redacted

    def add_call(self, delta: ToolCallDelta) -> None:
        """Go on with a call, or begin it."""
        call = self._calls.get(delta.index)
        if call is None:
            call = self._calls[delta.index] = _Call()
            self._add(call)
        call.pieces.append(delta.arguments)
        call.id = delta.id or call.id
        call.name = delta.name or call.name
        call.signature = delta.signature or call.signature

    def message(self, *, is_whole: bool) -> Message:
        """Return the turn of the model that this is; its calls are in the order of their numbers.

        In a turn that ``is_whole``, no arguments at all are those of a function without parameters; else they may have
        been cut off.
        """
        calls = iter(sorted(self._calls))
        ordered = [self._calls[next(calls)] if isinstance(each, _Call) else each for each in self._parts]
        parts = [part for each in ordered if (part := _whole(each, "{}" if is_whole else "")) is not None]
        return Message("assistant", content_of(parts))

    def _open_text(self) -> None:
        """Have a text as the last part, for the words that may come next."""
        part = _Text()
        self._parts.append(part)
        self.text = part.pieces

    def _add(self, part: TextPart | _Reasoning | _Call) -> None:
        if not any(self.text):
            self._parts.pop()
        self._parts.append(part)
        self._open_text()


def _whole(part: _Text | TextPart | _Reasoning | _Call, no_arguments: str) -> ContentPart | None:
    """Return a part as far as it came; nothing for a text without words."""
    if isinstance(part, TextPart):
        return part
    text = "".join(part.pieces)
    if isinstance(part, _Text):
        return TextPart(text) if text else None
    if isinstance(part, _Reasoning):
        return ReasoningPart(text, part.signature, part.redacted)
    return ToolCallPart(part.id, part.name, text or no_arguments, part.signature)
