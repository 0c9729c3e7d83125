"""Search a text for a pattern in time that is linear in the text, whatever the pattern.

Glushkov's automaton: a position for each character of the pattern, and the set of reached positions as the bits of one
number. The successors of a set are a shift for characters in a row, and a mask for each place where paths split or
join. Each set is created once and its successors are cached while there is room, so a character of ordinary text costs
one look-up.

An anchor or a lookaround is a position without a character. The results of lookarounds are computed for every place in
the text before the pattern itself runs: lookbehind from left to right, lookahead from right to left with the reversed
pattern. So lookaround is linear, too. Only backreferences are not; they are in `backtracking`.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import repeat

from .graph import Graph
from .syntax import WORD, Lookaround, Node
from .work import Work

_MAX_KEPT = 4_000_000
"""About how many bytes of sets and successors are cached for one pattern."""
_MAX_KNOWN = 4000
"""The most positions of a pattern whose sets are cached: for more, that costs more than it saves."""
_MAX_CHARS = 2000
"""How many different characters are cached."""

_WORD = frozenset(chr(code) for first, last in WORD for code in range(first, last + 1))


class _Set:
    """The reached positions, the context before the next character, and the successors that are known."""

    __slots__ = ("bits", "end", "following", "start", "word")

    def __init__(self, bits: int, word: bool, start: bool) -> None:
        self.bits = bits
        self.word = word
        self.start = start
        self.following: dict[object, tuple[_Set, bool]] = {}
        self.end: bool | None = None


class Automaton:
    """The automaton of a pattern without backreferences."""

    def __init__(self, node: Node, *, backwards: bool = False) -> None:
        """Build it for texts that are read forwards or ``backwards``; raises `PatternError` if it is too large."""
        self._backwards = backwards
        self._graph = graph = Graph(node, backwards=backwards)
        self._automata = [(Automaton(look.part, backwards=not look.behind), look) for look in graph.looks]
        self._first = graph.first
        self._asserts = bool(graph.looks) or any(graph.places.values())
        # A pattern that can begin only at the start of a text has failed once no position is reached.
        self._anchored = bool(graph.first) and not graph.first & ~graph.places["start"]
        self._masks: dict[str, int] = {}
        self._sets: dict[tuple[int, bool, bool], _Set] = {}
        self._first_set: _Set | None = None
        self._kept = 0
        self._tables = [([first for first, _ in r], [last for _, last in r], m) for r, m in graph.classes.items()]
        self._cost = 1 + (len(graph.edges) + len(graph.looks) + 2) * (1 + (graph.count >> 12))

    def search(self, text: str, work: Work) -> bool:
        """Whether the pattern is found in a text; raises `TooMuchWork`."""
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
        """Return for each place in a text whether the pattern ends there; backwards, whether it begins there."""
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

    def _looked(self, automaton: Automaton, look: Lookaround, text: str, work: Work) -> list[bool]:
        found = automaton._found(text, work)
        return [not here for here in found] if look.negated else found

    def _begin(self) -> _Set:
        begin = self._first_set
        if begin is None:
            begin = self._first_set = self._set(0, word=False, start=True)
        return begin

    def _set(self, bits: int, *, word: bool, start: bool) -> _Set:
        """Return the set of these positions, from the cache if possible."""
        if not self._asserts:
            word = start = False
        if self._graph.count > _MAX_KNOWN:
            return _Set(bits, word, start)
        key = (bits, word, start)
        found = self._sets.get(key)
        if found is None:
            self._remember(300 + (self._graph.count >> 3))
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
        """Return the positions that may come next; ``char`` is the next character, empty at the end."""
        follow = self._follow(current.bits, work) | self._first
        if self._asserts:
            places = self._graph.places
            open_ = places["b" if (char in _WORD) is not current.word else "B"]
            if current.start:
                open_ |= places["start"]
            if not char:
                open_ |= places["end"]
            for holds, bits in zip(context, self._graph.places_of_looks, strict=True):
                if holds:
                    open_ |= bits
            done = 0
            while waiting := follow & open_ & ~done:
                done |= waiting
                follow |= self._follow(waiting, work)
        return follow

    def _follow(self, bits: int, work: Work) -> int:
        work.spend(self._cost)
        graph = self._graph
        follow = (bits & graph.shift) << 1 | bits & graph.loop
        for source, target in graph.edges:
            if bits & source:
                follow |= target
        return follow

    def _mask(self, char: str) -> int:
        """Return the positions that match a character."""
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
