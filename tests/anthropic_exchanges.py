"""What Anthropic's API answers, as exchanges for `vendor_server`.

The shapes are those of https://platform.claude.com/docs/en/api/messages, .../build-with-claude/streaming and
.../api/errors, and of the types in the official SDK (``anthropic.types``), to which
tests/wire/backends/cloud/test_cloud_anthropic.py holds them.
"""

from __future__ import annotations

from typing import Any

from native_scenarios import HELLO
from vendor_exchanges import broken_streams
from vendor_server import Reply, answer, events, stream

MODEL = "claude-sonnet-5-5"
REQUEST_ID = "req_018EeWyXxfu5pfWkrYcMdjWG"
SIGNATURE = "EqQBCkYIBxgCKkC3+/8=="
REDACTED = "EmwKAhgBEgy3va3pzix/LafPsn4="


def sse(*items: dict[str, Any]) -> bytes:
    """Events, each under the name of its type."""
    return b"".join(events(item, name=item["type"]) for item in items)


def start(**usage: Any) -> dict[str, Any]:
    """The event that begins an answer."""
    tokens = {"input_tokens": 11, "cache_creation_input_tokens": 5, "cache_read_input_tokens": 3, "output_tokens": 1}
    return {
        "type": "message_start",
        "message": {
            "id": "msg_01XFDUDYJgAACzvnptvVoYEL",
            "type": "message",
            "role": "assistant",
            "model": MODEL,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {**tokens, "service_tier": "standard", **usage},
        },
    }


def block(index: int, content: dict[str, Any], *deltas: dict[str, Any]) -> list[dict[str, Any]]:
    """The events of one block."""
    return [
        {"type": "content_block_start", "index": index, "content_block": content},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


def text(index: int, *pieces: str) -> list[dict[str, Any]]:
    """The events of a text block."""
    return block(index, {"type": "text", "text": ""}, *({"type": "text_delta", "text": piece} for piece in pieces))


def thinking(index: int, words: str, signature: str) -> list[dict[str, Any]]:
    """The events of a thinking block; its signature comes last."""
    said = [{"type": "thinking_delta", "thinking": words}] if words else []
    begun = {"type": "thinking", "thinking": "", "signature": ""}
    return block(index, begun, *said, {"type": "signature_delta", "signature": signature})


def tool(index: int, call_id: str, name: str, *pieces: str) -> list[dict[str, Any]]:
    """The events of a tool call."""
    begun = {"type": "tool_use", "id": call_id, "name": name, "input": {}}
    return block(index, begun, *({"type": "input_json_delta", "partial_json": piece} for piece in pieces))


def end(reason: str, details: Any = None, **usage: Any) -> list[dict[str, Any]]:
    """The events that end an answer."""
    delta = {"stop_reason": reason, "stop_sequence": None, "stop_details": details}
    tokens = {"output_tokens": 15, "output_tokens_details": {"thinking_tokens": 7}, **usage}
    return [{"type": "message_delta", "delta": delta, "usage": tokens}, {"type": "message_stop"}]


def error(kind: str, message: str, **details: Any) -> dict[str, Any]:
    """An error, as a body and as an event."""
    said = {"type": kind, "message": message, **({"details": details} if details else {})}
    return {"type": "error", "error": said, "request_id": REQUEST_ID}


PING = {"type": "ping"}

ITEMS: dict[str, list[dict[str, Any]]] = {
    "hello": [start(), PING, *text(0, HELLO[0]), PING, *text(1, *HELLO[1:]), *end("end_turn")],
    "tools": [
        start(),
        *text(0, "Let me look."),
        *tool(1, "toolu_01T1x1fJ34qAmk2tNTrN7Up6", "weather", "", '{"ci', 'ty": "Oslo"}'),
        *tool(2, "toolu_02", "weather", '{"city": "Rome"}'),
        *end("tool_use"),
    ],
    "thinking": [
        start(),
        *thinking(0, "Oslo is in Norway.", SIGNATURE),
        *block(1, {"type": "redacted_thinking", "data": REDACTED}),
        *thinking(2, "", "c2lnbmF0dXJlMg=="),
        *text(3, "Let me look."),
        *tool(4, "toolu_01", "weather", '{"city": "Oslo"}'),
        *end("tool_use"),
    ],
    "no-arguments": [start(), *tool(0, "toolu_01", "now"), *end("tool_use")],
    "max-tokens": [start(), *text(0, "Once upon"), *end("max_tokens")],
    "stop-sequence": [start(), *text(0, "Once"), *end("stop_sequence")],
    "context-full": [start(), *text(0, "Once"), *end("model_context_window_exceeded")],
    "refusal": [
        start(),
        *text(0, "I"),
        *end("refusal", {"type": "refusal", "category": "cyber", "explanation": "This looks like malware."}),
    ],
}

FAILURES: dict[str, tuple[int, Any]] = {
    "bad-request": (400, error("invalid_request_error", "max_tokens: Field required")),
    "too-long": (400, error("invalid_request_error", "prompt is too long: 208310 tokens > 200000 maximum")),
    "too-much": (
        400,
        error("invalid_request_error", "input length and `max_tokens` exceed context limit: 198000 + 16384 > 200000"),
    ),
    "no-credits": (400, error("invalid_request_error", "Your credit balance is too low to access the Anthropic API.")),
    "filtered": (400, error("invalid_request_error", "Output blocked by content filtering policy")),
    "bad-key": (401, error("authentication_error", "invalid x-api-key")),
    "billing": (402, error("billing_error", "There's an issue with your billing or payment information.")),
    "forbidden": (403, error("permission_error", "Your API key does not have permission to use the resource.")),
    "no-model": (404, error("not_found_error", "model: claude-sonnet-5-5")),
    "too-large": (413, error("request_too_large", "Request exceeds the maximum size")),
    "spent": (
        429,
        error("rate_limit_error", "The spend limit is reached", error_code="contract_spend_limit_reached"),
    ),
    "server": (500, error("api_error", "Internal server error")),
    "timeout": (504, error("timeout_error", "Request timed out")),
    "overloaded": (529, error("overloaded_error", "Overloaded")),
}


def model(name: str, title: str) -> dict[str, Any]:
    """A model of the listing."""
    return {
        "type": "model",
        "id": name,
        "display_name": title,
        "created_at": "2026-09-28T00:00:00Z",
        "lifecycle": "active",
        "max_input_tokens": 1_000_000,
        "max_tokens": 128_000,
    }


HELLO_REPLY = stream(sse(*ITEMS["hello"]), request_id=REQUEST_ID)
_FIRST = sse(start(), PING, *text(0, HELLO[0]))

EXCHANGES: dict[str, Reply | list[Reply]] = {
    **{name: stream(sse(*items), request_id=REQUEST_ID) for name, items in ITEMS.items()},
    **{
        name: answer(body, status, request_id=REQUEST_ID, retry_after="7" if status in (429, 529) else "")
        for name, (status, body) in FAILURES.items()
    },
    **broken_streams(HELLO_REPLY, _FIRST, b"event: content_block_delta\ndata: "),
    "rate": answer(error("rate_limit_error", "This would exceed your rate limit"), 429, retry_after="7"),
    "not-json": Reply((b"upstream connect error",), 503, {"content-type": "text/plain"}, length=22),
    "pause-turn": stream(
        sse(
            start(),
            *block(0, {"type": "server_tool_use", "id": "srvtoolu_01", "name": "web_search", "input": {}}),
            *text(1, "So far."),
            *end("pause_turn"),
        )
    ),
    "odd-finish": stream(sse(start(), *text(0, "Hi"), *end("because"))),
    "unknown-events": stream(
        b": a comment\n\n",
        sse(
            start(),
            {"type": "moon_phase", "message": "full", "delta": 3},
            *text(0, "Hi"),
            *block(1, {"type": "text", "text": ""}, {"type": "citations_delta", "citation": {"cited_text": "x"}}),
            *end("end_turn"),
        ),
    ),
    "error-mid-stream": stream(_FIRST, sse(error("overloaded_error", "Overloaded"))),
    "rate-mid-stream": stream(_FIRST, sse(error("rate_limit_error", "Too many tokens"))),
    "filtered-mid-stream": stream(
        _FIRST, sse(error("invalid_request_error", "Output blocked by content filtering policy"))
    ),
    "models": [
        answer({"data": [model(MODEL, "Claude Sonnet 5.5")], "has_more": True, "first_id": "a", "last_id": MODEL}),
        answer({"data": [model("claude-opus-5-5", "Claude Opus 5.5")], "has_more": False, "last_id": "b"}),
    ],
}
