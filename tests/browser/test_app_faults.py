"""What goes wrong for people: no GPU, a full disk, a broken file, a page that is closed in the middle of a download."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, expect

from app_page import AppPage, text_of
from fault_server import Content, Fault, FaultServer
from served_models import POCKET
from small_disk import leave_free

STORY = "Tell me a story about a fox."
WEIGHTS = "/small/onnx/model_quantized.onnx"


@pytest.fixture(scope="module")
def server() -> Iterator[FaultServer]:
    """The pocket model for the CPU under another name; its weights come slowly, and hold at a limit."""
    with FaultServer() as serving:
        for name in ("config.json", "tokenizer.json", "tokenizer_config.json", "generation_config.json"):
            serving.add(f"/small/{name}", (POCKET / name).read_bytes())
        weights = Content((POCKET / "onnx" / "model_quantized.onnx").read_bytes())
        serving.add(WEIGHTS, weights, Fault(bytes_per_s=4e6))
        yield serving


@pytest.fixture(scope="module")
def shared(start_browser: Callable[..., BrowserContext], site_url: str) -> AppPage:
    """The app in a browser without WebGPU, at its first run."""
    return AppPage(start_browser(webgpu=False), site_url).open()


@pytest.fixture
def app(shared: AppPage) -> Iterator[AppPage]:
    """The app at a new chat, after the first run."""
    shared.call("settings.update", changes={"introduced": True})
    shared.page.goto(f"{shared.url}#chat")
    expect(shared.answers).to_have_count(0)
    yield shared
    shared.check()


def test_without_webgpu_the_cpu_answers_and_the_page_says_what_to_do(shared: AppPage) -> None:
    """The first screen and the settings name the reason and the way out; the first answer comes from the CPU."""
    page = shared.page
    expect(page.get_by_role("heading", name="A language model of your own")).to_be_visible()
    panel = page.get_by_role("group", name="The GPU cannot be used")
    expect(panel).to_contain_text("Small models still run on the CPU.")
    expect(panel).to_contain_text("chrome://gpu")
    # The built-in model loads by itself; that is no download that the person has chosen.
    expect(page.get_by_role("heading", name="Quick")).to_be_visible()
    expect(page.get_by_text("It is being downloaded. You can begin now.")).to_have_count(0)
    shared.start_chatting()
    message = shared.ask(STORY)
    assert "fox" in text_of(message)
    expect(message.get_by_text("On this device")).to_be_visible()
    message.locator(".answer-line").click()
    expect(message.get_by_text("on the CPU")).to_be_visible()
    assert shared.state()["downloads"] == {}
    page.goto(f"{shared.url}#settings/device")
    expect(page.get_by_role("group", name="The GPU cannot be used")).to_be_visible()
    expect(page.get_by_role("listitem").filter(has_text="WebLLM")).to_contain_text("Cannot run")
    shared.check()


BROKEN: dict[str, tuple[str, str]] = {
    "not JSON": ("{ this is not JSON", "JSON"),
    "of another program": (
        '{"format": "something.else", "version": 1, "conversations": []}',
        "no conversations of this app",
    ),
    "of a later version": ('{"format": "browserllm.conversations", "version": 99, "conversations": []}', "99"),
    "cut off": ("", "its end is missing"),
    "with one bad conversation": ("", "conversation 2"),
    "an image": ("\x89PNG\r\n\x1a\n\0\0", "JSON"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_adds_nothing_and_is_named(app: AppPage, tmp_path: Path, name: str) -> None:
    """Imported by hand: what is wrong is said, and the list is what it was."""
    text, said = BROKEN[name]
    if not app.state()["conversations"]:
        app.ask(STORY)
    exported = app.call("conversations.export")
    if name == "cut off":
        text = exported[: len(exported) // 2]
    elif name == "with one bad conversation":
        file = json.loads(exported)
        bad = json.loads(json.dumps(file["conversations"][0]))
        bad["messages"][0]["parent"] = "nowhere"
        file["conversations"] = [file["conversations"][0], bad]
        text = json.dumps(file)
    before = app.state()["conversations"]
    file_path = tmp_path / "conversations.json"
    file_path.write_bytes(text.encode("latin-1") if name == "an image" else text.encode())
    choose(app, file_path)
    toast = app.page.locator(".toast")
    expect(toast).to_contain_text(said)
    assert app.state()["conversations"] == before
    toast.get_by_role("button", name="Dismiss").click()
    expect(toast).to_have_count(0)


def choose(app: AppPage, file: Path) -> None:
    """Choose a file in the sidebar's menu."""
    app.page.get_by_role("button", name="Manage conversations").click()
    with app.page.expect_file_chooser() as chooser:
        app.page.get_by_role("menuitem", name="Import conversations").click()
    chooser.value.set_files(file)


def test_a_whole_file_is_imported_once(app: AppPage, tmp_path: Path) -> None:
    """What is there already is said so, and what was deleted comes back with its branches."""
    if not app.state()["conversations"]:
        app.ask(STORY)
    before = app.state()["conversations"]
    file = tmp_path / "all.json"
    file.write_text(app.call("conversations.export"))
    choose(app, file)
    expect(
        app.page.get_by_text(
            f"{len(before)} {'conversation was' if len(before) == 1 else 'conversations were'} there already"
        )
    ).to_be_visible()
    assert app.state()["conversations"] == before
    app.call("conversations.delete", id="*")
    choose(app, file)
    expect(app.page.get_by_text(f"{len(before)} conversation")).to_be_visible()
    expect(app.said.first).to_have_text(STORY)
    assert app.state()["conversations"] == before


def test_two_tabs_that_import_the_same_file_at_once_have_it_once(app: AppPage) -> None:
    """Their Pythons share the records alone, in IndexedDB."""
    if not app.state()["conversations"]:
        app.ask(STORY)
    before = app.state()["conversations"]
    text = app.call("conversations.export")
    other = AppPage(app.page.context, app.url).open()
    app.call("conversations.delete", id="*")
    other.wait_for_state(lambda state: not state["conversations"])
    for tab in (app, other):
        tab.begin("conversations.import", text=text)
    results = [tab.ended() for tab in (app, other)]
    assert sorted(each for result in results for each in result["added"]) == sorted(before)
    assert sorted(each for result in results for each in result["present"]) == sorted(before)
    for tab in (app, other):
        state = tab.wait_for_state(lambda state: set(state["conversations"]) == set(before))
        assert state["conversations"] == before
    other.check()
    other.page.close()


def test_a_download_goes_on_after_a_reload(app: AppPage, server: FaultServer) -> None:
    """In the middle of it the page is opened anew: it is paused, goes on with the rest, and the model answers."""
    page = app.page
    app.call("models.add", source=f"{server.origin}/small/", id="small")
    server.limit_bytes = server.sent_bytes() + 1_500_000
    page.goto(f"{app.url}#models/small")
    page.get_by_role("button", name="Download small").first.click()
    app.wait_for_state(lambda state: state["downloads"].get("small", {}).get("receivedBytes", 0) > 1_000_000)
    page.reload()
    resume = page.get_by_role("button", name="Resume the download of small")
    expect(resume).to_be_visible()
    assert app.state()["downloads"]["small"]["state"] == "paused"
    server.limit_bytes = None
    sent = server.sent_bytes(WEIGHTS)
    resume.click()
    app.wait_for_state(lambda state: state["models"]["small"]["downloaded"] and "small" not in state["downloads"])
    whole = app.state()["models"]["small"]["storedBytes"]
    assert server.sent_bytes(WEIGHTS) - sent < whole - 500_000
    conversation = app.call("conversations.create", settings={"model": "small"})
    page.goto(f"{app.url}#chat/{conversation}")
    message = app.ask(STORY)
    assert "fox" in text_of(message)
    expect(message.locator(".answer-line")).to_contain_text("small")


def test_a_full_disk_is_named_with_the_way_out(
    start_browser: Callable[..., BrowserContext], site_url: str, server: FaultServer, small_disk: Path
) -> None:
    """In the middle of a download: it fails with the bytes that are free and the way out, and the app goes on."""
    app = AppPage(start_browser(webgpu=False, profile=small_disk / "profile"), site_url).open().start_chatting()
    page = app.page
    app.ask(STORY)
    big = Content.generated(40_000_000)
    server.add("/big/onnx/model_quantized.onnx", big, Fault(bytes_per_s=8e6))
    server.limit_bytes = server.sent_bytes() + 5_000_000
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json", "generation_config.json"):
        server.add(f"/big/{name}", (POCKET / name).read_bytes())
    app.call("models.add", source=f"{server.origin}/big/", id="big")
    page.goto(f"{app.url}#models/big")
    page.get_by_role("button", name="Download big").first.click()
    app.wait_for_state(lambda state: state["downloads"].get("big", {}).get("receivedBytes", 0) > 1_000_000)
    leave_free(small_disk, 8 * 2**20)
    server.limit_bytes = None
    row = page.get_by_role("listitem").filter(has=page.get_by_role("heading", name="big", exact=True))
    panel = row.get_by_role("group", name="The browser's storage is full")
    expect(panel).to_be_visible()
    expect(panel).to_contain_text("Delete models that you no longer use")
    expect(panel).to_contain_text("free")
    panel.get_by_role("button", name="Free space").click()
    expect(page.get_by_role("heading", name="Storage")).to_be_in_viewport()
    page.goto(f"{app.url}#chat")
    expect(app.answers).to_have_count(0)
    assert "fox" in text_of(app.ask(STORY))
    app.check()
    page.context.close()
