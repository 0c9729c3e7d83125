"""Objects of several schemas that must all fit, as one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil, floor
from typing import Any, cast

from .patterns import Node, NotHeld, matches, parse_pattern
from .references import Part

Schema = dict[str, Any] | bool

_MAX_RULES = 4000
_TEXT = Part({"type": "string"}, "$")


class Objects:
    """Merges what schemas say of objects. ``value`` reduces a property, ``note`` names what is left out."""

    def __init__(self, value: Callable[[Sequence[Part]], Schema], note: Callable[..., None], *, close: bool) -> None:
        self._value = value
        self._note = note
        self._close = close

    def merged(self, atoms: Sequence[Part]) -> Schema:
        """Return the objects that fit all of the schemas."""
        required = list(dict.fromkeys(name for part in atoms for name in part.schema.get("required", ())))
        declared = dict.fromkeys(name for part in atoms for name in part.schema.get("properties", ()))
        patterns = self._patterns(atoms)
        names = self._value([_TEXT, *_each(atoms, "propertyNames")])
        declared |= dict.fromkeys(required)
        allowed = _names_of(names)
        if allowed is not None:
            declared |= dict.fromkeys(allowed)
        properties = {name: self._property(name, atoms, patterns, names) for name in declared}
        if any(properties[name] is False for name in required):
            return False
        least, most = _counts(atoms)
        possible = sum(schema is not False for schema in properties.values())
        others: Schema = (
            False if names is False or allowed is not None else self._value(_each(atoms, "additionalProperties"))
        )
        if self._is_open(atoms) and others is True and properties and self._close and least <= possible:
            others = False
            where = next(part.path for part in atoms if "properties" in part.schema or "required" in part.schema)
            self._note(where, "additionalProperties", "others than the declared ones are left out", excludes=True)
        found: dict[str, Any] = {"type": "object"}
        if properties:
            found["properties"] = properties
        if required:
            found["required"] = required
        keyed = self._keyed(found, atoms, patterns, names, others)
        if least > possible and keyed is False:
            return False
        if most is not None and (most < len(required) or most < least):
            return False
        if keyed is not True:
            found["additionalProperties"] = keyed if keyed != "patterns" else False
        limits = {"minProperties": least or None, "maxProperties": most}
        if (least > 1 or most is not None) and max(least, most or 0) * (possible + 1) > _MAX_RULES:
            self._note(atoms[0].path, "maxProperties", "a grammar does not count as far")
            limits = {}
        return {**found, **{name: limit for name, limit in limits.items() if limit is not None}}

    def _patterns(self, atoms: Sequence[Part]) -> list[tuple[str, Node | None, Part]]:
        found: list[tuple[str, Node | None, Part]] = []
        for part in atoms:
            for pattern in part.schema.get("patternProperties", {}):
                try:
                    node = parse_pattern(pattern)
                except NotHeld as error:
                    node = None
                    self._note(part.path, "patternProperties", f"{pattern!r} cannot be held to: {error}")
                found.append((pattern, node, part.at("patternProperties", pattern)))
        return found

    def _property(
        self, name: str, atoms: Sequence[Part], patterns: list[tuple[str, Node | None, Part]], names: Schema
    ) -> Schema:
        """Return what a property of that name must be; ``False`` where it must not be there."""
        if not _accepts(names, name):
            return False
        parts: list[Part] = []
        for part in atoms:
            own = [part.at("properties", name)] if name in part.schema.get("properties", ()) else []
            mine = part.schema.get("patternProperties", {})
            matching = [
                where
                for text, node, where in patterns
                if mine.get(text, part) is where.schema and node and matches(node, name)
            ]
            parts += own + matching
            if not own and not matching and "additionalProperties" in part.schema:
                if any(node is None for text, node, _ in patterns if text in mine):
                    continue
                parts.append(part.at("additionalProperties"))
        return self._value(parts)

    def _is_open(self, atoms: Sequence[Part]) -> bool:
        """Say whether nothing is said about properties that are not declared."""
        words = ("additionalProperties", "patternProperties", "propertyNames")
        return not any(word in part.schema for part in atoms for word in words)

    def _keyed(
        self,
        found: dict[str, Any],
        atoms: Sequence[Part],
        patterns: list[tuple[str, Node | None, Part]],
        names: Schema,
        others: Schema,
    ) -> Schema | str:
        """Return what properties must be that are not declared; ``patterns`` where their names have patterns."""
        declared = cast("dict[str, Schema]", found.get("properties", {}))
        where = atoms[0].path if atoms else "$"
        if _names_of(names) is not None or names is False:
            return False
        if names != {"type": "string"}:
            if patterns:
                self._note(where, "patternProperties", "names are held to 'propertyNames', and not to patterns as well")
            elif others is not False:
                found["propertyNames"] = names
            if others is not False and any(_accepts(names, name) for name in declared):
                self._note(where, "propertyNames", "a declared name may come again")
            if patterns:
                found["propertyNames"] = names
                return True
            return others
        if not patterns:
            if others is not False and not all(name.isascii() for name in declared):
                self._note(where, "additionalProperties", "a declared name beyond ASCII may come again")
            return others
        values = {text: self._value([part]) for text, _, part in patterns}
        if others is False and all(node for _, node, _ in patterns):
            if len(values) < len(patterns) or len(values) > 1:
                self._note(where, "patternProperties", "a name that fits more than one pattern is held to one")
            if any(node and matches(node, name) for _, node, _ in patterns for name in declared):
                self._note(where, "patternProperties", "a declared name may come again")
            found["patternProperties"] = {text: value for text, value in values.items() if value is not False}
            if len(found["patternProperties"]) < len(values) and len(values) > 1:
                self._note(where, "patternProperties", "a name that must not be may fit another pattern")
            return "patterns" if found["patternProperties"] else False
        self._note(where, "patternProperties", "which name has which type cannot be told apart from the rest")
        ways = [way for way in [*values.values(), others] if way is not False]
        if any(way is True for way in ways):
            return True
        return {"anyOf": ways} if len(ways) > 1 else ways[0] if ways else False


def _each(atoms: Sequence[Part], name: str) -> list[Part]:
    return [part.at(name) for part in atoms if name in part.schema]


def _counts(atoms: Sequence[Part]) -> tuple[int, int | None]:
    lows = [ceil(part.schema["minProperties"]) for part in atoms if "minProperties" in part.schema]
    highs = [floor(part.schema["maxProperties"]) for part in atoms if "maxProperties" in part.schema]
    return max([0, *lows]), min(highs) if highs else None


def _names_of(names: Schema) -> list[str] | None:
    """Return the names that there may be, where they are listed."""
    return cast("list[str]", names["enum"]) if isinstance(names, dict) and "enum" in names else None


def _accepts(names: Schema, name: str) -> bool:
    """Say whether a reduced schema of texts fits a name; what is not known fits."""
    if isinstance(names, bool):
        return names
    if "anyOf" in names:
        return any(_accepts(part, name) for part in names["anyOf"])
    if "enum" in names:
        return name in names["enum"]
    if "pattern" in names and not matches(parse_pattern(names["pattern"]), name):
        return False
    return names.get("minLength", 0) <= len(name) <= names.get("maxLength", len(name))
