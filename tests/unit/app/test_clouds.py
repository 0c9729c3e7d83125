"""Clouds: what two tabs of a site, and a damaged record, do to them. (tests/wire/app/test_routing.py asks them.)"""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

import browserllm as bl
from browserllm.app import actions as act
from browserllm.app.app import App
from browserllm.app.clouds import Clouds, _preset_of
from browserllm.app.notices import Notices
from browserllm.app.state import Cloud
from browserllm.stores.memory import MemoryStore

ADDRESS = "http://127.0.0.1:9/v1"


class Tab:
    """A tab with the clouds of a store."""

    def __init__(self, store: MemoryStore) -> None:
        self.app = App()
        self.clouds = Clouds(self.app, store, Notices(self.app))

    @property
    def shown(self) -> dict[str, Cloud]:
        return self.app.state.value.clouds

    async def save(self, api_key: str | None, *, keep_key: bool = False) -> None:
        action = act.SaveCloud(
            vendor="compatible", id="cloud", model="big", base_url=ADDRESS, api_key=api_key, keep_key=keep_key
        )
        await self.app.call(action)


async def tab(store: MemoryStore) -> Tab:
    made = Tab(store)
    await made.clouds.start()
    return made


async def test_a_key_is_forgotten_with_its_cloud_in_every_tab() -> None:
    """The id may be given again, and a new cloud must not get the key of an old one."""
    store = MemoryStore()
    one = await tab(store)
    await one.save("sk-1", keep_key=True)
    two = await tab(store)
    three = await tab(store)
    await three.save("sk-3")  # in this tab's memory only
    await one.app.call(act.DeleteCloud(id="cloud"))
    for other in (two, three):
        await other.clouds.start()  # as the news of the other tab lets it
        assert other.shown == {}
        await other.save(None)
        assert other.shown["cloud"].key == "none"
        await other.app.call(act.DeleteCloud(id="cloud"))


async def test_a_kept_key_that_another_tab_has_taken_away_is_gone_here() -> None:
    """A key in memory only is this tab's own, and stays."""
    store = MemoryStore()
    one = await tab(store)
    await one.save("sk-1", keep_key=True)
    two = await tab(store)
    assert two.shown["cloud"].key == "device"
    await one.save("")
    await two.clouds.start()
    assert two.shown["cloud"].key == "none"
    await two.save("sk-2")
    await one.save(None)
    await two.clouds.start()
    assert two.shown["cloud"].key == "memory"


@pytest.mark.parametrize("address", ["http://[", "http://a:b", "http://a:99999", "ftp://a", "a", "http://"])
async def test_what_is_no_address_is_refused_and_keeps_no_app_from_opening(address: str) -> None:
    one = await tab(MemoryStore())
    with pytest.raises(bl.InvalidRequest):
        await one.app.call(act.SaveCloud(vendor="compatible", model="m", base_url=address))
    store = MemoryStore()
    record = Cloud(id="a", vendor="compatible", model="m", label="A", base_url=address)
    await store.put("cloud/a", msgspec.json.encode(record))
    assert [notice.code for notice in (await tab(store)).app.state.value.notices] == ["cloud_damaged"]


async def test_a_cloud_that_cannot_be_used_is_named_and_the_others_are_there() -> None:
    """A record that is not valid any more must not keep the app from opening."""
    store = MemoryStore()
    await (await tab(store)).save("sk-1")
    await store.put("cloud/odd", b'{"id":"odd","vendor":"openai","model":"m","label":"Odd","baseUrl":"no address"}')
    await store.put("key/other", b"\xff\xfe")
    found = await tab(store)
    assert list(found.shown) == ["cloud"]
    assert [notice.id for notice in found.app.state.value.notices] == ["cloud-odd"]


@pytest.mark.parametrize(
    "address",
    [
        "https://127.0.0.1:9/v1",
        "http://127.0.0.1:10/v1",
        "http://localhost:9/v1",
        "http://127.0.0.1:9.attacker.test/v1",
    ],
)
async def test_a_key_is_not_sent_to_another_scheme_port_or_host(address: str) -> None:
    one = await tab(MemoryStore())
    await one.save("sk-1")
    save = act.SaveCloud(vendor="compatible", id="cloud", model="big", base_url=address)
    with pytest.raises(bl.InvalidRequest):
        await one.app.call(save)
    assert one.shown["cloud"].base_url == ADDRESS
    with pytest.raises(bl.InvalidRequest):
        await one.app.call(act.SaveCloud(vendor="openai", id="cloud", model="big"))


@pytest.mark.parametrize("address", [f"{ADDRESS}/other", "http://127.0.0.1:9", f"  {ADDRESS} "])
async def test_a_key_stays_for_another_path_of_its_server(address: str) -> None:
    one = await tab(MemoryStore())
    await one.save("sk-1")
    await one.app.call(act.SaveCloud(vendor="compatible", id="cloud", model="big", base_url=address))
    assert (one.shown["cloud"].key, one.shown["cloud"].base_url) == ("memory", address.strip())


@pytest.mark.parametrize("name", ["__proto__", "constructor", "a/b", "a b", "x" * 49, "ä"])
async def test_the_id_of_a_cloud_is_checked_like_any_other(name: str) -> None:
    """Ids are keys of objects in pages; one that a record has all the same is named and skipped."""
    one = await tab(MemoryStore())
    with pytest.raises(bl.InvalidRequest, match="is not valid; use 1 to 48 letters") as caught:
        await one.app.call(act.SaveCloud(vendor="openai", id=name, model="m"))
    assert caught.value.data["parameter"] == "id"
    store = MemoryStore()
    await store.put(f"cloud/{name}", b'{"id":"a","vendor":"openai","model":"m","label":"Odd"}')
    two = await tab(store)
    assert two.shown == {}
    assert [notice.code for notice in two.app.state.value.notices] == ["cloud_damaged"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"model": "x" * 3_000_000}, "the name of the model has 3000000 characters"),
        ({"label": "x" * 3_000_000}, "the label has 3000000 characters"),
        ({"base_url": "https://" + "x" * 3_000_000}, "the address has 3000008 characters"),
        ({"api_key": "x" * 3_000_000}, "the key has 3000000 characters"),
    ],
)
async def test_what_a_cloud_is_made_of_has_limits(fields: dict[str, str], message: str) -> None:
    one = await tab(MemoryStore())
    with pytest.raises(bl.InvalidRequest, match=message):
        await one.app.call(act.SaveCloud(**{"vendor": "openai", "model": "m", **fields}))
    assert one.shown == {}


@pytest.mark.parametrize("action", [act.DeleteCloud(id="gone"), act.TestCloud(id="gone")])
async def test_a_cloud_that_does_not_exist_is_named(action: act.Action) -> None:
    one = await tab(MemoryStore())
    with pytest.raises(bl.InvalidRequest, match="there is no cloud 'gone'; it may have been deleted"):
        await one.app.call(action)


@pytest.mark.parametrize("vendor", ["openai", "anthropic", "gemini", "ollama"])
async def test_each_vendor_gets_its_own_backend_with_the_clouds_name_and_key(vendor: Any) -> None:
    one = await tab(MemoryStore())
    await one.app.call(act.SaveCloud(vendor=vendor, id="a", model="m", api_key="sk-1"))
    backend = one.clouds.backend(one.shown["a"])
    assert (backend.name, backend.model) == ("cloud:a", "m")
    assert type(backend).__name__.lower() == vendor
    assert "sk-1" not in repr(backend)
    await backend.close()


@pytest.mark.parametrize(
    ("address", "preset"),
    [
        ("https://api.groq.com/openai/v1", "groq"),
        ("http://127.0.0.1:1234/v1", "lmstudio"),
        ("http://127.0.0.1:8000/v1", "vllm"),
        ("http://127.0.0.1:9/v1", "llamacpp"),
        ("https://llm.example.test/v1", "llamacpp"),
    ],
)
async def test_a_compatible_server_is_recognised_by_its_address(address: str, preset: str) -> None:
    """So that it gets the parameters that it knows; on loopback the port tells them apart."""
    assert _preset_of(address) == preset


async def test_a_compatible_server_needs_its_address() -> None:
    one = await tab(MemoryStore())
    for address in (None, "  "):
        with pytest.raises(bl.InvalidRequest, match="a compatible server needs its address"):
            await one.app.call(act.SaveCloud(vendor="compatible", model="m", base_url=address))


async def test_a_cloud_is_named_after_its_model_as_far_as_a_label_goes() -> None:
    one = await tab(MemoryStore())
    await one.app.call(act.SaveCloud(vendor="gemini", id="a", model="m" * 150))
    await one.app.call(act.SaveCloud(vendor="gemini", id="b", model="m", label=" My \n cloud "))
    assert one.shown["a"].label == "Gemini " + "m" * 93
    assert one.shown["b"].label == "My cloud"
