"""What an error means is said once, by its class: retries, breakers, routers and HTTP replies decide by that."""

from __future__ import annotations

import random
from typing import Any

import pytest

import browserllm as bl
from browserllm.backends.router.breaker import CircuitBreaker
from browserllm.errors import ERRORS
from browserllm.openai_compat.failures import error_reply

# For each class: is the same backend asked again; does it count against the backend; is the next backend asked; the
# status over HTTP.
DECISIONS: dict[str, tuple[bool, bool, bool, int]] = {
    "unavailable": (False, True, True, 503),
    "model_not_found": (False, False, True, 404),
    "model_not_downloaded": (False, False, True, 404),
    "model_not_loaded": (False, False, True, 503),
    "load_failed": (False, True, True, 500),
    "out_of_memory": (False, True, True, 503),
    "device_lost": (False, True, True, 503),
    "context_exceeded": (False, False, True, 400),
    "quota_exceeded": (False, True, True, 507),
    "integrity": (False, True, True, 500),
    "download_interrupted": (False, True, True, 503),
    "invalid_request": (False, False, False, 400),
    "unsupported": (False, False, True, 400),
    "cancelled": (False, False, False, 499),
    "timeout": (True, True, True, 504),
    "stalled": (True, True, True, 504),
    "authentication": (False, True, True, 401),
    "rate_limited": (True, True, True, 429),
    "queue_full": (False, False, True, 429),
    "budget_exceeded": (False, False, False, 429),
    "content_filtered": (False, False, False, 400),
    "invalid_output": (False, True, True, 500),
    "all_backends_failed": (False, True, True, 503),
    "protocol": (False, True, True, 502),
    "internal": (False, True, True, 500),
}


class OwnLimitError(bl.BrowserLLMError):
    """A program's own: a meaning, and nothing else anywhere."""

    code = "own_limit"
    fault_of = "policy"
    final = True


class OwnWeatherError(bl.BrowserLLMError):
    """A program's own that passes."""

    code = "own_weather"
    fault_of = "backend"
    retryable = True


CASES = [(ERRORS[code], *decisions) for code, decisions in DECISIONS.items()]
CASES += [(OwnLimitError, False, False, False, 403), (OwnWeatherError, True, True, True, 503)]
KINDS: list[Any] = [case[0] for case in CASES]


def test_the_table_has_every_class() -> None:
    """A new class has to be decided on here, too."""
    assert set(DECISIONS) == set(ERRORS)


@pytest.mark.parametrize(("kind", "again"), [(case[0], case[1]) for case in CASES], ids=KINDS)
async def test_only_retryable_errors_are_retried(kind: Any, again: bool) -> None:
    """And after nothing else."""
    backend = bl.ScriptedBackend([[kind("x")], "fine"])
    retry = bl.Retry(backend, retries=1, first_wait_s=0)
    if again:
        assert (await retry.complete("hello")).text == "fine"
    else:
        with pytest.raises(kind):
            await retry.complete("hello")
    assert len(backend.requests) == 1 + again


@pytest.mark.parametrize(("kind", "opens"), [(case[0], case[2]) for case in CASES], ids=KINDS)
def test_a_circuit_breaker_counts_faults_of_backends_and_devices(kind: Any, opens: bool) -> None:
    """Not the caller's mistakes, nor a policy's refusals."""
    breaker = CircuitBreaker(bl.backends.router.Breaker(failures=1), bl.testing.Clock(), random.Random(1))  # noqa: S311
    assert breaker.allow() is False
    breaker.failure(kind("x"), probe=False)
    assert breaker.state == ("open" if opens else "closed")


@pytest.mark.parametrize(("kind", "next_answers"), [(case[0], case[3]) for case in CASES], ids=KINDS)
@pytest.mark.parametrize("fallback", ["sequential", "parallel"])
async def test_the_next_backend_answers_unless_the_error_is_final(kind: Any, next_answers: bool, fallback: Any) -> None:
    """A final error is raised as it is."""
    router = bl.Router(
        [bl.ScriptedBackend([[kind("x")]], name="first"), bl.ScriptedBackend("fine", name="second")],
        fallback=fallback,
        parallel=1,
    )
    if next_answers:
        assert (await router.complete("hello")).backend == "second"
    else:
        with pytest.raises(kind):
            await router.complete("hello")


@pytest.mark.parametrize(("kind", "status"), [(case[0], case[4]) for case in CASES], ids=KINDS)
def test_the_http_status_follows_from_the_meaning_of_an_error(kind: Any, status: int) -> None:
    """Also for a class in no table."""
    reply = error_reply(kind("x"))
    assert (reply.status, reply.headers) == (status, {})
    assert error_reply(kind("x", data={"retry_after_s": 2})).headers == (
        {} if kind is bl.AllBackendsFailed else {"retry-after": "2"}
    )
