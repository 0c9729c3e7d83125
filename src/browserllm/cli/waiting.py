"""Waiting: shows what a command waits for."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape

SAY_AFTER_S = 1.0
"""How long to wait before printing what a command waits for; a terminal shows a spinner at once."""


class Waiting:
    """A spinner with a text on a terminal; elsewhere (a log, a pipe) one line for each long step."""

    def __init__(self, console: Console, what: str, *, quiet: bool = False) -> None:
        """Wait for ``what``; ``quiet`` prints nothing without a terminal."""
        self._console = console
        self._quiet = quiet
        self._status = console.status(escape(what), spinner="dots")
        self._what = what
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._status.start()
        elif not self._quiet:
            self._wait(self._what)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def update(self, what: str, detail: str = "") -> None:
        """Change what is shown; only a terminal shows the ``detail``."""
        if self._console.is_terminal:
            self._status.update(escape(what + (f": {detail}" if detail else "")))
        elif what != self._what and not self._quiet:
            self._wait(what)

    def stop(self) -> None:
        """Stop showing it."""
        self._status.stop()
        if self._timer is not None:
            self._timer.cancel()

    def _wait(self, what: str) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._what = what
        self._timer = asyncio.get_running_loop().call_later(SAY_AFTER_S, self._say)

    def _say(self) -> None:
        self._console.print(f"[dim]{escape(self._what)} …[/]", highlight=False)
