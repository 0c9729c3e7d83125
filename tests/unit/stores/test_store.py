"""The store in memory passes the scenario of every `KeyValueStore`, as the file and the page do."""

from __future__ import annotations

from browserllm.stores.memory import MemoryStore
from unit.stores.store_scenario import what_every_store_does


async def test_a_store_in_memory_does_what_every_store_does() -> None:
    """Values are replaced, listed by prefix in order, and forgotten by key and by prefix."""
    store = MemoryStore()
    await what_every_store_does(store)
    await store.put("a", b"1")
    await store.close()
    assert await store.get("a") is None
