"""The app in a page, used as a person uses it: what the tests of the app share."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from playwright.sync_api import BrowserContext, Locator, Page, expect

from in_page import PATIENCE_MS

LOOKS = PATIENCE_MS // 100


class AppPage:
    """A tab with the app. Errors of the page and violations of its CSP are kept in `problems`."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.page: Page = context.new_page()
        self.url = url
        self.problems: list[str] = []
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("console", lambda message: self._note(message.text))

    def _note(self, text: str) -> None:
        if "Content Security Policy" in text or "Refused to" in text:
            self.problems.append(text)

    def open(self, where: str = "") -> AppPage:
        """Open the site, and wait until the app is there; ``where`` is the part of the address after ``#``."""
        self.page.goto(self.url + (f"#{where}" if where else ""))
        expect(self.page.locator("main#main")).to_be_attached()
        return self

    def start_chatting(self) -> AppPage:
        """Leave the first screen."""
        self.page.get_by_role("button", name="Start chatting").click()
        expect(self.box).to_be_visible()
        return self

    @property
    def box(self) -> Locator:
        """The box that messages are written in."""
        return self.page.get_by_role("textbox", name="Message", exact=True)

    @property
    def answers(self) -> Locator:
        """The model's messages that are shown."""
        return self.page.get_by_role("article", name="Assistant")

    @property
    def questions(self) -> Locator:
        """The person's messages that are shown."""
        return self.page.get_by_role("article", name="You")

    @property
    def said(self) -> Locator:
        """What the person said, without buttons."""
        return self.questions.locator(".message-parts")

    def send(self, text: str) -> None:
        """Write a message and press Enter."""
        self.box.fill(text)
        self.box.press("Enter")

    def answered(self, count: int) -> Locator:
        """Wait until this many answers are shown and the last is complete; returns that one."""
        expect(self.answers).to_have_count(count)
        last = self.answers.nth(count - 1)
        expect(last).to_have_attribute("aria-busy", "false")
        # A waiting answer is not busy either; a finished one says who gave it, or why there is none.
        expect(last.locator(".message-foot")).to_contain_text(_FINISHED)
        return last

    def ask(self, text: str, count: int = 1) -> Locator:
        """Send a message and wait for its answer, the ``count``-th."""
        self.send(text)
        return self.answered(count)

    def call(self, action: str, **args: Any) -> Any:
        """Call an action of the app through a pipe of its own, as another part of the page would."""
        return self.page.evaluate(_CALL, [action, json.dumps(args)])

    def begin(self, action: str, **args: Any) -> None:
        """Call an action as `call` does, and do not wait for it; `ended` does."""
        self.page.evaluate(f"(given) => {{ window.begun = ({_CALL})(given); }}", [action, json.dumps(args)])

    def ended(self) -> Any:
        """Wait for what was begun, and return its result."""
        return self.page.evaluate("window.begun")

    def state(self) -> Any:
        """Return the app's state."""
        return self.page.evaluate(_STATE)

    def wait_for_state(self, holds: Callable[[Any], bool]) -> Any:
        """Wait until the state fits, and return it; each look at it goes through the app, and so takes its time."""
        for _ in range(LOOKS):
            if holds(state := self.state()):
                return state
            self.page.wait_for_timeout(100)
        raise AssertionError(f"it never came: {json.dumps(self.state()['downloads'])}")

    def check(self) -> None:
        """Assert that the page logged no error and no violation of its policy."""
        assert self.problems == []


def text_of(message: Locator) -> str:
    """Return what a message says, without its buttons."""
    return re.sub(r"\s+", " ", message.locator(".message-parts").inner_text()).strip()


_FINISHED = re.compile("On this device|Cloud|Stopped")

_PIPE = """
const { connect } = await import(new URL("connect.js", document.baseURI).href);
const pipe = await connect();
const next = (wanted) => new Promise((resolve) => {
  const stop = pipe.onText((text) => {
    const message = JSON.parse(text);
    if (wanted(message)) { stop(); resolve(message); }
  });
});
"""

_CALL = f"""async ([action, args]) => {{
{_PIPE}
const done = next((message) => (message.type === "result" || message.type === "error") && message.id === 1);
pipe.send('{{"type": "hello"}}');
pipe.send(JSON.stringify({{ type: "call", id: 1, action, args: JSON.parse(args) }}));
const message = await done;
pipe.close();
if (message.type === "error") throw new Error(message.error.code + ": " + message.error.message);
return message.value;
}}"""

_STATE = f"""async () => {{
{_PIPE}
const state = next((message) => message.type === "state");
pipe.send('{{"type": "hello"}}');
const message = await state;
pipe.close();
return message.state;
}}"""
