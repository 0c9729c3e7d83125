"""Messages: what a user may send, what a backend gets of a conversation, and what lists show of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import zip_longest
from typing import Any, Literal, cast

import msgspec
from msgspec.structs import replace

from .._internal.content import content_of
from ..backends.media import IMAGE_TYPES, media_of
from ..errors import ContextExceeded, InvalidRequest
from ..types import ContentPart, ImagePart, Message, Role, ToolCallPart, ToolResultPart
from ..types import TextPart as SaidPart
from .actions import UserPart
from .blank import is_blank
from .checks import checked_length
from .limits import MAX_FILENAME_CHARS
from .state import ChatMessage, FilePart, MessagePart, ObjectPart, ReasoningPart, TextPart, ToolPart

MAX_MESSAGE_BYTES = 4 * 1024 * 1024
"""The largest message, as JSON; a backend takes no larger request."""

TITLE_CHARS = 60
PREVIEW_CHARS = 120

IN_PROGRESS = ("queued", "submitted", "streaming")
"""Statuses of messages that wait for something."""

_NOT_RUN = "not run: the answer was stopped before this call had a result"


def check_user_parts(parts: Sequence[UserPart]) -> tuple[UserPart, ...]:
    """Return the parts of a user's message without empty texts.

    Raises `InvalidRequest` if nothing is left, for a file that is neither an image nor text, and for a message that is
    too large.
    """
    kept = tuple(part for part in parts if not (isinstance(part, TextPart) and is_blank(part.text)))
    if not kept:
        raise InvalidRequest(
            "the message is empty: it has no character that can be seen; write a text or attach a file",
            parameter="parts",
        )
    for part in kept:
        if isinstance(part, FilePart):
            check_file(part)
    try:
        size = len(msgspec.json.encode(kept))
    except UnicodeEncodeError:
        raise InvalidRequest(
            "the message contains half of a surrogate pair, which is not valid text; remove it", parameter="parts"
        ) from None
    if size > MAX_MESSAGE_BYTES:
        raise InvalidRequest(
            f"the message has {size} bytes, over the limit of {MAX_MESSAGE_BYTES}; attach less, or smaller images",
            parameter="parts",
            data={"size_bytes": size, "limit_bytes": MAX_MESSAGE_BYTES},
        )
    return kept


def check_file(part: FilePart) -> None:
    """Raise `InvalidRequest` for a file that is neither an image, as a data URL, nor text."""
    checked_length("parts", part.filename or "", MAX_FILENAME_CHARS, "name of the file")
    checked_length("parts", part.media_type, MAX_FILENAME_CHARS, "type of the file")
    name = part.filename or part.media_type
    if part.text is not None:
        if part.url is not None:
            raise InvalidRequest(f"the file {name!r} has both text and url; send one of them", parameter="parts")
        return
    if part.url is None or not part.media_type.startswith("image/"):
        raise InvalidRequest(
            f"the file {name!r} of type {part.media_type!r} cannot be sent; attach an image "
            f"({', '.join(IMAGE_TYPES)}) or a text file",
            parameter="parts",
        )
    if not part.url.startswith("data:"):
        raise InvalidRequest(
            f"the image {name!r} has url={part.url[:60]!r}; attach the image itself, as a data: URL", parameter="parts"
        )
    media_of(ImagePart(url=part.url), f"the file {name!r}", IMAGE_TYPES)


# For backends


def said_parts(parts: Iterable[MessagePart]) -> list[ContentPart]:
    """Return what the parts of a message say to a backend: texts, images, and text files with their names."""
    said: list[ContentPart] = []
    for part in parts:
        if isinstance(part, TextPart) and part.text:
            said.append(SaidPart(part.text))
        elif isinstance(part, FilePart) and part.text is not None:
            said.append(SaidPart(_file_text(part)))
        elif isinstance(part, FilePart) and part.url is not None:
            said.append(ImagePart(url=part.url))
        elif isinstance(part, ObjectPart):
            said.append(SaidPart(msgspec.json.encode(part.value).decode()))
    return said


def plain_message(role: Role, parts: Iterable[MessagePart]) -> Message:
    """Return a message for a backend; texts are joined unless there are images."""
    said = said_parts(parts)
    if all(isinstance(part, SaidPart) for part in said):
        return Message(role, "\n\n".join([part.text for part in said if isinstance(part, SaidPart)]))
    return Message(role, content_of(said))


def history_of(messages: Iterable[ChatMessage]) -> list[Message]:
    """Return messages of a branch as a history for a `Session`.

    Answers without text and calls are left out, and questions without an answer between them become one: models
    require that user and assistant take turns. A question that was too long for every model is left out, too, or all
    that follow it would be too long.
    """
    history: list[Message] = []
    branch = list(messages)
    for message, following in zip_longest(branch, branch[1:]):
        if message.role == "user":
            if following is not None and _was_too_long(following):
                continue
            said = plain_message("user", message.parts)
            if history and history[-1].role == "user":
                parts = [*history.pop().parts, SaidPart("\n\n"), *said.parts]
                texts = [part.text for part in parts if isinstance(part, SaidPart)]
                said = Message("user", "".join(texts) if len(texts) == len(parts) else parts)
            history.append(said)
        elif history:
            history.extend(_answers(message.parts))
    return history


def with_question(branch: Sequence[ChatMessage]) -> tuple[Sequence[ChatMessage], Message]:
    """Return the messages before the question at the end of a branch, and the question.

    Messages that got no answer are part of the question.
    """
    at = len(branch) - 1
    while at > 0 and (branch[at - 1].role == "user" or not _answers(branch[at - 1].parts)):
        at -= 1
    return branch[:at], history_of(branch[at:])[-1]


def _was_too_long(answer: ChatMessage) -> bool:
    """Return whether a question got no answer because it was too long."""
    return answer.error is not None and answer.error.code == ContextExceeded.code and not _answers(answer.parts)


def _answers(parts: Iterable[MessagePart]) -> list[Message]:
    """Return the rounds of an answer: text and calls, their results, and so on."""
    answers: list[Message] = []
    said: list[ContentPart] = []
    results: list[ContentPart] = []

    def end_round() -> None:
        if said:
            answers.append(Message("assistant", content_of(said.copy())))
        if results:
            answers.append(Message("tool", results.copy()))
        said.clear()
        results.clear()

    for part in parts:
        if isinstance(part, ToolPart):
            said.append(ToolCallPart(part.tool_call_id, part.tool_name, _arguments(part.input)))
            failed = part.state != "output-available"
            results.append(ToolResultPart(part.tool_call_id, _result_of(part), is_error=failed))
        else:
            if results:
                end_round()
            said.extend(said_parts([part]))
    end_round()
    return answers


def _result_of(part: ToolPart) -> str:
    if part.state == "output-available":
        return part.output if isinstance(part.output, str) else _json(part.output)
    return part.error_text or _NOT_RUN


def _arguments(given: Any) -> str:
    # What is not an object was not JSON, and models get only objects back.
    return _json(cast("Any", given)) if isinstance(given, dict) else "{}"


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _file_text(part: FilePart) -> str:
    fence = "```"
    while fence in (part.text or ""):
        fence += "`"
    return f"File {part.filename or 'without a name'}:\n{fence}\n{part.text}\n{fence}"


# For the page


def text_of(message: ChatMessage) -> str:
    """Return the text of a message as a reader sees it, without thoughts and tool calls."""
    texts = [part.text for part in message.parts if isinstance(part, TextPart)]
    texts += [_json(part.value) for part in message.parts if isinstance(part, ObjectPart)]
    return "\n\n".join(texts)


def title_of(messages: Iterable[ChatMessage]) -> str:
    """Return a title made from the first message of the user: its first line, or the name of a file."""
    first = next((message for message in messages if message.role == "user"), None)
    if first is None:
        return ""
    line = next((line for line in text_of(first).splitlines() if not is_blank(line.strip(" \t#>*-"))), "")
    files = [part.filename for part in first.parts if isinstance(part, FilePart) and part.filename]
    return _shortened(line.strip(" \t#>*-") or ", ".join(files), TITLE_CHARS)


def preview_of(messages: Sequence[ChatMessage]) -> str:
    """Return the beginning of the last message that has text."""
    for message in reversed(messages):
        if text := text_of(message):
            return _shortened(text[: 4 * PREVIEW_CHARS], PREVIEW_CHARS)
    return ""


def excerpt_of(text: str, start: int, end: int) -> str:
    """Return what is around a place of a text, on one line."""
    first, last = max(0, start - 40), min(len(text), end + 60)
    inner = " ".join(text[first:last].split())
    return f"{'…' if first else ''}{inner}{'…' if last < len(text) else ''}"


def settled(message: ChatMessage, status: Literal["stopped", "error", "done"] = "stopped") -> ChatMessage:
    """Return a message in which nothing is in progress any more; ``status`` is for one that was in progress."""
    parts = tuple(_settled_part(part) for part in message.parts)
    if message.status in IN_PROGRESS:
        return replace(message, status=status, parts=parts)
    # One of a file may say that it is done, and have parts that are not.
    return message if parts == message.parts else replace(message, parts=parts)


def _settled_part(part: MessagePart) -> MessagePart:
    if isinstance(part, (TextPart, ReasoningPart, ObjectPart)):
        return part if part.state == "done" else replace(part, state="done")
    if isinstance(part, ToolPart) and not part.state.startswith("output-"):
        return replace(part, state="output-error", error_text=_NOT_RUN, approval_id=None)
    return part


def _shortened(text: str, limit: int) -> str:
    line = " ".join(text.split())
    if len(line) <= limit:
        return line
    cut = line[: limit - 1]
    # At a word, unless the last word is very long.
    words = re.match(r"(.+)\s", cut)
    return f"{words[1] if words and len(words[1]) > limit // 2 else cut}…"
