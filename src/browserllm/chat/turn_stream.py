"""TurnStream: the handle of a running turn."""

from __future__ import annotations

from ..backends.response_stream import ResponseStream
from ..backends.stream import check_text_mode
from ..types import ChatChunk
from .reply import Reply
from .turn import Turn


class TurnStream(ResponseStream[ChatChunk, Reply]):
    """A running turn: iterate it once for its chunks, or ``await`` it for the `Reply` alone.

    The chunks are those of each answer (`ChatStart` to `ChatDone`, as `ChatStream` has them, and numbered throughout),
    between two answers a `ToolStarted` and a `ToolDone` for each call that is run, at the end a `TurnDone`. The text
    until a turn is stopped or left is in the history once the turn has ended: where a stream is dropped after a
    ``break``, the event loop ends it a moment later, and the next turn waits for that.
    """

    def __init__(self, turn: Turn) -> None:
        """Made by a `Session`."""
        check_text_mode(turn.setup.mode)
        self._turn = turn
        super().__init__(turn)

    def __del__(self) -> None:
        # The event loop closes the generator soon; the next turn waits for that instead of being refused.
        if turn := getattr(self, "_turn", None):
            turn.dropped = True

    @property
    def reply(self) -> Reply:
        """The reply, once the turn has ended in whatever way. Raises `InvalidRequest` while it still runs."""
        return self._turn.outcome()
