"""The catalog as people see it: each model with its builds, its fit on this device, and what of it is stored."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Collection
from typing import Literal

from .._internal import lazy_asyncio as asyncio
from ..models import engines
from ..models.catalog.card import Artifact, ModelCard
from ..models.catalog.catalog import POCKET, Catalog
from ..models.choosing import engine_names, fit_options
from ..models.fit import fit, memory_need
from ..models.machine import MIB
from ..models.recommend import strains, tiers
from ..models.storage import Storage
from ..page.device import DeviceFacts
from ..page.host import Host
from .state import Build, Model, StorageInfo, StoredModelInfo

Tier = Literal["quick", "smart", "genius"]

AT_A_TIME = 4
"""How many models are judged before other tasks get a turn: about 2 ms in a page's Python."""


class Judge:
    """Judges models by the facts, the engines and the storage of one moment."""

    def __init__(self, host: Host, facts: DeviceFacts, storage: Storage, custom: Collection[str]) -> None:
        """``custom`` are the ids of the models that the user has added."""
        self._facts = facts
        self._storage = storage
        self._custom = custom
        self._options = fit_options(host, storage)
        self._engines = engine_names(host)

    async def all(self, catalog: Catalog) -> AsyncGenerator[Model, None]:
        """Yield every model of the catalog, and let other tasks run in between."""
        cards = list(catalog)
        await asyncio.sleep(0)
        chosen = self._tiers(catalog)
        for number, card in enumerate(cards):
            if number % AT_A_TIME == 0:
                await asyncio.sleep(0)
            yield self.model(card, chosen.get(card.id))

    def model(self, card: ModelCard, tier: Tier | None = None) -> Model:
        """Return one model."""
        judged = fit(card, self._facts, **self._options)
        best = judged.artifact or card.artifacts[0]
        kept = [stored for stored in self._storage.models if stored.model == card.id]
        slow = [] if judged.artifact is None else strains(card, best, self._facts)
        return Model(
            id=card.id,
            name=card.name or card.id if card.id in self._custom else plain_name(card),
            family=card.family,
            type=card.type,
            parameters=card.parameters,
            license=card.license,
            license_url=card.license_url,
            context_window=card.context_window,
            purposes=tuple(card.purposes),
            tools=card.tools,
            vision=card.vision,
            thinking=card.thinking not in (None, "never"),
            custom=card.id in self._custom,
            bundled=all(artifact.bundled for artifact in card.artifacts),
            quantization=_quantization(best),
            download_bytes=best.download_bytes,
            memory_bytes=_memory_bytes(best),
            fit="no" if judged.artifact is None else "tight" if slow or _is_tight(judged.warnings) else "good",
            reasons=tuple(
                [*slow, *(warning.message for warning in judged.warnings)]
                if judged.artifact is not None
                else (reason.message for reason in judged.reasons)
            ),
            builds=tuple(self._build(card, artifact) for artifact in card.artifacts),
            tier=tier,
            downloaded=any(stored.complete for stored in kept)
            or any(engines.is_here(artifact, self._facts) for artifact in card.artifacts),
            stored_bytes=sum(stored.size_bytes for stored in kept),
            last_used_at=max((stored.last_used_ms or 0 for stored in kept), default=0) or None,
        )

    def _build(self, card: ModelCard, artifact: Artifact) -> Build:
        judged = fit(artifact, self._facts, **self._options)
        stored = self._storage.find(card.id, artifact)
        return Build(
            id=artifact.id or f"{card.id}/{artifact.engine}/{artifact.device}",
            engine=artifact.engine,
            device=artifact.device,
            quantization=_quantization(artifact),
            download_bytes=artifact.download_bytes,
            memory_bytes=_memory_bytes(artifact),
            fits=judged.fits,
            reason=judged.reasons[0].message if judged.reasons else None,
            downloaded=engines.is_here(artifact, self._facts) or (stored is not None and stored.complete),
        )

    def _tiers(self, catalog: Catalog) -> dict[str, Tier]:
        found = tiers(catalog, self._facts, **self._options)
        # On a device that runs few models one of them has several tiers: the first counts.
        chosen: dict[str, Tier] = {
            found.genius.model: "genius",
            found.smart.model: "smart",
            found.quick.model: "quick",
        }
        chosen.pop(POCKET.id, None)  # it stands in where nothing else suits, and is no recommendation
        return chosen


def describe_storage(storage: Storage, downloading: Collection[str]) -> StorageInfo:
    """Return the browser's storage; the unfinished files of models that are ``downloading`` are not reclaimable."""
    loose = sum(file.size_bytes or 0 for file in storage.orphans)
    loose += sum(partial.loaded_bytes for partial in storage.abandoned)
    unfinished = {
        partial.url: partial.loaded_bytes
        for stored in storage.models
        if stored.model not in downloading
        for partial in stored.partials
    }
    return StorageInfo(
        used_bytes=storage.used_bytes,
        quota_bytes=storage.quota_bytes,
        models_bytes=storage.models_bytes,
        reclaimable_bytes=loose + sum(unfinished.values()),
        persisted=storage.persisted,
        models=tuple(
            StoredModelInfo(
                model=stored.model,
                key=stored.key,
                size_bytes=stored.size_bytes,
                complete=stored.complete,
                last_used_at=stored.last_used_ms,
            )
            for stored in storage.models
        ),
    )


def _quantization(artifact: Artifact) -> str | None:
    return artifact.quantization or artifact.dtype


def _memory_bytes(artifact: Artifact) -> float | None:
    return memory_need(artifact).mb * MIB or None


def _is_tight(warnings: Collection[object]) -> bool:
    return any(getattr(warning, "code", "") == "not_for_phones" for warning in warnings)


_UNSAID = re.compile(r"instruct|it|hf|bf16|\d{4}", re.IGNORECASE)
"""Words of names in the catalog that say how all models of a chat were made, and the months of releases."""
_SIZE = re.compile(r"\d+(?:\.\d+)?[bm]", re.IGNORECASE)


def plain_name(card: ModelCard) -> str:
    """Return the name of a model of the catalog as people say it: "Gemma 2 2B" for ``gemma-2-2b-it``."""
    name, family = card.name or card.id, card.family
    begin = re.match(r"\s?".join(re.escape(sign) for sign in family if sign != " "), name, re.IGNORECASE)
    if begin is not None and family and not name[begin.end() :][:1].isalnum():
        name = family + name[begin.end() :]
    words = [word.upper() if _SIZE.fullmatch(word) else word for word in name.split()]
    return " ".join(word for word in words if not _UNSAID.fullmatch(word)) or name
