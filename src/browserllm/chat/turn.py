"""One turn of a conversation as one stream: the model, its tools, the model again, until it calls no more.

The history changes once, when the turn ends in whatever way: a turn works on a copy. What was answered whole stays, and
so do rounds whose calls have been run; so does the text of an answer that was stopped. A failure takes back the answer
it happened in. A turn that got nothing leaves the history as it was, so that the same can be asked again.

As in `browserllm.backends.stream`, the work is one async generator that the caller's own task drives, and it does not
refer to its handle: dropping that drops the generator, which the event loop then closes. Only what is not an answer
(hooks, tools, counting) runs in tasks of its own, because a stop must reach it at any moment.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing, suppress
from typing import Any, NamedTuple, TypeVar

from msgspec.structs import replace

from .._internal import lazy_asyncio as asyncio
from ..backends.base import Backend
from ..backends.stream import ChatStream
from ..backends.within_private import is_within_private, privately
from ..errors import BrowserLLMError, ContextExceeded, InvalidRequest
from ..types import (
    ChatChunk,
    ChatRequest,
    ChatResponse,
    ChatRestart,
    ChatWarning,
    FinishReason,
    Hop,
    Message,
    TextMode,
    Usage,
)
from .calls import Calls, Tools, end
from .context import ContextStrategy, Gauge, Known, context_exceeded, likeness, system_messages, told_window
from .history import History, encodable_message, partial_message, sum_usage
from .hooks import HookChain
from .reply import Reply, ToolDone, ToolRun, ToolStarted, TurnDone, position

T = TypeVar("T")

_CANCELLED = "cancelled: the answer was stopped before this call had a result"


class Conversation:
    """What the turns of a session share: the history, who is at work on it, and what is known of the window."""

    def __init__(self, history: History) -> None:
        """Begin with a history."""
        self.history = history
        self.running: Turn | None = None
        self.known: Known | None = None
        self.learned: tuple[Backend, str | None, int] | None = None

    def must_be_idle(self) -> None:
        """Raise `InvalidRequest` while a turn runs."""
        if self.running is not None and not self.running.dropped:
            raise InvalidRequest(
                "a turn of this session is running, and a conversation has one at a time; await it, end it with "
                "aclose(), or fork() the session"
            )


class Setup(NamedTuple):
    """What a turn runs with: the session's settings as they were then. ``base`` is the request but for its messages."""

    backend: Backend
    base: ChatRequest
    system: str
    tools: Tools
    hooks: HookChain
    context: ContextStrategy
    max_rounds: int
    mode: TextMode
    warnings: tuple[ChatWarning, ...] = ()
    """What the reply warns of whatever happens."""


class _Stopped(Exception):  # noqa: N818 (no error: how a stop gets out of what it interrupts)
    pass


class Turn:
    """One turn on its way. See the module's docstring for what may refer to what."""

    def __init__(self, conversation: Conversation, setup: Setup, begin: Callable[[History], None]) -> None:
        self.conversation = conversation
        self.setup = setup
        self.begin = begin
        self.reply: Reply | None = None
        self.loop: asyncio.AbstractEventLoop | None = None
        self.ended: asyncio.Future[None] | None = None
        self.chat: ChatStream | None = None
        self.stopped = False
        self.dropped = False
        self._halt: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._ends_at = 0.0
        self._before = self._history = conversation.history
        self._began_with: int | None = None
        self._known: Known | None = None
        self._exceeded: Exception | None = None
        self._too_long = False
        self._sequence = 0
        self._rounds = 0
        self._finish: FinishReason | None = None
        self._message = Message("assistant", "")
        self._responses: list[ChatResponse] = []
        self._spent: list[ChatResponse] = []
        self._calls: Calls | None = None
        self._runs: list[ToolRun] = []
        self._warnings: list[ChatWarning] = [*setup.warnings]
        self._told: list[Hop] = []

    async def run(self) -> AsyncGenerator[ChatChunk, None]:
        """Take the turn."""
        await self._enter()
        backend, hooks, mode = self.setup.backend, self.setup.hooks, self.setup.mode
        watches = hooks.watches_chunks
        has_failed = False
        try:
            self._begin()
            while self._finish is None and not self.stopped:
                request = await self._wait(self._prepare())
                if self.stopped:
                    break
                offset = sequence = self._sequence
                chat = self.chat = backend.stream(request, text=mode)
                try:
                    async with chat:
                        async for chunk in chat:
                            if offset:
                                chunk = replace(chunk, sequence=sequence)  # noqa: PLW2901
                            sequence += 1
                            if isinstance(chunk, ChatRestart):
                                self._told.append(chunk.hop)
                                await self._wait(hooks.on_fallback(chunk.hop))
                            if watches:
                                self._watch(chunk)
                            yield chunk
                except Exception as error:
                    if not self._can_be_shorter(error, chat.response):
                        raise
                    self._exceeded, self.chat = error, None
                    continue
                finally:
                    self._sequence = sequence
                response = chat.response
                if response.finish_reason == "cancelled":
                    break
                await self._wait(self._tell(response))
                if response.message.tool_calls:
                    async with aclosing(self._answer_calls(response)) as chunks:
                        async for chunk in chunks:
                            yield chunk
                else:
                    self._finish = response.finish_reason
                self._keep(response)
        except _Stopped:
            pass
        except Exception as error:
            has_failed = True
            self._too_long = context_exceeded(error) is not None
            with privately(self._history.private):
                await hooks.on_error(error)
            raise
        except BaseException:
            self.stopped = True
            raise
        finally:
            reply = self._commit(has_failed)
        done = TurnDone(sequence=self._sequence, reply=reply, **position(mode, reply.text))
        if watches:
            self._watch(done)
        yield done

    def stop(self) -> None:
        """End the turn soon: the answer that runs, the tools, or whatever it waits for."""
        if self.stopped or self.reply is not None:
            return
        self.stopped = True
        if self._halt is not None:
            self._halt.set_result(None)
        if self.chat is not None:
            self.chat.stop()

    def abandon(self) -> None:
        """Leave a cancelled reply for a turn that never began."""
        self.stopped = True
        if self.reply is None:
            self.reply = Reply(message=self._message, finish_reason="cancelled")

    async def _enter(self) -> None:
        """Take the conversation; wait for a turn whose handle was dropped, and that is being closed."""
        conversation = self.conversation
        loop = asyncio.get_running_loop()
        while (running := conversation.running) is not None:
            conversation.must_be_idle()
            assert running.ended is not None  # noqa: S101 (set with it)
            await asyncio.shield(running.ended)
        conversation.running = self
        self.loop, self.ended, self._halt = loop, loop.create_future(), loop.create_future()
        if self.stopped:
            self._halt.set_result(None)
        if (deadline_s := self.setup.base.deadline_s) is not None:
            self._ends_at = loop.time() + deadline_s
            self._timer = loop.call_later(deadline_s, self._deadline)

    def _begin(self) -> None:
        self._before = self.conversation.history
        self._history = self._before.copy()
        self._history.private = self._history.private or self.setup.base.private or is_within_private()
        self.begin(self._history)
        self._history.check()
        messages = self._history.messages
        self._began_with = len(messages)
        # A turn that goes on has had rounds before.
        self._rounds = sum(bool(message.tool_calls) for message in self._history.turns[-1])
        known = self.conversation.known
        if known is not None and known.count <= len(messages):
            self._known = known  # what it was known of is still there: it ends with an answer, a cut with a question

    def _deadline(self) -> None:
        # An answer that runs has a deadline of its own, for the same moment.
        if self.chat is None or self.chat.done:
            deadline_s = self.setup.base.deadline_s
            self._warnings.append(ChatWarning("deadline_s", f"the turn was cut off after {deadline_s:g} s"))
            self.stop()

    async def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for something that a stop must reach, whatever it is."""
        assert self._halt is not None  # noqa: S101 (made before anything is waited for)
        with privately(self._history.private):
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

    async def _prepare(self) -> ChatRequest:
        """Return the request for the next answer, with room made for it."""
        setup, history = self.setup, self._history
        gauge = await self._gauge()
        if self._exceeded is not None or await gauge.is_full(history):
            start = history.start
            try:
                await setup.context.make_room(history, gauge)
            except ContextExceeded as error:
                raise error from self._exceeded
            finally:
                self._spent += gauge.spent
                self._warnings += gauge.warnings
            if self._exceeded is not None and history.start == start:
                raise await gauge.too_large(history) from self._exceeded
        if self._rounds == setup.max_rounds:
            said = f"tools were called in {self._rounds} rounds, the limit; the answer was then asked for without them"
            self._warnings.append(ChatWarning("max_rounds", said))
        request = self._request_of(history)
        if request.deadline_s is not None and self.loop is not None:
            request = replace(request, deadline_s=max(self._ends_at - self.loop.time(), 0.001))
        sent = await setup.hooks.before_request(request)
        # A hook can make a request private, and not the other way: what was said so would go out with it.
        history.private = history.private or sent.private
        return replace(sent, private=history.private)

    async def _gauge(self) -> Gauge:
        setup, conversation = self.setup, self.conversation
        windows = [setup.context.window]
        with suppress(BrowserLLMError):  # nothing is known, then; what is wrong, the answer will say
            windows.append((await setup.backend.facts(self._request_of(self._history))).context_window)
        told = told_window(self._exceeded)
        if told is not None:
            conversation.learned = (setup.backend, setup.base.model, told)
        if conversation.learned is not None and conversation.learned[:2] == (setup.backend, setup.base.model):
            windows.append(conversation.learned[2])
        return Gauge(
            setup.backend,
            self._request_of,
            window=min((window for window in windows if window is not None), default=None),
            reserve=setup.context.reserve,
            known=self._known,
        )

    def _request_of(self, history: History) -> ChatRequest:
        base = replace(self.setup.base, private=history.private)
        if self._rounds >= self.setup.max_rounds:
            base = replace(base, tool_choice="none")
        elif self._rounds and base.tool_choice not in ("auto", "none"):
            # What had to be called was called in the first round.
            base = replace(base, tool_choice=None)
        return replace(base, messages=[*system_messages(self.setup.system, history.summary), *history.sent])

    def _can_be_shorter(self, error: Exception, response: ChatResponse) -> bool:
        """Say whether a shorter prompt may help: once, and before anything was said."""
        return (
            self.setup.context.retries
            and self._exceeded is None
            and not response.message.parts
            and context_exceeded(error) is not None
        )

    async def _tell(self, response: ChatResponse) -> None:
        """Tell the hooks of an answer, and of the backends passed over on the way to it."""
        for hop in response.route:
            if hop.backend is not None and hop not in self._told:
                await self.setup.hooks.on_fallback(hop)
        await self.setup.hooks.after_response(response)

    async def _answer_calls(self, response: ChatResponse) -> AsyncGenerator[ChatChunk, None]:
        """Get each call its result: from the tools, or why not; leave those open that the program is to answer."""
        assert self._halt is not None  # noqa: S101 (made before anything is waited for)
        calls = self._calls = Calls(response.message, self.setup.tools, private=self._history.private)
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
            self._finish = "tool_calls"

    def _refusal(self, response: ChatResponse) -> str | None:
        """Return why the calls of an answer are not to be run; the turn then ends."""
        if response.finish_reason not in ("stop", "tool_calls"):
            self._finish = response.finish_reason
            return f"not run: the answer ended with {response.finish_reason!r}, perhaps in the middle of a call"
        if self._rounds >= self.setup.max_rounds:
            self._finish = "length"
            return f"not run: tools were called in {self._rounds} rounds, which is the limit"
        return None

    def _done(self, run: ToolRun) -> ChatChunk:
        return self._chunk(ToolDone, call=run.call, result=run.result, denied=run.denied, elapsed_ms=run.elapsed_ms)

    def _chunk(self, kind: type[ChatChunk], **fields: Any) -> ChatChunk:
        # Not asked for where it is not told: it is put together anew each time.
        so_far = self.chat.response.text if self.chat is not None and self.setup.mode != "delta" else ""
        chunk = kind(sequence=self._sequence, **position(self.setup.mode, so_far), **fields)
        self._sequence += 1
        if self.setup.hooks.watches_chunks:
            self._watch(chunk)
        return chunk

    def _watch(self, chunk: ChatChunk) -> None:
        with privately(self._history.private):
            self.setup.hooks.on_chunk(chunk)

    def _keep(self, response: ChatResponse) -> None:
        """Put an answer and the results of its calls at the end of the history."""
        history = self._history
        self._message = encodable_message(response.message)
        history.add(self._message)
        if response.usage.prompt_tokens:
            # What the model thought is counted as said, but it is not sent again.
            usage = response.usage
            tokens = usage.prompt_tokens + usage.completion_tokens - usage.reasoning_tokens
            self._known = Known(tokens, len(history.messages), likeness(history, self._request_of(history)))
        if self._calls is not None:
            self._runs += self._calls.runs
            if self._calls.results:
                history.add(Message("tool", [*self._calls.results]))
        self._responses.append(response)
        self._calls = self._exceeded = self.chat = None
        self._told.clear()

    def _settle(self, response: ChatResponse, has_failed: bool) -> None:
        """Bring the answer that the turn ended in to an end: it is kept, kept in part, or taken back."""
        has_run = self._calls is not None and self._calls.started
        if response.finish_reason == "error" or (has_failed and not has_run):
            self._responses.append(response)
            self._message = response.message
        elif response.finish_reason == "cancelled":
            self._responses.append(response)
            self._message = partial_message(response.message)
            if self._message.text:
                self._history.add(self._message)
        else:
            if response.message.tool_calls:
                self._calls = self._calls or Calls(response.message, self.setup.tools)
                self._calls.refuse(_CANCELLED)
            self._keep(response)

    def _commit(self, has_failed: bool) -> Reply:
        """Make the history the conversation's, as far as the turn got, and return the reply."""
        if self.chat is not None and self.chat.done:
            self._settle(self.chat.response, has_failed)
        history, conversation = self._history, self.conversation
        usage = Usage()
        for response in (*self._responses, *self._spent):
            usage = sum_usage(usage, response.usage)
        if self._began_with is not None and len(history.messages) > self._began_with:
            history.add_usage(usage)
            conversation.history, conversation.known = history, self._known
        elif history.start > self._before.start and not self._too_long:
            # The turn is taken back, but the room that was made for it stays made, unless it was of no use.
            conversation.history = self._before.copy()
            conversation.history.start, conversation.history.summary = history.start, history.summary
        conversation.running = None
        if self._timer is not None:
            self._timer.cancel()
        if self.ended is not None:
            self.ended.set_result(None)
        responses = [*self._responses, *self._spent]
        costs = [response.cost_usd for response in responses if response.cost_usd is not None]
        warnings = [*(warning for response in self._responses for warning in response.warnings), *self._warnings]
        self.reply = Reply(
            message=self._message,
            finish_reason=self._finish or ("error" if has_failed else "cancelled"),
            responses=self._responses,
            calls=self._runs,
            usage=usage,
            cost_usd=sum(costs) if len(costs) == len(responses) else None,
            warnings=list({(warning.parameter, warning.message): warning for warning in warnings}.values()),
        )
        return self.reply
