"""Transfer: conversations as a file, to keep or to move (JSON, with everything), or to read (Markdown).

An imported file may come from anywhere, so all of it is checked before anything is added.
"""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
from msgspec.structs import replace

from .._internal.nesting import decode_json
from .._internal.version import __version__
from ..errors import BrowserLLMError, InvalidRequest
from ..stores.base import MAX_VALUE_BYTES
from . import threads
from .actions import ExportConversations, ImportConversations
from .app import App
from .chat_settings import check_settings
from .checks import checked_title, is_id
from .conversations import Conversations
from .messages import check_file, settled
from .state import ChatMessage, Conversation, FilePart, Thread
from .transcript import transcript

FORMAT = "browserllm.conversations"
VERSION = 1
MAX_FILE_BYTES = 256 * 1024 * 1024
MAX_MESSAGES = 20_000
"""How many messages a conversation of a file may have."""


class ExportedConversation(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A conversation with all its messages; ``shown`` is the end of the shown branch."""

    conversation: Conversation
    messages: tuple[ChatMessage, ...]
    shown: str | None = None


class ExportedFile(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What an exported file contains."""

    format: str
    version: int
    conversations: tuple[ExportedConversation, ...]
    exported_at: float = 0
    app: str = ""


class _Head(msgspec.Struct):
    format: str = ""
    version: int = 0


class Transfer:
    """Exports and imports conversations."""

    def __init__(self, app: App, conversations: Conversations) -> None:
        """Transfer these conversations."""
        self._app = app
        self._conversations = conversations
        app.on(ExportConversations, self._export)
        app.on(ImportConversations, self._import)

    async def _export(self, action: ExportConversations) -> str:
        listed = self._app.state.value.conversations.values()
        newest = sorted(listed, key=lambda entry: entry.updated_at, reverse=True)
        entries = newest if action.id is None else [self._conversations.get(action.id)]
        whole = [(entry, await self._conversations.read(entry.id)) for entry in entries]
        if action.format == "markdown":
            return transcript(whole)
        file = ExportedFile(
            format=FORMAT,
            version=VERSION,
            exported_at=self._app.now_ms(),
            app=__version__,
            conversations=tuple(
                ExportedConversation(
                    conversation=entry,
                    shown=thread.path[-1] if thread.path else None,
                    messages=tuple(settled(message) for message in thread.messages.values()),
                )
                for entry, thread in whole
            ),
        )
        return msgspec.json.format(msgspec.json.encode(file), indent=1).decode()

    async def _import(self, action: ImportConversations) -> list[str]:
        file = _decoded(action.text)
        checked = [self._checked(exported, number) for number, exported in enumerate(file.conversations, 1)]
        added: list[str] = []
        try:
            for entry, thread in checked:
                is_free = is_id(entry.id) and not self._conversations.has(entry.id)
                name = entry.id if is_free else self._conversations.new_id()
                added.append(name)
                await self._conversations.adopt(
                    replace(entry, id=name), threads.with_context(replace(thread, id=name)), named=bool(entry.title)
                )
        except BaseException:
            await self._conversations.remove(added)
            raise
        return added

    def _checked(self, exported: ExportedConversation, number: int) -> tuple[Conversation, Thread]:
        """Return a conversation of the file with new ids for its messages. Raises `InvalidRequest`."""
        entry = exported.conversation
        where = f"conversation {number} ({entry.title[:40]!r})"
        try:
            entry = replace(entry, title=checked_title(entry.title))
            check_settings(entry.settings)
            _check_times(entry.created_at, entry.updated_at)
        except BrowserLLMError as error:
            raise _invalid(f"{where}: {error}") from error
        _check_messages(exported.messages, where)
        ids = {message.id: self._conversations.new_id() for message in exported.messages}
        _check_tree(exported.messages, ids, where)
        messages = [
            settled(replace(each, id=ids[each.id], parent=None if each.parent is None else ids[each.parent]))
            for each in exported.messages
        ]
        if exported.shown is not None and exported.shown not in ids:
            raise _invalid(f"{where}: it shows the message {exported.shown[:40]!r}, which it does not have")
        shown = None if exported.shown is None else ids[exported.shown]
        return entry, threads.build(entry.id, messages, shown)


def _decoded(text: str) -> ExportedFile:
    if len(text) > MAX_FILE_BYTES:
        raise _invalid(f"it has {len(text)} characters, over the limit of {MAX_FILE_BYTES}")
    text = text.removeprefix("\ufeff")  # some editors and systems put a byte order mark before every text
    try:
        head = decode_json(text, _Head)
        if head.format != FORMAT:
            raise _invalid(
                f"its 'format' is {head.format[:40]!r}, not {FORMAT!r}; choose a file that this app exported as JSON"
            )
        if head.version != VERSION:
            raise _invalid(f"it was written as version {head.version}; this app reads version {VERSION} only")
        return decode_json(text, ExportedFile)
    except (msgspec.DecodeError, RecursionError) as error:
        raise _invalid(str(error)) from error


def _check_messages(messages: tuple[ChatMessage, ...], where: str) -> None:
    if len(messages) > MAX_MESSAGES:
        raise _invalid(f"{where}: it has {len(messages)} messages, over the limit of {MAX_MESSAGES}")
    seen: set[str] = set()
    for number, message in enumerate(messages, 1):
        place = f"{where}, message {number}"
        if message.id in seen:
            raise _invalid(f"{place}: the id {message.id[:40]!r} is there twice")
        seen.add(message.id)
        try:
            _check_times(message.created_at)
            for part in message.parts:
                if isinstance(part, FilePart):
                    check_file(part)
            size = len(msgspec.json.encode(message))
        except (BrowserLLMError, UnicodeError) as error:
            raise _invalid(f"{place}: {error}") from error
        if size > MAX_VALUE_BYTES // 2:
            raise _invalid(f"{place}: it has {size} bytes, over the limit of {MAX_VALUE_BYTES // 2}")


def _check_tree(messages: tuple[ChatMessage, ...], ids: dict[str, str], where: str) -> None:
    """Raise `InvalidRequest` for a message whose parent is missing, and for messages in a circle."""
    parents = {message.id: message.parent for message in messages}
    for number, message in enumerate(messages, 1):
        if message.parent is not None and message.parent not in ids:
            raise _invalid(
                f"{where}, message {number}: it follows the message {message.parent[:40]!r}, which is not in the file"
            )
    rooted: set[str] = set()
    for message in messages:
        path: list[str] = []
        step: str | None = message.id
        while step is not None and step not in rooted:
            if len(path) > len(messages):
                raise _invalid(f"{where}: the message {message.id[:40]!r} follows itself")
            path.append(step)
            step = parents[step]
        rooted.update(path)


def _check_times(*times: float) -> None:
    for at in times:
        try:
            datetime.fromtimestamp(at / 1000, UTC)
        except (ValueError, OverflowError, OSError):
            raise InvalidRequest(f"{at!r} is not a time in milliseconds since 1970", parameter="text") from None


def _invalid(why: str) -> InvalidRequest:
    return InvalidRequest(f"this file cannot be imported: {why}", parameter="text")
