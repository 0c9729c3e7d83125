"""Search: finds a text in the titles and messages of all conversations.

Reading every message of every conversation takes seconds, so their texts are kept from one search to the next. A
conversation's entry in the list is another object after each change, here or in another tab: then its texts are read
again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from .._internal import lazy_asyncio as asyncio
from .actions import SearchConversations
from .app import App
from .checks import checked_length
from .conversations import Conversations
from .limits import MAX_SEARCH_CHARS
from .messages import excerpt_of, text_of
from .state import ChatMessage, Conversation, SearchHit

MAX_KEPT_CHARS = 20_000_000
"""How much text is kept for the next search; what exceeds it, in the oldest conversations, is read each time."""


class _Text(NamedTuple):
    """The text of a message, and how it is compared: in one case, with single spaces."""

    message: str
    text: str
    folded: str


class _Texts(NamedTuple):
    """The texts of a conversation, the newest first, and what they were made from."""

    entry: Conversation
    messages: Mapping[str, ChatMessage] | None
    texts: list[_Text]
    chars: int


class Search:
    """Carries out searches, one at a time: the next one finds what the one before it has read."""

    def __init__(self, app: App, conversations: Conversations) -> None:
        """Search these conversations."""
        self._app = app
        self._conversations = conversations
        self._kept: dict[str, _Texts] = {}
        self._turn = asyncio.Lock()
        app.on(SearchConversations, self._search)

    async def _search(self, action: SearchConversations) -> list[SearchHit]:
        wanted = _folded(checked_length("text", action.text, MAX_SEARCH_CHARS, "text to search for"))
        if not wanted or action.limit < 1:
            return []
        async with self._turn:
            return await self._find(wanted, action.limit)

    async def _find(self, wanted: str, limit: int) -> list[SearchHit]:
        await self._conversations.records.flush()
        pattern = re.compile(r"\s+".join(map(re.escape, wanted.split())), re.IGNORECASE)
        hits: list[SearchHit] = []
        listed = self._app.state.value.conversations
        before, self._kept = self._kept, {}
        room = MAX_KEPT_CHARS
        for entry in sorted(listed.values(), key=lambda each: each.updated_at, reverse=True):
            texts = before.pop(entry.id, None)
            if len(hits) < limit:
                texts = await self._texts_of(entry, texts)
                hits += [_hit(entry.id, text, pattern) for text in texts.texts if wanted in text.folded]
            if texts is not None and texts.chars <= room:
                room -= texts.chars
                self._kept[entry.id] = texts
        return hits[:limit]

    async def _texts_of(self, entry: Conversation, kept: _Texts | None) -> _Texts:
        """Return the texts of a conversation: those that were kept, if nothing has changed since."""
        thread = self._conversations.thread(entry.id)
        messages = None if thread is None else thread.messages
        if kept is not None and kept.entry is entry and (messages is None or messages is kept.messages):
            return kept
        found = await self._conversations.records.messages(entry.id) if messages is None else messages.values()
        newest = sorted(found, key=lambda message: message.created_at, reverse=True)
        titled = [("", entry.title), *((message.id, text_of(message)) for message in newest)]
        texts = [_Text(message, text, _folded(text)) for message, text in titled if text]
        return _Texts(entry, messages, texts, sum(len(text.text) for text in texts))


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def _hit(conversation: str, text: _Text, pattern: re.Pattern[str]) -> SearchHit:
    # What is the same only when folded, such as "ß" and "SS", is found by its beginning.
    found = pattern.search(text.text)
    start, end = (0, 0) if found is None else found.span()
    return SearchHit(conversation=conversation, message=text.message, excerpt=excerpt_of(text.text, start, end))
