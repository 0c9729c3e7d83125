"""Properties of json_schema: partial values only grow, whatever the pieces, and types accept their own values.

Not among the unit tests, because Hypothesis does not run in a page.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Literal, NamedTuple, TypedDict

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from browserllm.errors import InvalidRequest
from browserllm.json_schema.lenient import MAX_DEPTH
from browserllm.json_schema.partial import MISSING, PartialJson
from browserllm.json_schema.types import InvalidValue, output_type
from browserllm.json_schema.validate import Validator
from cases import cases

# Ten thousand cases take minutes longer when each line is counted; the unit tests reach the same lines.
pytestmark = pytest.mark.no_cover


def grows(before: Any, after: Any) -> bool:
    """Whether nothing of the earlier value disappeared or changed."""
    if before is MISSING:
        return True
    if type(before) is not type(after):
        return False
    if isinstance(before, dict):
        return list(after)[: len(before)] == list(before) and all(grows(before[key], after[key]) for key in before)
    if isinstance(before, list):
        return len(before) <= len(after) and all(map(grows, before, after))
    if isinstance(before, str):
        return after.startswith(before)
    return bool(before == after)


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal, with true unequal to 1, and keys in the same order."""
    return json.dumps(one) == json.dumps(other)


def read(pieces: list[str], root: Any = "object") -> tuple[Any, bool, list[str], str | None]:
    """Return the last value, whether it is complete, the problems and the text; check that values only grow."""
    partial = PartialJson(root)
    kept: list[tuple[Any, str]] = []
    last: Any = MISSING
    for piece in pieces:
        changed = partial.feed(piece)
        value = partial.value
        assert changed or value is last, "a value reported as unchanged is the same object"
        if changed:
            assert grows(last, value)
            kept.append((value, json.dumps(value)))
        last = value
    partial.finish()
    assert grows(last, partial.value)
    assert all(json.dumps(value) == shown for value, shown in kept), "an earlier value has changed"
    return partial.value, partial.complete, [str(problem) for problem in partial.problems], partial.text


@st.composite
def cut(draw: st.DrawFn, text: str) -> list[str]:
    """Draw a text in pieces, including empty ones."""
    places = sorted(draw(st.lists(st.integers(0, len(text)), max_size=12)))
    return [text[a:b] for a, b in zip([0, *places], [*places, len(text)], strict=True)]


words = st.text(st.characters(codec="utf-8"), max_size=12)
numbers = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4),
    max_leaves=8,
)
objects = st.dictionaries(words, values, max_size=5)
layouts: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [{}, {"indent": 2}, {"separators": (",", ":")}, {"ensure_ascii": False}, {"separators": (" , ", " :  ")}]
)
surrounding = st.sampled_from(
    [
        ("", ""),
        ("Here is the JSON:\n```json\n", "\n```\nI hope that {helps}."),
        ("[1] For {name}, see `[x]`: ", " and so on {}"),
        ('<think>{"a": [1]} or\n{}?</think>\n', ""),
        ("```\n", "```"),
    ]
)


@settings(max_examples=cases(600), deadline=None, derandomize=True)
@given(st.data(), objects, layouts, surrounding)
def test_valid_json_is_returned_unchanged(
    data: Any, value: Any, layout: dict[str, Any], words: tuple[str, str]
) -> None:
    """With any layout, pieces and surrounding text; the partial values only grow."""
    before, after = words if value else ("", "")
    text = before + json.dumps(value, **layout) + after
    whole = read([text])
    assert same(whole[0], value)
    assert whole[1:3] == (True, [])
    assert same(json.loads(whole[3] or ""), value)
    assert read(list(text)) == whole
    assert read(data.draw(cut(text))) == whole


@settings(max_examples=cases(400), deadline=None, derandomize=True)
@given(st.data(), st.lists(values, max_size=5), layouts)
def test_lists_are_returned_unchanged(data: Any, value: Any, layout: dict[str, Any]) -> None:
    """With a list at the root, in any pieces."""
    text = json.dumps(value, **layout)
    whole = read([text], "array")
    assert same(whole[0], value) and whole[1:3] == (True, [])
    assert read(data.draw(cut(text)), "any") == whole


plain = st.text(st.sampled_from("abc xyzäß.-"), min_size=1, max_size=8).map(str.strip).filter(bool)
sloppy = st.recursive(
    st.none() | st.booleans() | st.integers() | plain,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(plain, inner, min_size=1, max_size=3),
    max_leaves=6,
)


@settings(max_examples=cases(600), deadline=None, derandomize=True)
@given(st.data(), st.dictionaries(plain, sloppy, min_size=1, max_size=4))
def test_python_is_read_as_json(data: Any, value: Any) -> None:
    """The ``repr`` of a value, with trailing commas and in any pieces, gives the same value."""
    text = repr(value).replace("}", ",}").replace("]", ",]").replace("{,}", "{}").replace("[,]", "[]") + "\n"
    whole = read([text])
    assert same(whole[0], value) and whole[1:3] == (True, [])
    assert read(data.draw(cut(text))) == whole


fragments = st.sampled_from(
    [
        *(
            '{"a": ',
            '{"a": {"b": [',
            '[{"c": "',
            "{",
            "}",
            "[",
            "]",
            '"',
            "'",
            ":",
            ",",
            "\\",
            "\\u12",
            "\\ud83d",
            "\\ude00",
        ),
        *(
            "```",
            "```json\n",
            "`",
            "<think>",
            "</think>",
            "<",
            "1",
            "-2.5e3",
            "1e999",
            "tru",
            "null",
            "True",
            "text. ",
            "a: ",
        ),
        *("=", "é", "𝄞", '"a": 1, ', '"a"', "/*", "//", "NaN", "(", ")", "[1]", "{}", " ", "  ", "\n", "\t \n", "\x00"),
        *("\ud800", "\ude00"),
    ]
)
soups = st.lists(fragments | st.text(st.characters(), max_size=4), max_size=20).map("".join)


@settings(max_examples=cases(1500), deadline=None, derandomize=True)
@given(st.data(), soups, st.sampled_from(["object", "array", "any"]))
def test_the_pieces_of_a_text_make_no_difference(data: Any, text: str, root: Any) -> None:
    """Junk gives a value, the beginning of one, or none, but never a failure."""
    whole = read([text], root)
    value, complete, problems, written = whole
    assert read(list(text), root) == whole
    assert read(data.draw(cut(text)), root) == whole
    assert complete == (written is not None)
    if written is not None:
        twice = [problem for problem in problems if "twice" in problem]
        assert problems == twice
        assert twice or same(msgspec.json.decode(written), value)
    else:
        assert problems


@settings(max_examples=cases(200), deadline=None, derandomize=True)
@given(st.integers(1, 300), st.sampled_from(['{"a":', "[", '[{"a":']))
def test_depth_is_bounded(depth: int, opening: str) -> None:
    """Too deep nesting is reported as a problem, not as a failure."""
    text = opening * depth
    value, complete, problems, _ = read([text], "any")
    assert not complete
    assert problems == ["the JSON is nested more than 64 deep"] or text.count("[") + text.count("{") <= MAX_DEPTH + 1
    assert value is not MISSING or opening == "["


# Types


class Color(Enum):
    RED = "red"
    BLUE = "blue"


class Point(NamedTuple):
    x: int
    y: float


class Named(TypedDict):
    name: str
    tags: list[str]


class Circle(msgspec.Struct, tag=True):
    radius: float


class Square(msgspec.Struct, tag=True):
    side: int


@dataclass
class Tree:
    label: str
    weight: float | None = None
    children: list[Tree] = field(default_factory=list)


floats = st.floats(allow_nan=False, allow_infinity=False)
small = st.text(st.characters(codec="utf-8"), max_size=5)
trees: st.SearchStrategy[Tree] = st.deferred(
    lambda: st.builds(Tree, small, st.none() | floats, st.just([]) | st.lists(trees, max_size=2))
)
KINDS: list[tuple[Any, st.SearchStrategy[Any]]] = [
    (int, st.integers(-(2**60), 2**60)),
    (str, small),
    (bool, st.booleans()),
    (float, floats),
    (Color, st.sampled_from(Color)),
    (Literal["a", 1], st.sampled_from(["a", 1])),
    (Point, st.builds(Point, st.integers(-9, 9), floats)),
    (Named, st.fixed_dictionaries({"name": small, "tags": st.lists(small, max_size=3)})),
    (Circle | Square, st.builds(Circle, floats) | st.builds(Square, st.integers(-9, 9))),
    (Tree, trees),
]


@st.composite
def typed(draw: st.DrawFn) -> tuple[Any, Any]:
    """Draw a type and a value of it."""
    kind, of_kind = draw(st.sampled_from(KINDS))
    form = draw(st.integers(0, 4))
    if form == 0:
        return list[kind], draw(st.lists(of_kind, max_size=3))
    if form == 1:
        return dict[str, kind], draw(st.dictionaries(small, of_kind, max_size=3))
    if form == 2:
        return kind | None if kind is not Literal["a", 1] else kind, draw(of_kind)
    if form == 3:
        made = msgspec.defstruct("Made", [("one", kind), ("more", list[kind], msgspec.field(default_factory=list))])
        return made, made(draw(of_kind), draw(st.lists(of_kind, max_size=2)))
    return kind, draw(of_kind)


@settings(max_examples=cases(600), deadline=None, derandomize=True)
@given(st.data(), typed())
def test_a_value_round_trips_through_its_type(data: Any, given: tuple[Any, Any]) -> None:
    """Its JSON fits the schema and is read as the same value, also as the last partial value."""
    kind, value = given
    made = output_type(kind)
    inner = json.loads(msgspec.json.encode(value))
    written = {"value": inner} if made.wrapped else inner
    text = json.dumps(written)
    assert Validator(made.schema).problems(written) == []
    assert made.schema["type"] == "object"
    assert made.read(text) == value
    assert made.read(read(data.draw(cut(text)))[3] or "") == value


@settings(max_examples=cases(600), deadline=None, derandomize=True)
@given(typed(), values | soups)
def test_a_value_of_another_type_is_invalid(given: tuple[Any, Any], other: Any) -> None:
    """Any value and any text fits the type, or is an `InvalidValue` with problems; the schema agrees."""
    made = output_type(given[0])
    text = other if isinstance(other, str) else json.dumps({"value": other})
    invalid_values: list[InvalidValue] = []
    for attempt in (lambda: made.read(text), lambda: made.check(other)):
        try:
            attempt()
        except InvalidValue as invalid:
            invalid_values.append(invalid)
    assert all(invalid.problems for invalid in invalid_values)
    assert all(one.path.startswith("$") and one.message for invalid in invalid_values for one in invalid.problems)


keywords = st.sampled_from(
    [
        *("type", "enum", "const", "properties", "required", "items", "prefixItems", "anyOf"),
        *("oneOf", "allOf", "not", "if", "then", "else", "minimum", "multipleOf"),
        *("pattern", "minLength", "maxItems", "uniqueItems", "contains", "$ref", "$defs", "$id"),
        *(
            "$anchor",
            "$dynamicRef",
            "$schema",
            "additionalProperties",
            "patternProperties",
            "propertyNames",
            "dependentSchemas",
            "dependentRequired",
        ),
        *("dependencies", "unevaluatedProperties", "unevaluatedItems", "minContains", "format", "definitions"),
    ]
)
oddities = st.sampled_from(
    [
        *(
            "string",
            "object",
            "integer",
            "#",
            "#/$defs/a",
            "#a",
            "a",
            "(",
            "^a+$",
            "\\p{L}",
            "[",
            "http://x/y",
            "urn:x",
        ),
        *("%", "#%", None, True, False, -1, 0, 1, 2),
    ]
)
schemas = st.recursive(
    oddities | st.lists(oddities, max_size=2),
    lambda inner: (
        st.dictionaries(keywords | st.sampled_from(["a", "b"]), inner, max_size=4) | st.lists(inner, max_size=3)
    ),
    max_leaves=10,
)


@settings(max_examples=cases(800), deadline=None, derandomize=True)
@given(schemas, values)
def test_any_schema_is_used_or_rejected(schema: Any, value: Any) -> None:
    """Checking a value with anything as a schema returns problems, or raises `InvalidRequest`."""
    try:
        validator = Validator(schema)
        problems = validator.problems(value)
        made = output_type(schema) if isinstance(schema, dict) else None
    except InvalidRequest:
        return
    assert all(problem.path.startswith("$") and problem.message for problem in problems)
    if made is not None:
        # Wrapped or not, the schema means the same.
        outer = Validator(made.schema).problems({"value": value} if made.wrapped else value)
        if made.wrapped or isinstance(value, dict):
            assert bool(outer) == bool(problems)
