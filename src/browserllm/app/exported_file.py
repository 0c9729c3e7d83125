"""The file of exported conversations. It may come from anywhere, so all of it is checked before any of it is used."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from hashlib import sha256
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from .._internal.nesting import decode_json
from .._internal.version import __version__
from ..errors import BrowserLLMError, InvalidRequest
from ..stores.base import MAX_VALUE_BYTES
from . import threads
from .chat_settings import check_settings
from .checks import checked_folder, checked_length, checked_title, is_id
from .file_problems import cannot_be_imported, what_is_wrong
from .messages import check_file, settled
from .state import ChatMessage, Conversation, FilePart, Thread, ToolPart

FORMAT = "browserllm.conversations"
VERSION = 1
MAX_FILE_BYTES = 256 * 1024 * 1024
MAX_MESSAGES = 200_000
"""How many messages a conversation of a file may have: more than one that people write. It takes linear time."""

MAX_MESSAGE_BYTES = MAX_VALUE_BYTES
"""What a store keeps in one record; a message that could be sent is half as large at most."""

MAX_WORD_CHARS = 1_000
"""How long the names in a message may be: of tools, and of what has answered."""


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


class Given(NamedTuple):
    """A conversation of a file that is fine. Its ids, and those of its messages, can be used here."""

    entry: Conversation
    thread: Thread


def written_file(conversations: Iterable[tuple[Conversation, Thread]], at_ms: float) -> str:
    """Return the text of a file with conversations; what is in progress in them is stopped there."""
    file = ExportedFile(
        format=FORMAT,
        version=VERSION,
        exported_at=at_ms,
        app=__version__,
        conversations=tuple(
            ExportedConversation(
                conversation=entry,
                shown=thread.path[-1] if thread.path else None,
                messages=tuple(settled(message) for message in thread.messages.values()),
            )
            for entry, thread in conversations
        ),
    )
    return msgspec.json.format(msgspec.json.encode(file), indent=1).decode()


def read_file(text: str) -> list[Given]:
    """Return the conversations of a file. Raises `InvalidRequest`, which says what is wrong with it and where."""
    if len(text) > MAX_FILE_BYTES:
        raise cannot_be_imported(
            f"it has {len(text)} characters, over the limit of {MAX_FILE_BYTES}", "Export fewer conversations at once"
        )
    text = text.removeprefix("\ufeff")  # some editors and systems put a byte order mark before every text
    try:
        head = decode_json(text, _Head)
        if head.format != FORMAT:
            raise cannot_be_imported("it has no conversations of this app", "Choose a JSON file that this app exported")
        if head.version > VERSION:
            raise cannot_be_imported(
                f"a newer version of the app wrote it (format {head.version}, and this one reads up to {VERSION})",
                "Reload the page to get that version, and import it again",
            )
        if head.version != VERSION:
            raise cannot_be_imported(f"its “version” is {head.version}, which no version of the app wrote")
        file = msgspec.json.decode(text, type=ExportedFile)  # its depth and its characters have been checked
    except (msgspec.DecodeError, RecursionError) as error:
        raise what_is_wrong(error, text) from None
    return [_checked(exported, number) for number, exported in enumerate(file.conversations, 1)]


def usable_id(text: str) -> str:
    """Return an id of a file, or always the same other one in its place if it cannot be one here."""
    return text if is_id(text) else sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:24]


def _checked(exported: ExportedConversation, number: int) -> Given:
    entry = exported.conversation
    where = f"conversation {number} (“{entry.title[:40]}”)" if entry.title else f"conversation {number}"
    try:
        entry = replace(
            entry,
            id=usable_id(entry.id),
            title=checked_title(entry.title),
            folder=checked_folder(entry.folder or ""),
        )
        check_settings(entry.settings)
        _check_times(entry.created_at, entry.updated_at)
    except BrowserLLMError as error:
        raise cannot_be_imported(f"{where}: {error}") from error
    _check_messages(exported.messages, where)
    ids = {message.id: usable_id(message.id) for message in exported.messages}
    _check_tree(exported.messages, ids, where)
    messages = [
        settled(replace(each, id=ids[each.id], parent=None if each.parent is None else ids[each.parent]))
        for each in exported.messages
    ]
    if exported.shown is not None and exported.shown not in ids:
        raise cannot_be_imported(f"{where}: it shows the message “{exported.shown[:40]}”, which it does not have")
    shown = None if exported.shown is None else ids[exported.shown]
    return Given(entry, threads.with_context(threads.build(entry.id, messages, shown)))


def _check_messages(messages: tuple[ChatMessage, ...], where: str) -> None:
    if len(messages) > MAX_MESSAGES:
        raise cannot_be_imported(f"{where}: it has {len(messages)} messages, over the limit of {MAX_MESSAGES}")
    seen: set[str] = set()
    for number, message in enumerate(messages, 1):
        place = f"{where}, message {number}"
        if message.id in seen:
            raise cannot_be_imported(f"{place}: another message has its id, “{message.id[:40]}”")
        seen.add(message.id)
        try:
            _check_times(message.created_at)
            _check_words(message)
            for part in message.parts:
                if isinstance(part, FilePart):
                    check_file(part)
            size = len(msgspec.json.encode(message))
        except BrowserLLMError as error:
            raise cannot_be_imported(f"{place}: {error}") from error
        if size > MAX_MESSAGE_BYTES:
            raise cannot_be_imported(f"{place}: it has {size} bytes, over the limit of {MAX_MESSAGE_BYTES}")


def _check_words(message: ChatMessage) -> None:
    """Raise `InvalidRequest` for names that no tool, model or device has: pages show them on a line."""
    for part in message.parts:
        if isinstance(part, ToolPart):
            checked_length("text", part.tool_name, MAX_WORD_CHARS, "name of a tool")
            checked_length("text", part.tool_call_id, MAX_WORD_CHARS, "id of a tool call")
    answer = message.answer
    if answer is not None:
        for name in (answer.backend, answer.model, answer.engine, answer.device, answer.adapter, answer.finish_reason):
            checked_length("text", name or "", MAX_WORD_CHARS, "name of what has answered")


def _check_tree(messages: tuple[ChatMessage, ...], ids: dict[str, str], where: str) -> None:
    """Raise `InvalidRequest` for a message whose parent is missing, and for messages in a circle."""
    parents = {message.id: message.parent for message in messages}
    for number, message in enumerate(messages, 1):
        if message.parent is not None and message.parent not in ids:
            raise cannot_be_imported(
                f"{where}, message {number}: it follows the message “{message.parent[:40]}”, which is not in the file"
            )
    rooted: set[str] = set()
    for message in messages:
        path: list[str] = []
        step: str | None = message.id
        while step is not None and step not in rooted:
            if len(path) > len(messages):
                raise cannot_be_imported(f"{where}: the message “{message.id[:40]}” follows itself")
            path.append(step)
            step = parents[step]
        rooted.update(path)


def _check_times(*times: float) -> None:
    for at in times:
        try:
            datetime.fromtimestamp(at / 1000, UTC)
        except (ValueError, OverflowError, OSError):
            raise InvalidRequest(f"{at!r} is not a time in milliseconds since 1970", parameter="text") from None
