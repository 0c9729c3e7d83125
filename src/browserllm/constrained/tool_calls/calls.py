"""One call, in any of the ways that models write one, from a `Reader` into a name and JSON arguments."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence

import msgspec

from ...json_schema.lenient import MAX_HELD, Broken, Reader, Steps, read_value, read_word, repair
from ...types import Tool
from .bare import FUNCTION, FUNCTION_END, IDENTIFIER, PARAMETER, BareReader
from .called import called_name
from .values import ToolValues

_NAME_KEYS = {"name", "function", "tool", "tool_name", "function_name", "tool_call"}
_ARGUMENT_KEYS = {"arguments", "parameters", "args", "input"}
_BESIDE = {"type", "id"}
_KNOWN_KEYS = _NAME_KEYS | _ARGUMENT_KEYS | _BESIDE
_NAME = re.compile(r"[\w.:/-]+")
MAX_NAME = 256
_MAX_WRAPPED = 8
"""How many objects a name may be wrapped in: OpenAI's has one, ``{"function": {"name": ...}}``."""


class NoCall(Exception):  # noqa: N818 (a way to say no, not a failure)
    """What looked like a call is none."""


class _Call:
    """A call in the making: what is written before its name is known is held."""

    def __init__(self) -> None:
        self.name = ""
        self.begun = False
        self.has_arguments = False
        self.held: list[str] = []


class CallReader:
    """Reads calls of some tools. ``begin`` is told a call's name, then ``write`` pieces of its arguments.

    Once a call has begun, whatever follows, it is one; before that `NoCall` says that it is none. While ``kept`` is a
    position, what was read since then is kept, for it may turn out to be none after all.
    """

    def __init__(
        self, reader: Reader, tools: Sequence[Tool], begin: Callable[[str], None], write: Callable[[str], None]
    ) -> None:
        """Read from ``reader``."""
        self.calls = 0
        self.kept: int | None = None
        self.open = False
        """Whether a call has begun and not ended."""
        self._reader = reader
        self._bare = BareReader(reader)
        self._tools = {tool.name: ToolValues(tool) for tool in tools}
        self._tell = begin
        self._pass = write

    def read(self, char: str, *, tagged: bool) -> Steps[None]:
        """Read the call that begins with ``char``.

        Without a tag around it, its tool must be known, and JSON must say its arguments: an answer in JSON may well
        have a name in it.
        """
        call = _Call()
        try:
            if char == "{":
                yield from self._members(call, tagged=tagged)
            elif char == "<" and (yield from self._reader.one_of((FUNCTION,))):
                yield from self._xml(call, tagged=tagged)
            elif char.isalpha() or char == "_":
                yield from self._named(call, tagged=tagged)
            else:
                raise NoCall
        except NoCall:
            if not call.begun:
                raise
        else:
            if not call.has_arguments:
                call.held.append("{}")
            self._begin(call)
        finally:
            self.open = False

    @property
    def at_end(self) -> bool:
        """Whether the end of the open call has come, and no more than what follows it is looked at."""
        return self._bare.at_end

    def _members(self, call: _Call, *, tagged: bool, depth: int = 0) -> Steps[None]:
        """Read ``{"name": ..., "arguments": {...}}``, its members in any order."""
        if depth > _MAX_WRAPPED:
            raise NoCall
        reader = self._reader
        reader.at += 1
        others = False
        while True:
            yield from reader.blanks()
            char = yield from reader.peek()
            if char in ",;])" and char:
                reader.at += 1
                continue
            closed = char == "" or (yield from reader.stands(reader.closer))
            if closed or char == "}":
                reader.at += not closed
                # Whole is a call with its arguments; an end that was forgotten, or did not come, adds nothing to it.
                alone = tagged and not (others or closed)
                if not depth and not (call.name and (call.has_arguments or alone)):
                    raise NoCall
                return
            key = yield from self._key()
            if not (tagged or call.begun or key in _KNOWN_KEYS):
                raise NoCall
            yield from reader.blanks()
            if key in _NAME_KEYS and not call.name:
                if (yield from reader.need()) == "{":
                    yield from self._members(call, tagged=tagged, depth=depth + 1)
                    continue
                call.name = self._checked((yield from self._text_value()), tagged=tagged)
                if call.has_arguments:
                    self._begin(call)
            elif key in _ARGUMENT_KEYS and not call.has_arguments:
                yield from self._arguments(call)
            elif key in self._tools and not call.name:
                call.name = key  # {"tool": {its arguments}}
                yield from self._arguments(call)
            else:
                others = others or key not in _BESIDE
                yield from read_value(reader, lambda _: self._check_held(call))

    def _key(self) -> Steps[str]:
        reader = self._reader
        if (yield from reader.peek()) in "\"'":
            key = yield from self._text_value()
        else:
            key = yield from read_word(reader, ":=,}")
        yield from reader.blanks()
        if (yield from reader.need()) not in ":=":
            raise NoCall
        reader.at += 1
        return key

    def _named(self, call: _Call, *, tagged: bool) -> Steps[None]:
        """Read ``name(key=value)``, Mistral's ``name[ARGS]{...}``, or ``name`` and an object after it."""
        reader = self._reader
        name = yield from self.name()
        printed = name == "print" and (yield from reader.peek()) == "("
        if printed:  # Gemma was shown to print what a call gives
            reader.at += 1
            name = yield from self.name()
        call.name = self._checked(name, tagged=tagged)
        if (yield from reader.peek()) == "(":
            yield from self._keywords(call)
            if printed and (yield from reader.peek()) == ")":
                reader.at += 1
            return
        marked = yield from reader.one_of(("[ARGS]",))
        yield from reader.blanks()
        if (yield from reader.peek()) != "{" or not (marked or tagged):
            raise NoCall
        yield from self._arguments(call)

    def _keywords(self, call: _Call) -> Steps[None]:
        """Read Python's arguments as an object; those without a name have the tool's own names, in its order."""
        reader = self._reader
        reader.at += 1
        values = self._tools.get(call.name)
        unnamed = iter(values.properties if values else ())
        comma = "{"
        while True:
            yield from reader.blanks()
            char = yield from reader.need()
            if char in ",)":
                reader.at += 1
                if char == ",":
                    continue
                if comma == "{":
                    self._open(call)
                    self._write(call, comma)
                self._write(call, "}")
                return
            begin = reader.at
            reader.marks.append(begin)  # it may turn out to be a value
            name = yield from self.name(IDENTIFIER)
            yield from reader.blanks()
            equals = yield from reader.one_of(("=", "=="))
            reader.marks.remove(begin)
            named = equals == "="
            if not named:
                if comma == "{" and char == "{":
                    yield from self._arguments(call)  # one object is all of them
                    yield from reader.blanks()
                    reader.at += (yield from reader.peek()) == ")"
                    return
                reader.at = begin
                name = next(unnamed, "")
                if not name:
                    raise Broken if call.begun else NoCall
            self._open(call)
            self._write(call, f"{comma}{json.dumps(name, ensure_ascii=False)}: ")
            comma = ", "
            yield from reader.blanks()
            if (yield from reader.need()) in "{[\"'":
                yield from read_value(reader, lambda text: self._write(call, text), ends=",)")
            else:
                self._write(call, self._written(call, name, (yield from self._bare.keyword(named=named))))

    def _xml(self, call: _Call, *, tagged: bool) -> Steps[None]:
        """Read ``name>`` and then JSON, or ``<parameter=key>value</parameter>`` for each argument."""
        reader = self._reader
        call.name = self._checked((yield from self._tag_name()), tagged=tagged)
        yield from reader.blanks()
        if (yield from reader.peek()) == "{":
            yield from self._arguments(call)
        else:
            given: list[str] = []
            while (yield from reader.one_of((PARAMETER,))):
                given.append((yield from self._tag_name()))
                self._open(call)
                values = self._tools.get(call.name)
                left = [name for name in values.properties if name not in given] if values else []
                # The key goes first: what breaks off is no JSON then, and nobody takes it for no arguments.
                self._write(call, f"{', ' if len(given) > 1 else '{'}{json.dumps(given[-1], ensure_ascii=False)}: ")
                value = yield from self._bare.parameter(left)
                self._write(call, self._written(call, given[-1], value))
                yield from reader.blanks()
            if not given:
                # Without its end it breaks off here, or is talked about.
                closed = yield from reader.stands(FUNCTION_END)
                if not (closed or (yield from reader.stands(reader.closer))):
                    raise NoCall
                self._open(call)
                self._write(call, "{")
            self._write(call, "}")
        yield from reader.blanks()
        yield from reader.one_of((FUNCTION_END,))

    # The parts of a call

    def _arguments(self, call: _Call) -> Steps[None]:
        reader = self._reader
        char = yield from reader.need()
        if char == "{":
            self._open(call)
            yield from read_value(reader, lambda text: self._write(call, text))
            return
        value = yield from self._value()
        if char in "\"'":  # JSON in a text, as OpenAI has it
            value = repair(_decoded(value)) or value
        self._open(call)
        self._write(call, "{}" if value == "null" else value)

    def _text_value(self) -> Steps[str]:
        return _decoded((yield from self._value()))

    def _value(self) -> Steps[str]:
        """Take a value that must be whole before anything can be done with it; return it as JSON."""
        written: list[str] = []
        begin = self._reader.at

        def write(text: str) -> None:
            written.append(text)
            if self._reader.at - begin > MAX_HELD:
                raise Broken

        yield from read_value(self._reader, write)
        return "".join(written)

    def name(self, pattern: re.Pattern[str] = _NAME) -> Steps[str]:
        """Take a name; an empty text where there is none."""
        reader = self._reader
        name: list[str] = []
        begin = reader.at
        while (yield from reader.peek()) and (some := reader.run(pattern)):
            name.append(some)
            if reader.at - begin > MAX_NAME:
                raise NoCall
        return "".join(name)

    def _tag_name(self) -> Steps[str]:
        """Take the name in a tag and the tag's end, for which models forget the bracket but not the line's end."""
        reader = self._reader
        begin = reader.at
        reader.marks.append(begin)
        while (yield from reader.need()) not in ">\n":
            reader.at += 1
            if reader.at - begin > MAX_HELD:
                raise Broken
        name = reader.since(begin)
        reader.marks.remove(begin)
        reader.at += (yield from reader.need()) == ">"
        return name.strip().strip("\"'")

    def _checked(self, name: str, *, tagged: bool) -> str:
        """Return the name of the tool that is called."""
        if not name or len(name) > MAX_NAME or not (tagged or name in self._tools):
            raise NoCall
        return called_name(name, self._tools)

    def _check_held(self, call: _Call) -> None:
        held = not call.begun or self.kept is not None
        if held and self._reader.at - self._reader.marks[0] > MAX_HELD:
            raise Broken

    def _open(self, call: _Call) -> None:
        call.has_arguments = True
        if call.name:
            self._begin(call)

    def _begin(self, call: _Call) -> None:
        if not call.begun:
            call.begun = self.open = True
            self.calls += 1
            # Without `kept` nothing of it will be read again.
            self._reader.marks[:] = [] if self.kept is None else [self.kept]
            self._tell(call.name)
            self._pass("".join(call.held))

    def _write(self, call: _Call, text: str) -> None:
        if call.begun:
            self._pass(text)
        else:
            call.held.append(text)
        self._check_held(call)

    def _written(self, call: _Call, name: str, text: str) -> str:
        """Return an argument that was written without quotes as JSON."""
        values = self._tools.get(call.name)
        return (values or _ANY).written(name, text)


_ANY = ToolValues(Tool(""))


def _decoded(written: str) -> str:
    """Return a JSON text's text; anything else as it is written."""
    try:
        value = msgspec.json.decode(written)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return written
    return value if isinstance(value, str) else written
