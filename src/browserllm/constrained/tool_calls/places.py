"""Where in an answer a call may begin: at a line's start, and not in a quotation, a list or code.

What stands within a sentence, an item of a list, backticks, a code fence or an element such as ``<pre>`` is what the
model talks about. So the Markdown of the text before it is followed: its lines, its fences, its spans of code, and the
elements that begin a line and hold code or an example. Where that can be read in two ways (a span that nothing closes),
it is code.
"""

from __future__ import annotations

import re
from copy import copy
from typing import Literal

Place = Literal["answer", "line", "sentence", ""]

# A fence may stand in quotations and items of lists.
_FENCE = re.compile(r"(?:[ \t>]|[-*+][ \t]|\d{1,9}[.)][ \t])*(`{3,}|~{3,})")
_FENCE_END = re.compile(r"[ \t>]*(`{3,}|~{3,})\s*")
# An element that shows something, and its end.
_ELEMENT = re.compile(
    r"[ \t]*<(pre|code|samp|xmp|textarea|snippet|examples?|samples?|blockquote|quote)(?:\s[^<>]*)?>", re.IGNORECASE
)
_TICKS = re.compile(r"`+|[^`]+")
_MAX_LINE = 256
"""How much of a line is looked at to see whether it is a fence."""
_MAX_TAIL = 64
"""How much is remembered of what was said: more than the longest mark."""
_MAX_INDENT = 1
"""How many blanks may stand before a call: after two it may belong to an item of a list, after four it is code."""
_SENTENCE_ENDS = ".!?\u2026\u3002\uff01\uff1f"


class Places:
    """Follows the text of an answer; how it is cut into pieces changes nothing."""

    def __init__(self) -> None:
        """Start at the beginning of an answer."""
        self._begun = False
        self._after_call = False
        self._tail = ""  # the last that was said, without the blanks after it
        self._has_gap = False
        self._fence = ""
        self._element = ""  # the end of the element that is open
        self._span = 0  # how many backticks began the span of code that is open
        self._run = 0  # backticks that stand at the end of what was said
        self._begin_line()

    def _begin_line(self) -> None:
        self._line = ""
        self._ticks = 0
        self._is_blank = True
        self._is_cut = False
        self._last = ""

    def say(self, text: str) -> None:
        """Go on over a text that is no call."""
        if words := text.rstrip():
            self._tail = f"{self._tail}{' ' * self._has_gap}{words}"[-_MAX_TAIL:]
            self._has_gap = False
        self._has_gap = self._has_gap or len(words) < len(text)
        for index, part in enumerate(text.split("\n")):
            if index:
                self._end_line()
            if part:
                self._add(part)

    def call(self) -> None:
        """Go on over a call."""
        self._begun = self._after_call = True
        self._tail = ""
        self._span = self._run = 0
        self._begin_line()

    def ends_with(self, texts: tuple[str, ...]) -> bool:
        """Say whether the last that was said, but for blanks, is one of these texts."""
        return self._tail.endswith(texts)

    def after(self, blanks: str) -> Place:
        """Say what begins after these blanks: the answer, a line, what follows a sentence; nothing that matters."""
        here = copy(self)
        here.say(blanks)
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
        """Begin a span of code with the backticks before, or end the one that as many began."""
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
                self._span = 0  # it ends with its paragraph
            if not self._fence:
                self._end_line_of_element()
        self._begin_line()

    def _end_line_of_element(self) -> None:
        """Begin an element, where the line began with one, or end the one that is open."""
        line = f"{self._line}\n{self._tail}".lower() if self._is_cut else self._line.lower()
        if not self._element and (found := _ELEMENT.match(line)):
            self._element = f"</{found[1]}>"
        if self._element in line:
            self._element = ""
