"""What the work on one schema has in common: its budget, the keys of its values, its patterns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..._internal.equality import Keys
from ...json_schema.patterns.pattern import Pattern, PatternError
from ...json_schema.patterns.work import TooMuchWork, Work
from .budget import Budget
from .patterns import Node, NotHeld, parse_pattern

_MOST_OF_SEARCH = 200_000


class Shared:
    """Reads each pattern once; ``note`` names what is left out."""

    def __init__(self, note: Callable[..., None]) -> None:
        self.budget = Budget()
        self.keys = Keys()
        self._note = note
        self._written: set[Any] = set()
        self._nodes: dict[str, Node | NotHeld] = {}
        self._patterns: dict[str, Pattern | None] = {}

    def room(self, rule: Any, characters: int) -> bool:
        """Take room in the grammar for a rule that is written once, however often it is needed."""
        if rule not in self._written and not self.budget.room(characters):
            return False
        self._written.add(rule)
        return True

    def node(self, text: str) -> Node:
        """Return a pattern as a grammar has it; raises `NotHeld`."""
        if text not in self._nodes:
            try:
                self._nodes[text] = parse_pattern(text)
            except NotHeld as error:
                self._nodes[text] = error
        found = self._nodes[text]
        if isinstance(found, NotHeld):
            raise NotHeld(str(found))
        return found

    def pattern(self, text: str) -> Pattern | None:
        """Return a pattern to search with; ``None`` for what is none."""
        if text not in self._patterns:
            try:
                self._patterns[text] = Pattern(text)
            except PatternError:
                self._patterns[text] = None
        return self._patterns[text]

    def finds(self, pattern: Pattern, text: str, path: str) -> bool:
        """Say whether a pattern is found in a text; true, and named, where that takes too long to find out."""
        work = Work(_MOST_OF_SEARCH)
        try:
            found = pattern.search(text, work)
        except TooMuchWork:
            found = None
        if not self.budget.work(1 + (_MOST_OF_SEARCH - work.left) // 10) or found is None:
            self._note(path, "pattern", f"{pattern.text!r:.200} takes too long to be searched for")
            return True
        return found
