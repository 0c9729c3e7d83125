"""Reads token counts in any form (missing, a text, 12.0, -1, NaN; once or repeatedly), and computes timings."""

from __future__ import annotations

import math
import time
from typing import Any, cast

from ...types import Timings, Usage

_MAX_TOKENS = 2**53
"""More is no count: up to here, numbers of JSON are exact."""


def token_count(value: Any) -> int | None:
    """Return a count of tokens, or ``None`` if it is not valid: negative, NaN, another type."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return int(value) if math.isfinite(value) and 0 <= value <= _MAX_TOKENS else None


def count_in(value: Any, *path: str) -> int | None:
    """Return the count at a path of names in a JSON value; ``None`` where there is no such thing."""
    for name in path:
        value = cast("dict[str, Any]", value).get(name) if isinstance(value, dict) else None
    return token_count(value)


def largest(before: Usage, after: Usage) -> Usage:
    """Return the larger of each count: a server that counts as it goes only adds; a zero at the end says nothing."""
    return Usage(
        prompt_tokens=max(before.prompt_tokens, after.prompt_tokens),
        completion_tokens=max(before.completion_tokens, after.completion_tokens),
        cached_tokens=max(before.cached_tokens, after.cached_tokens),
        cache_write_tokens=max(before.cache_write_tokens, after.cache_write_tokens),
        reasoning_tokens=max(before.reasoning_tokens, after.reasoning_tokens),
    )


def timings_of(started_at: float, first_at: float, tokens: int) -> Timings:
    """Return how long an answer took that ends now; both times are `time.perf_counter`'s, in seconds."""
    decode_ms = (time.perf_counter() - first_at) * 1000
    return Timings(
        first_token_ms=(first_at - started_at) * 1000,
        decode_ms=decode_ms,
        tokens_per_s=(tokens - 1) * 1000 / decode_ms if tokens > 1 and decode_ms > 0 else None,
    )
