"""Functions as people write them, as tools: what models are told of them, and what they are really called with."""

from __future__ import annotations

import collections
import functools
import inspect
import json
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from ipaddress import IPv4Address
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Generic, Literal, NamedTuple, NewType, TypedDict, TypeVar
from uuid import UUID

import msgspec
import pytest

import browserllm as bl
from browserllm.chat.tools import FunctionTool, as_tool, tool

if TYPE_CHECKING:
    from nowhere import Missing  # type: ignore[import-not-found]

T = TypeVar("T")
Metres = NewType("Metres", float)
ID = UUID("12345678-1234-5678-1234-567812345678")


async def answered(function: Any, arguments: dict[str, Any]) -> bl.ToolResultPart:
    """What the tool gives, in a conversation whose model calls it."""
    made = as_tool(function)
    call = bl.ToolCallPart("1", made.tool.name if isinstance(made, FunctionTool) else "", json.dumps(arguments))
    reply = await bl.Session(bl.ScriptedBackend([[call], "ok"]), tools=[function]).send("x")
    return reply.calls[0].result


async def given(function: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    """What the function was called with."""
    got: list[dict[str, Any]] = []

    @functools.wraps(function)
    def spy(*args: Any, **kwargs: Any) -> str:
        got.append(inspect.signature(function).bind(*args, **kwargs).arguments)
        return "done"

    result = await answered(spy, arguments)
    assert result.content == "done", result.content
    return got[0]


def weather(city: str, unit: str = "C", *, days: int = 1) -> str:
    """Say the weather.

    Args:
        city: The city.
        unit: Of the temperature.
        days: How many.
    """
    return f"{city} {unit} {days}"


PARTIALS: list[tuple[Any, list[str], dict[str, Any], str]] = [
    (functools.partial(weather), ["city", "unit", "days"], {"city": "Oslo"}, "Oslo C 1"),
    (functools.partial(weather, unit="F"), ["city", "days"], {"city": "Oslo"}, "Oslo F 1"),
    (functools.partial(weather, "Oslo"), ["unit", "days"], {"days": 2}, "Oslo C 2"),
    (functools.partial(functools.partial(weather, "Oslo"), days=5), ["unit"], {}, "Oslo C 5"),
    (functools.partial(weather, "Oslo", "F", days=3), [], {}, "Oslo F 3"),
    (functools.update_wrapper(functools.partial(weather, unit="F"), weather), ["city", "days"], {"city": "a"}, "a F 1"),
]


@pytest.mark.parametrize(("partial", "names", "arguments", "result"), PARTIALS)
async def test_the_arguments_that_a_partial_fills_are_hidden(
    partial: Any, names: list[str], arguments: dict[str, Any], result: str
) -> None:
    """It keeps the function's name and docstring. A model neither sees nor changes the filled arguments."""
    made = FunctionTool(partial)
    assert (made.tool.name, made.tool.description) == ("weather", "Say the weather.")
    properties = made.tool.parameters["properties"]
    assert list(properties) == names
    assert all(one["description"] for one in properties.values())
    assert (await answered(partial, arguments)).content == result
    for filled in {"city", "unit", "days"} - set(names):
        refused = await answered(partial, {**arguments, filled: "x"})
        assert refused.is_error
        assert f"`{filled}`" in refused.content


async def test_a_partial_may_have_its_own_name_and_description() -> None:
    """They replace those of the function."""
    own = functools.partial(weather, unit="F")
    own.__name__ = "fahrenheit"  # type: ignore[attr-defined]
    own.__doc__ = "Say it in Fahrenheit.\n\nArgs:\n    city: Where."
    made = FunctionTool(own)
    assert (made.tool.name, made.tool.description) == ("fahrenheit", "Say it in Fahrenheit.")
    assert made.tool.parameters["properties"]["city"]["description"] == "Where."
    assert made.tool.parameters["properties"]["days"]["description"] == "How many."


def test_a_partial_that_does_not_fit_is_refused() -> None:
    """The error names the argument that the function does not have."""
    with pytest.raises(bl.InvalidRequest, match="country"):
        FunctionTool(functools.partial(weather, country="N"))


class Shop:
    """A shop.

    Args:
        count: No.
        product: No.
    """

    def __init__(self) -> None:
        self.sold: list[str] = []

    def __call__(self, product: str, count: int = 1) -> int:
        """Sell something.

        Args:
            product: What.
            count: How many.
        """
        self.sold += [product] * count
        return len(self.sold)

    def sell(self, product: str, /, count: int = 1) -> int:
        """Sell it."""
        return self(product, count)

    @tool(timeout_s=7)
    def buy(self, product: str) -> str:
        """Buy it."""
        self.sold.remove(product)
        return product

    @staticmethod
    def price(product: str) -> int:
        """Say the price."""
        return len(product)

    @classmethod
    def make(cls, product: str) -> str:
        """Make it."""
        return f"{cls.__name__} {product}"

    @tool
    @classmethod
    def make_tool(cls, product: str) -> str:
        """Make it."""
        return f"{cls.__name__} {product}"

    @staticmethod
    @tool
    def price_tool(product: str) -> int:
        """Say the price."""
        return len(product)

    @functools.cache  # noqa: B019
    def weigh(self, product: str) -> int:
        """Weigh it."""
        return len(product)


async def test_methods_of_all_kinds_are_tools() -> None:
    """Of an object, of a class, static, decorated before or after, and with positional-only parameters."""
    shop = Shop()
    shop.sold.append("tea")
    for method, name, result in (
        (shop.sell, "sell", "2"),
        (shop.buy, "buy", "tea"),
        (shop.price, "price", "3"),
        (Shop.make, "make", "Shop tea"),
        (shop.make, "make", "Shop tea"),
        (Shop.make_tool, "make_tool", "Shop tea"),
        (shop.price_tool, "price_tool", "3"),
        (Shop.price_tool, "price_tool", "3"),
        (shop.weigh, "weigh", "3"),
    ):
        made = as_tool(method)
        assert isinstance(made, FunctionTool)
        assert (made.tool.name, list(made.tool.parameters["properties"])[:1]) == (name, ["product"])
        assert made.tool.description
        assert (await answered(method, {"product": "tea"})).content == result
    assert shop.buy.timeout_s == 7
    assert shop.buy("tea") == "tea", "the method is still one"


@pytest.mark.parametrize("method", [Shop.sell, Shop.buy, Shop.__call__])
def test_a_method_without_its_object_is_refused(method: Any) -> None:
    """The error says what to pass instead; a model never sees ``self``."""
    with pytest.raises(bl.InvalidRequest, match=r"without its object.*tools=\[thing\."):
        bl.Session(bl.ScriptedBackend("x"), tools=[method])


async def test_a_callable_object_is_a_tool() -> None:
    """It has its class's name and the docstring of its ``__call__``."""
    shop = Shop()
    made = FunctionTool(shop)
    assert (made.tool.name, made.tool.description) == ("Shop", "Sell something.")
    properties = made.tool.parameters["properties"]
    assert properties["product"]["description"] == "What."
    assert properties["count"] == {"type": "integer", "default": 1, "description": "How many."}
    assert (await answered(shop, {"product": "tea", "count": 2})).content == "2"
    assert (await answered(functools.partial(shop, count=3), {"product": "tea"})).content == "5"


class Later:
    async def __call__(self, city: str, days: int = 1) -> str:
        """Say it later."""
        return f"{city} {days}"


async def coroutine(city: str, days: int = 1) -> str:
    """Say it later."""
    return f"{city} {days}"


def passing_on(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def passed(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return passed


def passing_on_later(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    async def passed(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        return await result if inspect.isawaitable(result) else result

    return passed


@pytest.mark.parametrize(
    "function",
    [
        coroutine,
        Later(),
        functools.partial(coroutine, days=1),
        functools.partial(Later(), days=1),
        passing_on(coroutine),
        passing_on_later(coroutine),
        passing_on_later(Later().__call__),
        functools.partial(passing_on(coroutine), days=1),
    ],
)
async def test_async_callables_are_awaited(function: Any) -> None:
    """Coroutine functions, objects, partials and decorated ones."""
    assert (await answered(function, {"city": "Oslo"})).content == "Oslo 1"


def with_key(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def called(city: str) -> Any:
        return function(city, key="secret")

    return called


@with_key
def look_up(city: Literal["Oslo", "Rome"], key: str) -> str:
    """Look it up."""
    return city + key


async def test_a_decorator_that_fills_a_parameter_hides_it() -> None:
    """The decorated function's parameters count, with the types of the function that it wraps."""
    made = FunctionTool(look_up)
    assert made.tool.parameters["properties"] == {"city": {"enum": ["Oslo", "Rome"]}}
    assert (await answered(look_up, {"city": "Oslo"})).content == "Oslosecret"


def test_a_lambda_needs_a_name() -> None:
    """Without one it is refused, and the error says what to do; with a name it is a tool."""
    for odd in (lambda x: x, functools.partial(lambda x, y: x, 1)):
        with pytest.raises(bl.InvalidRequest, match=r"no name.*tool\(name="):
            as_tool(odd)
    named = tool(name="same")(lambda x: x)
    assert (named.tool.name, list(named.tool.parameters["properties"])) == ("same", ["x"])


def test_a_parameter_that_json_cannot_fill_is_refused_by_name() -> None:
    """The error names the parameter."""

    def stars(a: int, *more: int) -> None: ...
    def words(**more: int) -> None: ...
    def callback(then: Callable[[], int]) -> None: ...
    def connection(sock: collections.abc.AsyncIterator[int]) -> None: ...

    for function, said in ((stars, r"\*more"), (words, r"\*\*more"), (callback, "then"), (connection, "sock")):
        with pytest.raises(bl.InvalidRequest, match=said):
            as_tool(function)


async def test_only_the_types_of_parameters_must_resolve() -> None:
    """The return type may exist for type checkers only."""

    def get(city: str) -> Missing:
        return city

    assert (await answered(get, {"city": "Oslo"})).content == "Oslo"


async def test_parameters_without_types_or_with_old_syntax_are_accepted() -> None:
    """Without a type any value fits; a default of None allows null; defaults of any type are kept."""
    nothing = object()

    def old(a, b=5, c: int = None, d: Any = nothing, e: object = 1):  # type: ignore[no-untyped-def,assignment]  # noqa: RUF013
        return [a, b, c, d is nothing, e]

    made = FunctionTool(old)
    assert made.tool.parameters["properties"]["c"] == {
        "anyOf": [{"type": "integer"}, {"type": "null"}],
        "default": None,
    }
    assert made.tool.parameters["required"] == ["a"]
    assert json.loads((await answered(old, {"a": {"x": [1]}})).content) == [{"x": [1]}, 5, None, True, 1]
    assert json.loads((await answered(old, {"a": 1, "c": None, "e": [2]})).content) == [1, 5, None, True, [2]]
    assert (await answered(old, {"a": 1, "c": "x"})).is_error


class Colour(Enum):
    RED = "red"


@dataclass
class Item:
    """A thing.

    Attributes:
        name: What it is called.
    """

    name: str
    count: int = 1
    tags: list[str] = field(default_factory=list)


class Named(TypedDict):
    name: str


class Point(NamedTuple):
    x: int
    y: int = 0


class Size(msgspec.Struct, forbid_unknown_fields=True):
    width: Annotated[int, msgspec.Meta(ge=1)]


@dataclass
class Box(Generic[T]):
    inside: T


KINDS: list[tuple[Any, Any, Any]] = [
    (Item, {"name": "a"}, Item("a")),
    (list[Item], [{"name": "a", "count": 2}], [Item("a", 2)]),
    (dict[str, Item], {"k": {"name": "a"}}, {"k": Item("a")}),
    (Item | None, {"name": "a"}, Item("a")),
    (Item | None, None, None),
    (Item | int, {"name": "a"}, Item("a")),
    (tuple[Item, int], [{"name": "a"}, 1], (Item("a"), 1)),
    (Box[Item], {"inside": {"name": "a"}}, Box(Item("a"))),
    (Named, {"name": "a"}, {"name": "a"}),
    (Point, [1], Point(1, 0)),
    (Size, {"width": 1}, Size(1)),
    (Colour, "red", Colour.RED),
    (Literal["a", 1], 1, 1),
    (Metres, 1.5, 1.5),
    (date, "2025-01-02", date(2025, 1, 2)),
    (datetime, "2025-01-02T03:04:05", datetime(2025, 1, 2, 3, 4, 5)),
    (timedelta, "PT5S", timedelta(seconds=5)),
    (UUID, str(ID), ID),
    (list[UUID], [str(ID)], [ID]),
    (Decimal, "1.50", Decimal("1.50")),
    (Path, "/a/b", Path("/a/b")),
    (list[Path], ["a"], [Path("a")]),
    (Path | None, "a", Path("a")),
    (int | Path, "a", Path("a")),
    (IPv4Address, "1.2.3.4", IPv4Address("1.2.3.4")),
    (bytes, "aGk=", b"hi"),
    (set[int], [1, 2], {1, 2}),
    (frozenset[str], ["a"], frozenset("a")),
    (tuple[int, ...], [1, 2], (1, 2)),
    (deque[Item], [{"name": "a"}], deque([Item("a")])),
    (Iterable[int], [1, 2], [1, 2]),
    (collections.OrderedDict[str, int], {"a": 1}, collections.OrderedDict(a=1)),
    (collections.Counter[str], {"a": 2}, collections.Counter(a=2)),
    (int, "5", 5),
    (bool, True, True),
]


@pytest.mark.parametrize(("kind", "text", "value"), KINDS)
async def test_arguments_are_instances_of_their_types(kind: Any, text: Any, value: Any) -> None:
    """At the top level, and in a list."""

    def take(one: Any, many: Any) -> None: ...

    take.__annotations__ = {"one": kind, "many": list[kind]}
    got = await given(take, {"one": text, "many": [text]})
    assert got == {"one": value, "many": [value]}
    assert type(got["one"]) is type(value)
    assert type(got["many"][0]) is type(value)


async def test_a_value_that_a_class_refuses_goes_back_to_the_model() -> None:
    """With its path, whatever the class raises; the function does not run."""

    @dataclass
    class Even:
        number: int

        def __post_init__(self) -> None:
            if self.number % 2:
                raise KeyError(f"{self.number} is odd")

    def take(evens: list[Any]) -> None:
        raise AssertionError

    take.__annotations__ = {"evens": list[Even]}
    result = await answered(take, {"evens": [{"number": 2}, {"number": 3}]})
    assert result.is_error
    assert "3 is odd" in result.content


async def test_a_local_class_is_found_by_its_name() -> None:
    """With annotations as strings, as in this file, its name is the only way to find it."""

    @dataclass
    class Local:
        name: str

    def take(local: Local, more: list[Local] | None = None) -> str:
        return f"{local.name} {type(local).__name__}"

    assert (await answered(take, {"local": {"name": "a"}})).content == "a Local"


@pytest.mark.parametrize(
    ("kind", "wrong", "place"),
    [
        (dict[str, list[int]], {"a": [1], "b": [2, "x"]}, "$.one.b[1]"),
        (dict[str, dict[str, Item]], {"a": {}, "b": {"c": {"name": "q"}, "d": {"name": 1}}}, "$.one.b.d.name"),
        (dict[int, int], {"1": 1, "x": 2}, "the key `x` is not valid"),
        (list[Item], [{"name": "a"}, {"name": None}], "$.one[1].name"),
        (dict[str, Path], {"a": "b", "c": 5}, "$.one.c"),
        (deque[int], [1, "x"], "$.one[1]"),
        (list[Path | int], [1, [2]], "$.one[1]"),
        (Box[Item], {"inside": {"name": 1}}, "$.one.inside.name"),
    ],
)
async def test_a_problem_has_the_path_of_its_value(kind: Any, wrong: Any, place: str) -> None:
    """With the key, even if msgspec reports ``[...]``."""

    def take(one: Any) -> None:
        raise AssertionError

    take.__annotations__ = {"one": kind}
    result = await answered(take, {"one": wrong})
    assert result.is_error
    assert place in result.content
    assert "..." not in result.content


@dataclass
class Cat:
    name: str


@dataclass
class Dog:
    name: str


class PlainCat(msgspec.Struct):
    name: str


class PlainDog(msgspec.Struct):
    name: str


@pytest.mark.parametrize(
    "kind", [Cat | Dog, PlainCat | PlainDog, list[Cat | Dog], dict[str, Cat | Dog | None], Cat | PlainDog]
)
def test_an_ambiguous_union_is_refused_with_advice(kind: Any) -> None:
    """As the type of a parameter, which the error names, and as an output type."""

    def take(pet: Any) -> None: ...

    take.__annotations__ = {"pet": kind}
    with pytest.raises(bl.InvalidRequest, match=r"'pet'.*class Cat\(msgspec.Struct, tag=True\)"):
        as_tool(take)
    with pytest.raises(bl.InvalidRequest, match=r"class Cat\(msgspec.Struct, tag=True\)"):
        bl.stream_generate(bl.ScriptedBackend("x"), "x", output=kind)


async def test_docstrings_and_annotations_describe_parameters_together() -> None:
    """The parameter's own description wins; descriptions of a class's fields are included, too."""

    @dataclass
    class Address:
        street: Annotated[str, "With the number"]
        town: str

    def send(to: Annotated[str, "Who gets it"], text: str, address: Any = None) -> None:
        """Send a letter.

        Args:
            to: No.
            text (str): What it says.
            address: Where to.
        """

    send.__annotations__["address"] = Address | None
    properties = FunctionTool(send).tool.parameters["properties"]
    assert properties["to"]["description"] == "Who gets it"
    assert properties["text"]["description"] == "What it says."
    address = FunctionTool(send).tool.parameters["$defs"]["Address"]
    assert address["properties"]["street"]["description"] == "With the number"


async def test_all_arguments_that_do_not_fit_are_reported_at_once() -> None:
    """Missing ones, unknown ones, and the problem of each other one."""

    def take(one: int, two: list[Item], three: str, four: int = 0) -> None:
        raise AssertionError

    result = await answered(take, {"one": "x", "two": [{"name": "a"}, {}], "four": "4", "five": 1})
    assert result.content == (
        "the arguments do not fit: object missing required field `three`; expected `int`, got `str` - at `$.one`; "
        "object missing required field `name` - at `$.two[1]`; object contains unknown field `five`"
    )


def test_a_class_without_a_docstring_has_no_description() -> None:
    """The signature that dataclasses set as a docstring does not count."""
    assert FunctionTool(Cat).tool.description == ""
    assert FunctionTool(Item).tool.description == "A thing."
