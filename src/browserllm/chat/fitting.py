"""Fitting: shortens a turn's requests for each backend that a router asks.

Only the router knows which backend answers, and which one is next. So it gets the whole conversation and has it
fitted to the window of each backend in turn: a large window loses nothing because another one is small. What was
dropped for a backend stays dropped for it, so that its prompts keep their beginning.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from ..errors import ContextExceeded
from ..types import ChatRequest, ChatResponse, ChatWarning, Message
from .context import ContextStrategy, Gauge, KnownPrompt, make_room, prompt_prefix_of, system_messages
from .history import History
from .window import reported_window

Key = tuple[str, str | None, int | None]
"""A backend's name in its router, the model, and the window in its facts."""


class Fitted(msgspec.Struct):
    """How a conversation is fitted to one backend: what it gets of the history, and the last prompt that it counted.

    ``refused`` is the window in its refusal of a prompt. ``before`` and ``last`` are the messages before ``start`` and
    at the end of ``known``: what was found out holds as long as these are in their places.
    """

    start: int = 0
    summary: str = ""
    before: Message | None = None
    known: KnownPrompt | None = None
    last: Message | None = None
    refused: int | None = None


class _Sent(NamedTuple):
    """What a backend was sent in this turn: how it was fitted, and what its prompt begins with."""

    fitted: Fitted
    start: int
    prefix: object


class Fitting:
    """The `Shortener` of a turn. ``asked`` is true once a router has had the request fitted.

    ``spent`` and ``warnings`` are those of the turn, as in `Gauge`.
    """

    def __init__(
        self,
        strategy: ContextStrategy,
        kept: dict[Key, Fitted],
        spent: list[ChatResponse],
        warnings: list[ChatWarning],
    ) -> None:
        """``kept`` is what the conversation knows of each backend."""
        self.asked = False
        self._strategy = strategy
        self._kept = kept
        self._spent = spent
        self._warnings = warnings
        self._history = History()
        self._sent: dict[str, _Sent] = {}

    def begin(self, history: History) -> None:
        """Prepare for a request with this history."""
        self.asked = False
        self._history = history
        self._sent.clear()

    async def fit(
        self,
        request: ChatRequest,
        *,
        name: str,
        backend: Any,
        window: int | None,
        refusal: ContextExceeded | None = None,
    ) -> ChatRequest:
        """Return the request as the backend can hold it, perhaps without its oldest turns."""
        strategy = self._strategy
        self.asked = True
        fitted = self._kept.setdefault((name, request.model, window), Fitted())
        fitted.refused = reported_window(refusal) or fitted.refused
        windows = [tokens for tokens in (strategy.window, fitted.refused, window) if tokens is not None]
        history, head = self._as_history(request, fitted)

        def request_of(history: History) -> ChatRequest:
            return replace(request, messages=[*_with_summary(head, history.summary), *history.sent])

        before = history.start
        if windows or refusal is not None:
            gauge = Gauge(
                backend,
                request_of,
                window=min(windows, default=None),
                reserve=strategy.reserve,
                known=fitted.known if fitted.known and self._at(fitted.known.count - 1) is fitted.last else None,
            )
            if refusal is not None and not strategy.retries:
                raise refusal
            try:
                await make_room(strategy, history, gauge, refusal)
            finally:
                self._spent += gauge.spent
                self._warnings += gauge.warnings
        fitted.start, fitted.summary, fitted.before = history.start, history.summary, self._at(history.start - 1)
        start = len(history.messages) - len(request.messages) + len(head)
        shorter = request if before == history.start == start else request_of(history)
        self._sent[name] = _Sent(fitted, history.start, prompt_prefix_of(history, shorter))
        return shorter

    def answered(self, response: ChatResponse, history: History, tokens: int | None) -> int:
        """Record the size of the prompt and its answer; return how many messages the backend was not sent."""
        sent = self._sent.get(response.backend)
        if sent is None:
            return history.start
        if tokens is not None:
            sent.fitted.known = KnownPrompt(tokens, len(history.messages), sent.prefix)
            sent.fitted.last = history.messages[-1]
        return sent.start

    def _as_history(self, request: ChatRequest, fitted: Fitted) -> tuple[History, list[Message]]:
        """Return a request's messages in the place of the conversation's, and its system messages.

        What a middleware made of them is sent: it may have redacted them.
        """
        count = next((at for at, each in enumerate(request.messages) if each.role != "system"), len(request.messages))
        head, said = request.messages[:count], request.messages[count:]
        base = max(len(self._history.messages) - len(said), 0)
        history = History(messages=[*self._history.messages[:base], *said], start=base, private=request.private)
        if (
            base < fitted.start
            and fitted.start in history.turn_starts()
            and self._at(fitted.start - 1) is fitted.before
        ):
            history.start, history.summary = fitted.start, fitted.summary
        return history, head

    def _at(self, index: int) -> Message | None:
        messages = self._history.messages
        return messages[index] if 0 <= index < len(messages) else None


def _with_summary(head: list[Message], summary: str) -> list[Message]:
    """Return the system messages with a summary of what is not sent."""
    if not summary:
        return head
    return [*head[:-1], *system_messages(head[-1].text if head else "", summary)]
