"""Test doubles: a backend and a host that follow a script, and a clock that the test moves."""

from __future__ import annotations

from .._internal.lazy_names import lazy_names

# `make stubs` writes __init__.pyi from this.
_NAMES = {
    "script": "Clock",
    "scripted": "ScriptedBackend ScriptedHost",
}

__getattr__, __dir__, __all__ = lazy_names(__name__, _NAMES)
