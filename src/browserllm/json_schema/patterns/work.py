"""Limit the work that untrusted input may cause, by counting instead of timing."""

from __future__ import annotations


class TooMuchWork(Exception):  # noqa: N818 (a result, not a failure)
    """The work that was allowed is used up."""


class Work:
    """The work that is left, in units of about a tenth of a microsecond."""

    def __init__(self, units: int) -> None:
        """Allow ``units`` of work."""
        self.left = units

    def spend(self, units: int) -> None:
        """Spend some units; raises `TooMuchWork` if too few are left."""
        self.left -= units
        if self.left < 0:
            raise TooMuchWork
