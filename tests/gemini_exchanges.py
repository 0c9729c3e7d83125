"""What the Gemini API answers, as exchanges for `vendor_server`.

The shapes are those of https://ai.google.dev/api/generate-content, .../gemini-api/docs/thought-signatures,
.../gemini-api/docs/troubleshooting, of https://google.aip.dev/193 for errors, and of the types in the official SDK
(``google.genai.types``), to which tests/wire/backends/cloud/test_cloud_gemini.py holds them.
"""

from __future__ import annotations

from typing import Any

from native_scenarios import HELLO
from vendor_exchanges import broken_streams
from vendor_server import Reply, answer, events, stream

MODEL = "gemini-3.8-flash"
VERSION = "gemini-3.8-flash-001"
SIGNATURE = "CiQB0e2Kb+/wM6yL0Q=="
OTHER_SIGNATURE = "CiQB0e2KbOtherOne=="

USAGE = {
    "promptTokenCount": 19,
    "candidatesTokenCount": 8,
    "thoughtsTokenCount": 7,
    "cachedContentTokenCount": 3,
    "totalTokenCount": 34,
    "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 19}],
}


def piece(*parts: dict[str, Any], finish: str | None = None, **more: Any) -> dict[str, Any]:
    """One event of a stream: a response with what is new."""
    content = {"content": {"role": "model", "parts": list(parts)}} if parts else {}
    ends = {"finishReason": finish} if finish else {}
    candidate = {**content, **ends, "index": 0, **more}
    return {
        "candidates": [candidate],
        "usageMetadata": USAGE,
        "modelVersion": VERSION,
        "responseId": "aBcD1234",
    }


def call(name: str, args: dict[str, Any] | None, signature: str | None = None, **more: Any) -> dict[str, Any]:
    """A part that calls a tool."""
    arguments = {} if args is None else {"args": args}
    return {
        "functionCall": {"name": name, **arguments, **more},
        **({"thoughtSignature": signature} if signature else {}),
    }


def error(code: int, status: str, message: str, *details: dict[str, Any]) -> dict[str, Any]:
    """An error body."""
    said = {"code": code, "message": message, "status": status}
    return {"error": {**said, **({"details": list(details)} if details else {})}}


def info(reason: str) -> dict[str, Any]:
    """A detail that names the reason."""
    kind = "type.googleapis.com/google.rpc.ErrorInfo"
    return {"@type": kind, "reason": reason, "domain": "googleapis.com", "metadata": {"service": "x"}}


def retry(delay: str) -> dict[str, Any]:
    """A detail that says when to try again."""
    return {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}


def over(quota: str) -> dict[str, Any]:
    """A detail that names the quota that is used up."""
    violation = {"quotaMetric": "generativelanguage.googleapis.com/requests", "quotaId": quota}
    return {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [violation]}


PIECES: dict[str, list[dict[str, Any]]] = {
    "hello": [*(piece({"text": words}) for words in HELLO[:-1]), piece({"text": HELLO[-1]}, finish="STOP")],
    "tools": [
        piece({"text": "Let me look."}),
        piece(
            call("weather", {"city": "Oslo"}, SIGNATURE, id="fc_1"),
            call("weather", {"city": "Rome"}, id="fc_2"),
            finish="STOP",
        ),
    ],
    "no-call-id": [piece(call("now", None, SIGNATURE), finish="STOP")],
    "thinking": [
        piece({"text": "Oslo is ", "thought": True}),
        piece({"text": "in Norway.", "thought": True}),
        piece({"text": "It "}),
        piece({"text": "rains."}),
        piece({"text": "", "thoughtSignature": SIGNATURE}, finish="STOP"),
    ],
    "thinking-tools": [
        piece({"text": "Look.", "thought": True}),
        piece(call("weather", {"city": "Oslo"}, SIGNATURE, id="fc_1"), finish="STOP"),
    ],
    "max-tokens": [piece({"text": "Once upon"}, finish="MAX_TOKENS")],
    "safety": [piece({"text": "I"}), piece(finish="SAFETY", finishMessage="Blocked for safety.")],
    "recitation": [piece(finish="RECITATION")],
    "blocked": [
        {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": USAGE, "modelVersion": VERSION}
    ],
    "logprobs": [
        piece(
            {"text": "Hi"},
            finish="STOP",
            logprobsResult={
                "chosenCandidates": [{"token": "Hi", "tokenId": 1, "logProbability": -0.1}],
                "topCandidates": [{"candidates": [{"token": "Hi", "logProbability": -0.1}]}],
            },
        )
    ],
    "malformed-call": [piece(finish="MALFORMED_FUNCTION_CALL", finishMessage="Malformed function call: print(")],
}

FAILURES: dict[str, tuple[int, Any]] = {
    "bad-request": (400, error(400, "INVALID_ARGUMENT", "Unknown name 'x': Cannot find field.")),
    "bad-key": (
        400,
        error(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", info("API_KEY_INVALID")),
    ),
    "too-long": (
        400,
        error(
            400,
            "INVALID_ARGUMENT",
            "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
        ),
    ),
    "not-here": (400, error(400, "FAILED_PRECONDITION", "User location is not supported for the API use.")),
    "no-key": (401, error(401, "UNAUTHENTICATED", "Request is missing required authentication credential.")),
    "forbidden": (403, error(403, "PERMISSION_DENIED", "Your API key was reported as leaked.")),
    "no-model": (404, error(404, "NOT_FOUND", "models/gemini-9 is not found for API version v1beta")),
    "rate": (
        429,
        error(
            429,
            "RESOURCE_EXHAUSTED",
            "You exceeded your current quota. Please retry in 34.074824224s.",
            over("GenerateRequestsPerMinutePerProjectPerModel-FreeTier"),
            retry("34.074824224s"),
        ),
    ),
    "quota": (
        429,
        error(
            429,
            "RESOURCE_EXHAUSTED",
            "You exceeded your current quota.",
            over("GenerateRequestsPerDayPerProjectPerModel-FreeTier"),
            retry("3600s"),
        ),
    ),
    "server": (500, error(500, "INTERNAL", "An internal error has occurred.")),
    "overloaded": (503, error(503, "UNAVAILABLE", "The model is overloaded. Please try again later.")),
    "timeout": (504, error(504, "DEADLINE_EXCEEDED", "The request timed out.")),
}

HELLO_REPLY = stream(events(*PIECES["hello"]))
_FIRST = events(PIECES["hello"][0])

EXCHANGES: dict[str, Reply | list[Reply]] = {
    **{name: stream(events(*pieces)) for name, pieces in PIECES.items()},
    **{name: answer(body, status) for name, (status, body) in FAILURES.items()},
    **broken_streams(HELLO_REPLY, _FIRST, b"data: "),
    "in-a-list": answer([FAILURES["overloaded"][1]], 503),
    "not-json": Reply((b"<html>502</html>",), 502, {"content-type": "text/html"}, length=16),
    "unknown-fields": stream(
        events(
            piece({"text": "Hi"}, {"executableCode": {"code": "1"}}, moonPhase="full"),
            {"candidates": [{"index": 1, "content": {"parts": [{"text": "other"}]}}], "modelStatus": {"x": 1}},
            piece(finish="STOP"),
        )
    ),
    "odd-finish": stream(events(piece({"text": "Hi"}, finish="BECAUSE"))),
    "error-mid-stream": stream(_FIRST, events(FAILURES["overloaded"][1])),
    "rate-mid-stream": stream(_FIRST, events(FAILURES["rate"][1])),
    "models": [
        answer(
            {
                "models": [
                    {
                        "name": "models/gemini-3.8-flash",
                        "version": "001",
                        "displayName": "Gemini 3.8 Flash",
                        "inputTokenLimit": 1048576,
                        "outputTokenLimit": 65536,
                        "supportedGenerationMethods": ["generateContent", "countTokens"],
                    },
                    {"name": "models/embedding-1", "supportedGenerationMethods": ["embedContent"]},
                ],
                "nextPageToken": "p/2=",
            }
        ),
        answer({"models": [{"name": "models/x", "supportedGenerationMethods": ["generateContent"]}]}),
    ],
}
