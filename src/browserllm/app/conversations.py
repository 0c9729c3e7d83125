"""Conversations: the list, the open threads, and their records in a store.

`LiveState` has what pages see. A thread that is closed while an answer goes on, and the threads of conversations that
are not kept, are held here.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from msgspec.structs import replace

from .._internal import lazy_asyncio as asyncio
from ..errors import InvalidRequest
from ..stores.base import KeyValueStore
from . import threads
from .actions import CloseConversation, OpenConversation
from .app import App
from .chat_settings import todo_prefix
from .damage import Damage
from .messages import IN_PROGRESS, preview_of, settled, title_of
from .notices import Notices
from .records import ConversationRecord, Records
from .state import ChatMessage, Conversation, Thread
from .versions import is_left_alone

T = TypeVar("T")


ELSEWHERE_S = 60.0
"""After how many seconds without news another tab is taken to be gone, in the middle of its answer."""

CLOSE_GRACE_S = 2.0
"""How long a store that does not answer may keep the app open."""


class Conversations:
    """Keeps the conversations. `start` reads the list; `close` waits until everything is written.

    Other rooms change a thread with `put_thread` and then call `changed`. ``on_removed`` are called with the id of a
    conversation that was deleted, here or in another tab, ``on_opened`` with that of one that was read to be shown.
    ``marked`` are those that are deleted but can be brought back, with the time; ``arriving`` those that another tab
    was creating at the start, with its last sign of life.
    """

    def __init__(
        self, app: App, store: KeyValueStore, notices: Notices, *, new_id: Callable[[], str] | None = None
    ) -> None:
        """Keep the conversations in ``store``, which the caller closes; ``new_id`` makes ids."""
        self.store = store
        self.records = Records(
            store,
            now_ms=app.now_ms,
            on_failure=self._cannot_write,
            on_damage=Damage(notices).note,
            is_left_alone=lambda key, raw: is_left_alone(key, raw, notices),
        )
        self.new_id = new_id or (lambda: os.urandom(8).hex())
        self.on_removed: list[Callable[[str], None]] = []
        self.on_opened: list[Callable[[str], None]] = []
        self.marked: dict[str, float] = {}
        self.arriving: dict[str, float] = {}
        self._app = app
        self._named: set[str] = set()
        self._unlisted: dict[str, Conversation] = {}
        self._held: dict[str, Thread] = {}
        self._notices = notices
        self._silences: dict[str, asyncio.TimerHandle] = {}
        app.on(OpenConversation, lambda action: self.open(action.id))
        app.on(CloseConversation, self._close_thread)

    async def start(self) -> None:
        """Read the list of conversations. A damaged record is skipped, with a notice that names it."""
        records = await self.records.conversations()
        self.show(*records)
        for record in records:
            if record.arriving_at is not None:
                self.arriving[record.conversation.id] = record.arriving_at

    async def close(self) -> None:
        """Wait until everything is written, or the store does not answer."""
        for conversation in list(self._silences):
            self._expect_news(conversation, elsewhere=False)
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_GRACE_S):
                await self.records.flush()

    # For other rooms

    def get(self, conversation: str) -> Conversation:
        """Return a conversation. Raises `InvalidRequest` if it does not exist."""
        found = self._app.state.value.conversations.get(conversation) or self._unlisted.get(conversation)
        if found is None:
            raise InvalidRequest(
                f"there is no conversation {conversation!r}; it may have been deleted in another tab",
                parameter="conversation",
            )
        return found

    def has(self, conversation: str) -> bool:
        """Return whether a conversation exists."""
        return conversation in self._app.state.value.conversations or conversation in self._unlisted

    def is_kept_in_memory(self, conversation: str) -> bool:
        """Return whether a conversation is in no list and never written."""
        return conversation in self._unlisted

    def thread(self, conversation: str) -> Thread | None:
        """Return the messages of a conversation, if they are in memory."""
        return self._app.state.value.threads.get(conversation) or self._held.get(conversation)

    async def opened(self, conversation: str) -> Thread:
        """Return the messages of a conversation, and open it if necessary. Raises `InvalidRequest`."""
        await self.open(conversation)
        thread = self.thread(conversation)
        if thread is None:
            self.get(conversation)
            raise InvalidRequest(
                f"the conversation {conversation!r} was closed in the meantime", parameter="conversation"
            )
        return thread

    def put_thread(self, thread: Thread) -> None:
        """Set the messages of a conversation."""
        if thread.id in self._app.state.value.threads:
            self._app.state.put(thread, "threads", thread.id)
        elif thread.id in self._held:
            self._held[thread.id] = thread

    def put_message(self, conversation: str, message: ChatMessage) -> None:
        """Replace a message of a conversation, if it is still there; its place in the tree stays."""
        thread = self.thread(conversation)
        if thread is None or message.id not in thread.messages:
            return
        if conversation in self._app.state.value.threads:
            self._app.state.put(message, "threads", conversation, "messages", message.id)
        else:
            self._held[conversation] = threads.put(thread, message)

    def changed(self, conversation: str, *messages: str, removed: tuple[str, ...] = ()) -> None:
        """Write messages that were added, changed or removed, and bring the entry in the list up to date."""
        thread = self.thread(conversation)
        if thread is None:
            return
        self.records.drop(conversation, *removed)
        self.records.save(
            conversation, *[thread.messages[message] for message in messages if message in thread.messages]
        )
        self._refresh(thread, touched=bool(messages or removed))

    def release(self, conversation: str) -> None:
        """Forget the messages of a closed conversation whose answer has ended."""
        if conversation not in self._unlisted:
            self._held.pop(conversation, None)

    async def open(self, conversation: str) -> None:
        """Bring a conversation's messages into the state."""
        self.get(conversation)
        state = self._app.state
        if conversation in state.value.threads:
            return
        thread = await self.read(conversation)
        self.get(conversation)  # it may have been deleted in the meantime
        if conversation not in state.value.threads:
            state.put(self._held.pop(conversation, thread), "threads", conversation)
            for opened in self.on_opened:
                opened(conversation)

    async def read(self, conversation: str) -> Thread:
        """Return the messages of a conversation, from memory or from the store, without opening it."""
        if (thread := self.thread(conversation)) is not None:
            return thread
        await self.records.flush()  # the newest changes of a conversation that was just closed
        record = await self.records.conversation(conversation)
        messages = [settled(message) for message in await self.records.messages(conversation)]
        return threads.with_context(threads.build(conversation, messages, None if record is None else record.shown))

    async def reload(self, conversation: str, *, elsewhere: bool | None = None) -> None:
        """Read a conversation again that another tab has changed, created or deleted.

        Messages are merged by id; those that this tab is answering stay as they are here. ``elsewhere`` says whether
        the other tab is answering in it.
        """
        if conversation in self._unlisted:
            return
        await self.records.flush()
        record = await self.records.conversation(conversation)
        if record is None:
            self.records.discard(conversation)
            self._forget(conversation)
            self.marked.pop(conversation, None)
            return
        self.show(record)
        if self.thread(conversation) is None:
            return
        found = {message.id: message for message in await self.records.messages(conversation)}
        thread = self.thread(conversation)
        if thread is None:
            return
        for key, pending in self.records.pending(conversation).items():
            found.pop(key, None)
            if pending is not None:
                found[key] = thread.messages.get(key, pending)
        elsewhere = thread.elsewhere if elsewhere is None else elsewhere
        self._expect_news(conversation, elsewhere=elsewhere)
        if not elsewhere:
            found = {key: settled(message) for key, message in found.items()}
        found |= _own(thread)
        merged = threads.build(conversation, found.values(), thread.path[-1] if thread.path else record.shown)
        if thread.path and thread.path[-1] not in found and record.shown in found:
            merged = threads.show(merged, record.shown)
        tree = {"messages": _shared(thread.messages, merged.messages), "children": merged.children}
        self.put_thread(threads.with_context(replace(thread, **tree, path=merged.path, elsewhere=elsewhere)))

    # Actions

    async def adopt(self, entry: Conversation, thread: Thread, *, named: bool, keep: bool = True) -> None:
        """Add a conversation with its messages, and write it.

        Raises `ConversationExists` if another tab has created one with its id, and what the store raises; nothing is
        added then.
        """
        if keep:
            self.show(await self.write_new(entry, thread, named=named))
            return
        await self._make_room(entry.id)
        self.records.keep_in_memory(entry.id)
        self._unlisted[entry.id] = _with_words(entry, thread)
        self._held[entry.id] = thread

    async def write_new(self, entry: Conversation, thread: Thread, *, named: bool) -> ConversationRecord:
        """Write a conversation with its messages, as `adopt` does, without showing it; returns its record."""
        await self._make_room(entry.id)
        record = ConversationRecord(conversation=_with_words(entry, thread), shown=_end(thread), named=named)
        await self.records.create(record, list(thread.messages.values()))
        return record

    async def _make_room(self, conversation: str) -> None:
        if conversation in self.marked:
            await self.remove([conversation])  # nothing of the one that had this id before

    async def arrived(self, conversation: str) -> None:
        """Wait while another tab is creating a conversation, and show it."""
        await self.records.arrived(conversation)
        await self.reload(conversation)

    def is_named(self, conversation: str) -> bool:
        """Return whether the user chose the title of a conversation."""
        return conversation in self._named

    async def update(self, conversation: str, **fields: Any) -> None:
        """Change fields of a conversation's entry, and write them; an empty title lets the app choose one again."""
        named: dict[str, Any] = {}
        if (title := fields.get("title")) is not None:
            (self._named.add if title else self._named.discard)(conversation)
            named["named"] = bool(title)
            thread = self.thread(conversation)
            if not title and thread is not None:
                fields["title"] = title_of(threads.shown(thread))
        self._set(conversation, **fields)
        self.records.change(conversation, **fields, **named)
        await self.records.flush()

    async def _close_thread(self, action: CloseConversation) -> None:
        self.get(action.id)
        thread = self._app.state.value.threads.get(action.id)
        if thread is None:
            return
        if thread.answering or thread.queue or action.id in self._unlisted:
            self._held[action.id] = thread
        self._app.state.remove("threads", action.id)

    async def mark(self, conversations: Sequence[str]) -> None:
        """Take conversations out of the list, and mark their records as deleted; `unmark` brings one back.

        Those that are not kept are deleted. Raises what the store raises; those that are not marked then are in the
        list again.
        """
        now = self._app.now_ms()
        for conversation in conversations:
            if (thread := self.thread(conversation)) is not None:  # an answer in progress is kept as far as it is
                going_on = [message for message in thread.messages.values() if message.status in IN_PROGRESS]
                self.records.save(conversation, *going_on)
        kept = [conversation for conversation in conversations if conversation not in self._unlisted]
        with self._out_of_list(conversations) as left:
            for conversation in kept:
                self.marked[conversation] = now
                try:
                    record = await self.records.write(conversation, deleted_at=now)
                except BaseException:
                    self.marked.pop(conversation, None)
                    raise
                if record is None:
                    self.marked.pop(conversation, None)
                left.pop(conversation, None)

    async def unmark(self, conversation: str) -> bool:
        """Bring back a conversation that is marked as deleted; returns whether its record is still there."""
        record = await self.records.write(conversation, deleted_at=None)
        if record is not None:
            self.show(record)
        return record is not None

    async def remove(self, conversations: Sequence[str]) -> None:
        """Delete conversations from the device.

        Raises what the store raises; those that are not deleted then are in the list again.
        """
        with self._out_of_list(conversations) as left:
            for conversation in conversations:
                await self.records.delete(conversation)
                left.pop(conversation, None)
                self.marked.pop(conversation, None)
                await self.store.clear(f"{todo_prefix(conversation)}/")

    def new_ids(self) -> Iterator[str]:
        """Yield new ids."""
        while True:
            yield self.new_id()

    # Inside

    def show(self, *records: ConversationRecord) -> None:
        """Show conversations in the list, or take them out of it, as their records say."""
        entries: dict[str, Conversation] = {}
        for record in records:
            entry = record.conversation
            if record.arriving_at is not None:
                continue
            if record.deleted_at is not None:
                self._forget(entry.id)
                self.marked[entry.id] = record.deleted_at
                continue
            self.marked.pop(entry.id, None)
            (self._named.add if record.named else self._named.discard)(entry.id)
            entries[entry.id] = entry
        if entries:  # all at once, since each change copies the list
            self._app.state.put(self._app.state.value.conversations | entries, "conversations")

    def _set(self, conversation: str, **fields: Any) -> None:
        if conversation in self._unlisted:
            self._unlisted[conversation] = replace(self._unlisted[conversation], **fields)
        else:
            self._app.state.change("conversations", conversation, **fields)

    def words(self, thread: Thread) -> dict[str, Any]:
        """Return the fields of a conversation's entry that are made of its messages."""
        messages = threads.shown(thread)
        fields: dict[str, Any] = {"messages": len(messages), "preview": preview_of(messages)}
        if thread.id not in self._named and (title := title_of(messages)):
            fields["title"] = title
        return fields

    def _refresh(self, thread: Thread, *, touched: bool) -> None:
        fields = self.words(thread)
        if touched:
            fields["updated_at"] = self._app.now_ms()
        self._set(thread.id, **fields)
        self.records.change(thread.id, **fields, shown=_end(thread))

    def _expect_news(self, conversation: str, *, elsewhere: bool) -> None:
        if (silence := self._silences.pop(conversation, None)) is not None:
            silence.cancel()
        if elsewhere:
            later = asyncio.get_running_loop().call_later
            self._silences[conversation] = later(ELSEWHERE_S, self._no_news, conversation)

    def _no_news(self, conversation: str) -> None:
        text = "A conversation that another tab was answering could not be read again."
        self._app.spawn(
            self._notices.guard(
                "tab-conversation", text, lambda: self.reload(conversation, elsewhere=False), code="tab_not_read"
            )
        )

    def _forget(self, *conversations: str) -> None:
        for conversation in conversations:
            for removed in self.on_removed:
                removed(conversation)
            self._expect_news(conversation, elsewhere=False)
            self._unlisted.pop(conversation, None)
            self._held.pop(conversation, None)
            self._named.discard(conversation)
        state, gone = self._app.state, set(conversations)
        for name in ("conversations", "threads"):
            before = state.get(name)
            kept = {key: value for key, value in before.items() if key not in gone}
            if len(kept) < len(before):
                state.put(kept, name)

    @contextmanager
    def _out_of_list(self, conversations: Sequence[str]) -> Generator[dict[str, Conversation]]:
        """Take conversations out of the list, and yield their entries.

        If the block fails, those that are left there are in the list again, their titles still the user's own.
        """
        listed = self._app.state.value.conversations
        left = {conversation: listed[conversation] for conversation in conversations if conversation in listed}
        named = self._named.intersection(left)
        self._forget(*conversations)
        try:
            yield left
        except BaseException:
            self._named |= named & left.keys()
            self._app.state.put(self._app.state.value.conversations | left, "conversations")
            raise

    def _cannot_write(self, conversation: str, error: Exception) -> None:
        entry = self._app.state.value.conversations.get(conversation)
        name = conversation if entry is None or not entry.title else entry.title
        self._notices.add(
            f"write-{conversation}",
            f"The conversation “{name}” could not be saved.",
            code="not_saved",
            kind="error",
            error=error,
            name=name,
        )


def _shared(old: dict[str, ChatMessage], new: dict[str, ChatMessage]) -> dict[str, ChatMessage]:
    """Return the new messages, with the old objects of those that are equal, so that pages see no change."""
    return {key: old[key] if old.get(key) == message else message for key, message in new.items()}


def _own(thread: Thread) -> dict[str, ChatMessage]:
    """Return the messages that this tab answers, or will. They are newer here, and those of other tabs in the store."""
    own = {thread.answering, *thread.queue}
    if thread.answering in thread.messages:
        own.add(thread.messages[thread.answering].parent)
    if not thread.elsewhere:
        own |= {key for key, message in thread.messages.items() if message.status in IN_PROGRESS}
    return {key: message for key, message in thread.messages.items() if key in own}


def _with_words(entry: Conversation, thread: Thread) -> Conversation:
    """Return the entry of a new conversation with what the list shows of its messages."""
    messages = threads.shown(thread)
    title = entry.title or title_of(messages)
    return replace(entry, title=title, preview=preview_of(messages), messages=len(messages))


def _end(thread: Thread) -> str | None:
    return thread.path[-1] if thread.path else None
