"""A guess at how many tokens a request is, where no tokenizer is at hand."""

from __future__ import annotations

import msgspec

from ..types import ChatRequest, ReasoningPart, TextPart, ToolCallPart, ToolResultPart

CHARACTERS_PER_TOKEN = 4
"""What the guess counts as one token, in bytes of UTF-8: about right for English, too few tokens for little."""

TOKENS_PER_IMAGE = 1000
"""What the guess takes for an image, or a sound."""


def estimate_tokens(request: ChatRequest) -> int:
    """Guess the tokens of a request's messages and tools, from their length alone."""
    size = 0
    others = 0
    for message in request.messages:
        # The role and the marks around a message.
        size += 4 * CHARACTERS_PER_TOKEN
        for part in message.parts:
            if isinstance(part, TextPart):
                size += _size(part.text)
            elif isinstance(part, ToolCallPart):
                size += _size(part.name) + _size(part.arguments)
            elif isinstance(part, ToolResultPart):
                size += _size(part.content)
            elif not isinstance(part, ReasoningPart):  # what a model thought is rarely sent again
                others += 1
    if request.tools or request.response_format is not None:
        size += len(msgspec.json.encode((request.tools, request.response_format)))
    return -(-size // CHARACTERS_PER_TOKEN) + others * TOKENS_PER_IMAGE


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
