"""The app, written by `browserllm build` into a folder of a plain static server, in a real browser."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, expect

from app_page import AppPage, text_of
from browserllm.cli.build import copy_site
from in_page import SITE
from static_server import StaticServer

STORY = "Tell me a story about a fox."
ANOTHER = "Tell me a story about a whale."


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The root of a server: the site is somewhere below it, as on the pages of a project."""
    root = tmp_path_factory.mktemp("www")
    copy_site(SITE, root / "people" / "llm")
    return root


@pytest.fixture
def app(start_browser: Callable[..., BrowserContext], serve: Callable[[Path], str], built: Path) -> Iterator[AppPage]:
    """The app at its first run, after the first screen."""
    app = AppPage(start_browser(), f"{serve(built)}people/llm/").open().start_chatting()
    yield app
    app.check()
    app.page.context.close()


def test_from_the_first_run_to_the_first_answer(
    start_browser: Callable[..., BrowserContext], serve: Callable[[Path], str], built: Path
) -> None:
    """The first screen says what is downloaded and why it is private; the built-in model answers at once."""
    app = AppPage(start_browser(), f"{serve(built)}people/llm/").open()
    expect(app.page.get_by_role("heading", name="A language model of your own")).to_be_visible()
    expect(app.page.get_by_text("There is no account, and no server that reads along.")).to_be_visible()
    app.start_chatting()
    answer = app.ask(STORY)
    assert "fox" in text_of(answer)
    expect(answer.get_by_text("On this device")).to_be_visible()
    expect(answer.get_by_text("tokens/s")).to_be_visible()
    app.page.reload()
    expect(app.said).to_have_text(STORY)
    assert "fox" in text_of(app.answered(1))
    app.check()


def test_the_service_worker_lists_files_that_the_site_has(built: Path) -> None:
    """One that is not there stops the worker's installation, and with it all that works offline."""
    site = built / "people" / "llm"
    line = (site / "sw.js").read_text().partition("\n")[0]
    listed = json.loads(line.removeprefix("self.BROWSERLLM_FILES = ").removesuffix(";"))["files"]
    assert len(listed) > 50
    written = {file.relative_to(site).as_posix(): file for file in site.rglob("*") if file.is_file()}
    hashes = {path: sha256(file.read_bytes()).hexdigest() for path, file in written.items()}
    assert [file["path"] for file in listed if hashes.get(file["path"]) != file["sha256"]] == []


WATCH_START = """addEventListener("DOMContentLoaded", () => {
  window.started = [];
  const look = () => {
    const text = document.querySelector(".boot-text")?.textContent;
    const share = document.querySelector(".boot progress")?.value;
    if (text !== undefined && window.started.at(-1)?.[0] !== text) window.started.push([text, share]);
  };
  new MutationObserver(look).observe(document.documentElement, {
    childList: true, subtree: true, characterData: true, attributes: true,
  });
});"""


def test_the_start_says_how_much_of_python_has_arrived(
    start_browser: Callable[..., BrowserContext], serve: Callable[[Path], str], built: Path
) -> None:
    """The bar is that of the bytes, up to the last one; a later start has one, too."""
    app = AppPage(start_browser(), f"{serve(built)}people/llm/")
    app.page.add_init_script(WATCH_START)
    app.open()
    seen = app.page.evaluate("() => window.started")
    counted = [share for text, share in seen if " of 15" in text]
    assert len(counted) > 5, seen
    assert counted == sorted(counted)
    assert any(0.1 < share < 0.9 for share in counted)
    assert ["Starting Python", 1] in seen
    app.page.reload()
    expect(app.page.locator("main#main")).to_be_attached()
    assert ["Starting Python", 1] in app.page.evaluate("() => window.started")
    app.check()


def test_a_message_that_is_sent_while_the_model_loads_is_answered(
    start_browser: Callable[..., BrowserContext], serve: Callable[[Path], str], built: Path
) -> None:
    """It waits for the load that is in progress."""
    app = AppPage(start_browser(), f"{serve(built)}people/llm/").open().start_chatting()
    assert app.state()["loaded"] == []
    app.send(STORY)
    app.send("And another one.")
    assert text_of(app.answered(2))
    expect(app.questions).to_have_count(2)
    app.check()


def test_stop_keeps_the_text_and_the_conversation_goes_on(app: AppPage) -> None:
    """A stopped answer says so, and can be continued."""
    app.send(STORY)
    expect(app.answers.first).to_contain_text("fox")
    app.page.get_by_role("button", name="Stop the answer").click()
    answer = app.answered(1)
    expect(answer.get_by_text("Stopped")).to_be_visible()
    stopped = text_of(answer)
    assert stopped
    app.ask(ANOTHER, 2)
    assert text_of(app.answers.first) == stopped


def test_edit_and_regenerate_make_branches_that_can_be_switched(app: AppPage) -> None:
    """Nothing that was said is lost, also over a reload."""
    app.ask(STORY)
    app.page.get_by_role("button", name="Answer again").click()
    expect(app.page.get_by_text("2/2")).to_be_visible()
    app.answered(1)
    question = app.questions.first
    question.hover()
    question.get_by_role("button", name="Edit").click()
    box = app.page.get_by_role("textbox", name="Edit the message")
    box.fill(ANOTHER)
    app.page.get_by_role("button", name="Send again").click()
    expect(app.said).to_have_text(ANOTHER)
    assert "whale" in text_of(app.answered(1))
    question.get_by_role("button", name="Previous version").click()
    expect(app.said).to_have_text(STORY)
    app.page.reload()
    expect(app.said).to_have_text(STORY)
    app.questions.first.get_by_role("button", name="Next version").click()
    expect(app.said).to_have_text(ANOTHER)


def test_a_reload_in_the_middle_of_an_answer_loses_nothing(app: AppPage) -> None:
    """What had arrived is there, marked as stopped, and can be continued."""
    app.send(STORY)
    # A record is written about once a second, and no story is like another.
    written = app.page.evaluate(_FIRST_WRITTEN)
    app.page.reload()
    expect(app.said).to_have_text(STORY)
    answer = app.answered(1)
    expect(answer).to_contain_text(written)
    expect(answer.get_by_text("Stopped")).to_be_visible()


def test_two_tabs_show_the_same_conversations(app: AppPage) -> None:
    """What is said in one appears in the other."""
    other = AppPage(app.page.context, app.url).open()
    app.ask(STORY)
    link = other.page.get_by_role("link", name=STORY)
    expect(link).to_be_visible()
    link.click()
    expect(other.said).to_have_text(STORY)
    assert text_of(other.answered(1)) == text_of(app.answered(1))
    other.ask(ANOTHER, 2)
    assert text_of(app.answered(2)) == text_of(other.answers.nth(1))
    other.check()


def test_the_site_opens_and_answers_without_its_server(
    start_browser: Callable[..., BrowserContext], built: Path, tmp_path: Path
) -> None:
    """After the first visit: the server is gone, and the browser was restarted."""
    server = StaticServer(built)
    url = f"{server.url}people/llm/"
    profile = tmp_path / "profile"
    app = AppPage(start_browser(profile=profile), url).open().start_chatting()
    app.ask(STORY)
    app.page.evaluate(_UNTIL_KEPT)
    app.page.context.close()
    server.stop()
    app = AppPage(start_browser(profile=profile), url).open()
    assert app.page.evaluate("crossOriginIsolated"), "the service worker sends the headers that threads need"
    app.page.get_by_role("link", name=STORY).click()
    expect(app.said).to_have_text(STORY)
    assert text_of(app.ask(ANOTHER, 2))
    app.check()


_FIRST_WRITTEN = """async () => {
const words = (value) => {
  if (typeof value !== "string") return;
  const { role, status, parts } = JSON.parse(atob(value));  // Python's bytes are kept as base64
  if (role === "assistant" && status === "streaming") return parts[0]?.text;
};
const look = async () => {
  for (const { name } of await indexedDB.databases()) {
    const db = await new Promise((resolve) => {
      indexedDB.open(name).onsuccess = (event) => resolve(event.target.result);
    });
    try {
      for (const store of db.objectStoreNames) {
        const all = await new Promise((resolve) => {
          db.transaction(store).objectStore(store).getAll().onsuccess = (event) => resolve(event.target.result);
        });
        const written = all.map(words).find((text) => text);
        if (written) return written;
      }
    } finally { db.close(); }
  }
};
for (;;) {
  const written = await look();
  if (written) return written;
  await new Promise(requestAnimationFrame);
}
}"""

_UNTIL_KEPT = """async () => {
const look = async () => {
  const name = (await caches.keys()).find((key) => key.startsWith("browserllm-site-"));
  if (name === undefined) return false;
  const urls = (await (await caches.open(name)).keys()).map(({ url }) => url);
  return ["/assets/engine-", "/pocket.wasm"].every((part) => urls.some((url) => url.includes(part)));
};
while (!(await look())) await new Promise(requestAnimationFrame);
}"""
