"""Reads the answers of chat completions: chunks, whole answers and errors, of OpenAI and compatible servers.

The shapes are those of https://developers.openai.com/api/reference (chat completions, streaming), and what others add
to them: thinking (`reasoning_content`, `reasoning`), errors in the middle of a stream, other finish reasons.

Only the text, the calls and the finish reason make an answer. Other fields may be missing, empty or odd. An event
without a choice is ignored, unless the answer does not come or does not end: then the event's text is the error's.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import msgspec

from ....errors import BrowserLLMError, ProtocolError
from ....reasoning import ThoughtReader
from ....types import FinishReason, TextDelta, Usage
from ...draft import Draft
from ...split_characters import whole_value
from ...stream import Delta
from ..failures import ErrorSource, VendorError, failure, quote, read_error
from ..history import mark_signature
from ..provider_metadata import ExtraFieldReader, ThoughtObjectReader
from ..reader import Reader, no_answer
from ..sse import Event
from ..token_counts import largest
from .tool_calls import ToolCalls, index_of
from .usage import usage_beside, usage_of

_FINISH: dict[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
    "function_call": "tool_calls",
    "model_length": "length",
    "eos": "stop",
    "eos_token": "stop",
    "stop_sequence": "stop",
    "end_turn": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "safety": "content_filter",
}
_TEXT_PARTS = (None, "text", "output_text", "thinking")
# Finish reasons of servers that could not complete the answer.
_BROKEN = frozenset({"error", "insufficient_system_resource", "abort"})
# What some servers send in each chunk before the last one.
_NO_REASON = frozenset({"", "null", "none"})
# Error values that mean no error, beside an answer.
_NO_ERROR = frozenset({"", "0", "200", "null", "none", "ok", "success"})


class ChatCompletionReader(Reader):
    """Reads chat completion chunks, or one whole chat completion."""

    FORMAT = "OpenAI"

    def __init__(
        self, draft: Draft, source: ErrorSource, vendor: str = "openai", marked: ThoughtReader | None = None
    ) -> None:
        """Write into ``draft``; data to send back is marked with the ``vendor``.

        ``marked`` finds the thoughts that a server leaves in the text.
        """
        super().__init__(draft, source)

        def mark(given: str) -> str:
            return mark_signature(vendor, source.model, given)

        self._thoughts, self._extras = ThoughtObjectReader(mark), ExtraFieldReader(mark)
        self._marked = marked
        self._finish = ""
        self._refused = False
        self._usage: Usage | None = None
        self._calls = ToolCalls([tool.name for tool in draft.request.tools], self._extras)
        self._choice: int | None = None
        self._text: list[str] = []
        self._left_out: set[str] = set()
        self._has_answered = False
        self._in_pieces = False
        # The last event without a choice since the last choice.
        self._said: Any = None

    @property
    def complete(self) -> bool:
        """Whether the finish reason has come: some servers send nothing after it."""
        return bool(self._finish)

    def read(self, event: Event) -> Iterator[Delta]:
        """Read one chunk, an error, or the end marker."""
        data = event.data.strip()
        if data.strip('"') == "[DONE]":
            self.ended = True
        elif data.startswith("{"):
            yield from self._read_object(event)
        elif data.startswith("["):
            listed = event.decode(list[Any])
            if listed and not any(isinstance(each, (str, dict, list)) for each in listed):
                self._said = data  # a list of numbers is not part of an answer
                return
            for each in listed:
                yield from self.read(Event(_json(whole_value(each)), event.name))
        elif data and data != "null":
            if event.name == "error":
                raise self._failure(data)
            self._said = data

    def read_whole(self, body: bytes) -> Iterator[Delta]:
        """Read an answer that was not streamed, or one that came as lines of JSON."""
        text = body.decode("utf-8", "replace")
        lines = [line for each in text.split("\n") if (line := each.strip())]
        is_each_one = len(lines) > 1 and all(line[0] + line[-1] == "{}" for line in lines)
        for each in lines if is_each_one else [text]:
            yield from self.read(Event(each))
        self.ended = True

    def finish(self) -> Iterator[Delta]:
        """Set the finish reason and the usage; yields what was kept back."""
        draft, said = self.draft, self._finish
        self._check_answer()
        reason = _FINISH.get(said.lower(), "stop")
        if not said:
            draft.warn("finish_reason", f"{self.source.backend!r} did not say why the answer ended; 'stop' is assumed")
        elif said.lower() not in _FINISH:
            draft.warn("finish_reason", f"{self.source.backend!r} sent the finish reason {said!r}; 'stop' is assumed")
        if self._marked is not None:
            yield from self._marked.finish(cut=reason == "length")
        yield from self._calls.finish(well=reason in ("stop", "tool_calls"))
        for problem in self._calls.problems:
            draft.warn("tools", problem)
        # Some servers send "stop" after tool calls; a refusal has no finish reason of its own.
        if self._calls.count and reason == "stop":
            reason = "tool_calls"
        elif not self._has_answered and (reason == "tool_calls" or (reason == "stop" and self._calls.problems)):
            problem = "; ".join([f"it ended with {said!r} and without a tool call", *self._calls.problems])
            raise failure(VendorError(message=problem, meaning="broken"), self.source)
        elif reason == "tool_calls" and not self._calls.count:
            draft.warn("finish_reason", f"{self.source.backend!r} said {said!r} without a tool call; 'stop' is assumed")
            reason = "stop"
        draft.finish_reason = "content_filter" if self._refused else reason
        if self._usage is None:
            draft.warn("usage", f"{self.source.backend!r} did not say how many tokens the answer took")
        yield from self._thoughts.seal()

    def _check_answer(self) -> None:
        """Raise the error of an answer that is missing or has not ended."""
        has_words = bool(read_error(self._said).message.strip())
        if self._finish.lower() in _BROKEN:
            raise self._failure(self._said if has_words else {"message": f"the answer broke off: {self._finish}"})
        has_ended = bool(self._finish) or self.ended
        if self._has_answered and self._finish:
            return
        if has_words or not (self._has_answered or self._finish):
            raise no_answer(self.source, read_error, self.unread if self._said is None else self._said, self.FORMAT)
        if not has_ended:
            raise no_answer(self.source, read_error, self.unread, self.FORMAT)

    def _read_object(self, event: Event) -> Iterator[Delta]:
        chunk = event.decode(_Chunk)
        choices = _choices(chunk.choices, event)
        if not _is_empty(chunk.error) or (not choices and (event.name == "error" or chunk.object == "error")):
            raise self._failure(event.decode(dict[str, Any]))
        draft = self.draft
        draft.model = _name(chunk.model) or draft.model
        draft.provider_request_id = draft.provider_request_id or _name(chunk.id)
        self._count(chunk.usage)
        self._count(usage_beside(chunk.x_groq, None if chunk.usage else chunk.timings))
        if not choices:
            said = event.decode(dict[str, Any])
            if self._said is None or read_error(said).message.strip():
                self._said = said
            return
        self._said = None
        if self._choice is None:
            self._choice = min(index_of(choice.index) or 0 for choice in choices)
        for choice in choices:
            # The request asks for one answer; the text of others must not be mixed into it.
            if (index_of(choice.index) or 0) == self._choice:
                yield from self._read_choice(choice, event)

    def _read_choice(self, choice: _Choice, event: Event) -> Iterator[Delta]:
        if not _is_empty(choice.error):
            # OpenRouter sends a provider's failure here.
            raise self._failure({"error": choice.error})
        self._count(choice.usage)
        reason = choice.finish_reason
        if isinstance(reason, dict):
            reason = cast("dict[str, Any]", reason).get("type")
        reason = str(reason) if reason else ""
        if reason.lower() in _NO_REASON:
            reason = ""
        # "stop" is the least specific reason: it does not replace an earlier one.
        if reason and (not self._finish or _FINISH.get(reason.lower()) != "stop"):
            self._finish = reason
        delta, message = _message(choice.delta, event), _message(choice.message, event)
        if delta is None and message is None and isinstance(choice.text, str):
            delta = _Message(content=choice.text)
        logprobs = _entries(choice.logprobs)
        if delta is not None:
            yield from self._read_message(delta, logprobs)
            self._in_pieces = self._in_pieces or self._has_answered
        if message is not None and self._in_pieces:
            yield from self._read_rest(message, delta or _Message())
        elif message is not None:
            yield from self._read_message(message, logprobs, whole=True)

    def _read_message(
        self, message: _Message, entries: list[Any] | None = None, *, whole: bool = False
    ) -> Iterator[Delta]:
        yield from self._read_thoughts(message, whole=whole)
        self._tell_left_out(message)
        is_thought = _is_googles_thought(message.extra_content)
        for thinking, text in _texts(message.content):
            if thinking is not None:
                self._has_answered = self._has_answered or bool(text)
                yield from self._release()
                yield from self._thoughts.read_chunk(thinking, text, whole=whole)
                continue
            if not text:
                continue
            self._has_answered = True
            if is_thought:
                yield from self._release()
                yield from self._thoughts.read_plain(text)
                continue
            yield from self._thoughts.seal()
            self._text.append(text)
            if self._marked is not None:
                yield from self._marked.feed(text, entries or None)
                entries = None
            elif entries:
                yield TextDelta(text=text, logprobs=entries)
                entries = None
            else:
                yield text
        if entries:
            # Tokens in the middle of a character have no text yet.
            yield TextDelta(logprobs=entries)
        if not is_thought and (signature := self._extras.read(None, {"extra_content": message.extra_content})):
            yield from self._thoughts.seal()
            yield TextDelta(signature=signature)
        if message.refusal and isinstance(message.refusal, str):
            self._refused = self._has_answered = True
            self._text.append(message.refusal)
            yield from self._thoughts.seal()
            yield message.refusal
        calls = message.tool_calls or message.function_call
        if calls:
            yield from self._thoughts.seal()
            yield from self._calls.read(calls, last=bool(self._finish))
            self._has_answered = self._has_answered or self._calls.count > 0

    def _tell_left_out(self, message: _Message) -> None:
        """Warn about parts that are not text, thoughts or calls, once for each kind."""
        kinds = [name for name in ("images", "audio") if getattr(message, name)]
        others = (part for part in _dicts(message.content) if not isinstance(part.get("text"), str))
        kinds += [str(part.get("type")) for part in others if part.get("type") not in _TEXT_PARTS]
        for kind in kinds:
            if kind not in self._left_out:
                self._left_out.add(kind)
                self.draft.warn("extra_body", f"the answer has a part of type {kind!r}, which was left out")

    def _release(self) -> Iterator[Delta]:
        """Stop looking for thoughts in the text: they come in a field."""
        return iter(()) if self._marked is None else self._marked.release()

    def _read_thoughts(self, message: _Message, *, whole: bool) -> Iterator[Delta]:
        field = "reasoning_details" if message.reasoning_details else "thinking_blocks"
        given = [*self._thoughts.read(field, getattr(message, field), whole=whole)]
        if given:
            yield from self._release()
        yield from given
        # With objects, their text comes twice.
        thought = "" if any(each.reasoning for each in given) else _thought(message)
        if thought:
            yield from self._release()
            yield from self._thoughts.read_plain(thought)
        self._has_answered = self._has_answered or bool(given or thought)

    def _read_rest(self, message: _Message, delta: _Message) -> Iterator[Delta]:
        """Read a whole message after its pieces; yields only what the pieces did not have."""
        said, whole = (
            "".join(self._text),
            "".join(text for thinking, text in _texts(message.content) if thinking is None),
        )
        if whole.startswith(said):
            yield from self._read_message(_Message(content=whole[len(said) :]))
        elif whole and whole != delta.content:
            self.draft.warn(
                "messages", f"the whole message differs from its pieces and was left out: {quote(whole, 200)}"
            )
        calls = message.tool_calls or message.function_call
        if calls:
            yield from self._calls.read_whole(calls)
            self._has_answered = self._has_answered or self._calls.count > 0

    def _count(self, said: Any) -> None:
        """Read token counts; servers that send them repeatedly send the totals so far."""
        usage = usage_of(said)
        if usage is not None:
            self._usage = self.draft.usage = usage if self._usage is None else largest(self._usage, usage)

    def _failure(self, body: Any) -> BrowserLLMError:
        error = read_error(whole_value(body))
        if not error.message.strip() and not error.code:
            return no_answer(self.source, read_error, body, self.FORMAT)
        return failure(error, self.source)


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _choices(value: Any, event: Event) -> list[_Choice]:
    """Return the choices of a chunk; raises `ProtocolError` if they are not valid."""
    listed = cast("list[Any]", value) if isinstance(value, list) else [value]
    found = [each for each in listed if isinstance(each, _Choice)]
    if not found and any(listed):
        raise ProtocolError(f"an event of the stream has choices that are not valid: {quote(event.data, 200)!r}")
    return [each for each in found if any(getattr(each, name) for name in _CHOICE)]


def _message(value: Any, event: Event) -> _Message | None:
    # Some languages write an empty object as an empty list.
    if isinstance(value, _Message) or not value:
        return value or None
    raise ProtocolError(f"an event of the stream has a message that is not valid: {quote(event.data, 200)!r}")


def _is_empty(value: Any) -> bool:
    """Whether an error value means no error, in any shape."""
    if isinstance(value, dict):
        return all(_is_empty(each) for each in cast("dict[str, Any]", value).values())
    if isinstance(value, list):
        return all(_is_empty(each) for each in cast("list[Any]", value))
    return not value or str(value).strip().lower() in _NO_ERROR


def _name(value: Any) -> str | None:
    """Return a name or an id, which some servers write as a number."""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return None
    return str(value) or None


def _entries(logprobs: Any) -> list[Any] | None:
    content = cast("dict[str, Any]", logprobs).get("content") if isinstance(logprobs, dict) else None
    return _dicts(content) or None


def _thought(message: _Message) -> str:
    """Return the thinking, from either of its two fields; servers that send both repeat the text."""
    said = ("".join(text for _, text in _texts(each)) for each in (message.reasoning_content, message.reasoning))
    return next(filter(None, said), "")


def _texts(content: Any) -> Iterator[tuple[dict[str, Any] | None, str]]:
    """Yield the texts of a content, and the chunk of each that is thinking (Mistral's thinking models)."""
    if isinstance(content, str):
        yield None, content
    elif isinstance(content, (int, float)):
        # Some servers turn an answer that looks like a number into one.
        yield None, _json(content)
    for part in cast("list[Any]", content) if isinstance(content, list) else [content]:
        if isinstance(part, str) and part is not content:
            yield None, part
        elif isinstance(part, dict):
            fields = cast("dict[str, Any]", part)
            if fields.get("type") == "thinking":
                yield fields, "".join(text for _, text in _texts(fields.get("thinking")))
            else:
                text = fields.get("text")
                yield None, text if isinstance(text, str) else ""


def _is_googles_thought(extra_content: object) -> bool:
    """Return whether Gemini sent a thought as the content: ai.google.dev/gemini-api/docs/openai."""
    google = cast("dict[str, Any]", extra_content).get("google") if isinstance(extra_content, dict) else None
    return isinstance(google, dict) and cast("dict[str, Any]", google).get("thought") is True


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [each for each in cast("list[Any]", value) if isinstance(each, dict)] if isinstance(value, list) else []


# The fields that we read. Each may be missing or odd: compatible servers leave out what they like.

_Junk = list[Any] | str | int | float | bool | None


class _Message(msgspec.Struct):
    content: Any = None
    reasoning_content: Any = None
    reasoning: Any = None
    reasoning_details: Any = None
    thinking_blocks: Any = None
    extra_content: Any = None
    refusal: Any = None
    images: Any = None
    audio: Any = None
    tool_calls: Any = None
    function_call: Any = None


class _Choice(msgspec.Struct):
    index: Any = None
    delta: _Message | _Junk = None
    message: _Message | _Junk = None
    text: Any = None
    finish_reason: Any = None
    logprobs: Any = None
    usage: Any = None
    error: Any = None


_CHOICE = ("delta", "message", "text", "finish_reason", "logprobs", "usage", "error")


class _Chunk(msgspec.Struct):
    id: Any = None
    x_groq: Any = None
    object: Any = None
    model: Any = None
    choices: list[_Choice | _Junk] | _Choice | str | int | float | bool | None = None
    usage: Any = None
    timings: Any = None
    error: Any = None
