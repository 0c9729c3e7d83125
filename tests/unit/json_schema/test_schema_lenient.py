"""JSON as models write it: whatever the text, reading it comes to an end."""

from __future__ import annotations

import itertools
import json

import pytest

from browserllm.json_schema.lenient import Broken, Reader, read_value, repair

# What Python takes for white space and JSON does not, beside what means something in JSON.
SIGNS = tuple('\x1e\x1c\x0b\x85\xa0\u2028\u3000}]):=,"a{ \n')


@pytest.mark.parametrize("begin", ["{", "[", "{a:", '{"a"', "[1", "{a:1,"])
def test_reading_goes_forward_whatever_the_text(begin: str) -> None:
    """Every text of up to three signs after each beginning is read in few writes, and a result is JSON."""
    for length in (1, 2, 3):
        for signs in itertools.product(SIGNS, repeat=length):
            text = begin + "".join(signs)
            written: list[str] = []

            def write(piece: str, text: str = text, written: list[str] = written) -> None:
                written.append(piece)
                assert len(written) < 100, f"{text!r} is written without end"

            reader = Reader()
            reader.add(text + "\n")
            reader.end()
            try:
                list(read_value(reader, write))
            except Broken:
                continue
            json.loads("".join(written))


@pytest.mark.parametrize("blank", ["\x1c", "\x1d", "\x1e", "\x1f", "\x85", "\xa0", "\u2009", "\u2028", "\u3000"])
def test_white_space_of_other_kinds_is_not_part_of_a_word(blank: str) -> None:
    """As a model copies it from a web page: around a literal, a number or a word without quotes."""
    repaired = repair(f"{{a:{blank}null{blank}, b: 5{blank}, c: [{blank}], d: {blank}x y{blank}}}")
    assert repaired is not None
    assert json.loads(repaired) == {"a": None, "b": 5, "c": [None], "d": "x y"}
