"""What is iterated with ``async for`` alone, and says so where a plain ``for`` is tried."""

from __future__ import annotations

from typing import NoReturn


class AsyncOnly:
    """Refuses a plain ``for`` with what to write."""

    def __iter__(self) -> NoReturn:
        raise TypeError(
            f"{type(self).__name__} comes piece by piece: write `async for chunk in ...` inside an async function"
        )
