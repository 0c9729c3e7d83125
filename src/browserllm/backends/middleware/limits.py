"""TimeLimits: give up on an answer that does not begin, stops in the middle, or does not end."""

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
from ..draft import Draft
from ..router.checks import check_above_0
from ..router.routed import is_empty
from ..stream import Delta

_Phase = Literal["first_token", "between_tokens", "total"]


class TimeLimits(Middleware):
    """Raises `Timeout` if an answer takes too long to begin or to end, and `Stalled` if it stops in the middle.

    The wrapped backend is stopped at once, and a router can ask the next one. The request's ``deadline_s`` is
    different: it ends the answer as it is, without an error.
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
        """Limit the seconds to the first token, between two tokens, and in total; ``None`` means no limit.

        The first token of a local model comes after its download and load. Only waiting for the backend counts as time
        between tokens, not the caller's processing; the total includes everything. Raises `InvalidRequest` for a limit
        that is not above 0, or without a limit.
        """
        super().__init__(backend)
        check_above_0(first_token_s=first_token_s, between_tokens_s=between_tokens_s, total_s=total_s)
        if first_token_s is None and between_tokens_s is None and total_s is None:
            raise InvalidRequest("TimeLimits() got no limit. Give it at least one.", parameter="total_s")
        self.first_token_s = first_token_s
        self.between_tokens_s = between_tokens_s
        self.total_s = total_s
        self._clock = clock or SystemClock()

    async def generate(self, request: ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
        """Pass the answer on while it stays within the limits."""
        watch = _Watch(self, self._clock)
        try:
            async with aclosing(self.backend.generate(request, draft)) as deltas:
                while (delta := await watch.next(deltas)) is not None:
                    watch.began = watch.began or not is_empty(delta)
                    yield delta
        finally:
            watch.close()


class _Watch:
    """Watches the clock while waiting for an answer, with one task for the whole answer rather than one per token."""

    def __init__(self, limits: TimeLimits, clock: AnyClock) -> None:
        self.limits = limits
        self.clock = clock
        self.began = False
        self.started_s = self.since_s = clock.now_s
        self.waiting: asyncio.Task[Any] | None = None
        self.failure: BrowserLLMError | None = None
        # A sleep no longer than the shortest limit cannot miss one.
        self.longest_s = min(
            limit for limit in (limits.first_token_s, limits.between_tokens_s, limits.total_s) if limit is not None
        )
        self.task = asyncio.create_task(self._watch_clock())

    async def next(self, deltas: AsyncGenerator[Delta, None]) -> Delta | None:
        """Return the next delta, ``None`` at the end. Raises `Timeout` or `Stalled` if it is late."""
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
            # Our own cancellation, unless the task was also cancelled from elsewhere.
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
            # The backend swallowed the cancellation; the answer is late all the same.
            task.uncancel()
            raise self.failure
        return delta

    def close(self) -> None:
        """Stop watching."""
        self.task.cancel()

    async def _watch_clock(self) -> None:
        while self.failure is None:
            left_s = self._left_s()
            if left_s <= 0:
                self.failure = self._too_late()
                if self.waiting is not None:
                    self.waiting.cancel()
                return
            await self.clock.sleep(min(left_s, self.longest_s))

    def _due(self) -> tuple[float, _Phase]:
        """Return when the first limit that applies now is exceeded, and which one it is."""
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
            return Timeout(f"{name!r} sent no token within first_token_s={limit_s:g} seconds", data=data)
        return Stalled(f"{name!r} stopped in the middle: no token for between_tokens_s={limit_s:g} seconds", data=data)
