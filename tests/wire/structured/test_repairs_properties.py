"""Hypothesis: one value in a good answer is made wrong; what the model is told names its place, and no other.

Here and not with the unit tests, because Hypothesis is not there in a page. A failure prints the type and the value.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NamedTuple, TypedDict

import msgspec
import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import browserllm as bl
from browserllm.chat.tools import FunctionTool
from browserllm.json_schema.problem import path_to
from cases import cases

pytestmark = pytest.mark.no_cover

Kind = tuple[Any, Any]
"""A type, and a good value of it as JSON has it."""


@dataclass
class Item:
    name: str
    count: int


class Entry(TypedDict):
    name: str
    flag: bool


class Pair(NamedTuple):
    left: int
    right: str


class Held(msgspec.Struct):
    item: Item
    tags: list[str]


class Person(pydantic.BaseModel):
    age: Annotated[int, pydantic.Field(ge=0, strict=True)]
    name: Annotated[str, pydantic.Field(alias="fullName")]


LEAVES: list[Kind] = [
    (int, 5),
    (str, "a"),
    (bool, True),
    (Literal["a", "b"], "b"),
    (Annotated[int, msgspec.Meta(le=10)], 7),
    (Item, {"name": "a", "count": 1}),
    (Entry, {"name": "a", "flag": False}),
    (Pair, [1, "a"]),
    (Held, {"item": {"name": "a", "count": 1}, "tags": ["x", "y"]}),
    (Person, {"age": 5, "fullName": "Ada"}),
]

KEYS = st.text(st.characters(codec="utf-8", exclude_characters="`"), min_size=1, max_size=5)


@st.composite
def kinds(draw: st.DrawFn) -> Kind:
    """A type built of others, some levels deep."""
    kind, value = draw(st.sampled_from(LEAVES))
    for _ in range(draw(st.integers(0, 3))):
        match draw(st.sampled_from(["list", "dict", "optional", "tuple"])):
            case "list":
                kind, value = list[kind], [value] * draw(st.integers(1, 3))
            case "dict":
                keys = draw(st.lists(KEYS, min_size=1, max_size=3, unique=True))
                kind, value = dict[str, kind], dict.fromkeys(keys, value)
            case "tuple":
                kind, value = tuple[int, kind], [1, value]
            case _:
                kind = kind | None
    return kind, json.loads(json.dumps(value))


def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The places of all that holds nothing else."""
    if isinstance(value, dict):
        return [place for key, inner in value.items() for place in leaves(inner, (*path, key))]
    if isinstance(value, list):
        return [place for at, inner in enumerate(value) for place in leaves(inner, (*path, at))]
    return [path]


def spoiled(value: Any, place: tuple[Any, ...]) -> Any:
    """The value with something there that no type here takes."""
    if not place:
        return {"odd": [1]}
    copy = json.loads(json.dumps(value))
    inner = copy
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = {"odd": [1]}
    return copy


def path_of(start: str, place: tuple[Any, ...]) -> str:
    """The place as it is told."""
    for step in place:
        start = path_to(start, step)
    return start


@settings(deadline=None, max_examples=cases(300))
@given(kinds(), st.data())
def test_a_repair_names_the_place_that_is_wrong(kind: Kind, data: st.DataObject) -> None:
    """In the JSON that the model wrote; the caller sees it in the type, and a tool's model in the arguments."""
    output, good = kind
    place = data.draw(st.sampled_from(leaves(good)))
    wrong = spoiled(good, place)

    async def ask() -> None:
        wrapped = not isinstance(good, dict) or str(output).endswith("None")
        llm = bl.ScriptedBackend(json.dumps({"value": wrong} if wrapped else wrong))
        try:
            await bl.generate(llm, "x", output=output)
        except bl.InvalidOutput as error:
            told = llm.requests[1].messages[-1].text
            here, own = path_of("$.value" if wrapped else "$", place), path_of("$", place)
            paths = [one["path"] for one in error.data["problems"]]
            assert f"at `{here}`" in told or here == "$", (told, here)
            assert paths == [own] * len(paths), (paths, own)
        else:
            raise AssertionError("it was taken")

    async def call() -> None:
        def take(one: Any) -> None:
            raise AssertionError("it ran")

        take.__annotations__ = {"one": output}
        result = await FunctionTool(take).run(bl.ToolCallPart("1", "take", json.dumps({"one": wrong})))
        assert result.is_error
        assert f"at `{path_of('$.one', place)}`" in result.content, result.content

    asyncio.run(ask())
    asyncio.run(call())
