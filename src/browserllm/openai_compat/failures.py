"""Our errors as OpenAI's API tells them: a status, and ``{"error": {"message", "type", "param", "code"}}``."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..errors import BrowserLLMError, RateLimited

_INVALID = "invalid_request_error"
_SERVER = "server_error"

# Our code: the status, the type, and the code, where OpenAI has one of its own. The statuses that the official SDK asks
# again after (408, 409, 429 and from 500 on) are for what may pass.
_TABLE: dict[str, tuple[int, str, str]] = {
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
    "cancelled": (499, _SERVER, "cancelled"),
    "protocol": (502, _SERVER, "protocol"),
    "timeout": (504, _SERVER, "timeout"),
    "stalled": (504, _SERVER, "stalled"),
    "unavailable": (503, _SERVER, "unavailable"),
    "all_backends_failed": (503, _SERVER, "all_backends_failed"),
    "download_interrupted": (503, _SERVER, "download_interrupted"),
    "device_lost": (503, _SERVER, "device_lost"),
    "model_not_loaded": (503, _SERVER, "model_not_loaded"),
    "out_of_memory": (503, _SERVER, "out_of_memory"),
    "quota_exceeded": (507, _SERVER, "quota_exceeded"),
}


class ErrorReply(NamedTuple):
    """A failure over HTTP: ``body`` is JSON, ``headers`` has ``retry-after`` where somebody said when."""

    status: int
    body: dict[str, Any]
    headers: dict[str, str]


def error_reply(error: BaseException) -> ErrorReply:
    """Return a failure as the API tells it; what is no error of ours is an internal one, whose words stay here."""
    if not isinstance(error, BrowserLLMError):
        message = f"something failed here that should not: {type(error).__name__}"
        return ErrorReply(500, _body(message, _SERVER, None, "internal"), {})
    status, kind, code = _TABLE.get(error.code, (500, _SERVER, error.code))
    parameter = error.data.get("parameter")
    wait_s = error.retry_after_s if isinstance(error, RateLimited) else None
    headers = {} if wait_s is None else {"retry-after": f"{wait_s:g}"}
    return ErrorReply(status, _body(str(error), kind, parameter, code), headers)


def _body(message: str, kind: str, parameter: Any, code: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": parameter, "code": code}}
