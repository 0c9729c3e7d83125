"""Records of a later version of the app: they are left alone, and a notice says so once."""

from __future__ import annotations

import json
from typing import Any

import pytest

import browserllm as bl
from browserllm.app import actions as act
from browserllm.app.app import App
from browserllm.app.clouds import Clouds
from browserllm.app.notices import Notices
from browserllm.app.settings import SettingsRoom
from browserllm.stores.memory import MemoryStore
from browserllm.testing.files import ScriptedFiles
from browserllm.testing.host import ScriptedHost, device_facts
from unit.app.chats import Chats
from unit.app.rooms import opened
from unit.app.test_downloads import folder, web


def newer(**fields: Any) -> bytes:
    """A record of a later version, with what this one does not know."""
    return json.dumps({"version": 2, "sparkles": [1, 2], **fields}).encode()


async def later_records(chats: Chats) -> dict[str, bytes]:
    """A store in which a later version has changed a conversation and added one; returns its records."""
    conversation = await chats.create(id="grown")
    await chats.ask(conversation, "a")
    await chats.conversations.records.flush()
    old = json.loads(await chats.store.get("conversation/grown") or b"")
    await chats.store.put("conversation/grown", newer(**{name: old[name] for name in old if name != "version"}))
    await chats.store.put("conversation/other", newer(thread={"id": "other"}))
    return dict(await chats.store.items())


async def test_conversations_of_a_later_version_are_left_alone_and_named_once() -> None:
    chats = Chats()
    before = await later_records(chats)
    later = await chats.again().start()
    assert later.app.state.value.conversations == {}
    (notice,) = later.app.state.value.notices
    assert (notice.code, notice.data) == (
        "records_newer",
        {"count": 2, "names": ["conversation/grown", "conversation/other"]},
    )
    assert "conversation/grown, conversation/other" in notice.text
    assert "Reload the page" in notice.text
    await later.app.call(act.DismissNotice(id=notice.id))
    await later.conversations.reload("grown")
    assert later.app.state.value.notices == ()
    # Nothing that is done to the others, or to all, touches them.
    await later.ask(await later.create(), "b")
    await later.app.call(act.DeleteConversation(id="*"))
    assert dict(await later.store.items()) == before


async def test_an_id_of_a_later_version_is_not_given_again() -> None:
    chats = Chats()
    before = await later_records(chats)
    text = await chats.app.call(act.ExportConversations(id="grown"))
    later = await chats.again().start()
    for action in (act.CreateConversation(id="other"), act.ImportConversations(text=text)):
        with pytest.raises(bl.InvalidRequest, match=r"a newer version .* reload the page"):
            await later.app.call(action)
    assert dict(await later.store.items()) == before


async def test_a_tab_of_the_earlier_version_lets_go_of_what_the_later_one_has_changed() -> None:
    """It must not write its old messages and title over the new record."""
    chats = Chats()
    conversation = await chats.create(id="grown")
    await chats.ask(conversation, "a")
    await chats.conversations.records.flush()
    record = newer(**json.loads(await chats.store.get("conversation/grown") or b"") | {"version": 2})
    await chats.store.put("conversation/grown", record)
    await chats.app.call(act.UpdateConversation(id=conversation, title="Old"))
    assert await chats.store.get("conversation/grown") == record
    await chats.conversations.reload(conversation)  # as the news of the other tab lets it
    assert (chats.app.state.value.conversations, chats.app.state.value.threads) == ({}, {})
    assert len(await chats.store.items("message/grown/")) == 2


async def test_a_message_of_a_later_version_is_left_alone() -> None:
    chats = Chats()
    conversation = await chats.create()
    answer = await chats.ask(conversation, "a")
    key = f"message/{conversation}/{answer.id}"
    await chats.store.put(key, newer(id=answer.id))
    later = await chats.again().start()
    await later.app.call(act.OpenConversation(id=conversation))
    assert later.texts(conversation) == [("user", "a", "done")]
    assert [notice.code for notice in later.app.state.value.notices] == ["records_newer"]
    await later.ask(conversation, "b")
    assert await later.store.get(key) == newer(id=answer.id)


async def test_settings_of_a_later_version_keep_what_this_one_does_not_know() -> None:
    store, app = MemoryStore(), App()
    await store.put("settings", newer(theme="sepia", mode="local", enterSends=False))
    room = SettingsRoom(app, store, Notices(app))
    await room.start()
    assert await store.get("settings") == newer(theme="sepia", mode="local", enterSends=False)
    assert [notice.code for notice in app.state.value.notices] == ["records_newer"]
    assert (app.state.value.settings.mode, app.state.value.settings.enter_sends) == ("local", False)
    await room.update({"enterSends": True})
    kept = json.loads(await store.get("settings") or b"")
    assert (kept["theme"], kept["sparkles"], kept["version"], kept["enterSends"]) == ("sepia", [1, 2], 2, True)
    await room.update({"theme": "dark"})
    assert json.loads(await store.get("settings") or b"")["theme"] == "dark"


async def test_settings_that_only_a_later_version_knows_survive_a_change_of_others() -> None:
    """Also without a version: an added setting needs none."""
    store, app = MemoryStore(), App()
    await store.put("settings", b'{"sparkles": true, "theme": "dark"}')
    room = SettingsRoom(app, store, Notices(app))
    await room.start()
    await room.update({"enterSends": False})
    assert json.loads(await store.get("settings") or b"")["sparkles"] is True
    assert app.state.value.notices == ()


async def test_clouds_of_a_later_version_keep_their_ids_and_keys() -> None:
    store, app = MemoryStore(), App()
    await store.put("cloud/openai-1", newer(vendor="telepathy"))
    await store.put("key/openai-1", b"sk-1")
    clouds = Clouds(app, store, Notices(app))
    await clouds.start()
    assert app.state.value.clouds == {}
    assert [notice.code for notice in app.state.value.notices] == ["records_newer"]
    assert await app.call(act.SaveCloud(vendor="openai", model="m")) == "openai-2"
    with pytest.raises(bl.InvalidRequest, match="a newer version"):
        await app.call(act.SaveCloud(id="openai-1", vendor="openai", model="m"))
    assert await store.get("cloud/openai-1") == newer(vendor="telepathy")
    assert await store.get("key/openai-1") == b"sk-1"


async def test_a_custom_model_of_a_later_version_is_not_written_over() -> None:
    store = MemoryStore()
    await store.put("model/tiny", newer(url="telepathy:"))
    files = ScriptedFiles(web(tiny=[]))
    app = await opened(ScriptedHost(files=files, facts=device_facts(webgpu=False)), store)
    with pytest.raises(bl.InvalidRequest, match="a newer version"):
        await app.call(act.AddModel(source=folder("tiny"), id="tiny"))
    assert await store.get("model/tiny") == newer(url="telepathy:")
    assert "tiny" not in app.state.models
    await app.call(act.RefreshModels())
    assert "tiny" not in app.state.models
    await app.app.close()


async def test_one_notice_names_the_records_of_all_rooms() -> None:
    store = MemoryStore()
    keys = ["settings", "cloud/a", "model/b", "download/c", "conversation/d", "conversation/e"]
    for key in keys:
        await store.put(key, newer())
    app = await opened(store=store)
    (notice,) = [notice for notice in app.state.notices if notice.id == "newer-records"]
    assert notice.data["count"] == 6
    assert set(notice.data["names"]) < set(keys)
    assert "and 1 more" in notice.text
    assert dict(await store.items()) == {key: newer() for key in keys}
    assert [other.id for other in app.state.notices] == ["newer-records"]
    await app.app.close()
