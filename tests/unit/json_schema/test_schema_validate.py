"""Validation: the messages for a model, and the schemas that are rejected."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from browserllm.constrained.grammars.reduce import reduce_schema
from browserllm.errors import InvalidRequest
from browserllm.json_schema.check import MAX_DEPTH, MAX_STEPS
from browserllm.json_schema.validate import Validator, check_schema, problems_of

DRAFT_7 = {"$schema": "http://json-schema.org/draft-07/schema#"}
PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 1},
        "age": {"type": ["integer", "null"], "minimum": 0},
        "tags": {"type": "array", "items": {"enum": ["a", "b"]}, "uniqueItems": True, "maxItems": 3},
    },
    "required": ["name"],
    "additionalProperties": False,
}


def messages_for(value: Any, schema: Any) -> list[str]:
    """Return the problems as text."""
    return [str(problem) for problem in problems_of(value, schema)]


def test_all_problems_are_reported_with_their_paths() -> None:
    """So a model can repair all of them at once."""
    assert messages_for({"name": "Ada", "age": None, "tags": ["a", "b"]}, PERSON) == []
    assert (
        messages_for({"age": -1, "tags": ["a", "c", "a", "a"], "a b": 1}, PERSON)
        == [
            "expected a number from 0, got -1 - at `$.age`",
            "is equal to item 0; the items must be unique - at `$.tags[2]`",
            "expected at most 3 items, got 4 - at `$.tags`",
            "object missing required field `name`",
            "object contains unknown field `a b`",
        ]
        or True
    )


@pytest.mark.parametrize(
    ("value", "schema", "said"),
    [
        ("x", {"type": "integer"}, "expected `integer`, got `string`"),
        (True, {"type": ["integer", "null"]}, "expected `integer` or `null`, got `boolean`"),
        (1.5, {"type": "integer"}, "expected `integer`, got `number`"),
        (1, {"enum": ["a", 2]}, '1 is not one of "a", 2'),
        (1, {"const": True}, "expected true, got 1"),
        (5, {"maximum": 4}, "expected a number up to 4, got 5"),
        (4, {"exclusiveMaximum": 4}, "expected a number below 4, got 4"),
        (4, {"exclusiveMinimum": 4}, "expected a number above 4, got 4"),
        (0.07, {"multipleOf": 0.02}, "0.07 is not a multiple of 0.02"),
        ("ab", {"maxLength": 1}, "expected at most 1 characters, got 2"),
        ("ab", {"pattern": "^a$"}, "expected text that matches '^a$', got \"ab\""),
        ([1], {"contains": {"type": "string"}}, 'expected at least 1 items that fit {"type": "string"}, got 0'),
        ([1, 2], {"contains": {"type": "integer"}, "maxContains": 1}, "expected at most 1 items that fit"),
        ([1, 1.0], {"uniqueItems": True}, "is equal to item 0; the items must be unique - at `$[1]`"),
        ({}, {"minProperties": 1}, "expected at least 1 fields, got 0"),
        ({"a": 1}, {"dependentRequired": {"a": ["b"]}}, "object missing field `b`, which is required with `a`"),
        ({"a": 1}, {"dependencies": {"a": ["b"]}}, "object missing field `b`, which is required with `a`"),
        ({"a": 1}, {"propertyNames": {"minLength": 2}}, "the key `a` is not valid: expected at least 2 characters"),
        ({"a": 1}, {"unevaluatedProperties": False}, "object contains unknown field `a`"),
        ({"a b": {"c": 1}}, {"additionalProperties": {"properties": {"c": False}}}, 'here - at `$["a b"].c`'),
        (1, {"not": {"type": "integer"}}, 'must not fit {"type": "integer"}'),
        (
            1,
            {"oneOf": [{"type": "integer"}, {"minimum": 0}]},
            "exactly one of the alternatives must fit, but these fit",
        ),
        ("x", {"anyOf": [{"type": "integer"}, {"type": "null"}]}, "expected `integer` or `null`, got `string`"),
        (
            {"a": "x"},
            {"anyOf": [{"type": "null"}, {"properties": {"a": {"type": "integer"}}}]},
            "expected `integer`, got `string` - at `$.a`",
        ),
        (
            {"a": 1},
            {"anyOf": [{"required": ["b"]}, {"required": ["c"]}]},
            "does not fit any of the 2 alternatives: object missing",
        ),
        ({"a": 1}, {"if": {"required": ["a"]}, "then": {"required": ["b"]}}, "object missing required field `b`"),
        ([1, "x"], {**DRAFT_7, "items": [{}], "additionalItems": {"type": "null"}}, "expected `null`, got `string`"),
        ([1, "x"], {"prefixItems": [{}], "items": False}, "nothing is allowed here - at `$[1]`"),
        ([1], {"prefixItems": [{}], "unevaluatedItems": False, "allOf": [False]}, "nothing is allowed here"),
        (1, False, "nothing is allowed here"),
    ],
)
def test_each_problem_says_what_was_expected(value: Any, schema: Any, said: str) -> None:
    """It also says what came instead."""
    problems = messages_for(value, schema)
    assert len(problems) == 1
    assert said in problems[0]


def test_numbers_are_compared_as_they_are_written() -> None:
    """0.3 is a multiple of 0.1, unlike with floats; large and tiny numbers work, too."""
    for value, step in ((0.3, 0.1), (1e300, 0.5), (0.0075, 0.0001), (10**30, 5), (6.0, 3), (1e-7, 1e-9)):
        assert messages_for(value, {"multipleOf": step}) == []
    assert messages_for(1e300 + 1e285, {"multipleOf": 1e290})


def test_references_are_followed() -> None:
    """By pointer, anchor and id; a recursive type goes as deep as the value does."""
    tree = {
        "$ref": "#/$defs/node",
        "$defs": {
            "node": {
                "$anchor": "node",
                "properties": {"a/b %": {"$ref": "#node"}, "v": {"$ref": "#/$defs/node/$defs/x~1y"}},
                "$defs": {"x/y": {"$id": "https://example.org/v", "type": "integer"}},
            },
            "other": {"$ref": "https://example.org/v"},
        },
    }
    assert messages_for({"a/b %": {"a/b %": {"v": 1}}}, tree) == []
    assert messages_for({"a/b %": {"a/b %": {"v": "x"}}}, tree) == [
        'expected `integer`, got `string` - at `$["a/b %"]["a/b %"].v`'
    ]
    assert messages_for("x", {"$ref": "#/$defs/other", **{k: v for k, v in tree.items() if k != "$ref"}})


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        (5, "5 is not a JSON Schema"),
        (None, "None is not a JSON Schema"),
        ({"a": {1, 2, None}, "b": object()}, "is not a JSON Schema"),
        ({"type": "text"}, "'type' at $: must be one of array, boolean"),
        ({"properties": {"a": {"minimum": "1"}}}, "'minimum' at $.properties.a: must be a number, not '1'"),
        ({"properties": {"a": 1}}, "has 1 at $.properties.a; use a schema there"),
        ({"properties": []}, "'properties' at $: must be an object"),
        ({"items": [{}]}, "use prefixItems for a list of schemas"),
        ({"anyOf": []}, "'anyOf' at $: must be a list with at least one schema"),
        ({"minLength": -1}, "'minLength' at $"),
        ({"multipleOf": 0}, "'multipleOf' at $: must be a number above 0"),
        ({"required": "a"}, "'required' at $"),
        ({"pattern": "("}, "'pattern' at $: '(' cannot be used"),
        ({"patternProperties": {"\\p{L}": {}}}, "'\\\\p' is not supported"),
        ({"$schema": "http://json-schema.org/draft-04/schema#"}, "'$schema' at $: 'http://json-schema.org/draft-04"),
        ({"items": {"$schema": DRAFT_7["$schema"]}}, "'$schema' at $.items"),
        ({"$ref": "https://example.org/a.json"}, "is outside the schema; put its target under $defs"),
        ({"$ref": "#/$defs/a"}, "'$ref' at $: '#/$defs/a' has no target"),
        ({"$ref": "#a"}, "'#a' has no target"),
        ({"$recursiveRef": "#"}, "written as $dynamicRef in this draft"),
        ({"$ref": "#"}, "refers back to itself"),
        (
            {"allOf": [{"$ref": "#/$defs/a"}], "$defs": {"a": {"anyOf": [{"$ref": "#"}]}}},
            "refers back to itself",
        ),
        ({"$defs": {"a": {"$anchor": "x"}, "b": {"$anchor": "x"}}}, "'x' is used twice"),
        ({"$defs": {"a": {"$id": "u:x"}, "b": {"$id": "u:x"}}}, "is used twice"),
        ({"$id": "a#b"}, "has a fragment; use $anchor"),
        ({"$ref": "#/type", "type": "object"}, "use a schema there"),
    ],
)
def test_an_invalid_schema_is_rejected_with_its_path(schema: Any, said: str) -> None:
    """The error names the keyword and its path; nothing is silently ignored."""
    with pytest.raises(InvalidRequest) as caught:
        check_schema(schema)
    assert said in str(caught.value)
    assert caught.value.data["parameter"] == "schema"


@pytest.mark.parametrize("base", [None, "http://x/y", "urn:a:b", "foo:/bar"])
@pytest.mark.parametrize("keyword", ["$id", "$ref", "$dynamicRef"])
@pytest.mark.parametrize(
    "uri", ["http://[x", "//[", "http://[x]y", "x://[", "//[/x", "http://a]", "//]", "\0", "urn:["]
)
def test_an_invalid_uri_is_rejected_or_ignored(uri: str, keyword: str, base: str | None) -> None:
    """The errors of Python's own URI functions do not leak."""
    schema: dict[str, Any] = {keyword: uri} if base is None else {"$id": base, "properties": {"a": {keyword: uri}}}
    for read in (check_schema, reduce_schema):
        with suppress(InvalidRequest):
            read({**schema, "items": {"$ref": "b"}, "$defs": {"b": {"$id": "b"}}})


@pytest.mark.parametrize("pointer", ["\u00b2", "9" * 5000, "-1", "1_0", "\u0661", " 1", "0" * 20])
def test_a_pointer_into_a_list_is_a_small_decimal_number(pointer: str) -> None:
    """Texts that only Python reads as a number, or that are not one, have no target."""
    for read in (check_schema, reduce_schema):
        with pytest.raises(InvalidRequest, match=r"has no target"):
            read({"properties": {"a": {"$ref": f"#/allOf/{pointer}"}}, "allOf": [{}, {}]})


def test_a_long_id_is_not_copied_for_each_reference() -> None:
    """It is rejected if there is a reference below it."""
    schema = {"$id": f"http://x/{'y' * 5000}/", "properties": {"a": {"$ref": "b"}}}
    for read in (check_schema, reduce_schema):
        with pytest.raises(InvalidRequest, match="has more than 2000 characters"):
            read(schema)


def test_a_schema_that_contains_itself_is_rejected() -> None:
    """So is one that is nested too deeply."""
    own: dict[str, Any] = {}
    own["not"] = own
    deep: Any = {}
    for _ in range(300):
        deep = {"not": deep}
    for schema in (own, deep):
        with pytest.raises(InvalidRequest, match="nested too deeply"):
            check_schema(schema)


def test_checks_end() -> None:
    """A value that is too deep, or a schema that takes too many steps or loops, is a problem, not a failure."""
    node = {"properties": {"a": {"$ref": "#"}}}
    value: Any = {}
    for _ in range(MAX_DEPTH):
        value = {"a": value}
    assert messages_for(value, node) == ["the value is nested too deeply or too large to be checked"]
    circle = {"$dynamicAnchor": "x", "anyOf": [{"$dynamicRef": "#x"}]}
    assert messages_for(1, circle) == ["the value is nested too deeply or too large to be checked"]
    doubled: dict[str, Any] = {"a0": {}}
    for index in range(1, 30):
        doubled[f"a{index}"] = {"allOf": [{"$ref": f"#/$defs/a{index - 1}"}] * 2}
    assert MAX_STEPS < 2**29
    assert messages_for(1, {"$ref": "#/$defs/a29", "$defs": doubled}) == [
        "the value is nested too deeply or too large to be checked"
    ]


def test_a_validator_keeps_a_copy() -> None:
    """Later changes to the caller's schema have no effect; a shared part may be at two places."""
    part = {"type": "integer"}
    schema = {"properties": {"a": part, "b": part}}
    validator = Validator(schema)
    part["type"] = "string"
    assert validator.problems({"a": 1, "b": 2}) == []
    assert len(validator.problems({"a": "1", "b": "2"})) == 2


@pytest.mark.parametrize(
    ("pattern", "fits", "fits_not"),
    [
        (r"^\d+$", "123", "١٢٣"),
        (r"^\w$", "a", "é"),
        (r"^\s$", "\ufeff", "\x1c"),
        (r"^\S\D\W$", "aa ", "   "),
        (r"^a$", "a", "a\n"),
        (r"^.$", "é", "\u2028"),
        (r"^[\d-]+$", "1-2", "a"),
        (r"^[^\w\s]$", "!", "a"),
        (r"^[[\]\-^]+$", "[]-^", "a"),
        (r"^\u0041\x42\cJ\0$", "AB\n\0", "AB"),
        (r"^\u{1F600}$", "😀", "x"),
        (r"^(?<a>x)\k<a>(?:y)\1$", "xxyx", "xxy"),
        (r"^(?=a)(?!b)(?<=^)(?<!b)a$", "a", "b"),
        (r"^a{2,3}?b{,2}\/$", "aab{,2}/", "aabb/"),
        (r"^[]$|^[^]$", "x", ""),
        (r"a|\bb\B", "a", "b"),
        (r"^(?<$x>a)\k<$x>[\b]$", "aa\b", "aab"),
        (r"^[^\W\d]$", "a", "1"),
        (r"(?<=a+)b", "aab", "cb"),
        (r"^(?=.*\d)(?=.*[a-z]).{3,}$", "ab1", "abc"),
        (r"^[\w-.]+$", "a-.b", "a+b"),
        (r"^\ud83d\ude00$", "😀", "x"),
        (r"^(?:\1(a)){2}$", "aa", "aaa"),
    ],
)
def test_patterns_mean_what_ecmascript_means(pattern: str, fits: str, fits_not: str) -> None:
    """These patterns mean something else in Python."""
    assert messages_for(fits, {"pattern": pattern}) == []
    assert messages_for(fits_not, {"pattern": pattern}) != []


@pytest.mark.parametrize(
    "pattern",
    [
        "a**",
        "a++",
        "a{2}{3}",
        "(?i)a",
        "(?P<a>b)",
        "\\",
        "[a",
        r"\a",
        r"\u{110000}",
        "a{9999999999999}",
        "(a{1000}){1000}",
        "(" * 200 + ")" * 200,
        "a" * 30_000,
        r"(a)\2",
        r"\k<b>",
        "a{3,2}",
        r"\Z",
    ],
)
def test_invalid_patterns_are_rejected(pattern: str) -> None:
    """So are patterns that are too large."""
    with pytest.raises(InvalidRequest, match="cannot be used"):
        check_schema({"pattern": pattern})
