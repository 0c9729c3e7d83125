"""One interface for all types of answers: a JSON Schema for the request, and a check of the answer.

There are three kinds of types: those that msgspec supports (Structs, dataclasses, TypedDicts, plain types), pydantic's
(`pydantic_types`), and JSON Schemas themselves.

Most constraint engines and services require an object at the root. Other types (``list[int]``, a union) are requested
as ``{"value": ...}`` and unwrapped again: `OutputType.wrapped`.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar, cast

import msgspec

from .._internal.nesting import decode_json
from ..errors import InvalidRequest
from .annotations import check_fields, field_descriptions, for_msgspec, for_pydantic
from .custom import CustomError, converted, custom, schema_of
from .docstrings import parse_docstring
from .object_root import WRAPPER, Schema, unwrapping_check, with_object_root
from .problem import InvalidValue, Problem, is_list, is_object, path_to, relocated
from .pydantic_types import is_model, pydantic_type
from .satisfiable import check_satisfiable
from .validate import Validator

T = TypeVar("T")

_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")


class OutputType(Generic[T]):
    """A type that a model can be asked for. `output_type` converts classes and schemas to this.

    ``schema`` is a JSON Schema with an object at its root, ``name`` matches ``[A-Za-z0-9_-]{1,64}``, ``description``
    is the type's own. ``wrapped`` means that the type is not an object itself, and is wrapped in one under ``"value"``.
    """

    def __init__(self, name: str, schema: Schema, convert: Callable[[Any, str], T]) -> None:
        """Take the type's own ``schema``; ``convert`` converts a value that fits it, or raises `InvalidValue`.

        ``convert`` also gets the value's path, for the paths of its problems.
        """
        self.name = _UNSAFE.sub("_", name).strip("_")[:64] or "answer"
        self.schema, self.wrapped = with_object_root(schema)
        description = (schema if self.wrapped else self.schema).get("description")
        self.description = description if isinstance(description, str) else ""
        self._convert = unwrapping_check(convert) if self.wrapped else convert

    def __repr__(self) -> str:
        return f"OutputType({self.name!r})"

    def check(self, value: Any) -> T:
        """Convert a decoded JSON value to the type; raise `InvalidValue` if it does not fit `schema`."""
        return self._convert(value, "$")

    def read(self, text: str) -> T:
        """Convert a JSON text to the type.

        Raises `InvalidValue` for invalid JSON, a value that does not fit, or a repeated key in an object: JSON parsers
        disagree about which one counts, and a partial value may have had the other one.
        """
        return self.check(read_json(text))

    def unwrap(self, value: Any, default: Any = None) -> Any:
        """Return the type's own value from a decoded, possibly partial one; ``default`` if it is still missing."""
        if not self.wrapped:
            return value
        return value.get(WRAPPER, default) if is_object(value) else default


def output_type(given: Any, *, strict: bool = True) -> OutputType[Any]:
    """Return the `OutputType` of a type, a JSON Schema (a dict), or an `OutputType`.

    Types are pydantic models, dataclasses, TypedDicts, NamedTuples, msgspec Structs, and combinations of them with
    ``int``, ``str``, ``list``, ``Literal``, ``Union``, ``Enum``, ``datetime`` and so on. Without ``strict``, msgspec
    accepts ``"5"`` for a 5. Raises `InvalidRequest` for types without a JSON Schema.
    """
    if isinstance(given, OutputType):
        return cast("OutputType[Any]", given)
    if isinstance(given, Mapping):
        return _of_schema(dict(cast("Mapping[str, Any]", given)))
    if isinstance(given, (str, bytes, int, float, list, tuple, set)):  # True and False among them
        raise InvalidRequest(
            f"{given!r} is not an output type; use a class, a type such as list[int], or a JSON Schema as a dict",
            parameter="output",
        )
    name = given.__name__ if isinstance(given, type) else "answer"
    made = pydantic_type(given, for_pydantic)
    if made is not None:
        check_fields(given, by_pydantic=True)
        schema, read = made
        convert = _at(read)
    else:
        check_fields(given, by_pydantic=False)
        kind = for_msgspec(given)
        schema, convert = schema_of(kind), _MsgspecCheck(kind, strict=strict)
    check_satisfiable(schema, repr(given), "output")
    return OutputType(name, _described(schema, given), convert)


def argument_type(given: Any) -> Any:
    """Return the type of one argument in a form that msgspec accepts for a field of a Struct."""
    made = None if is_model(given) else pydantic_type(given, for_pydantic)
    check_fields(given, by_pydantic=made is not None)
    if made is None:
        return for_msgspec(given)
    schema, read = made
    return custom(repr(given), lambda: _described(schema, given), lambda value, _: read(value))


def _at(read: Callable[[Any], Any]) -> Callable[[Any, str], Any]:
    def convert(value: Any, path: str) -> Any:
        try:
            return read(value)
        except InvalidValue as invalid:
            raise InvalidValue(relocated(invalid.problems, path)) from invalid

    return convert


def read_json(text: str) -> Any:
    """Decode a JSON text; raise `InvalidValue` for invalid JSON, or a repeated key in an object."""
    try:
        value = decode_json(text, Any)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise InvalidValue([Problem("$", f"the text is not valid JSON: {error}")]) from error
    twice: list[tuple[int, str]] = []

    def look(pairs: list[tuple[str, Any]]) -> Schema:
        made = dict(pairs)
        if len(made) < len(pairs):
            counts = Counter(key for key, _ in pairs)
            twice.extend((id(made), key) for key, count in counts.items() if count > 1)
        return made

    # msgspec silently takes the last of repeated keys.
    seen = json.loads(text, object_pairs_hook=look)
    if twice:
        paths = _paths(seen, {place for place, _ in twice})
        raise InvalidValue([Problem(paths.get(place, "$"), f"the key `{key}` is repeated") for place, key in twice])
    return value


def _paths(value: Any, wanted: set[int]) -> dict[int, str]:
    found: dict[int, str] = {}
    waiting: list[tuple[str, Any]] = [("$", value)]
    while waiting:
        path, one = waiting.pop()
        if is_object(one):
            if id(one) in wanted:
                found[id(one)] = path
            waiting += [(path_to(path, key), inner) for key, inner in one.items()]
        elif is_list(one):
            waiting += [(path_to(path, index), inner) for index, inner in enumerate(one)]
    return found


# JSON Schemas


def _of_schema(given: Schema) -> OutputType[Any]:
    validator = Validator(given)
    schema = validator.schema
    check_satisfiable(schema, "the JSON Schema", "output")
    root, wrapped = with_object_root(schema)
    if not wrapped:  # only the new root may say that the value is an object
        validator = Validator(root)

    def convert(value: Any, path: str) -> Any:
        if problems := validator.problems(value, path):
            raise InvalidValue(problems)
        return value

    title = schema.get("title")
    return OutputType(title if isinstance(title, str) else "answer", schema, convert)


# Types of msgspec


class _MsgspecCheck:
    """Converts values with msgspec, which stops at the first problem; a check of the schema finds the others."""

    def __init__(self, kind: Any, *, strict: bool) -> None:
        self._kind = kind
        self._strict = strict
        self._validator: Validator | None = None

    def __call__(self, value: Any, path: str) -> Any:
        try:
            return converted(value, self._kind, strict=self._strict)
        except InvalidValue as invalid:
            raise InvalidValue(self._problems(value, path, invalid)) from invalid

    def _problems(self, value: Any, path: str, invalid: InvalidValue) -> list[Problem]:
        found = relocated(invalid.problems, path)
        error = invalid.__cause__
        theirs = not isinstance(error, msgspec.ValidationError) or isinstance(error.__cause__, CustomError)
        if not self._strict:
            return self._of_fields(value, path) or found
        if theirs:  # a custom type or a caller's class knows more than the schema
            return found
        try:
            self._validator = self._validator or Validator(schema_of(self._kind))
        except InvalidRequest:  # a pattern that only Python supports
            return found
        problems = self._validator.problems(value, path)
        known = {problem.path for problem in problems}
        return [*(problem for problem in found if problem.path not in known), *problems]

    def _of_fields(self, value: Any, path: str) -> list[Problem]:
        """Return the problems of all arguments, if the type is a Struct: a model can fix them all at once."""
        if not (isinstance(self._kind, type) and issubclass(self._kind, msgspec.Struct) and is_object(value)):
            return []
        config = self._kind.__struct_config__
        fields = {field.encode_name: field for field in msgspec.structs.fields(self._kind)}
        missing = [name for name, field in fields.items() if field.required and name not in value]
        problems = [Problem(path, f"object missing required field `{name}`") for name in missing]
        for name, inner in value.items():
            if name in fields:
                try:
                    converted(inner, fields[name].type, strict=False)
                except InvalidValue as invalid:
                    problems += relocated(invalid.problems, path_to(path, name))
            elif config.forbid_unknown_fields and name != config.tag_field:
                problems.append(Problem(path, f"object contains unknown field `{name}`"))
        return problems


# Descriptions


def _described(schema: Schema, kind: Any) -> Schema:
    """Add the descriptions in annotations and in the class's docstring to the properties.

    The class keeps only the description of itself; for a dataclass without a docstring that is its signature.
    """
    schema = {**schema}
    words = field_descriptions(kind)
    for name, one in ((schema.get("title"), schema), *schema.get("$defs", {}).items()):
        properties = one.get("properties")
        if not is_object(properties):
            continue
        describe(properties, words.get(name, {}))
        if isinstance(description := one.get("description"), str):
            one["description"], descriptions = parse_docstring(description, properties)
            describe(properties, descriptions)
    return schema


def describe(properties: Schema, descriptions: Mapping[str, str]) -> None:
    """Add a description to each property whose own type has none."""
    for name, description in descriptions.items():
        if name in properties:
            properties[name].setdefault("description", description)
