"""Prepares local models in the background, while another backend answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..._internal import lazy_asyncio as asyncio
from ...types import ChatRequest

if TYPE_CHECKING:
    from .routed import RoutedBackend


class Warming:
    """Prepares each backend once at a time; a model that could not be prepared is not attempted again.

    Failures are kept, not raised: the request that triggered the preparation has its answer.
    """

    def __init__(self) -> None:
        """Start with nothing to prepare."""
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._failures: dict[tuple[str, str | None], str] = {}

    def begin(self, routed: RoutedBackend, request: ChatRequest, model: str | None) -> None:
        """Prepare a backend to answer with ``model``, unless that is in progress or has failed."""
        if routed.name in self._tasks or (routed.name, model) in self._failures:
            return
        task = asyncio.get_running_loop().create_task(self._prepare(routed, request, model))
        self._tasks[routed.name] = task
        task.add_done_callback(lambda _: self._tasks.pop(routed.name, None))

    def failure(self, name: str, model: str | None) -> str:
        """Return why this backend could not be prepared; empty if it was, or was not attempted."""
        return self._failures.get((name, model), "")

    async def close(self) -> None:
        """Cancel all preparation, and wait until it has stopped."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _prepare(self, routed: RoutedBackend, request: ChatRequest, model: str | None) -> None:
        try:
            await routed.backend.prepare(request)
        except Exception as error:
            self._failures[routed.name, model] = str(error) or type(error).__name__
