"""Does a JSON value fit a JSON Schema, and where not: drafts 7 and 2020-12, by ``$schema``, else 2020-12.

Ours because the well-kept library for this, jsonschema, needs compiled code (rpds) that a page does not have. Held to
the official JSON-Schema-Test-Suite by tests/wire/test_json_schema_validation.py.

All keywords that decide anything are there, with references inside the document; what is not is refused by
`check_schema` and never passed over. ``format`` and ``content...`` are annotations and decide nothing, as 2020-12 has
it: a value of another format is no failure that a model should repair.

Neither the schema nor the value is trusted. Both are read in linear time; what both decide together, how often a schema
is applied and how long a pattern searches, is counted, and a check that takes too much of it says so in a problem.
"""

from __future__ import annotations

from typing import Any

from ..equality import Keys
from ..patterns.pattern import Pattern
from ..patterns.work import TooMuchWork, Work
from .document import Document, Resource
from .keywords import KEYWORDS_7, KEYWORDS_2020, UNEVALUATED, Seen
from .problem import Problem

MAX_DEPTH = 256
"""How many schemas may be at work in each other on one value; a check that goes deeper says so in a problem."""
MAX_STEPS = 250_000
"""How many times a schema may be applied in one check: a second or two. Patterns and long lists count as well."""
_STEP = 40
"""The units of work of one step."""


def check_schema(schema: Any) -> None:
    r"""Raise `InvalidRequest` for what is no JSON Schema of draft 7 or 2020-12, or asks for what is not supported.

    Not supported are references to other documents (the drafts' own schemas too), other ``$schema``s, ``\p{...}`` in
    patterns, and patterns with too large counts. The error names the keyword and its path.
    """
    Document(schema)


class Validator:
    """A schema that was read once, for many values."""

    def __init__(self, schema: Any) -> None:
        """Read the schema; raises `InvalidRequest` as `check_schema` does."""
        self._document = Document(schema)

    @property
    def schema(self) -> Any:
        """The schema, as a copy that is JSON and nothing else. It is not to be changed."""
        return self._document.root

    def problems(self, value: Any, path: str = "$") -> list[Problem]:
        """Return what does not fit in a decoded JSON value, which lies at ``path``; nothing when it fits."""
        check = Check(self._document)
        try:
            return check.apply(value, self._document.root, path, Seen())
        except _TooMuch as error:
            return [Problem(path, str(error))]
        except (TooMuchWork, RecursionError):
            return [Problem(path, _TOO_MUCH)]


def problems_of(value: Any, schema: Any) -> list[Problem]:
    """Return what does not fit in a decoded JSON value; nothing when it fits.

    Raises `InvalidRequest` as `check_schema` does. Who checks many values makes a `Validator`.
    """
    return Validator(schema).problems(value)


_TOO_MUCH = "The value is nested too deeply or too large to be checked"


class _TooMuch(Exception):  # noqa: N818
    """The check went too deep, or took too many steps; ``str()`` says it to a model."""


class Check:
    """One check of one value."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.keys = Keys(document.keys)
        self.scope: list[Resource] = []
        self._depth = 0
        self._work = Work(MAX_STEPS * _STEP)

    def spend(self, turns: int) -> None:
        """Count the turns of a loop."""
        self._work.spend(turns)

    def finds(self, pattern: Pattern, text: str) -> bool:
        """Say whether a pattern is found in a text."""
        try:
            self._work.left -= 10
            return pattern.search(text, self._work)
        except TooMuchWork:
            raise _TooMuch(f"It takes too long to search the texts for the pattern {pattern.text!r:.200}") from None

    def apply(self, value: Any, schema: Any, path: str, seen: Seen) -> list[Problem]:
        """Return the problems of a value with a schema, and note in ``seen`` what was looked at."""
        if isinstance(schema, bool):
            self._work.spend(10)
            return [] if schema else [Problem(path, "Nothing is allowed here")]
        work = self._work
        work.left -= _STEP + len(schema)
        if work.left < 0:
            raise TooMuchWork
        if self._depth >= MAX_DEPTH:
            raise _TooMuch(_TOO_MUCH)
        document = self.document
        home = document.home(schema)
        entered = not self.scope or self.scope[-1] is not home
        if entered:
            self.scope.append(home)
        self._depth += 1
        problems: list[Problem] = []
        own = Seen()
        if document.draft_7:
            for keyword in ("$ref",) if "$ref" in schema else schema:
                if keyword in KEYWORDS_7:
                    problems += KEYWORDS_7[keyword](self, value, schema, path, own)
        else:
            for keyword in schema:
                if keyword in KEYWORDS_2020:
                    problems += KEYWORDS_2020[keyword](self, value, schema, path, own)
            # After all others, for they go by what those have looked at.
            for keyword, function in UNEVALUATED.items():
                if keyword in schema:
                    problems += function(self, value, schema, path, own)
        self._depth -= 1
        if entered:
            self.scope.pop()
        if not problems and (own.keys or own.places):
            seen.add(own)
            work.left -= len(own.keys) + len(own.places)
        return problems
