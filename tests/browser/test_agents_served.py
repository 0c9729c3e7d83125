"""Agents of pages that a Python process serves: the session runs there, on amplifier-core's own engine."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

SERVE = """
import sys
sys.argv[1:] = ["serve", "--port", "0", "--no-open"]
from browserllm.__main__ import main
main()
"""
WITHOUT_AMPLIFIER = f"import sys\nsys.modules['amplifier_core'] = None\n{SERVE}"

Serve = Callable[[str], str]


@pytest.fixture
def serve_app(tmp_path: Path) -> Iterator[Serve]:
    """Start a process that serves the app; returns the address of the example's page on it, with its key."""
    processes: list[subprocess.Popen[str]] = []

    def start(code: str) -> str:
        environment = {**os.environ, "XDG_DATA_HOME": str(tmp_path), "HOME": str(tmp_path)}
        process = subprocess.Popen(
            [sys.executable, "-u", "-c", code], stdout=subprocess.PIPE, text=True, env=environment
        )
        processes.append(process)
        assert process.stdout is not None
        found = re.search(r"(http://\S+?/)(#key=\S+)", process.stdout.readline())
        assert found is not None
        return f"{found[1]}examples/agent/index.html{found[2]}"

    yield start
    for process in processes:
        process.terminate()
        process.communicate()


@pytest.fixture
def page(start_browser: Callable[..., BrowserContext]) -> Iterator[Page]:
    context = start_browser()
    yield context.new_page()
    context.close()


@pytest.mark.skipif(find_spec("amplifier_core") is None, reason="needs amplifier-core")
def test_a_served_page_asks_and_answers_and_comes_back_after_a_reload(serve_app: Serve, page: Page) -> None:
    """Also in the middle of a prompt: the session that was left behind makes way for the new one of the same id."""
    page.goto(serve_app(SERVE))
    page.click("#start")
    expect(page.locator("#send:enabled, li.error")).to_be_visible()
    page.fill("#prompt", "What time is it?")
    page.click("#send")
    page.locator("button.allow").click()
    expect(page.locator("#send:enabled")).to_be_visible()
    assert page.locator("li.error").all_inner_texts() == []
    assert page.locator("#log > li").first.inner_text() == "What time is it?"
    expect(page.locator("li.tool .result").first).to_contain_text("Result: ")
    begin = """async () => {
      const { AmplifierWeb } = await import("../../amplifier.js");
      const agent = new AmplifierWeb({ sessionId: "mine", maxTokens: 300, temperature: 0.8, seed: 1 });
      await agent.init();
      return new Promise((resolve, reject) => {
        agent.execute("Tell me a long story about a fox.", { onText: resolve }).catch(reject);
      });
    }"""
    assert page.evaluate(begin) != ""
    page.reload()
    assert page.evaluate(begin) != ""


def test_a_process_without_amplifier_says_what_to_install(serve_app: Serve, page: Page) -> None:
    page.goto(serve_app(WITHOUT_AMPLIFIER))
    page.click("#start")
    error = page.locator("li.error")
    expect(error).to_contain_text("pip install 'browserllm[amplifier]'")
    expect(error).to_contain_text("Install what the message names")
    expect(page.locator("#start")).to_be_enabled()
