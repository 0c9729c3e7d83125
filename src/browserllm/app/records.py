"""Records: conversations and their messages in a `KeyValueStore`, one record each.

======================  ================================================================
``conversation/ID``     a `ConversationRecord`
``message/ID/MESSAGE``  a `ChatMessage`
======================  ================================================================

Changes are written one after another in a task, so that an answer never waits for the disk; of several changes of one
record the newest is written. What could not be written is tried again with the next change. Two tabs never overwrite
each other: each message is its own record, and of a conversation's record only the changed fields are written.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec.structs import replace

from .._internal import lazy_asyncio as asyncio
from .._internal.nesting import decode_json
from ..page.host import report
from ..stores.base import KeyValueStore
from .state import ChatMessage, Conversation

VERSION = 1
"""Of the records. Those of a later version are left alone."""


class ConversationRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation as it is kept. ``shown`` is the end of the shown branch; ``named``: the user chose the title.

    ``deleted_at``: the user has deleted it, and may bring it back for a while.
    """

    conversation: Conversation
    shown: str | None = None
    named: bool = False
    deleted_at: float | None = None
    version: int = VERSION

    def changed(self, fields: dict[str, Any]) -> ConversationRecord:
        """Return this record with other fields, of itself or of its conversation."""
        own = {name: value for name, value in fields.items() if name in ("shown", "named", "deleted_at")}
        rest = {name: value for name, value in fields.items() if name not in own}
        return replace(self, conversation=replace(self.conversation, **rest), **own)


class Records:
    """Reads and writes the records. ``on_failure`` gets the errors of writes, ``on_damage`` what cannot be read.

    ``on_written`` is called with the id of a conversation whenever a record of it was written or deleted, for other
    tabs to read it again.
    """

    def __init__(
        self,
        store: KeyValueStore,
        *,
        on_failure: Callable[[str, Exception], None],
        on_damage: Callable[[str, str], None],
    ) -> None:
        """Keep everything in ``store``, which the caller closes."""
        self.store = store
        self.on_written: list[Callable[[str], None]] = []
        self._on_failure = on_failure
        self._on_damage = on_damage
        self._transient: set[str] = set()
        self._messages: dict[tuple[str, str], ChatMessage | None] = {}
        self._changes: dict[str, dict[str, Any]] = {}
        self._failed_messages: dict[tuple[str, str], ChatMessage | None] = {}
        self._failed_changes: dict[str, dict[str, Any]] = {}
        self._writer: asyncio.Task[None] | None = None

    # Reading

    async def conversations(self) -> list[ConversationRecord]:
        """Return the records of all conversations that can be read."""
        found: list[ConversationRecord] = []
        for key, value in await self.store.items("conversation/"):
            record = self._read(key, value, ConversationRecord)
            if record is not None and key == _key(record.conversation.id):
                found.append(record)
            elif record is not None:
                self._on_damage(key, f"it has the id {record.conversation.id!r}")
        return found

    async def conversation(self, conversation: str) -> ConversationRecord | None:
        """Return the record of a conversation, or ``None`` if it does not exist or cannot be read."""
        value = await self.store.get(_key(conversation))
        return None if value is None else self._read(_key(conversation), value, ConversationRecord)

    async def messages(self, conversation: str) -> list[ChatMessage]:
        """Return the messages of a conversation that can be read."""
        found: list[ChatMessage] = []
        prefix = _key(conversation, "")
        for key, value in await self.store.items(prefix):
            message = self._read(key, value, ChatMessage)
            if message is not None and key == _key(conversation, message.id):
                found.append(message)
            elif message is not None:
                self._on_damage(key, f"it has the id {message.id!r}")
        return found

    # Writing

    def keep_in_memory(self, conversation: str) -> None:
        """Never write a conversation."""
        self._transient.add(conversation)

    async def create(self, record: ConversationRecord, messages: list[ChatMessage]) -> None:
        """Write a new conversation at once; what a failure leaves is deleted again. Raises the store's errors."""
        conversation = record.conversation.id
        if conversation in self._transient:
            return
        try:
            for message in messages:
                await self.store.put(_key(conversation, message.id), msgspec.json.encode(message))
            # Last, so that no other tab sees a part of it.
            await self.store.put(_key(conversation), msgspec.json.encode(record))
        except BaseException:
            await self._clear(conversation)
            raise
        self._tell(conversation)

    def save(self, conversation: str, *messages: ChatMessage) -> None:
        """Write messages soon."""
        self._messages |= {(conversation, message.id): message for message in messages}
        self._begin(conversation)

    def drop(self, conversation: str, *messages: str) -> None:
        """Delete messages soon."""
        self._messages |= {(conversation, message): None for message in messages}
        self._begin(conversation)

    def pending(self, conversation: str) -> dict[str, ChatMessage | None]:
        """Return the messages that are not written yet; ``None`` for those that are not deleted yet."""
        waiting = self._failed_messages | self._messages
        return {key[1]: message for key, message in waiting.items() if key[0] == conversation}

    def change(self, conversation: str, **fields: Any) -> None:
        """Write these fields of a conversation soon. If another tab has deleted it, it stays deleted."""
        self._changes.setdefault(conversation, {}).update(fields)
        self._begin(conversation)

    async def write(self, conversation: str, **fields: Any) -> ConversationRecord | None:
        """Write these fields of a conversation at once; returns its record, or ``None`` if it does not exist.

        Raises the store's errors.
        """
        record = await self._write_changes(conversation, fields)
        self._tell(conversation)
        return record

    async def delete(self, conversation: str) -> None:
        """Delete a conversation at once. Raises the store's errors."""
        self.discard(conversation)
        if self._writer is not None:
            await asyncio.wait([self._writer])
            self.discard(conversation)  # what failed meanwhile
        if conversation not in self._transient:
            await self._clear(conversation)
            self._tell(conversation)

    async def flush(self) -> None:
        """Wait until everything is written, or could not be."""
        while self._writer is not None:
            await asyncio.wait([self._writer])

    # Inside

    def _begin(self, conversation: str) -> None:
        if conversation in self._transient:
            self.discard(conversation)
            return
        self._messages = self._failed_messages | self._messages
        for failed, fields in self._failed_changes.items():
            self._changes[failed] = fields | self._changes.get(failed, {})
        self._failed_messages, self._failed_changes = {}, {}
        if self._writer is None:
            self._writer = asyncio.get_running_loop().create_task(self._write())

    def discard(self, conversation: str) -> None:
        """Forget what is still to be written of a conversation."""
        for changes in (self._changes, self._failed_changes):
            changes.pop(conversation, None)
        for messages in (self._messages, self._failed_messages):
            for key in [key for key in messages if key[0] == conversation]:
                del messages[key]

    def _is_pending(self, conversation: str) -> bool:
        return conversation in self._changes or any(key[0] == conversation for key in self._messages)

    async def _write(self) -> None:
        try:
            while self._messages or self._changes:
                if self._messages:
                    key, value = next(iter(self._messages.items()))
                    written = await self._attempt(key[0], self._write_message(*key, value))
                    if key in self._messages and self._messages[key] is value:  # it did not change in the meantime
                        del self._messages[key]
                        if not written:
                            self._failed_messages[key] = value
                    if not self._is_pending(key[0]):
                        self._tell(key[0])
                else:
                    conversation, fields = next(iter(self._changes.items()))
                    del self._changes[conversation]
                    if not await self._attempt(conversation, self._write_changes(conversation, fields)):
                        newer = self._failed_changes.get(conversation, {})
                        self._failed_changes[conversation] = fields | newer | self._changes.get(conversation, {})
                    self._tell(conversation)
        finally:
            self._writer = None

    async def _attempt(self, conversation: str, work: Any) -> bool:
        try:
            await work
            return True
        except Exception as error:  # a record that cannot be written must not keep the others from being written
            self._on_failure(conversation, error)
            return False

    async def _write_message(self, conversation: str, message: str, value: ChatMessage | None) -> None:
        if value is None:
            await self.store.delete(_key(conversation, message))
        else:
            await self.store.put(_key(conversation, message), msgspec.json.encode(value))

    async def _write_changes(self, conversation: str, fields: dict[str, Any]) -> ConversationRecord | None:
        while True:
            before = await self.store.get(_key(conversation))
            record = None if before is None else self._read(_key(conversation), before, ConversationRecord)
            if before is None:  # another tab has deleted it
                await self.store.clear(_key(conversation, ""))
            if record is None or before is None:
                return None
            record = record.changed(fields)
            if await self.store.swap(_key(conversation), before, msgspec.json.encode(record)):
                return record

    async def _clear(self, conversation: str) -> None:
        await self.store.delete(_key(conversation))
        await self.store.clear(_key(conversation, ""))

    def _tell(self, conversation: str) -> None:
        for told in self.on_written:
            try:
                told(conversation)
            except Exception as error:  # the other records are still to be written
                report(error, "other tabs could not be told of a change")

    def _read(self, key: str, value: bytes, kind: Any) -> Any:
        try:
            return decode_json(value, kind)
        except (msgspec.DecodeError, RecursionError) as error:
            self._on_damage(key, str(error))
            return None


def _key(conversation: str, message: str | None = None) -> str:
    return f"conversation/{conversation}" if message is None else f"message/{conversation}/{message}"
