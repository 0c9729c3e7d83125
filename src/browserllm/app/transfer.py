"""Transfer: conversations as a file, to keep or to move (JSON, with everything), or to read (Markdown).

A conversation of a file that is here already is not added again: what it has more is joined to it (`joining`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress

from msgspec.structs import replace

from .._internal import lazy_asyncio as asyncio
from . import threads
from .actions import ExportConversations, ImportConversations, Imported
from .app import App
from .conversations import Conversations
from .exported_file import Given, read_file, written_file
from .joining import copy_id, have_common, missing
from .records import ConversationExists, ConversationRecord
from .state import Conversation, Thread
from .transcript import transcript


class Transfer:
    """Exports and imports conversations, one file at a time."""

    def __init__(self, app: App, conversations: Conversations) -> None:
        """Transfer these conversations."""
        self._app = app
        self._conversations = conversations
        self._turn = asyncio.Lock()
        app.on(ExportConversations, self._export)
        app.on(ImportConversations, self._import)

    async def _export(self, action: ExportConversations) -> str:
        listed = self._app.state.value.conversations.values()
        newest = sorted(listed, key=lambda entry: entry.updated_at, reverse=True)
        entries = newest if action.id is None else [self._conversations.get(action.id)]
        whole = [(entry, await self._conversations.read(entry.id)) for entry in entries]
        return transcript(whole) if action.format == "markdown" else written_file(whole, self._app.now_ms())

    async def _import(self, action: ImportConversations) -> Imported:
        given = read_file(action.text)
        async with self._turn:
            work = _Import(self._conversations)
            try:
                for each in given:
                    await work.take(each)
                return await work.finish()
            except BaseException:
                await work.undo()
                raise


class _Import:
    """The import of one file: all of it, or nothing. Lists show it at the end."""

    def __init__(self, conversations: Conversations) -> None:
        self._conversations = conversations
        self._threads: dict[str, Thread] = {}
        self._entries: dict[str, Conversation] = {}
        self._added: dict[str, ConversationRecord] = {}
        self._joined: dict[str, Conversation] = {}
        self._present: dict[str, None] = {}
        self._undo: list[Callable[[], Awaitable[object]]] = []

    async def take(self, given: Given) -> None:
        """Add a conversation, or join it to the one that is here."""
        entry, thread = given
        while True:
            here = await self._here(thread.id)
            if here is not None and not have_common(here, thread):
                thread = replace(thread, id=copy_id(thread))  # another conversation has this id
            elif here is None and self._conversations.is_kept_in_memory(thread.id):
                thread = replace(thread, id=copy_id(thread))
            elif here is not None:
                await self._join(entry, here, thread)
                return
            elif await self._add(entry, thread):
                return
            else:  # another tab is adding it: it may be the same file
                await self._conversations.arrived(thread.id)

    async def undo(self) -> None:
        """Take back what was written."""
        for undo in reversed(self._undo):
            with suppress(Exception):  # the others are still to be taken back, and the first error counts
                await undo()

    async def finish(self) -> Imported:
        """Show what was added, and return what happened to the conversations of the file."""
        conversations, records = self._conversations, self._conversations.records
        joined = [conversation for conversation in self._joined if conversation not in self._added]
        for conversation, entry in self._joined.items():
            record = await records.write(conversation, **_changing(entry))
            if record is not None and conversation in self._added:
                self._added[conversation] = record
        for conversation in joined:
            await conversations.reload(conversation)
        conversations.show(*self._added.values())
        present = [each for each in self._present if each not in self._joined and each not in self._added]
        return Imported(added=tuple(self._added), joined=tuple(joined), present=tuple(present))

    async def _here(self, conversation: str) -> Thread | None:
        if conversation in self._threads:  # the file has it twice
            return self._threads[conversation]
        is_listed = self._conversations.has(conversation) and not self._conversations.is_kept_in_memory(conversation)
        return await self._conversations.read(conversation) if is_listed else None

    async def _add(self, entry: Conversation, thread: Thread) -> bool:
        entry = replace(entry, id=thread.id)
        try:
            record = await self._conversations.write_new(entry, thread, named=bool(entry.title))
        except ConversationExists:
            return False
        self._undo.append(lambda: self._conversations.remove([entry.id]))
        self._added[entry.id], self._entries[entry.id], self._threads[entry.id] = record, record.conversation, thread
        return True

    async def _join(self, entry: Conversation, here: Thread, thread: Thread) -> None:
        new = missing(here.messages, thread)
        if not new:
            self._present[here.id] = None
            return
        conversations, records = self._conversations, self._conversations.records
        known = self._entries.get(here.id) or conversations.get(here.id)
        before = {message: here.messages.get(message) for message in new}
        self._undo.append(lambda: records.write(here.id, **_changing(known)))
        self._undo.append(lambda: records.write_messages(here.id, before))
        await records.write_messages(here.id, new)
        merged = threads.build(here.id, (here.messages | new).values(), here.path[-1] if here.path else None)
        words = conversations.words(merged)
        if here.id in self._added:
            words["title"] = known.title
        # What is added from a private conversation must not leave the device either.
        private = known.settings.private or entry.settings.private
        self._joined[here.id] = self._entries[here.id] = replace(
            known,
            **words,
            updated_at=max(known.updated_at, entry.updated_at),
            settings=replace(known.settings, private=private),
        )
        self._threads[here.id] = merged


def _changing(entry: Conversation) -> dict[str, object]:
    """Return the fields of an entry that an import may change."""
    return {name: getattr(entry, name) for name in ("title", "messages", "preview", "updated_at", "settings")}
