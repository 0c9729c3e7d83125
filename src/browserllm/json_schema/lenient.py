"""JSON as models write it, in any pieces, into JSON.

What is valid comes out as it went in, to the letter. What is not is repaired where its meaning is plain: quotes of the
wrong kind or none, Python's ``True`` and ``None``, commas too many or too few, line ends inside a text. In an object a
text without quotes ends where another key follows, so that it may have commas in it. What breaks off is never
completed: half a value is not what the model meant.

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
_KEY = re.compile(r"[\w$.-]+")
_WORDS = {"": "null", "True": "true", "False": "false", "None": "null", "undefined": "null", "NaN": "null"}
_LITERALS = {"true", "false", "null"}
_PAIRS = {"}": "{", "]": "["}
_MAX_BLANKS = 1024
_MAX_KEY = 256
"""How long a key without quotes may be to end the text before it."""


class Broken(Exception):  # noqa: N818 (it ends a read, and is no failure of ours)
    """What the model wrote cannot be read any further: it breaks off, or is nested or goes on without bounds."""


class Reader:
    """Text that comes in pieces. Positions count from the start of the stream; only what is still needed is kept.

    The pieces stay as they came: going on, going back and letting go cost what lies between, however the text was cut.
    ``closer``, when set, ends whatever is open: the tag after a call. ``furthest`` is the end of what was looked at.
    ``guesses`` counts what was repaired although it may have been meant otherwise: words without quotes, commas and
    ends that are not there.
    """

    def __init__(self) -> None:
        """Start with nothing."""
        self.at = 0
        self.furthest = 0
        self.marks: list[int] = []
        self.closer = ""
        self.guesses = 0
        self._pieces: list[str] = []
        self._starts: list[int] = []  # where each piece begins
        self._piece = ""  # the one that is read
        self._start = 0
        self._index = 0
        self._first = 0  # the first piece that is still needed
        self._size = 0
        self._ended = False

    @property
    def held(self) -> int:
        """How many characters are kept."""
        return self._size - self._starts[self._first] if self._starts else 0

    def add(self, text: str) -> None:
        """Add a piece, and let go of what was read and is not marked."""
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
        # Half of the pieces at least, so that moving the others costs no more than they did.
        if self._first * 2 > len(self._pieces):
            del self._pieces[: self._first], self._starts[: self._first]
            self._index = max(self._index - self._first, 0)
            self._first = 0

    def end(self) -> None:
        """Say that nothing more comes."""
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
        """Turn to the piece in which the reading is; say whether it has come."""
        if self.at >= self._size:
            return False
        index = self._index = self._index_of(self.at)
        self._start, self._piece = self._starts[index], self._pieces[index]
        return True

    def _index_of(self, position: int) -> int:
        """Return which piece holds a position, which is sought from where the reading is."""
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
        """Return what was read since a marked position."""
        found: list[str] = []
        end = self.at
        index = self._index_of(end - 1) if end > position else 0
        while end > position:
            start = self._starts[index]
            found.append(self._pieces[index][max(position - start, 0) : end - start])
            end, index = start, index - 1
        return "".join(reversed(found))

    def run(self, pattern: re.Pattern[str]) -> str:
        """Take what of the pattern is here already; the rest of a run comes with the next call."""
        found = pattern.match(self._piece, self.at - self._start) if self.at >= self._start else None
        if found is None:
            return ""
        self.at += len(found[0])
        self.furthest = max(self.furthest, self.at)
        return found[0]

    def blanks(self) -> Steps[str]:
        """Take white space."""
        taken: list[str] = []
        begin = self.at
        while (yield from self.peek()) and (some := self.run(_BLANKS)):
            taken.append(some)
            if self.at - begin > MAX_HELD:
                raise Broken
        return "".join(taken)

    def one_of(self, texts: Sequence[str]) -> Steps[str]:
        """Take the longest of the texts that stands here; take nothing, and return an empty text, where none does."""
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
        write(_literal(reader, (yield from read_word(reader, ends))))


def _literal(reader: Reader, word: str) -> str:
    """Return a word as JSON: of a literal or a number the same, else a text."""
    meant = _WORDS.get(word, word)
    reader.guesses += word in {"", "undefined", "NaN"}
    if meant in _LITERALS or _NUMBER.fullmatch(meant):
        return meant
    reader.guesses += 1
    return json.dumps(meant, ensure_ascii=False)


def _read_object(reader: Reader, write: Write, depth: int) -> Steps[None]:
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
            write(_literal(reader, (yield from _read_member(reader))))


def _read_member(reader: Reader) -> Steps[str]:
    """Take an object's value that has no quotes: a comma, and brackets in pairs, may be part of it."""
    begin, opened = reader.at, list[str]()
    reader.marks.append(begin)
    while True:
        char = yield from reader.need()
        if char == "\n" or (yield from reader.stands(reader.closer)):
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


def _key_follows(reader: Reader) -> Steps[bool]:
    """Say whether the comma that stands here ends a value: another key, a line or an end comes after it."""
    begin = reader.at
    reader.marks.append(begin)
    reader.at += 1
    gap = yield from reader.blanks()
    char = yield from reader.peek()
    found = "\n" in gap or char in ",\"'}]" or (yield from reader.stands(reader.closer))
    if not found and (yield from _key_stands(reader)):
        yield from reader.blanks()
        found = (yield from reader.peek()) in (":", "=")
    reader.marks.remove(begin)
    reader.at = begin
    return found


def _key_stands(reader: Reader) -> Steps[bool]:
    """Take a key without quotes; say whether there is one."""
    begin = reader.at
    char = yield from reader.peek()
    if not (char.isalpha() or char in ("_", "$")):
        return False
    reader.at += 1
    while (yield from reader.peek()) and reader.at - begin <= _MAX_KEY and reader.run(_KEY):
        pass
    return reader.at - begin <= _MAX_KEY


def _read_array(reader: Reader, write: Write, depth: int) -> Steps[None]:
    write("[")
    reader.at += 1
    items = _items(reader, write, "]")
    while (yield from items):
        items = _items(reader, write, "]", first=False)
        yield from read_value(reader, write, depth=depth + 1)


def _items(reader: Reader, write: Write, end: str, *, first: bool = True) -> Steps[bool]:
    """Go to the next item, with exactly one comma before it, or to the end; say whether there is an item."""
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
        closed = yield from reader.stands(reader.closer)
        if closed or char in "}])":
            write(gap.replace(",", "") + end)
            # Another end than ours belongs to what is around us: ours was forgotten.
            reader.at += char == end
            reader.guesses += char != end
            return False
        reader.guesses += not (first or comma)
        write(gap if first or comma else "," + gap)
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
            reader.guesses += 1
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
    begin, line_end, long = reader.at, False, False
    reader.marks.append(begin)
    while (yield from reader.peek()) and not long and (some := reader.run(_BLANKS)):
        line_end = line_end or "\n" in some
        long = reader.at - begin > _MAX_BLANKS
    char = yield from reader.peek()
    closes = char in ",}]:)" or line_end or long or (yield from reader.stands(reader.closer))
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
    # Only JSON's blanks are left for later: what takes those would stand still before another one for ever.
    word = reader.since(begin).rstrip(" \t\r\n")
    reader.marks.remove(begin)
    reader.at = begin + len(word)
    return word.strip()


def repair(text: str) -> str | None:
    """Return a text that begins with a value as JSON; ``None`` when that breaks off."""
    found = _read(text)
    return None if found is None else found[0]


def whole(text: str) -> tuple[str, int] | None:
    """Return a text that is one value, and nothing else, as JSON, and how often that had to be guessed."""
    found = _read(text)
    return None if found is None or found[2] else found[:2]


def _read(text: str) -> tuple[str, int, str] | None:
    reader = Reader()
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
