"""Deletions: conversations that are deleted at once, or so that the user can bring them back for a while.

One that can be brought back is only marked in its record, so it is gone from all lists, and stays gone if the page is
closed. It is deleted when the page says so, when a start finds the mark old enough, or when its id is used anew.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from .._internal import lazy_asyncio as asyncio
from ..errors import InvalidRequest
from .actions import DeleteConversation, RestoreConversation
from .app import App
from .conversations import Conversations
from .notices import Notices
from .records import CLAIM_S

KEEP_S = 60.0
"""How old a mark is when a start deletes the conversation: another tab may still offer to bring it back."""


class Deletions:
    """Deletes conversations, and brings back those that are only marked."""

    def __init__(self, app: App, conversations: Conversations, notices: Notices) -> None:
        """Delete from these conversations."""
        self._app = app
        self._conversations = conversations
        self._notices = notices
        self._turn = asyncio.Lock()
        self._timers: dict[str, asyncio.TimerHandle] = {}
        app.on(DeleteConversation, self._delete)
        app.on(RestoreConversation, self._restore)

    def start(self) -> None:
        """Delete what earlier visits have marked: at once, or when it is old enough."""
        now = self._app.now_ms()
        for conversation, marked_at in self._conversations.marked.items():
            age_s = (now - marked_at) / 1000
            # A mark in the future was set by a wrong clock.
            wait_s = KEEP_S - age_s if 0 <= age_s < KEEP_S else 0.0
            self._later(wait_s, conversation, self._purge)
        for conversation, arriving_at in self._conversations.arriving.items():
            age_s = (now - arriving_at) / 1000
            self._later(CLAIM_S - age_s if 0 <= age_s < CLAIM_S else 0.0, conversation, self._remove_abandoned)

    def close(self) -> None:
        """Delete nothing more; the next start does."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    async def _delete(self, action: DeleteConversation) -> None:
        conversations = self._conversations
        if action.id == "*":
            chosen = list(self._app.state.value.conversations)
        else:
            if action.id not in conversations.marked:
                conversations.get(action.id)
            chosen = [action.id]
        async with self._turn:
            if action.undo:
                await conversations.mark(chosen)
            else:
                await conversations.remove([*chosen, *(conversations.marked if action.id == "*" else ())])

    async def _restore(self, action: RestoreConversation) -> None:
        async with self._turn:
            if not await self._conversations.unmark(action.id):
                raise InvalidRequest(
                    f"the conversation {action.id!r} cannot be brought back: it is deleted for good", parameter="id"
                )

    def _later(self, wait_s: float, conversation: str, work: Callable[[str], Awaitable[None]]) -> None:
        timer = asyncio.get_running_loop().call_later(wait_s, self._begin, conversation, work)
        self._timers[conversation] = timer

    def _begin(self, conversation: str, work: Callable[[str], Awaitable[None]]) -> None:
        del self._timers[conversation]
        text = "A conversation that you have deleted is still stored; the next visit tries again to delete it."
        self._app.spawn(self._notices.guard("deletion", text, lambda: work(conversation), code="not_deleted"))

    async def _purge(self, conversation: str) -> None:
        if conversation in self._conversations.marked:  # it may have been brought back meanwhile
            await self._delete(DeleteConversation(id=conversation))

    async def _remove_abandoned(self, conversation: str) -> None:
        """Delete what a page left of an import when it was closed in the middle."""
        await self._conversations.records.remove_abandoned(conversation)
