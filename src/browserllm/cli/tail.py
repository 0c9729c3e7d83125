"""Tail: the last lines of the output, which are drawn again while they change; the lines above are final."""

from __future__ import annotations

from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.text import Text

# Terminals that know synchronized updates show all of one at once; others ignore these.
_BEGIN, _END = "\x1b[?2026h", "\x1b[?2026l"
_ERASE_BELOW = "\x1b[J"
_ERASE_LINE = "\x1b[K"


class Tail:
    """Lines at the end of a terminal's output. Only those that change are written again, so that nothing flickers.

    The tail is never higher than the terminal, because lines that have scrolled out of sight cannot be changed.
    """

    def __init__(self, console: Console) -> None:
        """Draw on a console whose file is a terminal."""
        self._console = console
        self._lines: list[str] = []
        self._width = console.width
        self._above = 0

    def show(self, renderable: RenderableType, *, grows: bool = False) -> None:
        """Draw the tail in place of the one before.

        If it is too high for the terminal, its last lines are shown. With ``grows``, as for code, lines once drawn do
        not change any more; then the first lines scroll up and are final.
        """
        self._draw(self._rendered(renderable), grows=grows)

    def finish(self, renderable: RenderableType | None = None) -> None:
        """Replace the tail by its final form, all of it; without one, remove it."""
        self._draw([] if renderable is None else self._rendered(renderable), grows=True)
        if self._lines:
            self._write("\n")
        self._lines, self._above = [], 0

    def _draw(self, lines: list[str], *, grows: bool) -> None:
        width, limit = self._console.width, max(1, self._console.height - 1)
        known, shown = self._lines, (lines if grows else lines[-limit:])[self._above :]
        same = 0
        while same < min(len(known), len(shown)) and known[same] == shown[same]:
            same += 1
        if width != self._width:
            text = self._return_to(0) + _ERASE_BELOW + "\n".join(shown)
        elif len(shown) < len(known):
            same = min(same, max(0, len(shown) - 1))
            text = self._return_to(same) + _ERASE_BELOW + "\n".join(shown[same:])
        elif same == len(known):
            text = "".join(f"\n{line}" for line in shown[same:]) if known else "\n".join(shown)
        elif same == len(known) - 1 and shown[same].startswith(known[same]):
            # The usual case: more text in the last line.
            text = "\n".join([shown[same].removeprefix(known[same]), *shown[same + 1 :]])
        else:
            # A line that fills the terminal needs no erasing, which there would erase its last character.
            rest = [line if _columns(line) >= width else line + _ERASE_LINE for line in shown[same:]]
            text = self._return_to(same) + "\n".join(rest)
        self._write(text)
        gone = max(0, len(shown) - limit) if grows else 0
        self._above += gone
        self._lines, self._width = shown[gone:], width

    def _return_to(self, index: int) -> str:
        """Return what moves the cursor to the beginning of a line of the tail."""
        if not self._lines:
            return ""
        up = len(self._lines) - 1 - index
        width = self._console.width
        if width < self._width:
            # The terminal became narrower, and has wrapped the lines.
            up += sum(max(0, -(-_columns(line) // width) - 1) for line in self._lines[index:])
        return f"\r\x1b[{up}A" if up else "\r"

    def _rendered(self, renderable: RenderableType) -> list[str]:
        with self._console.capture() as captured:
            self._console.print(renderable, end="")
        text = captured.get()
        return text.removesuffix("\n").split("\n") if text else []

    def _write(self, text: str) -> None:
        if text:
            self._console.file.write(f"{_BEGIN}{text}{_END}")
            self._console.file.flush()


def _columns(line: str) -> int:
    return cell_len(Text.from_ansi(line).plain)
