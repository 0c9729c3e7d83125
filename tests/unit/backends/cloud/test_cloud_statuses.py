"""Statuses that say where to go, or that something is in the way just now.

As reported in zenodo/zenodo#1817 and traefik/traefik#1819 (http to https), anomalyco/opencode#47525 (409 and 408).
"""

from __future__ import annotations

import pytest

import browserllm as bl
from browserllm.backends.cloud.failures import ErrorSource, failure, read_error

PLACE = ErrorSource(backend="b", model="m", key_name="k")


def told(status: int, location: str = "") -> bl.BrowserLLMError:
    """The error of an answer of that status without a word."""
    return failure(read_error(""), PLACE, status=status, headers={"location": location} if location else {})


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("https://x.test/v1/chat/completions", "https://x.test/v1/chat/completions"),
        ("/v1/chat/completions/", "/v1/chat/completions/"),
        ("//x.test/v1", "//x.test/v1"),
        ("https://user:secret@x.test/v1?key=secret#secret", "https://x.test/v1"),
        ("https://x.test/v1#secret", "https://x.test/v1"),
        ("/v1?token=secret", "/v1"),
    ],
)
def test_the_error_for_a_redirect_has_its_target(status: int, location: str, shown: str) -> None:
    """Without possible secrets; it is not followed, because that would send the key along."""
    error = told(status, location)
    assert isinstance(error, bl.errors.ProtocolError)
    assert repr(shown) in str(error)
    assert "secret" not in str(error)


def test_the_error_for_a_redirect_without_a_target_says_so() -> None:
    """A long address is shortened."""
    assert "nothing is served at this address" in str(told(308))
    assert len(str(told(308, "https://x.test/" + "a" * 5000))) < 500


@pytest.mark.parametrize(("status", "kind"), [(409, bl.Unavailable), (425, bl.Unavailable), (408, bl.Timeout)])
def test_a_temporary_conflict_can_be_retried(status: int, kind: type[bl.BrowserLLMError]) -> None:
    """The caller has nothing to correct, and a router continues with the next backend."""
    assert isinstance(told(status), kind)
    assert not isinstance(told(status), bl.InvalidRequest)
