"""Ollama's own API, without a network: what is said, and what is understood."""

from __future__ import annotations

import json
from typing import Any

import pytest

import browserllm as bl
from unit.backends.cloud.wire_formats import (
    TOOL,
    body_of,
    check_every_split,
    check_spoiled_errors,
    check_spoiled_events,
    message_of,
    read,
)

MODEL = "qwen3:0.6b"


def lines(*items: dict[str, Any]) -> bytes:
    """Lines as bytes."""
    return "".join(json.dumps(item, ensure_ascii=False) + "\n" for item in items).encode()


def line(content: str = "", **message: Any) -> dict[str, Any]:
    """A line of an answer."""
    return {"model": MODEL, "message": {"role": "assistant", "content": content, **message}, "done": False}


LAST = {**line(), "done": True, "done_reason": "stop", "prompt_eval_count": 3, "eval_count": 2, "eval_duration": 10**9}
CALL = {"function": {"name": "weather", "arguments": {"city": "Oslo"}}}
WHOLE = lines(line(thinking="Hmm 👋"), line("Grüße"), line(tool_calls=[{**CALL, "id": "call_1"}]), LAST)


async def test_an_answer_is_the_same_wherever_it_is_cut() -> None:
    """Every byte boundary is tried."""
    await check_every_split(bl.Ollama(MODEL), WHOLE)


async def test_lines_that_a_proxy_turned_into_events_are_read() -> None:
    """With names, ids, comments and an end marker, cut anywhere; an error among them is raised."""
    events = b": hi\n\n" + b"".join(b"event: message\nid: 7\ndata: " + each + b"\n\n" for each in WHOLE.splitlines())
    await check_every_split(bl.Ollama(MODEL), events + b"data: [DONE]\n\n")
    spoiled = b'data: {"error": "CUDA error"}\n\n'
    assert b"event" in events[:200]
    with pytest.raises(bl.Unavailable, match="CUDA error"):
        read(bl.Ollama(MODEL), events[:200].rpartition(b"event")[0] + spoiled)


def test_a_plain_prompt_forbids_truncation() -> None:
    """The server would silently drop the beginning of a chat that is too long."""
    body, warned = body_of(bl.Ollama(MODEL), "Hi")
    assert body == {
        "model": MODEL,
        "messages": [{"role": "user", "content": "Hi"}],
        "stream": True,
        "truncate": False,
    }
    assert warned == []


def test_options_are_sent_under_the_servers_names() -> None:
    """The number of tokens and the context window above all."""
    body, _ = body_of(bl.Ollama(MODEL, num_ctx=8192), "Hi", max_tokens=9, temperature=0.0, stop="END", seed=0)
    assert body["options"] == {"num_predict": 9, "temperature": 0.0, "stop": ["END"], "seed": 0, "num_ctx": 8192}
    with pytest.raises(bl.InvalidRequest, match="num_ctx=0"):
        bl.Ollama(MODEL, num_ctx=0)


def test_options_that_the_api_does_not_support_are_reported() -> None:
    """Each parameter that is left out is a warning, or an error by choice."""
    unknown: dict[str, Any] = {"n": 2, "logit_bias": {1: 1.0}, "tool_choice": "required"}
    _, warned = body_of(bl.Ollama(MODEL), "Hi", tools=[TOOL], **unknown)
    assert sorted(warned) == ["logit_bias", "n", "tool_choice"]
    for name, value in unknown.items():
        with pytest.raises(bl.errors.Unsupported, match=name):
            body_of(bl.Ollama(MODEL), "Hi", tools=[TOOL], unsupported="error", **{name: value})


def test_tool_choice_none_sends_no_tools() -> None:
    """The choice "auto" is supported, too."""
    body, warned = body_of(bl.Ollama(MODEL), "Hi", tools=[TOOL], tool_choice="none")
    assert ("tools" in body, warned) == (False, [])
    body, warned = body_of(bl.Ollama(MODEL), "Hi", tools=[TOOL], tool_choice="auto")
    assert (len(body["tools"]), warned) == (1, [])


def test_images_are_sent_only_as_data() -> None:
    """The server fetches nothing: an address is named and left out, and so is sound."""
    content: list[Any] = [
        bl.TextPart("What?"),
        bl.ImagePart(url="data:image/png;base64,QUJD"),
        bl.ImagePart(url="https://example.com/a.png"),
        bl.AudioPart(data=b"RIFF0000WAVE"),
    ]
    body, warned = body_of(bl.Ollama(MODEL), [bl.Message("user", content)])
    assert body["messages"] == [{"role": "user", "content": "What?", "images": ["QUJD"]}]
    assert warned == ["messages[0].content", "messages[0].content[2]"]
    content.pop()
    with pytest.raises(bl.errors.Unsupported, match=r"https://example\.com/a\.png"):
        body_of(bl.Ollama(MODEL), [bl.Message("user", content)], unsupported="error")


def test_results_are_separate_messages() -> None:
    """With the tool's name, the call's id, and a prefix for an error; the roles stay in their order."""
    calls = [bl.ToolCallPart("a", "weather", '{"city": Os'), bl.ToolCallPart("b", "now", "")]
    results = [bl.ToolResultPart("a", "rain"), bl.ToolResultPart("b", "broken", is_error=True)]
    chat = [
        bl.Message("assistant", "Welcome."),
        bl.Message("assistant", [bl.ReasoningPart("Hmm", "anthropic/x:SIG"), *calls]),
        bl.Message("tool", [*results]),
    ]
    body, _ = body_of(bl.Ollama(MODEL), chat)
    assert body["messages"] == [
        {"role": "assistant", "content": "Welcome."},
        {
            "role": "assistant",
            "content": "",
            "thinking": "Hmm",
            "tool_calls": [
                {
                    "id": "a",
                    "function": {"index": 0, "name": "weather", "arguments": {"INVALID_JSON": '{"city": Os'}},
                },
                {"id": "b", "function": {"index": 1, "name": "now", "arguments": {}}},
            ],
        },
        {"role": "tool", "content": "rain", "tool_name": "weather", "tool_call_id": "a"},
        {"role": "tool", "content": "Error: broken", "tool_name": "now", "tool_call_id": "b"},
    ]


@pytest.mark.parametrize(
    ("shape", "sent"),
    [
        ({"type": "json_object"}, "json"),
        ({"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}, {"type": "object"}),
    ],
)
def test_response_format_becomes_format(shape: Any, sent: Any) -> None:
    """JSON, or a schema as it is."""
    assert body_of(bl.Ollama(MODEL), "Hi", response_format=shape)[0]["format"] == sent


async def test_calls_without_ids_get_new_ones() -> None:
    """Each a different one."""
    deltas, draft = read(bl.Ollama(MODEL), lines(line(tool_calls=[CALL, CALL]), LAST))
    first, second = (await message_of(deltas)).tool_calls
    assert first.id != second.id and first.arguments == '{"city":"Oslo"}'
    assert draft.finish_reason == "tool_calls"
    assert (draft.timings.tokens_per_s, draft.timings.first_token_ms) == (2.0, None)


def test_tokens_are_unknown_without_a_count() -> None:
    """A warning says so."""
    _, draft = read(bl.Ollama(MODEL), lines({**line("Hi"), "done": True}))
    assert [warning.parameter for warning in draft.warnings] == ["usage"]
    _, draft = read(bl.Ollama(MODEL), WHOLE)
    assert draft.warnings == []


def test_an_error_in_a_line_is_an_error() -> None:
    """An answer without its last line is incomplete."""
    with pytest.raises(bl.Unavailable, match="it crashed"):
        read(bl.Ollama(MODEL), lines(line("Hi"), {"error": "it crashed"}))
    with pytest.raises(bl.Unavailable, match="before the answer was complete"):
        read(bl.Ollama(MODEL), lines(line("Hi")))
    with pytest.raises(bl.errors.ProtocolError, match="content"):
        read(bl.Ollama(MODEL), lines(line(content=7)))  # type: ignore[arg-type]


async def test_address_and_model_name_decide_what_leaves_the_device() -> None:
    """Models of Ollama's cloud leave even from this machine; another machine is always off the device."""
    local = bl.Ollama(MODEL)
    assert (local.leaves_device, local.needs_network) == (False, False)
    assert await local.estimate_cost("Hi") == 0.0
    for model, leaves in (
        (MODEL, False),
        ("gpt-oss:120b-cloud", True),
        ("GPT-OSS:Cloud ", True),
        ("glm-4.6:cloud", True),
        ("cloudy:7b", False),
    ):
        request = bl.ChatRequest(messages=[bl.Message("user", "Hi")], model=model, private=True)
        facts = await local.facts(request)
        assert (facts.leaves_device, facts.available) == (leaves, not leaves), model
        assert facts.cost_usd == (None if leaves else 0.0), model
    assert bl.Ollama(MODEL, base_url="https://ollama.com").leaves_device
    assert bl.Ollama(MODEL, base_url="http://localhost:11434", leaves_device=True).leaves_device
    with pytest.raises(bl.InvalidRequest, match="leaves_device"):
        bl.Ollama(MODEL, base_url="https://ollama.com", leaves_device=False)


def test_every_field_may_be_missing_or_wrong() -> None:
    """Missing, null, or of another type: the result is an answer or a typed error."""
    items = [
        line(thinking="Hmm"),
        {**line("Hi"), "logprobs": [{"token": "Hi", "logprob": -1}], "remote_host": "x"},
        line(tool_calls=[{**CALL, "id": "call_1"}]),
        {**LAST, "load_duration": 1, "prompt_eval_duration": 2},
    ]
    assert check_spoiled_events(bl.Ollama(MODEL), items, lines) > 200
    error = {"error": "model 'x' not found", "status": 404}
    check_spoiled_errors(bl.Ollama(MODEL), error)
