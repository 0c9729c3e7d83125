"""The app in a notebook: Python runs in the kernel, the browser that shows the notebook draws and computes.

Needs anywidget: ``pip install browserllm[notebook]``.
"""

from __future__ import annotations

from .._internal.lazy_names import lazy_names

# `make stubs` writes __init__.pyi from this.
_NAMES = {
    "host": "NotebookHost",
    "widgets": "ChatApp Engine",
}

__getattr__, __dir__, __all__ = lazy_names(__name__, _NAMES)
