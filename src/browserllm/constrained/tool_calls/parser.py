"""Parse an answer, in any pieces, into text and tool calls.

Every family begins calls in its own way, which its `ToolFormat` describes: a tag, a marker, an object that is the whole
answer. A call begins only at the start of the answer or of a line; in a sentence, a list or code the same text is only
mentioned (see `markdown`). Inside a call the parser accepts many notations, because small models mix them up: JSON,
lists of calls, OpenAI's nested objects, Python's ``name(key=value)``, XML's ``<function=name>``, several in a row.

Arguments are streamed as the model writes them, once the tool's name is known, with the repairs of `lenient`. Text that
is not a call after all comes out verbatim. The parser never fails, and never holds back much more than
`lenient.MAX_HELD` characters.

If something that looked like a call is not one, it is read again from its second character, since another call may
begin inside. To keep the work linear, `_AGAIN` limits how much is read again; after that, everything read is text.
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

from ...json_schema.lenient import Broken, Steps, TextReader
from ...types import Tool, ToolCallDelta
from .calls import CallReader, NotACall
from .formats import ToolFormat, format_for
from .markdown import MarkdownTracker, Place
from .unquoted import FUNCTION

Piece = str | ToolCallDelta

_WITHIN: dict[str, tuple[Place, ...]] = {
    "answer": ("answer",),
    "line": ("answer", "line"),
    "sentence": ("answer", "line", "sentence"),
}

_PIECE = re.compile(r".+", re.DOTALL)
_AGAIN = 4
"""How many characters may be read again for each character of the answer,"""
_AGAIN_AT_FIRST = 4096
"""and how many in addition."""


class _Syntax:
    """How calls of a family may begin, prepared for the parser."""

    def __init__(self, form: ToolFormat) -> None:
        self.bare = form.bare
        self.openings = {opening.text: opening for opening in form.openings}
        self.marks = tuple(mark for opening in form.openings for mark in (opening.text, opening.end) if mark)
        self.first = "".join({text[0] for text in self.openings}) + form.bare
        self.plain = re.compile(rf"[^\s{re.escape(self.first)}]+")


class ToolCallParser:
    """Turns pieces of an answer into text and `ToolCallDelta`s; the result does not depend on the pieces.

    The first delta of each call has its id and name, the following ones its arguments. The arguments of a call that
    breaks off stay incomplete JSON, so that it cannot run by mistake.
    """

    def __init__(
        self, tools: Sequence[Tool], form: ToolFormat | None = None, new_id: Callable[[], str] | None = None
    ) -> None:
        """Read calls of ``tools`` in a family's format, or in that of unknown models without ``form``.

        ``new_id`` returns an id for each call.
        """
        self._form = _Syntax(form or format_for(""))
        self._new_id = new_id or (lambda: f"call_{os.urandom(9).hex()}")
        self._reader = TextReader()
        self._call = CallReader(self._reader, tools, self._begin, self._write)
        self._pieces: list[Piece] = []
        self._kept: list[Piece] = []  # calls in a fence, until they are known to be calls
        self._markdown = MarkdownTracker()
        self._after_call = False
        self._is_mention = False  # the last opening was only mentioned
        self._size = 0  # of the answer so far
        self._quoted: deque[tuple[int, int]] = deque()  # ranges in which no call begins
        self._unread: tuple[int, int] | None = None  # the range after a call that is not a call
        self._again = 0  # characters that were read more than once
        self._steps = self._run()

    @property
    def calls(self) -> int:
        """How many calls have begun."""
        return self._call.calls

    @property
    def call_state(self) -> Literal["text", "call", "after_call"]:
        """Whether the parser is inside a call, or only whitespace followed one."""
        if self._call.open and not self._call.at_end:
            return "call"
        return "after_call" if self._after_call else "text"

    def quote(self, text: str) -> list[Piece]:
        """Take text in which no call can begin."""
        if text:
            self._quoted.append((self._size, self._size + len(text)))
        return self.feed(text)

    def feed(self, text: str) -> list[Piece]:
        """Take the next piece of the answer; return what is decided by now."""
        self._reader.add(text)
        self._size += len(text)
        return self._go_on()

    def finish(self) -> list[Piece]:
        """Note that the answer has ended; return the rest."""
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
                self._emit_text(reader.run(_PIECE))
                continue
            if not (char.isspace() or char in self._form.first):
                self._emit_text(reader.run(self._form.plain))
                continue
            mark, calls = reader.at, self.calls
            reader.marks.append(mark)
            with suppress(NotACall, Broken):
                yield from self._candidate()
            called, reader.closer = self.calls > calls, ""
            if called:
                self._markdown.add_call()
                self._after_call = True
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
                    self._emit_text(text)

    def _is_quoted(self) -> bool:
        at, quoted = self._reader.at, self._quoted
        while quoted and quoted[0][1] <= at:
            quoted.popleft()
        return bool(quoted) and quoted[0][0] <= at

    def _no_call(self, mark: int) -> str:
        """Return the beginning of a text that was not a call, up to where another call may begin."""
        read = self._reader.since(mark)
        return read[: len(read) - len(read.lstrip())] or read[:1]

    def _may_read_again(self, begin: int) -> bool:
        """Whether the parser may go back to ``begin``; if so, count what it reads again."""
        again = self._again + self._reader.furthest - begin
        if again > _AGAIN * begin + _AGAIN_AT_FIRST and self._reader.at > begin:
            return False
        self._again = again
        return True

    def _begin(self, name: str) -> None:
        self._after_call = True
        self._put(ToolCallDelta(index=self.calls - 1, id=self._new_id(), name=name))

    def _write(self, text: str) -> None:
        self._put(ToolCallDelta(index=self.calls - 1, arguments=text))

    def _put(self, piece: Piece) -> None:
        (self._pieces if self._call.kept is None else self._kept).append(piece)

    def _emit_text(self, text: str) -> None:
        self._markdown.add_text(text)
        self._after_call = self._after_call and not text.strip()
        self._pieces.append(text)

    def _candidate(self) -> Steps[None]:
        reader = self._reader
        begin = reader.at
        yield from reader.blanks()
        char = yield from reader.need()
        if char not in self._form.first:
            raise NotACall
        place = self._markdown.place_after(reader.since(begin))
        found = yield from reader.one_of(tuple(self._form.openings))
        if not found:
            if place != "answer" or char not in self._form.bare:
                raise NotACall
            yield from self._calls(tagged=False)
            return
        opening = self._form.openings[found]
        # An opening directly after a mentioned one is mentioned as well.
        self._is_mention = place not in _WITHIN[opening.place] or (
            self._is_mention and self._markdown.ends_with(self._form.marks)
        )
        if self._is_mention:
            raise NotACall
        if found == FUNCTION:
            reader.at -= len(found)  # it belongs to the call itself
        reader.closer = opening.end
        if opening.whole:
            yield from self._read_fence(begin)
        else:
            yield from self._calls(tagged=True, known=opening.known)

    def _read_fence(self, begin: int) -> Steps[None]:
        """Read the calls in a fence, which count only if the fence has nothing else and nothing follows it."""
        reader, before = self._reader, self.calls
        if "\n" not in (yield from reader.blanks()):
            raise NotACall
        self._call.kept = begin
        try:
            yield from self._calls(tagged=True, known=True)
            reader.at = self._unread[0] if self._unread else reader.at
            yield from reader.blanks()
            if self.calls == before or (yield from reader.peek()):
                raise NotACall
        except (NotACall, Broken):
            self._call.calls = before
            raise
        else:
            self._pieces.extend(self._kept)
        finally:
            self._call.kept = None
            self._kept.clear()

    # Calls, one after another

    def _calls(self, *, tagged: bool, known: bool = False) -> Steps[None]:
        """Read one or more calls, or lists of calls; stop before text that is not a call.

        Python's notation, calls of unknown tools, and more than one call count only within tags.
        """
        reader = self._reader
        before, lists, mark = self.calls, 0, reader.at
        self._unread = None
        while True:
            again = self.calls > before
            if again:
                self._hold(mark)
            yield from reader.blanks()
            char = yield from reader.peek()
            if reader.closer and (yield from reader.is_at(reader.closer)):
                reader.at += len(reader.closer)
                return
            if char == "[" and lists < 2 and not (yield from self._opens()):
                lists += 1
            elif char == "]" and lists:
                lists -= 1
            elif not (char and char in ",;" and (lists or again)):
                begun = self.calls
                try:
                    if not (tagged or lists or char == "{"):
                        raise NotACall
                    sure = tagged and not known and (lists > 0 or not again or (reader.closer and char in "{<"))
                    yield from self._call.read(char, tagged=bool(sure))
                except (NotACall, Broken):
                    if begun == before or self.calls > begun:
                        raise
                    self._unread = mark, reader.at
                    return
                mark = reader.at
                continue
            reader.at += 1
            if again:
                mark = reader.at

    def _hold(self, mark: int) -> None:
        """Keep the text since ``mark``, and none before it that is no longer needed."""
        kept = self._call.kept
        self._reader.marks[:] = [mark] if kept is None else [kept, mark]

    def _opens(self) -> Steps[bool]:
        begin = self._reader.at
        self._reader.marks.append(begin)
        found = yield from self._reader.one_of(tuple(self._form.openings))
        self._reader.marks.remove(begin)
        self._reader.at = begin
        return bool(found)


def _joined(pieces: list[Piece]) -> list[Piece]:
    """Join adjacent pieces of the same text or call."""
    joined: list[Piece] = []
    for key, group in groupby(pieces, lambda piece: -1 if isinstance(piece, str) else piece.index):
        same = list(group)
        if key < 0:
            joined.append("".join(cast("list[str]", same)))
        else:
            deltas = cast("list[ToolCallDelta]", same)
            joined.append(replace(deltas[0], arguments="".join(delta.arguments for delta in deltas)))
    return joined
