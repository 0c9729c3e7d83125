"""Where a value does not fit its type, by the errors of msgspec.

msgspec has the place in the text of its error, and nowhere else. This is the only code that reads that text;
`tests/unit/_internal/test_msgspec_contract.py` says which assumption broke when another msgspec is used.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import msgspec

_VALUE = re.compile(r" - at `(?=\$)")
_KEY = re.compile(r" - at `key` in `(?=\$)")
_STEP = re.compile(r"\[(\d+|\.\.\.)\]|\.([^.\[]+)")


class Place(NamedTuple):
    """What msgspec says: ``reason`` are its words, ``path`` is where, like ``$.a[0][...]``.

    ``steps`` are those of the path: a field, an index, or ``None`` for a key of a dict, which msgspec does not name.
    With ``of_key`` a key of the dict at this place does not fit, and not its value.
    """

    reason: str
    path: str
    steps: tuple[str | int | None, ...]
    of_key: bool


def place_of(error: msgspec.ValidationError) -> Place:
    """Return what an error of msgspec says, with the words of the exception that caused it, if one did."""
    text = str(error)
    caused = len(str(error.__cause__)) if error.__cause__ is not None else 0
    for pattern in (_KEY, _VALUE) if text.endswith("`") else ():
        if found := pattern.search(text, caused):
            path = text[found.end() : -1]
            return Place(_lower(text[: found.start()], error), path, _steps(path), pattern is _KEY)
    return Place(_lower(text, error), "$", (), False)


def _lower(reason: str, error: msgspec.ValidationError) -> str:
    """Begin msgspec's own words in lower case, as our messages do; those of a cause stay."""
    return reason if error.__cause__ is not None else reason[:1].lower() + reason[1:]


def _steps(path: str) -> tuple[str | int | None, ...]:
    return tuple(step[2] or (None if step[1] == "..." else int(step[1])) for step in _STEP.finditer(path, 1))
