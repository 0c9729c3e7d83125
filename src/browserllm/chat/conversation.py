"""What the turns of a session share (`Conversation`), and what one of them runs with (`Setup`)."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from .._internal import lazy_asyncio as asyncio
from ..backends.base import Backend
from ..errors import InvalidRequest
from ..types import ChatRequest, ChatWarning, TextMode
from .calls import Tools
from .context import ContextStrategy, Known
from .history import History
from .hooks import HookChain
from .window import KnownWindow


class RunningTurn(Protocol):
    """A turn, as far as the next one looks at it: ``dropped`` says that its handle is gone, so that it ends soon."""

    dropped: bool
    ended: asyncio.Future[None] | None


class Conversation:
    """What the turns of a session share: the history, the turn that runs, and what is known of the context window."""

    def __init__(self, history: History) -> None:
        """Begin with a history."""
        self.history = history
        self.running: RunningTurn | None = None
        self.known: Known | None = None
        self.window = KnownWindow()

    def must_be_idle(self) -> None:
        """Raise `InvalidRequest` while a turn runs."""
        if self.running is not None and not self.running.dropped:
            raise InvalidRequest(
                "a turn of this session is running, and a conversation has one at a time; await it, end it with "
                "aclose(), or fork() the session"
            )


class Setup(NamedTuple):
    """What a turn runs with: the session's settings as they were then. ``base`` is the request but for its messages."""

    backend: Backend
    base: ChatRequest
    system: str
    tools: Tools
    hooks: HookChain
    context: ContextStrategy
    max_rounds: int
    mode: TextMode
    warnings: tuple[ChatWarning, ...] = ()
    """Warnings that the reply has in any case."""
