"""Several backends at one request: the first that says something answers, the others are ended.

Each runs in a task of its own from its turn in the line to its last delta, so that whatever it opened is closed where
it was opened. What it yields goes through a small pipe, and a reader that pauses makes the backend pause.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Self

from ..._internal import lazy_asyncio as asyncio
from ...errors import Cancelled
from ...types import ChatRequest, Hop
from ..stream import Delta, Draft
from .candidate import Choice
from .routed import Turn, is_empty

if TYPE_CHECKING:
    from ..._internal.clock import AnyClock

PIPE_LENGTH = 16
"""How many deltas a backend may be ahead of the reader."""


class Runner:
    """One backend in a race."""

    def __init__(self, choice: Choice, turn: Turn, request: ChatRequest, draft: Draft, *, number: int) -> None:
        """Answer ``request`` into a draft of its own, which begins with the warnings that there are already.

        ``number`` is the turn's.
        """
        self._number = number
        self.choice = choice
        self.turn = turn
        self.request = request
        self.draft = draft.child(request, choice.name)
        self.error: Exception | None = None
        self.ended = False
        self._loop = asyncio.get_running_loop()
        # Settled by the first content, the end or a failure.
        self.ready = self._loop.create_future()
        self.task: asyncio.Task[None] | None = None
        self._items: deque[Delta] = deque()
        self._wake: asyncio.Future[None] | None = None

    async def run(self) -> None:
        """Take the turn, and pass on what the backend says."""
        turn = self.turn
        try:
            await turn.take(self.request, self._number)
            async with aclosing(turn.member.backend.generate(self.request, self.draft)) as source:
                async for delta in source:
                    if turn.began_at is None:
                        if is_empty(delta):
                            continue
                        turn.began()
                    self._items.append(delta)
                    self._notify()
                    if len(self._items) >= PIPE_LENGTH:
                        await self._pause()
            turn.answered(self.draft)
        except Exception as error:
            turn.failed(error, self.draft)
            self.error = error
        except asyncio.CancelledError:
            self.error = Cancelled(f"the work of {self.choice.name!r} was cancelled")
            raise
        finally:
            turn.end()
            self.ended = True
            self._notify()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Delta:
        """Return what the backend says next; raise what it raised."""
        while not self._items:
            if self.error is not None:
                raise self.error
            if self.ended:
                raise StopAsyncIteration
            await self._pause()
        item = self._items.popleft()
        self._notify()
        return item

    @property
    def interrupt(self) -> Callable[[], None] | None:
        """What asks the backend to end its answer soon, if it listens."""
        return None if self.draft.interrupt is None else self._interrupt

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
    """A race of the best ``width`` choices, begun at once or ``hedge_after_s`` apart; who fails is replaced at once.

    ``left`` are the choices that have not failed. `close` it in any case.
    """

    def __init__(self, choices: Sequence[Choice], *, width: int, hedge_after_s: float, clock: AnyClock) -> None:
        """Prepare; nothing runs yet."""
        self.left = list(choices)
        self._winner: Runner | None = None
        self._passed: list[Hop] = []
        self._waiting = deque(choices)
        self._width = width
        self._hedge_after_s = hedge_after_s
        self._clock = clock
        self._running: list[Runner] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def first(
        self, enter: Callable[[Choice], Runner], failed: Callable[[Choice, Exception], None]
    ) -> Runner | None:
        """Start runners until one has something to say, and return it; ``None`` when all have failed.

        ``enter`` makes the runner of a choice; ``failed`` is told of each failure and raises one that ends the race.
        """
        at_once = self._width if self._hedge_after_s <= 0 else 1
        hedge: asyncio.Task[None] | None = None
        while True:
            while self._waiting and len(self._running) < at_once:
                runner = enter(self._waiting.popleft())
                runner.task = asyncio.create_task(runner.run())
                self._running.append(runner)
                self._tasks.append(runner.task)
            if not self._running:
                return None
            if hedge is None and self._waiting and at_once < self._width:
                hedge = asyncio.create_task(self._clock.sleep(self._hedge_after_s))
                self._tasks.append(hedge)
            awaited: list[asyncio.Future[None]] = [runner.ready for runner in self._running]
            await asyncio.wait(awaited if hedge is None else [*awaited, hedge], return_when=asyncio.FIRST_COMPLETED)
            for runner in list(self._running):
                if not runner.ready.done():
                    continue
                if runner.error is None or runner.turn.began_at is not None:
                    self._winner = runner
                    self._end_the_others(runner)
                    return runner
                self._running.remove(runner)
                self.left.remove(runner.choice)
                failed(runner.choice, runner.error)
            if hedge is not None and hedge.done():
                hedge = None
                at_once += 1

    def lead(self, draft: Draft) -> None:
        """Make what the winner writes down the caller's: from here on both have the same warnings and route."""
        winner = self._winner
        if winner is None:
            return
        draft.adopt(winner.draft)
        draft.route.extend(self._passed)

    async def close(self, draft: Draft) -> None:
        """End whoever still runs, and wait until it has let go; the caller's draft gets the winner's last word."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._winner is not None:
            draft.adopt(self._winner.draft)

    def _end_the_others(self, winner: Runner) -> None:
        for loser in self._running:
            if loser is not winner and loser.task is not None:
                loser.task.cancel()
                choice, reason = loser.choice, f"{winner.choice.name!r} was first to answer"
                self._passed.append(Hop(reason=reason, code="cancelled", backend=choice.name, model=choice.model))
