"""What every `KeyValueStore` does, wherever it keeps things."""

from __future__ import annotations

from browserllm.store import KeyValueStore


async def what_every_store_does(store: KeyValueStore) -> None:
    """Use a store that is empty, and leave it empty."""
    assert await store.get("a/1") is None
    assert await store.items() == []
    await store.put("a/1", b"one")
    await store.put("a/1", b"\x00\xff two")
    assert await store.get("a/1") == b"\x00\xff two"

    # A prefix is text, not a pattern, and its case counts; keys of any language have their order.
    for key in ("a%", "a_", "A/1", "b", "a/\U0010ffff", "a/é", "a*"):
        await store.put(key, key.encode())
    assert await store.items("a/") == [
        ("a/1", b"\x00\xff two"),
        ("a/é", "a/é".encode()),
        ("a/\U0010ffff", "a/\U0010ffff".encode()),
    ]
    assert [key for key, _ in await store.items("a%")] == ["a%"]
    assert [key for key, _ in await store.items("a_")] == ["a_"]
    assert (await store.items())[0] == ("A/1", b"A/1")

    await store.delete("a/1")
    await store.delete("a/1")
    assert await store.get("a/1") is None
    await store.clear("a/")
    assert sorted(key for key, _ in await store.items()) == ["A/1", "a%", "a*", "a_", "b"]
    await store.put("empty", b"")
    assert await store.get("empty") == b""
    await store.clear()
    assert await store.items() == []
