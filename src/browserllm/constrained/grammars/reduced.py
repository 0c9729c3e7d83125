"""A reduced schema, and the keywords that it leaves out."""

from __future__ import annotations

from typing import NamedTuple

from .kinds import Schema


class Dropped(NamedTuple):
    """A keyword that is not enforced: its path (``$.properties.age``), its name, and why.

    ``excludes`` is true for the opposite: the grammar enforces more than the schema requires.
    """

    path: str
    keyword: str
    reason: str
    excludes: bool = False

    def __str__(self) -> str:
        return f"{self.path}.{self.keyword}: {self.reason}"


class Reduced(NamedTuple):
    """A schema that `grammar_of_schema` takes, and what it leaves out of the original."""

    schema: Schema
    dropped: list[Dropped]
