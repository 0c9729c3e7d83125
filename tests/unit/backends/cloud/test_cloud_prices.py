"""The built-in table of prices: every row can be right, and models are found in it by the names that vendors use."""

from __future__ import annotations

import pytest

from browserllm.backends.cloud.presets import PRESETS
from browserllm.backends.cloud.price_table import ROWS
from browserllm.backends.cloud.prices import Price, price_of, prices_of


def test_no_row_has_swapped_columns() -> None:
    """Cached input costs less than other input, writing to a cache no less, and an answer no less than its prompt."""
    for vendor in ROWS:
        for model, price in prices_of(vendor).items():
            cached, written = price.cached_input, price.cache_write
            assert 0 < price.input <= price.output, model
            assert cached is None or 0 < cached < price.input, model
            assert written is None or written >= price.input, model


def test_each_table_belongs_to_a_backend_or_a_preset() -> None:
    """A vendor's name is that of its backend; vendors without a table have no prices."""
    assert set(ROWS) < {*PRESETS, "anthropic", "gemini"}
    assert prices_of("vllm") == {}


@pytest.mark.parametrize(
    ("vendor", "model", "found"),
    [
        ("openai", "gpt-5-mini-2025-08-07", "gpt-5-mini"),
        ("anthropic", "claude-opus-4-20250514", "claude-opus-4-0"),
        ("gemini", "gemini-2.5-flash", "gemini-2.5-flash"),
        # A date with a price of its own keeps it.
        ("openai", "gpt-4o-2024-05-13", "gpt-4o-2024-05-13"),
    ],
)
def test_a_model_is_found_with_and_without_its_date(vendor: str, model: str, found: str) -> None:
    """Answers name the dated model, programs usually the other."""
    prices = prices_of(vendor)
    assert price_of(model, prices) == prices[found]


def test_a_model_outside_the_table_has_no_price() -> None:
    """A similar name is not enough."""
    assert price_of("gpt-6-luna-turbo", prices_of("openai")) is None
    assert price_of("mine", {"mine": Price(input=1, output=2)}) == Price(input=1, output=2)
