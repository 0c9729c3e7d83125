"""Reads token usage, which chat completions servers report under different names and in different places."""

from __future__ import annotations

from typing import Any, cast

from ....types import Usage
from ..token_counts import count_in

_PROMPT = ("prompt_tokens", "input_tokens")
_COMPLETION = ("completion_tokens", "output_tokens")
_REASONING = (
    ("completion_tokens_details", "reasoning_tokens"),
    ("output_tokens_details", "reasoning_tokens"),
    ("reasoning_tokens",),
)
# In OpenAI's two APIs; DeepSeek; Moonshot; what passes Anthropic on.
_CACHED = (
    ("prompt_tokens_details", "cached_tokens"),
    ("input_tokens_details", "cached_tokens"),
    ("prompt_cache_hit_tokens",),
    ("cached_tokens",),
    ("cache_read_input_tokens",),
)
_WRITTEN = (
    ("prompt_tokens_details", "cache_write_tokens"),
    ("prompt_tokens_details", "cache_creation_tokens"),
    ("cache_creation_input_tokens",),
)


def usage_of(said: Any) -> Usage | None:
    """Return the tokens; ``None`` where nothing is said of them."""
    prompt, completion = _first(said, *((name,) for name in _PROMPT)), _first(said, *((name,) for name in _COMPLETION))
    total = count_in(said, "total_tokens")
    if prompt is None and completion is None:
        return None
    if total is not None:
        # One of the three may be left out.
        prompt = max(0, total - (completion or 0)) if prompt is None else prompt
        completion = max(0, total - prompt) if completion is None else completion
    prompt, completion = prompt or 0, completion or 0
    reasoning = _largest(said, _REASONING)
    # xAI counts the thinking beside the completion, OpenAI as a part of it; the total tells.
    if reasoning and total == prompt + completion + reasoning:
        completion += reasoning
    return Usage(
        prompt_tokens=prompt,
        completion_tokens=completion,
        cached_tokens=_largest(said, _CACHED),
        cache_write_tokens=_largest(said, _WRITTEN),
        reasoning_tokens=reasoning,
    )


def usage_beside(x_groq: Any, timings: Any) -> Any:
    """Return what a chunk without ``usage`` says of it elsewhere: Groq under its own name, llama.cpp as timings."""
    if isinstance(x_groq, dict):
        return cast("dict[str, Any]", x_groq).get("usage")
    prompt, predicted, cached = (count_in(timings, name) for name in ("prompt_n", "predicted_n", "cache_n"))
    if prompt is None or predicted is None:
        return None
    # What was in the cache is no part of what was read.
    prompt += cached or 0
    return {"prompt_tokens": prompt, "completion_tokens": predicted, "cached_tokens": cached}


def _first(said: Any, *paths: tuple[str, ...]) -> int | None:
    return next((count for path in paths if (count := count_in(said, *path)) is not None), None)


def _largest(said: Any, paths: tuple[tuple[str, ...], ...]) -> int:
    """Return a count that may be said in several places: some have a zero in one of them."""
    return max(count_in(said, *path) or 0 for path in paths)
