"""Whether JSON values are the same, told by a key each: linear in their size, however many are compared.

``1`` is ``1.0``, and neither is ``true``; the order of an object's names does not count.
"""

from __future__ import annotations

from typing import Any, cast

Key = Any
"""A text, a tuple, or the number of a list or an object."""

_ALONE = (type(None), bool)


class Keys:
    """The keys of values. Lists and objects are numbered as they come; those of ``known`` keep their numbers.

    Values must not change, or end, as long as their keys are asked for: a list is known again by its identity.
    """

    def __init__(self, known: Keys | None = None, *, ordered: bool = False) -> None:
        """Start from ``known``, which gets no more values from then on; ``ordered``, the order of names counts."""
        self._ordered = ordered
        self._known = known
        self._first: int = known._first + len(known._numbers) if known else 0
        self._numbers: dict[Key, int] = {}
        self._kept: dict[int, tuple[Any, int]] = {}

    def of(self, value: Any) -> Key:
        """Return the key of a JSON value: the same one for the same value, and another one for any other."""
        if isinstance(value, str):
            return value
        if isinstance(value, _ALONE):
            return (value,)
        if isinstance(value, (int, float)):
            # As text, whose hash nobody can foresee: numbers that hash alike are easily made.
            whole = isinstance(value, int) or value.is_integer()
            return ("number", f"{int(value):x}" if whole else repr(value))
        kept = self._kept.get(id(value))
        if kept is not None:
            return kept[1]
        number = self._number(self._inner(value))
        self._kept[id(value)] = value, number
        return number

    def _inner(self, value: Any) -> Key:
        if isinstance(value, (list, tuple)):
            return tuple(map(self.of, cast("list[Any]", value)))
        if isinstance(value, dict):
            pairs = [(name, self.of(inner)) for name, inner in cast("dict[str, Any]", value).items()]
            return ("in order", *pairs) if self._ordered else frozenset(pairs)
        return ("other", repr(value))

    def _number(self, inner: Key) -> int:
        if self._known is not None:
            found = self._known.find(inner)
            if found is not None:
                return found
        return self._numbers.setdefault(inner, self._first + len(self._numbers))

    def find(self, inner: Key) -> int | None:
        """Return the number of a list or an object by what it has, where it is known."""
        return self._numbers.get(inner)
