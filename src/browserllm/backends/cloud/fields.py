"""Reads the fields of an answer's JSON one by one, so that one malformed field does not affect the others.

Texts and tool calls must have the right type, else `ProtocolError` is raised: part of the answer would be lost
silently. Other fields (counts, ids, names, reasons) are ignored if they are malformed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, TypeVar, cast

import msgspec

from ..._internal.nesting import check_depth
from ...errors import ProtocolError
from ..split_characters import whole_value
from .failures import quote

T = TypeVar("T", bound=msgspec.Struct)


def shape(value: Any, kind: type[T]) -> T:
    """Return the object's fields as a Struct whose fields are all ``Any``; an empty one if it is not an object."""
    return msgspec.convert(value if isinstance(value, dict) else {}, kind)


def words_of(value: Any, where: str) -> str:
    """Return a text of the answer, ``""`` for null; raises `ProtocolError` that names ``where`` for anything else."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    raise _unexpected(value, where, "a text")


def objects_of(value: Any, where: str) -> list[dict[str, Any]]:
    """Return the objects of a list, without its nulls; one alone counts as a list.

    Raises `ProtocolError` that names ``where`` for anything else.
    """
    if value is None:
        return []
    if isinstance(value, dict):
        return [cast("dict[str, Any]", value)]
    items = cast("list[Any]", value) if isinstance(value, list) else [value]
    objects = [each for each in items if each is not None]
    for each in objects:
        if not isinstance(each, dict):
            raise _unexpected(each, where, "an object")
    return objects


def entries_of(value: Any) -> list[dict[str, Any]]:
    """Return the objects in a list and skip everything else; for lists that are not part of the answer itself."""
    items = cast("list[Any]", value) if isinstance(value, list) else []
    return [each for each in items if isinstance(each, dict)]


def name_of(value: Any) -> str:
    """Return an id, a name or a reason as a text: numbers are written out, all else is ``""``."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else ""


def says_something(value: Any) -> bool:
    """Return whether a value is not empty: servers add empty errors (``{"message": "", "code": null}``) to answers."""
    if isinstance(value, dict):
        return any(says_something(each) for each in cast("dict[str, Any]", value).values())
    if isinstance(value, list):
        return any(says_something(each) for each in cast("list[Any]", value))
    return bool(value.strip()) if isinstance(value, str) else bool(value)


def json_text(value: Any) -> str:
    """Return the value as JSON; half a character, which no text may hold, becomes a replacement character."""
    return msgspec.json.encode(whole_value(value)).decode()


def json_texts(text: str) -> tuple[list[Any], str]:
    """Return the JSON values of a body and what is left where it breaks off.

    A body may be one value, several in a row or on a line each, or a list of them that came in pieces: for what is no
    whole JSON value, the items of its outermost list are given as far as they go. Raises RecursionError for JSON that
    is nested too deeply.
    """
    check_depth(text)
    values, at = list[Any](), 0
    scan = json.JSONDecoder().raw_decode
    for lead in (" \t\r\n", " \t\r\n,["):
        values.clear()
        at = 0
        while (at := _skip(text, at, lead)) < len(text):
            try:
                value, at = scan(text, at)
            except ValueError:
                break
            values.append(value)
        if values or at >= len(text):
            break
    return values, text[at:].strip().removesuffix("]").strip()


def _skip(text: str, at: int, passed_over: str) -> int:
    while at < len(text) and text[at] in passed_over:
        at += 1
    return at


def each_value(values: list[Any]) -> Iterator[Any]:
    """Give values, and those of a list among them one by one, without nulls."""
    for value in values:
        for each in cast("list[Any]", value) if isinstance(value, list) else [value]:
            if each is not None:
                yield each


def _unexpected(value: Any, where: str, expected: str) -> ProtocolError:
    return ProtocolError(
        f"an event of the stream is not valid ({where} is not {expected}): {quote(json_text(value), 200)}; "
        "check that base_url is this API's"
    )
