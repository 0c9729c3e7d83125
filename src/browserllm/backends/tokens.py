"""Estimates the number of tokens in a request without a tokenizer."""

from __future__ import annotations

import msgspec

from ..types import ChatRequest, ReasoningPart, TextPart, ToolCallPart, ToolResultPart

CHARACTERS_PER_TOKEN = 4
"""UTF-8 bytes per token in the estimate: about right for English; it rarely estimates too few tokens."""

SURELY = 2
"""An estimate is hardly ever more than this many times the number of tokens: half of it is a sure minimum."""

TOKENS_PER_IMAGE = 1000
"""Tokens per image or sound in the estimate."""


def estimate_tokens(request: ChatRequest) -> int:
    """Estimate the tokens of a request's messages and tools from their length."""
    size = 0
    others = 0
    for message in request.messages:
        # The role and the special tokens of a message.
        size += 4 * CHARACTERS_PER_TOKEN
        for part in message.parts:
            if isinstance(part, TextPart):
                size += _size(part.text)
            elif isinstance(part, ToolCallPart):
                size += _size(part.name) + _size(part.arguments)
            elif isinstance(part, ToolResultPart):
                size += _size(part.content)
            elif not isinstance(part, ReasoningPart):  # reasoning is rarely sent back
                others += 1
    if request.tools or request.response_format is not None:
        size += len(msgspec.json.encode((request.tools, request.response_format)))
    return -(-size // CHARACTERS_PER_TOKEN) + others * TOKENS_PER_IMAGE


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
