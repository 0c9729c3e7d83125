"""The base of the readers for Anthropic, Gemini and Ollama: what counts as an answer, and when it ends.

An answer arrives as events or whole, even if a stream was requested. It ends with the stream, not with a finish reason,
because some servers put one on each piece or send more after it. There is an answer if there was a finish reason, or
content and then an end marker; otherwise whatever the server sent is the error.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar, cast

from msgspec.structs import replace

from ...errors import BrowserLLMError, ProtocolError, Unavailable
from ...types import FinishReason, ReasoningDelta, TextDelta, ToolCallDelta
from ..draft import Draft
from ..stream import Delta
from .error_bodies import CertainError
from .failures import ErrorSource, VendorError, failure, quote, read_error
from .fields import each_value, json_text, json_texts, says_something
from .format_mismatch import detect_other_format, wrong_format_error
from .native_tool_calls import NativeToolCalls
from .reader import Reader, broke_off, is_numbers, no_answer, not_an_answer
from .sse import Event

_ERROR_NAME = re.compile(r"error|detail|msg|message|description|reason|code", re.IGNORECASE)


class NativeReader(Reader):
    """Reads events, or one body, object by object; a vendor's reader says what is in an object."""

    FIELDS: ClassVar[frozenset[str]]
    """The names that an object of an answer may have: what else it holds may be the words of an error."""
    FINISH: ClassVar[dict[str, FinishReason]]
    """What the vendor's reasons to finish mean."""
    CALLS_COME_WHOLE: ClassVar[bool] = True
    """Whether a call without arguments cannot have been cut off before them."""

    def __init__(self, draft: Draft, source: ErrorSource) -> None:
        """Write into ``draft``; ``source`` is for errors."""
        super().__init__(draft, source)
        self.calls = NativeToolCalls([tool.name for tool in draft.request.tools])
        self.reason = ""
        """Why the answer ended, in the vendor's word, as far as it is known."""
        self.counted = False
        """Whether the server has said how many tokens the answer took."""
        self._pieces = 0
        self._goes_on_after_reasons = False
        self._odd: Any = None
        self._has_words = False
        self._late = ""
        self._instead: Any = None

    @property
    def complete(self) -> bool:
        """Whether nothing is missing, should the connection break now: a reason has come, and no words after it.

        Of a server that has gone on after a reason once, no reason is believed.
        """
        return self.ended or (bool(self.reason) and not self._goes_on_after_reasons)

    # What a vendor's reader says

    @abstractmethod
    def read_object(self, value: dict[str, Any], name: str) -> Iterator[Delta]:
        """Read one object of an answer; ``name`` is its event's."""

    def read_error(self, body: Any) -> VendorError:
        """Return what an error says."""
        return read_error(body)

    @abstractmethod
    def settle(self) -> FinishReason:
        """Return why the answer ended, once nothing more comes, and say what is odd about that."""

    # The answer

    def take_reason(self, reason: str) -> bool:
        """Keep why the answer ended and say whether it counts: the last reason does, but "stop" takes none back."""
        counts = self.FINISH.get(reason) != "stop" or self.FINISH.get(self.reason) not in ("length", "content_filter")
        if counts:
            self.reason = reason
        return counts

    def read(self, event: Event) -> Iterator[Delta]:
        """Read an event, which holds one object or a list of them."""
        text = event.data.strip()
        if not text:
            return
        if text == "[DONE]":  # servers that pass another format on
            self.ended = True
            return
        try:
            value = event.decode(object)
        except ProtocolError:
            if event.name == "error":
                raise self._failure(text) from None
            if self.complete:
                self._late = self._late or text
            elif self._pieces or text[0] in "{[":
                raise
            else:
                self._hold(text)
            return
        if isinstance(value, dict):
            yield from self._read_one(cast("dict[str, Any]", value), event.name)
        else:
            yield from self._read_values([value], event.name)

    def read_whole(self, body: bytes) -> Iterator[Delta]:
        """Read an answer that came as one JSON text, or as a list or lines of pieces."""
        text = body.decode("utf-8", "surrogateescape")
        try:
            values, rest = json_texts(text)
        except RecursionError as error:
            raise ProtocolError(f"{self.source.backend!r} sent no answer ({error}): {quote(text, 200)}") from None
        yield from self._read_values(values, "message")
        if rest and not self.complete:
            raise broke_off(self.source) if values else self._broken(text)
        # One object is whole by itself; of pieces, one must say that it is the last.
        self.ended = self.ended or (len(values) == 1 and text.lstrip().startswith("{"))
        self._instead = values[0] if len(values) == 1 else values

    def finish(self) -> Iterator[Delta]:
        """Settle how the answer ended; raises what the server said instead of an answer."""
        yield from self._counted(self.read_rest())
        if not self.reason and not (self.ended and self._pieces):
            raise self._nothing()
        if not self.reason:
            self._warn("finish_reason", "did not say why the answer ended; 'stop' is assumed")
        reason = self.settle()
        if not self._pieces and (reason == "tool_calls" or (reason == "stop" and self.calls.left_out)):
            problem = f"it ended with {self.reason!r} and without a tool call"
            problem = "; ".join([problem, *self.calls.left_out])
            raise failure(VendorError(message=problem, meaning="broken"), self.source)
        if not self._pieces and reason == "stop" and self._has_words:
            raise self._failure(self._odd)
        yield from self.calls.settle(whole=self.CALLS_COME_WHOLE or reason != "length")
        if reason == "stop" and self.calls.count:
            reason = "tool_calls"
        elif reason == "tool_calls" and not self.calls.count:
            reason = "stop"
        self.draft.finish_reason = reason
        if self._late:
            self._warn("stream", f"sent more after its answer: {quote(self._late, 200)}")
        for problem in self.calls.left_out:
            self.draft.warn("tools", problem)
        if not self.counted:
            self._warn("usage", "did not say how many tokens the answer took")

    def read_rest(self) -> Iterable[Delta]:
        """Give what was held back until the end."""
        return ()

    # Inside

    def _read_values(self, values: list[Any], name: str) -> Iterator[Delta]:
        for value in each_value(values):
            if isinstance(value, dict):
                yield from self._read_one(cast("dict[str, Any]", value), name)
            elif isinstance(value, str):
                self._hold(value)
            elif says_something(value) and not self.complete:
                raise self._broken(json_text(value))

    def _read_one(self, value: dict[str, Any], name: str) -> Iterator[Delta]:
        if "error" in value and says_something(value["error"]):
            raise self._failure(value)
        if (name == "error" or value.get("type") == "error") and says_something(_without_type(value)):
            raise self._failure(value)
        before = self._pieces
        yield from self._counted(self.read_object(value, name))
        if self._pieces == before and any(self._is_odd(key, each) for key, each in value.items()):
            self._hold(value)

    def _is_odd(self, name: str, value: Any) -> bool:
        return says_something(value) and (name not in self.FIELDS or _names_an_error(name, value))

    def _counted(self, deltas: Iterable[Delta]) -> Iterator[Delta]:
        for delta in deltas:
            if _says(delta):
                self._pieces += 1
                self._goes_on_after_reasons |= bool(self.reason)
            yield delta

    def _broken(self, said: str) -> ProtocolError:
        return ProtocolError(
            f"{self.source.backend!r} sent something that is not part of an answer; check that base_url is this API's: "
            f"{quote(said, 200)}"
        )

    def _hold(self, value: Any) -> None:
        """Keep objects that are not part of an answer: they may say why there is no answer."""
        if self._has_words:
            return
        self._has_words = bool(self.read_error(value).message.strip())
        if self._odd is None or self._has_words:
            self._odd = value

    def _warn(self, parameter: str, what: str) -> None:
        self.draft.warn(parameter, f"{self.source.backend!r} {what}")

    def _failure(self, body: Any) -> BrowserLLMError:
        error = self.read_error(CertainError(body))
        if not error.message.strip():
            error = replace(error, message=body if isinstance(body, str) else json_text(body))
        return failure(error, self.source)

    def _nothing(self) -> BrowserLLMError:
        """Return the error for a stream without an answer: in the server's words, if there are any."""
        said = self._odd if self._odd is not None else self.unread or self._instead
        if said is None:
            return broke_off(self.source)
        if foreign := detect_other_format(said, self.FORMAT):
            return wrong_format_error(self.source, self.FORMAT, foreign)
        told = self.read_error(CertainError(said))
        if not told.meaning and is_numbers(text := json_text(said)):
            return not_an_answer(self.source, text)
        if told.message.strip() or told.meaning:
            return self._failure(said)
        if self._instead is not None:
            return no_answer(self.source, self.read_error, said, self.FORMAT)
        error = broke_off(self.source)
        return Unavailable(f"{error}; it said {quote(json_text(said), 200)}", reason="unreachable", data=error.data)


def _says(delta: Delta) -> bool:
    if isinstance(delta, str):
        return bool(delta)
    if isinstance(delta, ReasoningDelta):
        return bool(delta.reasoning or delta.signature)
    return isinstance(delta, ToolCallDelta) or (isinstance(delta, TextDelta) and bool(delta.text))


def _names_an_error(name: str, value: Any) -> bool:
    """Tell whether a field, or one within it, is called as errors are. A message is an object, or an error's text."""
    if isinstance(value, dict):
        return any(_names_an_error(inner, each) for inner, each in cast("dict[str, Any]", value).items())
    if isinstance(value, list):
        return any(_names_an_error(name, each) for each in cast("list[Any]", value))
    return says_something(value) and _ERROR_NAME.search(name) is not None


def _without_type(value: dict[str, Any]) -> dict[str, Any]:
    return {key: each for key, each in value.items() if key != "type"}
