"""Delays between retries, and the kind of an error by its message."""

from __future__ import annotations

import math
import random
import warnings
from typing import Any

_JITTER = 0.5
"""With jitter a delay is anything from half to one and a half of itself."""

# The first match counts.
_KINDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("rate_limit", ("rate limit", "429", "too many requests")),
    ("timeout", ("timeout", "timed out")),
    ("authentication", ("authentication", "unauthorized", "invalid api key", "401")),
    ("context_length", ("context length", "too many tokens", "maximum context")),
    ("content_filter", ("content filter", "safety", "blocked")),
    ("not_found", ("not found", "404")),
    ("provider_unavailable", ("503", "overloaded", "service unavailable")),
)

_MIN_DELAY = "min_delay is deprecated, use initial_delay"
_BACKOFF_MULTIPLIER = "backoff_multiplier is deprecated, use backoff_factor"


def _warn(message: str) -> None:
    warnings.warn(message, DeprecationWarning, stacklevel=3)


class RetryConfig:
    """How often and how long to wait, in seconds."""

    def __init__(
        self,
        max_retries: int = 3,
        initial_delay: float = 1.0,
        max_delay: float = 60.0,
        backoff_factor: float = 2.0,
        jitter: bool | float | None = None,
        honor_retry_after: bool = True,
        min_delay: float | None = None,
        backoff_multiplier: float | None = None,
    ) -> None:
        """``min_delay``, ``backoff_multiplier`` and a number for ``jitter`` are older names and forms."""
        if min_delay is not None:
            _warn(_MIN_DELAY)
        if backoff_multiplier is not None:
            _warn(_BACKOFF_MULTIPLIER)
        if jitter is not None and not isinstance(jitter, bool):
            _warn("passing a float for jitter is deprecated, use a bool")
        self.max_retries = max_retries
        self.initial_delay = initial_delay if min_delay is None else min_delay
        self.max_delay = max_delay
        self.backoff_factor = backoff_factor if backoff_multiplier is None else backoff_multiplier
        self.honor_retry_after = honor_retry_after
        self._jitter = jitter is None or bool(jitter)

    @property
    def jitter(self) -> float:
        """0.2 with jitter, 0.0 without."""
        return 0.2 if self._jitter else 0.0

    @property
    def min_delay(self) -> float:
        """The older name of `initial_delay`."""
        _warn(_MIN_DELAY)
        return self.initial_delay

    @property
    def backoff_multiplier(self) -> float:
        """The older name of `backoff_factor`."""
        _warn(_BACKOFF_MULTIPLIER)
        return self.backoff_factor


def compute_delay(
    config: RetryConfig, attempt: int, retry_after: float | None = None, delay_multiplier: float | None = None
) -> float:
    """Return the seconds to wait before retry number ``attempt``, from 0.

    The delay grows up to ``max_delay``; the multiplier applies after that limit, and ``retry_after`` is the least.
    """
    delay = min(config.initial_delay * config.backoff_factor**attempt, config.max_delay)
    if delay_multiplier is not None and math.isfinite(delay_multiplier) and delay_multiplier > 0:
        delay *= delay_multiplier
    if config.honor_retry_after and retry_after is not None:
        delay = max(delay, retry_after)
    if config.jitter:
        delay *= random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 (no secret)
    return delay


def classify_error_message(message: str) -> str:
    """Return the kind of an error that only its message tells, or "unknown"."""
    text = message.lower()
    return next((kind for kind, words in _KINDS if any(word in text for word in words)), "unknown")


class ProviderError:
    """An error of a provider as plain data."""

    def __init__(
        self,
        message: str,
        *,
        provider: str | None = None,
        model: str | None = None,
        retry_after: float | None = None,
        delay_multiplier: float | None = None,
        retryable: bool = False,
        error_type: str = "Other",
    ) -> None:
        """Keep the fields."""
        self.message = message
        self.provider = provider
        self.model = model
        self.retry_after = retry_after
        self.delay_multiplier = delay_multiplier
        self.retryable = retryable
        self.error_type = error_type

    def __str__(self) -> str:
        return self.message

    def __repr__(self) -> str:
        said: list[Any] = [f'"{self.message}"']
        said += [f'{name}="{value}"' for name in ("provider", "model") if (value := getattr(self, name)) is not None]
        said += ["retryable=True"] if self.retryable else []
        return f"ProviderError({', '.join(said)})"
