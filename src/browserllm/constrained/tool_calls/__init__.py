"""Tool calls as text, for models without native calls: describe the tools, constrain calls, and parse them."""

from __future__ import annotations

from ..._internal.lazy_names import lazy_names

# `make stubs` writes __init__.pyi from this.
_NAMES = {
    "formats": "ToolFormat format_for",
    "parser": "ToolCallParser",
    "prompt": "ToolUse",
}

__getattr__, __dir__, __all__ = lazy_names(__name__, _NAMES)
