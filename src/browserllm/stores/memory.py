"""MemoryStore: a `KeyValueStore` in memory."""

from __future__ import annotations

from .base import check_key, check_prefix, check_swap, check_value


class MemoryStore:
    """A `KeyValueStore` in memory, which lasts as long as the object. `close` deletes its values."""

    def __init__(self) -> None:
        """Start empty."""
        self._values: dict[str, bytes] = {}

    async def get(self, key: str) -> bytes | None:
        """Return the value of ``key``, or ``None``."""
        return self._values.get(check_key(key))

    async def put(self, key: str, value: bytes) -> None:
        """Set ``key`` to ``value``."""
        key = check_key(key)
        self._values[key] = check_value(key, value)

    async def swap(self, key: str, expected: bytes | None, value: bytes | None) -> bool:
        """Replace ``expected`` with ``value`` and return ``True``; if the current value differs, return ``False``."""
        key = check_key(key)
        check_swap(key, expected, value)
        # No other task runs between here and the change: put and delete do not yield to the event loop.
        if self._values.get(key) != expected:
            return False
        if value is not None:
            await self.put(key, value)
        elif expected is not None:
            await self.delete(key)
        return True

    async def delete(self, key: str) -> None:
        """Delete ``key``, if it exists."""
        self._values.pop(check_key(key), None)

    async def items(self, prefix: str = "") -> list[tuple[str, bytes]]:
        """Return the keys that begin with ``prefix`` and their values, in key order."""
        check_prefix(prefix)
        return sorted(item for item in self._values.items() if item[0].startswith(prefix))

    async def clear(self, prefix: str = "") -> None:
        """Delete every key that begins with ``prefix``."""
        check_prefix(prefix)
        for key in [key for key in self._values if key.startswith(prefix)]:
            del self._values[key]

    async def close(self) -> None:
        """Delete all values."""
        self._values.clear()
