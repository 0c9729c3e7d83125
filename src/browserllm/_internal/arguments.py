"""Type checks for the arguments of public classes and functions: a wrong one is rejected at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..errors import InvalidRequest

MAX_SHOWN = 80
"""How many characters of a wrong value an error shows."""


def shown(value: object) -> str:
    """Return a value for a message: its ``repr``, cut if it is long."""
    text = repr(value)
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 1] + "…"


def wrong(name: str, value: object, what: str, write: str) -> InvalidRequest:
    """Return the error for an argument that is not ``what``; ``write`` says what to write instead."""
    return InvalidRequest(f"{name}={shown(value)} is not {what}; {write}", parameter=name)


def check_kind(name: str, value: object, kind: type[Any] | tuple[type[Any], ...], what: str, *, write: str) -> None:
    """Raise `InvalidRequest` for an argument that is not of a ``kind``."""
    if not isinstance(value, kind):
        raise wrong(name, value, what, write)


def check_callable(name: str, value: object, *, write: str) -> None:
    """Raise `InvalidRequest` for an argument that is not a function."""
    if not callable(value):
        raise wrong(name, value, "a function", write)


def check_list(
    name: str, value: Any, what: str, *, write: str, each: Callable[[str, Any], None] | None = None
) -> list[Any]:
    """Return the items of a list (or another iterable) of ``what``; raise `InvalidRequest` for anything else.

    ``each`` checks one item, whose name is ``name[index]``. Text, bytes and mappings are not accepted as lists.
    """
    given: Any = value
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
        raise wrong(name, given, f"a list of {what}", write)
    items: list[Any] = [*given]
    for index, item in enumerate(items):
        if each is not None:
            each(f"{name}[{index}]", item)
    return items


def check_text(name: str, value: object, *, write: str) -> None:
    """Raise `InvalidRequest` for an argument that is neither text nor ``None``."""
    check_kind(name, value, (str, type(None)), "text", write=write)


def check_model(name: str, value: object, *, write: str = "write a model's name, as in 'pocket'") -> None:
    """Raise `InvalidRequest` for a model's name that is neither text nor ``None`` (the caller may reject ``None``)."""
    check_kind(name, value, (str, type(None)), "the name of a model", write=write)


def check_number(name: str, value: Any, what: str, fits: Callable[[Any], bool], *, optional: bool = False) -> None:
    """Raise `InvalidRequest` for an argument that is not a number, or that does not fit; ``what`` says what it must be.

    ``None`` is accepted if it is ``optional``.
    """
    if not (optional if value is None else is_number(value) and fits(value)):
        raise InvalidRequest(f"{name}={shown(value)} is out of range: it must be {what}", parameter=name)


def check_count(name: str, value: object, what: str, *, least: int, optional: bool = False) -> None:
    """Raise `InvalidRequest` for an argument that is not a whole number of at ``least`` this."""
    check_number(name, value, what, lambda number: isinstance(number, int) and number >= least, optional=optional)


def is_number(value: object) -> bool:
    """Whether a value is an int or a float; ``True`` and ``False`` are not."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)
