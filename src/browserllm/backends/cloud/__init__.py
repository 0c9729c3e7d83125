"""Cloud backends: HTTP APIs, with one package per vendor's wire format."""

from __future__ import annotations

from ..._internal.lazy_names import lazy_names

# `make stubs` writes __init__.pyi from this.
_NAMES = {
    ".._internal.http.client": "Timeouts",
    "anthropic.backend": "Anthropic",
    "base": "CloudBackend",
    "gemini.backend": "Gemini",
    "ollama.backend": "Ollama",
    "openai.backend": "OpenAI",
    "prices": "Price",
}

__getattr__, __dir__, __all__ = lazy_names(__name__, _NAMES)
