"""The app's routing against servers on loopback: fallbacks, privacy, and keys that stay where they belong."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

import browserllm as bl
from browserllm.app import actions as act
from browserllm.app import threads
from browserllm.app.app import App
from browserllm.app.opening import open_app
from browserllm.app.pipe import Pipe
from browserllm.app.routing import Routing
from browserllm.app.state import ChatMessage, ConversationSettings, ErrorInfo, RouteInfo, TextPart
from browserllm.stores.memory import MemoryStore
from browserllm.testing.host import ScriptedHost
from openai_exchanges import text_chunks
from unit.app.rooms import room_of
from vendor_server import CUT, VendorServer, answer, events, stream

KEY = "sk-loopback-secret-0123456789"

CHAT = stream(events(*text_chunks("From ", "the cloud."), "[DONE]"))
REFUSES = answer({"error": {"message": f"Incorrect API key provided: {KEY}", "code": "invalid_api_key"}}, status=401)


@pytest.fixture
def server() -> Iterator[VendorServer]:
    with VendorServer({"cloud": CHAT, "other": CHAT, "refuses": REFUSES}) as playing:
        yield playing


class Hybrid:
    """An app over a scripted page, with clouds on loopback."""

    def __init__(self, app: App, host: ScriptedHost, store: MemoryStore, server: VendorServer) -> None:
        self.app, self.host, self.store, self.server = app, host, store, server

    async def call(self, action: act.Action) -> Any:
        return await self.app.call(action)

    async def settings(self, **changes: Any) -> None:
        await self.call(act.UpdateSettings(changes=changes))

    async def cloud(self, name: str = "cloud", **fields: Any) -> str:
        options: dict[str, Any] = {"api_key": KEY, "id": name, **fields}
        return await self.call(
            act.SaveCloud(vendor="compatible", model="big", base_url=f"{self.server.url}/{name}", **options)
        )

    async def ask(self, text: str, **settings: Any) -> ChatMessage:
        conversation = await self.call(act.CreateConversation(settings=ConversationSettings(**settings)))
        await self.call(act.OpenConversation(id=conversation))
        await self.call(act.SendMessage(conversation=conversation, parts=(TextPart(text=text),)))
        while True:
            last = threads.shown(self.app.state.value.threads[conversation])[-1]
            if last.role == "assistant" and last.status in ("done", "stopped", "error"):
                return last
            await asyncio.sleep(0.001)

    async def explain_draft(self, conversation: str | None = None, **draft: Any) -> list[str]:
        """Return who would answer a message that is being written, the first one first."""
        route = await self.call(act.ExplainRoute(conversation=conversation, **draft))
        return [choice.backend for choice in route.ranked]

    async def explain(self, **settings: Any) -> RouteInfo:
        conversation = await self.call(act.CreateConversation(settings=ConversationSettings(**settings)))
        return await self.call(act.ExplainRoute(conversation=conversation, text="Hi"))

    @property
    def asked(self) -> int:
        """How many requests any of the servers got, whole or not."""
        return sum(len(self.server.asked(name)) for name in ("cloud", "other", "refuses"))


async def hybrid(server: VendorServer, host: ScriptedHost | None = None, store: MemoryStore | None = None) -> Hybrid:
    host, store = host or ScriptedHost("From the device."), store or MemoryStore()
    app = await open_app(host, store=store)
    return Hybrid(app, host, store, server)


def said(message: ChatMessage) -> str:
    return "".join(part.text for part in message.parts if isinstance(part, TextPart))


async def test_local_first_answers_on_the_device(server: VendorServer) -> None:
    """A cloud that is set up is not asked while the device can answer."""
    app = await hybrid(server)
    await app.cloud()
    await app.settings(neverLeaveDevice=False)
    answered = await app.ask("Hi")
    assert (said(answered), answered.answer and answered.answer.where) == ("From the device.", "local")
    assert app.asked == 0
    await app.app.close()


LONG = "word " * 20_000


async def test_what_is_being_written_changes_who_would_answer(server: VendorServer) -> None:
    """An image goes to what can see it, and a text that is too long for the device to what can read it."""
    app = await hybrid(server)
    await app.cloud()
    await app.settings(neverLeaveDevice=False)
    here, there, only_there = ["local", "cloud:cloud"], ["cloud:cloud", "local"], ["cloud:cloud"]
    conversation = await app.call(act.CreateConversation())
    for where in (None, conversation):
        assert await app.explain_draft(where) == here
        assert await app.explain_draft(where, text="Hi") == here
        assert await app.explain_draft(where, images=1) == there
        assert await app.explain_draft(where, text="What is this?", images=2) == there
        assert await app.explain_draft(where, text=LONG) == only_there
        assert await app.explain_draft(where, text="Sum this up", file_chars=len(LONG)) == only_there
        assert await app.explain_draft(where, text="Sum this up", file_chars=1000) == here
    assert app.app.state.value.threads[conversation].route is not None
    await app.settings(neverLeaveDevice=True)
    assert await app.explain_draft(conversation, text="Hi", images=1) == ["local"]
    assert await app.explain_draft(conversation, text=LONG, images=1) == []
    assert app.asked == 0
    for wrong in ({"images": -1}, {"images": 101}, {"file_chars": -1}):
        with pytest.raises(bl.InvalidRequest, match=next(iter(wrong))):
            await app.explain_draft(conversation, **wrong)
    await app.app.close()


async def test_the_reason_says_that_a_message_is_too_long_for_a_model(server: VendorServer) -> None:
    app = await hybrid(server)
    await app.cloud()
    await app.settings(neverLeaveDevice=False)
    route = await app.call(act.ExplainRoute(text=LONG))
    assert [choice.backend for choice in route.excluded] == ["local"]
    assert re.fullmatch(r"context 2048 < about \d+ tokens", route.excluded[0].reason)
    await app.app.close()


async def test_a_long_message_is_answered_by_whom_the_explanation_named(server: VendorServer) -> None:
    """Also in the middle of a conversation with the device, whose shorter context window is known by then."""
    app = await hybrid(server)
    await app.cloud()
    await app.settings(neverLeaveDevice=False)
    first = await app.ask("Hi")
    assert first.answer is not None and first.answer.where == "local"
    conversation = next(iter(app.app.state.value.threads))
    assert (await app.explain_draft(conversation, text=LONG))[0] == "cloud:cloud"
    await app.call(act.SendMessage(conversation=conversation, parts=(TextPart(text=LONG),)))
    while (last := threads.shown(app.app.state.value.threads[conversation])[-1]).answer is None and not last.error:
        await asyncio.sleep(0.001)
    assert last.error is None
    assert (said(last), last.answer and last.answer.backend) == ("From the cloud.", "cloud:cloud")
    again = await app.explain_draft(conversation, text="And in short?")
    assert again[0] == "local"
    await app.app.close()


async def test_a_failing_device_falls_back_to_the_cloud_and_the_answer_says_so(server: VendorServer) -> None:
    """The answer names the cloud, and the hop says what failed on the device."""
    failed = bl.errors.OutOfMemory("the GPU is full")
    app = await hybrid(server, ScriptedHost(fail_load={"webllm": failed, "transformersjs": failed}))
    await app.cloud()
    await app.settings(neverLeaveDevice=False)
    answered = await app.ask("Hi")
    info = answered.answer
    assert info is not None
    assert (said(answered), info.where, info.backend) == ("From the cloud.", "cloud", "cloud:cloud")
    assert [hop.backend for hop in info.hops if "the GPU is full" in hop.reason] == ["local"]
    await app.app.close()


async def test_a_failing_cloud_falls_back_to_the_device(server: VendorServer) -> None:
    """With the cloud first, a refused key makes the device answer, and the hop does not show the key."""
    app = await hybrid(server)
    await app.cloud("refuses")
    await app.settings(neverLeaveDevice=False, policy="cloud_first")
    answered = await app.ask("Hi")
    info = answered.answer
    assert info is not None
    assert (said(answered), info.where) == ("From the device.", "local")
    assert [(hop.backend, hop.code, hop.wanted) for hop in info.hops] == [("cloud:refuses", "authentication", False)]
    assert KEY not in repr(info)
    await app.app.close()


async def test_a_hop_says_whether_the_user_wanted_it(server: VendorServer) -> None:
    """The device is passed over because only clouds may answer, and clouds because a conversation is private."""
    app = await hybrid(server)
    await app.cloud()
    await app.settings(neverLeaveDevice=False, mode="cloud")
    by_cloud = (await app.ask("Hi")).answer
    assert by_cloud is not None
    assert [(hop.backend, hop.wanted) for hop in by_cloud.hops] == [("local", True)]
    on_device = (await app.ask("Hi", private=True)).answer
    assert on_device is not None
    assert [(hop.backend, hop.wanted) for hop in on_device.hops] == [("cloud:cloud", True)]
    await app.app.close()


@pytest.mark.parametrize(
    ("settings", "conversation"),
    [
        ({"neverLeaveDevice": True, "mode": "cloud"}, {}),
        ({"neverLeaveDevice": True, "policy": "cloud_first"}, {}),
        ({"neverLeaveDevice": True, "model": "cloud:cloud"}, {}),
        ({"neverLeaveDevice": True}, {"model": "cloud:cloud"}),
        ({"neverLeaveDevice": False, "mode": "local"}, {"model": "cloud:cloud"}),
        ({"neverLeaveDevice": False, "mode": "cloud"}, {"private": True}),
        ({"neverLeaveDevice": False, "policy": "cloud_first"}, {"private": True, "model": "cloud:cloud"}),
    ],
)
async def test_what_must_stay_on_the_device_does(
    server: VendorServer, settings: dict[str, Any], conversation: dict[str, Any]
) -> None:
    """Whatever mode, policy and choice say, the server gets no byte, and the device answers."""
    app = await hybrid(server)
    await app.cloud()
    await app.settings(**settings)
    answered = await app.ask("My secret diary", **conversation)
    assert (said(answered), answered.answer and answered.answer.where) == ("From the device.", "local")
    route = await app.explain(**conversation)
    assert [choice.where for choice in route.ranked] == ["local"]
    assert "cloud:cloud" in [choice.backend for choice in route.excluded]
    assert app.asked == 0
    await app.app.close()


async def test_privacy_is_enforced_even_when_the_device_cannot_answer(server: VendorServer) -> None:
    """The answer fails with the reasons; the server gets no byte."""
    failed = bl.errors.OutOfMemory("the GPU is full")
    app = await hybrid(server, ScriptedHost(fail_load={"webllm": failed, "transformersjs": failed}))
    await app.cloud()
    await app.settings(neverLeaveDevice=True, mode="cloud")
    answered = await app.ask("My secret diary")
    assert answered.status == "error"
    assert answered.error is not None
    assert app.asked == 0
    assert "the GPU is full" in answered.error.message, "what failed, not what was not asked"
    assert answered.answer is not None
    assert any("private" in hop.reason for hop in answered.answer.hops)
    await app.app.close()


async def test_the_router_itself_refuses_a_private_request(server: VendorServer) -> None:
    """Without any of the app's policy, the backend of a private conversation never gets to a cloud."""
    app = await hybrid(server)
    await app.cloud()
    await app.settings(neverLeaveDevice=False, mode="cloud")
    routing = room_of(app.app, Routing)
    backend = routing.backend_for(ConversationSettings(private=True))
    for remote in routing._remote.values():
        with pytest.raises(bl.errors.Unavailable) as refused:
            await remote.complete("My secret diary", private=True)
        assert refused.value.reason == "private"
    assert (await backend.complete("My secret diary", private=False)).backend == "local"
    assert app.asked == 0
    await app.app.close()


async def test_the_switch_counts_from_the_next_request_on(server: VendorServer) -> None:
    """Turned on in the middle of a turn, its next request stays on the device."""
    app = await hybrid(server)
    await app.cloud()
    await app.settings(neverLeaveDevice=False, policy="cloud_first")
    backend = room_of(app.app, Routing).backend_for(ConversationSettings())
    assert (await backend.complete("Hi")).backend == "cloud:cloud"
    await app.settings(neverLeaveDevice=True)
    assert (await backend.complete("My secret diary")).backend == "local"
    assert app.asked == 1
    await app.app.close()


async def test_a_chain_of_models_is_asked_in_its_order(server: VendorServer) -> None:
    """Agents name one: what fails is passed over and told, whatever the app's policy is."""
    app = await hybrid(server)
    for name in ("refuses", "cloud", "other"):
        await app.cloud(name)
    await app.settings(neverLeaveDevice=False, policy="local_first")
    routing = room_of(app.app, Routing)
    refused_first = routing.backend_of(ConversationSettings(model="cloud:refuses"), ["cloud:cloud", "pocket"])
    response = await refused_first.complete("Hi")
    assert (response.backend, response.text) == ("cloud:cloud", "From the cloud.")
    assert [hop.backend for hop in response.route] == ["cloud:refuses"]
    assert (await routing.backend_of(ConversationSettings(), ["cloud:other"]).complete("Hi")).backend == "local"
    chosen = routing.backend_of(ConversationSettings(), [])
    assert (await chosen.complete("Hi")).backend == "local"
    assert [len(server.asked(name)) for name in ("refuses", "cloud", "other")] == [1, 1, 0]
    await app.app.close()


async def test_a_model_that_is_named_alone_is_asked_alone(server: VendorServer) -> None:
    """An agent's model: where it fails, the device does not answer for a cloud, and no cloud for the device."""
    failed = bl.errors.OutOfMemory("the GPU is full")
    app = await hybrid(server, ScriptedHost(fail_load={"webllm": failed, "transformersjs": failed}))
    for name in ("refuses", "cloud"):
        await app.cloud(name)
    await app.settings(neverLeaveDevice=False)
    routing = room_of(app.app, Routing)
    with pytest.raises(bl.errors.AuthenticationError):
        await routing.backend_of(ConversationSettings(model="cloud:refuses"), []).complete("Hi")
    with pytest.raises(bl.errors.LoadFailed, match="the GPU is full"):
        await routing.backend_of(ConversationSettings(model="pocket"), []).complete("Hi")
    with pytest.raises(bl.errors.Unavailable, match="private"):
        await routing.backend_of(ConversationSettings(model="cloud:cloud", private=True), []).complete("Hi")
    assert [len(server.asked(name)) for name in ("refuses", "cloud")] == [1, 0]
    await app.app.close()


async def test_an_answer_that_breaks_off_begins_anew_with_the_next_of_a_chain() -> None:
    broken = stream(events(*text_chunks("Half ", "an answer.")[:2]), CUT)
    with VendorServer({"cloud": broken}) as server:
        app = await hybrid(server)
        await app.cloud()
        await app.settings(neverLeaveDevice=False)
        backend = room_of(app.app, Routing).backend_of(ConversationSettings(model="cloud:cloud"), ["pocket"])
        async with backend.stream("Hi") as chunks:
            told = [type(chunk).__name__ async for chunk in chunks]
            response = await chunks.finish()
        assert "ChatRestart" in told
        assert (response.backend, response.text) == ("local", "From the device.")
        await app.app.close()


@pytest.mark.parametrize("setting", ["conversation", "device", "mode"])
async def test_a_private_chain_stays_on_the_device(server: VendorServer, setting: str) -> None:
    """Whichever setting says so; the clouds of the chain are not even asked when the device fails."""
    failed = bl.errors.OutOfMemory("the GPU is full")
    app = await hybrid(server, ScriptedHost(fail_load={"webllm": failed, "transformersjs": failed}))
    await app.cloud()
    await app.settings(neverLeaveDevice=setting == "device", mode="local" if setting == "mode" else "auto")
    settings = ConversationSettings(private=setting == "conversation")
    backend = room_of(app.app, Routing).backend_of(settings, ["cloud:cloud"])
    with pytest.raises(bl.BrowserLLMError, match="the GPU is full"):
        await backend.complete("My secret diary")
    assert app.asked == 0
    await app.app.close()


async def test_a_chain_names_clouds_that_are_there(server: VendorServer) -> None:
    app = await hybrid(server)
    await app.cloud(enabled=False)
    routing = room_of(app.app, Routing)
    for chain, said in ((["cloud:gone"], "does not exist"), (["pocket", "cloud:cloud"], "turned off")):
        with pytest.raises(bl.InvalidRequest, match=said):
            routing.backend_of(ConversationSettings(), chain)
    await app.app.close()


async def test_a_chosen_cloud_is_asked_and_no_other_one(server: VendorServer) -> None:
    """When it fails, the device answers: what was meant for one vendor does not go to another one."""
    app = await hybrid(server)
    await app.cloud("other")
    await app.cloud("refuses")
    await app.settings(neverLeaveDevice=False)
    chosen = await app.ask("Hi", model="cloud:other")
    assert (chosen.answer and chosen.answer.backend) == "cloud:other"
    assert server.asked("other")[0].headers["authorization"] == f"Bearer {KEY}"
    assert server.asked("other")[0].json["model"] == "big"
    failed = await app.ask("Hi", model="cloud:refuses")
    assert (failed.answer and failed.answer.backend) == "local"
    assert len(server.asked("other")) == 1
    await app.app.close()


async def test_a_chosen_model_of_the_device_comes_before_the_clouds(server: VendorServer) -> None:
    """A conversation with a local model is answered by it, even if the clouds come first elsewhere."""
    app = await hybrid(server)
    await app.cloud()
    await app.settings(neverLeaveDevice=False, policy="cloud_first")
    answered = await app.ask("Hi", model="pocket")
    assert (answered.answer and answered.answer.model) == "pocket"
    assert app.asked == 0
    await app.app.close()


async def test_the_mode_cloud_asks_only_clouds(server: VendorServer) -> None:
    """When they fail the answer fails, and says that the settings leave the device out."""
    app = await hybrid(server)
    await app.cloud("refuses")
    await app.settings(neverLeaveDevice=False, mode="cloud")
    answered = await app.ask("Hi")
    assert answered.status == "error"
    assert answered.error is not None
    assert answered.error.code == "authentication", "what failed, not what was not asked"
    assert answered.answer is not None
    assert any("the settings allow only clouds" in hop.reason for hop in answered.answer.hops)
    await app.app.close()


async def test_a_deleted_or_disabled_cloud_is_not_asked(server: VendorServer) -> None:
    """A conversation that has chosen it says so in its answer's error."""
    app = await hybrid(server)
    await app.cloud()
    await app.settings(neverLeaveDevice=False)
    await app.cloud(enabled=False)
    off = await app.ask("Hi", model="cloud:cloud")
    await app.call(act.DeleteCloud(id="cloud"))
    gone = await app.ask("Hi", model="cloud:cloud")
    assert [message.error and message.error.code for message in (off, gone)] == ["invalid_request"] * 2
    assert app.asked == 0
    await app.app.close()


async def test_a_cloud_can_be_changed_while_it_answers(server: VendorServer) -> None:
    """The answer in progress keeps its connection; the next one uses the new model."""
    app = await hybrid(server)
    await app.cloud()
    await app.settings(neverLeaveDevice=False, mode="cloud")
    first = asyncio.ensure_future(app.ask("Hi"))
    while not server.asked("cloud"):
        await asyncio.sleep(0.001)
    await app.call(
        act.SaveCloud(vendor="compatible", id="cloud", model="bigger", base_url=f"{server.url}/cloud", api_key=KEY)
    )
    assert said(await first) == "From the cloud."
    await app.ask("Hi")
    assert [asked.json["model"] for asked in server.asked("cloud")] == ["big", "bigger"]
    await app.app.close()


# Keys


def everything(app: Hybrid) -> str:
    """All that pages see, and all that is stored."""
    state = msgspec.json.encode(app.app.state.value).decode()
    stored = {key: value.decode() for key, value in app.store._values.items()}
    return state + json.dumps(stored)


async def test_a_key_is_in_memory_only(server: VendorServer, caplog: pytest.LogCaptureFixture) -> None:
    """State, store, exports, errors and logs do not have it, and the next visit has none."""
    caplog.set_level(logging.DEBUG)
    app = await hybrid(server)
    await app.cloud("refuses")
    await app.cloud()
    await app.settings(neverLeaveDevice=False, mode="cloud")
    await app.ask("Hi")
    failed = await app.call(act.TestCloud(id="refuses"))
    exported = await app.call(act.ExportConversations())
    assert isinstance(failed, ErrorInfo)
    assert failed.code == "authentication"
    assert KEY not in everything(app) + repr(failed) + exported + caplog.text
    assert {cloud.key for cloud in app.app.state.value.clouds.values()} == {"memory"}
    await app.app.close()
    again = await hybrid(server, store=app.store)
    assert {cloud.key for cloud in again.app.state.value.clouds.values()} == {"none"}
    await again.app.close()


async def test_a_key_that_is_kept_is_stored_apart(server: VendorServer) -> None:
    """Only its own record has it; the next visit uses it; deleting the cloud deletes it."""
    app = await hybrid(server)
    await app.cloud(keep_key=True)
    assert [key for key, value in app.store._values.items() if KEY.encode() in value] == ["key/cloud"]
    assert KEY not in msgspec.json.encode(app.app.state.value).decode()
    await app.app.close()
    again = await hybrid(server, store=app.store)
    await again.settings(neverLeaveDevice=False, mode="cloud")
    assert again.app.state.value.clouds["cloud"].key == "device"
    assert said(await again.ask("Hi")) == "From the cloud."
    assert server.asked("cloud")[0].headers["authorization"] == f"Bearer {KEY}"
    await again.call(act.DeleteCloud(id="cloud"))
    assert KEY not in everything(again)
    await again.app.close()


async def test_a_key_is_never_sent_to_another_server(server: VendorServer) -> None:
    """A new address needs the key again; a new model or label keeps it."""
    app = await hybrid(server)
    await app.cloud()
    await app.cloud(api_key=None, label="Mine")
    with pytest.raises(bl.errors.InvalidRequest, match="enter it again"):
        await app.call(act.SaveCloud(vendor="compatible", id="cloud", model="big", base_url="http://localhost:9/cloud"))
    with pytest.raises(bl.errors.InvalidRequest, match="enter it again"):
        await app.call(act.SaveCloud(vendor="openai", id="cloud", model="big"))
    assert app.app.state.value.clouds["cloud"].label == "Mine"
    await app.app.close()


async def test_a_cloud_is_tested_with_a_request_of_its_own(server: VendorServer) -> None:
    """Nothing is wrong with one that answers; with “never leave this device” nothing is sent."""
    app = await hybrid(server)
    await app.cloud()
    refused = await app.call(act.TestCloud(id="cloud"))
    assert isinstance(refused, ErrorInfo)
    assert app.asked == 0
    await app.settings(neverLeaveDevice=False)
    assert await app.call(act.TestCloud(id="cloud")) is None
    assert len(server.asked("cloud")) == 1
    await app.app.close()


@pytest.mark.parametrize(
    "fields",
    [
        {"base_url": "http://cloud.example/v1"},
        {"base_url": "not an address"},
        {"base_url": None},
        {"model": ""},
        {"id": "a/b"},
    ],
)
async def test_a_cloud_that_is_not_valid_changes_nothing(server: VendorServer, fields: dict[str, Any]) -> None:
    """The error names what is wrong, without the key."""
    app = await hybrid(server)
    options: dict[str, Any] = {"model": "big", "base_url": server.url, "id": "c", **fields}
    with pytest.raises(bl.errors.InvalidRequest) as refused:
        await app.call(act.SaveCloud(vendor="compatible", api_key=KEY, **options))
    assert KEY not in str(refused.value)
    assert app.app.state.value.clouds == {}
    assert KEY not in everything(app)
    await app.app.close()


async def test_a_page_sees_no_key_in_anything_that_it_gets(server: VendorServer) -> None:
    """Whatever the pipe sends, results and errors too, has no key."""
    app = await hybrid(server)
    texts: list[str] = []
    pipe = Pipe(app.app, texts.append)
    pipe.on_text('{"type": "hello"}')
    cloud = {"vendor": "compatible", "model": "m", "apiKey": KEY, "keepKey": True}
    calls = [
        {"action": "clouds.save", "args": {**cloud, "id": "cloud", "baseUrl": f"{server.url}/refuses"}},
        {"action": "clouds.save", "args": {**cloud, "baseUrl": "ftp://nowhere"}},
        {"action": "clouds.save", "args": {**cloud, "id": 7}},
        {"action": "settings.update", "args": {"changes": {"neverLeaveDevice": False}}},
        {"action": "clouds.test", "args": {"id": "cloud"}},
    ]
    for number, call in enumerate(calls):
        pipe.on_text(json.dumps({"type": "call", "id": number, **call}))
        while not any(f'"id":{number},' in text.replace(" ", "") or f'"id":{number}}}' in text for text in texts):
            await asyncio.sleep(0.001)
    assert KEY not in "".join(texts)
    pipe.close()
    await app.app.close()


LONG = "word " * 4000
"""Some 5,000 tokens; the scripted page's model has a window of 2,048."""


async def test_a_message_too_long_for_the_device_goes_to_the_cloud(server: VendorServer) -> None:
    """The answer names the cloud, and the hop says by how much; the device's model is not loaded for it."""
    app = await hybrid(server)
    await app.cloud()
    await app.settings(neverLeaveDevice=False)
    answered = await app.ask(LONG)
    info = answered.answer
    assert info is not None
    assert (said(answered), info.where, info.backend) == ("From the cloud.", "cloud", "cloud:cloud")
    assert [(hop.backend, hop.reason) for hop in info.hops] == [("local", "context 2048 < about 5004 tokens")]
    await app.app.close()


@pytest.mark.parametrize(
    ("settings", "conversation", "why"),
    [
        ({"neverLeaveDevice": True}, {}, "your settings keep everything on this device"),
        ({"neverLeaveDevice": False, "mode": "local"}, {}, "your settings ask this device only"),
        ({"neverLeaveDevice": False}, {"private": True}, "this conversation stays on this device"),
        (
            {"neverLeaveDevice": False, "mode": "cloud"},
            {"private": True, "model": "cloud:cloud"},
            "this conversation stays on this device",
        ),
    ],
    ids=["switch", "mode", "conversation", "conversation with a cloud chosen"],
)
async def test_a_message_too_long_for_the_device_stays_here_if_it_must(
    server: VendorServer, settings: dict[str, Any], conversation: dict[str, Any], why: str
) -> None:
    """The error says which of the settings keeps it here, and the cloud gets no request."""
    app = await hybrid(server)
    await app.cloud(label="My cloud")
    await app.settings(**settings)
    error = (await app.ask(LONG, **conversation)).error
    assert error is not None
    assert (error.code, error.title) == ("context_exceeded", "This message is too long")
    assert error.remedy is not None
    assert f"“My cloud” may hold it, but {why}." in error.remedy
    assert app.asked == 0
    await app.app.close()
