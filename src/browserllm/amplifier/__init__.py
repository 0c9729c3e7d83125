"""A provider for Amplifier (amplifier-core 2.x): agent sessions on models in the browser, or on any `Backend`.

Needs ``pip install 'browserllm[amplifier]'``. Amplifier finds `mount` as the module ``provider-browserllm``.
"""

from __future__ import annotations

from .._internal.lazy_names import lazy_names

# `make stubs` writes __init__.pyi from this.
_NAMES = {
    "context": "Context",
    "loop": "Loop",
    "mounting": "mount",
    "provider": "BrowserLLMProvider",
    "sessions": "Modules create_session",
    "tools": "AdaptedTool adapt_tool",
}

__getattr__, __dir__, __all__ = lazy_names(__name__, _NAMES)
