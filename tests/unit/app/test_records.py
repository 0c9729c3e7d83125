"""Records: what waits to be written is the newest, and nothing is written of what is deleted."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from browserllm.app.records import ConversationRecord, Records
from browserllm.app.state import ChatMessage, Conversation, TextPart
from browserllm.stores.memory import MemoryStore


class Gated(MemoryStore):
    """A store whose writes wait for the test, or fail."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.gate.set()
        self.puts: list[str] = []
        self.fails = False

    async def put(self, key: str, value: bytes) -> None:
        self.puts.append(key)
        await self.gate.wait()
        if self.fails:
            raise OSError
        await super().put(key, value)


def records_in(store: MemoryStore, failures: list[str] | None = None) -> Records:
    told = [] if failures is None else failures
    return Records(
        store,
        now_ms=lambda: 0.0,
        on_failure=lambda conversation, error: told.append(conversation),
        on_damage=lambda key, why: None,
        is_left_alone=lambda key, raw: False,
    )


def message(id: str, text: str = "") -> ChatMessage:
    return ChatMessage(id=id, role="user", parts=(TextPart(text=text),))


async def created(store: MemoryStore, records: Records) -> None:
    entry = Conversation(id="c", title="", created_at=0, updated_at=0)
    await records.create(ConversationRecord(conversation=entry), [])


async def test_nothing_more_is_written_of_a_conversation_that_is_forgotten_meanwhile() -> None:
    """Another tab has deleted it; what the writer is at ends, and the rest is not begun."""
    store = Gated()
    records = records_in(store)
    store.gate.clear()
    records.save("c", message("a"), message("b"), message("d"))
    while not store.puts:
        await asyncio.sleep(0)
    records.discard("c")
    records.save("other", message("e"))
    store.gate.set()
    await records.flush()
    assert store.puts == ["message/c/a", "message/other/e"]
    # And it can be written again.
    records.save("c", message("b"))
    await records.flush()
    assert store.puts[-1] == "message/c/b"
    assert records.pending("c") == {}


async def test_a_message_that_changes_while_it_is_written_is_written_again() -> None:
    store = Gated()
    records = records_in(store)
    store.gate.clear()
    records.save("c", message("a", "old"))
    while not store.puts:
        await asyncio.sleep(0)
    records.save("c", message("a", "new"))
    records.drop("c", "b")
    store.gate.set()
    await records.flush()
    assert store.puts == ["message/c/a", "message/c/a"]
    assert await records.messages("c") == [message("a", "new")]


async def test_what_failed_is_not_written_over_what_came_after_it() -> None:
    store, failures = Gated(), list[str]()
    records = records_in(store, failures)
    store.fails = True
    records.save("c", message("a", "old"), message("b", "kept"))
    await records.flush()
    assert failures == ["c", "c"]
    assert set(records.pending("c")) == {"a", "b"}
    store.fails = False
    records.save("c", message("a", "new"))
    await records.flush()
    assert await records.messages("c") == [message("a", "new"), message("b", "kept")]
    assert records.pending("c") == {}


async def test_others_are_told_once_when_all_of_a_conversation_is_written() -> None:
    store = Gated()
    records = records_in(store)
    await created(store, records)
    told: list[Any] = []
    records.on_written.append(lambda conversation: told.append((conversation, len(store.puts))))
    store.puts.clear()
    records.save("c", *[message(str(number)) for number in range(5)])
    records.change("c", title="New")
    await records.flush()
    assert told == [("c", 6)]
    record = msgspec.json.decode(await store.get("conversation/c") or b"")
    assert record["conversation"]["title"] == "New"


async def test_a_conversation_that_was_in_memory_only_can_be_kept_under_its_id() -> None:
    """A component is mounted again, with other options."""
    store = Gated()
    records = records_in(store)
    records.keep_in_memory("c")
    records.save("c", message("a"))
    await records.flush()
    assert await store.items() == []
    await created(store, records)
    records.save("c", message("a"))
    await records.flush()
    assert await records.messages("c") == [message("a")]
