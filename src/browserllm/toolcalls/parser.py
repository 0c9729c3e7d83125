"""What a model writes, in any pieces, into text and tool calls.

Every family has its own way to write a call, and small models mix them up. So the parser knows the ways rather than
the family: tags around JSON (Hermes, Qwen, Phi), a marker before it (Mistral), JSON alone (Llama, Gemma), lists of
calls, OpenAI's nested objects, Python's ``name(key=value)``, XML's ``<function=name>``; each alone, after text, in a
code fence, several in a row. Without a tag around it, only what names a tool that was offered is a call.

Arguments come out as the model writes them, as soon as the tool's name is known, with `lenient`'s repairs. What turns
out to be no call comes out as text, to the letter. No text makes the parser fail, and it never holds back more than
`lenient.MAX_HELD` characters or so.

What looked like a call and is none is read again from its second character, for another call may begin in it. So that
the work grows with the length of the answer alone, only so much is read again as `_AGAIN` says; where that is used up,
all that was read is text.
"""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import groupby
from typing import Literal, cast

from msgspec.structs import replace

from ..schemas.lenient import Broken, Reader, Steps
from ..types import Tool, ToolCallDelta
from .calls import MAX_NAME, CallReader, NoCall

Piece = str | ToolCallDelta

# What begins calls, and what ends them.
_TAGS = {
    "<tool_call>": "</tool_call>",
    "<function_call>": "</function_call>",
    "<|tool_call|>": "<|/tool_call|>",
    "<|tool_call_start|>": "<|tool_call_end|>",
    "<|python_tag|>": "",
    "[TOOL_CALLS]": "",
    "<function=": "</function>",
}
_OPENINGS = tuple(_TAGS)
_PLAIN = re.compile(r"[^\s<\[{`]+")
_PIECE = re.compile(r".+", re.DOTALL)
_AGAIN = 4
"""How many characters may be read again for each character of the answer,"""
_AGAIN_AT_FIRST = 4096
"""and how many beyond that."""


class ToolCallParser:
    """Turns pieces of an answer into text and `ToolCallDelta`s; how the answer is cut into pieces changes nothing.

    Of each call the first delta has its id and name, the following ones its arguments. A call that breaks off keeps
    arguments that are no whole JSON, so that nobody runs half of it.
    """

    def __init__(self, tools: Sequence[Tool], new_id: Callable[[], str] | None = None) -> None:
        """Read calls of ``tools``; ``new_id`` makes the calls' ids."""
        self._new_id = new_id or (lambda: f"call_{os.urandom(9).hex()}")
        self._reader = Reader()
        self._call = CallReader(self._reader, tools, self._begin, self._write)
        self._pieces: list[Piece] = []
        self._fresh = True  # nothing but blanks since the line began
        self._after_call = False
        self._size = 0  # of the answer so far
        self._quoted: deque[tuple[int, int]] = deque()  # where no call begins; each is a piece of the reader's
        self._unread: tuple[int, int] | None = None  # what followed a call, and is none
        self._again = 0  # characters that were read more than once
        self._steps = self._run()

    @property
    def calls(self) -> int:
        """How many calls have begun."""
        return self._call.calls

    @property
    def where(self) -> Literal["text", "call", "after_call"]:
        """Whether the reading is in a call, or nothing but blanks came after one."""
        return "call" if self._call.open else "after_call" if self._after_call else "text"

    def quote(self, text: str) -> list[Piece]:
        """Take text in which no call begins."""
        if text:
            self._quoted.append((self._size, self._size + len(text)))
        return self.feed(text)

    def feed(self, text: str) -> list[Piece]:
        """Take the next piece of the answer; return what is clear by now."""
        self._reader.add(text)
        self._size += len(text)
        return self._go_on()

    def finish(self) -> list[Piece]:
        """Say that the answer has ended; return the rest."""
        self._reader.end()
        return self._go_on()

    def _go_on(self) -> list[Piece]:
        next(self._steps, None)
        pieces, self._pieces = self._pieces, []
        return _joined(pieces)

    # Text, until something looks like a call

    def _run(self) -> Steps[None]:
        reader = self._reader
        while char := (yield from reader.peek()):
            if self._is_quoted():
                self._say(reader.run(_PIECE))
                continue
            if not (self._fresh or char.isspace() or char in "<[{`"):
                self._say(reader.run(_PLAIN))
                continue
            mark, calls = reader.at, self.calls
            reader.marks.append(mark)
            with suppress(NoCall, Broken):
                yield from self._candidate()
            called, reader.closer = self.calls > calls, ""
            if called:
                self._fresh = self._after_call = True
                begin, end = self._unread or (reader.at, reader.at)
            else:
                begin, end = mark, max(reader.at, mark + 1)
            reader.at = end
            text = "" if called else self._no_call(mark)
            if not self._may_read_again(begin + len(text)):
                text = reader.since(begin)
            reader.marks.clear()
            reader.at = begin + len(text)
            if text:
                ended = not (yield from reader.peek())
                if not (ended and self._after_call and text.isspace()):
                    self._say(text)

    def _is_quoted(self) -> bool:
        at, quoted = self._reader.at, self._quoted
        while quoted and quoted[0][1] <= at:
            quoted.popleft()
        return bool(quoted) and quoted[0][0] <= at

    def _no_call(self, mark: int) -> str:
        """Return, of what was no call, what cannot begin another one."""
        read = self._reader.since(mark)
        return read[: len(read) - len(read.lstrip())] or read[:1]

    def _may_read_again(self, begin: int) -> bool:
        """Say whether the reading may go back to ``begin``, and count what is read again then."""
        again = self._again + self._reader.furthest - begin
        if again > _AGAIN * begin + _AGAIN_AT_FIRST and self._reader.at > begin:
            return False
        self._again = again
        return True

    def _begin(self, name: str) -> None:
        self._after_call = True
        self._pieces.append(ToolCallDelta(sequence=0, index=self.calls - 1, id=self._new_id(), name=name))

    def _write(self, text: str) -> None:
        self._pieces.append(ToolCallDelta(sequence=0, index=self.calls - 1, arguments=text))

    def _say(self, text: str) -> None:
        line = text.rpartition("\n")
        self._fresh = not line[2].strip() and (self._fresh or bool(line[1]))
        self._after_call = self._after_call and not text.strip()
        self._pieces.append(text)

    def _candidate(self) -> Steps[None]:
        reader = self._reader
        fresh = "\n" in (yield from reader.blanks()) or self._fresh
        char = yield from reader.need()
        opening = (yield from reader.one_of(_OPENINGS)) if char in "<[" else ""
        if opening:
            reader.closer = _TAGS[opening]
            if opening == "<function=":
                reader.at -= len(opening)  # it is a call of its own
            yield from self._calls(tagged=True)
        elif not fresh:
            raise NoCall
        elif char == "`":
            yield from self._fence()
            reader.closer = "```"
            yield from self._calls(tagged=False)
        else:
            yield from self._calls(tagged=False)

    def _fence(self) -> Steps[None]:
        """Take a fence with its language, and the end of the line."""
        reader = self._reader
        if not (yield from reader.one_of(("```",))):
            raise NoCall
        language = yield from self._call.name()
        if len(language) > MAX_NAME or "\n" not in (yield from reader.blanks()):
            raise NoCall

    # Calls, one after the other

    def _calls(self, *, tagged: bool) -> Steps[None]:
        """Read one call or several, or lists of them; what follows them and is none is left alone."""
        reader = self._reader
        before, lists, mark = self.calls, 0, reader.at
        self._unread = None
        while True:
            if self.calls > before:
                reader.marks[:] = [mark]
            yield from reader.blanks()
            char = yield from reader.peek()
            if reader.closer and (yield from reader.stands(reader.closer)):
                reader.at += len(reader.closer)
                return
            if char == "[" and lists < 2 and not (yield from self._opens()):
                lists += 1
            elif char == "]" and lists:
                lists -= 1
            elif not (char and char in ",;" and (lists or self.calls > before)):
                begun = self.calls
                try:
                    yield from self._call.read(char, tagged=tagged)
                except (NoCall, Broken):
                    if begun == before or self.calls > begun:
                        raise
                    self._unread = mark, reader.at
                    return
                mark = reader.at
                continue
            reader.at += 1
            if self.calls > before:
                mark = reader.at

    def _opens(self) -> Steps[bool]:
        begin = self._reader.at
        self._reader.marks.append(begin)
        found = yield from self._reader.one_of(_OPENINGS)
        self._reader.marks.remove(begin)
        self._reader.at = begin
        return bool(found)


def _joined(pieces: list[Piece]) -> list[Piece]:
    """Join neighbours that belong together."""
    joined: list[Piece] = []
    for key, group in groupby(pieces, lambda piece: -1 if isinstance(piece, str) else piece.index):
        same = list(group)
        if key < 0:
            joined.append("".join(cast("list[str]", same)))
        else:
            deltas = cast("list[ToolCallDelta]", same)
            joined.append(replace(deltas[0], arguments="".join(delta.arguments for delta in deltas)))
    return joined
