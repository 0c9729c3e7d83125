"""The whole app: opened over a page, it answers at once, and the rest follows."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import browserllm as bl
from browserllm.app import actions as act
from browserllm.app.app import App
from browserllm.app.opening import open_app, start_app
from browserllm.app.state import TextPart
from browserllm.page.device import DeviceFacts
from browserllm.stores.memory import MemoryStore
from browserllm.testing.files import ScriptedFiles
from browserllm.testing.host import ScriptedHost, device_facts
from browserllm.testing.script import HANG
from unit.app.rooms import opened, text_of
from unit.app.test_downloads import folder, web


async def until(holds: Any) -> None:
    while not holds():
        await asyncio.sleep(0)


async def test_it_answers_before_the_catalog_is_judged() -> None:
    """The built-in model answers while the other models are not yet known."""
    host = ScriptedHost("Hello.")
    app = await opened(host, settled=False)
    assert app.state.status == "ready"
    assert list(app.state.models) == ["pocket"]
    answer = await app.ask("Hi")
    assert (text_of(answer), answer.status) == ("Hello.", "done")
    assert answer.answer is not None
    assert (answer.answer.where, answer.answer.model, answer.answer.engine) == ("local", "pocket", "webllm")
    await app.settled()
    assert len(app.state.models) > 70
    assert [loaded.model for loaded in app.state.loaded] == ["pocket"]
    await app.app.close()


async def test_the_first_answer_loads_the_model_once() -> None:
    """The load at the start and that of a message sent meanwhile are one load, and the message waits for it."""
    host = ScriptedHost("Hello.", load_steps=[HANG])
    app = await opened(host, settled=False)
    await app.until(lambda: app.state.loading is not None and app.state.loading.phase == "loading")
    assert app.state.loading is not None
    assert app.state.loading.model == "pocket"
    conversation = await app.call(act.CreateConversation())
    await app.call(act.OpenConversation(id=conversation))
    await app.call(act.SendMessage(conversation=conversation, parts=(TextPart(text="Hi"),)))
    app.app.state.flush()
    await app.until(lambda: app.shown(conversation)[0].status == "queued")
    assert [op for op, _ in host.requests].count("load") == 1
    await app.app.close()


async def test_actions_wait_while_the_app_opens() -> None:
    """A call that comes before the page's engine is there is carried out when it is."""
    gate = asyncio.Event()

    async def open_host() -> bl.Host:
        await gate.wait()
        return ScriptedHost()

    app = start_app(open_host)
    assert app.state.value.status == "starting"
    call = asyncio.ensure_future(app.call(act.CreateConversation(title="Early")))
    await asyncio.sleep(0)
    assert not call.done()
    gate.set()
    conversation = await call
    assert app.state.value.status == "ready"
    assert app.state.value.conversations[conversation].title == "Early"
    await app.close()


async def test_a_failed_start_says_why_and_can_be_repeated() -> None:
    """The state has the error; calls fail with it; looking at the device again opens the app."""
    hosts: list[Any] = [bl.errors.Unavailable("the engine worker did not start"), ScriptedHost("Hello.")]

    async def open_host() -> bl.Host:
        host = hosts.pop(0)
        if isinstance(host, Exception):
            raise host
        return host

    app = start_app(open_host)
    await until(lambda: app.state.value.status == "failed")
    assert app.state.value.error is not None
    assert app.state.value.error.code == "unavailable"
    with pytest.raises(bl.errors.Unavailable, match="the engine worker did not start"):
        await app.call(act.CreateConversation())
    await app.call(act.RefreshDevice())
    assert (app.state.value.status, app.state.value.error) == ("ready", None)
    assert await app.call(act.CreateConversation())
    await app.close()


async def test_a_failure_in_the_middle_of_the_start_can_be_repeated() -> None:
    """Rooms that were made before the failure do not stand in the way of the next attempt."""

    class Probing(ScriptedHost):
        async def probe(self, *, refresh: bool = False) -> DeviceFacts:
            raise bl.errors.InternalError("no facts")

    hosts: list[bl.Host] = [Probing(), ScriptedHost()]

    async def open_host() -> bl.Host:
        return hosts.pop(0)

    app = start_app(open_host)
    await until(lambda: app.state.value.status == "failed")
    await app.call(act.RefreshDevice())
    assert app.state.value.status == "ready"
    await app.close()


async def test_without_a_store_of_the_browser_the_app_works_and_says_so() -> None:
    """A private window keeps nothing: a notice says it, and conversations live in memory."""

    class Private:
        async def get(self, key: str) -> bytes | None:
            raise bl.errors.Unavailable("this browser offers no storage", reason="blocked")

    app = await opened(store=Private())  # type: ignore[arg-type]
    assert [notice.id for notice in app.state.notices] == ["no-storage"]
    assert text_of(await app.ask("Hi")) == "Hello from the page."
    await app.call(act.DismissNotice(id="no-storage"))
    assert app.state.notices == ()
    await app.app.close()


async def test_what_cannot_be_looked_at_is_a_notice_and_the_model_answers() -> None:
    """A browser whose caches cannot be read still has the built-in model."""

    class Broken(ScriptedHost):
        async def call(self, op: str, args: Any = None, on_progress: Any = None) -> dict[str, Any]:
            if op == "stored":
                raise bl.errors.InternalError("the caches cannot be read")
            return await super().call(op, args, on_progress)

    app = await opened(Broken("Hello."), settled=False)
    assert text_of(await app.ask("Hi")) == "Hello."
    await app.until(lambda: [notice.id for notice in app.state.notices] == ["models"])
    error = app.state.notices[0].error
    assert error is not None
    assert "the caches cannot be read" in error.message
    with pytest.raises(bl.errors.InternalError):
        await app.call(act.RefreshModels())
    await app.app.close()


async def test_storage_that_the_browser_has_cleared_is_a_notice_and_is_looked_at_again() -> None:
    """The conversation that is open is still there, and can be exported."""
    app = await opened(ScriptedHost("Hello."))
    await app.ask("Hi")
    looks = [op for op, _ in app.host.requests].count("stored")
    app.host.emit("storage_lost")
    (notice,) = [each for each in app.state.notices if each.code == "storage_lost"]
    assert "export it" in notice.text
    await app.until(lambda: [op for op, _ in app.host.requests].count("stored") > looks)
    assert "Hello." in await app.call(act.ExportConversations())
    await app.app.close()


async def test_an_app_that_cannot_open_closes_what_it_has_opened() -> None:
    """And raises what kept it from opening."""

    class Closed(MemoryStore):
        async def get(self, key: str) -> bytes | None:
            raise bl.errors.Unavailable("the connection to the page is closed", reason="closed")

    closed: list[str] = []

    class Probing(ScriptedHost):
        async def probe(self, *, refresh: bool = False) -> DeviceFacts:
            raise bl.errors.InternalError("no facts")

        def subscribe(self, callback: Any) -> Any:
            unsubscribe = super().subscribe(callback)

            def closing() -> None:
                closed.append("host")
                unsubscribe()

            return closing

    with pytest.raises(bl.errors.Unavailable, match="is closed"):
        await open_app(ScriptedHost(), Closed())
    with pytest.raises(bl.errors.InternalError, match="no facts"):
        await open_app(Probing(), MemoryStore())
    assert "host" in closed


class Port:
    """A page's channel to the other tabs."""

    def __init__(self, others: list[Port]) -> None:
        self.others = others
        self.handler: Any = None
        others.append(self)

    def tabs_send(self, text: str) -> None:
        for other in self.others:
            if other is not self and other.handler is not None:
                other.handler(text)

    def tabs_set_handler(self, handler: Any) -> None:
        self.handler = handler


async def test_two_whole_apps_share_what_is_stored() -> None:
    """Settings, clouds, models and conversations of one tab appear in the other, and its keys do not."""
    files, store, ports = ScriptedFiles(web(tiny=[])), MemoryStore(), list[Port]()

    async def start() -> App:
        host = ScriptedHost("Hello.", files=files, facts=device_facts(webgpu=False))

        async def open_host() -> bl.Host:
            return host

        app = start_app(open_host, store=store, tabs=Port(ports))
        await until(lambda: app.state.value.status == "ready" and len(app.state.value.models) > 1)
        return app

    one, two = await start(), await start()
    await one.call(act.UpdateSettings(changes={"theme": "dark"}))
    await until(lambda: two.state.value.settings.theme == "dark")
    await one.call(act.SaveCloud(vendor="openai", id="a", model="m", api_key="sk-1"))
    await until(lambda: "a" in two.state.value.clouds)
    assert (one.state.value.clouds["a"].key, two.state.value.clouds["a"].key) == ("memory", "none")
    await one.call(act.AddModel(source=folder("tiny"), id="tiny"))
    await until(lambda: "tiny" in two.state.value.models)
    await one.call(act.DownloadModel(model="tiny"))
    await until(lambda: two.state.value.models["tiny"].downloaded)
    await two.call(act.UpdateSettings(changes={"model": "tiny"}))
    while await one.call(act.DeleteModel(model="tiny")) > 0:
        pass
    await until(lambda: "tiny" not in two.state.value.models)
    assert two.state.value.notices == ()
    conversation = await one.call(act.CreateConversation(title="Rome"))
    await until(lambda: conversation in two.state.value.conversations)
    # A tab that closes tells nothing more, and takes no news.
    await one.close()
    await two.call(act.UpdateSettings(changes={"theme": "light"}))
    two.state.flush()
    for _ in range(50):
        await asyncio.sleep(0)
    assert one.state.value.settings.theme == "dark"
    await two.close()


async def test_the_device_follows_the_page() -> None:
    """Going offline, and the loss of the GPU, show."""
    host = ScriptedHost()
    app = await opened(host)
    assert app.state.device is not None
    assert app.state.device.online
    host.emit("environment", online=False, connection={"type": "cellular", "save_data": True}, battery=None)
    assert (app.state.device.online, app.state.device.metered, app.state.device.save_data) == (False, True, True)
    host.loaded.clear()
    host.emit("device_lost", reason="the driver was updated")
    assert [notice.id for notice in app.state.notices] == ["device-lost"]
    await app.until(lambda: app.state.loaded == ())
    host.emit("internal_error", code="internal", message="a library failed", data={})
    assert app.state.notices[-1].error is not None
    assert app.state.notices[-1].error.message == "a library failed"
    await app.app.close()


async def test_every_action_is_carried_out_by_a_room() -> None:
    """An action that pages can call has a handler."""
    app = await opened(settled=False)
    missing = [name for name, action in act.actions().items() if action not in app.app._handlers]
    assert missing == []
    await app.app.close()


async def test_without_webgpu_the_cpu_answers_and_the_device_says_what_to_do() -> None:
    """The problem names what is wrong, and a remedy."""
    app = await opened(ScriptedHost("Hello.", facts=device_facts(webgpu=False, reason="no_adapter")))
    problem = app.state.device.problem if app.state.device else None
    assert problem is not None
    assert (problem.data["reason"], problem.data["cpu"]) == ("no_adapter", True)
    assert problem.remedy
    answer = await app.ask("Hi")
    assert answer.answer is not None
    assert (answer.answer.device, len(answer.answer.hops) > 0) == ("wasm", True)
    await app.app.close()


async def test_damaged_records_do_not_keep_the_app_from_opening() -> None:
    """Whatever room they belong to: bytes that are no text, JSON that is cut off, values of another type."""
    store = MemoryStore()
    keys = ("settings", "cloud/a", "model/b", "download/c", "conversation/d", "message/d/e", "key/a", "conversation/f")
    for key, value in zip(keys, (b'{"a": "\xff"}', b"\xff") * 4, strict=True):
        await store.put(key, value)
    app = await opened(store=store)
    assert app.state.status == "ready"
    named = {notice.id for notice in app.state.notices}
    assert {"settings-damaged", "cloud-a", "custom-model/b", "damaged-records"} <= named
    await app.app.close()


async def test_a_room_that_cannot_be_closed_does_not_keep_the_others_open() -> None:
    """The failure is reported, and tasks end."""
    reported: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context["exception"]))
    app = await opened()

    async def fails() -> None:
        raise ConnectionError

    app.app.on_close(fails)
    task = app.app.spawn(asyncio.sleep(3600))
    await app.app.close()
    assert task.cancelled()
    assert [type(error) for error in reported] == [ConnectionError]
