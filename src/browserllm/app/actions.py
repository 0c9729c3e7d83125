"""The actions of the app: what a page may ask Python to do, with the types of arguments and results.

A page sends ``{"type": "call", "id", "action", "args"}`` (see docs/app.md). Each class is one action: ``name`` is what
pages call it, its fields are the arguments, ``result`` is the type of the result and ``event`` that of the events that
come before it, if there are any. `web/react/src/actions.ts` is generated from this file.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from .state import (
    AnswerInfo,
    ChatMessage,
    ConversationSettings,
    ErrorInfo,
    FilePart,
    Part,
    Preset,
    RouteInfo,
    SearchHit,
    TextPart,
)

UserPart = TextPart | FilePart


class Action(Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every action."""

    name: ClassVar[str]
    result: ClassVar[Any] = None
    event: ClassVar[Any] = None


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


class ImportConversations(Action, frozen=True, kw_only=True):
    """Add the conversations of an exported JSON file; returns their ids. A broken file adds nothing."""

    name: ClassVar[str] = "conversations.import"
    result: ClassVar[Any] = list[str]
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


# Models


class DownloadModel(Action, frozen=True, kw_only=True):
    """Start a download, or resume one that failed; returns at once."""

    name: ClassVar[str] = "models.download"
    model: str


class PauseDownload(Action, frozen=True, kw_only=True):
    """Pause a download; what has arrived stays."""

    name: ClassVar[str] = "models.pause"
    model: str


class ResumeDownload(Action, frozen=True, kw_only=True):
    """Resume a paused download."""

    name: ClassVar[str] = "models.resume"
    model: str


class CancelDownload(Action, frozen=True, kw_only=True):
    """Cancel a download; ``delete`` its parts, too."""

    name: ClassVar[str] = "models.cancel"
    model: str
    delete: bool = False


class LoadModel(Action, frozen=True, kw_only=True):
    """Load a model into memory, downloading it first if it must be; returns when it is loaded. Cancel to give up."""

    name: ClassVar[str] = "models.load"
    model: str
    engine: str | None = None
    device: str | None = None
    keep_others: bool = False


class UnloadModel(Action, frozen=True, kw_only=True):
    """Free a model's memory, or that of all models."""

    name: ClassVar[str] = "models.unload"
    model: str | None = None


class DeleteModel(Action, frozen=True, kw_only=True):
    """Delete a model's files, or with ``model="*"`` those of all models; returns the bytes freed."""

    name: ClassVar[str] = "models.delete"
    result: ClassVar[Any] = float
    model: str


class AddModel(Action, frozen=True, kw_only=True):
    """Add a custom model from an address, or without ``source`` from a folder that the user picks; returns its id."""

    name: ClassVar[str] = "models.add"
    result: ClassVar[Any] = str
    source: str | None = None
    id: str | None = None


class RefreshModels(Action, frozen=True, kw_only=True):
    """Look again at what is downloaded, loaded and stored."""

    name: ClassVar[str] = "models.refresh"


class EstimateDownload(Action, frozen=True, kw_only=True):
    """Return how long the download of a model would take on this connection, in seconds; ``None`` if not known."""

    name: ClassVar[str] = "models.estimate"
    result: ClassVar[Any] = float | None
    model: str


class PersistStorage(Action, frozen=True, kw_only=True):
    """Ask the browser to keep the storage; returns its answer."""

    name: ClassVar[str] = "storage.persist"
    result: ClassVar[Any] = bool


class CleanStorage(Action, frozen=True, kw_only=True):
    """Delete files that belong to no model; returns the bytes freed."""

    name: ClassVar[str] = "storage.clean"
    result: ClassVar[Any] = float


class RunComparison(Action, frozen=True, kw_only=True):
    """Let each of the ``runs`` answer the prompt in turn; returns at the end. Cancel to stop."""

    name: ClassVar[str] = "compare.run"
    prompt: str
    models: tuple[tuple[str, str | None, str | None], ...]
    """Model, engine and device of each side."""
    max_tokens: int | None = 200


# Settings and clouds


class UpdateSettings(Action, frozen=True, kw_only=True):
    """Change the given settings (in camel case, as in the state); a value that is not valid changes nothing."""

    name: ClassVar[str] = "settings.update"
    changes: dict[str, Any]


class SavePreset(Action, frozen=True, kw_only=True):
    """Add a preset, or replace the one with its id."""

    name: ClassVar[str] = "settings.preset"
    preset: Preset


class DeletePreset(Action, frozen=True, kw_only=True):
    """Delete a preset."""

    name: ClassVar[str] = "settings.delete_preset"
    id: str


class SaveCloud(Action, frozen=True, kw_only=True):
    """Set up a cloud model, or change one; returns its id. Without ``api_key`` the key stays as it is.

    ``keep_key`` writes the key into the browser's storage of this site; otherwise it is gone with the page.
    """

    name: ClassVar[str] = "clouds.save"
    result: ClassVar[Any] = str
    vendor: Literal["openai", "anthropic", "gemini", "ollama", "compatible"]
    model: str
    id: str | None = None
    label: str | None = None
    api_key: str | None = None
    keep_key: bool = False
    base_url: str | None = None
    enabled: bool = True


class DeleteCloud(Action, frozen=True, kw_only=True):
    """Forget a cloud model and its key."""

    name: ClassVar[str] = "clouds.delete"
    id: str


class TestCloud(Action, frozen=True, kw_only=True):
    """Ask a cloud for a sign of life; returns ``None``, or what is wrong."""

    name: ClassVar[str] = "clouds.test"
    result: ClassVar[Any] = ErrorInfo | None
    id: str


class DismissNotice(Action, frozen=True, kw_only=True):
    """Take a notice away."""

    name: ClassVar[str] = "notices.dismiss"
    id: str


class RefreshDevice(Action, frozen=True, kw_only=True):
    """Look at the device again."""

    name: ClassVar[str] = "device.refresh"


def actions() -> dict[str, type[Action]]:
    """Return every action by its name."""
    return {action.name: action for action in Action.__subclasses__()}
