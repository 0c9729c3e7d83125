"""ObjectStream: an object on its way, out of answers that are checked and repaired so many times."""

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
from ..json_schema.problem import Misfit, Problem
from ..reasoning import ThoughtSplitter
from ..types import ChatChunk, ChatRequest, ChatResponse, ChatRestart, StructuredMode, TextDelta, ToolCallDelta, Usage
from .modes import Form
from .text import AnswerReader, grows

T = TypeVar("T")

WINDOW_SLACK_TOKENS = 16
"""How many tokens before the end of a context window an engine may end an answer."""

_SHOWN_CHARS = 2000
"""How much of an answer an error carries."""


class Generated(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """An object that a model gave, and how.

    ``output`` is the value of the type. ``mode`` is the way in which it was really given: ``fenced``, words alone, also
    where a backend warned that it had to leave the response format out, or wrote a text instead of a call.
    ``repairs`` says how many answers did not fit, ``problems`` what was wrong with each of those, and where in a value
    of the type. ``response`` is the last answer, ``text`` its JSON as the model wrote it, with the words around
    it; ``usage`` is of all answers.
    """

    output: T
    mode: StructuredMode
    repairs: int
    problems: list[list[Problem]]
    text: str
    response: ChatResponse
    usage: Usage


class ObjectStream(ResponseStream[Any, Generated[T]]):
    """An object on its way: iterate it once for what has come of it, or ``await`` it for the object alone.

    What comes are plain JSON values (dicts, lists, texts, numbers), each time one has changed (of one of more than 4096
    characters, each time it is one part in 256 longer), and each holds all of the one before: texts and lists get
    longer, objects get more fields, nothing that was shown goes away or changes its type. That is so across answers,
    too: a repaired answer, or one that a router began anew, is shown again from where it has all that was shown; one
    that says something else is not, and its object is in the result alone.
    Whether a value is of the type is known at the end, so what is shown may still lack fields.

    After a `stop` nothing more comes, `partial` is what there is, and `finish` raises `Cancelled`. See `ResponseStream`
    for the rest.
    """

    def __init__(self, backend: Backend, request: ChatRequest, form: Form, repairs: int) -> None:
        """Made by `stream_generate`."""
        self._generation = _Generation(backend, request, form, repairs)
        super().__init__(self._generation)

    @property
    def partial(self) -> Any:
        """What was shown last, also after a stop or a failure; ``None`` when nothing was."""
        shown = self._generation.shown
        return None if shown is MISSING else shown

    @property
    def response(self) -> ChatResponse:
        """The last answer's response. Raises `InvalidRequest` while there is none."""
        if self._generation.response is None:
            raise InvalidRequest("the stream has no result yet: iterate it to its end, or await finish()")
        return self._generation.response

    async def finish(self) -> Generated[T]:
        """Read the rest of the stream and return the object.

        Raises:
            InvalidOutput: No answer was of the type, or it was cut off.
            Cancelled: It was stopped, before the object was whole.
            Timeout: ``deadline_s`` was over before the object was whole.
            ContentFiltered: A safety filter ended the answer.
            BrowserLLMError: Whatever the backend raises.
        """
        return await super().finish()


class _Reading:
    """One answer, as it is read: the text or the call that holds the object."""

    def __init__(self, form: Form) -> None:
        self.reader = AnswerReader(form.output)
        self._form = form
        self._thoughts = ThoughtSplitter()
        self._call: int | None = None  # the index of the call that is read

    @property
    def called(self) -> bool:
        """Whether the model called the tool that stands for the type."""
        return self._call is not None

    def feed(self, chunk: ChatChunk) -> bool:
        """Read a chunk; say whether the value has changed."""
        if self._form.mode != "tool":
            return isinstance(chunk, TextDelta) and self._feed_text(self._thoughts.feed(chunk.text))
        if not isinstance(chunk, ToolCallDelta):
            return False
        if self._call is None and chunk.name == self._form.output.name:
            self._call = chunk.index
        return self._call == chunk.index and self.reader.feed(chunk.arguments)

    def end(self, response: ChatResponse) -> None:
        """Read what is left; where a tool was to be called and was not, the text."""
        if self._form.mode == "tool" and not self.called:
            self._feed_text(self._thoughts.feed(response.text))
        self._feed_text(self._thoughts.finish(cut=response.finish_reason in ("length", "cancelled")))

    def _feed_text(self, pieces: Iterable[tuple[str, str]]) -> bool:
        """Read what is text: a backend may have left thoughts in it."""
        changed = [self.reader.feed(text) for kind, text in pieces if kind != "thought"]
        return any(changed)


class _Generation(Producer[Any, Generated[Any]]):
    """The answers, one after another."""

    def __init__(self, backend: Backend, request: ChatRequest, form: Form, repairs: int) -> None:
        super().__init__()
        self.backend = backend
        self.request = request
        self.form = form
        self.repairs = repairs
        self.shown: Any = MISSING
        self.stream: ChatStream | None = None
        self.response: ChatResponse | None = None
        self.failure: Exception | None = None
        self._found: Generated[Any] | None = None
        self._problems: list[list[Problem]] = []
        self._usage = Usage()
        self._window: int | None = None
        self._read_anew()

    async def produce(self) -> AsyncGenerator[Any, None]:
        self._begin()
        try:
            request = self.form.asked(self.request)
            started_at = time.perf_counter()
            while not self.stopped:
                stream = self.stream = self.backend.stream(request)
                self._read_anew()
                try:
                    async for chunk in stream:
                        if isinstance(chunk, ChatRestart):
                            self._read_anew()
                        elif self._reading.feed(chunk) and self._show():
                            yield self.shown
                finally:
                    await stream.aclose()
                    self._note(stream.response)
                if stream.response.finish_reason == "length":
                    self._window = await self._context_window(request)
                misfit = self._settle(stream.response)
                if self._found is not None and self._show():
                    yield self.shown
                if misfit is None:
                    return
                request = self._again(request, stream.response, misfit, started_at)
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

    def _read_anew(self) -> None:
        """Read anew: the next answer, or the same one from another backend."""
        self._reading = _Reading(self.form)
        self._first = self.shown is MISSING  # whether nothing was shown of another answer

    def _show(self) -> bool:
        """Take the value to be shown, unless that is shown already, or lacks what was shown."""
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

    def _settle(self, response: ChatResponse) -> Misfit | None:
        """Note the object, or return what is wrong with it; raise what no second answer would mend."""
        reading = self._reading
        reading.end(response)
        if response.finish_reason in ("length", "cancelled", "content_filter") and not reading.reader.whole:
            raise self._ended_early(response)
        try:
            output = reading.reader.finish()
        except Misfit as misfit:
            calls = response.message.tool_calls
            if self.form.mode == "tool" and calls and not reading.called:
                return Misfit([Problem("$", f"There is no tool `{calls[0].name}`")])
            return misfit
        self._found = Generated(
            output=output,
            mode=self.form.held(response, called=reading.called),
            repairs=len(self._problems),
            problems=self._problems,
            text=_text_of(response),
            response=response,
            usage=self._usage,
        )
        return None

    def _again(self, request: ChatRequest, response: ChatResponse, misfit: Misfit, started_at: float) -> ChatRequest:
        """Return the next request; raise when there may be none."""
        self._problems.append(misfit.own)
        tries = len(self._problems)
        if tries > self.repairs:
            times = f"{tries} answers in a row are" if tries > 1 else "the answer is"
            said = "; ".join(map(str, misfit.own))
            raise self._invalid(
                f"{times} not of the type {self.form.output.name!r} (mode {self.form.mode!r}): {said[:500]}. "
                "Allow more repairs, make the type simpler or say more of it in the prompt, or ask a larger model",
                response,
                tries=tries,
            )
        request = self.form.again(request, response, misfit)
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
                tries=len(self._problems) + 1,
            )
        if response.finish_reason == "content_filter":
            return ContentFiltered(f"a safety filter ended the answer before the {name!r} was whole; ask otherwise")
        if any(warning.parameter == "deadline_s" for warning in response.warnings) and not self.stopped:
            return self._too_late()
        return Cancelled(f"the answer was stopped before the {name!r} was whole")

    def _limit(self, response: ChatResponse) -> str:
        """Say which limit cut an answer off, and what helps."""
        early, most = f"before the {self.form.output.name!r} was whole", self.request.max_tokens
        if self._window is not None and response.usage.total_tokens >= self._window - WINDOW_SLACK_TOKENS:
            return (
                f"where the model's context window of {self._window} tokens is full, {early}; ask for less, shorten "
                "the prompt, or take a model with a larger window"
            )
        if most is not None:
            return f"at max_tokens={most}, {early}; raise max_tokens"
        return f"at the backend's own limit, {early}; set max_tokens to more, or ask for less"

    def _too_late(self) -> Exception:
        deadline_s, tries = self.request.deadline_s, len(self._problems) + 1
        return Timeout(
            f"deadline_s={deadline_s:g} was over before the {self.form.output.name!r} was whole, in answer {tries}; "
            "raise it",
            data={"deadline_s": deadline_s},
        )

    def _invalid(self, message: str, response: ChatResponse, *, tries: int) -> InvalidOutput:
        problems = self._problems[-1] if self._problems else []
        return InvalidOutput(
            message,
            data={
                "problems": [{"path": problem.path, "message": problem.message} for problem in problems],
                "text": _text_of(response)[:_SHOWN_CHARS],
                "tries": tries,
                "mode": self.form.mode,
            },
        )


def _text_of(response: ChatResponse) -> str:
    """Return what the model wrote: the arguments of its calls where it said nothing."""
    return response.text or "\n".join(call.arguments for call in response.message.tool_calls)
