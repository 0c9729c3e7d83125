"""What OpenAI and compatible servers answer, as exchanges for `vendor_server`.

The shapes are those of OpenAI's reference (developers.openai.com/api/reference, chat completions: the chunk object,
errors, models) and of the types in its official SDK (``openai.types.chat``), to which `test_cloud_openai_sdk.py`
holds them. What other servers add is marked with where it is documented.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from vendor_server import CUT, SILENCE, Reply, answer, events, stream

MODEL = "gpt-6-luna-2026-09-22"
USAGE = {
    "prompt_tokens": 19,
    "completion_tokens": 10,
    "total_tokens": 29,
    "prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": 0},
    "completion_tokens_details": {
        "reasoning_tokens": 3,
        "audio_tokens": 0,
        "accepted_prediction_tokens": 0,
        "rejected_prediction_tokens": 0,
    },
}


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None, **more: Any) -> dict[str, Any]:
    """One chunk of a stream: of a delta, or (without) of none, as the one that brings the usage."""
    choices = [] if delta is None else [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]
    return {
        "id": "chatcmpl-B9MHDbslfkBeAs8l4bebGdFOJ6PeG",
        "object": "chat.completion.chunk",
        "created": 1790000000,
        "model": MODEL,
        "service_tier": "default",
        "system_fingerprint": "fp_fc9f1d7035",
        "choices": choices,
        **more,
    }


def text_chunks(*texts: str) -> list[dict[str, Any]]:
    """The chunks of a plain answer, with its end and its usage."""
    return [
        chunk({"role": "assistant", "content": "", "refusal": None}),
        *(chunk({"content": text}) for text in texts),
        chunk({}, "stop"),
        chunk(usage=USAGE),
    ]


def call(index: int, call_id: str | None = None, name: str | None = None, arguments: str = "") -> dict[str, Any]:
    """A delta of a tool call: with an id and a name it begins one."""
    function = {"name": name, "arguments": arguments} if name else {"arguments": arguments}
    begins = {"id": call_id, "type": "function"} if call_id else {}
    return {"tool_calls": [{"index": index, **begins, "function": function}]}


def error(message: str, kind: str, code: str | None = None, param: str | None = None) -> dict[str, Any]:
    """An error body as OpenAI has it."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


HELLO = ["Grüße", ", ", "Welt", " 👋", "!"]
TEXT = "".join(HELLO)

TOOLS = [
    chunk({"role": "assistant", "content": None, "refusal": None}),
    chunk(call(0, "call_DdmO9pD3xa9XTPNJ32zg2hcA", "weather")),
    chunk(call(0, arguments='{"ci')),
    chunk(call(0, arguments='ty":"Oslo"}')),
    chunk(call(1, "call_V5tbhGXkLmN3p4QrS6tUvWxY", "weather")),
    chunk(call(1, arguments='{"city":"Rome"}')),
    chunk({}, "tool_calls"),
    chunk(usage=USAGE),
]

LOGPROBS = [
    {
        "token": "Hi",
        "logprob": -0.25,
        "bytes": [72, 105],
        "top_logprobs": [{"token": "Hi", "logprob": -0.25, "bytes": [72, 105]}],
    },
    {"token": "!", "logprob": -0.5, "bytes": [33], "top_logprobs": []},
]


def _with_logprobs(text: str, entry: dict[str, Any]) -> dict[str, Any]:
    given = chunk({"content": text})
    given["choices"][0]["logprobs"] = {"content": [entry], "refusal": None}
    return given


WHOLE = {
    "id": "chatcmpl-whole",
    "object": "chat.completion",
    "created": 1790000000,
    "model": MODEL,
    "choices": [
        {
            "index": 0,
            "message": {
                "role": "assistant",
                "content": "Let me look.",
                "refusal": None,
                "tool_calls": [
                    {
                        "id": "call_whole",
                        "type": "function",
                        "function": {"name": "weather", "arguments": '{"city":"Oslo"}'},
                    }
                ],
            },
            "logprobs": None,
            "finish_reason": "tool_calls",
        }
    ],
    "usage": USAGE,
}

MODELS = {
    "object": "list",
    "data": [
        {"id": "gpt-6-luna", "object": "model", "created": 1790000000, "owned_by": "openai"},
        {"id": "gpt-6-sol", "object": "model", "created": 1790000000, "owned_by": "openai"},
    ],
}

# Status, body, headers; from developers.openai.com/api/docs/guides/error-codes unless said.
ERRORS: dict[str, tuple[int, Any, dict[str, str]]] = {
    "bad-request": (400, error("Invalid value: 'x'.", "invalid_request_error", None, "x"), {}),
    "too-long": (
        400,
        error(
            "This model's maximum context length is 128000 tokens. However, your messages resulted in 130000 tokens.",
            "invalid_request_error",
            "context_length_exceeded",
            "messages",
        ),
        {},
    ),
    # github.com/ggml-org/llama.cpp, tools/server
    "too-long-llamacpp": (
        400,
        {
            "error": {
                "code": 400,
                "message": "the request exceeds the available context size",
                "type": "exceed_context_size_error",
                "n_prompt_tokens": 9000,
                "n_ctx": 4096,
            }
        },
        {},
    ),
    # learn.microsoft.com/azure/ai-foundry/openai/concepts/content-filter
    "filtered": (400, error("The response was filtered.", "invalid_request_error", "content_filter", "prompt"), {}),
    "bad-key": (401, error("Incorrect API key provided: sk-***1234.", "invalid_request_error", "invalid_api_key"), {}),
    "no-credits": (402, {"error": {"code": 402, "message": "Insufficient credits"}}, {}),
    "forbidden": (403, error("Country not supported", "request_forbidden"), {}),
    # openrouter.ai/docs/api/reference/errors-and-debugging
    "flagged": (
        403,
        {"error": {"code": 403, "message": "Flagged", "metadata": {"reasons": ["x"], "flagged_input": "y"}}},
        {},
    ),
    "no-model": (404, error("The model 'gpt-9' does not exist.", "invalid_request_error", "model_not_found"), {}),
    "no-page": (404, {"detail": "Not Found"}, {}),
    "moved": (308, {}, {"location": "https://elsewhere.example/"}),
    "timeout": (408, error("Timed out", "timeout"), {}),
    "too-large": (413, error("Too large", "invalid_request_error"), {}),
    # docs.mistral.ai: FastAPI's own shape
    "unprocessable": (
        422,
        {"detail": [{"type": "extra_forbidden", "loc": ["body", "x"], "msg": "Extra inputs are not permitted"}]},
        {},
    ),
    "rate": (
        429,
        error("Rate limit reached for gpt-6-luna", "requests", "rate_limit_exceeded"),
        {"retry-after": "7", "x-ratelimit-remaining-requests": "0"},
    ),
    "quota": (429, error("You exceeded your current quota.", "insufficient_quota", "insufficient_quota"), {}),
    "server": (500, error("The server had an error.", "server_error"), {}),
    "overloaded": (503, error("Overloaded", "overloaded"), {"retry-after": "2.5"}),
    "gateway": (504, error("Gateway timeout", "server_error"), {}),
    # console.groq.com/docs/tool-use and /docs/structured-outputs: the model's fault, not the caller's
    "bad-call": (400, error("Failed to call a function.", "invalid_request_error", "tool_use_failed"), {}),
    # lmstudio.ai: a text
    "text-error": (400, {"error": "No models loaded."}, {}),
}

EXCHANGES: dict[str, Reply | list[Reply]] = {
    "hello": stream(events(*text_chunks(*HELLO), "[DONE]"), x_request_id="req_123"),
    "byte-by-byte": stream(events(*text_chunks(*HELLO), "[DONE]")).in_pieces(),
    "crlf": stream(events(*text_chunks(*HELLO), "[DONE]").replace(b"\n", b"\r\n")).in_pieces(),
    "tools": stream(events(*TOOLS, "[DONE]")).in_pieces(7),
    "logprobs": stream(
        events(
            _with_logprobs("Hi", LOGPROBS[0]), _with_logprobs("!", LOGPROBS[1]), chunk({}, "stop"), chunk(usage=USAGE)
        )
        + events("[DONE]")
    ),
    "refusal": stream(
        events(chunk({"role": "assistant"}), chunk({"refusal": "I can't"}), chunk({"refusal": " do that."}))
        + events(chunk({}, "stop"), chunk(usage=USAGE), "[DONE]")
    ),
    "length": stream(events(chunk({"content": "Once"}), chunk({}, "length"), chunk(usage=USAGE), "[DONE]")),
    # openrouter.ai/docs/api/reference/streaming: comments keep the connection alive
    "keep-alive": stream(
        b": OPENROUTER PROCESSING\n\n" * 3
        + events(*text_chunks(*HELLO))
        + b": OPENROUTER PROCESSING\n\n"
        + events("[DONE]")
    ),
    # api-docs.deepseek.com/guides/thinking_mode
    "reasoning-content": stream(
        events(
            chunk({"role": "assistant", "content": None, "reasoning_content": "Let me "}),
            chunk({"content": None, "reasoning_content": "think."}),
            chunk({"content": "42", "reasoning_content": None}),
            chunk({}, "stop", usage={**USAGE, "prompt_cache_hit_tokens": 4, "prompt_cache_miss_tokens": 15}),
            "[DONE]",
        )
    ),
    # openrouter.ai/docs/use-cases/reasoning-tokens
    "reasoning": stream(
        events(chunk({"reasoning": "Hm."}), chunk({"content": "42"}), chunk({}, "stop"), chunk(usage=USAGE), "[DONE]")
    ),
    # docs.mistral.ai/capabilities/reasoning: a content of parts
    "thinking-parts": stream(
        events(
            chunk({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}]}),
            chunk({"content": [{"type": "text", "text": "42"}]}),
            chunk({"content": ""}, "stop", usage=USAGE),
            "[DONE]",
        )
    ),
    # docs.x.ai: the thinking is counted beside the completion
    "usage-beside": stream(
        events(
            chunk({"content": "42"}, "stop"),
            chunk(
                usage={
                    "prompt_tokens": 5,
                    "completion_tokens": 1,
                    "total_tokens": 106,
                    "completion_tokens_details": {"reasoning_tokens": 100},
                }
            ),
            "[DONE]",
        )
    ),
    "whole": answer(WHOLE),
    # Content types that are wrong: JSON called text, and a stream called JSON.
    "whole-mislabelled": replace(answer(WHOLE), headers={"content-type": "text/plain"}),
    "stream-mislabelled": replace(
        stream(events(*text_chunks(*HELLO), "[DONE]")), headers={"content-type": "application/json"}
    ),
    "unlabelled": replace(stream(b"\n", events(*text_chunks(*HELLO), "[DONE]")), headers={}),
    "whole-error": answer(error("Something failed.", "server_error")),
    "no-done": stream(events(*text_chunks("Hi"))),
    "no-usage": stream(events(chunk({"content": "Hi"}), chunk({}, "stop"), "[DONE]")),
    "cut-after-finish": stream(events(chunk({"content": "Hi"}), chunk({}, "stop", usage=USAGE)), CUT),
    "no-end": stream(events(chunk({"content": "Hi"}))),
    "cut-mid-event": stream(events(chunk({"content": "Hi"})), b'data: {"choices":[{"ind', CUT),
    "short-length": Reply(
        (events(chunk({"content": "Hi"})),), headers={"content-type": "text/event-stream"}, length=100_000
    ),
    "bad-json": stream(events(chunk({"content": "Hi"}), '{"choices": [{"delta"')),
    "wrong-type": stream(events(chunk({"content": "Hi"}), {"choices": 7})),
    "bad-utf8": stream(events(chunk({"content": "Hi"})), b'data: {"choices":[{"delta":{"content":"\xff\xfe"}}]}\n\n'),
    "odd-finish": stream(events(chunk({"content": "Hi"}), chunk({}, "because"), chunk(usage=USAGE), "[DONE]")),
    "unknown-fields": stream(
        events(
            {"object": "ping"}, chunk({"content": "Hi", "mood": "good"}, obfuscation="x"), chunk({}, "stop"), "[DONE]"
        )
    ),
    "same-index": stream(
        events(chunk(call(0, "a", "weather", "{}")), chunk(call(0, "b", "weather", "{}")), chunk({}, "stop"), "[DONE]")
    ),
    "no-call-id": stream(
        events(chunk({"tool_calls": [{"function": {"name": "weather", "arguments": {"city": "Oslo"}}}]}))
        + events(chunk({}, "tool_calls"), "[DONE]")
    ),
    "bad-arguments": stream(events(chunk(call(0, "a", "weather", '{"city": Os')), chunk({}, "tool_calls"), "[DONE]")),
    # openrouter.ai/docs/api/reference/streaming, "Handling errors during streaming"
    "error-mid-stream": stream(
        events(
            chunk({"content": "Hi"}),
            chunk(
                {"content": ""},
                "error",
                error={"code": "server_error", "message": "Provider disconnected unexpectedly"},
            ),
        )
    ),
    "rate-mid-stream": stream(
        events(chunk({"content": "Hi"}), {"error": {"code": 429, "message": "Provider rate limit"}})
    ),
    # docs.vllm.ai: the error is the event
    "vllm-error": stream(
        events({"object": "error", "message": "Engine died", "type": "InternalServerError", "code": 500}, "[DONE]")
    ),
    "deepseek-broken": stream(events(chunk({"content": "Hi"}), chunk({}, "insufficient_system_resource"), "[DONE]")),
    "huge-event": stream(b"data: ", *[b"x" * 1024 * 1024] * 17, b"\n\n"),
    "silent-before": Reply(before=SILENCE),
    "silent-after-headers": stream(SILENCE),
    "silent-later": stream(events(chunk({"content": "Hi"})), SILENCE),
    "web-page": Reply((b"<html><h1>Sign in</h1></html>",), headers={"content-type": "text/html"}),
    "models": answer(MODELS),
    # docs.together.ai/reference/models: the bare list
    "models-bare": answer([{"id": "a/b", "object": "model", "context_length": 8192}]),
    "models-twice": [answer(MODELS), answer([{"id": "a/b", "object": "model", "context_length": 8192}])],
    "models-nonsense": answer({"models": "none"}),
    **{name: answer(body, status, **headers) for name, (status, body, headers) in ERRORS.items()},
}
