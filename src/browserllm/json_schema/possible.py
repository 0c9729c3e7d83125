"""Schemas that no value fits: a model that is asked for one can only fail, so they are refused before it is asked.

What is said here is sure. Of many schemas it would take a search to know (a pattern against a length, say), and of
those nothing is said.
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
"""How many schemas are looked at; one that is larger is taken as it is."""
_MOST_DEEP = 100
_MOST_WORK = 1_000_000
"""How much is searched in texts, in units of `Work`."""
_TYPES = frozenset({"array", "boolean", "integer", "null", "number", "object", "string"})
_WORDS = frozenset({"title", "description", "default", "examples", "$comment", "deprecated", "readOnly", "writeOnly"})
# Where schemas lie that a value may have to fit. What stands under "not" and "if" may well be impossible.
_ONE = ("additionalProperties", "items", "contains", "then", "else", "unevaluatedItems", "unevaluatedProperties")
_LISTS = ("allOf", "anyOf", "oneOf", "prefixItems", "items")
_MAPS = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")


class Impossible(NamedTuple):
    """Why no value fits, and at which place of the schema."""

    path: str
    why: str

    def __str__(self) -> str:
        return f"{self.why} (at {self.path})"


def impossible(schema: Any) -> Impossible | None:
    """Return why no value fits a schema; ``None`` where some may. What is no schema is for others to say.

    A list of values without any is refused wherever it stands: whoever wrote it had something else in mind.
    """
    look = _Look(schema)
    try:
        return look.at(schema, "$") or look.empty_enum(schema)
    except (_Enough, TooMuchWork, RecursionError, AttributeError, TypeError, ValueError, OverflowError):
        return None


def check_possible(schema: Any, what: str, parameter: str) -> None:
    """Raise `InvalidRequest` for a schema that no value fits; ``what`` names it."""
    if found := impossible(schema):
        raise InvalidRequest(
            f"no answer could fit {what}: {found}; correct it before a model is asked",
            parameter=parameter,
            data={"path": found.path},
        )


def check_schemas(request: ChatRequest) -> None:
    """Raise `InvalidRequest` for a tool or a ``response_format`` of a request that no model could answer."""
    for tool in request.tools:
        check_possible(tool.parameters, f"the parameters of the tool {tool.name!r}", "tools")
    given: Any = request.response_format
    if is_object(given) and given.get("type") in ("json_schema", "json_object"):
        inner = given.get("json_schema", given)
        if is_object(inner) and "schema" in inner:
            check_possible(inner["schema"], "the schema of response_format", "response_format")


class _Enough(Exception):  # noqa: N818 (it ends a search, and is no failure)
    """It takes too long to find out."""


class _Look:
    """One search through one schema."""

    def __init__(self, root: Any) -> None:
        self._root = root
        self._left = _MOST_STEPS
        self._others: bool | None = None
        self._open: list[int] = []  # the schemas that are at work in each other
        self._possible: dict[int, Any] = {}
        self._patterns: dict[str, Pattern] = {}
        self._work = Work(_MOST_WORK)

    def at(self, schema: Any, path: str) -> Impossible | None:
        """Return why no value fits the schema at a path."""
        if schema is False:
            return Impossible(path, "nothing is allowed there")
        if not is_object(schema) or id(schema) in self._possible:
            return None
        self._left -= 1
        if self._left < 0 or len(self._open) > _MOST_DEEP:
            raise _Enough
        if id(schema) in self._open:
            return Impossible(path, "it requires another of its kind, without end")
        self._open.append(id(schema))
        found = next(filter(None, self._reasons(schema, path)), None)
        self._open.pop()
        if found is None:
            self._possible[id(schema)] = schema
        return found

    def empty_enum(self, schema: Any) -> Impossible | None:
        """Return where a list of values has none."""
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

    def _reasons(self, schema: dict[str, Any], path: str) -> Iterator[Impossible | None]:
        """Yield what makes a schema impossible, for each of its keywords."""
        if "not" in schema and _is_all(schema["not"]):
            yield Impossible(path_to(path, "not"), "it excludes every value")
        if isinstance(ref := schema.get("$ref"), str):
            target = self._target(ref)
            yield self.at(target, path) if target is not None else None
        kinds = self._kinds(schema, set())
        if not kinds:
            yield Impossible(path, "its types exclude each other")
        values = schema.get("enum") if "enum" in schema else [schema["const"]] if "const" in schema else None
        if is_list(values) and values and "const" in schema and not _is_one_of(schema["const"], values):
            yield Impossible(path, "its const is none of the values of its enum")
        if is_list(values):
            if not values:
                yield _empty(path)
            elif not any(_fits(value, kinds, schema) and self._has_pattern(value, schema) for value in values):
                yield Impossible(path, "no value of its list is of its type and within its bounds")
        for at, part in enumerate(cast("list[Any]", schema.get("allOf") or ())):
            yield self.at(part, path_to(path_to(path, "allOf"), at))
        for keyword in ("anyOf", "oneOf"):
            if is_list(parts := schema.get(keyword)):
                here = path_to(path, keyword)
                if not parts:
                    yield Impossible(here, "the list of schemas is empty")
                    continue
                reasons = [self.at(part, path_to(here, at)) for at, part in enumerate(parts)]
                yield reasons[0] if all(reasons) else None
        if values is None:
            why = [self._of_kind(kind, schema, path) for kind in sorted(kinds)] if kinds else []
            yield why[0] if why and all(why) else None

    def _has_pattern(self, value: Any, schema: dict[str, Any]) -> bool:
        """Say whether a listed text has the schema's pattern; what is no pattern is for others to say."""
        pattern = schema.get("pattern")
        if not isinstance(value, str) or not isinstance(pattern, str):
            return True
        if pattern not in self._patterns:
            self._patterns[pattern] = Pattern(pattern)
        return self._patterns[pattern].search(value, self._work)

    def _kinds(self, schema: Any, seen: set[int]) -> frozenset[str]:
        """Return the types that values of a schema may be of; an integer counts as a number as well."""
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

    def _of_kind(self, kind: str, schema: dict[str, Any], path: str) -> Impossible | None:
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

    def _of_lists(self, schema: dict[str, Any], path: str) -> Impossible | None:
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

    def _of_objects(self, schema: dict[str, Any], path: str) -> Impossible | None:
        required = cast("list[str]", schema.get("required") or ())
        properties = cast("dict[str, Any]", schema.get("properties") or {})
        closed = schema.get("additionalProperties") is False and not schema.get("patternProperties")
        if len(set(required)) > schema.get("maxProperties", math.inf):
            return Impossible(path, "it requires more fields than it may have")
        if closed and schema.get("minProperties", 0) > len(properties):
            return Impossible(path, "it must have more fields than there are")
        for name in required:
            if name in properties:
                if found := self.at(properties[name], path_to(path_to(path, "properties"), name)):
                    return found
            elif closed:
                return Impossible(path, f"it requires the field {name!r}, which it does not allow")
        return None

    def _has_others(self) -> bool:
        """Say whether a part of the schema has an ``$id`` of its own, from which its references start."""
        if self._others is None:
            waiting = list(self._root.values()) if is_object(self._root) else []
            self._others = False
            while waiting and not self._others:
                one = waiting.pop()
                self._others = is_object(one) and isinstance(one.get("$id"), str)
                waiting += one.values() if is_object(one) else one if is_list(one) else ()
        return self._others

    def _target(self, ref: str) -> Any:
        """Return what a reference inside the document means, ``None`` for any other."""
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


def _empty(path: str) -> Impossible:
    return Impossible(path_to(path, "enum"), "the list of values is empty")


def _is_one_of(value: Any, values: list[Any]) -> bool:
    keys = Keys()
    return keys.of(value) in set(map(keys.of, values))


def _is_all(schema: Any) -> bool:
    return schema is True or (is_object(schema) and not schema.keys() - _WORDS)


def _crossed(schema: Mapping[str, Any], path: str, low: str, high: str) -> Impossible | None:
    if schema.get(low, 0) <= schema.get(high, math.inf):
        return None
    return Impossible(path, f"{low} is {schema.get(low)!r} and {high} is {schema.get(high)!r}")


def _of_numbers(schema: Mapping[str, Any], path: str, *, whole: bool) -> Impossible | None:
    lows = [(schema[key], key, key == "exclusiveMinimum") for key in ("minimum", "exclusiveMinimum") if key in schema]
    highs = [(schema[key], key, key == "exclusiveMaximum") for key in ("maximum", "exclusiveMaximum") if key in schema]
    if not lows or not highs:
        return None
    low, low_key, above = max(lows, key=lambda one: (one[0], one[2]))
    high, high_key, below = min(highs, key=lambda one: (one[0], not one[2]))
    if low > high or (low == high and (above or below)):
        return Impossible(path, f"{low_key} is {low!r} and {high_key} is {high!r}")
    if whole:
        first = math.floor(low) + 1 if above else math.ceil(low)
        last = math.ceil(high) - 1 if below else math.floor(high)
        step = schema.get("multipleOf", 1)
        if first > last:
            return Impossible(path, f"there is no whole number between {low!r} and {high!r}")
        if isinstance(step, int) and step > 0 and last // step * step < first:
            return Impossible(path, f"there is no multiple of {step} between {low!r} and {high!r}")
    return None


def _fits(value: Any, kinds: frozenset[str], schema: Mapping[str, Any]) -> bool:
    """Say whether a value that is listed may be one of the types, and within the bounds."""
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
