"""Clients with the interface of OpenAI's SDK over any backend, async and sync."""

from __future__ import annotations

from .._internal.lazy_names import lazy_names

# `make stubs` writes __init__.pyi from this.
_NAMES = {
    "client": "AsyncClient",
    "sync_client": "Client",
}

__getattr__, __dir__, __all__ = lazy_names(__name__, _NAMES)
