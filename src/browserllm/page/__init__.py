"""The connection to a page: the `Host`, the facts of its device, and its progress reports and events.

`browserllm.connect` opens one. `load_extra` adds packages to a page's Python.
"""

from __future__ import annotations

from .._internal.lazy_names import lazy_names

# `make stubs` writes __init__.pyi from this.
_NAMES = {
    "device": "DeviceFacts",
    "environment": "Environment",
    "extras": "load_extra",
    "host": "Event Host Progress",
}

__getattr__, __dir__, __all__ = lazy_names(__name__, _NAMES)
