"""KnownWindow: what a conversation knows of the context window of the backend that answers it.

To ask a router for its facts is to have it plan, and it plans again to answer. So a conversation asks once, remembers
what it was told, and asks again only where that may be wrong: another backend, model or privacy; another answer than
the last one came from; a backend that refused the prompt on the way to the answer; a prompt that would not fit.
"""

from __future__ import annotations

from ..backends.base import Backend
from ..errors import AllBackendsFailed, ContextExceeded
from ..types import ChatResponse

SMALLEST_WINDOW = 256
"""A prompt that fits this many tokens fits every model's window: the facts are not asked for it."""


class KnownWindow:
    """The context window of the backend that answers a conversation, in tokens, as far as it is known.

    ``refused`` is what a backend told when it refused a prompt. ``stated`` is what the facts said; with ``is_stated``
    and ``None`` they said that they do not know.
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
        """Begin a turn; what was known of another backend or model is forgotten."""
        asked = (backend, model)
        if self._asked != asked:
            self._asked, self._answered_by, self.refused = asked, None, None
            self._forget()
        elif self._is_private != private:
            self._forget()
        self._is_private = private

    def state(self, tokens: int | None) -> None:
        """Remember what the facts said."""
        self.stated, self.is_stated = tokens, True

    def refuse(self, tokens: int | None) -> None:
        """Remember the window that a refusal told of, if it did."""
        if tokens is not None:
            self.refused = tokens

    def answered(self, response: ChatResponse) -> None:
        """Forget what the facts said where another backend may answer next."""
        answered_by = (response.backend, response.model)
        is_another = self._answered_by not in (None, answered_by)
        self._answered_by = answered_by
        if is_another or any(hop.code == ContextExceeded.code for hop in response.route):
            self._forget()

    def _forget(self) -> None:
        self.stated, self.is_stated = None, False


def context_exceeded(error: BaseException | None) -> ContextExceeded | None:
    """Return the failure to fit the window that this is, or that a router tells of."""
    if isinstance(error, ContextExceeded):
        return error
    causes = error.causes if isinstance(error, AllBackendsFailed) else ()
    return next((found for cause in causes if (found := context_exceeded(cause))), None)


def told_window(error: Exception | None) -> int | None:
    """Return the window that a failure to fit it tells of."""
    exceeded = context_exceeded(error)
    told = exceeded.data.get("context_window") if exceeded is not None else None
    return told if isinstance(told, int) and told > 0 else None
