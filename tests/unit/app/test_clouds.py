"""Clouds: what two tabs of a site, and a damaged record, do to them. (tests/wire/app/test_routing.py asks them.)"""

from __future__ import annotations

from browserllm.app import actions as act
from browserllm.app.app import App
from browserllm.app.clouds import Clouds
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


async def test_a_cloud_that_cannot_be_used_is_named_and_the_others_are_there() -> None:
    """A record that is not valid any more must not keep the app from opening."""
    store = MemoryStore()
    await (await tab(store)).save("sk-1")
    await store.put("cloud/odd", b'{"id":"odd","vendor":"openai","model":"m","label":"Odd","baseUrl":"no address"}')
    await store.put("key/other", b"\xff\xfe")
    found = await tab(store)
    assert list(found.shown) == ["cloud"]
    assert [notice.id for notice in found.app.state.value.notices] == ["cloud-odd"]
