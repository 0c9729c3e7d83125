"""ModelEntry: a model of the catalog with its state on this device."""

from __future__ import annotations

import msgspec

from ...page.device import DeviceFacts
from .. import engines
from ..fit import Fit
from ..loading import LoadedModel
from ..storage import Storage
from .card import ModelCard


class ModelEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A model of the catalog with its state on this device.

    ``size_bytes`` is the size of its stored files; ``evicted`` says that the browser has deleted some of them.
    ``loaded`` says where it runs while it is in memory. ``last_used_ms`` counts since the epoch.
    """

    card: ModelCard
    fit: Fit
    downloaded: bool = False
    evicted: bool = False
    size_bytes: int = 0
    last_used_ms: float | None = None
    loaded: LoadedModel | None = None


def describe(
    card: ModelCard, judged: Fit, storage: Storage, loaded: LoadedModel | None, facts: DeviceFacts
) -> ModelEntry:
    """Combine a model's card, its fit, its stored files and where it runs."""
    kept = [model for model in storage.models if model.model == card.id]
    return ModelEntry(
        card=card,
        fit=judged,
        downloaded=any(model.complete for model in kept)
        or any(engines.is_here(artifact, facts) for artifact in card.artifacts),
        evicted=any(model.evicted for model in kept),
        size_bytes=sum(model.size_bytes for model in kept),
        last_used_ms=max((model.last_used_ms or 0 for model in kept), default=0) or None,
        loaded=loaded,
    )
