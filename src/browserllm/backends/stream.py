"""ChatStream: a running answer. It numbers and accumulates what a backend generates, and it always ends well.

Whatever ends it (``stop()``, the deadline, a cancelled task, a closed or dropped iterator), the backend is told and a
response with the finish reason ``cancelled`` remains.

The work is done by `_Generation.run`, one async generator that the caller's own task drives: no task, lock or timer is
made per chunk. `ChatStream` is only the handle. The generation does not refer to its handle, so that dropping that (a
plain ``break`` out of ``async for``) drops the generator, which the event loop then closes at once.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from types import AsyncGeneratorType, TracebackType
from typing import Any, Self

from msgspec.structs import replace

from .._internal import lazy_asyncio as asyncio
from .._internal.async_only import AsyncOnly
from ..errors import InvalidRequest
from ..types import (
    ChatChunk,
    ChatDone,
    ChatRequest,
    ChatResponse,
    ChatRestart,
    ChatStart,
    ChatWarning,
    FinishReason,
    Hop,
    ReasoningDelta,
    TextDelta,
    TextMode,
    Timings,
    ToolCallDelta,
    Usage,
)
from .accumulated import Accumulated
from .answer_parts import AnswerParts

STOP_GRACE_S = 2.0
"""How long a stopped engine has to end its answer with usage and timings before it is cut off."""

Delta = str | TextDelta | ReasoningDelta | ToolCallDelta | ChatRestart
"""What a backend yields: text as it is, or a chunk (its ``sequence`` is set by the stream)."""


class Draft:
    """The response in the making: a backend writes down what it knows, as soon as it knows it.

    ``interrupt``, when set, asks the engine to end this answer soon; it must not block. Without it, a stop cancels the
    backend's wait. ``stopped`` says that nobody wants this answer any more: whatever fails now is not tried again.
    ``private`` says that it began with a private request: no request that comes of it is anything else.
    """

    def __init__(self, request: ChatRequest, backend: str, request_id: str) -> None:
        """Start with the request and the backend's name."""
        self.request_id = request_id
        self.warnings: list[ChatWarning] = []
        self.route: list[Hop] = []
        self.stopped = False
        self.private = request.private
        self.begin(request, backend)

    def begin(self, request: ChatRequest, backend: str) -> None:
        """Begin anew with another backend, or with another request; ``warnings``, ``route`` and ``stopped`` remain."""
        self.request = request
        self.backend = backend
        self.model: str | None = request.model
        self.engine: str | None = None
        self.device: str | None = None
        self.adapter: str | None = None
        self.finish_reason: FinishReason = "stop"
        self.usage = Usage()
        self.timings = Timings()
        self.cost_usd: float | None = None
        self.provider_request_id: str | None = None
        self.interrupt: Callable[[], None] | None = None

    def warn(self, parameter: str, message: str) -> None:
        """Add a warning to the response."""
        self.warnings.append(ChatWarning(parameter, message))


Generate = Callable[[ChatRequest, Draft], AsyncGenerator[Delta, None]]


class _Generation:
    """One answer on its way. See the module's docstring for what may refer to what."""

    def __init__(self, generate: Generate, draft: Draft, mode: TextMode) -> None:
        self.generate = generate
        self.draft = draft
        self.mode: TextMode = mode
        self.response: ChatResponse | None = None
        self.stopped = False
        self.forced = False
        self.waiting = False
        self.loop: asyncio.AbstractEventLoop | None = None
        self.ended: asyncio.Future[None] | None = None
        self.task: asyncio.Task[Any] | None = None
        self._cancelling = 0
        self._parts = AnswerParts()
        self._logprobs: list[Any] = []
        self._timers: list[asyncio.TimerHandle] = []
        self._started_at = time.perf_counter()

    async def run(self) -> AsyncGenerator[ChatChunk, None]:
        draft, mode = self.draft, self.mode
        current_task = asyncio.current_task
        loop = self.loop = asyncio.get_running_loop()
        self.ended = loop.create_future()
        self._started_at = time.perf_counter()
        if draft.request.deadline_s is not None:
            self._timers.append(loop.call_later(draft.request.deadline_s, self._deadline))
        source = self.generate(draft.request, draft)
        next_item = source.__anext__
        sequence = 0
        so_far = Accumulated(mode)
        try:
            while not self.stopped:
                # The stop flag is read again after the wait: what arrives later than the stop is not delivered.
                self.task, self.waiting = current_task(), True
                item = await next_item()
                self.waiting = False
                if sequence == 0:
                    yield self._start()
                    sequence = 1
                if self.stopped:
                    break
                if isinstance(item, str):
                    text, logprobs, signature = item, None, None
                elif isinstance(item, TextDelta):
                    text, logprobs, signature = item.text, item.logprobs, item.signature
                else:
                    if (rest := so_far.rest(sequence)) is not None:
                        yield rest
                        sequence += 1
                    if isinstance(item, ChatRestart):
                        so_far.clear()
                    yield self._other(item, sequence, so_far.text)
                    sequence += 1
                    continue
                if not text and logprobs is None and signature is None:
                    continue
                if signature is None:
                    self._parts.text.append(text)
                else:
                    self._parts.add_text(text, signature)
                if logprobs is not None:
                    self._logprobs.extend(logprobs)
                if mode == "delta":
                    yield TextDelta(sequence=sequence, text=text, logprobs=logprobs, signature=signature)
                elif (chunk := so_far.add(text, logprobs, sequence, signature)) is not None:
                    yield chunk
                else:
                    continue
                sequence += 1
            # Stopped between two chunks: let the engine end its answer, it knows usage and timings.
            while draft.interrupt is not None and not self.forced:
                self.task, self.waiting = current_task(), True
                await next_item()
                self.waiting = False
        except StopAsyncIteration:
            pass
        except asyncio.CancelledError:
            self.waiting = False
            self.stopped = True
            if not (self.forced and self._is_only_ours()):
                raise
        except GeneratorExit:
            self.stopped = True
            raise
        except BaseException:
            # An engine that fails while it is being stopped has stopped, which is all that was asked.
            if not self.stopped:
                self._finish("error")
                raise
        finally:
            self.waiting = False
            self.task = None
            for timer in self._timers:
                timer.cancel()
            self._timers.clear()
            try:
                await source.aclose()
            finally:
                response = self.response or self._finish("cancelled" if self.stopped else draft.finish_reason)
                if not self.ended.done():
                    self.ended.set_result(None)
        if sequence == 0:
            yield self._start()
            sequence = 1
        if (rest := so_far.rest(sequence)) is not None:
            yield rest
            sequence += 1
        text = response.text
        yield ChatDone(
            sequence=sequence,
            text=text if mode == "accumulated" else "",
            accumulated=text if mode == "both" else None,
            response=response,
        )

    def stop(self) -> None:
        """End the answer soon: ask the engine when it listens, else cut the wait off."""
        if self.stopped or self.response is not None:
            return
        self.stopped = self.draft.stopped = True
        if self.draft.interrupt is None:
            self.force()
            return
        self.draft.interrupt()
        if self.loop is not None:
            self._timers.append(self.loop.call_later(STOP_GRACE_S, self.force))

    def force(self) -> None:
        """End the answer now: cancel the wait of whoever iterates, as ``asyncio.timeout`` does."""
        self.stopped = self.draft.stopped = True
        if self.forced or self.response is not None:
            return
        self.forced = True
        if self.waiting and self.task is not None:
            self._cancelling = self.task.cancelling()
            self.task.cancel()

    def abandon(self) -> None:
        """Leave a cancelled response for an answer that never began."""
        self.stopped = True
        if self.response is None:
            self._finish("cancelled")

    def _is_only_ours(self) -> bool:
        task = asyncio.current_task()
        return task is not None and task.uncancel() <= self._cancelling

    def _deadline(self) -> None:
        if not self.stopped:
            self.draft.warn("deadline_s", f"the answer was cut off after {self.draft.request.deadline_s:g} s")
        self.stop()

    def _start(self) -> ChatStart:
        draft = self.draft
        return ChatStart(
            sequence=0,
            request_id=draft.request_id,
            backend=draft.backend,
            model=draft.model,
            engine=draft.engine,
            device=draft.device,
            accumulated="" if self.mode == "both" else None,
        )

    def _other(self, item: ReasoningDelta | ToolCallDelta | ChatRestart, sequence: int, so_far: str) -> ChatChunk:
        if isinstance(item, ReasoningDelta):
            self._parts.add_reasoning(item)
        elif isinstance(item, ToolCallDelta):
            self._parts.add_call(item)
        else:
            self._parts = AnswerParts()
            self._logprobs.clear()
        return replace(
            item,
            sequence=sequence,
            text=so_far if self.mode == "accumulated" else "",
            accumulated=so_far if self.mode == "both" else None,
        )

    def _finish(self, finish_reason: FinishReason) -> ChatResponse:
        draft = self.draft
        timings = draft.timings
        total_ms = (time.perf_counter() - self._started_at) * 1000
        response = self.response = ChatResponse(
            request_id=draft.request_id,
            backend=draft.backend,
            message=self._parts.message(is_whole=finish_reason in ("stop", "tool_calls")),
            finish_reason=finish_reason,
            model=draft.model,
            engine=draft.engine,
            device=draft.device,
            adapter=draft.adapter,
            usage=draft.usage,
            timings=Timings(
                queue_ms=timings.queue_ms,
                first_token_ms=timings.first_token_ms,
                decode_ms=timings.decode_ms,
                tokens_per_s=timings.tokens_per_s,
                total_ms=total_ms if timings.total_ms is None else timings.total_ms,
            ),
            warnings=draft.warnings,
            route=draft.route,
            logprobs=self._logprobs,
            cost_usd=draft.cost_usd,
            provider_request_id=draft.provider_request_id,
        )
        return response


class ChatStream(AsyncOnly):
    """A running answer: iterate it once for its chunks, or ``await stream.finish()`` for the response alone.

    The chunks come in this order: one `ChatStart`, any number of `TextDelta`, `ReasoningDelta` and `ToolCallDelta` (and
    `ChatRestart`, where a router takes another backend in the middle of an answer), one `ChatDone`. Nothing is sent to
    the engine before the first chunk is asked for. A failure is raised where it happens, after the chunks that came
    before it.

    Leaving early is safe: ``async with`` closes the stream at once, and so does dropping it after a ``break``.
    """

    def __init__(self, generate: Generate, draft: Draft, text: TextMode = "delta") -> None:
        """Made by a `Backend`; ``generate`` is the backend's own async generator."""
        if text not in ("delta", "accumulated", "both"):
            raise InvalidRequest(f"text={text!r} is not valid; use 'delta', 'accumulated' or 'both'", parameter="text")
        self._generation = _Generation(generate, draft, text)
        self._chunks = self._generation.run()
        self._next = self._chunks.__anext__

    def __aiter__(self) -> Self:
        return self

    def __anext__(self) -> Awaitable[ChatChunk]:
        # Handing the generator's own awaitable on saves a coroutine per chunk.
        return self._next()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    @property
    def request_id(self) -> str:
        """The id of this request, the same on the start chunk and on the response."""
        return self._generation.draft.request_id

    @property
    def done(self) -> bool:
        """Whether the answer has ended and `response` can be read."""
        return self._generation.response is not None

    @property
    def response(self) -> ChatResponse:
        """The response, once the stream has ended in whatever way. Raises `InvalidRequest` while it still runs."""
        if self._generation.response is None:
            raise InvalidRequest(
                "the response is not there yet: iterate the stream to its end, or await finish() or aclose() first"
            )
        return self._generation.response

    def stop(self) -> None:
        """End the answer: whoever iterates gets no more text, only a `ChatDone` with ``cancelled``."""
        self._generation.stop()

    async def finish(self) -> ChatResponse:
        """Read the rest of the stream and return the response."""
        async for _ in self:
            pass
        return self.response

    async def aclose(self) -> None:
        """End the answer and wait until the backend has let go of it; safe to call at any time, more than once."""
        generation = self._generation
        if generation.response is not None:
            # The end is settled; only the last chunk may still wait to be read.
            await self._close_chunks()
        elif generation.loop is None:
            await self._close_chunks()
            generation.abandon()
        elif self._running:
            generation.force()
            if generation.ended is not None:
                await asyncio.shield(generation.ended)
        else:
            await self._close_chunks()

    async def _close_chunks(self) -> None:
        if not self._running:
            await self._chunks.aclose()

    @property
    def _running(self) -> bool:
        """Whether a task waits for the next chunk right now."""
        return isinstance(self._chunks, AsyncGeneratorType) and self._chunks.ag_running
