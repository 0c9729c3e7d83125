"""The app in a notebook: a kernel of JupyterLab, and the page that it shows in the reader's browser."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, FrameLocator, Page, expect

import browserllm

ROOT = Path(__file__).parents[2]
JUPYTER = ROOT / ".venv-notebook" / "bin" / "jupyter-lab"
"""Made by `make browser`: JupyterLab has a hundred packages, which nothing else needs."""

SHOW = "from browserllm.notebook import ChatApp\n(app := ChatApp())"
STREAM = """
import browserllm
async with browserllm.connect(app) as host:
    story = browserllm.LocalBackend(host).stream("Tell me a story")
    pieces = [chunk.text async for chunk in story]
print(f"{len(pieces) > 20} {''.join(pieces)[:30]!r}")
"""
AGAIN = "(app := ChatApp())"
CLOSE = "app.close()"


class Lab:
    """A notebook in JupyterLab, used by its commands."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url

    def open(self) -> Lab:
        self.page.goto(f"{self.url}/lab/tree/chat.ipynb?token=token&reset")
        self.page.wait_for_function("() => window.jupyterapp !== undefined")
        expect(self.page.locator(".jp-Notebook .jp-CodeCell")).to_have_count(4)
        expect(self.page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]")).to_be_attached()
        return self

    def run(self, cell: int) -> None:
        """Select a cell and run it. Returns at once."""
        self.page.locator(".jp-CodeCell").nth(cell).locator(".cm-content").click()
        self.page.evaluate("void jupyterapp.commands.execute('notebook:run-cell')")

    def output(self, cell: int) -> str:
        """Wait for the text that a cell prints."""
        text = self.page.locator(".jp-CodeCell").nth(cell).locator(".jp-OutputArea-output pre")
        expect(text.first).to_be_visible()
        return text.first.inner_text()

    def frame(self, cell: int) -> FrameLocator:
        return self.page.locator(".jp-CodeCell").nth(cell).frame_locator("iframe[title=browserllm]")

    def says(self, cell: int, text: str) -> None:
        """Wait until the widget says this above its frame."""
        line = self.page.locator(".jp-CodeCell").nth(cell).locator(".browserllm-notebook-line")
        expect(line).to_contain_text(text)


@pytest.fixture(scope="module")
def lab_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Run JupyterLab; gives its address, and the user's data folder."""
    assert JUPYTER.exists(), "JupyterLab is not installed: run `make browser`"
    folder = tmp_path_factory.mktemp("lab")
    notebooks, data = folder / "notebooks", folder / "data"
    notebooks.mkdir()
    (notebooks / "chat.ipynb").write_text(json.dumps(notebook(SHOW, STREAM, AGAIN, CLOSE)))
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    own = {f"JUPYTER_{name}_DIR": str(folder / name.lower()) for name in ("CONFIG", "DATA", "RUNTIME")}
    environment = {
        **os.environ,
        **own,
        "XDG_DATA_HOME": str(data),
        "PYTHONPATH": str(Path(browserllm.__file__).parents[1]),
    }
    options = ["--no-browser", "--allow-root", f"--port={port}", "--expose-app-in-browser"]
    secrets = ["--IdentityProvider.token=token", f"--ServerApp.root_dir={notebooks}"]
    command = [str(JUPYTER), *options, *secrets, "--LabApp.news_url=None", "--log-level=WARN"]
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT) as lab,
    ):
        try:
            url = f"http://localhost:{port}"  # as Jupyter opens it; the kernel's own server is at 127.0.0.1
            wait_for(f"{url}/api/status?token=token", lab, folder / "log")
            yield url, data
        finally:
            lab.kill()  # a server that waits for requests may not notice a gentler signal; its kernels end with it


def notebook(*cells: str) -> dict[str, object]:
    code = {"cell_type": "code", "metadata": {}, "execution_count": None, "outputs": []}
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    numbered = [{**code, "id": f"cell-{number}", "source": cell} for number, cell in enumerate(cells)]
    return {"cells": numbered, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}


def wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until a server answers, or until its process ends."""
    while process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=10):  # noqa: S310 (our own server)
                return
        except OSError:
            try:
                process.wait(0.2)
            except subprocess.TimeoutExpired:
                continue
    raise AssertionError(log.read_text())


def ask(app: FrameLocator, text: str) -> str:
    """Send a message in the app, and return the answer when it is complete."""
    box = app.get_by_role("textbox", name="Message", exact=True)
    box.fill(text)
    box.press("Enter")
    answer = app.get_by_role("article", name="Assistant").last
    expect(answer.locator(".message-foot")).to_contain_text("On this device")
    return answer.locator(".message-parts").inner_text()


def test_the_app_appears_in_a_cell_and_the_kernel_uses_its_engine(
    lab_url: tuple[str, Path], start_browser: Callable[..., BrowserContext]
) -> None:
    """Two lines show the chat; the kernel streams from the reader's engine; the page says why it has ended."""
    url, data = lab_url
    lab = Lab(start_browser().new_page(), url).open()
    lab.run(0)
    app = lab.frame(0)
    app.get_by_role("button", name="Start chatting").click()
    assert "blue" in ask(app, "Why is the sky blue?")
    (store,) = data.rglob("conversations.sqlite")
    with sqlite3.connect(store) as database:
        kept = [bytes(value) for _, value in database.execute("SELECT key, value FROM entries")]
    assert any(b"Why is the sky blue?" in value for value in kept)

    lab.run(1)
    assert lab.output(1).startswith("True '"), "more than 20 pieces came, one after the other"

    lab.run(2)
    lab.says(0, "the cell was run again")
    second = lab.frame(2)
    second.get_by_role("textbox", name="Message", exact=True).wait_for()
    assert ask(second, "Tell me a story")

    lab.run(3)
    lab.says(2, "it was closed by Python")
    lab.run(0)
    lab.frame(0).get_by_role("textbox", name="Message", exact=True).wait_for()
    lab.page.evaluate("void jupyterapp.commands.execute('kernelmenu:restart')")
    lab.page.locator(".jp-Dialog .jp-mod-accept").click()
    lab.says(0, "the kernel was restarted or stopped")
    expect(lab.frame(0).get_by_role("heading", name="Python is gone")).to_be_visible()
