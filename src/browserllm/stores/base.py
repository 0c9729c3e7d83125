"""KeyValueStore: where things are kept that outlive an answer, or the program; and which keys and values all refuse.

There are stores in `memory`, in a file (`sqlite`, in a process) and in the page's IndexedDB (`page`). All stay on the
device.
"""

from __future__ import annotations

from typing import Any, Protocol

from .._internal.arguments import wrong
from ..errors import InvalidRequest

MAX_KEY_CHARACTERS = 1024
"""The longest key, as JavaScript counts: what is beyond U+FFFF counts twice."""

MAX_VALUE_BYTES = 8 * 1024 * 1024
"""The largest value: it travels to a page in one message."""

MAX_NAME_CHARACTERS = 128
"""The longest name of a store, counted like a key."""


class KeyValueStore(Protocol):
    """Keeps bytes by name. A failure is raised as a `BrowserLLMError`; a value is there whole or not at all.

    Each call is one step: it happens before or after any other, from whatever task, page or process, and never in part.
    Our own stores all refuse the same keys and values, before they look for them: see `check_key` and `check_value`.
    """

    async def get(self, key: str) -> bytes | None:
        """Return the value of ``key``; ``None`` when there is none."""
        ...

    async def put(self, key: str, value: bytes) -> None:
        """Keep ``value`` as ``key``, in place of what was there. Raises `QuotaExceeded` when there is no room."""
        ...

    async def swap(self, key: str, expected: bytes | None, value: bytes | None) -> bool:
        """Put ``value`` in place of ``expected`` and return ``True``; with something else there, do nothing.

        ``None`` is no value: expected, there must be none; given, what is there is forgotten. Of several that expect
        the same, one succeeds: read, decide, swap, and begin again when somebody else was faster.
        """
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


# What every store refuses


def check_key(key: Any) -> str:
    """Return a key, or raise `InvalidRequest`: 1 to 1024 characters of text, without NUL and lone surrogates."""
    return _checked_text("key", key, "the key", 1, MAX_KEY_CHARACTERS)


def check_prefix(prefix: Any) -> str:
    """Return what keys begin with, or raise `InvalidRequest`: it may be empty, and is else held to what a key is."""
    return _checked_text("prefix", prefix, "the prefix", 0, MAX_KEY_CHARACTERS)


def check_name(name: Any) -> str:
    """Return a store's name, or raise `InvalidRequest`: 1 to 128 characters, and else as a key."""
    return _checked_text("name", name, "the store's name", 1, MAX_NAME_CHARACTERS)


def check_value(key: str, value: Any) -> bytes:
    """Return a value, or raise `InvalidRequest`: bytes, of at most 8 MiB."""
    if not isinstance(value, bytes):
        raise InvalidRequest(
            f"the value of {_shown(key)} is of type {type(value).__name__}; a store keeps bytes: encode it",
            parameter="value",
        )
    if len(value) > MAX_VALUE_BYTES:
        raise InvalidRequest(
            f"the value of {_shown(key)} has {len(value)} bytes, over the limit of {MAX_VALUE_BYTES}; keep it in parts",
            parameter="value",
        )
    return value


def check_swap(key: Any, expected: Any, value: Any) -> None:
    """Raise `InvalidRequest` for what cannot be swapped: both values together may have as much as one."""
    check_key(key)
    sizes = [len(check_value(key, each)) for each in (expected, value) if each is not None]
    if sum(sizes) > MAX_VALUE_BYTES:
        raise InvalidRequest(
            f"the values of {_shown(key)} before and after a swap have {sum(sizes)} bytes together, over the limit of "
            f"{MAX_VALUE_BYTES}; keep it in parts",
            parameter="value",
        )


def _checked_text(parameter: str, text: Any, what: str, least: int, most: int) -> str:
    if not isinstance(text, str):
        raise InvalidRequest(
            f"{what} {_shown(repr(text))} is of type {type(text).__name__}; use a str", parameter=parameter
        )
    # By itself: a subclass may hash, compare or show itself as it likes.
    text = "".join(text)
    size = len(text) + sum(character > "\uffff" for character in text)
    if not least <= size:
        raise InvalidRequest(f"{what} is empty; name what is kept", parameter=parameter)
    if size > most:
        raise InvalidRequest(
            f"{what} {_shown(text)} has {size} characters, over the limit of {most}; use a hash of it",
            parameter=parameter,
        )
    if "\0" in text:
        raise InvalidRequest(
            f"{what} {_shown(text)} holds a NUL character, where some stores would cut it; leave it out",
            parameter=parameter,
        )
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidRequest(
            f"{what} {_shown(text)} holds half of a surrogate pair (at {error.start}), which is no text; leave it out",
            parameter=parameter,
        ) from None
    return text


def _shown(key: str) -> str:
    shown = repr(key[:80])
    return shown if len(key) <= 80 and len(shown) <= 120 else f"{shown[:80]}…'"


def check_store(value: object) -> None:
    """Raise `InvalidRequest` for an argument that is not a store, with what to write."""
    methods = ("get", "put", "swap", "delete", "items")
    if isinstance(value, type) or not all(callable(getattr(value, name, None)) for name in methods):
        raise wrong("store", value, "a store", "use MemoryStore(), SQLiteStore('file.db') or HostStore(host)")
