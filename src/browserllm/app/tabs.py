"""Tabs: the tabs of a site see each other's changes. Each says what it has written, and the others read that again.

Every tab has a Python and a state of its own; they share the stored records. The page carries the texts between them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import msgspec

from .._internal.nesting import decode_json
from ..page.host import report
from .app import App
from .conversations import Conversations
from .notices import Notices
from .state import AppState


class Shared(NamedTuple):
    """A part of the state that all tabs share: when ``select`` changes here, the others call their ``reload``."""

    select: Callable[[AppState], Any]
    reload: Callable[[], Awaitable[None]]


class News(msgspec.Struct, frozen=True, kw_only=True):
    """What a tab has written: the name of a shared part, or ``conversation`` with its id.

    ``answering``: an answer of that tab is still in progress there. ``opened`` asks who is answering a conversation.
    """

    what: str
    id: str = ""
    answering: bool = False


class Tabs:
    """The connection to the other tabs."""

    def __init__(
        self,
        app: App,
        conversations: Conversations,
        notices: Notices,
        shared: dict[str, Shared],
        post: Callable[[str], None],
    ) -> None:
        """Tell the other tabs with ``post``, which sends a text to all of them; ``shared`` are parts by their names."""
        self._app = app
        self._notices = notices
        self._conversations = conversations
        self._shared = shared
        self._post = post
        self._is_open = True
        conversations.records.on_written.append(self._conversation_written)
        conversations.on_opened.append(self._conversation_opened)
        # What another tab has changed changes here, too, and is told once more; that reload changes nothing.
        self._unsubscribes = [
            app.state.subscribe(part.select, lambda _, name=name: self._tell(News(what=name)))
            for name, part in shared.items()
        ]

    def close(self) -> None:
        """Tell nothing more, and take no news: the page keeps its channel."""
        self._is_open = False
        self._conversations.records.on_written.remove(self._conversation_written)
        self._conversations.on_opened.remove(self._conversation_opened)
        for unsubscribe in self._unsubscribes:
            unsubscribe()

    def on_text(self, text: str) -> None:
        """Take the news of another tab; returns at once. A text of another version of the site is ignored."""
        try:
            news = decode_json(text, News)
        except (msgspec.DecodeError, RecursionError):
            return
        if not self._is_open:
            return
        if news.what == "conversation":
            self._reload(news, lambda: self._conversations.reload(news.id, elsewhere=news.answering))
        elif news.what == "opened":
            if (thread := self._conversations.thread(news.id)) is not None and thread.answering:
                self._conversation_written(news.id)
        elif part := self._shared.get(news.what):
            self._reload(news, part.reload)

    def _reload(self, news: News, work: Callable[[], Awaitable[None]]) -> None:
        text = "What another tab has changed could not be read, so this tab may show what was there before."
        self._app.spawn(self._notices.guard(f"tab-{news.what}", text, work, code="tab_not_read"))

    def _conversation_written(self, conversation: str) -> None:
        thread = self._conversations.thread(conversation)  # also while it is closed
        self._tell(News(what="conversation", id=conversation, answering=bool(thread and thread.answering)))

    def _conversation_opened(self, conversation: str) -> None:
        try:
            self._tell(News(what="opened", id=conversation))
        except Exception as error:  # it is open all the same
            report(error, "other tabs could not be asked who is answering")

    def _tell(self, news: News) -> None:
        self._post(msgspec.json.encode(news).decode())
