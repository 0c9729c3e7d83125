"""The backend behind the provider: the given one, or models on this device with their fallbacks."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import get_args

from ..backends.base import Backend
from ..backends.cloud.presets import PresetName
from ..openai_compat.source import Source
from .kernel import ConfigurationError
from .settings import Settings


def source_of(settings: Settings) -> Source:
    """Return where the backend comes from. Nothing is started before the first request."""
    if settings.backend is not None:
        return Source(settings.backend)
    for name in settings.fallback:
        _vendor_of(name)  # a wrong name is reported when the module is mounted, not when the model fails

    @asynccontextmanager
    async def opened() -> AsyncGenerator[Backend]:
        from ..backends.local import LocalBackend
        from ..backends.router import Explicit, Router
        from ..page.connect import connect

        async with AsyncExitStack() as stack:
            host = await stack.enter_async_context(connect())

            def local(model: str | None) -> Backend:
                return LocalBackend(
                    host, model, engine=settings.engine, device=settings.device, download=settings.download
                )

            backend = local(settings.model)
            if settings.fallback:
                others = [_cloud(name) if _vendor_of(name) else local(name) for name in settings.fallback]
                backend = Router([backend, *others], Explicit())
                stack.push_async_callback(backend.close)
            yield backend

    return Source(opened)


_OWN_FORMATS = ("anthropic", "gemini", "ollama")


def _vendor_of(name: str) -> str | None:
    vendor, colon, _ = name.partition(":")
    if not colon:
        return None
    if vendor not in (*_OWN_FORMATS, *get_args(PresetName)):
        raise ConfigurationError(
            f"unknown vendor {vendor!r} in fallback={name!r}; use a model on this device, or one of "
            f"{', '.join(sorted({*_OWN_FORMATS, *get_args(PresetName)}))}, as in 'openai:gpt-5-mini'",
            provider="browserllm",
        )
    return vendor


def _cloud(name: str) -> Backend:
    from ..backends.cloud.anthropic.backend import Anthropic
    from ..backends.cloud.gemini.backend import Gemini
    from ..backends.cloud.ollama.backend import Ollama
    from ..backends.cloud.openai.backend import OpenAI

    vendor, _, model = name.partition(":")
    kinds = {"anthropic": Anthropic, "gemini": Gemini, "ollama": Ollama}
    if vendor in kinds:
        return kinds[vendor](model)
    return OpenAI(model, preset=vendor)  # pyright: ignore[reportArgumentType] (checked by _vendor_of)
