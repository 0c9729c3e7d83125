"""Checks of the options of the router and the middleware."""

from __future__ import annotations

from ..._internal.arguments import is_number
from ...errors import InvalidRequest


def check(name: str, value: object, allowed: bool, what: str) -> None:
    """Raise `InvalidRequest` for an option, unless it is ``allowed``; ``what`` says what it must be."""
    if not allowed:
        raise InvalidRequest(f"{name}={value!r} is not valid: it must be {what}", parameter=name)


def check_above_0(**options: float | None) -> None:
    """Raise `InvalidRequest` for the first option that is neither ``None`` nor above 0."""
    for name, value in options.items():
        check(name, value, value is None or (is_number(value) and value > 0), "above 0, or None")
