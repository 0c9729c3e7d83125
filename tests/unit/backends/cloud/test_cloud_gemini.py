"""The Gemini API, without a network: what is said, and what is understood."""

from __future__ import annotations

import json
from typing import Any

import pytest

import browserllm as bl
from browserllm.backends.cloud.gemini.backend import NO_SIGNATURE
from unit.backends.cloud.wire_formats import (
    TOOL,
    body_of,
    check_every_split,
    check_spoiled_errors,
    check_spoiled_events,
    message_of,
    read,
)

MODEL = "gemini-3.8-flash"


def gemini(model: str = MODEL, **options: Any) -> bl.Gemini:
    """A backend that sends nothing."""
    return bl.Gemini(model, api_key="k", **options)


def sse(*pieces: dict[str, Any]) -> bytes:
    """Events as bytes, with the line ends that Google sends."""
    return "".join(f"data: {json.dumps(piece, ensure_ascii=False)}\r\n\r\n" for piece in pieces).encode()


def piece(*parts: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A piece of an answer."""
    usage = {"promptTokenCount": 3, "candidatesTokenCount": 2, "toolUsePromptTokenCount": 4, "thoughtsTokenCount": 1}
    return {"candidates": [{"content": {"parts": list(parts), "role": "model"}, **more}], "usageMetadata": usage}


CALL = {"functionCall": {"id": "fc_1", "name": "weather", "args": {"city": "Oslo"}}, "thoughtSignature": "U0lH"}
STOP = piece(finishReason="STOP")
WHOLE = sse(piece({"text": "Hmm", "thought": True}), piece({"text": "Grüße 👋"}), piece(CALL), STOP)


async def test_an_answer_is_the_same_wherever_it_is_cut() -> None:
    """Every byte boundary is tried."""
    await check_every_split(gemini(), WHOLE)


def test_tokens_of_thoughts_and_of_tools_are_counted() -> None:
    """Thoughts are part of the output, results of tools part of the input."""
    _, draft = read(gemini(), WHOLE)
    assert draft.usage == bl.types.Usage(prompt_tokens=7, completion_tokens=3, reasoning_tokens=1)
    assert draft.finish_reason == "tool_calls"


def test_a_plain_prompt_sends_no_options() -> None:
    """Neither tokens nor temperature; the address has the model, and no key."""
    body, warned = body_of(gemini(), "Hi")
    assert (body, warned) == ({"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}, [])
    base = "https://generativelanguage.googleapis.com/v1beta"
    assert gemini().chat_url(MODEL) == f"{base}/models/{MODEL}:streamGenerateContent?alt=sse"
    assert gemini().chat_url("tunedModels/my one") == f"{base}/tunedModels/my%20one:streamGenerateContent?alt=sse"


def test_options_that_the_api_does_not_support_are_reported() -> None:
    """Each parameter that is left out is a warning, or an error by choice."""
    unknown: dict[str, Any] = {"n": 2, "logit_bias": {1: 1.0}}
    body, warned = body_of(gemini(), "Hi", **unknown)
    assert (sorted(warned), "generationConfig" in body) == (["logit_bias", "n"], False)
    for name, value in unknown.items():
        with pytest.raises(bl.errors.Unsupported, match=name):
            body_of(gemini(), "Hi", unsupported="error", **{name: value})


def test_turns_alternate_between_user_and_model() -> None:
    """Messages of one role are joined, empty texts are left out, and the user begins."""
    body, warned = body_of(
        gemini(),
        [
            bl.Message("system", "One."),
            bl.Message("system", "Two."),
            bl.Message("assistant", "Welcome."),
            bl.Message("user", "A"),
            bl.Message("user", [bl.TextPart(""), bl.TextPart("B")]),
            bl.Message("assistant", ""),
        ],
    )
    assert body["systemInstruction"] == {"parts": [{"text": "One."}, {"text": "Two."}]}
    assert body["contents"] == [
        {"role": "user", "parts": [{"text": "…"}]},
        {"role": "model", "parts": [{"text": "Welcome."}]},
        {"role": "user", "parts": [{"text": "A"}, {"text": "B"}]},
    ]
    assert warned == ["messages"]
    with pytest.raises(bl.InvalidRequest, match="empty texts"):
        body_of(gemini(), [bl.Message("user", "")])


def test_results_are_a_turn_of_their_own() -> None:
    """Each has the name of its tool, found by its id; a result without a call is refused."""
    calls = [bl.ToolCallPart("a", "weather", "{}"), bl.ToolCallPart("b", "now", "{}")]
    results = [
        bl.Message("tool", [bl.ToolResultPart("a", "rain")]),
        bl.Message("tool", [bl.ToolResultPart("b", "broken", is_error=True)]),
    ]
    chat = [bl.Message("user", "?"), bl.Message("assistant", [*calls]), *results, bl.Message("user", "So?")]
    body, _ = body_of(gemini(), chat, tools=[TOOL])
    assert body["contents"][2:] == [
        {
            "role": "user",
            "parts": [
                {"functionResponse": {"id": "a", "name": "weather", "response": {"output": "rain"}}},
                {"functionResponse": {"id": "b", "name": "now", "response": {"error": "broken"}}},
            ],
        },
        {"role": "user", "parts": [{"text": "So?"}]},
    ]
    with pytest.raises(bl.InvalidRequest, match="'c' has no tool call"):
        body_of(gemini(), [*chat, bl.Message("tool", [bl.ToolResultPart("c", "x")])])


def test_calls_of_other_models_get_a_placeholder_signature() -> None:
    """Gemini 3 refuses a first call without a signature; older models need none."""
    calls = [
        bl.ToolCallPart("a", "weather", "{}", "anthropic/claude-sonnet-5-5:U0lH"),
        bl.ToolCallPart("b", "weather", "{}"),
    ]
    chat = [bl.Message("user", "?"), bl.Message("assistant", [*calls])]
    for model, expected in (
        (MODEL, [NO_SIGNATURE, None]),
        ("gemini-flash-latest", [NO_SIGNATURE, None]),
        ("gemini-2.5-flash", [None, None]),
        ("models/gemini-1.5-pro", [None, None]),
        ("gemma-3-27b-it", [None, None]),
    ):
        body, _ = body_of(gemini(model), chat)
        assert [part.get("thoughtSignature") for part in body["contents"][1]["parts"]] == expected, model


async def test_signatures_are_sent_back_unchanged_to_their_model() -> None:
    """Of a call and of a text; thoughts are not sent back."""
    deltas, _ = read(
        gemini(),
        sse(
            piece({"text": "Hmm", "thought": True}),
            piece({"text": "Hi"}),
            piece({"text": "", "thoughtSignature": "VEVYVA=="}),
            piece(CALL),
            STOP,
        ),
    )
    message = await message_of(deltas)
    chat = [bl.Message("user", "?"), message, bl.Message("tool", [bl.ToolResultPart("fc_1", "rain")])]
    body, _ = body_of(gemini(), chat)
    assert body["contents"][1]["parts"] == [{"text": "Hi"}, {"text": "", "thoughtSignature": "VEVYVA=="}, CALL]
    other, _ = body_of(gemini(), chat, model="gemini-4-argon")
    assert other["contents"][1]["parts"] == [{"text": "Hi"}, {**CALL, "thoughtSignature": NO_SIGNATURE}]
    claude, _ = body_of(bl.Anthropic("claude-sonnet-5-5", api_key="k"), chat)
    assert [block["type"] for block in claude["messages"][1]["content"]] == ["text", "tool_use"]


def test_media_are_sent_in_this_apis_form() -> None:
    """As data, or by address with its type."""
    body, warned = body_of(
        gemini(),
        [
            bl.Message(
                "user",
                [
                    bl.ImagePart(url="data:image/webp;base64,QUJD"),
                    bl.ImagePart(url="https://example.com/a.png"),
                    bl.AudioPart(url="https://example.com/a.mp3", media_type="audio/mp3"),
                ],
            )
        ],
    )
    assert body["contents"][0]["parts"] == [
        {"inlineData": {"mimeType": "image/webp", "data": "QUJD"}},
        {"fileData": {"fileUri": "https://example.com/a.png"}},
        {"fileData": {"fileUri": "https://example.com/a.mp3", "mimeType": "audio/mp3"}},
    ]
    assert warned == []


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        ("auto", {"mode": "AUTO"}),
        ("none", {"mode": "NONE"}),
        ("required", {"mode": "ANY"}),
        ({"name": "weather"}, {"mode": "ANY", "allowedFunctionNames": ["weather"]}),
    ],
)
def test_tool_choices_are_translated(choice: Any, sent: Any) -> None:
    """Every form of the choice; a tool without parameters has none."""
    body, _ = body_of(gemini(), "Hi", tools=[TOOL, bl.Tool("now")], tool_choice=choice)
    assert body["toolConfig"] == {"functionCallingConfig": sent}
    assert body["tools"][0]["functionDeclarations"][1] == {"name": "now"}


def test_json_can_be_requested_without_a_schema() -> None:
    """The type of the answer requests it."""
    body, _ = body_of(gemini(), "Hi", response_format={"type": "json_object"})
    assert body["generationConfig"] == {"responseMimeType": "application/json"}


@pytest.mark.parametrize("reason", ["MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "MALFORMED_RESPONSE"])
def test_an_answer_that_failed_is_an_error(reason: str) -> None:
    """It is not an empty answer."""
    with pytest.raises(bl.Unavailable, match=reason):
        read(gemini(), sse(piece(finishReason=reason)))


@pytest.mark.parametrize("reason", ["SAFETY", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "LANGUAGE", "MODEL_ARMOR"])
def test_every_safety_reason_becomes_content_filter(reason: str) -> None:
    """A warning has the reason's name."""
    _, draft = read(gemini(), sse(piece({"text": "I"}), piece(finishReason=reason)))
    assert draft.finish_reason == "content_filter"
    assert reason in draft.warnings[0].message


def test_tokens_are_unknown_without_a_count() -> None:
    """A warning says so."""
    _, draft = read(gemini(), sse({"candidates": [{"finishReason": "STOP"}]}))
    assert [warning.parameter for warning in draft.warnings] == ["usage"]
    _, draft = read(gemini(), WHOLE)
    assert draft.warnings == []


def test_a_known_field_of_a_wrong_type_is_an_error() -> None:
    """What we read must be of its type."""
    with pytest.raises(bl.errors.ProtocolError, match="text"):
        read(gemini(), sse(piece({"text": 7})))


def test_every_field_may_be_missing_or_wrong() -> None:
    """Missing, null, or of another type: the result is an answer or a typed error."""
    items = [
        piece({"text": "Hmm", "thought": True}),
        piece(CALL, logprobsResult={"chosenCandidates": [{"token": "a", "logProbability": -1}]}),
        {"promptFeedback": {"blockReason": "SAFETY"}, "modelVersion": "x", "responseId": "y"},
        {**piece(finishReason="STOP", finishMessage="x", index=0), "modelVersion": "x"},
    ]
    assert check_spoiled_events(gemini(), items, sse) > 200
    error = {
        "error": {
            "code": 429,
            "message": "x",
            "status": "RESOURCE_EXHAUSTED",
            "details": [{"@type": "x", "retryDelay": "3s", "violations": [{"quotaId": "x"}], "reason": "y"}],
        }
    }
    check_spoiled_errors(gemini(), error)


async def test_every_part_is_sent_back_unchanged() -> None:
    """A signed text, a signed thought, calls between texts: none is moved or joined with another."""
    parts: list[dict[str, Any]] = [
        {"text": "Hm.", "thought": True, "thoughtSignature": "VEgxMQ=="},
        {"text": "One ", "thoughtSignature": "VFgxMQ=="},
        {"text": "two."},
        CALL,
        {"text": "And"},
        {"text": "", "thoughtSignature": "VFgyMg=="},
        {"functionCall": {"id": "fc_2", "name": "weather", "args": {}}},
    ]
    for pieces in ([piece(*parts)], [piece(part) for part in parts]):
        message = await message_of(read(gemini(), sse(*pieces, STOP))[0])
        results = bl.Message("tool", [bl.ToolResultPart("fc_1", "rain"), bl.ToolResultPart("fc_2", "sun")])
        body, _ = body_of(gemini(), [bl.Message("user", "?"), message, results])
        assert body["contents"][1]["parts"] == parts
