"""The time to read an error's body grows linearly with its length, whatever it contains."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from growth import METER, counted

FAILURES = counted("backends.cloud.failures")

UNITS = [
    *(
        "{",
        "[",
        '"',
        "<",
        "<!--",
        "<a ",
        "<script>",
        "<title>",
        "&amp;",
        "-->",
        "data: ",
        "data: {\n",
        "error:",
        "\n",
        " ",
        "\\",
    ),
    *(
        '{"error":',
        '{"error":{"message":"',
        '[{"',
        '"error":"',
        "word ",
        "word, ",
        "a.",
        "a-",
        "(",
        "1",
        "1,",
        "1 ",
        "1s",
        "1m",
    ),
    *(
        "try again in ",
        "retry after ",
        "wait ",
        "please retry in 1",
        "invalid ",
        "no api ",
        "api key ",
        "model ",
        "model 'x' ",
    ),
    *(
        "location ",
        "context ",
        "input length ",
        "exceeds ",
        "maximum ",
        "contains 1 tokens ",
        "limit 1, ",
        "1 tokens > ",
        "x" * 30,
    ),
    *(
        "flagged by ",
        "maximum context length is 1 ",
        "tokens (1) ",
        "first 1 tokens ",
        "request (1 tokens) exceeds ",
        "1 + 1 ",
    ),
]


SIZE = 9_000
STEPS_PER_CHARACTER = 500
"""More than the patterns and the levels are; a work that grew with the square would take thousands."""


def check(unit: str) -> None:
    """Assert that a text of this unit, alone and in a body, takes so many steps a character and no more."""
    text = (unit * SIZE)[:SIZE]
    bodies: list[Any] = [
        text,
        {"error": {"message": text}},
        {"error": [{"message": unit + str(index)} for index in range(SIZE // 20)]},
        {"error": {"metadata": {"raw": json.dumps({"error": {"message": text}})}}},
    ]
    for body in bodies:
        METER.count(lambda body=body: FAILURES.read_error(body), SIZE * STEPS_PER_CHARACTER)


@pytest.mark.parametrize("unit", UNITS)
def test_an_error_that_repeats_one_word_is_read_in_linear_time(unit: str) -> None:
    """Each word that a pattern or a parser waits for."""
    check(unit)


@pytest.mark.parametrize("seed", range(10))
def test_an_error_of_words_in_any_order_is_read_in_linear_time(seed: int) -> None:
    """The words together, in random order."""
    check("".join(random.Random(seed).choices(UNITS, k=6)))  # noqa: S311
