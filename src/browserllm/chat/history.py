"""History: a conversation as plain data. It only grows; what is still sent of it begins at ``start``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import islice
from typing import Any, Self

import msgspec
from msgspec.structs import replace

from .._internal.nesting import decode_json
from ..backends.request import check_parts
from ..errors import InvalidRequest
from ..types import ContentPart, Message, ReasoningPart, ToolCallPart, ToolResultPart, Usage, content_of

VERSION = 1
"""Of the JSON. What a later version writes may mean something else, so it is refused."""


class History(msgspec.Struct, kw_only=True):
    """A conversation without its system message. A turn begins with a user's message; the answers to it belong to it.

    All ``messages`` stay. Those from ``start`` on are sent, and ``summary`` says what was before them, where somebody
    made one. ``usage`` is what each turn has taken. Once a turn was private the conversation is, for good: later
    requests carry what was said in it.
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
        """Return where each turn begins: the places of the user's messages."""
        return [index for index, message in enumerate(self.messages) if message.role == "user"]

    @property
    def pending(self) -> list[ToolCallPart]:
        """The calls at the end that have no result yet: the program's to answer."""
        answered = Counter[str]()
        for message in reversed(self.messages):
            if message.role != "tool":
                return [call for call in message.tool_calls if not _take(answered, call.id)]
            answered.update(_result_ids(message))
        return []

    def add(self, message: Message) -> None:
        """Put a message at the end."""
        self.messages.append(message)
        if message.role == "user":
            self.usage.append(Usage())

    def add_usage(self, usage: Usage) -> None:
        """Count what an answer has taken to the last turn."""
        self.usage[-1] = sum_usage(self.usage[-1], usage)

    def cut(self, index: int) -> None:
        """Forget the messages from ``index`` on; a cut before ``start`` has all that is left sent again."""
        del self.messages[index:]
        del self.usage[len(self.turn_starts()) :]
        if self.start > index:
            self.start, self.summary = 0, ""

    def copy(self) -> Self:
        """Return a history of its own with the same messages, which never change."""
        return replace(self, messages=self.messages.copy(), usage=self.usage.copy())

    def check(self) -> None:
        """Raise `InvalidRequest` unless this can be sent: every call with its result, each role with what is its."""
        waiting = Counter[str]()
        for index, message in enumerate(self.messages):
            if message.role == "system":
                raise _invalid(f"messages[{index}] has role 'system'; the system message is the session's")
            check_parts(message.role, message.parts, index)
            if index == 0 and message.role != "user":
                raise _invalid(f"messages[0] has role {message.role!r}; a conversation begins with role 'user'")
            if message.role == "tool":
                for answered in _result_ids(message):
                    if not _take(waiting, answered):
                        raise _invalid(f"messages[{index}] has a result for {answered!r}, which no call waits for")
            elif waiting:
                raise _invalid(f"messages[{index}] comes before the results of the calls {_shown(waiting)}")
            else:
                waiting = Counter(call.id for call in message.tool_calls)
        starts = self.turn_starts()
        if self.start not in (*starts, len(self.messages)):
            raise _invalid(f"start={self.start!r} is not where a turn begins; turns begin at {_shown(starts)}", "start")
        if len(self.usage) != len(starts):
            raise _invalid(f"usage has {len(self.usage)} entries; there are {len(starts)} turns", "usage")

    def to_json(self) -> bytes:
        """Return this as JSON; images and sounds are in it as data."""
        return msgspec.json.encode(saved_history(self))

    @classmethod
    def from_json(cls, text: bytes | str) -> History:
        """Return what `to_json` wrote. Raises `InvalidRequest`, which says what is wrong and where."""
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
    """Return a history as it is written."""
    return SavedHistory(
        messages=history.messages,
        start=history.start,
        summary=history.summary,
        usage=history.usage,
        private=history.private,
    )


def restored_history(saved: SavedHistory) -> History:
    """Return a history as it was written, checked; usage that was not written is none."""
    history = History(
        messages=saved.messages, start=saved.start, summary=saved.summary, usage=saved.usage, private=saved.private
    )
    history.usage = history.usage or [Usage() for _ in history.turn_starts()]
    history.check()
    return history


class _Versioned(msgspec.Struct):
    version: int = 0


def decode_saved(text: bytes | str, kind: Any, what: str) -> Any:
    """Decode JSON that we wrote; raise `InvalidRequest` for what we did not, or a later version did."""
    try:
        version = decode_json(text, _Versioned).version
        if version == VERSION:
            return decode_json(text, kind)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise _invalid(f"this is no saved {what}: {error}", what) from error
    raise _invalid(f"this {what} was saved as version {version}; this browserllm reads version {VERSION}", what)


def sum_usage(one: Usage, other: Usage) -> Usage:
    """Return two usages together."""
    return Usage(**{name: getattr(one, name) + getattr(other, name) for name in Usage.__struct_fields__})


def encodable(text: str) -> str:
    """Return a text that JSON can hold: half a surrogate pair, which it cannot, becomes a question mark."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def encodable_message(message: Message) -> Message:
    """Return an answer as the history can keep it."""
    try:
        msgspec.json.encode(message)
    except UnicodeEncodeError:
        return replace(message, content=content_of([_encodable_part(part) for part in message.parts]))
    return message


def _encodable_part(part: ContentPart) -> ContentPart:
    fields = {name: getattr(part, name) for name in part.__struct_fields__}
    return replace(part, **{name: encodable(value) for name, value in fields.items() if isinstance(value, str)})


def partial_message(message: Message) -> Message:
    """Return what stays of an answer that was stopped: its text, and what was thought; calls may not be whole.

    What was thought after the last text belongs to what never came.
    """
    message = encodable_message(message)
    kept = [part for part in message.parts if not isinstance(part, ToolCallPart)]
    while message.text and isinstance(kept[-1], ReasoningPart):
        kept.pop()
    return replace(message, content=content_of(kept))


def _result_ids(message: Message) -> list[str]:
    return [part.id for part in message.parts if isinstance(part, ToolResultPart)]


def _take(ids: Counter[str], wanted: str) -> bool:
    """Take one of the ids out, and say whether it was there: ids of one message may be the same."""
    if not ids[wanted]:
        return False
    ids[wanted] -= 1
    if not ids[wanted]:
        del ids[wanted]
    return True


def _shown(items: Iterable[object]) -> str:
    """Return the first of the items for an error; a saved file may have any number of them."""
    shown = [repr(item) for item in islice(items, 11)]
    return f"[{', '.join([*shown[:10], '…'] if len(shown) > 10 else shown)}]"


def _invalid(message: str, parameter: str = "messages") -> InvalidRequest:
    return InvalidRequest(message, parameter=parameter)
