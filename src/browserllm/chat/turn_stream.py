"""TurnStream: the handle of a running turn."""

from __future__ import annotations

from ..backends.response_stream import ResponseStream
from ..backends.stream import check_text_mode
from ..types import ChatChunk
from .reply import Reply
from .turn import Turn


class TurnStream(ResponseStream[ChatChunk, Reply]):
    """A running turn: iterate it once for its chunks, or ``await`` it for the `Reply` alone.

    The stream has the chunks of each answer (`ChatStart` to `ChatDone`, as in `ChatStream`, with one numbering),
    between two answers a `ToolStarted` and a `ToolDone` for each call that runs, and at the end a `TurnDone`. When a
    turn is stopped, the text so far is in the history once the turn has ended. A stream that is dropped after a
    ``break`` is closed by the event loop a moment later; the next turn waits for that.
    """

    def __init__(self, turn: Turn) -> None:
        """Wrap a turn of a `Session`."""
        check_text_mode(turn.setup.mode)
        self._turn = turn
        super().__init__(turn)

    def __del__(self) -> None:
        # The event loop closes the generator soon; the next turn waits for that instead of being refused.
        if turn := getattr(self, "_turn", None):
            turn.dropped = True

    @property
    def reply(self) -> Reply:
        """The reply, once the turn has ended for any reason. Raises `InvalidRequest` while it still runs."""
        return self._turn.outcome()
