"""Read one call from a `TextReader`, in any of the ways that models write it, as a name and JSON arguments."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence

import msgspec

from ...json_schema.lenient import MAX_HELD, Broken, Steps, TextReader, read_value, read_word, repair
from ...types import Tool
from .names import resolve_tool_name
from .unquoted import FUNCTION, FUNCTION_END, IDENTIFIER, PARAMETER, UnquotedReader
from .values import ToolValues

_NAME_KEYS = {"name", "function", "tool", "tool_name", "function_name", "tool_call"}
_ARGUMENT_KEYS = {"arguments", "parameters", "args", "input"}
_BESIDE = {"type", "id"}
_KNOWN_KEYS = _NAME_KEYS | _ARGUMENT_KEYS | _BESIDE
_NAME = re.compile(r"[\w.:/-]+")
MAX_NAME = 256
_MAX_WRAPPED = 8
"""How many objects a name may be nested in: OpenAI's has one, ``{"function": {"name": ...}}``."""


class NotACall(Exception):  # noqa: N818 (a result, not a failure)
    """The text looked like a call but is not one."""


class _Call:
    """The call that is being read; ``held`` collects arguments until its name is known."""

    def __init__(self) -> None:
        self.name = ""
        self.begun = False
        self.has_arguments = False
        self.held: list[str] = []


class CallReader:
    """Reads calls of some tools: calls ``begin`` with a call's name, then ``write`` with pieces of its arguments.

    Once a call has begun, it stays a call, whatever follows; before that, `NotACall` is raised if it is not one. While
    ``kept`` is a position, the text since then is kept, since it may not be a call after all.
    """

    def __init__(
        self, reader: TextReader, tools: Sequence[Tool], begin: Callable[[str], None], write: Callable[[str], None]
    ) -> None:
        """Read from ``reader``."""
        self.calls = 0
        self.kept: int | None = None
        self.open = False
        """Whether a call has begun but not ended."""
        self._reader = reader
        self._bare = UnquotedReader(reader)
        self._tools = {tool.name: ToolValues(tool) for tool in tools}
        self._tell = begin
        self._pass = write

    def read(self, char: str, *, tagged: bool) -> Steps[None]:
        """Read the call that begins with ``char``.

        Without a tag around the call, its tool must be known and its arguments must be JSON: an answer in JSON may
        have a "name", too.
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
                raise NotACall
        except NotACall:
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
        """Whether the open call has ended, and the reader only looks at what follows."""
        return self._bare.at_end

    def _members(self, call: _Call, *, tagged: bool, depth: int = 0) -> Steps[None]:
        """Read ``{"name": ..., "arguments": {...}}``, its keys in any order."""
        if depth > _MAX_WRAPPED:
            raise NotACall
        reader = self._reader
        reader.at += 1
        others = False
        while True:
            yield from reader.blanks()
            char = yield from reader.peek()
            if char in ",;])" and char:
                reader.at += 1
                continue
            closed = char == "" or (yield from reader.is_at(reader.closer))
            if closed or char == "}":
                reader.at += not closed
                # A call is complete once it has arguments, even if its end is missing.
                alone = tagged and not (others or closed)
                if not depth and not (call.name and (call.has_arguments or alone)):
                    raise NotACall
                return
            key = yield from self._key()
            if not (tagged or call.begun or key in _KNOWN_KEYS):
                raise NotACall
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
            raise NotACall
        reader.at += 1
        return key

    def _named(self, call: _Call, *, tagged: bool) -> Steps[None]:
        """Read ``name(key=value)``, Mistral's ``name[ARGS]{...}``, or ``name`` followed by an object."""
        reader = self._reader
        name = yield from self.name()
        printed = name == "print" and (yield from reader.peek()) == "("
        if printed:  # Gemma's examples print the result of a call
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
            raise NotACall
        yield from self._arguments(call)

    def _keywords(self, call: _Call) -> Steps[None]:
        """Read Python's arguments as an object; positional ones get the tool's parameter names in order."""
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
            reader.marks.append(begin)  # it may be a value after all
            name = yield from self.name(IDENTIFIER)
            yield from reader.blanks()
            equals = yield from reader.one_of(("=", "=="))
            reader.marks.remove(begin)
            named = equals == "="
            if not named:
                if comma == "{" and char == "{":
                    yield from self._arguments(call)  # a single object holds all arguments
                    yield from reader.blanks()
                    reader.at += (yield from reader.peek()) == ")"
                    return
                reader.at = begin
                name = next(unnamed, "")
                if not name:
                    raise Broken if call.begun else NotACall
            self._open(call)
            self._write(call, f"{comma}{json.dumps(name, ensure_ascii=False)}: ")
            comma = ", "
            yield from reader.blanks()
            if (yield from reader.need()) in "{[\"'":
                yield from read_value(reader, lambda text: self._write(call, text), ends=",)")
            else:
                self._write(call, self._written(call, name, (yield from self._bare.keyword(named=named))))

    def _xml(self, call: _Call, *, tagged: bool) -> Steps[None]:
        """Read ``name>``, then JSON or ``<parameter=key>value</parameter>`` for each argument."""
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
                # Write the key first, so that a call that breaks off is not valid JSON and cannot run.
                self._write(call, f"{', ' if len(given) > 1 else '{'}{json.dumps(given[-1], ensure_ascii=False)}: ")
                value = yield from self._bare.parameter(left)
                self._write(call, self._written(call, given[-1], value))
                yield from reader.blanks()
            if not given:
                # Without its end, the call breaks off here, or is only mentioned.
                closed = yield from reader.is_at(FUNCTION_END)
                if not (closed or (yield from reader.is_at(reader.closer))):
                    raise NotACall
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
        if char in "\"'":  # JSON in a string, as in OpenAI's format
            value = repair(_decoded(value)) or value
        self._open(call)
        self._write(call, "{}" if value == "null" else value)

    def _text_value(self) -> Steps[str]:
        return _decoded((yield from self._value()))

    def _value(self) -> Steps[str]:
        """Take a whole value; return it as JSON."""
        written: list[str] = []
        begin = self._reader.at

        def write(text: str) -> None:
            written.append(text)
            if self._reader.at - begin > MAX_HELD:
                raise Broken

        yield from read_value(self._reader, write)
        return "".join(written)

    def name(self, pattern: re.Pattern[str] = _NAME) -> Steps[str]:
        """Take a name; empty if the text has no name here."""
        reader = self._reader
        name: list[str] = []
        begin = reader.at
        while (yield from reader.peek()) and (some := reader.run(pattern)):
            name.append(some)
            if reader.at - begin > MAX_NAME:
                raise NotACall
        return "".join(name)

    def _tag_name(self) -> Steps[str]:
        """Take the name in a tag and the tag's end; models may forget the bracket but not the line end."""
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
            raise NotACall
        return resolve_tool_name(name, self._tools)

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
            # Without `kept`, none of it will be read again.
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
        """Return an unquoted argument as JSON."""
        values = self._tools.get(call.name)
        return (values or _ANY).to_json(name, text)


_ANY = ToolValues(Tool(""))


def _decoded(written: str) -> str:
    """Return the value of a JSON string; anything else unchanged."""
    try:
        value = msgspec.json.decode(written)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return written
    return value if isinstance(value, str) else written
