"""A base class for streams that need ``async for``: a plain ``for`` fails with what to write instead."""

from __future__ import annotations

from typing import NoReturn


class AsyncOnly:
    """Raises an error with what to write when it is iterated with a plain ``for``."""

    def __iter__(self) -> NoReturn:
        raise TypeError(
            f"{type(self).__name__} is an async stream: write `async for chunk in ...` inside an async function"
        )
