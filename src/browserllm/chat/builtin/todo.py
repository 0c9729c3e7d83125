"""A to-do list tool, for a model that works in many steps and the user who follows it."""

# KEEP_DOCSTRINGS in a page, too: models read them (web/scripts/compile_python.mjs).
from __future__ import annotations

from typing import Literal

import msgspec

from ..._internal.nesting import decode_json
from ...errors import InvalidRequest, QuotaExceeded
from ...stores.base import KeyValueStore, check_store
from ...stores.memory import MemoryStore
from ..tools import FunctionTool
from .storage import LoopLock, space_of

MAX_TEXT_CHARS = 300


class Item(msgspec.Struct):
    """An entry of the list. Its ``id`` never changes and is not used again until the list is cleared."""

    id: int
    text: str
    done: bool = False


class TodoList(msgspec.Struct):
    """The stored list: its items, and the id of the next one."""

    items: list[Item] = []
    next_id: int = 1


def todo_list(store: KeyValueStore | None = None, *, prefix: str = "todo", max_items: int = 50) -> FunctionTool:
    """Return a tool, ``todo_list``, with which a model keeps a list of things to do and marks them as done.

    With a ``store`` the list is kept there under ``prefix`` (1 to 64 letters, digits, ``_``, ``.``, ``-``), otherwise
    in memory. It has at most ``max_items``; ids are not reused until it is cleared. Each action returns the whole list
    as text.
    """
    if store is not None:
        check_store(store)
    key = f"{space_of(prefix)}list"
    kept: KeyValueStore = MemoryStore() if store is None else store
    writing = LoopLock()

    async def todo_list(
        action: Literal["list", "add", "complete", "remove", "clear"] = "list",
        text: str = "",
        id: int = 0,  # noqa: A002
    ) -> str:
        """Keep a list of things to do. Every action answers with the list.

        Args:
            action: "list" only shows it; "add" adds text; "complete" marks the item id as done; "remove" removes it;
                "clear" removes all.
            text: What is to be done; for "add".
            id: The number of an item; for "complete" and "remove".
        """
        async with writing.lock:
            if action == "clear":
                await kept.delete(key)
                return "the list is empty"
            todo = _read(await kept.get(key))
            if action != "list":
                _change(todo, action, " ".join(text.split()), id, max_items)
                await kept.put(key, msgspec.json.encode(todo))
        lines = [f"{item.id}. [{'x' if item.done else ' '}] {item.text}" for item in todo.items]
        return "\n".join(lines) or "the list is empty"

    return FunctionTool(todo_list)


def _change(todo: TodoList, action: str, text: str, number: int, max_items: int) -> None:
    if action == "add":
        if not text or len(text) > MAX_TEXT_CHARS:
            raise InvalidRequest(f"the text has {len(text)} characters; use 1 to {MAX_TEXT_CHARS}", parameter="text")
        if len(todo.items) >= max_items:
            raise QuotaExceeded(
                f"the list is full with {len(todo.items)} items; remove one first",
                data={"limit": max_items},
            )
        todo.items.append(Item(todo.next_id, text))
        todo.next_id += 1
        return
    item = next((item for item in todo.items if item.id == number), None)
    if item is None:
        known = ", ".join(str(item.id) for item in todo.items) or "none so far"
        raise InvalidRequest(f"there is no item {number}; the items are: {known}", parameter="id")
    if action == "complete":
        item.done = True
    else:
        todo.items.remove(item)


def _read(kept: bytes | None) -> TodoList:
    if kept is None:
        return TodoList()
    try:
        return decode_json(kept, TodoList)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise InvalidRequest(
            "the stored value is not a to-do list, so another program wrote it; action 'clear' begins a new one",
            parameter="action",
        ) from None
