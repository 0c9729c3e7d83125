"""Converts messages to the page's format: a role with a text, or with text and image parts."""

from __future__ import annotations

from typing import Any

from ..types import AudioPart, ImagePart, Message, TextPart, ToolCallPart, ToolResultPart
from .accepted_parts import accepted_parts
from .base import unsupported
from .draft import Draft
from .media import IMAGE_TYPES, Media, media_of

WireMessage = dict[str, Any]
"""A message in the page's format: its content is a text, or a list of text and image parts."""


def wire_messages(messages: list[Message], draft: Draft) -> list[WireMessage]:
    """Return messages for the page; leading system messages are merged into one, which every engine accepts."""
    wire: list[WireMessage] = []
    system: list[str] = []
    for index, message in enumerate(messages):
        content = _page_parts(message, index, draft)
        if message.role == "system":
            system.append(_text_of(content))
        else:
            has_image = any(part["type"] == "image" for part in content)
            wire.append({"role": message.role, "content": content if has_image else _text_of(content)})
    return [{"role": "system", "content": "\n\n".join(system)}, *wire] if system else wire


def _page_parts(message: Message, index: int, draft: Draft) -> list[dict[str, str]]:
    """Return the text and image parts of a message; report other parts, except for reasoning."""
    parts: list[dict[str, str]] = []
    for part, where in accepted_parts(message, index, draft, refused=(AudioPart, ToolCallPart)):
        if isinstance(part, TextPart):
            parts.append({"type": "text", "text": part.text})
        elif isinstance(part, ToolResultPart):
            parts.append({"type": "text", "text": part.content})
        elif isinstance(part, ImagePart):
            media = media_of(part, where, IMAGE_TYPES)
            parts.append({"type": "image", "url": media.url if isinstance(media, Media) else media})
    return parts


def without_images(messages: list[WireMessage], draft: Draft) -> list[WireMessage]:
    """Return the messages as text, for a model that accepts only text; report the images."""
    # The leading system messages were merged into one.
    merged = len(draft.request.messages) - len(messages)
    texts: list[WireMessage] = []
    for index, message in enumerate(messages):
        content = message["content"]
        if not isinstance(content, str):
            where = f"messages[{index + merged}].content"
            problem = f"model {draft.model!r} takes text only, and the message has an image"
            unsupported(draft, where, problem, "the image was left out")
            content = _text_of(content)
        texts.append({"role": message["role"], "content": content})
    return texts


def images_first(messages: list[WireMessage], draft: Draft) -> list[WireMessage]:
    """Return the messages with their images before their text, for an engine that accepts no other order; report it."""
    merged = len(draft.request.messages) - len(messages)
    ordered: list[WireMessage] = []
    for index, message in enumerate(messages):
        content = message["content"]
        if not isinstance(content, str):
            parts = sorted(content, key=lambda part: part["type"] != "image")
            if parts != content:
                unsupported(
                    draft,
                    f"messages[{index + merged}].content",
                    f"engine {draft.engine!r} accepts images only before the text of a message",
                    "they were moved to the front",
                )
            content = parts
        ordered.append({"role": message["role"], "content": content})
    return ordered


def _text_of(parts: list[dict[str, str]]) -> str:
    return "".join(part["text"] for part in parts if part["type"] == "text")
