"""Find out whether reduced schemas have a value in common, as far as that is easy."""

from __future__ import annotations

from typing import Any, cast

from .kinds import Schema, kind_of
from .shared import Shared

_MAX_DEPTH = 8
_MAX_PAIRS = 2000


class Overlap:
    """Compares the schemas of one document."""

    def __init__(self, defs: dict[str, Schema], shared: Shared) -> None:
        self._defs = defs
        self._shared = shared

    def all_disjoint(self, schemas: list[Schema]) -> bool:
        """Whether no value fits two of the schemas; false if unknown."""
        if len(schemas) * (len(schemas) - 1) // 2 <= _MAX_PAIRS:
            return all(self.disjoint(one, other) for at, one in enumerate(schemas) for other in schemas[:at])
        return self._enums_disjoint(schemas) or self._tags_disjoint(schemas)

    def _enums_disjoint(self, schemas: list[Any]) -> bool:
        """Whether all schemas list their values, and no value is in two lists."""
        known = [self._inlined(schema) for schema in schemas]
        return all("enum" in schema for schema in known) and self._different([schema["enum"] for schema in known])

    def _tags_disjoint(self, schemas: list[Any]) -> bool:
        """Whether all schemas are objects with a required property that tells them apart."""
        known = [self._inlined(schema) for schema in schemas]
        if any(schema.get("type") != "object" for schema in known):
            return False
        tags = set(known[0].get("required", ())).intersection(*(schema.get("required", ()) for schema in known[1:]))
        for tag in sorted(tags):
            values = [self._inlined(schema.get("properties", {}).get(tag, True)) for schema in known]
            if all("enum" in value for value in values) and self._different([value["enum"] for value in values]):
                return True
        return False

    def _inlined(self, schema: Any) -> dict[str, Any]:
        if isinstance(schema, dict) and "$ref" in schema:
            schema = self._target(cast("dict[str, Any]", schema))
        return cast("dict[str, Any]", schema) if isinstance(schema, dict) else {}

    def _target(self, schema: dict[str, Any]) -> Schema:
        return self._defs.get(schema["$ref"].removeprefix("#/$defs/"), True)

    def _different(self, lists: list[list[Any]]) -> bool:
        if not self._shared.budget.work(sum(map(len, lists))):
            return False
        own = [set(map(self._shared.keys.of, values)) for values in lists]
        return len(set[Any]().union(*own)) == sum(map(len, own))

    def disjoint(self, one: Schema, other: Schema, depth: int = 0) -> bool:
        """Whether no value fits both schemas; false if unknown."""
        if one is False or other is False:
            return True
        if one is True or other is True or depth > _MAX_DEPTH or not self._shared.budget.work(2):
            return False
        for schema, beside in ((one, other), (other, one)):
            if "$ref" in schema:
                return self.disjoint(self._target(schema), beside, depth + 1)
            if "anyOf" in schema:
                return all(self.disjoint(part, beside, depth + 1) for part in schema["anyOf"])
        if "enum" in one and "enum" in other:
            return self._different([one["enum"], other["enum"]])
        for schema, beside in ((one, other), (other, one)):
            if "enum" in schema:
                if not self._shared.budget.work(len(schema["enum"])):
                    return False
                kinds = {kind_of(value) for value in schema["enum"]}
                return beside["type"] not in kinds and not (beside["type"] == "number" and "integer" in kinds)
        types = {one["type"], other["type"]}
        if len(types) > 1:
            return types != {"integer", "number"}
        if one["type"] == "object":
            return self._objects_disjoint(one, other, depth)
        if one["type"] in {"integer", "number"}:
            return _below(one, other) or _below(other, one)
        return False

    def _objects_disjoint(self, one: dict[str, Any], other: dict[str, Any], depth: int) -> bool:
        for schema, beside in ((one, other), (other, one)):
            needed = set(beside.get("required", ()))
            others = beside.get("properties", {})
            if not self._shared.budget.work(len(needed) + len(schema.get("required", ()))):
                return False
            for name in schema.get("required", ()):
                mine = schema["properties"][name]
                if name in others:
                    if others[name] is False:
                        return True
                    if name in needed and self.disjoint(mine, others[name], depth + 1):
                        return True
                elif beside.get("additionalProperties") is False and "patternProperties" not in beside:
                    return True
        return False


def _below(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether all numbers of the first schema are smaller than all of the second."""
    top = min([one[name] for name in ("maximum", "exclusiveMaximum") if name in one], default=None)
    low = max([other[name] for name in ("minimum", "exclusiveMinimum") if name in other], default=None)
    return top is not None and low is not None and top < low
