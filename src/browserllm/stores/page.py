"""HostStore: a `KeyValueStore` in the page, for Python in the page and for programs that control it."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from ..errors import Unavailable
from ..page.host import Host, check_host, read
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
    """Keeps values in the page's IndexedDB, where they outlive the page and the program.

    For a browser launched by `browserllm.connect` they are in its profile. On a site, the visitor can clear them, and
    the browser may do so when the disk is full. All pages and programs of the same origin share the store with this
    name. A list of more than 2 MB is read in several steps, and may or may not show changes made meanwhile.

    Each method raises `InvalidRequest` for an invalid key or value, `QuotaExceeded` when there is no space, and
    `Unavailable` when the browser offers no storage or the page is closed.
    """

    def __init__(self, host: Host, name: str = "default") -> None:
        """Use the store ``name`` (1 to 128 characters) of ``host``, which the caller must close."""
        check_host(host)
        self.host = host
        self.name = check_name(name)
        self._closed = False

    async def get(self, key: str) -> bytes | None:
        """Return the value of ``key``, or ``None``."""
        return (await self._ask(_Value, "get", key=check_key(key))).value

    async def put(self, key: str, value: bytes) -> None:
        """Set ``key`` to ``value``."""
        await self._ask(_Nothing, "put", key=check_key(key), value=check_value(key, value))

    async def swap(self, key: str, expected: bytes | None, value: bytes | None) -> bool:
        """Replace ``expected`` with ``value`` and return ``True``; if the current value differs, return ``False``."""
        check_swap(key, expected, value)
        return (await self._ask(_Swapped, "swap", key=key, expected=expected, value=value)).swapped

    async def delete(self, key: str) -> None:
        """Delete ``key``, if it exists."""
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
        return sorted(found)  # IndexedDB orders characters beyond U+FFFF differently

    async def clear(self, prefix: str = "") -> None:
        """Delete every key that begins with ``prefix``."""
        await self._ask(_Nothing, "clear", prefix=check_prefix(prefix))

    async def close(self) -> None:
        """Close the store; its values stay."""
        self._closed = True

    async def _ask(self, kind: type[T], action: str, **args: Any) -> T:
        if self._closed:
            raise Unavailable(f"the store {self.name!r} is closed; create a new one", reason="closed")
        return read(await self.host.call("values", {"name": self.name, "action": action, **args}), kind, "'values'")
