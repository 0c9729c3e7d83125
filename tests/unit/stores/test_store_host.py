"""The store in the page, over a scripted one; tests/browser holds it to the same scenario in real pages."""

from __future__ import annotations

import pytest

import browserllm as bl
from browserllm.stores.page import MAX_KEY_CHARACTERS, MAX_VALUE_BYTES, HostStore
from browserllm.testing.host import ScriptedHost
from unit.stores.store_scenario import what_every_store_does


async def test_a_store_in_the_page_does_what_every_store_does() -> None:
    """Values are replaced, listed by prefix in order, and forgotten by key and by prefix."""
    await what_every_store_does(HostStore(ScriptedHost()))


async def test_stores_of_other_names_and_of_later_programs() -> None:
    """A name is a store of its own; what is in it outlives the program, and a closed store is used no more."""
    host = ScriptedHost()
    store = HostStore(host, "mine")
    await store.put("a", b"1")
    assert await HostStore(host, "other").items() == []
    await store.close()
    await store.close()
    with pytest.raises(bl.Unavailable, match="'mine' is closed") as caught:
        await store.get("a")
    assert caught.value.reason == "closed"
    assert await HostStore(ScriptedHost(files=host.files), "mine").items() == [("a", b"1")]


async def test_a_value_that_is_too_large_does_not_reach_the_page() -> None:
    """The error names the key, the size and the limit; a long key is shortened."""
    host = ScriptedHost()
    store = HostStore(host)
    with pytest.raises(bl.InvalidRequest, match=f"'a' has {MAX_VALUE_BYTES + 1} bytes"):
        await store.put("a", bytes(MAX_VALUE_BYTES + 1))
    with pytest.raises(bl.InvalidRequest, match=f"has {MAX_KEY_CHARACTERS + 1} characters") as caught:
        await store.get("k" * (MAX_KEY_CHARACTERS + 1))
    assert len(str(caught.value)) < 200
    with pytest.raises(bl.InvalidRequest, match=r"'\\ud800'"):
        await store.delete("\ud800")
    assert host.requests == []


@pytest.mark.parametrize("name", ["", "a\0", "\ud800", "n" * 129, "\U0001f44b" * 65, 7, None])
def test_an_invalid_name_is_refused(name: object) -> None:
    """As the page would refuse it, and before any request."""
    with pytest.raises(bl.InvalidRequest, match="the store's name") as caught:
        HostStore(ScriptedHost(), name)  # type: ignore[arg-type]
    assert caught.value.data["parameter"] == "name"


async def test_an_invalid_value_from_the_page_is_a_protocol_error() -> None:
    """Values are bytes as base64; anything else was not written by us."""
    host = ScriptedHost()
    host.files.values["default", "a"] = "!"
    with pytest.raises(bl.errors.ProtocolError, match="'values'"):
        await HostStore(host).get("a")
