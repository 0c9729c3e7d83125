"""Idleness: which models are in use, since when the others are not, and when to free those.

A request holds its model with `Idleness.using` from before its load until its answer ends. A model that no request
holds is due `keep_alive_s` seconds later.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Coroutine, Generator
from contextlib import contextmanager
from typing import Any

from .._internal.arguments import is_number
from .._internal.clock import AnyClock, SystemClock
from ..errors import InvalidRequest


class Idleness:
    """The use of a host's loaded models. ``keep_alive_s`` is ``None`` while models stay until they are unloaded.

    ``freeing`` are the models that are being freed right now: the page may still report them as loaded.
    """

    def __init__(self) -> None:
        """Start without a limit."""
        self.keep_alive_s: float | None = None
        self.clock: AnyClock = SystemClock()
        self.freeing: set[str] = set()
        self._holds: dict[str, int] = {}
        self._used_s: dict[str, float] = {}
        self._round = 0
        self._watching = False

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
        if self.keep_alive_s is None or self.is_held(model):
            return None
        return max(0.0, self._used_s.get(model, self.clock.now_s) + self.keep_alive_s - self.clock.now_s)

    def watch(
        self,
        loaded: Collection[str],
        free: Callable[[str], Awaitable[None]],
        spawn: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        """Call ``free`` with each of the ``loaded`` models when it is due, in a task that ``spawn`` starts.

        Ends when no model is loaded. Further calls do nothing while it runs.
        """
        if not self._watching and self.keep_alive_s is not None and loaded:
            self._watching = True
            spawn(self._watch(self._round, loaded, free))

    def set_limit(self, keep_alive_s: float | None) -> None:
        """Change the limit; `watch` has to be called again."""
        if keep_alive_s is not None and not (is_number(keep_alive_s) and keep_alive_s > 0):
            raise InvalidRequest(
                f"keep_alive_s={keep_alive_s!r} is not valid; use seconds above 0, or None to keep models",
                parameter="keep_alive_s",
            )
        self.keep_alive_s = keep_alive_s
        self._round += 1  # a task that sleeps towards the old limit stops when it wakes
        self._watching = False

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
        limit = self.keep_alive_s or 0.0
        waits = [limit if (left := self.left_s(model)) is None else left for model in loaded]
        await self.clock.sleep(min(waits))
