"""Pictures of the command line, as SVG: the real program in a pseudo terminal, and what its user sees."""

from __future__ import annotations

import io
import re
import sys
import unicodedata
from collections.abc import Sequence

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

import pty_terminal
from pty_terminal import PtyTerminal, Screen

COLUMNS = 92
RESET = "\x1b[0m"


class ColouredScreen(Screen):
    """A screen whose cells keep their colours, as escape sequences."""

    def __init__(self, columns: int, rows: int) -> None:
        """Start empty."""
        super().__init__(columns, rows)
        self._style = ""

    def _draw(self, char: str) -> None:
        super()._draw(char)
        if char.isprintable() and self._style:
            width = 2 if unicodedata.east_asian_width(char) in "WF" else 1
            self.lines[self.row][self.column - width] = f"{self._style}{char}{RESET}"

    def _escape(self, match: re.Match[str]) -> None:
        super()._escape(match)
        if match[3] == "m":
            self._style = "" if match[2] in ("", "0") else self._style + match[0]


def chat(home: str, *messages: str) -> str:
    """Return a picture of `browserllm chat` that answers messages."""
    shown = "browserllm chat --temperature 0"
    options = [*shown.split()[1:], "--profile", f"{home}/profile", "--webgpu", "software", "--max-tokens", "400"]
    with _started(options, home) as terminal:
        terminal.wait_for("\n> ")
        for message in messages:
            terminal.ask(message, "free")
        terminal.type("\x04")
        terminal.end()
        return _picture(shown, terminal)


def serve(home: str) -> str:
    """Return a picture of `browserllm serve` as it starts."""
    shown = "browserllm serve"
    with _started([*shown.split()[1:], "--no-open"], home) as terminal:
        terminal.wait_for("Ctrl-C")
        terminal.type("\x03")
        terminal.end()
        return re.sub(r"key=[\w-]+", "key=…", _picture(shown, terminal))


def _started(options: Sequence[str], home: str) -> PtyTerminal:
    pty_terminal.DEADLINE_S = 120.0
    folders = {name: f"{home}/{name}" for name in ("XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME")}
    terminal = PtyTerminal([sys.executable, "-m", "browserllm", *options], columns=COLUMNS, env=folders)
    terminal.screen = ColouredScreen(COLUMNS, 24)
    return terminal


def _picture(command: str, terminal: PtyTerminal) -> str:
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(Text.from_ansi(f"\x1b[32m$\x1b[0m {command}\n{terminal.screen.text.rstrip()}"))
    # A picture in the docs loads no font from elsewhere.
    form = re.sub(r"@font-face \{\{.*?\}\}", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    return console.export_svg(title=command, code_format=form, unique_id="terminal")
