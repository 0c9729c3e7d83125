"""Backends answer chats: `LocalBackend` here, the others in `cloud`, `router` and `middleware`."""

from __future__ import annotations

from .._internal.lazy_names import lazy_names

# `make stubs` writes __init__.pyi from this.
_NAMES = {
    "": "cloud middleware router",
    "base": "Backend Middleware",
    "facts": "BackendFacts",
    "local": "LocalBackend",
    "stream": "ChatStream",
}

__getattr__, __dir__, __all__ = lazy_names(__name__, _NAMES)
