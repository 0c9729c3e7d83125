"""TurnContext: each request of a turn fits the context window, as far as that is known."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from ..errors import BrowserLLMError, ContextExceeded
from ..types import ChatRequest, ChatResponse, ChatWarning
from .context import Gauge, Known, likeness
from .conversation import Conversation, Setup
from .history import History
from .window import SMALLEST_WINDOW, context_exceeded, told_window


class TurnContext:
    """How full the context window is in a turn, and the room that is made in it.

    ``known`` is what an answer told of its prompt. ``spent`` are the responses that making room has taken,
    ``warnings`` what did not go well.
    """

    def __init__(self, setup: Setup, conversation: Conversation, request_of: Callable[[History], ChatRequest]) -> None:
        """``request_of`` makes the request that a history comes to."""
        self.known: Known | None = None
        self.spent: list[ChatResponse] = []
        self.warnings: list[ChatWarning] = []
        self._backend = setup.backend
        self._model = setup.base.model
        self._strategy = setup.context
        self._conversation = conversation
        self._window = conversation.window
        self._request_of = request_of
        self._refusal: Exception | None = None

    def begin(self, history: History) -> None:
        """Begin a turn with its history."""
        self._window.begin(self._backend, self._model, private=history.private)
        known = self._conversation.known
        if known is not None and known.count <= len(history.messages):
            self.known = known  # what it was known of is still there: it ends with an answer, a cut with a question

    async def make_room(self, history: History) -> None:
        """Have the history fit, where it does not. Raises `ContextExceeded` where it cannot."""
        refusal = self._refusal
        if refusal is None and self._fits_surely(history):
            return
        gauge = await self._gauge(history)
        if refusal is None and not await gauge.is_full(history):
            return
        start = history.start
        try:
            await self._strategy.make_room(history, gauge)
        except ContextExceeded as error:
            raise error from refusal
        finally:
            self.spent += gauge.spent
            self.warnings += gauge.warnings
        if refusal is not None and history.start == start:
            raise await gauge.too_large(history) from refusal

    def can_be_shorter(self, error: Exception, response: ChatResponse) -> bool:
        """Say whether a shorter prompt may help after a failure: once, and before anything was said."""
        if (
            self._strategy.retries
            and self._refusal is None
            and not response.message.parts
            and context_exceeded(error) is not None
        ):
            self._refusal = error
            return True
        return False

    def answered(self, response: ChatResponse, history: History) -> None:
        """Note what an answer tells of its prompt; ``history`` ends with it."""
        self._refusal = None
        self._window.answered(response)
        usage = response.usage
        if usage.prompt_tokens:
            # What the model thought is counted as said, but it is not sent again.
            tokens = usage.prompt_tokens + usage.completion_tokens - usage.reasoning_tokens
            self.known = Known(tokens, len(history.messages), likeness(history, self._request_of(history)))

    def _fits_surely(self, history: History) -> bool:
        """Say whether the prompt fits by what is known already, so that the backend need not be asked."""
        window = self._window
        stated = window.stated if window.is_stated else SMALLEST_WINDOW
        gauge = self._gauge_of(self._strategy.window, window.refused, stated)
        return not gauge.may_be_full(history)

    async def _gauge(self, history: History) -> Gauge:
        """Ask the backend for its window."""
        stated = None
        with suppress(BrowserLLMError):  # nothing is known, then; what is wrong, the answer will say
            stated = (await self._backend.facts(self._request_of(history))).context_window
        self._window.state(stated)
        self._window.refuse(told_window(self._refusal))
        return self._gauge_of(self._strategy.window, self._window.refused, stated)

    def _gauge_of(self, *windows: int | None) -> Gauge:
        return Gauge(
            self._backend,
            self._request_of,
            window=min((window for window in windows if window is not None), default=None),
            reserve=self._strategy.reserve,
            known=self.known,
        )
