"""Support types that msgspec does not, and improve its errors for those that it does.

A type that msgspec does not support becomes a class with a schema and a function that reads values. msgspec reaches
these classes anywhere in a type through its two hooks.
"""

from __future__ import annotations

import collections
import collections.abc
import ipaddress
import pathlib
import re
import typing
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, cast

import msgspec

from ..errors import InvalidRequest
from .problem import InvalidValue, Problem, is_list, is_object, path_to, relocated
from .pydantic_types import decode_model, is_model, model_schema

Schema = dict[str, Any]

_TEXTS: Mapping[type, str] = {
    ipaddress.IPv4Address: "ipv4",
    ipaddress.IPv6Address: "ipv6",
    ipaddress.IPv4Network: "ipv4network",
    ipaddress.IPv6Network: "ipv6network",
    ipaddress.IPv4Interface: "ipv4interface",
    ipaddress.IPv6Interface: "ipv6interface",
}
"""Classes that are constructed from a string, and their format; for paths see `_text_format`."""

LISTS: Mapping[type, Callable[[Any], Any]] = {
    collections.deque: collections.deque,
    collections.abc.Iterable: list,
    collections.abc.Iterator: iter,
    collections.abc.Reversible: list,
    collections.abc.Container: list,
}
MAPS: Mapping[type, Callable[[Any], Any]] = {
    collections.OrderedDict: collections.OrderedDict,
    collections.defaultdict: lambda made: collections.defaultdict(None, made),
    collections.Counter: collections.Counter,
}
"""Collections that msgspec does not support, and how to make one from a list or a dict."""

_PLACE = re.compile(r" - at `(?=\$)")
_KEY = re.compile(r" - at `key` in `(?=\$)")
_STEP = re.compile(r"\[(\d+|\.\.\.)\]|\.([^.\[]+)")
_MAX_ATTEMPTS = 200
"""How often a value may be converted again to find the key at which it does not fit."""


class _Anything(type):
    """Accepts every instance: msgspec checks the type of what a hook returns, but `CustomType.read` decides here."""

    def __instancecheck__(cls, instance: Any) -> bool:
        return True


class CustomType(metaclass=_Anything):
    """A type with a schema, and a function that reads a decoded value or raises `InvalidValue`."""

    schema: ClassVar[Callable[[], Schema]]
    read: ClassVar[Callable[[Any, bool], Any]]


def custom(name: str, schema: Callable[[], Schema], read: Callable[[Any, bool], Any]) -> type[CustomType]:
    """Return a type; ``read`` gets the decoded value and ``strict``, which rejects ``"5"`` for a 5."""
    return cast(
        "type[CustomType]", _Anything(name, (CustomType,), {"schema": staticmethod(schema), "read": staticmethod(read)})
    )


def schema_of_other(kind: Any) -> Schema:
    """Return the schema of a type for msgspec's hook; raise NotImplementedError for unknown types."""
    if _is_custom(kind):
        return dict(kind.schema())
    if name := _text_format(kind):
        return {"type": "string", "format": name}
    if kind in LISTS:
        return {"type": "array"}
    if kind in MAPS:
        return {"type": "object"}
    return model_schema(kind)


def decode_other(kind: Any, value: Any, *, strict: bool) -> Any:
    """Convert a decoded JSON value to a type for msgspec's hook."""
    if _is_custom(kind):
        return kind.read(value, strict)
    if _text_format(kind):
        if not isinstance(value, str):
            raise InvalidValue([Problem("$", f"expected `str`, got `{_name_of(value)}`")])
        try:
            return kind(value)
        except ValueError as error:
            raise InvalidValue([Problem("$", str(error))]) from error
    origin, args = typing.get_origin(kind) or kind, typing.get_args(kind)
    if origin in LISTS:
        return LISTS[origin](converted(value, list[args[0]] if args else list, strict=strict))
    if origin in MAPS:
        args = (*args, int) if origin is collections.Counter and args else args
        return MAPS[origin](converted(value, dict[args] if args else dict, strict=strict))  # type: ignore[valid-type]
    return decode_model(kind, value)


def is_custom_type(kind: Any) -> bool:
    """Whether msgspec leaves this type to the hooks."""
    origin = typing.get_origin(kind) or kind
    return _is_custom(kind) or bool(_text_format(kind)) or origin in LISTS or origin in MAPS or is_model(kind)


def _is_custom(kind: Any) -> bool:
    return isinstance(kind, type) and type(kind) is _Anything


def _text_format(kind: Any) -> str:
    if isinstance(kind, type):
        return "path" if issubclass(kind, pathlib.PurePath) else _TEXTS.get(cast("Any", kind), "")
    return ""


def _name_of(value: Any) -> str:
    if value is None:
        return "null"
    return "object" if is_object(value) else "array" if is_list(value) else type(value).__name__


# Schemas


def schema_of(kind: Any) -> Schema:
    """Return the JSON Schema of a type; raise `InvalidRequest` if it has none."""
    try:
        made, extra = _schema_of(kind, set())
        if extra.keys() & made.get("$defs", {}).keys():  # a class of a hook has the same name as one of msgspec's
            made, extra = _schema_of(kind, set(made["$defs"]))
    except (TypeError, NotImplementedError, NameError, ValueError, RecursionError) as error:
        name = kind.__name__ if isinstance(kind, type) and not typing.get_args(kind) else repr(kind)
        why = _with_advice(str(error))
        if isinstance(error, NameError):
            why += "; define the names in annotations in the module of their class"
        raise InvalidRequest(f"{name!r} has no JSON Schema: {why}", parameter="output") from error
    return {**made, "$defs": made.get("$defs", {}) | extra} if extra else made


def _schema_of(kind: Any, taken: set[str]) -> tuple[Schema, Schema]:
    extra: Schema = {}

    def other(inner: type[Any]) -> Schema:
        schema = schema_of_other(inner)
        defined: Schema = schema.pop("$defs", {})
        if any(name in taken or extra.get(name, body) != body for name, body in defined.items()):
            new = {name: _free(name, {*taken, *extra, *defined}) for name in defined}
            schema = _renamed(schema, new)
            defined = {new[name]: _renamed(body, new) for name, body in defined.items()}
        extra.update(defined)
        return schema

    (root,), definitions = msgspec.json.schema_components([kind], schema_hook=other, ref_template="#/$defs/{name}")
    return {**root, "$defs": definitions} if definitions else dict(root), extra


def _free(name: str, taken: set[str]) -> str:
    number = 2
    while f"{name}_{number}" in taken:
        number += 1
    return f"{name}_{number}"


def _renamed(schema: Any, new: Mapping[str, str]) -> Any:
    if is_list(schema):
        return [_renamed(one, new) for one in schema]
    if not is_object(schema):
        return schema
    made = {key: _renamed(one, new) for key, one in schema.items()}
    ref = made.get("$ref")
    if isinstance(ref, str) and (name := ref.removeprefix("#/$defs/")) in new:
        made["$ref"] = f"#/$defs/{new[name]}"
    return made


def _with_advice(message: str) -> str:
    """Add advice to msgspec's message."""
    _, _, unknown = message.partition("\n\n")
    if "custom types" in message.lower() and unknown.lower().startswith("type ") and " is not supported" in unknown:
        name = unknown[len("type ") :].partition(" is not supported")[0]
        return f"JSON cannot represent {name}; use a str, a number or a data class instead"
    if "Literal may only contain" in message:
        return f"{message}. Write the values themselves, as in Literal['red'], or use the whole Enum as the type"
    if "unions may not contain more than one array-like" in message:
        return f"{message}. The JSON would not tell them apart. Keep one, or make them data classes"
    if "unions may not contain more than one" not in message and "all Struct types must be tagged" not in message:
        return message
    return (
        f"{message}. The JSON would not tell the classes apart. Give each a tag, as in "
        "'class Cat(msgspec.Struct, tag=True): ...' and 'class Dog(msgspec.Struct, tag=True): ...', "
        "or make them pydantic models"
    )


# Values and their errors


def converted(value: Any, kind: Any, *, strict: bool) -> Any:
    """Convert a decoded JSON value to a type; raise `InvalidValue` with the path at which it does not fit."""
    try:
        return _convert(value, kind, strict=strict)
    except msgspec.ValidationError as error:
        raise InvalidValue(_problems(value, kind, error, strict=strict)) from error
    except (RecursionError, UnicodeError) as error:  # nested too deeply for JSON, or a lone surrogate
        raise InvalidValue([Problem("$", f"the value cannot be read: {error}")]) from error
    except Exception as error:  # raised by a class of the caller for a value that it rejects
        raise InvalidValue([Problem("$", f"{type(error).__name__}: {error}")]) from error


def _convert(value: Any, kind: Any, *, strict: bool) -> Any:
    def other(kind: Any, value: Any) -> Any:
        return decode_other(kind, value, strict=strict)

    return msgspec.convert(value, kind, strict=strict, str_keys=True, dec_hook=other)


def _problems(value: Any, kind: Any, error: msgspec.ValidationError, *, strict: bool) -> list[Problem]:
    def error_for(value: Any) -> str:
        try:
            _convert(value, kind, strict=strict)
        except msgspec.ValidationError as other:
            return str(other)
        except Exception:
            return ""
        return ""

    cause = error.__cause__
    if isinstance(cause, InvalidValue):  # from a custom type, with relative paths
        start = _exact(_problem(str(error).removeprefix(str(cause))), value, str(error), error_for).path
        return relocated(cause.problems, start)
    text = str(error)
    message = text if cause else text[:1].lower() + text[1:]  # msgspec's own messages begin with a capital
    return [_exact(_problem(message), value, text, error_for)]


class _KeyProblem(Problem):
    """A problem with a key, whose name is not known yet."""

    def of_key(self, path: str, name: str = "") -> Problem:
        """Return the problem in full."""
        return Problem(path, f"the key {f'`{name}` ' if name else ''}cannot be used: {self.message}")


def _problem(message: str) -> Problem:
    """Split the path from msgspec's message."""
    if message.endswith("`"):
        if found := _KEY.search(message):
            return _KeyProblem(f"{message[found.end() : -1]}[...]", message[: found.start()])
        if found := _PLACE.search(message):
            return Problem(message[found.end() : -1], message[: found.start()])
    return Problem("$", message)


def _exact(problem: Problem, value: Any, message: str, error_for: Callable[[Any], str]) -> Problem:
    """Replace msgspec's ``[...]`` by the key, with a binary search: msgspec reports the first key that fails."""
    if "[...]" not in problem.path:
        return problem
    steps: list[Any] = []
    plain = Problem("$", problem.message) if not isinstance(problem, _KeyProblem) else problem.of_key("$")
    attempts, at, path = _MAX_ATTEMPTS, 1, "$"
    here = value
    parts = list(_STEP.finditer(problem.path, at))
    for number, part in enumerate(parts):
        index, name = part[1], part[2]
        if index == "..." and is_object(here):
            keys = list(here)
            low, high = 1, len(keys)
            while low < high and attempts:
                attempts -= 1
                middle = (low + high) // 2
                some = {key: here[key] for key in keys[:middle]}
                if error_for(_replaced(value, steps, some)) == message:
                    high = middle
                else:
                    low = middle + 1
            if (
                not keys
                or not attempts
                or error_for(_replaced(value, steps, {keys[low - 1]: here[keys[low - 1]]})) != message
            ):
                return plain._replace(path=path)
            step: Any = keys[low - 1]
            if isinstance(problem, _KeyProblem) and number == len(parts) - 1:
                return problem.of_key(path, step)
        elif name and is_object(here) and name in here:
            step = name
        elif index and index != "..." and is_list(here) and int(index) < len(here):
            step = int(index)
        else:
            return plain._replace(path=path)
        steps.append(step)
        here = cast("Any", here)[step]
        path = path_to(path, step)
    return plain._replace(path=path)


def _replaced(value: Any, steps: list[Any], inner: Any) -> Any:
    """Return a copy of a value with another value at a path; only the containers on the path are copied."""
    if not steps:
        return inner
    copy: Any = dict(value) if is_object(value) else list(value)
    copy[steps[0]] = _replaced(copy[steps[0]], steps[1:], inner)
    return copy
