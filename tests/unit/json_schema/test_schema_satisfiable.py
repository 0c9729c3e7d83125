"""Schemas that no value fits are rejected before a model is asked, wherever they are used; no others are."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Any, Literal, Never

import msgspec
import pytest

import browserllm as bl
from browserllm.json_schema.satisfiable import unsatisfiable

NODE = {"type": "object", "properties": {"child": {"$ref": "#/$defs/Node"}}, "required": ["child"]}

IMPOSSIBLE: list[dict[str, Any]] = [
    {"enum": []},
    {"type": "string", "enum": []},
    {"not": {}},
    {"not": True},
    {"not": {"description": "anything"}},
    {"type": []},
    {"type": "integer", "minimum": 5, "maximum": 3},
    {"type": "number", "exclusiveMinimum": 1, "maximum": 1},
    {"type": "integer", "exclusiveMinimum": 1, "exclusiveMaximum": 2},
    {"type": "integer", "minimum": 1, "maximum": 2, "multipleOf": 5},
    {"type": "string", "minLength": 3, "maxLength": 2},
    {"type": "array", "minItems": 3, "maxItems": 2},
    {"type": "array", "items": False, "minItems": 1},
    {"type": "array", "items": {"not": {}}, "minItems": 1},
    {"type": "array", "prefixItems": [{"type": "string"}, False], "minItems": 2},
    {"type": "array", "contains": {"not": {}}},
    {"type": "object", "minProperties": 2, "maxProperties": 1},
    {"type": "object", "required": ["a"], "additionalProperties": False},
    {"type": "object", "required": ["a", "b"], "maxProperties": 1},
    {"type": "object", "properties": {"a": {}}, "minProperties": 2, "additionalProperties": False},
    {"type": "string", "enum": [1, 2]},
    {"type": "integer", "const": "a"},
    {"type": "integer", "enum": [1, 2], "minimum": 3},
    {"type": "string", "enum": ["a", "bb"], "pattern": "^b$"},
    {"type": "string", "const": "a", "pattern": "[0-9]"},
    {"enum": [1, "a"], "const": True},
    {"const": {"a": [1]}, "enum": [{"a": [2]}, {"a": 1}]},
    {"anyOf": []},
    {"type": "string", "oneOf": []},
    {"anyOf": [{"not": {}}, {"type": "string", "enum": [1]}]},
    {"oneOf": [False, {"type": "integer", "minimum": 2, "maximum": 1}]},
    {"allOf": [{"type": "string"}, {"type": "integer"}]},
    {"type": "integer", "anyOf": [{"type": "string"}, {"type": "null"}]},
    {"type": ["string", "array"], "minLength": 2, "maxLength": 1, "minItems": 2, "maxItems": 1},
]
"""No value fits any of these."""

POSSIBLE: list[Any] = [
    True,
    {},
    {"type": "object", "properties": {"a": False, "b": {"not": {}}}},
    {"type": "array", "items": False},
    {"type": "array", "prefixItems": [{"type": "string"}], "items": False, "minItems": 1},
    {"anyOf": [{"not": {}}, {"type": "string"}]},
    {"type": ["number", "string"], "minimum": 5, "maximum": 3},
    {"minimum": 5, "maximum": 3},
    {"type": "number", "minimum": 1, "maximum": 1},
    {"type": "integer", "const": 1.0},
    {"type": "number", "enum": [1]},
    {"enum": ["a", "b"], "pattern": "^b$"},
    {"enum": [1, "a"], "pattern": "^b$"},
    {"enum": ["a"], "pattern": "("},
    {"enum": ["a"], "pattern": 5},
    {"enum": [1.0, {"a": [1]}], "const": {"a": [1.0]}},
    {"not": {"enum": ["a"]}},
    {"if": {"enum": ["a"]}, "then": {"const": "a"}, "else": False},
    {"type": "object", "properties": {"next": {"$ref": "#"}}},
    {"type": "object", "properties": {"next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}}, "required": ["next"]},
    {"type": "object", "properties": {"all": {"type": "array", "items": {"$ref": "#"}}}, "required": ["all"]},
    {"type": "object", "patternProperties": {"a": {}}, "additionalProperties": False, "required": ["a"]},
    {"allOf": [{"type": "number"}, {"type": "integer"}]},
    {"oneOf": [{"required": ["a"]}, {"required": ["b"]}]},
    {"$ref": "https://example.com/other"},
    # Invalid schemas are reported elsewhere.
    5,
    None,
    {"enum": 5},
    {"type": "int"},
    {"type": "string", "maxLength": "x"},
    {"allOf": 5},
]


def nested(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """Yield schemas that require a value of this one."""
    return [
        schema,
        {"type": "object", "properties": {"a": schema}, "required": ["a"]},
        {"type": "array", "items": schema, "minItems": 1},
        {"anyOf": [schema, False]},
        {"allOf": [{"description": "x"}, schema]},
        {"$ref": "#/$defs/a", "$defs": {"a": schema}},
        {"type": "object", "properties": {"a": {"$ref": "#/$defs/b"}}, "required": ["a"], "$defs": {"b": schema}},
    ]


@pytest.mark.parametrize("schema", [*IMPOSSIBLE, {**NODE, "$defs": {"Node": NODE}}])
def test_an_unsatisfiable_schema_is_found(schema: dict[str, Any]) -> None:
    """Alone, and where its value is required; the result has the path."""
    for whole in nested(schema) if "$defs" not in schema else [schema]:
        found = unsatisfiable(whole)
        assert found is not None, whole
        assert found.path.startswith("$")


@pytest.mark.parametrize("schema", POSSIBLE)
def test_a_satisfiable_schema_is_accepted(schema: Any) -> None:
    """Doubtful schemas are accepted, too."""
    assert unsatisfiable(schema) is None


def test_an_empty_enum_is_rejected_anywhere() -> None:
    """Even for an optional value; vendors reject it, too."""
    for whole in (
        {"type": "object", "properties": {"a": {"enum": []}}},
        {"anyOf": [{"type": "string"}, {"enum": []}]},
        {"type": "array", "items": {"enum": []}},
        {"type": "object", "additionalProperties": {"enum": []}},
        {"type": "string", "$defs": {"a": {"enum": []}}},
    ):
        found = unsatisfiable(whole)
        assert found is not None
        assert found.path.endswith(".enum")


def test_the_search_ends() -> None:
    """Schemas that are too large or too deep are accepted."""
    deep: Any = {"enum": []}
    for _ in range(1000):
        deep = {"anyOf": [deep, deep]}
    assert unsatisfiable(deep) is None
    rings = {f"n{i}": {"anyOf": [{"$ref": f"#/$defs/n{j}"} for j in range(12)]} for i in range(12)}
    unsatisfiable({"$ref": "#/$defs/n0", "$defs": rings})
    slow = {"enum": [f"{'a' * 2000}{at}b" for at in range(2000)], "pattern": r"^(a|a)*(a|aa)*(a*)*c\1"}
    assert unsatisfiable(slow) is None


class Nothing(Enum):
    pass


OUTPUTS: list[Any] = [
    {"enum": []},
    {"type": "object", "properties": {"a": {"enum": []}}, "required": ["a"]},
    {"not": {}},
    Nothing,
    list[Nothing],
    Never,
    Annotated[int, msgspec.Meta(ge=5, le=3)],
    Literal[()],  # type: ignore[valid-type]
]


@pytest.mark.parametrize("output", OUTPUTS)
def test_an_unsatisfiable_output_type_is_rejected_at_once(output: Any) -> None:
    """No backend is asked."""
    llm = bl.ScriptedBackend("x")
    with pytest.raises(bl.InvalidRequest) as caught:
        bl.stream_generate(llm, "x", output=output)
    assert caught.value.data["parameter"] == "output"
    assert not llm.requests


def test_unsatisfiable_pydantic_types_are_rejected_too() -> None:
    """Both a model's field and a constrained type."""
    pydantic = pytest.importorskip("pydantic")
    narrow = pydantic.create_model("Narrow", n=(int, pydantic.Field(ge=5, le=3)))
    with pytest.raises(bl.InvalidRequest, match="minimum is 5 and maximum is 3"):
        bl.stream_generate(bl.ScriptedBackend("x"), "x", output=narrow)
    for output in (list[Annotated[int, pydantic.Field(gt=1, lt=2)]], narrow | None):  # an empty list, or null, will do
        bl.stream_generate(bl.ScriptedBackend("x"), "x", output=output)


@pytest.mark.parametrize("kind", [Nothing, Annotated[int, msgspec.Meta(ge=5, le=3)], list[Nothing], Never])
def test_an_unsatisfiable_parameter_is_rejected_by_name(kind: Any) -> None:
    """This happens when the tool is created."""

    def take(one: Any) -> None: ...

    take.__annotations__ = {"one": kind}
    with pytest.raises(bl.InvalidRequest, match="'one'"):
        bl.Session(bl.ScriptedBackend("x"), tools=[take])


@pytest.mark.parametrize("schema", IMPOSSIBLE)
async def test_a_request_with_an_unsatisfiable_schema_is_rejected(schema: dict[str, Any]) -> None:
    """By any backend, in tool parameters or response_format, also through a session or a router."""
    parameters = {"type": "object", "properties": {"a": schema}, "required": ["a"]}
    llm = bl.ScriptedBackend("x")
    wanted: list[dict[str, Any]] = [
        {"tools": [bl.Tool("t", "", parameters)]},
        {"tools": [{"name": "t", "parameters": parameters}]},
        {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": parameters}}},
        {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}},
        {"response_format": {"type": "json_object", "schema": parameters}},
    ]
    for options in wanted:
        for backend in (llm, bl.Router([llm])):
            with pytest.raises(bl.InvalidRequest, match="no answer can fit") as caught:
                await backend.complete("x", **options)
            assert caught.value.data["parameter"] in options
    with pytest.raises(bl.InvalidRequest, match="no answer can fit"):
        await bl.Session(llm, tools=[bl.Tool("t", "", parameters)]).send("x")
    assert not llm.requests
