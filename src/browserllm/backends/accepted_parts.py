"""Selects the parts of a message that a backend accepts, and reports the others."""

from __future__ import annotations

from typing import NamedTuple

from ..types import ROLE_PARTS, ContentPart, Message
from .base import unsupported
from .draft import Draft


class PlacedPart(NamedTuple):
    """A part, and its path for errors: ``messages[0].content[1]``."""

    part: ContentPart
    where: str


def accepted_parts(
    message: Message, index: int, draft: Draft, *, refused: tuple[type[ContentPart], ...] = ()
) -> list[PlacedPart]:
    """Return the parts of ``messages[index]`` that its role allows and the backend accepts.

    ``refused`` are the part types that the backend does not accept from any role. A part that is left out gives a
    warning or raises `Unsupported`, as ``request.unsupported`` says. Parts that the role does not allow are left out,
    too: the request may have been changed after its validation.
    """
    taken: list[PlacedPart] = []
    for position, part in enumerate(message.parts):
        if isinstance(part, ROLE_PARTS[message.role]) and not isinstance(part, refused):
            taken.append(PlacedPart(part, f"messages[{index}].content[{position}]"))
        else:
            kind = type(part).__struct_config__.tag
            unsupported(
                draft,
                f"messages[{index}].content",
                f"{draft.backend!r} accepts no part of type {kind!r} from role {message.role!r}",
                "it was left out",
            )
    return taken
