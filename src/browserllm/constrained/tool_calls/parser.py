"""What a model writes, in any pieces, into text and tool calls.

Every family has its own way to begin a call, which its `ToolFormat` says: a tag, a mark, an object that is the whole
answer. Only where that stands, at the beginning of the answer or of a line, a call begins; in a sentence, a list or
code it is text (`places`). Within it the parser knows many ways to write a call, for small models mix them up: JSON,
lists of calls, OpenAI's nested objects, Python's ``name(key=value)``, XML's ``<function=name>``, several in a row.

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

from ...json_schema.lenient import Broken, Reader, Steps
from ...types import Tool, ToolCallDelta
from .bare import FUNCTION
from .calls import CallReader, NoCall
from .formats import ToolFormat, format_for
from .places import Place, Places

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
"""and how many beyond that."""


class _Form:
    """What a family's form has for the reading of it: how a call may begin, and text in which none does."""

    def __init__(self, form: ToolFormat) -> None:
        self.bare = form.bare
        self.openings = {opening.text: opening for opening in form.openings}
        self.marks = tuple(mark for opening in form.openings for mark in (opening.text, opening.end) if mark)
        self.first = "".join({text[0] for text in self.openings}) + form.bare
        self.plain = re.compile(rf"[^\s{re.escape(self.first)}]+")


class ToolCallParser:
    """Turns pieces of an answer into text and `ToolCallDelta`s; how the answer is cut into pieces changes nothing.

    Of each call the first delta has its id and name, the following ones its arguments. A call that breaks off keeps
    arguments that are no whole JSON, so that nobody runs half of it.
    """

    def __init__(
        self, tools: Sequence[Tool], form: ToolFormat | None = None, new_id: Callable[[], str] | None = None
    ) -> None:
        """Read calls of ``tools`` as a family writes them; without ``form`` of a model that nobody knows.

        ``new_id`` makes the calls' ids.
        """
        self._form = _Form(form or format_for(""))
        self._new_id = new_id or (lambda: f"call_{os.urandom(9).hex()}")
        self._reader = Reader()
        self._call = CallReader(self._reader, tools, self._begin, self._write)
        self._pieces: list[Piece] = []
        self._kept: list[Piece] = []  # calls in a fence, until it is clear that they are calls
        self._places = Places()
        self._after_call = False
        self._is_mention = False  # the opening before is one that is talked about
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
    def call_state(self) -> Literal["text", "call", "after_call"]:
        """Whether the reading is in a call, or nothing but blanks came after one."""
        if self._call.open and not self._call.at_end:
            return "call"
        return "after_call" if self._after_call else "text"

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
            if not (char.isspace() or char in self._form.first):
                self._say(reader.run(self._form.plain))
                continue
            mark, calls = reader.at, self.calls
            reader.marks.append(mark)
            with suppress(NoCall, Broken):
                yield from self._candidate()
            called, reader.closer = self.calls > calls, ""
            if called:
                self._places.call()
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
        self._put(ToolCallDelta(sequence=0, index=self.calls - 1, id=self._new_id(), name=name))

    def _write(self, text: str) -> None:
        self._put(ToolCallDelta(sequence=0, index=self.calls - 1, arguments=text))

    def _put(self, piece: Piece) -> None:
        (self._pieces if self._call.kept is None else self._kept).append(piece)

    def _say(self, text: str) -> None:
        self._places.say(text)
        self._after_call = self._after_call and not text.strip()
        self._pieces.append(text)

    def _candidate(self) -> Steps[None]:
        reader = self._reader
        begin = reader.at
        yield from reader.blanks()
        char = yield from reader.need()
        if char not in self._form.first:
            raise NoCall
        place = self._places.after(reader.since(begin))
        found = yield from reader.one_of(tuple(self._form.openings))
        if not found:
            if place != "answer" or char not in self._form.bare:
                raise NoCall
            yield from self._calls(tagged=False)
            return
        opening = self._form.openings[found]
        # What follows a form that is talked about, and nothing else between them, is talked about as well.
        self._is_mention = place not in _WITHIN[opening.place] or (
            self._is_mention and self._places.ends_with(self._form.marks)
        )
        if self._is_mention:
            raise NoCall
        if found == FUNCTION:
            reader.at -= len(found)  # it is a call of its own
        reader.closer = opening.end
        if opening.whole:
            yield from self._whole(begin)
        else:
            yield from self._calls(tagged=True, known=opening.known)

    def _whole(self, begin: int) -> Steps[None]:
        """Read the calls in a fence, which are calls if nothing else is in it and nothing follows it."""
        reader, before = self._reader, self.calls
        if "\n" not in (yield from reader.blanks()):
            raise NoCall
        self._call.kept = begin
        try:
            yield from self._calls(tagged=True, known=True)
            reader.at = self._unread[0] if self._unread else reader.at
            yield from reader.blanks()
            if self.calls == before or (yield from reader.peek()):
                raise NoCall
        except (NoCall, Broken):
            self._call.calls = before
            raise
        else:
            self._pieces.extend(self._kept)
        finally:
            self._call.kept = None
            self._kept.clear()

    # Calls, one after the other

    def _calls(self, *, tagged: bool, known: bool = False) -> Steps[None]:
        """Read one call or several, or lists of them; what follows them and is none is left alone.

        Only within tags Python's form and unknown tools' calls are calls, and only there more than the first.
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
            if reader.closer and (yield from reader.stands(reader.closer)):
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
                        raise NoCall
                    sure = tagged and not known and (lists > 0 or not again or (reader.closer and char in "{<"))
                    yield from self._call.read(char, tagged=bool(sure))
                except (NoCall, Broken):
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
        """Keep what was read since ``mark``, and nothing before it that no longer matters."""
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
