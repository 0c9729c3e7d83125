"""TimeLimits: give up on an answer that does not begin, does not go on, or does not end."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from math import inf
from typing import Any, Literal

from ..._internal import lazy_asyncio as asyncio
from ..._internal.clock import AnyClock, SystemClock
from ...errors import BrowserLLMError, InvalidRequest, Stalled, Timeout
from ...types import ChatRequest
from ..base import Backend, Middleware
from ..router.checks import check_above_0
from ..router.routed import is_empty
from ..stream import Delta, Draft

_Phase = Literal["first_token", "between_tokens", "total"]


class TimeLimits(Middleware):
    """Raises `Timeout` when an answer takes too long to begin or to end, and `Stalled` when nothing more comes.

    The wrapped backend is ended at once, and a router can ask the next one. This is what tells it from the request's
    ``deadline_s``, which ends the answer as it is, without an error.
    """

    identity = Middleware.identity

    def __init__(
        self,
        backend: Backend,
        *,
        first_token_s: float | None = None,
        between_tokens_s: float | None = None,
        total_s: float | None = None,
        clock: AnyClock | None = None,
    ) -> None:
        """Limit the seconds to the first token, from one to the next, and altogether; ``None`` is no limit.

        The first token of a local model comes after its download and its load. Only waiting for the backend counts as
        time between tokens, not what the caller does with one; the total is all of the time. Raises `InvalidRequest`
        for a limit that is not above 0, and when there is none.
        """
        super().__init__(backend)
        check_above_0(first_token_s=first_token_s, between_tokens_s=between_tokens_s, total_s=total_s)
        if first_token_s is None and between_tokens_s is None and total_s is None:
            raise InvalidRequest("TimeLimits() got no limit; give it at least one", parameter="total_s")
        self.first_token_s = first_token_s
        self.between_tokens_s = between_tokens_s
        self.total_s = total_s
        self._clock = clock or SystemClock()

    async def generate(self, request: ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
        """Pass the answer on, as long as it keeps to the limits."""
        watch = _Watch(self, self._clock)
        try:
            async with aclosing(self.backend.generate(request, draft)) as deltas:
                while (delta := await watch.next(deltas)) is not None:
                    watch.began = watch.began or not is_empty(delta)
                    yield delta
        finally:
            watch.close()


class _Watch:
    """Looks at the clock while an answer is waited for: one task for the whole answer, none for each token."""

    def __init__(self, limits: TimeLimits, clock: AnyClock) -> None:
        self.limits = limits
        self.clock = clock
        self.began = False
        self.started_s = self.since_s = clock.now_s
        self.waiting: asyncio.Task[Any] | None = None
        self.failure: BrowserLLMError | None = None
        # No limit can pass unseen during a sleep that is as long as the shortest of them.
        self.longest_s = min(
            limit for limit in (limits.first_token_s, limits.between_tokens_s, limits.total_s) if limit is not None
        )
        self.task = asyncio.create_task(self._look())

    async def next(self, deltas: AsyncGenerator[Delta, None]) -> Delta | None:
        """Return the next delta, ``None`` at the end. Raises `Timeout` or `Stalled` when it does not come in time."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 (an async generator runs in a task)
        cancelling = task.cancelling()
        self.since_s = self.clock.now_s
        if self.failure is not None or self._left_s() <= 0:
            raise self.failure or self._too_late()
        self.waiting = task
        try:
            delta = await anext(deltas, None)
        except asyncio.CancelledError:
            # Ours, unless the task was cancelled from elsewhere as well.
            if self.failure is not None and task.uncancel() <= cancelling:
                raise self.failure from None
            raise
        except Exception as error:
            if self.failure is None:
                raise
            task.uncancel()
            raise self.failure from error
        finally:
            self.waiting = None
        if self.failure is not None:
            # The backend kept the cancellation to itself; it was too late all the same.
            task.uncancel()
            raise self.failure
        return delta

    def close(self) -> None:
        """Stop looking."""
        self.task.cancel()

    async def _look(self) -> None:
        while self.failure is None:
            left_s = self._left_s()
            if left_s <= 0:
                self.failure = self._too_late()
                if self.waiting is not None:
                    self.waiting.cancel()
                return
            await self.clock.sleep(min(left_s, self.longest_s))

    def _due(self) -> tuple[float, _Phase]:
        """When the first of the limits that count now is over, and which that is."""
        limits = self.limits
        due: tuple[float, _Phase] = (self.started_s + (inf if limits.total_s is None else limits.total_s), "total")
        if not self.began and limits.first_token_s is not None:
            due = min(due, (self.started_s + limits.first_token_s, "first_token"))
        if self.began and self.waiting is not None and limits.between_tokens_s is not None:
            due = min(due, (self.since_s + limits.between_tokens_s, "between_tokens"))
        return due

    def _left_s(self) -> float:
        return self._due()[0] - self.clock.now_s

    def _too_late(self) -> BrowserLLMError:
        name, phase = self.limits.name, self._due()[1]
        limit_s: float = getattr(self.limits, f"{phase}_s")
        data = {"phase": phase, "limit_s": limit_s}
        if phase == "total":
            return Timeout(f"{name!r} took longer than total_s={limit_s:g} seconds to answer", data=data)
        if phase == "first_token":
            return Timeout(f"{name!r} said nothing for first_token_s={limit_s:g} seconds", data=data)
        return Stalled(f"{name!r} stopped in the middle: nothing for between_tokens_s={limit_s:g} seconds", data=data)
