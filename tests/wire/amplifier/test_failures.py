"""Our errors as the kernel's: each kind, and whether the kernel retries it."""

from __future__ import annotations

import pytest
from amplifier_core import llm_errors

import browserllm as bl
from browserllm.amplifier.failures import convert_error
from browserllm.errors import ERRORS

KINDS = {
    "unavailable": ("ProviderUnavailableError", False),
    "model_not_found": ("NotFoundError", False),
    "model_not_downloaded": ("NotFoundError", False),
    "model_not_loaded": ("ProviderUnavailableError", True),
    "load_failed": ("ProviderUnavailableError", False),
    "out_of_memory": ("ProviderUnavailableError", False),
    "device_lost": ("ProviderUnavailableError", True),
    "context_exceeded": ("ContextLengthError", False),
    "quota_exceeded": ("ProviderUnavailableError", False),
    "integrity": ("ProviderUnavailableError", False),
    "download_interrupted": ("NetworkError", True),
    "invalid_request": ("InvalidRequestError", False),
    "unsupported": ("InvalidRequestError", False),
    "cancelled": ("AbortError", False),
    "timeout": ("LLMTimeoutError", True),
    "stalled": ("StreamError", True),
    "authentication": ("AuthenticationError", False),
    "rate_limited": ("RateLimitError", True),
    "queue_full": ("RateLimitError", True),
    "budget_exceeded": ("QuotaExceededError", False),
    "content_filtered": ("ContentFilterError", False),
    "invalid_output": ("LLMError", False),
    "all_backends_failed": ("ProviderUnavailableError", False),
    "protocol": ("LLMError", False),
    "internal": ("LLMError", False),
}


@pytest.mark.parametrize("code", sorted(ERRORS))
def test_each_error_has_its_kind(code: str) -> None:
    converted = convert_error(ERRORS[code]("what happened; what to do"), model="pocket")
    assert (type(converted).__name__, converted.retryable) == KINDS[code]
    assert (str(converted), converted.provider, converted.model) == (
        "what happened; what to do",
        "browserllm",
        "pocket",
    )


@pytest.mark.parametrize(
    ("error", "kind", "retryable"),
    [
        (bl.Unavailable("x", reason="private"), llm_errors.AccessDeniedError, False),
        (bl.Unavailable("x", reason="missing_feature"), llm_errors.ConfigurationError, False),
        (bl.Unavailable("x", reason="unreachable"), llm_errors.NetworkError, True),
        (bl.Unavailable("x", reason="server_error"), llm_errors.ProviderUnavailableError, True),
        (bl.RateLimited("x", data={"reason": "quota"}), llm_errors.QuotaExceededError, False),
        (bl.AuthenticationError("x", data={"status": 403}), llm_errors.AccessDeniedError, False),
        (KeyError("x"), llm_errors.LLMError, False),
    ],
)
def test_reasons_refine_the_kind(error: Exception, kind: type[Exception], retryable: bool) -> None:
    converted = convert_error(error)
    assert (type(converted), converted.retryable) == (kind, retryable)


def test_a_wait_is_kept() -> None:
    assert convert_error(bl.RateLimited("x", data={"retry_after_s": 7})).retry_after == 7


def test_several_backends_that_failed_alike_keep_the_kind() -> None:
    alike = bl.AllBackendsFailed("all", causes=[bl.ContextExceeded("a"), bl.ContextExceeded("b")])
    assert type(convert_error(alike)) is llm_errors.ContextLengthError
    mixed = bl.AllBackendsFailed("all", causes=[bl.ContextExceeded("a"), bl.Timeout("b")])
    assert type(convert_error(mixed)) is llm_errors.ProviderUnavailableError
    assert convert_error(mixed).retryable
