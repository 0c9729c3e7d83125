"""Answers in an unrequested wrapper: a key, or the quotes of a text.

As reported in BerriAI/litellm#8022, spinje/pflow#598, caribeedu/twin#57 and langchain-ai/langchain#22189.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal

import pytest

import browserllm as bl


@dataclass
class Recipe:
    """A dish."""

    title: str
    minutes: int


@dataclass
class Node:
    """A tree."""

    name: str
    child: Node | None = None


SCHEMA = {
    "type": "object",
    "properties": {"title": {"type": "string"}, "minutes": {"type": "integer"}},
    "required": ["title", "minutes"],
}
KEYS = [
    "Recipe",
    "recipe",
    "properties",
    "parameters",
    "arguments",
    "args",
    "data",
    "input",
    "output",
    "response",
    "result",
]
VALUE = {"title": "Soup {a: 1}", "minutes": 20}
TYPES: list[tuple[Any, Any, Any]] = [
    (Recipe, VALUE, Recipe(**VALUE)),
    (SCHEMA, VALUE, VALUE),
    (Node, {"name": "a", "child": {"name": "b", "child": None}}, Node("a", Node("b"))),
    (list[Recipe], [VALUE, VALUE], [Recipe(**VALUE)] * 2),
    (list[int], [1, 2], [1, 2]),
    (dict[str, int], {"a": 1}, {"a": 1}),
]


async def given(text: str, output: Any, **options: Any) -> Any:
    """What comes of one answer, which may not be repaired; ``None`` where nothing does."""
    try:
        return await bl.generate(bl.ScriptedBackend(text), "x", output=output, repairs=0, **options)
    except bl.InvalidOutput:
        return None


@pytest.mark.parametrize("around", ["{}", "```json\n{}\n```", "Here it is:\n{}\nEnjoy!", "<think>Hm.</think>{}"])
@pytest.mark.parametrize(("output", "value", "right"), TYPES[:-1])
async def test_a_key_around_the_answer_is_taken_away(output: Any, value: Any, right: Any, around: str) -> None:
    """Whatever it is called, and also with extra text beside it."""
    for key in KEYS:
        assert await given(around.replace("{}", json.dumps({key: value})), output) == right, key
    if not isinstance(value, list):
        for text in ({"type": "object", "properties": value}, {"tool": "Recipe", "arguments": value, "id": None}):
            assert await given(around.replace("{}", json.dumps(text)), output) == right, text


@pytest.mark.parametrize(("output", "value", "right"), TYPES[:3])
async def test_the_quotes_of_a_text_are_taken_away(output: Any, value: Any, right: Any) -> None:
    """If an object is expected; a list with one object does not count as an object."""
    assert await given(json.dumps(json.dumps(value)), output) == right
    assert await given(json.dumps([value]), output) is None


async def test_a_call_with_something_around_its_arguments_is_read_as_well() -> None:
    """In the mode of tools, where models do the same."""
    for written in (json.dumps({"parameters": VALUE}), json.dumps(json.dumps(VALUE))):
        llm = bl.ScriptedBackend([[bl.ToolCallPart("1", "Recipe", written)]])
        assert await bl.generate(llm, "x", output=Recipe, mode="tool", repairs=0) == Recipe(**VALUE)


@pytest.mark.parametrize(
    ("output", "text"),
    [
        (Recipe, '{"old": {"title": "a", "minutes": 1}, "new": {"title": "b", "minutes": 2}}'),
        (Recipe, '{"recipe": {"title": "a", "minutes": "long"}}'),
        (Recipe, '{"recipe": {"title": "a"}}'),
        (Recipe, '{"a": {"b": {"title": "a", "minutes": 1}}}'),
        (Recipe, "[]"),
        (Node, '{"name": 5, "child": {"name": "b"}}'),
        (list[Recipe], '{"a": [], "b": []}'),
        (list[int], '{"value": "1, 2"}'),
        (list[int], '{"value": [1, "x"]}'),
        (Literal["a", "b"], '{"error": "a"}'),
        (str, '{"error": "I cannot"}'),
        (int, '{"code": 5, "error": 6}'),
    ],
)
async def test_an_ambiguous_text_is_not_an_answer(output: Any, text: str) -> None:
    """Two objects that fit, a part of one, one that does not fit, a single word: they need a repair."""
    assert await given(text, output) is None


async def test_an_object_that_fits_wins_over_objects_inside_others() -> None:
    """Also if it comes later."""
    other = json.dumps({"example": {"title": "x", "minutes": 1}})
    assert await given(f"{other}\n{json.dumps(VALUE)}", Recipe) == Recipe(**VALUE)


async def test_a_cut_object_is_not_an_answer_although_a_part_is_whole() -> None:
    """The missing rest is unknown."""
    llm = bl.ScriptedBackend(json.dumps({"recipe": VALUE})[:-1], finish_reason="length")
    with pytest.raises(bl.BrowserLLMError):
        await bl.generate(llm, "x", output=Recipe, repairs=0)
