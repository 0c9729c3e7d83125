"""ECMAScript's patterns: what they match, which are rejected, and that hostile ones terminate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from browserllm.errors import InvalidRequest
from browserllm.json_schema import check
from browserllm.json_schema.patterns.pattern import Pattern, PatternError
from browserllm.json_schema.patterns.syntax import MAX_GROUPS, MAX_LENGTH, MAX_POSITIONS
from browserllm.json_schema.patterns.work import TooMuchWork, Work
from browserllm.json_schema.validate import Validator, check_schema

# Patterns that make Python's engine backtrack endlessly, and lookarounds, which plain automata do not support.
HOSTILE: list[tuple[str, Callable[[int], str]]] = [
    ("^(a+)+$", lambda size: "a" * size + "!"),
    ("^(a|a)*$", lambda size: "a" * size + "!"),
    ("^(a|aa)+$", lambda size: "a" * size + "!"),
    ("^(a*)*$", lambda size: "a" * size + "!"),
    ("(x+x+)+y", lambda size: "x" * size),
    ("^(([a-z])+.)+[A-Z]([a-z])+$", lambda size: "a" * size),
    (r"^(\w+\s?)*$", lambda size: "word " * (size // 5) + "!"),
    (".*.*=.*", lambda size: "x" * size),
    (r"\s+$", lambda size: " " * size + "x"),
    ("a*b", lambda size: "a" * size),
    ("(a?){30}a{30}$", lambda size: "a" * size + "b"),
    ("^(?=(a+)+$)", lambda size: "a" * size + "!"),
    ("(?<=(a+)+)b", lambda size: "a" * size),
    ("^(?!.*(ab)+c).*$", lambda size: "ab" * (size // 2) + "c"),
    (r"(?=.*(?=.*(?!.*x)y)z)q", lambda size: "z" * size),
    (r"(\b\w+\b ?)+$", lambda size: "word " * (size // 5) + "!"),
    ("(.+)+(.+)+(.+)+!", lambda size: "x" * size),
]


@pytest.mark.parametrize(("pattern", "text"), HOSTILE)
def test_hostile_patterns_terminate(pattern: str, text: Callable[[int], str]) -> None:
    """The search does not give up either: the pattern is in none of these texts."""
    assert Pattern(pattern).search(text(2000)) is False


@pytest.mark.parametrize(
    "pattern",
    [
        "(a{1000}){1000}",
        "((((a{10}){10}){10}){10}){11}",
        f"a{{{MAX_POSITIONS + 1}}}",
        "(?:(?:ab?){300}){500}",
        "(?=a{90000})(?=a{90000})",
        "(a{0,99999}b?){2}",
        "(a|b){50000}",
        "a" * (MAX_LENGTH + 1),
        "(" * (MAX_GROUPS + 1) + ")" * (MAX_GROUPS + 1),
        r"(?:(a)\1?){30000}",
        "a{99999999999999999999}",
        r"a{1,1000000000000}",
    ],
)
def test_a_pattern_that_is_too_large_is_rejected(pattern: str) -> None:
    """This happens before anything is built."""
    with pytest.raises(PatternError):
        Pattern(pattern)
    with pytest.raises(InvalidRequest, match="'pattern' at"):
        check_schema({"pattern": pattern})


def test_empty_parts_may_be_repeated_any_number_of_times() -> None:
    """They stay empty, however often they are repeated."""
    for pattern in ("^(?:){999999999}$", "^(?:(?:){999999999}){999999999}a$", "^(a{0}){999999999}a?$"):
        assert Pattern(pattern).search("a") is ("a" in pattern)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (r"^(.*)(.*)(.*)\1\2\3!$", "ab" * 200),
        (r"(a*)*\1b", "a" * 60),
        (r"^(?:(a|aa)+\1)+$", "a" * 60 + "!"),
        (r"(?=(a+)+\1!)b", "a" * 60),
    ],
)
def test_backreferences_have_a_work_limit(pattern: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No engine matches them in linear time. A value beyond the limit does not fit, even under ``not``."""
    with pytest.raises(TooMuchWork):
        Pattern(pattern).search(text, Work(100_000))
    monkeypatch.setattr(check, "MAX_STEPS", 10_000)
    for schema in ({"pattern": pattern}, {"not": {"pattern": pattern}}):
        (problem,) = Validator(schema).problems(text)
        assert "takes too long" in problem.message


def test_the_work_limit_is_for_a_whole_check(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand strings share one limit."""
    monkeypatch.setattr(check, "MAX_STEPS", 10_000)
    problems = Validator({"items": {"pattern": r"(.*)(.*)\1\2!"}}).problems(["ab" * 40] * 1000)
    assert ["takes too long" in problem.message for problem in problems] == [True]


@pytest.mark.parametrize(
    ("pattern", "fits", "fits_not"),
    [
        ("^[a-z]{3}$", ["abc"], ["ab", "abcd", "abC"]),
        ("^(ab|cd){2,3}$", ["abcd", "ababab"], ["ab", "abcdabcd"]),
        ("^a{0}$", [""], ["a"]),
        ("^(a{2}){0,2}$", ["", "aa", "aaaa"], ["a", "aaa"]),
        (r"^(?=.*\d)(?=.*[A-Z]).{4,}$", ["abC1"], ["abcd", "aC1"]),
        ("^(?!foo).*$", ["fo", "xfoo"], ["foo", "foobar"]),
        ("(?<!a)b", ["b", "cb"], ["ab"]),
        ("(?<=a(?=b))b", ["ab"], ["b", "ac"]),
        ("(?<=^|,)x(?=,|$)", ["x", "a,x", "x,b"], ["ax", "xb"]),
        (r"\bword\b", ["a word.", "word"], ["words", "sword"]),
        (r"(a)|b\1", ["a", "b"], ["c"]),
        (r"^(a|b)\1$", ["aa", "bb"], ["ab"]),
        (r"^(?:(a)|b)*\1$", ["b", "ab", "aa"], ["c"]),
        (r"(?<=\1(a))b", ["aab"], ["ab", "b"]),
        (r"^(a*?)(a*)\1$", ["", "aaa"], ["b"]),
        (r"^(?=(a+))a\1$", ["aaaa"], []),
        ("^[^]$", ["x", "\n", "😀"], ["", "xx"]),
        (r"^[\u{1F600}-\u{1F64F}]+$", ["😀😁"], ["a"]),
        ("", ["", "x"], []),
        ("a|", ["", "x"], []),
    ],
)
def test_patterns_match_as_in_ecmascript(pattern: str, fits: list[str], fits_not: list[str]) -> None:
    """Anchors, counts, lookarounds and references; the property tests compare many more with Node."""
    if pattern == r"^(?=(a+))a\1$":
        fits, fits_not = [], ["aaaa", "a"]  # what looks ahead does not give back what it took
    found = Pattern(pattern)
    assert [text for text in fits + fits_not if found.search(text)] == fits


def test_the_cache_is_bounded() -> None:
    """With a text of a hundred thousand different characters, and a pattern whose sets all differ."""
    found: Any = Pattern("(?:a|[^a]).{12}z")
    text = "".join(chr(0x100 + at * 7 % 50_000) if at % 3 else "a" for at in range(100_000))
    assert not found.search(text, Work(100_000_000))
    assert len(found._engine._sets) < 20_000
    assert len(found._engine._masks) <= 2000
