"""Convert JSON as models write it, in any pieces, to valid JSON.

Valid JSON comes out verbatim. Invalid JSON is repaired where its meaning is clear: wrong or missing quotes, Python's
``True`` and ``None``, missing or extra commas, line ends inside a string. In an object, a string without quotes ends
where another key follows, so it may contain commas. A value that breaks off is never completed: half a value is not
what the model meant.

The functions are generators that ``yield`` to wait for more text. So a parser can be written from top to bottom even
though its text arrives in pieces, and the result does not depend on the pieces.
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
"""The most characters that are held back until their meaning is clear."""
MAX_DEPTH = 64
"""How deeply arrays and objects may be nested."""

_BLANKS = re.compile(r"[ \t\r\n]+")
_PLAIN = {'"': re.compile(r'[^"\\\x00-\x1f]+'), "'": re.compile(r"[^\"'\\\x00-\x1f]+")}
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_KEY = re.compile(r"[\w$.-]+")
_WORDS = {"": "null", "True": "true", "False": "false", "None": "null", "undefined": "null", "NaN": "null"}
_LITERALS = {"true", "false", "null"}
_PAIRS = {"}": "{", "]": "["}
_MAX_BLANKS = 1024
_MAX_KEY = 256
"""How long a key without quotes may be to end the string before it."""


class Broken(Exception):  # noqa: N818 (ends a read; not a failure of the program)
    """The text cannot be read further: it breaks off, is nested too deeply, or is too long."""


class TextReader:
    """Text that arrives in pieces. Positions count from the start of the stream; only text still needed is kept.

    The pieces are not joined: the cost of moving forward, moving back and releasing text is its length, however the
    text was cut. ``closer``, when set, ends every open value: the tag after a call. ``furthest`` is the end of the text
    that was read so far. ``guesses`` counts repairs that may be wrong: strings without quotes, missing commas and ends.
    """

    def __init__(self) -> None:
        """Start without text."""
        self.at = 0
        self.furthest = 0
        self.marks: list[int] = []
        self.closer = ""
        self.guesses = 0
        self._pieces: list[str] = []
        self._starts: list[int] = []  # where each piece begins
        self._piece = ""  # the current piece
        self._start = 0
        self._index = 0
        self._first = 0  # the first piece that is still needed
        self._size = 0
        self._ended = False

    @property
    def held(self) -> int:
        """How many characters are kept in memory."""
        return self._size - self._starts[self._first] if self._starts else 0

    def add(self, text: str) -> None:
        """Add a piece, and release text that was read and is not marked."""
        if text:
            self._let_go()
            self._pieces.append(text)
            self._starts.append(self._size)
            self._size += len(text)

    def _let_go(self) -> None:
        keep = min((self.at, *self.marks))
        while self._first + 1 < len(self._pieces) and self._starts[self._first + 1] <= keep:
            self._pieces[self._first] = ""
            self._first += 1
        # At least half of the pieces, so that moving the others costs no more than adding them did.
        if self._first * 2 > len(self._pieces):
            del self._pieces[: self._first], self._starts[: self._first]
            self._index = max(self._index - self._first, 0)
            self._first = 0

    def end(self) -> None:
        """Note that the text has ended."""
        self._ended = True

    def peek(self) -> Steps[str]:
        """Return the next character; an empty text at the end."""
        while not 0 <= self.at - self._start < len(self._piece):
            if not self._find():
                if self._ended:
                    return ""
                yield
        if self.at >= self.furthest:
            self.furthest = self.at + 1
        return self._piece[self.at - self._start]

    def _find(self) -> bool:
        """Switch to the piece at the current position; return whether it has arrived."""
        if self.at >= self._size:
            return False
        index = self._index = self._index_of(self.at)
        self._start, self._piece = self._starts[index], self._pieces[index]
        return True

    def _index_of(self, position: int) -> int:
        """Return the index of the piece with a position, searching from the current piece."""
        index = self._index
        while self._starts[index] > position:
            index -= 1
        while index + 1 < len(self._starts) and self._starts[index + 1] <= position:
            index += 1
        return index

    def need(self) -> Steps[str]:
        """Return the next character; raise `Broken` at the end."""
        char = yield from self.peek()
        if not char:
            raise Broken
        return char

    def since(self, position: int) -> str:
        """Return the text since a marked position."""
        found: list[str] = []
        end = self.at
        index = self._index_of(end - 1) if end > position else 0
        while end > position:
            start = self._starts[index]
            found.append(self._pieces[index][max(position - start, 0) : end - start])
            end, index = start, index - 1
        return "".join(reversed(found))

    def run(self, pattern: re.Pattern[str]) -> str:
        """Take the text that matches, as far as it has arrived; the next call continues a run."""
        found = pattern.match(self._piece, self.at - self._start) if self.at >= self._start else None
        if found is None:
            return ""
        self.at += len(found[0])
        self.furthest = max(self.furthest, self.at)
        return found[0]

    def blanks(self) -> Steps[str]:
        """Take whitespace."""
        taken: list[str] = []
        begin = self.at
        while (yield from self.peek()) and (some := self.run(_BLANKS)):
            taken.append(some)
            if self.at - begin > MAX_HELD:
                raise Broken
        return "".join(taken)

    def one_of(self, texts: Sequence[str]) -> Steps[str]:
        """Take the longest of the texts at this position; take nothing and return an empty text without a match."""
        begin, found, read = self.at, "", ""
        self.marks.append(begin)
        while any(len(text) > len(read) and text.startswith(read) for text in texts):
            char = yield from self.peek()
            if not char:
                break
            read += char
            self.at += 1
            if read in texts:
                found = read
        self.marks.remove(begin)
        self.at = begin + len(found)
        return found

    def is_at(self, text: str) -> Steps[bool]:
        """Whether a text is at this position; takes nothing."""
        begin = self.at
        if not text or (yield from self.peek()) != text[0]:
            return False
        self.marks.append(begin)
        found = yield from self.one_of((text,))
        self.marks.remove(begin)
        self.at = begin
        return bool(found)


def read_value(reader: TextReader, write: Write, ends: str = ",}]", depth: int = 0) -> Steps[None]:
    """Read a value and write it as JSON; a word without quotes ends before one of ``ends``."""
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
        write(_literal(reader, (yield from read_word(reader, ends))))


def _literal(reader: TextReader, word: str) -> str:
    """Return a word as JSON: a literal or a number unchanged, anything else as a string."""
    meant = _WORDS.get(word, word)
    reader.guesses += word in {"", "undefined", "NaN"}
    if meant in _LITERALS or _NUMBER.fullmatch(meant):
        return meant
    reader.guesses += 1
    return json.dumps(meant, ensure_ascii=False)


def _read_object(reader: TextReader, write: Write, depth: int) -> Steps[None]:
    write("{")
    reader.at += 1
    items = _items(reader, write, "}")
    while (yield from items):
        items = _items(reader, write, "}", first=False)
        if (yield from reader.peek()) in "\"'":
            yield from _read_string(reader, write)
        else:
            reader.guesses += 1
            write(json.dumps((yield from read_word(reader, ":=,}]")), ensure_ascii=False))
        write((yield from reader.blanks()) + ":")
        char = yield from reader.need()
        reader.at += char in ":="
        reader.guesses += char != ":"
        write((yield from reader.blanks()))
        if (yield from reader.need()) in "{[\"'":
            yield from read_value(reader, write, depth=depth + 1)
        else:
            write(_literal(reader, (yield from _read_unquoted(reader))))


def _read_unquoted(reader: TextReader) -> Steps[str]:
    """Take an object's value without quotes: it may contain commas and balanced brackets."""
    begin, opened = reader.at, list[str]()
    reader.marks.append(begin)
    while True:
        char = yield from reader.need()
        if char == "\n" or (yield from reader.is_at(reader.closer)):
            break
        if char == ",":
            if (yield from _key_follows(reader)):
                break
        elif char in "{[":
            opened.append(char)
        elif char in "}]" and (not opened or opened.pop() != _PAIRS[char]):
            break
        reader.at += 1
        if reader.at - begin > MAX_HELD:
            raise Broken
    word = reader.since(begin).rstrip(" \t\r\n")
    reader.marks.remove(begin)
    reader.at = begin + len(word)
    return word.strip()


def _key_follows(reader: TextReader) -> Steps[bool]:
    """Whether the comma at this position ends a value: another key, a line end or a closing bracket follows."""
    begin = reader.at
    reader.marks.append(begin)
    reader.at += 1
    gap = yield from reader.blanks()
    char = yield from reader.peek()
    found = "\n" in gap or char in ",\"'}]" or (yield from reader.is_at(reader.closer))
    if not found and (yield from _take_key(reader)):
        yield from reader.blanks()
        found = (yield from reader.peek()) in (":", "=")
    reader.marks.remove(begin)
    reader.at = begin
    return found


def _take_key(reader: TextReader) -> Steps[bool]:
    """Take a key without quotes; return whether there is one."""
    begin = reader.at
    char = yield from reader.peek()
    if not (char.isalpha() or char in ("_", "$")):
        return False
    reader.at += 1
    while (yield from reader.peek()) and reader.at - begin <= _MAX_KEY and reader.run(_KEY):
        pass
    return reader.at - begin <= _MAX_KEY


def _read_array(reader: TextReader, write: Write, depth: int) -> Steps[None]:
    write("[")
    reader.at += 1
    items = _items(reader, write, "]")
    while (yield from items):
        items = _items(reader, write, "]", first=False)
        yield from read_value(reader, write, depth=depth + 1)


def _items(reader: TextReader, write: Write, end: str, *, first: bool = True) -> Steps[bool]:
    """Go to the next item, with exactly one comma before it, or to the end; return whether there is an item."""
    begin, parts, comma = reader.at, list[str](), False
    while True:
        parts.append((yield from reader.blanks()))
        char = yield from reader.need()
        if reader.at - begin > MAX_HELD:
            raise Broken
        if char == ",":
            reader.at += 1
            if not comma and not first:
                comma = True
                parts.append(",")
            else:
                reader.guesses += 1
            continue
        gap = "".join(parts)
        closed = yield from reader.is_at(reader.closer)
        if closed or char in "}])":
            write(gap.replace(",", "") + end)
            # A different bracket closes the enclosing value: the model forgot this one.
            reader.at += char == end
            reader.guesses += char != end
            return False
        reader.guesses += not (first or comma)
        write(gap if first or comma else "," + gap)
        return True


def _read_string(reader: TextReader, write: Write) -> Steps[None]:
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
            reader.guesses += 1
            write('\\"' if char == '"' else char)
        elif char == "\\":
            yield from _read_escape(reader, write)
        else:
            write(json.dumps(char)[1:-1])  # a quote of the other kind, or a control character


def _read_escape(reader: TextReader, write: Write) -> Steps[None]:
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


def _closes(reader: TextReader) -> Steps[bool]:
    """Whether a quote ends its string: a comma, a colon, a closing bracket or a line end follows."""
    begin, line_end, long = reader.at, False, False
    reader.marks.append(begin)
    while (yield from reader.peek()) and not long and (some := reader.run(_BLANKS)):
        line_end = line_end or "\n" in some
        long = reader.at - begin > _MAX_BLANKS
    char = yield from reader.peek()
    closes = char in ",}]:)" or line_end or long or (yield from reader.is_at(reader.closer))
    reader.marks.remove(begin)
    reader.at = begin
    return closes


def read_word(reader: TextReader, ends: str) -> Steps[str]:
    """Take a word without quotes, up to one of ``ends`` or the line end, without trailing whitespace."""
    begin = reader.at
    reader.marks.append(begin)
    while (yield from reader.need()) not in ends + "\n" and not (yield from reader.is_at(reader.closer)):
        reader.at += 1
        if reader.at - begin > MAX_HELD:
            raise Broken
    # Strip only JSON's whitespace: `blanks` would never get past any other kind.
    word = reader.since(begin).rstrip(" \t\r\n")
    reader.marks.remove(begin)
    reader.at = begin + len(word)
    return word.strip()


def repair(text: str) -> str | None:
    """Return the value at the beginning of a text as JSON; ``None`` if it breaks off."""
    found = _read(text)
    return None if found is None else found[0]


def repair_whole(text: str) -> tuple[str, int] | None:
    """Return a text that is exactly one value as JSON, and the number of guesses; ``None`` for other texts."""
    found = _read(text)
    return None if found is None or found[2] else found[:2]


def _read(text: str) -> tuple[str, int, str] | None:
    reader = TextReader()
    text = text.strip()
    reader.add(text + "\n")
    reader.end()
    written: list[str] = []
    steps = read_value(reader, written.append)
    try:
        for _ in steps:
            pass
    except Broken:
        return None
    return "".join(written), reader.guesses, text[reader.at :].strip()
