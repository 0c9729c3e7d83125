"""The identity of a backend or a policy, for caches: no answer of one backend is returned for another."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from ..types import ChatRequest

Hashed = Callable[[str], str]
"""Turns a secret into a hash that distinguishes it from others without revealing it."""


def identity_of(thing: object, request: ChatRequest, hashed: Hashed) -> list[Any]:
    """Return JSON that distinguishes ``thing`` (a backend, a policy) from all others that could answer differently.

    Only a class's own ``identity`` method counts, not an inherited one: a subclass may behave in any way. A class
    without one is identified by the object itself and by all the metadata of the request, because it may read them.
    """
    kind = type(thing)
    name = f"{kind.__module__}.{kind.__qualname__}"
    stated: Any = vars(kind).get("identity")
    # A method replaced on this object may also do anything.
    replaced = any(callable(getattr(kind, each, None)) for each in getattr(thing, "__dict__", ()))
    if stated is not None and not replaced:
        return [name, stated(thing, request, hashed)]
    return [name, own_identity(thing), {key: value for key, value in request.metadata.items() if key != "cache"}]


def own_identity(thing: object) -> str:
    """Return an id that no other object has, in this program or another, and that stays the same for this object."""
    # A copy has the attributes of its original, but is another object.
    known: Any = getattr(thing, "_own_identity", None)
    if isinstance(known, tuple) and known[0] == id(thing):
        return str(known[1])  # pyright: ignore[reportUnknownArgumentType]
    made = os.urandom(16).hex()
    # An object that takes no attributes gets a new id each time, so it shares no answers even with itself.
    with suppress(AttributeError, TypeError):
        object.__setattr__(thing, "_own_identity", (id(thing), made))
    return made
