"""A tab whose errors, and violations of the page's policy, are written down."""

from __future__ import annotations

from playwright.sync_api import BrowserContext, Page


class WatchedPage:
    """A tab; `problems` has what a test may check at its end."""

    def __init__(self, context: BrowserContext) -> None:
        self.page: Page = context.new_page()
        self.problems: list[str] = []
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("console", lambda message: self._note(message.text))

    def _note(self, text: str) -> None:
        if "Content Security Policy" in text or "Refused to" in text:
            self.problems.append(text)
