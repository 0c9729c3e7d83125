"""Downloads that the browser carries out (Background Fetch), so that they go on when the page is closed."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import BrowserContext, Locator, expect

from app_page import AppPage, text_of
from fault_server import Content, Fault, FaultServer
from served_models import POCKET

STORY = "Tell me a story about a fox."
TEXTS = ("config.json", "tokenizer.json", "tokenizer_config.json", "generation_config.json")
SLOWLY = Fault(bytes_per_s=8e6)


@pytest.fixture(scope="module")
def context(start_browser: Callable[..., BrowserContext]) -> BrowserContext:
    """A browser without WebGPU that stays when the page of a test is closed."""
    context = start_browser(webgpu=False)
    context.new_page()
    return context


@pytest.fixture
def server() -> Iterator[FaultServer]:
    """A server of models for the CPU."""
    with FaultServer() as serving:
        yield serving


@pytest.fixture
def app(context: BrowserContext, site_url: str) -> Iterator[AppPage]:
    """The app, after the first run, at a page that the service worker controls."""
    app = AppPage(context, site_url).open()
    app.call("settings.update", changes={"introduced": True})
    app.page.evaluate(_UNTIL_CONTROLLED)
    yield app
    app.check()
    # The browser waits for a server that is gone, and lets the next fetch wait, too.
    app.page.evaluate(_ABORT_ALL)
    app.page.close()


class Served:
    """A model on the server, whose weights come slowly."""

    def __init__(self, server: FaultServer, name: str) -> None:
        self.server = server
        self.name = name
        self.weights = f"/{name}/onnx/model_quantized.onnx"
        self.data = (POCKET / "onnx" / "model_quantized.onnx").read_bytes()
        for text in TEXTS:
            server.add(f"/{name}/{text}", (POCKET / text).read_bytes())
        server.add(self.weights, Content(self.data), SLOWLY)

    def begin(self, app: AppPage) -> None:
        """Download about a megabyte of it in the page."""
        app.call("models.add", source=f"{self.server.origin}/{self.name}/", id=self.name)
        self.server.limit_bytes = self.server.sent_bytes() + 1_500_000
        app.page.goto(f"{app.url}#models/{self.name}")
        app.page.get_by_role("button", name=f"Download {self.name}").first.click()
        app.wait_for_state(lambda state: state["downloads"].get(self.name, {}).get("receivedBytes", 0) > 1_000_000)

    def continue_in_background(self, app: AppPage, *faults: Fault) -> Locator:
        """Hand the download to the browser, with the server's faults from then on; returns the line that shows it."""
        app.page.get_by_role("button", name=f"Continue the download of {self.name} in the background").first.click()
        dialog = app.page.get_by_role("dialog")
        expect(dialog).to_contain_text("are missing")
        expect(dialog).to_contain_text("fetched again from the start")
        if faults:
            self.server.add(self.weights, Content(self.data), *faults)
            self.server.limit_bytes = None
        dialog.get_by_role("button", name="Continue in the background").click()
        expect(dialog).to_have_count(0)
        return app.page.locator(".download-facts").first

    def wait_until_there(self, app: AppPage) -> None:
        app.wait_for_state(
            lambda state: (
                state["models"].get(self.name, {}).get("downloaded", False) and self.name not in state["downloads"]
            )
        )


def test_a_download_goes_on_while_the_page_is_closed(
    app: AppPage, context: BrowserContext, server: FaultServer
) -> None:
    """The next visit has the model: nothing is fetched then, and it answers without its server."""
    small = Served(server, "small")
    small.begin(app)
    facts = small.continue_in_background(app)
    expect(facts).to_contain_text("Your browser fetches it")
    server.wait_until(lambda: len(server.requests_for(small.weights)) == 2)
    app.page.close()
    server.limit_bytes = None
    again = server.requests_for(small.weights)[1]
    server.wait_until(lambda: again.sent_bytes == len(small.data))
    sent = server.sent_bytes()
    app.page = AppPage(context, app.url).open().page
    small.wait_until_there(app)
    # Once from the start, and no byte after it: the first megabyte is what came twice, as the dialog said.
    assert server.sent_bytes() == sent
    assert server.requests_for(small.weights)[0].sent_bytes < 2_000_000
    assert app.page.evaluate(_RECORDS) == []
    server.stop()
    conversation = app.call("conversations.create", settings={"model": "small"})
    app.page.goto(f"{app.url}#chat/{conversation}")
    message = app.ask(STORY)
    assert "fox" in text_of(message)
    expect(message.locator(".answer-line")).to_contain_text("small")


def test_a_download_in_the_background_comes_back_to_the_page(app: AppPage, server: FaultServer) -> None:
    """It is shown at the next visit, too; going on here ends the browser's fetch, and uses what the page had."""
    back = Served(server, "back")
    back.begin(app)
    back.continue_in_background(app)
    server.wait_until(lambda: len(server.requests_for(back.weights)) == 2)
    app.page.reload()
    here = app.page.get_by_role("button", name="Continue the download of back here").first
    expect(here).to_be_visible()
    app.page.goto(f"{app.url}#chat")
    expect(app.page.get_by_text("back: in the background")).to_be_visible()
    app.page.goto(f"{app.url}#models/back")
    here.click()
    server.wait_until(lambda: len(server.requests_for(back.weights)) == 3)
    server.limit_bytes = None
    back.wait_until_there(app)
    first, _, last = server.requests_for(back.weights)
    assert first.sent_bytes > 1_000_000
    assert last.sent_bytes < len(back.data) - 900_000
    assert app.page.evaluate(_FETCHES) == 0


def test_a_cancelled_one_leaves_nothing(app: AppPage, server: FaultServer) -> None:
    """Cancel ends the browser's fetch as well."""
    gone = Served(server, "gone")
    gone.begin(app)
    gone.continue_in_background(app)
    server.wait_until(lambda: len(server.requests_for(gone.weights)) == 2)
    app.page.get_by_role("button", name="Cancel the download of gone").first.click()
    app.page.get_by_role("button", name="Cancel and delete").click()
    app.wait_for_state(lambda state: "gone" not in state["downloads"])
    assert app.page.evaluate(_FETCHES) == 0
    assert app.page.evaluate(_RECORDS) == []
    assert not app.state()["models"]["gone"]["downloaded"]


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault(status=500), "The server refused a file"),
        (Fault(truncate_at=1_200_000), "not the file that was expected"),
    ],
    ids=["a server that fails", "a file that is too short"],
)
def test_what_goes_wrong_in_the_background_is_an_ordinary_paused_download(
    app: AppPage, server: FaultServer, fault: Fault, said: str
) -> None:
    """The line says why; no engine sees the file; resuming fetches it in the page."""
    bad = Served(server, "bad-server" if fault.status else "bad-file")
    bad.begin(app)
    app.page.get_by_role("button", name=f"Pause the download of {bad.name}").first.click()
    app.wait_for_state(lambda state: state["downloads"][bad.name]["state"] == "paused")
    bad.continue_in_background(app, fault)
    expect(app.page.get_by_text(said).first).to_be_visible()
    assert app.state()["downloads"][bad.name]["state"] == "paused"
    assert app.page.evaluate(_CACHED, bad.weights) is False
    server.heal()
    app.page.get_by_role("button", name=f"Resume the download of {bad.name}").first.click()
    bad.wait_until_there(app)
    assert app.page.evaluate(_CACHED, bad.weights) is True
    assert app.page.evaluate(_RECORDS) == []


_UNTIL_CONTROLLED = """async () => {
await navigator.serviceWorker.ready;
while (navigator.serviceWorker.controller === null) await new Promise(requestAnimationFrame);
}"""

_RECORDS = """async () => (await (await caches.open("browserllm-background")).keys()).map(({ url }) => url)"""

_FETCHES = """async () => (await (await navigator.serviceWorker.ready).backgroundFetch.getIds()).length"""

_ABORT_ALL = """async () => {
const { backgroundFetch } = await navigator.serviceWorker.ready;
for (const id of await backgroundFetch.getIds()) await (await backgroundFetch.get(id)).abort();
}"""

_CACHED = """async (path) => {
const keys = await (await caches.open("transformers-cache")).keys();
return keys.some(({ url }) => url.endsWith(path));
}"""
