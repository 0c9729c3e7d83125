"""Choosing a build of a model: what this device, its page and its storage allow, the best first."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec

from ..page.host import Host
from .catalog.card import Artifact, ModelCard
from .fit import Fit, JudgedBuild, candidates, fit
from .storage import Storage


async def choose_builds(
    host: Host,
    card: ModelCard,
    pinned: Artifact | None,
    engine: str | None,
    device: str | None,
    storage: Storage | Callable[[], Awaitable[Storage]],
) -> list[JudgedBuild]:
    """Return the builds of a model that could run, the best first; ``pinned`` allows no other build.

    ``storage`` may be a function, which is called only if the storage can change the order. Raises `Unsupported` as
    `candidates` does.
    """
    choice = candidates(only_pinned(card, pinned), await host.probe(), engine, device, engine_names(host))
    if len(choice) == 1 or all(artifact.bundled for artifact, _ in choice):
        return choice
    return _downloaded_first(card, choice, storage if isinstance(storage, Storage) else await storage())


def only_pinned(card: ModelCard, pinned: Artifact | None) -> ModelCard:
    """Return a card with only the build that was requested by its own id, if one was."""
    return card if pinned is None else msgspec.structs.replace(card, artifacts=[pinned])


async def fit_here(
    host: Host, card: ModelCard, storage: Storage, engine: str | None = None, device: str | None = None
) -> Fit:
    """Return whether this device can download and run a model, and if not why; raises `Unsupported` as `fit` does."""
    return fit(card, await host.probe(), engine=engine, device=device, **fit_options(host, storage))


def fit_options(host: Host, storage: Storage) -> dict[str, Any]:
    """Return what `fit` needs beside the device's facts: the page's engines, the free space, the downloaded builds."""
    return {
        "engines": engine_names(host),
        "free_bytes": storage.available_bytes,
        "stored": {model.artifact_id for model in storage.models if model.complete and model.artifact_id},
    }


def engine_names(host: Host) -> list[str]:
    """Return the names of the engines that the page has."""
    return [engine.name for engine in host.hello.engines]


def _downloaded_first(card: ModelCard, choice: Sequence[JudgedBuild], storage: Storage) -> list[JudgedBuild]:
    """Move downloaded builds before the others for the same engine and device."""
    steps = [(artifact.engine, artifact.device) for artifact, _ in choice]

    def rank(candidate: JudgedBuild) -> tuple[int, bool]:
        artifact = candidate.artifact
        stored = storage.find(card.id, artifact)
        return steps.index((artifact.engine, artifact.device)), stored is None or not stored.complete

    return sorted(choice, key=rank)
