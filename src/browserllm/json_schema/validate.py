"""Validate a JSON value against a JSON Schema of draft 7 or 2020-12, by ``$schema`` and otherwise 2020-12.

Written here because the well-kept library for this, jsonschema, needs compiled code (rpds) that is not available in a
page. Checked against the official JSON-Schema-Test-Suite by tests/wire/json_schema/test_json_schema_validation.py.

All validating keywords are supported, with references inside the document; `check_schema` rejects everything else, and
nothing is silently ignored. ``format`` and ``content...`` are annotations that never fail, as in 2020-12: a value of
another format is not a mistake that a model should repair.

Neither the schema nor the value is trusted. Both are read in linear time. The work that depends on both, applying
schemas and searching patterns, is counted, and a check that needs too much of it ends with a problem.
"""

from __future__ import annotations

from typing import Any

from .check import TOO_COMPLEX, Evaluated, SchemaCheck, TooComplex
from .document import Document
from .keywords import FOR_2020, FOR_DRAFT_7
from .patterns.work import TooMuchWork
from .problem import Problem


def check_schema(schema: Any) -> None:
    r"""Raise `InvalidRequest` for an invalid JSON Schema of draft 7 or 2020-12, or one with unsupported features.

    Not supported are references to other documents (including the drafts' own schemas), other ``$schema``s,
    ``\p{...}`` in patterns, and patterns with too large counts. The error names the keyword and its path.
    """
    Document(schema)


class Validator:
    """Reads a schema once, and validates many values."""

    def __init__(self, schema: Any) -> None:
        """Read the schema; raises `InvalidRequest` as `check_schema` does."""
        self._document = Document(schema)

    @property
    def schema(self) -> Any:
        """A copy of the schema as decoded JSON. Treat it as read-only."""
        return self._document.root

    def problems(self, value: Any, path: str = "$") -> list[Problem]:
        """Return the problems of a decoded JSON value whose path is ``path``; an empty list if it fits."""
        check = SchemaCheck(self._document, *(FOR_DRAFT_7 if self._document.draft_7 else FOR_2020))
        try:
            return check.apply(value, self._document.root, path, Evaluated())
        except TooComplex as error:
            return [Problem(path, str(error))]
        except (TooMuchWork, RecursionError):
            return [Problem(path, TOO_COMPLEX)]


def problems_of(value: Any, schema: Any) -> list[Problem]:
    """Return the problems of a decoded JSON value; an empty list if it fits.

    Raises `InvalidRequest` as `check_schema` does. To check many values, use a `Validator`.
    """
    return Validator(schema).problems(value)
