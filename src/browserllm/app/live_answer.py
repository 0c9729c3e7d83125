"""LiveAnswer: an answer while it streams. It gathers the chunks of a turn into parts, and shows them once a frame."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from msgspec.structs import replace

from .._internal import lazy_asyncio as asyncio
from .._internal.nesting import decode_json
from ..backends.split_characters import CharacterJoiner, whole_text
from ..backends.stream import Delta
from ..json_schema.partial import MISSING, PartialJson
from ..types import ChatChunk, ChatRestart, ChatStart, ReasoningDelta, TextDelta, ToolCallDelta, ToolCallPart
from .continuing import Joint
from .live_state import FRAME_S
from .state import MessagePart, ObjectPart, ReasoningPart, TextPart, ToolPart


class LiveAnswer:
    """The parts of an answer so far. ``show`` is called with them when they changed, at most once a frame.

    A part that did not change is the same object as before, so that a page gets only what is new.
    """

    def __init__(
        self,
        show: Callable[[tuple[MessagePart, ...]], None],
        *,
        parts: Iterable[MessagePart] = (),
        join: Callable[[], Joint] | None = None,
    ) -> None:
        """Begin with ``parts`` that are there already; ``join`` returns what fits new text to the end of theirs."""
        self._show = show
        self._before = tuple(parts)
        self._join = join
        self._joint: Joint | None = None
        self._growing: list[_Growing] = []
        self._round_at = 0
        self._calls: dict[int, _Call] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._shown_at = 0.0
        self._halves = CharacterJoiner()
        self._begin_again()

    @property
    def parts(self) -> tuple[MessagePart, ...]:
        """The parts so far."""
        return tuple(growing.part() for growing in self._growing)

    def feed(self, chunk: ChatChunk) -> None:
        """Take the next chunk of a turn. The halves of a character may come in two chunks."""
        if isinstance(chunk, (TextDelta, ReasoningDelta, ToolCallDelta)):
            self._take(self._halves.join(chunk))
        elif isinstance(chunk, ChatStart):
            self._end_round()
            self._changed()
        elif isinstance(chunk, ChatRestart):
            self._restart()
            self._changed()

    def _take(self, chunk: Delta) -> None:
        if isinstance(chunk, TextDelta):
            text = chunk.text if self._joint is None else self._joint.feed(chunk.text)
            if not text:
                return
            self._text(TextPart).pieces.append(text)
        elif isinstance(chunk, ReasoningDelta):
            if not chunk.reasoning:
                return
            self._text(ReasoningPart).pieces.append(chunk.reasoning)
        elif isinstance(chunk, ToolCallDelta):
            self._call(chunk).feed(chunk)
        self._changed()

    def put_object(self, value: Any) -> None:
        """Show an object, or the part of it that is there."""
        if self._growing and isinstance(self._growing[-1], _Object):
            self._growing[-1].value = value
        else:
            self._add(_Object(value))
        self._changed()

    def put_call(self, call: ToolCallPart, **fields: Any) -> None:
        """Change the fields of the newest part about a call; with ``input`` those of the call."""
        for growing in reversed(self._growing):
            if isinstance(growing, _Call) and growing.id == whole_text(call.id):
                growing.change(arguments_of(call), fields)
                self._changed()
                return

    def end(self) -> tuple[MessagePart, ...]:
        """Show nothing more, and return the parts."""
        self._end_round()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._joint is not None and (rest := self._joint.finish()):
            self._text(TextPart).pieces.append(rest)
        for growing in self._growing:
            growing.end()
        return self.parts

    def _text(self, kind: type[TextPart | ReasoningPart]) -> _Text:
        last = self._growing[-1] if self._growing else None
        if isinstance(last, _Text) and last.kind is kind and not last.ended:
            return last
        return self._add(_Text(kind))

    def _call(self, chunk: ToolCallDelta) -> _Call:
        call = self._calls.get(chunk.index)
        if call is None:
            call = self._calls[chunk.index] = self._add(_Call())
        return call

    def _add(self, growing: Any) -> Any:
        if self._growing:
            self._growing[-1].end()
        self._growing.append(growing)
        return growing

    def _end_round(self) -> None:
        for half in self._halves.rest():
            self._take(TextDelta(text=half) if isinstance(half, str) else half)
        self._round_at = len(self._growing)
        self._calls = {}

    def _restart(self) -> None:
        if self._round_at <= len(self._before):
            self._begin_again()
        else:
            del self._growing[self._round_at :]
        self._calls = {}
        self._halves = CharacterJoiner()

    def _begin_again(self) -> None:
        self._growing = [_Whole(part) for part in self._before]
        self._round_at = len(self._growing)
        if self._join is not None:
            self._joint = self._join()
            if self._before and isinstance(self._before[-1], TextPart):
                self._growing[-1] = _Text(TextPart, self._before[-1].text)

    def _changed(self) -> None:
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(max(0.0, self._shown_at + FRAME_S - loop.time()), self._on_frame)

    def _on_frame(self) -> None:
        self._timer = None
        self._shown_at = asyncio.get_running_loop().time()
        self._show(self.parts)


class _Whole:
    """A part that does not grow."""

    def __init__(self, part: MessagePart) -> None:
        self._part = part

    def part(self) -> MessagePart:
        return self._part

    def end(self) -> None:
        pass


class _Text:
    """A text or a thought; pieces are joined when the part is asked for."""

    def __init__(self, kind: type[TextPart | ReasoningPart], text: str = "") -> None:
        self.kind = kind
        self.pieces: list[str] = []
        self.ended = False
        self._part = kind(text=text, state="streaming")

    def part(self) -> MessagePart:
        if self.pieces:
            self._part = self.kind(text=self._part.text + "".join(self.pieces), state="streaming")
            self.pieces.clear()
        if self.ended and self._part.state != "done":
            self._part = self.kind(text=self._part.text, state="done")
        return self._part

    def end(self) -> None:
        self.ended = True


class _Call:
    """A tool call; its arguments are parsed when the part is asked for."""

    def __init__(self) -> None:
        self.id = ""
        self._pieces: list[str] = []
        self._partial = PartialJson()
        self._part = ToolPart(tool_name="", tool_call_id="", state="input-streaming")

    def feed(self, chunk: ToolCallDelta) -> None:
        self.id = chunk.id or self.id
        self._part = replace(self._part, tool_call_id=self.id, tool_name=chunk.name or self._part.tool_name)
        self._pieces.append(chunk.arguments)

    def change(self, arguments: Any, fields: dict[str, Any]) -> None:
        self._pieces.clear()
        self._part = replace(self._part, input=arguments, **fields)

    def part(self) -> MessagePart:
        if self._pieces:
            text = "".join(self._pieces)
            self._pieces.clear()
            if self._partial.feed(text) and self._partial.value is not MISSING:
                self._part = replace(self._part, input=self._partial.value)
        return self._part

    def end(self) -> None:
        self.part()


class _Object:
    """Structured output."""

    def __init__(self, value: Any) -> None:
        self.value = value
        self._part = ObjectPart(value=value, state="streaming")
        self._ended = False

    def part(self) -> MessagePart:
        state = "done" if self._ended else "streaming"
        if self._part.value is not self.value or self._part.state != state:
            self._part = ObjectPart(value=self.value, state=state)
        return self._part

    def end(self) -> None:
        self._ended = True


_Growing = _Whole | _Text | _Call | _Object


def arguments_of(call: ToolCallPart) -> Any:
    """Return the arguments of a call, or their text if it is not JSON."""
    try:
        return decode_json(call.arguments, Any)
    except (msgspec.DecodeError, RecursionError):
        return whole_text(call.arguments)
