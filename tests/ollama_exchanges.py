"""What an Ollama server answers, as exchanges for `vendor_server`.

The shapes are those of https://docs.ollama.com/api/chat, .../api/errors and .../api/tags, and of the types in the
official SDK (``ollama``), to which `test_cloud_ollama.py` holds them. The SDK knows no ids of tool calls yet;
servers send them since 2026 (``ToolCall`` in github.com/ollama/ollama, api/types.go).
"""

from __future__ import annotations

import json
from typing import Any

from native_scenarios import HELLO
from vendor_exchanges import broken_streams
from vendor_server import Reply, Step, answer

MODEL = "qwen3:0.6b"
CLOUD_MODEL = "gpt-oss:120b-cloud"


def lines(*items: Any) -> bytes:
    """JSON texts, one a line."""
    return b"".join(json.dumps(item).encode() + b"\n" for item in items)


def reply(*steps: Step, **more: Any) -> Reply:
    """An answer of JSON lines."""
    return Reply(steps, 200, {"content-type": "application/x-ndjson"}, **more)


def line(content: str = "", **message: Any) -> dict[str, Any]:
    """A line of an answer."""
    return {
        "model": MODEL,
        "created_at": "2026-11-21T10:00:00.196249Z",
        "message": {"role": "assistant", "content": content, **message},
        "done": False,
    }


def call(name: str, arguments: dict[str, Any], index: int = 0, **more: Any) -> dict[str, Any]:
    """A tool call."""
    return {**more, "function": {"index": index, "name": name, "arguments": arguments}}


def last(reason: str | None = "stop", **more: Any) -> dict[str, Any]:
    """The last line, with what it took: 200 ms to load, 100 ms for the prompt, 500 ms for the answer."""
    return {
        **line(),
        "done": True,
        **({} if reason is None else {"done_reason": reason}),
        "total_duration": 900_000_000,
        "load_duration": 200_000_000,
        "prompt_eval_count": 19,
        "prompt_eval_duration": 100_000_000,
        "eval_count": 10,
        "eval_duration": 500_000_000,
        **more,
    }


LINES: dict[str, list[dict[str, Any]]] = {
    "hello": [*(line(words) for words in HELLO), last()],
    "tools": [
        line("Let me look."),
        line(tool_calls=[call("weather", {"city": "Oslo"}, id="call_7qk1")]),
        line(tool_calls=[call("weather", {"city": "Rome"}, 1)]),
        last(),
    ],
    "thinking": [line(thinking="Oslo is "), line(thinking="in Norway."), line("It "), line("rains."), last()],
    "length": [line("Once upon"), last("length")],
    "logprobs": [
        {**line("Hi"), "logprobs": [{"token": "Hi", "logprob": -0.1, "top_logprobs": []}]},
        last(),
    ],
}

FAILURES: dict[str, tuple[int, Any]] = {
    "bad-request": (400, {"error": "top_logprobs must be between 0 and 20"}),
    "no-tools": (400, {"error": "registry.ollama.ai/library/x does not support tools"}),
    "too-long": (400, {"error": "the prompt is longer than the context length currently available to the model"}),
    "unauthorized": (401, {"error": "unauthorized", "signin_url": "https://ollama.com/connect"}),
    "no-model": (404, {"error": "model 'qwen3:0.6b' not found"}),
    "rate": (429, {"error": "too many requests"}),
    "server": (500, {"error": "model runner has unexpectedly stopped"}),
    "gateway": (502, {"error": "remote model is unavailable"}),
}

HELLO_REPLY = reply(lines(*LINES["hello"]))
_FIRST = lines(LINES["hello"][0])
_TAG = {
    "modified_at": "2026-11-21T10:00:00Z",
    "size": 522653767,
    "digest": "7df6b6e09427",
    "details": {"format": "gguf", "family": "qwen3", "parameter_size": "751.63M", "quantization_level": "Q4_K_M"},
}
TAGS = {
    "models": [
        {"name": MODEL, "model": MODEL, **_TAG},
        {"name": "passed-on", "model": "passed-on", "remote_host": "https://ollama.com", "remote_model": "x", **_TAG},
    ]
}

EXCHANGES: dict[str, Reply | list[Reply]] = {
    **{name: reply(lines(*items)) for name, items in LINES.items()},
    **{name: answer(body, status) for name, (status, body) in FAILURES.items()},
    **broken_streams(HELLO_REPLY, _FIRST, b""),
    "no-last-newline": reply(lines(*LINES["hello"]).rstrip(b"\n")),
    "old-server": reply(lines(line("Hi"), last(None))),
    "odd-finish": reply(lines(line("Hi"), last("unload"))),
    "unknown-fields": reply(lines({**line("Hi", mood="good"), "moon": 1}, last(extra={"a": 1}))),
    "error-mid-stream": reply(_FIRST, lines({"error": "an error was encountered while running the model"})),
    "context-mid-stream": reply(_FIRST, lines({"error": "exceeds the available context size", "status": 400})),
    "rate-mid-stream": reply(_FIRST, lines({"error": "too many requests", "status": 429})),
    "error-object": answer({"error": {"message": "odd", "type": "x"}}, 500),
    "not-json": Reply((b"404 page not found",), 404, {"content-type": "text/plain"}, length=18),
    "passed-on": reply(lines({**line("Hi"), "remote_host": "https://ollama.com"}, last())),
    "models": answer(TAGS),
    # What is asked first is where a private request's model runs.
    "private": [answer({"model_info": {}, "capabilities": ["completion"]}), HELLO_REPLY],
    "private-passed-on": answer({"remote_host": "https://ollama.com:443", "remote_model": "gpt-oss:120b"}),
    "private-nonsense": answer([1, 2]),
}
