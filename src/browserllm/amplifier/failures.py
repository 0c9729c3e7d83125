"""Converts our errors to those of Amplifier's kernel, which decide there about retries and fallbacks."""

from __future__ import annotations

from collections.abc import Callable

from ..errors import AllBackendsFailed, BrowserLLMError, RateLimited, Unavailable, describe_error
from .kernel import (
    AbortError,
    AccessDeniedError,
    AuthenticationError,
    ConfigurationError,
    ContentFilterError,
    ContextLengthError,
    InvalidRequestError,
    LLMError,
    LLMTimeoutError,
    NetworkError,
    NotFoundError,
    ProviderUnavailableError,
    QuotaExceededError,
    RateLimitError,
    StreamError,
)

_KINDS: dict[str, Callable[..., LLMError]] = {
    "unavailable": ProviderUnavailableError,
    "model_not_found": NotFoundError,
    "model_not_downloaded": NotFoundError,
    "model_not_loaded": ProviderUnavailableError,
    "load_failed": ProviderUnavailableError,
    "out_of_memory": ProviderUnavailableError,
    "device_lost": ProviderUnavailableError,
    "context_exceeded": ContextLengthError,
    "quota_exceeded": ProviderUnavailableError,
    "integrity": ProviderUnavailableError,
    "download_interrupted": NetworkError,
    "invalid_request": InvalidRequestError,
    "unsupported": InvalidRequestError,
    "cancelled": AbortError,
    "timeout": LLMTimeoutError,
    "stalled": StreamError,
    "authentication": AuthenticationError,
    "rate_limited": RateLimitError,
    "queue_full": RateLimitError,
    "budget_exceeded": QuotaExceededError,
    "content_filtered": ContentFilterError,
    "invalid_output": LLMError,
    "all_backends_failed": ProviderUnavailableError,
    "protocol": LLMError,
    "internal": LLMError,
}

_KIND_OF_REASON: dict[str, Callable[..., LLMError]] = {
    "private": AccessDeniedError,
    "policy": AccessDeniedError,
    "missing_feature": ConfigurationError,
    "insecure_context": ConfigurationError,
    "turned_off": ConfigurationError,
    "no_browser": ConfigurationError,
    "not_installed": ConfigurationError,
    "offline": NetworkError,
    "unreachable": NetworkError,
}

# The same request may succeed at once: the model is loaded again, the download goes on where it broke off.
_MENDED_BY_RETRYING = frozenset({"device_lost", "download_interrupted", "model_not_loaded", "queue_full"})


def convert_error(error: BaseException, *, model: str | None = None) -> LLMError:
    """Return the kernel's error for any exception of a backend. Raise it ``from`` the original.

    The message stays. ``retryable`` and ``retry_after`` follow our error, so that the kernel retries what may succeed.
    """
    if not isinstance(error, BrowserLLMError):
        return LLMError(describe_error(error), provider="browserllm", model=model)
    telling = _telling(error)
    converted = _kind(telling)(str(error), provider="browserllm", model=model)
    converted.retryable = error.retryable or telling.code in _MENDED_BY_RETRYING
    converted.retry_after = error.retry_after_s
    status = telling.data.get("status")
    converted.status_code = status if isinstance(status, int) else None
    return converted


def _telling(error: BrowserLLMError) -> BrowserLLMError:
    """Return the error that names the kind: of several backends that failed alike, one of theirs."""
    if isinstance(error, AllBackendsFailed):
        causes = [_telling(cause) for cause in error.causes if isinstance(cause, BrowserLLMError)]
        if len(causes) == len(error.causes) and len({_kind(cause) for cause in causes}) == 1:
            return causes[0]
    return error


def _kind(error: BrowserLLMError) -> Callable[..., LLMError]:
    if isinstance(error, Unavailable):
        return _KIND_OF_REASON.get(error.reason, ProviderUnavailableError)
    if isinstance(error, RateLimited) and not error.retryable:
        return QuotaExceededError
    if error.code == "authentication" and error.data.get("status") == 403:
        return AccessDeniedError
    return _KINDS.get(error.code, LLMError)
