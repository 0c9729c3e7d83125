"""Errors cross the connection to the page and come out typed."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

import browserllm as bl
from browserllm.errors import ERRORS, error_from_wire, to_wire

CODES = [
    "unavailable",
    "model_not_found",
    "model_not_downloaded",
    "model_not_loaded",
    "load_failed",
    "out_of_memory",
    "device_lost",
    "context_exceeded",
    "quota_exceeded",
    "integrity",
    "download_interrupted",
    "invalid_request",
    "unsupported",
    "cancelled",
    "timeout",
    "stalled",
    "authentication",
    "rate_limited",
    "queue_full",
    "content_filtered",
    "invalid_output",
    "budget_exceeded",
    "all_backends_failed",
    "protocol",
    "internal",
]


def test_every_code_of_the_protocol_has_an_exception() -> None:
    """The codes that ARCHITECTURE.md lists and the exceptions are the same set."""
    assert set(ERRORS) == set(CODES)


@pytest.mark.parametrize("code", CODES)
def test_an_error_survives_the_wire(code: str) -> None:
    """Code, message and data are the same after a round trip, and the class belongs to the code."""
    wire = {"code": code, "message": "it broke: 'x' 100%", "data": {"n": 1}}
    error = error_from_wire(wire)
    assert type(error) is ERRORS[code]
    assert str(error) == "it broke: 'x' 100%"
    assert to_wire(error) == wire


@pytest.mark.parametrize("code", CODES)
def test_an_error_can_be_pickled_and_copied(code: str) -> None:
    """Multiprocessing and logging copy exceptions: nothing is lost on the way."""
    error = error_from_wire({"code": code, "message": "m", "data": {"reason": "closed"}})
    for other in (pickle.loads(pickle.dumps(error)), copy.copy(error)):  # noqa: S301
        assert type(other) is type(error)
        assert (str(other), other.data) == ("m", {"reason": "closed"})


def test_an_unknown_code_is_kept() -> None:
    """A page of a newer release may report what this one does not know: the code stays readable."""
    error = error_from_wire({"code": "brand_new", "message": "m"})
    assert isinstance(error, bl.errors.InternalError)
    assert "brand_new" in str(error)
    assert error.data["code"] == "brand_new"


def test_an_error_without_a_message_still_says_something() -> None:
    """Not even an empty error from the page gives an empty exception."""
    assert "internal" in str(error_from_wire({}))


def test_foreign_exceptions_become_internal() -> None:
    """What is not ours crosses as ``internal`` with its type in the message."""
    assert to_wire(KeyError("k")) == {"code": "internal", "message": "KeyError: 'k'", "data": {}}


@pytest.mark.parametrize(
    ("error", "caught_as"),
    [
        (bl.Timeout("m"), TimeoutError),
        (bl.errors.Stalled("m"), TimeoutError),
        (bl.Unavailable("m", reason="closed"), ConnectionError),
        (bl.InvalidRequest("m", parameter="p"), ValueError),
        (bl.InvalidOutput("m"), ValueError),
        (bl.errors.ModelNotFound("m"), LookupError),
        (bl.errors.OutOfMemory("m"), MemoryError),
        (bl.AuthenticationError("m"), PermissionError),
    ],
)
def test_errors_are_caught_by_the_names_callers_know(error: bl.BrowserLLMError, caught_as: type[Exception]) -> None:
    """Each inherits the builtin that a caller would catch already, and keeps its message."""
    assert isinstance(error, caught_as)
    assert str(error) == "m"


def test_extra_facts_are_attributes() -> None:
    """Reason, retry time and causes are there for programs, not only in the text."""
    assert bl.Unavailable("m", reason="no_adapter").reason == "no_adapter"
    assert bl.Unavailable("m").reason == "unknown"
    assert bl.RateLimited("m", data={"retry_after_s": 3}).retry_after_s == 3.0
    assert bl.RateLimited("m").retry_after_s is None
    cause = ValueError("x")
    assert bl.AllBackendsFailed("m", causes=[cause]).causes == (cause,)
    assert bl.InvalidRequest("m", parameter="stop").data == {"parameter": "stop"}


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    """Whoever adds an exception draws it at the top of the module, too."""
    from browserllm import errors

    assert errors.__doc__ is not None
    for kind in ERRORS.values():
        assert f"── {kind.__name__}" in errors.__doc__


class UnpicklableError(Exception):
    """Holds what no other process can have, and cannot even say so."""

    def __init__(self) -> None:
        super().__init__()
        self.lock = lambda: None

    def __str__(self) -> str:
        raise OSError("no words")


class OwnError(bl.errors.Unsupported):
    """A program's own class, with other arguments and an attribute."""

    def __init__(self, part: int) -> None:
        super().__init__(f"part {part}")
        self.part = part


COPIES = [copy.copy, copy.deepcopy, lambda error: pickle.loads(pickle.dumps(error))]  # noqa: S301


@pytest.mark.parametrize("copied", COPIES)
def test_what_an_error_holds_survives_copies(copied: Any) -> None:
    """The causes, their causes, notes and the attributes of a program's own class."""
    inner = bl.AllBackendsFailed("inner", causes=[bl.RateLimited("slow", data={"retry_after_s": 3}), KeyError("k")])
    inner.add_note("at noon")
    error = copied(bl.AllBackendsFailed("outer", causes=[inner, OwnError(4), ConnectionResetError(104, "reset")]))
    assert (type(error), str(error)) == (bl.AllBackendsFailed, "outer")
    first, own, reset = error.causes
    assert [type(cause) for cause in first.causes] == [bl.RateLimited, KeyError]
    assert (first.causes[0].retry_after_s, first.__notes__) == (3, ["at noon"])
    assert (type(own), own.part, str(own)) == (OwnError, 4, "part 4")
    assert (type(reset), reset.errno) == (ConnectionResetError, 104)


def test_a_cause_that_cannot_be_pickled_leaves_its_name() -> None:
    """One odd cause does not cost the others, nor the error itself; a copy in this process keeps it."""
    odd = UnpicklableError()
    error = bl.AllBackendsFailed("all", causes=[odd, bl.Timeout("late")])
    assert copy.copy(error).causes[0] is odd
    for copied in COPIES[1:]:
        first, second = copied(error).causes
        assert (type(first), type(second)) == (bl.errors.InternalError, bl.Timeout)
        assert str(first).startswith("UnpicklableError: ")
