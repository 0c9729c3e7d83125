"""Messages as the page takes them: a text in a role, or texts and images where a user sends them."""

from __future__ import annotations

from typing import Any

from ..types import ImagePart, Message, ReasoningPart, TextPart, ToolResultPart
from .base import unsupported
from .media import image_url
from .stream import Draft

WireMessage = dict[str, Any]
"""A message as the page takes it: its content is a text, or a list of text and image parts."""


def wire_messages(messages: list[Message], draft: Draft) -> list[WireMessage]:
    """Return messages for the page; the system messages at the start become one, which is what every engine takes."""
    wire: list[WireMessage] = []
    system: list[str] = []
    for index, message in enumerate(messages):
        content = _content_of(message, index, draft)
        if message.role == "system" and isinstance(content, str):
            system.append(content)
        else:
            wire.append({"role": message.role, "content": content})
    return [{"role": "system", "content": "\n\n".join(system)}, *wire] if system else wire


def _content_of(message: Message, index: int, draft: Draft) -> str | list[dict[str, str]]:
    """Return a message's text, or its parts where images of a user are among them; what is neither is reported."""
    if isinstance(message.content, str):
        return message.content
    parts: list[dict[str, str]] = []
    for position, part in enumerate(message.content):
        if isinstance(part, (TextPart, ToolResultPart)):
            parts.append({"type": "text", "text": part.text if isinstance(part, TextPart) else part.content})
        elif isinstance(part, ReasoningPart):
            continue  # what a model thought is not fed to it again
        elif isinstance(part, ImagePart) and message.role == "user":
            parts.append({"type": "image", "url": image_url(part, f"messages[{index}].content[{position}]")})
        else:
            kind = type(part).__struct_config__.tag
            unsupported(
                draft,
                f"messages[{index}].content",
                f"local models take no part of type {kind!r} from role {message.role!r}; it was left out",
            )
    return parts if any(part["type"] == "image" for part in parts) else _text_of(parts)


def without_images(messages: list[WireMessage], draft: Draft) -> list[WireMessage]:
    """Return the messages as text, for a model that takes nothing else; the images are reported."""
    # The system messages, which are first, have become one.
    merged = len(draft.request.messages) - len(messages)
    texts: list[WireMessage] = []
    for index, message in enumerate(messages):
        content = message["content"]
        if not isinstance(content, str):
            where = f"messages[{index + merged}].content"
            unsupported(draft, where, f"model {draft.model!r} takes text only; the part of type 'image' was left out")
            content = _text_of(content)
        texts.append({"role": message["role"], "content": content})
    return texts


def _text_of(parts: list[dict[str, str]]) -> str:
    return "".join(part["text"] for part in parts if part["type"] == "text")
