"""What grammars enforce, judged by the engine's own XGrammar: the official JSON-Schema-Test-Suite, and common types.

Valid values are accepted, and invalid ones are rejected if nothing was left out. Not among the unit tests, because it
needs Node and the suite: ``make unit`` fetches it.
"""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import pydantic
import pytest

from browserllm.constrained.grammars.grammar import grammar_of_schema, written
from browserllm.constrained.grammars.reduce import reduce_schema
from browserllm.constrained.grammars.reduced import Dropped, Reduced
from browserllm.constrained.tool_calls.choice import ToolChoice
from browserllm.constrained.tool_calls.constraint import tool_constraint
from browserllm.constrained.tool_calls.formats import FORMATS, FormatName
from browserllm.json_schema.validate import Validator
from browserllm.types import Tool

ROOT = Path(__file__).parents[3]
SUITE = ROOT / ".venv/json-schema-test-suite/tests"
DRAFTS = {
    "draft7": "http://json-schema.org/draft-07/schema#",
    "draft2020-12": "https://json-schema.org/draft/2020-12/schema",
}
# A schema of this file disables keywords through an external metaschema.
LEFT_OUT = {"draft2020-12/vocabulary.json"}

SCHEMAS = 620
WITHOUT_LOSS = 435
WITHOUT_LOSS_CLOSED = 339
"""How many schemas of the suite are fully enforced, with extra properties allowed and not."""


def accepted(jobs: list[dict[str, Any]]) -> list[list[bool]]:
    """Return which texts of each job XGrammar accepts."""
    sys.path.insert(0, str(ROOT / "web"))
    try:
        from build_site import node_command
    finally:
        sys.path.remove(str(ROOT / "web"))
    command = [*node_command("node"), str(Path(__file__).with_name("xgrammar.mjs"))]
    done = subprocess.run(command, input=json.dumps(jobs), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found: list[list[bool]] = json.loads(done.stdout)
    return found


def job(schema: Any, texts: list[str]) -> dict[str, Any]:
    """Return a reduced schema's grammar, and the texts to judge."""
    return {"grammar": grammar_of_schema(schema), "texts": texts}


def names_in_order(schema: Any, found: dict[str, int]) -> dict[str, int]:
    """Return the declared names of a reduced schema, in order."""
    if isinstance(schema, dict):
        inner = [name for name, part in schema.get("properties", {}).items() if part is not False]
        inner += [name for value in schema.get("enum", ()) if isinstance(value, dict) for name in value]
        for name in inner:
            found.setdefault(name, len(found))
    for part in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        names_in_order(part, found)
    return found


def in_order(value: Any, order: dict[str, int]) -> Any:
    """Return a value with its properties in the schema's order, and integers without a point."""
    if isinstance(value, dict):
        return {name: in_order(value[name], order) for name in sorted(value, key=lambda name: order.get(name, 999))}
    if isinstance(value, list):
        return [in_order(item, order) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def texts_of(value: Any, reduced: Reduced) -> list[str]:
    """Return a value as models write it: with spaces, and without."""
    ordered = in_order(value, names_in_order(reduced.schema, {}))
    return [
        json.dumps(ordered, ensure_ascii=False),
        json.dumps(ordered, ensure_ascii=False, separators=(",", ":")),
    ]


def lost(dropped: list[Dropped]) -> bool:
    """Whether some keywords are not enforced."""
    return any(not entry.excludes for entry in dropped)


def cases() -> Iterator[tuple[str, Any, list[dict[str, Any]]]]:
    """Yield each schema of the suite's required tests."""
    for draft, uri in DRAFTS.items():
        for file in sorted((SUITE / draft).glob("*.json")):
            name = f"{draft}/{file.name}"
            for case in json.loads(file.read_text(encoding="utf-8")) if name not in LEFT_OUT else ():
                schema = case["schema"]
                if isinstance(schema, dict):
                    schema = {"$schema": uri, **schema}
                yield f"{name}: {case['description']}", schema, case["tests"]


@pytest.mark.parametrize(("close", "expected"), [(False, WITHOUT_LOSS), (True, WITHOUT_LOSS_CLOSED)])
def test_the_official_suite_is_enforced(close: bool, expected: int) -> None:
    """No grammar fails; exactly the valid values are accepted, except for named keywords."""
    if not SUITE.exists():
        pytest.fail(f"{SUITE} is not there; make unit fetches it")
    every = [(about, schema, tests, reduce_schema(schema, close=close)) for about, schema, tests in cases()]
    assert (len(every), sum(not reduced.dropped for *_, reduced in every)) == (SCHEMAS, expected)
    # Closing changes few of them.
    work = [case for case in every if not close or case[3] != reduce_schema(case[1], close=False)]
    jobs = [
        job(reduced.schema, [text for test in tests for text in texts_of(test["data"], reduced)])
        for _, _, tests, reduced in work
    ]
    wrong: list[str] = []
    for (about, _, tests, reduced), answers in zip(work, accepted(jobs), strict=True):
        for test, with_spaces, without in zip(tests, answers[::2], answers[1::2], strict=True):
            where = f"{about}: {test['description']}"
            if with_spaces is not without:
                wrong.append(f"{where}: spaces make a difference")
            if test["valid"] and not without and not any(entry.excludes for entry in reduced.dropped):
                wrong.append(f"{where}: is valid, and was refused")
            if not test["valid"] and without and not lost(reduced.dropped):
                wrong.append(f"{where}: is not valid, and was accepted")
    assert wrong == []


def test_a_reduced_schema_is_equivalent_to_the_original() -> None:
    """The validator agrees with the suite about the reduced schema."""
    wrong: list[str] = []
    for about, schema, tests in cases():
        reduced = reduce_schema(schema, close=False)
        validator = Validator(reduced.schema)
        for test in tests:
            fits = not validator.problems(test["data"])
            exact = not reduced.dropped
            if fits is not test["valid"] and (
                exact or (test["valid"] and not any(it.excludes for it in reduced.dropped))
            ):
                wrong.append(f"{about}: {test['description']}")
    assert wrong == []


class Color(Enum):
    RED = "red"
    GREEN = 'gr"ün'


class Address(pydantic.BaseModel):
    street: Annotated[str, pydantic.Field(min_length=1, max_length=40)]
    code: Annotated[str, pydantic.Field(pattern=r"^\d{5}(-\d{4})?$")]


class Cat(pydantic.BaseModel):
    kind: Literal["cat"]
    lives: Annotated[int, pydantic.Field(ge=1, le=9)]


class Dog(pydantic.BaseModel):
    kind: Literal["dog"]
    tricks: list[str] = []


class Tree(pydantic.BaseModel):
    name: str
    children: list[Tree] = []


class Person(pydantic.BaseModel):
    """A typical model."""

    name: str
    age: Annotated[int, pydantic.Field(ge=0, lt=150)] | None = None
    color: Color = Color.RED
    address: Address | None = None
    pet: Annotated[Cat | Dog, pydantic.Field(discriminator="kind")] | None = None
    scores: dict[str, Annotated[float, pydantic.Field(ge=0, le=1)]] = {}
    born: date | None = None
    seen: datetime | None = None
    pair: tuple[int, str] = (0, "")
    tags: Annotated[list[str], pydantic.Field(max_length=3)] = []


class Point(msgspec.Struct, tag=True):
    x: float
    y: float


class Circle(msgspec.Struct, tag=True):
    middle: Point
    radius: Annotated[float, msgspec.Meta(gt=0)]


class Drawing(msgspec.Struct, forbid_unknown_fields=True):
    shapes: list[Point | Circle]
    title: Annotated[str, msgspec.Meta(max_length=10)] | None = None


@dataclass
class Case:
    schema: Any
    good: list[Any]
    bad: list[Any]
    lost: list[str] = field(default_factory=list)


def types() -> dict[str, Case]:
    """Yield the schemas of common types by pydantic and msgspec, with values that fit and values that do not."""
    ann: dict[str, Any] = {"name": "Ann"}
    return {
        "person": Case(
            Person.model_json_schema(),
            [
                ann,
                {**ann, "age": None, "color": 'gr"ün', "address": {"street": 'a "b"\n', "code": "12345-6789"}},
                {**ann, "age": 149, "pet": {"kind": "cat", "lives": 9}, "scores": {"a": 0.5, "ü": 1, "c": 0}},
                {**ann, "pet": {"kind": "dog", "tricks": ["sit", ""]}, "born": "2001-02-28"},
                {**ann, "seen": "2001-02-28T12:00:00Z", "pair": [1, "x"], "tags": ["a", "b", "c"]},
                {**ann, "seen": "2001-02-28T12:00:00.5"},
            ],
            [
                {},
                {**ann, "age": 150},
                {**ann, "age": -1},
                {**ann, "age": 1.5},
                {**ann, "color": "blue"},
                {**ann, "address": {"street": "", "code": "12345"}},
                {**ann, "address": {"street": "a" * 41, "code": "12345"}},
                {**ann, "address": {"street": "a", "code": "1234"}},
                {**ann, "pet": {"kind": "cat", "tricks": []}},
                {**ann, "pet": {"kind": "cat", "lives": 10}},
                {**ann, "scores": {"a": 1.01}},
                {**ann, "scores": {"a": -0.1}},
                {**ann, "born": "2001-13-01"},
                {**ann, "pair": [1]},
                {**ann, "pair": [1, "x", 2]},
                {**ann, "tags": ["a", "b", "c", "d"]},
                {**ann, "other": 1},
            ],
        ),
        "tree": Case(
            Tree.model_json_schema(),
            [{"name": "a"}, {"name": "a", "children": [{"name": "b", "children": []}, {"name": "c"}]}],
            [{"name": "a", "children": [{"children": []}]}, {"name": "a", "children": ["b"]}],
        ),
        "drawing": Case(
            msgspec.json.schema(Drawing),
            [
                {"shapes": []},
                {"shapes": [{"type": "Point", "x": 1.5, "y": -2}], "title": "é" * 10},
                {"shapes": [{"type": "Circle", "middle": {"type": "Point", "x": 0, "y": 0}, "radius": 0.001}]},
            ],
            [
                {"shapes": [{"type": "Point", "x": 1}]},
                {"shapes": [{"type": "Circle", "middle": {"type": "Point", "x": 0, "y": 0}, "radius": 0}]},
                {"shapes": [], "title": "é" * 11},
                {"shapes": [], "more": 1},
            ],
        ),
        "literals": Case(
            pydantic.TypeAdapter(dict[Literal["a", "b"], int]).json_schema(),
            [{}, {"a": 1}, {"b": 1}, {"a": 1, "b": 2}],
            [{"c": 1}, {"a": "x"}],
        ),
        "decimal": Case(
            {"anyOf": [{"type": "number"}, {"type": "string", "pattern": r"^(?!^[-+.]*$)[+-]?0*\d*\.?\d*$"}]},
            [1, 1.5, "1.5"],
            [None, []],
            ["pattern"],
        ),
        "set": Case(pydantic.TypeAdapter(set[int]).json_schema(), [[], [1, 2]], [["a"]], ["uniqueItems"]),
    }


def test_common_types_are_enforced() -> None:
    """Nested, optional, literal, tagged, recursive and constrained types lose only what is named."""
    all_cases = types()
    reduced = {name: reduce_schema(case.schema) for name, case in all_cases.items()}
    jobs = [
        job(reduced[name].schema, [texts_of(value, reduced[name])[0] for value in [*case.good, *case.bad]])
        for name, case in all_cases.items()
    ]
    for (name, case), answers in zip(all_cases.items(), accepted(jobs), strict=True):
        judged = dict(zip([json.dumps(value) for value in [*case.good, *case.bad]], answers, strict=True))
        expected = {json.dumps(value): value in case.good for value in [*case.good, *case.bad]}
        assert judged == expected, name
        assert [entry.keyword for entry in reduced[name].dropped if not entry.excludes] == case.lost, name


def ranges(numbers: random.Random) -> list[dict[str, Any]]:
    """Yield schemas of numbers with all kinds of bounds."""
    ends = [-120, -10, -9.99, -1, -0.5, -0.05, 0, 0.001, 0.25, 0.5, 1, 1.5, 7, 9.5, 10, 99, 100, 101.125, 1234]
    found: list[dict[str, Any]] = []
    for _ in range(80):
        schema: dict[str, Any] = {"type": numbers.choice(["number", "number", "integer"])}
        low, high = sorted(numbers.sample(ends, 2))
        if numbers.random() < 0.8:
            schema[numbers.choice(["minimum", "exclusiveMinimum"])] = low
        if numbers.random() < 0.8:
            schema[numbers.choice(["maximum", "exclusiveMaximum"])] = high
        if numbers.random() < 0.2:
            schema["multipleOf"] = numbers.choice([0.01, 0.5, 1, 7, 10])
        found.append(schema)
    return [*found, {"type": "number", "minimum": 1, "maximum": 1}, {"type": "integer", "multipleOf": 37}]


def test_numbers_are_accepted_only_in_range() -> None:
    """Numbers at, beside and between the bounds, of any length, judged by the validator."""
    numbers = random.Random(5)  # noqa: S311
    ends = [0, 1, -1, 5, -5, 50, 250, 10, 9500, 9490, 9510, 1000, 100000, 101000, 101125]
    values = [Decimal(end) / 1000 for end in ends]
    values += [Decimal(numbers.randrange(-130000, 130000)) / 10 ** numbers.randrange(5) for _ in range(250)]
    values += [Decimal(numbers.randrange(-1300, 1300)) for _ in range(100)]
    schemas = ranges(numbers)
    reduced = [reduce_schema(schema) for schema in schemas]
    kept = [index for index, it in enumerate(reduced) if it.schema and not it.dropped]
    assert len(kept) > 60
    texts = list(dict.fromkeys(f"{value:f}" for value in values))
    answers = accepted([job(reduced[index].schema, texts) for index in kept])
    for index, judged in zip(kept, answers, strict=True):
        validator = Validator(schemas[index])
        whole = schemas[index]["type"] == "integer" or schemas[index].get("multipleOf", 0.5) in {1, 7, 10}
        expected = [not validator.problems(json.loads(text)) and not (whole and "." in text) for text in texts]
        wrong = [text for text, one, other in zip(texts, judged, expected, strict=True) if one is not other]
        assert wrong == [], schemas[index]


PATTERNS = [
    *(r"^[a-c]+$", r"^(foo|bar)baz$", "x", r"^a|b$", r'^[^"\\]*$', r"^\d{2,3}\s\w+$", r"^.{2,4}$", r"^a.*z$", "^$", ""),
    *(r"^(?:ab)*c?$", r"^[\w.+-]+@[\w-]+\.[a-z]{2,}$", r"^\\$", r'^"$', r"^\u00e9[é-ë]$", r"^[^a]$", r"^(a|)b$"),
    *(r"^(a*)*$", r"^\x41\t$", r"^[\]\-^]+$", r"^\/a\/$", r"^a{3}$", r"^a{2,}$", r"^(?<year>\d{4})$", r"^\S+ \W$"),
    r"a\{,2}",
]
TEXTS = [
    *(
        "",
        "a",
        "b",
        "c",
        "ab",
        "abc",
        "foobaz",
        "barbaz",
        "baz",
        "x",
        "axb",
        '"',
        "\\",
        'a"b',
        "12 ab",
        "1 a",
        "123\ta",
    ),
    *("é", "éé", "éê", "az", "a\nz", "a😀z", "abab", "ababc", "me.x@ex-ample.org", "me@x", "A\t", "]-^", "/a/", "aaa"),
    *("aaaa", "2024", "x !", "😀", "é !", "aa", "\x00", "\x1f\x7f", "a{,2}"),
]


def in_python(pattern: str) -> re.Pattern[str]:
    """Return the pattern for Python, whose ``$`` also matches before a final line end."""
    end = pattern.endswith("$")
    text = pattern.removesuffix("$").replace("(?<", "(?P<").replace(r"\/", "/")
    return re.compile(text + r"\Z" * end, re.ASCII)


def test_patterns_match_as_in_python() -> None:
    """Each pattern with each text, including quotes, escapes and emoji, judged by Python's engine."""
    jobs = [
        job(reduce_schema({"type": "string", "pattern": pattern}).schema, [written(text) for text in TEXTS])
        for pattern in PATTERNS
    ]
    for pattern, judged in zip(PATTERNS, accepted(jobs), strict=True):
        python = in_python(pattern)
        expected = [python.search(text) is not None for text in TEXTS]
        wrong = [text for text, one, other in zip(TEXTS, judged, expected, strict=True) if one is not other]
        assert wrong == [], pattern


def test_any_pattern_gives_a_valid_grammar() -> None:
    """The engine accepts random patterns, and they match as in Python."""
    dice = random.Random(11)  # noqa: S311
    atoms = [
        "a",
        "b",
        ".",
        r"\d",
        r"\W",
        r"[^ab]",
        r"[a-c\-]",
        r"\x5f",
        '"',
        r"\\",
        "é",
        "[é-ü]",
        "(a|b)",
        "(?:ab|)",
        " ",
    ]
    patterns: list[str] = []
    while len(patterns) < 120:
        parts = [
            dice.choice(atoms) + dice.choice(["", "", "", "*", "+", "?", "{2}", "{0,3}"])
            for _ in range(dice.randrange(1, 5))
        ]
        text = "".join(parts)
        if dice.random() < 0.3:
            text = f"({text}){dice.choice(['', '*', '?', '{1,2}'])}|{dice.choice(atoms)}"
        patterns.append(f"^({text})$" if dice.random() < 0.7 else text)
    texts = ["".join(dice.choice('ab_-é ü"\\\n1x😀') for _ in range(dice.randrange(6))) for _ in range(60)]
    jobs: list[dict[str, Any]] = []
    for pattern in patterns:
        reduced = reduce_schema({"type": "string", "pattern": pattern})
        assert reduced.dropped == [], pattern
        jobs.append(job(reduced.schema, [written(text) for text in texts]))
    for pattern, judged in zip(patterns, accepted(jobs), strict=True):
        expected = [in_python(pattern).search(text) is not None for text in texts]
        wrong = [text for text, one, other in zip(texts, judged, expected, strict=True) if one is not other]
        assert wrong == [], pattern


def test_free_text_is_valid_json() -> None:
    """All of JSON's escapes are accepted, but no line end in a string, half a character, or endless space."""
    good = [
        '"a"',
        r'"\"\\\/\b\f\n\r\t"',
        r'"\u00e9"',
        r'"\ud83d\ude00"',
        '"é😀\x7f"',
        '{"a": [1, {}], "a b":null}',
        "-1.5e+10",
    ]
    bad = ['"\n"', r'"\x"', r'"\ud83d"', '"a', "01", "1.", "[1,]", "[1,  2]", '{"a" :1}', " 1", "1 ", "\n1", "nul"]
    (answers,) = accepted([job({}, good + bad)])
    assert answers == [True] * len(good) + [False] * len(bad)


def test_declared_names_are_kept_apart_from_others() -> None:
    """A declared property is not repeated as an undeclared one, even with quotes in its name."""
    schema = {
        "type": "object",
        "properties": {'a"': {"type": "integer"}, "ab": {"type": "integer"}, "a": {"type": "integer"}},
        "additionalProperties": {"type": "string"},
        "minProperties": 1,
        "maxProperties": 3,
    }
    good = [r'{"a\"":1}', '{"ab":1,"a":2}', '{"b":"x"}', '{"a":1,"abc":"x","":"y"}', r'{"a\n":"x"}']
    bad = [
        "{}",
        '{"a":"x"}',
        '{"ab":"x"}',
        r'{"a\"":"x"}',
        '{"b":1}',
        '{"a":1,"b":"","c":"","d":""}',
        r'{"\u0061":"x"}',
    ]
    reduced = reduce_schema(schema)
    assert reduced.dropped == []
    (answers,) = accepted([job(reduced.schema, good + bad)])
    assert answers == [True] * len(good) + [False] * len(bad)


@pytest.mark.parametrize("family", list(FORMATS))
def test_calls_within_text_are_constrained_by_their_schemas(family: FormatName) -> None:
    """Grammars of several tools, one without arguments, in one structural tag, for each tool choice."""
    form = FORMATS[family]
    tools = [
        Tool("now"),
        Tool("add", "", {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}}),
    ]
    calls = {name: f"{form.before_call}{name}{form.between}%s{form.after_call}" for name in ("now", "add")}
    good = [calls["now"] % "{}", calls["add"] % '{"a": 1, "b": 2}', calls["add"] % "{}"]
    bad = [calls["now"] % '{"a": 1}', calls["add"] % '{"a": "1"}', calls["add"] % '{"c": 1}', "no call"]
    texts = [form.begin + text + form.end for text in good + bad]
    jobs = [
        {
            "structural_tag": json.dumps(tool_constraint(form, tools, choice).response_format["structural_tag"]),
            "texts": texts,
        }
        for choice in (ToolChoice("required"), ToolChoice("named", "add"))
    ]
    required, named = accepted(jobs)
    assert required == [True] * len(good) + [False] * len(bad)
    assert named == [False, True, True] + [False] * len(bad)


@pytest.mark.parametrize("family", ["llama", "gemma"])
def test_without_markers_the_answer_is_a_call_or_a_text_that_does_not_begin_like_one(
    family: FormatName,
) -> None:
    """With ``auto``, JSON within a text is unconstrained, and JSON that begins the answer like a call is a call."""
    form = FORMATS[family]
    tools = [Tool("now"), Tool("add", "", {"type": "object", "properties": {"a": {"type": "integer"}}})]
    tag = tool_constraint(form, tools, ToolChoice("auto")).response_format["structural_tag"]
    call = '{"name": "add", "parameters": {"a": 1}}'
    good = [
        *(
            "",
            call,
            f"\n {call}",
            "Hello.",
            f"Like {call}",
            f'Like\n{{"name": "x"}}\né 😀 {call}',
            "{",
            '{"na',
            '{"name": 5}',
        ),
        *('{"city": "Oslo"}', "[1]", "\t\n", '{"names": "x"}', "```json\n" + call + "\n```"),
    ]
    bad = [
        '{"name": "add", "parameters": {"a": "1"}}',
        '{"name": "Otto"}',
        f"{call}\n{call}",
        f"{call} x",
        '\n{"name": "x',
    ]
    (answers,) = accepted([{"structural_tag": json.dumps(tag), "texts": good + bad}])
    assert answers == [True] * len(good) + [False] * len(bad)


def alike(number: random.Random) -> list[Any]:
    """Return constants with common beginnings and endings: strings, numbers, lists and objects."""
    texts = ["".join(number.choice('ab"é\\😀\n ') for _ in range(number.randint(0, 6))) for _ in range(12)]
    numbers = [number.choice([1, -1]) * number.randint(0, 1200) / number.choice([1, 10]) for _ in range(8)]
    plain = [*texts, *numbers, True, False, None]
    lists = [[number.choice(plain) for _ in range(number.randint(0, 3))] for _ in range(6)]
    objects = [{name: number.choice([*plain, lists[0]]) for name in number.sample("abc", 2)} for _ in range(6)]
    return [*plain, *lists, *objects, [lists[0], objects[0]]]


def test_exactly_the_listed_values_are_accepted() -> None:
    """They are written as a tree in which no two alternatives begin alike."""
    seed = 618
    print("seed", seed)  # noqa: T201
    number = random.Random(seed)  # noqa: S311
    jobs: list[dict[str, Any]] = []
    expected: list[list[bool]] = []
    for _ in range(60):
        values = alike(number)
        inside = number.sample(values, len(values) // 2)
        schema = reduce_schema({"enum": inside})
        assert schema.dropped == []
        texts = list(dict.fromkeys(written(value) for value in values))
        texts += [text + text[-1] for text in texts] + [text[:-1] for text in texts]
        listed = {written(value) for value in inside}
        jobs.append(job(schema.schema, texts))
        expected.append([text in listed for text in texts])
    assert accepted(jobs) == expected


def test_ten_thousand_listed_values_are_accepted() -> None:
    """The engine itself compiles all of them."""
    words = [f"word{number * 7919 % 100_003:x}" for number in range(10_000)]
    texts = [json.dumps(word) for word in words[::400]] + ['"word"', '"wordx"', json.dumps(words[0] + "0")]
    ((*inside, short, other, longer),) = accepted([job(reduce_schema({"enum": words}).schema, texts)])
    assert all(inside)
    assert [short, other, longer] == [False, False, words[0] + "0" in words]
