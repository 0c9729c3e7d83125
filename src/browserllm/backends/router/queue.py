"""FairQueue: limits concurrent requests, and serves those that wait fairly.

A place that becomes free is handed to a waiting request, so that a newcomer cannot take it first. A request that is
cancelled at the moment it gets its place hands it on.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable

from ..._internal import lazy_asyncio as asyncio
from ...errors import InvalidRequest, QueueFull

MAX_WAITING = 1000
"""How many requests may wait by default."""


class FairQueue:
    """Lets ``limit`` requests run at once; the others wait in one line per key, and the lines are served in turn."""

    def __init__(self, limit: int, *, max_waiting: int = MAX_WAITING, name: str = "requests") -> None:
        """Let ``limit`` (at least 1) run and ``max_waiting`` (at least 0) wait; ``name`` appears in messages."""
        if limit < 1:
            raise InvalidRequest(f"limit={limit!r} for {name} must be at least 1", parameter="limit")
        if max_waiting < 0:
            raise InvalidRequest(
                f"max_waiting={max_waiting!r} for {name} must be at least 0",
                parameter="max_waiting",
            )
        self.limit = limit
        self.max_waiting = max_waiting
        self.name = name
        self.running = 0
        self.waiting = 0
        # The first line is served next; empty lines are removed.
        self._lines: dict[Hashable, deque[asyncio.Future[None]]] = {}

    def try_enter(self) -> bool:
        """Take a place if one is free; return whether it was."""
        if self.running >= self.limit:
            return False
        self.running += 1
        return True

    async def enter(self, key: Hashable = None) -> None:
        """Take a place; if none is free, wait in the line of ``key``. Raises `QueueFull` if too many wait already."""
        if self.try_enter():
            return
        if self.waiting >= self.max_waiting:
            raise QueueFull(
                f"the queue for {self.name} is full: {self.waiting} waiting, {self.running} running; try again later",
                data={"waiting": self.waiting, "running": self.running},
            )
        place = asyncio.get_running_loop().create_future()
        self._lines.setdefault(key, deque()).append(place)
        self.waiting += 1
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self.leave()  # it already got its place: hand it on
            else:
                self._give_up(key, place)
            raise

    def leave(self) -> None:
        """Give the place back; the request whose turn it is gets it at once."""
        while self._lines:
            key = next(iter(self._lines))
            line = self._lines.pop(key)
            place = line.popleft()
            if line:
                self._lines[key] = line  # to the end: the others come first
            if not place.done():
                self.waiting -= 1
                place.set_result(None)
                return
        self.running -= 1

    def _give_up(self, key: Hashable, place: asyncio.Future[None]) -> None:
        line = self._lines.get(key)
        if line is not None and place in line:
            line.remove(place)
            if not line:
                del self._lines[key]
        self.waiting -= 1
