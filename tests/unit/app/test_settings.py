"""Settings: validated one by one, kept on the device, and never lost to a damaged record."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

import browserllm as bl
from browserllm.app import actions as act
from browserllm.app.app import App
from browserllm.app.notices import Notices
from browserllm.app.settings import DAMAGED_KEY, KEY, SettingsRoom
from browserllm.app.state import ConversationSettings, Preset, Settings
from browserllm.stores.memory import MemoryStore


async def room(store: MemoryStore | None = None) -> tuple[App, SettingsRoom, MemoryStore]:
    app, store = App(), store or MemoryStore()
    settings = SettingsRoom(app, store, Notices(app))
    await settings.start()
    return app, settings, store


async def test_a_change_is_shown_and_kept() -> None:
    """The next visit has it; other settings have their defaults."""
    app, _, store = await room()
    await app.call(act.UpdateSettings(changes={"theme": "dark", "keepAliveS": 300, "neverLeaveDevice": False}))
    assert app.state.value.settings == Settings(theme="dark", keep_alive_s=300, never_leave_device=False)
    again, _, _ = await room(store)
    assert again.state.value.settings == app.state.value.settings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("theme", "pink"),
        ("mode", "cloudy"),
        ("policy", None),
        ("neverLeaveDevice", "no"),
        ("neverLeaveDevice", 0),
        ("keepAliveS", -1),
        ("keepAliveS", 0),
        ("keepAliveS", "60"),
        ("keepAliveS", float("nan")),
        ("keepAliveS", float("inf")),
        ("keepAliveS", 2_000_001),
        ("freeHiddenS", 0),
        ("storageBudgetBytes", 0),
        ("storageBudgetBytes", -1),
        ("storageBudgetBytes", float("nan")),
        ("storageBudgetBytes", float("inf")),
        ("language", "xx"),
        ("language", "de-AT"),
        ("language", ""),
        ("model", ""),
        ("defaults", {"temperature": 7}),
        ("defaults", {"temperature": float("nan")}),
        ("defaults", {"topP": float("inf")}),
        ("defaults", {"maxTokens": 0}),
        ("defaults", {"maxTokens": 1.5}),
        ("defaults", {"temperature": "hot"}),
        ("defaults", {"tools": ["rm_rf"]}),
        ("presets", [{"id": "a", "name": "A", "settings": {}}, {"id": "a", "name": "B", "settings": {}}]),
        ("presets", [{"id": "a", "name": " ", "settings": {}}]),
        ("presets", [{"id": "a", "name": "\u200b", "settings": {}}]),
        ("presets", "all"),
        ("colour", "red"),
        ("never_leave_device", False),
    ],
)
async def test_a_wrong_value_changes_nothing_and_is_named(name: str, value: Any) -> None:
    """Not even the valid changes beside it."""
    app, _, store = await room()
    await app.call(act.UpdateSettings(changes={"theme": "dark"}))
    before = (app.state.value.settings, await store.get(KEY))
    with pytest.raises(bl.errors.InvalidRequest) as refused:
        await app.call(act.UpdateSettings(changes={"enterSends": False, name: value}))
    assert refused.value.data["parameter"] == name
    assert name in str(refused.value)
    assert (app.state.value.settings, await store.get(KEY)) == before


@pytest.mark.parametrize(
    ("name", "choices"),
    [
        ("language", "'auto', 'en', 'de', 'ar'"),
        ("theme", "'system', 'light', 'dark'"),
        ("mode", "'auto', 'local', 'cloud'"),
    ],
)
async def test_an_unknown_choice_is_answered_with_those_that_exist(name: str, choices: str) -> None:
    app, _, _ = await room()
    with pytest.raises(bl.errors.InvalidRequest, match=rf"{name}='xx' is not valid; choose from: {choices}"):
        await app.call(act.UpdateSettings(changes={name: "xx"}))


async def test_a_model_that_does_not_exist_cannot_be_chosen() -> None:
    """A kept one that is gone stays: its model may come back, and other settings must still be changeable."""
    known = ["small"]

    def find_model(name: str) -> object:
        if name not in known:
            raise bl.errors.ModelNotFound(f"there is no model {name!r}")
        return name

    app, store = App(), MemoryStore()
    await SettingsRoom(app, store, Notices(app), find_model=find_model).start()
    await app.call(act.UpdateSettings(changes={"model": "small"}))
    with pytest.raises(
        bl.errors.InvalidRequest, match="model='large' is not valid: there is no model 'large'"
    ) as refused:
        await app.call(act.UpdateSettings(changes={"model": "large"}))
    assert refused.value.data["parameter"] == "model"
    known.clear()
    await app.call(act.UpdateSettings(changes={"theme": "dark"}))
    await app.call(act.UpdateSettings(changes={"model": None}))
    assert app.state.value.settings == Settings(theme="dark")


@pytest.mark.parametrize("raw", [b"", b"\xff\xfe", b"[1, 2]", b'{"theme": "dark"', b"null", b"[" * 5000])
async def test_a_record_that_cannot_be_read_falls_back_to_defaults(raw: bytes) -> None:
    """A notice says so, and the record is kept beside the settings."""
    store = MemoryStore()
    await store.put(KEY, raw)
    app, _, _ = await room(store)
    assert app.state.value.settings == Settings()
    assert [notice.kind for notice in app.state.value.notices] == ["warning"]
    assert await store.get(DAMAGED_KEY) == raw
    again, _, _ = await room(store)
    assert again.state.value.notices == ()


async def test_one_damaged_setting_does_not_take_the_others_with_it() -> None:
    """What can be read stays; a setting of a newer release is passed over in silence."""
    store = MemoryStore()
    await store.put(KEY, json.dumps({"theme": "dark", "mode": 7, "newer": True, "language": "de"}).encode())
    app, _, _ = await room(store)
    assert app.state.value.settings == Settings(theme="dark", language="de")
    assert "mode" in app.state.value.notices[0].text
    assert "theme" not in app.state.value.notices[0].text


async def test_the_privacy_switch_is_on_if_its_value_is_damaged() -> None:
    """The default of what cannot be read is the safe one."""
    store = MemoryStore()
    await store.put(KEY, b'{"neverLeaveDevice": "fal')
    app, _, _ = await room(store)
    assert app.state.value.settings.never_leave_device


async def test_two_tabs_do_not_undo_each_others_changes() -> None:
    """Each writes only the fields that it changes."""
    store = MemoryStore()
    one, _, _ = await room(store)
    two, settings, _ = await room(store)
    await one.call(act.UpdateSettings(changes={"theme": "dark"}))
    await two.call(act.UpdateSettings(changes={"language": "de"}))
    assert two.state.value.settings == Settings(theme="dark", language="de")
    await one.call(act.UpdateSettings(changes={"enterSends": False}))
    await settings.reload()
    assert two.state.value.settings == Settings(theme="dark", language="de", enter_sends=False)


async def test_presets_are_added_replaced_and_deleted() -> None:
    """By their id; one that does not exist cannot be deleted."""
    app, _, store = await room()
    exact = Preset(id="exact", name="Exact", settings=ConversationSettings(temperature=0))
    await app.call(act.SavePreset(preset=exact))
    await app.call(
        act.SavePreset(preset=Preset(id="wild", name="Wild", settings=ConversationSettings(temperature=1.5)))
    )
    renamed = msgspec.structs.replace(exact, name="Precise")
    await app.call(act.SavePreset(preset=renamed))
    assert [preset.name for preset in app.state.value.settings.presets] == ["Precise", "Wild"]
    again, _, _ = await room(store)
    assert again.state.value.settings.presets == app.state.value.settings.presets
    await app.call(act.DeletePreset(id="exact"))
    assert [preset.id for preset in app.state.value.settings.presets] == ["wild"]
    with pytest.raises(bl.errors.InvalidRequest, match="exact"):
        await app.call(act.DeletePreset(id="exact"))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"id": "__proto__"}, "id of a preset"),
        ({"id": ""}, "id of a preset"),
        ({"id": "x" * 3_000_000}, "id of a preset"),
        ({"name": " \u200b"}, "name of a preset"),
        ({"name": "x" * 3_000_000}, "name of a preset"),
        ({"settings": ConversationSettings(system="x" * 3_000_000)}, "system prompt"),
    ],
)
async def test_a_preset_that_is_not_valid_is_refused_in_a_short_sentence(fields: dict[str, Any], message: str) -> None:
    app, _, store = await room()
    preset = Preset(**{"id": "a", "name": "A", "settings": ConversationSettings(), **fields})
    with pytest.raises(bl.errors.InvalidRequest, match=message) as caught:
        await app.call(act.SavePreset(preset=preset))
    assert len(str(caught.value)) < 400
    assert await store.items() == []


async def test_there_are_only_so_many_presets() -> None:
    app, _, _ = await room()
    presets = [{"id": f"p{number}", "name": "P", "settings": {}} for number in range(101)]
    await app.call(act.UpdateSettings(changes={"presets": presets[:100]}))
    with pytest.raises(bl.errors.InvalidRequest, match="101 presets, over the limit of 100"):
        await app.call(act.UpdateSettings(changes={"presets": presets}))
    with pytest.raises(bl.errors.InvalidRequest, match="two presets have this id"):
        await app.call(act.UpdateSettings(changes={"presets": [presets[0], presets[0]]}))
    assert len(app.state.value.settings.presets) == 100


async def test_a_store_that_is_full_changes_nothing() -> None:
    """The error reaches the page, and the state still shows what is kept."""

    class Full(MemoryStore):
        async def swap(self, key: str, expected: bytes | None, value: bytes | None) -> bool:
            raise bl.errors.QuotaExceeded("no space")

    app, _, _ = await room(Full())
    with pytest.raises(bl.errors.QuotaExceeded):
        await app.call(act.UpdateSettings(changes={"theme": "dark"}))
    assert app.state.value.settings == Settings()
