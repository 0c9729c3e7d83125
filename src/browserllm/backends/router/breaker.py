"""The circuit breaker: it stops requests to a backend that keeps failing, and later lets one through as a probe.

::

    closed --(too many failures)--> open --(cool-down)--> half-open --(a probe succeeds)--> closed
                                     ^                        |
                                     +----(the probe fails)---+
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

import msgspec

from ...errors import BrowserLLMError, InvalidRequest

if TYPE_CHECKING:
    from ..._internal.clock import AnyClock

BreakerState = Literal["closed", "open", "half_open"]

_BUCKETS = 10


class AnyRandom(Protocol):
    """A source of random numbers, such as `random.Random`."""

    def random(self) -> float:
        """Return a number from 0 up to, but not including, 1."""
        ...


class Breaker(msgspec.Struct, frozen=True, kw_only=True):
    """When a circuit breaker opens, for how long, and what closes it again.

    It opens after ``failures`` consecutive failures, or when the share ``rate`` of at least ``min_requests`` in the
    last ``window_s`` failed. Failures further apart than ``window_s`` are not consecutive. After ``cool_down_s`` it
    lets one request at a time through as a probe: ``successes`` consecutive ones close it, a failure opens it again.
    ``jitter`` (0..1) shortens each cool-down by up to that share, so that many programs do not retry at once.
    """

    failures: int = 5
    rate: float = 0.5
    min_requests: int = 10
    window_s: float = 60.0
    cool_down_s: float = 30.0
    successes: int = 1
    jitter: float = 0.1

    def check(self) -> None:
        """Raise `InvalidRequest` for a value out of range."""
        for name in ("failures", "min_requests", "successes"):
            if getattr(self, name) < 1:
                raise InvalidRequest(f"Breaker({name}={getattr(self, name)!r}) must be at least 1", parameter=name)
        for name in ("window_s", "cool_down_s"):
            if not getattr(self, name) > 0:
                raise InvalidRequest(f"Breaker({name}={getattr(self, name)!r}) must be above 0", parameter=name)
        if not 0 < self.rate <= 1:
            raise InvalidRequest(f"Breaker(rate={self.rate!r}) must be above 0 and at most 1", parameter="rate")
        if not 0 <= self.jitter <= 1:
            raise InvalidRequest(f"Breaker(jitter={self.jitter!r}) must be between 0 and 1", parameter="jitter")


def counts(error: BaseException) -> bool:
    """Whether a failure counts against the backend: faults of a server, a network or a device, not of the request."""
    if isinstance(error, BrowserLLMError):
        return error.fault_of in ("backend", "device")
    return isinstance(error, Exception)


class CircuitBreaker:
    """One backend's breaker. After `allow` lets a request through, call `success`, `failure` or `inconclusive` once."""

    def __init__(self, settings: Breaker, clock: AnyClock, random: AnyRandom | None = None) -> None:
        """Start closed. ``clock`` measures time, ``random`` draws the jitter."""
        settings.check()
        self.settings = settings
        self._clock = clock
        self._random = random
        self._open_until: float | None = None
        self._probing = False
        self._proven = 0
        self._in_a_row = 0
        self._failed_at = float("-inf")
        # [part of the window, successes, failures], oldest first: bounded, however many requests come.
        self._buckets: list[list[int]] = []

    @property
    def state(self) -> BreakerState:
        """``"closed"``, ``"open"``, or ``"half_open"`` (it lets one probe through)."""
        if self._open_until is None:
            return "closed"
        return "open" if self._clock.now_s < self._open_until else "half_open"

    @property
    def opens_in_s(self) -> float:
        """Seconds until it lets a probe through; 0 if it does so now."""
        return 0.0 if self._open_until is None else max(0.0, self._open_until - self._clock.now_s)

    def refusal(self) -> str:
        """Return why it lets no request through now; empty if it does."""
        if self._open_until is None:
            return ""
        wait_s = self.opens_in_s
        if wait_s > 0:
            return f"its circuit breaker is open for another {wait_s:.3g} s"
        return "its circuit breaker is half-open, and a probe is running" if self._probing else ""

    def allow(self) -> bool | None:
        """Ask to send a request: ``True`` for a probe, ``False`` for a normal request, ``None`` for a refusal."""
        if self._open_until is None:
            return False
        if self._probing or self._clock.now_s < self._open_until:
            return None
        self._probing = True
        return True

    def success(self, *, probe: bool) -> None:
        """Record that a request was answered."""
        self._in_a_row = 0
        if probe:
            self._probing = False
            self._proven += 1
            if self._proven >= self.settings.successes:
                self._open_until = None
        elif self._open_until is None:
            self._bucket()[1] += 1

    def failure(self, error: BaseException, *, probe: bool) -> None:
        """Record a failure; one that is not the backend's fault does not count."""
        if not counts(error):
            self.inconclusive(probe=probe)
            return
        now = self._clock.now_s
        wait_s = error.retry_after_s if isinstance(error, BrowserLLMError) else None
        if wait_s is not None:
            # The server said when to come back.
            self._open(max(now + wait_s, self._open_until or now))
        elif probe:
            self._open(now + self._cool_down())
        elif self._open_until is None:
            self._count(now)
        if probe:
            self._probing = False

    def inconclusive(self, *, probe: bool) -> None:
        """Record that a request ended without evidence for or against the backend."""
        if probe:
            self._probing = False

    def _count(self, now: float) -> None:
        settings = self.settings
        self._in_a_row = self._in_a_row + 1 if now - self._failed_at <= settings.window_s else 1
        self._failed_at = now
        self._bucket()[2] += 1
        succeeded = sum(bucket[1] for bucket in self._buckets)
        failed = sum(bucket[2] for bucket in self._buckets)
        total = succeeded + failed
        if self._in_a_row >= settings.failures or (total >= settings.min_requests and failed / total >= settings.rate):
            self._open(now + self._cool_down())

    def _open(self, until: float) -> None:
        self._open_until = until
        self._proven = self._in_a_row = 0
        self._buckets.clear()

    def _cool_down(self) -> float:
        if self._random is None:
            from random import Random

            self._random = Random()  # noqa: S311 (no secret)
        return self.settings.cool_down_s * (1 - self.settings.jitter * self._random.random())

    def _bucket(self) -> list[int]:
        part = int(self._clock.now_s * _BUCKETS / self.settings.window_s)
        buckets = self._buckets
        if not buckets or buckets[-1][0] != part:
            buckets.append([part, 0, 0])
            while buckets[0][0] <= part - _BUCKETS:
                buckets.pop(0)
        return buckets[-1]
