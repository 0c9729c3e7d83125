"""What ids and titles of conversations may be."""

from __future__ import annotations

import re

from ..errors import InvalidRequest
from .blank import is_blank
from .limits import MAX_TITLE_CHARS

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
    """Return whether a text can be the id of a conversation."""
    return _ID.fullmatch(text) is not None and text not in _OF_EVERY_OBJECT


def checked_title(title: str) -> str:
    """Return a title on one line. Raises `InvalidRequest` if it is too long."""
    title = "" if is_blank(title) else " ".join(title.split())
    if len(title) > MAX_TITLE_CHARS:
        raise InvalidRequest(
            f"the title has {len(title)} characters, over the limit of {MAX_TITLE_CHARS}; shorten it", parameter="title"
        )
    return title


def no_message(message: str) -> InvalidRequest:
    """Return the error for the id of a message that does not exist."""
    return InvalidRequest(
        f"there is no message {message!r} in this conversation; it may have been deleted", parameter="message"
    )
