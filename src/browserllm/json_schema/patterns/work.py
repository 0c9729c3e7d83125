"""How much work others' texts may cause, counted and not timed."""

from __future__ import annotations


class TooMuchWork(Exception):  # noqa: N818 (it is an answer, and no failure)
    """What was left of the work is used up."""


class Work:
    """What is left to be done, in units of about a tenth of a microsecond."""

    def __init__(self, units: int) -> None:
        """Allow so many units."""
        self.left = units

    def spend(self, units: int) -> None:
        """Use up some units; raises `TooMuchWork` where not as many are left."""
        self.left -= units
        if self.left < 0:
            raise TooMuchWork
