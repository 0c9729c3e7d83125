"""TurnContext: makes each request of a turn fit the context window, as far as its size is known."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from ..errors import BrowserLLMError
from ..types import ChatRequest, ChatResponse, ChatWarning
from .context import Gauge, KnownPrompt, make_room, prompt_prefix_of
from .conversation import Conversation, Setup
from .fitting import Fitting
from .history import History
from .window import SMALLEST_WINDOW, context_exceeded, reported_window


class TurnContext:
    """Tracks how full the context window is during a turn, and makes room in it.

    For a router, ``fitting`` makes the room, in the window of each backend that it asks. ``known`` is the prompt size
    that the last answer reported, and ``left_out`` is how many messages it was not sent. ``spent`` are the responses
    that making room cost, such as summaries; ``warnings`` say what went wrong with them.
    """

    def __init__(self, setup: Setup, conversation: Conversation, request_of: Callable[[History], ChatRequest]) -> None:
        """``request_of`` builds the request for a history."""
        self.known: KnownPrompt | None = None
        self.left_out = 0
        self.spent: list[ChatResponse] = []
        self.warnings: list[ChatWarning] = []
        self._backend = setup.backend
        self._model = setup.base.model
        self._strategy = setup.context
        self.fitting = Fitting(setup.context, conversation.fitted, self.spent, self.warnings)
        self._conversation = conversation
        self._window = conversation.window
        self._request_of = request_of
        self._refusal: Exception | None = None

    def begin(self, history: History) -> None:
        """Begin a turn with this history."""
        self._window.begin(self._backend, self._model, private=history.private)
        known = self._conversation.known
        if known is not None and known.count <= len(history.messages):
            self.known = known  # its messages are all still there: they end with an answer, a cut ends with a question

    async def make_room(self, history: History) -> None:
        """Shorten a history that does not fit. Raises `ContextExceeded` if it cannot fit."""
        self.fitting.begin(history)
        refusal = self._refusal
        if refusal is None and self._fits_surely(history):
            return
        gauge = await self._gauge(history)
        try:
            await make_room(self._strategy, history, gauge, refusal)
        finally:
            self.spent += gauge.spent
            self.warnings += gauge.warnings

    def can_be_shorter(self, error: Exception, response: ChatResponse) -> bool:
        """Return whether to try a shorter prompt after a failure: once, and only before the answer began."""
        if (
            self._strategy.retries
            and self._refusal is None
            and not self.fitting.asked  # a router has had it shortened for each backend
            and not response.message.parts
            and context_exceeded(error) is not None
        ):
            self._refusal = error
            return True
        return False

    def answered(self, response: ChatResponse, history: History) -> None:
        """Record the prompt size that an answer reports; ``history`` ends with that answer."""
        self._refusal = None
        self._window.answered(response)
        usage = response.usage
        # The completion's tokens include the thinking, which is not sent again.
        tokens = usage.prompt_tokens + usage.completion_tokens - usage.reasoning_tokens if usage.prompt_tokens else None
        self.left_out = self.fitting.answered(response, history, tokens)
        if self.left_out > history.start:
            self.known = None  # it is the size of a shorter prompt
        elif tokens is not None:
            self.known = KnownPrompt(
                tokens, len(history.messages), prompt_prefix_of(history, self._request_of(history))
            )

    def _fits_surely(self, history: History) -> bool:
        """Return whether the prompt certainly fits, so that there is no need to ask the backend."""
        window = self._window
        stated = window.stated if window.is_stated else SMALLEST_WINDOW
        gauge = self._gauge_of(self._strategy.window, window.refused, stated)
        return not gauge.may_be_full(history)

    async def _gauge(self, history: History) -> Gauge:
        """Ask the backend for its window."""
        stated = None
        with suppress(BrowserLLMError):  # the window stays unknown; the answer will raise the same error
            facts = await self._backend.facts(self._request_of(history))
            stated = None if facts.shortens else facts.context_window
        self._window.state(stated)
        self._window.refuse(reported_window(self._refusal))
        return self._gauge_of(self._strategy.window, self._window.refused, stated)

    def _gauge_of(self, *windows: int | None) -> Gauge:
        return Gauge(
            self._backend,
            self._request_of,
            window=min((window for window in windows if window is not None), default=None),
            reserve=self._strategy.reserve,
            known=self.known,
        )
