"""ChatInput: what the user types: lines with editing and a history, several lines as one message, pasted blocks."""

from __future__ import annotations

import os
import select
import sys
from collections import deque
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from typing import Any

from .chat_history import InputHistory

try:
    import readline
except ImportError:  # Windows, and Pythons built without it
    readline: Any = None

try:
    import termios
except ImportError:  # Windows
    termios: Any = None

PROMPT = "> "
NEXT_PROMPT = "… "

PASTED_WITHIN_S = 0.02
"""A line that follows another one this soon was pasted with it."""


class ChatInput:
    """Reads messages from a terminal.

    A line that ends with a backslash is continued on the next one, and a pasted block is one message. What is typed
    while an answer is drawn is not shown, and is read afterwards.
    """

    def __init__(self, history: InputHistory | None, complete: Callable[[str], list[str]]) -> None:
        """Keep what is typed in ``history``, if there is one; ``complete`` returns how a beginning may go on."""
        self._history = history
        self._complete = complete
        self._typed: deque[str] = deque()
        self._last = ""
        self._edits = readline is not None and sys.stdin.isatty() and sys.stdout.isatty()
        if self._edits:
            self._prepare()

    def read(self, prompt: str = PROMPT) -> str:
        """Return the next message. Raises `EOFError` at the end (Ctrl-D), and `KeyboardInterrupt` for Ctrl-C."""
        if self._typed:
            text = self._typed.popleft()
            print(f"{prompt}{text}", file=self._screen, flush=True)
        else:
            text = self._line(prompt)
            while text.endswith("\\") or self._is_pasting():
                text = f"{text.removesuffix(chr(92))}\n{self._line(NEXT_PROMPT)}"
        self._remember(text)
        return text

    def edit(self, text: str) -> str:
        """Let the user change a text, and return it."""
        if not self._edits:
            return self.read("New text: ")
        readline.set_startup_hook(lambda: readline.insert_text(text))
        try:
            edited = self._line(PROMPT)
        finally:
            readline.set_startup_hook(None)
        self._remember(edited)
        return edited

    def ask(self, question: str) -> bool:
        """Ask a question; only a "y" is a yes."""
        return self._line(f"{question} [y/N] ").strip().lower() in ("y", "yes")

    @contextmanager
    def hidden(self) -> Generator[None]:
        """Do not show what is typed, so that it does not get between the lines of an answer."""
        if termios is None or not sys.stdin.isatty():
            yield
            return
        fd = sys.stdin.fileno()
        before = termios.tcgetattr(fd)
        quiet = termios.tcgetattr(fd)
        quiet[3] &= ~termios.ECHO
        termios.tcsetattr(fd, termios.TCSADRAIN, quiet)
        try:
            yield
        finally:
            termios.tcsetattr(fd, termios.TCSADRAIN, before)

    def take_line(self, wanted: str) -> bool:
        """Read the lines that were typed meanwhile; return whether the last one is ``wanted``, and keep the others."""
        lines: list[str] = []
        while self._has_input(0):
            with suppress(OSError):
                if line := os.read(sys.stdin.fileno(), 65536).decode(errors="replace"):
                    lines.append(line.removesuffix("\n"))
                    continue
            break
        is_wanted = bool(lines) and lines[-1].strip() == wanted
        if is_wanted:
            lines.pop()
        if text := "\n".join(lines).strip():
            self._typed.append(text)
        return is_wanted

    @property
    def _screen(self) -> Any:
        return sys.stdout if sys.stdout.isatty() else sys.stderr

    def _line(self, prompt: str) -> str:
        if sys.stdout.isatty():
            return input(prompt)
        # The prompt is not part of the answers, which go to a file.
        sys.stderr.write(prompt)
        sys.stderr.flush()
        line = sys.stdin.readline()
        if not line:
            raise EOFError
        return line.removesuffix("\n")

    def _remember(self, text: str) -> None:
        if not text.strip() or text == self._last:
            return
        self._last = text
        if self._edits:
            readline.add_history(text)
        if self._history is not None:
            self._history.add(text)

    def _is_pasting(self) -> bool:
        return self._has_input(PASTED_WITHIN_S)

    @staticmethod
    def _has_input(within_s: float) -> bool:
        if termios is None or not sys.stdin.isatty():
            return False
        return bool(select.select([sys.stdin.fileno()], [], [], within_s)[0])

    def _prepare(self) -> None:
        readline.set_auto_history(False)
        readline.clear_history()
        for text in self._history.read() if self._history is not None else []:
            readline.add_history(text)
        options: list[str] = []

        def complete(text: str, state: int) -> str | None:
            if state == 0:
                begin = readline.get_begidx()
                line = readline.get_line_buffer()
                options[:] = [found.removeprefix(line[:begin]) for found in self._complete(line)]
            return options[state] if state < len(options) else None

        readline.set_completer(complete)
        readline.set_completer_delims(" \t\n")
        is_libedit = "libedit" in (readline.__doc__ or "")
        readline.parse_and_bind("bind ^I rl_complete" if is_libedit else "tab: complete")
