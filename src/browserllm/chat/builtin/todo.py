"""A list of things to do, for a model that works in many steps, and for the person who watches."""

from __future__ import annotations

from typing import Literal

import msgspec

from ..._internal.nesting import decode_json
from ...errors import InvalidRequest, QuotaExceeded
from ...stores.base import KeyValueStore, check_store
from ...stores.memory import MemoryStore
from ..tools import FunctionTool
from .storage import Turn, space_of

MAX_TEXT_CHARS = 300


class Item(msgspec.Struct):
    """Something to do; ``id`` stays its own for as long as the list is kept."""

    id: int
    text: str
    done: bool = False


class TodoList(msgspec.Struct):
    """What is kept: the items, and the id of the next one."""

    items: list[Item] = []
    next_id: int = 1


def todo_list(store: KeyValueStore | None = None, *, prefix: str = "todo", max_items: int = 50) -> FunctionTool:
    """Return a tool, ``todo_list``, with which a model notes what is to be done, and what has been.

    With a ``store`` the list is kept there under ``prefix`` (1 to 64 letters, digits, ``_``, ``.``, ``-``), else it
    lasts as long as the tool. It has at most ``max_items``; ids are never given twice before it is cleared. Every
    answer is the whole list, as text.
    """
    if store is not None:
        check_store(store)
    key = f"{space_of(prefix)}list"
    kept: KeyValueStore = MemoryStore() if store is None else store
    turn = Turn()

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
        async with turn.lock:
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
            raise InvalidRequest(
                f"the text has {len(text)} characters; use 1 to {MAX_TEXT_CHARS}, in words", parameter="text"
            )
        if len(todo.items) >= max_items:
            raise QuotaExceeded(
                f"the list has {len(todo.items)} items, as many as it can; remove one first",
                data={"limit": max_items},
            )
        todo.items.append(Item(todo.next_id, text))
        todo.next_id += 1
        return
    item = next((item for item in todo.items if item.id == number), None)
    if item is None:
        known = ", ".join(str(item.id) for item in todo.items) or "there are none"
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
            "what is kept is no to-do list: something else wrote it; action 'clear' begins a new one",
            parameter="action",
        ) from None
