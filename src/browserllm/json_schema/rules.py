"""Apply the rules and tests in annotations: with msgspec where it supports them for the type, and otherwise here.

Neither pydantic nor annotated-types is imported: their annotations are recognized by their classes.
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Callable, Mapping
from typing import Annotated, Any, cast

import msgspec

from ..errors import InvalidRequest
from .custom import Schema, converted, custom, schema_of
from .problem import InvalidValue, Problem, preview

_RULES = ("gt", "ge", "lt", "le", "multiple_of", "min_length", "max_length", "pattern")
_DESCRIPTIVE = ("title", "description", "examples")

_NUMBERS: Mapping[str, tuple[str, str, Callable[[Any, Any], bool]]] = {
    "gt": ("exclusiveMinimum", "above", lambda value, bound: value > bound),
    "ge": ("minimum", "from", lambda value, bound: value >= bound),
    "lt": ("exclusiveMaximum", "below", lambda value, bound: value < bound),
    "le": ("maximum", "up to", lambda value, bound: value <= bound),
    "multiple_of": ("multipleOf", "that is a multiple of", lambda value, bound: value % bound == 0),
}
_FORMATS: Mapping[str, str] = {
    "gt": "formatExclusiveMinimum",
    "ge": "formatMinimum",
    "lt": "formatExclusiveMaximum",
    "le": "formatMaximum",
}
"""Keywords for bounds of values that are strings in JSON, such as dates and decimals. Not standard, but models
understand them."""
_SIZES: Mapping[str, Mapping[str, str]] = {
    "min_length": {"string": "minLength", "array": "minItems", "object": "minProperties"},
    "max_length": {"string": "maxLength", "array": "maxItems", "object": "maxProperties"},
}


class Notes:
    """The annotations of a type: descriptions, rules with a keyword in JSON Schema, and tests in Python."""

    def __init__(self, annotations: tuple[Any, ...] = ()) -> None:
        """Read the annotations; the outermost description, which is last, wins. Unknown annotations are ignored."""
        self.words: dict[str, Any] = {}
        self.rules: list[tuple[str, Any]] = []
        self.tests: list[tuple[str, Callable[[Any], Any]]] = []
        self.foreign: list[Any] = []
        """The annotations that msgspec would ignore."""
        for one in annotations:
            self._read(one)

    def _read(self, one: Any) -> None:
        package = package_of(one)
        if isinstance(one, msgspec.Meta):
            self._take(one)
            extra = ((name, getattr(one, name)) for name in ("extra_json_schema", "extra"))
            self.words |= {name: value for name, value in extra if value is not None}
            return
        if description := description_of(one):
            self.words["description"] = description
        elif package == "pydantic":
            self._read_pydantics(one)
        elif package == "annotated_types":
            if not self._take(one) and not self._take_test(one):
                raise _unknown(one)
        else:
            return
        self.foreign.append(one)

    def _take(self, one: Any) -> bool:
        """Take the descriptions and rules of an annotation; return whether its class can have rules."""
        self.words |= {name: found for name in _DESCRIPTIVE if (found := getattr(one, name, None)) is not None}
        rules = [(name, bound) for name in _RULES if (bound := getattr(one, name, None)) is not None]
        self.rules += [rule for rule in rules if rule != ("min_length", 0)]
        return any(hasattr(one, name) for name in _RULES)

    def _take_test(self, one: Any) -> bool:
        function = getattr(one, "func", None)
        if not callable(function):
            return False
        name = getattr(function, "__qualname__", None) or repr(function)
        if type(one).__name__ == "Not":
            self.tests.append((f"not {name}", lambda value: not function(value)))
        else:
            self.tests.append((name, function))
        return True

    def _read_pydantics(self, one: Any) -> None:
        metadata = getattr(one, "metadata", None)
        if metadata is not None and hasattr(one, "default_factory"):  # a Field
            if getattr(one, "discriminator", None) is not None:
                raise _unknown(one)
            for each in metadata:
                self._read(each)
            self._take(one)
            return
        fields = cast("dict[str, Any]", getattr(one, "__dict__", {}))
        given = {name for name, value in fields.items() if value is not None}
        if not given or given - {*_RULES}:
            raise _unknown(one)
        self._take(one)


def package_of(one: Any) -> str:
    """Return the package of an annotation's class, or of its base class."""
    packages = {kind.__module__.partition(".")[0] for kind in type(one).__mro__}
    return next((name for name in ("pydantic", "annotated_types", "msgspec") if name in packages), "")


def description_of(one: Any) -> str:
    """Return the text of an annotation that is a description: a string, a ``Doc``, a ``Unit``; or an empty text."""
    if isinstance(one, str):
        return one
    name = "unit" if type(one).__name__ == "Unit" else "documentation"
    description = getattr(one, name, None) if type(one).__name__ in ("Doc", "DocInfo", "Unit") else None
    return description if isinstance(description, str) else ""


def _unknown(one: Any) -> InvalidRequest:
    return InvalidRequest(
        f"the annotation {one!r} cannot be checked; use msgspec.Meta, or a pydantic model",
        parameter="output",
    )


def ruled(base: Any, rules: list[tuple[str, Any]]) -> Any:
    """Return a type with rules, which msgspec checks where it supports them for the type."""
    native = _with_meta(base, rules)
    if native is not None:
        return native
    if is_union(base):
        alternatives = [(one, None if one is type(None) else _with_meta(one, rules)) for one in typing.get_args(base)]
        if any(ruled is not None for _, ruled in alternatives):  # the rules do not apply to the others
            return typing.Union[tuple(one if ruled is None else ruled for one, ruled in alternatives)]  # noqa: UP007
    return checked(base, rules, [])


def is_union(kind: Any) -> bool:
    """Whether a type is a union."""
    return typing.get_origin(kind) in (typing.Union, types.UnionType)


def _with_meta(base: Any, rules: list[tuple[str, Any]]) -> Any:
    given = dict(rules)
    if len(given) < len(rules):
        return None
    try:
        made = Annotated[base, msgspec.Meta(**given)]
        msgspec.json.schema_components([made], schema_hook=lambda _: {})
    except (TypeError, ValueError, NameError):
        return None
    return made


def checked(base: Any, rules: list[tuple[str, Any]], tests: list[tuple[str, Callable[[Any], Any]]]) -> Any:
    """Return a type that rejects values that break a rule or fail a test."""

    def schema() -> Schema:
        made = schema_of(base)
        keywords = [part for name, bound in rules if (part := _keyword(made, name, bound))]
        return (
            {**made, "allOf": [*made.get("allOf", ()), *keywords]}
            if len(keywords) > 1
            else made | (keywords[0] if keywords else {})
        )

    def read(value: Any, strict: bool) -> Any:
        found = converted(value, base, strict=strict)
        problems = [problem for name, bound in rules if (problem := _broken(found, name, bound))]
        problems += [problem for name, test in tests if (problem := _failed(found, name, test))]
        if problems:
            raise InvalidValue(problems)
        return found

    return custom(repr(base), schema, read)


def _keyword(schema: Schema, name: str, bound: Any) -> Schema:
    kind = schema.get("type")
    if kind in ("number", "integer") and name in _NUMBERS and isinstance(bound, (int, float)):
        return {_NUMBERS[name][0]: bound}
    if name in _SIZES and isinstance(kind, str) and (keyword := _SIZES[name].get(kind)):
        return {keyword: bound}
    if kind == "string" and name == "pattern":
        return {"pattern": bound}
    return {_FORMATS[name]: str(bound)} if kind == "string" and name in _FORMATS else {}


def _broken(value: Any, name: str, bound: Any) -> Problem | None:
    if value is None:
        return None
    try:
        if name in _NUMBERS:
            _, words, fits = _NUMBERS[name]
            return (
                None if fits(value, bound) else Problem("$", f"expected a value {words} {bound}, got {_preview(value)}")
            )
        if name == "pattern":
            return (
                None
                if re.search(str(bound), value)
                else Problem("$", f"expected text that matches {bound!r}, got {_preview(value)}")
            )
        fits_size = len(value) >= bound if name == "min_length" else len(value) <= bound
        words = "at least" if name == "min_length" else "at most"
        return None if fits_size else Problem("$", f"expected a length of {words} {bound}, got {len(value)}")
    except (TypeError, ArithmeticError) as error:
        return Problem("$", f"{_preview(value)} cannot be compared with {name}={bound!r}: {error}")


def _failed(value: Any, name: str, test: Callable[[Any], Any]) -> Problem | None:
    try:
        return None if test(value) else Problem("$", f"{_preview(value)} does not pass the test {name}")
    except Exception as error:  # the caller's own code
        return Problem("$", f"{_preview(value)} does not pass the test {name}: {type(error).__name__}: {error}")


def _preview(value: Any) -> str:
    return preview(value) if isinstance(value, (str, int, float, list, dict, type(None))) else str(value)[:80]
