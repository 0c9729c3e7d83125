"""Equality of JSON values by a hashable key for each: linear in their size, however many are compared.

``1`` equals ``1.0``, and neither equals ``true``; the order of an object's names does not matter.
"""

from __future__ import annotations

from typing import Any, cast

Key = Any
"""A text, a tuple, or the number given to a list or an object."""

_ALONE = (type(None), bool)


class Keys:
    """The keys of values. Lists and objects are numbered in order of arrival; those of ``known`` keep their numbers.

    Values must stay alive and unchanged while their keys are in use: a list is recognized by its ``id``.
    """

    def __init__(self, known: Keys | None = None, *, ordered: bool = False) -> None:
        """Start from ``known``, which must get no more values; with ``ordered``, the order of names matters."""
        self._ordered = ordered
        self._known = known
        self._first: int = known._first + len(known._numbers) if known else 0
        self._numbers: dict[Key, int] = {}
        self._kept: dict[int, tuple[Any, int]] = {}

    def of(self, value: Any) -> Key:
        """Return the key of a JSON value: equal values have equal keys, different values have different keys."""
        if isinstance(value, str):
            return value
        if isinstance(value, _ALONE):
            return (value,)
        if isinstance(value, (int, float)):
            # As text, whose hash is unpredictable: it is easy to construct numbers whose hashes collide.
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
        """Return the number of a list or an object with these contents, or ``None`` if it is new."""
        return self._numbers.get(inner)
