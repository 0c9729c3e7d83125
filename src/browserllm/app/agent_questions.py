"""What an agent asks its page: to run a tool, or to let the user decide. The answers come as actions."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from .._internal import lazy_asyncio as asyncio
from ..errors import InvalidRequest
from .actions import AgentEvent


class PageToolFailed(Exception):  # noqa: N818 (the page's own words)
    """A tool of the page failed, with this message."""


class Questions:
    """The questions that wait for the page."""

    def __init__(self, emit: Callable[[AgentEvent], None]) -> None:
        """Send events to the page with ``emit``."""
        self._emit = emit
        self._waiting: dict[str, tuple[str, asyncio.Future[Any]]] = {}

    async def ask(self, type: Any, **event: Any) -> Any:  # noqa: A002 (what the event calls it)
        """Send an event and return the page's answer. Raises `PageToolFailed` if the answer is an error."""
        id = f"question-{os.urandom(6).hex()}"  # noqa: A001 (what the event calls it)
        answer = asyncio.get_running_loop().create_future()
        self._waiting[id] = (type, answer)
        self._emit(AgentEvent(type=type, id=id, **event))
        try:
            return await answer
        finally:
            del self._waiting[id]
            if answer.cancelled():
                self._emit(AgentEvent(type="question-withdrawn", id=id))

    def withdraw(self, type: str, value: Any) -> None:  # noqa: A002 (what the event calls it)
        """Answer the waiting questions of this type in the page's place."""
        for id, (asked, waiting) in list(self._waiting.items()):  # noqa: A001
            if asked == type and not waiting.done():
                waiting.set_result(value)
                self._emit(AgentEvent(type="question-withdrawn", id=id))

    def answer(self, id: str, value: Any, error: str | None) -> None:  # noqa: A002 (what the action calls it)
        """Take the page's answer. Raises `InvalidRequest` for one that is not asked for."""
        waiting = self._waiting[id][1] if id in self._waiting else None
        if waiting is None or waiting.done():
            raise InvalidRequest(
                f"no question {id!r} waits for an answer: it was answered, or the agent has stopped", parameter="id"
            )
        if error is None:
            waiting.set_result(value)
        else:
            waiting.set_exception(PageToolFailed(error))
