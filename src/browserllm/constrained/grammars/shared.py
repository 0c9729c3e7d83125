"""What all steps on one schema share: its budget, the keys of its values, its parsed patterns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..._internal.equality import Keys
from ...json_schema.patterns.pattern import Pattern, PatternError
from ...json_schema.patterns.work import TooMuchWork, Work
from .budget import GrammarBudget
from .patterns import Node, NotExpressible, parse_pattern

_MOST_OF_SEARCH = 200_000


class Shared:
    """Parses each pattern once; ``note`` names what is left out."""

    def __init__(self, note: Callable[..., None]) -> None:
        self.budget = GrammarBudget()
        self.keys = Keys()
        self._note = note
        self._written: set[Any] = set()
        self._nodes: dict[str, Node | NotExpressible] = {}
        self._patterns: dict[str, Pattern | None] = {}

    def room(self, rule: Any, characters: int) -> bool:
        """Reserve room in the grammar for a rule that is written once, however often it is used."""
        if rule not in self._written and not self.budget.room(characters):
            return False
        self._written.add(rule)
        return True

    def node(self, text: str) -> Node:
        """Return a pattern in a form that a grammar can express; raises `NotExpressible`."""
        if text not in self._nodes:
            try:
                self._nodes[text] = parse_pattern(text)
            except NotExpressible as error:
                self._nodes[text] = error
        found = self._nodes[text]
        if isinstance(found, NotExpressible):
            raise NotExpressible(str(found))
        return found

    def pattern(self, text: str) -> Pattern | None:
        """Return a pattern to search with; ``None`` if it is not valid."""
        if text not in self._patterns:
            try:
                self._patterns[text] = Pattern(text)
            except PatternError:
                self._patterns[text] = None
        return self._patterns[text]

    def finds(self, pattern: Pattern, text: str, path: str) -> bool:
        """Whether a pattern is found in a text; true, and named, if the search takes too long."""
        work = Work(_MOST_OF_SEARCH)
        try:
            found = pattern.search(text, work)
        except TooMuchWork:
            found = None
        if not self.budget.work(1 + (_MOST_OF_SEARCH - work.left) // 10) or found is None:
            self._note(path, "pattern", f"searching for {pattern.text!r:.200} takes too long")
            return True
        return found
