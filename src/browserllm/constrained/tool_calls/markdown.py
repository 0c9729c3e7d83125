"""Track the Markdown of an answer to know where a call may begin: not in a quotation, a list or code.

A call within a sentence, a list item, backticks, a code fence or an element such as ``<pre>`` is only mentioned. So the
tracker follows lines, code fences, code spans, and elements at the start of a line that contain code or examples. If
the text is ambiguous (a code span that is never closed), it counts as code.
"""

from __future__ import annotations

import re
from copy import copy
from typing import Literal

Place = Literal["answer", "line", "sentence", ""]

# A fence may be inside quotations and list items.
_FENCE = re.compile(r"(?:[ \t>]|[-*+][ \t]|\d{1,9}[.)][ \t])*(`{3,}|~{3,})")
_FENCE_END = re.compile(r"[ \t>]*(`{3,}|~{3,})\s*")
# An element that contains code, an example or a quotation.
_ELEMENT = re.compile(
    r"[ \t]*<(pre|code|samp|xmp|textarea|snippet|examples?|samples?|blockquote|quote)(?:\s[^<>]*)?>", re.IGNORECASE
)
_TICKS = re.compile(r"`+|[^`]+")
_MAX_LINE = 256
"""How many characters of a line are searched for a fence."""
_MAX_TAIL = 64
"""How many characters of the text are remembered: more than the longest marker has."""
_MAX_INDENT = 1
"""How many spaces may precede a call: after two it may belong to a list item, after four it is code."""
_SENTENCE_ENDS = ".!?\u2026\u3002\uff01\uff1f"


class MarkdownTracker:
    """Follows the text of an answer; the result does not depend on its pieces."""

    def __init__(self) -> None:
        """Start at the beginning of an answer."""
        self._begun = False
        self._after_call = False
        self._tail = ""  # the end of the text, without trailing whitespace
        self._has_gap = False
        self._fence = ""
        self._element = ""  # the closing tag of the open element
        self._span = 0  # how many backticks opened the current code span
        self._run = 0  # how many backticks end the text
        self._begin_line()

    def _begin_line(self) -> None:
        self._line = ""
        self._ticks = 0
        self._is_blank = True
        self._is_cut = False
        self._last = ""

    def add_text(self, text: str) -> None:
        """Follow a text that is not a call."""
        if words := text.rstrip():
            self._tail = f"{self._tail}{' ' * self._has_gap}{words}"[-_MAX_TAIL:]
            self._has_gap = False
        self._has_gap = self._has_gap or len(words) < len(text)
        for index, part in enumerate(text.split("\n")):
            if index:
                self._end_line()
            if part:
                self._add(part)

    def add_call(self) -> None:
        """Note that a call follows the text."""
        self._begun = self._after_call = True
        self._tail = ""
        self._span = self._run = 0
        self._begin_line()

    def ends_with(self, texts: tuple[str, ...]) -> bool:
        """Whether the text, without trailing whitespace, ends with one of these."""
        return self._tail.endswith(texts)

    def place_after(self, blanks: str) -> Place:
        """Return what would begin after this whitespace: the answer, a line, text after a sentence, or nothing."""
        here = copy(self)
        here.add_text(blanks)
        if here._fence or here._element or here._span:
            return ""
        if not here._begun:
            return "answer"
        if here._after_call or (here._is_blank and len(here._line.expandtabs(4)) <= _MAX_INDENT):
            return "line"
        return "sentence" if not blanks and here._last and here._last in _SENTENCE_ENDS else ""

    def _add(self, part: str) -> None:
        room = _MAX_LINE - len(self._line)
        self._line += part[:room]
        self._is_cut = self._is_cut or len(part) > room
        self._last = part[-1]
        if not part.isspace():
            self._is_blank = self._after_call = False
            self._begun = True
        if self._fence:
            return
        for found in _TICKS.finditer(part):
            if found[0][0] == "`":
                self._run += len(found[0])
                self._ticks += len(found[0])
            else:
                self._end_run()

    def _end_run(self) -> None:
        """Open a code span with the last backticks, or close the one that as many backticks opened."""
        if self._run:
            self._span = self._run if not self._span else 0 if self._span == self._run else self._span
            self._run = 0

    def _end_line(self) -> None:
        if self._fence:
            found = None if self._is_cut else _FENCE_END.fullmatch(self._line)
            if found and found[1].startswith(self._fence):
                self._fence = ""
        else:
            self._end_run()
            found = _FENCE.match(self._line)
            if found and (found[1][0] == "~" or len(found[1]) == self._ticks):
                self._fence, self._span = found[1], 0
            elif self._is_blank:
                self._span = 0  # a code span ends with its paragraph
            if not self._fence:
                self._end_line_of_element()
        self._begin_line()

    def _end_line_of_element(self) -> None:
        """Open an element if the line began with one, or close the open one."""
        line = f"{self._line}\n{self._tail}".lower() if self._is_cut else self._line.lower()
        if not self._element and (found := _ELEMENT.match(line)):
            self._element = f"</{found[1]}>"
        if self._element in line:
            self._element = ""
