"""The backends of one request: one after another, or several at once, until one has something to say.

A race of width one asks one backend after the other in the caller's own task, and passes on what the backend's
generator yields. In a wider race each backend runs in a task of its own from its place in the queue to its last delta,
so that what it opened is closed where it was opened; its deltas go through a small pipe, and a reader that pauses makes
the backend pause.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Sequence
from typing import TYPE_CHECKING, Self

from ..._internal import lazy_asyncio as asyncio
from ...errors import Cancelled
from ...types import ChatRequest, Hop
from ..draft import Draft
from ..stream import Delta
from .candidate import Choice
from .routed import Attempt, is_empty

if TYPE_CHECKING:
    from ..._internal.clock import AnyClock

PIPE_LENGTH = 16
"""How many deltas a backend may be ahead of the reader."""


class Runner:
    """One backend at work on one request, in the caller's task: `begin` waits for the first content, `rest` follows.

    ``error`` is what `begin` failed with. `close` it in any case.
    """

    __slots__ = ("_asked", "_number", "_request", "_source", "attempt", "choice", "draft", "error", "first")

    def __init__(self, choice: Choice, attempt: Attempt, request: ChatRequest, draft: Draft, *, number: int) -> None:
        """Answer ``request``, the router's ``number``-th, into ``draft``."""
        self.choice = choice
        self.attempt = attempt
        self.draft = draft
        self.first: Delta | None = None
        self.error: Exception | None = None
        self._asked = request
        self._request = choice.request_for(request)
        self._number = number
        self._source: AsyncGenerator[Delta, None] | None = None

    async def begin(self) -> None:
        """Take a place, ask the backend, and wait for its first content: ``first`` is ``None`` for an empty answer."""
        attempt, request, choice = self.attempt, self._request, self.choice
        try:
            await attempt.start(request, self._number)
            self.draft.begin(request, choice.name)
            if choice.candidate.match == "own":
                instead = f"its own {choice.model!r}" if choice.model else "its own"
                self.draft.warn("model", f"{choice.name!r} has no model {self._asked.model!r}; {instead} answered")
            source = self._source = attempt.routed.backend.generate(request, self.draft)
            async for delta in source:
                if not is_empty(delta):
                    attempt.began()
                    self.first = delta
                    return
        except Exception as error:
            attempt.failed(error, self.draft)
            self.error = error

    @property
    def rest(self) -> AsyncIterable[Delta]:
        """What comes after the first content."""
        assert self._source is not None  # noqa: S101 (it has begun)
        return self._source

    def answered(self) -> None:
        """Note that the answer has come to its end."""
        self.attempt.answered(self.draft)

    def failed(self, error: Exception) -> None:
        """Note a failure after the beginning."""
        self.attempt.failed(error, self.draft)

    async def close(self) -> None:
        """End the backend's work and give its place back."""
        try:
            if self._source is not None:
                await self._source.aclose()
        finally:
            self.attempt.end()


class TaskRunner(Runner):
    """A backend beside others: a task of its own runs it from the start to the end, and notes how it went."""

    def __init__(self, choice: Choice, attempt: Attempt, request: ChatRequest, draft: Draft, *, number: int) -> None:
        """Answer into a draft of its own, which begins with the warnings that there are already."""
        super().__init__(choice, attempt, request, draft.child(request, choice.name), number=number)
        self._led = draft
        self._ended = False
        self._loop = asyncio.get_running_loop()
        # Settled by the first content, the end or a failure.
        self.ready = self._loop.create_future()
        self._items: deque[Delta] = deque()
        self._wake: asyncio.Future[None] | None = None
        self.task = self._loop.create_task(self._run())

    async def _run(self) -> None:
        try:
            try:
                await self.begin()
                if self.first is not None:
                    self._notify()
                    async for delta in super().rest:
                        self._items.append(delta)
                        self._notify()
                        if len(self._items) >= PIPE_LENGTH:
                            await self._pause()
                if self.error is None:
                    self.attempt.answered(self.draft)
            finally:
                await super().close()
        except Exception as error:
            self.attempt.failed(error, self.draft)
            self.error = error
        except asyncio.CancelledError:
            self.error = Cancelled(f"the work of {self.choice.name!r} was cancelled")
            raise
        finally:
            self._ended = True
            self._notify()

    @property
    def rest(self) -> AsyncIterable[Delta]:
        """What the task has received."""
        return self

    def answered(self) -> None:
        """Do nothing: the task notes it."""

    def failed(self, error: Exception) -> None:
        """Do nothing: the task notes it."""

    async def close(self) -> None:
        """End the task, and wait until it has closed what it opened."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Delta:
        """Return what the backend says next; raise what it raised."""
        while not self._items:
            if self.error is not None:
                raise self.error
            if self._ended:
                raise StopAsyncIteration
            await self._pause()
        item = self._items.popleft()
        self._notify()
        self.pass_on_interrupt()
        return item

    def pass_on_interrupt(self) -> None:
        """Let the caller's draft ask the backend to end its answer soon, if it listens."""
        self._led.interrupt = None if self.draft.interrupt is None else self._interrupt

    def _interrupt(self) -> None:
        self.draft.stopped = True
        if self.draft.interrupt is not None:
            self.draft.interrupt()

    # Only one side ever waits: the reader for the first item, or the backend for room.

    async def _pause(self) -> None:
        wake = self._wake = self._loop.create_future()
        await wake

    def _notify(self) -> None:
        if not self.ready.done():
            self.ready.set_result(None)
        wake, self._wake = self._wake, None
        if wake is not None and not wake.done():
            wake.set_result(None)


class Race:
    """A race of the best ``width`` choices, begun at once or ``hedge_after_s`` apart.

    One that fails is replaced at once. ``left`` are the choices that have not failed. `close` it in any case.
    """

    __slots__ = (
        *("_choices", "_clock", "_enter", "_hedge", "_hedge_after_s", "_next", "_passed", "_running", "_width"),
        *("_winner", "left"),
    )

    def __init__(
        self,
        choices: Sequence[Choice],
        enter: Callable[[Choice, type[Runner]], Runner],
        *,
        width: int,
        hedge_after_s: float,
        clock: AnyClock,
    ) -> None:
        """Prepare; nothing runs yet. ``enter`` makes a runner of a class for a choice."""
        self.left = list(choices)
        self._choices = choices
        self._enter = enter
        self._winner: Runner | None = None
        self._passed: list[Hop] = []
        self._next = 0
        self._width = width
        self._hedge_after_s = hedge_after_s
        self._clock = clock
        self._running: list[Runner] = []
        self._hedge: asyncio.Task[None] | None = None

    async def first(self, failed: Callable[[Choice, Exception], None]) -> Runner | None:
        """Return the first runner that has something to say; ``None`` when all have failed.

        ``failed`` is told of each failure and raises one that ends the race.
        """
        at_once = self._width if self._hedge_after_s <= 0 else 1
        choices = self._choices
        kind = Runner if self._width == 1 else TaskRunner
        while True:
            while self._next < len(choices) and len(self._running) < at_once:
                self._running.append(self._enter(choices[self._next], kind))
                self._next += 1
            if not self._running:
                return None
            if self._width == 1:
                await self._running[0].begin()
            elif await self._until_ready(hedge=self._next < len(choices) and at_once < self._width):
                at_once += 1
            for runner in list(self._running):
                if isinstance(runner, TaskRunner) and not runner.ready.done():
                    continue
                if runner.error is None or runner.attempt.began_at is not None:
                    self._winner = runner
                    self._end_the_others(runner)
                    return runner
                self._running.remove(runner)
                self.left.remove(runner.choice)
                await runner.close()
                failed(runner.choice, runner.error)

    async def _until_ready(self, *, hedge: bool) -> bool:
        """Wait until a runner is ready, or the time for one more has come, which is returned."""
        if hedge and self._hedge is None:
            self._hedge = asyncio.create_task(self._clock.sleep(self._hedge_after_s))
        awaited: list[asyncio.Future[None]] = [each.ready for each in self._running if isinstance(each, TaskRunner)]
        if self._hedge is not None:
            awaited.append(self._hedge)
        await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
        if self._hedge is None or not self._hedge.done():
            return False
        self._hedge = None
        return True

    def lead(self, draft: Draft) -> None:
        """Make what the winner writes down the caller's: from here on both have the same warnings and route."""
        winner = self._winner
        if winner is None or winner.draft is draft:
            return
        draft.adopt(winner.draft)
        draft.route.extend(self._passed)
        if isinstance(winner, TaskRunner):
            winner.pass_on_interrupt()

    async def close(self, draft: Draft) -> None:
        """End the runners that still run, and wait for that; the caller's draft gets the winner's last word."""
        if self._hedge is not None:
            self._hedge.cancel()
        for runner in self._running:
            if isinstance(runner, TaskRunner):
                runner.task.cancel()  # all of them, before one is waited for
        for runner in self._running:
            await runner.close()
        if self._winner is not None and self._winner.draft is not draft:
            draft.adopt(self._winner.draft)

    def _end_the_others(self, winner: Runner) -> None:
        for loser in self._running:
            if isinstance(loser, TaskRunner) and loser is not winner:
                loser.task.cancel()
                choice, reason = loser.choice, f"{winner.choice.name!r} was first to answer"
                self._passed.append(Hop(reason=reason, code="cancelled", backend=choice.name, model=choice.model))
