"""Parsing a pattern and searching for it take a linear number of steps.

Not among the unit tests, because counting steps takes too long in a page.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from growth import assert_linear, counted
from unit.json_schema.test_patterns import HOSTILE

pytestmark = pytest.mark.no_cover


@pytest.mark.parametrize(("pattern", "text"), HOSTILE)
def test_a_search_is_linear_in_the_text(pattern: str, text: Callable[[int], str]) -> None:
    """For any pattern, twice the text takes twice the steps."""
    searched = counted("json_schema.patterns.pattern").Pattern(pattern)
    assert_linear(text, searched.search)


@pytest.mark.parametrize(
    "make",
    [
        lambda size: "a" * size,
        lambda size: "|".join("ab" for _ in range(size // 3)),
        lambda size: "(?:a?)" * (size // 6),
        lambda size: "[a-c]" * (size // 5),
        lambda size: "[" + "a-c" * (size // 3) + "]",
        lambda size: "a{10}" * (size // 5),
        lambda size: "()" * (size // 2),
        lambda size: r"\b" * (size // 2),
        lambda size: "{" * size,
        lambda size: "a{1,2" * (size // 5),
        lambda size: r"(?:a|)" * (size // 6),
    ],
)
def test_parsing_a_pattern_is_linear_in_its_length(make: Callable[[int], str]) -> None:
    """Only the parser counts here; the automaton's size has its own limit."""
    assert_linear(make, counted("json_schema.patterns.syntax").parse)
