"""Reads what Ollama answers: one JSON text a line, the last one with the counts, and errors."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from msgspec.structs import replace

from ..stream import Delta, Draft
from ..types import FinishReason, ReasoningDelta, TextDelta, Timings, ToolCallDelta, Usage
from . import failures
from .events import Event
from .failures import Place, VendorError, failure
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
            yield ReasoningDelta(sequence=0, reasoning=message.thinking)
        if line.logprobs:
            yield TextDelta(sequence=0, text=message.content or "", logprobs=line.logprobs)
        else:
            yield message.content or ""
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


def read_error(body: Any) -> VendorError:
    """Return what an error says: ``{"error": "a text"}``, in a stream sometimes with a ``status``."""
    error = failures.read_error(body)
    missing = _MISSING.search(error.message)
    if missing is None:
        return error
    return replace(error, message=f"{error.message} (it can be fetched: ollama pull {missing[1]})", meaning="model")


_MISSING = re.compile(r"model ['\"]([^'\"]{1,200})['\"] not found")
