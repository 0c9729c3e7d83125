"""Tokens as servers count them: missing, as a text, as 12.0, -1 or NaN; once, or again and again as they grow."""

from __future__ import annotations

import math
from typing import Any, cast

from ...types import Usage

_MAX_TOKENS = 2**53
"""More is no count: up to here, numbers of JSON are exact."""


def token_count(value: Any) -> int | None:
    """Return a count of tokens, or ``None`` for what is none: a number below zero, NaN, another type."""
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
