"""What every `KeyValueStore` does, wherever it keeps things."""

from __future__ import annotations

import asyncio
from typing import Any

import browserllm as bl
from browserllm.stores.base import KeyValueStore

NO_TEXT = ["\0", "a\0", "a\0b", "\ud800", "a\udc00", "\udc00\ud800b", "é" * 1025, "\U0001f44b" * 513, 7, None, b"a"]
"""What no store takes as a key, and none as the beginning of one; an empty text is the beginning of every key."""

LONGEST = ["k" * 1024, "é" * 1024, "\U0001f44b" * 512, "\x01\n\x7f", "\ufffe\uffff", " ", "%_*'\"\\;--"]
"""What every store takes, odd as it is."""


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
    await _what_swaps(store)
    await _what_is_refused(store)


async def _what_swaps(store: KeyValueStore) -> None:
    """A value is replaced only while it is what was expected; of many that expect the same, one succeeds."""
    assert not await store.swap("a", b"1", b"2")
    assert not await store.swap("a", b"1", None)
    assert await store.swap("a", None, None)
    assert await store.items() == []
    assert await store.swap("a", None, b"")
    assert not await store.swap("a", None, b"x")
    assert await store.swap("a", b"", b"\x00\xff")
    assert not await store.swap("a", b"", b"x")
    assert await store.swap("a", b"\x00\xff", b"0")

    async def count() -> None:
        while True:
            before = await store.get("a")
            assert before is not None
            if await store.swap("a", before, str(int(before) + 1).encode()):
                return

    await asyncio.gather(*(count() for _ in range(20)))
    assert await store.items() == [("a", b"20")]
    assert not await store.swap("a", b"19", None)
    assert await store.swap("a", b"20", None)
    assert await store.items() == []


async def _what_is_refused(store: KeyValueStore) -> None:
    """Keys and values that some store could not keep are refused by every one, by name, and change nothing."""
    for key in LONGEST:
        await store.put(key, key.encode())
    assert sorted(key for key, _ in await store.items()) == sorted(LONGEST)
    kept = await store.items()

    async def refused(parameter: str, call: Any) -> str:
        refusal: bl.InvalidRequest | None = None
        try:
            await call
        except bl.InvalidRequest as error:
            refusal = error
        assert refusal is not None, f"a wrong {parameter} was taken"
        assert refusal.data["parameter"] == parameter
        assert len(str(refusal)) < 400 and str(refusal).isprintable()
        return str(refusal)

    for wrong in NO_TEXT:
        key: Any = wrong
        await refused("key", store.get(key))
        await refused("key", store.put(key, b""))
        await refused("key", store.delete(key))
        await refused("key", store.swap(key, None, b""))
        await refused("prefix", store.items(key))
        await refused("prefix", store.clear(key))
    assert "is empty" in await refused("key", store.get(""))
    assert "is empty" in await refused("key", store.put("", b""))
    assert "is empty" in await refused("key", store.delete(""))
    assert "is empty" in await refused("key", store.swap("", None, b""))
    assert "NUL" in await refused("key", store.get("a\0"))
    assert "surrogate" in await refused("key", store.get("a\ud800"))
    for wrong in ("text", 7, None, bytearray(b"1"), memoryview(b"1"), [1], bytes(8 * 1024 * 1024 + 1)):
        value: Any = wrong
        await refused("value", store.put("new", value))
        if value is not None:
            await refused("value", store.swap("new", None, value))
            await refused("value", store.swap("new", value, None))
    half = bytes(5 * 1024 * 1024)
    assert "together" in await refused("value", store.swap("new", half, half))
    assert await store.items() == kept
    await store.clear()
