"""PagePipes: each part of a page that uses the app has its own pipe, over the one connection to the page's Python.

Each text begins with the number of its pipe and a colon, in both directions. A text of the page with nothing behind the
colon closes the pipe.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from .app import App
from .pipe import Pipe


class PagePipes:
    """The pipes of one page."""

    def __init__(self, app: App, send: Callable[[str], None]) -> None:
        """Send numbered texts to the page with ``send``."""
        self._app = app
        self._send = send
        self._pipes: dict[str, Pipe] = {}

    def on_text(self, text: str) -> None:
        """Take a numbered text of the page; a new number opens a pipe."""
        number, _, message = text.partition(":")
        pipe = self._pipes.get(number)
        if not message:
            if pipe is not None:
                del self._pipes[number]
                pipe.close()
            return
        if pipe is None:
            pipe = self._pipes[number] = Pipe(self._app, partial(self._post, number))
        pipe.on_text(message)

    def _post(self, number: str, text: str) -> None:
        self._send(f"{number}:{text}")
