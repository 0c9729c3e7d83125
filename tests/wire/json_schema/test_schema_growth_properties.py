"""The steps for a schema and a value are linear in their size, or bounded, whatever they contain.

Not among the unit tests, because counting steps takes too long in a page.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from browserllm.backends.cloud.schemas import anthropic_schema, strict_schema
from browserllm.constrained.grammars.budget import MAX_WRITTEN
from browserllm.constrained.grammars.grammar import grammar_of_schema
from browserllm.constrained.grammars.reduce import reduce_schema
from browserllm.constrained.grammars.response_format import describe_unconstrained
from browserllm.errors import InvalidRequest
from browserllm.json_schema import check
from browserllm.json_schema.problem import preview
from browserllm.json_schema.types import output_type, read_json
from browserllm.json_schema.validate import Validator, check_schema
from growth import METER, assert_linear, counted

pytestmark = pytest.mark.no_cover

Make = Callable[[int], Any]
TEXT = {"type": "string"}
MOST_STEPS = 60_000_000
"""More than any schema or check may take."""
PART = 20
"""The fraction of a budget that tests use."""


def word(number: int) -> str:
    """Return a typical word."""
    return f"w{number * 7919 % 100_003:x}"


def chain(size: int, link: Callable[[str], Any]) -> Any:
    """Return definitions that each refer to the next one."""
    defs = {f"d{at}": link(f"#/$defs/d{at + 1}") for at in range(size)}
    return {"$ref": "#/$defs/d0", "$defs": {**defs, f"d{size}": TEXT}}


def tagged(number: int) -> dict[str, Any]:
    """Return one of many objects."""
    return {"type": "object", "properties": {"kind": {"const": word(number)}, "v": TEXT}, "required": ["kind"]}


SCHEMAS: dict[str, Make] = {
    "an enum": lambda n: {"enum": [word(at) for at in range(n)]},
    "an enum of all that begins alike": lambda n: {"enum": ["x" * (at % 50) + word(at) for at in range(n)]},
    "an enum of numbers": lambda n: {"enum": [at / 4 for at in range(n)]},
    "an enum of numbers that hash alike": lambda n: {"enum": [at * (2**61 - 1) for at in range(n)]},
    "an enum of lists and objects": lambda n: {"enum": [[at, {"a": at}] for at in range(n)]},
    "two enums": lambda n: {"allOf": [{"enum": list(map(word, range(n)))}, {"enum": list(map(word, range(n, 0, -1)))}]},
    "an enum without others": lambda n: {
        "enum": list(map(word, range(n))), "not": {"enum": list(map(word, range(9, n)))},
    },
    "an enum with a pattern": lambda n: {"enum": list(map(word, range(n))), "pattern": "^(w+)+[0-9a-f]*$"},
    "any of many constants": lambda n: {"anyOf": [{"const": word(at)} for at in range(n)]},
    "one of many constants": lambda n: {"oneOf": [{"const": word(at)} for at in range(n)]},
    "any of many enums": lambda n: {"anyOf": [{"enum": [word(at), word(at + 1)]} for at in range(n)]},
    "one of many objects": lambda n: {"oneOf": [tagged(at) for at in range(n)]},
    "one of what may overlap": lambda n: {
        "oneOf": [{"type": "object", "properties": {word(at): TEXT}} for at in range(n)],
    },
    "one of many ranges": lambda n: {"oneOf": [{"type": "number", "minimum": at, "maximum": at} for at in range(n)]},
    "a wide object": lambda n: {"type": "object", "properties": {word(at): TEXT for at in range(n)}},
    "a wide object that is open": lambda n: {
        "type": "object", "required": [word(at) for at in range(n)], "additionalProperties": True,
        "properties": {word(at): {"type": "integer"} for at in range(n)},
    },
    "many objects at once": lambda n: {
        "type": "object", "allOf": [{"properties": {word(at): TEXT}} for at in range(n)],
    },
    "many closed objects at once": lambda n: {
        "allOf": [{"properties": {word(at): TEXT}, "additionalProperties": {"minLength": at}} for at in range(n)],
        "type": "object",
    },
    "many patterns of names": lambda n: {
        "type": "object", "properties": {word(at): TEXT for at in range(n)}, "additionalProperties": False,
        "patternProperties": {f"(a+)+{at}": {"minLength": 1} for at in range(n)},
    },
    "names of a list": lambda n: {"type": "object", "propertyNames": {"enum": list(map(word, range(n)))}},
    "names of a pattern": lambda n: {
        "type": "object", "propertyNames": {"pattern": "^(w|x)+[0-9a-f]*$"},
        "properties": {word(at): TEXT for at in range(n)},
    },
    "many conditions": lambda n: {
        "allOf": [{"if": {"properties": {"k": {"const": at}}}, "then": {"required": [word(at)]}} for at in range(n)]
    },
    "many dependencies": lambda n: {
        "type": "object", "dependentRequired": {word(at): [word(at + 1)] for at in range(n)},
    },
    "many choices": lambda n: {"allOf": [{"anyOf": [{"minLength": at}, {"maxLength": at}]} for at in range(n)]},
    "not many": lambda n: {"not": {"anyOf": [{"required": [word(at)]} for at in range(n)]}},
    "a long list": lambda n: {"type": "array", "prefixItems": [TEXT] * n},
    "many long patterns": lambda n: {
        "type": "object",
        "properties": {word(at): {"type": "string", "pattern": f"^(\\s|a){{1,{at % 60 + 1}}}{at}$"} for at in range(n)},
    },
    "many ranges": lambda n: {
        "type": "object",
        "properties": {word(at): {"type": "number", "minimum": at / 7, "maximum": 1e30} for at in range(n)},
    },
    "many lengths": lambda n: {
        "type": "object",
        "properties": {word(at): {"type": "string", "minLength": at % 9, "maxLength": 60} for at in range(n)},
    },
    "a long name over many": lambda n: {
        "type": "object",
        "properties": {"k" * 50 * n: {"anyOf": [{"const": at} for at in range(n)]}},
    },
    "a long constant": lambda n: {"const": "x" * 10 * n},
    "many types": lambda n: {"anyOf": [{"type": ["string", "null", "integer"]} for _ in range(n)]},
    "many unknown words": lambda n: {"allOf": [{word(at): at for at in range(n)}] * 20, "type": "string"},
    "references in a row": lambda n: chain(n, lambda ref: {"$ref": ref}),
    "references to two each": lambda n: chain(n, lambda ref: {"allOf": [{"$ref": ref}, {"$ref": ref}]}),
    "properties of two each": lambda n: chain(
        n, lambda ref: {"type": "object", "properties": {name: {"allOf": [{"$ref": ref}]} for name in "ab"}}
    ),
    "choices of two each": lambda n: chain(n, lambda ref: {"anyOf": [{"$ref": ref}, {"items": {"$ref": ref}}]}),
    "one of two each": lambda n: chain(
        n, lambda ref: {"oneOf": [{"$ref": ref}, {"type": "array", "items": {"$ref": ref}}]}
    ),
    "what two each evaluate": lambda n: {
        **chain(n, lambda ref: {"allOf": [{"$ref": ref}, {"$ref": ref}]}),
        "unevaluatedProperties": False,
    },
    "six ways each": lambda n: chain(
        n,
        lambda ref: {
            "anyOf": [{"properties": {"a": {"$ref": ref}}}, {"properties": {"b": {"$ref": ref}}}],
            "allOf": [{"$ref": ref}, {"anyOf": [{"required": ["a"]}, {"required": ["b"]}, {"required": ["c"]}]}],
        },
    ),
}  # fmt: skip


BOUNDED = {"many closed objects at once", "six ways each"}
"""Schemas that combine everything with everything, until the budget is used up."""


@pytest.mark.parametrize("name", sorted(SCHEMAS.keys() - BOUNDED))
def test_making_a_grammar_is_linear_in_the_schema(name: str) -> None:
    """From the schema to the grammar's text."""
    reduce, grammar = counted("constrained.grammars.reduce"), counted("constrained.grammars.grammar")
    assert_linear(
        SCHEMAS[name],
        lambda schema: grammar.grammar_of_schema(reduce.reduce_schema(schema).schema),
        sizes=(150, 600),
        most=2.6,
    )


@pytest.mark.parametrize("name", sorted(BOUNDED))
def test_making_a_grammar_stays_within_its_budget(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a twentieth of the budget, combinations take hardly more steps than reading the schema."""
    reduce, grammar = counted("constrained.grammars.reduce"), counted("constrained.grammars.grammar")
    budget = counted("constrained.grammars.budget")
    monkeypatch.setattr(budget, "MAX_WORK", budget.MAX_WORK // PART)
    for size in (300, 1200):
        schema = SCHEMAS[name](size)
        METER.count(
            lambda schema=schema: grammar.grammar_of_schema(reduce.reduce_schema(schema).schema), MOST_STEPS // 4
        )


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_large_schema_has_a_grammar_of_bounded_size(name: str) -> None:
    """With thousands of anything, a grammar still compiles in a few seconds."""
    reduced = reduce_schema(SCHEMAS[name](3000))
    assert len(grammar_of_schema(reduced.schema)) < 3 * MAX_WRITTEN
    assert all(entry.reason for entry in reduced.dropped)


def test_keywords_beyond_the_budget_are_named() -> None:
    """Like any other loss, so there is a warning and the answer is checked against the schema."""
    for schema, keyword in (
        ({"enum": ["x" * 200_000, "y"]}, "enum"),
        ({"const": json.loads("[" * 150 + "]" * 150)}, "enum"),
        (SCHEMAS["a wide object"](5000), "properties"),
        (SCHEMAS["a long list"](20_000), "prefixItems"),
        ({"type": "integer", "minimum": 10**50}, "minimum"),
        ({"type": "number", "minimum": 1e300}, "minimum"),
        ({"type": "number", "maximum": -1e300}, "maximum"),
        (SCHEMAS["many ranges"](1500), "minimum"),
        (SCHEMAS["many lengths"](1500), "maxLength"),
        (SCHEMAS["many long patterns"](1500), "pattern"),
    ):
        reduced = reduce_schema(schema)
        assert keyword in {entry.keyword for entry in reduced.dropped if not entry.excludes}, keyword
        assert keyword in describe_unconstrained([entry for entry in reduced.dropped if entry.keyword == keyword])


def test_ordinary_large_schemas_lose_nothing() -> None:
    """Ten thousand words or a thousand properties are fully enforced."""
    assert reduce_schema({"enum": [word(at) for at in range(10_000)]}).dropped == []
    wide = {"type": "object", "additionalProperties": False, "properties": {word(at): TEXT for at in range(1000)}}
    assert reduce_schema(wide).dropped == []
    assert reduce_schema({"oneOf": [{**tagged(at), "additionalProperties": False} for at in range(300)]}).dropped == []


def test_equal_rules_take_room_once() -> None:
    """A thousand numbers with one range, and strings with one pattern and one length."""
    for part in (
        {"type": "number", "minimum": 0, "maximum": 1},
        {"type": "string", "pattern": "^[a-z]{1,64}$"},
        {"type": "string", "maxLength": 64},
        {"type": "integer", "minimum": -5, "maximum": 1234},
    ):
        wide = {"type": "object", "additionalProperties": False, "properties": {word(at): part for at in range(1000)}}
        assert reduce_schema(wide).dropped == []


def test_multiples_in_a_huge_range_are_not_listed() -> None:
    """Nor does Python count them with ``len``, which cannot return such a number."""
    for top in (256, 10**18, 10**19, 10**39):
        schema = {"type": "integer", "minimum": 0, "maximum": top, "multipleOf": 2}
        assert ("enum" in str(reduce_schema(schema).schema)) is (top == 256)


@pytest.mark.parametrize(
    "schema",
    [
        {"const": 10**5000},
        {"minimum": float("inf"), "type": "number"},
        {"enum": [float("nan")]},
        {"type": ["string"] * 8},
    ],
)
def test_numbers_that_cannot_be_written_are_rejected(schema: Any) -> None:
    """Python refuses to write an integer of 4,300 digits, and JSON has no infinity."""
    with pytest.raises(InvalidRequest):
        reduce_schema(schema)


def test_a_schema_that_contains_itself_is_rejected() -> None:
    """A schema of thirty nested lists, each twice in the next, is not expanded either."""
    own: dict[str, Any] = {"type": "object"}
    own["properties"] = {"a": own}
    assert grammar_of_schema(reduce_schema(own).schema)
    part: Any = TEXT
    for _ in range(30):
        part = {"type": "array", "prefixItems": [part, part]}
    assert grammar_of_schema(reduce_schema(part).schema)
    with pytest.raises(InvalidRequest, match="more than 2000000 parts"):
        check_schema(part)
    listed: list[Any] = []
    listed.append(listed)
    with pytest.raises(InvalidRequest, match="nested too deeply"):
        reduce_schema({"const": listed})


# A schema and a value together

CHECKS: dict[str, Callable[[int], tuple[Any, Any]]] = {
    "a long enum": lambda n: ({"items": {"enum": list(map(word, range(n)))}}, list(map(word, range(n)))),
    "a long enum that does not fit": lambda n: ({"items": {"enum": list(map(word, range(n)))}}, list(range(n))),
    "an enum of objects": lambda n: ({"enum": [{"a": [at]} for at in range(n)]}, {"a": [n]}),
    "unique numbers that hash alike": lambda n: ({"uniqueItems": True}, [at * (2**61 - 1) for at in range(n)]),
    "unique words": lambda n: ({"uniqueItems": True}, list(map(word, range(n)))),
    "unique lists": lambda n: ({"uniqueItems": True}, [[[at]] for at in range(n)]),
    "unique on each level": lambda n: (
        {"$id": "u:a", "uniqueItems": True, "items": {"$ref": "#"}},
        [[[[[[at], [at, at]]]]] for at in range(n)],
    ),
    "many properties, few there": lambda n: (
        {"items": {"properties": dict.fromkeys(map(word, range(n)), TEXT)}},
        [{word(at): 1} for at in range(n)],
    ),
    "many that are missing": lambda n: ({"items": {"required": list(map(word, range(n)))}}, [{}] * 20),
    "patterns of names": lambda n: (
        {"patternProperties": {"^(w+)+$": TEXT}, "additionalProperties": False},
        dict.fromkeys(map(word, range(n)), "x"),
    ),
    "a hostile pattern": lambda n: ({"pattern": "^(a+)+$"}, "a" * 20 * n + "!"),
    "contains": lambda n: ({"contains": {"const": -1}}, list(range(n))),
    "one of many": lambda n: ({"oneOf": [{"const": at} for at in range(n)]}, n - 1),
    "unevaluated": lambda n: (
        {"allOf": [{"properties": {word(at): TEXT for at in range(n)}}], "unevaluatedProperties": False},
        dict.fromkeys(map(word, range(2 * n)), "x"),
    ),
    "a long key over many": lambda n: ({"properties": {"k" * n * 20: {"items": TEXT}}}, {"k" * n * 20: [1] * n}),
    "a large value in each message": lambda n: ({"anyOf": [{"type": "string"}] * 50 + [{"const": 1}]}, ["x" * 50] * n),
    "references in a row": lambda n: (chain(n, lambda ref: {"$ref": ref}), "x"),
    "a row of references with many at its end": lambda n: (
        {**chain(n, lambda ref: {"$ref": ref}), "allOf": [{"title": "t"} for _ in range(n)]},
        "x",
    ),
    "a duplicate of each": lambda n: ({"uniqueItems": True}, [*range(n), *range(n)]),
    "dependencies": lambda n: (
        {"dependentRequired": {word(at): [word(at + 1)] for at in range(n)}},
        dict.fromkeys(map(word, range(n)), 1),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CHECKS)
def test_a_check_is_linear_in_schema_and_value(name: str) -> None:
    """Reading the schema and checking a value of the same size."""
    validate = counted("json_schema.validate")
    assert_linear(
        CHECKS[name],
        lambda pair: validate.Validator(pair[0]).problems(pair[1]),
        sizes=(250, 1000),
        most=2.6,
    )


PRODUCTS: dict[str, tuple[Any, Any]] = {
    "many properties of many": (
        {"items": {"properties": {word(at): TEXT for at in range(3000)}}},
        [{word(at): 1 for at in range(400)}] * 3000,
    ),
    "many schemas for many keys": (
        {"allOf": [{"additionalProperties": True} for _ in range(3000)]},
        {word(at): 1 for at in range(10_000)},
    ),
    "many patterns for many keys": (
        {"patternProperties": {f"(x+x+)+{at}": True for at in range(2000)}},
        {"x" * 30 + word(at): 1 for at in range(2000)},
    ),
    "many that are missing in many": (
        {"items": {"required": [word(at) for at in range(3000)]}},
        [{} for _ in range(3000)],
    ),
    "many types of many": ({"items": {"allOf": [{"type": "string"}] * 3000}}, ["x"] * 3000),
    "alternatives in alternatives": (
        chain(30, lambda ref: {"anyOf": [{"$ref": ref}, {"$ref": ref}, {"type": "null"}]}),
        5,
    ),
    "references to two each": (chain(60, lambda ref: {"allOf": [{"$ref": ref}, {"$ref": ref}]}), "x"),
    "unknown words": ({"items": {word(at): at for at in range(5000)}}, [1] * 5000),
}


@pytest.mark.parametrize("name", PRODUCTS)
def test_the_combined_cost_of_schema_and_value_is_bounded(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With thousands of each, the check ends, if necessary with the problem that it is too large."""
    schema, value = PRODUCTS[name]
    validate = counted("json_schema.validate")
    monkeypatch.setattr(counted("json_schema.check"), "MAX_STEPS", check.MAX_STEPS // PART)
    validator = validate.Validator(schema)
    problems: list[Any] = []
    METER.count(lambda: problems.extend(validator.problems(value)), MOST_STEPS // PART)
    ends = ("too large", "takes too long", "missing required")
    assert any(end in problems[0].message for end in ends)


def test_messages_are_short() -> None:
    """A model does not need a list of ten thousand values, or a text of a megabyte."""
    (problem,) = Validator({"enum": list(range(10_000))}).problems("x" * 1_000_000)
    assert problem.message.endswith("18, 19 and 9980 more")
    assert len(problem.message) < 300
    (problem,) = Validator({"properties": {"k" * 5000: {"type": "null"}}}).problems({"k" * 5000: 1})
    assert len(problem.path) < 120
    assert len(Validator({"required": list(map(str, range(1000)))}).problems({})) == 20
    nested = chain(
        12, lambda ref: {"anyOf": [{"properties": {"a": {"$ref": ref}}}, {"items": {"$ref": ref}}, {"not": {}}]}
    )
    value: Any = 1
    for _ in range(12):
        value = {"a": value}
    assert all(len(one.message) < 10_000 for one in Validator(nested).problems(value))


@pytest.mark.parametrize(
    "value",
    [
        "a", "x" * 200, [], {}, [1, "a", None, True, 1.5, {"a": []}], {"a": 1, "é": [[]]}, list(range(100)),
        {str(at): "x" * 30 for at in range(9)}, 'qu"ote', "\n", [["x" * 100]],
    ],
)  # fmt: skip
def test_a_preview_is_json_up_to_a_length(value: Any) -> None:
    """It equals the beginning of the full JSON."""
    text = json.dumps(value, ensure_ascii=False)
    assert preview(value) == (text if len(text) <= 80 else text[:77] + "...")


def test_huge_numbers_have_a_preview() -> None:
    """Python writes no integer of more than 4,300 digits."""
    assert "bits" in preview([10**5000])
    assert Validator({"type": "string"}).problems(10**5000)


@pytest.mark.parametrize("word_", ["allOf", "anyOf"])
def test_the_search_for_the_root_ends_in_every_schema(word_: str) -> None:
    """Even with definitions that each refer twice to the next one."""
    object_root = counted("json_schema.object_root")
    fan: Make = lambda size: chain(size, lambda ref: {word_: [{"$ref": ref}, {"$ref": ref}]})  # noqa: E731
    assert_linear(fan, object_root.with_object_root, sizes=(100, 400), most=2.6)
    assert_linear(
        lambda size: chain(size, lambda ref: {"$ref": ref}), object_root.with_object_root, sizes=(100, 400), most=2.6
    )
    assert output_type(fan(20)).schema


def test_repeated_keys_are_found_in_one_pass() -> None:
    """Ten thousand keys, one of them repeated, and a megabyte of text that looks like a path."""
    types = counted("json_schema.types")

    def text(size: int) -> str:
        return "{" + ",".join(f'"k{at}":1' for at in range(size)) + ',"k0":2}'

    def read(given: str) -> None:
        with pytest.raises(ValueError, match="repeated"):
            types.read_json(given)

    assert_linear(text, read)
    with pytest.raises(ValueError, match="`k0` is repeated"):
        read_json(text(10_000))


def test_schemas_for_clouds_handle_any_references() -> None:
    """Neither a chain of a thousand references nor a recursion is followed to its end."""
    clouds = counted("backends.cloud.schemas")
    for link in (
        lambda ref: {"$ref": ref},
        lambda ref: {"type": "object", "properties": {"a": {"$ref": ref}, "b": {"$ref": ref}}},
    ):
        assert_linear(lambda size, link=link: chain(size, link), clouds.anthropic_schema, sizes=(100, 400), most=2.6)
        assert_linear(lambda size, link=link: chain(size, link), clouds.strict_schema, sizes=(100, 400), most=2.6)
        assert anthropic_schema(chain(3000, link)) is None
        strict_schema(chain(3000, link))
