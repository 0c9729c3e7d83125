"""Send thoughts of the current turn back to the model, for families whose template expects them."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from ..types import Message, ReasoningPart, TextPart
from .markers import Thinking


def with_thoughts(messages: Sequence[Message], thinking: Thinking) -> list[Message]:
    """Write the thoughts after the last user message into the text, in the form of the family's template."""
    last = max((index for index, message in enumerate(messages) if message.role == "user"), default=-1)
    return [
        _with_thought(message, thinking) if index > last and message.role == "assistant" else message
        for index, message in enumerate(messages)
    ]


def _with_thought(message: Message, thinking: Thinking) -> Message:
    text = thinking.render(message.reasoning)
    if not text:
        return message
    rest = [part for part in message.parts if not isinstance(part, ReasoningPart)]
    return replace(message, content=[TextPart(text), *rest])
