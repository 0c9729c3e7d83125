"""Support types that msgspec does not, and improve its errors for those that it does.

A type that msgspec does not support becomes a class with a schema and a function that reads values. msgspec reaches
these classes anywhere in a type through its two hooks.
"""

from __future__ import annotations

import collections
import collections.abc
import ipaddress
import pathlib
import typing
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, cast

import msgspec

from .._internal.msgspec_errors import Place, place_of
from ..errors import InvalidRequest
from .fields import advice_for
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


class _NoSchema(Exception):  # noqa: N818 (said as InvalidRequest)
    """A class that JSON cannot represent."""


def schema_of(kind: Any) -> Schema:
    """Return the JSON Schema of a type; raise `InvalidRequest` if it has none."""
    try:
        made, extra = _schema_of(kind, set())
        if extra.keys() & made.get("$defs", {}).keys():  # a class of a hook has the same name as one of msgspec's
            made, extra = _schema_of(kind, set(made["$defs"]))
    except InvalidRequest:
        raise
    except Exception as error:  # an annotation may be any expression, and raise anything
        name = kind.__name__ if isinstance(kind, type) and not typing.get_args(kind) else repr(kind)
        why = str(error)
        if isinstance(error, NameError):
            why += "; define the names in annotations in the module of their class"
        elif isinstance(error, TypeError) and (advice := advice_for(kind)):
            why += f". {advice}"
        raise InvalidRequest(f"{name!r} has no JSON Schema: {why}", parameter="output") from error
    return {**made, "$defs": made.get("$defs", {}) | extra} if extra else made


def _schema_of(kind: Any, taken: set[str]) -> tuple[Schema, Schema]:
    extra: Schema = {}

    def other(inner: type[Any]) -> Schema:
        try:
            schema = schema_of_other(inner)
        except NotImplementedError as error:  # msgspec's own error would be about this hook
            raise _NoSchema(f"{error}; use a str, a number or a data class instead") from None
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
        try:
            return decode_other(kind, value, strict=strict)
        except InvalidValue as invalid:
            raise CustomError(invalid) from invalid

    return msgspec.convert(value, kind, strict=strict, str_keys=True, dec_hook=other)


class CustomError(ValueError):
    """Carries the problems of a custom type through msgspec, which adds the place to the text."""

    def __init__(self, invalid: InvalidValue) -> None:
        super().__init__("")
        self.invalid = invalid


def _problems(value: Any, kind: Any, error: msgspec.ValidationError, *, strict: bool) -> list[Problem]:
    def is_same(value: Any) -> bool:
        """Whether another value fails with the same words at the same place."""
        try:
            _convert(value, kind, strict=strict)
        except msgspec.ValidationError as other:
            return str(other) == str(error)
        except Exception:
            return False
        return False

    place = place_of(error)
    path, name = _exact(place, value, is_same)
    if isinstance(error.__cause__, CustomError):
        return relocated(error.__cause__.invalid.problems, path)
    problem = Problem(path, place.reason)
    return [problem.of_key(path, name) if place.of_key else problem]


def _exact(place: Place, value: Any, is_same: Callable[[Any], bool]) -> tuple[str, str]:
    """Return the path, and the name of a key that does not fit, as far as they can be found.

    msgspec does not name the keys of a dict, but reports the first one that fails: a binary search finds it.
    """
    steps: list[str | int | None] = [*place.steps, *([None] if place.of_key else [])]
    if None not in steps:
        return place.path, ""
    taken: list[Any] = []
    attempts, path, here = _MAX_ATTEMPTS, "$", value
    for number, step in enumerate(steps):
        found: Any = step
        if step is None and is_object(here):
            keys = list(here)
            low, high = 1, len(keys)
            while low < high and attempts:
                attempts -= 1
                middle = (low + high) // 2
                if is_same(_replaced(value, taken, {key: here[key] for key in keys[:middle]})):
                    high = middle
                else:
                    low = middle + 1
            if not keys or not attempts:
                return path, ""
            found = keys[low - 1]
            if not is_same(_replaced(value, taken, {found: here[found]})):
                return path, ""
            if place.of_key and number == len(steps) - 1:
                return path, found
        elif not (
            (isinstance(step, str) and is_object(here) and step in here)
            or (isinstance(step, int) and is_list(here) and step < len(here))
        ):
            return path, ""
        taken.append(found)
        here = cast("Any", here)[found]
        path = path_to(path, found)
    return path, ""


def _replaced(value: Any, steps: list[Any], inner: Any) -> Any:
    """Return a copy of a value with another value at a path; only the containers on the path are copied."""
    if not steps:
        return inner
    copy: Any = dict(value) if is_object(value) else list(value)
    copy[steps[0]] = _replaced(copy[steps[0]], steps[1:], inner)
    return copy
