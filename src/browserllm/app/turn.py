"""Turn: one answer on its way, and what pages see of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Literal

from msgspec.structs import replace

from .._internal import lazy_asyncio as asyncio
from ..types import ChatChunk, ChatStart, ToolCallPart
from . import threads
from .app import App
from .continuing import Joint
from .conversations import Conversations
from .error_info import error_info, name_clouds
from .live_answer import LiveAnswer
from .messages import settled
from .state import AnswerInfo, ChatMessage, ConversationSettings, ErrorInfo, MessagePart, TextPart, Thread
from .too_long import explain_length

SAVE_EVERY_MS = 1000
"""How often an unfinished answer is written."""


class _Saving:
    """Writes an unfinished answer about once a second, also when nothing more comes after the text that is shown."""

    def __init__(self, now_ms: Callable[[], float], save: Callable[[], None]) -> None:
        self._now_ms = now_ms
        self._save = save
        self._saved_at = now_ms()
        self._timer: asyncio.TimerHandle | None = None

    def changed(self) -> None:
        """Write the answer now, or when it is time."""
        passed = self._now_ms() - self._saved_at
        if passed >= SAVE_EVERY_MS:
            self._write()
        elif self._timer is None:
            wait_ms = SAVE_EVERY_MS - max(0.0, passed)  # the time of day may have been set back
            self._timer = asyncio.get_running_loop().call_later(wait_ms / 1000, self._write)

    def end(self) -> None:
        """Write nothing more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _write(self) -> None:
        self.end()
        self._saved_at = self._now_ms()
        self._save()


class Turn:
    """The ``answer`` to a ``question`` (ids of messages). ``continues``: it goes on with the text that is there.

    ``begun`` is true once the answer has begun; ``ended`` is set when it is finished, in whatever way.
    """

    def __init__(
        self, app: App, conversations: Conversations, conversation: str, question: str, answer: str, *, continues: bool
    ) -> None:
        """Show that the answer is on its way. Both messages are in the thread."""
        self.conversation = conversation
        self.question = question
        self.answer = answer
        self.continues = continues
        self.begun = False
        self.stopped = False
        self.stream: Any = None
        self.first_ms: float | None = None
        self.ended = asyncio.Event()
        self._app = app
        self._conversations = conversations
        self._started_at = time.perf_counter()
        self._saving = _Saving(app.now_ms, self._save)
        parts = self._message.parts if continues else ()
        text = self.text
        self.live = LiveAnswer(self._show, parts=parts, join=(lambda: Joint(text)) if continues else None)
        self._change(
            replace(self._message, status="submitted", error=None), status="submitted", answering=answer, error=None
        )
        self._unwatch: Callable[[], None] = lambda: None
        if not continues:
            self._on_loading(app.state.value.loading is not None)
            self._unwatch = app.state.subscribe(lambda state: state.loading is not None, self._on_loading)

    @property
    def thread(self) -> Thread | None:
        """The thread, unless it was deleted."""
        return self._conversations.thread(self.conversation)

    @property
    def text(self) -> str:
        """The text at the end of the answer, which a continued answer goes on with."""
        parts = self._message.parts
        return parts[-1].text if parts and isinstance(parts[-1], TextPart) else ""

    @property
    def is_waiting(self) -> bool:
        """Whether the answer has not begun because a model is being loaded."""
        thread = self.thread
        question = None if thread is None else thread.messages.get(self.question)
        return question is not None and question.status == "queued"

    def stop(self) -> None:
        """Stop the answer soon; what has arrived stays."""
        self.stopped = True
        if self.stream is not None:
            self.stream.stop()

    def feed(self, chunk: ChatChunk) -> None:
        """Take a chunk of the answer."""
        if isinstance(chunk, ChatStart):
            if not self.stopped:  # a stopped stream starts, too, before it ends
                self.begin()
        elif self.first_ms is None:
            self.first_ms = (time.perf_counter() - self._started_at) * 1000
        self.live.feed(chunk)

    def begin(self) -> None:
        """Show that the answer has begun."""
        if self.begun:
            return
        self.begun = True
        self._unwatch()
        self._set_question("done")
        self._change(replace(self._message, status="streaming"), status="streaming")
        if (thread := self.thread) is not None and self.question in thread.messages:
            self._conversations.records.save(self.conversation, thread.messages[self.question])

    def on_asked(self, call: ToolCallPart, approval: str) -> None:
        """Show that a call waits for an approval."""
        self.live.put_call(call, state="approval-requested", approval_id=approval)

    def finish(
        self,
        status: Literal["done", "stopped", "error"],
        *,
        info: AnswerInfo | None = None,
        error: BaseException | None = None,
    ) -> None:
        """Show how the answer ended, and write it."""
        if self.ended.is_set():
            return
        self.ended.set()
        self._saving.end()
        self._unwatch()
        self._set_question("done")
        parts = self.live.end()
        thread = self.thread
        if thread is None or self.answer not in thread.messages:
            self._end_thread()
            if thread is not None and self.question in thread.messages:
                self._conversations.changed(self.conversation, self.question)
            return
        message = settled(replace(self._message, status="streaming", parts=parts), status)
        shown = None if error is None else self._shown(error)
        message = replace(message, answer=info or message.answer, error=shown)
        is_empty = status == "stopped" and not parts and len(threads.siblings(thread, self.answer)) > 1
        is_empty = is_empty and not thread.children.get(self.answer)  # a message may have been sent meanwhile
        thread = threads.put(thread, message)
        if is_empty:  # an answer given again that was stopped at once: the one before it is shown again
            thread = threads.remove(thread, self.answer)
        self._conversations.put_thread(
            threads.with_context(
                replace(thread, status="ready" if shown is None else "error", answering=None, error=shown)
            )
        )
        self._conversations.changed(
            self.conversation, self.question, self.answer, removed=(self.answer,) if is_empty else ()
        )

    def _shown(self, error: BaseException) -> ErrorInfo:
        state = self._app.state.value
        entry = state.conversations.get(self.conversation)
        settings = ConversationSettings() if entry is None else entry.settings
        return explain_length(name_clouds(error_info(error), state.clouds), error, state, settings)

    @property
    def _message(self) -> ChatMessage:
        thread = self.thread
        found = None if thread is None else thread.messages.get(self.answer)
        return found or ChatMessage(id=self.answer, role="assistant", parent=self.question)

    def _show(self, parts: tuple[MessagePart, ...]) -> None:
        self._conversations.put_message(self.conversation, replace(self._message, parts=parts))
        self._saving.changed()

    def _save(self) -> None:
        if (thread := self.thread) is not None and self.answer in thread.messages:
            self._conversations.records.save(self.conversation, thread.messages[self.answer])

    def _change(self, message: ChatMessage, **fields: Any) -> None:
        thread = self.thread
        if thread is not None and message.id in thread.messages:
            self._conversations.put_thread(replace(threads.put(thread, message), **fields))

    def _end_thread(self) -> None:
        if (thread := self.thread) is not None:
            self._conversations.put_thread(threads.with_context(replace(thread, status="ready", answering=None)))

    def _on_loading(self, loading: bool) -> None:
        self._set_question("queued" if loading else "submitted")

    def _set_question(self, status: Literal["queued", "submitted", "done"]) -> None:
        thread = self.thread
        question = None if thread is None else thread.messages.get(self.question)
        if question is not None and question.status != status:
            self._conversations.put_message(self.conversation, replace(question, status=status))
