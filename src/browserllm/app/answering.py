"""Answering: asks the backend of a conversation for one answer, with its tools or for an object."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec.structs import replace

from .._internal import lazy_asyncio as asyncio
from ..backends.base import Backend
from ..errors import BrowserLLMError, Cancelled, InvalidRequest
from ..page.host import report
from ..types import ChatRequest, ChatResponse, ChatWarning, Message
from . import threads
from .answer_info import answer_info, backend_named, joined, router_of
from .app import App
from .approvals import ApprovalDesk
from .chat_settings import options_of
from .continuing import instruction_for
from .conversations import Conversations
from .messages import history_of, with_question
from .state import AnswerInfo, ChatMessage, ConversationSettings
from .turn import Turn

if TYPE_CHECKING:
    from ..chat.reply import ToolDone
    from ..chat.tools import FunctionTool
    from .sessions import Sessions
    from .tools import BuiltinTools

BackendFor = Callable[[ConversationSettings], Backend]
"""Returns the backend that answers a conversation with these settings; it has chosen the model, too."""

_LEFT_OUT = ChatWarning("messages", "the conversation is longer than the model can hold: its beginning was left out")


class _Answered(NamedTuple):
    """What a turn got: the responses, and warnings besides theirs.

    ``left_out`` is how many of the oldest messages the model did not get.
    """

    backend: Backend
    responses: Sequence[ChatResponse]
    warnings: Sequence[ChatWarning]
    cost_usd: float | None
    cancelled: bool
    left_out: int = 0


class Answering:
    """Answers the turns of all conversations."""

    def __init__(self, app: App, conversations: Conversations, backend_for: BackendFor, desk: ApprovalDesk) -> None:
        """Ask the backend that ``backend_for`` returns for a conversation's settings.

        ``on_answer`` may be set: it is called with what each answer took.
        """
        self._app = app
        self._conversations = conversations
        self.backend_for = backend_for
        self.on_answer: Callable[[AnswerInfo], None] = lambda info: None
        self._desk = desk
        self._sessions: Sessions | None = None
        self._tools: BuiltinTools | None = None

    async def answer(self, turn: Turn) -> None:
        """Carry out a turn. What fails is in its message; only a cancellation is raised."""
        backend: Backend | None = None
        try:
            settings = self._conversations.get(turn.conversation).settings
            backend = self.backend_for(settings)
            answered = None if turn.stopped else await self._ask(turn, backend, settings)
        except asyncio.CancelledError:
            self.forget(turn.conversation)
            turn.finish("stopped")
            # The app closes: what has arrived is written, but a store that does not answer does not keep it open.
            await self._conversations.close()
            raise
        except Exception as error:
            self.forget(turn.conversation)
            turn.finish("error", info=None if backend is None else _info_of_failure(turn, backend), error=error)
        else:
            info = None if answered is None else _info(turn, answered)
            turn.finish("stopped" if answered is None or answered.cancelled else "done", info=info)
            if answered is not None and info is not None:
                self.note(_fresh_info(turn, answered))
                try:
                    await self._measure(turn, backend, settings, info, answered.left_out)
                except Exception as error:  # it is only a meter, and the messages that wait are to be answered
                    report(error, "the context meter could not be brought up to date")
        finally:
            turn.ended.set()

    def note(self, info: AnswerInfo) -> None:
        """Tell ``on_answer`` what an answer took. The answer is whole, so a failure there is only reported."""
        try:
            self.on_answer(info)
        except Exception as error:
            report(error, "what an answer took could not be counted")

    def forget(self, conversation: str) -> None:
        """Forget what is kept for the next turn of a conversation."""
        if self._sessions is not None:
            self._sessions.forget(conversation)

    def is_private(self, settings: ConversationSettings) -> bool:
        """Return whether a request with these settings must not leave the device."""
        return settings.private or self._app.state.value.settings.never_leave_device

    def options(self, settings: ConversationSettings) -> dict[str, Any]:
        """Return the fields of a request with these settings."""
        return {**options_of(settings), **({"private": True} if self.is_private(settings) else {})}

    def tools_of(
        self, settings: ConversationSettings, conversation: str, *, keep: bool, keep_list: bool = True
    ) -> list[FunctionTool]:
        """Return the tools of a conversation; without ``keep`` nothing that they keep is written.

        Without ``keep_list`` only its to-do list is not.
        """
        if not settings.tools:
            return []
        from .tools import BuiltinTools

        self._tools = self._tools or BuiltinTools(self._conversations.store)
        return self._tools.named(settings.tools, conversation, keep=keep, keep_list=keep_list)

    async def _ask(self, turn: Turn, backend: Backend, settings: ConversationSettings) -> _Answered:
        if settings.schema is None:
            return await self._ask_session(turn, backend, settings)
        return await self._ask_for_object(turn, backend, settings, settings.schema)

    # Text and tools

    async def _ask_session(self, turn: Turn, backend: Backend, settings: ConversationSettings) -> _Answered:
        # Imported late: sessions import tools, schemas and grammars; by now the user can already type.
        from ..chat.reply import ToolDone, ToolStarted
        from .sessions import Sessions

        sessions = self._sessions = self._sessions or Sessions()
        branch = _branch(turn)
        keep = turn.conversation in self._app.state.value.conversations
        private = self.is_private(settings)
        earlier, prompt = (branch, _continuation(turn)) if turn.continues else with_question(branch)
        kept = sessions.take(turn.conversation, backend, earlier, settings, private=private)
        kept.use(backend, settings, self.tools_of(settings, turn.conversation, keep=keep), private=private)
        stream = turn.stream = kept.session.stream(prompt)
        asking = self._desk.asking(kept.approvals, turn.conversation, turn.answer, turn.on_asked)
        async with asking, stream:
            async for chunk in stream:
                if isinstance(chunk, ToolStarted):
                    turn.live.put_call(chunk.call, state="input-available", approval_id=None)
                elif isinstance(chunk, ToolDone):
                    turn.live.put_call(chunk.call, **_result(chunk))
                else:
                    turn.feed(chunk)
        reply = stream.reply
        if kept.session.history.messages[-1:] == [reply.message] and not turn.continues:
            sessions.keep(turn.conversation, kept, (*[message.id for message in branch], turn.answer))
        note = [_LEFT_OUT] if reply.left_out > kept.left_out else []
        kept.left_out = reply.left_out
        cancelled = reply.finish_reason == "cancelled"
        return _Answered(
            backend, reply.responses, [*reply.warnings, *note], reply.cost_usd, cancelled, left_out=reply.left_out
        )

    # Objects

    async def _ask_for_object(
        self, turn: Turn, backend: Backend, settings: ConversationSettings, schema: dict[str, Any]
    ) -> _Answered:
        from ..chat.window import context_exceeded
        from ..structured.generate import stream_generate

        history = history_of(_branch(turn))
        system = [Message("system", settings.system)] if settings.system else []
        warnings: list[ChatWarning] = []
        while True:
            stream = turn.stream = stream_generate(
                backend, [*system, *history], output=schema, **self.options(settings)
            )
            try:
                async with stream:
                    async for value in stream:
                        turn.begin()
                        turn.live.put_object(value)
                    generated = await stream.finish()
            except Cancelled:
                if not turn.stopped:
                    raise
                return _Answered(backend, [], warnings, None, cancelled=True)
            except BrowserLLMError as error:
                shorter = _newer_half(history)
                if context_exceeded(error) is None or turn.begun or not shorter:
                    raise
                history = shorter
                warnings = [_LEFT_OUT]
                continue
            turn.begin()
            turn.live.put_object(generated.output)
            response = replace(generated.response, usage=generated.usage)
            return _Answered(backend, [response], [*response.warnings, *warnings], response.cost_usd, cancelled=False)

    # After the answer

    async def _measure(
        self, turn: Turn, backend: Backend, settings: ConversationSettings, info: AnswerInfo, left_out: int
    ) -> None:
        """Bring the context meter up to date: how full the window of the model is that has answered."""
        thread = turn.thread
        if thread is None or turn.answer not in thread.messages:
            return
        messages = history_of(_branch(turn, turn.answer))[left_out:]
        if not messages:
            return
        answering = backend_named(backend, info.backend) or backend
        system = [Message("system", settings.system)] if settings.system else []
        request = ChatRequest(messages=[*system, *messages], **self.options(settings))
        tokens, window = info.context_tokens, None
        with suppress(BrowserLLMError):
            window = (await answering.facts(request)).context_window
            if tokens is None and info.where == "local":  # a cloud would be asked over the network
                tokens = await answering.count_tokens(request)
        thread = turn.thread
        if thread is None or turn.answer not in thread.messages:
            return
        message = thread.messages[turn.answer]
        counted = replace(message.answer or info, context_tokens=tokens, context_window=window)
        thread = threads.put(thread, replace(message, answer=counted))
        self._conversations.put_thread(threads.with_context(thread))
        self._conversations.changed(turn.conversation, turn.answer)


def _branch(turn: Turn, end: str | None = None) -> list[ChatMessage]:
    """Return the messages up to the question, or up to the answer that is continued."""
    thread = turn.thread
    end = end or (turn.answer if turn.continues else turn.question)
    if thread is None or end not in thread.messages:
        raise InvalidRequest("the message was deleted before it was answered", parameter="message")
    return [thread.messages[message] for message in threads.path_to(thread, end)]


def _continuation(turn: Turn) -> Message:
    return Message("user", instruction_for(turn.text))


def _newer_half(history: list[Message]) -> list[Message]:
    """Return the newer half of the turns, or nothing if there is only one."""
    starts = [index for index, message in enumerate(history) if message.role == "user"]
    return history[starts[len(starts) // 2 + len(starts) % 2] :] if len(starts) > 1 else []


def _result(done: ToolDone) -> dict[str, Any]:
    """Return the fields of a part about a call that has ended."""
    if done.denied is not None:
        return {"state": "output-denied", "error_text": done.denied, "approval_id": None}
    if done.result.is_error:
        return {"state": "output-error", "error_text": done.result.content, "approval_id": None}
    return {"state": "output-available", "output": done.result.content, "approval_id": None}


def _info(turn: Turn, answered: _Answered) -> AnswerInfo | None:
    if not answered.responses:
        return None
    info = _fresh_info(turn, answered)
    thread = turn.thread
    before = thread.messages.get(turn.answer) if thread is not None and turn.continues else None
    return info if before is None else joined(before.answer, info)


def _fresh_info(turn: Turn, answered: _Answered) -> AnswerInfo:
    """Return what this turn took, without the answer that it continued."""
    return answer_info(
        answered.backend, answered.responses, answered.warnings, cost_usd=answered.cost_usd, first_ms=turn.first_ms
    )


def _info_of_failure(turn: Turn, backend: Backend) -> AnswerInfo | None:
    """Return who was asked last for an answer that then failed; ``None`` if no one was, so that nothing was sent."""
    from ..chat.turn_stream import TurnStream

    stream = turn.stream
    if not isinstance(stream, TurnStream) or not stream.done:
        return None
    reply = stream.reply
    if reply.responses and router_of(backend) is not None and backend_named(backend, reply.response.backend) is None:
        return None
    return _info(turn, _Answered(backend, reply.responses, reply.warnings, reply.cost_usd, cancelled=False))
