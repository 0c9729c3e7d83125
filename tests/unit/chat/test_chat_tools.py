"""Functions as tools: the schema that models are told, and runs with arguments that were checked."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypedDict

import msgspec
import pytest

import browserllm as bl
from browserllm.chat.tools import FunctionTool, Toolbox, as_tool, tool
from browserllm.json_schema.docstrings import parse_docstring


@tool
def weather(city: str, unit: Literal["celsius", "fahrenheit"] = "celsius", days: int = 1) -> dict[str, Any]:
    """Say the weather in a city.

    It may be wrong.

    Args:
        city: Name of the city,
            in English.
        unit (str): Of the temperature.
        days: How many.

    Returns:
        The temperature.
    """
    return {"city": city, "unit": unit, "days": days}


def call(name: str, arguments: str = "{}") -> bl.ToolCallPart:
    """A call as a model makes it."""
    return bl.ToolCallPart("1", name, arguments)


def test_signature_and_docstring_become_the_schema() -> None:
    """Names, types, defaults and parameter descriptions; the text without its sections is the tool's description."""
    assert weather.tool == bl.Tool(
        "weather",
        "Say the weather in a city.\n\nIt may be wrong.",
        {
            "type": "object",
            "properties": {
                "city": {"type": "string", "description": "Name of the city, in English."},
                "unit": {"enum": ["celsius", "fahrenheit"], "default": "celsius", "description": "Of the temperature."},
                "days": {"type": "integer", "default": 1, "description": "How many."},
            },
            "required": ["city"],
            "additionalProperties": False,
        },
    )


GOOGLE = """Does it.

    Args:
        a: First
            one.
        b (int): Second.

    Raises:
        ValueError: never.
    """

NUMPY = """Does it.

    Parameters
    ----------
    a : str
        First
        one.
    b
        Second.

    Returns
    -------
    x
    """

REST = """Does it.

    :param a: First
        one.
    :param int b: Second.
    :returns: x
    """


@pytest.mark.parametrize("text", [GOOGLE, NUMPY, REST], ids=["google", "numpy", "rest"])
def test_three_docstring_styles_are_read(text: str) -> None:
    """Google's, NumPy's and reST's give the same result."""
    assert parse_docstring(text) == ("Does it.", {"a": "First one.", "b": "Second."})


@pytest.mark.parametrize(
    "text", [None, "", "Args:", "Parameters\n---", ":param:", ":param x", "a\n\n---\n", "Args:\n  :\n"]
)
def test_an_odd_docstring_is_not_an_error(text: str | None) -> None:
    """A docstring is prose; an unreadable part adds nothing."""
    parse_docstring(text)


async def test_a_tool_runs_with_checked_arguments() -> None:
    """Defaults are filled in, a number in quotes is converted, and the result is JSON."""
    result = await weather.run(call("weather", '{"city": "Oslo", "days": "3"}'))
    assert result == bl.ToolResultPart("1", '{"city":"Oslo","unit":"celsius","days":3}')
    assert weather("Oslo")["days"] == 1, "the function is still one"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ('{"city": 5}', "expected `str`, got `int` - at `$.city`"),
        ('{"town": "Oslo"}', "town"),
        ("{}", "missing required field `city`"),
        ('{"city": "Oslo", "unit": "kelvin"}', "$.unit"),
        ('{"city": "Os', "not valid JSON"),
        ("[]", "object"),
        ("[" * 100_000, "not valid JSON"),
        ('"\ud800"', "not valid JSON"),
    ],
)
async def test_arguments_that_do_not_fit_go_back_to_the_model(arguments: str, said: str) -> None:
    """The result is an error with the problem and its path; the function does not run."""
    result = await weather.run(call("weather", arguments))
    assert result.is_error
    assert said in result.content


async def test_coroutines_are_awaited_and_exceptions_become_results() -> None:
    """The result of an exception has its type and its message."""

    @tool(name="look_up", description="Looks it up.")
    async def find(key: str) -> str:
        await asyncio.sleep(0)
        return {"a": "found"}[key]

    assert (find.tool.name, find.tool.description) == ("look_up", "Looks it up.")
    assert await find.run(call("look_up", '{"key": "a"}')) == bl.ToolResultPart("1", "found")
    assert await find.run(call("look_up", '{"key": "b"}')) == bl.ToolResultPart("1", "KeyError: 'b'", is_error=True)


async def test_a_time_limit_ends_a_run() -> None:
    """A tool that hangs is abandoned, and the model learns it; a tool's own timeout is an ordinary exception."""
    cancelled = asyncio.Event()

    @tool(timeout_s=0.01)
    async def hang() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    @tool(timeout_s=60)
    async def own() -> None:
        raise TimeoutError("the server is slow")

    assert await hang.run(call("hang")) == bl.ToolResultPart("1", "hang took longer than 0.01 s", is_error=True)
    assert cancelled.is_set()
    assert (await own.run(call("own"))).content == "TimeoutError: the server is slow"


async def test_cancelling_the_caller_is_not_a_result() -> None:
    """It ends the tool, and is raised."""
    started = asyncio.Event()

    @tool
    async def hang() -> None:
        started.set()
        await asyncio.Event().wait()

    task = asyncio.ensure_future(hang.run(call("hang")))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@dataclass
class Address:
    """A postal address."""

    street: str
    number: int


class Person(TypedDict):
    """A person."""

    name: str
    addresses: list[Address]


class Order(msgspec.Struct):
    """An order from the shop."""

    product: str
    quantity: Annotated[int, msgspec.Meta(ge=1, description="How many")] = 1


async def test_data_classes_are_built_from_their_json() -> None:
    """Nested dataclasses, TypedDicts and Structs become instances, and are described under $defs."""
    got: list[Any] = []

    def invite(person: Person, order: Order | None = None) -> None:
        """Invite a person."""
        got.extend([person, order])

    made = FunctionTool(invite)
    assert set(made.tool.parameters["$defs"]) == {"Person", "Address", "Order"}
    arguments = '{"person": {"name": "Otto", "addresses": [{"street": "S", "number": 1}]}, "order": {"product": "p"}}'
    assert await made.run(call("invite", arguments)) == bl.ToolResultPart("1", "null")
    assert got == [{"name": "Otto", "addresses": [Address("S", 1)]}, Order("p")]


async def test_a_data_class_is_a_tool_that_returns_an_instance() -> None:
    """Its fields are the arguments, its docstring the description."""
    made = as_tool(Order)
    assert isinstance(made, FunctionTool)
    assert (made.tool.name, made.tool.description) == ("Order", "An order from the shop.")
    assert made.tool.parameters["properties"]["quantity"]["description"] == "How many"
    assert (await made.run(call("Order", '{"product": "p"}'))).content == '{"product":"p","quantity":1}'
    assert (await made.run(call("Order", '{"product": "p", "quantity": 0}'))).is_error


async def test_pydantic_models_are_arguments_too() -> None:
    """With pydantic's schema and validation, as a parameter and as a tool."""
    pydantic = pytest.importorskip("pydantic")
    city = pydantic.create_model("City", __doc__="A city.", name=(str, ...), people=(int, pydantic.Field(gt=0)))
    line = pydantic.create_model("Line", cities=(list[city], ...))

    def draw(line: Any) -> int:
        return len(line.cities)

    draw.__annotations__ = {"line": line, "return": int}
    made = FunctionTool(draw)
    assert set(made.tool.parameters["$defs"]) == {"City"}
    assert made.tool.parameters["properties"]["line"]["properties"]["cities"]["items"] == {"$ref": "#/$defs/City"}
    good = '{"line": {"cities": [{"name": "Oslo", "people": 1}]}}'
    assert (await made.run(call("draw", good))).content == "1"
    refused = await made.run(call("draw", good.replace("1", "0")))
    assert refused.is_error
    assert "people" in refused.content
    own = as_tool(city)
    assert isinstance(own, FunctionTool)
    assert own.tool.description == "A city."
    assert (await own.run(call("City", '{"name": "Oslo", "people": 5}'))).content == '{"name":"Oslo","people":5}'
    assert (await own.run(call("City", '{"name": "Oslo"}'))).is_error


async def test_a_mutable_default_is_copied_for_each_run() -> None:
    """Runs do not share it, unlike Python's own defaults."""

    def collect(item: str, into: list[str] = []) -> list[str]:  # noqa: B006 (that is the point)
        into.append(item)
        return into

    made = FunctionTool(collect)
    for _ in range(2):
        assert (await made.run(call("collect", '{"item": "a"}'))).content == '["a"]'


def test_signatures_that_json_cannot_fill_are_refused() -> None:
    """The error names the parameter."""

    def star(*numbers: int) -> None: ...
    def typed(when: asyncio.Event) -> None: ...
    def unknown(what: NoSuchType) -> None: ...  # noqa: F821  # pyright: ignore[reportUndefinedVariable]

    for function, said in ((star, "numbers"), (typed, "Event"), (unknown, "NoSuchType")):
        with pytest.raises(bl.InvalidRequest, match=said):
            FunctionTool(function)


async def test_a_toolbox_runs_the_tool_of_a_call() -> None:
    """An unknown tool becomes a result that tells the model so."""
    declared = {"type": "function", "function": {"name": "outside", "parameters": {"type": "object"}}}
    box = Toolbox([weather, bl.Tool("plain"), declared])
    assert [one.name for one in box.tools] == ["weather", "plain", "outside"]
    assert [box.can_run(name) for name in ("weather", "plain", "outside", "other")] == [True, False, False, False]
    assert (await box.run(call("weather", '{"city": "Oslo"}'))).is_error is False
    missing = await box.run(call("other"))
    assert missing.content == "unknown tool 'other'; the tools are: 'weather', 'plain', 'outside'"
    assert missing.is_error
    assert (await box.run(call("plain"))).is_error


@pytest.mark.parametrize("wrong", [5, {"parameters": {}}, {"name": 1}, "weather"])
def test_a_value_that_is_not_a_tool_is_refused(wrong: Any) -> None:
    """The error shows the value."""
    with pytest.raises(bl.InvalidRequest, match="tool"):
        Toolbox([wrong])


def test_two_tools_with_one_name_are_refused() -> None:
    """A model could not tell them apart."""
    with pytest.raises(bl.InvalidRequest, match="'weather'"):
        Toolbox([weather, weather])


async def test_results_that_are_not_json_are_errors() -> None:
    """The model gets the error, and the conversation continues."""
    assert "type" in (await FunctionTool(lambda: object, name="odd").run(call("odd"))).content
