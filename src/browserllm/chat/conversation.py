"""`Conversation`, the state that the turns of a session share, and `Setup`, the settings of one turn."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from .._internal import lazy_asyncio as asyncio
from ..backends.base import Backend
from ..errors import InvalidRequest
from ..types import ChatRequest, ChatWarning, TextMode
from .calls import Tools
from .context import ContextStrategy, KnownPrompt
from .fitting import Fitted, Key
from .history import History
from .hooks import HookChain
from .window import KnownWindow


class RunningTurn(Protocol):
    """The part of a turn that the next turn needs. ``dropped`` means its stream is gone and it will end soon."""

    dropped: bool
    ended: asyncio.Future[None] | None


class Conversation:
    """The state that the turns of a session share: the history, the running turn and the known context window."""

    def __init__(self, history: History) -> None:
        """Begin with a history."""
        self.history = history
        self.running: RunningTurn | None = None
        self.known: KnownPrompt | None = None
        self.window = KnownWindow()
        self.fitted: dict[Key, Fitted] = {}
        # Warnings about a saved file; the first turn that becomes history reports them.
        self.unreported: tuple[ChatWarning, ...] = ()

    def must_be_idle(self) -> None:
        """Raise `InvalidRequest` while a turn runs."""
        if self.running is not None and not self.running.dropped:
            raise InvalidRequest(
                "another turn of this session is running, and a session runs one turn at a time; await it, end it with "
                "aclose(), or fork() the session"
            )


class Setup(NamedTuple):
    """The session's settings when a turn began. ``base`` is the request without its messages."""

    backend: Backend
    base: ChatRequest
    system: str
    tools: Tools
    hooks: HookChain
    context: ContextStrategy
    max_rounds: int
    mode: TextMode
    warnings: tuple[ChatWarning, ...] = ()
    """Warnings that the reply always carries."""
