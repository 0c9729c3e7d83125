"""ChatRooms: everything about conversations, put together."""

from __future__ import annotations

from collections.abc import Callable

from ..stores.base import KeyValueStore
from .answering import Answering, BackendFor
from .app import App
from .approvals import ApprovalDesk
from .conversation_actions import ConversationActions
from .conversations import Conversations
from .deletion import Deletions
from .generate import Generation
from .notices import Notices
from .routes import Routes
from .search import Search
from .transfer import Transfer
from .turns import Turns


class ChatRooms:
    """The rooms that keep, answer, explain and transfer conversations; they register their actions with the app.

    ``conversations`` has `Conversations.reload` and ``records.on_written`` for tabs that share a store; ``turns``
    carries out what is done to messages. After changes of clouds or keys, nothing has to be done: ``backend_for`` is
    asked anew for each turn.
    """

    def __init__(
        self,
        app: App,
        store: KeyValueStore,
        backend_for: BackendFor,
        notices: Notices,
        *,
        new_id: Callable[[], str] | None = None,
    ) -> None:
        """Keep conversations in ``store``, which the caller closes, and answer with what ``backend_for`` returns."""
        self.conversations = Conversations(app, store, notices, new_id=new_id)
        self.actions = ConversationActions(app, self.conversations)
        self.answering = Answering(app, self.conversations, backend_for, ApprovalDesk(app))
        self.turns = Turns(app, self.conversations, self.answering)
        self.deletions = Deletions(app, self.conversations, notices)
        self.search = Search(app, self.conversations)
        self.routes = Routes(app, self.conversations, self.answering)
        self.generation = Generation(app, self.answering)
        self.transfer = Transfer(app, self.conversations)

    async def start(self) -> None:
        """Read the list of conversations."""
        await self.conversations.start()
        self.deletions.start()

    async def close(self) -> None:
        """Cut off the answers in progress, and wait until everything is written."""
        self.deletions.close()
        await self.turns.close()
        await self.conversations.close()
