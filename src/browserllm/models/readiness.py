"""Standing: what a chat with a model would have to do first, for whoever chooses between models before he asks one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import msgspec

from .._internal import lazy_asyncio as asyncio
from ..page.device import DeviceFacts
from . import engines
from .catalog.card import Artifact, ModelCard
from .fit import JudgedBuild, fit
from .storage import Storage

LASTS_S = 10.0
"""How long it holds that a model is not loaded: another tab may fetch it, the browser may delete it."""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How a model stands with this device now.

    ``fits`` says whether the device can run it, ``fetch_bytes`` how much is still to be fetched before it can answer
    (``None`` where nobody knows). ``obstacle`` says why it cannot answer at all, and is empty when it can.
    ``context_window`` is the loaded model's, else what its card promises.
    """

    model: str
    fits: bool = True
    downloaded: bool = True
    fetch_bytes: int | None = 0
    loaded: bool = False
    obstacle: str = ""
    context_window: int | None = None


Key = tuple[str | None, str | None, str | None, bool]
"""What was asked: the model's name, engine, device, and whether it may be downloaded."""


class Standings:
    """What was found out, kept until something happens to a model or around the device."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._known: dict[Key, tuple[float, Standing]] = {}
        self._asking = asyncio.Lock()

    def forget(self) -> None:
        """Let the next question go to the page. What is being asked right now is not kept either."""
        self._known = {}

    def get(self, key: Key, now_s: float) -> Standing | None:
        """Return what is known; a model that is loaded stays so until an event says otherwise."""
        known = self._known.get(key)
        if known is None or not (known[1].loaded or abs(now_s - known[0]) < LASTS_S):
            return None
        return known[1]

    async def ask(self, key: Key, clock: Callable[[], float], judge: Callable[[], Awaitable[Standing]]) -> Standing:
        """Find out, once for all who ask at the same time."""
        async with self._asking:
            found = self.get(key, clock())
            if found is None:
                known = self._known
                found = await judge()
                known[key] = (clock(), found)
            return found


def judge_files(
    card: ModelCard, choice: Sequence[JudgedBuild], facts: DeviceFacts, stock: Storage, *, may_download: bool
) -> Standing:
    """Say how a model stands that is not loaded; ``choice`` are its builds, in the order in which they are tried."""
    runnable = [artifact for artifact, obstacle in choice if obstacle is None]
    if not runnable:
        obstacles = dict.fromkeys(str(obstacle) for _, obstacle in choice)
        here = any(_is_here(card, artifact, facts, stock) for artifact, _ in choice)
        return Standing(
            model=card.id,
            fits=False,
            downloaded=here,
            fetch_bytes=None,
            obstacle=f"this device cannot run model {card.id!r}: {'; '.join(obstacles)}",
            context_window=card.context_window,
        )
    first = runnable[0]
    window = first.context_window or card.context_window
    if _is_here(card, first, facts, stock):
        return Standing(model=card.id, context_window=window)
    left = _bytes_left(card, first, stock)
    why_not = _why_no_download(card, first, facts, stock, may_download)
    if not why_not:
        return Standing(model=card.id, downloaded=False, fetch_bytes=left, context_window=window)
    if any(_is_here(card, artifact, facts, stock) for artifact in runnable):
        # The next best build, which is here, answers in its place.
        return Standing(model=card.id, context_window=card.context_window)
    return Standing(model=card.id, downloaded=False, fetch_bytes=left, obstacle=why_not, context_window=window)


def _is_here(card: ModelCard, artifact: Artifact, facts: DeviceFacts, stock: Storage) -> bool:
    kept = stock.find(card.id, artifact)
    return engines.is_here(artifact, facts) or (kept is not None and kept.complete)


def _bytes_left(card: ModelCard, artifact: Artifact, stock: Storage) -> int | None:
    if artifact.download_bytes is None:
        return None
    kept = stock.find(card.id, artifact)
    return max(0, artifact.download_bytes - (kept.size_bytes if kept is not None else 0))


def _why_no_download(
    card: ModelCard, artifact: Artifact, facts: DeviceFacts, stock: Storage, may_download: bool
) -> str:
    if not may_download:
        return f"model {card.id!r} is not on this device, and may not be downloaded (download=False)"
    alone = msgspec.structs.replace(card, artifacts=[artifact])
    judged = fit(alone, facts, free_bytes=stock.available_bytes)
    return "" if judged.fits else f"model {card.id!r} {'; '.join(reason.message for reason in judged.reasons)}"
