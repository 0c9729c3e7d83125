"""`Annotated` metadata: descriptions and rules are in the schema, and rules are checked before a function runs."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, TypedDict

import msgspec
import pytest

import browserllm as bl
from browserllm.chat.tools import FunctionTool, as_tool
from browserllm.json_schema.types import InvalidValue, output_type

pydantic: Any = pytest.importorskip("pydantic")
at: Any = pytest.importorskip("annotated_types")
extensions: Any = pytest.importorskip("typing_extensions")
Field = pydantic.Field


def taking(kind: Any, *default: Any) -> Callable[..., Any]:
    """Return a function with one parameter."""

    def take(one: Any) -> Any:
        """Take it."""
        return one

    take.__annotations__ = {"one": kind}
    take.__defaults__ = default or None
    return take


async def answered(function: Callable[..., Any], arguments: dict[str, Any]) -> bl.ToolResultPart:
    """Return the tool's result in a conversation whose model calls it."""
    call = bl.ToolCallPart("1", "take", json.dumps(arguments))
    return (await bl.Session(bl.ScriptedBackend([[call], "ok"]), tools=[function]).send("x")).calls[0].result


class Order(msgspec.Struct):
    product: str


RULES: list[tuple[Any, str, Any, list[Any], list[Any]]] = [
    (Annotated[int, Field(le=10)], "maximum", 10, [10, "3"], [11]),
    (Annotated[int, at.Ge(2)], "minimum", 2, [2], [1]),
    (Annotated[float, at.Gt(0)], "exclusiveMinimum", 0, [0.5], [0, -1]),
    (Annotated[float, at.Interval(ge=0, lt=1)], "exclusiveMaximum", 1, [0, 0.5], [1, -0.1]),
    (Annotated[int, at.MultipleOf(3)], "multipleOf", 3, [6], [7]),
    (Annotated[str, at.Len(2, 3)], "maxLength", 3, ["ab"], ["a", "abcd"]),
    (Annotated[str, at.MinLen(1)], "minLength", 1, ["a"], [""]),
    (Annotated[list[int], at.Len(1, 2)], "maxItems", 2, [[1]], [[], [1, 2, 3]]),
    (Annotated[dict[str, int], at.MinLen(1)], "minProperties", 1, [{"a": 1}], [{}]),
    (Annotated[str, msgspec.Meta(pattern="^a")], "pattern", "^a", ["ab"], ["b"]),
    (Annotated[str, Field(pattern="^a+$")], "pattern", "^a+$", ["aa"], ["b"]),
    (Annotated[int, msgspec.Meta(ge=1), at.Le(3)], "maximum", 3, [1, 3], [0, 4]),
    (Annotated[Annotated[int, at.Ge(1)], at.Ge(5)], "", None, [5], [4]),
    (Annotated[int | None, at.Le(3)], "", None, [None, 3], [4]),
    (Annotated[int, at.Le(3)] | None, "", None, [None, 3], [4]),
    (Annotated[int | None, msgspec.Meta(le=3)], "", None, [None, 3], [4]),
    (list[Annotated[int, at.Gt(0)]], "", None, [[1]], [[1, 0]]),
    (dict[str, Annotated[int, Field(gt=0)]], "", None, [{"a": 1}], [{"a": 1, "b": 0}]),
    (tuple[Annotated[int, at.Gt(0)], str], "", None, [[1, "a"]], [[0, "a"]]),
    (Annotated[str, at.Predicate(str.islower)], "", None, ["a"], ["A"]),
    (Annotated[str, at.Not(str.islower)], "", None, ["A"], ["a"]),
    (Annotated[Decimal, at.Ge(Decimal("0.5"))], "", None, ["0.5"], ["0.4"]),
    (Annotated[date, at.Ge(date(2025, 1, 1))], "", None, ["2025-01-01"], ["2024-12-31"]),
]


@pytest.mark.parametrize(("kind", "keyword", "bound", "good", "bad"), RULES)
@pytest.mark.parametrize("imported", [True, False], ids=["with pydantic", "without pydantic"])
async def test_a_rule_is_in_the_schema_and_is_checked(
    monkeypatch: pytest.MonkeyPatch,
    kind: Any,
    keyword: str,
    bound: Any,
    good: list[Any],
    bad: list[Any],
    imported: bool,
) -> None:
    """By pydantic if it is imported, and without it; a broken rule is reported with its path, and nothing runs."""
    if not imported:
        monkeypatch.delitem(sys.modules, "pydantic")
    function = taking(kind)
    schema = FunctionTool(function).tool.parameters["properties"]["one"]
    assert not keyword or schema[keyword] == bound
    for value in good:
        assert not (await answered(function, {"one": value})).is_error, value
    for value in bad:
        result = await answered(function, {"one": value})
        assert result.is_error, value
        assert re.search(r"at `\$\.one", result.content)


async def test_a_fractional_bound_works_for_integers_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only pydantic rejects it, by name."""
    function = taking(Annotated[int, at.Ge(0.5)])
    with pytest.raises(bl.InvalidRequest, match=r"(?s)'one'.*coercible"):
        as_tool(function)
    monkeypatch.delitem(sys.modules, "pydantic")
    assert not (await answered(function, {"one": 1})).is_error
    assert (await answered(function, {"one": 0})).is_error


@pytest.mark.parametrize(
    ("default", "schema", "taken"),
    [
        (Field(3, ge=1, description="How many"), {"default": 3, "minimum": 1, "description": "How many"}, 3),
        (Field(default=3, ge=1, le=5), {"default": 3, "maximum": 5}, 3),
        (Field(default_factory=lambda: 4, ge=1), {"minimum": 1}, 4),
        (Field(..., ge=1), {"minimum": 1}, None),
        (Field(ge=1), {"minimum": 1}, None),
        (Field(None, ge=1), {}, "null"),
    ],
)
async def test_a_field_may_be_the_default(default: Any, schema: dict[str, Any], taken: Any) -> None:
    """Its rules and description count; without a default in it, the parameter is required."""
    function = taking(int, default)
    made = FunctionTool(function).tool.parameters
    assert schema.items() <= made["properties"]["one"].items()
    assert made["required"] == ([] if taken is not None else ["one"])
    assert (await answered(function, {"one": 0})).is_error
    result = await answered(function, {})
    assert result.is_error if taken is None else result.content == str(taken)


async def test_a_field_in_annotated_may_have_the_default() -> None:
    """Each run gets its own list from a default factory."""

    def take(one: Annotated[list[int], Field(default_factory=list)], two: Annotated[int, Field(default=5)]) -> Any:
        one.append(two)
        return one

    for _ in range(2):
        assert (await answered(take, {})).content == "[5]"


@pytest.mark.parametrize(
    "note",
    [
        "In English",
        Field(description="In English"),
        extensions.Doc("In English"),
        msgspec.Meta(description="In English"),
    ],
    ids=["words", "Field", "Doc", "Meta"],
)
@pytest.mark.parametrize("imported", [True, False], ids=["with pydantic", "without pydantic"])
@pytest.mark.parametrize("base", [str, list[str], Order, str | None, Annotated[str, at.MinLen(1)]])
def test_descriptions_are_in_the_schema(monkeypatch: pytest.MonkeyPatch, note: Any, imported: bool, base: Any) -> None:
    """Plain strings, a ``Doc``, a ``Field``'s and a ``Meta``'s."""
    if not imported:
        monkeypatch.delitem(sys.modules, "pydantic")
    made = FunctionTool(taking(Annotated[base, note])).tool.parameters["properties"]["one"]
    assert made["description"] == "In English"


async def test_models_with_aliases_rules_and_validators_are_arguments() -> None:
    """Their errors become the tool's, each with the path in the model's JSON."""

    class Person(pydantic.BaseModel):
        name: str = Field(alias="fullName", min_length=2)
        age: int = Field(ge=0)

        @pydantic.field_validator("age")
        @classmethod
        def even(cls, value: int) -> int:
            if value % 2:
                raise ValueError("must be even")
            return value

    function = taking(dict[str, list[Person]])
    result = await answered(function, {"one": {"a": [{"fullName": "Ada", "age": 2}]}})
    assert not result.is_error
    assert '"age":2' in result.content
    result = await answered(function, {"one": {"a": [{"fullName": "Ada", "age": 3}, {"fullName": "x", "age": -2}]}})
    assert "must be even - at `$.one.a[0].age`" in result.content
    assert "$.one.a[1].fullName" in result.content
    assert "$.one.a[1].age" in result.content


async def test_paths_have_only_keys_of_the_json() -> None:
    """Pydantic's own locations also have alternatives and validators."""

    class Cat(pydantic.BaseModel):
        kind: str = "cat"
        lives: int = Field(ge=1)

    class Dog(pydantic.BaseModel):
        kind: str = "dog"
        teeth: int

    function = taking(list[Cat | Dog])
    result = await answered(function, {"one": [{"lives": 1}, {"lives": 0}]})
    assert "`$.one[1].lives`" in result.content
    assert "$.one[1].Cat" not in result.content
    number = await answered(taking(Annotated[int | bool, Field(description="x")]), {"one": "x"})
    assert number.is_error
    assert "$.one.int" not in number.content


async def test_pydantic_checks_rules_in_typed_dicts_and_dataclasses() -> None:
    """Even in the TypedDict of an older Python's typing, which pydantic does not accept."""

    class Entry(TypedDict):
        count: Annotated[int, Field(ge=1, description="How many")]

    @dataclass
    class Thing:
        count: Annotated[int, at.Ge(1)]

    for kind in (Entry, Thing):
        function = taking(list[kind])
        assert not (await answered(function, {"one": [{"count": 1}]})).is_error
        assert "$.one[0].count" in (await answered(function, {"one": [{"count": 0}]})).content


def test_a_rule_that_would_not_be_checked_is_rejected() -> None:
    """The error names the rule and its field; nothing is silently ignored."""

    class Held(msgspec.Struct):
        count: Annotated[int, Field(ge=1)]

    with pytest.raises(bl.InvalidRequest, match=r"Held\.count"):
        as_tool(taking(Held))
    with pytest.raises(bl.InvalidRequest, match=r"Held\.count.*msgspec\.Meta"):
        output_type(list[Held])
    with pytest.raises(bl.InvalidRequest, match=r"AfterValidator"):
        as_tool(taking(Annotated[Order, pydantic.AfterValidator(lambda value: value)]))


async def test_two_classes_with_the_same_name_stay_separate() -> None:
    """A pydantic model and a Struct that are both called City."""
    model = pydantic.create_model("City", people=(int, ...))
    struct = msgspec.defstruct("City", [("name", str)])
    own = pydantic.create_model("Land", city=(model, ...))

    def take(one: Any, two: Any, three: Any) -> str:
        return f"{type(one).__name__} {type(two).__name__} {three}"

    take.__annotations__ = {"one": own, "two": struct, "three": list[struct]}
    schema = FunctionTool(take).tool.parameters
    assert sorted(schema["$defs"]) == ["City", "City_2"]
    good = {"one": {"city": {"people": 1}}, "two": {"name": "a"}, "three": []}
    assert (await answered(take, good)).content == "Land City []"
    assert output_type(schema).check(good) == good
    with pytest.raises(InvalidValue, match="people"):
        output_type(schema).check({**good, "one": {"city": {"name": "a"}}})


def test_a_type_alias_means_its_value() -> None:
    """Its rules count; a recursive one is rejected by name."""
    short = extensions.TypeAliasType("short", Annotated[str, at.MaxLen(3)])
    assert FunctionTool(taking(list[short])).tool.parameters["properties"]["one"]["items"]["maxLength"] == 3
    assert output_type(Annotated[short, "Few letters"]).schema["properties"]["value"]["description"] == "Few letters"
