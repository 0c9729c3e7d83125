"""Readiness: what must happen before a model can answer, for routers that choose between models."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import msgspec

from .._internal import lazy_asyncio as asyncio
from ..page.device import DeviceFacts
from ..page.host import HonouredOptions
from . import engines
from .catalog.card import Artifact, ModelCard
from .fit import JudgedBuild, fit
from .storage import Storage

LASTS_S = 10.0
"""How long an answer is kept for a model that is not loaded: another tab may download it, the browser delete it."""


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a model can answer on this device now, and what it needs first.

    ``fits`` says whether the device can run it, ``fetch_bytes`` how many bytes must be downloaded before it can answer
    (``None`` if unknown). ``obstacle`` says why it cannot answer at all, and is empty when it can. ``context_window``
    is the loaded model's, or else the card's. ``engine`` is the engine that runs it, or would be tried first.
    ``options`` are the chat options that the loaded model honours.
    """

    model: str
    fits: bool = True
    downloaded: bool = True
    fetch_bytes: int | None = 0
    loaded: bool = False
    obstacle: str = ""
    context_window: int | None = None
    engine: str | None = None
    options: HonouredOptions | None = None


Key = tuple[str | None, str | None, str | None, bool]
"""The arguments of `ModelManager.readiness`: name, engine, device, and whether the model may be downloaded."""


class ReadinessCache:
    """Keeps answers until something changes for a model, the device or the network."""

    def __init__(self) -> None:
        """Start empty."""
        self._known: dict[Key, tuple[float, Readiness]] = {}
        self._asking = asyncio.Lock()

    def forget(self) -> None:
        """Drop all answers, also the one to a question that is being asked right now."""
        self._known = {}

    def get(self, key: Key, now_s: float) -> Readiness | None:
        """Return a kept answer; a loaded model counts as loaded until an event says otherwise."""
        known = self._known.get(key)
        if known is None or not (known[1].loaded or abs(now_s - known[0]) < LASTS_S):
            return None
        return known[1]

    async def ask(self, key: Key, clock: Callable[[], float], judge: Callable[[], Awaitable[Readiness]]) -> Readiness:
        """Return the kept answer or call ``judge``, once for concurrent callers."""
        async with self._asking:
            found = self.get(key, clock())
            if found is None:
                known = self._known
                found = await judge()
                known[key] = (clock(), found)
            return found


def judge_readiness(
    card: ModelCard, choice: Sequence[JudgedBuild], facts: DeviceFacts, storage: Storage, *, may_download: bool
) -> Readiness:
    """Return the readiness of a model that is not loaded; ``choice`` are its builds in the order they are tried."""
    runnable = [artifact for artifact, obstacle in choice if obstacle is None]
    if not runnable:
        obstacles = dict.fromkeys(str(obstacle) for _, obstacle in choice)
        here = any(_is_here(card, artifact, facts, storage) for artifact, _ in choice)
        return Readiness(
            model=card.id,
            fits=False,
            downloaded=here,
            fetch_bytes=None,
            obstacle=f"this device cannot run model {card.id!r}: {'; '.join(obstacles)}",
            context_window=card.context_window,
        )
    first = runnable[0]
    window = first.context_window or card.context_window
    if _is_here(card, first, facts, storage):
        return Readiness(model=card.id, context_window=window, engine=first.engine)
    left = _bytes_left(card, first, storage)
    why_not = _why_no_download(card, first, facts, storage, may_download)
    if not why_not:
        return Readiness(model=card.id, downloaded=False, fetch_bytes=left, context_window=window, engine=first.engine)
    here = next((artifact for artifact in runnable if _is_here(card, artifact, facts, storage)), None)
    if here is not None:
        # The best build cannot be downloaded, but another one is on the device and answers.
        return Readiness(model=card.id, context_window=card.context_window, engine=here.engine)
    return Readiness(model=card.id, downloaded=False, fetch_bytes=left, obstacle=why_not, context_window=window)


def _is_here(card: ModelCard, artifact: Artifact, facts: DeviceFacts, storage: Storage) -> bool:
    kept = storage.find(card.id, artifact)
    return engines.is_here(artifact, facts) or (kept is not None and kept.complete)


def _bytes_left(card: ModelCard, artifact: Artifact, storage: Storage) -> int | None:
    if artifact.download_bytes is None:
        return None
    kept = storage.find(card.id, artifact)
    return max(0, artifact.download_bytes - (kept.size_bytes if kept is not None else 0))


def _why_no_download(
    card: ModelCard, artifact: Artifact, facts: DeviceFacts, storage: Storage, may_download: bool
) -> str:
    if not may_download:
        return f"model {card.id!r} is not on this device and must not be downloaded (download=False)"
    alone = msgspec.structs.replace(card, artifacts=[artifact])
    judged = fit(alone, facts, free_bytes=storage.available_bytes)
    return "" if judged.fits else f"model {card.id!r} {'; '.join(reason.message for reason in judged.reasons)}"
