"""Reads Ollama's answers: one JSON text per line, the last one with the token counts, and errors."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from msgspec.structs import replace

from ...._internal.nesting import left_open
from ....errors import ProtocolError
from ....reasoning import ThoughtReader, template_opens
from ....types import FinishReason, ReasoningDelta, Timings, Usage
from ...draft import Draft
from ...stream import Delta
from .. import failures
from ..failures import ErrorSource, VendorError, quote
from ..fields import entries_of, json_text, name_of, objects_of, shape, words_of
from ..json_text import JsonText
from ..native import NativeReader
from ..sse import MAX_EVENT_BYTES, Event
from ..token_counts import token_count

# The shapes, as far as they are read. The types are checked where they matter: see `fields`.


class _Function(msgspec.Struct):
    name: Any = None
    arguments: Any = None
    index: Any = None


class _Call(msgspec.Struct):
    function: Any = None
    id: Any = None


class _Message(msgspec.Struct):
    content: Any = None
    thinking: Any = None
    tool_calls: Any = None


class _Line(msgspec.Struct):
    """A line of the answer; durations are in nanoseconds."""

    model: Any = None
    remote_host: Any = None
    message: Any = None
    response: Any = None
    logprobs: Any = None
    done: Any = None
    done_reason: Any = None


_COUNTS = ("prompt_eval_count", "eval_count", "load_duration", "prompt_eval_duration", "eval_duration")

_FINISH: dict[str, FinishReason] = {"stop": "stop", "length": "length", "tool_calls": "tool_calls"}


class _Said:
    """A call as it came: what tells whether it comes again, and whether its arguments go on."""

    def __init__(self, value: dict[str, Any]) -> None:
        call = shape(value, _Call)
        function = shape(call.function, _Function)
        self.id = name_of(call.id)
        self.index = token_count(function.index)
        self.name = name_of(function.name).strip()
        arguments = function.arguments
        if not isinstance(arguments, str):
            arguments = "" if arguments is None else json_text(arguments)
        self.arguments = JsonText()
        self.arguments.add(arguments)

    def is_again(self, other: _Said) -> bool:
        """Say whether this is the other one, said once more."""
        if (self.name, self.arguments.said()) != (other.name, other.arguments.said()):
            return False
        if self.id and other.id:
            return self.id == other.id
        return self.index is None or other.index is None or self.index == other.index


class OllamaReader(NativeReader):
    """Reads the lines of an answer; one that is ``done`` has the counts, and says that nothing is missing."""

    FORMAT = "Ollama"
    FIELDS = frozenset({*_Line.__struct_fields__, *_COUNTS, "created_at", "remote_model", "total_duration", "context"})

    FINISH = _FINISH

    def __init__(self, draft: Draft, source: ErrorSource, passed_on: Callable[[str], None]) -> None:
        """Write into ``draft``; ``source`` is for errors, ``passed_on`` is told a model that runs elsewhere."""
        super().__init__(draft, source)
        self._passed_on = passed_on
        self._counts: dict[str, int] = {}
        self._said: list[_Said] = []
        self._by_id: dict[str, _Said] = {}
        self._lines: list[str] = []
        self._lines_bytes = self._open = 0
        self._objects = 0
        self._may_be_whole = False
        # It leaves them in the text where thinking was not asked for, or its template does not know of it.
        unsure = template_opens(source.model) and draft.request.thinking is not False
        self._thoughts = ThoughtReader(starts_as="unsure" if unsure else "text")

    def read(self, event: Event) -> Iterator[Delta]:
        """Read a line; those of a JSON text that is written over several lines are read together."""
        line = event.data.strip()
        if self._lines or (line[:1] in ("{", "[") and line[-1] not in "}]"):
            self._lines.append(line)
            self._open += left_open(line)
            self._lines_bytes += len(line)
            if self._lines_bytes > MAX_EVENT_BYTES:
                raise ProtocolError(
                    f"an answer in one JSON text is larger than {MAX_EVENT_BYTES} bytes; the server is broken",
                    data={"limit_bytes": MAX_EVENT_BYTES},
                )
            if self._open > 0:
                return
            event = self._joined()
        yield from super().read(event)

    def _joined(self) -> Event:
        event = Event("\n".join(self._lines))
        self._lines.clear()
        self._lines_bytes = self._open = 0
        return event

    def read_error(self, body: Any) -> VendorError:
        """Return what an error says."""
        return read_error(body)

    def read_object(self, value: dict[str, Any], name: str) -> Iterator[Delta]:
        """Read a line."""
        self._objects += 1
        # The lines of a stream always say whether they are the last.
        self._may_be_whole = "done" not in value
        line = shape(value, _Line)
        if line.remote_host:
            self._passed_on(self.source.model)
        self.draft.model = name_of(line.model) or self.draft.model
        done = line.done in (True, 1, "true")
        messages = objects_of(line.message, "message") if done or not isinstance(line.message, str) else []
        if not messages and line.response is not None:  # as /api/generate has it
            messages = [{"content": line.response}]
        logprobs = entries_of(line.logprobs)
        for message in (shape(each, _Message) for each in messages):
            if thinking := words_of(message.thinking, "thinking"):
                yield from self._thoughts.release()
                yield ReasoningDelta(reasoning=thinking)
            text = words_of(message.content, "content")
            yield from self._thoughts.feed(text, logprobs or None)
            logprobs = None
            if not message.tool_calls:
                continue
            yield from self._read_calls(objects_of(message.tool_calls, "tool_calls"), last=done)
        counts = {key: count for key in _COUNTS if key in value and (count := token_count(value[key])) is not None}
        if counts:
            self._counts |= {key: max(count, self._counts.get(key, 0)) for key, count in counts.items()}
            self.counted = "eval_count" in self._counts
            self._tell()
        if done:
            self.take_reason(name_of(line.done_reason) or self.reason or "stop")

    def read_rest(self) -> Iterator[Delta]:
        """Read lines that have no end; say that an answer that came in one object was whole."""
        if self._lines:
            yield from super().read(self._joined())
        yield from self._thoughts.finish(cut=_FINISH.get(self.reason) == "length")
        self.ended = self.ended or (self._objects == 1 and self._may_be_whole)

    def settle(self) -> FinishReason:
        """Return why the answer ended."""
        if self.reason and self.reason not in _FINISH:
            self.draft.warn("finish_reason", f"the finish reason {self.reason!r} is unknown; 'stop' is assumed")
        return _FINISH.get(self.reason, "stop")

    def _read_calls(self, values: list[dict[str, Any]], *, last: bool) -> Iterator[Delta]:
        calls = [_Said(value) for value in values]
        # Some servers say all calls again when they are done. A call that is made twice has a line for each time.
        if last and len(calls) == len(self._said) and all(map(_Said.is_again, calls, self._said)):
            return
        for call in calls:
            arguments = call.arguments.said()
            if call.id in self._by_id and call.is_again(self._by_id[call.id]):
                continue
            if call.name:
                self._said.append(call)
                if call.id:
                    self._by_id[call.id] = call
                yield self.calls.begin(call.id, call.name)
                yield from self.calls.go_on(self.calls.count - 1, arguments)
            elif self._said and not self._said[-1].arguments.whole:
                # The rest of arguments that came as a text in pieces.
                self._said[-1].arguments.add(arguments)
                yield from self.calls.go_on(self.calls.count - 1, arguments)
            else:
                self.calls.leave_out(quote(arguments, 100))

    def _tell(self) -> None:
        prompt, tokens, *durations = (self._counts.get(key, 0) for key in _COUNTS)
        load_ns, prompt_ns, decode_ns = durations
        self.draft.usage = Usage(prompt_tokens=prompt, completion_tokens=tokens)
        before_ns = load_ns + prompt_ns
        self.draft.timings = Timings(
            first_token_ms=before_ns / 1e6 if before_ns else None,
            decode_ms=decode_ns / 1e6 if decode_ns else None,
            tokens_per_s=tokens / decode_ns * 1e9 if tokens and decode_ns else None,
        )


def read_error(body: Any) -> VendorError:
    """Return what an error says: ``{"error": "a text"}``, in a stream sometimes with a ``status``."""
    error = failures.read_error(body)
    missing = _MISSING.search(error.message)
    if missing is None:
        return error
    return replace(error, message=f"{error.message} (it can be fetched: ollama pull {missing[1]})", meaning="model")


_MISSING = re.compile(r"model ['\"]([^'\"]{1,200})['\"] not found")
