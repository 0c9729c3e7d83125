"""The app in a notebook: a kernel of JupyterLab, and the page that it shows in the reader's browser."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, FrameLocator, expect

import browserllm
from jupyter_lab import Lab, running_lab

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


@pytest.fixture(scope="module")
def lab_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Run JupyterLab; gives its address, and the user's data folder."""
    folder = tmp_path_factory.mktemp("lab")
    data = folder / "user"
    source = str(Path(browserllm.__file__).parents[1])
    with running_lab(folder, SHOW, STREAM, AGAIN, CLOSE, PYTHONPATH=source, XDG_DATA_HOME=str(data)) as url:
        yield url, data


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
    lab = Lab(start_browser().new_page(), url).open(cells=4)
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
