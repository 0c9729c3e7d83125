"""Negate a schema: list the ways in which a value can fail to fit it, as schemas, if there are few."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .kinds import KINDS, types_of
from .references import Subschema, record

_WORDLESS = frozenset({"title", "description", "default", "examples", "$comment", "deprecated"})
_MAX_WAYS = 16
_MAX_DEPTH = 100


def negated(part: Subschema) -> list[Any] | None:
    """Return schemas so that a value fits one of them exactly if it does not fit this one; ``None`` if unknown."""
    schema = part.schema
    if isinstance(schema, bool):
        return [] if schema else [True]
    if part.path.count(".") > _MAX_DEPTH:
        return None
    ways: list[Any] = []
    for keyword in schema:
        if keyword in _WORDLESS:
            continue
        found = _WAYS[keyword](part) if keyword in _WAYS else None
        if found is None or len(ways) + len(found) > _MAX_WAYS:
            return None
        ways += found
    return ways


def _type(part: Subschema) -> list[Any] | None:
    given = types_of(part.schema)
    if "integer" in given and "number" not in given:
        return None  # no type means "a number, but not an integer"
    left = [name for name in KINDS if name not in given and name != "integer"]
    return [{"type": left}] if left else []


def _properties(part: Subschema) -> list[Any] | None:
    ways: list[Any] = []
    for name in part.schema["properties"]:
        found = negated(part.at("properties", name))
        if found is None:
            return None
        ways += [{"type": "object", "required": [name], "properties": {name: way}} for way in found]
    return ways


def _all_of(part: Subschema) -> list[Any] | None:
    each = [negated(part.at("allOf", index)) for index in range(len(part.schema["allOf"]))]
    return None if any(ways is None for ways in each) else [way for ways in each for way in ways or ()]


def _any_of(part: Subschema) -> list[Any] | None:
    each = [negated(part.at("anyOf", index)) for index in range(len(part.schema["anyOf"]))]
    if any(ways is None for ways in each):
        return None
    return [{"allOf": [{"anyOf": ways} if ways else False for ways in each]}]


def _not(part: Subschema) -> list[Any] | None:
    inner = part.schema["not"]
    return [inner] if isinstance(inner, bool) or record(inner) is not None else None


def _beyond(keyword: str, kind: str, opposite: str, step: int) -> Callable[[Subschema], list[Any] | None]:
    """Return the negation of a bound: the opposite bound."""
    return lambda part: [{"type": kind, opposite: part.schema[keyword] + step}]


_BOUNDS = [
    ("minimum", "number", "exclusiveMaximum", 0),
    ("maximum", "number", "exclusiveMinimum", 0),
    ("exclusiveMinimum", "number", "maximum", 0),
    ("exclusiveMaximum", "number", "minimum", 0),
    ("minLength", "string", "maxLength", -1),
    ("maxLength", "string", "minLength", 1),
    ("minItems", "array", "maxItems", -1),
    ("maxItems", "array", "minItems", 1),
    ("minProperties", "object", "maxProperties", -1),
    ("maxProperties", "object", "minProperties", 1),
]

_WAYS: dict[str, Callable[[Subschema], list[Any] | None]] = {
    "type": _type,
    "const": lambda part: [{"not": {"enum": [part.schema["const"]]}}],
    "enum": lambda part: [{"not": {"enum": part.schema["enum"]}}],
    "required": lambda part: [{"type": "object", "properties": {name: False}} for name in part.schema["required"]],
    "properties": _properties,
    "allOf": _all_of,
    "anyOf": _any_of,
    "not": _not,
    **{bound[0]: _beyond(*bound) for bound in _BOUNDS},
}
