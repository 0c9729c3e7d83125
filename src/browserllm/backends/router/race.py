"""Asks the backends of one request, one after another or several at once, until one delivers content.

A race of width one asks one backend after the other in the caller's task, and passes on what the backend's generator
yields. In a wider race each backend runs in its own task, from its place in the queue to its last delta, so that the
same task opens and closes its resources. Its deltas go through a small buffer: when the reader pauses, so does the
backend.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Sequence
from typing import TYPE_CHECKING, Self

from ..._internal import lazy_asyncio as asyncio
from ...errors import Cancelled, ContextExceeded
from ...types import ChatRequest, Hop
from ..draft import Draft
from ..stream import Delta
from .candidate import Choice
from .routed import Attempt, is_empty
from .windows import fit, may_be_too_long, refit

if TYPE_CHECKING:
    from ..._internal.clock import AnyClock

PIPE_LENGTH = 16
"""How many deltas a backend may run ahead of the reader."""


class Runner:
    """Runs one backend on one request, in the caller's task: `begin` waits for the first content, `rest` follows.

    ``error`` is the failure of `begin`, if any. Always `close` it.
    """

    __slots__ = ("_asked", "_number", "_request", "_source", "attempt", "choice", "draft", "error", "first")

    def __init__(self, choice: Choice, attempt: Attempt, request: ChatRequest, draft: Draft, *, number: int) -> None:
        """Answer ``request``, the router's ``number``-th, and record the answer in ``draft``."""
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
        """Take a place in the queue, ask the backend, and wait for ``first``: ``None`` for an empty answer."""
        attempt, request, choice, draft = self.attempt, self._request, self.choice, self.draft
        backend, asked = attempt.routed.backend, False
        try:
            await attempt.start(request, self._number)
            if may_be_too_long(choice, draft):
                request = await fit(choice, backend, request, draft)
            asked, said = True, len(draft.warnings)
            try:
                await self._ask(request)
            except ContextExceeded as refusal:
                request = await refit(choice, backend, request, draft, refusal)
                del draft.warnings[said:]
                await self._ask(request)
        except Exception as error:
            if asked:  # a backend that cannot hold the prompt has not failed
                attempt.failed(error, draft)
            self.error = error

    async def _ask(self, request: ChatRequest) -> None:
        """Ask the backend, and wait for ``first``."""
        attempt, choice = self.attempt, self.choice
        self.draft.begin(request, choice.name)
        if choice.candidate.match == "own":
            instead = repr(choice.model) if choice.model else "its default model"
            self.draft.warn("model", f"{choice.name!r} has no model {self._asked.model!r}; {instead} answered")
        source = self._source = attempt.routed.backend.generate(request, self.draft)
        async for delta in source:
            if not is_empty(delta):
                attempt.began()
                self.first = delta
                return

    @property
    def rest(self) -> AsyncIterable[Delta]:
        """The deltas after the first content."""
        assert self._source is not None  # noqa: S101 (after begin())
        return self._source

    def answered(self) -> None:
        """Record that the answer is complete."""
        self.attempt.answered(self.draft)

    def failed(self, error: Exception) -> None:
        """Record a failure after the first content."""
        self.attempt.failed(error, self.draft)

    async def close(self) -> None:
        """Stop the backend and give its place back."""
        try:
            if self._source is not None:
                await self._source.aclose()
        finally:
            self.attempt.end()


class TaskRunner(Runner):
    """Runs one backend in its own task, beside others; the task records how it went."""

    def __init__(self, choice: Choice, attempt: Attempt, request: ChatRequest, draft: Draft, *, number: int) -> None:
        """Answer into a new draft that starts with the warnings so far."""
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
            self.error = Cancelled(f"{self.choice.name!r} was cancelled")
            raise
        finally:
            self._ended = True
            self._notify()

    @property
    def rest(self) -> AsyncIterable[Delta]:
        """The deltas that the task receives."""
        return self

    def answered(self) -> None:
        """Do nothing: the task records it."""

    def failed(self, error: Exception) -> None:
        """Do nothing: the task records it."""

    async def close(self) -> None:
        """Cancel the task, and wait until it has closed its resources."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Delta:
        """Return the backend's next delta, or raise its error."""
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

    def pass_on_route(self) -> None:
        """Add what a failed backend has passed over itself, as a router does, to the caller's route."""
        self._led.route.extend(self.draft.route)

    def pass_on_interrupt(self) -> None:
        """Let the caller's draft interrupt the backend, if the backend supports it."""
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
    """A race of the best ``width`` choices, started at once or ``hedge_after_s`` apart.

    A choice that fails is replaced at once. ``left`` are the choices that have not failed. Always `close` it.
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
        """Prepare the race; nothing runs yet. ``enter`` creates a runner of the given class for a choice."""
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
        """Return the first runner that delivers content; ``None`` if all fail.

        ``failed`` is called with each failure, and raises one that ends the race.
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
                if isinstance(runner, TaskRunner):
                    runner.pass_on_route()
                failed(runner.choice, runner.error)

    async def _until_ready(self, *, hedge: bool) -> bool:
        """Wait until a runner is ready, or until it is time to start another; return whether it is."""
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
        """Let the caller's draft adopt the winner's: from here on they share the same warnings and route."""
        winner = self._winner
        if winner is None or winner.draft is draft:
            return
        draft.adopt(winner.draft)
        draft.route.extend(self._passed)
        if isinstance(winner, TaskRunner):
            winner.pass_on_interrupt()

    async def close(self, draft: Draft) -> None:
        """Stop the runners that still run, and wait for them; the caller's draft gets the winner's final state."""
        if self._hedge is not None:
            self._hedge.cancel()
        for runner in self._running:
            if isinstance(runner, TaskRunner):
                runner.task.cancel()  # cancel all before waiting for any
        for runner in self._running:
            await runner.close()
        if self._winner is not None and self._winner.draft is not draft:
            draft.adopt(self._winner.draft)

    def _end_the_others(self, winner: Runner) -> None:
        for loser in self._running:
            if isinstance(loser, TaskRunner) and loser is not winner:
                loser.task.cancel()
                choice, reason = loser.choice, f"{winner.choice.name!r} answered first"
                self._passed.append(Hop(reason=reason, code="cancelled", backend=choice.name, model=choice.model))
