"""Does a JSON value fit a JSON Schema, and where not: drafts 7 and 2020-12, by ``$schema``, else 2020-12.

Ours because the well-kept library for this, jsonschema, needs compiled code (rpds) that a page does not have. Held to
the official JSON-Schema-Test-Suite by tests/wire/json_schema/test_json_schema_validation.py.

All keywords that decide anything are there, with references inside the document; what is not is refused by
`check_schema` and never passed over. ``format`` and ``content...`` are annotations and decide nothing, as 2020-12 has
it: a value of another format is no failure that a model should repair.

Neither the schema nor the value is trusted. Both are read in linear time; what both decide together, how often a schema
is applied and how long a pattern searches, is counted, and a check that takes too much of it says so in a problem.
"""

from __future__ import annotations

from typing import Any

from .check import TOO_MUCH, Check, Seen, TooMuch
from .document import Document
from .keywords import FOR_2020, FOR_DRAFT_7
from .patterns.work import TooMuchWork
from .problem import Problem


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
        check = Check(self._document, *(FOR_DRAFT_7 if self._document.draft_7 else FOR_2020))
        try:
            return check.apply(value, self._document.root, path, Seen())
        except TooMuch as error:
            return [Problem(path, str(error))]
        except (TooMuchWork, RecursionError):
            return [Problem(path, TOO_MUCH)]


def problems_of(value: Any, schema: Any) -> list[Problem]:
    """Return what does not fit in a decoded JSON value; nothing when it fits.

    Raises `InvalidRequest` as `check_schema` does. Who checks many values makes a `Validator`.
    """
    return Validator(schema).problems(value)
