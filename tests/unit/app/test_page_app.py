"""The app behind the chat page: actions in, messages out."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import browserllm as bl
from browserllm.app.page import ChatApp
from browserllm.testing.host import ScriptedHost, device_facts
from browserllm.testing.script import HANG, Answer


class Page:
    """What the chat page sees."""

    def __init__(self, *hosts: ScriptedHost | bl.BrowserLLMError) -> None:
        self.state: dict[str, Any] = {}
        self.messages: dict[str, dict[str, Any]] = {}
        self.statuses: list[str] = []
        self.progress: list[str] = []
        self._hosts = list(hosts)
        self.app = ChatApp(self._open, self._on_text)

    async def _open(self) -> bl.Host:
        host = self._hosts.pop(0)
        if isinstance(host, bl.BrowserLLMError):
            raise host
        return host

    def _on_text(self, text: str) -> None:
        message = json.loads(text)
        match message["type"]:
            case "state":
                patch = message["patch"]
                self.state.update(patch)
                if "status" in patch:
                    self.statuses.append(patch["status"])
                if patch.get("progress"):
                    self.progress.append(patch["progress"]["phase"])
            case "message":
                self.messages[message["id"]] = {"role": message["role"], "text": message["text"], "done": None}
            case "append":
                self.messages[message["id"]]["text"] += message["text"]
            case "done":
                self.messages[message["id"]]["done"] = message["finish_reason"]

    def act(self, action: str, **more: Any) -> None:
        self.app.on_text(json.dumps({"action": action, **more}))

    async def until(self, status: str) -> None:
        while self.state.get("status") != status:
            await asyncio.sleep(0)
        while self.app._tasks and status != "answering":
            await asyncio.sleep(0)

    async def ask(self, text: str) -> None:
        self.act("send", text=text)
        await self.until("answering")
        await self.until("ready")

    @property
    def texts(self) -> list[tuple[str, str, str | None]]:
        return [(message["role"], message["text"], message["done"]) for message in self.messages.values()]


async def started(answers: str | list[Answer] = "Hi there.", **options: Any) -> tuple[Page, ScriptedHost]:
    host = ScriptedHost(answers, **options)
    page = Page(host)
    page.act("start")
    await page.until("ready")
    return page, host


async def test_start_loads_the_model_and_says_where_it_runs() -> None:
    """The page goes from starting over loading with progress to ready, with engine, device and adapter."""
    page, _ = await started()
    assert page.statuses[0] == "starting"
    assert page.statuses[-1] == "ready"
    assert page.progress == ["loading", "loading", "loading", "warming_up", "ready"]
    assert page.state["progress"] is None
    assert (page.state["model"], page.state["engine"], page.state["device"]) == ("pocket", "webllm", "webgpu")
    assert (page.state["adapter"], page.state["notice"], page.state["error"]) == ("scripted paper", None, None)


async def test_a_skipped_engine_is_a_notice() -> None:
    """A user on the CPU learns why."""
    page, _ = await started(facts=device_facts(webgpu=False))
    assert page.state["device"] == "wasm"
    assert "webllm on webgpu was passed over: WebGPU found no adapter" in page.state["notice"]


async def test_an_answer_streams_into_a_message() -> None:
    """The user's message, the answer in pieces, its end, and the numbers."""
    page, host = await started(["Hi there.", "Again."])
    await page.ask("Hello!")
    await page.ask("More!")
    assert page.texts == [
        ("user", "Hello!", None),
        ("assistant", "Hi there.", "stop"),
        ("user", "More!", None),
        ("assistant", "Again.", "stop"),
    ]
    assert page.state["first_token_ms"] == 0.0
    assert [message["content"] for message in host.requests[-1][1]["messages"]] == ["Hello!", "Hi there.", "More!"]


async def test_stop_keeps_the_text_so_far() -> None:
    """A stopped answer ends as cancelled and stays in the conversation; stopping nothing does nothing."""
    page, host = await started([["Once ", "upon ", HANG], "Fine."])
    page.act("stop")
    page.act("send", text="A story!")
    while "upon" not in str(page.texts):
        await asyncio.sleep(0)
    page.act("send", text="ignored while busy")
    page.act("stop")
    await page.until("ready")
    assert page.texts[-1] == ("assistant", "Once upon ", "cancelled")
    assert host.cancelled == ["chat"]
    await page.ask("And?")
    assert page.texts[-1] == ("assistant", "Fine.", "stop")
    assert "ignored" not in str(page.texts)


async def test_a_failed_start_can_be_tried_again() -> None:
    """The error is shown with its code, and another start may work."""
    page = Page(bl.Unavailable("no engine here", reason="no_window"), ScriptedHost())
    page.act("send", text="too early")
    while page.app._tasks:
        await asyncio.sleep(0)
    assert page.state["error"]["code"] == "model_not_loaded"
    page.act("start")
    await page.until("error")
    assert page.state["error"] == {"code": "unavailable", "message": "no engine here"}
    page.act("start")
    await page.until("ready")
    assert page.state["error"] is None


async def test_a_failed_answer_is_taken_back() -> None:
    """The error is shown, the page is ready again, and the turn that failed is not part of the conversation."""
    page, host = await started([[bl.errors.DeviceLost("the GPU went away")], "Fine."])
    await page.ask("Hello!")
    assert page.state["error"] == {"code": "device_lost", "message": "the GPU went away"}
    await page.ask("Again!")
    assert page.state["error"] is None
    assert [message["content"] for message in host.requests[-1][1]["messages"]] == ["Again!"]


async def test_a_conversation_continues_with_another_host() -> None:
    """A load that fails loses no messages."""
    page, first = await started(["One."])
    await page.ask("1")
    first.loaded.clear()
    first.emit("unloaded", model="pocket")
    first.engine.fail_load = dict.fromkeys(("webllm", "transformersjs"), bl.errors.LoadFailed("no"))
    page.act("start")
    await page.until("error")
    second = ScriptedHost(["Two."])
    page._hosts.append(second)
    page.act("start")
    await page.until("ready")
    await page.ask("2")
    assert [message["content"] for message in second.requests[-1][1]["messages"]] == ["1", "One.", "2"]


async def test_a_long_conversation_forgets_its_beginning() -> None:
    """When the context is full the oldest turn goes, with a notice; a single message that is too long is an error."""
    full = bl.ContextExceeded("too long")
    page, host = await started(["One.", [full], "Two.", [full], [full]])
    await page.ask("1")
    await page.ask("2")
    assert page.texts[-1] == ("assistant", "Two.", "stop")
    assert "beginning was left out" in page.state["notice"]
    assert [message["content"] for message in host.requests[-1][1]["messages"]] == ["2"]
    await page.ask("3")
    assert page.state["error"]["code"] == "context_exceeded"


async def test_a_lost_gpu_is_a_notice() -> None:
    """The user learns why the next answer takes longer."""
    page, host = await started()
    host.emit("device_lost")
    host.emit("unloaded", model="pocket")
    assert "GPU was lost" in page.state["notice"]


async def test_nonsense_from_the_page_is_an_error_not_a_crash() -> None:
    """What is no action is shown and nothing else happens."""
    page, _ = await started()
    page.app.on_text("{nonsense")
    assert page.state["error"]["code"] == "protocol"
    page.app.on_text('{"action":"dance"}')
    assert "dance" in page.state["error"]["message"]
    await page.ask("Hello!")
    assert page.state["error"] is None
