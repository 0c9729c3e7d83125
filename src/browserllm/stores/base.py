"""KeyValueStore: the interface of all stores, and the validation of keys and values that they share.

There are stores in `memory`, in a file (`sqlite`, for processes) and in the page's IndexedDB (`page`). All keep their
data on the device.
"""

from __future__ import annotations

from typing import Any, Protocol

from .._internal.arguments import wrong
from ..errors import InvalidRequest

MAX_KEY_CHARACTERS = 1024
"""The longest key, counted as in JavaScript: a character beyond U+FFFF counts as two."""

MAX_VALUE_BYTES = 8 * 1024 * 1024
"""The largest value, which is sent to a page in one message."""

MAX_NAME_CHARACTERS = 128
"""The longest name of a store, counted like a key."""


class KeyValueStore(Protocol):
    """Stores bytes by key. Failures are raised as a `BrowserLLMError`.

    Each call is atomic across tasks, pages and processes. All stores of this package reject the same keys and values:
    see `check_key` and `check_value`.
    """

    async def get(self, key: str) -> bytes | None:
        """Return the value of ``key``, or ``None``."""
        ...

    async def put(self, key: str, value: bytes) -> None:
        """Set ``key`` to ``value``. Raises `QuotaExceeded` when there is no space."""
        ...

    async def swap(self, key: str, expected: bytes | None, value: bytes | None) -> bool:
        """Replace ``expected`` with ``value`` and return ``True``; if the current value differs, return ``False``.

        ``None`` stands for a missing value, so that `swap` can also add and delete. Of several callers that expect the
        same value, one succeeds: read, decide, swap, and start again if it returns ``False``.
        """
        ...

    async def delete(self, key: str) -> None:
        """Delete ``key``, if it exists."""
        ...

    async def items(self, prefix: str = "") -> list[tuple[str, bytes]]:
        """Return the keys that begin with ``prefix`` (case-sensitive) and their values, in key order."""
        ...

    async def clear(self, prefix: str = "") -> None:
        """Delete every key that begins with ``prefix``; without a prefix, all keys."""
        ...

    async def close(self) -> None:
        """Close the store; safe to call more than once. Persistent stores keep their values."""
        ...


# Validation


def check_key(key: Any) -> str:
    """Return a key, or raise `InvalidRequest`: 1 to 1024 characters of text, without NUL and lone surrogates."""
    return _checked_text("key", key, "the key", 1, MAX_KEY_CHARACTERS)


def check_prefix(prefix: Any) -> str:
    """Return a prefix, or raise `InvalidRequest`: it may be empty, and is otherwise validated like a key."""
    return _checked_text("prefix", prefix, "the prefix", 0, MAX_KEY_CHARACTERS)


def check_name(name: Any) -> str:
    """Return a store's name, or raise `InvalidRequest`: 1 to 128 characters, otherwise validated like a key."""
    return _checked_text("name", name, "the store's name", 1, MAX_NAME_CHARACTERS)


def check_value(key: str, value: Any) -> bytes:
    """Return a value, or raise `InvalidRequest`: bytes, of at most 8 MiB."""
    if not isinstance(value, bytes):
        raise InvalidRequest(
            f"the value of {_shown(key)} is of type {type(value).__name__}; stores keep bytes: encode it",
            parameter="value",
        )
    if len(value) > MAX_VALUE_BYTES:
        raise InvalidRequest(
            f"the value of {_shown(key)} has {len(value)} bytes, over the limit of {MAX_VALUE_BYTES}; split it",
            parameter="value",
        )
    return value


def check_swap(key: Any, expected: Any, value: Any) -> None:
    """Raise `InvalidRequest` for an invalid swap: both values together are limited to the size of one."""
    check_key(key)
    sizes = [len(check_value(key, each)) for each in (expected, value) if each is not None]
    if sum(sizes) > MAX_VALUE_BYTES:
        raise InvalidRequest(
            f"the values of {_shown(key)} before and after a swap have {sum(sizes)} bytes together, over the limit of "
            f"{MAX_VALUE_BYTES}; split it",
            parameter="value",
        )


def _checked_text(parameter: str, text: Any, what: str, least: int, most: int) -> str:
    if not isinstance(text, str):
        raise InvalidRequest(
            f"{what} {_shown(repr(text))} is of type {type(text).__name__}; use a str", parameter=parameter
        )
    # Make a plain str: a subclass may hash, compare or print differently.
    text = "".join(text)
    size = len(text) + sum(character > "\uffff" for character in text)
    if not least <= size:
        raise InvalidRequest(f"{what} is empty; use at least one character", parameter=parameter)
    if size > most:
        raise InvalidRequest(
            f"{what} {_shown(text)} has {size} characters, over the limit of {most}; use a hash of it",
            parameter=parameter,
        )
    if "\0" in text:
        raise InvalidRequest(
            f"{what} {_shown(text)} contains a NUL character, where some stores would cut it; remove it",
            parameter=parameter,
        )
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidRequest(
            f"{what} {_shown(text)} contains half of a surrogate pair (at {error.start}), which is not valid text; "
            "remove it",
            parameter=parameter,
        ) from None
    return text


def _shown(key: str) -> str:
    shown = repr(key[:80])
    return shown if len(key) <= 80 and len(shown) <= 120 else f"{shown[:80]}…'"


def check_store(value: object) -> None:
    """Raise `InvalidRequest` for an argument that is not a store."""
    methods = ("get", "put", "swap", "delete", "items")
    if isinstance(value, type) or not all(callable(getattr(value, name, None)) for name in methods):
        raise wrong("store", value, "a store", "use MemoryStore(), SQLiteStore('file.db') or HostStore(host)")
