"""`<local-llm-widget>` on bare pages of a plain static server, beside the site that `browserllm build` wrote."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from browserllm.cli.build import copy_site
from fault_server import Content, Fault, FaultServer
from in_page import SITE
from served_models import POCKET

DOCS = (Path(__file__).parents[2] / "docs" / "widget.md").read_text(encoding="utf-8")
SMALLEST, ASKING, *_ = re.findall(r"```html\n(.*?)```", DOCS, flags=re.DOTALL)
(POLICY,) = re.findall(r"```\n(default-src .*?)\n```", DOCS)

STRICT = f"""<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta http-equiv="Content-Security-Policy" content="{POLICY} http://127.0.0.1:*">
  <title>Two widgets</title>
  <script type="module" src="listen.js"></script>
  <script type="module" src="llm/widget.js"></script>
</head>
<body>
  <local-llm-widget id="first"></local-llm-widget>
  <div id="elsewhere"></div>
  <local-llm-widget id="second" src="llm"></local-llm-widget>
</body>
</html>
"""

LISTEN = """
window.seen = [];
for (const name of ["loading", "ready", "unloaded", "error"]) {
  document.addEventListener("local-llm:" + name, (event) => {
    seen.push([event.target.id, name, event.detail.model ?? event.detail.error?.code ?? null]);
  });
}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The root of a server: two pages of the documentation, one with a strict policy, and the site beside them."""
    root = tmp_path_factory.mktemp("www")
    copy_site(SITE, root / "llm")
    (root / "smallest.html").write_text(SMALLEST)
    (root / "asking.html").write_text(ASKING)
    (root / "strict.html").write_text(STRICT)
    (root / "listen.js").write_text(LISTEN)
    return root


@pytest.fixture
def open_page(
    start_browser: Callable[..., BrowserContext], serve: Callable[[Path], str], folder: Path
) -> Iterator[Callable[[str], Page]]:
    """Open one of the pages in a fresh browser; none may log an error or a violation of its policy."""
    context = start_browser()
    problems: list[str] = []
    url = serve(folder)

    def note(text: str) -> None:
        if "Content Security Policy" in text or "Refused to" in text:
            problems.append(text)

    def go(name: str) -> Page:
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda message: note(message.text))
        page.goto(f"{url}{name}")
        return page

    yield go
    context.close()
    assert problems == []


def status(page: Page, widget: str = "local-llm-widget") -> Any:
    """Return what a widget's `getStatus` says."""
    return page.evaluate("(name) => document.querySelector(name).getStatus()", widget)


def ready(page: Page, widget: str = "local-llm-widget") -> None:
    """Wait until a widget says that its model can answer."""
    expect(page.locator(f"{widget} [part~=state]")).to_have_text("Ready")


def test_the_smallest_page_starts_when_the_visitor_says_so(open_page: Callable[[str], Page]) -> None:
    """Before that it has fetched the widget alone."""
    page = open_page("smallest.html")
    start = page.get_by_role("button", name="Start")
    expect(start).to_be_visible()
    fetched = page.evaluate("performance.getEntriesByType('resource').map(({ name }) => name.split('/').pop())")
    assert set(fetched) - {"favicon.ico"} == {"widget.js"}
    start.click()
    ready(page)
    assert status(page)["model"] == "pocket"
    expect(page.get_by_role("button", name="Unload")).to_be_visible()
    page.get_by_role("button", name="Unload").click()
    expect(page.locator("[part~=state]")).to_have_text("Off")


def test_a_page_asks_by_itself(open_page: Callable[[str], Page]) -> None:
    """The documentation's second page prints an answer."""
    page = open_page("asking.html")
    expect(page.locator("#answer")).to_contain_text("fox")
    ready(page)
    assert status(page)["primaryMetric"]["unit"] == "tokens/s"


def test_two_widgets_and_the_api_share_one_model_under_a_strict_policy(open_page: Callable[[str], Page]) -> None:
    """An answer streams token by token; both widgets show it; there is one connection."""
    page = open_page("strict.html")
    page.locator("#first").get_by_role("button", name="Start").click()
    ready(page, "#second")
    told = page.evaluate("""async () => {
        const widget = document.querySelector("#second");
        const tokens = [];
        const states = new Set();
        const answer = await widget.moduleApi.chat([{ role: "user", content: "Tell me a story about a fox." }], {
            maxTokens: 40,
            onToken: (text) => { tokens.push(text); states.add(document.querySelector("#first").getStatus().state); },
        });
        return { text: answer.text, tokens, states: [...states], model: answer.answer.model };
    }""")
    assert "fox" in told["text"]
    assert "".join(told["tokens"]) == told["text"]
    assert len(told["tokens"]) > 5
    assert (told["states"], told["model"]) == (["active"], "pocket")
    assert status(page, "#first") == status(page, "#second")
    assert status(page, "#first")["secondaryMetric"]["value"] == 1
    assert len(page.workers) >= 2
    workers = len(page.workers)
    page.evaluate("document.querySelector('#first').moduleApi.init()")
    assert len(page.workers) == workers
    assert [event for event in page.evaluate("seen") if event[1] == "ready"] == [
        ["first", "ready", "pocket"],
        ["second", "ready", "pocket"],
    ]
    assert page.evaluate("document.querySelector('#first').moduleApi.getRuntimeInfo()")["engine"] == "webllm"
    page.locator("#second").get_by_role("button", name="Unload").click()
    expect(page.locator("#first [part~=state]")).to_have_text("Off")


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer() as server:
        yield server


def held_model(server: FaultServer) -> str:
    """Serve the pocket model in Transformers.js's layout; its weights stop coming after a megabyte."""
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json", "generation_config.json"):
        server.add(f"/mine/{name}", (POCKET / name).read_bytes())
    weights = Content((POCKET / "onnx" / "model_quantized.onnx").read_bytes())
    server.add("/mine/onnx/model_quantized.onnx", weights, Fault(bytes_per_s=4e6))
    return f"{server.origin}/mine/"


def test_removed_in_the_middle_of_a_load_it_cancels_it(open_page: Callable[[str], Page], server: FaultServer) -> None:
    """One of two widgets, or one that is moved, ends nothing; the last one ends the load, and tells nothing more."""
    page = open_page("strict.html")
    page.locator("#first").get_by_role("button", name="Start").click()
    ready(page, "#first")
    page.evaluate(
        "(source) => document.querySelector('#first').moduleApi.client.call('models.add', { source, id: 'mine' })",
        held_model(server),
    )
    server.limit_bytes = server.sent_bytes() + 1_000_000
    page.evaluate("document.querySelector('#first').model = 'mine'")
    expect(page.locator("#first [part~=progress]")).to_contain_text(" of ")
    assert status(page, "#second")["state"] == "loading"
    page.evaluate("document.querySelector('#elsewhere').append(document.querySelector('#first'))")
    page.evaluate("document.querySelector('#second').remove()")
    assert status(page, "#first")["state"] == "loading"
    expect(page.locator("#first").get_by_role("button", name="Cancel")).to_be_visible()
    left = page.evaluate("""async () => {
        const widget = document.querySelector("#first");
        const { client } = widget.moduleApi;
        let late = 0;
        for (const name of ["loading", "progress", "ready", "unloaded", "error"]) {
            widget.addEventListener("local-llm:" + name, () => { late += 1; });
        }
        widget.remove();
        await new Promise((resolve) => {
            const look = () => {
                const { downloads, loading } = client.getState();
                if (downloads.mine?.state === "paused" && loading === null) resolve();
            };
            client.subscribe(look);
            look();
        });
        window.gone = widget;
        return { late, loaded: client.getState().loaded.map(({ model }) => model) };
    }""")
    assert left["late"] == 0
    assert "mine" not in left["loaded"]
    page.evaluate("gone.model = ''; document.body.append(gone)")
    expect(page.locator("#first [part~=state]")).to_have_text(re.compile("Ready|Off"))


ARABIC = """<!doctype html>
<html lang="ar" dir="rtl">
<meta charset="utf-8">
<title>Arabic</title>
<script type="module" src="llm/widget.js"></script>
<local-llm-widget model="nonsense" auto-load></local-llm-widget>
"""


def test_an_arabic_page_has_an_arabic_widget(open_page: Callable[[str], Page], folder: Path) -> None:
    """Its words are one more file, fetched when they are needed; an unknown model is told with some that exist."""
    (folder / "arabic.html").write_text(ARABIC)
    page = open_page("arabic.html")
    expect(page.locator("[part~=error-title]")).to_have_text("لا يوجد نموذج بهذا الاسم")
    expect(page.locator("[part~=error-remedy]")).to_contain_text("pocket")
    expect(page.locator("[part~=box]")).to_have_attribute("dir", "rtl")
    fetched = page.evaluate("performance.getEntriesByType('resource').map(({ name }) => name.split('/').pop())")
    assert "widget-ar.js" in fetched and "widget-de.js" not in fetched
    page.locator("local-llm-widget").evaluate("(widget) => { widget.model = 'pocket'; }")
    expect(page.locator("[part~=state]")).to_have_text("جاهز")


def test_a_start_can_be_cancelled_and_begun_again(open_page: Callable[[str], Page]) -> None:
    """Nothing of it goes on: Python's worker and the engine's end."""
    page = open_page("smallest.html")
    page.get_by_role("button", name="Start").click()
    page.wait_for_function("() => document.querySelector('local-llm-widget').getStatus().primaryMetric !== null")
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("[part~=state]")).to_have_text("Off")
    expect(page.locator("[part~=error]")).to_be_hidden()
    page.get_by_role("button", name="Start").click()
    ready(page)
    assert len([worker for worker in page.workers if "worker" in worker.url]) <= 3
