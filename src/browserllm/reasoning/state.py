"""What a `ThoughtSplitter` knows while it reads: the marks, the line it is in, the thought it is in, what it gives."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

from .marks import Marks
from .vocabulary import Vocabulary, lower

Kind = Literal["text", "quoted", "thought"]
"""``quoted`` is text in which no call is: a mark is mentioned there."""
Piece = tuple[Kind, str]


class MarkSet:
    """The marks to look for, in lower case, each with its family."""

    def __init__(self, marks: Iterable[Marks]) -> None:
        """Look for all marks of these families."""
        marks = tuple(marks)
        self.openings = {lower(each.opening): each for each in marks}
        self.closings = {lower(closing) for each in marks for closing in each.closings}
        self.framing = {lower(text): each for each in marks for text in each.framing}
        self.vocabulary = Vocabulary({*self.openings, *self.closings, *self.framing})

    def ends(self, mark: str, family: Marks | None) -> bool:
        """Say whether a mark ends a thought of a family; of a thought whose family is not known, any closing mark."""
        return mark in self.closings if family is None else mark in map(lower, family.closings)


class Line:
    """The line of text that is read: how it began, and the code fence it stands in."""

    def __init__(self) -> None:
        """Begin with an empty line."""
        self.begun = False  # whether the text ends within a line
        self.fresh = True  # nothing but blanks since the line began
        self.ticks, self.tick = 0, ""  # with which it begins
        self.fence, self.fence_tick = 0, ""  # the ticks of the fence, 0 outside of one
        self.has_fence = False  # whether the fence began in this line


class Thought:
    """The thought that is read, and those before it."""

    def __init__(self) -> None:
        """Begin outside of a thought."""
        self.family: Marks | None = None  # none is known of one that the prompt opened
        self.seen: set[Marks] = set()
        self.depth = 0
        self.nests = True
        self.count = 0
        self.speaks = self.spoken = False  # whether this one says something, and whether one did


class Output:
    """Text of one kind, joined until another kind comes."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._texts: list[str] = []
        self._kind: Kind = "text"

    def put(self, kind: Kind, text: str) -> Iterator[Piece]:
        """Add a text; give what came before it, where that is of another kind."""
        if kind != self._kind:
            yield from self.flush()
            self._kind = kind
        self._texts.append(text)

    def flush(self) -> Iterator[Piece]:
        """Give what is there."""
        text = "".join(self._texts)
        self._texts.clear()
        if text:
            yield self._kind, text
