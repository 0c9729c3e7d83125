"""Transcripts: conversations as Markdown, for reading."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec

from . import threads
from .state import (
    AnswerInfo,
    ChatMessage,
    Conversation,
    FilePart,
    MessagePart,
    ObjectPart,
    ReasoningPart,
    Thread,
    ToolPart,
)

_ENDS = {"stopped": "The answer was stopped.", "error": "The answer failed."}


def transcript(conversations: Iterable[tuple[Conversation, Thread]]) -> str:
    """Return the shown messages of conversations as Markdown."""
    return "\n\n---\n\n".join(_conversation(entry, thread) for entry, thread in conversations) + "\n"


def _conversation(entry: Conversation, thread: Thread) -> str:
    blocks = [f"# {entry.title or 'Conversation'}", f"_{_time(entry.created_at)}_"]
    if entry.settings.system:
        blocks.append(f"**Instructions:** {entry.settings.system}")
    for message in threads.shown(thread):
        blocks += _message(message)
    return "\n\n".join(blocks)


def _message(message: ChatMessage) -> list[str]:
    who = "You" if message.role == "user" else "Assistant"
    blocks = [f"## {who}"]
    blocks += [_part(part) for part in message.parts]
    if end := _ENDS.get(message.status):
        blocks.append(f"_{end}{'' if message.error is None else f' {message.error.message}'}_")
    if message.answer is not None:
        blocks.append(f"<sub>{_answer(message.answer)}</sub>")
    return blocks


def _part(part: MessagePart) -> str:
    if isinstance(part, ReasoningPart):
        return _quoted(f"Thinking: {part.text}")
    if isinstance(part, FilePart):
        name = part.filename or part.media_type
        return f"**File {name}**" if part.text is None else f"**File {name}**\n\n{_fenced(part.text)}"
    if isinstance(part, ToolPart):
        result = part.output if part.state == "output-available" else part.error_text
        said = f"Tool `{part.tool_name}` with `{_json(part.input)}`"
        return _quoted(said if result is None else f"{said}: {_text(result)}")
    if isinstance(part, ObjectPart):
        return _fenced(msgspec.json.format(_json(part.value), indent=2), "json")
    return part.text


def _answer(answer: AnswerInfo) -> str:
    said = [answer.model or answer.backend, "on this device" if answer.where == "local" else "in the cloud"]
    if answer.engine:
        said.append(f"{answer.engine}{f' on {answer.device}' if answer.device else ''}")
    if answer.tokens_per_s:
        said.append(f"{answer.tokens_per_s:.1f} tokens/s")
    if answer.cost_usd:
        said.append(f"${answer.cost_usd:.4f}")
    return " · ".join(said)


def _time(at_ms: float) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d %H:%M} UTC"


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}" for line in text.splitlines())


def _fenced(text: str, language: str = "") -> str:
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}{language}\n{text}\n{fence}"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else _json(value)


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
