"""Conversations, their messages, and requests without a conversation."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from ..state import AnswerInfo, ChatMessage, ConversationSettings, FilePart, Part, RouteInfo, SearchHit, TextPart
from .base import Action

UserPart = TextPart | FilePart


# Conversations


class CreateConversation(Action, frozen=True, kw_only=True):
    """Create a conversation and open it; returns its id. ``keep=False``: in memory only, and not in the list."""

    name: ClassVar[str] = "conversations.create"
    result: ClassVar[Any] = str
    title: str | None = None
    folder: str | None = None
    settings: ConversationSettings | None = None
    keep: bool = True
    id: str | None = None


class OpenConversation(Action, frozen=True, kw_only=True):
    """Bring a conversation's messages into `AppState.threads`."""

    name: ClassVar[str] = "conversations.open"
    id: str


class CloseConversation(Action, frozen=True, kw_only=True):
    """Take a conversation's messages out of `AppState.threads`; an answer in progress goes on."""

    name: ClassVar[str] = "conversations.close"
    id: str


class UpdateConversation(Action, frozen=True, kw_only=True):
    """Change the fields that are given. ``folder=""`` takes it out of its folder."""

    name: ClassVar[str] = "conversations.update"
    id: str
    title: str | None = None
    pinned: bool | None = None
    folder: str | None = None
    settings: ConversationSettings | None = None


class DeleteConversation(Action, frozen=True, kw_only=True):
    """Delete a conversation from the device, or all of them with ``id="*"``.

    With ``undo`` it is gone from the list, also after a reload, but `RestoreConversation` can bring it back until it is
    deleted without ``undo``. A later visit does that by itself, when a minute has passed.
    """

    name: ClassVar[str] = "conversations.delete"
    id: str
    undo: bool = False


class RestoreConversation(Action, frozen=True, kw_only=True):
    """Bring back a conversation that was deleted with ``undo``; an answer that was in progress is stopped."""

    name: ClassVar[str] = "conversations.restore"
    id: str


class SearchConversations(Action, frozen=True, kw_only=True):
    """Search the titles and messages of all conversations; at most ``limit`` hits, newest first."""

    name: ClassVar[str] = "conversations.search"
    result: ClassVar[Any] = list[SearchHit]
    text: str
    limit: int = 50


class ForkConversation(Action, frozen=True, kw_only=True):
    """Copy a conversation's shown messages, up to ``message``, into a new one; returns its id."""

    name: ClassVar[str] = "conversations.fork"
    result: ClassVar[Any] = str
    id: str
    message: str | None = None


class ExportConversations(Action, frozen=True, kw_only=True):
    """Return a file's text: one conversation or, without ``id``, all of them."""

    name: ClassVar[str] = "conversations.export"
    result: ClassVar[Any] = str
    id: str | None = None
    format: Literal["json", "markdown"] = "json"


class Imported(Part, frozen=True, kw_only=True):
    """The conversations of a file that was imported.

    ``added`` are new here, ``joined`` were here and got messages of the file, ``present`` had all of them already.
    """

    added: tuple[str, ...] = ()
    joined: tuple[str, ...] = ()
    present: tuple[str, ...] = ()


class ImportConversations(Action, frozen=True, kw_only=True):
    """Add the conversations of an exported JSON file, or what is missing of those that are here.

    A broken file adds nothing.
    """

    name: ClassVar[str] = "conversations.import"
    result: ClassVar[Any] = Imported
    text: str


# A conversation's messages


class SendMessage(Action, frozen=True, kw_only=True):
    """Add the user's message after the shown ones and answer it; returns its id at once.

    While an answer or a load is in progress the message is queued.
    """

    name: ClassVar[str] = "chat.send"
    result: ClassVar[Any] = str
    conversation: str
    parts: tuple[UserPart, ...]


class StopAnswer(Action, frozen=True, kw_only=True):
    """Stop the answer in progress, and take queued messages out of the thread.

    Returns those messages, oldest first, for the page to put back as drafts: they are kept nowhere else.
    """

    name: ClassVar[str] = "chat.stop"
    result: ClassVar[Any] = list[ChatMessage]
    conversation: str


class Regenerate(Action, frozen=True, kw_only=True):
    """Answer the user's message again, as a new branch; returns the id of the new answer.

    ``message`` is the answer to replace, by default the last one, or a message of the user.
    """

    name: ClassVar[str] = "chat.regenerate"
    result: ClassVar[Any] = str
    conversation: str
    message: str | None = None


class ContinueAnswer(Action, frozen=True, kw_only=True):
    """Let the model go on with its last answer, which was stopped or reached its limit."""

    name: ClassVar[str] = "chat.continue"
    conversation: str


class EditMessage(Action, frozen=True, kw_only=True):
    """Write a message anew, as a new branch. A user's message is then answered, an assistant's is kept as it is."""

    name: ClassVar[str] = "chat.edit"
    result: ClassVar[Any] = str
    conversation: str
    message: str
    parts: tuple[UserPart, ...]


class DeleteMessage(Action, frozen=True, kw_only=True):
    """Delete a message and everything after it on its branch."""

    name: ClassVar[str] = "chat.delete"
    conversation: str
    message: str


class SelectBranch(Action, frozen=True, kw_only=True):
    """Show the branch with this message."""

    name: ClassVar[str] = "chat.branch"
    conversation: str
    message: str


class DecideApproval(Action, frozen=True, kw_only=True):
    """Answer a tool call that waits; ``arguments`` replace those of the call."""

    name: ClassVar[str] = "chat.approve"
    id: str
    approve: bool
    reason: str = ""
    arguments: dict[str, Any] | None = None


class ExplainRoute(Action, frozen=True, kw_only=True):
    """Return who would answer a message that is being written, and put it into the thread.

    Without ``conversation`` it would begin one. What is attached is not sent for this: ``images`` is how many there
    are, and ``file_chars`` how long the text files are together.
    """

    name: ClassVar[str] = "chat.explain"
    result: ClassVar[Any] = RouteInfo
    conversation: str | None = None
    text: str = ""
    images: int = 0
    file_chars: int = 0


# Requests without a conversation


class PlainMessage(Part, frozen=True, kw_only=True):
    """A message of a request: its parts, as in a conversation."""

    role: Literal["system", "user", "assistant"]
    parts: tuple[TextPart | FilePart, ...]


class GenerateEvent(Part, frozen=True, kw_only=True):
    """A piece of an answer. ``value`` is the object so far, for requests with a schema."""

    type: Literal["start", "text", "reasoning", "object", "restart"]
    text: str = ""
    value: Any = None


class Generated(Part, frozen=True, kw_only=True):
    """A whole answer."""

    text: str
    reasoning: str = ""
    value: Any = None
    answer: AnswerInfo


class Generate(Action, frozen=True, kw_only=True):
    """Answer messages, with events while the answer grows. Cancel the call to stop it.

    With ``settings.schema`` the answer is an object: ``value``.
    """

    name: ClassVar[str] = "generate"
    result: ClassVar[Any] = Generated
    event: ClassVar[Any] = GenerateEvent
    messages: tuple[PlainMessage, ...]
    settings: ConversationSettings = ConversationSettings()
