"""The time of an event loop that the test moves: a deadline comes when the test says so, on a slow machine, too."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

SHORTEST_S = 0.5
"""A shorter delay is the loop's own: in a page, whatever is to run soon is a timer."""


class _Timer:
    def __init__(self, at_s: float, callback: Callable[[], Any]) -> None:
        self.at_s = at_s
        self.callback = callback
        self.is_cancelled = False

    def when(self) -> float:
        return self.at_s

    def cancel(self) -> None:
        self.is_cancelled = True


class LoopTime:
    """Takes the place of the running loop's clock and timers; `move` lets the seconds pass."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_s = 1000.0
        self._timers: list[_Timer] = []
        loop = asyncio.get_running_loop()
        self._really_call_later = loop.call_later
        monkeypatch.setattr(loop, "time", lambda: self.now_s, raising=False)
        monkeypatch.setattr(loop, "call_later", self._call_later, raising=False)

    def _call_later(self, delay_s: float, callback: Callable[..., Any], *args: Any, **options: Any) -> Any:
        if delay_s < SHORTEST_S:
            return self._really_call_later(delay_s, callback, *args, **options)
        timer = _Timer(self.now_s + delay_s, lambda: callback(*args))
        self._timers.append(timer)
        return timer

    def move(self, seconds: float) -> None:
        """Let time pass, and call what is due, in its order."""
        self.now_s += seconds
        due = sorted((timer for timer in self._timers if timer.at_s <= self.now_s), key=lambda timer: timer.at_s)
        self._timers = [timer for timer in self._timers if timer not in due]
        for timer in due:
            if not timer.is_cancelled:
                timer.callback()
