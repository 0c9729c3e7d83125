"""What models cost: a small, dated table that a program can replace (``prices={"model": Price(...)}``)."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from ...types import ChatRequest, Usage
from ..tokens import estimate_tokens


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """US dollars per million tokens. ``None`` is the price of other input."""

    input: float
    output: float
    cached_input: float | None = None
    cache_write: float | None = None


Prices = Mapping[str, Price]

ASSUMED_OUTPUT_TOKENS = 500
"""What an estimate takes for an answer whose ``max_tokens`` is not given."""

# Per million tokens, at the standard tier, for prompts up to 272,000 tokens (OpenAI charges twice the input for longer
# ones). From developers.openai.com/api/docs/pricing as quoted by others; read on 2026-11-21.
OPENAI: Prices = {
    "gpt-6.1-terra": Price(input=1.00, cached_input=0.05, cache_write=1.25, output=5.00),
    "gpt-6-sol": Price(input=2.00, cached_input=0.20, cache_write=2.50, output=10.00),
    "gpt-6-luna": Price(input=0.10, cached_input=0.01, cache_write=0.125, output=0.50),
    "gpt-5.6-sol": Price(input=5.00, cached_input=0.50, output=30.00),
    "gpt-5.6-terra": Price(input=2.00, cached_input=0.20, output=12.00),
    "gpt-5.6-luna": Price(input=0.20, cached_input=0.02, output=1.20),
    "gpt-5.5": Price(input=5.00, cached_input=0.50, output=30.00),
    "gpt-5.4": Price(input=2.50, cached_input=0.25, output=15.00),
    "gpt-5.4-mini": Price(input=0.75, cached_input=0.075, output=4.50),
    "gpt-5.4-nano": Price(input=0.20, cached_input=0.02, output=1.25),
    "gpt-5": Price(input=1.25, cached_input=0.125, output=10.00),
    "gpt-5-mini": Price(input=0.25, cached_input=0.025, output=2.00),
    "gpt-4o": Price(input=2.50, cached_input=1.25, output=10.00),
    "gpt-4o-mini": Price(input=0.15, cached_input=0.075, output=0.60),
}

# Writes are those to the cache of 5 minutes; Haiku 5.5 for prompts up to 100,000 tokens (longer ones cost five times as
# much). From the models' pages at platform.claude.com/docs, and Haiku's as quoted by others; read on 2026-11-21.
ANTHROPIC: Prices = {
    "claude-fable-5-1": Price(input=10.00, cached_input=0.25, cache_write=12.50, output=50.00),
    "claude-opus-5-5": Price(input=4.00, cached_input=0.20, cache_write=5.00, output=20.00),
    "claude-sonnet-5-5": Price(input=2.00, cached_input=0.10, cache_write=2.50, output=10.00),
    "claude-haiku-5-5": Price(input=0.10, cached_input=0.01, cache_write=0.125, output=0.50),
    "claude-opus-5": Price(input=5.00, cached_input=0.50, cache_write=6.25, output=25.00),
    "claude-sonnet-5": Price(input=2.00, cached_input=0.20, cache_write=2.50, output=10.00),
    "claude-haiku-4-5": Price(input=1.00, cached_input=0.10, cache_write=1.25, output=5.00),
}

# For prompts up to 200,000 tokens where length matters (2.5 Pro). 4 Argon and 3.8 Flash are sold at half of this until
# the end of November and of December 2026. From ai.google.dev/gemini-api/docs/pricing as quoted by others; read on
# 2026-11-21.
GEMINI: Prices = {
    "gemini-4-argon": Price(input=4.00, cached_input=0.20, output=20.00),
    "gemini-3.8-flash": Price(input=1.50, cached_input=0.15, output=7.50),
    "gemini-3.6-flash": Price(input=1.50, cached_input=0.15, output=7.50),
    "gemini-3.5-flash-lite": Price(input=0.30, cached_input=0.03, output=2.50),
    "gemini-2.5-pro": Price(input=1.25, output=10.00),
    "gemini-2.5-flash": Price(input=0.30, output=2.50),
    "gemini-2.5-flash-lite": Price(input=0.10, output=0.40),
}

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
    return Usage(prompt_tokens=estimate_tokens(request), completion_tokens=request.max_tokens or ASSUMED_OUTPUT_TOKENS)
