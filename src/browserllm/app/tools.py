"""The built-in tools by name, for conversations that use them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ..chat.builtin import calculator, clock, storage, todo_list, web_fetch
from ..chat.tools import FunctionTool
from ..errors import InvalidRequest
from ..stores.base import KeyValueStore
from ..stores.memory import MemoryStore
from .chat_settings import todo_prefix
from .limits import BUILTIN_TOOLS


class BuiltinTools:
    """Makes tools by name. What the ``storage`` tool keeps is the same for all conversations."""

    def __init__(self, store: KeyValueStore) -> None:
        """Keep what tools keep in ``store``."""
        self._store = store
        self._unlisted = MemoryStore()

    def named(
        self, names: Iterable[str], conversation: str, *, keep: bool = True, keep_list: bool = True
    ) -> list[FunctionTool]:
        """Return the tools with these names for a conversation; without ``keep`` nothing that they keep is written.

        Without ``keep_list`` only its to-do list is not. Raises `InvalidRequest` for an unknown name.
        """
        store = self._store if keep else self._unlisted
        lists = store if keep_list else self._unlisted
        makers: dict[str, Callable[[], FunctionTool]] = {
            "calculator": calculator,
            "clock": clock,
            "todo_list": lambda: todo_list(lists, prefix=todo_prefix(conversation)),
            "storage": lambda: storage(store),
            "web_fetch": web_fetch,
        }
        for name in names:
            if name not in makers:
                raise InvalidRequest(
                    f"unknown tool {name!r}. Choose from: {', '.join(BUILTIN_TOOLS)}.", parameter="tools"
                )
        return [makers[name]() for name in dict.fromkeys(names)]
