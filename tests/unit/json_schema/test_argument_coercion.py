"""Arguments that do not fit as written are coerced where their meaning is certain.

As reported in anomalyco/opencode#8249, earendil-works/pi#9569 and MoonshotAI/kimi-cli#2513 (a list as a string),
huggingface/smolagents#1003 and quarkiverse/quarkus-langchain4j#2642 (all arguments as a string),
UKGovernmentBEIS/inspect_ai#1599 and microsoft/autogen#4997 (null for an optional argument), agno-agi/agno#6303 (no
text, null, an empty list).
"""

from __future__ import annotations

import datetime as dt
import json
import random
from dataclasses import asdict, dataclass, field
from typing import Any

import pytest

import browserllm as bl


@dataclass
class Point:
    """A place."""

    x: int
    y: int = 0
    tags: list[str] = field(default_factory=list)


@dataclass
class Card:
    """A card."""

    title: str
    points: list[int] = field(default_factory=list)
    note: str | None = None


def give(
    text: str,
    numbers: list[int],
    table: dict[str, list[int]],
    point: Point,
    cards: list[Card],
    either: str | list[int] = "",
    anything: Any = None,
    count: int = 3,
    unit: str = "C",
    maybe: int | None = 5,
) -> list[Any]:
    """Take everything."""
    return [text, numbers, table, point, [asdict(card) for card in cards], either, anything, count, unit, maybe]


GIVE = bl.tool(give)
RIGHT: dict[str, Any] = {
    "text": '{"a": 1}',
    "numbers": [1, 2],
    "table": {"a": [1], "null": [], "[": [3]},
    "point": {"x": 1, "y": 2, "tags": ["a", '["b"]', ""]},
    "cards": [{"title": '[1]"\n', "points": [1], "note": "null"}, {"title": "", "points": [], "note": None}],
    "either": "[1, 2]",
    "anything": '{"a": [1]}',
    "count": 4,
    "unit": "null",
    "maybe": None,
}


def misquoted(value: Any, choose: random.Random, path: tuple[str, ...] = ()) -> Any:
    """Return a value in which some lists and objects are encoded as JSON strings, once or twice."""
    if path[:1] == ("anything",):
        return value
    if isinstance(value, dict):
        made: Any = {key: misquoted(inner, choose, (*path, key)) for key, inner in value.items()}
    elif isinstance(value, list):
        made = [misquoted(inner, choose, (*path, "")) for inner in value]
    else:
        return value
    for _ in range(choose.choice((0, 0, 1, 1, 2))):
        made = json.dumps(made, ensure_ascii=choose.random() < 0.5, indent=choose.choice((None, 2)))
    return made


def test_encoded_lists_and_objects_are_decoded_where_no_string_is_allowed() -> None:
    """At every depth, or all arguments at once; strings stay strings. A failure prints the seed."""
    right = GIVE.arguments(json.dumps(RIGHT))
    for seed in range(150):
        choose = random.Random(seed)  # noqa: S311
        written = json.dumps(misquoted(RIGHT, choose))
        assert GIVE.arguments(written) == right, (seed, written)


def test_null_for_an_optional_argument_means_its_default() -> None:
    """Not for nullable or required ones; in each combination, and within objects."""
    for seed in range(200):
        choose = random.Random(seed)  # noqa: S311
        given, right = json.loads(json.dumps(RIGHT)), json.loads(json.dumps(RIGHT))
        for name in ("count", "unit", "either"):
            if choose.random() < 0.5:
                given[name] = None
                del right[name]
        for part, name in ((("point",), "y"), (("point",), "tags"), (("cards", 0), "points")):
            if choose.random() < 0.5:
                there, here = given, right
                for step in part:
                    there, here = there[step], here[step]
                there[name] = None
                del here[name]
        assert GIVE.arguments(json.dumps(given)) == GIVE.arguments(json.dumps(right)), seed
    assert GIVE.arguments(json.dumps(RIGHT))["maybe"] is None


@pytest.mark.parametrize("text", ["", " ", "null", "[]", '""', "{}", '"{}"', '"null"', '"\\"{}\\""', "None", " null\n"])
async def test_a_tool_without_arguments_runs_for_any_notation_of_none(text: str) -> None:
    """So does one whose arguments are all optional."""

    def now(zone: str = "UTC") -> str:
        return zone

    def ping() -> str:
        return "pong"

    for function, right in ((now, "UTC"), (ping, "pong")):
        result = await bl.tool(function).run(bl.ToolCallPart("1", function.__name__, text))
        assert (result.content, result.is_error) == (right, False)


@pytest.mark.parametrize(
    "text",
    [
        "{'a': 'x', 'b': [True, False]}",
        '{"a": "x", "b": [true, false,],}',
        '{"a": "x", "b": "[True, False]"}',
        "\"{'a': 'x', 'b': [True, False]}\"",
    ],
)
def test_python_notation_and_extra_commas_are_read(text: str) -> None:
    """As the whole text, or within a string."""

    def take(a: str, b: list[bool]) -> None:
        """Take them."""

    assert bl.tool(take).arguments(text) == {"a": "x", "b": [True, False]}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"numbers": "1, 2"}', "$.numbers"),
        ('{"numbers": "[1, 2"}', "$.numbers"),
        ('{"numbers": "[1, \\"x\\"]"}', "$.numbers"),
        ('{"numbers": "{\\"a\\": 1}"}', "$.numbers"),
        ('{"numbers": null}', "$.numbers"),
        ("null", "null"),
        ("[1]", "object"),
        ('"numbers"', "object"),
        ('{"numbers": [1]', "JSON"),
        ('{"numbers": [1], "other": null}', "other"),
        ('{"numbers": [1], "numbers": "[2]"}', "repeated"),
        ('"{\\"numbers\\": [1], \\"numbers\\": [2]}"', "object"),
    ],
)
def test_uncertain_arguments_are_reported_to_the_model_as_written(text: str, said: str) -> None:
    """With their path: half a list, plain text, another type, null for a required argument, a repeated key."""

    def take(numbers: list[int], word: str = "") -> None:
        """Take them."""

    with pytest.raises(bl.InvalidRequest) as caught:
        bl.tool(take).arguments(text)
    assert said in str(caught.value)


def test_the_schema_says_which_strings_are_dates_and_times() -> None:
    """Anywhere in an argument's type."""

    def meet(at: dt.datetime, on: dt.date, alarm: dt.time, others: list[dt.datetime] | None = None) -> None:
        """Meet."""

    properties = bl.tool(meet).tool.parameters["properties"]
    assert [properties[name].get("format") for name in ("at", "on", "alarm")] == ["date-time", "date", "time"]
    assert "'format': 'date-time'" in str(properties["others"])


ZONES = ["", "Z", "+02:00", "+0200", "-05:30"]
"""What may follow a time."""


def test_dates_and_times_are_read_in_common_notations() -> None:
    """A space for the T, no seconds, a date for its midnight.

    In each combination (basicmachines-co/basic-memory#253).
    """

    def meet(at: dt.datetime, days: list[dt.date] | None = None, alarm: dt.time | None = None) -> None:
        """Meet."""

    take = bl.tool(meet).arguments
    for zone in ZONES:
        for clock, right in (("10:05", "10:05:00"), ("10:05:07", "10:05:07"), ("10:05:07.25", "10:05:07.25")):
            for mark in "T", " ":
                got = take(json.dumps({"at": f"2024-02-29{mark}{clock}{zone}"}))["at"]
                assert got == dt.datetime.fromisoformat(f"2024-02-29T{right}{zone}"), (mark, clock, zone)
            assert take(json.dumps({"at": "2024-02-29", "alarm": clock}))["alarm"] == dt.time.fromisoformat(clock)
    got = take(json.dumps({"at": "2024-02-29", "days": ["2024-03-01T00:00:00", "2024-03-01 00:00", "2024-03-01"]}))
    assert got["at"] == dt.datetime(2024, 2, 29)
    assert got["days"] == [dt.date(2024, 3, 1)] * 3


@pytest.mark.parametrize(
    "text", ["tomorrow", "2024-02-30", "29.02.2024", "2024-02-29T25:00", "2024-02", "10:05", "", "2024-02-29T10:05 CET"]
)
def test_an_invalid_date_is_reported(text: str) -> None:
    """Nothing is guessed, and a time other than midnight does not become a date."""

    def meet(at: dt.datetime | dt.date) -> None:
        """Meet."""

    def day(on: dt.date) -> None:
        """Take a day."""

    with pytest.raises(bl.InvalidRequest):
        bl.tool(meet).arguments(json.dumps({"at": text}))
    with pytest.raises(bl.InvalidRequest):
        bl.tool(day).arguments(json.dumps({"on": "2024-02-29T10:05:00"}))
