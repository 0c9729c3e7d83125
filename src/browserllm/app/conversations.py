"""Conversations: the list, the open threads, and their records in a store.

`LiveState` has what pages see. A thread that is closed while an answer goes on, and the threads of conversations that
are not kept, are held here.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from msgspec.structs import replace

from .._internal import lazy_asyncio as asyncio
from ..errors import InvalidRequest
from ..stores.base import KeyValueStore
from . import threads
from .actions import (
    CloseConversation,
    CreateConversation,
    ForkConversation,
    OpenConversation,
    UpdateConversation,
)
from .app import App
from .chat_settings import check_settings, todo_prefix
from .checks import checked_title, is_id, no_message
from .damage import Damage
from .messages import IN_PROGRESS, preview_of, settled, title_of
from .notices import Notices
from .records import ConversationRecord, Records
from .state import ChatMessage, Conversation, Thread

T = TypeVar("T")


ELSEWHERE_S = 60.0
"""After how many seconds without news another tab is taken to be gone, in the middle of its answer."""

CLOSE_GRACE_S = 2.0
"""How long a store that does not answer may keep the app open."""


class Conversations:
    """Keeps the conversations. `start` reads the list; `close` waits until everything is written.

    Other rooms change a thread with `put_thread` and then call `changed`. ``on_removed`` are called with the id of a
    conversation that was deleted, here or in another tab. ``marked`` are those that are deleted but can be brought
    back, with the time.
    """

    def __init__(
        self, app: App, store: KeyValueStore, notices: Notices, *, new_id: Callable[[], str] | None = None
    ) -> None:
        """Keep the conversations in ``store``, which the caller closes; ``new_id`` makes ids."""
        self.store = store
        self.records = Records(store, on_failure=self._cannot_write, on_damage=Damage(notices).note)
        self.new_id = new_id or (lambda: os.urandom(8).hex())
        self.on_removed: list[Callable[[str], None]] = []
        self.marked: dict[str, float] = {}
        self._app = app
        self._named: set[str] = set()
        self._unlisted: dict[str, Conversation] = {}
        self._held: dict[str, Thread] = {}
        self._notices = notices
        self._silences: dict[str, asyncio.TimerHandle] = {}
        app.on(CreateConversation, self.create)
        app.on(OpenConversation, lambda action: self.open(action.id))
        app.on(CloseConversation, self._close_thread)
        app.on(UpdateConversation, self._update)
        app.on(ForkConversation, self._fork)

    async def start(self) -> None:
        """Read the list of conversations. A damaged record is skipped, with a notice that names it."""
        for record in await self.records.conversations():
            self._list(record)

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
        self._list(record)
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
        # What this tab is answering is newer here. What another tab is answering is newer in the store.
        own = {thread.answering, *thread.queue}
        found |= {key: each for key, each in thread.messages.items() if key in own}
        merged = threads.build(conversation, found.values(), thread.path[-1] if thread.path else record.shown)
        if thread.path and thread.path[-1] not in found and record.shown in found:
            merged = threads.show(merged, record.shown)
        tree = {"messages": _shared(thread.messages, merged.messages), "children": merged.children}
        self.put_thread(threads.with_context(replace(thread, **tree, path=merged.path, elsewhere=elsewhere)))

    # Actions

    async def create(self, action: CreateConversation) -> str:
        """Create a conversation and open it; with the id of one that exists, open that one."""
        conversation = action.id or self.new_id()
        if not is_id(conversation):
            raise InvalidRequest(
                f"id={conversation[:80]!r} is not valid; use 1 to 48 letters, digits, '_' and '-', and no name that "
                "every object in JavaScript has",
                parameter="id",
            )
        if not self.has(conversation):
            settings = self._app.state.value.settings.defaults if action.settings is None else action.settings
            check_settings(settings)
            now = self._app.now_ms()
            entry = Conversation(
                id=conversation,
                title=checked_title(action.title or ""),
                created_at=now,
                updated_at=now,
                folder=action.folder or None,
                settings=settings,
            )
            await self.adopt(entry, Thread(id=conversation), named=bool(action.title), keep=action.keep)
        await self.open(conversation)
        return conversation

    async def adopt(self, entry: Conversation, thread: Thread, *, named: bool, keep: bool = True) -> None:
        """Add a conversation with its messages, and write it. Raises what the store raises, and adds nothing then."""
        conversation = entry.id
        if conversation in self.marked:
            await self.remove([conversation])  # nothing of the one that had this id before
        messages = threads.shown(thread)
        entry = replace(
            entry,
            title=entry.title or title_of(messages),
            preview=preview_of(messages),
            messages=len(messages),
        )
        if not keep:
            self.records.keep_in_memory(conversation)
            self._unlisted[conversation] = entry
            self._held[conversation] = thread
            return
        record = ConversationRecord(conversation=entry, shown=_end(thread), named=named)
        await self.records.create(record, list(thread.messages.values()))
        self._list(record)

    async def _close_thread(self, action: CloseConversation) -> None:
        self.get(action.id)
        thread = self._app.state.value.threads.get(action.id)
        if thread is None:
            return
        if thread.answering or thread.queue or action.id in self._unlisted:
            self._held[action.id] = thread
        self._app.state.remove("threads", action.id)

    async def _update(self, action: UpdateConversation) -> None:
        conversation, before = action.id, self.get(action.id)
        fields: dict[str, Any] = {}
        if action.pinned is not None:
            fields["pinned"] = action.pinned
        if action.folder is not None:
            fields["folder"] = action.folder or None
        if action.settings is not None:
            check_settings(action.settings)
            if before.settings.private and not action.settings.private and before.messages:
                raise InvalidRequest(
                    "this conversation is private and stays so, because later requests carry its messages; start a "
                    "new conversation for a cloud",
                    parameter="settings",
                )
            fields["settings"] = action.settings
        if action.title is not None:
            fields["title"] = checked_title(action.title)
            # An empty title lets the app choose one again.
            (self._named.add if fields["title"] else self._named.discard)(conversation)
            thread = self.thread(conversation)
            if not fields["title"] and thread is not None:
                fields["title"] = title_of(threads.shown(thread))
        self._set(conversation, **fields)
        self.records.change(
            conversation, **fields, **({} if action.title is None else {"named": conversation in self._named})
        )
        await self.records.flush()

    async def mark(self, conversation: str) -> None:
        """Take a conversation out of the list, and mark its record as deleted; `unmark` brings it back.

        One that is not kept is deleted. Raises what the store raises, and the conversation is in the list again then.
        """
        if conversation in self._unlisted:
            await self.remove([conversation])
            return
        thread, now = self.thread(conversation), self._app.now_ms()
        if thread is not None:  # an answer in progress is kept as far as it is
            going_on = [message for message in thread.messages.values() if message.status in IN_PROGRESS]
            self.records.save(conversation, *going_on)
        with self._out_of_list(conversation):
            self.marked[conversation] = now
            try:
                record = await self.records.write(conversation, deleted_at=now)
            except BaseException:
                self.marked.pop(conversation, None)
                raise
            if record is None:
                self.marked.pop(conversation, None)

    async def unmark(self, conversation: str) -> bool:
        """Bring back a conversation that is marked as deleted; returns whether its record is still there."""
        record = await self.records.write(conversation, deleted_at=None)
        if record is not None:
            self._list(record)
        return record is not None

    async def remove(self, conversations: list[str]) -> None:
        """Delete conversations from the device. Raises what the store raises; that one is in the list again then."""
        for conversation in conversations:
            with self._out_of_list(conversation):
                await self.records.delete(conversation)
            self.marked.pop(conversation, None)
            await self.store.clear(f"{todo_prefix(conversation)}/")

    async def _fork(self, action: ForkConversation) -> str:
        source, thread = self.get(action.id), await self.opened(action.id)
        if action.message is not None and action.message not in thread.messages:
            raise no_message(action.message)
        conversation, now = self.new_id(), self._app.now_ms()
        copy = threads.fork(thread, action.message, conversation, self.new_ids())
        whole = {key: settled(message) for key, message in copy.messages.items()}
        copy = threads.with_context(replace(copy, messages=whole))
        await self.adopt(
            replace(source, id=conversation, created_at=now, updated_at=now, pinned=False),
            copy,
            named=action.id in self._named,
        )
        await self.open(conversation)
        return conversation

    def new_ids(self) -> Iterator[str]:
        """Yield new ids."""
        while True:
            yield self.new_id()

    # Inside

    def _list(self, record: ConversationRecord) -> None:
        entry = record.conversation
        if record.deleted_at is not None:
            self._forget(entry.id)
            self.marked[entry.id] = record.deleted_at
            return
        self.marked.pop(entry.id, None)
        (self._named.add if record.named else self._named.discard)(entry.id)
        self._app.state.put(entry, "conversations", entry.id)

    def _set(self, conversation: str, **fields: Any) -> None:
        if conversation in self._unlisted:
            self._unlisted[conversation] = replace(self._unlisted[conversation], **fields)
        else:
            self._app.state.change("conversations", conversation, **fields)

    def _refresh(self, thread: Thread, *, touched: bool) -> None:
        messages = threads.shown(thread)
        fields: dict[str, Any] = {"messages": len(messages), "preview": preview_of(messages)}
        if thread.id not in self._named and (title := title_of(messages)):
            fields["title"] = title
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

    def _forget(self, conversation: str) -> None:
        for removed in self.on_removed:
            removed(conversation)
        self._expect_news(conversation, elsewhere=False)
        self._app.state.remove("conversations", conversation)
        self._app.state.remove("threads", conversation)
        self._unlisted.pop(conversation, None)
        self._held.pop(conversation, None)
        self._named.discard(conversation)

    @contextmanager
    def _out_of_list(self, conversation: str) -> Generator[None]:
        """Take a conversation out of the list; if the block fails it is there again, its title still the user's own."""
        entry, is_named = self._app.state.value.conversations.get(conversation), conversation in self._named
        self._forget(conversation)
        try:
            yield
        except BaseException:
            if entry is not None:
                self._app.state.put(entry, "conversations", conversation)
                (self._named.add if is_named else self._named.discard)(conversation)
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


def _end(thread: Thread) -> str | None:
    return thread.path[-1] if thread.path else None
