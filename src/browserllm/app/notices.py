"""Notices: what happened outside of an answer, until the user dismisses it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Literal, cast

from ..errors import Unavailable
from .actions import DismissNotice
from .app import App
from .error_info import error_info
from .state import Notice

MAX_NOTICES = 20


class Notices:
    """Adds notices to the state, and takes them away.

    ``newer`` are the keys of the records that a later version of the app has written (`versions`).
    """

    def __init__(self, app: App) -> None:
        """Begin without notices."""
        self.newer: dict[str, None] = {}
        self._app = app
        app.on(DismissNotice, self._dismiss)

    def add(
        self,
        id: str,  # noqa: A002 (the notice's own word)
        text: str,
        *,
        code: str = "",
        kind: Literal["info", "warning", "error"] = "info",
        error: BaseException | None = None,
        **data: Any,
    ) -> None:
        """Show a notice; it replaces an earlier one with the same id. The oldest go when there are too many.

        ``code`` is one of `Notice`'s, and ``data`` is what the text names.
        """
        notice = Notice(
            id=id,
            at=self._app.now_ms(),
            kind=kind,
            text=text,
            code=cast("Any", code),
            data=data,
            error=None if error is None else error_info(error),
        )
        others = tuple(each for each in self._app.state.value.notices if each.id != id)
        self._app.state.put((*others, notice)[-MAX_NOTICES:], "notices")

    async def guard(
        self,
        id: str,  # noqa: A002
        text: str,
        work: Callable[[], Awaitable[Any]],
        *,
        code: str = "",
    ) -> None:
        """Do work that no action waits for; a failure of any kind becomes a notice, unless the page is gone."""
        try:
            await work()
        except Exception as error:
            if not (isinstance(error, Unavailable) and error.reason == "closed"):
                self.add(id, text, code=code, kind="warning", error=error)

    def remove(self, id: str) -> None:  # noqa: A002
        """Take a notice away, if it is there."""
        notices = self._app.state.value.notices
        left = tuple(each for each in notices if each.id != id)
        if len(left) < len(notices):
            self._app.state.put(left, "notices")

    async def _dismiss(self, action: DismissNotice) -> None:
        self.remove(action.id)
