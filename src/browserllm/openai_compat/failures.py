"""Converts our errors to those of OpenAI's API: a status and ``{"error": {"message", "type", "param", "code"}}``."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..errors import AllBackendsFailed, BrowserLLMError, RateLimited, Unavailable

_INVALID = "invalid_request_error"
_SERVER = "server_error"

# Errors with their own status, type or code at OpenAI; the others follow from `fault_of` and `retryable`.
_OPENAI_ERRORS: dict[str, tuple[int, str, str]] = {
    "invalid_request": (400, _INVALID, "invalid_value"),
    "unsupported": (400, _INVALID, "unsupported_value"),
    "context_exceeded": (400, _INVALID, "context_length_exceeded"),
    "content_filtered": (400, _INVALID, "content_filter"),
    "authentication": (401, _INVALID, "invalid_api_key"),
    "model_not_found": (404, _INVALID, "model_not_found"),
    "model_not_downloaded": (404, _INVALID, "model_not_downloaded"),
    "budget_exceeded": (429, "insufficient_quota", "insufficient_quota"),
    "rate_limited": (429, "requests", "rate_limit_exceeded"),
    "queue_full": (429, "requests", "queue_full"),
    # More specific HTTP statuses than 400, 403, 500 and 503.
    "cancelled": (499, _SERVER, "cancelled"),
    "protocol": (502, _SERVER, "protocol"),
    "timeout": (504, _SERVER, "timeout"),
    "stalled": (504, _SERVER, "stalled"),
    "quota_exceeded": (507, _SERVER, "quota_exceeded"),
    # A retry may succeed once the model is loaded again or another one is unloaded; the official SDK retries 503.
    "unavailable": (503, _SERVER, "unavailable"),
    "all_backends_failed": (503, _SERVER, "all_backends_failed"),
    "download_interrupted": (503, _SERVER, "download_interrupted"),
    "device_lost": (503, _SERVER, "device_lost"),
    "model_not_loaded": (503, _SERVER, "model_not_loaded"),
    "out_of_memory": (503, _SERVER, "out_of_memory"),
}


class ErrorReply(NamedTuple):
    """An error as an HTTP reply: ``body`` is JSON; ``headers`` has ``retry-after`` if the error names a wait."""

    status: int
    body: dict[str, Any]
    headers: dict[str, str]


def error_reply(error: BaseException) -> ErrorReply:
    """Return an error as an HTTP reply; only the class name of a foreign exception is sent."""
    if not isinstance(error, BrowserLLMError):
        message = f"internal error: {type(error).__name__}"
        return ErrorReply(500, _body(message, _SERVER, None, "internal"), {})
    status, kind, code = _openai_error(error)
    parameter = error.data.get("parameter")
    wait_s = error.retry_after_s
    headers = {} if wait_s is None else {"retry-after": f"{wait_s:g}"}
    return ErrorReply(status, _body(str(error), kind, parameter, code), headers)


def _openai_error(error: BrowserLLMError) -> tuple[int, str, str]:
    """Return status, type and code; what a retry cannot mend has neither 503 nor the code of a rate limit."""
    if isinstance(error, RateLimited) and not error.retryable:
        return _OPENAI_ERRORS["budget_exceeded"]
    if _is_refused(error):
        return 403, _INVALID, error.code
    return _OPENAI_ERRORS.get(error.code) or (*_by_meaning(error), error.code)


def _is_refused(error: BaseException) -> bool:
    """Whether a rule forbids to ask any backend: the request is private, or the router's policy excludes it."""
    if isinstance(error, AllBackendsFailed):
        return bool(error.causes) and all(map(_is_refused, error.causes))
    return isinstance(error, Unavailable) and error.reason in ("private", "policy")


def _by_meaning(error: BrowserLLMError) -> tuple[int, str]:
    if error.retryable:
        return 503, _SERVER
    if error.fault_of == "caller":
        return 400, _INVALID
    return (403, _INVALID) if error.fault_of == "policy" else (500, _SERVER)


def _body(message: str, kind: str, parameter: Any, code: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": parameter, "code": code}}
