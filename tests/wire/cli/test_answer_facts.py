"""The line about an answer: it fits the terminal, and leaves out what matters least."""

from __future__ import annotations

from typing import Any

import pytest

from browserllm.cli.answer_facts import facts_line
from browserllm.types import ChatResponse, Message, Timings, Usage


def response(**fields: Any) -> ChatResponse:
    given = {
        "request_id": "r",
        "backend": "local",
        "message": Message("assistant", "Hi."),
        "finish_reason": "stop",
        "engine": "transformers",
        "device": "webgpu",
        "adapter": "nvidia-geforce-rtx-4090",
        "usage": Usage(completion_tokens=143),
        "timings": Timings(tokens_per_s=41.7, first_token_ms=312),
        "cost_usd": 0.0,
    }
    return ChatResponse(**(given | fields))


@pytest.mark.parametrize(
    ("width", "line"),
    [
        (
            None,
            "transformers · webgpu/nvidia-geforce-rtx-4090 · 41.7 tokens/s · first token 312 ms · 143 tokens · free",
        ),
        (80, "transformers · webgpu · 41.7 tokens/s · first token 312 ms · 143 tokens · free"),
        (70, "transformers · webgpu · 41.7 tokens/s · 143 tokens · free"),
        (50, "transformers · webgpu · 41.7 tokens/s · free"),
        (40, "transformers · 41.7 tokens/s · free"),
        (30, "transformers · 41.7 tokens/s"),
        (12, "transformers"),
        (5, "transformers"),
    ],
)
def test_a_narrow_line_leaves_out_what_matters_least(width: int | None, line: str) -> None:
    assert facts_line(response(), with_cost=True, width=width) == line


def test_what_an_answer_cost_and_that_it_was_stopped_stay() -> None:
    paid = response(engine=None, device=None, adapter=None, backend="cloud:openai-1", cost_usd=0.0123)
    assert facts_line(paid, with_cost=True, prefix="stopped", width=20) == "stopped · cloud:openai-1 · $0.0123"


def test_wide_characters_count_as_the_two_cells_that_they_take() -> None:
    wide = response(adapter="灯台灯台")
    line = facts_line(wide, width=67)
    assert line == "transformers · webgpu/灯台灯台 · 41.7 tokens/s · first token 312 ms"
    assert facts_line(wide, width=66) == "transformers · webgpu · 41.7 tokens/s · first token 312 ms"
