"""The state of a `ThoughtSplitter`: the markers, the current line, the current thought, and the output."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

from .markers import Markers
from .vocabulary import Vocabulary, lower

Kind = Literal["text", "quoted", "thought"]
"""``quoted`` is text that cannot contain a call, because it mentions a marker."""
Piece = tuple[Kind, str]


class MarkerSet:
    """The markers to look for, in lower case, each with its `Markers`."""

    def __init__(self, markers: Iterable[Markers]) -> None:
        """Look for all of ``markers``."""
        markers = tuple(markers)
        self.openings = {lower(each.opening): each for each in markers}
        self.closings = {lower(closing) for each in markers for closing in each.closings}
        self.framing = {lower(text): each for each in markers for text in each.framing}
        self.vocabulary = Vocabulary({*self.openings, *self.closings, *self.framing})

    def ends(self, marker: str, family: Markers | None) -> bool:
        """Whether a marker ends a thought of a family; any closing marker ends a thought of unknown family."""
        return marker in self.closings if family is None else marker in map(lower, family.closings)


class LineState:
    """The current line of text: how it began, and the code fence that contains it."""

    def __init__(self) -> None:
        """Begin with an empty line."""
        self.begun = False  # whether the text ends within a line
        self.fresh = True  # only whitespace since the line began
        self.ticks, self.tick = 0, ""  # the backticks or tildes at the start of the line
        self.fence, self.fence_tick = 0, ""  # the length of the open fence, 0 outside a fence
        self.has_fence = False  # whether the fence began on this line


class ThoughtState:
    """The current thought, and what is known of earlier ones."""

    def __init__(self) -> None:
        """Begin outside a thought."""
        self.family: Markers | None = None  # unknown if the prompt opened the thought
        self.seen: set[Markers] = set()
        self.depth = 0
        self.nests = True
        self.count = 0
        self.has_text = self.any_has_text = False  # whether this thought has text, and whether any had


class OutputBuffer:
    """Joins text of one kind until another kind arrives."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._texts: list[str] = []
        self._kind: Kind = "text"

    def put(self, kind: Kind, text: str) -> Iterator[Piece]:
        """Add a text; yield the text before it if that is of another kind."""
        if kind != self._kind:
            yield from self.flush()
            self._kind = kind
        self._texts.append(text)

    def flush(self) -> Iterator[Piece]:
        """Yield the collected text."""
        text = "".join(self._texts)
        self._texts.clear()
        if text:
            yield self._kind, text
