"""Damage: one notice for all records that could not be read."""

from __future__ import annotations

from .notices import Notices

MAX_NAMED = 5
"""How many records the notice names."""


class Damage:
    """The damaged records of a visit, each counted once."""

    def __init__(self, notices: Notices) -> None:
        """Begin without any."""
        self._notices = notices
        self._found: dict[str, None] = {}

    def note(self, key: str, why: str) -> None:
        """Count a record, and show the notice."""
        if key in self._found:
            return
        self._found[key] = None
        names = ", ".join(list(self._found)[:MAX_NAMED])
        more = len(self._found) - MAX_NAMED
        text = (
            f"The record {key} is damaged and was skipped: {why}"
            if len(self._found) == 1
            else f"{len(self._found)} records are damaged and were skipped: {names}"
            f"{f' and {more} more' if more > 0 else ''}"
        )
        count = len(self._found)
        self._notices.add(
            "damaged-records",
            text,
            code="record_damaged" if count == 1 else "records_damaged",
            kind="warning",
            count=count,
            names=list(self._found)[:MAX_NAMED],
            why=why,
        )
