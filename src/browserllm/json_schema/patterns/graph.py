"""Build the graph of an automaton: the positions of a pattern, and their successors.

Glushkov's construction: a position for each character of the pattern, each a bit of one number. Characters in a row
follow each other by a shift; where paths split or join there is a mask.
"""

from __future__ import annotations

from collections.abc import Iterable

from .syntax import (
    Alternation,
    Anchor,
    Backreference,
    Chars,
    Concatenation,
    Group,
    Lookaround,
    Node,
    PatternError,
    Ranges,
    Repeat,
)

MAX_MASKS = 40_000_000
"""The most bits of all masks of one pattern."""


class _Fragment:
    """A part of the pattern: the positions that begin and end it, and whether it may be empty."""

    __slots__ = ("empty", "first", "last")

    def __init__(self, first: int, last: int, empty: bool) -> None:
        self.first = first
        self.last = last
        self.empty = empty


class Graph:
    """The positions of a pattern without backreferences.

    ``shift`` are the positions that the next one follows, ``loop`` those that follow themselves, ``edges`` the masks of
    all other successors. ``classes`` are the positions of each set of characters, ``places`` those of each anchor,
    ``looks`` the lookarounds, and ``places_of_looks`` the positions of each.
    """

    def __init__(self, node: Node, *, backwards: bool = False) -> None:
        """Build it for texts that are read forwards or ``backwards``; raises `PatternError` if it is too large."""
        self._backwards = backwards
        self._size = 0
        self._known: dict[int, int] = {}  # the number of each lookaround: a repeated one is built several times
        self.count = 1  # the first bit stands for the end of the pattern
        self.shift = 0
        self.loop = 0
        self.edges: list[tuple[int, int]] = []
        self.classes: dict[Ranges, int] = {}
        self.places: dict[str, int] = {"start": 0, "end": 0, "b": 0, "B": 0}
        self.looks: list[Lookaround] = []
        self.places_of_looks: list[int] = []
        whole = self._build(node)
        self._edge(whole.last, 1)
        self.first = whole.first | (1 if whole.empty else 0)

    def _build(self, node: Node) -> _Fragment:
        if isinstance(node, Chars):
            return self._run(node, 1, 1)
        if isinstance(node, Concatenation):
            return self._row(reversed(node.parts) if self._backwards else node.parts)
        if isinstance(node, Alternation):
            found = _Fragment(0, 0, False)
            for part in map(self._build, node.parts):
                found = _Fragment(found.first | part.first, found.last | part.last, found.empty or part.empty)
            return found
        if isinstance(node, Repeat):
            return self._repeat(node)
        if isinstance(node, Group):
            return self._build(node.part)
        if isinstance(node, Backreference):
            raise PatternError("a backreference has no automaton")
        bit = self._add()
        if isinstance(node, Anchor):
            kinds = {"^": "end", "$": "start"} if self._backwards else {"^": "start", "$": "end"}
            self.places[kinds.get(node.kind, node.kind)] |= bit
        else:
            self._look(node, bit)
        return _Fragment(bit, bit, False)

    def _look(self, node: Lookaround, bit: int) -> None:
        at = self._known.setdefault(id(node), len(self.looks))
        if at == len(self.looks):
            self.looks.append(node)
            self.places_of_looks.append(0)
        self.places_of_looks[at] |= bit

    def _add(self, count: int = 1) -> int:
        """Add positions; return the bit of the first."""
        bit = 1 << self.count
        self.count += count
        return bit

    def _edge(self, source: int, target: int) -> None:
        if not source or not target:
            return
        if source << 1 == target:
            self.shift |= source  # a single edge to the next position
            return
        self.edges.append((source, target))
        self._size += source.bit_length() + target.bit_length()
        if self._size > MAX_MASKS:
            raise PatternError("with its repetitions expanded it is too large")

    def _row(self, parts: Iterable[Node]) -> _Fragment:
        whole = _Fragment(0, 0, True)
        for part in map(self._build, parts):
            whole = self._joined(whole, part)
        return whole

    def _joined(self, one: _Fragment, other: _Fragment) -> _Fragment:
        self._edge(one.last, other.first)
        return _Fragment(
            one.first | other.first if one.empty else one.first,
            one.last | other.last if other.empty else other.last,
            one.empty and other.empty,
        )

    def _run(self, node: Chars, least: int, most: int | None) -> _Fragment:
        """Build a repeated set of characters as a row of positions."""
        count = max(least, 1) if most is None else most
        if count == 0:
            return _Fragment(0, 0, True)
        bit = self._add(count)
        row = (bit << count) - bit
        final = bit << (count - 1)
        self.classes[node.ranges] = self.classes.get(node.ranges, 0) | row
        self.shift |= row ^ final
        if most is None:
            self.loop |= final
        return _Fragment(bit, row ^ ((bit << max(least - 1, 0)) - bit), least == 0)

    def _repeat(self, node: Repeat) -> _Fragment:
        if isinstance(node.part, Chars):
            return self._run(node.part, node.least, node.most)
        whole = _Fragment(0, 0, True)
        count = max(node.least, 1) if node.most is None else node.most
        for at in range(count):
            before = self.count
            part = self._build(node.part)
            if self.count == before:
                break  # an empty part stays empty
            if node.most is None and at == count - 1:
                self._edge(part.last, part.first)
            part.empty = part.empty or at >= node.least
            whole = self._joined(whole, part)
        return whole
