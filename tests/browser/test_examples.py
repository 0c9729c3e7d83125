"""The programs and the pages in examples/, run as their README says, over the pocket model in a real browser."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

import browserllm
import openai_exchanges
from browserllm.cli.build import copy_site
from fault_server import Content, Fault, FaultServer
from in_page import SITE
from served_models import POCKET
from static_server import StaticServer
from vendor_server import VendorServer, events, stream
from watched_page import WatchedPage

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
WEB = ROOT / "web"
JUPYTER = ROOT / ".venv-notebook" / "bin" / "jupyter-execute"
"""Made by `make browser`."""
TINY = Path(__file__).parents[1] / "tiny"


def test_each_example_says_how_to_run_it() -> None:
    """Ten lines at most, and the command first."""
    for folder in filter(Path.is_dir, EXAMPLES.iterdir()):
        lines = (folder / "README.md").read_text().splitlines()
        assert lines[0].startswith("# ")
        assert 6 <= len(lines) <= 14, folder


def test_each_example_is_in_the_list_of_the_documentation() -> None:
    """As a page, as a program, or as both."""
    pages, programs = (ROOT / "docs" / "examples.md").read_text().split("## Programs in Python")
    folders = [folder for folder in EXAMPLES.iterdir() if folder.is_dir()]
    listed = set(re.findall(r"^\| `(\w+)`", pages, re.MULTILINE))
    assert listed == {folder.name for folder in folders if [*folder.glob("index.html"), *folder.glob("*.ipynb")]}
    assert set(re.findall(r"^\| `(\w+)`", programs, re.MULTILINE)) == {
        folder.name for folder in folders if (folder / "main.py").exists()
    }


# --- the pages -------------------------------------------------------------------------------------------------------


@pytest.fixture
def page(start_browser: Callable[..., BrowserContext]) -> Iterator[Page]:
    """A tab of a fresh browser."""
    context = start_browser()
    watched = WatchedPage(context)
    yield watched.page
    context.close()
    assert watched.problems == []


def ask(page: Page, text: str) -> None:
    """Write a message and press Enter."""
    box = page.get_by_role("textbox", name="Message")
    box.fill(text)
    box.press("Enter")


def test_chat(page: Page, site_url: str) -> None:
    """Two questions, the second one stopped; nothing is fetched before the first."""
    page.goto(f"{site_url}examples/chat/")
    fetched = page.evaluate("performance.getEntriesByType('resource').map(({ name }) => name.split('/').pop())")
    assert set(fetched) == {"alone.js", "page.css", "page.js", "widget.js"}
    ask(page, "Why is the sky blue?")
    answers = page.locator("li.assistant")
    expect(page.locator("#status")).to_have_text(re.compile(r"pocket, \d+ tokens a second"))
    assert len(answers.inner_text().split()) > 3
    ask(page, "Tell me a story about a fox.")
    expect(answers.nth(1)).not_to_be_empty()
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#status")).to_have_text("Stopped.")
    expect(answers).to_have_count(2)
    assert page.locator("li.error").count() == 0
    page.get_by_role("button", name="New chat").click()
    expect(page.get_by_role("heading", name="Ask something.")).to_be_visible()
    expect(answers).to_have_count(0)


def test_a_chat_without_a_site_says_what_is_missing(page: Page, serve: Callable[[Path], str], tmp_path: Path) -> None:
    """The folder was copied, `connect.js` was not: the error is in the page, and the question is asked again."""
    shutil.copytree(EXAMPLES / "chat", tmp_path / "a" / "chat")
    shutil.copy(SITE / "widget.js", tmp_path)
    page.goto(f"{serve(tmp_path)}a/chat/")
    ask(page, "Hello!")
    expect(page.locator("li.error")).to_contain_text("connect.js could not be loaded")
    expect(page.locator("li.error")).to_contain_text("browserllm build")
    expect(page.get_by_role("textbox", name="Message")).to_have_value("Hello!")
    expect(page.get_by_role("button", name="Send")).to_be_visible()


def test_offline_chat(page: Page) -> None:
    """Installable; after one answer the server is stopped, the page loaded again, and the next question answered."""
    server = StaticServer(SITE)
    page.goto(f"{server.url}examples/offline_chat/")
    expect(page.locator("#offline")).to_have_text("After the first answer it works without a network.")
    ask(page, "Why is the sky blue?")
    expect(page.locator("#status")).to_contain_text("tokens a second")
    expect(page.locator("#offline")).to_have_text("Works without a network.")
    devtools = page.context.new_cdp_session(page)
    assert devtools.send("Page.getInstallabilityErrors")["installabilityErrors"] == []
    server.stop()
    devtools.send("Network.clearBrowserCache")  # which may have for now what nothing keeps
    page.reload()
    expect(page.locator("#offline")).to_have_text("Works without a network.")
    ask(page, "Tell me a story about a fox.")
    expect(page.locator("li.assistant")).to_contain_text("fox")
    expect(page.locator("#status")).to_contain_text("tokens a second")


def test_an_offline_chat_that_is_not_complete_says_so(page: Page, serve: Callable[[Path], str], tmp_path: Path) -> None:
    """A file of the page is missing on the server: it answers, and promises nothing."""
    copy_site(SITE, tmp_path / "llm")
    (tmp_path / "llm/examples/offline_chat/icon.svg").unlink()
    page.goto(f"{serve(tmp_path)}llm/examples/offline_chat/")
    ask(page, "Why is the sky blue?")
    expect(page.locator("#offline")).to_contain_text("Not kept: a file of the page or of the site could not be fetched")


def test_offline_chat_is_the_chat_with_more_files() -> None:
    """As its README says."""
    for name in ("page.js", "page.css"):
        assert (EXAMPLES / "offline_chat" / name).read_bytes() == (EXAMPLES / "chat" / name).read_bytes()


def test_widget(page: Page, site_url: str) -> None:
    """The page's script asks, and the widget shows the model that answers."""
    page.goto(f"{site_url}examples/widget/")
    expect(page.locator("local-llm-widget").get_by_role("button", name="Start")).to_be_visible()
    page.get_by_role("button", name="Tell me a story").click()
    expect(page.locator("#answer")).to_contain_text("fox")
    expect(page.locator("local-llm-widget [part~=state]")).to_have_text("Ready")


def test_model_manager_page(page: Page, site_url: str) -> None:
    """A model of one's own is added, downloaded with a pause, loaded, freed and deleted."""
    with FaultServer() as server:
        for name in ("config.json", "tokenizer.json", "tokenizer_config.json", "generation_config.json"):
            server.add(f"/mine/{name}", (POCKET / name).read_bytes())
        weights = Content((POCKET / "onnx" / "model_quantized.onnx").read_bytes())
        server.add("/mine/onnx/model_quantized.onnx", weights, Fault(bytes_per_s=4e6))
        page.goto(f"{site_url}examples/model_manager/")
        here = page.locator("#here-list li")
        expect(here).to_have_count(1)
        expect(page.locator("#fits-list li").first).to_be_visible()
        page.get_by_label("A model of your own").fill(f"{server.origin}/mine/")
        page.get_by_role("button", name="Add").click()
        row = page.locator("li", has_text="mine")
        page.locator("summary").click()
        server.limit_bytes = server.sent_bytes() + 1_000_000
        row.get_by_role("button", name="Download").click()
        row.get_by_role("button", name="Pause").click()
        expect(row.locator(".now")).to_have_text(re.compile(r"paused: \d+ MB of \d+ MB"))
        server.limit_bytes = None
        row.get_by_role("button", name="Resume").click()
        row.get_by_role("button", name="Load").click()
        expect(row.locator(".now")).to_have_text("in memory")
        row.get_by_role("button", name="Unload").click()
        row.get_by_role("button", name="Delete").click()
        expect(row.get_by_role("button", name="Download")).to_be_visible()
        expect(page.get_by_role("alert")).to_be_hidden()
        page.get_by_label("A model of your own").fill(f"{server.origin}/nothing/")
        page.get_by_role("button", name="Add").click()
        expect(page.get_by_role("alert")).to_contain_text("nothing")


def use_react_example(page: Page) -> None:
    """Ask, stop the second answer, and look at the models."""
    expect(page.get_by_role("combobox", name="Model").locator("option", has_text="pocket")).to_be_attached()
    ask(page, "Why is the sky blue?")
    answers = page.get_by_role("article", name="assistant")
    expect(answers.locator("small")).to_have_text(re.compile(r"pocket, \d+ tokens a second"))
    expect(page.get_by_role("combobox", name="Model")).to_have_value("pocket")
    ask(page, "Tell me a story about a fox.")
    expect(answers.nth(1)).to_contain_text("fox")
    page.get_by_role("button", name="Stop").click()
    expect(answers.nth(1).locator("small")).to_contain_text("Stopped")
    expect(page.get_by_role("button", name="Send")).to_be_visible()
    assert page.get_by_role("alert").count() == 0


def test_react_in_the_gallery(page: Page, site_url: str) -> None:
    page.goto(f"{site_url}examples/react/")
    use_react_example(page)


@pytest.fixture
def react_app(tmp_path: Path) -> Iterator[str]:
    """The example in a folder of its own, as `npm install` leaves it, run by `npm run dev`; gives its address."""
    app = tmp_path / "app"
    shutil.copytree(EXAMPLES / "react", app, ignore=shutil.ignore_patterns("node_modules", "public", "dist"))
    packages = app / "node_modules"
    installed = WEB / "node_modules"
    for name in ("react", "react-dom", "scheduler", "vite", "typescript", "@types"):
        (packages / name).parent.mkdir(parents=True, exist_ok=True)
        (packages / name).symlink_to(installed / name)
    builder = ["node", str(WEB / "scripts" / "build-react.mjs")]
    subprocess.run(builder, check=True, capture_output=True)
    files = json.loads((WEB / "react" / "package.json").read_text())["files"]
    for name in ["package.json", *files]:
        source, target = WEB / "react" / name, packages / "@browserllm" / "react" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)
    copy_site(SITE, app / "public" / "llm")
    types = ["node", str(installed / "typescript" / "bin" / "tsc")]
    checked = subprocess.run(types, cwd=app, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    vite = ["node", str(installed / "vite" / "bin" / "vite.js")]
    command = [*vite, "--host", "127.0.0.1", "--port", str(port), "--strictPort"]
    with subprocess.Popen(command, cwd=app, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as server:
        try:
            assert server.stdout is not None
            printed = ""
            for line in server.stdout:
                printed += line
                if str(port) in line:
                    break
            else:
                raise AssertionError(printed)
            yield f"http://127.0.0.1:{port}/"
        finally:
            server.kill()


def test_react(page: Page, react_app: str) -> None:
    """It type-checks against the package's own declarations, and runs on Vite's server."""
    page.goto(react_app)
    use_react_example(page)


def cells() -> list[str]:
    """The code of the notebook."""
    read = json.loads((EXAMPLES / "notebook" / "chat.ipynb").read_text())
    return ["".join(cell["source"]) for cell in read["cells"] if cell["cell_type"] == "code"]


def check_notebook(printed: list[str]) -> None:
    """What each cell printed: an answer, two answers, an object."""
    connected, streamed, chatted, animal, closed = printed
    assert (connected, closed) == ("", "")
    assert len(streamed.split()) > 3
    first, second = chatted.split("> ")[1:]
    assert first.startswith("Tell me a story about a fox.\n") and "fox" in first.splitlines()[1]
    assert second.startswith("And one about a whale?\n") and len(second.split()) > 8
    assert re.fullmatch(r"Animal\(name='.*', legs=-?\d+, lives_in='(water|forest|house)'\)\s*", animal)


def test_notebook_in_jupyter(tmp_path: Path) -> None:
    """Run by Jupyter's own command with a kernel on CPython, which starts a browser."""
    assert JUPYTER.exists(), "JupyterLab is not installed: run `make browser`"
    shutil.copy(EXAMPLES / "notebook" / "chat.ipynb", tmp_path)
    own = {f"JUPYTER_{name}_DIR": str(tmp_path / name.lower()) for name in ("CONFIG", "DATA", "RUNTIME")}
    package = str(Path(browserllm.__file__).parents[1])
    done = subprocess.run(
        [str(JUPYTER), "--inplace", str(tmp_path / "chat.ipynb")],
        env={**os.environ, **own, "PYTHONPATH": package, "XDG_CACHE_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    run = [cell for cell in json.loads((tmp_path / "chat.ipynb").read_text())["cells"] if cell["cell_type"] == "code"]
    check_notebook(["".join("".join(out["text"]) for out in cell["outputs"]) for cell in run])


KERNEL = """
const { loadPyodide } = await import("/pyodide/pyodide.mjs");
const pyodide = await loadPyodide({ indexURL: "/pyodide/" });
const { archive, wheels } = await (await fetch("/llm/python/manifest.json")).json();
const extractDir = pyodide.runPython("import sysconfig; sysconfig.get_path('purelib')");
for (const { file } of [archive, ...wheels]) {
  pyodide.unpackArchive(await (await fetch(`/llm/python/${file}`)).arrayBuffer(), "zip", { extractDir });
}
const names = pyodide.toPy({ __name__: "__main__" });
let printed = "";
pyodide.setStdout({ write: (bytes) => { printed += new TextDecoder().decode(bytes); return bytes.length; } });
self.onmessage = async ({ data }) => {
  printed = "";
  try {
    await pyodide.runPythonAsync(data, { globals: names });
    self.postMessage(printed);
  } catch (error) {
    self.postMessage(`failed: ${error}`);
  }
};
self.postMessage("ready");
"""
KERNEL_PAGE = """<!doctype html>
<title>A kernel in a worker</title>
<script type="module">
  const worker = new Worker("kernel.js", { type: "module" });
  const next = () => new Promise((resolve) => { worker.onmessage = ({ data }) => resolve(data); });
  window.ready = next();
  window.run = async (code) => { const done = next(); worker.postMessage(code); return done; };
</script>
"""


def test_notebook_in_a_kernel_in_the_browser(page: Page, serve: Callable[[Path], str], tmp_path: Path) -> None:
    """Pyodide as npm has it, in a worker of a page that knows nothing of browserllm: JupyterLite's kernels are such."""
    copy_site(SITE, tmp_path / "llm")
    shutil.copytree(WEB / "node_modules" / "pyodide", tmp_path / "pyodide")
    (tmp_path / "kernel.js").write_text(KERNEL)
    (tmp_path / "index.html").write_text(KERNEL_PAGE)
    page.goto(serve(tmp_path))
    assert page.evaluate("ready") == "ready"
    refused = page.evaluate("run('import browserllm\\nawait browserllm.connect(site=\"/other/\")')")
    assert "the engine of the site '/other/' could not be started" in refused
    first, *others, last = cells()
    printed = [page.evaluate("(code) => run(code)", first)]
    (engine,) = [worker for worker in page.workers if "/llm/" in worker.url]
    printed += [page.evaluate("(code) => run(code)", cell) for cell in others]
    with engine.expect_event("close"):
        printed.append(page.evaluate("(code) => run(code)", last))
    check_notebook(printed)


# --- the programs -----------------------------------------------------------------------------------------------------


def run(name: str, home: Path, *arguments: str, typed: str = "", **environment: str) -> str:
    """Run an example to its end and return what it printed."""
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name / "main.py"), *arguments],
        input=typed,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, "XDG_CACHE_HOME": str(home), **environment},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def cloud() -> Iterator[dict[str, str]]:
    """A server with OpenAI's API on loopback, as the variables that name it."""
    chunks = openai_exchanges.text_chunks("From ", "the cloud.")
    answer = stream(events(*chunks, "[DONE]"))
    with VendorServer({"cloud": answer}) as server:
        yield {"OPENAI_BASE_URL": f"{server.url}/cloud", "OPENAI_API_KEY": "k"}


def test_basic(tmp_path: Path) -> None:
    out = run("basic", tmp_path, "Why is the sky blue?")
    answer, said = out.strip().splitlines()
    assert len(answer.split()) > 3
    assert re.fullmatch(r"pocket on webllm: \d+ tokens, \d+ a second", said)


def test_hybrid_routing(tmp_path: Path, cloud: dict[str, str]) -> None:
    """The short question stays here, the long one is paid for, and the private one goes nowhere."""
    out = run("hybrid_routing", tmp_path, **cloud)
    explained, short, long, private = out.split("\n> ")
    assert "on this device" in explained
    assert "local (pocket), cost nothing" in short
    assert "From the cloud." in long
    assert re.search(r"passed over: .*local.*\d+ tokens", long)
    assert "cost an unknown amount" in long, "prices are those of OpenAI's own address"
    assert private.startswith("Summarize") and "(private)" in private
    assert "no answer: " in private and "From the cloud." not in private


def test_cost_optimized(tmp_path: Path, cloud: dict[str, str]) -> None:
    out = run("cost_optimized", tmp_path, **cloud)
    first, second, again, paid, refused = out.split("\n> ")[1:]
    assert first.splitlines()[1] == again.splitlines()[1]
    assert all("local: 0.0" in each for each in (first, second, again))
    assert "refused: " in paid and "price" in paid, "prices are those of OpenAI's own address"
    assert "refused: " in refused and "budget" in refused


@pytest.mark.parametrize(
    ("answer", "result"), [("y\n", r"called set_light\(.*\): \w+ is at \d+ %"), ("n\n", "said no")]
)
def test_tools(tmp_path: Path, answer: str, result: str) -> None:
    out = run("tools", tmp_path, typed=answer)
    assert "Run set_light(" in out
    assert re.search(result, out)


def test_structured(tmp_path: Path) -> None:
    out = run("structured", tmp_path)
    assert re.search(r"^.+: [0-8] legs, lives in: (water|forest|house)$", out, re.MULTILINE)
    assert re.search(r"^\([1-6], [1-6], [1-6]\)$", out, re.MULTILINE)


def test_embeddings_search(tmp_path: Path) -> None:
    """With a tiny embedding model of this repository in place of the one that would be downloaded."""
    out = run("embeddings_search", tmp_path, "Where is the key?", "--address", str(TINY / "embedding/resolve/main"))
    scores = [float(score) for score in re.findall(r"^(-?\d\.\d{3})  ", out, re.MULTILINE)]
    assert len(scores) == 4
    assert scores == sorted(scores, reverse=True)
    assert re.search(r"\d+ dimensions, \d+ tokens", out)


def test_model_manager(tmp_path: Path) -> None:
    out = run("model_manager", tmp_path, "pocket")
    assert re.search(r"^quick: \S+ \(.+\)$", out, re.MULTILINE)
    assert "pocket runs on webllm, webgpu" in out
    assert "event: ready pocket" in out and "event: unloaded pocket" in out


def test_agent(tmp_path: Path) -> None:
    """Question, tool, approval, result, answer."""
    out = run("agent", tmp_path, "What time is it?", typed="y\n" * 30)
    assert "Run clock({})? [y/n]" in out
    (answer,) = re.findall(r"^answer: (.*\S.*)$", out, re.MULTILINE)
    assert re.search(r"\d", answer), "the tool's result is in it"
