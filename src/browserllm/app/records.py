"""Records: conversations and their messages in a `KeyValueStore`, one record each.

======================  ================================================================
``conversation/ID``     a `ConversationRecord`
``message/ID/MESSAGE``  a `ChatMessage`
======================  ================================================================

Changes are written one after another in a task, so that an answer never waits for the disk; of several changes of one
record the newest is written. What could not be written is tried again with the next change. Two tabs never overwrite
each other: each message is its own record, of a conversation's record only the changed fields are written, and of two
tabs that create the same conversation one does. Records of a later version of the app are left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import msgspec
from msgspec.structs import replace

from .._internal import lazy_asyncio as asyncio
from .._internal.nesting import decode_json
from ..page.host import report
from ..stores.base import KeyValueStore
from .state import ChatMessage, Conversation
from .versions import VERSION, newer_exists

CLAIM_S = 60.0
"""After how many seconds without a sign of life a conversation that is being created is taken to be abandoned."""

RENEW_S = 15.0
"""How often the tab that creates a conversation gives a sign of life."""

POLL_S = 0.2
"""How often another tab looks whether it is created."""


class ConversationRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation as it is kept. ``shown`` is the end of the shown branch; ``named``: the user chose the title.

    ``deleted_at``: the user has deleted it, and may bring it back for a while. ``arriving_at``: its messages are still
    being written; this is the last sign of life of the tab that writes them.
    """

    conversation: Conversation
    shown: str | None = None
    named: bool = False
    deleted_at: float | None = None
    arriving_at: float | None = None
    version: int = VERSION

    def changed(self, fields: dict[str, Any]) -> ConversationRecord:
        """Return this record with other fields, of itself or of its conversation."""
        own = {name: value for name, value in fields.items() if name in ("shown", "named", "deleted_at")}
        rest = {name: value for name, value in fields.items() if name not in own}
        return replace(self, conversation=replace(self.conversation, **rest), **own)


class ConversationExists(Exception):  # noqa: N818 (no error for people)
    """A conversation with this id is there already, or another tab is creating it."""


class Records:
    """Reads and writes the records. ``on_failure`` gets the errors of writes, ``on_damage`` what cannot be read.

    ``is_left_alone`` says whether a record, with its key, is of a later version. ``on_written`` is called with the id
    of a conversation whenever a record of it was written or deleted, for other tabs to read it again.
    """

    def __init__(
        self,
        store: KeyValueStore,
        *,
        now_ms: Callable[[], float],
        on_failure: Callable[[str, Exception], None],
        on_damage: Callable[[str, str], None],
        is_left_alone: Callable[[str, bytes], bool],
    ) -> None:
        """Keep everything in ``store``, which the caller closes."""
        self.store = store
        self.on_written: list[Callable[[str], None]] = []
        self._now_ms = now_ms
        self._on_failure = on_failure
        self._on_damage = on_damage
        self._is_left_alone = is_left_alone
        self._transient: set[str] = set()
        self._messages: dict[str, dict[str, ChatMessage | None]] = {}
        self._changes: dict[str, dict[str, Any]] = {}
        self._failed_messages: dict[str, dict[str, ChatMessage | None]] = {}
        self._failed_changes: dict[str, dict[str, Any]] = {}
        self._writer: asyncio.Task[None] | None = None

    # Reading

    async def conversations(self) -> list[ConversationRecord]:
        """Return the records of all conversations that can be read."""
        records = [self._read_conversation(key, raw) for key, raw in await self.store.items("conversation/")]
        return [record for record in records if record is not None]

    async def conversation(self, conversation: str) -> ConversationRecord | None:
        """Return the record of a conversation, or ``None`` if it does not exist or cannot be read."""
        raw = await self.store.get(_key(conversation))
        return None if raw is None else self._read_conversation(_key(conversation), raw)

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

    async def arrived(self, conversation: str) -> None:
        """Wait while another tab is creating a conversation."""
        while (record := await self.conversation(conversation)) is not None and self._is_arriving(record):
            await asyncio.sleep(POLL_S)

    # Writing

    def keep_in_memory(self, conversation: str) -> None:
        """Never write a conversation."""
        self._transient.add(conversation)

    async def create(self, record: ConversationRecord, messages: list[ChatMessage]) -> None:
        """Write a new conversation at once; what a failure leaves is deleted again.

        No other tab sees a part of it: its own record comes first, which takes the id, and says until the end that the
        messages are still to come. Raises `ConversationExists`, and the store's errors.
        """
        conversation = record.conversation.id
        claim = record if not messages else replace(record, arriving_at=self._now_ms())
        raw = await self._claim(claim)
        self._transient.discard(conversation)
        try:
            for message in messages:
                await self._write_message(conversation, message.id, message)
                if self._now_ms() - (claim.arriving_at or 0) >= RENEW_S * 1000:
                    claim = replace(claim, arriving_at=self._now_ms())
                    raw = await self._replace(conversation, raw, claim)
            if messages:
                await self._replace(conversation, raw, record)
        except BaseException:
            with suppress(Exception):  # what cannot be deleted now is abandoned, and a later visit deletes it
                if await self.store.swap(_key(conversation), raw, None):  # else it is another tab's by now
                    await self.store.clear(_key(conversation, ""))
            raise
        self._tell(conversation)

    async def remove_abandoned(self, conversation: str) -> None:
        """Delete a conversation whose messages did not arrive, because the page was closed meanwhile."""
        raw = await self.store.get(_key(conversation))
        record = None if raw is None else self._read_conversation(_key(conversation), raw)
        is_abandoned = record is not None and record.arriving_at is not None and not self._is_arriving(record)
        if is_abandoned and await self.store.swap(_key(conversation), raw, None):
            await self.store.clear(_key(conversation, ""))

    def save(self, conversation: str, *messages: ChatMessage) -> None:
        """Write messages soon."""
        self._messages.setdefault(conversation, {}).update({message.id: message for message in messages})
        self._begin(conversation)

    def drop(self, conversation: str, *messages: str) -> None:
        """Delete messages soon."""
        self._messages.setdefault(conversation, {}).update(dict.fromkeys(messages))
        self._begin(conversation)

    def pending(self, conversation: str) -> dict[str, ChatMessage | None]:
        """Return the messages that are not written yet; ``None`` for those that are not deleted yet."""
        return self._failed_messages.get(conversation, {}) | self._messages.get(conversation, {})

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

    async def write_messages(self, conversation: str, messages: Mapping[str, ChatMessage | None]) -> None:
        """Write messages by their ids at once, and delete those that are ``None``. Raises the store's errors."""
        for message, value in messages.items():
            await self._write_message(conversation, message, value)

    async def delete(self, conversation: str) -> None:
        """Delete a conversation at once. Raises the store's errors."""
        self.discard(conversation)
        if self._writer is not None:
            await asyncio.wait([self._writer])
            self.discard(conversation)  # what failed meanwhile
        if conversation not in self._transient:
            await self.store.delete(_key(conversation))
            await self.store.clear(_key(conversation, ""))
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
        for failed, messages in self._failed_messages.items():
            waiting = self._messages.setdefault(failed, {})
            for message, value in messages.items():
                waiting.setdefault(message, value)
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
            messages.pop(conversation, {}).clear()  # the writer may be at it

    async def _write(self) -> None:
        try:
            while self._messages or self._changes:
                if self._messages:
                    await self._write_waiting(*next(iter(self._messages.items())))
                else:
                    conversation, fields = next(iter(self._changes.items()))
                    del self._changes[conversation]
                    if not await self._attempt(conversation, self._write_changes(conversation, fields)):
                        newer = self._failed_changes.get(conversation, {})
                        self._failed_changes[conversation] = fields | newer | self._changes.get(conversation, {})
                    self._tell(conversation)
        finally:
            self._writer = None

    async def _write_waiting(self, conversation: str, waiting: dict[str, ChatMessage | None]) -> None:
        """Write the messages of a conversation that are ``waiting``, and take them out of it."""
        for message in list(waiting):
            if message not in waiting:
                continue
            value = waiting[message]
            written = await self._attempt(conversation, self._write_message(conversation, message, value))
            if message in waiting and waiting[message] is value:  # it did not change in the meantime
                del waiting[message]
                if not written:
                    self._failed_messages.setdefault(conversation, {})[message] = value
        if not waiting and self._messages.get(conversation) is waiting:
            del self._messages[conversation]
        if conversation not in self._messages and conversation not in self._changes:
            self._tell(conversation)

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
            record = None if before is None else self._read_conversation(_key(conversation), before)
            if before is None:  # another tab has deleted it
                await self.store.clear(_key(conversation, ""))
            if record is None or before is None:
                return None
            record = record.changed(fields)
            if await self.store.swap(_key(conversation), before, msgspec.json.encode(record)):
                return record

    async def _claim(self, record: ConversationRecord) -> bytes:
        """Write the record of a new conversation if its id is free, and return it as it is written."""
        conversation = record.conversation.id
        before = await self.store.get(_key(conversation))
        if before is not None and self._is_left_alone(_key(conversation), before):
            raise newer_exists(_key(conversation))
        known = None if before is None else self._read_conversation(_key(conversation), before)
        if known is not None and (known.arriving_at is None or self._is_arriving(known)):
            raise ConversationExists(conversation)
        if known is not None:  # abandoned
            await self.store.clear(_key(conversation, ""))
        raw = msgspec.json.encode(record)
        if not await self.store.swap(_key(conversation), before, raw):
            raise ConversationExists(conversation)
        return raw

    async def _replace(self, conversation: str, raw: bytes, record: ConversationRecord) -> bytes:
        new = msgspec.json.encode(record)
        if not await self.store.swap(_key(conversation), raw, new):
            raise ConversationExists(conversation)
        return new

    def _is_arriving(self, record: ConversationRecord) -> bool:
        # A sign of life in the future is one of a wrong clock.
        return record.arriving_at is not None and 0 <= self._now_ms() - record.arriving_at < CLAIM_S * 1000

    def _tell(self, conversation: str) -> None:
        for told in self.on_written:
            try:
                told(conversation)
            except Exception as error:  # the other records are still to be written
                report(error, "other tabs could not be told of a change")

    def _read_conversation(self, key: str, raw: bytes) -> ConversationRecord | None:
        record: ConversationRecord | None = self._read(key, raw, ConversationRecord)
        if record is not None and key != _key(record.conversation.id):
            self._on_damage(key, f"it has the id {record.conversation.id!r}")
            return None
        return record

    def _read(self, key: str, raw: bytes, kind: Any) -> Any:
        if self._is_left_alone(key, raw):
            return None
        try:
            return decode_json(raw, kind)
        except (msgspec.DecodeError, RecursionError) as error:
            self._on_damage(key, str(error))
            return None


def _key(conversation: str, message: str | None = None) -> str:
    return f"conversation/{conversation}" if message is None else f"message/{conversation}/{message}"
