"""Finds the object in an answer, while it streams and at its end.

`PartialJson` finds objects among thoughts, fences and sentences. This module chooses one: the first that is of the
type, or else the only value of the type that a model wrapped in another object.
"""

from __future__ import annotations

import re
from typing import Any, Generic, TypeVar, cast

from .._internal.nesting import decode_json
from ..json_schema.object_root import WRAPPER
from ..json_schema.partial import MISSING, PartialJson
from ..json_schema.problem import InvalidValue, Problem, is_list, is_object
from ..json_schema.types import OutputType, read_json
from ..reasoning import CLOSING_MARKERS

T = TypeVar("T")

_UP_TO_AN_END = re.compile(r"[^}\])`\n\r>▷]*[}\])`\n\r>▷]?")
"""A piece of text up to a character that may end an object or a thought."""
_LATE, _LATE_FROM = 256, 4096
"""A value longer than ``_LATE_FROM`` characters is shown each time it is 1/``_LATE`` longer, and at its end; otherwise
the work would grow with the square of its length."""
_MOST_TRIED = 8
_LONGEST_END = max(map(len, CLOSING_MARKERS))
_FENCED = re.compile(r"```[\w+-]*[ \t]*\n?(.*?)(?:```|\Z)", re.DOTALL)


class AnswerReader(Generic[T]):
    """Reads one answer, in pieces of any size.

    ``value`` is the partial value, `MISSING` until there is one. ``starts`` is the number of objects begun so far.
    """

    def __init__(self, output: OutputType[T]) -> None:
        """Read an answer of this type."""
        self.output = output
        self.value: Any = MISSING
        self.starts = 1
        self._partial = PartialJson()
        self._texts: list[str] = []
        self._tail = ""
        self._chars = self._unseen = 0  # of the object, and those of them that came since it was looked at
        self._stale = False
        self._results: list[T] = []
        self._thoughts: list[T] = []
        self._invalid: InvalidValue | None = None
        self._invalid_is_meant = False
        self._tried: list[str] = []  # objects that are not of the type

    @property
    def whole(self) -> bool:
        """Whether a complete object of the type was found."""
        return bool(self._results)

    def feed(self, text: str) -> bool:
        """Read more text; return whether `value` may have changed."""
        self._texts.append(text)
        changed = False
        for piece in _UP_TO_AN_END.findall(text):
            if not self.whole:
                self._stale = self._partial.feed(piece) or self._stale
                if self._stale or self._chars:  # not the text before the object
                    self._chars += len(piece)
                    self._unseen += len(piece)
                if self._stale and self._may_look():
                    self._stale = False
                    changed = self._look() or changed
                if self._partial.complete:
                    changed = self._try(self._partial.text or "") or changed
                    if not self.whole:
                        self._begin()
            self._tail = (self._tail + piece[-_LONGEST_END:])[-_LONGEST_END:].lower()
            if self._tail.endswith(CLOSING_MARKERS) and (self.whole or self._partial.value is MISSING):
                # The template may have opened the thinking, so that all text so far was a thought.
                self._thoughts, self._results, self._invalid = self._results or self._thoughts, [], None
                self._invalid_is_meant = False
                self._begin()
        return changed

    def finish(self) -> T:
        """Return the object, at the end of the answer. Raises `InvalidValue` if it has no value of the type."""
        if not self.whole and self._partial.finish():
            self._try(self._partial.text or "")
        if not self.whole and self.output.wrapped:
            self._try_bare("".join(self._texts))
        self._results = self._results or self._thoughts
        if not self.whole:
            self._try_within("".join(self._texts).strip())
        if self._results:
            return self._results[0]
        raise self._invalid or InvalidValue(self._partial.problems)

    def _begin(self) -> None:
        self._partial = PartialJson()
        self._chars = self._unseen = 0
        self._stale = False
        self.starts += 1

    def _may_look(self) -> bool:
        """Return whether to look at the partial value now; looking copies it, so long ones are looked at less often."""
        if self._unseen * _LATE < self._chars - _LATE_FROM:
            return False
        self._unseen = 0
        return True

    def _look(self) -> bool:
        whole = self._partial.value
        value = MISSING if whole is MISSING else self.output.unwrap(whole, MISSING)
        # The wrapper object may have other fields, which are not shown.
        if value is MISSING or (self.output.wrapped and value == self.value):
            return False
        self.value = value
        return True

    def _try(self, text: str) -> bool:
        """Check a JSON text against the type and store the result or the error; return whether it is of the type."""
        try:
            self._results = [self.output.read(text)]
            self.value = self.output.unwrap(decode_json(text, Any), MISSING)
        except InvalidValue as invalid:
            # Report the error of an object with some of the type's fields, rather than of an unrelated one.
            meant = self._is_meant(text)
            if meant or not self._invalid_is_meant:
                self._invalid, self._invalid_is_meant = invalid, meant
            if len(self._tried) < _MOST_TRIED:
                self._tried.append(text)
        return self.whole

    def _try_within(self, text: str) -> None:
        """Look for a value of the type that a model wrapped in another object or in a string."""
        for written in (*self._tried, text):
            try:
                value = read_json(written)
                if isinstance(value, str):
                    value = read_json(value)
                    self._results = [self.output.check(value)]
                    self.value = self.output.unwrap(value, MISSING)
                    return
            except InvalidValue:
                continue
            found: list[tuple[T, Any]] = []
            for inner in self._within(value):
                own = self.output.wrapped and not (is_object(inner) and WRAPPER in inner)
                try:
                    found.append((self.output.check({WRAPPER: inner} if own else inner), inner))
                except InvalidValue:
                    continue
            if len(found) == 1:  # two would be ambiguous
                self._results, self.value = [found[0][0]], found[0][1]
                return

    def _within(self, value: Any) -> list[Any]:
        """Return the inner values of an object that may be the answer: those under keys that the type does not have."""
        if not is_object(value):
            return []
        asked = self.output.schema.get("properties")
        names: set[str] = set(asked) if is_object(asked) else set()
        inners = [inner for key, inner in value.items() if key not in names]
        if self.output.wrapped:
            return [inner for inner in inners if len(value) == 1 and (is_object(inner) or is_list(inner))]
        return [inner for inner in inners if is_object(inner) and not names.isdisjoint(inner)]

    def _is_meant(self, text: str) -> bool:
        try:
            value = decode_json(text, Any)
        except (ValueError, RecursionError):
            return False
        asked = self.output.schema.get("properties")
        return is_object(value) and (not is_object(asked) or not asked.keys().isdisjoint(value))

    def _try_bare(self, text: str) -> None:
        """Look for the value without its wrapper: a list, or all of the fence or the answer."""
        found = PartialJson("array")
        found.feed(text)
        fenced = _FENCED.search(text)
        for bare in (found.text if found.finish() else None, (fenced[1] if fenced else text).strip()):
            if not bare or self.whole:
                continue
            try:
                value = read_json(bare)
            except InvalidValue:
                continue
            try:
                self._results = [self.output.check({WRAPPER: value})]
                self.value = value
            except InvalidValue as invalid:
                if not self._invalid_is_meant:  # with paths in the text as the model wrote it
                    around = Problem("$", f"expected an object with the key `{WRAPPER}`")
                    self._invalid, self._invalid_is_meant = (
                        InvalidValue([around, *invalid.own], invalid.own),
                        True,
                    )


def grows(before: Any, after: Any) -> bool:
    """Return whether a value extends an earlier one: strings, lists and objects may grow, the rest stays equal."""
    if type(before) is not type(after):
        return False
    if isinstance(before, str):
        return cast("str", after).startswith(before)
    if isinstance(before, list):
        ours, theirs = cast("list[Any]", before), cast("list[Any]", after)
        return len(ours) <= len(theirs) and all(map(grows, ours, theirs))
    if isinstance(before, dict):
        had, has = cast("dict[str, Any]", before), cast("dict[str, Any]", after)
        return all(key in has and grows(value, has[key]) for key, value in had.items())
    return bool(before == after)
