"""`mount`: how Amplifier starts the provider."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from .provider import BrowserLLMProvider

__amplifier_module_type__ = "provider"


async def mount(coordinator: Any, config: Mapping[str, Any] | None = None) -> Callable[[], Awaitable[None]]:
    """Mount the provider as ``browserllm`` and return its cleanup. ``config`` has the fields of `Settings`.

    No browser starts before the first request. Raises `ConfigurationError` for a setting that is not valid.
    """
    provider = BrowserLLMProvider(config, coordinator)
    await coordinator.mount("providers", provider, name=provider.name)
    return provider.close
