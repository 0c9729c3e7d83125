"""Key-value stores: in memory, in a SQLite file, or in the page's IndexedDB."""

from __future__ import annotations

from .._internal.lazy_names import lazy_names

# `make stubs` writes __init__.pyi from this.
_NAMES = {
    "base": "KeyValueStore",
    "memory": "MemoryStore",
    "page": "HostStore",
    "sqlite": "SQLiteStore",
}

__getattr__, __dir__, __all__ = lazy_names(__name__, _NAMES)
