"""Test doubles: a backend, a host and files that follow a script, and a clock that the test controls."""

from __future__ import annotations

from .._internal.lazy_names import lazy_names

# `make stubs` writes __init__.pyi from this.
_NAMES = {
    "backend": "ScriptedBackend",
    "files": "ScriptedFile",
    "host": "ScriptedHost",
    "script": "CLOSE DEAF HANG Clock Wait",
}

__getattr__, __dir__, __all__ = lazy_names(__name__, _NAMES)
