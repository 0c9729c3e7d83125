"""Output types of every kind: a schema with an object at its root, and a check of the answer."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass, field, make_dataclass
from datetime import datetime
from enum import Enum
from typing import Annotated, Any, Literal, NamedTuple, TypedDict, Union

import msgspec
import pytest

from browserllm.chat.tools import tool
from browserllm.errors import InvalidRequest
from browserllm.json_schema.types import InvalidValue, OutputType, Problem, output_type
from browserllm.json_schema.validate import Validator


class Color(Enum):
    RED = "red"
    BLUE = "blue"


@dataclass
class Tree:
    """A tree.

    It has branches.

    Attributes:
        label: What is
            written on it.
    """

    label: str
    children: list[Tree] = field(default_factory=list)


class Named(TypedDict):
    """A person with a name."""

    name: str


class Point(NamedTuple):
    x: int
    y: float = 0.0


class Circle(msgspec.Struct, tag=True):
    radius: Annotated[float, msgspec.Meta(gt=0, description="In metres.")]


class Square(msgspec.Struct, tag=True, forbid_unknown_fields=True):
    side: int


class Checked(msgspec.Struct):
    low: int
    high: int

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError("low is above high")


def problems(made: OutputType[Any], value: Any) -> list[str]:
    """Return the message of an invalid value, one line per problem."""
    with pytest.raises(InvalidValue) as caught:
        made.check(value)
    return str(caught.value).split("\n")


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (Tree, '{"label": "a", "children": [{"label": "b"}]}', Tree("a", [Tree("b")])),
        (Named, '{"name": "Ada"}', {"name": "Ada"}),
        (Circle, '{"type": "Circle", "radius": 2}', Circle(2.0)),
        (dict[str, float], '{"a": 1}', {"a": 1.0}),
        (dict[int, str], '{"1": "a"}', {1: "a"}),
    ],
)
def test_objects_are_requested_unwrapped(kind: Any, text: str, value: Any) -> None:
    """Data classes and maps already have an object at the root."""
    made = output_type(kind)
    assert not made.wrapped
    assert made.schema["type"] == "object"
    assert made.read(text) == value
    assert made.unwrap({"a": 1}) == {"a": 1}


@pytest.mark.parametrize(
    ("kind", "inner", "value"),
    [
        (list[int], "[1, 2]", [1, 2]),
        (int, "5", 5),
        (Color, '"red"', Color.RED),
        (Literal["a", 2], "2", 2),
        (Point, "[1, 2.5]", Point(1, 2.5)),
        (datetime, '"2025-01-02T03:04:05"', datetime(2025, 1, 2, 3, 4, 5)),
        (Union[Circle, Square], '{"type": "Square", "side": 3}', Square(3)),  # noqa: UP007
        (Tree | None, "null", None),
        (Annotated[int, msgspec.Meta(ge=3)], "3", 3),
        (list[Tree], '[{"label": "a"}]', [Tree("a")]),
        (Any, '[{"a": null}]', [{"a": None}]),
    ],
)
def test_other_types_are_wrapped_in_an_object(kind: Any, inner: str, value: Any) -> None:
    """The value is under one key, and is unwrapped again."""
    made = output_type(kind)
    assert made.wrapped
    assert (made.schema["type"], made.schema["required"]) == ("object", ["value"])
    assert made.read(f'{{"value": {inner}}}') == value
    assert made.unwrap({"value": 1}) == 1
    assert made.unwrap({}, "none yet") == made.unwrap(None, "none yet") == "none yet"
    with pytest.raises(InvalidValue, match="expected an object with the key `value`"):
        made.read("[1]")
    with pytest.raises(InvalidValue, match="object missing required field `value`\nobject contains unknown field `x`"):
        made.read('{"x": 1}')


def test_names_and_descriptions_come_from_the_class() -> None:
    """The docstring's sections describe the fields; names have only characters that services accept."""
    made = output_type(Tree)
    assert (made.name, made.description) == ("Tree", "A tree.\n\nIt has branches.")
    assert made.schema["properties"]["label"]["description"] == "What is written on it."
    assert made.schema["$defs"]["Tree"]["properties"]["label"]["description"] == "What is written on it."
    assert output_type(Circle).schema["properties"]["radius"]["description"] == "In metres."
    assert output_type(list[Tree]).name == "answer"
    assert output_type({"title": "  Größe: (x) " + "y" * 99, "type": "object"}).name == "Gr_e_x_" + "y" * 57
    assert output_type({"title": "!", "type": "object", "description": "It."}).name == "answer"
    assert output_type({"type": "object", "description": "It."}).description == "It."
    assert repr(made) == "OutputType('Tree')"
    assert output_type(made) is made


def test_all_problems_are_reported_at_once() -> None:
    """Each has its path in the JSON that the model wrote."""
    assert problems(output_type(Tree), {"children": [{"label": 1}, {"label": "b", "children": "x"}]}) == [
        "expected `string`, got `integer` - at `$.children[0].label`",
        "expected `array`, got `string` - at `$.children[1].children`",
        "object missing required field `label`",
    ]
    assert problems(output_type(list[Tree]), {"value": [{"label": None}]}) == [
        "expected `string`, got `null` - at `$.value[0].label`"
    ]
    assert problems(output_type(Checked), {"low": 2, "high": 1}) == ["low is above high"]
    assert problems(output_type(list[Checked]), {"value": [{"low": 2, "high": 1}]}) == [
        "low is above high - at `$.value[0]`"
    ]
    assert problems(output_type(datetime), {"value": "tomorrow"}) == ["invalid RFC3339 encoded datetime - at `$.value`"]
    assert problems(output_type(Annotated[str, msgspec.Meta(pattern=r"\Aa")]), {"value": "b"}) == [
        "expected `str` matching regex '\\\\Aa' - at `$.value`"
    ]
    many = [Problem("$", str(number)) for number in range(50)]
    assert len(InvalidValue(many).problems) == 20


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the text is not valid JSON"),
        ("Sure! {}", "the text is not valid JSON"),
        ('{"label": "\ud800"}', "the text is not valid JSON"),
        ('{"label": 1e999}', "the text is not valid JSON"),
        ("[" * 100_000, "the text is not valid JSON: JSON is nested"),
        ('{"label": "a", "label": "b"}', "the key `label` is repeated"),
        (
            '{"label": "a", "children": [{"label": "b"}, {"x y": {"k": 1, "k": 1}}]}',
            'the key `k` is repeated - at `$.children[1]["x y"]`',
        ),
        ('{"children": [{"label": "b", "label": "b"}], "children": []}', "the key `label` is repeated"),
    ],
)
def test_unreadable_texts_are_invalid(text: str, said: str) -> None:
    """Invalid JSON, JSON that is too deep, and repeated keys."""
    with pytest.raises(InvalidValue) as caught:
        output_type(Tree).read(text)
    assert said in str(caught.value)


def test_values_that_json_cannot_represent_are_invalid() -> None:
    """A lone surrogate is one of them."""
    assert "cannot be read" in problems(output_type(dict[str, int]), "\ud800")[0]


def test_deep_values_are_read() -> None:
    """They may be as deep as any JSON that is read."""
    made = output_type(Any)
    made.read('{"value": ' + "[" * 190 + "]" * 190 + "}")
    with pytest.raises(InvalidValue, match="nested"):
        made.read('{"value": ' + "[" * 200 + "]" * 200 + "}")


def test_without_strict_strings_are_accepted_for_numbers() -> None:
    """Tools do this, because small models put numbers in quotes."""
    assert output_type(list[int], strict=False).read('{"value": ["5"]}') == [5]
    assert problems(output_type(list[int]), {"value": ["5"]}) == ["expected `integer`, got `string` - at `$.value[0]`"]
    assert problems(output_type(list[int], strict=False), {"value": ["x"]}) == [
        "expected `int`, got `str` - at `$.value[0]`"
    ]


def test_json_schemas_are_output_types() -> None:
    """Their values are decoded JSON, and the whole schema is checked."""
    made = output_type(
        {"title": "City", "properties": {"name": {"type": "string", "minLength": 2}}, "required": ["name"]}
    )
    assert (made.name, made.wrapped, made.schema["type"]) == ("City", False, "object")
    assert made.read('{"name": "Oslo"}') == {"name": "Oslo"}
    with pytest.raises(InvalidValue, match="expected `object`, got `integer`"):
        made.read("5")
    assert problems(made, {"name": "O"}) == ["expected at least 2 characters, got 1 - at `$.name`"]


@pytest.mark.parametrize(
    ("schema", "wrapped"),
    [
        ({"type": "array", "items": {"$ref": "#/$defs/a"}, "$defs": {"a": {"type": "integer"}}}, True),
        ({"type": "array", "items": {"anyOf": [{"type": "integer"}, {"$ref": "#"}]}}, True),
        ({"anyOf": [{"type": "integer"}, {"type": "array", "items": {"$ref": "#/anyOf/0"}}]}, True),
        ({"$id": "http://x/y", "type": "array", "items": {"anyOf": [{"type": "integer"}, {"$ref": "#"}]}}, True),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"type": ["array"], "items": {"type": "integer"}}}}, True),
        ({"type": ["object", "null"]}, True),
        ({}, True),
        ({"type": ["object"]}, False),
        ({"$ref": "#/definitions/a", "definitions": {"a": {"type": "object", "required": ["a"]}}}, False),
        ({"allOf": [{"$ref": "#/$defs/a"}], "$defs": {"a": {"type": "object", "required": ["a"]}}}, False),
        ({"$ref": "#/$defs/a", "minProperties": 1, "$defs": {"a": {"type": "object"}}}, False),
    ],
)
def test_schemas_of_every_shape_get_an_object_at_the_root(schema: dict[str, Any], wrapped: bool) -> None:
    """References to the root or into it keep their meaning."""
    made = output_type(schema)
    assert made.wrapped is wrapped
    assert made.schema["type"] == "object"
    own, outer = Validator(schema), Validator(made.schema)
    for value in (1, "x", None, {}, {"a": 1}, [], [1], ["x"], [[1], [["x"]]], [[1], [[2]]]):
        if wrapped or isinstance(value, dict):
            assert bool(outer.problems({"value": value} if wrapped else value)) is bool(own.problems(value)), value


def test_a_definition_that_only_the_root_uses_is_inlined() -> None:
    """A recursive one stays a definition."""
    assert output_type(Named).schema == {
        "title": "Named",
        "description": "A person with a name.",
        "type": "object",
        "properties": {"name": {"type": "string"}},
        "required": ["name"],
    }
    assert set(output_type(Tree).schema["$defs"]) == {"Tree"}


class Unknown:
    """A type that JSON cannot represent."""


@dataclass
class Lost:
    where: Nowhere  # noqa: F821  # pyright: ignore[reportUndefinedVariable]


@pytest.mark.parametrize(
    "given",
    [True, 5, "int", [int], (int,), {"type": "text"}, Unknown, list[Unknown], Lost, complex, object(), lambda: 1],
)
def test_a_value_that_is_not_a_type_is_rejected(given: Any) -> None:
    """The error has the value, and what to use instead."""
    with pytest.raises(InvalidRequest):
        output_type(given)


def test_an_invalid_value_can_be_pickled() -> None:
    """It keeps its problems."""
    invalid = pickle.loads(pickle.dumps(InvalidValue([Problem("$.a", "no")])))  # noqa: S301
    assert invalid.problems == [Problem("$.a", "no")]
    assert str(invalid) == "no - at `$.a`"


# pydantic


def test_pydantic_models_are_output_types() -> None:
    """They use their own schema and validation, at the root, in other types and in each other."""
    pydantic = pytest.importorskip("pydantic")
    city = pydantic.create_model("City", __doc__="A city.", name=(str, ...), people=(int, pydantic.Field(gt=0)))
    made = output_type(city)
    assert (made.name, made.description, made.wrapped) == ("City", "A city.", False)
    assert made.read('{"name": "Oslo", "people": 1}') == city(name="Oslo", people=1)
    assert problems(made, {"people": 0}) == [
        "Field required - at `$.name`",
        "Input should be greater than 0 - at `$.people`",
    ]
    other = pydantic.create_model("Town", name=(str, ...), mayor=(str, ...))
    several = output_type(list[city | other])
    assert several.read('{"value": [{"name": "a", "mayor": "b"}]}') == [other(name="a", mayor="b")]
    assert "$.value[0]" in problems(several, {"value": [{}]})[0]
    held = msgspec.defstruct("Held", [("cities", list[city])])
    assert output_type(held).check({"cities": [{"name": "a", "people": 2}]}) == held([city(name="a", people=2)])
    assert problems(output_type(held), {"cities": [{"name": "a", "people": 0}]}) == [
        "Input should be greater than 0 - at `$.cities[0].people`"
    ]


def test_pydantics_constraints_are_checked() -> None:
    """In pydantic dataclasses, and as annotations that msgspec would ignore."""
    pydantic = pytest.importorskip("pydantic")
    dataclasses = pytest.importorskip("pydantic.dataclasses")
    positive = Annotated[int, pydantic.Field(gt=0)]
    assert problems(output_type(list[positive]), {"value": [0]}) == ["Input should be greater than 0 - at `$.value[0]`"]

    class Plain:
        __annotations__ = {"n": positive}

    made = output_type(dataclasses.dataclass(Plain))
    assert made.read('{"n": 1}').n == 1
    assert problems(made, {"n": 0}) == ["Input should be greater than 0 - at `$.n`"]
    assert problems(output_type(dataclass(type("Own", (), {"__annotations__": {"n": positive}}))), {"n": 0})


def test_unusual_pydantic_models_work() -> None:
    """Strict ones accept dates from JSON, roots may be lists, models may be recursive; some have no schema."""
    pydantic = pytest.importorskip("pydantic")
    strict = pydantic.ConfigDict(strict=True)
    day = pydantic.create_model("Day", __config__=strict, when=(datetime, ...))
    assert output_type(day).read('{"when": "2025-01-02T03:04:05"}').when.year == 2025
    numbers = pydantic.RootModel[list[int]]
    assert output_type(numbers).read('{"value": [1]}').root == [1]
    node = pydantic.create_model("Node", inner=("Node | None", None))
    made = output_type(node)
    assert made.schema["type"] == "object"
    assert made.read('{"inner": {"inner": null}}').inner.inner is None
    with pytest.raises(InvalidRequest, match="has no JSON Schema"):
        output_type(pydantic.create_model("Odd", call=(Callable[[], int], ...)))
    with pytest.raises(InvalidRequest, match="'BaseModel' has no JSON Schema"):
        output_type(pydantic.BaseModel)
    fails = pydantic.ConfigDict(json_schema_extra=lambda schema: schema["missing"])
    with pytest.raises(InvalidRequest, match="'Fails' has no JSON Schema"):
        output_type(pydantic.create_model("Fails", __config__=fails, number=(int, ...)))
    with pytest.raises(InvalidRequest, match="has no JSON Schema"):
        output_type(list[Annotated[Unknown, pydantic.Field(title="x")]])


def test_an_ambiguous_union_is_rejected_with_advice() -> None:
    """Classes need a tag, lists another type, and an Enum's members their values."""

    @dataclass
    class A:
        a: int

    @dataclass
    class B:
        b: int

    class S(msgspec.Struct):
        a: int

    class Named(NamedTuple):
        a: int

    class Colour(Enum):
        RED = "red"

    class First(TypedDict):
        a: int

    class Second(TypedDict):
        b: int

    unions: list[Any] = [A | B, First | Second, A | First, A | S, A | dict[str, int], S | Second, A | B | None]
    for union in unions:
        for kind in (union, list[union], dict[str, union], Annotated[union, "words"]):
            with pytest.raises(InvalidRequest, match=r"tag=True.*pydantic models"):
                output_type(kind)
    with pytest.raises(InvalidRequest, match="Keep one"):
        output_type(Named | list[int])
    with pytest.raises(InvalidRequest, match=r"Literal\['red'\]"):
        output_type(Literal[Colour.RED])
    for kind in (Colour | str, list[Colour | str]):
        with pytest.raises(InvalidRequest) as caught:
            output_type(kind)
        assert "tag" not in str(caught.value), "a tag would not help"
    with pytest.raises(InvalidRequest, match=r"JSON cannot represent .*Unknown.*; use a str, a number or a data class"):
        output_type(list[Unknown])


BROKEN = pytest.mark.parametrize("annotation", ["1 +", "1/0", "[].x", "{}['x']", "Missing", "list[int", "int.real()"])


@BROKEN
@pytest.mark.parametrize("make", [make_dataclass, msgspec.defstruct])
@pytest.mark.parametrize("wrap", [lambda kind: kind, lambda kind: list[kind]], ids=["itself", "in a list"])
def test_an_annotation_that_cannot_be_evaluated_is_an_invalid_output_type(
    make: Any, annotation: str, wrap: Any
) -> None:
    """An annotation may be any expression, and raise anything."""
    with pytest.raises(InvalidRequest, match="has no JSON Schema"):
        output_type(wrap(make("Made", [("x", annotation)])))


@BROKEN
def test_an_annotation_that_cannot_be_evaluated_makes_no_tool(annotation: str) -> None:
    """A tool's function is read in the same way."""

    def function(x: Any) -> None: ...

    function.__annotations__["x"] = annotation
    with pytest.raises(InvalidRequest, match="cannot be read"):
        tool(function)
