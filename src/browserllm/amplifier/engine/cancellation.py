"""The cancellation token: asked for, looked at, and passed on to child sessions."""

from __future__ import annotations

import logging
from collections.abc import Callable
from inspect import isawaitable
from typing import Any

logger = logging.getLogger("browserllm.amplifier.cancellation")

_ORDER = {"none": 0, "graceful": 1, "immediate": 2}


class CancellationToken:
    """Says whether a session is cancelled: gracefully (running tools end first) or immediately."""

    def __init__(self) -> None:
        """Start without a cancellation."""
        self._state = "none"
        self._tools: dict[str, str] = {}
        self._children: list[CancellationToken] = []
        self._callbacks: list[Callable[[], Any]] = []

    @property
    def state(self) -> str:
        """``none``, ``graceful`` or ``immediate``."""
        return self._state

    @property
    def is_cancelled(self) -> bool:
        """Whether any cancellation was asked for."""
        return self._state != "none"

    @property
    def is_graceful(self) -> bool:
        """Whether running tools may end first."""
        return self._state == "graceful"

    @property
    def is_immediate(self) -> bool:
        """Whether nothing is waited for."""
        return self._state == "immediate"

    @property
    def running_tools(self) -> set[str]:
        """The ids of the calls that run."""
        return set(self._tools)

    @property
    def running_tool_names(self) -> list[str]:
        """The names of the tools that run."""
        return list(self._tools.values())

    def request_graceful(self) -> bool:
        """Cancel gracefully; returns whether that changed anything."""
        return self._raise_to("graceful")

    def request_immediate(self) -> bool:
        """Cancel immediately; returns whether that changed anything."""
        return self._raise_to("immediate")

    def request_cancellation(self) -> None:
        """Cancel gracefully."""
        self._raise_to("graceful")

    def reset(self) -> None:
        """Forget the cancellation and the running tools; callbacks and children stay."""
        self._state = "none"
        self._tools.clear()

    def register_tool_start(self, tool_call_id: str, tool_name: str) -> None:
        """Tell that a tool runs."""
        self._tools[tool_call_id] = tool_name

    def register_tool_complete(self, tool_call_id: str) -> None:
        """Tell that a tool has ended."""
        self._tools.pop(tool_call_id, None)

    def register_child(self, child: CancellationToken) -> None:
        """Cancel a child session together with this one, from now on and if this one is cancelled already."""
        self._children.append(child)
        if self.is_cancelled:
            child._raise_to(self._state)

    def unregister_child(self, child: CancellationToken) -> None:
        """Let a child go its own way."""
        self._children = [each for each in self._children if each is not child]

    def on_cancel(self, callback: Callable[[], Any]) -> None:
        """Call a function when `trigger_callbacks` is called."""
        self._callbacks.append(callback)

    async def trigger_callbacks(self) -> None:
        """Call the callbacks; one that fails does not keep the others from it."""
        for callback in list(self._callbacks):
            try:
                answer = callback()
                if isawaitable(answer):
                    await answer
            except Exception as error:
                logger.error("a cancellation callback failed: %s: %s", type(error).__name__, error)

    def _raise_to(self, state: str) -> bool:
        changed = _ORDER[state] > _ORDER[self._state]
        if changed:
            self._state = state
            for child in self._children:
                child._raise_to(state)
        return changed
