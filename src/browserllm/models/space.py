"""Space: orders to the storage. Make room for a download, delete a model, remove what is nobody's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import TYPE_CHECKING, Literal

from .._internal.formatting import size_text
from ..errors import QuotaExceeded
from ..page.host import Host
from .catalog.catalog import Catalog
from .storage import EvictionPlan, Storage, StoredModel, delete_files, only_of, plan_eviction, take_stock
from .stored import Stored, ask_stored

if TYPE_CHECKING:
    from .engines import ModelFile

OnFull = Literal["fail", "evict"] | Callable[[EvictionPlan], Awaitable[bool]]
"""What to do when a download needs more space than is left: an error, delete what the plan says, or ask somebody."""


class Space:
    """The storage of a host's page, for the models of a catalog."""

    def __init__(self, host: Host, catalog: Catalog, clock: Callable[[], float]) -> None:
        """``clock`` returns seconds since the epoch."""
        self._host = host
        self._catalog = catalog
        self._clock = clock

    async def stock(self) -> Storage:
        """Ask the page what it keeps, and sort it by model."""
        return self._sort(await ask_stored(self._host))

    def _sort(self, stored: Stored) -> Storage:
        return take_stock(stored, self._catalog, self._clock() * 1000)

    async def delete(self, models: Collection[StoredModel], stock: Storage) -> int:
        """Delete models, but no file that another model needs too; returns the bytes that became free."""
        files, partials = only_of(models, stock.models)
        return await delete_files(self._host, files, partials, [model.key for model in models])

    async def delete_orphans(self, stock: Storage) -> int:
        """Delete the files that belong to no model, and the parts of files that nobody goes on with."""
        return await delete_files(self._host, stock.orphans, stock.abandoned, [])

    async def clear(self) -> int:
        """Delete every file, every part of one and every record; returns the bytes that became free."""
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
        """See to it that ``files`` of ``model`` can be fetched, deleting none of the models in ``keep``.

        Returns the models that were deleted for it. Raises `QuotaExceeded` when there is too little space.
        """
        stock = self._sort(stored)
        short, why = _shortage(files, stored, stock, budget_bytes)
        if short <= 0:
            return []
        plan = plan_eviction(stock.models, short, keep)
        if plan.enough and (on_full == "evict" or (callable(on_full) and await on_full(plan))):
            await self.delete(plan.models, stock)
            return plan.models
        raise QuotaExceeded(
            f"no space for model {model!r}: {why}; {_advice(plan)}",
            data={"needed_bytes": short, "plan": {**_describe(plan), "enough": plan.enough}},
        )


def _shortage(files: Sequence[ModelFile], stored: Stored, stock: Storage, budget_bytes: int | None) -> tuple[int, str]:
    """Return how many bytes are missing for a download, and in which words; none are when it is 0 or less."""
    there = {entry.key for entry in stored.entries}
    begun = {part.url: part.loaded_bytes for part in stored.partials}
    missing = [file for file in files if (file.cache, file.url) not in there]
    sizes = [file.size_bytes or 0 for file in missing]
    to_fetch = sum(sizes) - sum(min(begun.get(file.url, 0), file.size_bytes or 0) for file in missing)
    shortages: list[tuple[int, str]] = []
    if stock.available_bytes is not None:
        # A file that is whole goes from its partial into the cache: for a moment it is there twice.
        need = to_fetch + max(sizes, default=0)
        have = f"the browser has {size_text(stock.available_bytes)} left"
        shortages.append((need - stock.available_bytes, f"it needs {size_text(need)} for the time being and {have}"))
    if budget_bytes is not None:
        have = f"of the budget of {size_text(budget_bytes)}, models take {size_text(stock.models_bytes)}"
        shortages.append((stock.models_bytes + to_fetch - budget_bytes, f"it needs {size_text(to_fetch)} and {have}"))
    return max(shortages, default=(0, ""))


def _advice(plan: EvictionPlan) -> str:
    names = ", ".join(dict.fromkeys(model.model for model in plan.models))
    if plan.enough:
        return f"delete {names}, which frees {size_text(plan.freed_bytes)}"
    if names:
        return f"deleting all that is not in use ({names}) frees only {size_text(plan.freed_bytes)}: free disk space"
    return "no other model could be deleted: free disk space, or take a smaller model"


def _describe(plan: EvictionPlan) -> dict[str, object]:
    models = [{"key": model.key, "model": model.model, "size_bytes": model.size_bytes} for model in plan.models]
    return {"needed_bytes": plan.needed_bytes, "freed_bytes": plan.freed_bytes, "models": models}
