"""The context of a private request: every request made within it is private, too, whatever its own flag says.

A middleware, a hook or a tool can send a new request to another backend, with private text in it. So a context variable
is set while such code runs; the checks in `privacy.py` read it, and tasks started there inherit it. It is set for each
step of a generator and never across a ``yield``: between two steps the program's own code runs in the same context.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager, nullcontext, suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from ..types import ChatRequest

Admission = tuple[object, "ChatRequest | None"]
"""A backend, and the private request that it was allowed to have."""

_running: ContextVar[Admission | None] = ContextVar("browserllm_private", default=None)
_NO_BACKEND: Admission = (None, None)


def is_within_private() -> bool:
    """Return whether this code runs within a private request."""
    return _running.get() is not None


def is_admitted(backend: object, request: ChatRequest) -> bool:
    """Return whether this code runs in a backend that was allowed to have this private request."""
    admission = _running.get()
    return admission is not None and admission[0] is backend and admission[1] is request


def privately(private: bool = True, admission: Admission = _NO_BACKEND) -> AbstractContextManager[Any]:
    """Run a block within a private request if ``private``; the block must not contain a ``yield``."""
    return _within(admission) if private else nullcontext()


@contextmanager
def _within(admission: Admission) -> Generator[None, None, None]:
    token = _running.set(admission)
    try:
        yield
    finally:
        # A dropped generator may be closed in another context, where the variable was never set.
        with suppress(ValueError):
            _running.reset(token)
