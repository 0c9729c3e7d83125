"""The store in memory keeps what every `KeyValueStore` keeps; the file and the page are held to the same scenario."""

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
