"""A program in a pseudo terminal, and what its user sees: the lines on the screen and those that scrolled away."""

from __future__ import annotations

import codecs
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

_INCOMPLETE = re.compile(r"\x1b(\[[?>0-9;]*)?\Z")
_ESCAPES = re.compile(r"\x1b\[([?>]?)([0-9;]*)([A-Za-z@])|\x1b[()=>78]?[A-Z0-9]?|\x1b\][^\x07]*\x07")

# A process without a terminal gets the first one that it opens, and Ctrl-C typed there.
_IN_TERMINAL = """
import os, sys
terminal = os.open(sys.argv[1], os.O_RDWR)
for fd in range(3):
    os.dup2(terminal, fd)
os.execvp(sys.argv[2], sys.argv[2:])
"""

DEADLINE_S = 20.0
"""A wait that takes this long has failed."""


class Screen:
    """The lines that a terminal shows after what was written to it. It knows what Rich, readline and our tail write."""

    def __init__(self, columns: int, rows: int) -> None:
        """Start empty."""
        self.columns, self.rows = columns, rows
        self.lines: list[list[str]] = [[]]
        self.row = self.column = 0
        self.unknown: list[str] = []
        self._incomplete = ""

    def write(self, text: str) -> None:
        """Draw a text with escape sequences."""
        text, position = self._incomplete + text, 0
        begun = _INCOMPLETE.search(text)
        self._incomplete = begun[0] if begun else ""
        text = text.removesuffix(self._incomplete)
        while position < len(text):
            if text[position] == "\x1b" and (match := _ESCAPES.match(text, position)):
                self._escape(match)
                position = match.end()
            else:
                self._draw(text[position])
                position += 1

    @property
    def text(self) -> str:
        """All lines, also those that scrolled away."""
        return "\n".join("".join(line).rstrip() for line in self.lines)

    def _draw(self, char: str) -> None:
        if char == "\n":
            self._move_down()
        elif char == "\r":
            self.column = 0
        elif char == "\b":
            self.column = max(0, min(self.column, self.columns - 1) - 1)
        elif char != "\x07":
            width = 2 if unicodedata.east_asian_width(char) in "WF" else 1
            if self.column + width > self.columns:
                self.column = 0
                self._move_down()
            line = self.lines[self.row]
            line.extend(" " * (self.column + width - len(line)))
            line[self.column : self.column + width] = [char, *[""] * (width - 1)]
            self.column += width

    def _move_down(self) -> None:
        self.row += 1
        while self.row >= len(self.lines):
            self.lines.append([])

    def _escape(self, match: re.Match[str]) -> None:
        private, numbers, kind = match[1], match[2], match[3]
        if private or kind in ("m", None):
            return
        count = int(numbers.partition(";")[0] or 0)
        top = max(0, len(self.lines) - self.rows)
        if kind == "A":
            self.row = max(top, self.row - (count or 1))  # what scrolled away cannot be reached
        elif kind == "C":
            self.column = min(self.columns - 1, self.column + (count or 1))
        elif kind == "D":
            self.column = max(0, self.column - (count or 1))
        elif kind == "K" and count == 0:
            del self.lines[self.row][min(self.column, self.columns - 1) :]
        elif kind == "K" and count == 2:
            self.lines[self.row].clear()
        elif kind == "J" and count == 0:
            del self.lines[self.row][min(self.column, self.columns - 1) :]
            del self.lines[self.row + 1 :]
        else:
            self.unknown.append(match[0])


class PtyTerminal:
    """A program in a pseudo terminal. The test types, and waits for what the program writes."""

    def __init__(
        self, command: Sequence[str], *, columns: int = 80, rows: int = 24, env: Mapping[str, str] | None = None
    ) -> None:
        """Start ``command``, with ``env`` added to the environment."""
        self.screen = Screen(columns, rows)
        self.output = b""
        self._seen = 0
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._fd, terminal = pty.openpty()
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        unset = {"COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR"}
        kept = {name: value for name, value in os.environ.items() if name not in unset}
        self._program = subprocess.Popen(
            [sys.executable, "-c", _IN_TERMINAL, os.ttyname(terminal), *command],
            env={**kept, "TERM": "xterm-256color", **(env or {})},
            start_new_session=True,
        )
        self._waits_for_program = terminal  # open until the program has opened it, or else the terminal would end

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._program.kill()
        self._program.wait()
        for fd in (self._fd, self._waits_for_program):
            if fd >= 0:
                os.close(fd)

    def type(self, text: str) -> None:
        """Press keys."""
        os.write(self._fd, text.encode())

    def wait_for(self, pattern: str) -> None:
        """Wait until new output, without escape sequences, matches; what matched does not count in the next wait."""
        deadline = time.monotonic() + DEADLINE_S
        while not (match := re.compile(pattern, re.DOTALL).search(self.plain, self._seen)):
            assert self._read(deadline), f"the program ended without {pattern!r}: {self.plain!r}"
        self._seen = match.end()

    def wait_until_it_waits(self) -> None:
        """Wait until the program's main thread waits for a key. Where the system does not tell (no /proc), go on.

        readline shows a key before it waits for the next one. A signal that comes between the two is only seen with
        the next key: no person is as fast, a test is.
        """
        state, deadline = Path(f"/proc/{self._program.pid}/wchan"), time.monotonic() + DEADLINE_S
        while state.exists() and not re.search("poll|select", state.read_text()):
            assert time.monotonic() < deadline, f"the program does not wait for a key: {self.plain[-2000:]!r}"
            os.sched_yield()

    @property
    def plain(self) -> str:
        """What the program has written, without escape sequences."""
        return _ESCAPES.sub("", self.output.decode(errors="replace")).replace("\r", "")

    def ask(self, text: str, shown: str = "") -> None:
        """Type a line, and wait for something and then for the next prompt."""
        self.type(f"{text}\r")
        if shown:
            self.wait_for(shown)
        self.wait_for("\n> ")

    def end(self) -> int:
        """Wait for the program's end, and return its exit code."""
        deadline = time.monotonic() + DEADLINE_S
        while self._read(deadline):
            pass
        return self._program.wait()

    def _read(self, deadline: float) -> bool:
        ready, _, _ = select.select([self._fd], [], [], max(0, deadline - time.monotonic()))
        assert ready, f"nothing more came: {self.plain[-2000:]!r}"
        try:
            data = os.read(self._fd, 65536)
        except OSError:  # the program has ended
            return False
        if self._waits_for_program >= 0:
            os.close(self._waits_for_program)
            self._waits_for_program = -1
        self.output += data
        self.screen.write(self._decoder.decode(data))
        return bool(data)
