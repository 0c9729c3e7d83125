"""Find the end of a value without quotes: Python's ``key=value``, XML's ``<parameter=key>value``."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ...json_schema.lenient import MAX_HELD, Broken, Steps, TextReader

PARAMETER = "<parameter="
FUNCTION = "<function="
FUNCTION_END = "</function>"
IDENTIFIER = re.compile(r"\w+")
_PARAMETER_END = "</parameter>"
_PARAMETER_NAME = re.compile(r"[^<>\n]+")
_BLANKS = re.compile(r"[ \t\r\n]+")
_NO_TAG = re.compile(r"[^<]+")
_PLAIN = re.compile(r"[^(),\n<`]+")
_MOST_BLANKS = 1024
_AGAIN = 4
"""How many characters are searched for a better end than the first, for each character before the value,"""
_AGAIN_AT_FIRST = 4096
"""and how many in addition. This keeps the work linear in the length of the answer."""
_MOST_NAME = 256


class UnquotedReader:
    """Reads whole values without quotes from a `TextReader`: their type depends on where they end."""

    def __init__(self, reader: TextReader) -> None:
        """Read from ``reader``."""
        self._reader = reader
        self._again = 0  # characters that were read more than once
        self.at_end = False
        """Whether the call has ended, unless an unusual continuation makes this end part of the value."""

    def keyword(self, *, named: bool) -> Steps[str]:
        """Take a value without quotes, up to the end of the line or the call; parentheses are balanced.

        A comma ends a positional value; it ends a named value only if another name follows.
        """
        reader, begin, opened = self._reader, self._reader.at, 0
        reader.marks.append(begin)
        while (char := (yield from reader.need())) != "\n" and not (yield from reader.is_at(reader.closer)):
            if reader.at - begin > MAX_HELD:
                raise Broken
            if self._run(_PLAIN, begin + MAX_HELD):
                continue
            if char == "," and not opened and (not named or (yield from self._keyword_follows())):
                break
            opened += (char == "(") - (char == ")")
            if opened < 0:
                break
            reader.at += 1
        text = reader.since(begin).rstrip(" \t\r")
        reader.marks.remove(begin)
        reader.at = begin + len(text)
        return text

    def _keyword_follows(self) -> Steps[bool]:
        """Whether the comma at this position is followed by ``name=`` or an end."""
        reader, begin = self._reader, self._reader.at
        reader.marks.append(begin)
        reader.at += 1
        yield from reader.blanks()
        found = (yield from reader.peek()) in ("", ")")
        if not found:
            length = 0
            while length <= _MOST_NAME and (yield from reader.peek()) and (some := reader.run(IDENTIFIER)):
                length += len(some)
            yield from reader.blanks()
            found = 0 < length <= _MOST_NAME and (yield from reader.one_of(("=", "=="))) == "="
        reader.marks.remove(begin)
        reader.at = begin
        return found

    def parameter(self, left: Sequence[str]) -> Steps[str]:
        """Take a parameter's value and its closing tag.

        ``left`` are the parameters that were not given yet. A value may contain tags, so a closing tag counts only if
        the next parameter or the end of the call follows. If none does, the first closing tag counts after all; if the
        model forgot the tag, the value ends where the next parameter or the end of the call begins.
        """
        reader = self._reader
        begin, first, fresh = reader.at, -1, True
        limit = begin + MAX_HELD
        end = after = -1
        reader.marks.append(begin)
        while end < 0:
            char = yield from reader.peek()
            if not char or reader.at > limit:
                if first < 0:
                    raise Broken
                self._again += reader.at - first
                end, after = first, first + len(_PARAMETER_END)
                break
            if char != "<":
                fresh = self._run(_NO_TAG, limit).endswith("\n")
                continue
            at = reader.at
            if (yield from reader.one_of((_PARAMETER_END,))):
                after = reader.at
                end = at if (yield from self._goes_on_after_a_parameter()) else -1
                if first < 0:
                    first = at
                    limit = min(limit, after + max(_AGAIN * begin + _AGAIN_AT_FIRST - self._again, 0))
            else:
                after = at
                end = at if (yield from self._is_end_forgotten(left, fresh=fresh)) else -1
            reader.at, fresh = at + 1, False
        reader.at = end
        text = reader.since(begin)
        reader.marks.remove(begin)
        reader.at = after
        return _without_line_ends(text)

    def _goes_on_after_a_parameter(self) -> Steps[bool]:
        """Whether the next parameter or the end of the call follows, and is not itself inside a value."""
        reader = self._reader
        yield from self._few_blanks()
        found = yield from reader.one_of((PARAMETER, *self._ends()))
        if found == PARAMETER:
            return bool((yield from self._name()).strip())
        if not (found or (yield from reader.peek())):
            return True
        return bool(found) and (yield from self._is_outermost(found))

    def _is_outermost(self, end: str) -> Steps[bool]:
        """Whether no value continues after this end and the ends that follow it."""
        reader = self._reader
        outer = self._ends()[1:]
        self.at_end = end != FUNCTION_END or not outer
        try:
            yield from self._few_blanks()
            if not self.at_end and (yield from reader.one_of(outer)):
                self.at_end = True
                yield from self._few_blanks()
            return not (yield from reader.one_of((_PARAMETER_END, FUNCTION_END)))
        finally:
            self.at_end = False

    def _is_end_forgotten(self, left: Sequence[str], *, fresh: bool) -> Steps[bool]:
        """Whether the tag at this position belongs to the enclosing call; ``fresh`` means that it begins a line."""
        reader = self._reader
        if (yield from reader.one_of((PARAMETER,))):
            return fresh and (yield from self._name()).strip().strip("\"'") in left
        end = yield from reader.one_of(self._ends())
        if not end:
            return False
        yield from self._few_blanks()
        closed = end == FUNCTION_END and (yield from reader.one_of(self._ends()[1:]))
        if closed:
            yield from self._few_blanks()
        if not (yield from reader.peek()):
            return fresh or bool(closed)
        return fresh and end == FUNCTION_END and bool((yield from reader.one_of((FUNCTION, "<tool_call>"))))

    def _name(self) -> Steps[str]:
        """Take the name of a parameter."""
        reader, begin = self._reader, self._reader.at
        while (yield from reader.peek()) and reader.at - begin <= _MOST_NAME and reader.run(_PARAMETER_NAME):
            pass
        return reader.since(begin)

    def _few_blanks(self) -> Steps[None]:
        reader, begin = self._reader, self._reader.at
        while reader.at - begin < _MOST_BLANKS and (yield from reader.peek()) and reader.run(_BLANKS):
            pass
        reader.at = min(reader.at, begin + _MOST_BLANKS)

    def _run(self, pattern: re.Pattern[str], limit: int) -> str:
        """Take the available text that matches the pattern, up to one character after ``limit``."""
        found = self._reader.run(pattern)
        self._reader.at = min(self._reader.at, limit + 1)
        return found

    def _ends(self) -> tuple[str, ...]:
        """Return the tags that may end a call, the inner one first."""
        closer = self._reader.closer
        return (FUNCTION_END, closer) if closer and closer != FUNCTION_END else (FUNCTION_END,)


def _without_line_ends(text: str) -> str:
    """Strip one line end between the value and each of its tags."""
    line_end = "\r\n" if text.startswith("\r\n") else "\n"
    return text.removeprefix(line_end).removesuffix(line_end)
