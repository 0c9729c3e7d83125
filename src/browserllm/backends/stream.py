"""ChatStream: a running answer. It numbers and accumulates the deltas that a backend generates.

However it is ended early (``stop()``, the deadline, a cancelled task, a closed or dropped iterator), the backend's work
stops too, and the response has the finish reason ``cancelled``.

`_Generation.produce` does the work; `ChatStream` is its handle. `response_stream` has what all streams share.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable
from typing import Any

from msgspec.structs import replace

from .._internal import lazy_asyncio as asyncio
from ..errors import InvalidRequest
from ..types import (
    ChatChunk,
    ChatDone,
    ChatRequest,
    ChatResponse,
    ChatRestart,
    ChatStart,
    FinishReason,
    ReasoningDelta,
    TextDelta,
    TextMode,
    ToolCallDelta,
)
from .accumulated import Accumulated
from .answer_parts import AnswerParts
from .draft import Draft, Shortener
from .response_stream import Producer, ResponseStream

STOP_GRACE_S = 2.0
"""How long a stopped engine has to report usage and timings before it is cut off."""

Delta = str | TextDelta | ReasoningDelta | ToolCallDelta | ChatRestart
"""What a backend yields: plain text, or a chunk whose ``sequence`` the stream sets."""


Generate = Callable[[ChatRequest, Draft], AsyncGenerator[Delta, None]]


class _Generation(Producer[ChatChunk, ChatResponse]):
    """Produces the chunks of one answer."""

    def __init__(self, generate: Generate, draft: Draft, mode: TextMode) -> None:
        super().__init__()
        self.generate = generate
        self.draft = draft
        self.mode: TextMode = mode
        self.forced = False
        self.waiting = False
        self.task: asyncio.Task[Any] | None = None
        self._cancelled: asyncio.Task[Any] | None = None
        self._cancelling = 0
        self._parts = AnswerParts()
        self._logprobs: list[Any] = []
        self._timers: list[asyncio.TimerHandle] = []
        self._started_at = time.perf_counter()

    async def produce(self) -> AsyncGenerator[ChatChunk, None]:
        draft, mode = self.draft, self.mode
        current_task = asyncio.current_task
        loop = self._begin()
        self._started_at = time.perf_counter()
        if draft.request.deadline_s is not None:
            self._timers.append(loop.call_later(draft.request.deadline_s, self._deadline))
        source = self.generate(draft.request, draft)
        next_item = source.__anext__
        sequence = 0
        so_far = Accumulated(mode)
        try:
            while not self.stopped:
                # Check the stop flag again after the wait: deltas that arrive after a stop are not delivered.
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
            # Stopped between two chunks: let the engine finish, because it reports usage and timings.
            while draft.interrupt is not None and not self.forced:
                self.task, self.waiting = current_task(), True
                await next_item()
                self.waiting = False
        except StopAsyncIteration:
            pass
        except asyncio.CancelledError:
            self.waiting = False
            self.stopped = True
            if not (self.forced and self._is_own_cancellation()):
                raise
        except GeneratorExit:
            self.stopped = True
            raise
        except BaseException as error:
            # An engine that fails while stopping has stopped, so its error does not matter.
            if not self.stopped:
                self.failure = error
                raise
        finally:
            self.waiting = False
            self.task = None
            self._is_own_cancellation()  # also if the backend swallowed it, or the task would stay cancelled
            for timer in self._timers:
                timer.cancel()
            self._timers.clear()
            try:
                await source.aclose()
            finally:
                ended_as = "error" if self.failure else "cancelled" if self.stopped else draft.finish_reason
                response = self._response(ended_as)
                self._end(response)
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
        """End the answer soon: interrupt the engine if possible, else cancel the wait."""
        if self.stopped or self.done:
            return
        self.stopped = self.draft.stopped = True
        if self.draft.interrupt is None:
            self._force()
            return
        self.draft.interrupt()
        if self.ended is not None:
            self._timers.append(self.ended.get_loop().call_later(STOP_GRACE_S, self._force))

    async def cut_off(self) -> None:
        """End the answer now."""
        self._force()

    def abandon(self) -> None:
        """Record a cancelled response for an answer that never started."""
        self.stopped = True
        self._end(self._response("cancelled"))

    def _force(self) -> None:
        """Cancel the iterating task's wait, as ``asyncio.timeout`` does."""
        if self.forced or self.done:
            return
        self.stopped = self.draft.stopped = True
        self.forced = True
        if self.waiting and self.task is not None:
            self._cancelling = self.task.cancelling()
            self._cancelled = self.task
            self.task.cancel()

    def _is_own_cancellation(self) -> bool:
        """Take back the cancellation of `_force`; return whether the task was not cancelled from elsewhere, too."""
        task, self._cancelled = self._cancelled, None
        return task is not None and task.uncancel() <= self._cancelling

    def _deadline(self) -> None:
        if not self.stopped:
            self.draft.warn("deadline_s", f"the answer was cut off after {self.draft.request.deadline_s:g} s")
        self.stop()

    def _start(self) -> ChatStart:
        draft = self.draft
        return ChatStart(
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

    def _response(self, finish_reason: FinishReason) -> ChatResponse:
        return self.draft.response(
            self._parts.message(is_whole=finish_reason in ("stop", "tool_calls")),
            finish_reason,
            total_ms=(time.perf_counter() - self._started_at) * 1000,
            logprobs=self._logprobs,
        )


class ChatStream(ResponseStream[ChatChunk, ChatResponse]):
    """A running answer: iterate it once for its chunks, or ``await`` it for just the `ChatResponse`.

    Chunks come in this order: one `ChatStart`; any number of `TextDelta`, `ReasoningDelta` and `ToolCallDelta` (and
    `ChatRestart`, if a router switches to another backend in the middle of an answer); one `ChatDone`. After a `stop`,
    no more text comes, only a `ChatDone` with ``cancelled``. `ResponseStream` describes the rest.
    """

    def __init__(self, generate: Generate, draft: Draft, text: TextMode = "delta") -> None:
        """Stream what ``generate``, a backend's async generator function, yields; `Backend.stream` calls this."""
        check_text_mode(text)
        self._generation = _Generation(generate, draft, text)
        super().__init__(self._generation)

    @property
    def request_id(self) -> str:
        """The request id, also on the start chunk and the response."""
        return self._generation.draft.request_id

    def shorten_with(self, shortener: Shortener) -> None:
        """Let a router shorten the request for each backend that it asks. Call this before the first chunk."""
        self._generation.draft.shortener = shortener

    @property
    def response(self) -> ChatResponse:
        """The response, once the stream has ended. Raises `InvalidRequest` while it is still running."""
        return self._generation.outcome()


def check_text_mode(text: str) -> None:
    """Raise `InvalidRequest` if ``text`` is not a `TextMode`."""
    if text not in ("delta", "accumulated", "both"):
        raise InvalidRequest(f"text={text!r} is not valid; use 'delta', 'accumulated' or 'both'", parameter="text")
