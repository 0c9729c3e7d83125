"""What a router has measured about a backend: its speed, its failures, its load."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..._internal.clock import AnyClock

SMOOTHING = 0.3
"""The weight of the newest measurement in the moving average."""

FORGET_AFTER_S = 300.0
"""Speeds measured longer ago than this are forgotten, so that a slow backend gets another chance."""


class Measurements:
    """What one router has measured about one backend. Policies read it; only the router writes it."""

    def __init__(self, clock: AnyClock) -> None:
        """Start without measurements."""
        self._clock = clock
        self._first_token_s: float | None = None
        self._tokens_per_s: float | None = None
        self._measured_at = 0.0
        self.answers = 0
        self.failures = 0
        self.failures_in_a_row = 0
        self.last_failure = ""
        self.running = 0
        self.last_asked = -1

    @property
    def first_token_s(self) -> float | None:
        """Seconds from sending a request to the first content, smoothed; ``None`` if unknown or too old."""
        return None if self._is_old() else self._first_token_s

    @property
    def tokens_per_s(self) -> float | None:
        """Tokens a second after the first one, smoothed; ``None`` if unknown or too old."""
        return None if self._is_old() else self._tokens_per_s

    def started(self, number: int) -> float:
        """Record that the router's ``number``-th request was sent; return the time."""
        self.running += 1
        self.last_asked = number
        return self._clock.now_s

    def began(self, started_at: float) -> float:
        """Record the first content of an answer; return the time."""
        now = self._clock.now_s
        old = self.first_token_s
        self._first_token_s = _smooth(old, now - started_at)
        if old is None:
            self._tokens_per_s = None
        self._measured_at = now
        return now

    def answered(self, began_at: float | None, tokens: int) -> None:
        """Record a complete answer; ``began_at`` is ``None`` for an empty one."""
        self.answers += 1
        self.failures_in_a_row = 0
        if began_at is not None and tokens > 1:
            seconds = self._clock.now_s - began_at
            if seconds > 0:
                self._tokens_per_s = _smooth(self._tokens_per_s, (tokens - 1) / seconds)

    def failed(self, error: BaseException) -> None:
        """Record a failure."""
        self.failures += 1
        self.failures_in_a_row += 1
        self.last_failure = str(error) or type(error).__name__

    def ended(self) -> None:
        """Record that a request no longer runs, however it ended."""
        self.running -= 1

    def _is_old(self) -> bool:
        return self._clock.now_s - self._measured_at > FORGET_AFTER_S


def _smooth(old: float | None, new: float) -> float:
    return new if old is None else old + SMOOTHING * (new - old)
