"""TurnStream: the handle of a running turn."""

from __future__ import annotations

from collections.abc import Awaitable, Generator
from types import AsyncGeneratorType, TracebackType
from typing import Any, Self

from .._internal import lazy_asyncio as asyncio
from .._internal.async_only import AsyncOnly
from ..errors import InvalidRequest
from ..types import ChatChunk
from .reply import Reply
from .turn import Turn


class TurnStream(AsyncOnly):
    """A running turn: iterate it once for its chunks, or ``await`` it for the `Reply` alone.

    The chunks are those of each answer (`ChatStart` to `ChatDone`, as `ChatStream` has them, and numbered throughout),
    between two answers a `ToolStarted` and a `ToolDone` for each call that is run, at the end a `TurnDone`. Nothing
    happens before the first chunk is asked for. A failure is raised where it happens.

    Leaving early is safe: ``async with`` ends the turn at once; where it is dropped after a ``break``, the event loop
    ends it a moment later, and the next turn waits for that. The history has what was said once the turn has ended.
    """

    def __init__(self, turn: Turn) -> None:
        """Made by a `Session`."""
        mode = turn.setup.mode
        if mode not in ("delta", "accumulated", "both"):
            raise InvalidRequest(f"text={mode!r} is not valid; use 'delta', 'accumulated' or 'both'", parameter="text")
        self._turn = turn
        self._chunks = turn.run()
        self._next = self._chunks.__anext__

    def __aiter__(self) -> Self:
        return self

    def __anext__(self) -> Awaitable[ChatChunk]:
        return self._next()

    def __await__(self) -> Generator[Any, None, Reply]:
        return self.finish().__await__()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    def __del__(self) -> None:
        # The event loop closes the generator soon; the next turn waits for that instead of being refused.
        if turn := getattr(self, "_turn", None):
            turn.dropped = True

    @property
    def done(self) -> bool:
        """Whether the turn has ended and `reply` can be read."""
        return self._turn.reply is not None

    @property
    def reply(self) -> Reply:
        """The reply, once the turn has ended in whatever way. Raises `InvalidRequest` while it still runs."""
        if self._turn.reply is None:
            raise InvalidRequest(
                "the reply is not there yet: iterate the turn to its end, or await finish() or aclose() first"
            )
        return self._turn.reply

    def stop(self) -> None:
        """End the turn: whoever iterates gets no more text, only the last chunks, and a reply that is ``cancelled``."""
        self._turn.stop()

    async def finish(self) -> Reply:
        """Read the rest of the chunks and return the reply."""
        async for _ in self:
            pass
        return self.reply

    async def aclose(self) -> None:
        """End the turn and wait until everything has let go of it; safe to call at any time, more than once."""
        turn = self._turn
        if isinstance(self._chunks, AsyncGeneratorType) and self._chunks.ag_running:
            turn.stop()
            if turn.chat is not None:
                await turn.chat.aclose()
            if turn.ended is not None:
                await asyncio.shield(turn.ended)
        else:
            await self._chunks.aclose()
            turn.abandon()
