"""The parts of a message that a backend can send, each with its place; what it does not take is reported."""

from __future__ import annotations

from typing import NamedTuple

from ..types import ROLE_PARTS, ContentPart, Message
from .base import unsupported
from .stream import Draft


class PlacedPart(NamedTuple):
    """A part, and what errors call it: ``messages[0].content[1]``."""

    part: ContentPart
    where: str


def taken_parts(
    message: Message, index: int, draft: Draft, *, refused: tuple[type[ContentPart], ...] = ()
) -> list[PlacedPart]:
    """Return the parts of ``messages[index]`` that its role may hold and this backend takes.

    ``refused`` are the types that the backend does not take from any role. What is left out is a warning, or an error
    by choice. A request that was changed since its validation may hold parts of a wrong role: these are left out, too.
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
                f"{draft.backend!r} takes no part of type {kind!r} from role {message.role!r}; it was left out",
            )
    return taken
