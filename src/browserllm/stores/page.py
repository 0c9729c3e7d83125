"""HostStore: a `KeyValueStore` in the page, for Python inside of it and for programs that drive it."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from ..errors import Unavailable
from ..page.host import Host, read
from .base import MAX_KEY_CHARACTERS, MAX_VALUE_BYTES, check_key, check_name, check_prefix, check_swap, check_value

__all__ = ["MAX_KEY_CHARACTERS", "MAX_VALUE_BYTES", "HostStore"]

T = TypeVar("T")


class _Value(msgspec.Struct):
    value: bytes | None = None


class _Items(msgspec.Struct):
    items: list[tuple[str, bytes]] = []
    more: bool = False


class _Swapped(msgspec.Struct):
    swapped: bool


class _Nothing(msgspec.Struct):
    pass


class HostStore:
    """Keeps values in the page's own storage (IndexedDB), where they outlive page and program.

    With a browser that `browserllm.connect` launched, that is its profile; a site's storage is its visitor's, who may
    clear it, and the browser may when the disk is full. What is kept is shared by all pages and programs that use a
    store of this name there. A list of more than 2 MB comes in several steps: what changes meanwhile may be on it, or
    not.

    Each method raises `InvalidRequest` for a key or value that no store takes, `QuotaExceeded` when there is no room,
    and `Unavailable` where the browser keeps nothing or the page has gone.
    """

    def __init__(self, host: Host, name: str = "default") -> None:
        """Keep values under ``name`` (1 to 128 characters); ``host`` stays the caller's to close."""
        self.host = host
        self.name = check_name(name)
        self._closed = False

    async def get(self, key: str) -> bytes | None:
        """Return the value of ``key``; ``None`` when there is none."""
        return (await self._ask(_Value, "get", key=check_key(key))).value

    async def put(self, key: str, value: bytes) -> None:
        """Keep ``value`` as ``key``, in place of what was there."""
        await self._ask(_Nothing, "put", key=check_key(key), value=check_value(key, value))

    async def swap(self, key: str, expected: bytes | None, value: bytes | None) -> bool:
        """Put ``value`` in place of ``expected``, and say so; do nothing where something else is kept by now."""
        check_swap(key, expected, value)
        return (await self._ask(_Swapped, "swap", key=key, expected=expected, value=value)).swapped

    async def delete(self, key: str) -> None:
        """Forget ``key``, if it is there."""
        await self._ask(_Nothing, "delete", key=check_key(key))

    async def items(self, prefix: str = "") -> list[tuple[str, bytes]]:
        """Return the keys that begin with ``prefix`` and their values, in key order."""
        found: list[tuple[str, bytes]] = []
        more = True
        while more:
            after = found[-1][0] if found else None
            page = await self._ask(_Items, "items", prefix=check_prefix(prefix), after=after)
            found += page.items
            more = page.more
        return sorted(found)  # the page has another order for what is beyond U+FFFF

    async def clear(self, prefix: str = "") -> None:
        """Forget every key that begins with ``prefix``."""
        await self._ask(_Nothing, "clear", prefix=check_prefix(prefix))

    async def close(self) -> None:
        """Use the store no more; what is in it stays."""
        self._closed = True

    async def _ask(self, kind: type[T], action: str, **args: Any) -> T:
        if self._closed:
            raise Unavailable(f"the store {self.name!r} is closed; make a new one", reason="closed")
        return read(await self.host.call("values", {"name": self.name, "action": action, **args}), kind, "'values'")
