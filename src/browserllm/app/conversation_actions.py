"""ConversationActions: what a user does with whole conversations: create one, change its entry, fork it."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from ..errors import InvalidRequest
from . import threads
from .actions import CreateConversation, ForkConversation, UpdateConversation
from .app import App
from .chat_settings import check_settings
from .checks import checked_folder, checked_id, checked_title, no_message
from .conversations import Conversations
from .messages import settled
from .records import ConversationExists
from .state import Conversation, Thread


class ConversationActions:
    """Checks what is given, and lets `Conversations` keep it."""

    def __init__(self, app: App, conversations: Conversations) -> None:
        """Act on these conversations."""
        self._app = app
        self._conversations = conversations
        app.on(CreateConversation, self._create)
        app.on(UpdateConversation, self._update)
        app.on(ForkConversation, self._fork)

    async def _create(self, action: CreateConversation) -> str:
        """Create a conversation and open it; with the id of one that exists, open that one."""
        conversations = self._conversations
        conversation = checked_id(action.id) if action.id else conversations.new_id()
        while not conversations.has(conversation):
            settings = self._app.state.value.settings.defaults if action.settings is None else action.settings
            check_settings(settings)
            now = self._app.now_ms()
            entry = Conversation(
                id=conversation,
                title=checked_title(action.title or ""),
                created_at=now,
                updated_at=now,
                folder=checked_folder(action.folder or ""),
                settings=settings,
            )
            try:
                await conversations.adopt(entry, Thread(id=conversation), named=bool(action.title), keep=action.keep)
            except ConversationExists:  # another tab was faster
                await conversations.arrived(conversation)
        await conversations.open(conversation)
        return conversation

    async def _update(self, action: UpdateConversation) -> None:
        before = self._conversations.get(action.id)
        fields: dict[str, Any] = {}
        if action.pinned is not None:
            fields["pinned"] = action.pinned
        if action.folder is not None:
            fields["folder"] = checked_folder(action.folder)
        if action.settings is not None:
            check_settings(action.settings)
            if before.settings.private and not action.settings.private and before.messages:
                raise InvalidRequest(
                    "this conversation is private and stays so, because later requests carry its messages; start a "
                    "new conversation for a cloud",
                    parameter="settings",
                )
            fields["settings"] = action.settings
        if action.title is not None:
            fields["title"] = checked_title(action.title)
        await self._conversations.update(action.id, **fields)

    async def _fork(self, action: ForkConversation) -> str:
        conversations = self._conversations
        source, thread = conversations.get(action.id), await conversations.opened(action.id)
        if action.message is not None and action.message not in thread.messages:
            raise no_message(action.message)
        conversation, now = conversations.new_id(), self._app.now_ms()
        copy = threads.fork(thread, action.message, conversation, conversations.new_ids())
        whole = {key: settled(message) for key, message in copy.messages.items()}
        await conversations.adopt(
            replace(source, id=conversation, created_at=now, updated_at=now, pinned=False),
            threads.with_context(replace(copy, messages=whole)),
            named=conversations.is_named(action.id),
        )
        await conversations.open(conversation)
        return conversation
