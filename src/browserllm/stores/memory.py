"""MemoryStore: values that last as long as an object."""

from __future__ import annotations

from .base import check_key, check_prefix, check_swap, check_value


class MemoryStore:
    """A `KeyValueStore` that lasts as long as this object. Close it, and it is empty."""

    def __init__(self) -> None:
        """Start empty."""
        self._values: dict[str, bytes] = {}

    async def get(self, key: str) -> bytes | None:
        """Return the value of ``key``; ``None`` when there is none."""
        return self._values.get(check_key(key))

    async def put(self, key: str, value: bytes) -> None:
        """Keep ``value`` as ``key``."""
        key = check_key(key)
        self._values[key] = check_value(key, value)

    async def swap(self, key: str, expected: bytes | None, value: bytes | None) -> bool:
        """Put ``value`` in place of ``expected``, and say so; do nothing where something else is kept by now."""
        key = check_key(key)
        check_swap(key, expected, value)
        # Nothing else runs from here to the change: put and delete wait for nothing.
        if self._values.get(key) != expected:
            return False
        if value is not None:
            await self.put(key, value)
        elif expected is not None:
            await self.delete(key)
        return True

    async def delete(self, key: str) -> None:
        """Forget ``key``, if it is there."""
        self._values.pop(check_key(key), None)

    async def items(self, prefix: str = "") -> list[tuple[str, bytes]]:
        """Return the keys that begin with ``prefix`` and their values, in key order."""
        check_prefix(prefix)
        return sorted(item for item in self._values.items() if item[0].startswith(prefix))

    async def clear(self, prefix: str = "") -> None:
        """Forget every key that begins with ``prefix``."""
        check_prefix(prefix)
        for key in [key for key in self._values if key.startswith(prefix)]:
            del self._values[key]

    async def close(self) -> None:
        """Forget everything."""
        self._values.clear()
