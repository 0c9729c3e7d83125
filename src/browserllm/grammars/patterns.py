"""Regular expressions of JSON Schema (ECMA-262's), as far as a grammar can hold a model to them.

What they match is JSON text: a quote in a class is written as JSON escapes it. Beyond ASCII an engine's classes know
everything or nothing, so that a set of such characters is spelled out where it is small. ``.`` and the opposite of
white space take them all.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import NamedTuple

Ranges = tuple[tuple[int, int], ...]
"""Code points from and to, both included, in order and apart."""

MAX_LISTED = 128
"""The most characters beyond ASCII that a set may list."""
MAX_REPEATS = 1000
MAX_COUNTED = 64
"""The most characters of a free text that are counted."""
MAX_LENGTH = 2000
_MAX_DEPTH = 40
_LAST = 0x10FFFF

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
LINE_ENDS: Ranges = ((10, 10), (13, 13))
_CONTROLS = {"t": 9, "n": 10, "v": 11, "f": 12, "r": 13, "0": 0}


class NotHeld(Exception):  # noqa: N818 (it is an answer, and no failure)
    """The expression has something that a grammar cannot hold a model to; ``str()`` names it."""


class Chars(NamedTuple):
    """One character of a set."""

    ranges: Ranges


class Sequence(NamedTuple):
    """Parts one after the other."""

    parts: tuple[Node, ...]


class Choice(NamedTuple):
    """One of the parts."""

    parts: tuple[Node, ...]


class Repeat(NamedTuple):
    """A part, so many times; without ``most`` any number of times."""

    part: Node
    least: int
    most: int | None


Node = Chars | Sequence | Choice | Repeat

ANY = Chars(((0, _LAST),))
_ANYTHING = Repeat(ANY, 0, None)


def parse_pattern(text: str) -> Node:
    """Return what a whole text must be for a pattern to be found in it; raises `NotHeld`."""
    if len(text) > MAX_LENGTH:
        raise NotHeld(f"it is longer than {MAX_LENGTH} characters")
    parts: list[Node] = []
    reader = _Reader(text)
    while True:
        start = reader.take("^")
        part = reader.sequence(0)
        end = reader.take("$")
        parts.append(Sequence((*(() if start else (_ANYTHING,)), part, *(() if end else (_ANYTHING,)))))
        if not reader.take("|"):
            break
    if reader.at < len(text):
        raise NotHeld(f"{text[reader.at]!r} stands at character {reader.at} where it cannot be held to")
    return _plain(parts[0] if len(parts) == 1 else Choice(tuple(parts)))


def of_length(node: Node, least: int, most: int | None) -> Node | None:
    """Return the same expression, of texts that have so many characters; ``None`` where that is not known."""
    shortest, longest = _width(node)
    if shortest >= least and (most is None or (longest is not None and longest <= most)):
        return node
    if isinstance(node, Repeat) and isinstance(node.part, Chars):
        bounds = [bound for bound in (node.most, most) if bound is not None]
        upper = min(bounds) if bounds else None
        lower = max(node.least, least)
        if max(lower, upper or 0) > most_repeats(node.part) or (upper is not None and lower > upper):
            return None
        return Repeat(node.part, lower, upper)
    return None


def most_repeats(part: Node) -> int:
    """Return how often a part may be repeated: one of many characters costs an engine much each time."""
    return MAX_COUNTED if isinstance(part, Chars) and len(ways_of(part.ranges)) > 1 else MAX_REPEATS


def matches(node: Node, text: str) -> bool:
    """Say whether a whole text is what the expression describes."""
    return len(text) in _ends(node, text, {0})


def _ends(node: Node, text: str, starts: set[int]) -> set[int]:
    if isinstance(node, Chars):
        return {at + 1 for at in starts if at < len(text) and any(a <= ord(text[at]) <= b for a, b in node.ranges)}
    if isinstance(node, Sequence):
        for part in node.parts:
            starts = _ends(part, text, starts)
        return starts
    if isinstance(node, Choice):
        return set[int]().union(*(_ends(part, text, starts) for part in node.parts))
    for _ in range(node.least):
        starts = _ends(node.part, text, starts)
    found, new, left = set(starts), starts, node.most
    while new and (left is None or left > node.least):
        new = _ends(node.part, text, new) - found
        found |= new
        left = None if left is None else left - 1
    return found


Add = Callable[[Callable[[str], str]], str]
"""Adds a rule, whose body may need its name, and returns the name."""


def grammar_of(node: Node, add: Add) -> str:
    """Return the expression as EBNF; it stands for itself wherever it is put."""
    if isinstance(node, Chars):
        ways = ways_of(node.ranges)
        return ways[0] if len(ways) == 1 and ways[0].startswith("[") else f"({' | '.join(ways)})"
    if isinstance(node, Sequence):
        return f"({' '.join(grammar_of(part, add) for part in node.parts)})" if node.parts else '""'
    if isinstance(node, Choice):
        return f"({' | '.join(grammar_of(part, add) for part in node.parts)})"
    if isinstance(node.part, Chars):
        ways = ways_of(node.part.ranges)
        if len(ways) > 1:
            return counted(ways, node.least, node.most, '""', add)
    part = grammar_of(node.part, add)
    return (f"({part})" if isinstance(node.part, Repeat) else part) + repetition(node.least, node.most)


def counted(ways: list[str], least: int, most: int | None, end: str, add: Add) -> str:
    """Return a character, written in one of several ways, so many times, and an end.

    It is a rule for each number of characters that are there, because an engine looks at what a token does within one
    rule before it is asked, and at what it does beyond at each token anew.
    """
    if most is None:
        rest = add(lambda name: " | ".join([end, *(f"{way} {name}" for way in ways)]))
    else:
        rest = add(lambda _: end)
    for count in reversed(range(least if most is None else most)):
        done = [end] if count >= least else []
        body = " | ".join([*done, *(f"{way} {rest}" for way in ways)])
        rest = add(lambda _, body=body: body)
    return rest


def repetition(least: int, most: int | None) -> str:
    """Return how EBNF says how often."""
    known: dict[tuple[int, int | None], str] = {(0, None): "*", (1, None): "+", (0, 1): "?"}
    return known.get((least, most)) or f"{{{least},{'' if most is None else most}}}"


def literal(text: str) -> str:
    """Return text as EBNF's."""
    return f'"{"".join(_escaped(char) for char in text)}"'


def ways_of(ranges: Ranges) -> list[str]:
    """Return the ways in which JSON writes a character of a set within a text, as EBNF."""
    beyond = bool(ranges) and ranges[-1][1] == _LAST and ranges[-1][0] <= 0x80
    codes = {code for first, last in ranges for code in range(first, min(last, 0x7F) + 1)}
    raw = [code for code in range(0x20, 0x80) if (code in codes) != beyond and code not in {0x22, 0x5C}]
    ways: list[str] = []
    if beyond:
        ways.append(f'[^"\\\\\\u0000-\\u001f{_class_of(raw)}]')
    elif raw:
        ways.append(f"[{_class_of(raw)}]")
    short = [json.dumps(chr(code))[2] for code in sorted(codes) if len(json.dumps(chr(code))) == 4]
    if short:
        ways.append(f'"\\\\" [{_class_of(map(ord, short))}]')
    for high in (0, 1):
        long = [code for code in codes if code >> 4 == high and len(json.dumps(chr(code))) > 4]
        if long:
            ways.append(f'"\\\\u00{high}" [{_class_of(sorted(ord(f"{code & 15:x}") for code in long))}]')
    if not beyond:
        ways += [literal(chr(code)) for first, last in ranges for code in range(max(first, 0x80), last + 1)]
    return ways


def _class_of(codes: Iterable[int]) -> str:
    """Return the members of a class, in ranges."""
    ranges = _sorted([(code, code) for code in codes])
    return "".join(_in_class(a) if a == b else f"{_in_class(a)}-{_in_class(b)}" for a, b in ranges)


def _in_class(code: int) -> str:
    return chr(code) if chr(code).isalnum() else f"\\u{code:04x}"


def _escaped(char: str) -> str:
    if char in '"\\':
        return f"\\{char}"
    return char if " " <= char != "\x7f" else f"\\u{ord(char):04x}"


def _plain(node: Node) -> Node:
    """Take away sequences and choices of one part."""
    if isinstance(node, Repeat):
        return Repeat(_plain(node.part), node.least, node.most)
    if isinstance(node, Chars):
        return node
    parts = tuple(_plain(part) for part in node.parts)
    return parts[0] if len(parts) == 1 else type(node)(parts)


def _width(node: Node) -> tuple[int, int | None]:
    """Return how long the texts are, at least and at most."""
    if isinstance(node, Chars):
        return 1, 1
    if isinstance(node, Repeat):
        shortest, longest = _width(node.part)
        most = None if node.most is None or longest is None else longest * node.most
        return shortest * node.least, 0 if longest == 0 else most
    widths = [_width(part) for part in node.parts]
    ends = [longest for _, longest in widths if longest is not None]
    known = len(ends) == len(widths)
    if isinstance(node, Sequence):
        return sum(shortest for shortest, _ in widths), sum(ends) if known else None
    return min(shortest for shortest, _ in widths), max(ends) if known else None


class _Reader:
    """An expression that is read from left to right."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def take(self, mark: str) -> bool:
        found = self.text.startswith(mark, self.at)
        self.at += len(mark) if found else 0
        return found

    def sequence(self, depth: int) -> Node:
        parts: list[Node] = []
        while self.at < len(self.text) and self.text[self.at] not in "|)$":
            parts.append(self._repeated(self._atom(depth)))
        return Sequence(tuple(parts))

    def _atom(self, depth: int) -> Node:
        char = self.text[self.at]
        self.at += 1
        if char == "(":
            return self._group(depth + 1)
        if char == "[":
            return _set(self._class())
        if char == ".":
            return Chars(_complement(LINE_ENDS))
        if char == "\\":
            return _set(self._escape())
        if char in "^*+?":
            raise NotHeld(f"{char!r} stands at character {self.at - 1} where it cannot be held to")
        return _set(((ord(char), ord(char)),))

    def _group(self, depth: int) -> Node:
        if depth > _MAX_DEPTH:
            raise NotHeld("its groups are nested too deeply")
        if self.take("?") and not self.take(":"):
            begin = self.text[self.at : self.at + 2]
            if not begin.startswith("<") or begin in {"<=", "<!"} or ">" not in self.text[self.at :]:
                raise NotHeld("it looks ahead or behind, or changes the rules within")
            self.at = self.text.index(">", self.at) + 1
        parts = [self.sequence(depth)]
        while self.take("|"):
            parts.append(self.sequence(depth))
        if not self.take(")"):
            raise NotHeld("a group has no end, or '$' stands within one")
        return Choice(tuple(parts))

    def _repeated(self, part: Node) -> Node:
        marks: dict[str, tuple[int, int | None]] = {"*": (0, None), "+": (1, None), "?": (0, 1)}
        numbers = next((marks[mark] for mark in marks if self.take(mark)), None) or self._numbers()
        if numbers is None:
            return part
        least, most = numbers
        self.take("?")  # whether it is greedy changes nothing about what fits
        if most is not None and least > most:
            raise NotHeld(f"it repeats something {least} to {most} times")
        if max(least, most or 0) > most_repeats(part):
            raise NotHeld(f"it counts further than to {most_repeats(part)}")
        return Repeat(part, least, most)

    def _numbers(self) -> tuple[int, int | None] | None:
        """Read ``{2}``, ``{2,}`` or ``{2,3}``; what is none of them is text."""
        end = self.text.find("}", self.at)
        if not self.text.startswith("{", self.at) or end < 0:
            return None
        least, comma, most = self.text[self.at + 1 : end].partition(",")
        if not _is_number(least) or (most and not _is_number(most)):
            return None
        self.at = end + 1
        return int(least), int(most) if most else None if comma else int(least)

    def _class(self) -> Ranges:
        negated = self.take("^")
        found: list[tuple[int, int]] = []
        while not self.take("]"):
            first = self._member()
            if len(first) == 1 and first[0][0] == first[0][1] and self._is_range():
                self.at += 1
                last = self._member()
                if len(last) != 1 or last[0][1] < first[0][0]:
                    raise NotHeld("a range in a class goes nowhere")
                first = ((first[0][0], last[0][1]),)
            found += first
        ranges = _sorted(found)
        return _complement(ranges) if negated else ranges

    def _is_range(self) -> bool:
        return self.text.startswith("-", self.at) and not self.text.startswith("-]", self.at)

    def _member(self) -> Ranges:
        if self.at >= len(self.text):
            raise NotHeld("a class has no end")
        char = self.text[self.at]
        self.at += 1
        if char != "\\":
            return ((ord(char), ord(char)),)
        if self.take("b"):
            return ((8, 8),)
        return self._escape()

    def _escape(self) -> Ranges:
        char = self.text[self.at : self.at + 1]
        self.at += 1
        known: dict[str, Callable[[], Ranges]] = {
            "d": lambda: DIGITS,
            "D": lambda: _complement(DIGITS),
            "w": lambda: WORD,
            "W": lambda: _complement(WORD),
            "s": lambda: SPACE,
            "S": lambda: _complement(((9, 13), (0x20, 0x20))),
            "x": lambda: self._code(2),
            "u": lambda: self._code(4),
            "c": self._control,
        }
        if char in known:
            return known[char]()
        if char in _CONTROLS:
            return ((_CONTROLS[char], _CONTROLS[char]),)
        if not char or char.isalnum():
            raise NotHeld(f"'\\{char}' cannot be held to")
        return ((ord(char), ord(char)),)

    def _control(self) -> Ranges:
        char = self.text[self.at : self.at + 1]
        if not (char.isascii() and char.isalpha()):
            raise NotHeld("'\\c' has no letter")
        self.at += 1
        return ((ord(char) % 32, ord(char) % 32),)

    def _code(self, digits: int) -> Ranges:
        if digits == 4 and self.take("{"):
            end = self.text.find("}", self.at)
            written, self.at = self.text[self.at : max(end, self.at)], end + 1
        else:
            written = self.text[self.at : self.at + digits]
            self.at += digits
            if len(written) < digits:
                written = ""
        if not written or len(written) > 6 or any(char not in "0123456789abcdefABCDEF" for char in written):
            raise NotHeld("a character's number is none")
        code = int(written, 16)
        if 0xD800 <= code <= 0xDFFF or code > _LAST:
            raise NotHeld("it names half a character")
        return ((code, code),)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 9


def _sorted(ranges: list[tuple[int, int]]) -> Ranges:
    found: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return tuple(found)


def _complement(ranges: Ranges) -> Ranges:
    found: list[tuple[int, int]] = []
    at = 0
    for first, last in ranges:
        if at < first:
            found.append((at, first - 1))
        at = last + 1
    return (*found, (at, _LAST)) if at <= _LAST else tuple(found)


def _set(ranges: Ranges) -> Chars:
    """Return a set that an engine can be held to."""
    if not ranges:
        raise NotHeld("a class has no member")
    beyond = [(max(first, 0x80), last) for first, last in ranges if last > 0x7F]
    listed = sum(last - first + 1 for first, last in beyond)
    if beyond != [(0x80, _LAST)] and (listed > MAX_LISTED or any(a <= 0xDFFF and b >= 0xD800 for a, b in beyond)):
        raise NotHeld("a class has some of the characters beyond ASCII, and too many of them to list")
    return Chars(ranges)
