"""The functions for Python that was written to another bundle's bridge."""

from __future__ import annotations

import json

import pytest

import browserllm as bl
from browserllm.amplifier.bridge import Bridge

MESSAGES = [{"role": "user", "content": "Hi"}]


async def test_a_request_is_answered_whole_and_piece_by_piece() -> None:
    backend = bl.ScriptedBackend([["Hel", "lo."]], model="paper")
    bridge = Bridge(backend)
    answer = json.loads(await bridge.complete(json.dumps({"messages": MESSAGES, "temperature": 0.5})))
    assert answer["object"] == "chat.completion"
    assert answer["choices"][0]["message"]["content"] == "Hello."
    assert backend.requests[0].temperature == 0.5
    chunks: list[str] = []
    assert json.loads(await bridge.complete_streaming(json.dumps(MESSAGES), chunks.append))["model"] == "paper"
    assert [json.loads(chunk) for chunk in chunks] == [
        {"type": "delta", "content": "Hel"},
        {"type": "delta", "content": "lo."},
    ]


async def test_tools_may_come_apart_and_nonsense_is_named() -> None:
    backend = bl.ScriptedBackend([[bl.ToolCallPart("c1", "add", "{}")]])
    tools = [{"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}]
    answer = json.loads(await Bridge(backend).complete(json.dumps(MESSAGES), json.dumps(tools)))
    assert answer["choices"][0]["message"]["tool_calls"][0]["function"]["name"] == "add"
    with pytest.raises(bl.InvalidRequest, match="not JSON"):
        await Bridge(backend).complete("Hi")
