"""Anthropic's messages API, without a network: what is said, and what is understood."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

import browserllm as bl
from browserllm.backends.cloud.anthropic.backend import DEFAULT_MAX_TOKENS
from unit.backends.cloud.wire_formats import (
    TOOL,
    body_of,
    check_every_split,
    check_spoiled_errors,
    check_spoiled_events,
    message_of,
    read,
)

MODEL = "claude-sonnet-5-5"


def claude(**options: Any) -> bl.Anthropic:
    """A backend that sends nothing."""
    return bl.Anthropic(MODEL, api_key="k", **options)


def sse(*items: dict[str, Any]) -> bytes:
    """Events as bytes."""
    return "".join(f"event: {item.get('type')}\ndata: {json.dumps(item)}\n\n" for item in items).encode()


START = {"type": "message_start", "message": {"model": MODEL, "usage": {"input_tokens": 3, "output_tokens": 1}}}
END = [
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 9}},
    {"type": "message_stop"},
]


def begin(index: int, **block: Any) -> dict[str, Any]:
    """The start of a block."""
    return {"type": "content_block_start", "index": index, "content_block": block}


def delta(index: int, **said: Any) -> dict[str, Any]:
    """A piece of a block."""
    return {"type": "content_block_delta", "index": index, "delta": said}


WHOLE = sse(
    START,
    {"type": "ping"},
    begin(0, type="thinking", thinking="", signature=""),
    delta(0, type="thinking_delta", thinking="Hmm 👋"),
    delta(0, type="signature_delta", signature="SIG=="),
    begin(1, type="text", text=""),
    delta(1, type="text_delta", text="Grüße"),
    begin(2, type="tool_use", id="toolu_1", name="weather", input={}),
    delta(2, type="input_json_delta", partial_json='{"city": "Oslo"}'),
    *END,
)


async def test_an_answer_is_the_same_wherever_it_is_cut() -> None:
    """Every byte boundary is tried."""
    await check_every_split(claude(), WHOLE)


def test_a_plain_prompt_sends_only_max_tokens() -> None:
    """The API requires it; no other option is sent."""
    body, warned = body_of(claude(), "Hi")
    assert body == {
        "model": MODEL,
        "max_tokens": DEFAULT_MAX_TOKENS,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}],
        "stream": True,
    }
    assert warned == []


def test_options_that_the_api_does_not_support_are_reported() -> None:
    """Each parameter that is left out is a warning, or an error by choice; none of them is sent."""
    unknown: dict[str, Any] = {
        "temperature": 0.0,
        "top_p": 0.5,
        "top_k": 3,
        "seed": 1,
        "frequency_penalty": 1.0,
        "presence_penalty": 1.0,
        "logit_bias": {1: 1.0},
        "logprobs": True,
        "n": 2,
    }
    body, warned = body_of(claude(), "Hi", **unknown)
    assert sorted(warned) == sorted(unknown)
    assert set(body) == {"model", "max_tokens", "messages", "stream"}
    for name, value in unknown.items():
        with pytest.raises(bl.errors.Unsupported, match=name):
            body_of(claude(), "Hi", unsupported="error", **{name: value})


def test_turns_alternate_and_begin_with_the_user() -> None:
    """Messages of one role are joined, empty texts are left out, and a user's turn is added before an assistant's."""
    body, warned = body_of(
        claude(),
        [
            bl.Message("system", "One."),
            bl.Message("system", "Two."),
            bl.Message("assistant", "Welcome."),
            bl.Message("user", ""),
            bl.Message("user", "A"),
            bl.Message("user", [bl.TextPart(" "), bl.TextPart("B")]),
            bl.Message("assistant", "Well,  "),
        ],
    )
    assert body["system"] == "One.\n\nTwo."
    assert [(turn["role"], [block["text"] for block in turn["content"]]) for turn in body["messages"]] == [
        ("user", ["…"]),
        ("assistant", ["Welcome."]),
        ("user", ["A", "B"]),
        ("assistant", ["Well,"]),
    ]
    assert warned == ["messages"]
    with pytest.raises(bl.InvalidRequest, match="empty texts"):
        body_of(claude(), [bl.Message("user", " \n")])


def test_results_directly_follow_their_calls() -> None:
    """All results of a turn come first in one user's turn; an error always has a text."""
    calls = [bl.ToolCallPart("functions.weather:0", "weather", '{"city": "Oslo"}'), bl.ToolCallPart("b", "now", "")]
    body, _ = body_of(
        claude(),
        [
            bl.Message("user", "Weather?"),
            bl.Message("assistant", [*calls]),
            bl.Message("tool", [bl.ToolResultPart("functions.weather:0", "", is_error=True)]),
            bl.Message("user", "So?"),
            bl.Message("tool", [bl.ToolResultPart("b", "")]),
        ],
        tools=[TOOL],
    )
    # Ids of other vendors hold what this API does not take.
    assert body["messages"][1]["content"] == [
        {"type": "tool_use", "id": "functions_weather_0", "name": "weather", "input": {"city": "Oslo"}},
        {"type": "tool_use", "id": "b", "name": "now", "input": {}},
    ]
    assert body["messages"][2] == {
        "role": "user",
        "content": [
            {"type": "tool_result", "tool_use_id": "functions_weather_0", "content": "error", "is_error": True},
            {"type": "tool_result", "tool_use_id": "b"},
            {"type": "text", "text": "So?"},
        ],
    }


def test_arguments_that_are_not_an_object_become_one() -> None:
    """The model gets back what it wrote."""
    for arguments in ('{"city": Os', "[1]", '"x"'):
        call = bl.ToolCallPart("a", "weather", arguments)
        body, _ = body_of(claude(), [bl.Message("user", "?"), bl.Message("assistant", [call])])
        assert body["messages"][1]["content"][0]["input"] == {"INVALID_JSON": arguments}


async def test_thinking_is_sent_back_only_to_its_model() -> None:
    """Signatures are unchanged; another vendor's or model's thinking is left out, and so is unsigned thinking."""
    deltas, draft = read(
        claude(),
        sse(
            START,
            begin(0, type="thinking", thinking="", signature=""),
            delta(0, type="thinking_delta", thinking="Hmm"),
            delta(0, type="signature_delta", signature="SIG=="),
            begin(1, type="redacted_thinking", data="DATA=="),
            begin(2, type="text", text="Hi"),
            *END,
        ),
    )
    assert draft.model == MODEL
    message = await message_of(deltas)
    history = [bl.Message("user", "?"), message, bl.Message("user", "And?")]
    body, _ = body_of(claude(), history)
    assert body["messages"][1]["content"] == [
        {"type": "thinking", "thinking": "Hmm", "signature": "SIG=="},
        {"type": "redacted_thinking", "data": "DATA=="},
        {"type": "text", "text": "Hi"},
    ]
    other, warned = body_of(claude(), history, model="claude-opus-5-5")
    assert other["messages"][1]["content"] == [{"type": "text", "text": "Hi"}]
    assert warned == []
    gemini, _ = body_of(bl.Gemini("gemini-3.8-flash", api_key="k"), history)
    assert gemini["contents"][1]["parts"] == [{"text": "Hi"}]
    for signature in (None, "gemini/gemini-3.8-flash:SIG"):
        thought = bl.Message("assistant", [bl.ReasoningPart("Hmm", signature), bl.TextPart("Hi")])
        body, _ = body_of(claude(), [bl.Message("user", "?"), thought])
        assert body["messages"][1]["content"] == [{"type": "text", "text": "Hi"}]


def test_media_are_sent_in_this_apis_form() -> None:
    """An image as data or by address; sound is left out with a warning."""
    image, url = bl.ImagePart(url="data:image/webp;base64,QUJD"), bl.ImagePart(url="https://example.com/a.png")
    body, warned = body_of(claude(), [bl.Message("user", [image, url, bl.AudioPart(data=b"RIFF0000WAVE")])])
    assert body["messages"][0]["content"] == [
        {"type": "image", "source": {"type": "base64", "media_type": "image/webp", "data": "QUJD"}},
        {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
    ]
    assert warned == ["messages[0].content"]


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        ("auto", {"type": "auto"}),
        ("none", {"type": "none"}),
        ("required", {"type": "any"}),
        ({"type": "function", "function": {"name": "weather"}}, {"type": "tool", "name": "weather"}),
    ],
)
def test_tool_choices_are_translated(choice: Any, sent: Any) -> None:
    """Every form of the choice."""
    body, _ = body_of(claude(), "Hi", tools=[TOOL, bl.Tool("now")], tool_choice=choice)
    assert body["tool_choice"] == sent
    assert body["tools"][1] == {"name": "now", "input_schema": {"type": "object", "properties": {}}}


def test_the_schema_of_an_answer_is_closed() -> None:
    """All objects are closed, as the API requires; JSON without a schema is reported as unsupported."""
    schema = {
        "type": "object",
        "properties": {"type": {"type": ["object", "null"]}, "list": {"items": {"anyOf": [{"type": "object"}]}}},
    }
    shape = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    body, _ = body_of(claude(), "Hi", response_format=shape)
    assert body["output_config"] == {
        "format": {
            "type": "json_schema",
            "schema": {
                "type": "object",
                "properties": {
                    "type": {"type": ["object", "null"], "additionalProperties": False},
                    "list": {"items": {"anyOf": [{"type": "object", "additionalProperties": False}]}},
                },
                "additionalProperties": False,
            },
        }
    }
    assert "additionalProperties" not in schema
    loop = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"properties": {"x": {"$ref": "#"}}}}}
    body, warned = body_of(claude(), "Hi", response_format=loop)
    assert (warned, "output_config" in body) == (["response_format"], False)
    body, warned = body_of(claude(), "Hi", response_format={"type": "json_object"})
    assert (warned, "output_config" in body) == (["response_format"], False)


def test_blank_stop_sequences_are_left_out_and_named() -> None:
    """The API refuses them."""
    body, warned = body_of(claude(), "Hi", stop=["\n", "END"])
    assert (body["stop_sequences"], warned) == (["END"], ["stop"])


def test_only_the_users_id_of_the_metadata_is_sent() -> None:
    """The rest is the program's own."""
    body, _ = body_of(claude(), "Hi", metadata={"user_id": 7, "secret": "x"})
    assert body["metadata"] == {"user_id": "7"}
    assert "metadata" not in body_of(claude(), "Hi", metadata={"secret": "x"})[0]


def test_only_a_page_sends_the_header_for_browsers(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the consent to requests from pages."""
    consent = "anthropic-dangerous-direct-browser-access"
    monkeypatch.setattr(sys, "platform", "linux")
    assert claude().fixed_headers() == {"anthropic-version": "2026-10-21"}
    monkeypatch.setattr(sys, "platform", "emscripten")
    assert claude().fixed_headers()[consent] == "true"


async def test_a_block_of_an_unknown_kind_is_left_out_and_named() -> None:
    """With all its events, whatever they are."""
    odd = begin(0, type="summary", text="never")
    deltas, draft = read(claude(), sse(START, odd, delta(0, type="text_delta", text="said"), *END))
    assert (await message_of(deltas)).content == ""
    assert "'summary'" in draft.warnings[0].message


async def test_arguments_may_come_with_the_start_of_a_call() -> None:
    """A call that comes whole has its arguments, and a new id if it has none."""
    deltas, _ = read(claude(), sse(START, begin(0, type="tool_use", name="now", input={"a": 1}), *END))
    (call,) = (await message_of(deltas)).tool_calls
    assert (json.loads(call.arguments), call.id[:5]) == ({"a": 1}, "call_")


def test_tokens_are_unknown_without_a_count() -> None:
    """A warning says so."""
    end = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}
    start = {"type": "message_start", "message": {}}
    _, draft = read(claude(), sse(start, end, {"type": "message_stop"}))
    assert [warning.parameter for warning in draft.warnings] == ["usage"]
    _, draft = read(claude(), WHOLE)
    assert draft.warnings == []


def test_a_known_field_of_a_wrong_type_is_an_error() -> None:
    """Unknown events may contain anything."""
    with pytest.raises(bl.errors.ProtocolError, match="text"):
        read(claude(), sse(START, begin(0, type="text", text=7), *END))
    with pytest.raises(bl.Unavailable, match="before the answer was complete"):
        read(claude(), sse(START, {"type": "content_block_start", "content_block": {}}, {"type": "x", "index": "y"}))


def test_every_field_may_be_missing_or_wrong() -> None:
    """Missing, null, or of another type: the result is an answer or a typed error."""
    items = [
        START,
        begin(0, type="thinking", thinking="", signature=""),
        delta(0, type="signature_delta", signature="SIG=="),
        begin(1, type="redacted_thinking", data="DATA=="),
        begin(2, type="tool_use", id="toolu_1", name="weather", input={}),
        delta(2, type="input_json_delta", partial_json="{}"),
        *END,
    ]
    assert check_spoiled_events(claude(), items, sse) > 200
    error = {"type": "error", "error": {"type": "rate_limit_error", "message": "x", "details": {"error_code": "y"}}}
    check_spoiled_errors(claude(), error)


async def test_interleaved_thinking_is_sent_back_block_by_block() -> None:
    """In its order between texts and calls; a signature belongs to its block, wherever and however often it comes."""
    blocks: list[dict[str, Any]] = [
        {"type": "thinking", "thinking": "One.", "signature": "S1=="},
        {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {}},
        {"type": "thinking", "thinking": "Two.", "signature": "S2=="},
        {"type": "redacted_thinking", "data": "DATA=="},
        {"type": "redacted_thinking", "data": "DATB=="},
        {"type": "text", "text": "So:"},
        {"type": "tool_use", "id": "toolu_2", "name": "weather", "input": {}},
    ]
    stop = [{"type": "content_block_stop", "index": index} for index in range(7)]
    events: list[dict[str, Any]] = [
        START,
        begin(0, type="thinking", thinking="", signature=""),
        delta(0, type="signature_delta", signature="S0=="),
        delta(0, type="thinking_delta", thinking="One."),
        delta(0, type="signature_delta", signature="S1=="),
        stop[0],
        begin(1, type="tool_use", id="toolu_1", name="weather", input={}),
        stop[1],
        begin(2, type="thinking", thinking="Two.", signature="S2=="),
        stop[2],
        *(begin(index, **blocks[index]) for index in (3, 4)),
        begin(5, type="text", text="So:"),
        stop[5],
        begin(6, type="tool_use", id="toolu_2", name="weather", input={}),
        stop[6],
        *END,
    ]
    for left_out in (None, "content_block_stop"):
        message = await message_of(read(claude(), sse(*(each for each in events if each["type"] != left_out)))[0])
        results = bl.Message("tool", [bl.ToolResultPart("toolu_1", "rain"), bl.ToolResultPart("toolu_2", "sun")])
        body, _ = body_of(claude(), [bl.Message("user", "?"), message, results])
        assert body["messages"][1]["content"] == blocks, left_out


async def test_a_turn_never_ends_with_thinking() -> None:
    """The API refuses such a turn, so a thought before a text or a call that never came is left out."""
    thought = bl.ReasoningPart("Hmm", "SIG==")
    user = bl.Message("user", "?")
    for parts, expected in (
        ([thought, bl.TextPart("Hi"), thought, bl.ReasoningPart("", "DATA==", redacted=True)], ["thinking", "text"]),
        ([thought, bl.TextPart(" ")], None),
        ([thought], None),
    ):
        messages = body_of(claude(), [user, bl.Message("assistant", [*parts]), user])[0]["messages"]
        said = [[block["type"] for block in each["content"]] for each in messages if each["role"] == "assistant"]
        assert said == ([] if expected is None else [expected])
