"""What is wrong with a JSON value, and where."""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple, TypeGuard

MAX_PROBLEMS = 20
"""The most problems that a `Misfit` tells of: a model that got more of them wrong starts anew anyway."""

MAX_PATH = 1000
"""How many characters of a path are told, and of a key in it."""

_NAME = re.compile(r"[A-Za-z_$][A-Za-z0-9_$-]*")


class Problem(NamedTuple):
    """One thing that does not fit: ``path`` is a JSON path (``$.items[0].name``), ``message`` says it to a model."""

    path: str
    message: str

    def __str__(self) -> str:
        return self.message if self.path == "$" else f"{self.message} - at `{self.path}`"


class Misfit(ValueError):  # noqa: N818 (it says what it is)
    """A value that is not of the type; `problems` says where and why, ``str()`` says it to a model."""

    def __init__(self, problems: list[Problem]) -> None:
        """Keep the first `MAX_PROBLEMS` of the ``problems``."""
        self.problems = problems[:MAX_PROBLEMS]
        super().__init__("\n".join(map(str, self.problems)))

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.problems,))


def is_object(value: Any) -> TypeGuard[dict[str, Any]]:
    """Say whether a decoded JSON value is an object."""
    return isinstance(value, dict)


def is_list(value: Any) -> TypeGuard[list[Any]]:
    """Say whether a decoded JSON value is a list."""
    return isinstance(value, list)


def path_to(path: str, key: str | int) -> str:
    """Return the path of what lies under a key, or at an index."""
    if len(path) > MAX_PATH:  # a path is written for every item: what is far too long is not made longer
        return path if path.endswith("…") else f"{path[:MAX_PATH]}…"
    if isinstance(key, int):
        return f"{path}[{key}]"
    key = key if len(key) <= MAX_PATH else f"{key[:MAX_PATH]}…"
    return f"{path}.{key}" if _NAME.fullmatch(key) else f"{path}[{json.dumps(key, ensure_ascii=False)}]"
