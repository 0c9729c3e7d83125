"""docs/app.md about the app's actions: each is there with what it returns, and each error that it names can happen."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, get_args, get_origin

import msgspec
import pytest

import browserllm as bl
from browserllm.app import actions as act
from browserllm.app.state import ConversationSettings, Download, Preset, TextPart
from browserllm.errors import BrowserLLMError
from browserllm.stores.memory import MemoryStore
from browserllm.testing.files import ScriptedFiles
from browserllm.testing.host import ScriptedHost, device_facts
from browserllm.testing.script import HANG
from unit.app.rooms import Opened, opened
from unit.app.test_downloads import folder, web

TEXT = (Path(__file__).parents[3] / "docs" / "app.md").read_text(encoding="utf-8")
SECTION = TEXT[TEXT.index("## Actions") : TEXT.index("## Where Python runs")]
ROWS = {
    cells[1].strip().strip("`"): (cells[2].strip(), cells[3].strip())
    for line in SECTION.splitlines()
    if line.startswith("| `") and (cells := line.split("|"))
}
CODES = {
    (name, code) for name, (_, fails) in ROWS.items() for code in re.findall(r"`([a-z_]+)`", fails)
    if code in {"invalid_request", "model_not_found", "unsupported", "unavailable", "load_failed"}
}  # fmt: skip

Example = Callable[[Opened, pytest.MonkeyPatch], Awaitable[Any]]
SYSTEM = "x" * 999_999
WRONG = ConversationSettings(temperature=99)
HI = (TextPart(text="Hi"),)


def call(action: act.Action) -> Example:
    return lambda app, _: app.call(action)


async def run(app: Opened, *actions: act.Action) -> None:
    """Carry out actions on a conversation “c” with a question and an answer."""
    await app.call(act.CreateConversation(id="c"))
    await app.call(act.SendMessage(conversation="c", parts=HI))
    await app.until(lambda: app.shown("c")[-1].status == "done" and len(app.shown("c")) == 2)
    for action in actions:
        await app.call(action)


def in_chat(*actions: act.Action) -> Example:
    return lambda app, _: run(app, *actions)


async def while_queued(app: Opened, action: act.Action) -> None:
    app.host.engine.script._answers[:] = [[HANG]]  # pyright: ignore[reportPrivateUsage]
    await app.call(act.CreateConversation(id="c"))
    for _ in range(2):
        await app.call(act.SendMessage(conversation="c", parts=HI))
    await app.call(action)


async def twice_at_once(app: Opened, _: pytest.MonkeyPatch) -> None:
    compare = act.RunComparison(prompt="Hi", models=(("pocket", None, None),))
    await asyncio.gather(app.call(compare), app.call(compare))


async def deleted_for_good(app: Opened, _: pytest.MonkeyPatch) -> None:
    await app.call(act.CreateConversation(id="c"))
    await app.call(act.DeleteConversation(id="c"))
    await app.call(act.RestoreConversation(id="c"))


async def another_server(app: Opened, _: pytest.MonkeyPatch) -> None:
    for address in ("http://127.0.0.1:9/v1", "http://127.0.0.1:10/v1"):
        key = "sk-1" if address.endswith(":9/v1") else None
        await app.call(act.SaveCloud(vendor="compatible", id="a", model="m", base_url=address, api_key=key))


async def newer_record(app: Opened, _: pytest.MonkeyPatch) -> None:
    await app.store.put("conversation/c", b'{"version": 2}')
    await app.call(act.CreateConversation(id="c"))


async def without_amplifier(app: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "amplifier_core", None)
    # Where another test has imported it: what imports it does so again.
    for name in ("app.agent_session", "amplifier.sessions", "amplifier.kernel"):
        monkeypatch.delitem(sys.modules, f"browserllm.{name}", raising=False)
    await app.call(act.OpenAgent())


def unknown(action: type[act.Action], **fields: Any) -> Example:
    """An action on a conversation, message, model, ... that does not exist."""
    names = {field.name for field in msgspec.structs.fields(action) if field.required}
    ids = names & {"id", "conversation", "model", "agent", "message"}
    return call(action(**dict.fromkeys(ids, "nothing"), **fields))


def browsers_own(action: type[act.Action]) -> Example:
    async def example(app: Opened, _: pytest.MonkeyPatch) -> None:
        app.app.state.put(Download(model="browser", state="running"), "downloads", "browser")
        await app.call(action(model="browser"))  # type: ignore[call-arg]

    return example


def where_the_browser_has_a_model(action: act.Action) -> Example:
    async def example(app: Opened, _: pytest.MonkeyPatch) -> None:
        facts = bl.page.DeviceFacts(webgpu=device_facts().webgpu, engines={"prompt-api": "downloadable"})
        other = await opened(ScriptedHost(engines=["webllm", "prompt-api"], facts=facts))
        try:
            await other.call(action)
        finally:
            await other.app.close()

    return example


EXAMPLES: dict[tuple[str, str], list[Example]] = {
    ("conversations.create", "invalid_request"): [
        call(act.CreateConversation(id="a/b")),
        call(act.CreateConversation(title="x" * 999)),
        call(act.CreateConversation(folder="x" * 999)),
        call(act.CreateConversation(settings=WRONG)),
        newer_record,
    ],
    ("conversations.open", "invalid_request"): [unknown(act.OpenConversation)],
    ("conversations.close", "invalid_request"): [unknown(act.CloseConversation)],
    ("conversations.update", "invalid_request"): [
        unknown(act.UpdateConversation),
        in_chat(act.UpdateConversation(id="c", settings=WRONG)),
        in_chat(
            act.UpdateConversation(id="c", settings=ConversationSettings(private=True)),
            act.UpdateConversation(id="c", settings=ConversationSettings()),
        ),
    ],
    ("conversations.delete", "invalid_request"): [unknown(act.DeleteConversation)],
    ("conversations.restore", "invalid_request"): [unknown(act.RestoreConversation), deleted_for_good],
    ("conversations.search", "invalid_request"): [call(act.SearchConversations(text=SYSTEM))],
    ("conversations.fork", "invalid_request"): [
        unknown(act.ForkConversation),
        in_chat(act.ForkConversation(id="c", message="nothing")),
    ],
    ("conversations.export", "invalid_request"): [call(act.ExportConversations(id="nothing"))],
    ("conversations.import", "invalid_request"): [
        call(act.ImportConversations(text=text))
        for text in ("", '{"format": "browserllm.conversations", "version": 2}', '{"format": "x"}')
    ],
    ("chat.send", "invalid_request"): [
        unknown(act.SendMessage, parts=HI),
        in_chat(act.SendMessage(conversation="c", parts=(TextPart(text=" "),))),
        in_chat(act.SendMessage(conversation="c", parts=(TextPart(text="x" * 5_000_000),))),
    ],
    ("chat.stop", "invalid_request"): [unknown(act.StopAnswer)],
    ("chat.regenerate", "invalid_request"): [
        unknown(act.Regenerate),
        in_chat(act.Regenerate(conversation="c", message="nothing")),
        lambda app, _: while_queued(app, act.Regenerate(conversation="c")),
    ],
    ("chat.continue", "invalid_request"): [
        unknown(act.ContinueAnswer),
        in_chat(act.CreateConversation(id="empty"), act.ContinueAnswer(conversation="empty")),
        lambda app, _: while_queued(app, act.ContinueAnswer(conversation="c")),
    ],
    ("chat.edit", "invalid_request"): [
        unknown(act.EditMessage, parts=HI),
        in_chat(act.EditMessage(conversation="c", message="nothing", parts=HI)),
        in_chat(act.EditMessage(conversation="c", message="nothing", parts=())),
    ],
    ("chat.delete", "invalid_request"): [
        unknown(act.DeleteMessage),
        in_chat(act.DeleteMessage(conversation="c", message="nothing")),
    ],
    ("chat.branch", "invalid_request"): [
        unknown(act.SelectBranch),
        in_chat(act.SelectBranch(conversation="c", message="nothing")),
    ],
    ("chat.approve", "invalid_request"): [unknown(act.DecideApproval, approve=True)],
    ("chat.explain", "invalid_request"): [call(act.ExplainRoute(conversation="nothing"))],
    ("generate", "invalid_request"): [
        call(act.Generate(messages=())),
        call(act.Generate(messages=(act.PlainMessage(role="user", parts=HI),), settings=WRONG)),
    ],
    ("models.download", "model_not_found"): [unknown(act.DownloadModel)],
    ("models.download", "unavailable"): [call(act.DownloadModel(model="browser"))],
    ("models.download", "unsupported"): [where_the_browser_has_a_model(act.DownloadModel(model="browser"))],
    ("models.resume", "model_not_found"): [unknown(act.ResumeDownload)],
    ("models.resume", "unavailable"): [call(act.ResumeDownload(model="browser"))],
    ("models.resume", "unsupported"): [where_the_browser_has_a_model(act.ResumeDownload(model="browser"))],
    ("models.pause", "model_not_found"): [unknown(act.PauseDownload)],
    ("models.pause", "invalid_request"): [call(act.PauseDownload(model="pocket"))],
    ("models.pause", "unsupported"): [browsers_own(act.PauseDownload)],
    ("models.cancel", "model_not_found"): [unknown(act.CancelDownload)],
    ("models.cancel", "invalid_request"): [call(act.CancelDownload(model="pocket"))],
    ("models.cancel", "unsupported"): [browsers_own(act.CancelDownload)],
    ("models.load", "model_not_found"): [unknown(act.LoadModel)],
    ("models.load", "unavailable"): [call(act.LoadModel(model="pocket", engine="webllm"))],
    ("models.load", "load_failed"): [call(act.LoadModel(model="pocket", engine="transformersjs"))],
    ("models.delete", "model_not_found"): [unknown(act.DeleteModel)],
    ("models.add", "model_not_found"): [call(act.AddModel(source=folder("nothing")))],
    ("models.add", "invalid_request"): [
        call(act.AddModel(source=folder("tiny"), id="__proto__")),
        call(act.AddModel(source=folder("tiny"), id="pocket")),
    ],
    ("models.add", "load_failed"): [call(act.AddModel(source=folder("cut")))],
    ("models.estimate", "model_not_found"): [unknown(act.EstimateDownload)],
    ("models.missing", "model_not_found"): [unknown(act.ListMissingFiles)],
    ("models.missing", "invalid_request"): [call(act.ListMissingFiles(model="pocket"))],
    ("compare.run", "model_not_found"): [call(act.RunComparison(prompt="Hi", models=(("nothing", None, None),)))],
    ("compare.run", "invalid_request"): [
        call(act.RunComparison(prompt=" ", models=(("pocket", None, None),))),
        call(act.RunComparison(prompt="x" * 5_000_000, models=(("pocket", None, None),))),
        call(act.RunComparison(prompt="Hi", models=())),
        call(act.RunComparison(prompt="Hi", models=(("pocket", None, None),) * 5)),
        twice_at_once,
    ],
    ("settings.update", "invalid_request"): [
        call(act.UpdateSettings(changes={"nothing": 1})),
        call(act.UpdateSettings(changes={"theme": "sepia"})),
    ],
    ("settings.preset", "invalid_request"): [
        call(act.SavePreset(preset=Preset(id="a/b", name="A", settings=ConversationSettings()))),
        call(act.SavePreset(preset=Preset(id="a", name="", settings=ConversationSettings()))),
        call(act.SavePreset(preset=Preset(id="a", name="A", settings=WRONG))),
    ],
    ("settings.delete_preset", "invalid_request"): [unknown(act.DeletePreset)],
    ("clouds.save", "invalid_request"): [call(act.SaveCloud(vendor="openai", model="m", id="a/b")), another_server],
    ("clouds.delete", "invalid_request"): [unknown(act.DeleteCloud)],
    ("clouds.test", "invalid_request"): [unknown(act.TestCloud)],
    ("agent.open", "invalid_request"): [call(act.OpenAgent(id="a/b")), call(act.OpenAgent(settings=WRONG))],
    ("agent.open", "unavailable"): [without_amplifier],
    ("agent.execute", "invalid_request"): [unknown(act.AskAgent, prompt="Hi")],
    ("agent.reply", "invalid_request"): [unknown(act.ReplyToAgent)],
    ("agent.cancel", "invalid_request"): [unknown(act.CancelAgent)],
    ("agent.change", "invalid_request"): [unknown(act.ChangeAgent)],
    ("agent.history", "invalid_request"): [unknown(act.AgentHistory)],
}

FINE: dict[str, list[act.Action]] = {
    "conversations.delete": [act.DeleteConversation(id="*")],
    "models.refresh": [act.RefreshModels()],
    "models.unload": [act.UnloadModel(model="pocket"), act.UnloadModel(model="nothing"), act.UnloadModel()],
    "models.delete": [act.DeleteModel(model="tiny"), act.DeleteModel(model="*")],
    "storage.persist": [act.PersistStorage()],
    "storage.clean": [act.CleanStorage()],
    "notices.dismiss": [act.DismissNotice(id="nothing")],
    "device.refresh": [act.RefreshDevice()],
    "agent.close": [act.CloseAgent(agent="nothing")],
}


def test_every_action_is_in_the_table_and_nothing_else() -> None:
    assert set(ROWS) == set(act.actions())
    rooms = {name.partition(".")[0] for name in act.actions() if "." in name}
    named = {name for name in re.findall(r"`([a-z]+\.[a-z_]+)`", TEXT) if name.partition(".")[0] in rooms}
    others = {"settings.damaged", "settings.model"}  # a record, and a setting
    assert named - others <= set(act.actions())


@pytest.mark.parametrize("name", ROWS)
def test_the_table_says_what_an_action_returns(name: str) -> None:
    assert ROWS[name][0].replace("`", "") == _said(act.actions()[name].result)


def _said(kind: Any) -> str:
    if kind is None or kind is type(None):
        return "null"
    plain = {str: "string", float: "number", bool: "boolean", dict: "object"}
    if get_origin(kind) in (list, tuple):
        return f"{_said(get_args(kind)[0])}[]"
    if get_origin(kind) is dict:
        return "object"
    if get_args(kind):
        return " or ".join(map(_said, get_args(kind)))
    return plain.get(kind, kind.__name__)


def test_every_error_of_the_table_has_an_example_here() -> None:
    """And every example is an error of the table."""
    assert set(EXAMPLES) == CODES
    assert {name for name, (_, fails) in ROWS.items() if not fails} <= set(FINE)


async def app_with(files: ScriptedFiles) -> Opened:
    failed = {"transformersjs": bl.errors.LoadFailed("the files do not fit")}
    host = ScriptedHost(files=files, facts=device_facts(webgpu=False), fail_load=failed)
    return await opened(host, MemoryStore())


@pytest.mark.parametrize(
    ("name", "code", "number"),
    [(name, code, number) for (name, code), examples in EXAMPLES.items() for number in range(len(examples))],
)
async def test_an_action_fails_as_the_table_says(
    name: str, code: str, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the app goes on: it can still create a conversation."""
    cut = {folder("cut") + "config.json": '{"model_type": "llama"}'}
    app = await app_with(ScriptedFiles({**web(tiny=[]), **cut}))
    if name.startswith(("chat.", "conversations.", "compare.")):
        app.host.engine.fail_load = {}
    with pytest.raises(BrowserLLMError) as caught:
        await EXAMPLES[name, code][number](app, monkeypatch)
    assert caught.value.code == code
    assert str(caught.value)
    assert len(str(caught.value)) < 1_000
    await app.call(act.CreateConversation())
    await app.app.close()


@pytest.mark.parametrize("name", FINE)
async def test_an_action_without_an_error_in_the_table_does_not_fail(name: str) -> None:
    app = await app_with(ScriptedFiles(web(tiny=[])))
    await app.call(act.AddModel(source=folder("tiny"), id="tiny"))
    for action in FINE[name]:
        assert action.name == name
        await app.call(action)
    await app.app.close()
