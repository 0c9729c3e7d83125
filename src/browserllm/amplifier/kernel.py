# pyright: reportMissingTypeStubs=false
"""The names of amplifier-core that the provider uses, in one place."""

import sys

from .install import install_engine, settle_at_exit

if sys.platform == "emscripten":
    install_engine()

try:
    from amplifier_core import AmplifierSession
    from amplifier_core.content_models import ContentBlock, TextContent, ThinkingContent, ToolCallContent
    from amplifier_core.llm_errors import (
        AbortError,
        AccessDeniedError,
        AuthenticationError,
        ConfigurationError,
        ContentFilterError,
        ContextLengthError,
        InvalidRequestError,
        InvalidToolCallError,
        LLMError,
        LLMTimeoutError,
        NetworkError,
        NotFoundError,
        ProviderUnavailableError,
        QuotaExceededError,
        RateLimitError,
        StreamError,
    )
    from amplifier_core.message_models import (
        ChatRequest,
        ChatResponse,
        ContentBlockUnion,
        Message,
        RedactedThinkingBlock,
        TextBlock,
        ThinkingBlock,
        ToolCall,
        ToolCallBlock,
        ToolSpec,
        Usage,
    )
    from amplifier_core.models import ConfigField, HookResult, ModelInfo, Pricing, ProviderInfo, ToolResult
except ModuleNotFoundError as error:
    if error.name is None or error.name.partition(".")[0] != "amplifier_core":
        raise
    how = (
        'await browserllm.page.load_extra("amplifier")'
        if sys.platform == "emscripten"
        else "pip install 'browserllm[amplifier]'"
    )
    raise ModuleNotFoundError(f"browserllm.amplifier needs amplifier-core: {how}", name=error.name) from error

settle_at_exit()

__all__ = [
    "AbortError",
    "AccessDeniedError",
    "AmplifierSession",
    "AuthenticationError",
    "ChatRequest",
    "ChatResponse",
    "ConfigField",
    "ConfigurationError",
    "ContentBlock",
    "ContentBlockUnion",
    "ContentFilterError",
    "ContextLengthError",
    "HookResult",
    "InvalidRequestError",
    "InvalidToolCallError",
    "LLMError",
    "LLMTimeoutError",
    "Message",
    "ModelInfo",
    "NetworkError",
    "NotFoundError",
    "Pricing",
    "ProviderInfo",
    "ProviderUnavailableError",
    "QuotaExceededError",
    "RateLimitError",
    "RedactedThinkingBlock",
    "StreamError",
    "TextBlock",
    "TextContent",
    "ThinkingBlock",
    "ThinkingContent",
    "ToolCall",
    "ToolCallBlock",
    "ToolCallContent",
    "ToolResult",
    "ToolSpec",
    "Usage",
]
