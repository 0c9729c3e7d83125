"""One turn of a conversation as one stream: the model, its tools, the model again, until it calls no more tools.

`Turn` is the loop. `TurnContext` makes each request fit the context window. `TurnRecord` collects the messages that
become history, and builds the reply.

Hooks, tools and token counting run in tasks of their own, so that a stop can interrupt them at any moment. Answers are
iterated directly.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing
from typing import Any, NamedTuple, TypeVar

from msgspec.structs import replace

from .._internal import lazy_asyncio as asyncio
from ..backends.private_context import is_within_private, privately
from ..backends.response_stream import Producer
from ..backends.stream import ChatStream
from ..types import ChatChunk, ChatRequest, ChatResponse, ChatRestart, Hop, Message
from .calls import CallBatch, end
from .context import system_messages
from .conversation import Conversation, Setup
from .history import History
from .reply import Reply, ToolDone, ToolRun, ToolStarted, TurnDone, position
from .turn_context import TurnContext
from .turn_record import TurnRecord
from .window import context_exceeded

T = TypeVar("T")

_CANCELLED = "cancelled: the answer was stopped before this call had a result"


class _Stopped(Exception):  # noqa: N818 (not an error: a stop unwinds the code it interrupts with it)
    pass


class _Timer(NamedTuple):
    """The turn's deadline. In a page a timer does not say when it is due."""

    due_s: float
    handle: asyncio.TimerHandle


class Turn(Producer[ChatChunk, Reply]):
    """A running turn. ``dropped`` is true once its `TurnStream` was garbage-collected."""

    def __init__(self, conversation: Conversation, setup: Setup, change: Callable[[History], None]) -> None:
        """Prepare a turn that begins by applying ``change`` to the history."""
        super().__init__()
        self.setup = setup
        self.dropped = False
        self.chat: ChatStream | None = None
        self._conversation = conversation
        self._change = change
        self._record = TurnRecord(conversation, setup.warnings)
        self._context = TurnContext(setup, conversation, self._request_of)
        self._halt: asyncio.Future[None] | None = None
        self._timer: _Timer | None = None
        self._sequence = 0
        self._rounds = 0
        self._calls: CallBatch | None = None
        self._reported: list[Hop] = []

    async def produce(self) -> AsyncGenerator[ChatChunk, None]:
        """Run the turn and yield its chunks."""
        self._begin()
        try:
            await self._enter()
        except BaseException as error:
            self.failure = error if isinstance(error, Exception) else None
            self.abandon()
            raise
        backend, hooks, mode = self.setup.backend, self.setup.hooks, self.setup.mode
        record, context = self._record, self._context
        watches = hooks.watches_chunks
        has_failed = is_too_long = False
        try:
            private = self.setup.base.private or is_within_private()
            record.begin(self._change, private=private)
            context.begin(record.history)
            self._rounds = record.rounds
            while record.finish_reason is None and not self.stopped:
                request = await self._wait(self._next_request())
                if self.stopped:
                    break
                offset = sequence = self._sequence
                chat = self.chat = backend.stream(request, text=mode)
                chat.shorten_with(context.fitting)
                try:
                    async with chat:
                        async for chunk in chat:
                            if offset:
                                chunk = replace(chunk, sequence=sequence)  # noqa: PLW2901
                            sequence += 1
                            if isinstance(chunk, ChatRestart):
                                self._reported.append(chunk.hop)
                                await self._wait(hooks.on_fallback(chunk.hop))
                            if watches:
                                self._watch(chunk)
                            yield chunk
                except Exception as error:
                    if not context.can_be_shorter(error, chat.response):
                        raise
                    self.chat = None
                    continue
                finally:
                    self._sequence = sequence
                response = chat.response
                if response.finish_reason == "cancelled":
                    break
                await self._wait(self._notify_hooks(response))
                if response.message.tool_calls:
                    async with aclosing(self._answer_calls(response)) as chunks:
                        async for chunk in chunks:
                            yield chunk
                else:
                    record.finish_reason = response.finish_reason
                self._keep(response)
        except _Stopped:
            pass
        except Exception as error:
            self.failure = error
            has_failed, is_too_long = True, context_exceeded(error) is not None
            with privately(record.history.private):
                await hooks.on_error(error)
            raise
        except BaseException:
            self.stopped = True
            raise
        finally:
            # When the request is too long in any case, undo the dropping of older turns.
            reply = self._leave(has_failed=has_failed, keeps_room=not is_too_long)
        done = TurnDone(sequence=self._sequence, reply=reply, **position(mode, reply.text))
        if watches:
            self._watch(done)
        yield done

    def stop(self) -> None:
        """End the turn soon: stop the running answer, the tools, or anything else that it waits for."""
        if self.stopped or self.done:
            return
        self.stopped = True
        if self._halt is not None:
            self._halt.set_result(None)
        if self.chat is not None:
            self.chat.stop()

    async def cut_off(self) -> None:
        """End the turn now."""
        self.stop()
        if self.chat is not None:
            await self.chat.aclose()

    def abandon(self) -> None:
        """End a turn that never began with a cancelled reply."""
        self.stopped = True
        self._end(Reply(message=Message("assistant", ""), finish_reason="cancelled"))

    async def _enter(self) -> None:
        """Become the conversation's running turn, after waiting for a dropped turn that is still closing."""
        conversation = self._conversation
        loop = asyncio.get_running_loop()
        while (running := conversation.running) is not None:
            conversation.must_be_idle()
            assert running.ended is not None  # noqa: S101 (set when it began)
            await asyncio.shield(running.ended)
        conversation.running = self
        self._halt = loop.create_future()
        if self.stopped:
            self._halt.set_result(None)
        if (deadline_s := self.setup.base.deadline_s) is not None:
            self._timer = _Timer(loop.time() + deadline_s, loop.call_later(deadline_s, self._deadline))

    def _deadline(self) -> None:
        # A running answer has its own deadline, at the same moment.
        if self.chat is None or self.chat.done:
            self._record.warn("deadline_s", f"the turn was cut off after {self.setup.base.deadline_s:g} s")
            self.stop()

    async def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        """Await work that a stop can interrupt."""
        assert self._halt is not None  # noqa: S101 (set before the first wait)
        with privately(self._record.history.private):
            task = asyncio.ensure_future(work)
        try:
            await asyncio.wait([task, self._halt], return_when=asyncio.FIRST_COMPLETED)
        except BaseException:
            await end([task])
            raise
        if not task.done():
            await end([task])
            raise _Stopped
        return task.result()

    async def _next_request(self) -> ChatRequest:
        """Return the request for the next answer, after making it fit the context window."""
        setup, history = self.setup, self._record.history
        await self._context.make_room(history)
        if self._rounds == setup.max_rounds:
            message = f"the model reached the limit of {self._rounds} rounds with tools, and had to answer without them"
            self._record.warn("max_rounds", message)
        request = self._request_of(history)
        if self._timer is not None:
            left_s = self._timer.due_s - asyncio.get_running_loop().time()
            request = replace(request, deadline_s=max(left_s, 0.001))
        sent = await setup.hooks.before_request(request)
        # A hook can make a request private but not undo that, which would send out what was said in private.
        history.private = history.private or sent.private
        return replace(sent, private=history.private)

    def _request_of(self, history: History) -> ChatRequest:
        base = replace(self.setup.base, private=history.private)
        if self._rounds >= self.setup.max_rounds:
            base = replace(base, tool_choice="none")
        elif self._rounds and base.tool_choice not in ("auto", "none"):
            # The first round met the demand to call a tool.
            base = replace(base, tool_choice=None)
        return replace(base, messages=[*system_messages(self.setup.system, history.summary), *history.sent])

    async def _notify_hooks(self, response: ChatResponse) -> None:
        """Report an answer to the hooks, and each backend that failed before it."""
        for hop in response.route:
            if hop.backend is not None and hop not in self._reported:
                await self.setup.hooks.on_fallback(hop)
        await self.setup.hooks.after_response(response)

    async def _answer_calls(self, response: ChatResponse) -> AsyncGenerator[ChatChunk, None]:
        """Run the calls or refuse them; leave calls of declared tools open for the program to answer."""
        assert self._halt is not None  # noqa: S101 (set before the first wait)
        calls = self._calls = CallBatch(response.message, self.setup.tools, private=self._record.history.private)
        refusal = self._refusal(response)
        if refusal is None:
            await self._wait(calls.decide(self.setup.hooks))
            if self.stopped:
                raise _Stopped
        else:
            calls.refuse(refusal)
        for run in calls.runs:
            if run.result is not None:
                yield self._done(run)
        for run in calls.to_run:
            yield self._chunk(ToolStarted, call=run.call, changed=run.changed)
        async with aclosing(calls.run(self._halt)) as runs:
            async for run in runs:
                yield self._done(run)
        if self.stopped:
            raise _Stopped
        self._rounds += 1
        if any(run.result is None for run in calls.runs):
            self._record.finish_reason = "tool_calls"

    def _refusal(self, response: ChatResponse) -> str | None:
        """Return why the calls of an answer must not run, or ``None``; a refusal ends the turn."""
        if response.finish_reason not in ("stop", "tool_calls"):
            self._record.finish_reason = response.finish_reason
            return f"not run: the answer ended with {response.finish_reason!r}, perhaps in the middle of a call"
        if self._rounds >= self.setup.max_rounds:
            self._record.finish_reason = "length"
            return f"not run: tools were called in {self._rounds} rounds, which is the limit"
        return None

    def _done(self, run: ToolRun) -> ChatChunk:
        return self._chunk(ToolDone, call=run.call, result=run.result, denied=run.denied, elapsed_ms=run.elapsed_ms)

    def _chunk(self, kind: type[ChatChunk], **fields: Any) -> ChatChunk:
        # Read only where it is shown: the text is joined anew on each access.
        so_far = self.chat.response.text if self.chat is not None and self.setup.mode != "delta" else ""
        chunk = kind(sequence=self._sequence, **position(self.setup.mode, so_far), **fields)
        self._sequence += 1
        if self.setup.hooks.watches_chunks:
            self._watch(chunk)
        return chunk

    def _watch(self, chunk: ChatChunk) -> None:
        with privately(self._record.history.private):
            self.setup.hooks.on_chunk(chunk)

    def _keep(self, response: ChatResponse) -> None:
        """Append an answer and the results of its calls to the history."""
        self._record.keep(response)
        self._context.answered(response, self._record.history)
        if self._calls is not None:
            self._record.keep_results(self._calls)
        self._calls = self.chat = None
        self._reported.clear()

    def _settle(self, response: ChatResponse, *, has_failed: bool) -> None:
        """Keep the answer that was running when the turn ended, keep a part of it, or take it back."""
        has_run = self._calls is not None and self._calls.started
        if response.finish_reason == "error" or (has_failed and not has_run):
            self._record.take_back(response)
        elif response.finish_reason == "cancelled":
            self._record.keep_partly(response)
        else:
            if response.message.tool_calls:
                self._calls = self._calls or CallBatch(response.message, self.setup.tools)
                self._calls.refuse(_CANCELLED)
            self._keep(response)

    def _leave(self, *, has_failed: bool, keeps_room: bool) -> Reply:
        """Commit the turn, free the conversation for the next one, and return the reply."""
        record, context, conversation = self._record, self._context, self._conversation
        if self.chat is not None and self.chat.done:
            self._settle(self.chat.response, has_failed=has_failed)
        record.warnings += context.warnings
        reply = record.commit(context.spent, has_failed=has_failed, keeps_room=keeps_room, left_out=context.left_out)
        if record.is_kept:
            conversation.known, conversation.unreported = context.known, ()
        conversation.running = None
        if self._timer is not None:
            self._timer.handle.cancel()
        self._end(reply)
        return reply
