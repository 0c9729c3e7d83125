"""Connections of httpx2's clients: our own function looks names up, not asyncio's threads.

What: replaces the network backend (``_network_backend``) of the connection pools in a new client's private transports.
Why: asyncio looks names up in the few threads that a whole program shares, and a program does not exit before they
end: a name server that does not answer would block everything else. httpx2 passes no backend on to its pools.
Contract: ``tests/wire/_internal/test_connecting.py`` uses the installed httpx2.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import Any

import httpcore2
import httpx2

STAGGER_S = 0.25
"""How long one address has to answer before the next one is tried in parallel (RFC 8305)."""

Resolve = Callable[[str, int], Awaitable[list[str]]]


def look_up_names_with(resolve: Resolve, client: httpx2.AsyncClient) -> None:
    """Make a new client use ``resolve`` to look up every host and proxy it connects to."""
    # httpx2 passes no network backend on to the pools it creates, so it is set on the pools.
    transports: list[Any] = [getattr(client, "_transport"), *getattr(client, "_mounts").values()]  # noqa: B009
    for transport in transports:
        if transport is not None:  # None: no proxy for those hosts
            pool: Any = getattr(transport, "_pool")  # noqa: B009
            setattr(pool, "_network_backend", NamedBackend(resolve, getattr(pool, "_network_backend")))  # noqa: B009, B010


class NamedBackend(httpcore2.AsyncNetworkBackend):
    """Connects to the addresses that ``resolve`` returns for a name."""

    def __init__(self, resolve: Resolve, connector: httpcore2.AsyncNetworkBackend) -> None:
        """Look names up with ``resolve``, and connect to addresses with ``connector``."""
        self._resolve = resolve
        self._connector = connector

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 (httpcore2's signature)
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Connect to the first address that answers."""

        async def connect(address: str) -> httpcore2.AsyncNetworkStream:
            return await self._connector.connect_tcp(address, port, None, local_address, socket_options)

        limit = asyncio.timeout(timeout)
        try:
            async with limit:
                return await first_of([partial_of(connect, address) for address in await self._addresses(host, port)])
        except TimeoutError as error:
            raise httpcore2.ConnectTimeout(f"no connection within {timeout} s") from error
        except (OSError, UnicodeError) as error:
            raise httpcore2.ConnectError(str(error)) from error

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Connect to a socket file."""
        return await self._connector.connect_unix_socket(path, timeout, socket_options)

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await self._connector.sleep(seconds)

    async def _addresses(self, host: str, port: int) -> list[str]:
        with suppress(ValueError):
            ipaddress.ip_address(host)
            return [host]
        found = await self._resolve(host, port)
        if not found:
            raise OSError(f"the name {host!r} has no address")
        return found


def partial_of(connect: Callable[[str], Awaitable[Any]], address: str) -> Callable[[], Awaitable[Any]]:
    """Return a function that connects to one address."""
    return lambda: connect(address)


async def first_of(attempts: list[Callable[[], Awaitable[Any]]]) -> Any:
    """Return the first successful attempt's result. The next one starts when one fails, or after `STAGGER_S`."""
    running: set[asyncio.Future[Any]] = set()
    waiting = list(attempts)
    failure: Exception = OSError("there is no address to connect to")
    try:
        while waiting or running:
            if waiting:
                running.add(asyncio.ensure_future(waiting.pop(0)()))
            done, running = await asyncio.wait(
                running, timeout=STAGGER_S if waiting else None, return_when=asyncio.FIRST_COMPLETED
            )
            won = None
            for task in done:
                error = task.exception()
                if error is None and won is None:
                    won = task
                elif error is None:
                    await task.result().aclose()
                elif isinstance(error, Exception):
                    failure = error
                else:
                    raise error
            if won is not None:
                return won.result()
        raise failure
    finally:
        for task in running:
            task.cancel()
            task.add_done_callback(_close_late)


def _close_late(task: asyncio.Future[Any]) -> None:
    """Close a connection that was opened after another one had won."""
    if not task.cancelled() and task.exception() is None:
        closing = asyncio.ensure_future(task.result().aclose())
        _closing.add(closing)
        closing.add_done_callback(_closing.discard)


_closing: set[asyncio.Future[None]] = set()
