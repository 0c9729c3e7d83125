"""Parse JSON that arrives in pieces into the value that is certain so far.

Each value extends the one before: nothing disappears or changes its type, strings and lists only grow, objects only
gain keys. Numbers, true, false and null appear when they are complete, strings from their opening quote, a key with its
value. So an app can act on a partial value at once.

There may be text and a code fence around the JSON, and the JSON may need the repairs of `lenient`.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from enum import Enum
from typing import Any, Final, Literal

import msgspec

from .lenient import MAX_DEPTH, Broken, Steps, TextReader, read_value
from .problem import Problem, is_list, is_object, path_to

Root = Literal["object", "array", "any"]

MAX_CHARS = 4_194_304
"""How long a value's JSON may be, in characters; a longer one breaks off there."""

_PROSE = re.compile(r"[^{\[<`]+")
_THOUGHT = re.compile(r"[^<]+")
_THOUGHTS = {"<think>": "</think>", "<thinking>": "</thinking>"}
_NAME = re.compile(r"[A-Za-z0-9_$+.-]+")
_SCALAR = re.compile(r"-?[0-9][0-9.eE+-]*|true|false|null|True|False|None")
_LINE_BLANKS = re.compile(r"[ \t]+")
_MAX_NAME = 128
_PAIR = re.compile(r"([\ud800-\udbff])([\udc00-\udfff])")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_KINDS = {"object": "object", "array": "list", "any": "object or list"}


class Missing(Enum):
    """The type of `MISSING`."""

    MISSING = "missing"

    def __repr__(self) -> str:
        return "MISSING"

    def __bool__(self) -> bool:
        return False


MISSING: Final = Missing.MISSING
"""There is no value yet; `None` is JSON's null."""


class PartialJson:
    """Parses a text in any pieces; the result does not depend on them.

    The first object (or list) in the text is the value. A ``{placeholder}`` or a ``[1]`` in a sentence does not count,
    and text between ``<think>`` and ``</think>`` is skipped. If a key is repeated, the first one counts. `problems`
    reports repeated keys, and why a value is incomplete.
    """

    def __init__(self, root: Root = "object", *, max_chars: int = MAX_CHARS) -> None:
        """Look for an ``"object"``, an ``"array"`` or ``"any"`` of the two, of at most ``max_chars`` characters."""
        self.root = root
        self.problems: list[Problem] = []
        self._reader = TextReader()
        self._builder = _Builder(self.problems, max_chars)
        self._steps = self._run()
        self._ended = False

    @property
    def value(self) -> Any:
        """The value so far; `MISSING` before it begins.

        A returned value does not change when the next piece arrives. Treat it as read-only: later values share its
        complete parts. Each access copies the lists and objects that are still open.
        """
        return self._builder.snapshot()

    @property
    def complete(self) -> bool:
        """Whether the value is complete."""
        return self._builder.complete

    @property
    def text(self) -> str | None:
        """The JSON text of the complete value, with repairs; ``None`` while it is incomplete."""
        return self._builder.text() if self.complete else None

    def feed(self, text: str) -> bool:
        """Take the next piece; return whether `value` has changed."""
        if self._ended:
            return False
        self._reader.add(text)
        return self._go_on()

    def finish(self) -> bool:
        """Note that the text has ended; return whether the value is complete, and otherwise add to `problems`."""
        if not self._ended:
            self._reader.end()
            self._go_on()
            if self._builder.root is MISSING and not self.problems:
                self.problems.append(Problem("$", f"there is no JSON {_KINDS[self.root]} in the text"))
            self._ended = True
        return self.complete

    def _go_on(self) -> bool:
        self._builder.changed = False
        if next(self._steps, self) is self:
            self._ended = True
        return self._builder.changed

    def _run(self) -> Steps[None]:
        if not (yield from self._find()):
            return
        try:
            yield from read_value(self._reader, self._builder.write)
        except Broken:
            self.problems.append(self._builder.why())

    # Where the value begins

    def _find(self) -> Steps[bool]:
        """Go to the beginning of the value; return whether there is one of the wanted kind."""
        reader = self._reader
        while char := (yield from reader.peek()):
            if reader.run(_PROSE):
                continue
            if char == "<":
                yield from self._pass_thought()
            elif char == "`":
                if (yield from reader.one_of(("```",))):
                    reader.closer = "" if reader.closer else "```"
                else:
                    reader.at += 1
            else:
                mark = reader.at
                reader.marks.append(mark)
                kind = ""
                with suppress(Broken):
                    kind = yield from (self._begins_object() if char == "{" else self._begins_list())
                reader.marks.clear()
                reader.at = mark
                if kind and self.root not in (kind, "any"):
                    self.problems.append(Problem("$", f"expected an {self.root}, got an {kind}"))
                    return False
                if kind:
                    return True
                reader.at += 1
        return False

    def _pass_thought(self) -> Steps[None]:
        reader = self._reader
        closer = _THOUGHTS.get((yield from reader.one_of(tuple(_THOUGHTS))))
        if closer is None:
            reader.at += 1
            return
        while (yield from reader.peek()) and not (yield from reader.one_of((closer,))):
            if not reader.run(_THOUGHT):
                reader.at += 1

    def _begins_object(self) -> Steps[str]:
        """Return ``"object"`` if one begins here, with a quote or a key and a colon, or empty at a line's end."""
        reader = self._reader
        reader.at += 1
        yield from reader.blanks()
        char = yield from reader.need()
        if char == "}":
            return "object" if (yield from self._ends_line()) else ""
        if char not in "\"'":
            yield from self._name()
            yield from reader.blanks()
            char = yield from reader.need()
        return "object" if char in "\"':" else ""

    def _begins_list(self) -> Steps[str]:
        """Return ``"array"`` if one begins here, and not a note or a link in brackets."""
        reader = self._reader
        reader.at += 1
        yield from reader.blanks()
        char = yield from reader.need()
        if char == "{" or (char in "[\"'" and self.root != "object"):
            return "array"
        if self.root == "object":
            return ""
        if char != "]":
            if not _SCALAR.fullmatch((yield from self._name())):
                return ""
            yield from reader.blanks()
            char = yield from reader.need()
        whole = char == "," or (char == "]" and (yield from self._ends_line()))
        return "array" if whole else ""

    def _name(self) -> Steps[str]:
        """Take a name or a number."""
        reader = self._reader
        name = ""
        while (yield from reader.peek()) and (some := reader.run(_NAME)):
            name += some
            if len(name) > _MAX_NAME:
                raise Broken
        return name

    def _ends_line(self) -> Steps[bool]:
        """Take a bracket; return whether it ends its line."""
        reader = self._reader
        reader.at += 1
        while (yield from reader.peek()) and reader.run(_LINE_BLANKS):
            pass
        return (yield from reader.peek()) in ("", "\n", "\r") or (yield from reader.is_at("```"))


class _OpenText:
    """An incomplete string, and its place in its container; ``None`` for a key or a dropped value."""

    def __init__(self, place: str | int | None, *, is_key: bool) -> None:
        self.place = place
        self.is_key = is_key
        self.parts: list[str] = []
        self.high = ""  # a high surrogate, until the low one arrives


class _Builder:
    """Builds values from the output of `lenient`: pieces of valid JSON, cut between tokens or within strings.

    The open lists and objects are on a stack, each with its place in its container; the place is ``None`` for the
    value of a repeated key, which is dropped.
    """

    def __init__(self, problems: list[Problem], max_chars: int) -> None:
        self.root: Any = MISSING
        self.complete = False
        self.changed = False
        self._problems = problems
        self._room = max_chars
        self._stack: list[Any] = []
        self._places: list[str | int | None] = []
        self._key: str | None = None  # the key of the next value
        self._open: _OpenText | None = None
        self._texts: list[str] = []
        self._snapshot: Any = MISSING
        self._fresh = True
        self._unreadable = ""

    def text(self) -> str:
        """Return the JSON text; a lone surrogate is replaced, since JSON cannot contain one."""
        self._texts = ["".join(self._texts)]
        return self._texts[0]

    def why(self) -> Problem:
        """Return the problem that ended the parse."""
        if self._unreadable:
            return Problem(self._path(), self._unreadable)
        if len(self._stack) > MAX_DEPTH:
            return Problem("$", f"the JSON is nested more than {MAX_DEPTH} deep")
        return Problem(self._path(), "the JSON breaks off here")

    def snapshot(self) -> Any:
        """Return the value so far, with copies of the parts that may still change."""
        if self._fresh:
            return self._snapshot
        self._fresh = True
        if self.complete:
            self._snapshot = self.root
            return self.root
        self._settle()
        inner: Any = MISSING
        place: str | int | None = None
        for container, outer in zip(reversed(self._stack), reversed(self._places), strict=True):
            copied = container.copy()
            if inner is not MISSING and place is not None:
                copied[place] = inner
            inner, place = copied, outer
        self._snapshot = inner
        return inner

    def write(self, piece: str) -> None:
        """Take a piece of JSON."""
        self._room -= len(piece)
        if self._room < 0:
            self._stop("the JSON is too long")
        if self._open is not None:
            if piece == '"':
                self._close_text()
            else:
                self._add_text(piece)
        elif piece.startswith('"'):
            self._open_text()
            if len(piece) > 1:
                self._add_text(piece[1:-1])
                self._close_text()
        else:
            self._texts.append(piece)
            if piece[:1] in tuple("-0123456789tfn"):
                self._put(self._scalar(piece))
            else:
                for char in piece:
                    self._structure(char)

    def _structure(self, char: str) -> None:
        if char in "{[":
            made: Any = {} if char == "{" else []
            if self._stack:
                place = self._put(made)
            else:
                self.root, place = made, None
                self._change()
            self._stack.append(made)
            self._places.append(place)
        elif char in "}]":
            self._stack.pop()
            self._places.pop()
            self.complete = not self._stack

    def _scalar(self, piece: str) -> Any:
        try:
            return msgspec.json.decode(piece)
        except msgspec.DecodeError:
            return self._stop(f"the number {piece[:40]} is out of range")

    def _stop(self, why: str) -> None:
        self._unreadable = why
        raise Broken

    def _put(self, value: Any) -> str | int | None:
        """Add a value to its container; return its place, or ``None`` if the key is a repeated one."""
        container, place = self._stack[-1], self._key
        self._key = None
        if is_list(container):
            container.append(value)
            self._change()
            return len(container) - 1
        if place in container:
            self._problems.append(Problem(self._path(), f"the key `{place}` is repeated"))
            return None
        container[place] = value
        self._change()
        return place

    def _change(self) -> None:
        """Note that the value has changed, unless the change is inside a dropped value."""
        if None not in self._places[1:]:
            self.changed = True
            self._fresh = False

    # Strings

    def _open_text(self) -> None:
        self._texts.append('"')
        is_key = is_object(self._stack[-1]) and self._key is None
        self._open = _OpenText(None if is_key else self._put(""), is_key=is_key)

    def _add_text(self, piece: str) -> None:
        text = json.loads(f'"{piece}"') if "\\" in piece else piece
        open_text = self._open
        if open_text is not None and (open_text.high or _SURROGATE.search(text)):
            text = _PAIR.sub(_joined, open_text.high + text)
            open_text.high = text[-1] if "\ud800" <= text[-1:] <= "\udbff" else ""
            text = _SURROGATE.sub("\ufffd", text.removesuffix(open_text.high))
            piece = json.dumps(text, ensure_ascii=False)[1:-1]
        self._append(text, piece)

    def _close_text(self) -> None:
        closed = self._open
        if closed is not None:
            if closed.high:
                closed.high = ""
                self._append("\ufffd", "\ufffd")
            if closed.is_key:
                self._key = "".join(closed.parts)
            else:
                self._settle()
        self._texts.append('"')
        self._open = None

    def _append(self, text: str, piece: str) -> None:
        self._texts.append(piece)
        if self._open is not None and text:
            self._open.parts.append(text)
            if self._open.place is not None:
                self._change()

    def _settle(self) -> None:
        """Store the open string so far in its container."""
        if self._open is not None and self._open.parts and self._open.place is not None:
            text = "".join(self._open.parts)
            self._open.parts = [text]
            self._stack[-1][self._open.place] = text

    def _path(self) -> str:
        path = "$"
        for place in self._places[1:]:
            path = path if place is None else path_to(path, place)
        return path


def _joined(pair: re.Match[str]) -> str:
    return chr(0x10000 + ((ord(pair[1]) & 0x3FF) << 10) + (ord(pair[2]) & 0x3FF))
