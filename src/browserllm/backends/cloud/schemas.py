"""Adapts JSON Schemas to vendors: each supports a part of JSON Schema, and refuses the rest.

Leaving out a rule only makes a schema more permissive, so an answer must be validated by the full schema. Sources:

- OpenAI, strict: developers.openai.com/api/docs/guides/structured-outputs ("Supported schemas"). Every object is closed
  and requires all of its properties; every schema has a type.
- Anthropic: platform.claude.com/docs/en/build-with-claude/structured-outputs ("JSON Schema limitations"), and what its
  SDK leaves out. Every object is closed, and nothing refers to what it is a part of.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

Schema = dict[str, Any]

_FORMATS = frozenset({"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"})
_SAID = ("title", "description")
_STRICT = frozenset(
    {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minItems", "maxItems", *_SAID}
)
_MOST_NESTED = 10
"""How deep OpenAI lets objects and lists lie in each other."""

_NAMES = ((bool, "boolean"), (str, "string"), (int, "integer"), (float, "number"), (type(None), "null"))


class _Unfit(Exception):  # noqa: N818 (it ends a walk, and is no failure)
    """The schema cannot be expressed in the vendor's part of JSON Schema."""


def strict_schema(schema: Schema) -> Schema | None:
    """Return a schema for OpenAI's ``strict`` mode, or ``None`` if it cannot allow the same values there."""
    try:
        strict = _strict(schema, 0)
    except (_Unfit, AttributeError, TypeError):
        return None
    return strict if strict.get("type") == "object" else None


def anthropic_schema(schema: Schema) -> Schema | None:
    """Return a schema for Anthropic, with other rules in descriptions; ``None`` if it does not support the schema."""
    try:
        _refuse_loops(schema, schema, (), set(), 0)
        return _closed(schema)
    except _Unfit:
        return None
    except (AttributeError, TypeError):
        return schema  # not a valid schema: let the vendor report it


def _strict(schema: Any, depth: int) -> Schema:
    if not isinstance(schema, dict) or depth > _MOST_NESTED:
        raise _Unfit
    given = cast("Schema", schema)
    made: Schema = {key: value for key, value in given.items() if key in _STRICT}
    if "$defs" in given:
        made["$defs"] = {name: _strict(each, depth) for name, each in given["$defs"].items()}
    if "$ref" in given:
        ref = given["$ref"]
        if ref != "#" and not ref.startswith("#/$defs/"):
            raise _Unfit
        # A reference stands alone.
        return {"$ref": ref, **{key: made[key] for key in ("$defs",) if key in made}}
    choices = given.get("anyOf") or given.get("oneOf")
    if choices:
        return {**made, "anyOf": [_strict(each, depth) for each in choices]}
    for key in ("enum", "const"):
        if key in given:
            values = given[key] if key == "enum" else [given[key]]
            return {**made, "type": given.get("type") or _types_of(values), key: given[key]}
    kinds = given.get("type")
    if not kinds:
        raise _Unfit
    made["type"] = kinds
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if "object" in kinds:
        made |= _strict_object(given, depth)
    if "array" in kinds:
        made["items"] = _strict(given.get("items"), depth + 1)
    if "string" in kinds and given.get("format") in _FORMATS:
        made["format"] = given["format"]
    if "string" in kinds and "(?" not in given.get("pattern", "(?"):
        made["pattern"] = given["pattern"]
    return made


def _strict_object(schema: Schema, depth: int) -> Schema:
    properties: Schema = schema.get("properties", {})
    if schema.get("additionalProperties", False) is not False or set(schema.get("required", ())) != set(properties):
        raise _Unfit
    return {
        "properties": {name: _strict(each, depth + 1) for name, each in properties.items()},
        "required": list(properties),
        "additionalProperties": False,
    }


def _types_of(values: list[Any]) -> str | list[str]:
    names = [next((name for kind, name in _NAMES if isinstance(value, kind)), None) for value in values]
    if None in names or not names:
        raise _Unfit
    unique = list(dict.fromkeys(cast("list[str]", names)))
    return unique[0] if len(unique) == 1 else unique


_ANTHROPIC = frozenset({"type", "properties", "required", "items", "anyOf", "allOf", "enum", "const", "$ref", *_SAID})
_ANTHROPIC_FORMATS = _FORMATS | {"uri"}
_MOST_FOLLOWED = 200
"""How deep lists, objects and references may lead into each other."""
_SILENT = frozenset({"$schema", "$id", "$comment", "default", "examples", "additionalProperties"})


def _closed(schema: Any) -> Any:
    """Return a schema whose objects say that they have no other properties, with what is not taken in words."""
    if not isinstance(schema, Mapping):
        if schema is False:
            raise _Unfit
        return {}
    given = cast("Schema", schema)
    made: Schema = {}
    unsaid: list[str] = []
    for key, value in given.items():
        if key in ("$defs", "definitions", "properties"):
            made[key] = {name: _closed(each) for name, each in value.items()}
        elif key in ("anyOf", "oneOf", "allOf"):
            made["allOf" if key == "allOf" else "anyOf"] = [_closed(each) for each in value]
        elif key == "items":
            made[key] = _closed(value)
        elif (
            key in _ANTHROPIC
            or (key == "format" and value in _ANTHROPIC_FORMATS)
            or (key == "minItems" and value in (0, 1))
        ):
            made[key] = value
        elif key not in _SILENT:
            unsaid.append(f"{key}: {value}")
    kind = given.get("type")
    if kind == "object" or (isinstance(kind, list) and "object" in kind) or "properties" in given:
        if given.get("additionalProperties", False) not in (False, True) or "patternProperties" in given:
            raise _Unfit  # closed, it could hold nothing
        made["additionalProperties"] = False
    if unsaid:
        said = [made["description"]] if "description" in made else []
        made["description"] = "\n\n".join([*said, "{" + ", ".join(unsaid) + "}"])
    return made


def _refuse_loops(node: Any, root: Schema, path: tuple[str, ...], known: set[str], depth: int) -> None:
    """Raise `_Unfit` where a reference leads to what it stands in, out of the schema, or too far."""
    if depth > _MOST_FOLLOWED:
        raise _Unfit
    if isinstance(node, list):
        for each in cast("list[Any]", node):
            _refuse_loops(each, root, path, known, depth + 1)
    if not isinstance(node, dict):
        return
    for key, value in cast("Schema", node).items():
        if key == "$ref" and isinstance(value, str):
            if value in path or not value.startswith("#/"):
                raise _Unfit
            if value in known:
                continue
            target: Any = root
            for step in value[2:].split("/"):
                target = cast("Schema", target).get(step) if isinstance(target, dict) else None
            _refuse_loops(target, root, (*path, value), known, depth + 1)
            known.add(value)
        elif key not in ("$defs", "definitions", "enum", "const", "default", "examples"):
            _refuse_loops(value, root, path, known, depth + 1)
