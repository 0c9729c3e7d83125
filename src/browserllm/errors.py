# ruff: noqa: N818 (Unavailable says more than UnavailableError)
"""Every exception browserllm raises.

::

    BrowserLLMError
    ├── Unavailable (ConnectionError)          the host, page or device cannot be used; .reason says why
    ├── ModelNotFound (LookupError)            no model of that name
    ├── ModelNotDownloaded (LookupError)       the model's files are not on this device
    ├── ModelNotLoaded (LookupError)           the model is known but not in memory
    ├── LoadFailed                             no engine could load the model; .data["steps"] lists the tries
    ├── OutOfMemory (MemoryError)              the device has too little memory
    ├── DeviceLost (ConnectionError)           the GPU went away; load the model again
    ├── ContextExceeded (ValueError)           prompt and answer do not fit the context window
    ├── QuotaExceeded (OSError)                the browser gives no more storage
    ├── IntegrityError (ValueError)            a file is not what its manifest promises
    ├── DownloadInterrupted (ConnectionError)  a download broke off
    ├── InvalidRequest (ValueError)            a value in the request is wrong; .data["parameter"] names it
    ├── Unsupported (ValueError)               the backend cannot do what was asked
    ├── Cancelled                              somebody stopped the request
    ├── Timeout (TimeoutError)                 it took longer than it may
    ├── Stalled (TimeoutError)                 nothing arrived for too long
    ├── AuthenticationError (PermissionError)  the key is missing or wrong
    ├── RateLimited                            too many requests; .retry_after_s
    ├── QueueFull                              too many requests wait already
    ├── BudgetExceeded                         it would cost more than the budget has left
    ├── ContentFiltered                        a safety filter refused the content
    ├── InvalidOutput (ValueError)             the model's answer is not of the wanted type; .data["problems"]
    ├── AllBackendsFailed                      nobody could answer; .causes holds every failure
    ├── ProtocolError                          the other side spoke another protocol
    └── InternalError                          a bug, here or in the page

A failure crosses the connection to the page as ``{"code", "message", "data"}``; `error_from_wire` and `to_wire` are the
two directions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, Self, SupportsIndex

UnavailableReason = Literal[
    "no_window",
    "insecure_context",
    "no_api",
    "no_adapter",
    "turned_off",
    "device_failed",
    "missing_feature",
    "blocked",
    "no_browser",
    "closed",
    "profile_in_use",
    "offline",
    "unreachable",
    "server_error",
    "circuit_open",
    "private",
]


class BrowserLLMError(Exception):
    """Anything browserllm raises. ``code`` is its name on the wire, ``data`` its facts, ``str()`` what to do."""

    code: ClassVar[str] = "internal"

    def __init__(self, message: str, *, data: Mapping[str, Any] | None = None) -> None:
        """Say what happened, with the value that was wrong, and what to do; ``data`` must be JSON-able."""
        super().__init__(message)
        self.message = message
        self.data: dict[str, Any] = dict(data or {})

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[Any, ...]:
        more = {name: value for name, value in vars(self).items() if name not in ("message", "data")}
        return (_rebuild, (type(self), self.message, self.data), more or None)


class Unavailable(BrowserLLMError, ConnectionError):
    """The host, the page or its device cannot be used; `reason` is one of `UnavailableReason`."""

    code = "unavailable"

    def __init__(self, message: str, *, reason: str = "", data: Mapping[str, Any] | None = None) -> None:
        """Name the ``reason``: a word of `UnavailableReason` that programs can act on."""
        super().__init__(message, data={**(data or {}), **({"reason": reason} if reason else {})})

    @property
    def reason(self) -> str:
        """Why, in one word of `UnavailableReason`; ``"unknown"`` when the page did not say."""
        return str(self.data.get("reason", "unknown"))


class ModelNotFound(BrowserLLMError, LookupError):
    """No model of that name."""

    code = "model_not_found"


class ModelNotDownloaded(BrowserLLMError, LookupError):
    """The model's files are not on this device."""

    code = "model_not_downloaded"


class ModelNotLoaded(BrowserLLMError, LookupError):
    """The model is known but not in memory."""

    code = "model_not_loaded"


class LoadFailed(BrowserLLMError):
    """No engine could load the model."""

    code = "load_failed"


class OutOfMemory(BrowserLLMError, MemoryError):
    """The device has too little memory."""

    code = "out_of_memory"


class DeviceLost(BrowserLLMError, ConnectionError):
    """The GPU went away; load the model again."""

    code = "device_lost"


class ContextExceeded(BrowserLLMError, ValueError):
    """Prompt and answer do not fit the context window."""

    code = "context_exceeded"


class QuotaExceeded(BrowserLLMError, OSError):
    """The browser gives no more storage."""

    code = "quota_exceeded"


class IntegrityError(BrowserLLMError, ValueError):
    """A file is not what its manifest promises."""

    code = "integrity"


class DownloadInterrupted(BrowserLLMError, ConnectionError):
    """A download broke off."""

    code = "download_interrupted"


class InvalidRequest(BrowserLLMError, ValueError):
    """A value in the request is wrong; ``data["parameter"]`` names it."""

    code = "invalid_request"

    def __init__(self, message: str, *, parameter: str = "", data: Mapping[str, Any] | None = None) -> None:
        """Name the ``parameter`` whose value is wrong."""
        super().__init__(message, data={**(data or {}), **({"parameter": parameter} if parameter else {})})


class Unsupported(BrowserLLMError, ValueError):
    """The backend cannot do what was asked."""

    code = "unsupported"


class Cancelled(BrowserLLMError):
    """Somebody stopped the request. (A cancelled task raises ``asyncio.CancelledError``, not this.)"""

    code = "cancelled"


class Timeout(BrowserLLMError, TimeoutError):
    """It took longer than it may."""

    code = "timeout"


class Stalled(BrowserLLMError, TimeoutError):
    """Nothing arrived for too long."""

    code = "stalled"


class AuthenticationError(BrowserLLMError, PermissionError):
    """The key is missing or wrong."""

    code = "authentication"


class RateLimited(BrowserLLMError):
    """Too many requests."""

    code = "rate_limited"

    @property
    def retry_after_s(self) -> float | None:
        """Seconds to wait before the next try, when the other side said."""
        value = self.data.get("retry_after_s")
        return float(value) if isinstance(value, (int, float)) else None


class QueueFull(BrowserLLMError):
    """Too many requests wait already."""

    code = "queue_full"


class BudgetExceeded(BrowserLLMError):
    """It would cost more than the budget has left; nothing was spent."""

    code = "budget_exceeded"


class ContentFiltered(BrowserLLMError):
    """A safety filter refused the content."""

    code = "content_filtered"


class InvalidOutput(BrowserLLMError, ValueError):
    """The model's answer is not of the wanted type.

    ``data["problems"]`` lists what does not fit, each as ``{"path", "message"}``; ``data["text"]`` is the answer, cut
    where it is long.
    """

    code = "invalid_output"


class AllBackendsFailed(BrowserLLMError):
    """Nobody could answer; `causes` holds every failure, in order."""

    code = "all_backends_failed"

    def __init__(
        self, message: str, *, causes: Sequence[BaseException] = (), data: Mapping[str, Any] | None = None
    ) -> None:
        """Keep the ``causes``: one exception for each backend that was tried."""
        super().__init__(message, data=data)
        self.causes: tuple[BaseException, ...] = tuple(causes)

    def __reduce_ex__(self, protocol: SupportsIndex) -> tuple[Any, ...]:
        function, arguments, more = self.__reduce__()
        return (function, arguments, {**more, "causes": tuple(map(_picklable, self.causes))})

    def __copy__(self) -> Self:
        function, arguments, more = self.__reduce__()
        copied = function(*arguments)
        copied.__setstate__(more)
        return copied


class ProtocolError(BrowserLLMError):
    """The other side spoke another protocol, or not what its protocol promises."""

    code = "protocol"


class InternalError(BrowserLLMError):
    """A bug, here or in the page."""

    code = "internal"


def _leaves(parent: type[BrowserLLMError]) -> dict[str, type[BrowserLLMError]]:
    return {child.code: child for child in parent.__subclasses__()}


ERRORS: Mapping[str, type[BrowserLLMError]] = _leaves(BrowserLLMError)
"""Every wire code and its exception."""


def error_from_wire(error: Mapping[str, Any]) -> BrowserLLMError:
    """Make the exception for a ``{"code", "message", "data"}`` from the page.

    An unknown code becomes an `InternalError` that carries the code in its data.
    """
    code = str(error.get("code") or "internal")
    raw = error.get("data")
    data: dict[str, Any] = dict(raw) if isinstance(raw, Mapping) else {}  # pyright: ignore[reportUnknownArgumentType]
    message = str(error.get("message") or "") or f"the page reported the error {code!r} without a message"
    known = ERRORS.get(code)
    if known is None:
        return InternalError(f"{message} (unknown error code {code!r})", data={**data, "code": code})
    return known(message, data=data)


def to_wire(error: BaseException) -> dict[str, Any]:
    """Describe any exception as ``{"code", "message", "data"}``; ours keep their code, others are ``internal``."""
    if isinstance(error, BrowserLLMError):
        return {"code": error.code, "message": str(error), "data": error.data}
    return {"code": "internal", "message": describe_error(error), "data": {}}


def describe_error(error: BaseException) -> str:
    """Return the name and the words of any exception, also of one that fails to say them."""
    try:
        words = str(error)
    except BaseException as failure:
        words = f"(its words cannot be read: {type(failure).__name__})"
    return f"{type(error).__name__}: {words}" if words else type(error).__name__


def _rebuild(kind: type[BrowserLLMError], message: str, data: dict[str, Any]) -> BrowserLLMError:
    # Not through the constructor of a program's own class, which may want other arguments.
    ours = next(each for each in kind.__mro__ if each.__module__ == __name__)
    error = ours(message, data=data)
    error.__class__ = kind
    return error


def _picklable(error: BaseException) -> BaseException:
    """Return an exception, or, of one that no other process can read, its name and words."""
    import pickle

    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 (our own)
    except Exception:
        return InternalError(describe_error(error))
    return error
