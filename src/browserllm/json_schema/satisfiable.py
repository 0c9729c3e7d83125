"""Reject schemas that no value fits before a model is asked, since it could only fail.

Every finding is certain. Many contradictions would need a search (a pattern against a length, for example); those are
not reported.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, cast

from .._internal.equality import Keys
from ..errors import InvalidRequest
from ..types import ChatRequest
from .patterns.pattern import Pattern
from .patterns.work import TooMuchWork, Work
from .problem import is_list, is_object, path_to

_MOST_STEPS = 20_000
"""How many subschemas are examined; a larger schema counts as satisfiable."""
_MOST_DEEP = 100
_MOST_WORK = 1_000_000
"""The work of searching patterns in strings, in units of `Work`."""
_TYPES = frozenset({"array", "boolean", "integer", "null", "number", "object", "string"})
_WORDS = frozenset({"title", "description", "default", "examples", "$comment", "deprecated", "readOnly", "writeOnly"})
# The keywords with schemas that a value may have to fit. The schemas of "not" and "if" may be unsatisfiable.
_ONE = ("additionalProperties", "items", "contains", "then", "else", "unevaluatedItems", "unevaluatedProperties")
_LISTS = ("allOf", "anyOf", "oneOf", "prefixItems", "items")
_MAPS = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")


class Unsatisfiable(NamedTuple):
    """Why no value fits a schema, and the path in the schema."""

    path: str
    why: str

    def __str__(self) -> str:
        return f"{self.why} (at {self.path})"


def unsatisfiable(schema: Any) -> Unsatisfiable | None:
    """Return why no value fits a schema; ``None`` if one may, or if the schema is not valid.

    An empty ``enum`` is reported anywhere, even where it is optional: it can only be a mistake.
    """
    look = _Look(schema)
    try:
        return look.at(schema, "$") or look.empty_enum(schema)
    except (_Enough, TooMuchWork, RecursionError, AttributeError, TypeError, ValueError, OverflowError):
        return None


def check_satisfiable(schema: Any, what: str, parameter: str) -> None:
    """Raise `InvalidRequest` for a schema that no value fits; ``what`` names it."""
    if found := unsatisfiable(schema):
        raise InvalidRequest(
            f"no answer can fit {what}: {found}; correct the schema",
            parameter=parameter,
            data={"path": found.path},
        )


def check_request_schemas(request: ChatRequest) -> None:
    """Raise `InvalidRequest` for a tool or a ``response_format`` with a schema that no value fits."""
    for tool in request.tools:
        check_satisfiable(tool.parameters, f"the parameters of the tool {tool.name!r}", "tools")
    given: Any = request.response_format
    if is_object(given) and given.get("type") in ("json_schema", "json_object"):
        inner = given.get("json_schema", given)
        if is_object(inner) and "schema" in inner:
            check_satisfiable(inner["schema"], "the schema of response_format", "response_format")


class _Enough(Exception):  # noqa: N818 (ends a search; not a failure)
    """The search takes too long."""


class _Look:
    """One search through one schema."""

    def __init__(self, root: Any) -> None:
        self._root = root
        self._left = _MOST_STEPS
        self._others: bool | None = None
        self._open: list[int] = []  # the schemas on the current path
        self._possible: dict[int, Any] = {}
        self._patterns: dict[str, Pattern] = {}
        self._work = Work(_MOST_WORK)

    def at(self, schema: Any, path: str) -> Unsatisfiable | None:
        """Return why no value fits the schema at a path."""
        if schema is False:
            return Unsatisfiable(path, "it allows no value")
        if not is_object(schema) or id(schema) in self._possible:
            return None
        self._left -= 1
        if self._left < 0 or len(self._open) > _MOST_DEEP:
            raise _Enough
        if id(schema) in self._open:
            return Unsatisfiable(path, "it requires itself, without end")
        self._open.append(id(schema))
        found = next(filter(None, self._reasons(schema, path)), None)
        self._open.pop()
        if found is None:
            self._possible[id(schema)] = schema
        return found

    def empty_enum(self, schema: Any) -> Unsatisfiable | None:
        """Return the first empty ``enum``."""
        waiting: list[tuple[str, Any]] = [("$", schema)]
        while waiting:
            path, one = waiting.pop()
            if not is_object(one):
                continue
            self._left -= 1
            if self._left < 0:
                raise _Enough
            if one.get("enum") == [] and is_list(one["enum"]):
                return _empty(path)
            waiting += [(path_to(path, key), one[key]) for key in _ONE if key in one]
            for key in _LISTS:
                if is_list(inner := one.get(key)):
                    waiting += [(path_to(path_to(path, key), at), each) for at, each in enumerate(inner)]
            for key in _MAPS:
                if is_object(inner := one.get(key)):
                    waiting += [(path_to(path_to(path, key), name), each) for name, each in inner.items()]
        return None

    def _reasons(self, schema: dict[str, Any], path: str) -> Iterator[Unsatisfiable | None]:
        """Yield the reasons why no value fits a schema, keyword by keyword."""
        if "not" in schema and _is_all(schema["not"]):
            yield Unsatisfiable(path_to(path, "not"), "it excludes every value")
        if isinstance(ref := schema.get("$ref"), str):
            target = self._target(ref)
            yield self.at(target, path) if target is not None else None
        kinds = self._kinds(schema, set())
        if not kinds:
            yield Unsatisfiable(path, "its types exclude each other")
        values = schema.get("enum") if "enum" in schema else [schema["const"]] if "const" in schema else None
        if is_list(values) and values and "const" in schema and not _is_one_of(schema["const"], values):
            yield Unsatisfiable(path, "its const is not in its enum")
        if is_list(values):
            if not values:
                yield _empty(path)
            elif not any(_fits(value, kinds, schema) and self._has_pattern(value, schema) for value in values):
                yield Unsatisfiable(path, "no value in its list fits its type and bounds")
        for at, part in enumerate(cast("list[Any]", schema.get("allOf") or ())):
            yield self.at(part, path_to(path_to(path, "allOf"), at))
        for keyword in ("anyOf", "oneOf"):
            if is_list(parts := schema.get(keyword)):
                here = path_to(path, keyword)
                if not parts:
                    yield Unsatisfiable(here, "the list of schemas is empty")
                    continue
                reasons = [self.at(part, path_to(here, at)) for at, part in enumerate(parts)]
                yield reasons[0] if all(reasons) else None
        if values is None:
            why = [self._of_kind(kind, schema, path) for kind in sorted(kinds)] if kinds else []
            yield why[0] if why and all(why) else None

    def _has_pattern(self, value: Any, schema: dict[str, Any]) -> bool:
        """Whether a listed string matches the schema's pattern; an invalid pattern raises ValueError."""
        pattern = schema.get("pattern")
        if not isinstance(value, str) or not isinstance(pattern, str):
            return True
        if pattern not in self._patterns:
            self._patterns[pattern] = Pattern(pattern)
        return self._patterns[pattern].search(value, self._work)

    def _kinds(self, schema: Any, seen: set[int]) -> frozenset[str]:
        """Return the types that a schema allows; ``number`` includes ``integer``."""
        if schema is False:
            return frozenset()
        if not is_object(schema) or id(schema) in seen:
            return _TYPES
        seen = {*seen, id(schema)}
        self._left -= 1
        if self._left < 0:
            raise _Enough
        kinds = _TYPES
        given = schema.get("type")
        if isinstance(given, str) or is_list(given):
            kinds = frozenset([given] if isinstance(given, str) else cast("list[str]", given))
            kinds = kinds | {"integer"} if "number" in kinds else kinds
        if isinstance(ref := schema.get("$ref"), str) and (target := self._target(ref)) is not None:
            kinds &= self._kinds(target, seen)
        for part in cast("list[Any]", schema.get("allOf") or ()):
            kinds &= self._kinds(part, seen)
        for keyword in ("anyOf", "oneOf"):
            if is_list(parts := schema.get(keyword)) and parts:
                kinds &= frozenset[str]().union(*(self._kinds(part, seen) for part in parts))
        return kinds

    def _of_kind(self, kind: str, schema: dict[str, Any], path: str) -> Unsatisfiable | None:
        """Return why no value of a type fits."""
        if kind in ("number", "integer"):
            return _of_numbers(schema, path, whole=kind == "integer")
        if kind == "string":
            return _crossed(schema, path, "minLength", "maxLength")
        if kind == "array":
            return _crossed(schema, path, "minItems", "maxItems") or self._of_lists(schema, path)
        if kind == "object":
            return _crossed(schema, path, "minProperties", "maxProperties") or self._of_objects(schema, path)
        return None

    def _of_lists(self, schema: dict[str, Any], path: str) -> Unsatisfiable | None:
        least = schema.get("minItems", 0)
        given = schema.get("prefixItems", schema["items"] if is_list(schema.get("items")) else [])
        prefix = given if is_list(given) else []
        for at, one in enumerate(prefix[: int(least)]):
            if found := self.at(one, path_to(path_to(path, "prefixItems"), at)):
                return found
        rest = schema.get("items") if not is_list(schema.get("items")) else schema.get("additionalItems")
        if least > len(prefix) and (found := self.at(rest, path_to(path, "items"))):
            return found
        if "contains" in schema and schema.get("minContains", 1) > 0:
            return self.at(schema["contains"], path_to(path, "contains"))
        return None

    def _of_objects(self, schema: dict[str, Any], path: str) -> Unsatisfiable | None:
        required = cast("list[str]", schema.get("required") or ())
        properties = cast("dict[str, Any]", schema.get("properties") or {})
        closed = schema.get("additionalProperties") is False and not schema.get("patternProperties")
        if len(set(required)) > schema.get("maxProperties", math.inf):
            return Unsatisfiable(path, "it requires more fields than it may have")
        if closed and schema.get("minProperties", 0) > len(properties):
            return Unsatisfiable(path, "its minProperties is more than the fields that it allows")
        for name in required:
            if name in properties:
                if found := self.at(properties[name], path_to(path_to(path, "properties"), name)):
                    return found
            elif closed:
                return Unsatisfiable(path, f"it requires the field {name!r}, which it does not allow")
        return None

    def _has_others(self) -> bool:
        """Whether a subschema has its own ``$id``, which changes the base of its references."""
        if self._others is None:
            waiting = list(self._root.values()) if is_object(self._root) else []
            self._others = False
            while waiting and not self._others:
                one = waiting.pop()
                self._others = is_object(one) and isinstance(one.get("$id"), str)
                waiting += one.values() if is_object(one) else one if is_list(one) else ()
        return self._others

    def _target(self, ref: str) -> Any:
        """Return the target of a reference inside the document; ``None`` for any other."""
        if (ref != "#" and not ref.startswith("#/")) or self._has_others():
            return None
        found: Any = self._root
        for part in ref[2:].split("/") if ref != "#" else ():
            key = part.replace("~1", "/").replace("~0", "~")
            if is_object(found) and key in found:
                found = found[key]
            elif is_list(found) and key.isdigit() and int(key) < len(found):
                found = found[int(key)]
            else:
                return None
        return found


def _empty(path: str) -> Unsatisfiable:
    return Unsatisfiable(path_to(path, "enum"), "the list of values is empty")


def _is_one_of(value: Any, values: list[Any]) -> bool:
    keys = Keys()
    return keys.of(value) in set(map(keys.of, values))


def _is_all(schema: Any) -> bool:
    return schema is True or (is_object(schema) and not schema.keys() - _WORDS)


def _crossed(schema: Mapping[str, Any], path: str, low: str, high: str) -> Unsatisfiable | None:
    if schema.get(low, 0) <= schema.get(high, math.inf):
        return None
    return Unsatisfiable(path, f"{low} is {schema.get(low)!r} and {high} is {schema.get(high)!r}")


def _of_numbers(schema: Mapping[str, Any], path: str, *, whole: bool) -> Unsatisfiable | None:
    lows = [(schema[key], key, key == "exclusiveMinimum") for key in ("minimum", "exclusiveMinimum") if key in schema]
    highs = [(schema[key], key, key == "exclusiveMaximum") for key in ("maximum", "exclusiveMaximum") if key in schema]
    if not lows or not highs:
        return None
    low, low_key, above = max(lows, key=lambda one: (one[0], one[2]))
    high, high_key, below = min(highs, key=lambda one: (one[0], not one[2]))
    if low > high or (low == high and (above or below)):
        return Unsatisfiable(path, f"{low_key} is {low!r} and {high_key} is {high!r}")
    if whole:
        first = math.floor(low) + 1 if above else math.ceil(low)
        last = math.ceil(high) - 1 if below else math.floor(high)
        step = schema.get("multipleOf", 1)
        if first > last:
            return Unsatisfiable(path, f"there is no whole number between {low!r} and {high!r}")
        if isinstance(step, int) and step > 0 and last // step * step < first:
            return Unsatisfiable(path, f"there is no multiple of {step} between {low!r} and {high!r}")
    return None


def _fits(value: Any, kinds: frozenset[str], schema: Mapping[str, Any]) -> bool:
    """Whether a listed value has one of the types, and is within the bounds."""
    if value is None or isinstance(value, bool):
        return ("null" if value is None else "boolean") in kinds
    if isinstance(value, (int, float)):
        kind = "integer" if isinstance(value, int) or value.is_integer() else "number"
        return (
            kind in kinds
            and schema.get("minimum", value) <= value <= schema.get("maximum", value)
            and schema.get("exclusiveMinimum", -math.inf) < value < schema.get("exclusiveMaximum", math.inf)
        )
    if isinstance(value, str):
        return "string" in kinds and schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", math.inf)
    return ("array" if is_list(value) else "object") in kinds
