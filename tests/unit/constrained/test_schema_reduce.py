"""Reducing schemas to what a grammar can enforce: what is rewritten, left out or rejected."""

from __future__ import annotations

from typing import Any

import pytest

from browserllm.constrained.grammars.grammar import grammar_of_schema, written
from browserllm.constrained.grammars.reduce import reduce_schema
from browserllm.constrained.grammars.response_format import constrain_format, describe_unconstrained
from browserllm.errors import InvalidRequest

TEXT = {"type": "string"}
WHOLE = {"type": "integer"}


def lost(schema: Any, **options: bool) -> list[str]:
    """Return the keywords that are left out, and with a plus those enforced beyond the schema."""
    dropped = reduce_schema(schema, **options).dropped
    return [f"{'+' if entry.excludes else ''}{entry.path}.{entry.keyword}" for entry in dropped]


def exact(schema: Any) -> Any:
    """Return the reduced schema, from which nothing was left out."""
    reduced = reduce_schema(schema, close=False)
    assert reduced.dropped == []
    return reduced.schema


def test_dropping_annotations_is_not_a_loss() -> None:
    """Titles, descriptions, defaults, examples and unknown keywords do not constrain values."""
    described = {"title": "T", "description": "d", "default": 1, "examples": [1], "$comment": "c", "x-mine": {}}
    assert exact({**described, "type": "integer"}) == WHOLE
    assert exact(described) == {}
    assert exact(True) == {}
    assert exact({"type": "string", "format": "color"}) == TEXT


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"const": "a"}, {"enum": ["a"]}),
        ({"type": ["string", "null"]}, {"anyOf": [{"type": "null"}, TEXT]}),
        ({"type": "string", "enum": ["a", 1, "b"]}, {"enum": ["a", "b"]}),
        ({"enum": [1, 2.5, 10], "minimum": 2, "type": ["integer", "number"]}, {"enum": [2.5, 10]}),
        ({"enum": ["a", "bb"], "minLength": 2, "pattern": "^b"}, {"enum": ["bb"]}),
        ({"enum": [1, True, "1"], "const": 1.0}, {"enum": [1]}),
        ({"type": "integer", "exclusiveMinimum": 1, "maximum": 5.5}, {"type": "integer", "minimum": 2, "maximum": 5}),
        ({"type": "integer", "minimum": -1e300, "maximum": 1e300}, WHOLE),
        ({"type": "integer", "minimum": 1, "maximum": 30, "multipleOf": 10}, {"enum": [10, 20, 30]}),
        ({"type": "number", "multipleOf": 1}, WHOLE),
        ({"type": "integer", "multipleOf": 0.5}, WHOLE),
        ({"allOf": [TEXT, {"minLength": 2}, {"maxLength": 9}]}, {"type": "string", "minLength": 2, "maxLength": 9}),
        ({"allOf": [{"type": "number"}, WHOLE]}, WHOLE),
        ({"oneOf": [TEXT, {"type": "null"}]}, {"anyOf": [TEXT, {"type": "null"}]}),
        ({"anyOf": [TEXT, False, TEXT]}, TEXT),
        ({"anyOf": [TEXT, True]}, {}),
        ({"not": {"type": ["string", "number"]}, "type": ["string", "null"]}, {"type": "null"}),
        ({"not": {"enum": ["a"]}, "enum": ["a", "b"]}, {"enum": ["b"]}),
        ({"type": "array", "items": False}, {"type": "array", "maxItems": 0}),
        ({"type": "array", "items": TEXT, "maxItems": 1, "uniqueItems": True},
         {"type": "array", "items": TEXT, "maxItems": 1}),
        ({"type": "array", "prefixItems": [TEXT], "items": False, "minItems": 1},
         {"type": "array", "prefixItems": [TEXT], "minItems": 1, "maxItems": 1}),
        ({"type": "object", "properties": {"a": TEXT}, "required": ["a", "b"], "patternProperties": {"^b$": WHOLE},
          "additionalProperties": False},
         {"type": "object", "properties": {"a": TEXT, "b": WHOLE}, "required": ["a", "b"],
          "patternProperties": {"^b$": WHOLE}, "additionalProperties": False}),
        ({"type": "object", "propertyNames": {"enum": ["x", "y"]}, "additionalProperties": WHOLE},
         {"type": "object", "properties": {"x": WHOLE, "y": WHOLE}, "additionalProperties": False}),
        ({"type": "object", "propertyNames": {"maxLength": 3}},
         {"type": "object", "propertyNames": {"type": "string", "maxLength": 3}}),
        ({"not": {"minLength": 2, "maxLength": 5}, "type": "string"},
         {"anyOf": [{"type": "string", "maxLength": 1}, {"type": "string", "minLength": 6}]}),
        ({"not": {"not": TEXT}}, TEXT),
        ({"not": {"anyOf": [TEXT, {"type": "null"}]}, "type": ["string", "null", "boolean"]}, {"type": "boolean"}),
        ({"not": {"allOf": [TEXT, {"title": "t"}]}, "type": ["string", "null"]}, {"type": "null"}),
        ({"if": {"minimum": 5}, "then": {"maximum": 7}, "else": {"maximum": 1}, "type": "integer"},
         {"anyOf": [{"type": "integer", "minimum": 5, "maximum": 7}, {"type": "integer", "maximum": 1}]}),
        ({"if": True, "then": TEXT, "else": WHOLE}, TEXT),
        ({"if": False, "then": TEXT, "else": WHOLE}, WHOLE),
    ],
)  # fmt: skip
def test_equivalent_schemas_are_rewritten_without_loss(schema: Any, expected: Any) -> None:
    """Every keyword that a grammar can enforce is kept."""
    reduced = reduce_schema(schema, close=False)
    assert reduced.schema == expected
    assert [entry for entry in reduced.dropped if entry.keyword != "patternProperties"] == []


def test_conditions_on_properties_become_alternatives() -> None:
    """A property that requires another one: it is absent, or both are present."""
    schema = {"type": "object", "properties": {"a": TEXT, "b": TEXT}, "dependentRequired": {"a": ["b"]}}
    without, with_both = exact(schema)["anyOf"]
    assert without["properties"]["a"] is False
    assert with_both["required"] == ["a", "b"]
    old = {"$schema": "http://json-schema.org/draft-07/schema#", **schema, "dependencies": {"a": ["b"]}}
    del old["dependentRequired"]
    assert exact(old) == exact(schema)


def test_a_condition_on_a_tag_is_enforced() -> None:
    """``if`` may test a constant property, as in unions written by hand."""
    schema = {
        "type": "object",
        "properties": {"kind": {"enum": ["a", "b"]}, "size": WHOLE},
        "required": ["kind"],
        "if": {"properties": {"kind": {"const": "a"}}},
        "then": {"required": ["size"]},
    }
    one, other = exact(schema)["anyOf"]
    assert (one["properties"]["kind"], one["required"]) == ({"enum": ["a"]}, ["kind", "size"])
    assert (other["properties"]["kind"], other["required"]) == ({"enum": ["b"]}, ["kind"])


def test_references_of_all_kinds_are_followed() -> None:
    """By pointer (with its escapes), by anchor, by id, by draft 7's names; sibling keywords count since 2019."""
    schema = {
        "$id": "https://example.org/root",
        "type": "array",
        "prefixItems": [
            {"$ref": "#/$defs/a~1b%25"},
            {"$ref": "#here"},
            {"$ref": "other"},
            {"$ref": "#/prefixItems/0"},
            {"$ref": "#/x-own/0", "maximum": 5},
        ],
        "$defs": {"a/b%": {"const": 1}, "x": {"$anchor": "here", "const": 2}, "y": {"$id": "other", "const": 3}},
        "x-own": [WHOLE],
    }
    first = exact(schema)["prefixItems"]
    defs = exact(schema)["$defs"]
    values = [defs[part["$ref"].rpartition("/")[2]] if "$ref" in part else part for part in first]
    assert values == [{"enum": [1]}, {"enum": [2]}, {"enum": [3]}, {"enum": [1]}, {"type": "integer", "maximum": 5}]
    old = {"$schema": "http://json-schema.org/draft-07/schema#", "definitions": {"a": TEXT}}
    old["properties"] = {"a": {"$ref": "#/definitions/a", "maxLength": 1}}
    assert exact({**old, "type": "object"})["$defs"] == {"d0": TEXT}


def test_a_schema_may_contain_itself() -> None:
    """A tree of trees refers to itself, and its grammar has a rule for it."""
    tree = {"type": "object", "properties": {"kids": {"type": "array", "items": {"$ref": "#"}}}}
    reduced = reduce_schema(tree)
    (name,) = reduced.schema["$defs"]  # pyright: ignore
    assert reduced.schema == {"$ref": f"#/$defs/{name}", "$defs": reduced.schema["$defs"]}  # pyright: ignore
    assert "kids" in grammar_of_schema(reduced.schema)
    narrowed = {"$defs": {"t": tree}, "$ref": "#/$defs/t", "required": ["kids"]}
    assert reduce_schema(narrowed).schema


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"allOf": [{"$ref": "#"}]},
        {"anyOf": [TEXT, {"$ref": "#"}]},
        {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}},
        {"type": "string", "anyOf": [{"minLength": 1}, {"$ref": "#"}]},
    ],
)
def test_a_reference_that_never_ends_is_rejected(schema: Any) -> None:
    """No value could be checked against it."""
    with pytest.raises(InvalidRequest, match=r"\$.* refers only to itself"):
        reduce_schema(schema)


@pytest.mark.parametrize(
    ("schema", "named"),
    [
        ({"type": "array", "items": TEXT, "uniqueItems": True}, ["$.uniqueItems"]),
        ({"type": "array", "contains": TEXT}, ["$.contains"]),
        ({"type": "array", "maxItems": 10_000}, ["$.maxItems"]),
        ({"type": "number", "multipleOf": 0.3}, ["$.multipleOf"]),
        ({"type": "integer", "multipleOf": 1000}, ["$.multipleOf"]),
        ({"type": "string", "maxLength": 500, "minLength": 2}, ["$.minLength", "$.maxLength"]),
        ({"type": "string", "pattern": "^(?=a).*$"}, ["$.pattern"]),
        ({"type": "string", "pattern": "^(ab)+$", "maxLength": 5}, ["$.maxLength"]),
        ({"allOf": [{"pattern": "^a"}, {"pattern": "b$"}], "type": "string"}, ["$.allOf[1].pattern"]),
        ({"type": "string", "format": "email"}, ["$.format"]),
        ({"type": "string", "format": "date", "pattern": "^2"}, ["+$.format", "$.pattern"]),
        ({"type": "string", "not": {"const": "a"}}, ["$.not"]),
        ({"not": {"pattern": "a"}}, ["$.not"]),
        ({"if": {"contains": TEXT}, "then": {"maxItems": 1}}, ["$.if"]),
        ({"oneOf": [{"minimum": 1}, {"maximum": 2}], "type": "integer"}, ["$.oneOf"]),
        ({"$ref": "https://example.org/s"}, ["$.$ref"]),
        ({"properties": {"a": {"not": {}}}, "required": ["a"], "type": "object"}, ["$.schema"]),
        ({"type": "object", "properties": {"é": TEXT}, "additionalProperties": True}, ["$.additionalProperties"]),
        ({"type": "object", "patternProperties": {"^a": TEXT}}, ["$.patternProperties"]),
        ({"type": "object", "patternProperties": {"(?!a)": TEXT}, "additionalProperties": False},
         ["$.patternProperties"] * 2),
        ({"type": "object", "properties": {"a": TEXT}}, ["+$.additionalProperties"]),
        ({"enum": [[1], [1, 2]], "minItems": 2}, ["$.enum"]),
        ({"type": "object", "maxProperties": 9_000}, ["$.maxProperties"]),
        ({"anyOf": [{"minimum": n} for n in range(9)], "oneOf": [{"maximum": n} for n in range(9)]},
         ["$.anyOf", "$.oneOf"]),
        ({"unevaluatedProperties": False, "anyOf": [{"properties": {"a": TEXT}}, {}]},
         ["$.unevaluatedProperties", "+$.anyOf[0].additionalProperties"]),
    ],
)  # fmt: skip
def test_keywords_that_are_left_out_are_named(schema: Any, named: list[str]) -> None:
    """Each has its path, its keyword and a reason."""
    assert lost(schema) == named
    assert all(entry.reason for entry in reduce_schema(schema).dropped)
    grammar_of_schema(reduce_schema(schema).schema)


def test_a_path_leads_to_the_subschema() -> None:
    """It goes through properties, lists and definitions."""
    schema = {
        "type": "object",
        "properties": {"tags": {"type": "array", "items": {"$ref": "#/$defs/tag"}}},
        "additionalProperties": False,
        "$defs": {"tag": {"type": "array", "uniqueItems": True}},
    }
    (entry,) = reduce_schema(schema).dropped
    assert str(entry) == "$.$defs.tag.uniqueItems: a grammar cannot compare items"


def test_objects_are_closed_unless_the_schema_says_otherwise() -> None:
    """A model that may invent names does, so only an explicit keyword allows it."""
    open_ones = [
        {"type": "object"},
        {"type": "object", "properties": {"a": TEXT}, "additionalProperties": True},
        {"type": "object", "properties": {"a": TEXT}, "minProperties": 2},
    ]
    for schema in open_ones:
        assert lost(schema) == []
        assert reduce_schema(schema).schema.get("additionalProperties", True) is True  # pyright: ignore
    declared = {"type": "object", "properties": {"a": TEXT}}
    assert reduce_schema(declared).schema == {**declared, "additionalProperties": False}
    assert reduce_schema(declared, close=False).schema == declared


@pytest.mark.parametrize(
    "schema",
    [
        5,
        None,
        [],
        {"type": "text"},
        {"type": [1]},
        {"properties": []},
        {"properties": {"a": 1}},
        {"items": {"anyOf": {}}},
        {"required": "a"},
        {"minLength": "1"},
        {"minimum": True},
        {"pattern": 1},
        {"multipleOf": 0, "type": "number"},
        {"$ref": 1},
        {"$ref": "#/$defs/nowhere"},
        {"$ref": "#nowhere"},
        {"enum": "a"},
    ],
)
def test_an_invalid_schema_is_rejected(schema: Any) -> None:
    """The error has the path and the value."""
    with pytest.raises(InvalidRequest, match=r"\$"):
        reduce_schema(schema)


def test_depth_and_size_are_bounded() -> None:
    """Very deep schemas and those with many combinations end, and name what was left out."""
    deep: Any = TEXT
    for _ in range(150):
        deep = {"type": "array", "items": deep}
    assert [entry.keyword for entry in reduce_schema(deep).dropped] == ["schema"]
    for word in ("allOf", "anyOf", "not", "if", "properties", "unevaluatedProperties"):
        nested: Any = {"type": "array", "uniqueItems": True}
        for _ in range(900):
            nested = {
                "allOf": {"allOf": [nested]},
                "anyOf": {"anyOf": [nested, TEXT]},
                "not": {"not": nested},
                "if": {"if": nested, "then": nested},
                "properties": {"not": {"properties": {"a": nested}}},
                "unevaluatedProperties": {"allOf": [nested], "unevaluatedProperties": False},
            }[word]
        assert reduce_schema(nested).dropped, word
    wide = {"allOf": [{"anyOf": [{"minimum": a}, {"maximum": -a}]} for a in range(30)], "type": "integer"}
    reduced = reduce_schema(wide)
    assert {entry.keyword for entry in reduced.dropped} == {"anyOf"}
    assert len(grammar_of_schema(reduced.schema)) < 100_000
    again = {"$defs": {"a": {"type": "array", "prefixItems": [{"$ref": "#/$defs/b"}] * 50}, "b": TEXT}}
    again["$ref"] = "#/$defs/a"  # pyright: ignore
    assert len(grammar_of_schema(reduce_schema(again).schema)) < 20_000


def test_a_grammar_is_small_for_ordinary_types() -> None:
    """Equal rules are written once, and basic rules only if they are used."""
    address = {"type": "object", "properties": {"street": TEXT, "town": TEXT}, "required": ["street", "town"]}
    schema = {"type": "object", "properties": {"home": address, "work": dict(address)}, "required": ["home", "work"]}
    grammar = grammar_of_schema(reduce_schema(schema).schema)
    assert grammar.count("street") == 1
    assert grammar.startswith("root ::= ")
    assert "number" not in grammar
    assert grammar_of_schema({"type": "boolean"}) == 'root ::= boolean\nboolean ::= "true" | "false"\n'


def test_values_are_written_in_their_shortest_form() -> None:
    """Integers have no point, and there are no exponents and no needless escapes."""
    value = {"a": [1.0, 0.5, 1e-7, -2, True, None], 'é"\n': "\ud800😀"}
    assert written(value) == '{"a":[1,0.5,0.0000001,-2,true,null],"é\\"\\n":"\\ud800😀"}'


def test_a_response_format_becomes_a_grammar() -> None:
    """OpenAI's form, WebLLM's, and a schema as text; a format without a schema stays unchanged."""
    grammar = {"type": "grammar", "grammar": grammar_of_schema(WHOLE)}
    for given in (
        {"type": "json_schema", "json_schema": {"name": "n", "schema": WHOLE}},
        {"type": "json_schema", "schema": WHOLE},
        {"type": "json_object", "schema": '{"type": "integer"}'},
    ):
        assert constrain_format(given) == (grammar, "")
    for kept in ({"type": "json_object"}, {"type": "grammar", "grammar": 'root ::= "a"'}, {"type": "other"}):
        assert constrain_format(kept).response_format is kept
    for bad in (
        {"type": "json_schema"},
        {"type": "json_schema", "json_schema": 1},
        {"type": "json_object", "schema": "{"},
    ):
        with pytest.raises(InvalidRequest) as caught:
            constrain_format(bad)
        assert caught.value.data["parameter"] == "response_format"


def test_many_unenforced_keywords_are_summarized() -> None:
    """Four are named and the others counted; keywords enforced beyond the schema are not losses."""
    properties = {name: {"type": "array", "uniqueItems": True} for name in "abcdef"}
    described = describe_unconstrained(reduce_schema({"type": "object", "properties": properties}).dropped)
    assert described.startswith("$.properties.a.uniqueItems: ")
    assert described.endswith(", and 2 more")
    assert describe_unconstrained(reduce_schema({"type": "object", "properties": {"a": TEXT}}).dropped) == ""


@pytest.mark.parametrize(
    "pattern",
    [
        *(
            "(a",
            "a)",
            "[a",
            "[]",
            "*a",
            "a**",
            "a{3,2}",
            "a{2000}",
            "^.{100}$",
            "[b-a]",
            "a$b",
            "(^a)",
            "a|(b$)",
        ),
        *(r"\p{L}", r"(a)\1", r"\bb", "(?=a)", "(?!a)", "(?<=a)", "(?i)a", r"\x4", r"\xzz", r"\u{110000}", r"\ud800"),
        *(r"\c1", "\\", r"[\u0400-\u04ff]", r"[^\u0000-\u{10ffff}]", "a" * 3000, "(" * 50, "[^é]"),
    ],
)
def test_a_pattern_that_no_grammar_can_express_is_left_out(pattern: str) -> None:
    """Unsupported and invalid patterns are named instead of crashing the engine."""
    assert lost({"type": "string", "pattern": pattern}) == ["$.pattern"]


@pytest.mark.parametrize(
    ("pattern", "fits", "does_not"),
    [
        ("^(ab){1,2}$", ["ab", "abab"], ["", "ababab", "xab"]),
        ("^c?$|^x{2,}$", ["", "c", "xx", "xxxx"], ["x", "cc"]),
        (r"^[\b\d\-z]\cA\0$", ["\b\x01\0", "5\x01\0", "-\x01\0"], ["a\x01\0"]),
        (r"^\u{1F600}\v\f\r\n\t$", ["😀\v\f\r\n\t"], ["😀"]),
        ("b", ["abc", "b"], ["ac", ""]),
        ("^a{x}$", ["a{x}"], ["ax"]),
        ("^(?<n>a)|(?:b)$", ["ax", "xb"], ["xax"]),
    ],
)
def test_constants_are_checked_against_patterns(pattern: str, fits: list[str], does_not: list[str]) -> None:
    """Only the listed values that match remain."""
    assert exact({"enum": fits + does_not, "pattern": pattern}) == {"enum": fits}
    assert reduce_schema({"enum": does_not, "pattern": pattern}).dropped[-1].reason == "no value fits it"


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"pattern": "^[a-z]*$", "minLength": 2, "maxLength": 5}, True),
        ({"pattern": "^[a-z]{3}$", "minLength": 1, "maxLength": 3}, True),
        ({"pattern": "^(a|bc)?d+$", "minLength": 1}, True),
        ({"pattern": "^a{2}$", "minLength": 3}, False),
        ({"pattern": "^.*$", "maxLength": 65}, False),
        ({"format": "uuid", "minLength": 36, "maxLength": 36}, True),
        ({"format": "date", "maxLength": 5}, False),
    ],
)
def test_lengths_are_enforced_beside_a_pattern_where_possible(schema: dict[str, Any], expected: bool) -> None:
    """A repeated class gets the length as its count; lengths that the pattern implies change nothing."""
    reduced = reduce_schema({"type": "string", **schema})
    assert all(entry.excludes for entry in reduced.dropped) is expected
    assert "string" not in grammar_of_schema(reduced.schema)


@pytest.mark.parametrize(
    ("schema", "named"),
    [
        ({"required": ["a", "b"], "maxProperties": 1}, "schema"),
        ({"minProperties": 2, "maxProperties": 1}, "schema"),
        ({"properties": {"a": TEXT}, "additionalProperties": False, "minProperties": 2}, "schema"),
        ({"propertyNames": False, "required": ["a"]}, "schema"),
        ({"propertyNames": {"pattern": "^x"}, "required": ["a"]}, "schema"),
        ({"propertyNames": {"anyOf": [{"const": "ab"}, {"minLength": 3}]}, "required": ["a"]}, "schema"),
        ({"propertyNames": {"anyOf": [{"const": "a"}, {"minLength": 3}]}, "required": ["a"]}, "propertyNames"),
        ({"propertyNames": {"maxLength": 2}, "patternProperties": {"a": TEXT}}, "patternProperties"),
        ({"patternProperties": {"a": TEXT, "b": False}, "additionalProperties": False}, "patternProperties"),
        ({"patternProperties": {"a": TEXT}, "required": ["a"], "additionalProperties": False}, "patternProperties"),
        ({"patternProperties": {"a": TEXT}, "additionalProperties": WHOLE}, "patternProperties"),
        ({"patternProperties": {"(?=a)": {}}, "required": ["b"], "additionalProperties": False}, "patternProperties"),
    ],
)  # fmt: skip
def test_object_keywords_that_cannot_be_enforced_are_named(schema: dict[str, Any], named: str) -> None:
    """Objects that no value fits, and names that a grammar cannot keep apart."""
    reduced = reduce_schema({"type": "object", **schema})
    assert named in [entry.keyword for entry in reduced.dropped]
    grammar_of_schema(reduced.schema)


@pytest.mark.parametrize(
    ("ways", "apart"),
    [
        ([{"const": 1}, {"const": 2}], True),
        ([{"const": 1}, {"enum": [1, 2]}], False),
        ([{"const": 1}, {"type": "number"}], False),
        ([{"const": 1}, {"type": "string"}], True),
        ([WHOLE, {"type": "number"}], False),
        ([{"type": "integer", "maximum": 1}, {"type": "integer", "minimum": 2}], True),
        ([{"type": "integer", "maximum": 2}, {"type": "integer", "minimum": 2}], False),
        ([{"type": ["string", "null"]}, {"type": "boolean"}], True),
        ([{"properties": {"k": {"const": 1}}, "required": ["k"], "type": "object"},
          {"properties": {"k": {"const": 2}}, "required": ["k"], "type": "object"}], True),
        ([{"properties": {"k": {}}, "required": ["k"], "type": "object"},
          {"properties": {"j": {}}, "type": "object"}], True),
        ([{"properties": {"k": {}}, "required": ["k"], "type": "object"},
          {"properties": {"k": False}, "type": "object"}], True),
        ([{"properties": {"k": {}}, "type": "object"}, {"properties": {"j": {}}, "type": "object"}], False),
        ([True, TEXT], False),
        ([False, TEXT], True),
        ([{"$ref": "#/$defs/a"}, {"$ref": "#/$defs/b"}], True),
        ([{"$ref": "#/$defs/a"}, TEXT], False),
    ],
)  # fmt: skip
def test_one_of_disjoint_schemas_becomes_any_of(ways: list[Any], apart: bool) -> None:
    """Types, constants, ranges and required properties decide; schemas that may overlap are named."""
    found = lost({"oneOf": ways, "$defs": {"a": TEXT, "b": WHOLE}})
    assert ("$.oneOf" not in found) is apart


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"$ref": "#/$defs/a", "unevaluatedProperties": False},
         {"properties": {"x": TEXT}, "additionalProperties": False}),
        ({"allOf": [{"$ref": "#/$defs/a"}], "properties": {"y": TEXT}, "unevaluatedProperties": False},
         {"properties": {"y": TEXT, "x": TEXT}, "additionalProperties": False}),
        ({"allOf": [{"additionalProperties": TEXT}], "unevaluatedProperties": False}, {"additionalProperties": TEXT}),
        ({"allOf": [True, {"properties": {"x": TEXT}}], "unevaluatedProperties": WHOLE},
         {"properties": {"x": TEXT}, "additionalProperties": WHOLE}),
    ],
)  # fmt: skip
def test_unevaluated_parts_are_known_unless_they_depend_on_the_value(schema: Any, expected: Any) -> None:
    """``unevaluatedProperties`` looks through references and ``allOf``."""
    defs = {"a": {"properties": {"x": TEXT}}}
    assert exact({"type": "object", **schema, "$defs": defs}) == {"type": "object", **expected}


@pytest.mark.parametrize(
    "schema",
    [
        {"not": 1e308},
        {"not": {"anyOf": False}},
        {"not": {"properties": 1}},
        {"not": {"minimum": "x"}},
        {"allOf": [{"not": {"required": [1]}}]},
        {"not": {"properties": {"a": {}}, "required": 5}},
        {"$id": "http://[", "$ref": "#/$defs/b", "$defs": {"b": {"type": "string"}}},
    ],
)
def test_an_invalid_schema_in_a_response_format_is_rejected_clearly(schema: Any) -> None:
    """This includes schemas under "not" and invalid URIs."""
    asked = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
    with pytest.raises(InvalidRequest, match="response_format has a schema that is not valid"):
        constrain_format(asked)
