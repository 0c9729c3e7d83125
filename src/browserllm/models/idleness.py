"""Idleness: which models are in use, since when the others are not, and when to free those.

A request holds its model with `Idleness.using` from before its load until its answer ends. A model that no request
holds is due `keep_alive_s` seconds later, and while the page is hidden `hidden_s` seconds after it was last seen.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Collection, Coroutine, Generator
from contextlib import contextmanager
from typing import Any

from .._internal.arguments import is_number
from .._internal.clock import AnyClock, SystemClock
from ..errors import InvalidRequest


class Idleness:
    """The use of a host's loaded models. ``keep_alive_s`` is ``None`` while models stay until they are unloaded.

    ``hidden_s`` is a second limit, which counts while the page is hidden: from then, or from a later use.
    ``freeing`` are the models that are being freed right now: the page may still report them as loaded.
    """

    def __init__(self) -> None:
        """Start without a limit."""
        self.keep_alive_s: float | None = None
        self.hidden_s: float | None = None
        self.hidden_since_s: float | None = None
        self.clock: AnyClock = SystemClock()
        self.freeing: set[str] = set()
        self._holds: dict[str, int] = {}
        self._used_s: dict[str, float] = {}
        self._round = 0
        self._watching = False
        self._visibility: str | None = None

    @contextmanager
    def using(self, model: str) -> Generator[None]:
        """Hold a model for the time of the block."""
        self._holds[model] = self._holds.get(model, 0) + 1
        try:
            yield
        finally:
            self._holds[model] -= 1
            if not self._holds[model]:
                del self._holds[model]
            self.touch(model)

    def touch(self, model: str) -> None:
        """Note that a model was used just now."""
        self._used_s[model] = self.clock.now_s

    def is_held(self, model: str) -> bool:
        """Whether a request uses the model, or waits for it."""
        return model in self._holds

    def left_s(self, model: str) -> float | None:
        """Return the seconds until a loaded model is due; ``None`` while it is in use, and without a limit."""
        if not self.is_limited or self.is_held(model):
            return None
        return max(0.0, min(self._due_s(model)) - self.clock.now_s)

    def reason(self, model: str) -> str:
        """Return why a model that is due is freed."""
        if self.keep_alive_s is not None and self._due_s(model)[0] <= self.clock.now_s:
            return f"it was not used for {self.keep_alive_s:g} seconds"
        return f"it was not used while the page was hidden for {self.hidden_s:g} seconds"

    @property
    def is_limited(self) -> bool:
        """Whether a model that is not used is freed some day, as things are."""
        return self.keep_alive_s is not None or (self.hidden_s is not None and self.hidden_since_s is not None)

    def watch(
        self,
        loaded: Collection[str],
        free: Callable[[str], Awaitable[None]],
        spawn: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        """Call ``free`` with each of the ``loaded`` models when it is due, in a task that ``spawn`` starts.

        Ends when no model is loaded. Further calls do nothing while it runs.
        """
        if not self._watching and self.is_limited and loaded:
            self._watching = True
            spawn(self._watch(self._round, loaded, free))

    def set_limits(self, keep_alive_s: float | None, hidden_s: float | None) -> None:
        """Change the limits; `watch` has to be called again."""
        for name, limit in (("keep_alive_s", keep_alive_s), ("hidden_s", hidden_s)):
            if limit is not None and not (is_number(limit) and limit > 0):
                raise InvalidRequest(
                    f"{name}={limit!r} is not valid; use seconds above 0, or None to keep models", parameter=name
                )
        self.keep_alive_s = keep_alive_s
        self.hidden_s = hidden_s
        self._restart()

    def set_visibility(self, visibility: str | None) -> bool:
        """Note whether the page is seen; returns whether that is new. If it is, `watch` has to be called again."""
        if visibility == self._visibility:
            return False
        self._visibility = visibility
        hidden = visibility in ("hidden", "frozen")
        if hidden != (self.hidden_since_s is not None):
            self.hidden_since_s = self.clock.now_s if hidden else None
            self._restart()
        return True

    def _restart(self) -> None:
        self._round += 1  # a task that sleeps towards the old limit stops when it wakes
        self._watching = False

    def _due_s(self, model: str) -> tuple[float, float]:
        """Return when a model is due by each of the limits."""
        used_s = self._used_s.get(model, self.clock.now_s)
        hidden_since_s, hidden_s = self.hidden_since_s, self.hidden_s
        by_use = math.inf if self.keep_alive_s is None else used_s + self.keep_alive_s
        if hidden_s is None or hidden_since_s is None:
            return by_use, math.inf
        return by_use, max(used_s, hidden_since_s) + hidden_s

    async def _watch(self, number: int, loaded: Collection[str], free: Callable[[str], Awaitable[None]]) -> None:
        try:
            while number == self._round and loaded:
                await self._wait_for_due(loaded)
                for model in list(loaded):
                    if number == self._round and self.left_s(model) == 0.0:
                        await free(model)
        finally:
            if number == self._round:
                self._watching = False

    async def _wait_for_due(self, loaded: Collection[str]) -> None:
        """Sleep until the first of the models can be due; one that is in use cannot be due sooner than a new one."""
        limit = min(limit for limit in (self.keep_alive_s, self.hidden_s) if limit is not None)
        waits = [limit if (left := self.left_s(model)) is None else left for model in loaded]
        await self.clock.sleep(min(waits))
