"""The chat page, used as a person uses it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect


@pytest.fixture(params=["WebLLM on WebGPU", "Transformers.js on the CPU"])
def chat_page(request: pytest.FixtureRequest, start_browser: Callable[..., BrowserContext], site_url: str) -> Page:
    """The page with the pocket model ready, once with WebGPU and once without."""
    page = start_browser(webgpu="WebGPU" in request.param).new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(site_url)
    expect(page.locator("body")).to_have_attribute("data-status", "ready", timeout=120_000)
    expect(page.get_by_label("What answers")).to_contain_text(request.param)
    assert errors == []
    return page


def ask(page: Page, text: str) -> None:
    """Write a message and send it with Enter."""
    box = page.get_by_role("textbox", name="Message")
    box.fill(text)
    box.press("Enter")


def finished(page: Page, count: int) -> Locator:
    """Wait until the page shows `count` answers and the last one has ended; returns that one."""
    answers = page.get_by_label("The model", exact=True)
    expect(answers).to_have_count(count)
    last = answers.nth(count - 1)
    expect(last).not_to_have_attribute("data-open", "", timeout=60_000)
    return last


def test_a_message_is_answered_and_a_second_one_remembers(chat_page: Page) -> None:
    """A typed message streams an answer into the page; the next one sees the history."""
    ask(chat_page, "Hi, my name is Marta.")
    assert finished(chat_page, 1).inner_text().strip()
    ask(chat_page, "What is my name?")
    expect(finished(chat_page, 2)).to_contain_text("Marta")
    expect(chat_page.get_by_label("Speed of the last answer")).to_contain_text("tokens/s")


def test_stop_ends_the_answer_and_the_next_message_works(chat_page: Page) -> None:
    """The stop button ends a running answer, and the page takes the next message."""
    ask(chat_page, "Tell me a story about a dragon.")
    answer = chat_page.get_by_label("The model", exact=True).first.locator("p")
    expect(answer).not_to_be_empty(timeout=60_000)
    chat_page.get_by_role("button", name="Stop").click()
    expect(finished(chat_page, 1)).to_contain_text("Stopped.")
    ask(chat_page, "Hello!")
    assert finished(chat_page, 2).inner_text().strip()


def test_messages_are_shown_as_text(chat_page: Page) -> None:
    """Markup in a message is shown as it was typed, and becomes no element of the page."""
    ask(chat_page, "<img src=x onerror=document.title='owned'><b>hi</b>")
    finished(chat_page, 1)
    expect(chat_page.get_by_label("You", exact=True)).to_contain_text("<b>hi</b>")
    assert chat_page.locator("main img, main b").count() == 0
    assert chat_page.title() == "browserllm"


def test_the_first_answers_speed_moves_nothing(chat_page: Page) -> None:
    """It has its place beside the title, on one line, in a wide window and on a phone."""
    header, speed = chat_page.locator("header"), chat_page.get_by_label("Speed of the last answer")
    for size in ({"width": 1100, "height": 700}, {"width": 360, "height": 640}):
        chat_page.set_viewport_size(size)  # type: ignore[arg-type]
        speed.evaluate("element => { element.textContent = ''; }")
        before = header.bounding_box()
        speed.evaluate("element => { element.textContent = '123.4 tokens/s · first after 12.34 s'; }")
        assert header.bounding_box() == before
        line, title = speed.bounding_box(), chat_page.get_by_role("heading", level=1).bounding_box()
        assert line is not None and title is not None
        assert line["height"] < 1.5 * title["height"] and line["y"] < title["y"] + title["height"]
