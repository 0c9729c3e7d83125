"""JSON that is nested too deeply raises an error and never crashes Python."""

from __future__ import annotations

import random
import time
from typing import Any

import msgspec
import pytest

from browserllm._internal.nesting import MAX_DEPTH, _depth, check_depth, decode_json


@pytest.mark.parametrize(("opens", "closes"), [("[", "]"), ('{"a":', "}"), ('[{"a":', "}]")])
@pytest.mark.parametrize("as_bytes", [True, False])
def test_json_that_is_too_deep_is_an_error(opens: str, closes: str, as_bytes: bool) -> None:
    """It is decoded at the limit, but not beyond or far beyond it, complete or truncated."""
    per = opens.count("[") + opens.count("{")

    def nested(times: int, end: bool = True) -> bytes | str:
        text = opens * times + "1" + (closes * times if end else "")
        return text.encode() if as_bytes else text

    decode_json(nested(MAX_DEPTH // per), Any)
    for text in (nested(MAX_DEPTH // per + 1), nested(100_000), nested(100_000, end=False)):
        with pytest.raises(RecursionError, match=str(MAX_DEPTH)):
            decode_json(text, Any)


@pytest.mark.parametrize("text", [b'{"a": "\xff"}', '{"a": "\ud800"}'])
def test_what_is_no_unicode_is_not_json(text: str | bytes) -> None:
    """There is one error to catch, and it does not carry the text."""
    with pytest.raises(msgspec.DecodeError, match="utf-8") as caught:
        decode_json(text, Any)
    assert caught.value.__context__ is None


def test_json_that_is_long_or_only_looks_deep_is_decoded() -> None:
    """Brackets side by side or in strings are not nesting."""
    assert decode_json(b"[" + b"[]," * 5000 + b"[]]", list[Any]) == [[]] * 5001
    text = '{"a": "' + '[\\"{' * 5000 + '", "b": "\\\\"}'
    assert decode_json(text, dict[str, str]) == {"a": '["{' * 5000, "b": "\\"}
    assert decode_json('"7"', int, strict=False) == 7


def test_the_depth_matches_the_decoder_whatever_the_strings_contain() -> None:
    """Escapes of any length at the end of a string, and unterminated strings, hide no bracket and add none."""
    for escapes in range(12):
        for depth in (MAX_DEPTH - 1, MAX_DEPTH):
            text = '["' + "\\\\" * escapes + '\\"[[{",' + "[" * depth + "]" * depth + "]"
            if depth + 1 > MAX_DEPTH:
                with pytest.raises(RecursionError):
                    check_depth(text)
            else:
                check_depth(text)
                assert decode_json(text, list[Any])[0] == "\\" * escapes + '"[[{'
    for text in ('{"a":"' + '\\"' * 200_000 + "[" * 300, '"' * 200_001 + "[" * 300, "\\" * 200_001 + '"' + "[" * 300):
        check_depth(text)  # all brackets are inside a string


def test_the_depth_is_that_of_counting_bracket_by_bracket() -> None:
    """Also where brackets do not match, and where quotes and escapes stand anywhere."""
    seed = time.time_ns()
    chance = random.Random(seed)  # noqa: S311 (texts for a test)
    for _ in range(3000):
        text = "".join(chance.choices('[]{}"\\a,', k=chance.randrange(40)))
        assert _depth(text.encode()) == counted(text), f"seed {seed}: {text!r}"


def counted(text: str) -> int:
    """Return the deepest point of a text, letter by letter."""
    depth = deepest = 0
    inside = escaped = False
    for letter in text:
        if inside:
            inside = escaped or letter != '"'
            escaped = letter == "\\" and not escaped
        elif letter == '"':
            inside, escaped = True, False
        elif letter in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif letter in "]}":
            depth -= 1
    return deepest
