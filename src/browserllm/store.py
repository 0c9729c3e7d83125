"""KeyValueStore: where things are kept that outlive an answer, or the program; and one that keeps them in memory.

The others are `browserllm.store_sqlite` (a file, in a process) and the page's IndexedDB. All stay on the device.
"""

from __future__ import annotations

from typing import Protocol


class KeyValueStore(Protocol):
    """Keeps bytes by name. A failure is raised as a `BrowserLLMError`; a value is there whole or not at all.

    Each call is one step: it happens before or after any other, from whatever task, page or process, and never in part.
    """

    async def get(self, key: str) -> bytes | None:
        """Return the value of ``key``; ``None`` when there is none."""
        ...

    async def put(self, key: str, value: bytes) -> None:
        """Keep ``value`` as ``key``, in place of what was there. Raises `QuotaExceeded` when there is no room."""
        ...

    async def delete(self, key: str) -> None:
        """Forget ``key``, if it is there."""
        ...

    async def items(self, prefix: str = "") -> list[tuple[str, bytes]]:
        """Return the keys that begin with ``prefix`` (upper and lower case differ) and their values, in key order."""
        ...

    async def clear(self, prefix: str = "") -> None:
        """Forget every key that begins with ``prefix``: without one, everything."""
        ...

    async def close(self) -> None:
        """Let go of the store; safe to call more than once. What is kept stays, where it can."""
        ...


class MemoryStore:
    """A `KeyValueStore` that lasts as long as this object. Close it, and it is empty."""

    def __init__(self) -> None:
        """Start empty."""
        self._values: dict[str, bytes] = {}

    async def get(self, key: str) -> bytes | None:
        """Return the value of ``key``; ``None`` when there is none."""
        return self._values.get(key)

    async def put(self, key: str, value: bytes) -> None:
        """Keep ``value`` as ``key``."""
        self._values[key] = value

    async def delete(self, key: str) -> None:
        """Forget ``key``, if it is there."""
        self._values.pop(key, None)

    async def items(self, prefix: str = "") -> list[tuple[str, bytes]]:
        """Return the keys that begin with ``prefix`` and their values, in key order."""
        return sorted(item for item in self._values.items() if item[0].startswith(prefix))

    async def clear(self, prefix: str = "") -> None:
        """Forget every key that begins with ``prefix``."""
        for key in [key for key in self._values if key.startswith(prefix)]:
            del self._values[key]

    async def close(self) -> None:
        """Forget everything."""
        self._values.clear()
