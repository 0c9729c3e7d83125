"""An answer on its way into the terminal: as Markdown that grows, or as plain text."""

from __future__ import annotations

import time
from typing import Protocol, TextIO

from rich.console import Console, Group, RenderableType
from rich.spinner import Spinner
from rich.text import Text

from ..page.host import Progress
from ..types import ChatChunk, ChatRestart, ReasoningDelta, TextDelta
from .harmless import harmless_text
from .markdown import Block, GrowingMarkdown, drawn
from .progress import describe_progress, is_fetching
from .tail import Tail

FRAME_S = 0.05
"""The shortest time between two drawings of a growing answer."""

SHARE = 4
"""A drawing that takes long is followed by a pause that is this many times longer."""

THOUGHT_LINES = 3
"""How many lines of a thought are shown while the model thinks."""


class AnswerView(Protocol):
    """Shows one answer."""

    def load(self, progress: Progress) -> None:
        """Show that the model is loaded first."""
        ...

    def add(self, chunk: ChatChunk) -> None:
        """Take the next chunk."""
        ...

    def draw(self) -> None:
        """Show what has arrived, if it is time."""
        ...

    def finish(self) -> None:
        """Show the answer in its final form."""
        ...


class PlainAnswer:
    """Writes an answer as plain text, for programs and files; thoughts are left out."""

    def __init__(self, file: TextIO) -> None:
        """Write to ``file``."""
        self._file = file
        self._last = "\n"

    def load(self, progress: Progress) -> None:
        """Show nothing."""

    def add(self, chunk: ChatChunk) -> None:
        """Write a chunk's text."""
        if isinstance(chunk, TextDelta) and (text := harmless_text(chunk.text)):
            self._file.write(text)
            self._file.flush()
            self._last = text[-1]

    def draw(self) -> None:
        """Do nothing, since chunks are written at once."""

    def finish(self) -> None:
        """End the last line."""
        if self._last != "\n":
            self._file.write("\n")
            self._file.flush()


class LiveAnswer:
    """Draws an answer as Markdown that grows.

    Each block is printed once, when it is finished; the unfinished one is drawn again as it grows. A thought is shown
    dimmed while it lasts, and then folded into one line.
    """

    def __init__(self, console: Console, model: str) -> None:
        """Draw on a terminal; ``model`` is who answers."""
        self._console = console
        self._tail = Tail(console)
        self._spinner = Spinner("dots", style="dim")
        self._waits_for = f"{model} is reading"
        self._waits_since = time.monotonic()
        self._thought = ""
        self._markdown = GrowingMarkdown()
        self._next_draw = 0.0

    def load(self, progress: Progress) -> None:
        """Show how far the model is loaded."""
        verb = "Fetching" if is_fetching(progress) else "Loading"
        self._waits_for = f"{verb} the model: {describe_progress(progress)}"

    def add(self, chunk: ChatChunk) -> None:
        """Take the next chunk."""
        if isinstance(chunk, ReasoningDelta):
            if not self._thought:
                self._waits_since = time.monotonic()
            self._thought += harmless_text(chunk.reasoning)
        elif isinstance(chunk, TextDelta) and chunk.text:
            self._fold()
            self._markdown.add(harmless_text(chunk.text))
        elif isinstance(chunk, ChatRestart):
            self.finish()
            self._tail.finish(Text("This answer broke off; another backend begins anew.", style="dim"))

    def draw(self) -> None:
        """Draw what has arrived, unless the last drawing was a moment ago."""
        begun = time.monotonic()
        if begun < self._next_draw:
            return
        finished, unfinished = self._markdown.take()
        for block in finished:
            self._tail.finish(_in_place(block))
        if unfinished is not None:
            self._tail.show(_in_place(unfinished), grows=unfinished.is_code)
        elif self._thought:
            self._tail.show(self._thinking())
        elif not finished:
            self._tail.show(self._waiting())
        ended = time.monotonic()
        self._next_draw = ended + max(FRAME_S, SHARE * (ended - begun))

    def finish(self) -> None:
        """Print what is left, now that nothing follows."""
        self._fold()
        for block in self._markdown.take(ended=True)[0]:
            self._tail.finish(_in_place(block))
        self._tail.finish()

    def _fold(self) -> None:
        """Replace a thought that has ended by one line."""
        if self._thought:
            said = f"Thought for {time.monotonic() - self._waits_since:.0f} s (/thoughts shows it)"
            self._tail.finish(Group("", Text(said, style="dim")))
            self._thought = ""

    def _thinking(self) -> RenderableType:
        lines = Text(self._thought.strip(), style="dim italic").wrap(self._console, max(10, self._console.width - 2))
        return Group("", self._spinning("Thinking"), *(Text.assemble("  ", line) for line in lines[-THOUGHT_LINES:]))

    def _waiting(self) -> RenderableType:
        return Group("", self._spinning(self._waits_for))

    def _spinning(self, what: str) -> RenderableType:
        elapsed_s = time.monotonic() - self._waits_since
        text = what if elapsed_s < 1 else f"{what} · {elapsed_s:.0f} s"
        self._spinner.update(text=Text(text, style="dim", no_wrap=True, overflow="ellipsis"))
        return self._spinner


def _in_place(block: Block) -> RenderableType:
    return Group("", drawn(block.text)) if block.apart else drawn(block.text)
