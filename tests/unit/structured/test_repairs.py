"""A repair states the real problem with its path in the model's JSON; the caller gets the path in the type."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal, NamedTuple, TypedDict
from uuid import UUID

import msgspec
import pytest

import browserllm as bl
from browserllm.json_schema.types import output_type
from browserllm.types import StructuredMode

MODES: list[StructuredMode] = ["constrained", "json_schema", "json", "tool", "fenced"]


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


@dataclass
class Item:
    name: str
    count: int = 1


class Entry(TypedDict):
    name: str
    colours: list[Colour]


class Point(NamedTuple):
    x: int
    y: int


class Cat(msgspec.Struct, tag=True):
    name: str


class Dog(msgspec.Struct, tag=True):
    name: str
    teeth: Annotated[int, msgspec.Meta(le=42)]


class Span(msgspec.Struct):
    low: int
    high: int

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError("low is above high")


def play(answer: Any, mode: StructuredMode = "json", name: str = "answer") -> bl.ScriptedBackend:
    """A backend that always gives this answer."""
    text = answer if isinstance(answer, str) else json.dumps(answer)
    said: Any = [[bl.ToolCallPart("1", name, text)]] if mode == "tool" else text
    capabilities = bl.types.Capabilities(structured_output=("constrained", "json_schema", "json", "tool"), tools=True)
    return bl.ScriptedBackend(said, capabilities=capabilities)


async def told(output: Any, answer: Any, mode: StructuredMode = "json") -> tuple[list[str], list[tuple[str, str]]]:
    """The lines that the model is told are wrong, and the problems that the caller sees."""
    llm = play(answer, mode, output_type(output).name)
    with pytest.raises(bl.InvalidOutput) as caught:
        await bl.generate(llm, "x", output=output, mode=mode)
    last = llm.requests[1].messages[-1]
    text = last.text if isinstance(last.content, str) else last.content[0].content  # type: ignore[union-attr]
    first, end = text.split("\n\n")
    begin, *lines = first.split("\n")
    assert begin == "That does not match the JSON schema:"
    assert end
    problems = [(one["path"], one["message"]) for one in caught.value.data["problems"]]
    assert all(path == "$" or path in str(caught.value) for path, _ in problems)
    return lines, problems


WRAPPED: list[tuple[Any, Any, str, str]] = [
    (list[Literal["a", "b"]], ["a", "c"], "[1]", '"c" is not one of "a", "b"'),
    (list[int], [1, "x"], "[1]", "expected `integer`, got `string`"),
    (list[list[int]], [[1], [2, None]], "[1][1]", "expected `integer`, got `null`"),
    (list[Item], [{"name": "a"}, {"name": 5}], "[1].name", "expected `string`, got `integer`"),
    (list[Item], [{"name": "a"}, {"count": 5}], "[1]", "object missing required field `name`"),
    (
        list[Entry],
        [{"name": "a", "colours": ["red", "green"]}],
        "[0].colours[1]",
        '"green" is not one of "blue", "red"',
    ),
    (tuple[int, str], [1, 2], "[1]", "expected `string`, got `integer`"),
    (Point, [1, "x"], "[1]", "expected `integer`, got `string`"),
    (set[int], [1, "x"], "[1]", "expected `integer`, got `string`"),
    (int, "five", "", "expected `integer`, got `string`"),
    (Colour, "green", "", '"green" is not one of "blue", "red"'),
    (Literal["a", "b"], "c", "", '"c" is not one of "a", "b"'),
    (int | None, "x", "", "expected `integer` or `null`, got `string`"),
    (Literal["a", "b"] | None, "c", "", '"c" is not one of "a", "b"'),
    (Item | None, {"name": 5}, ".name", "expected `string`, got `integer`"),
    (Item | int, {"name": 5}, ".name", "expected `string`, got `integer`"),
    (Annotated[int, msgspec.Meta(le=10)], 11, "", "expected a number up to 10, got 11"),
    (Annotated[int, msgspec.Meta(le=10)] | None, 11, "", "expected a number up to 10, got 11"),
    (list[Cat | Dog], [{"type": "Dog", "name": "a", "teeth": 43}], "[0].teeth", "expected a number up to 42, got 43"),
    (date, "tomorrow", "", "invalid RFC3339 encoded date"),
    (list[datetime], ["2025-01-01T00:00:00", "soon"], "[1]", "invalid RFC3339 encoded datetime"),
    (list[UUID], ["x"], "[0]", "invalid UUID"),
    (list[Decimal], ["1.5", "x"], "[1]", "invalid decimal string"),
    (list[Span], [{"low": 1, "high": 2}, {"low": 2, "high": 1}], "[1]", "low is above high"),
    (list[dict[str, int]], [{"a": 1, "b b": "x"}], '[0]["b b"]', "expected `integer`, got `string`"),
    ({"type": "array", "items": {"type": "integer"}}, [1, "x"], "[1]", "expected `integer`, got `string`"),
    ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "x", "", "expected `integer` or `null`, got `string`"),
]


@pytest.mark.parametrize(("output", "wrong", "place", "said"), WRAPPED)
@pytest.mark.parametrize("mode", MODES)
async def test_a_problem_in_a_wrapped_type_has_two_paths(
    output: Any, wrong: Any, place: str, said: str, mode: StructuredMode
) -> None:
    """For the model below ``$.value``, where it wrote it; for the caller, the path in the value of the type."""
    lines, problems = await told(output, {"value": wrong}, mode)
    assert lines == [f"{said} - at `$.value{place}`"]
    assert problems == [(f"${place}", said)]


PLAIN: list[tuple[Any, Any, str, str]] = [
    (Item, {"name": 5}, "$.name", "expected `string`, got `integer`"),
    (dict[str, int], {"a": 1, "b": "x"}, "$.b", "expected `integer`, got `string`"),
    (dict[str, list[date]], {"a": [], "b": ["2025-01-01", "x"]}, "$.b[1]", "invalid RFC3339 encoded date"),
    (dict[str, dict[str, UUID]], {"a": {}, "b": {"c": "x"}}, "$.b.c", "invalid UUID"),
    (Entry, {"name": "a", "colours": ["red", "green"]}, "$.colours[1]", '"green" is not one of "blue", "red"'),
    (Span, {"low": 2, "high": 1}, "$", "low is above high"),
]


@pytest.mark.parametrize(("output", "wrong", "place", "said"), PLAIN)
async def test_a_problem_in_an_object_has_one_path(output: Any, wrong: Any, place: str, said: str) -> None:
    """The model and the caller see the same path."""
    lines, problems = await told(output, wrong)
    assert lines == [said if place == "$" else f"{said} - at `{place}`"]
    assert problems == [(place, said)]


@pytest.mark.parametrize(
    "around", ["{}", "Here it is: {}", "```json\n{}\n```", "<think>{{}}</think>\n{}", "{{}} or rather {}."]
)
async def test_a_problem_in_an_unwrapped_value_has_the_path_that_was_written(around: str) -> None:
    """Without ``value``; the model is also asked to add that key."""
    lines, problems = await told(list[Literal["a", "b"]], around.format('["a", "c"]'))
    said = '"c" is not one of "a", "b"'
    assert lines == ["expected an object with the key `value`", f"{said} - at `$[1]`"]
    assert problems == [("$[1]", said)], "the caller knows nothing of an object around it"


@pytest.mark.parametrize(
    "text",
    [
        '{{"x": 1}} {answer}',
        "{answer} as in {{x}}",
        '{answer} and {{"other": 2}}',
        "<think>{{}}</think>{answer}",
    ],
)
async def test_problems_are_those_of_the_intended_object(text: str) -> None:
    """Not of another one before or after it, without any of the expected fields."""
    for output, answer, place in ((Item, '{"name": 5}', "$.name"), (list[int], '{"value": [1, "x"]}', "$.value[1]")):
        lines, _ = await told(output, text.format(answer=answer))
        assert [place in line for line in lines] == [True], lines


async def test_a_text_without_json_has_no_path() -> None:
    """Nothing is said of a place in a text that has none."""
    for output in (int, list[Item], Item):
        lines, problems = await told(output, "I do not know, sorry: 5 or 6.")
        assert [path for path, _ in problems] == ["$"]
        assert "value" not in lines[0]


async def test_problems_of_unions_have_paths_in_their_messages() -> None:
    """Also for several alternatives, and with the caller's paths for the caller."""
    schema = {
        "type": "array",
        "items": {
            "anyOf": [
                {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
                {"type": "object", "properties": {"b": {"type": "integer"}}, "required": ["b"]},
            ]
        },
    }
    lines, problems = await told(schema, {"value": [{"a": "x", "b": "y"}]})
    assert "at `$.value[0].a`" in lines[0]
    assert "at `$.value[0].b`" in lines[0]
    assert lines[0].endswith("at `$.value[0]`")
    assert problems[0][0] == "$[0]"
    assert "at `$[0].a`" in problems[0][1]
    assert "value" not in problems[0][1]


async def test_pydantics_places_are_the_models() -> None:
    """With aliases, in lists and unions, and never with a name of pydantic's among the keys."""
    pydantic = pytest.importorskip("pydantic")
    person = pydantic.create_model("Person", age=(int, pydantic.Field(alias="howOld", ge=0)))
    pet = pydantic.create_model("Pet", name=(str, ...), legs=(int, ...))
    lines, problems = await told(list[person], {"value": [{"howOld": 1}, {"howOld": -1}]})
    assert lines == ["Input should be greater than or equal to 0 - at `$.value[1].howOld`"]
    assert problems == [("$[1].howOld", "Input should be greater than or equal to 0")]
    lines, problems = await told(person | pet, {"value": {"name": "Rex", "legs": "x"}})
    assert "at `$.value.legs`" in lines[0]
    assert "Pet" not in "".join(lines)
    assert all(path.startswith("$") and "value" not in path + said for path, said in problems)
    lines, _ = await told(person, {"howOld": "x"})
    assert lines[0].endswith("at `$.howOld`")


async def test_problems_are_kept_with_the_callers_paths() -> None:
    """In `Generated.problems`, with the final object."""
    llm = bl.ScriptedBackend(['{"value": [1, "x"]}', '{"value": [1, 2]}'])
    made = await bl.stream_generate(llm, "x", output=list[int]).finish()
    assert made.output == [1, 2]
    assert [[one.path for one in problems] for problems in made.problems] == [["$[1]"]]


async def test_a_call_of_another_tool_is_reported_as_such() -> None:
    """It is not reported as a text without JSON."""
    llm = play({"value": [1]}, "tool", "other")
    with pytest.raises(bl.InvalidOutput):
        await bl.generate(llm, "x", output=list[int], mode="tool")
    (part,) = llm.requests[1].messages[-1].content
    assert "there is no tool `other`" in part.content  # type: ignore[union-attr]
    assert "Call answer again" in part.content  # type: ignore[union-attr]
