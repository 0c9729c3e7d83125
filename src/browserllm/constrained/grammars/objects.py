"""Merge object schemas that must all fit the same value."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import ceil, floor
from typing import Any, NamedTuple, cast

from ...json_schema.patterns.pattern import Pattern
from .patterns import NotExpressible, written_size
from .references import Subschema
from .shared import Shared

Schema = dict[str, Any] | bool

TOO_LARGE = "the grammar of the whole schema is too large"
_MAX_RULES = 4000
_RULE = 80
"""About how many characters a grammar needs for a property beside its name, and for an object beside its properties."""
_WIDE = {"additionalProperties", "patternProperties"}
_TEXT = Subschema({"type": "string"}, "$")


class _NamePattern(NamedTuple):
    """One of the ``patternProperties``: its pattern, whether a grammar can enforce it, and its schema."""

    text: str
    pattern: Pattern | None
    enforced: bool
    where: Subschema


class ObjectMerger:
    """Merges object keywords. ``value`` reduces a property's schemas, ``note`` names what is left out."""

    def __init__(
        self, value: Callable[[Sequence[Subschema]], Schema], note: Callable[..., None], shared: Shared, *, close: bool
    ) -> None:
        self._value = value
        self._note = note
        self._shared = shared
        self._close = close

    def merged(self, atoms: Sequence[Subschema]) -> Schema:
        """Return a schema for the objects that fit all of the schemas."""
        required = list(dict.fromkeys(name for part in atoms for name in part.schema.get("required", ())))
        declared = dict.fromkeys(name for part in atoms for name in part.schema.get("properties", ()))
        patterns = self._patterns(atoms)
        names = self._value([_TEXT, *_each(atoms, "propertyNames")])
        declared |= dict.fromkeys(required)
        allowed = _names_of(names)
        if allowed is not None:
            declared |= dict.fromkeys(allowed)
        if not self._shared.budget.room(_RULE + sum(_RULE + 2 * len(name) for name in declared)):
            self._note(atoms[0].path, "properties", TOO_LARGE)
            return {"type": "object"}
        properties = self._properties(declared, atoms, patterns, names)
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
            self._note(where, "additionalProperties", "undeclared properties are excluded", excludes=True)
        found: dict[str, Any] = {"type": "object"}
        if properties:
            found["properties"] = properties
        if required:
            found["required"] = required
        keyed = self._additional(found, atoms, patterns, names, others)
        if least > possible and keyed is False:
            return False
        if most is not None and (most < len(required) or most < least):
            return False
        if keyed is not True:
            found["additionalProperties"] = keyed if keyed != "patterns" else False
        limits = {"minProperties": least or None, "maxProperties": most}
        if (least > 1 or most is not None) and max(least, most or 0) * (possible + 1) > _MAX_RULES:
            self._note(atoms[0].path, "maxProperties", "a grammar cannot count that far")
            limits = {}
        return {**found, **{name: limit for name, limit in limits.items() if limit is not None}}

    def _patterns(self, atoms: Sequence[Subschema]) -> list[_NamePattern]:
        found: list[_NamePattern] = []
        for part in atoms:
            for text in part.schema.get("patternProperties", {}):
                try:
                    node = self._shared.node(text)
                    enforced = self._shared.budget.room(3 * written_size(node) + _RULE)
                    why = TOO_LARGE
                except NotExpressible as error:
                    enforced, why = False, str(error)
                if not enforced:
                    self._note(part.path, "patternProperties", f"{text!r:.200} cannot be enforced: {why}")
                found.append(
                    _NamePattern(text, self._shared.pattern(text), enforced, part.at("patternProperties", text))
                )
        return found

    def _properties(
        self, declared: Iterable[str], atoms: Sequence[Subschema], patterns: list[_NamePattern], names: Schema
    ) -> dict[str, Schema]:
        """Return the schema of each property; ``False`` if it is forbidden."""
        accepts = self._accepting(names, atoms[0].path)
        own: dict[str, list[int]] = {}
        for at, part in enumerate(atoms):
            for name in part.schema.get("properties", ()):
                own.setdefault(name, []).append(at)
        # All other schemas constrain only the properties that they name.
        wide = [at for at, part in enumerate(atoms) if part.schema.keys() & _WIDE]
        found: dict[str, Schema] = {}
        for name in declared:
            if not accepts(name):
                found[name] = False
            elif not self._shared.budget.work(1 + len(wide) + len(patterns)):
                self._note(atoms[0].path, "properties", TOO_LARGE)
                found[name] = True
            else:
                places = sorted({*own.get(name, ()), *wide})
                fitting = [one for one in patterns if self._matches(one, name)]
                found[name] = self._value(
                    [part for at in places for part in self._property_schemas(atoms[at], name, fitting)]
                )
        return found

    def _matches(self, named: _NamePattern, name: str) -> bool:
        return named.pattern is not None and self._shared.finds(named.pattern, name, named.where.path)

    def _property_schemas(self, part: Subschema, name: str, fitting: list[_NamePattern]) -> list[Subschema]:
        """Return what one schema requires of a property."""
        own = [part.at("properties", name)] if name in part.schema.get("properties", ()) else []
        mine = part.schema.get("patternProperties", {})
        matching = [one.where for one in fitting if mine.get(one.text, part) is one.where.schema]
        if own or matching or "additionalProperties" not in part.schema:
            return own + matching
        if any(self._shared.pattern(text) is None for text in mine):
            return []
        return [part.at("additionalProperties")]

    def _accepting(self, names: Schema, path: str) -> Callable[[str], bool]:
        """Return a check of names against a reduced schema of texts; it accepts names in case of doubt."""
        if isinstance(names, bool):
            return lambda _: names
        if "anyOf" in names:
            ways = [self._accepting(part, path) for part in names["anyOf"]]
            return lambda name: self._shared.budget.work(len(ways)) and any(way(name) for way in ways)
        if "enum" in names:
            listed = frozenset(cast("list[str]", names["enum"]))
            return lambda name: name in listed
        pattern = self._shared.pattern(names["pattern"]) if "pattern" in names else None
        least, most = names.get("minLength", 0), names.get("maxLength")
        return lambda name: (
            least <= len(name) <= (len(name) if most is None else most)
            and (pattern is None or self._shared.finds(pattern, name, path))
        )

    def _is_open(self, atoms: Sequence[Subschema]) -> bool:
        """Whether the schemas say nothing about undeclared properties."""
        words = ("additionalProperties", "patternProperties", "propertyNames")
        return not any(word in part.schema for part in atoms for word in words)

    def _additional(
        self,
        found: dict[str, Any],
        atoms: Sequence[Subschema],
        patterns: list[_NamePattern],
        names: Schema,
        others: Schema,
    ) -> Schema | str:
        """Return the schema of undeclared properties; ``patterns`` if patterns of names decide."""
        declared = cast("dict[str, Schema]", found.get("properties", {}))
        where = atoms[0].path if atoms else "$"
        if _names_of(names) is not None or names is False:
            return False
        if names != {"type": "string"}:
            if patterns:
                self._note(where, "patternProperties", "a grammar enforces 'propertyNames' and no patterns beside it")
            elif others is not False:
                found["propertyNames"] = names
            if others is not False and any(map(self._accepting(names, where), declared)):
                self._note(where, "propertyNames", "a declared name may be repeated")
            if patterns:
                found["propertyNames"] = names
                return True
            return others
        if not patterns:
            if others is not False and not all(name.isascii() for name in declared):
                self._note(where, "additionalProperties", "a declared name beyond ASCII may be repeated")
            return others
        values = {one.text: self._value([one.where]) for one in patterns}
        if others is False and all(one.enforced for one in patterns):
            if len(values) < len(patterns) or len(values) > 1:
                self._note(where, "patternProperties", "only one of several matching patterns is enforced")
            if any(self._matches(one, name) for one in patterns for name in declared):
                self._note(where, "patternProperties", "a declared name may be repeated")
            found["patternProperties"] = {text: value for text, value in values.items() if value is not False}
            if len(found["patternProperties"]) < len(values) and len(values) > 1:
                self._note(where, "patternProperties", "a forbidden name may match another pattern")
            return "patterns" if found["patternProperties"] else False
        self._note(where, "patternProperties", "a grammar cannot tell matching names from the others")
        ways = [way for way in [*values.values(), others] if way is not False]
        if any(way is True for way in ways):
            return True
        return {"anyOf": ways} if len(ways) > 1 else ways[0] if ways else False


def _each(atoms: Sequence[Subschema], name: str) -> list[Subschema]:
    return [part.at(name) for part in atoms if name in part.schema]


def _counts(atoms: Sequence[Subschema]) -> tuple[int, int | None]:
    lows = [ceil(part.schema["minProperties"]) for part in atoms if "minProperties" in part.schema]
    highs = [floor(part.schema["maxProperties"]) for part in atoms if "maxProperties" in part.schema]
    return max([0, *lows]), min(highs) if highs else None


def _names_of(names: Schema) -> list[str] | None:
    """Return the allowed names, if they are listed."""
    return cast("list[str]", names["enum"]) if isinstance(names, dict) and "enum" in names else None
