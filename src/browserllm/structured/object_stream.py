"""ObjectStream: streams an object while a model writes it; checks each answer and asks for repairs."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Iterable
from contextlib import suppress
from typing import Any, Generic, TypeVar

import msgspec
from msgspec.structs import replace

from ..backends.base import Backend
from ..backends.response_stream import Producer, ResponseStream
from ..backends.stream import ChatStream
from ..errors import BrowserLLMError, Cancelled, ContentFiltered, InvalidOutput, InvalidRequest, Timeout
from ..json_schema.partial import MISSING
from ..json_schema.problem import InvalidValue, Problem
from ..reasoning import ThoughtSplitter
from ..types import ChatChunk, ChatRequest, ChatResponse, ChatRestart, StructuredMode, TextDelta, ToolCallDelta, Usage
from .modes import OutputForm
from .text import AnswerReader, grows

T = TypeVar("T")

WINDOW_SLACK_TOKENS = 16
"""How many tokens before the end of the context window an engine may end an answer."""

_SHOWN_CHARS = 2000
"""The most characters of an answer in an error's data."""


class Generated(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """A generated object, and how the model produced it.

    ``output`` is the value of the type. ``mode`` is the mode that took effect; it is ``fenced`` if the backend left the
    response format out with a warning, or if the model wrote text instead of a call. ``repairs`` is the number of
    invalid answers, and ``problems`` lists what was wrong with each, with the path in the value. ``response`` is the
    last response, and ``text`` its text as the model wrote it. ``usage`` is the sum over all answers.
    """

    output: T
    mode: StructuredMode
    repairs: int
    problems: list[list[Problem]]
    text: str
    response: ChatResponse
    usage: Usage


class ObjectStream(ResponseStream[Any, Generated[T]]):
    """A running generation: iterate it once for partial values, or ``await`` it for the object alone.

    Partial values are plain JSON values (dicts, lists, strings, numbers). A new one comes each time the value changed
    (above 4096 characters, each time it is 1/256 longer). Each extends the one before: strings and lists get longer,
    objects get more fields, and nothing disappears or changes its type. This also holds across answers: a repaired or
    restarted answer is shown only from the point where it contains all that was shown. If it differs, only the result
    has its object. Partial values are not validated yet and may lack fields.

    After `stop` no more values come, `partial` is the last one, and `finish` raises `Cancelled`. See `ResponseStream`
    for the rest.
    """

    def __init__(self, backend: Backend, request: ChatRequest, form: OutputForm, repairs: int) -> None:
        """Ask ``backend``, with up to ``repairs`` corrections."""
        self._generation = _Generation(backend, request, form, repairs)
        super().__init__(self._generation)

    @property
    def partial(self) -> Any:
        """The last partial value, also after a stop or a failure; ``None`` if there was none."""
        shown = self._generation.shown
        return None if shown is MISSING else shown

    @property
    def response(self) -> ChatResponse:
        """The last response. Raises `InvalidRequest` before the first one."""
        if self._generation.response is None:
            raise InvalidRequest("the stream has no result yet: iterate it to its end, or await finish()")
        return self._generation.response

    async def finish(self) -> Generated[T]:
        """Read the rest of the stream and return the object.

        Raises:
            InvalidOutput: No answer was of the type, or the answer was cut off.
            Cancelled: The stream was stopped before the object was complete.
            Timeout: ``deadline_s`` passed before the object was complete.
            ContentFiltered: A safety filter ended the answer.
            BrowserLLMError: Any error of the backend.
        """
        return await super().finish()


class _AnswerReading:
    """Reads one answer: the text or the tool call that has the object."""

    def __init__(self, form: OutputForm) -> None:
        self.reader = AnswerReader(form.output)
        self._form = form
        self._thoughts = ThoughtSplitter()
        self._call: int | None = None  # the index of the call that is read

    @property
    def called(self) -> bool:
        """Whether the model called the tool for the type."""
        return self._call is not None

    def feed(self, chunk: ChatChunk) -> bool:
        """Read a chunk; return whether the value has changed."""
        if self._form.mode != "tool":
            return isinstance(chunk, TextDelta) and self._feed_text(self._thoughts.feed(chunk.text))
        if not isinstance(chunk, ToolCallDelta):
            return False
        if self._call is None and chunk.name == self._form.output.name:
            self._call = chunk.index
        return self._call == chunk.index and self.reader.feed(chunk.arguments)

    def end(self, response: ChatResponse) -> None:
        """Read what is left: the text, too, if the model did not call the tool."""
        if self._form.mode == "tool" and not self.called:
            self._feed_text(self._thoughts.feed(response.text))
        self._feed_text(self._thoughts.finish(cut=response.finish_reason in ("length", "cancelled")))

    def _feed_text(self, pieces: Iterable[tuple[str, str]]) -> bool:
        """Read the text without thoughts that a backend left in it."""
        changed = [self.reader.feed(text) for kind, text in pieces if kind != "thought"]
        return any(changed)


class _Generation(Producer[Any, Generated[Any]]):
    """Requests answers, one after another, until one is valid."""

    def __init__(self, backend: Backend, request: ChatRequest, form: OutputForm, repairs: int) -> None:
        super().__init__()
        self.backend = backend
        self.request = request
        self.form = form
        self.repairs = repairs
        self.shown: Any = MISSING
        self.stream: ChatStream | None = None
        self.response: ChatResponse | None = None
        self._found: Generated[Any] | None = None
        self._problems: list[list[Problem]] = []
        self._usage = Usage()
        self._window: int | None = None
        self._start_reading()

    async def produce(self) -> AsyncGenerator[Any, None]:
        self._begin()
        try:
            request = self.form.first_request(self.request)
            started_at = time.perf_counter()
            while not self.stopped:
                stream = self.stream = self.backend.stream(request)
                self._start_reading()
                try:
                    async for chunk in stream:
                        if isinstance(chunk, ChatRestart):
                            self._start_reading()
                        elif self._reading.feed(chunk) and self._show():
                            yield self.shown
                finally:
                    await stream.aclose()
                    self._note(stream.response)
                if stream.response.finish_reason == "length":
                    self._window = await self._context_window(request)
                invalid = self._settle(stream.response)
                if self._found is not None and self._show():
                    yield self.shown
                if invalid is None:
                    return
                request = self._next_request(request, stream.response, invalid, started_at)
        except Exception as error:
            self.failure = error
            # The caller stopped it, and has the partial value.
            if not (self.stopped and isinstance(error, Cancelled)):
                raise
        finally:
            self._end(self._found)

    def stop(self) -> None:
        self.stopped = True
        if self.stream is not None:
            self.stream.stop()

    async def cut_off(self) -> None:
        self.stopped = True
        if self.stream is not None:
            await self.stream.aclose()

    def outcome(self) -> Generated[Any]:
        if self.result is None:
            raise self.failure or Cancelled("the stream was closed before the object was whole")
        return self.result

    async def _context_window(self, request: ChatRequest) -> int | None:
        with suppress(BrowserLLMError):  # the answer was cut in any case; this says only by what
            return (await self.backend.facts(request)).context_window
        return None

    def _start_reading(self) -> None:
        """Read anew: the next answer, or the same one from another backend."""
        self._reading = _AnswerReading(self.form)
        self._first = self.shown is MISSING  # whether nothing was shown of another answer

    def _show(self) -> bool:
        """Update the shown value; return whether there is a new one that extends it."""
        reader = self._reading.reader
        value = reader.value
        only_grew = self._first and reader.starts == 1 and not reader.whole
        if not only_grew and self.shown is not MISSING and (value == self.shown or not grows(self.shown, value)):
            return False
        self.shown = value
        return True

    def _note(self, response: ChatResponse) -> None:
        self.response = response
        fields = Usage.__struct_fields__
        self._usage = Usage(**{name: getattr(self._usage, name) + getattr(response.usage, name) for name in fields})

    def _settle(self, response: ChatResponse) -> InvalidValue | None:
        """Store the object, or return what is wrong with it; raise if another answer would not help."""
        reading = self._reading
        reading.end(response)
        if response.finish_reason in ("length", "cancelled", "content_filter") and not reading.reader.whole:
            raise self._ended_early(response)
        try:
            output = reading.reader.finish()
        except InvalidValue as invalid:
            calls = response.message.tool_calls
            if self.form.mode == "tool" and calls and not reading.called:
                return InvalidValue([Problem("$", f"there is no tool `{calls[0].name}`")])
            return invalid
        self._found = Generated(
            output=output,
            mode=self.form.mode_used(response, called=reading.called),
            repairs=len(self._problems),
            problems=self._problems,
            text=_text_of(response),
            response=response,
            usage=self._usage,
        )
        return None

    def _next_request(
        self, request: ChatRequest, response: ChatResponse, invalid: InvalidValue, started_at: float
    ) -> ChatRequest:
        """Return the next request; raise if no repairs or time are left."""
        self._problems.append(invalid.own)
        attempts = len(self._problems)
        if attempts > self.repairs:
            times = f"{attempts} answers in a row are" if attempts > 1 else "the answer is"
            said = "; ".join(map(str, invalid.own))
            raise self._invalid(
                f"{times} not of the type {self.form.output.name!r} (mode {self.form.mode!r}): {said[:500]}. "
                "Allow more repairs, simplify the type, explain it in the prompt, or use a larger model",
                response,
                attempts=attempts,
            )
        request = self.form.repair_request(request, response, invalid)
        if self.request.deadline_s is None:
            return request
        left_s = self.request.deadline_s - (time.perf_counter() - started_at)
        if left_s <= 0:
            raise self._too_late()
        return replace(request, deadline_s=left_s)

    def _ended_early(self, response: ChatResponse) -> Exception:
        name = self.form.output.name
        if response.finish_reason == "length":
            return self._invalid(
                f"the answer was cut off {self._limit(response)}",
                response,
                attempts=len(self._problems) + 1,
            )
        if response.finish_reason == "content_filter":
            return ContentFiltered(
                f"a safety filter ended the answer before the {name!r} was complete; rephrase the prompt"
            )
        if any(warning.parameter == "deadline_s" for warning in response.warnings) and not self.stopped:
            return self._too_late()
        return Cancelled(f"the answer was stopped before the {name!r} was complete")

    def _limit(self, response: ChatResponse) -> str:
        """Say which limit cut an answer off, and what to do."""
        early, most = f"before the {self.form.output.name!r} was complete", self.request.max_tokens
        if self._window is not None and response.usage.total_tokens >= self._window - WINDOW_SLACK_TOKENS:
            return (
                f"because the model's context window of {self._window} tokens is full, {early}; ask for less, shorten "
                "the prompt, or use a model with a larger window"
            )
        if most is not None:
            return f"at max_tokens={most}, {early}; raise max_tokens"
        return f"at the backend's own limit, {early}; set a larger max_tokens, or ask for less"

    def _too_late(self) -> Exception:
        deadline_s, attempts = self.request.deadline_s, len(self._problems) + 1
        return Timeout(
            f"deadline_s={deadline_s:g} passed before the {self.form.output.name!r} was complete, in answer "
            f"{attempts}; raise deadline_s",
            data={"deadline_s": deadline_s},
        )

    def _invalid(self, message: str, response: ChatResponse, *, attempts: int) -> InvalidOutput:
        problems = self._problems[-1] if self._problems else []
        return InvalidOutput(
            message,
            data={
                "problems": [{"path": problem.path, "message": problem.message} for problem in problems],
                "text": _text_of(response)[:_SHOWN_CHARS],
                "attempts": attempts,
                "mode": self.form.mode,
            },
        )


def _text_of(response: ChatResponse) -> str:
    """Return what the model wrote: its text, or the arguments of its calls if there is no text."""
    return response.text or "\n".join(call.arguments for call in response.message.tool_calls)
