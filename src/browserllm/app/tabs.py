"""Tabs: the tabs of a site see each other's changes. Each says what it has written, and the others read that again.

Every tab has a Python and a state of its own; they share the stored records. The page carries the texts between them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Literal

import msgspec

from .._internal.nesting import decode_json
from .app import App
from .conversations import Conversations


class News(msgspec.Struct, frozen=True, kw_only=True):
    """What a tab has written: a conversation (``answering``: an answer is still in progress), settings, or models."""

    what: Literal["conversation", "settings", "models"]
    id: str = ""
    answering: bool = False


class Tabs:
    """The connection to the other tabs."""

    def __init__(
        self,
        app: App,
        conversations: Conversations,
        post: Callable[[str], None],
        *,
        reload_settings: Callable[[], Awaitable[None]],
        refresh_models: Callable[[], Awaitable[None]],
    ) -> None:
        """Tell the other tabs with ``post``, which sends a text to all of them."""
        self._app = app
        self._conversations = conversations
        self._post = post
        self._reload_settings = reload_settings
        self._refresh_models = refresh_models
        conversations.records.on_written.append(self._conversation_written)

    def settings_written(self) -> None:
        """Tell the other tabs that the settings have changed."""
        self._tell(News(what="settings"))

    def models_changed(self) -> None:
        """Tell the other tabs that a model was downloaded or deleted."""
        self._tell(News(what="models"))

    def on_text(self, text: str) -> None:
        """Take the news of another tab; returns at once. A text of another version of the site is ignored."""
        try:
            news = decode_json(text, News)
        except (msgspec.DecodeError, RecursionError):
            return
        if news.what == "conversation":
            self._app.spawn(self._conversations.reload(news.id, elsewhere=news.answering))
        elif news.what == "settings":
            self._app.spawn(_awaited(self._reload_settings()))
        else:
            self._app.spawn(_awaited(self._refresh_models()))

    def _conversation_written(self, conversation: str) -> None:
        thread = self._app.state.get("threads", conversation)
        self._tell(News(what="conversation", id=conversation, answering=bool(thread and thread.answering)))

    def _tell(self, news: News) -> None:
        self._post(msgspec.json.encode(news).decode())


async def _awaited(work: Awaitable[None]) -> None:
    await work
