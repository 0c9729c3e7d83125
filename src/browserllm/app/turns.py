"""Turns: sends, stops, repeats and continues answers. Each conversation has one answer at a time, and a queue.

Conversations answer independently of each other; an engine that can do only one thing at a time has its own queue.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from msgspec.structs import replace

from .._internal import lazy_asyncio as asyncio
from ..errors import InvalidRequest
from . import threads
from .actions import (
    ContinueAnswer,
    DeleteMessage,
    EditMessage,
    Regenerate,
    SelectBranch,
    SendMessage,
    StopAnswer,
    UserPart,
)
from .answering import Answering
from .app import App
from .checks import no_message
from .conversations import Conversations
from .messages import IN_PROGRESS, check_user_parts, settled
from .state import ChatMessage, TextPart, Thread
from .turn import Turn


class _Job(NamedTuple):
    """An answer to give: to a ``question``, in the place of ``answer``, which is in the thread already."""

    question: str
    answer: str
    continues: bool = False


class _Work:
    """What goes on in a conversation: the running turn, the jobs after it, and the task that carries them out."""

    def __init__(self) -> None:
        self.jobs: deque[_Job] = deque()
        self.turn: Turn | None = None
        self.task: asyncio.Task[None] | None = None


class Turns:
    """Carries out the actions on a conversation's messages.

    Editing, repeating, continuing and deleting stop an answer in progress first: its text stays on its branch.
    """

    def __init__(self, app: App, conversations: Conversations, answering: Answering) -> None:
        """Answer with ``answering``."""
        self._app = app
        self._conversations = conversations
        self._answering = answering
        self._work: dict[str, _Work] = {}
        conversations.on_removed.append(self._on_removed)
        app.on(SendMessage, self._send)
        app.on(StopAnswer, self._stop)
        app.on(Regenerate, self._regenerate)
        app.on(ContinueAnswer, self._continue)
        app.on(EditMessage, self._edit)
        app.on(DeleteMessage, self._delete)
        app.on(SelectBranch, self._select)

    async def close(self) -> None:
        """Cut off the answers in progress; what has arrived is written."""
        tasks = [work.task for work in self._work.values() if work.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # Actions

    async def _send(self, action: SendMessage) -> str:
        parts = check_user_parts(action.parts)
        thread = await self._conversations.opened(action.conversation)
        return self._enqueue(thread, parts, thread.path[-1] if thread.path else None)

    async def _stop(self, action: StopAnswer) -> list[ChatMessage]:
        conversation = action.conversation
        self._conversations.get(conversation)
        thread = self._conversations.thread(conversation)
        if thread is None:
            return []
        taken = list(thread.queue)
        self._withdraw(thread, taken)
        drafts = [thread.messages[message] for message in taken]
        work = self._work.get(conversation)
        if work is None:
            return drafts
        self._cancel_jobs(conversation, work)
        turn = work.turn
        if turn is not None:
            # A message that waits for a model to load is a draft again, too; not one that was answered before.
            thread = self._conversations.thread(conversation)
            own = {turn.question, turn.answer}
            if thread is not None and turn.is_waiting and set(threads.subtree(thread, turn.question)) == own:
                drafts.insert(0, replace(thread.messages[turn.question], status="queued"))
                self._withdraw(thread, [turn.question])
            await self._end(turn)
        return drafts

    async def _regenerate(self, action: Regenerate) -> str:
        thread = await self._idle(action.conversation)
        target = self._message(thread, action.message or (thread.path[-1] if thread.path else ""))
        question = target if target.role == "user" else thread.messages.get(target.parent or "")
        if question is None or question.role != "user":
            raise InvalidRequest(
                f"the message {target.id!r} does not follow a message of the user, so it cannot be answered again",
                parameter="message",
            )
        answer = self._answer_to(question.id)
        self._conversations.put_thread(threads.add(thread, answer))
        self._begin(action.conversation, _Job(question.id, answer.id))
        return answer.id

    async def _continue(self, action: ContinueAnswer) -> None:
        thread = await self._idle(action.conversation)
        last = self._message(thread, thread.path[-1] if thread.path else "")
        if last.role != "assistant" or last.parent is None:
            raise InvalidRequest(
                "the last message is not an answer; send or regenerate instead", parameter="conversation"
            )
        if not last.parts:
            self._begin(action.conversation, _Job(last.parent, last.id))
        elif isinstance(last.parts[-1], TextPart):
            self._begin(action.conversation, _Job(last.parent, last.id, continues=True))
        else:  # it ended in a thought or a call, which no model can go on with: answered again, nothing is lost
            await self._regenerate(Regenerate(conversation=action.conversation, message=last.id))

    async def _edit(self, action: EditMessage) -> str:
        parts = check_user_parts(action.parts)
        thread = await self._conversations.opened(action.conversation)
        if action.message in thread.queue:
            self._message(thread, action.message)
            self._conversations.put_message(action.conversation, replace(thread.messages[action.message], parts=parts))
            self._conversations.changed(action.conversation, action.message)
            return action.message
        thread = await self._idle(action.conversation)
        before = self._message(thread, action.message)
        if before.role == "user":
            return self._enqueue(thread, parts, before.parent)
        written = ChatMessage(
            id=self._conversations.new_id(),
            role="assistant",
            parts=parts,
            parent=before.parent,
            created_at=self._app.now_ms(),
        )
        self._conversations.put_thread(threads.with_context(threads.add(thread, written)))
        self._conversations.changed(action.conversation, written.id)
        return written.id

    async def _delete(self, action: DeleteMessage) -> None:
        thread = await self._conversations.opened(action.conversation)
        self._message(thread, action.message)
        gone = set(threads.subtree(thread, action.message))
        self._withdraw(thread, [action.message])  # at once: what is sent from now on does not follow it
        work = self._work.get(action.conversation)
        if work is not None:
            kept = [job for job in work.jobs if not {job.question, job.answer} & gone]
            work.jobs = deque(kept)
            if work.turn is not None and {work.turn.answer, work.turn.question} & gone:
                await self._end(work.turn)

    async def _select(self, action: SelectBranch) -> None:
        thread = await self._conversations.opened(action.conversation)
        self._message(thread, action.message)
        self._conversations.put_thread(threads.with_context(threads.show(thread, action.message)))
        self._conversations.changed(action.conversation)

    # Inside

    def _enqueue(self, thread: Thread, parts: tuple[UserPart, ...], parent: str | None) -> str:
        """Add a message of the user, and answer it when its turn comes."""
        message = ChatMessage(
            id=self._conversations.new_id(),
            role="user",
            parts=parts,
            parent=parent,
            created_at=self._app.now_ms(),
            status="queued",
        )
        thread = threads.add(thread, message)
        self._conversations.put_thread(threads.with_context(replace(thread, queue=(*thread.queue, message.id))))
        self._conversations.changed(thread.id, message.id)
        self._begin(thread.id)
        return message.id

    def _answer_to(self, question: str) -> ChatMessage:
        return ChatMessage(
            id=self._conversations.new_id(),
            role="assistant",
            parent=question,
            created_at=self._app.now_ms(),
            status="submitted",
        )

    def _withdraw(self, thread: Thread, messages: list[str]) -> None:
        """Take messages, and all that follows them, out of a thread."""
        gone: list[str] = []
        for message in messages:
            if message in thread.messages:
                gone += threads.subtree(thread, message)
                thread = threads.remove(thread, message)
        if gone:
            if thread.answering in gone:
                thread = replace(thread, status="ready", answering=None)
            self._conversations.put_thread(threads.with_context(thread))
            self._conversations.changed(thread.id, removed=tuple(gone))

    def _cancel_jobs(self, conversation: str, work: _Work) -> None:
        """End the answers that wait for their turn. Each is empty, and goes unless it is the only one or followed."""
        for job in work.jobs:
            thread = self._conversations.thread(conversation)
            answer = None if thread is None else thread.messages.get(job.answer)
            if thread is None or answer is None or answer.status not in IN_PROGRESS:
                continue
            if len(threads.siblings(thread, answer.id)) > 1 and not thread.children.get(answer.id):
                self._withdraw(thread, [answer.id])
            else:
                self._conversations.put_message(conversation, settled(answer))
                self._conversations.changed(conversation, answer.id)
        work.jobs.clear()

    @staticmethod
    def _message(thread: Thread, message: str) -> ChatMessage:
        found = thread.messages.get(message)
        if found is None:
            raise no_message(message)
        return found

    async def _idle(self, conversation: str) -> Thread:
        """Return an open thread in which nothing is being answered; stop the answer in progress."""
        thread = await self._conversations.opened(conversation)
        if thread.queue:
            raise InvalidRequest(
                f"{len(thread.queue)} messages wait to be answered; stop first, which makes them drafts again",
                parameter="conversation",
            )
        work = self._work.get(conversation)
        if work is not None and work.turn is not None:
            await self._end(work.turn)
            thread = await self._conversations.opened(conversation)
        return thread

    @staticmethod
    async def _end(turn: Turn) -> None:
        turn.stop()
        await turn.ended.wait()

    def _begin(self, conversation: str, *jobs: _Job) -> None:
        work = self._work.get(conversation)
        if work is None:
            work = self._work[conversation] = _Work()
            work.task = self._app.spawn(self._carry_out(conversation, work))
        work.jobs.extend(jobs)

    async def _carry_out(self, conversation: str, work: _Work) -> None:
        try:
            while (job := self._next_job(conversation, work)) is not None:
                work.turn = Turn(
                    self._app, self._conversations, conversation, job.question, job.answer, continues=job.continues
                )
                await self._answering.answer(work.turn)
                work.turn = None
        finally:
            del self._work[conversation]
            self._conversations.release(conversation)

    def _next_job(self, conversation: str, work: _Work) -> _Job | None:
        if work.jobs:
            return work.jobs.popleft()
        thread = self._conversations.thread(conversation)
        if thread is None or not thread.queue:
            return None
        question, *rest = thread.queue
        answer = self._answer_to(question)
        # Those queued after it follow its answer.
        thread = replace(threads.insert(thread, answer, before=rest), queue=tuple(rest))
        self._conversations.put_thread(thread)
        moved = thread.children.get(answer.id, ())
        self._conversations.changed(conversation, question, answer.id, *moved)
        return _Job(question, answer.id)

    def _on_removed(self, conversation: str) -> None:
        work = self._work.get(conversation)
        self._answering.forget(conversation)
        if work is not None:
            work.jobs.clear()
            if work.turn is not None:
                work.turn.stop()
