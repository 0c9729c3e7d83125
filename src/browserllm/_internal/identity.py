"""What tells one backend's answers from another's: for whatever keeps answers, so that none is given for another's."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from ..types import ChatRequest

Hashed = Callable[[str], str]
"""Makes of a secret what tells it from others and does not give it away."""


def identity_of(thing: object, request: ChatRequest, hashed: Hashed) -> list[Any]:
    """Return as JSON what tells ``thing`` (a backend, a policy) from all others that would answer otherwise.

    Only what a class says of itself counts: a subclass may do anything, and says nothing by what it inherits. One that
    says nothing is told by the object alone, and by all the metadata of the request, which it may read.
    """
    kind = type(thing)
    name = f"{kind.__module__}.{kind.__qualname__}"
    stated: Any = vars(kind).get("identity")
    # A method that was put in its place on this object may do anything, too.
    replaced = any(callable(getattr(kind, each, None)) for each in getattr(thing, "__dict__", ()))
    if stated is not None and not replaced:
        return [name, stated(thing, request, hashed)]
    return [name, own_identity(thing), {key: value for key, value in request.metadata.items() if key != "cache"}]


def own_identity(thing: object) -> str:
    """Return what no other object has, in this program or another; the same as long as the object lasts."""
    # A copy has the attributes of what it was copied from, and is another one.
    known: Any = getattr(thing, "_own_identity", None)
    if isinstance(known, tuple) and known[0] == id(thing):
        return str(known[1])  # pyright: ignore[reportUnknownArgumentType]
    made = os.urandom(16).hex()
    # Where nothing can be kept on it, it is another one each time, and shares nothing even with itself.
    with suppress(AttributeError, TypeError):
        object.__setattr__(thing, "_own_identity", (id(thing), made))
    return made
