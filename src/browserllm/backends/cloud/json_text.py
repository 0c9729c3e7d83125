"""Follows JSON that arrives in pieces: is it complete, and can it continue with a given piece?"""

from __future__ import annotations

import re
from typing import Literal

Next = Literal["value", "value or end", "key", "key or end", "colon", "comma", "nothing"]

_BLANKS = re.compile(r"[ \t\r\n]+")
_SCALAR = re.compile(r"[-+.0-9A-Za-z_]+")
_CHARS = re.compile(r'[^"\\]+')


class JsonText:
    """Reads a JSON text in any pieces, each character once. How scalars and escapes are spelled is not checked."""

    def __init__(self) -> None:
        """Start before the first piece."""
        self.broken = False
        self._pieces: list[str] = []
        self._stack: list[str] = []
        self._next: Next = "value"
        self._in_text = self._is_key = self._escaped = self._in_scalar = False

    @property
    def blank(self) -> bool:
        """Whether the text is empty so far."""
        return self._next == "value" and not self._stack and not (self._in_text or self._in_scalar or self.broken)

    @property
    def whole(self) -> bool:
        """Whether the text is complete: its first bracket or quote is closed."""
        return self._next == "nothing" and not self._in_scalar and not self.broken

    @property
    def ended(self) -> bool:
        """Whether the text is JSON if it ends here: then a number or a word is complete, too."""
        return self._next == "nothing" and not self.broken

    def add(self, text: str) -> None:
        """Add the next piece."""
        self._pieces.append(text)
        self._read(text)

    def said(self) -> str:
        """Return the whole text."""
        self._pieces = ["".join(self._pieces)]
        return self._pieces[0]

    def takes(self, text: str) -> bool:
        """Return whether the text can continue with a piece. A broken text accepts every piece."""
        if self.broken:
            return True
        trial = JsonText()
        trial._stack = self._stack.copy()
        trial._next = self._next
        trial._in_text, trial._is_key = self._in_text, self._is_key
        trial._escaped, trial._in_scalar = self._escaped, self._in_scalar
        trial._read(text)
        return not trial.broken

    def _read(self, text: str) -> None:
        at = 0
        while at < len(text) and not self.broken:
            if self._in_text:
                at = self._read_text(text, at)
            elif (blanks := _BLANKS.match(text, at)) is not None:
                self._in_scalar = False
                at = blanks.end()
            elif (scalar := _SCALAR.match(text, at)) is not None:
                if not self._in_scalar:
                    self._begin_value()
                    self._in_scalar = True
                    self._end_value()
                at = scalar.end()
            else:
                self._in_scalar = False
                self._read_sign(text[at])
                at += 1

    def _read_text(self, text: str, at: int) -> int:
        if self._escaped:
            self._escaped = False
            return at + 1
        if (chars := _CHARS.match(text, at)) is not None:
            return chars.end()
        if text[at] == "\\":
            self._escaped = True
            return at + 1
        self._in_text = False
        if self._is_key:
            self._next = "colon"
        else:
            self._end_value()
        return at + 1

    def _read_sign(self, char: str) -> None:
        awaited = self._next
        if char == '"':
            self._is_key = awaited in ("key", "key or end")
            if not self._is_key:
                self._begin_value()
            self._in_text = True
        elif char in "{[":
            self._begin_value()
            self._stack.append(char)
            self._next = "key or end" if char == "{" else "value or end"
        elif char in "}]" and self._closes(char):
            self._stack.pop()
            self._end_value()
        elif char == ":" and awaited == "colon":
            self._next = "value"
        elif char == "," and awaited == "comma":
            self._next = "key" if self._stack[-1] == "{" else "value"
        else:
            self.broken = True

    def _begin_value(self) -> None:
        self.broken = self.broken or self._next not in ("value", "value or end")

    def _end_value(self) -> None:
        self._next = "comma" if self._stack else "nothing"

    def _closes(self, char: str) -> bool:
        opener, empty = ("{", "key or end") if char == "}" else ("[", "value or end")
        return self._stack[-1:] == [opener] and self._next in ("comma", empty)
