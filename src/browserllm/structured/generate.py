"""Answers that are objects: asked for in the strongest way a backend has, checked, and repaired so many times.

`stream_generate` is the whole of it, `generate` its end. `structured_modes` is what is sent, `structured_text` how the
answer is read; here is what happens between the first request and the object.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Awaitable, Iterable
from contextlib import suppress
from types import AsyncGeneratorType, TracebackType
from typing import Any, Generic, Self, TypeVar, overload

import msgspec
from msgspec.structs import replace

from .._internal.async_only import AsyncOnly
from ..backends.base import Backend, check_backend
from ..backends.request import Prompt, build_request
from ..backends.stream import ChatStream
from ..errors import BrowserLLMError, Cancelled, ContentFiltered, InvalidOutput, InvalidRequest, Timeout
from ..json_schema.partial import MISSING
from ..json_schema.problem import Misfit, Problem
from ..json_schema.types import OutputType, output_type
from ..reasoning import ThoughtSplitter
from ..types import ChatChunk, ChatRequest, ChatResponse, ChatRestart, StructuredMode, TextDelta, ToolCallDelta, Usage
from .modes import Form, mode_for
from .text import AnswerReader, grows

T = TypeVar("T")

MAX_REPAIRS = 10
"""The most that can be asked for: what was not understood ten times will not be."""

WINDOW_SLACK_TOKENS = 16
"""How many tokens before the end of a context window an engine may end an answer."""

_SHOWN_CHARS = 2000
"""How much of an answer an error carries."""

_OURS = ("tools", "tool_choice", "response_format")
"""The fields of a request that belong to the mode."""


class Generated(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """An object that a model gave, and how.

    ``output`` is the value of the type. ``mode`` is the way in which it was really given: ``fenced``, words alone, also
    where a backend warned that it had to leave the response format out, or wrote a text instead of a call.
    ``repairs`` says how many answers did not fit, ``problems`` what was wrong with each of those, and where in a value
    of the type. ``response`` is the last answer, ``text`` its JSON as the model wrote it, with whatever stands around
    it; ``usage`` is of all answers.
    """

    output: T
    mode: StructuredMode
    repairs: int
    problems: list[list[Problem]]
    text: str
    response: ChatResponse
    usage: Usage


@overload
async def generate(
    backend: Backend,
    prompt: Prompt,
    *,
    output: type[T] | OutputType[T],
    mode: StructuredMode | None = None,
    repairs: int = 1,
    **options: Any,
) -> T: ...
@overload
async def generate(
    backend: Backend,
    prompt: Prompt,
    *,
    output: Any,
    mode: StructuredMode | None = None,
    repairs: int = 1,
    **options: Any,
) -> Any: ...
async def generate(
    backend: Backend,
    prompt: Prompt,
    *,
    output: Any,
    mode: StructuredMode | None = None,
    repairs: int = 1,
    **options: Any,
) -> Any:
    """Ask any backend for an object of a type, and return it.

    ``recipe = await generate(llm, "A quick pasta", output=Recipe)``. Everything else is as with `stream_generate`; what
    is raised later is what `ObjectStream.finish` raises.
    """
    async with stream_generate(backend, prompt, output=output, mode=mode, repairs=repairs, **options) as stream:
        return (await stream.finish()).output


@overload
def stream_generate(
    backend: Backend,
    prompt: Prompt,
    *,
    output: type[T] | OutputType[T],
    mode: StructuredMode | None = None,
    repairs: int = 1,
    **options: Any,
) -> ObjectStream[T]: ...
@overload
def stream_generate(
    backend: Backend,
    prompt: Prompt,
    *,
    output: Any,
    mode: StructuredMode | None = None,
    repairs: int = 1,
    **options: Any,
) -> ObjectStream[Any]: ...
def stream_generate(
    backend: Backend,
    prompt: Prompt,
    *,
    output: Any,
    mode: StructuredMode | None = None,
    repairs: int = 1,
    **options: Any,
) -> ObjectStream[Any]:
    """Ask any backend for an object of a type, as a stream of what has come of it.

    Args:
        backend: Who answers.
        prompt: As for `Backend.stream`. What the type is goes after the system message, which stays whole.
        output: A pydantic model, dataclass, TypedDict, msgspec Struct, plain type (``list[int]``, an Enum, a union) or
            JSON Schema.
        mode: How to ask; by default in the strongest way of `Capabilities.structured_output`, or else in words.
        repairs: How often (0..10) the model may correct an answer that is not of the type. An answer that was cut off
            is none of those.
        options: The fields of `ChatRequest`. ``deadline_s`` is for all answers together.

    Raises:
        InvalidRequest: At once, when an argument is wrong.
        Unsupported: At once, when the backend does not have the mode.
    """
    check_backend("backend", backend)
    wanted = output_type(output)
    if type(repairs) is not int or not 0 <= repairs <= MAX_REPAIRS:
        raise InvalidRequest(f"repairs={repairs!r} is out of range: it must be 0 to {MAX_REPAIRS}", parameter="repairs")
    request = build_request(prompt, options)
    for name in _OURS:
        if value := getattr(request, name):
            raise InvalidRequest(
                f"{name}={value!r} does not go together with output={wanted!r}, which is asked for by it; leave it out",
                parameter=name,
            )
    form = Form(wanted, mode_for(backend.capabilities, mode, backend.name))
    return ObjectStream(_Generation(backend, request, form, repairs))


class ObjectStream(AsyncOnly, Generic[T]):
    """An object on its way: iterate it once for what has come of it, or ``await stream.finish()`` for the object alone.

    What comes are plain JSON values (dicts, lists, texts, numbers), each time one has changed (of one of more than 4096
    characters, each time it is one part in 256 longer), and each holds all of the one before: texts and lists get
    longer, objects get more fields, nothing that was shown goes away or changes its type. That is so across answers,
    too: a repaired answer, or one that a router began anew, is shown again from where it has all that was shown; one
    that says something else is not, and its object is in `finish` alone.
    Whether a value is of the type is known at the end, so what is shown may still lack fields.

    Nothing is sent before the first value is asked for. A failure is raised where it happens. Leaving early is safe:
    ``async with`` ends the answer at once, and so does dropping the stream after a ``break``.
    """

    def __init__(self, generation: _Generation) -> None:
        """Made by `stream_generate`."""
        self._generation = generation
        self._values = generation.run()

    def __aiter__(self) -> Self:
        return self

    def __anext__(self) -> Awaitable[Any]:
        return self._values.__anext__()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    @property
    def partial(self) -> Any:
        """What was shown last, also after a stop or a failure; ``None`` when nothing was."""
        shown = self._generation.shown
        return None if shown is MISSING else shown

    @property
    def done(self) -> bool:
        """Whether it has ended, in whatever way."""
        return self._generation.ended

    @property
    def response(self) -> ChatResponse:
        """The last answer's response. Raises `InvalidRequest` while there is none."""
        if self._generation.response is None:
            raise InvalidRequest("the response is not there yet: iterate the stream to its end, or await finish()")
        return self._generation.response

    def stop(self) -> None:
        """End the answer: nothing more comes, `partial` is what there is, and `finish` raises `Cancelled`."""
        self._generation.stop()

    async def finish(self) -> Generated[T]:
        """Read the rest of the stream and return the object.

        Raises:
            InvalidOutput: No answer was of the type, or it was cut off.
            Cancelled: It was stopped, before the object was whole.
            Timeout: ``deadline_s`` was over before the object was whole.
            ContentFiltered: A safety filter ended the answer.
            BrowserLLMError: Whatever the backend raises.
        """
        async for _ in self:
            pass
        generation = self._generation
        if generation.result is None:
            raise generation.failure or Cancelled("the stream was closed before the object was whole")
        return generation.result

    async def aclose(self) -> None:
        """End the answer and wait until the backend has let go of it; safe to call at any time, more than once."""
        self._generation.stopped = True
        running = isinstance(self._values, AsyncGeneratorType) and self._values.ag_running
        if running and self._generation.stream is not None:
            await self._generation.stream.aclose()  # whoever waits for the next value gets the end
        else:
            await self._values.aclose()
        self._generation.ended = True


class _Generation:
    """The answers, one after another. It does not refer to its `ObjectStream`, whose end is to be noticed."""

    def __init__(self, backend: Backend, request: ChatRequest, form: Form, repairs: int) -> None:
        self.backend = backend
        self.request = request
        self.form = form
        self.repairs = repairs
        self.shown: Any = MISSING
        self.stream: ChatStream | None = None
        self.response: ChatResponse | None = None
        self.result: Generated[Any] | None = None
        self.failure: Exception | None = None
        self.stopped = False
        self.ended = False
        self._problems: list[list[Problem]] = []
        self._usage = Usage()
        self._window: int | None = None
        self._begin()

    async def run(self) -> AsyncGenerator[Any, None]:
        try:
            request = self.form.asked(self.request)
            started_at = time.perf_counter()
            while not self.stopped:
                stream = self.stream = self.backend.stream(request)
                self._begin()
                try:
                    async for chunk in stream:
                        if isinstance(chunk, ChatRestart):
                            self._begin()
                        elif self._read(chunk) and self._show():
                            yield self.shown
                finally:
                    await stream.aclose()
                    self._note(stream.response)
                if stream.response.finish_reason == "length":
                    self._window = await self._context_window(request)
                misfit = self._settle(stream.response)
                if self.result is not None and self._show():
                    yield self.shown
                if misfit is None:
                    return
                request = self._again(request, stream.response, misfit, started_at)
        except Exception as error:
            self.failure = error
            # Whoever stopped it knows, and has the partial value.
            if not (self.stopped and isinstance(error, Cancelled)):
                raise
        finally:
            self.ended = True

    async def _context_window(self, request: ChatRequest) -> int | None:
        with suppress(BrowserLLMError):  # the answer was cut in any case; this says only by what
            return (await self.backend.facts(request)).context_window
        return None

    def stop(self) -> None:
        self.stopped = True
        if self.stream is not None:
            self.stream.stop()

    def _begin(self) -> None:
        """Read anew: the next answer, or the same one from another backend."""
        self._reader = AnswerReader(self.form.output)
        self._thoughts = ThoughtSplitter()
        self._call: int | None = None  # the index of the call that is read
        self._first = self.shown is MISSING  # whether nothing was shown of another answer

    def _read(self, chunk: ChatChunk) -> bool:
        """Read a chunk; say whether the value has changed."""
        if self.form.mode != "tool":
            return isinstance(chunk, TextDelta) and self._read_text(self._thoughts.feed(chunk.text))
        if not isinstance(chunk, ToolCallDelta):
            return False
        if self._call is None and chunk.name == self.form.output.name:
            self._call = chunk.index
        return self._call == chunk.index and self._reader.feed(chunk.arguments)

    def _read_text(self, pieces: Iterable[tuple[str, str]]) -> bool:
        """Read what is text: a backend may have left thoughts in it."""
        changed = [self._reader.feed(text) for kind, text in pieces if kind != "thought"]
        return any(changed)

    def _show(self) -> bool:
        """Take the value to be shown, unless that is shown already, or lacks what was shown."""
        value = self._reader.value
        only_grew = self._first and self._reader.starts == 1 and not self._reader.whole
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
        called = self._call is not None
        if self.form.mode == "tool" and not called:
            self._read_text(self._thoughts.feed(response.text))
        self._read_text(self._thoughts.finish(cut=response.finish_reason in ("length", "cancelled")))
        if response.finish_reason in ("length", "cancelled", "content_filter") and not self._reader.whole:
            raise self._ended_early(response)
        try:
            output = self._reader.finish()
        except Misfit as misfit:
            calls = response.message.tool_calls
            if self.form.mode == "tool" and calls and not called:
                return Misfit([Problem("$", f"There is no tool `{calls[0].name}`")])
            return misfit
        self.result = Generated(
            output=output,
            mode=self.form.held(response, called=called),
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
