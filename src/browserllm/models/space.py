"""Space: makes room for downloads and deletes stored files."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import TYPE_CHECKING, Literal

from .._internal.formatting import size_text
from ..errors import QuotaExceeded
from ..page.host import Host
from .catalog.catalog import Catalog
from .storage import EvictionPlan, Storage, StoredModel, delete_files, only_of, plan_eviction, storage_of
from .stored import Stored, ask_stored

if TYPE_CHECKING:
    from .engines import ModelFile

OnFull = Literal["fail", "evict"] | Callable[[EvictionPlan], Awaitable[bool]]
"""What to do if a download needs more space than is left: fail, follow the eviction plan, or call a function."""


class Space:
    """The storage of a host's page, for the models of a catalog."""

    def __init__(self, host: Host, catalog: Catalog, clock: Callable[[], float]) -> None:
        """``clock`` returns seconds since the epoch."""
        self._host = host
        self._catalog = catalog
        self._clock = clock

    async def storage(self) -> Storage:
        """Ask the page for its stored files, and group them by model."""
        return self._sort(await ask_stored(self._host))

    def _sort(self, stored: Stored) -> Storage:
        return storage_of(stored, self._catalog, self._clock() * 1000)

    async def delete(self, models: Collection[StoredModel], storage: Storage) -> int:
        """Delete models, except files that another model also needs; returns the bytes freed."""
        files, partials = only_of(models, storage.models)
        return await delete_files(self._host, files, partials, [model.key for model in models])

    async def delete_orphans(self, storage: Storage) -> int:
        """Delete files that belong to no model, and abandoned partial downloads."""
        return await delete_files(self._host, storage.orphans, storage.abandoned, [])

    async def clear(self) -> int:
        """Delete all files, partial files and journal records; returns the bytes freed."""
        stored = await ask_stored(self._host)
        return await delete_files(self._host, stored.entries, stored.partials, list(stored.journal))

    async def make_room(
        self,
        model: str,
        files: Sequence[ModelFile],
        stored: Stored,
        *,
        budget_bytes: int | None,
        keep: Collection[str],
        on_full: OnFull,
    ) -> list[StoredModel]:
        """Make room to download ``files`` of ``model``, deleting none of the models in ``keep``.

        Returns the models that were deleted. Raises `QuotaExceeded` when there is too little space.
        """
        storage = self._sort(stored)
        short, why = _shortage(files, stored, storage, budget_bytes)
        if short <= 0:
            return []
        plan = plan_eviction(storage.models, short, keep)
        if plan.enough and (on_full == "evict" or (callable(on_full) and await on_full(plan))):
            await self.delete(plan.models, storage)
            return plan.models
        raise QuotaExceeded(
            f"not enough space for model {model!r}: {why}; {_advice(plan)}",
            data={"needed_bytes": short, "plan": {**_describe(plan), "enough": plan.enough}},
        )


def _shortage(
    files: Sequence[ModelFile], stored: Stored, storage: Storage, budget_bytes: int | None
) -> tuple[int, str]:
    """Return how many bytes a download lacks (enough if 0 or less), and the explanation."""
    there = {entry.key for entry in stored.entries}
    begun = {part.url: part.loaded_bytes for part in stored.partials}
    missing = [file for file in files if (file.cache, file.url) not in there]
    sizes = [file.size_bytes or 0 for file in missing]
    to_fetch = sum(sizes) - sum(min(begun.get(file.url, 0), file.size_bytes or 0) for file in missing)
    shortages: list[tuple[int, str]] = []
    if storage.available_bytes is not None:
        # A finished file is copied from its partial into the cache: for a moment it exists twice.
        need = to_fetch + max(sizes, default=0)
        have = f"the browser has {size_text(storage.available_bytes)} left"
        shortages.append((need - storage.available_bytes, f"it temporarily needs {size_text(need)} and {have}"))
    if budget_bytes is not None:
        have = f"models already take {size_text(storage.models_bytes)} of the {size_text(budget_bytes)} budget"
        shortages.append((storage.models_bytes + to_fetch - budget_bytes, f"it needs {size_text(to_fetch)} and {have}"))
    return max(shortages, default=(0, ""))


def _advice(plan: EvictionPlan) -> str:
    names = ", ".join(dict.fromkeys(model.model for model in plan.models))
    if plan.enough:
        return f"delete {names}, which frees {size_text(plan.freed_bytes)}"
    if names:
        return f"deleting all unused models ({names}) frees only {size_text(plan.freed_bytes)}; free some disk space"
    return "no other model can be deleted; free some disk space, or choose a smaller model"


def _describe(plan: EvictionPlan) -> dict[str, object]:
    models = [{"key": model.key, "model": model.model, "size_bytes": model.size_bytes} for model in plan.models]
    return {"needed_bytes": plan.needed_bytes, "freed_bytes": plan.freed_bytes, "models": models}
