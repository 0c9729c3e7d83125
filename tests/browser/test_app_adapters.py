"""The hooks of AI SDK and of TanStack AI, in a page of their own, over the model of the site beside it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from browserllm.cli.build import copy_site
from in_page import SITE

HERE = Path(__file__).parent / "adapters"
WEB = Path(__file__).parents[2] / "web"
LIBRARIES = ["AI SDK", "TanStack AI"]


@pytest.fixture(scope="module")
def page(
    start_browser: Callable[..., BrowserContext],
    serve: Callable[[Path], str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Page:
    """The page, bundled with the real libraries, and the built site under ``/llm/`` of the same server."""
    root = tmp_path_factory.mktemp("adapters")
    command = [str(WEB / "node_modules" / ".bin" / "vite"), "build", "--config", str(HERE / "vite.config.mjs")]
    done = subprocess.run(
        [*command, "--outDir", str(root), "--logLevel", "warn"],
        cwd=WEB,
        env=os.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    copy_site(SITE, root / "llm")
    page = start_browser().new_page()
    page.goto(serve(root))
    return page


@pytest.fixture(params=LIBRARIES)
def chat(page: Page, request: pytest.FixtureRequest) -> Locator:
    """The chat of a library."""
    return page.get_by_role("region", name=request.param)


def send(chat: Locator, text: str) -> None:
    """Write a message and press Enter."""
    chat.get_by_label("Message").fill(text)
    chat.get_by_label("Message").press("Enter")


def test_a_conversation_of_another_library(chat: Locator) -> None:
    """It is answered, goes on with what was said, is stopped with its text kept, and answered again."""
    status, answers = chat.locator("output"), chat.get_by_role("article", name="assistant")
    send(chat, "Tell me a story about a fox.")
    expect(answers).to_contain_text("fox")
    expect(status).to_have_text("ready")
    first = answers.first.inner_text()
    send(chat, "Tell me a story about a whale.")
    expect(answers).to_have_count(2)
    expect(answers.nth(1)).to_contain_text("whale")
    expect(status).to_have_text("ready")
    assert answers.first.inner_text() == first
    chat.get_by_role("button", name="Again").click()
    expect(status).not_to_have_text("ready")
    expect(status).to_have_text("ready")
    expect(answers).to_have_count(2)
    expect(answers.nth(1)).to_contain_text("whale")
    expect(chat.get_by_role("article", name="user")).to_have_count(2)
    send(chat, "Tell me a story about an owl.")
    expect(answers.nth(2)).to_contain_text("owl")
    chat.get_by_role("button", name="Stop").click()
    expect(status).to_have_text("ready")
    expect(answers.nth(2)).to_contain_text("owl")


def test_an_answer_says_who_gave_it(page: Page) -> None:
    """AI SDK's metadata has what the app shows beside an answer."""
    answers = page.get_by_role("region", name="AI SDK").get_by_role("article", name="assistant")
    expect(answers.first).to_have_attribute("title", "pocket")
