"""JSON as models write it, in any pieces, into JSON.

What is valid comes out as it went in, to the letter. What is not is repaired where its meaning is plain: quotes of the
wrong kind or none, Python's ``True`` and ``None``, commas too many or too few, line ends inside a text. What breaks off
is never completed: half a value is not what the model meant.

The functions are generators that wait (``yield``) for more text, so that a reader of any grammar can be written from
top to bottom although its text comes in pieces, and reads the same whatever the pieces are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Generator, Sequence
from typing import TypeVar

T = TypeVar("T")
Steps = Generator[None, None, T]
Write = Callable[[str], None]

MAX_HELD = 65_536
"""The most characters that are held back until it is clear what they are."""
MAX_DEPTH = 64
"""How deep arrays and objects may be nested."""

_BLANKS = re.compile(r"[ \t\r\n]+")
_PLAIN = {'"': re.compile(r'[^"\\\x00-\x1f]+'), "'": re.compile(r"[^\"'\\\x00-\x1f]+")}
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_WORDS = {"": "null", "True": "true", "False": "false", "None": "null", "undefined": "null", "NaN": "null"}
_LITERALS = {"true", "false", "null"}
_MAX_BLANKS = 1024


class Broken(Exception):  # noqa: N818 (it ends a read, and is no failure of ours)
    """What the model wrote cannot be read any further: it breaks off, or is nested or goes on without bounds."""


class Reader:
    """Text that comes in pieces. Positions count from the start of the stream; only what is still needed is kept.

    ``closer``, when set, ends whatever is open: the tag after a call.
    """

    def __init__(self) -> None:
        """Start with nothing."""
        self.at = 0
        self.marks: list[int] = []
        self.closer = ""
        self._text = ""
        self._start = 0
        self._ended = False

    def add(self, text: str) -> None:
        """Add a piece, and let go of what was read and is not marked."""
        keep = min((self.at, *self.marks))
        self._text = self._text[keep - self._start :] + text
        self._start = keep

    def end(self) -> None:
        """Say that nothing more comes."""
        self._ended = True

    def peek(self) -> Steps[str]:
        """Return the next character; an empty text at the end."""
        while self.at - self._start >= len(self._text):
            if self._ended:
                return ""
            yield
        return self._text[self.at - self._start]

    def need(self) -> Steps[str]:
        """Return the next character; raise `Broken` at the end."""
        char = yield from self.peek()
        if not char:
            raise Broken
        return char

    def since(self, position: int) -> str:
        """Return what was read since a marked position."""
        return self._text[position - self._start : self.at - self._start]

    def run(self, pattern: re.Pattern[str]) -> str:
        """Take what of the pattern is here already; the rest of a run comes with the next call."""
        found = pattern.match(self._text, self.at - self._start)
        if found is None:
            return ""
        self.at += len(found[0])
        return found[0]

    def blanks(self) -> Steps[str]:
        """Take white space."""
        taken = ""
        while (yield from self.peek()) and (some := self.run(_BLANKS)):
            taken += some
            if len(taken) > MAX_HELD:
                raise Broken
        return taken

    def one_of(self, texts: Sequence[str]) -> Steps[str]:
        """Take the longest of the texts that stands here; take nothing, and return an empty text, where none does."""
        begin, found, read = self.at, "", ""
        self.marks.append(begin)
        while any(text.startswith(read) for text in texts):
            if read in texts:
                found = read
            char = yield from self.peek()
            if not char:
                break
            read += char
            self.at += 1
        self.marks.remove(begin)
        self.at = begin + len(found)
        return found

    def stands(self, text: str) -> Steps[bool]:
        """Say whether a text stands here, and take nothing."""
        begin = self.at
        if not text or (yield from self.peek()) != text[0]:
            return False
        self.marks.append(begin)
        found = yield from self.one_of((text,))
        self.marks.remove(begin)
        self.at = begin
        return bool(found)


def read_value(reader: Reader, write: Write, ends: str = ",}]", depth: int = 0) -> Steps[None]:
    """Read a value, and write it as JSON; a word without quotes goes up to one of ``ends``."""
    if depth > MAX_DEPTH:
        raise Broken
    char = yield from reader.need()
    if char == "{":
        yield from _read_object(reader, write, depth)
    elif char == "[":
        yield from _read_array(reader, write, depth)
    elif char in "\"'":
        yield from _read_string(reader, write)
    else:
        word = yield from read_word(reader, ends)
        word = _WORDS.get(word, word)
        write(word if word in _LITERALS or _NUMBER.fullmatch(word) else json.dumps(word, ensure_ascii=False))


def _read_object(reader: Reader, write: Write, depth: int) -> Steps[None]:
    write("{")
    reader.at += 1
    items = _items(reader, write, "}")
    while (yield from items):
        items = _items(reader, write, "}", first=False)
        if (yield from reader.peek()) in "\"'":
            yield from _read_string(reader, write)
        else:
            write(json.dumps((yield from read_word(reader, ":=,}]")), ensure_ascii=False))
        write((yield from reader.blanks()) + ":")
        if (yield from reader.need()) in ":=":
            reader.at += 1
        write((yield from reader.blanks()))
        yield from read_value(reader, write, depth=depth + 1)


def _read_array(reader: Reader, write: Write, depth: int) -> Steps[None]:
    write("[")
    reader.at += 1
    items = _items(reader, write, "]")
    while (yield from items):
        items = _items(reader, write, "]", first=False)
        yield from read_value(reader, write, depth=depth + 1)


def _items(reader: Reader, write: Write, end: str, *, first: bool = True) -> Steps[bool]:
    """Go to the next item, with exactly one comma before it, or to the end; say whether there is an item."""
    gap = ""
    while True:
        gap += yield from reader.blanks()
        char = yield from reader.need()
        if char == ",":
            reader.at += 1
            if "," not in gap and not first:
                gap += ","
            continue
        closed = yield from reader.stands(reader.closer)
        if closed or char in "}])":
            write(gap.replace(",", "") + end)
            # Another end than ours belongs to what is around us: ours was forgotten.
            reader.at += char == end
            return False
        write(gap if first or "," in gap else "," + gap)
        return True


def _read_string(reader: Reader, write: Write) -> Steps[None]:
    quote = yield from reader.need()
    reader.at += 1
    write('"')
    while True:
        char = yield from reader.need()
        if text := reader.run(_PLAIN[quote]):
            write(text)
            continue
        reader.at += 1
        if char == quote:
            if (yield from _closes(reader)):
                write('"')
                return
            write('\\"' if char == '"' else char)
        elif char == "\\":
            yield from _read_escape(reader, write)
        else:
            write(json.dumps(char)[1:-1])  # a quote of the other kind, or a control character


def _read_escape(reader: Reader, write: Write) -> Steps[None]:
    char = yield from reader.need()
    reader.at += 1
    if char in '"\\/bfnrt':
        write("\\" + char)
    elif char != "u":
        write("'" if char == "'" else "\\n" if char == "\n" else "\\\\" + json.dumps(char, ensure_ascii=False)[1:-1])
    else:
        digits = ""
        while len(digits) < 4 and (yield from reader.need()) in "0123456789abcdefABCDEF":
            digits += yield from reader.need()
            reader.at += 1
        write(("\\u" if len(digits) == 4 else "\\\\u") + digits)


def _closes(reader: Reader) -> Steps[bool]:
    """Say whether a quote ends its text: after one that does comes a comma, a colon or an end."""
    begin = reader.at
    reader.marks.append(begin)
    blanks = ""
    while (yield from reader.peek()) and (some := reader.run(_BLANKS)):
        blanks += some
        if len(blanks) > _MAX_BLANKS:
            break
    char = yield from reader.peek()
    closes = char in ",}]:)" or "\n" in blanks or len(blanks) > _MAX_BLANKS or (yield from reader.stands(reader.closer))
    reader.marks.remove(begin)
    reader.at = begin
    return closes


def read_word(reader: Reader, ends: str) -> Steps[str]:
    """Take what has no quotes, up to one of ``ends`` or the end of the line, without the blanks after it."""
    begin = reader.at
    reader.marks.append(begin)
    while (yield from reader.need()) not in ends + "\n" and not (yield from reader.stands(reader.closer)):
        reader.at += 1
        if reader.at - begin > MAX_HELD:
            raise Broken
    word = reader.since(begin).rstrip()
    reader.marks.remove(begin)
    reader.at = begin + len(word)
    return word


def repair(text: str) -> str | None:
    """Return a text that is one value as JSON; ``None`` when it breaks off."""
    reader = Reader()
    reader.add(text.strip() + "\n")
    reader.end()
    written: list[str] = []
    steps = read_value(reader, written.append)
    try:
        for _ in steps:
            pass
    except Broken:
        return None
    return "".join(written)
