"""The words of a script that plays a backend or a page, and the clock that a test moves.

A script is a list of answers, one for each chat; the last one is used again when the list is at its end. An answer is a
text, which is cut into words, or a list of steps:

==================  =================================================================
a text              one chunk
`ReasoningDelta`    a piece of thinking (`ScriptedBackend` only)
`ToolCallPart`      a whole tool call (`ScriptedBackend` only)
`Wait`              seconds on the script's `Clock`, which the test moves
an exception        fails the answer at this point
`HANG`              nothing more comes until the answer is stopped
`DEAF`              nothing more comes, and a stop is not heard either
`CLOSE`             the connection closes here (`ScriptedHost` only)
==================  =================================================================
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import Enum
from typing import Any, Final, NamedTuple

from .._internal import lazy_asyncio as asyncio
from ..types import ReasoningDelta, ToolCallPart


class Wait(NamedTuple):
    """A pause of so many seconds on the script's clock."""

    seconds: float


class Cue(Enum):
    """A step that is no text."""

    HANG = "hang"
    DEAF = "deaf"
    CLOSE = "close"


HANG: Final = Cue.HANG
DEAF: Final = Cue.DEAF
CLOSE: Final = Cue.CLOSE

Step = str | Cue | Wait | BaseException | ReasoningDelta | ToolCallPart
Answer = str | Sequence[Step]


class Clock:
    """A clock that stands still until the test moves it."""

    def __init__(self) -> None:
        """Start at 0 seconds."""
        self.now_s = 0.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    async def sleep(self, seconds: float) -> None:
        """Wait until the clock has been moved by ``seconds``."""
        if seconds > 0:
            future = asyncio.get_running_loop().create_future()
            self._sleepers.append((self.now_s + seconds, future))
            await future

    def advance(self, seconds: float) -> None:
        """Move the clock, and wake whoever has slept long enough."""
        self.now_s += seconds
        for due, future in list(self._sleepers):
            if due <= self.now_s:
                self._sleepers.remove((due, future))
                if not future.done():
                    future.set_result(None)


class Script:
    """The answers that are still to be played, and the clock on which they wait."""

    def __init__(self, answers: str | Sequence[Answer], clock: Clock) -> None:
        """Play ``answers`` in order, the last one again and again."""
        self._answers: list[Answer] = [answers] if isinstance(answers, str) else list(answers)
        self.clock = clock

    def next(self) -> list[Step]:
        """Return the steps of the next answer."""
        if not self._answers:
            return []
        answer = self._answers[0] if len(self._answers) == 1 else self._answers.pop(0)
        return _words(answer) if isinstance(answer, str) else list(answer)


def _words(text: str) -> list[Step]:
    return list(re.findall(r"\A\s*\S+\s*|\S+\s*", text))


def count_words(request: Sequence[Any]) -> int:
    """Count the words of messages or texts: a script's tokens."""
    return sum(len(str(message).split()) for message in request)
