"""ResponseStream: the lifecycle that all streams share, from the first chunk to the result.

A stream is two objects. A `Producer` does the work in one async generator, driven by the caller's own task, so that
chunks need no extra task, lock or timer. A `ResponseStream` is the caller's handle. The producer has no reference to
it, so dropping the handle (a plain ``break`` out of ``async for``) drops the generator, which the event loop then
closes at once.

`ChatStream`, `TurnStream` and `ObjectStream` are handles of this kind.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Awaitable, Generator
from types import AsyncGeneratorType, TracebackType
from typing import Any, Generic, Self, TypeVar, cast

from .._internal import lazy_asyncio as asyncio
from .._internal.async_only import AsyncOnly
from ..errors import InvalidRequest

Chunk = TypeVar("Chunk")
Result = TypeVar("Result")


class Producer(ABC, Generic[Chunk, Result]):
    """The work behind a stream. A subclass implements `produce`, `stop` and `cut_off`.

    ``stopped`` says that the stream was stopped or closed early. ``done`` says that the work has ended and released
    everything; ``result`` is then the result, or ``None``. ``failure`` is the error that ended it, if any.
    """

    def __init__(self) -> None:
        """Start idle: nothing runs until the first chunk is requested."""
        self.stopped = False
        self.done = False
        self.result: Result | None = None
        self.failure: BaseException | None = None
        self.ended: asyncio.Future[None] | None = None

    @abstractmethod
    def produce(self) -> AsyncGenerator[Chunk, None]:
        """Do the work. Call `_begin` first, and always `_end` once everything is released.

        Set ``failure`` to an error before raising it.
        """

    @abstractmethod
    def stop(self) -> None:
        """End the work soon; it may still yield its last chunks."""

    @abstractmethod
    async def cut_off(self) -> None:
        """End the work at once, while a task waits for the next chunk."""

    def abandon(self) -> None:
        """End work that never started."""
        self.stopped = True
        self._end(None)

    def outcome(self) -> Result:
        """Return the result. Raises `InvalidRequest` before the end of the stream."""
        if self.result is None:
            raise InvalidRequest(
                "the stream has no result yet: iterate it to its end, or await finish() or aclose() first"
            )
        return self.result

    def _begin(self) -> asyncio.AbstractEventLoop:
        """Mark the work as started, and return its event loop."""
        loop = asyncio.get_running_loop()
        self.ended = loop.create_future()
        return loop

    def _end(self, result: Result | None) -> None:
        """Mark the work as ended."""
        self.result = result
        self.done = True
        if self.ended is not None and not self.ended.done():
            self.ended.set_result(None)


class ResponseStream(AsyncOnly, Generic[Chunk, Result]):
    """A stream: iterate it once for its chunks, or await it for just the result.

    Nothing runs until the first chunk is requested. An error is raised after the chunks that came before it. Leaving
    early is safe: ``async with`` ends the work at once, and so does dropping the stream after a ``break``. One task
    reads at a time; another one gets an `InvalidRequest`.
    """

    def __init__(self, producer: Producer[Chunk, Result]) -> None:
        """Yield the chunks of ``producer``."""
        self._producer = producer
        # For `ag_running`, which the abstract type lacks.
        self._chunks = cast("AsyncGeneratorType[Chunk, None]", producer.produce())
        self._next = self._chunks.__anext__

    def __aiter__(self) -> Self:
        return self

    def __anext__(self) -> Awaitable[Chunk]:
        if self._chunks.ag_running:
            raise InvalidRequest(
                "another task reads this stream, and a stream has one reader: start a second stream, or let that task "
                "hand its chunks on"
            )
        # Returning the generator's own awaitable saves a coroutine per chunk.
        return self._next()

    def __await__(self) -> Generator[Any, None, Result]:
        return self.finish().__await__()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    @property
    def done(self) -> bool:
        """Whether the stream has ended and its result can be read."""
        return self._producer.done

    def stop(self) -> None:
        """End the stream soon: the iterating task gets the last chunks, but no more text."""
        self._producer.stop()

    async def finish(self) -> Result:
        """Read the rest of the stream and return its result. Raises the error that ended it, however often."""
        async for _ in self:
            pass
        if self._producer.failure is not None:
            raise self._producer.failure
        return self._producer.outcome()

    async def aclose(self) -> None:
        """End the stream and wait until everything is released. Safe to call at any time, and more than once."""
        producer = self._producer
        if self._chunks.ag_running:
            # A task is waiting for the next chunk: let that task end the generator.
            await producer.cut_off()
            if producer.ended is not None:
                await asyncio.shield(producer.ended)
            return
        await self._chunks.aclose()
        if not producer.done:
            producer.abandon()
