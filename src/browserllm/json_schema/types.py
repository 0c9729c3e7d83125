"""Types that an answer may be asked for, all alike: a JSON Schema to ask with, and a check of what comes.

Three kinds of types are behind it: what msgspec knows (Structs, dataclasses, TypedDicts, plain types), what pydantic
makes (`pydantic_types`), and JSON Schemas themselves.

Most constraint engines and services want an object at the root. What is none (``list[int]``, a union) is asked for as
``{"value": ...}`` and taken out of it again: `OutputType.wrapped`.
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
from .annotations import check_fields, field_words, for_pydantic, understood
from .custom import converted, custom, schema_of
from .docstrings import parse_docstring
from .possible import check_possible
from .problem import Misfit, Problem, is_list, is_object, moved, path_to
from .pydantic_types import is_model, pydantic_type
from .rooted import WRAPPER, Schema, rooted, unwrapping
from .validate import Validator

T = TypeVar("T")

_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")


class OutputType(Generic[T]):
    """A type as a model can be asked for it. `output_type` makes one of anything that can be one.

    ``schema`` is a JSON Schema with an object at its root, ``name`` fits ``[A-Za-z0-9_-]{1,64}``, ``description`` is
    what its author says of it. ``wrapped`` says that the type is no object itself and lies in one, under ``"value"``.
    """

    def __init__(self, name: str, schema: Schema, convert: Callable[[Any, str], T]) -> None:
        """Take the type's own ``schema``; ``convert`` makes a value of it into the type's, and raises `Misfit`.

        It is told the value's path, at which its problems begin.
        """
        self.name = _UNSAFE.sub("_", name).strip("_")[:64] or "answer"
        self.schema, self.wrapped = rooted(schema)
        said = (schema if self.wrapped else self.schema).get("description")
        self.description = said if isinstance(said, str) else ""
        self._convert = unwrapping(convert) if self.wrapped else convert

    def __repr__(self) -> str:
        return f"OutputType({self.name!r})"

    def check(self, value: Any) -> T:
        """Make a decoded JSON value that fits `schema` into a value of the type; raise `Misfit` where it does not."""
        return self._convert(value, "$")

    def read(self, text: str) -> T:
        """Make a JSON text into a value of the type.

        Raises `Misfit` for what is no JSON, does not fit, or has a key twice in one object: readers of JSON do not
        agree on which of the two counts, and a partial value may have shown the other one.
        """
        return self.check(read_json(text))

    def unwrap(self, value: Any, default: Any = None) -> Any:
        """Take the type's own value out of a decoded one, a partial one too; ``default`` where it is not there yet."""
        if not self.wrapped:
            return value
        return value.get(WRAPPER, default) if is_object(value) else default


def output_type(given: Any, *, strict: bool = True) -> OutputType[Any]:
    """Return the `OutputType` of a type, a JSON Schema (a dict), or an `OutputType`.

    Types are pydantic's models, dataclasses, TypedDicts, NamedTuples, msgspec's Structs, and what can be built of them
    and of ``int``, ``str``, ``list``, ``Literal``, ``Union``, ``Enum``, ``datetime`` and so on. Without ``strict``,
    msgspec takes ``"5"`` for a 5. Raises `InvalidRequest` for what no JSON Schema describes.
    """
    if isinstance(given, OutputType):
        return cast("OutputType[Any]", given)
    if isinstance(given, Mapping):
        return _of_schema(dict(cast("Mapping[str, Any]", given)))
    if isinstance(given, (str, bytes, int, float, list, tuple, set)):  # True and False among them
        raise InvalidRequest(
            f"{given!r} is no type of an answer; give a class, a type such as list[int], or a JSON Schema as a dict",
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
        kind = understood(given)
        schema, convert = schema_of(kind), _MsgspecCheck(kind, strict=strict)
    check_possible(schema, repr(given), "output")
    return OutputType(name, _described(schema, given), convert)


def argument_type(given: Any) -> Any:
    """Return the type of one argument as msgspec takes it in a Struct of all of them."""
    made = None if is_model(given) else pydantic_type(given, for_pydantic)
    check_fields(given, by_pydantic=made is not None)
    if made is None:
        return understood(given)
    schema, read = made
    return custom(repr(given), lambda: _described(schema, given), lambda value, _: read(value))


def _at(read: Callable[[Any], Any]) -> Callable[[Any, str], Any]:
    def convert(value: Any, path: str) -> Any:
        try:
            return read(value)
        except Misfit as misfit:
            raise Misfit(moved(misfit.problems, path)) from misfit

    return convert


def read_json(text: str) -> Any:
    """Decode a JSON text; raise `Misfit` for what is none, or has a key twice in one object."""
    try:
        value = decode_json(text, Any)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Misfit([Problem("$", f"the text is not valid JSON: {error}")]) from error
    twice: list[tuple[int, str]] = []

    def look(pairs: list[tuple[str, Any]]) -> Schema:
        made = dict(pairs)
        if len(made) < len(pairs):
            counts = Counter(key for key, _ in pairs)
            twice.extend((id(made), key) for key, count in counts.items() if count > 1)
        return made

    # Nothing else tells of such keys: msgspec takes the last one without a word.
    seen = json.loads(text, object_pairs_hook=look)
    if twice:
        paths = _paths(seen, {place for place, _ in twice})
        raise Misfit([Problem(paths.get(place, "$"), f"the key `{key}` is there twice") for place, key in twice])
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
    check_possible(schema, "the JSON Schema", "output")
    root, wrapped = rooted(schema)
    if not wrapped:  # that it is an object may be said by nothing but this
        validator = Validator(root)

    def convert(value: Any, path: str) -> Any:
        if problems := validator.problems(value, path):
            raise Misfit(problems)
        return value

    title = schema.get("title")
    return OutputType(title if isinstance(title, str) else "answer", schema, convert)


# What msgspec knows


class _MsgspecCheck:
    """Makes values by msgspec; it stops at the first problem, so the schema finds the others for a model to see."""

    def __init__(self, kind: Any, *, strict: bool) -> None:
        self._kind = kind
        self._strict = strict
        self._validator: Validator | None = None

    def __call__(self, value: Any, path: str) -> Any:
        try:
            return converted(value, self._kind, strict=self._strict)
        except Misfit as misfit:
            raise Misfit(self._problems(value, path, misfit)) from misfit

    def _problems(self, value: Any, path: str, misfit: Misfit) -> list[Problem]:
        found = moved(misfit.problems, path)
        error = misfit.__cause__
        theirs = not isinstance(error, msgspec.ValidationError) or isinstance(error.__cause__, Misfit)
        if not self._strict:
            return self._of_fields(value, path) or found
        if theirs:  # somebody else knows more of it than the schema says
            return found
        try:
            self._validator = self._validator or Validator(schema_of(self._kind))
        except InvalidRequest:  # a pattern as only Python has it
            return found
        problems = self._validator.problems(value, path)
        known = {problem.path for problem in problems}
        return [*(problem for problem in found if problem.path not in known), *problems]

    def _of_fields(self, value: Any, path: str) -> list[Problem]:
        """Return the problem of each argument, where the type is a Struct of them: a model mends them at once."""
        if not (isinstance(self._kind, type) and issubclass(self._kind, msgspec.Struct) and is_object(value)):
            return []
        config = self._kind.__struct_config__
        fields = {field.encode_name: field for field in msgspec.structs.fields(self._kind)}
        missing = [name for name, field in fields.items() if field.required and name not in value]
        problems = [Problem(path, f"Object missing required field `{name}`") for name in missing]
        for name, inner in value.items():
            if name in fields:
                try:
                    converted(inner, fields[name].type, strict=False)
                except Misfit as misfit:
                    problems += moved(misfit.problems, path_to(path, name))
            elif config.forbid_unknown_fields and name != config.tag_field:
                problems.append(Problem(path, f"Object contains unknown field `{name}`"))
        return problems


# Descriptions


def _described(schema: Schema, kind: Any) -> Schema:
    """Give the properties what their annotations and the class's docstring say of them.

    The class is left what is said of itself; a dataclass says its signature where nobody has said anything.
    """
    schema = {**schema}
    words = field_words(kind)
    for name, one in ((schema.get("title"), schema), *schema.get("$defs", {}).items()):
        properties = one.get("properties")
        if not is_object(properties):
            continue
        describe(properties, words.get(name, {}))
        if isinstance(said := one.get("description"), str):
            one["description"], told = parse_docstring(said, properties)
            describe(properties, told)
    return schema


def describe(properties: Schema, told: Mapping[str, str]) -> None:
    """Add what is said of each property, where its own type says nothing."""
    for name, said in told.items():
        if name in properties:
            properties[name].setdefault("description", said)
