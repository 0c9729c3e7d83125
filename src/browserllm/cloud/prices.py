"""What models cost: a small, dated table that a program can replace (``prices={"model": Price(...)}``)."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from ..types import ChatRequest, TextPart, ToolCallPart, ToolResultPart, Usage


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """US dollars per million tokens. ``None`` is the price of other input."""

    input: float
    output: float
    cached_input: float | None = None
    cache_write: float | None = None


Prices = Mapping[str, Price]

CHARACTERS_PER_TOKEN = 4
"""What an estimate counts as one token, in bytes of UTF-8: about right for English, too few tokens for little."""

TOKENS_PER_IMAGE = 1000
"""What an estimate takes for an image, or a sound."""

ASSUMED_OUTPUT_TOKENS = 500
"""What an estimate takes for an answer whose ``max_tokens`` is not given."""

_DATED = re.compile(r"-(\d{4}-?\d{2}-?\d{2}|latest)$")


def price_of(model: str, prices: Prices) -> Price | None:
    """Return a model's price: its own, or that of the name without its date; ``None`` when it is not in the table."""
    return prices.get(model) or prices.get(_DATED.sub("", model))


def cost_of(usage: Usage, price: Price) -> float:
    """Return what an answer cost, in US dollars."""
    cached = price.input if price.cached_input is None else price.cached_input
    written = price.input if price.cache_write is None else price.cache_write
    other = max(0, usage.prompt_tokens - usage.cached_tokens - usage.cache_write_tokens)
    dollars = other * price.input + usage.cached_tokens * cached + usage.cache_write_tokens * written
    return (dollars + usage.completion_tokens * price.output) / 1_000_000


def estimate_usage(request: ChatRequest) -> Usage:
    """Guess what a request will take, from its length alone, and with an answer of ``max_tokens``."""
    size = 0
    others = 0
    for message in request.messages:
        # The role and the marks around a message.
        size += 4 * CHARACTERS_PER_TOKEN
        if isinstance(message.content, str):
            size += _size(message.content)
            continue
        for part in message.content:
            if isinstance(part, TextPart):
                size += _size(part.text)
            elif isinstance(part, ToolCallPart):
                size += _size(part.name) + _size(part.arguments)
            elif isinstance(part, ToolResultPart):
                size += _size(part.content)
            else:
                others += 1
    if request.tools or request.response_format is not None:
        size += len(msgspec.json.encode((request.tools, request.response_format)))
    return Usage(
        prompt_tokens=-(-size // CHARACTERS_PER_TOKEN) + others * TOKENS_PER_IMAGE,
        completion_tokens=request.max_tokens or ASSUMED_OUTPUT_TOKENS,
    )


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
