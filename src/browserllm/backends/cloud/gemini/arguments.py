"""A call's arguments in pieces, as Gemini streams them with ``streamFunctionCallArguments``.

Each piece has a value and where it goes, as a JSON path: ``{"jsonPath": "$.items[0].name", "stringValue": "Os"}``; a
text that comes in several pieces is put together. See ``PartialArg`` in the official SDK (``google.genai.types``).
"""

from __future__ import annotations

import re
from typing import Any, cast

from ...._internal.nesting import MAX_DEPTH
from ..fields import json_text, name_of

_STEP = re.compile(
    r"""\.?(?:(?P<name>[^.\[\]'"\s]+)|\[(?P<index>\d{1,5})\]|\['(?P<single>(?:[^'\\]|\\.)*)'\]|\["(?P<double>(?:[^"\\]|\\.)*)"\])"""
)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)

_MAX_GAP = 100
"""How many items of a list a piece may leave out."""


class PartialArguments:
    """The arguments of one call, as far as they have come."""

    def __init__(self) -> None:
        """Start with none."""
        self._value: dict[str, Any] = {}
        self._texts: dict[tuple[str | int, ...], list[str]] = {}

    def add(self, piece: dict[str, Any]) -> None:
        """Put a piece in its place; one without a place, or without a value, changes nothing."""
        path = _steps(name_of(piece.get("jsonPath")))
        if not path:
            return
        if isinstance(text := piece.get("stringValue"), str):
            self._texts.setdefault(path, []).append(text)
            self._put(path, "")
        elif (number := piece.get("numberValue")) is not None:
            self._put(path, number)
        elif (boolean := piece.get("boolValue")) is not None:
            self._put(path, boolean)
        elif "nullValue" in piece:
            self._put(path, None)

    def text(self, *, whole: bool = True) -> str:
        """Return the arguments as JSON; those that are not whole lack their end, as JSON that broke off does."""
        for path, pieces in self._texts.items():
            self._put(path, "".join(pieces))
        text = json_text(self._value)
        return text if whole else text.removesuffix("}")

    def _put(self, path: tuple[str | int, ...], value: Any) -> None:
        place: Any = self._value
        for step, after in zip(path, (*path[1:], None), strict=True):
            inner: Any = value if after is None else [] if isinstance(after, int) else {}
            if isinstance(step, int) and isinstance(place, list):
                items = cast("list[Any]", place)
                if step > len(items) + _MAX_GAP:
                    return
                items += [None] * (step + 1 - len(items))
                if after is None or not isinstance(items[step], type(inner)):
                    items[step] = inner
                place = items[step]
            elif isinstance(step, str) and isinstance(place, dict):
                fields = cast("dict[str, Any]", place)
                if after is None or not isinstance(fields.get(step), type(inner)):
                    fields[step] = inner
                place = fields[step]
            else:
                return


def _steps(path: str) -> tuple[str | int, ...]:
    """Return the names and indexes of a JSON path, none where it is not a plain one."""
    at, steps = len("$") if path.startswith("$") else 0, list[str | int]()
    while at < len(path) or not steps:
        found = _STEP.match(path, at)
        if found is None:
            return ()
        at = found.end()
        if found["index"] is not None:
            steps.append(int(found["index"]))
        else:
            quoted = found["single"] if found["single"] is not None else found["double"]
            steps.append(found["name"] if quoted is None else _ESCAPED.sub(r"\1", quoted))
    return tuple(steps) if len(steps) < MAX_DEPTH and isinstance(steps[0], str) else ()
