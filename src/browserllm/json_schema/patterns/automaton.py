"""Whether a pattern is found in a text, in time that is linear in the text, whatever the pattern.

Glushkov's automaton: a position for each character of the pattern, and the set of positions that were reached as the
bits of one number. What follows a set is a shift for what stands in a row, and a mask for each place where ways part or
meet. Each set is made once and its followers are remembered, as long as there is room, so that a character of an
ordinary text costs one look-up.

An anchor, or a look ahead or behind, is a position without a character. What a look finds is computed for every place
of the text before the pattern itself is run: behind from left to right, ahead from right to left with the pattern
turned round. So lookaround is linear as well. Only references to groups are not; they are in `backtracking`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from itertools import repeat

from .syntax import WORD, Alternation, Anchor, Back, Chars, Group, Look, Node, PatternError, Ranges, Repeat, Sequence
from .work import Work

MAX_MASKS = 40_000_000
"""The most bits of the masks of one pattern together."""
_MAX_KEPT = 4_000_000
"""About how many bytes of sets and their followers are remembered for one pattern."""
_MAX_KNOWN = 4000
"""A set of more positions is not looked for among those that are remembered: that costs more than it saves."""
_MAX_CHARS = 2000
"""How many different characters are remembered."""

_WORD = frozenset(chr(code) for first, last in WORD for code in range(first, last + 1))


class _Part:
    """A part of the pattern: the positions that begin and end it, and whether it may be empty."""

    __slots__ = ("empty", "first", "last")

    def __init__(self, first: int, last: int, empty: bool) -> None:
        self.first = first
        self.last = last
        self.empty = empty


class _Set:
    """The positions that were reached, what stands before the next character, and what follows, as far as known."""

    __slots__ = ("bits", "end", "following", "start", "word")

    def __init__(self, bits: int, word: bool, start: bool) -> None:
        self.bits = bits
        self.word = word
        self.start = start
        self.following: dict[object, tuple[_Set, bool]] = {}
        self.end: bool | None = None


class Automaton:
    """The automaton of a pattern without references."""

    def __init__(self, node: Node, *, backwards: bool = False) -> None:
        """Build it, for a text that is read ``backwards`` or forwards; raises `PatternError` where it is too large."""
        self._backwards = backwards
        self._count = 1  # the first bit stands for the end of the pattern
        self._shift = 0
        self._loop = 0
        self._edges: list[tuple[int, int]] = []
        self._size = 0
        self._classes: dict[Ranges, int] = {}
        self._places: dict[str, int] = {"start": 0, "end": 0, "b": 0, "B": 0}
        self._looks: dict[int, int] = {}
        self._known: dict[int, int] = {}
        self._automata: list[tuple[Automaton, Look]] = []
        whole = self._build(node)
        self._edge(whole.last, 1)
        self._first = whole.first | (1 if whole.empty else 0)
        self._asserts = bool(self._looks) or any(self._places.values())
        # Where nothing was reached and only the start of a text could begin it, nothing will be reached any more.
        self._anchored = bool(self._first) and not self._first & ~self._places["start"]
        self._masks: dict[str, int] = {}
        self._sets: dict[tuple[int, bool, bool], _Set] = {}
        self._first_set: _Set | None = None
        self._kept = 0
        self._tables = [([first for first, _ in r], [last for _, last in r], m) for r, m in self._classes.items()]
        self._cost = 1 + (len(self._edges) + len(self._looks) + 2) * (1 + (self._count >> 12))

    # Building

    def _build(self, node: Node) -> _Part:
        if isinstance(node, Chars):
            return self._run(node, 1, 1)
        if isinstance(node, Sequence):
            return self._row(reversed(node.parts) if self._backwards else node.parts)
        if isinstance(node, Alternation):
            found = _Part(0, 0, False)
            for part in map(self._build, node.parts):
                found = _Part(found.first | part.first, found.last | part.last, found.empty or part.empty)
            return found
        if isinstance(node, Repeat):
            return self._repeat(node)
        if isinstance(node, Group):
            return self._build(node.part)
        if isinstance(node, Back):
            raise PatternError("a reference to a group has no automaton")
        bit = self._add()
        if isinstance(node, Anchor):
            kinds = {"^": "end", "$": "start"} if self._backwards else {"^": "start", "$": "end"}
            self._places[kinds.get(node.kind, node.kind)] |= bit
        else:
            self._look(node, bit)
        return _Part(bit, bit, False)

    def _look(self, node: Look, bit: int) -> None:
        known = self._known.get(id(node))
        if known is None:
            known = self._known[id(node)] = len(self._automata)
            self._automata.append((Automaton(node.part, backwards=not node.behind), node))
        self._looks[known] = self._looks.get(known, 0) | bit

    def _add(self, count: int = 1) -> int:
        """Add positions; return the bit of the first."""
        bit = 1 << self._count
        self._count += count
        return bit

    def _edge(self, source: int, target: int) -> None:
        if not source or not target:
            return
        if source << 1 == target:
            self._shift |= source  # one position, and the next one
            return
        self._edges.append((source, target))
        self._size += source.bit_length() + target.bit_length()
        if self._size > MAX_MASKS:
            raise PatternError("with its counts written out it is too large")

    def _row(self, parts: Iterable[Node]) -> _Part:
        whole = _Part(0, 0, True)
        for part in map(self._build, parts):
            whole = self._joined(whole, part)
        return whole

    def _joined(self, one: _Part, other: _Part) -> _Part:
        self._edge(one.last, other.first)
        return _Part(
            one.first | other.first if one.empty else one.first,
            one.last | other.last if other.empty else other.last,
            one.empty and other.empty,
        )

    def _run(self, node: Chars, least: int, most: int | None) -> _Part:
        """Build a set of characters that is repeated: a row, whatever its length."""
        count = max(least, 1) if most is None else most
        if count == 0:
            return _Part(0, 0, True)
        bit = self._add(count)
        row = (bit << count) - bit
        final = bit << (count - 1)
        self._classes[node.ranges] = self._classes.get(node.ranges, 0) | row
        self._shift |= row ^ final
        if most is None:
            self._loop |= final
        return _Part(bit, row ^ ((bit << max(least - 1, 0)) - bit), least == 0)

    def _repeat(self, node: Repeat) -> _Part:
        if isinstance(node.part, Chars):
            return self._run(node.part, node.least, node.most)
        whole = _Part(0, 0, True)
        count = max(node.least, 1) if node.most is None else node.most
        for at in range(count):
            before = self._count
            part = self._build(node.part)
            if self._count == before:
                break  # nothing, however often
            if node.most is None and at == count - 1:
                self._edge(part.last, part.first)
            part.empty = part.empty or at >= node.least
            whole = self._joined(whole, part)
        return whole

    # Running

    def search(self, text: str, work: Work) -> bool:
        """Say whether the pattern is found in a text; raises `TooMuchWork`."""
        if self._automata:
            return any(self._found(text, work))
        work.spend(len(text) >> 1)
        current = self._begin()
        anchored = self._anchored
        for char in text:
            try:
                current, found = current.following[char]
            except KeyError:
                current, found = self._step(current, char, char, (), work)
            if found:
                return True
            if anchored and not current.bits:
                return False
        if current.end is None:
            current.end = self._ends(current, (), work)
        return current.end

    def _found(self, text: str, work: Work) -> list[bool]:
        """Say of each place in a text whether the pattern ends there; backwards, whether it begins there."""
        work.spend(len(text) * (1 + len(self._automata)))
        looks = [self._looked(automaton, look, text, work) for automaton, look in self._automata]
        contexts: list[tuple[bool, ...]] = list(zip(*looks, strict=True)) if looks else list(repeat((), len(text) + 1))
        if self._backwards:
            text = text[::-1]
            contexts.reverse()
        found: list[bool] = []
        current = self._begin()
        for char, context in zip(text, contexts, strict=False):
            key = (char, context)
            try:
                current, here = current.following[key]
            except KeyError:
                current, here = self._step(current, key, char, context, work)
            found.append(here)
        found.append(self._ends(current, contexts[-1], work))
        return found[::-1] if self._backwards else found

    def _looked(self, automaton: Automaton, look: Look, text: str, work: Work) -> list[bool]:
        found = automaton._found(text, work)
        return [not here for here in found] if look.negated else found

    def _begin(self) -> _Set:
        begin = self._first_set
        if begin is None:
            begin = self._first_set = self._set(0, word=False, start=True)
        return begin

    def _set(self, bits: int, *, word: bool, start: bool) -> _Set:
        """Return the one set of these positions, as long as it is remembered."""
        if not self._asserts:
            word = start = False
        if self._count > _MAX_KNOWN:
            return _Set(bits, word, start)
        key = (bits, word, start)
        found = self._sets.get(key)
        if found is None:
            self._remember(300 + (self._count >> 3))
            found = self._sets[key] = _Set(bits, word, start)
        return found

    def _remember(self, size: int) -> None:
        self._kept += size
        if self._kept > _MAX_KEPT:
            self._kept = size
            self._sets.clear()
            self._first_set = None

    def _step(self, current: _Set, key: object, char: str, context: tuple[bool, ...], work: Work) -> tuple[_Set, bool]:
        """Return the set after a character, and whether the pattern ends before it."""
        follow = self._followed(current, char, context, work)
        after = self._set(follow & self._mask(char), word=char in _WORD, start=False)
        current.following[key] = step = (after, bool(follow & 1))
        self._remember(100)
        return step

    def _ends(self, current: _Set, context: tuple[bool, ...], work: Work) -> bool:
        return bool(self._followed(current, "", context, work) & 1)

    def _followed(self, current: _Set, char: str, context: tuple[bool, ...], work: Work) -> int:
        """Return the positions that may come next, ``char`` being the next one, or none at the end."""
        follow = self._follow(current.bits, work) | self._first
        if self._asserts:
            open_ = self._places["b" if (char in _WORD) is not current.word else "B"]
            if current.start:
                open_ |= self._places["start"]
            if not char:
                open_ |= self._places["end"]
            for at, bits in self._looks.items():
                if context[at]:
                    open_ |= bits
            done = 0
            while waiting := follow & open_ & ~done:
                done |= waiting
                follow |= self._follow(waiting, work)
        return follow

    def _follow(self, bits: int, work: Work) -> int:
        work.spend(self._cost)
        follow = (bits & self._shift) << 1 | bits & self._loop
        for source, target in self._edges:
            if bits & source:
                follow |= target
        return follow

    def _mask(self, char: str) -> int:
        """Return the positions that a character may stand at."""
        found = self._masks.get(char)
        if found is None:
            code = ord(char)
            found = 0
            for firsts, lasts, bits in self._tables:
                at = bisect_right(firsts, code) - 1
                if at >= 0 and code <= lasts[at]:
                    found |= bits
            if len(self._masks) >= _MAX_CHARS:
                self._masks.clear()
            self._masks[char] = found
        return found
