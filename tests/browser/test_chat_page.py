"""The chat page, used as a person uses it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, expect


@pytest.fixture(params=["webllm", "transformersjs"])
def chat_page(request: pytest.FixtureRequest, start_browser: Callable[..., BrowserContext], site_url: str) -> Page:
    """The page with the pocket model ready, once with WebGPU and once without."""
    page = start_browser(webgpu=request.param == "webllm").new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(site_url)
    expect(page.get_by_role("textbox")).to_be_enabled(timeout=120_000)
    expect(page.locator("[data-engine]")).to_have_attribute("data-engine", request.param, timeout=120_000)
    assert errors == []
    return page


def test_a_message_is_answered_and_a_second_one_remembers(chat_page: Page) -> None:
    """A typed message streams an answer into the page; the next one sees the history."""
    box = chat_page.get_by_role("textbox")
    box.fill("Hi, my name is Marta.")
    box.press("Enter")
    answers = chat_page.locator("[data-role=assistant]")
    expect(answers).to_have_count(1)
    expect(answers.first).to_have_attribute("data-done", "true", timeout=60_000)
    assert answers.first.inner_text().strip()
    box.fill("What is my name?")
    box.press("Enter")
    expect(answers).to_have_count(2)
    expect(answers.nth(1)).to_have_attribute("data-done", "true", timeout=60_000)
    expect(answers.nth(1)).to_contain_text("Marta")


def test_stop_ends_the_answer_and_the_next_message_works(chat_page: Page) -> None:
    """The stop button ends a running answer, and the page takes the next message."""
    box = chat_page.get_by_role("textbox")
    box.fill("Tell me a story about a dragon.")
    box.press("Enter")
    answers = chat_page.locator("[data-role=assistant]")
    expect(answers.first).not_to_be_empty(timeout=60_000)
    chat_page.get_by_role("button", name="Stop").click()
    expect(answers.first).to_have_attribute("data-done", "true")
    box.fill("Hello!")
    box.press("Enter")
    expect(answers.nth(1)).to_have_attribute("data-done", "true", timeout=60_000)
    assert answers.nth(1).inner_text().strip()
