"""Errors cross the connection to the page and arrive typed."""

from __future__ import annotations

import asyncio
import copy
import pickle
import re
from typing import Any, get_args

import pytest

import browserllm as bl
from browserllm import errors
from browserllm.errors import ERRORS, UnavailableReason, error_from_wire, to_wire

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
    """The codes that docs/protocol.md lists and the exceptions are the same set."""
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
    """Multiprocessing and logging copy exceptions: nothing is lost."""
    error = error_from_wire({"code": code, "message": "m", "data": {"reason": "closed"}})
    for other in (pickle.loads(pickle.dumps(error)), copy.copy(error)):  # noqa: S301
        assert type(other) is type(error)
        assert (str(other), other.data) == ("m", {"reason": "closed"})


def test_an_unknown_code_is_kept() -> None:
    """A page of a newer release may report a code that this one does not know: it stays readable."""
    error = error_from_wire({"code": "brand_new", "message": "m"})
    assert isinstance(error, bl.errors.InternalError)
    assert "brand_new" in str(error)
    assert error.data["code"] == "brand_new"


def test_an_error_without_a_message_still_says_something() -> None:
    """Not even an empty error from the page gives an empty exception."""
    assert "internal" in str(error_from_wire({}))


def test_foreign_exceptions_become_internal() -> None:
    """Other exceptions are sent as ``internal`` with their type in the message."""
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
def test_errors_are_caught_as_the_builtins_that_callers_know(
    error: bl.BrowserLLMError, caught_as: type[Exception]
) -> None:
    """Each inherits from the builtin that a caller would catch, and keeps its message."""
    assert isinstance(error, caught_as)
    assert str(error) == "m"


def test_details_are_attributes() -> None:
    """Reason, retry time and causes are there for programs, not only in the text."""
    assert bl.Unavailable("m", reason="no_adapter").reason == "no_adapter"
    assert bl.Unavailable("m").reason == "unknown"
    assert bl.RateLimited("m", data={"retry_after_s": 3}).retry_after_s == 3.0
    assert bl.RateLimited("m").retry_after_s is None
    cause = ValueError("x")
    assert bl.AllBackendsFailed("m", causes=[cause]).causes == (cause,)
    assert bl.InvalidRequest("m", parameter="stop").data == {"parameter": "stop"}


documented = pytest.mark.skipif(errors.__doc__ is None, reason="a page's Python has no docstrings")


@documented
def test_the_tree_in_the_docstring_is_the_tree() -> None:
    """A new exception must be added to the tree, too."""
    assert errors.__doc__ is not None
    for kind in ERRORS.values():
        assert f"── {kind.__name__}" in errors.__doc__


@documented
@pytest.mark.parametrize("code", CODES)
def test_the_meanings_in_the_docstring_are_those_of_the_classes(code: str) -> None:
    """The table at the top of the module must match the code."""
    kind = ERRORS[code]
    (row,) = [line for line in (errors.__doc__ or "").splitlines() if f"── {kind.__name__} " in f"{line} "]
    fault_of, retry, final = re.split(r"  +", re.sub(r"^.*── \w+(?: \(\w+\))? +", "", row))[:3]
    error = kind("x")
    assert (retry, final) == ("retry" if error.retryable else "-", "final" if error.final else "-")
    assert fault_of.startswith("by ") or fault_of == error.fault_of


@pytest.mark.parametrize("reason", get_args(UnavailableReason))
def test_the_reason_of_unavailable_determines_the_fault(reason: str) -> None:
    """Only a server that fails or cannot be reached is retryable."""
    error = bl.Unavailable("x", reason=reason)
    expected = {"server_error": "backend", "unreachable": "backend", "blocked": "backend", "offline": "caller"}
    expected |= dict.fromkeys(("private", "policy", "circuit_open"), "policy")
    assert error.fault_of == expected.get(reason, "device")
    assert error.retryable is (reason in ("server_error", "unreachable"))


def test_the_failures_of_all_backends_are_a_group() -> None:
    """``except*`` catches one type and raises the rest again; both keep the message and the data."""
    limited, late = bl.RateLimited("slow"), bl.Timeout("late")
    error = bl.AllBackendsFailed("none answered", causes=[limited, late], data={"backends": ["a", "b"], "x": 1})
    found: list[BaseException] = []
    with pytest.raises(bl.AllBackendsFailed) as left:
        try:
            raise error
        except* bl.RateLimited as group:
            found.append(group)
    assert isinstance(found[0], bl.AllBackendsFailed)
    assert (found[0].causes, str(found[0]), found[0].data) == ((limited,), "none answered", {"x": 1})
    assert (left.value.causes, str(left.value)) == ((late,), "none answered")
    assert error.exceptions == error.causes == (limited, late)


def test_a_group_without_causes_is_still_an_error_without_causes() -> None:
    """This is how it arrives from the wire; Python has no empty groups."""
    error = bl.AllBackendsFailed("none")
    assert (error.causes, len(error.exceptions), error.retryable, error.fault_of) == ((), 1, False, "backend")
    copied = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert (copied.causes, len(copied.exceptions)) == ((), 1)


def test_a_cause_that_is_not_an_exception_is_wrapped() -> None:
    """A group cannot contain a cancelled task's CancelledError; it becomes the cause of an InternalError."""
    cancelled = asyncio.CancelledError()
    (cause,) = bl.AllBackendsFailed("none", causes=[cancelled]).causes
    assert type(cause) is bl.errors.InternalError
    assert (str(cause), cause.__cause__) == ("CancelledError", cancelled)


def test_a_message_can_be_masked_in_any_error() -> None:
    """Keys are removed from errors before they reach the caller."""
    error = bl.AllBackendsFailed("key-1 is wrong", causes=[bl.AuthenticationError("key-1")])
    error.message = "... is wrong"
    assert (str(error), str(copy.copy(error))) == ("... is wrong", "... is wrong")


@pytest.mark.parametrize(
    ("causes", "wait_s"),
    [
        ([(bl.RateLimited, 7), (bl.RateLimited, 3)], 3),
        ([(bl.RateLimited, 7), (bl.Timeout, None)], None),
        ([(bl.RateLimited, 7), (bl.AuthenticationError, None)], 7),
        ([(bl.AuthenticationError, None)], None),
    ],
)
def test_the_shortest_of_several_waits_counts(causes: list[tuple[Any, float | None]], wait_s: float | None) -> None:
    """Only retryable causes count, and there is no wait if one of them names none."""
    made = [kind("x", data={} if wait is None else {"retry_after_s": wait}) for kind, wait in causes]
    assert bl.AllBackendsFailed("none", causes=made).retry_after_s == wait_s


class UnpicklableError(Exception):
    """An exception that cannot be pickled, and whose ``str()`` fails."""

    def __init__(self) -> None:
        super().__init__()
        self.lock = lambda: None

    def __str__(self) -> str:
        raise OSError("no words")


class OwnError(bl.errors.Unsupported):
    """A program's subclass, with other arguments and an attribute."""

    def __init__(self, part: int) -> None:
        super().__init__(f"part {part}")
        self.part = part


COPIES = [copy.copy, copy.deepcopy, lambda error: pickle.loads(pickle.dumps(error))]  # noqa: S301


@pytest.mark.parametrize("copied", COPIES)
def test_the_contents_of_an_error_survive_copies(copied: Any) -> None:
    """The causes, their causes, notes and the attributes of a program's subclass."""
    inner = bl.AllBackendsFailed("inner", causes=[bl.RateLimited("slow", data={"retry_after_s": 3}), KeyError("k")])
    inner.add_note("at noon")
    error = copied(bl.AllBackendsFailed("outer", causes=[inner, OwnError(4), ConnectionResetError(104, "reset")]))
    assert (type(error), str(error)) == (bl.AllBackendsFailed, "outer")
    first, own, reset = error.causes
    assert [type(cause) for cause in first.causes] == [bl.RateLimited, KeyError]
    assert (first.causes[0].retry_after_s, first.__notes__) == (3, ["at noon"])
    assert (type(own), own.part, str(own)) == (OwnError, 4, "part 4")
    assert (type(reset), reset.errno) == (ConnectionResetError, 104)


def test_a_cause_that_cannot_be_pickled_keeps_its_type_and_message() -> None:
    """The other causes and the error survive; a copy in this process keeps the cause."""
    odd = UnpicklableError()
    error = bl.AllBackendsFailed("all", causes=[odd, bl.Timeout("late")])
    assert copy.copy(error).causes[0] is odd
    for copied in COPIES[1:]:
        first, second = copied(error).causes
        assert (type(first), type(second)) == (bl.errors.InternalError, bl.Timeout)
        assert str(first).startswith("UnpicklableError: ")
