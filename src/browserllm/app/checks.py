"""What ids, titles and names may be, in every room."""

from __future__ import annotations

import re

from ..errors import InvalidRequest
from .blank import is_blank
from .limits import MAX_MODEL_CHARS, MAX_NAME_CHARS, MAX_TITLE_CHARS

_ID = re.compile(r"[A-Za-z0-9_-]{1,48}")
_OF_EVERY_OBJECT = frozenset(
    [
        "__proto__",
        "__defineGetter__",
        "__defineSetter__",
        "__lookupGetter__",
        "__lookupSetter__",
        "constructor",
        "hasOwnProperty",
        "isPrototypeOf",
        "propertyIsEnumerable",
        "toLocaleString",
        "toString",
        "valueOf",
    ]
)
"""Names that every object in JavaScript has; ids are keys of objects in pages."""


def is_id(text: str) -> bool:
    """Return whether a text can be the id of a conversation, a message, a cloud, a preset or an agent."""
    return _ID.fullmatch(text) is not None and text not in _OF_EVERY_OBJECT


def checked_id(id: str) -> str:  # noqa: A002 (what all rooms call it)
    """Return an id. Raises `InvalidRequest` if it is not valid."""
    if not is_id(id):
        raise InvalidRequest(
            f"id={id[:80]!r} is not valid; use 1 to 48 letters, digits, '_' and '-', and no name that every object in "
            "JavaScript has",
            parameter="id",
        )
    return id


def checked_model_id(id: str) -> str:  # noqa: A002
    """Return the id of a custom model. Raises `InvalidRequest` if it is not valid.

    It may be the name of a folder, or a name with slashes, as hubs have it.
    """
    checked_length("id", id, MAX_MODEL_CHARS, "id of the model")
    if is_blank(id) or not id.isprintable() or id in _OF_EVERY_OBJECT or id.startswith("cloud:"):
        raise InvalidRequest(
            f"id={id!r} is not valid; use a name that can be seen, does not begin with 'cloud:', and is no name that "
            "every object in JavaScript has",
            parameter="id",
        )
    return id


def checked_title(title: str) -> str:
    """Return a title on one line. Raises `InvalidRequest` if it is too long."""
    return checked_length("title", on_one_line(title), MAX_TITLE_CHARS)


def checked_folder(folder: str) -> str | None:
    """Return the name of a folder on one line, or ``None`` for none. Raises `InvalidRequest` if it is too long."""
    return checked_length("folder", on_one_line(folder), MAX_NAME_CHARS) or None


def on_one_line(text: str) -> str:
    """Return a text on one line; a blank one is empty."""
    return "" if is_blank(text) else " ".join(text.split())


def checked_length(parameter: str, text: str, limit: int, what: str | None = None) -> str:
    """Return a text, ``what`` it is called in the error. Raises `InvalidRequest` if it is too long."""
    if len(text) > limit:
        raise InvalidRequest(
            f"the {what or parameter} has {len(text)} characters, over the limit of {limit}; shorten it",
            parameter=parameter,
        )
    return text


def no_message(message: str) -> InvalidRequest:
    """Return the error for the id of a message that does not exist."""
    return InvalidRequest(
        f"there is no message {message!r} in this conversation; it may have been deleted", parameter="message"
    )
