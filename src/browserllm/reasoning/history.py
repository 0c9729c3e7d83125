"""Thoughts that go back to the model: those of the turn that goes on, where its family's template wants them."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from ..types import Message, ReasoningPart, TextPart
from .marks import Thinking


def with_thoughts(messages: Sequence[Message], thinking: Thinking) -> list[Message]:
    """Return the messages with the thoughts after the user's last one as text, as the family's template has them."""
    last = max((index for index, message in enumerate(messages) if message.role == "user"), default=-1)
    return [
        _written(message, thinking) if index > last and message.role == "assistant" else message
        for index, message in enumerate(messages)
    ]


def _written(message: Message, thinking: Thinking) -> Message:
    text = thinking.written(message.reasoning)
    if not text:
        return message
    rest = [part for part in message.parts if not isinstance(part, ReasoningPart)]
    return replace(message, content=[TextPart(text), *rest])
