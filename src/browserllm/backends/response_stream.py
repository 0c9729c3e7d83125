"""ResponseStream: the life of every stream, from its first chunk to its result, however it ends.

A stream is two objects. A `Producer` does the work: one async generator that the caller's own task drives, so that no
task, lock or timer is made per chunk. A `ResponseStream` is the handle that the caller holds. The producer does not
refer to its handle: dropping the handle (a plain ``break`` out of ``async for``) drops the generator, which the event
loop then closes at once.

`ChatStream`, `TurnStream` and `ObjectStream` are such handles.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Awaitable, Generator
from types import AsyncGeneratorType, TracebackType
from typing import Any, Generic, Self, TypeVar

from .._internal import lazy_asyncio as asyncio
from .._internal.async_only import AsyncOnly
from ..errors import InvalidRequest

Chunk = TypeVar("Chunk")
Result = TypeVar("Result")


class Producer(ABC, Generic[Chunk, Result]):
    """The work behind a stream. A subclass writes `produce`, and how the work is ended from outside.

    ``stopped`` says that the stream was stopped or closed early. ``done`` says that the work has ended and has released
    everything; ``result`` is then what remains, ``None`` if nothing does.
    """

    def __init__(self) -> None:
        """Nothing runs yet."""
        self.stopped = False
        self.done = False
        self.result: Result | None = None
        self.ended: asyncio.Future[None] | None = None

    @abstractmethod
    def produce(self) -> AsyncGenerator[Chunk, None]:
        """Do the work: call `_begin` first, and in any case `_end`, once everything is released."""

    @abstractmethod
    def stop(self) -> None:
        """End the work soon; what it then still yields is its last chunks."""

    @abstractmethod
    async def cut_off(self) -> None:
        """End the work now, while a task waits for its next chunk."""

    def abandon(self) -> None:
        """Leave what remains of work that never began."""
        self.stopped = True
        self._end(None)

    def outcome(self) -> Result:
        """Return the result. Raises `InvalidRequest` while there is none."""
        if self.result is None:
            raise InvalidRequest(
                "the result is not there yet: iterate the stream to its end, or await finish() or aclose() first"
            )
        return self.result

    def _begin(self) -> asyncio.AbstractEventLoop:
        """Note that the work begins, and return the loop that it runs in."""
        loop = asyncio.get_running_loop()
        self.ended = loop.create_future()
        return loop

    def _end(self, result: Result | None) -> None:
        """Note that the work has ended."""
        self.result = result
        self.done = True
        if self.ended is not None and not self.ended.done():
            self.ended.set_result(None)


class ResponseStream(AsyncOnly, Generic[Chunk, Result]):
    """A stream that can be iterated once for its chunks, or awaited for its result alone.

    Nothing runs before the first chunk is asked for. A failure is raised where it happens, after the chunks that came
    before it. Leaving early is safe: ``async with`` ends the work at once, and so does dropping the stream after a
    ``break``.
    """

    def __init__(self, producer: Producer[Chunk, Result]) -> None:
        """Hand on what ``producer`` yields."""
        self._producer = producer
        self._chunks = producer.produce()
        self._next = self._chunks.__anext__

    def __aiter__(self) -> Self:
        return self

    def __anext__(self) -> Awaitable[Chunk]:
        # Handing the generator's own awaitable on saves a coroutine per chunk.
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
        """Whether the stream has ended, in whatever way, and its result can be read."""
        return self._producer.done

    def stop(self) -> None:
        """End the stream soon: the task that iterates it gets the last chunks, and no more text."""
        self._producer.stop()

    async def finish(self) -> Result:
        """Read the rest of the stream and return its result."""
        async for _ in self:
            pass
        return self._producer.outcome()

    async def aclose(self) -> None:
        """End the stream and wait until everything is released; safe to call at any time, and more than once."""
        producer = self._producer
        if isinstance(self._chunks, AsyncGeneratorType) and self._chunks.ag_running:
            # A task waits for the next chunk: it ends the generator itself, and goes on.
            await producer.cut_off()
            if producer.ended is not None:
                await asyncio.shield(producer.ended)
            return
        await self._chunks.aclose()
        if not producer.done:
            producer.abandon()
