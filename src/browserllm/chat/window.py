"""KnownWindow: what a conversation knows about the context window of the backend that answers it.

Asking a backend for its facts can take time: a router plans for that. So a conversation asks once and remembers the
window. It asks again only when that may be wrong: after a change of backend, model or privacy; when the last answer
came from another backend; when a backend refused the prompt on the way to the answer; and when a prompt would not fit.
"""

from __future__ import annotations

from ..backends.base import Backend
from ..errors import AllBackendsFailed, ContextExceeded
from ..types import ChatResponse

SMALLEST_WINDOW = 256
"""A prompt of this many tokens fits every model's window, so the backend is not asked."""


class KnownWindow:
    """The context window, in tokens, of the backend that answers a conversation, as far as it is known.

    ``refused`` is the window in a backend's refusal of a prompt. ``stated`` is the window in the backend's facts; when
    ``is_stated`` is true and ``stated`` is ``None``, the backend does not know it.
    """

    def __init__(self) -> None:
        """Nothing is known yet."""
        self.refused: int | None = None
        self.stated: int | None = None
        self.is_stated = False
        self._asked: tuple[Backend, str | None] | None = None
        self._is_private = False
        self._answered_by: tuple[str, str | None] | None = None

    def begin(self, backend: Backend, model: str | None, *, private: bool) -> None:
        """Begin a turn, and forget the window of another backend or model."""
        asked = (backend, model)
        if self._asked != asked:
            self._asked, self._answered_by, self.refused = asked, None, None
            self._forget()
        elif self._is_private != private:
            self._forget()
        self._is_private = private

    def state(self, tokens: int | None) -> None:
        """Record the window in the backend's facts."""
        self.stated, self.is_stated = tokens, True

    def refuse(self, tokens: int | None) -> None:
        """Record the window in a refusal, if it names one."""
        if tokens is not None:
            self.refused = tokens

    def answered(self, response: ChatResponse) -> None:
        """Forget the stated window if another backend may answer next."""
        answered_by = (response.backend, response.model)
        is_another = self._answered_by not in (None, answered_by)
        self._answered_by = answered_by
        if is_another or any(hop.code == ContextExceeded.code for hop in response.route):
            self._forget()

    def _forget(self) -> None:
        self.stated, self.is_stated = None, False


def context_exceeded(error: BaseException | None) -> ContextExceeded | None:
    """Return the `ContextExceeded` that an error is, or that a router's error has among its causes."""
    if isinstance(error, ContextExceeded):
        return error
    causes = error.causes if isinstance(error, AllBackendsFailed) else ()
    return next((found for cause in causes if (found := context_exceeded(cause))), None)


def reported_window(error: Exception | None) -> int | None:
    """Return the context window that a `ContextExceeded` reports, if any."""
    exceeded = context_exceeded(error)
    told = exceeded.data.get("context_window") if exceeded is not None else None
    return told if isinstance(told, int) and told > 0 else None
