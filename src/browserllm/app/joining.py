"""Joining: what of an imported conversation is missing in the one that is here already.

Messages are a tree, and an exported message keeps its id. So a conversation that went on here, there or in both places
is joined message by message: what is missing is added, on a branch of its own where the two went on in different ways.
Nothing is lost and nothing is there twice, however often a file is imported.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import sha256

import msgspec
from msgspec.structs import replace

from . import threads
from .messages import IN_PROGRESS, settled
from .state import ChatMessage, MessagePart, ReasoningPart, TextPart, Thread


def have_common(here: Thread, given: Thread) -> bool:
    """Return whether two threads have a message in common, or one of them has none: are they one conversation?

    Files of other programs may count their messages, so an id alone says little.
    """
    both = (
        (known, message) for key, message in given.messages.items() if (known := here.messages.get(key)) is not None
    )
    is_common = any(_goes_on(known, message) or _goes_on(message, known) for known, message in both)
    return is_common or not here.messages or not given.messages


def missing(here: Mapping[str, ChatMessage], given: Thread) -> dict[str, ChatMessage]:
    """Return the messages to write, by their ids, so that ``here`` has all that is ``given``.

    A message that is here and goes on there is replaced. One that was changed is added beside the one that is here,
    with an id that is made of its content.
    """
    found: dict[str, ChatMessage] = {}
    ids: dict[str, str] = {}
    for message in _parents_first(given):
        known = here.get(message.id)
        moved = replace(message, parent=None if message.parent is None else ids[message.parent])
        if known is None:
            found[message.id] = moved
        elif not _goes_on(message, known):
            if known.status not in IN_PROGRESS and _goes_on(known, message):
                found[message.id] = replace(moved, parent=known.parent)
            else:
                moved = replace(moved, id=_id_of(message))
                if moved.id not in here:
                    found[moved.id] = moved
        ids[message.id] = moved.id
    return found


def copy_id(given: Thread) -> str:
    """Return the id of a conversation of a file whose own id another conversation has: always the same one."""
    first = given.children.get(threads.ROOT, ("",))[0]
    return sha256(f"{given.id}/{first}".encode()).hexdigest()[:24]


def _parents_first(thread: Thread) -> Iterator[ChatMessage]:
    for root in thread.children.get(threads.ROOT, ()):
        for message in threads.subtree(thread, root):
            yield thread.messages[message]


def _goes_on(before: ChatMessage, after: ChatMessage) -> bool:
    """Return whether a message is the same as another, or what became of it: an answer that grew since."""
    if before.role != after.role:
        return False
    old, new = settled(before).parts, settled(after).parts
    if len(old) > len(new):
        return False
    if not old:
        return True
    return old[:-1] == new[: len(old) - 1] and _grew(old[-1], new[len(old) - 1])


def _grew(old: MessagePart, new: MessagePart) -> bool:
    texts = (TextPart, ReasoningPart)
    if isinstance(old, texts) and isinstance(new, texts) and type(old) is type(new):
        return new.text.startswith(old.text)
    return old == new


def _id_of(message: ChatMessage) -> str:
    return sha256(msgspec.json.encode([message.id, message.parts])).hexdigest()[:24]
