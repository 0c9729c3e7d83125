"""Schemas as vendors take them: what is closed, what is left out, and what cannot be said at all."""

from __future__ import annotations

from typing import Any

import pytest

from browserllm.backends.cloud.schemas import anthropic_schema, strict_schema


def an_object(**properties: Any) -> dict[str, Any]:
    """A schema of an object that requires everything."""
    return {"type": "object", "properties": properties, "required": list(properties)}


TEXT = {"type": "string"}
NODE = {
    **an_object(label=TEXT, next={"anyOf": [{"$ref": "#"}, {"type": "null"}]}),
    "additionalProperties": False,
}


def test_a_strict_schema_is_closed_and_typed() -> None:
    """Objects are closed, choices typed, a reference has no siblings, and unsupported keywords are left out."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **an_object(
            name={"type": "string", "minLength": 1, "pattern": "^A", "format": "uri", "description": "Who."},
            size={"enum": ["s", "m"]},
            mixed={"enum": [1, None]},
            kind={"const": "x"},
            when={"type": "string", "format": "date", "pattern": "(?=a)"},
            tags={
                "type": "array",
                "items": {"$ref": "#/$defs/Tag", "description": "d"},
                "minItems": 1,
                "uniqueItems": True,
            },
            age={"oneOf": [{"type": "integer", "minimum": 0}, {"type": "null"}]},
        ),
        "$defs": {"Tag": an_object(text=TEXT)},
    }
    assert strict_schema(schema) == {
        "type": "object",
        "properties": {
            "name": {"type": "string", "pattern": "^A", "description": "Who."},
            "size": {"enum": ["s", "m"], "type": "string"},
            "mixed": {"enum": [1, None], "type": ["integer", "null"]},
            "kind": {"const": "x", "type": "string"},
            "when": {"type": "string", "format": "date"},
            "tags": {"type": "array", "items": {"$ref": "#/$defs/Tag"}, "minItems": 1},
            "age": {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "null"}]},
        },
        "required": ["name", "size", "mixed", "kind", "when", "tags", "age"],
        "additionalProperties": False,
        "$defs": {"Tag": {**an_object(text=TEXT), "additionalProperties": False}},
    }
    assert strict_schema(NODE) == NODE


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"a": TEXT}},
        {**an_object(a=TEXT), "additionalProperties": TEXT},
        {**an_object(a=TEXT), "additionalProperties": True},
        an_object(a={}),
        an_object(a=True),
        an_object(a={"type": "array"}),
        an_object(a={"enum": []}),
        an_object(a={"enum": [[]]}),
        an_object(a={"$ref": "https://example.com/schema"}),
        {"type": "array", "items": TEXT},
        {"anyOf": [an_object(a=TEXT), an_object(b=TEXT)]},
        {"type": "object", "properties": 7},
    ],
)
def test_a_schema_that_strict_mode_would_change_is_not_strict(schema: dict[str, Any]) -> None:
    """An optional field, fields of any name, values of any type, a root that is not an object, an invalid schema."""
    assert strict_schema(schema) is None


def test_the_nesting_of_strict_schemas_is_limited() -> None:
    """OpenAI accepts ten levels."""
    schema = TEXT
    for _ in range(10):
        schema = an_object(a=schema)
    assert strict_schema(schema) is not None
    assert strict_schema(an_object(a=schema)) is None


def test_anthropic_gets_unsupported_keywords_as_descriptions() -> None:
    """Objects are closed wherever they are; ranges and patterns are added to the descriptions."""
    schema = {
        "title": "Person",
        **an_object(
            age={"type": "integer", "minimum": 0, "maximum": 150, "description": "In years."},
            mail={"type": "string", "format": "email"},
            link={"type": "string", "format": "iri"},
            tags={"type": "array", "items": {"$ref": "#/$defs/Tag"}, "minItems": 2, "default": []},
            pair={"oneOf": [{"type": "null"}, {"type": ["object", "null"]}], "minItems": 1},
        ),
        "$defs": {"Tag": an_object(text=TEXT)},
        "additionalProperties": True,
    }
    assert anthropic_schema(schema) == {
        "title": "Person",
        "type": "object",
        "properties": {
            "age": {"type": "integer", "description": "In years.\n\n{minimum: 0, maximum: 150}"},
            "mail": {"type": "string", "format": "email"},
            "link": {"type": "string", "description": "{format: iri}"},
            "tags": {"type": "array", "items": {"$ref": "#/$defs/Tag"}, "description": "{minItems: 2}"},
            "pair": {
                "anyOf": [{"type": "null"}, {"type": ["object", "null"], "additionalProperties": False}],
                "minItems": 1,
            },
        },
        "required": ["age", "mail", "link", "tags", "pair"],
        "$defs": {"Tag": {**an_object(text=TEXT), "additionalProperties": False}},
        "additionalProperties": False,
    }


@pytest.mark.parametrize(
    "schema",
    [
        NODE,
        {
            "$ref": "#/$defs/A",
            "$defs": {"A": an_object(b={"$ref": "#/$defs/B"}), "B": an_object(a={"$ref": "#/$defs/A"})},
        },
        an_object(a={"$ref": "https://example.com/schema"}),
        an_object(a={"type": "object", "additionalProperties": {"type": "integer"}}),
        an_object(a={"type": "object", "patternProperties": {"^a": TEXT}}),
        an_object(a=False),
    ],
)
def test_anthropic_gets_no_recursion_and_no_open_objects(schema: dict[str, Any]) -> None:
    """Closing them would change the schema."""
    assert anthropic_schema(schema) is None


def test_two_references_to_one_schema_are_not_a_recursion() -> None:
    """Neither is a field named ``$ref``; an invalid schema is left for the vendor to refuse."""
    twice = {**an_object(a={"$ref": "#/$defs/T"}, b={"$ref": "#/$defs/T"}), "$defs": {"T": TEXT}}
    assert anthropic_schema(twice) == {**twice, "additionalProperties": False}
    assert anthropic_schema({"type": "object", "properties": 7}) == {"type": "object", "properties": 7}
    named = {**an_object(**{"$ref": TEXT}), "additionalProperties": False}
    assert anthropic_schema(named) == named
    shared: dict[str, Any] = {"T0": TEXT}
    for index in range(1, 60):
        both = {"$ref": f"#/$defs/T{index - 1}"}
        shared[f"T{index}"] = an_object(a=both, b=both)
    assert anthropic_schema({**an_object(a={"$ref": "#/$defs/T59"}), "$defs": shared}) is not None
