"""The app in a real page: Python in a worker, the pocket model on the engine, and the state in the page."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import BrowserContext

from app_actions import AppPage
from fault_server import Content, Fault, FaultServer
from served_models import POCKET


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


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer() as serving:
        yield serving


def small_model(server: FaultServer) -> str:
    """Serve the pocket model in Transformers.js's layout; its weights come slowly, and hold at a limit."""
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json", "generation_config.json"):
        server.add(f"/mine/{name}", (POCKET / name).read_bytes())
    weights = Content((POCKET / "onnx" / "model_quantized.onnx").read_bytes())
    server.add("/mine/onnx/model_quantized.onnx", weights, Fault(bytes_per_s=4e6))
    return f"{server.origin}/mine/"


def test_a_download_survives_a_reload(context: BrowserContext, site_url: str, server: FaultServer) -> None:
    """In the middle of it the page is opened anew: it is paused there, goes on, and the model answers."""
    app = AppPage(context, site_url)
    assert app.call("models.add", source=small_model(server), id="mine") == "mine"
    assert app.call("models.estimate", model="mine") is None or app.call("models.estimate", model="mine") > 0
    server.limit_bytes = server.sent_bytes() + 1_500_000
    app.call("models.download", model="mine")
    app.until("app.state.downloads.mine?.receivedBytes > 1000000")
    assert app.state(".downloads.mine.state") == "running"
    assert app.state(".downloads.mine.totalBytes") > 2_000_000
    app.reload()
    app.until("app.state.downloads.mine?.state === 'paused'")
    assert app.state(".downloads.mine.receivedBytes") > 500_000
    app.until("app.state.models.mine?.custom")
    server.limit_bytes = None
    sent = server.sent_bytes("/mine/onnx/model_quantized.onnx")
    app.call("models.resume", model="mine")
    app.until("app.state.models.mine.downloaded && app.state.downloads.mine === undefined")
    assert server.sent_bytes("/mine/onnx/model_quantized.onnx") - sent < app.state(".models.mine.storedBytes") - 500_000
    answer = app.ask("Tell me a story about a fox.", model="mine", maxTokens=30)
    assert (answer["status"], answer["answer"]["model"]) == ("done", "mine")
    assert app.call("models.delete", model="mine") > 2_000_000
    assert not app.state(".models.mine.downloaded")
    app.page.close()


def test_a_download_is_paused_resumed_and_cancelled(
    context: BrowserContext, site_url: str, server: FaultServer
) -> None:
    """Paused, nothing more arrives; cancelled with its parts, nothing stays."""
    app = AppPage(context, site_url)
    app.call("models.add", source=small_model(server), id="other")
    server.limit_bytes = server.sent_bytes() + 1_000_000
    app.call("models.download", model="other")
    app.until("app.state.downloads.other?.receivedBytes > 500000")
    app.call("models.pause", model="other")
    assert app.state(".downloads.other.state") == "paused"
    app.call("models.resume", model="other")
    assert app.state(".downloads.other.state") in ("running", "waiting")
    app.call("models.cancel", model="other", delete=True)
    assert "other" not in app.state(".downloads")
    app.call("models.refresh")
    assert app.state(".storage.reclaimableBytes") == 0
    server.limit_bytes = None
    app.page.close()
