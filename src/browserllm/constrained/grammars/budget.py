"""Limits for one schema: the work of reducing it, and the size of its grammar."""

from __future__ import annotations

from typing import Any, cast

MAX_WORK = 1_500_000
"""The units of work on one schema: a unit is about a microsecond."""
MAX_WRITTEN = 150_000
"""About how many characters a grammar may have: an engine compiles that many in a few seconds."""
MAX_NESTED = 64
"""How deeply lists and objects may be nested in a constant."""


class GrammarBudget:
    """The work and the room that are left. What exceeds them is left out of the grammar, and named."""

    def __init__(self) -> None:
        """Start with all of it."""
        self._work = MAX_WORK
        self._room = MAX_WRITTEN

    def work(self, units: int) -> bool:
        """Spend some work; return false, and spend nothing, if too little is left."""
        self._work -= units
        if self._work >= 0:
            return True
        self._work += units
        return False

    def room(self, characters: int) -> bool:
        """Reserve room in the grammar; return false, and reserve nothing, if too little is left."""
        self._room -= characters
        if self._room >= 0:
            return True
        self._room += characters
        return False


def size_of(values: list[Any]) -> int:
    """Estimate the size of constants as JSON, in characters; above `MAX_WRITTEN` if one is nested too deeply."""
    size = 0
    waiting: list[tuple[Any, int]] = [(value, 0) for value in reversed(values)]
    while waiting and size <= MAX_WRITTEN:
        one, depth = waiting.pop()
        if isinstance(one, str):
            size += len(one) + 2
        elif isinstance(one, (list, dict)):
            if depth >= MAX_NESTED:
                return MAX_WRITTEN + 1
            inner = cast("list[Any]", list(cast("dict[str, Any]", one).values()) if isinstance(one, dict) else one)
            size += 2 + 4 * len(inner) + (sum(map(len, cast("dict[str, Any]", one))) if isinstance(one, dict) else 0)
            waiting += ((part, depth + 1) for part in inner)
        else:
            size += 8
    return size
