"""The app in a real page: Python in a worker, the pocket model on the engine, and the state in the page."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import BrowserContext

from app_page import AppPage


@pytest.fixture(scope="module")
def context(start_browser: Callable[..., BrowserContext]) -> Iterator[BrowserContext]:
    context = start_browser()
    yield context
    context.close()


def test_a_first_visit_gets_an_answer_and_keeps_it(context: BrowserContext, site_url: str) -> None:
    """The built-in model answers; the whole catalog is judged; a reload shows the same conversation."""
    app = AppPage(context, site_url)
    assert app.state(".status") == "ready"
    answer = app.ask("Tell me a story about a fox.", maxTokens=60)
    assert answer["status"] == "done"
    assert "fox" in answer["parts"][0]["text"].lower()
    assert (answer["answer"]["where"], answer["answer"]["model"]) == ("local", "pocket")
    assert answer["answer"]["tokensPerS"] > 0
    app.until("Object.keys(app.state.models).length > 70")
    assert app.state(".loaded[0].model") == "pocket"
    assert app.state(".totals.answers") == 1
    assert app.state(".storage.quotaBytes") > 0
    (conversation,) = app.state(".conversations")
    app.reload()
    assert list(app.state(".conversations")) == [conversation]
    assert "What is my" not in app.state(f".conversations['{conversation}'].title")
    app.page.close()


def test_an_unused_model_is_freed_and_comes_back(context: BrowserContext, site_url: str) -> None:
    """After the time of the settings the memory is free; the next message loads the model again."""
    app = AppPage(context, site_url)
    app.ask("Hi", maxTokens=5)
    app.call("settings.update", changes={"keepAliveS": 1})
    app.until("app.state.loaded.length === 0")
    assert "not used" in app.state(".notices.at(-1).text")
    app.call("settings.update", changes={"keepAliveS": None})
    assert app.ask("Hi", maxTokens=5)["status"] == "done"
    assert app.state(".loaded[0].model") == "pocket"
    app.page.close()


def test_two_engines_are_compared(context: BrowserContext, site_url: str) -> None:
    """The pocket model on WebGPU and on the CPU, with a speed for each."""
    app = AppPage(context, site_url)
    sides = [["pocket", "webllm", None], ["pocket", "transformersjs", "wasm"]]
    app.call("compare.run", prompt="Tell me a story about a fox.", models=sides, maxTokens=20)
    runs = app.state(".compare.runs")
    assert [(run["status"], run["engine"], run["device"]) for run in runs] == [
        ("done", "webllm", "webgpu"),
        ("done", "transformersjs", "wasm"),
    ]
    assert all(run["text"] and run["answer"]["tokensPerS"] > 0 for run in runs)
    app.page.close()


def test_settings_stay_and_wrong_ones_are_refused(context: BrowserContext, site_url: str) -> None:
    """They are in the browser's storage; an error names the wrong one."""
    app = AppPage(context, site_url)
    app.call("settings.update", changes={"theme": "dark"})
    with pytest.raises(Exception, match="keepAliveS"):
        app.call("settings.update", changes={"theme": "light", "keepAliveS": -5})
    app.reload()
    assert app.state(".settings.theme") == "dark"
    app.call("settings.update", changes={"theme": "system"})
    app.page.close()
