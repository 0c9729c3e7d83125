"""What the browser does to a tab that stays open: it hides it, freezes it, and its person clears the site's data."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, expect

from app_page import AppPage, text_of
from test_chrome import kill_children

STORY = "Tell me a story about a fox."


@pytest.fixture
def app(start_browser: Callable[..., BrowserContext], site_url: str) -> Iterator[AppPage]:
    """The app in a browser without WebGPU, after an answer."""
    opened = AppPage(start_browser(webgpu=False), site_url).open().start_chatting()
    opened.ask(STORY)
    yield opened
    opened.page.context.close()


SHOW_AS = """(state) => {
  Object.defineProperty(document, "visibilityState", { configurable: true, get: () => state });
  document.dispatchEvent(new Event("visibilitychange"));
}"""
"""A headless browser hides no tab: the page is told so, as a browser with windows tells it."""


def test_a_hidden_tab_frees_its_model_and_the_next_message_loads_it_again(app: AppPage) -> None:
    """A tab that is seen again in time keeps it."""
    app.call("settings.update", changes={"freeHiddenS": 3600})
    app.page.evaluate(SHOW_AS, "hidden")
    app.wait_for_state(lambda state: state["loaded"][0]["expiresAt"] is not None)
    app.page.evaluate(SHOW_AS, "visible")
    app.wait_for_state(lambda state: state["loaded"][0]["expiresAt"] is None)
    app.call("settings.update", changes={"freeHiddenS": 0.5})
    app.page.evaluate(SHOW_AS, "hidden")
    state = app.wait_for_state(lambda state: state["loaded"] == [])
    assert state["notices"] == []
    app.page.evaluate(SHOW_AS, "visible")
    assert "fox" in text_of(app.ask(STORY, 2))
    app.check()


@pytest.mark.parametrize("option", [True, False])
def test_a_tab_frees_its_model_before_it_is_frozen_if_asked(app: AppPage, option: bool) -> None:
    """At once, however long the time of the settings is; the tab goes on when it is seen again."""
    app.call("settings.update", changes={"freeHiddenS": 3600 if option else None})
    app.wait_for_state(lambda state: state["loaded"] != [])
    app.page.evaluate(SHOW_AS, "hidden")
    app.page.evaluate("() => document.dispatchEvent(new Event('freeze'))")
    if option:
        app.wait_for_state(lambda state: state["loaded"] == [])
    else:
        assert app.state()["loaded"] != []
    app.page.evaluate("() => document.dispatchEvent(new Event('resume'))")
    app.page.evaluate(SHOW_AS, "visible")
    assert "fox" in text_of(app.ask(STORY, 2))
    app.check()


def test_a_gpu_that_is_lost_in_the_middle_of_an_answer_is_named(
    start_browser: Callable[..., BrowserContext], site_url: str, tmp_path: Path
) -> None:
    """The message says what happened and offers the way out, which works; no notice has the browser's own words."""
    profile = tmp_path / "profile"
    app = AppPage(start_browser(profile=profile), site_url).open().start_chatting()
    page = app.page
    app.call("models.unload")
    app.call("models.load", model="pocket", engine="transformersjs", device="webgpu")
    app.call("settings.update", changes={"defaults": {"maxTokens": 1500, "temperature": 0.9}})
    app.send(STORY)
    expect(app.answers.first.locator(".message-parts")).to_contain_text(" ")
    kill_children(profile, "gpu-process")
    panel = page.get_by_role("group", name="The GPU was lost")
    expect(panel.first).to_be_visible()
    texts = [notice["text"] + str(notice["error"]) for notice in app.state()["notices"]]
    assert not [text for text in texts if "Instance" in text or "OperationError" in text]
    expect(page.get_by_text("Nothing could answer")).to_have_count(0)
    app.call("settings.update", changes={"defaults": {"maxTokens": 20}})
    panel.get_by_role("button", name="Try again").first.click()
    app.wait_for_state(lambda state: answers_of(state)[-1]["status"] == "done")
    app.check()
    page.context.close()


def answers_of(state: Any) -> list[Any]:
    """The answers of the open conversation, the oldest first."""
    (thread,) = state["threads"].values()
    answers = [message for message in thread["messages"].values() if message["role"] == "assistant"]
    return sorted(answers, key=lambda message: message["createdAt"])


def test_a_cleared_storage_is_told_while_the_tab_still_has_the_conversation(app: AppPage) -> None:
    """With the way to export; the tab goes on."""
    devtools = app.page.context.new_cdp_session(app.page)
    devtools.send("Storage.clearDataForOrigin", {"origin": app.url.rstrip("/"), "storageTypes": "all"})
    expect(app.page.get_by_text("The browser has cleared what was stored here")).to_be_visible()
    assert "fox" in text_of(app.ask(STORY, 2))
    app.check()
