"""The steps of a script for a backend or a page, and the clock that the test controls.

A script is a list of answers, one for each chat; the last answer is repeated. An answer is a text, which is split into
words, or a list of steps:

==================  =================================================================
a text              one chunk
`ReasoningDelta`    a piece of thinking (`ScriptedBackend` only)
`ToolCallPart`      a whole tool call (`ScriptedBackend` only)
`Wait`              seconds on the script's `Clock`, which the test controls
an exception        the answer fails here
`HANG`              nothing more arrives until the answer is stopped
`DEAF`              nothing more arrives, and a stop is ignored
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
    """A pause on the script's clock, in seconds."""

    seconds: float


class Cue(Enum):
    """A step without text."""

    HANG = "hang"
    DEAF = "deaf"
    CLOSE = "close"


HANG: Final = Cue.HANG
DEAF: Final = Cue.DEAF
CLOSE: Final = Cue.CLOSE

Step = str | Cue | Wait | BaseException | ReasoningDelta | ToolCallPart
Answer = str | Sequence[Step]


class Clock:
    """A clock that advances only when the test calls `advance`."""

    def __init__(self) -> None:
        """Start at 0 seconds."""
        self.now_s = 0.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    async def sleep(self, seconds: float) -> None:
        """Wait until the clock has advanced by ``seconds``."""
        if seconds > 0:
            future = asyncio.get_running_loop().create_future()
            self._sleepers.append((self.now_s + seconds, future))
            await future

    def advance(self, seconds: float) -> None:
        """Advance the clock, and wake the tasks whose sleep is over."""
        self.now_s += seconds
        for due, future in list(self._sleepers):
            if due <= self.now_s:
                self._sleepers.remove((due, future))
                if not future.done():
                    future.set_result(None)


class Script:
    """The remaining answers, and the clock for their pauses."""

    def __init__(self, answers: str | Sequence[Answer], clock: Clock) -> None:
        """Return ``answers`` in order, and then repeat the last one."""
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
    """Count the words of messages or texts, which stand for tokens."""
    return sum(len(str(message).split()) for message in request)
