"""Decodes bytes into events, in chunks of any size: server-sent events, and JSON lines.

Server-sent events follow the HTML standard (https://html.spec.whatwg.org/multipage/server-sent-events.html):
lines end with CR, LF or both; a byte order mark may lead; lines that begin with a colon are comments; several data
lines are one text; an event is dispatched by the empty line after it. What has no empty line after it when the stream
ends counts only where it is whole by itself: an object or a list of JSON, or the end marker.

Two things that the standard ignores are events here, because servers report errors this way: a field ``error``
(llama.cpp), and a JSON object without a field name. The start of other lines is kept as ``unread``.

Three mistakes of servers and proxies are corrected: no empty line between two events, where one JSON
text ends and another begins; ``data:`` put before a line that has it already; blanks before a field.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, TypeVar

import msgspec

from ..._internal.nesting import decode_json
from ...errors import ProtocolError

MAX_EVENT_BYTES = 16 * 1024 * 1024
"""The largest event, in bytes of the stream (an image may be in one)."""

QUOTE = 200
"""How many characters of an event an error quotes."""

UNREAD = 1000
"""How many characters of ignored lines are kept."""

T = TypeVar("T")
_LINE_END = re.compile(rb"[\r\n]")
_PASSED_OVER = frozenset({"", "id", "retry"})
# The field's name once more, before what can be nothing but its value.
_DOUBLED = re.compile(r"\A[ \t]*+(?:data:[ \t]*+)++(?=\{|\[)")
_LONE = re.compile(r"[\ud800-\udfff]")
# A character's first bytes before the quote that ends a text, or its last ones after the quote that begins one.
_HALF = re.compile(
    r"(?:[\udcc2-\udcdf]|[\udce0-\udcef][\udc80-\udcbf]?|[\udcf0-\udcf4][\udc80-\udcbf]{0,2})(?=\")"
    r"|(?<=\")[\udc80-\udcbf]{1,3}"
)


class Event(msgspec.Struct, frozen=True):
    """One event: its data, and its name (``"message"`` when it has none)."""

    data: str
    name: str = "message"

    def decode(self, kind: type[T]) -> T:
        """Return the data as JSON of that type. Raises `ProtocolError` with a quote if it does not match.

        A number may be a text. NaN and infinities, line ends within texts, and half a character (see
        `split_characters`) are accepted, too.
        """
        try:
            try:
                return decode_json(self.data, kind, strict=False)
            except msgspec.ValidationError:
                raise
            except (msgspec.DecodeError, UnicodeEncodeError) as error:
                # The slow path, needed rarely.
                return msgspec.convert(_decode_leniently(self.data, error), kind, strict=False)
        except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
            start = self.data if len(self.data) <= QUOTE else self.data[:QUOTE] + "…"
            raise ProtocolError(f"an event of the stream is not valid ({error}): {start!r}") from None


def _decode_leniently(data: str, why: Exception) -> Any:
    """Return JSON decoded by Python's own decoder, which is more lenient; raises ``why`` if it fails, too."""
    import json

    try:
        return json.loads(data, strict=False)
    except ValueError:
        raise why from None


def _is_whole(data: str) -> bool:
    data = data.strip()
    if data == "[DONE]":
        return True
    try:
        return data[:1] in ("{", "[") and decode_json(data, object) is not None
    except (ValueError, RecursionError):
        return False


class EventDecoder(ABC):
    """Takes bytes as they arrive and yields complete events. Raises `ProtocolError` if the bytes are not valid."""

    unread = ""
    """The start of ignored lines that are not comments: the message of a server that sends no events."""

    def __init__(self, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        """Reject an event or a line of more than ``max_event_bytes``."""
        self._max_event_bytes = max_event_bytes
        self._line: list[bytes] = []
        self._line_bytes = 0
        self._after_cr = False
        self._first = True

    def feed(self, chunk: bytes) -> Iterator[Event]:
        """Yield the events that these bytes complete."""
        # An LF after a CR does not end a second line, even if they arrive in two chunks.
        if self._after_cr and chunk:
            self._after_cr = False
            chunk = chunk.removeprefix(b"\n")
        start = 0
        while (end := self._line_end(chunk, start)) >= 0:
            self._keep(chunk[start:end])
            start = end + 1
            if chunk[end] == 0x0D:
                if start == len(chunk):
                    self._after_cr = True
                elif chunk[start] == 0x0A:
                    start += 1
            yield from self._take_line()
        self._keep(chunk[start:])

    def close(self) -> Iterator[Event]:
        """The stream has ended: give what that completes."""
        return iter(())

    @abstractmethod
    def read_line(self, line: str) -> Iterator[Event]:
        """Take one line, without its end."""

    @abstractmethod
    def _line_end(self, chunk: bytes, start: int) -> int:
        """Return where the next line ends, or -1."""

    def _take_line(self) -> Iterator[Event]:
        raw = b"".join(self._line)
        self._line.clear()
        self._line_bytes = 0
        if self._first:
            self._first = False
            raw = raw.removeprefix(b"\xef\xbb\xbf")
        line, failure = _decode_line(raw)
        if failure is not None:
            raise failure
        yield from self.read_line(line)

    def _keep(self, piece: bytes) -> None:
        if piece:
            self._line.append(piece)
            self._line_bytes += len(piece)
            self._check_size(self._line_bytes)

    def _check_size(self, size_bytes: int) -> None:
        if size_bytes > self._max_event_bytes:
            raise ProtocolError(
                f"an event of the stream is larger than {self._max_event_bytes} bytes; the server is broken, or "
                "base_url is not an API's",
                data={"limit_bytes": self._max_event_bytes},
            )


def _decode_line(raw: bytes) -> tuple[str, ProtocolError | None]:
    """Return a line's text; half a character at the start or the end of a JSON text is a part of it."""
    try:
        return raw.decode(), None
    except UnicodeDecodeError as error:
        wrong = error
    for way in ("surrogatepass", "surrogateescape"):
        try:
            line = raw.decode("utf-8", way)
        except UnicodeDecodeError:
            continue
        if way == "surrogatepass" or _LONE.search(_HALF.sub("", line)) is None:
            return line, None
    around = raw[max(0, wrong.start - 20) : wrong.end + 20]
    return "", ProtocolError(
        f"the stream contains bytes that are not UTF-8 (near {around!r}); the server or a proxy is broken: try again"
    )


class ServerSentEvents(EventDecoder):
    """Server-sent events. Comments, ids and retry times are ignored, because an answer cannot be resumed."""

    def __init__(self, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        """Refuse an event of more than so many bytes."""
        super().__init__(max_event_bytes)
        self._data: list[str] = []
        self._data_bytes = 0
        self._name = ""
        self._bare = False

    def read_line(self, line: str) -> Iterator[Event]:
        """Take one line; the empty one gives the event before it."""
        if not line:
            if self._data:
                yield Event("\n".join(self._data), self._name or "message")
            self._data.clear()
            self._data_bytes = 0
            self._name = ""
            self._bare = False
            return
        if self._bare or (not self._data and line.startswith("{")):
            self._bare = True
            self._add(line)
            return
        field, _, value = line.partition(":")
        field, value = field.lstrip(" \t"), value.removeprefix(" ")
        if field == "data":
            value = _DOUBLED.sub("", value)
            if self._is_next(value):
                yield from self.read_line("")
            self._add(value)
        elif field == "event":
            if self._name and self._data:
                yield from self.read_line("")
            self._name = value
        elif field == "error" and value.strip():
            yield Event(value, "error")
        elif field not in _PASSED_OVER:
            self._pass_over(line)

    def close(self) -> Iterator[Event]:
        """The stream has ended: give what has no empty line after it, and is whole all the same."""
        # A line that broke off in the middle of a character says nothing.
        with suppress(ProtocolError):
            yield from self._take_line() if self._line_bytes else ()
        text = "\n".join(self._data)
        if _is_whole(text):
            yield from self.read_line("")
        elif self._bare:
            self._pass_over(text)

    def _is_next(self, value: str) -> bool:
        """Say whether a data line begins another event: in no JSON text is ``{`` after a line that ends with ``}``."""
        begins = value.startswith("{") or value.strip() == "[DONE]"
        return begins and bool(self._data) and self._data[-1].rstrip().endswith(("}", "]"))

    def _add(self, value: str) -> None:
        self._data.append(value)
        self._data_bytes += len(value) + 1
        self._check_size(self._data_bytes)

    def _pass_over(self, line: str) -> None:
        if len(self.unread) < UNREAD:
            self.unread = f"{self.unread}\n{line}".lstrip()[:UNREAD]

    def _line_end(self, chunk: bytes, start: int) -> int:
        found = _LINE_END.search(chunk, start)
        return -1 if found is None else found.start()


class JsonLines(EventDecoder):
    """One JSON text a line; empty lines are passed over, and the last line needs no end.

    A proxy may make server-sent events of them: then what is no data is passed over, too.
    """

    def read_line(self, line: str) -> Iterator[Event]:
        """Take one line as an event."""
        field, colon, value = line.partition(":")
        if colon and field == "data":
            line = value
        elif colon and field in {"", "event", "id", "retry"}:
            return
        if line.strip():
            yield Event(line)

    def close(self) -> Iterator[Event]:
        """The stream has ended, and with it the last line."""
        yield from self._take_line()

    def _line_end(self, chunk: bytes, start: int) -> int:
        return chunk.find(b"\n", start)
