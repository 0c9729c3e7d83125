r"""Parse ECMAScript's regular expressions (with the ``u`` flag) into a tree.

The parser is lenient where that is unambiguous, since patterns are also written for other engines: a ``{`` or ``]``
without another meaning is a character, and so is the hyphen of ``[\w-.]``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

Ranges = tuple[tuple[int, int], ...]
"""Ranges of code points, both ends included, sorted and disjoint."""

MAX_LENGTH = 20_000
"""The most characters of a pattern."""
MAX_GROUPS = 50
"""How deeply groups may be nested."""
MAX_POSITIONS = 100_000
"""The most characters of a pattern with its repetitions expanded: ``a{3}`` has three."""
LAST = 0x10FFFF

DIGITS: Ranges = ((0x30, 0x39),)
WORD: Ranges = ((0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A))
SPACE: Ranges = (
    (9, 13),
    (0x20, 0x20),
    (0xA0, 0xA0),
    (0x1680, 0x1680),
    (0x2000, 0x200A),
    (0x2028, 0x2029),
    (0x202F, 0x202F),
    (0x205F, 0x205F),
    (0x3000, 0x3000),
    (0xFEFF, 0xFEFF),
)
LINE_ENDS: Ranges = ((10, 10), (13, 13), (0x2028, 0x2029))
_SETS = {"d": DIGITS, "w": WORD, "s": SPACE}
_CONTROLS = {"t": 9, "n": 10, "v": 11, "f": 12, "r": 13, "0": 0}


class PatternError(ValueError):
    """The pattern is not valid or not supported; ``str()`` says why."""


class Chars(NamedTuple):
    """One character of a set."""

    ranges: Ranges


class Concatenation(NamedTuple):
    """Parts in a row."""

    parts: tuple[Node, ...]


class Alternation(NamedTuple):
    """One of the parts."""

    parts: tuple[Node, ...]


class Repeat(NamedTuple):
    """A repeated part; without ``most``, any number of times."""

    part: Node
    least: int
    most: int | None
    lazy: bool = False


class Group(NamedTuple):
    """A capturing group; the first one has number 1."""

    part: Node
    number: int


class Anchor(NamedTuple):
    """A place in the text: ``^``, ``$``, ``b`` at a word boundary, ``B`` elsewhere."""

    kind: str


class Lookaround(NamedTuple):
    """A condition on the text after a place, or before it (``behind``)."""

    part: Node
    behind: bool
    negated: bool


class Backreference(NamedTuple):
    """A reference to a group, by its number or its name."""

    group: int | str


Node = Chars | Concatenation | Alternation | Repeat | Group | Anchor | Lookaround | Backreference


class Tree(NamedTuple):
    """A parsed pattern: its parts, its number of groups, their names, and whether it has backreferences."""

    node: Node
    groups: int
    names: dict[str, int]
    has_backreferences: bool


def parse(text: str) -> Tree:
    r"""Parse a pattern; raises `PatternError` if it is not valid, is too large, or uses ``\p{...}``."""
    if len(text) > MAX_LENGTH:
        raise PatternError(f"it is longer than {MAX_LENGTH} characters")
    reader = _Reader(text)
    node = reader.choice(0)
    if reader.at < len(text):
        raise PatternError(f"the ')' at character {reader.at} closes no group")
    for group in reader.references:
        if (group not in reader.names) if isinstance(group, str) else (group > reader.groups):
            raise PatternError(f"there is no group {group!r} to refer to")
    if positions(node) > MAX_POSITIONS:
        raise PatternError(f"with its repetitions expanded it has more than {MAX_POSITIONS} characters")
    return Tree(node, reader.groups, reader.names, bool(reader.references))


def positions(node: Node) -> int:
    """Return how many positions a part has with its repetitions expanded."""
    if isinstance(node, Chars | Anchor | Backreference):
        return 1
    if isinstance(node, Repeat):
        times = max(node.least, 1) if node.most is None else node.most
        return positions(node.part) * times
    if isinstance(node, Lookaround):
        return 1 + positions(node.part)
    if isinstance(node, Group):
        return positions(node.part)
    return sum(map(positions, node.parts))


def complement(ranges: Ranges) -> Ranges:
    """Return all other characters."""
    found: list[tuple[int, int]] = []
    at = 0
    for first, last in ranges:
        if at < first:
            found.append((at, first - 1))
        at = last + 1
    return (*found, (at, LAST)) if at <= LAST else tuple(found)


def united(ranges: Iterable[tuple[int, int]]) -> Ranges:
    """Sort ranges, and merge those that overlap or touch."""
    found: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return tuple(found)


_QUANTIFIER = re.compile(r"[*+?]|\{([0-9]+)(?:(,)([0-9]*))?\}")
_GROUP = re.compile(r"\?(?::|(=|!|<=|<!)|<([A-Za-z_$][A-Za-z0-9_$]*)>)")
_NAME = re.compile(r"<([A-Za-z_$][A-Za-z0-9_$]*)>")
_CODE = re.compile(r"\{([0-9a-fA-F]{1,6})\}|([0-9a-fA-F]{4})")
_LOW = re.compile(r"\\u([dD][c-fC-F][0-9a-fA-F]{2})")
_BYTE = re.compile(r"[0-9a-fA-F]{2}")
_NUMBER = re.compile(r"[1-9][0-9]*")


class _Reader:
    """Parses a pattern from left to right."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.groups = 0
        self.names: dict[str, int] = {}
        self.references: list[int | str] = []

    def choice(self, depth: int) -> Node:
        parts = [self._sequence(depth)]
        while self._take("|"):
            parts.append(self._sequence(depth))
        return parts[0] if len(parts) == 1 else Alternation(tuple(parts))

    def _take(self, mark: str) -> bool:
        found = self.text.startswith(mark, self.at)
        self.at += len(mark) if found else 0
        return found

    def _match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self.text, self.at)
        if found:
            self.at = found.end()
        return found

    def _sequence(self, depth: int) -> Node:
        parts: list[Node] = []
        while self.at < len(self.text) and self.text[self.at] not in "|)":
            parts.append(self._repeated(self._atom(depth)))
        return parts[0] if len(parts) == 1 else Concatenation(tuple(parts))

    def _repeated(self, part: Node) -> Node:
        found = self._match(_QUANTIFIER)
        if not found:
            return part
        if isinstance(part, Anchor):
            raise PatternError(f"{found[0]!r} has nothing to repeat")
        marks: dict[str, tuple[int, int | None]] = {"*": (0, None), "+": (1, None), "?": (0, 1)}
        least, most = marks.get(found[0]) or self._counts(found)
        if most is not None and least > most:
            raise PatternError(f"{found[0]!r} has a minimum above its maximum")
        lazy = self._take("?")
        if again := self._match(_QUANTIFIER):
            raise PatternError(f"{again[0]!r} has nothing to repeat")
        return Repeat(part, least, most, lazy)

    def _counts(self, found: re.Match[str]) -> tuple[int, int | None]:
        if any(len(number.lstrip("0")) > 9 for number in (found[1], found[3] or "")):
            raise PatternError(f"the count {found[0]:.40} is too large")
        least = int(found[1])
        return least, int(found[3]) if found[3] else None if found[2] else least

    def _atom(self, depth: int) -> Node:
        char = self.text[self.at]
        if found := self._match(_QUANTIFIER):
            raise PatternError(f"{found[0]!r} has nothing to repeat")
        self.at += 1
        if char == "(":
            return self._group(depth + 1)
        if char == "[":
            return Chars(self._class())
        if char == ".":
            return Chars(complement(LINE_ENDS))
        if char in "^$":
            return Anchor(char)
        return self._escape() if char == "\\" else _one(ord(char))

    def _group(self, depth: int) -> Node:
        if depth > MAX_GROUPS:
            raise PatternError(f"its groups are nested more than {MAX_GROUPS} deep")
        number, look = 0, None
        if self.text.startswith("?", self.at):
            begin = self.text[self.at - 1 : self.at + 3]
            found = self._match(_GROUP)
            if found is None:
                raise PatternError(f"{begin!r} does not begin a group of ECMAScript")
            look, name = found[1], found[2]
            if name:
                if name in self.names:
                    raise PatternError(f"the group name {name!r} is used twice")
                self.groups += 1
                self.names[name] = number = self.groups
        else:
            self.groups += 1
            number = self.groups
        part = self.choice(depth)
        if not self._take(")"):
            raise PatternError("a '(' is not closed")
        if look:
            return Lookaround(part, "<" in look, "!" in look)
        if number:
            return Group(part, number)
        return Concatenation((part,)) if isinstance(part, Anchor) else part  # a bare anchor cannot be repeated

    def _escape(self) -> Node:
        """Parse the rest of an escape outside a class."""
        char = self.text[self.at : self.at + 1]
        if char in ("b", "B"):
            self.at += 1
            return Anchor(char)
        if number := self._match(_NUMBER):
            if len(number[0]) > 6:
                raise PatternError(f"there is no group {number[0]:.20} to refer to")
            return self._back(int(number[0]))
        if char == "k":
            self.at += 1
            name = self._match(_NAME)
            if name is None:
                raise PatternError("'\\k' must be followed by a group name")
            return self._back(name[1])
        return Chars(self._set())

    def _back(self, group: int | str) -> Node:
        self.references.append(group)
        return Backreference(group)

    def _set(self) -> Ranges:
        """Parse the rest of an escape, in a class or not: a set, or one character."""
        char = self.text[self.at : self.at + 1]
        self.at += 1
        if char in _SETS:
            return _SETS[char]
        if char and char in "DWS":
            return complement(_SETS[char.lower()])
        if char in _CONTROLS:
            return ((_CONTROLS[char], _CONTROLS[char]),)
        code: int | None = None
        if char == "u" and (found := self._match(_CODE)):
            code = int(found[1] or found[2], 16)
            if found[2] and 0xD800 <= code <= 0xDBFF and (low := self._match(_LOW)):
                code = 0x10000 + ((code - 0xD800) << 10) + int(low[1], 16) - 0xDC00
        elif char == "x" and (found := self._match(_BYTE)):
            code = int(found[0], 16)
        elif char == "c" and (letter := self.text[self.at : self.at + 1]).isascii() and letter.isalpha():
            self.at += 1
            code = ord(letter) % 32
        elif char and char.isascii() and not char.isalnum():
            code = ord(char)
        if code is None:
            if not char:
                raise PatternError("it ends with a backslash")
            why = "is not supported" if char in "pP" else "is not an escape of ECMAScript"
            escape = f"\\{char}"
            raise PatternError(f"{escape!r} {why}")
        if code > LAST:
            raise PatternError(f"{code:#x} is not a code point")
        return ((code, code),)

    def _class(self) -> Ranges:
        negated = self._take("^")
        found: list[tuple[int, int]] = []
        while not self._take("]"):
            first = self._class_atom()
            if self.text.startswith("-", self.at) and not self.text.startswith("-]", self.at):
                self.at += 1
                last = self._class_atom()
                one = first[0][0] if len(first) == 1 and first[0][0] == first[0][1] else None
                if one is not None and len(last) == 1 and last[0][0] == last[0][1]:
                    if last[0][0] < one:
                        raise PatternError("a range in a class is out of order")
                    first = ((one, last[0][0]),)
                else:
                    first = (*first, *last, (0x2D, 0x2D))
            found += first
        ranges = united(found)
        return complement(ranges) if negated else ranges

    def _class_atom(self) -> Ranges:
        if self.at >= len(self.text):
            raise PatternError("a '[' is not closed")
        char = self.text[self.at]
        self.at += 1
        if char != "\\":
            return ((ord(char), ord(char)),)
        return ((8, 8),) if self._take("b") else self._set()


def _one(code: int) -> Chars:
    return Chars(((code, code),))
