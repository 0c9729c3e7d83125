"""What one schema may cost: work while it is reduced, and characters of the grammar that comes of it."""

from __future__ import annotations

from typing import Any, cast

MAX_WORK = 1_500_000
"""The units of work on one schema: a unit is about a microsecond."""
MAX_WRITTEN = 150_000
"""About how many characters a grammar may have: an engine takes some seconds for as many."""
MAX_NESTED = 64
"""How deep lists and objects may lie in each other in a constant."""


class Budget:
    """What is left. What cannot be afforded is left out of the grammar by name."""

    def __init__(self) -> None:
        """Start with all of it."""
        self._work = MAX_WORK
        self._room = MAX_WRITTEN

    def work(self, units: int) -> bool:
        """Take some work; false, and nothing taken, where not as much is left."""
        self._work -= units
        if self._work >= 0:
            return True
        self._work += units
        return False

    def room(self, characters: int) -> bool:
        """Take room in the grammar; false, and nothing taken, where not as much is left."""
        self._room -= characters
        if self._room >= 0:
            return True
        self._room += characters
        return False


def size_of(values: list[Any]) -> int:
    """Return about how many characters constants have as JSON; more than there is room for where one nests too deep."""
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
