"""Merge schemas that must all fit the same value: type by type, each with its own keywords."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor, lcm
from typing import Any, cast

from ..._internal.equality import Key, Keys
from ...errors import InvalidRequest
from .budget import size_of
from .formats import FORMATS, UNCONSTRAINED_FORMATS
from .objects import TOO_LARGE, ObjectMerger
from .patterns import MAX_COUNTED, Node, NotExpressible, of_length, parse_pattern, written_size
from .ranges import MAX_DIGITS, bounds_of, integers, numbers
from .references import Subschema
from .shared import Shared

Schema = dict[str, Any] | bool
Value = Callable[[Sequence[Subschema]], Schema]
Note = Callable[..., None]

KINDS = ("null", "boolean", "integer", "number", "string", "array", "object")

MAX_COUNT = 4096
"""The most repetitions that a grammar counts."""
_MAX_LISTED = 256
_MAX_DIVISOR = 100
_FURTHEST = 10**MAX_DIGITS
# How much longer an engine compiles these than a character of plain text.
_PATTERN = 3
_LENGTH = 60
"""For each counted character."""


_ENDS: dict[str, Any] = {"minimum": max, "exclusiveMinimum": max, "maximum": min, "exclusiveMaximum": min}


def types_of(schema: dict[str, Any], path: str = "$") -> list[str]:
    """Return the types that a schema names; all types if it names none."""
    given = schema.get("type", list(KINDS))
    names = cast("list[Any]", given if isinstance(given, list) else [given])
    for name in names[: len(KINDS)] if len(names) <= len(KINDS) else [names]:
        if name not in KINDS:
            raise InvalidRequest(f"{path}.type={given!r} is not valid; use {', '.join(KINDS)}", parameter="schema")
    return cast("list[str]", names)


def kind_of(value: Any) -> str:
    """Return the type of a JSON value; ``integer`` for whole numbers."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "integer" if value == value // 1 else "number"
    return {str: "string", list: "array", dict: "object"}.get(cast("Any", type(value)), "null")


def union(found: list[Schema], keys: Keys) -> Schema:
    """Return a schema for values that fit one of several schemas."""
    parts: list[Schema] = []
    for schema in found:
        inner: list[Schema] = schema["anyOf"] if isinstance(schema, dict) and "anyOf" in schema else [schema]
        parts += [part for part in inner if part is not False]
    if any(part is True for part in parts):
        return True
    if len(parts) < 2:
        return parts[0] if parts else False
    different: dict[Key, Schema] = {}
    for part in parts:
        different.setdefault(keys.of(part), part)
    parts = list(different.values())
    return parts[0] if len(parts) == 1 else {"anyOf": parts}


class SchemaMerger:
    """Merges the schemas of one value. ``value`` reduces inner schemas, ``note`` names what is left out."""

    def __init__(self, value: Value, note: Note, shared: Shared, *, close: bool) -> None:
        self._value = value
        self._note = note
        self._shared = shared
        self._objects = ObjectMerger(value, note, shared, close=close)

    def merged(self, atoms: Sequence[Subschema]) -> Schema:
        """Merge schemas that have no references and no ``allOf``, ``anyOf`` and the like."""
        if any(part.schema is False for part in atoms):
            return False
        if not atoms:
            return True
        types = set(KINDS)
        for part in atoms:
            named = set(types_of(part.schema))
            types &= named | {"integer"} if "number" in named else named
        constants = self._constants(atoms)
        if constants is not None:
            fits = self._fitter(atoms)
            fitting = [value for value in constants if kind_of(value) in types and fits(value)]
            if self._shared.budget.room(size_of(fitting)):
                return {"enum": fitting} if fitting else False
            where = next(part.path for part in atoms if "enum" in part.schema or "const" in part.schema)
            self._note(where, "enum", "its values are too long, or too many, for a grammar")
            types = {kind_of(value) for value in fitting}
            atoms = [Subschema({"type": sorted(types)}, where)]
        for part in atoms:
            if "not" in part.schema:
                self._note(part.path.rpartition(".")[0], "not", "a grammar cannot exclude single values")
        kinds = [kind for kind in KINDS if kind in types and not (kind == "integer" and "number" in types)]
        found = [self._of(kind, atoms) for kind in kinds]
        if len(kinds) == len(KINDS) - 1 and all(
            schema == {"type": kind} for kind, schema in zip(kinds, found, strict=True)
        ):
            return True
        return union(found, self._shared.keys)

    def _constants(self, atoms: Sequence[Subschema]) -> list[Any] | None:
        """Return the values that are in every ``enum`` and ``const``, without those that ``not`` excludes."""
        of = self._shared.keys.of
        found: list[Any] | None = None
        for part in atoms:
            for values in ([part.schema["const"]] if "const" in part.schema else None, part.schema.get("enum")):
                if values is None:
                    continue
                if not self._shared.budget.work(len(values) + len(found or ())):
                    self._note(part.path, "enum", "the schema is too large to compare all of its values")
                elif found is None:
                    found = values
                else:
                    both = set(map(of, values))
                    found = [one for one in found if of(one) in both]
        if found is None:
            return None
        out = {of(value) for part in atoms for value in part.schema.get("not", ())}
        return [one for one in found if of(one) not in out] if out else found

    def _fitter(self, atoms: Sequence[Subschema]) -> Callable[[Any], bool]:
        """Return a check of constants against their type's keywords, as far as possible without a validator."""
        least, most = counts(atoms, "minLength", "maxLength")
        patterns = [part.schema["pattern"] for part in atoms if "pattern" in part.schema]
        found = {text: self._shared.pattern(text) for text in patterns}
        for part in atoms:
            if found.get(part.schema.get("pattern"), True) is None:
                self._note(part.path, "pattern", f"{part.schema['pattern']!r:.200} is not a supported pattern")
        lower, upper = bounds_of(_ends_of(atoms))
        divisors = _divisors_of(atoms)
        inner: set[str] = set()

        def fits(value: Any) -> bool:
            kind = kind_of(value)
            if kind == "string":
                return least <= len(value) <= (len(value) if most is None else most) and all(
                    self._shared.finds(pattern, value, atoms[0].path) for pattern in found.values() if pattern
                )
            if kind in {"integer", "number"} and (lower or upper or divisors):
                number = Fraction(Decimal(str(value)))
                return (
                    (lower is None or number > lower.value or (lower.included and number == lower.value))
                    and (upper is None or number < upper.value or (upper.included and number == upper.value))
                    and all(number % divisor == 0 for _, divisor in divisors)
                )
            if kind in {"array", "object"} and kind not in inner:
                inner.add(kind)
                if self._of(kind, atoms) != {"type": kind}:
                    self._note(atoms[0].path, "enum", "lists and objects are not checked against the other keywords")
            return True

        return fits

    def _of(self, kind: str, atoms: Sequence[Subschema]) -> Schema:
        if kind == "string":
            return self._string(atoms)
        if kind in {"integer", "number"}:
            return self._number(kind, atoms)
        if kind == "array":
            return self._array(atoms)
        return self._objects.merged(atoms) if kind == "object" else {"type": kind}

    def _string(self, atoms: Sequence[Subschema]) -> Schema:
        found: dict[str, Any] = {"type": "string"}
        least, most = counts(atoms, "minLength", "maxLength")
        if most is not None and least > most:
            return False
        node: Node | None = None
        for part in atoms:
            name = part.schema.get("format")
            if name in FORMATS and "format" not in found:
                found["format"] = name
                self._note(part.path, "format", f"texts that do not match {name!r} are excluded", excludes=True)
            elif name in UNCONSTRAINED_FORMATS or (name in FORMATS and name != found.get("format")):
                self._note(part.path, "format", f"a grammar cannot enforce {name!r}")
        for part in atoms:
            pattern = part.schema.get("pattern")
            if pattern is None or pattern == found.get("pattern"):
                continue
            if node is not None or "format" in found:
                self._note(part.path, "pattern", f"{pattern!r:.200} is not enforced beside another pattern or a format")
                continue
            node = self._pattern(part)
            if node is not None:
                found["pattern"] = pattern
        fitting = self._fitting(node, found, least, most)
        lengths = (least, most) if fitting else (0, None)
        room = _PATTERN * written_size(node) if node is not None else _LENGTH * max(least, most or 0) if fitting else 0
        if not self._shared.room((found.get("pattern"), *lengths), room):
            self._note(atoms[0].path, "pattern" if "pattern" in found else "maxLength", TOO_LARGE)
            return {"type": "string"}
        if fitting:
            limits = {"minLength": least or None, "maxLength": most}
            found |= {name: limit for name, limit in limits.items() if limit is not None}
        elif least or most is not None:
            for part in atoms:
                for name in ("minLength", "maxLength"):
                    if name in part.schema:
                        self._note(
                            part.path, name, f"a grammar counts up to {MAX_COUNTED} characters, and beside few patterns"
                        )
        return found

    def _pattern(self, part: Subschema) -> Node | None:
        pattern = part.schema["pattern"]
        try:
            return self._shared.node(pattern)
        except NotExpressible as error:
            self._note(part.path, "pattern", f"{pattern!r:.200} cannot be enforced: {error}")
            return None

    def _fitting(self, node: Node | None, found: dict[str, Any], least: int, most: int | None) -> bool:
        """Whether lengths can be enforced together with the pattern or format."""
        if "format" in found:
            node = parse_pattern(FORMATS[found["format"]])
        if node is not None:
            return of_length(node, least, most) is not None
        return max(least, most or 0) <= MAX_COUNTED

    def _number(self, kind: str, atoms: Sequence[Subschema]) -> Schema:
        ends, divisors = _ends_of(atoms), _divisors_of(atoms)
        whole = kind == "integer" or any(divisor.denominator == 1 for _, divisor in divisors)
        if whole:
            return self._integer(atoms, ends, divisors)
        least, most = bounds_of(ends)
        if least and most:
            both = least.included and most.included
            if least.value > most.value or (least.value == most.value and not both):
                return False
        ends = {name: end for name, end in ends.items() if self._is_written(atoms, name, Decimal(str(end)))}
        found = {"type": "number", **ends}
        if ends and not self._shared.room(tuple(ends.items()), len(numbers(*bounds_of(ends)))):
            self._note(atoms[0].path, next(iter(ends)), TOO_LARGE)
            return {"type": "number"}
        for part, divisor in divisors:
            places = len(str(divisor.denominator)) - 1
            if divisor == Fraction(1, 10**places) and places <= MAX_DIGITS and "multipleOf" not in found:
                found["multipleOf"] = part.schema["multipleOf"]
            else:
                self._note(part.path, "multipleOf", "a grammar cannot divide fractions")
        return found

    def _is_written(self, atoms: Sequence[Subschema], name: str, end: Decimal) -> bool:
        """Whether a grammar has enough digits for a bound; name the bound if leaving it out allows more values."""
        if abs(end) < _FURTHEST:
            return True
        if (end > 0) is ("inimum" in name):
            self._note(atoms[0].path, name, f"a grammar writes numbers of up to {MAX_DIGITS} digits")
        return False

    def _integer(
        self, atoms: Sequence[Subschema], ends: dict[str, Any], divisors: list[tuple[Subschema, Fraction]]
    ) -> Schema:
        """Merge schemas of whole numbers: a fraction divides those that its numerator divides."""
        least, most = bounds_of(ends)
        first = last = None
        if least is not None:
            first = ceil(least.value) + (0 if least.included or ceil(least.value) != least.value else 1)
        if most is not None:
            last = floor(most.value) - (0 if most.included or floor(most.value) != most.value else 1)
        if first is not None and last is not None and first > last:
            return False
        first = first if first is not None and self._is_written(atoms, "minimum", Decimal(first)) else None
        last = last if last is not None and self._is_written(atoms, "maximum", Decimal(last)) else None
        divisor = 1
        for _, one in divisors:
            divisor = lcm(divisor, one.numerator)
            if divisor > _FURTHEST:
                break  # no grammar enforces it, and each further divisor would double its digits
        found: dict[str, Any] = {"type": "integer"}
        if divisor != 1:
            if first is not None and last is not None and (last - first) // divisor < _MAX_LISTED:
                listed = range(first + -first % divisor, last + 1, divisor)
                return {"enum": list(listed)} if listed else False
            if first is None and last is None and divisor <= _MAX_DIVISOR and self._shared.budget.room(120 * divisor):
                return {**found, "multipleOf": divisor}
            self._note(divisors[0][0].path, "multipleOf", "a grammar cannot divide large numbers, or within a range")
        bounds = {name: end for name, end in (("minimum", first), ("maximum", last)) if end is not None}
        if bounds and not self._shared.room((first, last), len(integers(first, last))):
            self._note(atoms[0].path, next(iter(bounds)), TOO_LARGE)
            return found
        return {**found, **bounds}

    def _array(self, atoms: Sequence[Subschema]) -> Schema:
        least, most = counts(atoms, "minItems", "maxItems")
        prefixes = [self._prefix(part) for part in atoms]
        longest = max(map(len, prefixes), default=0)
        if not self._shared.budget.room(20 * longest) or not self._shared.budget.work(longest * len(atoms)):
            self._note(atoms[0].path, "prefixItems", TOO_LARGE)
            return {"type": "array"}
        first: list[Schema] = []
        rests = [self._rest(part) for part in atoms]
        for index in range(longest):
            parts = [
                prefix[index] if index < len(prefix) else rest for prefix, rest in zip(prefixes, rests, strict=True)
            ]
            first.append(self._value(parts))
            if first[-1] is False:
                del first[index:]
                most = index if most is None else min(most, index)
                break
        items: Schema = self._value(rests) if most is None or most > len(first) else True
        if items is False:
            most = len(first)
            items = True
        if most is not None and least > most:
            return False
        self._note_rest(atoms, most)
        if max(least, most or 0) > MAX_COUNT:
            self._note(atoms[0].path, "maxItems", f"a grammar counts to {MAX_COUNT} and no further")
            least, most = min(least, MAX_COUNT), None
        given: dict[str, Any] = {
            "prefixItems": first or None,
            "items": None if items is True else items,
            "minItems": least or None,
            "maxItems": most,
        }
        return {"type": "array", **{name: value for name, value in given.items() if value is not None}}

    def _note_rest(self, atoms: Sequence[Subschema], most: int | None) -> None:
        for part in atoms:
            if part.schema.get("uniqueItems") and (most is None or most > 1):
                self._note(part.path, "uniqueItems", "a grammar cannot compare items")
            if "contains" in part.schema and not (
                part.schema.get("minContains") == 0 and "maxContains" not in part.schema
            ):
                self._note(part.path, "contains", "a grammar cannot count matching items")

    def _prefix(self, part: Subschema) -> list[Subschema]:
        name = "prefixItems" if "prefixItems" in part.schema else "items"
        given = part.schema.get(name)
        return (
            [part.at(name, index) for index in range(len(cast("list[Any]", given)))] if isinstance(given, list) else []
        )

    def _rest(self, part: Subschema) -> Subschema:
        """Return the schema of the items after the prefix."""
        if not isinstance(part.schema.get("items", True), list):
            return part.at("items") if "items" in part.schema else Subschema(True, part.path)
        return part.at("additionalItems") if "additionalItems" in part.schema else Subschema(True, part.path)


def _ends_of(atoms: Sequence[Subschema]) -> dict[str, Any]:
    """Return the tightest bound of each kind."""
    return {
        name: choose(part.schema[name] for part in atoms if name in part.schema)
        for name, choose in _ENDS.items()
        if any(name in part.schema for part in atoms)
    }


def _divisors_of(atoms: Sequence[Subschema]) -> list[tuple[Subschema, Fraction]]:
    found: list[tuple[Subschema, Fraction]] = []
    for part in atoms:
        if "multipleOf" in part.schema:
            found.append((part, Fraction(Decimal(str(part.schema["multipleOf"])))))
            if found[-1][1] <= 0:
                raise InvalidRequest(
                    f"{part.path}.multipleOf={part.schema['multipleOf']!r} is not valid; use a number above 0",
                    parameter="schema",
                )
    return found


def counts(atoms: Sequence[Subschema], lower: str, upper: str) -> tuple[int, int | None]:
    """Return the largest lower bound and the smallest upper bound."""
    lows = [ceil(part.schema[lower]) for part in atoms if lower in part.schema]
    highs = [floor(part.schema[upper]) for part in atoms if upper in part.schema]
    return max([0, *lows]), min(highs) if highs else None
