"""The first steps, followed to the letter: an empty folder, a fresh environment, the built packages, a real browser.

For each of the four readers of the documentation. What is done in another way is in `first_steps.SUBSTITUTIONS`.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from browserllm._internal.version import __version__
from first_steps import ROOT, SUBSTITUTIONS, Reader, read_steps
from jupyter_lab import Lab, running_lab

HERE = Path(__file__).parent
PAGES = ("README.md", "docs/start/python.md", "docs/start/page.md", "docs/start/react.md", "docs/notebook.md")

SKY = re.compile("blue|light")
"""What the pocket model says of the sky."""

MakeReader = Callable[..., Reader]


@pytest.fixture
def reader(tmp_path: Path, wheel: Path) -> Iterator[MakeReader]:
    """Give a reader an empty folder with the wheel in it, or another folder, and stop what they started."""
    readers: list[Reader] = []
    shutil.copy(wheel, tmp_path)

    def make(folder: Path = tmp_path, **variables: str) -> Reader:
        readers.append(Reader(folder, variables))
        return readers[-1]

    yield make
    for each in readers:
        each.stop()


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a reader has followed what other pages link to: "Install it" of docs/start/python.md."""
    folder = tmp_path_factory.mktemp("installed")
    shutil.copy(wheel, folder)
    text = (ROOT / "docs/start/python.md").read_text(encoding="utf-8")
    section = text.partition("## Install it\n")[2].partition("\n## ")[0]
    for step in read_steps(section):
        Reader(folder).type(step.text)
    return folder


def visit(page: Page, reader: Reader, document: str, address: str, server: str) -> None:
    """Open an address that a document names, where the server is in this test."""
    assert f"`{address}`" in (ROOT / document).read_text(encoding="utf-8")
    page.goto(re.sub(r"http://localhost:\d+/", reader.addresses[server], address))


def test_a_python_developer(reader: MakeReader) -> None:
    """Install, an answer in one command, a program, a conversation, models."""
    python = reader()
    python.follow("docs/start/python.md")
    printed = python.printed
    assert SKY.search(printed['.venv/bin/browserllm run "Why is the sky blue?"'])
    assert f"ok   browserllm: {__version__}" in printed[".venv/bin/browserllm doctor"]
    assert SKY.search(printed[".venv/bin/python answer.py"])
    first, second = printed[".venv/bin/python conversation.py"].strip().splitlines()
    assert "Ann" in first
    assert "Ann" in second
    assert "Qwen3-0.6B" in printed[".venv/bin/browserllm models list --fits"]
    assert "Qwen3-0.6B" in printed[".venv/bin/browserllm models pull Qwen3-0.6B"]


def test_the_first_page_of_the_repository(reader: MakeReader, installed: Path) -> None:
    """The commands of README.md, the answer that it shows, and its program."""
    python = reader(installed)
    python.follow("README.md")
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = re.findall(r"```console\n\$ (browserllm run .*)\n(.*)\n", text)
    for command, answer in shown:
        python.type(f".venv/bin/{command}")
        assert python.printed[f".venv/bin/{command}"].splitlines()[0] == answer
    assert len(shown) == 1


def test_an_author_of_a_page(reader: MakeReader, installed: Path, start_browser: Callable[..., BrowserContext]) -> None:
    """The files, the widget, a page that asks by itself, the chat app."""
    author = reader(installed)
    author.follow("docs/start/page.md")
    (server,) = author.servers
    page = start_browser().new_page()
    fetched: list[str] = []
    page.on("request", lambda request: fetched.append(request.url))
    visit(page, author, "docs/start/page.md", "http://localhost:8000/", server)
    page.get_by_role("button", name="Start").wait_for()
    assert not [url for url in fetched if "/llm/" in url and "widget" not in url], "nothing but the widget"
    page.get_by_role("button", name="Start").click()
    page.get_by_role("button", name="Unload").wait_for()

    visit(page, author, "docs/start/page.md", "http://localhost:8000/ask.html", server)
    page.get_by_role("button", name="Ask").click()
    expect(page.locator("p")).to_contain_text(SKY)

    visit(page, author, "docs/start/page.md", "http://localhost:8000/llm/", server)
    page.get_by_role("button", name="Start chatting").wait_for()


def test_a_react_developer(
    reader: MakeReader,
    installed: Path,
    react_package: Path,
    serve: Callable[[Path], str],
    start_browser: Callable[..., BrowserContext],
) -> None:
    """The app type-checks and builds; it answers while it is developed, and as built files."""
    developer = reader(installed, TEMPLATE=str(HERE / "react_template"))
    shutil.copy(react_package, developer.folder)
    (developer.folder / "node_modules").symlink_to(ROOT / "web" / "node_modules")
    developer.follow("docs/start/react.md")
    page = start_browser().new_page()
    visit(page, developer, "docs/start/react.md", "http://localhost:5173/", "npm run dev")
    answers(page)
    page.goto(serve(developer.here / "dist"))
    answers(page)


def answers(page: Page) -> None:
    """Send a message in the chat of docs/start/react.md."""
    page.get_by_label("Message").fill("Why is the sky blue?")
    page.get_by_role("button", name="Send").click()
    page.get_by_role("button", name="Stop").wait_for()
    page.get_by_role("button", name="Send").wait_for()
    expect(page.locator("form p")).to_have_count(2)
    expect(page.locator("form p").last).to_contain_text(SKY)


def test_a_user_of_notebooks(
    reader: MakeReader, tmp_path_factory: pytest.TempPathFactory, start_browser: Callable[..., BrowserContext]
) -> None:
    """The cells show the chat, and stream an answer from its engine; what follows is for kernels in Pyodide."""
    user = reader()
    user.follow("docs/notebook.md", cells=True)
    show, stream, *_ = user.cells
    python = user.folder / ".venv" / "bin" / "python"
    with running_lab(tmp_path_factory.mktemp("lab"), show, stream, python=python, **user.home) as url:
        lab = Lab(start_browser().new_page(), url).open(cells=2)
        lab.run(0)
        app = lab.frame(0)
        app.get_by_role("button", name="Start chatting").click()
        app.get_by_role("textbox", name="Message", exact=True).fill("Why is the sky blue?")
        app.get_by_role("textbox", name="Message", exact=True).press("Enter")
        answer = app.get_by_role("article", name="Assistant").last
        expect(answer.locator(".message-foot")).to_contain_text("On this device")
        expect(answer).to_contain_text(SKY)
        lab.run(1)
        expect(lab.printed(1)).to_contain_text(SKY)


def test_every_substitution_is_needed() -> None:
    """A command that no page has any more leaves the table."""
    typed = {
        step.text
        for page in PAGES
        for step in read_steps((ROOT / page).read_text(encoding="utf-8"), cells=page.endswith("notebook.md"))
    }
    assert set(SUBSTITUTIONS) <= typed


def test_steps_are_read_in_their_order() -> None:
    """Commands line by line, files by the last name before them, cells; what is printed is left out."""
    page = (
        "Type `this`:\n\n```sh\nmake a\ncd b  # comment\n```\n\n```console\n$ no\n```\n\n"
        "Write `x.y` into `b/c.py`:\n\n```python\nprint()\n```\n"
    )
    first, second, third = read_steps(page)
    assert [first.text, second.text] == ["make a", "cd b"]
    assert (third.kind, third.name, third.text) == ("file", "b/c.py", "print()\n")
    assert [step.kind for step in read_steps(page, cells=True)] == ["command", "command", "cell"]
    with pytest.raises(AssertionError, match="no file is named"):
        list(read_steps("```html\n<p>\n```\n"))
