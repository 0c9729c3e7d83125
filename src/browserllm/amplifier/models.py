"""The models to choose from, as Amplifier describes them."""

from __future__ import annotations

from ..backends.base import Backend
from ..errors import BrowserLLMError
from ..models import Catalog, ModelCard
from .kernel import ModelInfo, Pricing
from .settings import Settings

_UNKNOWN_WINDOW = 4096
"""Assumed for a model that does not tell its context window; nearly every model has that much."""


async def list_models(settings: Settings) -> list[ModelInfo]:
    """Return the models of the given backend, or the catalog's chat models."""
    catalog = Catalog()
    backend = settings.backend
    if not isinstance(backend, Backend):
        return [_of_card(card) for card in catalog if card.type == "chat"]
    listed: list[ModelInfo] = []
    for model in await backend.list_models():
        name = model.id.rpartition("/")[2] if model.id not in catalog else model.id
        if not backend.leaves_device and name in catalog and catalog.get(name).type != "chat":
            continue
        window = model.context_window or _UNKNOWN_WINDOW
        local = not backend.leaves_device
        listed.append(
            ModelInfo(
                id=model.id,
                display_name=model.name or model.id,
                context_window=window,
                max_output_tokens=max_output_tokens(window),
                capabilities=_capabilities(catalog.get(name)) if local and name in catalog else ["streaming"],
                pricing=Pricing(input_per_million=0, output_per_million=0) if local else None,
            )
        )
    return listed


def known_window(settings: Settings) -> int | None:
    """Return the context window of the configured model, in tokens; `None` for a given backend's own model."""
    given = settings.backend is not None
    if given and settings.model is None:
        return None
    try:
        return Catalog().get(settings.model or "pocket").context_window or _UNKNOWN_WINDOW
    except BrowserLLMError:  # a model of a given backend, or one that only its loading will find missing
        return None if given else _UNKNOWN_WINDOW


def max_output_tokens(window: int) -> int:
    """Return how much of a context window an answer may take, so that the conversation keeps the larger part."""
    return max(1, window // 4)


def _of_card(card: ModelCard) -> ModelInfo:
    window = card.context_window or _UNKNOWN_WINDOW
    return ModelInfo(
        id=card.id,
        display_name=card.name or card.id,
        context_window=window,
        max_output_tokens=max_output_tokens(window),
        capabilities=_capabilities(card),
        pricing=Pricing(input_per_million=0, output_per_million=0),
    )


def _capabilities(card: ModelCard) -> list[str]:
    """Return what a model can do. Every one calls tools and writes JSON, because decoding is constrained."""
    found = ["tools", "streaming", "json_mode", "local"]
    if card.thinking not in (None, "never"):
        found.append("thinking")
    if card.vision:
        found.append("vision")
    return found
