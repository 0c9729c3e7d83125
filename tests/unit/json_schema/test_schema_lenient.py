"""Lenient JSON: reading any text ends."""

from __future__ import annotations

import itertools
import json

import pytest

from browserllm.json_schema.lenient import Broken, TextReader, read_value, repair

# Whitespace for Python but not for JSON, and characters with a meaning in JSON.
SIGNS = tuple('\x1e\x1c\x0b\x85\xa0\u2028\u3000}]):=,"a{ \n')


@pytest.mark.parametrize("begin", ["{", "[", "{a:", '{"a"', "[1", "{a:1,"])
def test_reading_any_text_makes_progress(begin: str) -> None:
    """Every text of up to three characters after each beginning takes few writes, and any result is JSON."""
    for length in (1, 2, 3):
        for signs in itertools.product(SIGNS, repeat=length):
            text = begin + "".join(signs)
            written: list[str] = []

            def write(piece: str, text: str = text, written: list[str] = written) -> None:
                written.append(piece)
                assert len(written) < 100, f"{text!r} is written without end"

            reader = TextReader()
            reader.add(text + "\n")
            reader.end()
            try:
                list(read_value(reader, write))
            except Broken:
                continue
            json.loads("".join(written))


@pytest.mark.parametrize("blank", ["\x1c", "\x1d", "\x1e", "\x1f", "\x85", "\xa0", "\u2009", "\u2028", "\u3000"])
def test_unusual_whitespace_is_not_part_of_a_word(blank: str) -> None:
    """Models copy it from web pages: around a literal, a number or a word without quotes."""
    repaired = repair(f"{{a:{blank}null{blank}, b: 5{blank}, c: [{blank}], d: {blank}x y{blank}}}")
    assert repaired is not None
    assert json.loads(repaired) == {"a": None, "b": 5, "c": [None], "d": "x y"}
