"""Whether two reduced schemas have a value in common, as far as that is easily known."""

from __future__ import annotations

from typing import Any

from .kinds import Schema, kind_of, same

_MAX_DEPTH = 8


def disjoint(one: Schema, other: Schema, defs: dict[str, Schema], depth: int = 0) -> bool:
    """Say that no value fits both; false where that is not known."""
    if one is False or other is False:
        return True
    if one is True or other is True or depth > _MAX_DEPTH:
        return False
    for schema, beside in ((one, other), (other, one)):
        if "$ref" in schema:
            target = defs.get(schema["$ref"].removeprefix("#/$defs/"), True)
            return disjoint(target, beside, defs, depth + 1)
        if "anyOf" in schema:
            return all(disjoint(part, beside, defs, depth + 1) for part in schema["anyOf"])
    if "enum" in one and "enum" in other:
        return not any(same(a, b) for a in one["enum"] for b in other["enum"])
    for schema, beside in ((one, other), (other, one)):
        if "enum" in schema:
            kinds = {kind_of(value) for value in schema["enum"]}
            return beside["type"] not in kinds and not (beside["type"] == "number" and "integer" in kinds)
    types = {one["type"], other["type"]}
    if len(types) > 1:
        return types != {"integer", "number"}
    if one["type"] == "object":
        return _objects_disjoint(one, other, defs, depth)
    if one["type"] in {"integer", "number"}:
        return _below(one, other) or _below(other, one)
    return False


def _objects_disjoint(one: dict[str, Any], other: dict[str, Any], defs: dict[str, Schema], depth: int) -> bool:
    for schema, beside in ((one, other), (other, one)):
        for name in schema.get("required", ()):
            mine = schema["properties"][name]
            others = beside.get("properties", {})
            if name in others:
                if others[name] is False:
                    return True
                if name in beside.get("required", ()) and disjoint(mine, others[name], defs, depth + 1):
                    return True
            elif beside.get("additionalProperties") is False and "patternProperties" not in beside:
                return True
    return False


def _below(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Say whether all numbers of one are smaller than all of the other."""
    top = min([one[name] for name in ("maximum", "exclusiveMaximum") if name in one], default=None)
    low = max([other[name] for name in ("minimum", "exclusiveMinimum") if name in other], default=None)
    return top is not None and low is not None and top < low
