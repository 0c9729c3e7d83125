"""Answers of Anthropic, Gemini and Ollama in the smallest form, for the tests of what the three have in common."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

import browserllm as bl
from browserllm.backends.cloud.failures import ErrorSource
from browserllm.backends.draft import Draft
from browserllm.backends.request import build_request
from browserllm.backends.stream import Delta
from unit.backends.cloud.wire_formats import message_of, read

WORDS = "the kettle is over its limit"


def sse(*items: Any) -> bytes:
    """Server-sent events without names, as proxies send them."""
    return "".join(f"data: {json.dumps(item)}\n\n" for item in items).encode()


def lines(*items: Any) -> bytes:
    """JSON lines."""
    return "".join(json.dumps(item) + "\n" for item in items).encode()


def claude_items(*texts: str, reason: str | None = "end_turn", **more: Any) -> list[dict[str, Any]]:
    """An answer of Anthropic's."""
    return [
        {"type": "message_start", "message": {"model": "m", "usage": {"input_tokens": 3}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}} for text in texts),
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 2}, **more},
        *([{"type": "message_stop"}] if reason else []),
    ]


def gemini_items(*texts: str, reason: str | None = "STOP", **more: Any) -> list[dict[str, Any]]:
    """An answer of Gemini's."""
    usage = {"usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 2}}
    pieces: list[dict[str, Any]] = [{"candidates": [{"content": {"parts": [{"text": text}]}}]} for text in texts]
    return [*pieces, {"candidates": [{"finishReason": reason} if reason else {}], **usage, **more}]


def ollama_items(*texts: str, reason: str | None = "stop", **more: Any) -> list[dict[str, Any]]:
    """An answer of Ollama's."""
    said = [{"model": "m", "message": {"content": text}, "done": False} for text in texts]
    end: dict[str, Any] = {"done": True, "done_reason": reason, "prompt_eval_count": 3, "eval_count": 2}
    return [*said, {"message": {"content": ""}, **(end if reason else {"done": False}), **more}]


@dataclass(frozen=True)
class Format:
    """One of the three formats."""

    llm: bl.backends.cloud.CloudBackend
    stream: Callable[..., bytes]
    items: Callable[..., list[dict[str, Any]]]
    whole: dict[str, Any]
    """The answer "Hi" as one object."""


FORMATS = {
    "anthropic": Format(
        bl.Anthropic("m", api_key="k"),
        sse,
        claude_items,
        {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "m",
            "content": [{"type": "text", "text": "Hi"}],
            "stop_reason": "end_turn",
            "usage": {"input_tokens": 3, "output_tokens": 2},
        },
    ),
    "gemini": Format(
        bl.Gemini("m", api_key="k"),
        sse,
        gemini_items,
        {
            "candidates": [{"content": {"role": "model", "parts": [{"text": "Hi"}]}, "finishReason": "STOP"}],
            "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 2},
            "modelVersion": "m",
        },
    ),
    "ollama": Format(
        bl.Ollama("m"),
        lines,
        ollama_items,
        {
            "model": "m",
            "message": {"role": "assistant", "content": "Hi"},
            "done": True,
            "done_reason": "stop",
            "prompt_eval_count": 3,
            "eval_count": 2,
        },
    ),
}

each_format = pytest.mark.parametrize("form", [*FORMATS.values()], ids=[*FORMATS])


def read_whole(llm: bl.backends.cloud.CloudBackend, body: bytes) -> tuple[list[Delta], Draft]:
    """The deltas of an answer that came as one body though a stream was asked for."""
    if isinstance(llm, bl.Ollama):
        return read(llm, body)
    draft = Draft(build_request("Hi", {}), llm.name, "chat-1")
    reader = llm.reader(draft, ErrorSource(backend=llm.name, model=llm.model, key_name="api_key"))
    return [*reader.read_whole(body), *reader.finish()], draft


async def heard(answer: tuple[list[Delta], Draft]) -> tuple[str, str, bl.types.Usage]:
    """The text of an answer, how it ended and what it took."""
    deltas, draft = answer
    return (await message_of(deltas)).text, draft.finish_reason, draft.usage


async def calls_of(answer: tuple[list[Delta], Draft]) -> list[tuple[str, Any]]:
    """The names and arguments of an answer's calls."""
    return [(call.name, json.loads(call.arguments)) for call in (await message_of(answer[0])).tool_calls]


HEARD = ("Hi", "stop", bl.types.Usage(prompt_tokens=3, completion_tokens=2))
