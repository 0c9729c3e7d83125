"""Model prices: a dated table (see ``scripts/prices.py``), or the program's own (``prices={"m": Price(...)}``)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

import msgspec

from ...types import ChatRequest, Usage
from ..tokens import estimate_tokens
from .price_table import ROWS


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """US dollars per million tokens. ``None`` is the price of other input."""

    input: float
    output: float
    cached_input: float | None = None
    cache_write: float | None = None


Prices = Mapping[str, Price]

ASSUMED_OUTPUT_TOKENS = 500
"""The length of an answer in estimates, if ``max_tokens`` is not set."""


@cache
def prices_of(vendor: str) -> Prices:
    """Return the built-in table of a vendor or preset; empty if it is not in the price table."""
    rows = ROWS.get(vendor, {})
    return {
        model: Price(input=first, cached_input=cached, cache_write=written, output=output)
        for model, (first, cached, written, output) in rows.items()
    }


_DATED = re.compile(r"-(\d{4}-?\d{2}-?\d{2}|latest)$")


def price_of(model: str, prices: Prices) -> Price | None:
    """Return a model's price, or that of its name without the date; ``None`` if the table has neither."""
    return prices.get(model) or prices.get(_DATED.sub("", model))


def cost_of(usage: Usage, price: Price) -> float:
    """Return the cost of an answer in US dollars."""
    cached = price.input if price.cached_input is None else price.cached_input
    written = price.input if price.cache_write is None else price.cache_write
    other = max(0, usage.prompt_tokens - usage.cached_tokens - usage.cache_write_tokens)
    dollars = other * price.input + usage.cached_tokens * cached + usage.cache_write_tokens * written
    return (dollars + usage.completion_tokens * price.output) / 1_000_000


def estimate_usage(request: ChatRequest) -> Usage:
    """Estimate a request's usage from its length, with an answer of ``max_tokens``."""
    return Usage(prompt_tokens=estimate_tokens(request), completion_tokens=request.max_tokens or ASSUMED_OUTPUT_TOKENS)
