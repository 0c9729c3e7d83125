"""Markup in which an address continues after a blank, or text becomes an attribute."""

from __future__ import annotations

import re

_SCHEME = r"(?:[a-z][a-z0-9+.\-]+:|//|www)"
# Images in Textile and Jira, macros in AsciiDoc: their addresses may contain spaces.
LINE = re.compile(rf"!(?!\[)\S{{0,64}}?{_SCHEME}|(?:image|link|video|audio|include|icon|iframe)::?", re.IGNORECASE)
# The beginning of explicit markup in reStructuredText, which removes all spaces from addresses.
_EXPLICIT = {"..", "__"}
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_OPENING = {"]": "[", "}": "{"}


class MarkupWatch:
    """Tracks whether the position is in such markup; a URL in brackets extends to the closing bracket."""

    def __init__(self) -> None:
        """Start at the beginning of a line."""
        self._last = ""
        self._word = ""
        self._same = 0
        self._line = self._block = self._new_line = self._ended_as_url = False
        self._alt = 0
        self._alt_is_open = False
        self.paragraph()

    def paragraph(self) -> None:
        """End everything that an empty line ends."""
        self._alt = 0
        self._block = self._ended_as_url = False
        self._forget_brackets()

    def _forget_brackets(self) -> None:
        self._depths = {"[": 0, "{": 0}
        self._holding: set[str] = set()
        self._opened = ""
        self._is_tag = self._tag_closed = self._in_tag = False

    @property
    def inside(self) -> bool:
        """Whether the next character would be in such an address, a description, a footnote's name or a fence."""
        return self._line or self._block or self._alt > 0 or bool(self._holding)

    def step(self, char: str, *, escaped: bool) -> None:
        """Read one character."""
        last, self._last = self._last, char
        self._same = self._same + 1 if char == last else 1
        if char.isspace():
            self._block = self._block or self._word in _EXPLICIT
            self._word = ""
        elif len(self._word) < 3:
            self._word += char
        if self._new_line:
            self._new_line = False
            self._block = self._block and char.isspace()
        if char in " \t\r\n":
            return
        if char in "`~" and self._same == 3:
            self._line = True  # the rest may be a fence's info string, which becomes an HTML class
        self._description(char, last, escaped=escaped)
        self._bracket(char, last, escaped=escaped)

    def end_run(self, blank: str, run: str, *, is_url: bool, is_line: bool) -> None:
        """Read the ``blank`` that ends a run, or follows another blank if ``run`` is empty.

        ``run`` is the run's end, and ``is_line`` means that `LINE` matched in it.
        """
        if run:
            self._ended_as_url = is_url
            if is_url:
                self._holding |= {kind for kind, depth in self._depths.items() if depth}
                if self._in_tag:
                    self._holding.add("tag")
                self._line = self._line or is_line
        if blank == "\n":
            self._line = False
            self._new_line = True
            self._block = self._block or self._ended_as_url
            self._ended_as_url = False
            if not (self._holding or (len(run) > 1 and run[-1] in "[{]")):
                self._forget_brackets()

    def _description(self, char: str, last: str, *, escaped: bool) -> None:
        if self._alt == 0:
            if (char == "[" and last == "!") or (char == "^" and last == "["):
                self._alt, self._alt_is_open = 1, False
        elif char == "[":
            self._alt += 1
        elif char in "`<":
            self._alt_is_open = True  # brackets in code and in tags do not close it
        elif char == "]" and not escaped and not self._alt_is_open:
            self._alt -= 1

    def _bracket(self, char: str, last: str, *, escaped: bool) -> None:
        opened, self._opened = self._opened, ""
        if self._tag_closed:
            self._tag_closed = False
            self._in_tag = self._in_tag or char not in "([:"
        if opened and char in "\"'":
            self._depths[opened] -= 1  # a list or an object of JSON
        elif opened == "[":
            self._is_tag = char in _LETTERS
            if char == "/" and last == "[":
                self._in_tag = False
                self._holding.discard("tag")
        if char in self._depths:
            self._depths[char] += 1
            self._opened = char
        elif char in _OPENING and not escaped:
            kind = _OPENING[char]
            if self._depths[kind]:
                self._depths[kind] -= 1
            if not self._depths[kind]:
                self._holding.discard(kind)
                if kind == "[" and self._is_tag:
                    self._is_tag, self._tag_closed = False, True
