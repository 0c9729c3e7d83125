"""Where a client's answers come from: a backend that is there, or one that is opened for it when it is first needed."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol
from weakref import WeakSet

from .._internal import lazy_asyncio as asyncio
from ..backends.base import Backend
from ..errors import InvalidRequest, Unavailable
from ..page.host import Host


class Closable(Protocol):
    """What a closed client leaves nobody waiting for."""

    async def close(self) -> None:
        """End it; safe to call more than once."""


OpenBackend = Callable[[], AbstractAsyncContextManager[Backend]]
"""A function whose result gives a backend with ``async with``: every backend is one, and so is what
`contextlib.asynccontextmanager` makes."""


@asynccontextmanager
async def open_local() -> AsyncGenerator[Backend]:
    """Open a connection to a page, and answer with the models there."""
    from ..backends.local import LocalBackend
    from ..page.connect import connect

    async with connect() as host:
        yield LocalBackend(host)


class Source:
    """The backend of a client and of those made of it: what it opened, it closes; what it was given stays."""

    def __init__(self, given: Backend | OpenBackend | None) -> None:
        """Use a backend, or what opens one; without either, `open_local`."""
        if isinstance(given, Host):
            raise InvalidRequest(f"backend={given!r} is a host; use LocalBackend(host)", parameter="backend")
        if not (given is None or isinstance(given, Backend) or callable(given)):
            raise InvalidRequest(
                f"backend={given!r} is not valid; use a backend, a function that opens one, or nothing for this device",
                parameter="backend",
            )
        self.streams: WeakSet[Closable] = WeakSet()
        self._backend = given if isinstance(given, Backend) else None
        self._open = given if given is not None and not isinstance(given, Backend) else open_local
        self._opened: AbstractAsyncContextManager[Backend] | None = None
        self._lock: asyncio.Lock | None = None
        self._closed = False

    async def backend(self) -> Backend:
        """Return the backend, opened if need be. Raises `Unavailable` once closed, and what opening raises."""
        if self._backend is None and not self._closed:
            async with self._opening():
                if self._backend is None and not self._closed:
                    opened = self._open()
                    self._backend = await opened.__aenter__()
                    self._opened = opened
        if self._backend is None or self._closed:
            raise Unavailable("the client is closed; create a new one", reason="closed")
        return self._backend

    async def close(self) -> None:
        """End the streams that somebody still has, and close what was opened; safe to call more than once."""
        self._closed = True
        for stream in list(self.streams):
            await stream.close()
        async with self._opening():
            opened, self._opened = self._opened, None
            if opened is not None:
                await opened.__aexit__(None, None, None)

    def _opening(self) -> asyncio.Lock:
        if self._lock is None:
            self._lock = asyncio.Lock()
        return self._lock
