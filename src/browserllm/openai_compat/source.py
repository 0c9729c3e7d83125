"""The source of a client's backend: a given one, or one that is opened at the first call."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol
from weakref import WeakSet

from .._internal import lazy_asyncio as asyncio
from .._internal.arguments import check_kind
from ..backends.base import Backend, check_backend
from ..errors import InvalidRequest, Unavailable
from ..page.host import Host


class Closable(Protocol):
    """A stream that ends when its client is closed."""

    async def close(self) -> None:
        """End it; safe to call more than once."""


OpenBackend = Callable[[], AbstractAsyncContextManager[Backend]]
"""A function that returns an async context manager of a backend, such as a backend class or a function decorated with
`contextlib.asynccontextmanager`."""


@asynccontextmanager
async def open_local() -> AsyncGenerator[Backend]:
    """Connect to a page and use the models there."""
    from ..backends.local import LocalBackend
    from ..page.connect import connect

    async with connect() as host:
        yield LocalBackend(host)


class Source:
    """The backend of a client and its copies. It closes a backend that it opened, not one that it was given."""

    def __init__(self, given: Backend | OpenBackend | None) -> None:
        """Use a backend, or a function that opens one; by default `open_local`."""
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
        """Return the backend; open it first if needed. Raises `Unavailable` once closed, and what opening raises."""
        if self._backend is None and not self._closed:
            async with self._opening():
                if self._backend is None and not self._closed:
                    opened: Any = self._open()
                    write = "return an async context manager of a backend: decorate it with asynccontextmanager"
                    check_kind("what backend() returned", opened, AbstractAsyncContextManager, "valid", write=write)
                    given = await opened.__aenter__()
                    self._opened = opened
                    check_backend("the backend of backend()", given)
                    self._backend = given
        if self._backend is None or self._closed:
            raise Unavailable("the client is closed; create a new one", reason="closed")
        return self._backend

    async def close(self) -> None:
        """End the open streams, and close a backend that was opened here; safe to call more than once."""
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
