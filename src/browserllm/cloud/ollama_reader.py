"""Reads what Ollama answers: one JSON text a line, the last one with the counts, and errors."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from ..stream import Delta, Draft
from ..thoughts import ThoughtReader, template_opens
from ..types import FinishReason, ReasoningDelta, Timings, ToolCallDelta, Usage
from .events import Event
from .failures import Meaning, Place, VendorError, failure
from .history import new_call_id
from .reader import Reader


class _Function(msgspec.Struct):
    name: str = ""
    arguments: dict[str, Any] | None = None


class _Call(msgspec.Struct):
    function: _Function
    id: str | None = None


class _Message(msgspec.Struct):
    content: str | None = None
    thinking: str | None = None
    tool_calls: list[_Call] | None = None


class _Line(msgspec.Struct):
    """A line of the answer; durations are in nanoseconds."""

    model: str | None = None
    remote_host: str | None = None
    message: _Message | None = None
    logprobs: list[Any] | None = None
    done: bool = False
    done_reason: str | None = None
    load_duration: int | None = None
    prompt_eval_count: int | None = None
    prompt_eval_duration: int | None = None
    eval_count: int | None = None
    eval_duration: int | None = None
    error: Any = None
    status: int | None = None


_FINISH: dict[str, FinishReason] = {"stop": "stop", "length": "length"}


class OllamaReader(Reader):
    """Reads the lines of an answer; the line that is ``done`` is the last one."""

    def __init__(self, draft: Draft, place: Place, passed_on: Callable[[str], None]) -> None:
        """Write into ``draft``; ``place`` is for errors, ``passed_on`` is told a model that runs elsewhere."""
        super().__init__(draft, place)
        self._passed_on = passed_on
        self._calls = 0
        # It leaves them in the text where thinking was not asked for, or its template does not know of it.
        self._thoughts = ThoughtReader(begins="unsure" if template_opens(place.model) else "text")

    def read(self, event: Event) -> Iterator[Delta]:
        """Read a line."""
        line = event.decode(_Line)
        if line.error is not None:
            raise failure(read_error({"error": line.error, "status": line.status}), self.place)
        if line.remote_host:
            self._passed_on(self.place.model)
        self.draft.model = line.model or self.draft.model
        message = line.message or _Message()
        if message.thinking:
            yield from self._thoughts.release()
            yield ReasoningDelta(sequence=0, reasoning=message.thinking)
        yield from self._thoughts.feed(message.content or "", line.logprobs or None)
        for call in message.tool_calls or ():
            yield ToolCallDelta(
                sequence=0,
                index=self._calls,
                id=call.id or new_call_id(),
                name=call.function.name,
                arguments=msgspec.json.encode(call.function.arguments or {}).decode(),
            )
            self._calls += 1
        if line.done:
            self._end(line)
            yield from self._thoughts.finish(cut=self.draft.finish_reason == "length")

    def _end(self, line: _Line) -> None:
        draft = self.draft
        self.ended = True
        reason = line.done_reason or "stop"
        draft.finish_reason = _FINISH.get(reason, "stop")
        if draft.finish_reason == "stop" and self._calls:
            draft.finish_reason = "tool_calls"
        if reason not in _FINISH:
            draft.warn("finish_reason", f"{reason!r} is unknown; it was taken for 'stop'")
        if line.eval_count is None:
            draft.warn("usage", f"{self.place.backend!r} did not say how many tokens the answer took")
        draft.usage = Usage(prompt_tokens=line.prompt_eval_count or 0, completion_tokens=line.eval_count or 0)
        decode_ns, before_ns = line.eval_duration, (line.load_duration or 0) + (line.prompt_eval_duration or 0)
        draft.timings = Timings(
            first_token_ms=before_ns / 1e6 if before_ns else None,
            decode_ms=decode_ns / 1e6 if decode_ns else None,
            tokens_per_s=line.eval_count / decode_ns * 1e9 if line.eval_count and decode_ns else None,
        )


class _ErrorBody(msgspec.Struct):
    error: Any = None
    status: int | None = None


def read_error(body: Any) -> VendorError:
    """Return what an error says: ``{"error": "a text"}``, in a stream sometimes with a ``status``."""
    try:
        said = msgspec.convert(body, _ErrorBody)
    except msgspec.ValidationError:
        return VendorError(message=body if isinstance(body, str) else "")
    message = said.error if isinstance(said.error, str) else msgspec.json.encode(said.error).decode()
    missing = _MISSING.search(message)
    if missing is not None:
        return VendorError(message=f"{message} (it can be fetched: ollama pull {missing[1]})", meaning="model")
    return VendorError(message=message, meaning=_meaning(message.lower(), said.status))


_MISSING = re.compile(r"model ['\"]([^'\"]{1,200})['\"] not found")


_STATUSES: dict[int, Meaning] = {
    400: "invalid",
    401: "authentication",
    402: "quota",
    403: "authentication",
    404: "model",
    429: "rate",
}

# What an error says when its status does not, or there is none.
_WORDS: tuple[tuple[str, Meaning], ...] = (
    ("context length", "context"),
    ("context size", "context"),
    ("context window", "context"),
)


def _meaning(message: str, status: int | None) -> Meaning:
    for words, meaning in _WORDS:
        if words in message:
            return meaning
    return "" if status is None else _STATUSES.get(status, "overloaded")
