"""Threads: a conversation's messages as a tree, and pure functions that change it.

A message's siblings are branches: an answer that was given again, or a message that was written anew. ``path`` is the
branch that is shown; it always ends with a message that has no children.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping

from msgspec.structs import replace

from .state import ChatMessage, Thread

ROOT = ""
"""The key of the first messages in `Thread.children`."""


# Reading


def path_to(thread: Thread, message: str) -> tuple[str, ...]:
    """Return the ids from the first message to this one. Raises `KeyError` if it does not exist."""
    path: list[str] = []
    step: str | None = message
    while step is not None:
        path.append(step)
        step = thread.messages[step].parent
    return tuple(reversed(path))


def siblings(thread: Thread, message: str) -> tuple[str, ...]:
    """Return the branches that begin at the same place as this message, with itself, oldest first."""
    return thread.children[thread.messages[message].parent or ROOT]


def subtree(thread: Thread, message: str) -> Iterator[str]:
    """Return a message and everything after it, parents before children."""
    waiting = deque([message])
    while waiting:
        current = waiting.popleft()
        yield current
        waiting.extend(thread.children.get(current, ()))


def shown(thread: Thread) -> list[ChatMessage]:
    """Return the messages of the shown branch."""
    return [thread.messages[message] for message in thread.path]


# Changing


def add(thread: Thread, message: ChatMessage) -> Thread:
    """Add a message after its parent, and show its branch."""
    parent = message.parent or ROOT
    thread = replace(
        thread,
        messages={**thread.messages, message.id: message},
        children={**thread.children, parent: (*thread.children.get(parent, ()), message.id)},
    )
    return replace(thread, path=path_to(thread, message.id))


def put(thread: Thread, message: ChatMessage) -> Thread:
    """Replace a message that is in the tree; its place stays."""
    return replace(thread, messages={**thread.messages, message.id: message})


def insert(thread: Thread, message: ChatMessage, before: Iterable[str]) -> Thread:
    """Add a message after its parent, and move those children of the parent that are ``before`` it to after it.

    An answer goes between its question and the messages that were queued after that question. What is shown stays
    shown, with the new message if its parent is shown.
    """
    parent = message.parent or ROOT
    children, following = thread.children.get(parent, ()), set(before)
    moved = tuple(child for child in children if child in following)
    end = thread.path[-1] if thread.path else None
    messages = {**thread.messages, message.id: message}
    for child in moved:
        messages[child] = replace(messages[child], parent=message.id)
    links = {**thread.children, parent: (*(child for child in children if child not in following), message.id)}
    if moved:
        links[message.id] = moved
    thread = replace(thread, messages=messages, children=links)
    shown_end = message.id if end is None or end == message.parent else end
    return replace(thread, path=path_to(thread, shown_end))


def remove(thread: Thread, message: str) -> Thread:
    """Remove a message and everything after it. If it was shown, the branch beside it is shown instead."""
    gone = set(subtree(thread, message))
    parent = thread.messages[message].parent
    beside = siblings(thread, message)
    at = beside.index(message)
    rest = (*beside[:at], *beside[at + 1 :])
    children = {key: ids for key, ids in thread.children.items() if key not in gone}
    if rest:
        children[parent or ROOT] = rest
    else:
        del children[parent or ROOT]
    was_shown = message in thread.path
    thread = replace(
        thread,
        messages={key: each for key, each in thread.messages.items() if key not in gone},
        children=children,
        queue=tuple(each for each in thread.queue if each not in gone),
    )
    if not was_shown:
        return thread
    if rest:
        return show(thread, rest[max(0, at - 1)])
    return replace(thread, path=() if parent is None else path_to(thread, parent))


def show(thread: Thread, message: str) -> Thread:
    """Show the branch with this message; after it, what is shown already, or else the newest messages."""
    path = path_to(thread, message)
    if thread.path[: len(path)] == path:
        return thread
    longer = list(path)
    while following := thread.children.get(longer[-1]):
        longer.append(following[-1])
    return replace(thread, path=tuple(longer))


def with_context(thread: Thread) -> Thread:
    """Return a thread whose context meter shows what the last answer of the shown branch reported."""
    answers = [message.answer for message in reversed(shown(thread)) if message.answer is not None]
    last = next((answer for answer in answers if answer.context_tokens is not None), None)
    if last is None:
        return replace(thread, context_tokens=None, context_window=None)
    # Until it was asked for, the window is that of the model's last answer; another model may have any.
    known = (one for one in answers if (one.where, one.backend, one.model) == (last.where, last.backend, last.model))
    window = next((one.context_window for one in known if one.context_window is not None), None)
    return replace(thread, context_tokens=last.context_tokens, context_window=window)


# Building


def build(id: str, messages: Iterable[ChatMessage], end: str | None = None) -> Thread:  # noqa: A002 (a thread's)
    """Return a thread of these messages, in any order, that shows the branch that ends with ``end``.

    A message whose parent is missing, because a record was damaged, follows the newest message before it; so does one
    of a circle. No message is left out.
    """
    by_age = sorted(messages, key=lambda message: (message.created_at, message.id))
    known = {message.id: message for message in by_age}
    children: dict[str, dict[str, None]] = {}
    for message in known.values():
        if message.parent is None or message.parent in known:
            children.setdefault(message.parent or ROOT, {})[message.id] = None
    found = _reachable(children, children.get(ROOT, ()))
    places = {message.id: place for place, message in enumerate(by_age)}
    newest, seen = -1, 0  # the newest message that is found, of the first ones, which are seen
    for message in by_age:
        if message.id in found:
            continue
        # Its parent is missing, or it is part of a circle.
        while seen < len(by_age) and by_age[seen].created_at <= message.created_at:
            newest = seen if by_age[seen].id in found else newest
            seen += 1
        if message.parent in children:
            children[message.parent].pop(message.id, None)
        parent = by_age[newest].id if newest >= 0 else None
        known[message.id] = replace(message, parent=parent)
        children.setdefault(parent or ROOT, {})[message.id] = None
        reached = _reachable(children, [message.id])
        found |= reached
        newest = max([newest, *(place for each in reached if (place := places[each]) < seen)])
    links = {parent: tuple(ids) for parent, ids in children.items() if ids}
    thread = Thread(id=id, messages=known, children=links)
    if end in known:
        return show(thread, end)
    first = links.get(ROOT)
    return show(thread, first[-1]) if first else thread


def fork(thread: Thread, message: str | None, new_id: str, ids: Iterator[str]) -> Thread:
    """Return a copy of the shown messages, or of those up to ``message``, in a thread of its own with new ids."""
    path = thread.path if message is None else path_to(thread, message)
    messages: dict[str, ChatMessage] = {}
    children: dict[str, tuple[str, ...]] = {}
    parent: str | None = None
    for each in path:
        copied = replace(thread.messages[each], id=next(ids), parent=parent)
        messages[copied.id] = copied
        children[parent or ROOT] = (copied.id,)
        parent = copied.id
    return Thread(id=new_id, messages=messages, children=children, path=tuple(messages))


def _reachable(children: Mapping[str, Iterable[str]], starts: Iterable[str]) -> set[str]:
    found: set[str] = set()
    waiting = list(starts)
    while waiting:
        current = waiting.pop()
        if current not in found:
            found.add(current)
            waiting += children.get(current, ())
    return found
