"""A message that is too long for the model on the device, and what an answer of a cloud costs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Locator, expect

from app_clouds import KEY, LABEL, add_cloud, reset, says
from app_page import AppPage, text_of
from certificates import make_certificates
from vendor_server import VendorServer, answer

STORY = "Tell me a story about a fox."
LONG = "The fox ran over the hill and far away. " * 800
"""Some 8,000 tokens, surely more than the pocket model's 2,048."""

RATHER_LONG = "The fox ran over the hill and far away. " * 300
"""Some 3,000 tokens by the estimate, which is too uncertain: they are counted in the page."""

PRICED = "gpt-6-luna"
"""A model of the price table, at its vendor's own address."""


@pytest.fixture(scope="module")
def cloud() -> Iterator[VendorServer]:
    """A compatible server, whose price is not known."""
    busy = answer({"error": {"message": "down"}}, 503)
    with VendorServer({"cloud": says("The cloud has read it."), "busy": busy}, cors=True) as server:
        yield server


@pytest.fixture(scope="module")
def openai(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[VendorServer, list[str]]]:
    """OpenAI on loopback, and what makes Chromium take it for ``https://api.openai.com``."""
    tls = make_certificates(tmp_path_factory.mktemp("tls"), "api.openai.com")
    with VendorServer({"v1": says("A paid answer.")}, cors=True, tls=tls.server) as server:
        yield (
            server,
            [
                f"--host-resolver-rules=MAP api.openai.com 127.0.0.1:{server.port}",
                f"--ignore-certificate-errors-spki-list={tls.spki}",
            ],
        )


@pytest.fixture(scope="module")
def shared(
    start_browser: Callable[..., BrowserContext], site_url: str, openai: tuple[VendorServer, list[str]]
) -> AppPage:
    """The app."""
    return AppPage(start_browser(*openai[1]), site_url).open()


@pytest.fixture
def app(shared: AppPage) -> Iterator[AppPage]:
    """The app at a new chat, without clouds, and with the settings of a first visit."""
    reset(shared)
    shared.page.goto(f"{shared.url}#chat")
    expect(shared.answers).to_have_count(0)
    yield shared
    shared.check()


def facts_of(message: Locator) -> Locator:
    """Open the details of an answer, if they are not open yet."""
    line = message.locator(".answer-line")
    if line.get_attribute("aria-expanded") != "true":
        line.click()
    return message.locator(".answer-facts")


def meter(app: AppPage) -> Locator:
    """The header's context meter."""
    return app.page.locator("header").get_by_role("img", name="of the context window are in use")


def failed(app: AppPage, text: str, count: int) -> Locator:
    """Send a message that cannot be answered; returns the panel that says why."""
    app.send(text)
    expect(app.answers).to_have_count(count)
    panel = app.answers.nth(count - 1).get_by_role("group", name="This message is too long")
    expect(panel).to_be_visible()
    return panel


@pytest.mark.parametrize(
    ("text", "reason"),
    [(LONG, r"context 2048 < about 8\d\d\d tokens"), (RATHER_LONG, r"context 2048 < [2-9]\d\d\d tokens")],
    ids=["surely", "counted"],
)
def test_a_message_too_long_for_the_device_is_answered_by_the_cloud(
    app: AppPage, cloud: VendorServer, text: str, reason: str
) -> None:
    """With its badge, the reason and all of the conversation; the next short message stays on the device again."""
    add_cloud(app, cloud)
    app.call("settings.update", changes={"mode": "auto"})
    before = len(cloud.asked("cloud"))
    first = app.ask(STORY)
    expect(first.get_by_text("On this device")).to_be_visible()
    expect(meter(app)).to_have_attribute("aria-label", re.compile(r"^\d+ of 2,048 tokens"))
    message = app.ask(text, 2)
    assert text_of(message) == "The cloud has read it."
    expect(message.locator(".answer-line").get_by_text("Cloud", exact=True)).to_be_visible()
    expect(message.get_by_text("Passed over:")).to_be_visible()
    expect(facts_of(message).get_by_role("listitem").filter(has_text="On this device")).to_contain_text(
        re.compile(reason)
    )
    # Of this cloud no window is known, and the device's would be another's.
    expect(meter(app)).to_have_count(0)
    (asked,) = cloud.asked("cloud")[before:]
    assert [each["role"] for each in asked.json["messages"]] == ["user", "assistant", "user"]
    assert asked.json["messages"][-1]["content"].strip() == text.strip()
    last = app.ask(STORY, 3)
    assert "fox" in text_of(last)
    expect(last.get_by_text("On this device")).to_be_visible()
    expect(last.get_by_text("Passed over:")).to_have_count(0)
    expect(facts_of(last)).to_contain_text("Its beginning was left out".lower())
    expect(meter(app)).to_have_attribute("aria-label", re.compile(r"^\d{2,3} of 2,048 tokens"))
    assert len(cloud.asked("cloud")) == before + 1


def test_with_privacy_on_the_error_says_why_and_what_to_do(app: AppPage, cloud: VendorServer) -> None:
    """Nothing is sent. The buttons change the message, or lead to the switch; then the cloud may answer."""
    page = app.page
    add_cloud(app, cloud)
    app.call("settings.update", changes={"mode": "auto", "neverLeaveDevice": True})
    before = list(cloud.requests)
    panel = failed(app, LONG, 1)
    expect(panel).to_contain_text(
        re.compile(r"It comes to about 8,\d{3} tokens, and the model on this device can hold")
    )
    expect(panel).to_contain_text(f"“{LABEL}” may hold it, but your settings keep everything on this device.")
    expect(app.answers.nth(0).locator(".answer-line")).to_have_count(0)
    assert cloud.requests == before
    # What is sent next is not weighed down by it.
    message = app.ask(STORY, 2)
    expect(message.get_by_text("On this device")).to_be_visible()
    there = page.url
    panel.get_by_role("button", name="Open the privacy settings").click()
    page.get_by_role("switch", name="Never leave this device").uncheck()
    page.goto(there)
    app.answers.nth(0).get_by_role("button", name="Answer again").click()
    expect(app.answers).to_have_count(1)
    assert text_of(app.answered(1)) == "The cloud has read it."
    assert len(cloud.requests) > len(before)


def test_without_a_cloud_the_message_can_be_edited_where_it_failed(app: AppPage) -> None:
    """The button opens the message; what is then short enough is answered."""
    panel = failed(app, LONG, 1)
    expect(panel.get_by_role("button", name="Open the privacy settings")).to_have_count(0)
    expect(panel).not_to_contain_text("cloud")
    panel.get_by_role("button", name="Edit the message").click()
    box = app.page.get_by_role("textbox", name="Edit the message")
    expect(box).to_have_value(re.compile("^The fox ran over the hill"))
    box.fill(STORY)
    box.press("Control+Enter")
    message = app.answered(1)
    assert "fox" in text_of(message)
    expect(message.get_by_text("On this device")).to_be_visible()


def test_an_answer_says_what_it_cost(app: AppPage, cloud: VendorServer, openai: tuple[VendorServer, list[str]]) -> None:
    """By the price table and the usage that the server reports; nothing on the device; else that it is not known."""
    expect(facts_of(app.ask(STORY))).to_contain_text("no cost")
    app.page.goto(f"{app.url}#chat")
    add_cloud(app, cloud, "busy", id="busy", label="Busy cloud")
    paid = app.call("clouds.save", id="paid", vendor="openai", model=PRICED, label="OpenAI", apiKey=KEY)
    app.call("settings.update", changes={"mode": "auto", "policy": "cloud_first"})
    message = app.ask(STORY)
    assert text_of(message) == "A paid answer."
    facts = facts_of(message)
    # 15 tokens at $0.10 a million, 4 from the cache at $0.01, 10 written at $0.50.
    expect(facts).to_contain_text("cost $0.0000065")
    expect(facts).to_contain_text("19 tokens read, 10 written")
    expect(message.get_by_text("Passed over: 1")).to_be_visible()
    expect(facts.get_by_role("listitem")).to_have_count(1)
    expect(facts.get_by_role("listitem")).to_contain_text(re.compile("cloud:busy.*503"))
    (asked,) = openai[0].asked("v1")
    assert (asked.path, asked.json["model"]) == ("/v1/chat/completions", PRICED)
    exported: Any = json.loads(app.call("conversations.export"))
    assert any(abs((cost or 0) - 6.54e-06) < 1e-12 for cost in costs_of(exported)), "it is kept with the answer"
    app.call("clouds.delete", id=paid)
    app.call("clouds.delete", id="busy")
    add_cloud(app, cloud)
    expect(facts_of(app.ask(STORY, 2))).to_contain_text("cost not known")


def costs_of(value: Any) -> list[float | None]:
    """Every cost in an export, wherever it stands."""
    if isinstance(value, dict):
        found = [value["costUsd"]] if "costUsd" in value else []
        return found + [cost for each in value.values() for cost in costs_of(each)]
    return [cost for each in value for cost in costs_of(each)] if isinstance(value, list) else []
