# ruff: noqa: N818 (Unavailable says more than UnavailableError)
"""Every exception browserllm raises, and what each means for the code that catches it.

::

    BrowserLLMError                            fault_of
    ├── Unavailable (ConnectionError)          by reason  -      -      the host, page, device or server cannot be used
    ├── ModelNotFound (LookupError)            caller     -      -      no model of that name
    ├── ModelNotDownloaded (LookupError)       policy     -      -      the model's files are not on this device
    ├── ModelNotLoaded (LookupError)           caller     -      -      the model is known but not in memory
    ├── LoadFailed                             device     -      -      no engine could load it; .data["steps"]
    ├── OutOfMemory (MemoryError)              device     -      -      the device has too little memory
    ├── DeviceLost (ConnectionError)           device     -      -      the GPU went away; load the model again
    ├── ContextExceeded (ValueError)           caller     -      -      the prompt does not fit the context window
    ├── QuotaExceeded (OSError)                device     -      -      the browser's storage quota is used up
    ├── IntegrityError (ValueError)            backend    -      -      a file is not what its manifest promises
    ├── DownloadInterrupted (ConnectionError)  device     -      -      a download broke off
    ├── InvalidRequest (ValueError)            caller     -      final  a value is wrong; .data["parameter"] names it
    ├── Unsupported (ValueError)               caller     -      -      the backend does not support something requested
    ├── Cancelled                              caller     -      final  the caller stopped the request
    ├── Timeout (TimeoutError)                 backend    retry  -      a time limit passed
    ├── Stalled (TimeoutError)                 backend    retry  -      nothing arrived for too long
    ├── AuthenticationError (PermissionError)  backend    -      -      the backend's key is missing or wrong
    ├── RateLimited                            backend    retry  -      too many requests (or the quota is used up)
    ├── QueueFull                              policy     -      -      too many requests wait already
    ├── BudgetExceeded                         policy     -      final  the request would exceed the budget
    ├── ContentFiltered                        policy     -      final  a safety filter refused the content
    ├── InvalidOutput (ValueError)             backend    -      -      the answer does not have the requested type
    ├── AllBackendsFailed (ExceptionGroup)     by causes  -      -      no backend could answer; .causes says why
    ├── ProtocolError                          backend    -      -      the other side violates its protocol
    └── InternalError                          backend    -      -      a bug, here or in the page

`fault_of` names what has to change: the ``caller`` (the request, or the program and its user), the ``backend`` (a
server and its configuration), the ``device`` (its browser, GPU, memory, storage) or a ``policy`` (a limit or a rule
refused it). ``retry`` stands for `retryable`: the same request to the same backend may succeed a little later.
``final`` means that no other backend should be tried. Retry, the router, its circuit breakers and HTTP replies decide
by these three alone, so a new class needs no change elsewhere. Three classes refine them for each instance:

- `Unavailable` uses `Unavailable.reason`: ``private``, ``policy`` and ``circuit_open`` are the fault of a policy,
  ``offline`` of the caller, something missing in the browser or the page of the device, the rest of the backend;
  ``server_error`` and ``unreachable`` are retryable;
- `RateLimited` is not retryable when the account's quota is used up (``data["reason"]`` is ``"quota"``);
- `AllBackendsFailed` is retryable if one of its causes is; its fault is the first of backend, device, caller, policy
  that one of its causes has (``backend`` if the causes are unknown).

A failure crosses the connection to the page as ``{"code", "message", "data"}``; `error_from_wire` and `to_wire` are the
two directions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, Self, SupportsIndex

FaultOf = Literal["caller", "backend", "device", "policy"]
"""What has to change before the request can succeed."""

UnavailableReason = Literal[
    "no_window", "insecure_context", "no_api", "no_adapter", "turned_off", "device_failed", "missing_feature",
    "blocked", "no_browser", "closed", "profile_in_use", "offline", "unreachable", "server_error", "circuit_open",
    "private", "policy", "not_installed",
]  # fmt: skip


class BrowserLLMError(Exception):
    """The base of every exception browserllm raises.

    ``code`` is its name on the wire, ``data`` has details for programs, and ``str()`` says what happened and what to
    do. ``fault_of``, ``retryable`` and ``final`` help the code that catches it: see the module's docstring.
    """

    code: ClassVar[str] = "internal"
    fault_of: FaultOf = "backend"
    retryable: bool = False
    final: bool = False

    def __init__(self, message: str, *, data: Mapping[str, Any] | None = None) -> None:
        """``message`` says what happened, with the wrong value, and what to do; ``data`` must be JSON."""
        super().__init__(message)
        self.message = message
        self.data: dict[str, Any] = dict(data or {})

    @property
    def retry_after_s(self) -> float | None:
        """Seconds to wait before the next attempt, if the server named them."""
        value = self.data.get("retry_after_s")
        return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[Any, ...]:
        more = {name: value for name, value in vars(self).items() if name not in ("message", "data")}
        return (_rebuild, (type(self), self.message, self.data), more or None)


_FAULT_OF_REASON: dict[str, FaultOf] = {
    "private": "policy",
    "policy": "policy",
    "circuit_open": "policy",
    "offline": "caller",
    "turned_off": "device",
    "no_window": "device",
    "insecure_context": "device",
    "no_api": "device",
    "no_adapter": "device",
    "device_failed": "device",
    "missing_feature": "device",
    "no_browser": "device",
    "not_installed": "device",
    "closed": "device",
    "profile_in_use": "device",
}


class Unavailable(BrowserLLMError, ConnectionError):
    """The host, the page or its device cannot be used; `reason` is one of `UnavailableReason`."""

    code = "unavailable"

    def __init__(self, message: str, *, reason: str = "", data: Mapping[str, Any] | None = None) -> None:
        """``reason`` is one of `UnavailableReason`, for programs to act on."""
        super().__init__(message, data={**(data or {}), **({"reason": reason} if reason else {})})

    @property
    def reason(self) -> str:
        """One of `UnavailableReason`; ``"unknown"`` when the page did not give a reason."""
        return str(self.data.get("reason", "unknown"))

    @property
    def fault_of(self) -> FaultOf:  # pyright: ignore[reportIncompatibleVariableOverride]
        """What has to change; depends on the reason."""
        return _FAULT_OF_REASON.get(self.reason, "backend")

    @property
    def retryable(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Whether the server may answer a little later."""
        return self.reason in ("server_error", "unreachable")


class ModelNotFound(BrowserLLMError, LookupError):
    """No model has that name."""

    code = "model_not_found"
    fault_of = "caller"


class ModelNotDownloaded(BrowserLLMError, LookupError):
    """The model's files are not on this device."""

    code = "model_not_downloaded"
    fault_of = "policy"


class ModelNotLoaded(BrowserLLMError, LookupError):
    """The model is known but not in memory."""

    code = "model_not_loaded"
    fault_of = "caller"


class LoadFailed(BrowserLLMError):
    """No engine could load the model."""

    code = "load_failed"
    fault_of = "device"


class OutOfMemory(BrowserLLMError, MemoryError):
    """The device has too little memory."""

    code = "out_of_memory"
    fault_of = "device"


class DeviceLost(BrowserLLMError, ConnectionError):
    """The GPU went away; load the model again."""

    code = "device_lost"
    fault_of = "device"


class ContextExceeded(BrowserLLMError, ValueError):
    """Prompt and answer do not fit the context window.

    ``data`` has, as far as they are known: ``prompt_tokens`` (``estimated``, or counted), ``context_window``, and for a
    turn that is too large by itself its largest ``message`` (an index) with its ``role``. From a router they are about
    the ``backend`` with the largest window; ``not_asked`` lists the backends that could not be asked, with the reasons.
    """

    code = "context_exceeded"
    fault_of = "caller"


class QuotaExceeded(BrowserLLMError, OSError):
    """The browser's storage quota is used up."""

    code = "quota_exceeded"
    fault_of = "device"


class IntegrityError(BrowserLLMError, ValueError):
    """A file is not what its manifest promises."""

    code = "integrity"


class DownloadInterrupted(BrowserLLMError, ConnectionError):
    """A download broke off."""

    code = "download_interrupted"
    fault_of = "device"


class InvalidRequest(BrowserLLMError, ValueError):
    """A value in the request is wrong; ``data["parameter"]`` names it."""

    code = "invalid_request"
    fault_of = "caller"
    final = True

    def __init__(self, message: str, *, parameter: str = "", data: Mapping[str, Any] | None = None) -> None:
        """Name the ``parameter`` whose value is wrong."""
        super().__init__(message, data={**(data or {}), **({"parameter": parameter} if parameter else {})})


class Unsupported(BrowserLLMError, ValueError):
    """The backend does not support something that the request asks for."""

    code = "unsupported"
    fault_of = "caller"


class Cancelled(BrowserLLMError):
    """The caller stopped the request. (A cancelled task raises ``asyncio.CancelledError``, not this.)"""

    code = "cancelled"
    fault_of = "caller"
    final = True


class Timeout(BrowserLLMError, TimeoutError):
    """A time limit passed."""

    code = "timeout"
    retryable = True


class Stalled(BrowserLLMError, TimeoutError):
    """Nothing arrived for too long."""

    code = "stalled"
    retryable = True


class AuthenticationError(BrowserLLMError, PermissionError):
    """The key is missing or wrong."""

    code = "authentication"


class RateLimited(BrowserLLMError):
    """Too many requests."""

    code = "rate_limited"

    @property
    def retryable(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Whether waiting helps: it does not when the account's quota is used up."""
        return self.data.get("reason") != "quota"


class QueueFull(BrowserLLMError):
    """Too many requests wait already."""

    code = "queue_full"
    fault_of = "policy"


class BudgetExceeded(BrowserLLMError):
    """The request would exceed the budget; nothing was spent."""

    code = "budget_exceeded"
    fault_of = "policy"
    final = True


class ContentFiltered(BrowserLLMError):
    """A safety filter refused the content."""

    code = "content_filtered"
    fault_of = "policy"
    final = True


class InvalidOutput(BrowserLLMError, ValueError):
    """The model's answer does not have the requested type.

    ``data["problems"]`` lists what does not fit, each as ``{"path", "message"}``; ``data["text"]`` is the answer, cut
    if it is long.
    """

    code = "invalid_output"


class AllBackendsFailed(BrowserLLMError, ExceptionGroup[Exception]):
    """No backend could answer; `causes` holds every failure, in order.

    It is also an exception group of its causes: ``except* RateLimited`` catches the rate-limited ones.
    """

    code = "all_backends_failed"
    message: str = ""  # pyright: ignore[reportIncompatibleMethodOverride] (a group's own cannot be changed)

    def __new__(
        cls, message: str, *, causes: Sequence[BaseException] = (), data: Mapping[str, Any] | None = None
    ) -> Self:
        """Make the group. Python has no empty groups, so without causes it holds a `BrowserLLMError` that says so."""
        known = [cause if isinstance(cause, Exception) else _as_exception(cause) for cause in causes]
        self = super().__new__(cls, message, known or [BrowserLLMError("the causes are unknown")])
        self.causes = tuple(known)
        return self

    def __init__(
        self, message: str, *, causes: Sequence[BaseException] = (), data: Mapping[str, Any] | None = None
    ) -> None:
        """``causes`` has one exception for each backend that was tried.

        A cause that is not an `Exception` (a cancelled task's) is wrapped in an `InternalError`.
        """
        super().__init__(message, data=data)
        self.causes: tuple[Exception, ...]

    @property
    def retryable(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Whether one of the backends may answer a little later."""
        return any(isinstance(cause, BrowserLLMError) and cause.retryable for cause in self.causes)

    @property
    def fault_of(self) -> FaultOf:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The first of backend, device, caller, policy that one of the exceptions has."""
        faults = {cause.fault_of if isinstance(cause, BrowserLLMError) else "backend" for cause in self.exceptions}
        order: tuple[FaultOf, ...] = ("backend", "device", "caller", "policy")
        return order[min(map(order.index, faults))]

    @property
    def retry_after_s(self) -> float | None:
        """Seconds until the first backend may answer; ``None`` unless every retryable cause names its wait."""
        waits = [cause.retry_after_s for cause in self.causes if isinstance(cause, BrowserLLMError) and cause.retryable]
        return min((wait or 0.0 for wait in waits), default=None) if all(wait is not None for wait in waits) else None

    def derive(self, excs: Sequence[Exception], /) -> AllBackendsFailed:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Return a group with some of the causes, for ``except*`` and ``split()``."""
        # "backends" names the backends of all causes, in order: it does not fit a part of them.
        data = {name: value for name, value in self.data.items() if name != "backends"}
        return AllBackendsFailed(self.message, causes=excs, data=data)

    def __reduce_ex__(self, protocol: SupportsIndex) -> tuple[Any, ...]:
        return self._reduced(tuple(map(_picklable, self.causes)))

    def __copy__(self) -> Self:
        function, arguments, more = self._reduced(self.causes)
        copied = function(*arguments)
        copied.__setstate__(more)
        return copied

    def _reduced(self, causes: tuple[Exception, ...]) -> tuple[Any, ...]:
        more = {name: value for name, value in vars(self).items() if name not in ("message", "data", "causes")}
        return (_rebuild, (type(self), self.message, self.data, causes), more or None)


class ProtocolError(BrowserLLMError):
    """The other side speaks another protocol, or violates it."""

    code = "protocol"


class InternalError(BrowserLLMError):
    """A bug, here or in the page."""

    code = "internal"


def _leaves(parent: type[BrowserLLMError]) -> dict[str, type[BrowserLLMError]]:
    return {child.code: child for child in parent.__subclasses__()}


ERRORS: Mapping[str, type[BrowserLLMError]] = _leaves(BrowserLLMError)
"""Every wire code and its exception."""


def error_from_wire(error: Mapping[str, Any]) -> BrowserLLMError:
    """Return the exception for a ``{"code", "message", "data"}`` from the page.

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
    """Return any exception as ``{"code", "message", "data"}``; ours keep their code, others are ``internal``."""
    if isinstance(error, BrowserLLMError):
        return {"code": error.code, "message": str(error), "data": error.data}
    return {"code": "internal", "message": describe_error(error), "data": {}}


def describe_error(error: BaseException) -> str:
    """Return the type and the message of any exception, even of one whose ``__str__`` fails."""
    try:
        message = str(error)
    except BaseException as failure:
        message = f"(its message cannot be read: {type(failure).__name__})"
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def _rebuild(
    kind: type[BrowserLLMError], message: str, data: dict[str, Any], causes: tuple[Exception, ...] | None = None
) -> BrowserLLMError:
    # Not through the constructor of a program's subclass, which may take other arguments.
    ours = next(each for each in kind.__mro__ if each.__module__ == __name__)
    error = ours(message, data=data) if causes is None else ours(message, data=data, causes=causes)
    error.__class__ = kind
    return error


def _as_exception(error: BaseException) -> InternalError:
    wrapped = InternalError(describe_error(error))
    wrapped.__cause__ = error
    return wrapped


def _picklable(error: Exception) -> Exception:
    """Return an exception, or an `InternalError` with its type and message if it cannot be pickled."""
    import pickle

    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 (our own)
    except Exception:
        return InternalError(describe_error(error))
    return error
