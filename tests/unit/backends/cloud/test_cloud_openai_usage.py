"""Token counts of chat completions, in the places and under the names that servers have for them.

As reported in vercel/ai#12352 and vercel/ai#8722 (cached tokens), baptisteArno/typebot.io#1872 (Groq),
UKGovernmentBEIS/inspect_ai#5528 (xAI).
"""

from __future__ import annotations

from itertools import permutations
from typing import Any

import msgspec
import pytest

from browserllm.backends.cloud.failures import ErrorSource
from browserllm.backends.cloud.openai.reader import ChatCompletionReader
from browserllm.backends.cloud.sse import Event
from browserllm.backends.draft import Draft
from browserllm.backends.request import build_request
from browserllm.types import Usage

WHOLE = {"prompt_tokens": 30, "completion_tokens": 7}
CACHED = [
    {"prompt_tokens_details": {"cached_tokens": 20}},
    {"input_tokens_details": {"cached_tokens": 20}},
    {"prompt_cache_hit_tokens": 20, "prompt_cache_miss_tokens": 10},
    {"cached_tokens": 20},
    {"cache_read_input_tokens": 20},
    {"cached_tokens": 20, "prompt_tokens_details": {"cached_tokens": 0}},
    {"cached_tokens": 20, "prompt_tokens_details": None},
]
PLACES = {
    "usage": lambda usage: {"usage": usage},
    "x_groq": lambda usage: {"x_groq": {"id": "req", "usage": usage}},
    "choice": lambda usage: {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop", "usage": usage}]},
}


def read(*chunks: dict[str, Any]) -> tuple[Usage, list[str]]:
    """The usage of an answer whose last chunks are these, and what it is warned of."""
    draft = Draft(build_request("Hi", {}), "b", "r")
    reader = ChatCompletionReader(draft, ErrorSource(backend="b", model="m", key_name="k"))
    first = {"choices": [{"index": 0, "delta": {"content": "Hi"}, "finish_reason": "stop"}]}
    for chunk in (first, *chunks):
        list(reader.read(Event(msgspec.json.encode(chunk).decode())))
    list(reader.finish())
    return draft.usage, [warning.parameter for warning in draft.warnings]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("cached", CACHED)
def test_token_counts_are_found_in_every_place(place: str, cached: dict[str, Any]) -> None:
    """In a chunk's usage, in a choice's, under Groq's own name; alone, and after an empty one."""
    right = Usage(prompt_tokens=30, completion_tokens=7, cached_tokens=20)
    chunk = PLACES[place]({**WHOLE, **cached})
    assert read(chunk) == (right, [])
    assert read({"choices": [], "usage": None}, chunk, {"choices": []}) == (right, [])


def test_thinking_tokens_are_counted_once() -> None:
    """Inside the completion tokens or apart from them: the total decides; each detail under each name."""
    for details in (
        {"completion_tokens_details": {"reasoning_tokens": 5}},
        {"output_tokens_details": {"reasoning_tokens": 5}},
        {"reasoning_tokens": 5},
    ):
        part = Usage(prompt_tokens=30, completion_tokens=7, reasoning_tokens=5)
        assert read({"usage": {**WHOLE, "total_tokens": 37, **details}})[0] == part
        assert read({"usage": {**WHOLE, **details}})[0] == part
        beside = Usage(prompt_tokens=30, completion_tokens=12, reasoning_tokens=5)
        assert read({"usage": {**WHOLE, "total_tokens": 42, **details}})[0] == beside


def test_timings_are_used_without_other_counts() -> None:
    """As llama.cpp sends them: cached tokens are not part of the processed ones."""
    timings = {"prompt_n": 10, "cache_n": 20, "predicted_n": 7, "prompt_ms": 1.5, "predicted_per_second": 50.0}
    assert read({"choices": [], "timings": timings}) == (
        Usage(prompt_tokens=30, completion_tokens=7, cached_tokens=20),
        [],
    )
    assert read({"choices": [], "timings": timings, "usage": {"prompt_tokens": 31, "completion_tokens": 8}})[
        0
    ] == Usage(prompt_tokens=31, completion_tokens=8)


@pytest.mark.parametrize(
    "odd", [{}, {"usage": {}}, {"x_groq": {"id": "x"}}, {"x_groq": 1}, {"timings": []}, {"timings": {}}]
)
def test_values_that_are_not_token_counts_are_ignored(odd: dict[str, Any]) -> None:
    """With the same warning as without any usage."""
    assert read({"choices": [], **odd}) == (Usage(), ["usage"])


def test_the_order_of_token_counts_does_not_matter() -> None:
    """Counts only grow."""
    chunks = [{"choices": [], "usage": {"prompt_tokens": 30, "completion_tokens": 2}}, {"x_groq": {"usage": WHOLE}}, {}]
    assert {str(read(*order)) for order in permutations(chunks)} == {
        str((Usage(prompt_tokens=30, completion_tokens=7), []))
    }
