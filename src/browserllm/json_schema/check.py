"""The check of one value: its limits of depth and work, and the parts that were evaluated."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .._internal.equality import Keys
from .document import Document, Resource, Schema
from .patterns.pattern import Pattern
from .patterns.work import TooMuchWork, Work
from .problem import Problem

MAX_DEPTH = 256
"""How deeply the application of schemas may be nested; a deeper check ends with a problem."""
MAX_STEPS = 250_000
"""How often schemas may be applied in one check: a second or two. Patterns and long lists count as well."""
_STEP = 40
"""The units of work of one step."""


class Evaluated:
    """The keys and indexes that some schema has evaluated, for ``unevaluated...``."""

    def __init__(self) -> None:
        self.keys: set[str] = set()
        self.places: set[int] = set()

    def add(self, other: Evaluated) -> None:
        """Add what another schema has evaluated."""
        self.keys |= other.keys
        self.places |= other.places


Keyword = Callable[["SchemaCheck", Any, Schema, str, Evaluated], "list[Problem]"]

TOO_COMPLEX = "the value is nested too deeply or too large to be checked"


class TooComplex(Exception):  # noqa: N818
    """The check is too deep or takes too many steps; ``str()`` is a message for a model."""


class SchemaCheck:
    """Checks one value, with the keywords of a document's draft."""

    def __init__(self, document: Document, keywords: Mapping[str, Keyword], afterwards: Mapping[str, Keyword]) -> None:
        """``afterwards`` are the keywords that depend on what all others have evaluated."""
        self.document = document
        self._keywords = keywords
        self._afterwards = afterwards
        self.keys = Keys(document.keys)
        self.scope: list[Resource] = []
        self._depth = 0
        self._work = Work(MAX_STEPS * _STEP)

    def spend(self, turns: int) -> None:
        """Count the iterations of a loop as work."""
        self._work.spend(turns)

    def finds(self, pattern: Pattern, text: str) -> bool:
        """Whether a pattern is found in a text."""
        try:
            self._work.left -= 10
            return pattern.search(text, self._work)
        except TooMuchWork:
            raise TooComplex(f"searching for the pattern takes too long: {pattern.text!r:.200}") from None

    def apply(self, value: Any, schema: Any, path: str, evaluated: Evaluated) -> list[Problem]:
        """Return the problems of a value with a schema, and add what it evaluates to ``evaluated``."""
        if isinstance(schema, bool):
            self._work.spend(10)
            return [] if schema else [Problem(path, "nothing is allowed here")]
        work = self._work
        work.left -= _STEP + len(schema)
        if work.left < 0:
            raise TooMuchWork
        if self._depth >= MAX_DEPTH:
            raise TooComplex(TOO_COMPLEX)
        document = self.document
        home = document.home(schema)
        entered = not self.scope or self.scope[-1] is not home
        if entered:
            self.scope.append(home)
        self._depth += 1
        problems: list[Problem] = []
        own = Evaluated()
        # In draft 7 a reference hides its sibling keywords.
        alone = document.draft_7 and "$ref" in schema
        for keyword in ("$ref",) if alone else schema:
            if keyword in self._keywords:
                problems += self._keywords[keyword](self, value, schema, path, own)
        if not alone:
            for keyword, function in self._afterwards.items():
                if keyword in schema:
                    problems += function(self, value, schema, path, own)
        self._depth -= 1
        if entered:
            self.scope.pop()
        if not problems and (own.keys or own.places):
            evaluated.add(own)
            work.left -= len(own.keys) + len(own.places)
        return problems
