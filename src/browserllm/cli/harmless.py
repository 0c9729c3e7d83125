"""Text of models and files for a terminal, which it must not control."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.segment import Segment
from rich.style import Style

# Control characters, except line ends and tabs, and the two that reverse the direction of the text after them.
_CONTROLS = {code: None for code in (*range(32), *range(127, 160), 0x202D, 0x202E) if chr(code) not in "\n\t"}


def harmless_text(text: str) -> str:
    """Return a text without control characters; line ends and tabs stay."""
    return text.translate(_CONTROLS)


class Harmless:
    """Draws something without control characters and links, and without blanks at its ends and those of its lines.

    Removing them from the text is not enough: Markdown can write them as entities. A link's address is drawn as text,
    so that the reader sees where it leads.
    """

    def __init__(self, renderable: RenderableType) -> None:
        """Draw ``renderable``."""
        self._renderable = renderable

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        segments = (
            Segment(harmless_text(segment.text), _without_link(segment.style))
            for segment in console.render(self._renderable, options)
            if not segment.control
        )
        lines = [_without_last_blanks(line) for line in Segment.split_lines(segments)]
        while lines and not lines[-1]:
            lines.pop()
        for line in lines[next((index for index, line in enumerate(lines) if line), 0) :]:
            yield from line
            yield Segment.line()


def _without_link(style: Style | None) -> Style | None:
    return style.update_link(None) if style is not None and style.link else style


def _without_last_blanks(line: Iterable[Segment]) -> list[Segment]:
    kept = list(line)
    while kept and not _is_visible(kept[-1].style):
        text = kept[-1].text.rstrip(" ")
        if text:
            kept[-1] = Segment(text, kept[-1].style)
            break
        kept.pop()
    return kept


def _is_visible(style: Style | None) -> bool:
    """Return whether a blank of this style can be seen."""
    return style is not None and bool(style.bgcolor or style.underline or style.reverse or style.strike)


def is_text(given: str) -> bool:
    """Return whether a text was decoded completely: Python reads an invalid byte as half of a surrogate pair."""
    return not any("\ud800" <= char <= "\udfff" for char in given)
