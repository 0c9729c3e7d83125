"""Answers of servers that are compatible with OpenAI, more or less: what is no answer, and what is odd beside one."""

from __future__ import annotations

import json
from typing import Any

import browserllm as bl

GOOD: dict[str, Any] = {
    "id": "c",
    "object": "chat.completion.chunk",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "delta": {"role": "assistant", "content": "Fine."}, "finish_reason": None}],
}
END: dict[str, Any] = {
    "id": "c",
    "object": "chat.completion.chunk",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}],
}
DONE = "[DONE]"

NOTHING: dict[str, tuple[Any, type[bl.BrowserLLMError], str]] = {
    "choices null, detail": ({"choices": None, "detail": "overloaded"}, bl.Unavailable, "overloaded"),
    "choices empty": ({"choices": []}, bl.Unavailable, '{"choices":[]}'),
    "choices an empty object": ({"choices": {}, "detail": "overloaded"}, bl.Unavailable, "overloaded"),
    "choices of nothing": ({"choices": [None], "detail": "overloaded"}, bl.Unavailable, "overloaded"),
    "an empty choice": ({"choices": [{}]}, bl.Unavailable, ""),
    "a choice without a word": ({"choices": [{"index": 0, "delta": {"role": "assistant"}}]}, bl.Unavailable, ""),
    "a message without a word": ({"choices": [{"message": {"content": None}}]}, bl.Unavailable, ""),
    "an empty object": ({}, bl.Unavailable, "{}"),
    "a code and a message": ({"code": 50508, "message": "too busy"}, bl.Unavailable, "too busy"),
    "a message": ({"message": "The server is on holiday"}, bl.Unavailable, "on holiday"),
    "error a text": ({"error": "Out of tokens"}, bl.BrowserLLMError, "Out of tokens"),
    "error an object": (
        {"error": {"message": "Incorrect API key", "code": "invalid_api_key"}},
        bl.AuthenticationError,
        "Incorrect API key",
    ),
    "error with a status": ({"error": {"message": "Slow down", "code": 429}}, bl.RateLimited, "Slow down"),
    "error without a word": ({"error": {"message": "", "code": None}}, bl.BrowserLLMError, "openai"),
    "error as an object's kind": (
        {"object": "error", "message": "Engine died", "code": 500},
        bl.Unavailable,
        "Engine died",
    ),
    "errors in a list": (
        {"success": False, "errors": [{"code": 10000, "message": "Authentication error"}]},
        bl.BrowserLLMError,
        "Authentication error",
    ),
    "a list of errors": (
        [{"error": {"code": 400, "message": "API key not valid."}}],
        bl.AuthenticationError,
        "API key not valid",
    ),
    "base_resp": (
        {"base_resp": {"status_code": 1004, "status_msg": "login fail: carry your key"}},
        bl.AuthenticationError,
        "login fail",
    ),
    "base_resp beside no choices": (
        {"choices": None, "base_resp": {"status_code": 1002, "status_msg": "rate limit"}},
        bl.RateLimited,
        "rate limit",
    ),
    "detail a list": ({"detail": [{"msg": "field required", "loc": ["body"]}]}, bl.BrowserLLMError, "field required"),
    "too long": ({"error": "the request exceeds the available context size"}, bl.ContextExceeded, "exceeds"),
    "an error in a choice": (
        {
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": ""},
                    "finish_reason": "error",
                    "error": {"code": 429, "message": "Provider is busy"},
                }
            ]
        },
        bl.RateLimited,
        "Provider is busy",
    ),
    "an error in a choice without a message": (
        {"choices": [{"error": {"code": 502, "message": "Provider fell over"}}]},
        bl.Unavailable,
        "Provider fell over",
    ),
    "a finish reason that is an error": (
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "error"}]},
        bl.Unavailable,
        "broke off",
    ),
    "tool calls without a call": (
        {"choices": [{"index": 0, "message": {}, "finish_reason": "tool_calls"}]},
        bl.errors.ProtocolError,
        "tool call",
    ),
    "a call without a name": (
        {"choices": [{"message": {"tool_calls": [{"function": {"arguments": "{}"}}]}, "finish_reason": "tool_calls"}]},
        bl.errors.ProtocolError,
        "without a name",
    ),
}
"""What comes with status 200 and is no answer: which error it is, and the words that it has."""

TEXTS: dict[str, tuple[bytes, str, type[bl.BrowserLLMError], str]] = {
    "nothing at all": (b"", "text/event-stream", bl.Unavailable, "before the answer"),
    "blank": (b"\n\n  \n", "application/json", bl.Unavailable, "before the answer"),
    "keep-alives alone": (b": keep-alive\n\n" * 3, "text/event-stream", bl.Unavailable, "before the answer"),
    "only the end": (b"data: [DONE]\n\n", "text/event-stream", bl.Unavailable, "before the answer"),
    "null": (b"null", "application/json", bl.Unavailable, ""),
    "data null": (b"data: null\n\ndata: [DONE]\n\n", "text/event-stream", bl.Unavailable, "before the answer"),
    "a text": (b"upstream is gone", "text/plain", bl.Unavailable, "upstream is gone"),
    "a text as JSON": (b'"upstream is gone"', "application/json", bl.Unavailable, "upstream is gone"),
    "a text as data": (
        b"data: upstream is gone\n\ndata: [DONE]\n\n",
        "text/event-stream",
        bl.Unavailable,
        "upstream is gone",
    ),
    "a text of limits": (b"Too many requests: slow down\n", "text/plain", bl.RateLimited, "slow down"),
    "a page": (b"<html><title>502</title>Bad Gateway</html>", "text/html", bl.errors.ProtocolError, "Bad Gateway"),
    "a field error": (
        b'error: {"code":503,"message":"Loading model"}\n\n',
        "text/event-stream",
        bl.Unavailable,
        "Loading model",
    ),
    "an event error": (b"event: error\ndata: out of memory\n\n", "text/event-stream", bl.Unavailable, "out of memory"),
    "no field": (b': hi\n\n{"error":{"message":"Engine died"}}', "text/event-stream", bl.Unavailable, "Engine died"),
    "prompt filter alone": (
        b'data: {"choices":[],"prompt_filter_results":[{"prompt_index":0}]}\n\ndata: [DONE]\n\n',
        "text/event-stream",
        bl.Unavailable,
        "",
    ),
    "words under another name": (
        b'{"exception":"The disk is full"}',
        "application/json",
        bl.Unavailable,
        "model 'm': The disk is full",
    ),
    "usage alone": (
        b'data: {"choices":[],"usage":{"prompt_tokens":1}}\n\ndata: [DONE]\n\n',
        "text/event-stream",
        bl.Unavailable,
        "",
    ),
}
"""Bodies that are no answer, whatever their type says."""

BESIDE: dict[str, dict[str, Any]] = {
    "an empty error": {"error": {}},
    "an error without words": {"error": {"message": "", "code": None, "type": ""}},
    "an error that is no error": {"error": {"code": 0, "message": "success"}},
    "error false": {"error": False},
    "error a blank text": {"error": ""},
    "error a list": {"error": []},
    "base_resp": {"base_resp": {"status_code": 0, "status_msg": "success"}},
    "an id that is a number": {"id": 7},
    "an id that is an object": {"id": {"a": 1}},
    "created as a text": {"created": "2026-01-01"},
    "a model that is null": {"model": None},
    "a model that is a list": {"model": ["m"]},
    "object null": {"object": None},
    "Groq's own": {"x_groq": {"id": "req_1"}},
    "Groq's own, odd": {"x_groq": [7]},
    "a fingerprint": {"system_fingerprint": 5, "service_tier": {}},
    **{
        f"usage {json.dumps(usage)}": {"usage": usage}
        for usage in (
            None,
            "",
            "none",
            7,
            -1,
            [],
            {},
            {"prompt_tokens": None, "completion_tokens": None, "total_tokens": None},
            {"prompt_tokens": "x"},
            {"prompt_tokens": [], "prompt_tokens_details": [], "completion_tokens_details": "x"},
            {"prompt_tokens": -1, "completion_tokens": float("nan"), "total_tokens": 1e300},
        )
    },
}
"""What may stand beside a choice in each chunk, and changes nothing."""

IN_CHOICE: dict[str, dict[str, Any]] = {
    "logprobs null": {"logprobs": None},
    "logprobs a list": {"logprobs": [1]},
    "logprobs of tokens": {"logprobs": {"tokens": ["Fine."], "token_logprobs": [-0.1]}},
    "logprobs junk": {"logprobs": {"content": "x"}},
    "filters": {"content_filter_results": {"hate": {"filtered": False}}, "content_filter_offsets": 7},
    "stop_reason": {"stop_reason": None, "matched_stop": 2, "token_ids": None},
    "message null": {"message": None},
    "usage": {"usage": None},
    "an error null": {"error": None},
    "an empty error": {"error": {"message": "", "code": None}},
    "index null": {"index": None},
    "index a text": {"index": "0"},
    "index 0.0": {"index": 0.0},
}

IN_DELTA: dict[str, dict[str, Any]] = {
    "tool_calls null": {"tool_calls": None},
    "tool_calls empty": {"tool_calls": []},
    "tool_calls of nothing": {"tool_calls": [None]},
    "function_call null": {"function_call": None},
    "refusal null": {"refusal": None},
    "refusal empty": {"refusal": ""},
    "reasoning null": {"reasoning": None, "reasoning_content": None, "reasoning_details": None},
    "reasoning empty": {"reasoning": "", "reasoning_content": ""},
    "reasoning junk": {"reasoning": {}, "reasoning_content": []},
    "audio": {"audio": None, "annotations": [], "images": None},
    "role null": {"role": None},
    "a list of parts": {"content": [None, {"type": "text", "text": None}, {"type": "text", "text": "Fine."}, "", {}]},
    "a list of texts": {"content": ["Fi", "ne."]},
    "one part": {"content": {"type": "text", "text": "Fine."}},
}


def odd_answers() -> dict[str, list[Any]]:
    """Streams that say "Fine.", each with something odd in it."""
    found: dict[str, list[Any]] = {}
    for name, fields in BESIDE.items():
        found[name] = [{**GOOD, **fields}, {**END, **fields}, DONE]
    for name, fields in IN_CHOICE.items():
        found[f"choice: {name}"] = [{**each, "choices": [{**each["choices"][0], **fields}]} for each in (GOOD, END)] + [
            DONE
        ]
    for name, fields in IN_DELTA.items():
        delta = {**GOOD["choices"][0]["delta"], **fields}
        rest = {key: value for key, value in fields.items() if key != "content"}
        found[f"delta: {name}"] = [
            {**GOOD, "choices": [{**GOOD["choices"][0], "delta": delta}]},
            {**END, "choices": [{**END["choices"][0], "delta": rest}]},
            DONE,
        ]
    last = {**GOOD, "choices": [{"index": 0, "delta": {"content": "Fine."}, "finish_reason": "stop"}]}
    found |= {
        "nothing after the reason": [last],
        "only the end after the reason": [last, DONE],
        "a delta that is null": [GOOD, {"choices": [{"delta": None, "finish_reason": "stop"}]}, DONE],
        "a delta that is a list": [GOOD, {"choices": [{"delta": [], "finish_reason": "stop"}]}, DONE],
        "choices null between": [GOOD, {"choices": None}, END, DONE],
        "null between": [GOOD, None, END, DONE],
        "a ping between": [GOOD, {"object": "ping", "message": "alive"}, END, DONE],
        "Azure's first chunk": [{"choices": [], "prompt_filter_results": [{"content_filter_results": {}}]}, GOOD, END],
        "the end quoted": [GOOD, END, '"[DONE]"'],
        "reasons in each chunk": [{**GOOD, "choices": [{**GOOD["choices"][0], "finish_reason": ""}]}, END, END, DONE],
        "reasons called null": [{**GOOD, "choices": [{**GOOD["choices"][0], "finish_reason": "null"}]}, END, DONE],
        "text after the reason": [
            {**END, "choices": [{"delta": {"content": "Fi"}, "finish_reason": "stop"}]},
            {"choices": [{"delta": {"content": "ne."}}]},
            DONE,
        ],
        "the answer has index 1": [{"choices": [{"index": 1, "delta": {"content": "Fine."}, "finish_reason": "stop"}]}],
        "a second answer": [{"choices": [*GOOD["choices"], {"index": 1, "delta": {"content": "No."}}]}, END, DONE],
        "a message instead of a delta": [
            {"choices": [{"message": {"content": "Fi"}}]},
            {"choices": [{"message": {"content": "ne."}, "finish_reason": "stop"}]},
        ],
        "the whole once more": [
            GOOD,
            {"choices": [{"delta": {}, "message": {"content": "Fine."}, "finish_reason": "stop"}]},
        ],
        "a text instead of a delta": [{"choices": [{"index": 0, "text": "Fine.", "finish_reason": "stop"}]}],
        "chunks in a list": [[GOOD, END], DONE],
    }
    return found
