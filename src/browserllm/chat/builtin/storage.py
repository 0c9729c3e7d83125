"""A memory tool: the model keeps JSON values by key in any `KeyValueStore`, under a prefix."""

# KEEP_DOCSTRINGS in a page, too: models read them (web/scripts/compile_python.mjs).
from __future__ import annotations

import re
from typing import Any, Literal
from weakref import WeakKeyDictionary

import msgspec

from ..._internal import lazy_asyncio as asyncio
from ..._internal.nesting import decode_json
from ...errors import InvalidRequest, QuotaExceeded
from ...stores.base import KeyValueStore, check_store
from ..tools import FunctionTool

MAX_KEY_CHARS = 128
_PREFIX = re.compile(r"[A-Za-z0-9_.-]{1,64}")


def storage(
    store: KeyValueStore,
    *,
    prefix: str = "memory",
    max_entries: int = 200,
    max_value_bytes: int = 16_384,
    max_bytes: int = 262_144,
) -> FunctionTool:
    """Return a tool, ``storage``, with which a model keeps JSON values and finds them again.

    The tool uses only keys of ``store`` that begin with ``prefix/``; ``prefix`` has 1 to 64 letters, digits, ``_``,
    ``.`` and ``-``. It keeps at most ``max_entries`` values, each of at most ``max_value_bytes`` of JSON and together
    of at most ``max_bytes``. A value beyond a limit is refused; the kept ones stay.
    """
    check_store(store)
    space, writing = space_of(prefix), LoopLock()

    async def storage(action: Literal["remember", "recall", "list", "forget"], key: str = "", value: Any = None) -> Any:
        """Keep a value for later conversations, find it again, list the keys of what is kept, or forget it.

        Args:
            action: "remember" keeps value under key; "recall" returns it; "list" returns all keys that begin with key;
                "forget" removes it.
            key: A short name.
            value: Any JSON value; for "remember".
        """
        if len(key) > MAX_KEY_CHARS or (not key and action != "list") or not key.isprintable():
            raise InvalidRequest(
                f"key={key[:MAX_KEY_CHARS]!r} is not valid; use 1 to {MAX_KEY_CHARS} printable characters",
                parameter="key",
            )
        if action == "list":
            keys = [name.removeprefix(space) for name, _ in await store.items(space + key)]
            return keys or "nothing is kept"
        if action == "forget":
            await store.delete(space + key)
            return f"forgot {key!r}"
        if action == "recall":
            kept = await store.get(space + key)
            return f"nothing is kept as {key!r}" if kept is None else _read(kept, key)
        written = msgspec.json.encode(value)
        if len(written) > max_value_bytes:
            raise QuotaExceeded(
                f"the value has {len(written)} bytes; the limit is {max_value_bytes}; keep a shorter one",
                data={"size_bytes": len(written), "limit_bytes": max_value_bytes},
            )
        async with writing.lock:
            others = [len(each) for name, each in await store.items(space) if name != space + key]
            if len(others) >= max_entries or sum(others) + len(written) > max_bytes:
                raise QuotaExceeded(
                    f"the memory is full: it has {len(others)} values of {sum(others)} bytes; the limit is "
                    f"{max_entries} values of {max_bytes} bytes; forget one first",
                    data={"size_bytes": sum(others), "limit_bytes": max_bytes},
                )
            await store.put(space + key, written)
        return f"remembered {key!r}"

    return FunctionTool(storage)


class LoopLock:
    """A lock per event loop. It lets calls that a model makes at the same time change the store one after another."""

    def __init__(self) -> None:
        self._locks: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()

    @property
    def lock(self) -> asyncio.Lock:
        """The lock of the running loop."""
        return self._locks.setdefault(asyncio.get_running_loop(), asyncio.Lock())


def space_of(prefix: str) -> str:
    """Return the beginning of a tool's keys, unique to its prefix. Raises `InvalidRequest` for an invalid prefix."""
    if not _PREFIX.fullmatch(prefix):
        raise InvalidRequest(
            f"prefix={prefix!r} is not valid; use 1 to 64 letters, digits, '_', '.' and '-'", parameter="prefix"
        )
    return f"{prefix}/"


def _read(kept: bytes, key: str) -> Any:
    try:
        return decode_json(kept, Any)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise InvalidRequest(
            f"the value kept as {key!r} is not JSON, so another program wrote it; forget it", parameter="key"
        ) from None
