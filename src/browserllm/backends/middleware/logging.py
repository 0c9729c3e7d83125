"""Logging: one record when an answer begins and one when it ends, with the standard library's `logging`."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from ..._internal.arguments import check_kind
from ..._internal.clock import AnyClock, SystemClock
from ...errors import BrowserLLMError
from ...types import ChatRequest, ChatRestart, TextDelta
from ..base import Backend, Middleware
from ..draft import Draft
from ..stream import Delta
from .reporting import error_code, error_facts, known, model_of, route_texts

MAX_CONTENT = 10_000
"""How many characters of a text are logged when content is."""


class Logging(Middleware):
    """Logs which backend answered, and how: model, finish reason, tokens, time, cost, and the backends passed over.

    Every fact is also in the record's ``chat``, a dict, for handlers that write JSON. Prompts and answers are logged
    only with ``content=True``, and so are the messages of errors, since providers quote requests in them. For a private
    request they are never logged, nor any text that a server chose (its model name, its request id), because handlers
    may send records anywhere.
    """

    identity = Middleware.identity

    def __init__(
        self,
        backend: Backend,
        *,
        logger: logging.Logger | None = None,
        level: int = logging.INFO,
        content: bool = False,
        clock: AnyClock | None = None,
    ) -> None:
        """Log to ``logger`` (by default ``browserllm.chat``) at ``level``, and failures at ``ERROR``."""
        super().__init__(backend)
        check_kind("logger", logger, (logging.Logger, type(None)), "a logger", write="use logging.getLogger('name')")
        self.logger = logger or logging.getLogger("browserllm.chat")
        self.level = level
        self.content = content
        self._clock = clock or SystemClock()

    async def generate(self, request: ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
        """Pass the answer on, with a record before and after."""
        started_s = self._clock.now_s
        content = self.content and not request.private
        self._log_start(request, draft, content)
        text: list[str] = []
        finish: str = "cancelled"
        failure: Exception | None = None
        try:
            async with aclosing(self.backend.generate(request, draft)) as deltas:
                async for delta in deltas:
                    if isinstance(delta, ChatRestart):
                        text.clear()
                    elif content and isinstance(delta, (str, TextDelta)):
                        text.append(delta if isinstance(delta, str) else delta.text)
                    yield delta
            finish = "cancelled" if draft.stopped else draft.finish_reason
        except Exception as error:
            # A failure while stopping counts as stopped.
            failure = None if draft.stopped else error
            raise
        finally:
            total_ms = (self._clock.now_s - started_s) * 1000
            answer = "".join(text) if content else None
            self._log_end(request, draft, "error" if failure else finish, failure, total_ms, answer)

    def _log_start(self, request: ChatRequest, draft: Draft, content: bool) -> None:
        if not self.logger.isEnabledFor(self.level):
            return
        facts: dict[str, Any] = {
            "event": "start",
            "request_id": draft.request_id,
            "backend": self.name,
            "model": request.model,
            "messages": len(request.messages),
            "tools": len(request.tools),
            "private": request.private,
        }
        line = "%s started: %s%s, %d messages, %d tools"
        values: list[Any] = [draft.request_id, self.name, _of(request.model), len(request.messages), len(request.tools)]
        if content:
            facts["content"] = request.messages[-1].text[:MAX_CONTENT]
            line += "; last message: %r"
            values.append(facts["content"])
        self.logger.log(self.level, line, *values, extra={"chat": facts})

    def _log_end(
        self,
        request: ChatRequest,
        draft: Draft,
        finish: str,
        failure: Exception | None,
        total_ms: float,
        text: str | None,
    ) -> None:
        """Log the end; ``text`` is ``None`` if content is not logged."""
        level = logging.ERROR if failure else self.level
        if not self.logger.isEnabledFor(level):
            return
        private = request.private
        finish = known("finish", finish) if private else finish
        model = model_of(draft, request.model, private=private)
        facts: dict[str, Any] = {
            "event": "end",
            "request_id": draft.request_id,
            "backend": draft.backend,
            "model": model,
            "finish_reason": finish,
            "prompt_tokens": draft.usage.prompt_tokens,
            "completion_tokens": draft.usage.completion_tokens,
            "total_ms": total_ms,
            "cost_usd": draft.cost_usd,
            "route": route_texts(draft.route, private=private),
            "provider_request_id": None if private else draft.provider_request_id,
        }
        cost = "cost unknown" if draft.cost_usd is None else f"${draft.cost_usd:.6g}"
        line = "%s ended (%s): %s%s, %d + %d tokens, %.0f ms, %s"
        values: list[Any] = [draft.request_id, finish, draft.backend, _of(model)]
        values += [draft.usage.prompt_tokens, draft.usage.completion_tokens, total_ms, cost]
        if facts["route"]:
            line += "; passed over: %s"
            values.append(", ".join(facts["route"]))
        if failure is not None:
            facts["error"] = _describe(failure, content=text is not None, private=private)
            line += "; failed: %s"
            values.append(" ".join(f"{name}={value!r}" for name, value in facts["error"].items()))
        if text is not None:
            facts["content"] = text[:MAX_CONTENT]
            line += "; answer: %r"
            values.append(facts["content"])
        self.logger.log(level, line, *values, extra={"chat": facts})


def _describe(failure: Exception, *, content: bool, private: bool) -> dict[str, Any]:
    """Describe a failure by its code and facts; its message, which may quote the request, only with ``content``."""
    facts: dict[str, Any] = {"type": type(failure).__name__}
    if isinstance(failure, BrowserLLMError):
        facts["code"] = error_code(failure, private=private)
        facts |= error_facts(failure, private=private)
    if content:
        facts["message"] = str(failure)[:MAX_CONTENT]
    return facts


def _of(model: str | None) -> str:
    return "" if model is None else f" ({model})"
