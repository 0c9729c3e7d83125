"""What runs within a private request: everything that is asked from there is private, too, whatever it says of itself.

A middleware, a hook or a tool can ask another backend with a request of its own making, and what was said privately may
be in it. So a context variable is set while such code runs, the gates of `privacy.py` look at it, and tasks that are
begun there inherit it. It is set for each step of a generator and never across a ``yield``: between two steps
the program's own code runs, in the same context.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager, nullcontext, suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from ..types import ChatRequest

Judged = tuple[object, "ChatRequest | None"]
"""A backend, and the private request that it was let have."""

_running: ContextVar[Judged | None] = ContextVar("browserllm_private", default=None)
_BY_NOBODY: Judged = (None, None)


def is_within_private() -> bool:
    """Say whether this code runs within a private request."""
    return _running.get() is not None


def is_judged(backend: object, request: ChatRequest) -> bool:
    """Say whether this code is the backend's own, at work on this private request, which it was let have."""
    judged = _running.get()
    return judged is not None and judged[0] is backend and judged[1] is request


def privately(private: bool = True, judged: Judged = _BY_NOBODY) -> AbstractContextManager[Any]:
    """Run a block within a private request, where it is ``private``; there must be no ``yield`` in the block."""
    return _within(judged) if private else nullcontext()


@contextmanager
def _within(judged: Judged) -> Generator[None, None, None]:
    token = _running.set(judged)
    try:
        yield
    finally:
        # A generator that nobody wants any more may be ended in another context, where nothing was set.
        with suppress(ValueError):
            _running.reset(token)
