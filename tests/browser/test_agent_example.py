"""The page of examples/agent, used by a person: the pocket model answers, online and without a network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from browserllm.cli.build import copy_site
from in_page import SITE
from static_server import StaticServer


def start(page: Page, url: str) -> Page:
    """Open the page, and press Start; the agent is ready then."""
    page.goto(f"{url}examples/agent/")
    page.click("#start")
    expect(page.locator("#send:enabled, li.error")).to_be_visible()
    assert page.locator("li.error").all_inner_texts() == []
    return page


def send(page: Page, prompt: str, decide: str = "allow") -> list[str]:
    """Send a prompt, and answer each question with this button; returns the kinds of what was said since."""
    known = page.locator("#log > li").count()
    page.fill("#prompt", prompt)
    page.press("#prompt", "Enter")
    button = page.locator(f"button.{decide}")
    while True:
        expect(button.or_(page.locator("#send:enabled")).first).to_be_visible()
        if page.locator("#send:enabled").count():
            break
        button.first.click()
    return [item.get_attribute("class") or "" for item in page.locator("#log > li").all()[known:]]


@pytest.fixture(scope="module")
def page(start_browser: Callable[..., BrowserContext], site_url: str) -> Page:
    opened = start_browser().new_page()
    problems: list[str] = []
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.on("console", lambda said: problems.append(said.text) if "Security Policy" in said.text else None)
    opened.goto(f"{site_url}examples/agent/index.html")
    python = "performance.getEntriesByType('resource').filter((entry) => /pyodide|python/.test(entry.name)).length"
    assert opened.evaluate(python) == 0, "nothing starts by itself"
    start(opened, site_url)
    assert problems == []
    return opened


@pytest.fixture(autouse=True)
def forgotten(request: pytest.FixtureRequest) -> None:
    """Begin each test with an agent that has forgotten the one before: the small model answers the same then."""
    if "page" in request.fixturenames:
        page: Page = request.getfixturevalue("page")
        page.click("#clear")
        expect(page.locator("#log > li")).to_have_count(0)


def test_a_question_a_tool_an_approval_a_result_and_an_answer(page: Page) -> None:
    assert send(page, "What time is it?") == ["user", "tool", "agent"]
    card = page.locator("li.tool").last
    expect(card).to_contain_text("clock({})")
    expect(card.locator(".result")).to_contain_text("Result: ")
    assert card.locator("button").count() == 0
    assert page.locator("li.agent").last.inner_text().strip() != ""
    history = page.evaluate("agent.getHistory()")
    assert [message["role"] for message in history] == ["system", "user", "assistant", "tool", "assistant"]
    assert f"Result: {history[3]['content']}" == card.locator(".result").inner_text()
    expect(page.locator("#status")).to_contain_text("on this device")


def test_a_tool_that_the_user_denies_does_not_run(page: Page) -> None:
    kinds = send(page, "What time is it?", "deny")
    assert kinds[:2] == ["user", "tool"]
    expect(page.locator("li.tool").last.locator(".result")).to_have_text("No result: the user refused the call")


def test_cancel_takes_the_question_back(page: Page) -> None:
    page.fill("#prompt", "What time is it?")
    page.click("#send")
    expect(page.locator("button.allow")).to_be_visible()
    page.click("#cancel")
    expect(page.locator("#status")).to_have_text("Cancelled.")
    assert page.locator("button.allow").count() == 0
    assert send(page, "What time is it?")[0] == "user"
    expect(page.locator("#status")).to_contain_text("on this device")


def test_clear_forgets(page: Page) -> None:
    send(page, "Hello")
    page.click("#clear")
    expect(page.locator("#status")).to_contain_text("forgotten")
    assert page.locator("#log > li").count() == 0
    assert [message["role"] for message in page.evaluate("agent.getHistory()")] == ["system"]


def test_the_next_visit_needs_no_network(start_browser: Callable[..., BrowserContext], tmp_path: Path) -> None:
    """Page, Python, packages, engine and model are kept: the server is gone by then."""
    copy_site(SITE, tmp_path / "www")
    server = StaticServer(tmp_path / "www")
    page = start(start_browser().new_page(), server.url)
    assert send(page, "What time is it?") == ["user", "tool", "agent"]
    assert page.evaluate("agent.keepForOffline()")
    server.stop()
    assert send(start(page, server.url), "What time is it?") == ["user", "tool", "agent"]
