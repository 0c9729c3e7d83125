"""Language models in the browser, from Python.

The names here are those that most programs need. Everything else is in its package: ``browserllm.types``,
``browserllm.errors``, ``browserllm.models``, ``browserllm.backends`` (with ``cloud``, ``router`` and ``middleware``),
``browserllm.chat``, ``browserllm.structured``, ``browserllm.stores``, ``browserllm.page``, ``browserllm.notebook``,
``browserllm.openai_compat`` and ``browserllm.testing``. Names and packages are imported when they are first used, so
that ``import browserllm`` itself costs next to nothing.
"""

from __future__ import annotations

from ._internal.lazy_names import lazy_names
from ._internal.version import __version__ as __version__

# `make stubs` writes __init__.pyi from this.
_NAMES = {
    "": "backends chat errors models openai_compat page stores structured testing types",
    "backends.base": "Backend",
    "backends.cloud.anthropic.backend": "Anthropic",
    "backends.cloud.gemini.backend": "Gemini",
    "backends.cloud.ollama.backend": "Ollama",
    "backends.cloud.openai.backend": "OpenAI",
    "backends.local": "LocalBackend",
    "backends.middleware": "Allowance Budget Logging Redaction ResponseCache Retry Telemetry TimeLimits",
    "backends.router": "CloudFirst Explicit LocalFirst LocalOnly Router",
    "chat.approvals": "Approvals",
    "chat.hooks": "Hooks",
    "chat.session": "Session",
    "chat.tools": "tool",
    "errors": """
        AllBackendsFailed AuthenticationError BrowserLLMError BudgetExceeded Cancelled ContextExceeded InvalidOutput
        InvalidRequest RateLimited Timeout Unavailable
    """,
    "models.manager": "ModelManager",
    "openai_compat.client": "AsyncClient",
    "openai_compat.sync_client": "Client",
    "page.connect": "connect",
    "page.host": "Host",
    "structured.generate": "generate stream_generate",
    "testing.backend": "ScriptedBackend",
    "testing.host": "ScriptedHost",
    "types": """
        AudioPart ChatRequest ChatResponse ImagePart Message ReasoningPart TextPart Tool ToolCallPart ToolResultPart
    """,
}

__getattr__, __dir__, __all__ = lazy_names(__name__, _NAMES)
