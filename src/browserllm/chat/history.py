"""History: a conversation as plain data. It only grows; the messages from ``start`` on are sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import islice
from typing import Any, Self

import msgspec
from msgspec.structs import replace

from .._internal.arguments import check_kind
from .._internal.content import content_of
from .._internal.nesting import decode_json
from ..backends.request import check_parts
from ..backends.split_characters import whole_text
from ..errors import InvalidRequest
from ..types import ContentPart, Message, ReasoningPart, ToolCallPart, ToolResultPart, Usage

VERSION = 1
"""Of the JSON format. Later versions are refused, because their fields may mean something else."""


class History(msgspec.Struct, kw_only=True):
    """A conversation without its system message. A turn is a user's message and the answers to it.

    All ``messages`` stay. Those from ``start`` on are sent; ``summary`` describes the ones before, if a summary was
    made. ``usage`` has one entry per turn. Once a turn was private, the conversation stays private, because later
    requests carry its messages.
    """

    messages: list[Message] = []
    start: int = 0
    summary: str = ""
    usage: list[Usage] = []
    private: bool = False

    @property
    def sent(self) -> list[Message]:
        """The messages that are still sent."""
        return self.messages[self.start :]

    @property
    def turns(self) -> list[list[Message]]:
        """The messages, turn by turn."""
        starts = self.turn_starts()
        ends = [*starts, len(self.messages)][1:]
        return [self.messages[first:end] for first, end in zip(starts, ends, strict=True)]

    def turn_starts(self) -> list[int]:
        """Return the index of each turn's first message, which is the user's."""
        return [index for index, message in enumerate(self.messages) if message.role == "user"]

    @property
    def pending(self) -> list[ToolCallPart]:
        """The calls of the last answer that still need a result from the program."""
        answered = Counter[str]()
        for message in reversed(self.messages):
            if message.role != "tool":
                return [call for call in message.tool_calls if not _take(answered, call.id)]
            answered.update(_result_ids(message))
        return []

    def add(self, message: Message) -> None:
        """Append a message."""
        self.messages.append(message)
        if message.role == "user":
            self.usage.append(Usage())

    def add_usage(self, usage: Usage) -> None:
        """Add to the usage of the last turn."""
        self.usage[-1] = sum_usage(self.usage[-1], usage)

    def cut(self, index: int) -> None:
        """Remove the messages from ``index`` on; after a cut before ``start``, all remaining ones are sent again."""
        del self.messages[index:]
        del self.usage[len(self.turn_starts()) :]
        if self.start > index:
            self.start, self.summary = 0, ""

    def copy(self) -> Self:
        """Return a copy that shares the messages, which are immutable."""
        return replace(self, messages=self.messages.copy(), usage=self.usage.copy())

    def check(self) -> None:
        """Raise `InvalidRequest` unless this can be sent: calls have results, and roles only their kinds of parts."""
        waiting = Counter[str]()
        for index, message in enumerate(self.messages):
            if message.role == "system":
                raise _invalid(f"messages[{index}] has role 'system'; set it with Session(..., system=...) instead")
            check_parts(message.role, message.parts, index)
            if index == 0 and message.role != "user":
                raise _invalid(f"messages[0] has role {message.role!r}; a conversation must begin with role 'user'")
            if message.role == "tool":
                for answered in _result_ids(message):
                    if not _take(waiting, answered):
                        raise _invalid(f"messages[{index}] has a result for {answered!r}, but no such call is waiting")
            elif waiting:
                raise _invalid(f"messages[{index}] comes before the results of the calls {_shown(waiting)}")
            else:
                waiting = Counter(call.id for call in message.tool_calls)
        starts = self.turn_starts()
        if self.start not in (*starts, len(self.messages)):
            raise _invalid(
                f"start={self.start!r} is not the first message of a turn; use one of {_shown(starts)}", "start"
            )
        if len(self.usage) != len(starts):
            raise _invalid(f"usage has {len(self.usage)} entries; there are {len(starts)} turns", "usage")

    def to_json(self) -> bytes:
        """Return this as JSON, with images and sounds embedded."""
        return msgspec.json.encode(saved_history(self))

    @classmethod
    def from_json(cls, text: bytes | str) -> History:
        """Return the history that `to_json` wrote. Raises `InvalidRequest` with the problem and its place."""
        return restored_history(decode_saved(text, SavedHistory, "history"))


class SavedHistory(msgspec.Struct, kw_only=True):
    """A history as JSON."""

    version: int = VERSION
    messages: list[Message]
    start: int = 0
    summary: str = ""
    usage: list[Usage] = []
    private: bool = False


def saved_history(history: History) -> SavedHistory:
    """Return a history in its saved form."""
    return SavedHistory(
        messages=history.messages,
        start=history.start,
        summary=history.summary,
        usage=history.usage,
        private=history.private,
    )


def restored_history(saved: SavedHistory) -> History:
    """Return the checked history; a saved one without usage gets zeros."""
    history = History(
        messages=saved.messages, start=saved.start, summary=saved.summary, usage=saved.usage, private=saved.private
    )
    history.usage = history.usage or [Usage() for _ in history.turn_starts()]
    history.check()
    return history


class _Versioned(msgspec.Struct):
    version: int = 0


def decode_saved(text: bytes | str, kind: Any, what: str) -> Any:
    """Decode JSON that this version wrote; raise `InvalidRequest` for anything else."""
    check_kind("text", text, (str, bytes), f"a saved {what}", write="pass what to_json() returned")
    try:
        version = decode_json(text, _Versioned).version
        if version == VERSION:
            return decode_json(text, kind)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise _invalid(f"this is not a saved {what}: {error}", what) from error
    raise _invalid(f"this {what} was saved as version {version}; this browserllm reads version {VERSION} only", what)


def sum_usage(one: Usage, other: Usage) -> Usage:
    """Return the sum of two usages."""
    return Usage(**{name: getattr(one, name) + getattr(other, name) for name in Usage.__struct_fields__})


def encodable_message(message: Message) -> Message:
    """Return an answer whose texts can be written as JSON."""
    try:
        msgspec.json.encode(message)
    except UnicodeEncodeError:
        return replace(message, content=content_of([_encodable_part(part) for part in message.parts]))
    return message


def _encodable_part(part: ContentPart) -> ContentPart:
    fields = {name: getattr(part, name) for name in part.__struct_fields__}
    return replace(part, **{name: whole_text(value) for name, value in fields.items() if isinstance(value, str)})


def partial_message(message: Message) -> Message:
    """Return the text and thinking of a stopped answer, without its calls, which may be incomplete.

    Thinking after the last text goes too: it belongs to text that never came.
    """
    message = encodable_message(message)
    kept = [part for part in message.parts if not isinstance(part, ToolCallPart)]
    while message.text and isinstance(kept[-1], ReasoningPart):
        kept.pop()
    return replace(message, content=content_of(kept))


def _result_ids(message: Message) -> list[str]:
    return [part.id for part in message.parts if isinstance(part, ToolResultPart)]


def _take(ids: Counter[str], wanted: str) -> bool:
    """Remove one id and return whether it was there; a message may have the same id twice."""
    if not ids[wanted]:
        return False
    ids[wanted] -= 1
    if not ids[wanted]:
        del ids[wanted]
    return True


def _shown(items: Iterable[object]) -> str:
    """Return the first ten items for an error message; a saved file may have any number of them."""
    shown = [repr(item) for item in islice(items, 11)]
    return f"[{', '.join([*shown[:10], '…'] if len(shown) > 10 else shown)}]"


def _invalid(message: str, parameter: str = "messages") -> InvalidRequest:
    return InvalidRequest(message, parameter=parameter)
