"""Partial JSON: each value is certain and extends the one before."""

from __future__ import annotations

from typing import Any

import pytest

from browserllm.json_schema.partial import MISSING, PartialJson, Root


def shown(text: str, root: Root = "object") -> tuple[list[Any], PartialJson]:
    """Return each partial value while the text arrives character by character, and the parser at its end."""
    partial = PartialJson(root)
    values = [partial.value for char in text if partial.feed(char)]
    before = partial.value
    partial.finish()
    if partial.value is not before:
        values.append(partial.value)
    return values, partial


def test_each_kind_of_value_appears_when_it_is_certain() -> None:
    """Containers when they open, strings as they grow, others when complete, keys with their values."""
    values, partial = shown('{"n": 12, "t": "ab", "l": [true, null, {"x": -1.5e3}]}')
    assert values == [
        {},
        {"n": 12},
        {"n": 12, "t": ""},
        {"n": 12, "t": "a"},
        {"n": 12, "t": "ab"},
        {"n": 12, "t": "ab", "l": []},
        {"n": 12, "t": "ab", "l": [True]},
        {"n": 12, "t": "ab", "l": [True, None]},
        {"n": 12, "t": "ab", "l": [True, None, {}]},
        {"n": 12, "t": "ab", "l": [True, None, {"x": -1500.0}]},
    ]
    assert partial.complete
    assert partial.problems == []


def test_earlier_values_do_not_change() -> None:
    """So a caller can keep one and compare it with the next."""
    partial = PartialJson()
    assert partial.value is MISSING
    partial.feed('{"a": {"b": [1, ')
    first = partial.value
    partial.feed('2, {"c": "x')
    second = partial.value
    partial.feed('y"}]}}')
    assert (first, second) == ({"a": {"b": [1]}}, {"a": {"b": [1, 2, {"c": "x"}]}})
    assert partial.value == {"a": {"b": [1, 2, {"c": "xy"}]}}
    assert partial.value is partial.value


@pytest.mark.parametrize(
    ("pieces", "value"),
    [
        (["\\", "n", "\\u00", "e9"], "\né"),
        (["\\ud83d", "\\ude", "00!"], "😀!"),
        (["\ud83d", "\ude00"], "😀"),
        (["\\ud83d", "x"], "\ufffdx"),
        (["\\ud83d"], "\ufffd"),
        (["\ude00\\ud83d\\ud83d"], "\ufffd\ufffd\ufffd"),
    ],
)
def test_half_a_character_is_held_back(pieces: list[str], value: str) -> None:
    """Escapes and surrogate pairs appear complete; a lone surrogate becomes a replacement character."""
    partial = PartialJson()
    partial.feed('{"a": "')
    for piece in pieces:
        partial.feed(piece)
        assert value.startswith(partial.value["a"])
    partial.feed('"}')
    assert partial.value == {"a": value}
    assert partial.text is not None
    partial.text.encode()


@pytest.mark.parametrize(
    ("text", "root", "value"),
    [
        ('Here is the JSON:\n```json\n{"a": 1}\n```\nI hope {"b": 2} helps.', "object", {"a": 1}),
        ('[1] Sure, for {name}: {"a": 1}', "object", {"a": 1}),
        ('Use {} like `{}` so:\n{"a": 1}', "object", {"a": 1}),
        ("Nothing to say:\n{}\n", "object", {}),
        ("```\n{}```", "object", {}),
        ('{{"a": 1}}', "object", {"a": 1}),
        ('<think>maybe {"a": 2} < 3</think>{"a": 1}', "object", {"a": 1}),
        ('a < b <thinking {"a": 1}', "object", {"a": 1}),
        ("[1] and [see] and [a, b]:\n[1, 2]", "array", [1, 2]),
        ("[12]", "array", [12]),
        ("[]\n", "array", []),
        ("It is [] or\n[ ]", "array", []),
        ('["a"]', "any", ["a"]),
        ('Sure! [{"a": 1}, {"a": 2}]', "any", [{"a": 1}, {"a": 2}]),
        ('{"a": [1]}', "any", {"a": [1]}),
        ("```\n{'a': [1, 2\n```\nbye", "object", {"a": [1, 2]}),
        ("{a: True, 'b': None, c: it is so,}", "object", {"a": True, "b": None, "c": "it is so"}),
        ('{"a": "one\ntwo", "b": [1 2]}', "object", {"a": "one\ntwo", "b": ["1 2"]}),
    ],
)
def test_the_json_is_found_in_surrounding_text(text: str, root: Root, value: Any) -> None:
    """In fences, after text, after brackets that are not JSON; also with repairs."""
    values, partial = shown(text, root)
    assert values[-1] == partial.value == value
    assert partial.complete
    at_once = PartialJson(root)
    assert at_once.feed(text + "\n") or at_once.finish()
    assert at_once.value == value


@pytest.mark.parametrize(
    ("text", "root", "value", "said"),
    [
        ("no idea", "object", MISSING, "there is no JSON object in the text"),
        ("", "array", MISSING, "there is no JSON list in the text"),
        ("{", "any", MISSING, "there is no JSON object or list in the text"),
        ('<think>{"a": 1}', "object", MISSING, "there is no JSON object in the text"),
        ('{"a": {"b": 12', "object", {"a": {}}, "the JSON breaks off here - at `$.a`"),
        ('{"a": "x"', "object", {"a": "x"}, "the JSON breaks off here"),
        ('[{"a": 1}]', "object", MISSING, "expected an object, got an array"),
        ('{"a": [1]}', "array", MISSING, "expected an array, got an object"),
        ('{"a": [1e999]}', "object", {"a": []}, "the number 1e999 is out of range - at `$.a`"),
    ],
)
def test_an_incomplete_value_has_a_problem(text: str, root: Root, value: Any, said: str) -> None:
    """The partial value stays, and nothing is made up."""
    _, partial = shown(text, root)
    assert partial.value == value
    assert (partial.complete, partial.text) == (False, None)
    assert [str(problem) for problem in partial.problems] == [said]
    assert partial.finish() is False
    assert len(partial.problems) == 1
    assert not partial.feed('{"a": 1}')


def test_the_first_of_repeated_keys_counts() -> None:
    """Anything else would change an earlier value; a problem reports the key."""
    values, partial = shown('{"a": {"b": 1}, "a": {"b": [2, "x"], "c": {}}, "d": [{"e": 1, "e": "yy"}]}')
    assert values[-1] == {"a": {"b": 1}, "d": [{"e": 1}]}
    assert len(values) == 6
    assert [str(one) for one in partial.problems] == [
        "the key `a` is repeated",
        "the key `e` is repeated - at `$.d[0]`",
    ]
    assert partial.complete


def test_depth_and_length_are_bounded() -> None:
    """Text beyond the limits is not read, and a problem says why."""
    deep = PartialJson("array")
    deep.feed('["x", ' + "[" * 100)
    assert str(deep.problems[0]) == "the JSON is nested more than 64 deep"
    assert not deep.feed("]")
    long = PartialJson(max_chars=100)
    long.feed('{"a": "' + "x" * 50)
    long.feed("y" * 100)
    assert long.value == {"a": "x" * 50}
    assert "too long" in str(long.problems[0])
    assert not long.finish()


def test_long_values_and_long_prose_cost_little() -> None:
    """A value of a megabyte in small pieces is read once, and text before it is released."""
    partial = PartialJson()
    for _ in range(1000):
        partial.feed("some words { [ < ` ")
    assert partial._reader.held < 100
    partial.feed('{"a": "')
    for _ in range(10_000):
        partial.feed("x" * 100)
    partial.feed('"}')
    assert len(partial.value["a"]) == 1_000_000
    assert partial.text == '{"a": "' + "x" * 1_000_000 + '"}'


def test_missing_is_falsy() -> None:
    """Its ``repr`` is its name."""
    assert not MISSING
    assert repr(MISSING) == "MISSING"
