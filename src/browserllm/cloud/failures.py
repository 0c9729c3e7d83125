"""What a vendor answers instead of an answer, as one of our errors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from ..errors import (
    AuthenticationError,
    BrowserLLMError,
    ContentFiltered,
    ContextExceeded,
    InvalidRequest,
    ModelNotFound,
    ProtocolError,
    RateLimited,
    Timeout,
    Unavailable,
)
from ..http.client import HttpResponse
from ..nesting import decode_json

MAX_QUOTE = 500
"""How many characters of a vendor's own words an error quotes."""

Meaning = Literal[
    "",
    "address",
    "authentication",
    "broken",
    "context",
    "filtered",
    "invalid",
    "model",
    "overloaded",
    "quota",
    "rate",
    "timeout",
]
"""What a vendor's error code means; ``""`` leaves it to the status."""

_MEANINGS: Mapping[int, Meaning] = {
    401: "authentication",
    402: "quota",
    403: "authentication",
    408: "timeout",
    429: "rate",
}

_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


class VendorError(msgspec.Struct, frozen=True, kw_only=True):
    """What a wire format reads from an error body or an error event."""

    message: str = ""
    code: str = ""
    meaning: Meaning = ""
    retry_after_s: float | None = None


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where an error comes from: who was asked, for which model, with which key."""

    backend: str
    model: str
    key_name: str
    """How to speak of the key: the environment variable or the argument it comes from."""
    provider_request_id: str | None = None


def failure(
    error: VendorError, place: Place, *, status: int | None = None, headers: Mapping[str, str] | None = None
) -> BrowserLLMError:
    """Make our error of a vendor's: ``status`` is the answer's, ``None`` for an event in the middle of a stream."""
    headers = headers or {}
    meaning = error.meaning or _meaning_of(status, f"{error.code} {error.message}")
    said = _said(error, status, place)
    data: dict[str, Any] = {"backend": place.backend, "model": place.model}
    if status is not None:
        data["status"] = status
    if error.code:
        data["vendor_code"] = error.code[:MAX_QUOTE]
    if place.provider_request_id:
        data["provider_request_id"] = place.provider_request_id
    retry_after_s = error.retry_after_s if error.retry_after_s is not None else retry_after(headers)
    if retry_after_s is not None:
        data["retry_after_s"] = retry_after_s
    wait = "try again later" if retry_after_s is None else f"try again in {retry_after_s:g} s"
    match meaning:
        case "broken":
            # The model's fault, not the caller's: another one may do better.
            return ProtocolError(f"{said}; the model did not keep to the form that was asked: try again", data=data)
        case "authentication":
            return AuthenticationError(f"{said}; check {place.key_name}, and what the key may do", data=data)
        case "context":
            return ContextExceeded(f"{said}; shorten the messages or lower max_tokens", data=data)
        case "filtered":
            return ContentFiltered(f"{said}; say it in another way", data=data)
        case "model":
            return ModelNotFound(f"{said}; list_models() says which models there are", data=data)
        case "quota":
            data["reason"] = "quota"
            return RateLimited(f"{said}; the account's quota is used up: look at its plan and billing", data=data)
        case "rate":
            return RateLimited(f"{said}; {wait}", data=data)
        case "overloaded":
            return Unavailable(f"{said}; {wait}", reason="server_error", data=data)
        case "timeout":
            return Timeout(f"{said}; try again, or ask for less", data={**data, "phase": "first_token"})
        case "address":
            # Redirects are not followed: they would carry the key along.
            return ProtocolError(f"{said}; nothing is served at this address: correct base_url", data=data)
        case _:
            return InvalidRequest(f"{said}; correct the request", data=data)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that a server asks to wait, or ``None``.

    Retry-After has seconds or a date; where it is missing, the limit that is used up says when it begins anew
    (x-ratelimit-reset-requests and -tokens, as OpenAI and Groq have them: ``6m0s``).
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    value = headers.get("retry-after", "").strip()
    seconds = _number(value)
    if seconds is not None:
        return seconds
    if value:
        return _until(value, headers.get("date"))
    waits = [
        _duration(headers.get(f"x-ratelimit-reset-{kind}", ""))
        for kind in ("requests", "tokens")
        if headers.get(f"x-ratelimit-remaining-{kind}") == "0"
    ]
    return max((wait for wait in waits if wait is not None), default=None)


async def read_error_body(response: HttpResponse) -> Any:
    """Return an error's body as JSON, as text where it is none, as ``""`` where it broke off at once."""
    try:
        body, _ = await response.read_start(64 * 1024)
    except BrowserLLMError:
        # The status says more than the connection that broke after it.
        return ""
    try:
        return decode_json(body, object)
    except (ValueError, RecursionError):
        return body.decode("utf-8", "replace")


def quote(text: str, limit: int = MAX_QUOTE) -> str:
    """Return somebody else's text on one line, cut to ``limit`` characters."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def _meaning_of(status: int | None, words: str) -> Meaning:
    if status is None:
        return "overloaded"
    if 300 <= status < 400 or status == 405:
        return "address"
    if status == 404:
        return "model" if "model" in words.lower() else "address"
    if status >= 500:
        return "timeout" if status == 504 else "overloaded"
    return _MEANINGS.get(status, "invalid")


def _said(error: VendorError, status: int | None, place: Place) -> str:
    answered = f"{place.backend!r} answered {status}" if status is not None else f"{place.backend!r} broke off"
    about = f" for model {place.model!r}"
    code = f" ({quote(error.code, 80)})" if error.code else ""
    words = f": {quote(error.message)}" if error.message.strip() else ""
    request = f" [request {place.provider_request_id}]" if place.provider_request_id else ""
    return f"{answered}{about}{code}{words}{request}"


def _until(date: str, now: str | None) -> float | None:
    """Return the seconds until a date, on the server's clock when that is known."""
    import time
    from email.utils import parsedate_to_datetime

    try:
        now_s = time.time() if now is None else parsedate_to_datetime(now).timestamp()
        return max(0.0, parsedate_to_datetime(date).timestamp() - now_s)
    except (ValueError, OverflowError):
        return None


def _duration(text: str) -> float | None:
    if re.fullmatch(r"(\d{1,12}(\.\d{1,12})?(ms|s|m|h|d)){1,6}", text) is None:
        return None
    found = re.findall(r"(\d{1,12}(?:\.\d{1,12})?)(ms|s|m|h|d)", text)
    return sum(float(number) * _UNITS_S[unit] for number, unit in found)


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if 0 <= number < float("inf") else None
