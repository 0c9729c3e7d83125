"""HostStore: a `KeyValueStore` in the page, for Python inside of it and for programs that drive it."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from .errors import InvalidRequest, Unavailable
from .host import Host, read

T = TypeVar("T")

MAX_VALUE_BYTES = 8 * 1024 * 1024
"""The largest value: it travels to the page in one message."""

MAX_KEY_CHARACTERS = 1024
"""The longest key, as JavaScript counts: what is beyond U+FFFF counts twice."""


class _Value(msgspec.Struct):
    value: bytes | None = None


class _Items(msgspec.Struct):
    items: list[tuple[str, bytes]] = []
    more: bool = False


class _Nothing(msgspec.Struct):
    pass


class HostStore:
    """Keeps values in the page's own storage (IndexedDB), where they outlive page and program.

    With a browser that `browserllm.connect` launched, that is its profile; a site's storage is its visitor's, who may
    clear it, and the browser may when the disk is full. What is kept is shared by all pages and programs that use a
    store of this name there. A list of more than 2 MB comes in several steps: what changes meanwhile may be on it, or
    not.

    Each method raises `InvalidRequest` for a key or value that is too large, `QuotaExceeded` when there is no room, and
    `Unavailable` where the browser keeps nothing or the page has gone.
    """

    def __init__(self, host: Host, name: str = "default") -> None:
        """Keep values under ``name`` (1 to 128 characters); ``host`` stays the caller's to close."""
        self.host = host
        self.name = name
        self._closed = False

    async def get(self, key: str) -> bytes | None:
        """Return the value of ``key``; ``None`` when there is none."""
        return (await self._ask(_Value, "get", key=_checked(key))).value

    async def put(self, key: str, value: bytes) -> None:
        """Keep ``value`` as ``key``, in place of what was there."""
        if len(value) > MAX_VALUE_BYTES:
            raise InvalidRequest(
                f"the value of {_shown(key)} has {len(value)} bytes, over the limit of {MAX_VALUE_BYTES}; "
                "keep it in parts",
                parameter="value",
            )
        await self._ask(_Nothing, "put", key=_checked(key), value=value)

    async def delete(self, key: str) -> None:
        """Forget ``key``, if it is there."""
        await self._ask(_Nothing, "delete", key=_checked(key))

    async def items(self, prefix: str = "") -> list[tuple[str, bytes]]:
        """Return the keys that begin with ``prefix`` and their values, in key order."""
        found: list[tuple[str, bytes]] = []
        more = True
        while more:
            after = found[-1][0] if found else None
            page = await self._ask(_Items, "items", prefix=_checked(prefix), after=after)
            found += page.items
            more = page.more
        return sorted(found)  # the page has another order for what is beyond U+FFFF

    async def clear(self, prefix: str = "") -> None:
        """Forget every key that begins with ``prefix``."""
        await self._ask(_Nothing, "clear", prefix=_checked(prefix))

    async def close(self) -> None:
        """Use the store no more; what is in it stays."""
        self._closed = True

    async def _ask(self, kind: type[T], action: str, **args: Any) -> T:
        if self._closed:
            raise Unavailable(f"the store {self.name!r} is closed; make a new one", reason="closed")
        return read(await self.host.call("values", {"name": self.name, "action": action, **args}), kind, "'values'")


def _checked(key: str) -> str:
    if len(key) > MAX_KEY_CHARACTERS:
        raise InvalidRequest(
            f"the key {_shown(key)} has {len(key)} characters, over the limit of {MAX_KEY_CHARACTERS}; "
            "keep a hash of it",
            parameter="key",
        )
    try:
        key.encode()
    except UnicodeEncodeError as error:
        raise InvalidRequest(f"the key {_shown(key)} is no text that can be sent: {error}", parameter="key") from error
    return key


def _shown(key: str) -> str:
    return repr(key if len(key) <= 80 else f"{key[:79]}…")
