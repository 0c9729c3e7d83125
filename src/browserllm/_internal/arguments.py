"""What the public classes and functions ask of the types of their arguments: a wrong one is refused at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import InvalidRequest

MAX_SHOWN = 80
"""How many characters of a wrong value an error shows."""


def shown(value: object) -> str:
    """Return a value for a message: its ``repr``, cut where it gets long."""
    text = repr(value)
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 1] + "…"


def check_kind(name: str, value: object, kind: type[Any] | tuple[type[Any], ...], what: str, *, write: str) -> None:
    """Raise `InvalidRequest` for an argument that is not of a ``kind``: it is not ``what`` was expected.

    ``write`` says what to write instead.
    """
    if not isinstance(value, kind):
        raise InvalidRequest(f"{name}={shown(value)} is not {what}; {write}", parameter=name)


def check_list(name: str, value: object, what: str, *, write: str) -> None:
    """Raise `InvalidRequest` for an argument that is not a list (or another iterable) of ``what``."""
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
        raise InvalidRequest(f"{name}={shown(value)} is not a list of {what}; {write}", parameter=name)


def check_model(name: str, value: object, *, write: str = "write its name, as in 'pocket'") -> None:
    """Raise `InvalidRequest` for a model's name that is not text, or is empty; ``None`` is for the caller to refuse."""
    if value is not None and not (isinstance(value, str) and value):
        raise InvalidRequest(f"{name}={shown(value)} is not the name of a model; {write}", parameter=name)
