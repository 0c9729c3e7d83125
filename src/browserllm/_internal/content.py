"""The content of a message in its canonical form."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from ..types import ContentPart, TextPart


def content_of(parts: Sequence[ContentPart]) -> str | list[ContentPart]:
    """Return parts as the content of a message, in the canonical form.

    One text without a signature becomes a string, no parts become the empty string, and anything else stays a list.
    Request validation puts every message into this form. So a question written as a string and the same question
    written as a part are equal requests: the same JSON, the same request to a vendor, the same saved conversation, the
    same cached answer. Strings stay strings, because programs write, compare and save strings. Several texts stay
    separate, because vendors receive them separately.
    """
    if not parts:
        return ""
    first = parts[0]
    if len(parts) == 1 and isinstance(first, TextPart) and first.signature is None:
        return first.text
    return parts if isinstance(parts, list) else [*parts]


def with_joined_texts(parts: Iterable[ContentPart]) -> list[ContentPart]:
    """Return the parts with adjacent texts joined; a text with a signature stays on its own."""
    joined: list[ContentPart] = []
    for is_text, group in groupby(parts, lambda part: isinstance(part, TextPart) and part.signature is None):
        if is_text:
            joined.append(TextPart("".join([part.text for part in group if isinstance(part, TextPart)])))
        else:
            joined += group
    return joined
