"""Check that a value is a JSON Schema, and small enough to be read."""

from __future__ import annotations

from math import isfinite
from typing import Any, cast

from ..._internal.nesting import MAX_DEPTH
from ...errors import InvalidRequest
from .kinds import types_of
from .references import Subschema, record

_MAX_DEPTH = 3000
_MAX_PARTS = 2_000_000
_MAX_BITS = 4000


def check_readable(schema: dict[str, Any]) -> None:
    """Raise `InvalidRequest` for a schema that is too large to read, or has numbers that JSON cannot write.

    A subschema that is shared by many places is read once, here and in all later steps.
    """
    level: list[Any] = [schema]
    seen: set[int] = set()
    for _ in range(_MAX_DEPTH):
        inside: list[Any] = []
        for one in level:
            if isinstance(one, (dict, list)):
                if id(cast("Any", one)) not in seen:
                    seen.add(id(cast("Any", one)))
                    inside += _inside(one)
            elif isinstance(one, (int, float)) and not _is_written(one):
                raise InvalidRequest("the JSON Schema has a number that is too large to write", parameter="schema")
        if len(seen) > _MAX_PARTS:
            raise InvalidRequest(f"the JSON Schema has more than {_MAX_PARTS} parts; shorten it", parameter="schema")
        if not inside:
            return
        level = inside
    raise InvalidRequest("the JSON Schema is nested too deeply", parameter="schema")


def _is_listed(value: Any) -> bool:
    return isinstance(value, (dict, list))


def _inside(value: Any) -> list[Any]:
    return list(cast("dict[str, Any]", value).values()) if isinstance(value, dict) else cast("list[Any]", value)


def _is_written(number: float) -> bool:
    return number.bit_length() <= _MAX_BITS if isinstance(number, int) else isfinite(number)


def _is_deep(value: Any) -> bool:
    """Whether lists and objects are nested more deeply than `MAX_DEPTH`."""
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        lists: dict[int, Any] = {id(one): one for one in level if _is_listed(one)}
        level = [part for one in lists.values() for part in _inside(one)]
        if not level:
            return False
    return True


_SHAPES: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("properties", "patternProperties", "$defs", "definitions", "dependentRequired"), (dict,)),
    **dict.fromkeys(("dependentSchemas", "dependencies"), (dict,)),
    **dict.fromkeys(("allOf", "anyOf", "oneOf", "prefixItems", "enum", "required"), (list,)),
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"), (int, float)),
    **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems"), (int, float)),
    **dict.fromkeys(("minProperties", "maxProperties", "minContains", "maxContains"), (int, float)),
    **dict.fromkeys(("pattern", "format", "$ref", "$dynamicRef", "$id", "$anchor", "$dynamicAnchor"), (str,)),
    "type": (str, list),
}


def check_keywords(part: Subschema) -> None:
    """Raise `InvalidRequest` for a value that is not a JSON Schema."""
    if isinstance(part.schema, bool):
        return
    schema = record(part.schema)
    if schema is None:
        raise InvalidRequest(
            f"{part.path}={part.schema!r:.200} is not a JSON Schema; use an object or a bool", parameter="schema"
        )
    for key, value in schema.items():
        kinds = _SHAPES.get(key)
        if kinds and (not isinstance(value, kinds) or isinstance(value, bool)):
            raise InvalidRequest(f"{part.path}.{key}={value!r:.200} is not valid in a JSON Schema", parameter="schema")
    types_of(schema, part.path)
    for key in ("enum", "const"):
        if key in schema and _is_deep(schema[key]):
            raise InvalidRequest(f"{part.path}.{key} has a value that is nested too deeply", parameter="schema")
