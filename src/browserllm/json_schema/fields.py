"""The classes inside a type, their fields, and what in a type has no JSON Schema."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Any, cast

import msgspec

from .pydantic_types import is_model

TAGS = (
    "The JSON would not tell the classes apart. Give each a tag, as in "
    "'class Cat(msgspec.Struct, tag=True): ...' and 'class Dog(msgspec.Struct, tag=True): ...', "
    "or make them pydantic models"
)
LISTS_ALIKE = "The JSON would not tell them apart. Keep one, or make them data classes"
LITERALS = "Write the values themselves, as in Literal['red'], or use the whole Enum as the type"


def types_in(kind: Any) -> Iterator[Any]:
    """Yield a type, its type arguments, and those of the fields of all its classes, each once."""
    waiting, seen = [kind], dict[int, Any]()
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen[id(one)] = one
        yield one
        waiting += typing.get_args(one)
        if type(one).__name__ == "TypeAliasType":
            waiting.append(one.__value__)
        if hasattr(one, "__supertype__"):
            waiting.append(one.__supertype__)
        waiting += _hints(one).values()


def fields_of(kind: Any) -> Iterator[tuple[type[Any], str, Any]]:
    """Yield the fields of all classes in a type, with their type hints."""
    for one in types_in(kind):
        encoded: dict[str, str] = {}
        if isinstance(one, type) and issubclass(one, msgspec.Struct):
            encoded = dict(zip(one.__struct_fields__, one.__struct_encode_fields__, strict=True))
        for name, hint in _hints(one).items():
            yield one, encoded.get(name, name), hint


def _hints(one: Any) -> dict[str, Any]:
    if not (isinstance(one, type) and hasattr(one, "__annotations__")) or is_model(one):
        return {}
    try:
        return typing.get_type_hints(cast("Any", one), include_extras=True)
    except Exception:  # an annotation is any expression; making the schema raises a better error
        return {}


def advice_for(kind: Any) -> str:
    """Return what to write instead of the first part of a type that msgspec refuses, or an empty text.

    msgspec refuses a Literal of other values than JSON's, and a union whose JSON does not say which type it is.
    """
    for one in types_in(kind):
        origin, args = typing.get_origin(one), typing.get_args(one)
        if origin is typing.Literal and not all(isinstance(value, (str, int, type(None))) for value in args):
            return LITERALS
        if origin in (typing.Union, types.UnionType):
            alternatives = [_bare(each) for each in args]
            if sum(map(_is_array, alternatives)) > 1:
                return LISTS_ALIKE
            objects = [each for each in alternatives if _is_object(each)]
            if len(objects) > 1 and not all(map(_is_tagged, objects)):
                return TAGS
    return ""


def _bare(kind: Any) -> Any:
    """Return a type without its annotations and type arguments."""
    while typing.get_origin(kind) is typing.Annotated or hasattr(kind, "__supertype__"):
        kind = typing.get_args(kind)[0] if typing.get_args(kind) else kind.__supertype__
    return typing.get_origin(kind) or kind


def _is_array(kind: Any) -> bool:
    if _is(kind, msgspec.Struct):
        return kind.__struct_config__.array_like
    return _is(kind, Sequence, Set) and not _is(kind, str, bytes, bytearray, memoryview)


def _is_object(kind: Any) -> bool:
    if _is(kind, msgspec.Struct):
        return not kind.__struct_config__.array_like
    return dataclasses.is_dataclass(kind) or _is(kind, Mapping)


def _is_tagged(kind: Any) -> bool:
    return _is(kind, msgspec.Struct) and kind.__struct_config__.tag is not None


def _is(kind: Any, *classes: type[Any]) -> bool:
    return isinstance(kind, type) and issubclass(cast("Any", kind), classes)
