"""Search texts for a pattern."""

from __future__ import annotations

from .automaton import Automaton
from .backtracking import Backtracker
from .syntax import Anchor, Chars, Concatenation, Node, PatternError, Repeat, parse
from .work import Work

MAX_WORK = 10_000_000
"""The default limit for one search, in units of work: about a second."""


class Pattern:
    r"""An ECMAScript pattern with the ``u`` flag: ``\d``, ``\w`` and ``\b`` are ASCII, ``$`` is the end of the text."""

    def __init__(self, text: str) -> None:
        """Parse it; raises `PatternError` (a ValueError) for an invalid, too large or unsupported pattern."""
        self.text = text
        tree = parse(text)
        self._engine = Backtracker(tree) if tree.has_backreferences else _row(tree.node) or Automaton(tree.node)

    def __repr__(self) -> str:
        return f"Pattern({self.text!r})"

    def search(self, text: str, work: Work | None = None) -> bool:
        r"""Whether the pattern is found anywhere in a text; raises `TooMuchWork` if the search takes too long.

        The time is linear in the text, except for patterns with backreferences (``(a)\1``) and very large ones, which
        may exceed the limit.
        """
        return self._engine.search(text, work or Work(MAX_WORK))


class _Row:
    """Matches whole texts of one set of characters and a length: ``^[a-z]{1,9}$``."""

    def __init__(self, chars: Chars, least: int, most: int | None) -> None:
        self._ranges = chars.ranges
        self._least = least
        self._most = most

    def search(self, text: str, work: Work) -> bool:
        if len(text) < self._least or (self._most is not None and len(text) > self._most):
            return False
        different = set(text)
        work.spend((len(text) >> 1) + len(different) * (1 + len(self._ranges)))
        return all(any(first <= ord(char) <= last for first, last in self._ranges) for char in different)


def _row(node: Node) -> _Row | None:
    parts = node.parts if isinstance(node, Concatenation) else ()
    if len(parts) != 3 or parts[0] != Anchor("^") or parts[2] != Anchor("$"):
        return None
    inner = parts[1]
    if isinstance(inner, Repeat) and isinstance(inner.part, Chars):
        return _Row(inner.part, inner.least, inner.most)
    return None


__all__ = ["MAX_WORK", "Pattern", "PatternError"]
