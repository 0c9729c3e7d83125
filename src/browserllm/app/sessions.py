"""The sessions behind conversations.

A `Session` knows which turns were dropped to make room, how large the prompt was, and what signatures a vendor wants
back. So it is kept while its branch goes on; any other change of the branch makes a new one from the messages.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..backends.base import Backend
from ..chat.approvals import Approvals
from ..chat.history import History
from ..chat.session import Session
from ..types import ToolCallPart, Usage
from .chat_settings import options_of
from .messages import history_of
from .state import ChatMessage, ConversationSettings


class KeptSession:
    """A session whose history is the branch ``path``. Each turn has its own ``approvals``.

    ``left_out`` is how many of the oldest messages the last answer's model did not get.
    """

    def __init__(self, backend: Backend, conversation: str, history: History, path: tuple[str, ...]) -> None:
        """Begin with a history."""
        self.path = path
        self.private = False
        self.left_out = 0
        self.approvals = Approvals(tools=[])
        self.session = Session(backend, id=conversation, history=history, hooks=[self._ask])

    def use(self, backend: Backend, settings: ConversationSettings, tools: Sequence[Any], *, private: bool) -> None:
        """Take the backend and the settings for the next turn."""
        self.private = private
        self.approvals = Approvals(tools=[tool for tool in tools if tool.leaves_device])
        session = self.session
        session.backend = backend
        session.system = settings.system
        session.tools = tools
        session.options = {**options_of(settings), **({"private": True} if private else {})}

    async def _ask(self, call: ToolCallPart) -> Any:
        return await self.approvals.on_tool_call(call)


class Sessions:
    """Keeps one session for each conversation."""

    def __init__(self) -> None:
        """Begin without sessions."""
        self._kept: dict[str, KeptSession] = {}

    def take(
        self,
        conversation: str,
        backend: Backend,
        messages: Sequence[ChatMessage],
        settings: ConversationSettings,
        *,
        private: bool,
    ) -> KeptSession:
        """Return the session whose history are these messages, and keep it no longer: call `keep` after the turn."""
        path = tuple(message.id for message in messages)
        kept = self._kept.pop(conversation, None)
        # A session that was private stays private; the app's switch can be turned off again.
        if kept is not None and kept.path == path and (private or not kept.private):
            return kept
        earlier = history_of(messages)
        usage = [Usage() for message in earlier if message.role == "user"]
        history = History(messages=earlier, usage=usage, private=settings.private)
        return KeptSession(backend, conversation, history, path)

    def keep(self, conversation: str, kept: KeptSession, path: tuple[str, ...]) -> None:
        """Keep a session whose history now is the branch ``path``."""
        kept.path = path
        self._kept[conversation] = kept

    def forget(self, conversation: str) -> None:
        """Forget the session of a conversation."""
        self._kept.pop(conversation, None)
