"""Converts a vendor's error into one of our exceptions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from ..._internal.http.client import HttpResponse
from ..._internal.nesting import decode_json
from ...errors import (
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
from .error_bodies import MAX_WORDS, CertainError, read_details
from .error_meanings import meaning_of, settled, tokens_in
from .error_vocabulary import Meaning
from .retry_delays import retry_after, wait_in_words

__all__ = [
    "MAX_QUOTE",
    "ErrorSource",
    "Meaning",
    "VendorError",
    "failure",
    "quote",
    "read_error",
    "read_error_body",
    "retry_after",
]

MAX_QUOTE = 500
"""How many characters of a vendor's message an error quotes."""


# The reason phrases of statuses, for an error without a message.
_PHRASES = {
    400: ": Bad Request",
    401: ": Unauthorized",
    402: ": Payment Required",
    403: ": Forbidden",
    404: ": Not Found",
    405: ": Method Not Allowed",
    408: ": Request Timeout",
    409: ": Conflict",
    413: ": Content Too Large",
    415: ": Unsupported Media Type",
    422: ": Unprocessable Content",
    429: ": Too Many Requests",
    500: ": Internal Server Error",
    501: ": Not Implemented",
    502: ": Bad Gateway",
    503: ": Service Unavailable",
    504: ": Gateway Timeout",
    529: ": Overloaded",
}


# How libraries start a message: "Error code: 400 - {...}", "litellm: HTTP 503". Later in a text it means another thing.
_STATUS_IN_WORDS = re.compile(
    r"\W{0,4}(?:\w{1,40}\W{1,3}){0,2}?(?:error code|status(?:[ _]code)?|http(?:/\d(?:\.\d)?)?)\W{0,4}([45]\d\d)\b",
    re.IGNORECASE,
)


class VendorError(msgspec.Struct, frozen=True, kw_only=True):
    """What `read_error` finds in an error body or an error event."""

    message: str = ""
    code: str = ""
    meaning: Meaning = ""
    """The meaning of codes and words; ``""`` if only the status decides."""
    retry_after_s: float | None = None
    status: int | None = None
    """The status that the body mentions."""
    parameter: str = ""
    """The field of the request that the vendor names."""
    limit_tokens: int | None = None
    needed_tokens: int | None = None
    """The context window and the tokens that the request needed, if the vendor reports them."""


class ErrorSource(msgspec.Struct, frozen=True, kw_only=True):
    """Where an error comes from: the backend, the model and the key."""

    backend: str
    model: str
    key_name: str
    """The name of the key in messages: the environment variable or argument that it comes from."""
    provider_request_id: str | None = None


def read_error(body: Any) -> VendorError:
    """Parse an error of any shape: ``body`` is decoded JSON, or a text (JSON, a web page, or plain words).

    It reads the body of a response with an error status, an error body with status 200, and an event of a stream.
    """
    found = read_details(body)
    words = found.message
    codes = [code for _, code in sorted(found.codes, key=lambda each: each[0])]
    wait_s = found.wait_s if found.wait_s is not None else wait_in_words(words)
    meaning = meaning_of(codes, found.own_words, base_code=found.base_code, waits=wait_s is not None)
    if not meaning and found.pages:
        # A web page comes from a proxy in front of the API; only these meanings can be trusted.
        of_page = meaning_of((), " ".join(found.pages))
        meaning = of_page if of_page in {"blocked", "timeout"} else ""
    status = found.status
    if status is None and (said := _STATUS_IN_WORDS.match(words)):
        status = int(said[1])
    counts = {**tokens_in(words), **found.counts} if meaning == "context" else {}
    if found.base_code is not None and not codes:
        codes = [str(found.base_code)]
    return VendorError(
        message=words,
        code=codes[0] if codes else "",
        meaning=meaning,
        retry_after_s=found.wait_s,
        status=status,
        parameter=found.parameter,
        limit_tokens=counts.get("limit"),
        needed_tokens=counts.get("needed"),
    )


def failure(
    error: VendorError, source: ErrorSource, *, status: int | None = None, headers: Mapping[str, str] | None = None
) -> BrowserLLMError:
    """Return our exception for a vendor's error.

    ``status`` is the response's; pass ``None`` for an error in a stream or in a body with status 200. The status that
    the error itself mentions is then used.
    """
    headers = headers or {}
    if status is None or status == 200:
        status = error.status
    meaning = error.meaning
    if not meaning and (name := headers.get("x-amzn-errortype")):  # Bedrock's codes are in a header
        meaning = meaning_of((name,), error.message)
    meaning = settled(meaning, status, f"{error.code} {error.message}")
    said = _said(error, status, source)
    data: dict[str, Any] = {"backend": source.backend, "model": source.model}
    if status is not None:
        data["status"] = status
    if error.code:
        data["vendor_code"] = error.code[:MAX_QUOTE]
    if source.provider_request_id:
        data["provider_request_id"] = source.provider_request_id
    retry_after_s = error.retry_after_s if error.retry_after_s is not None else retry_after(headers)
    if retry_after_s is None and meaning in {"rate", "quota", "overloaded", "timeout"}:
        retry_after_s = wait_in_words(error.message[:MAX_WORDS])
    if retry_after_s is not None:
        data["retry_after_s"] = retry_after_s
    wait = "try again later" if retry_after_s is None else f"try again in {retry_after_s:g} s"
    match meaning:
        case "broken":
            # The model's fault, not the caller's: another model may do better.
            return ProtocolError(f"{said}; the model's output did not match the requested format: try again", data=data)
        case "authentication":
            return AuthenticationError(f"{said}; check {source.key_name} and the key's permissions", data=data)
        case "blocked":
            return Unavailable(
                f"{said}; it does not serve this country or network: use another backend",
                reason="blocked",
                data=data,
            )
        case "context":
            if error.limit_tokens is not None:
                data["context_window"] = error.limit_tokens
            if error.needed_tokens is not None:
                data["prompt_tokens"] = error.needed_tokens
            return ContextExceeded(f"{said}; shorten the messages or lower max_tokens", data=data)
        case "filtered":
            return ContentFiltered(f"{said}; rephrase the prompt", data=data)
        case "model":
            return ModelNotFound(f"{said}; list_models() returns the available models", data=data)
        case "quota":
            data["reason"] = "quota"
            return RateLimited(f"{said}; the account's quota is used up: check its plan and billing", data=data)
        case "rate":
            return RateLimited(f"{said}; {wait}", data=data)
        case "overloaded":
            return Unavailable(f"{said}; {wait}", reason="server_error", data=data)
        case "timeout":
            return Timeout(f"{said}; try again, or send a smaller request", data={**data, "phase": "first_token"})
        case "address":
            # Redirects are not followed: they would send the key to another server.
            if status is not None and 300 <= status < 400 and (place_sent := _sent_to(headers)):
                return ProtocolError(f"{said}; it redirects to {place_sent!r}: correct base_url", data=data)
            return ProtocolError(f"{said}; nothing is served at this address: correct base_url", data=data)
        case _:
            parameter = quote(error.parameter, 100)
            return InvalidRequest(f"{said}; correct the request", parameter=parameter, data=data)


async def read_error_body(response: HttpResponse) -> Any:
    """Return an error's body for `read_error`, or ``""`` if the connection broke."""
    try:
        body, _ = await response.read_start(64 * 1024)
    except BrowserLLMError:
        # The status is more useful than the broken connection.
        return ""
    try:
        return CertainError(decode_json(body, object))
    except (ValueError, RecursionError):
        return CertainError(body.decode("utf-8", "replace"))


def _sent_to(headers: Mapping[str, str]) -> str:
    """Return a redirect's target without parts that may be secret."""
    address = headers.get("location", "").partition("?")[0].partition("#")[0]
    scheme, mark, rest = address.rpartition("://")
    host, slash, path = rest.partition("/")
    return quote(f"{scheme}{mark}{host.rpartition('@')[2]}{slash}{path}", 200)


def quote(text: str, limit: int = MAX_QUOTE) -> str:
    """Return a foreign text on one line, cut to ``limit`` characters."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def _said(error: VendorError, status: int | None, source: ErrorSource) -> str:
    answered = (
        f"{source.backend!r} answered {status}" if status is not None else f"{source.backend!r} reported an error"
    )
    about = f" for model {source.model!r}"
    code = f" ({quote(error.code, 80)})" if error.code else ""
    words = f": {quote(error.message)}" if error.message.strip() else _PHRASES.get(status or 0, "")
    request = f" [request {source.provider_request_id}]" if source.provider_request_id else ""
    return f"{answered}{about}{code}{words}{request}"
