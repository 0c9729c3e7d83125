"""A channel over a WebSocket connection that a page opened to this process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from ...errors import QueueFull, Unavailable

MAX_MESSAGE_BYTES = 16 * 1024 * 1024
"""The largest message, as the protocol has it."""

MAX_WAITING = 1000
"""Messages that may wait to be sent."""


class WebSocketChannel:
    """A `Channel` over ``connection``: one task receives, one sends, so that nobody waits for the socket."""

    def __init__(self, connection: ServerConnection) -> None:
        """Use a connection that has been accepted."""
        self._connection = connection
        self._outgoing: asyncio.Queue[str] = asyncio.Queue(MAX_WAITING)
        self._tasks: list[asyncio.Task[None]] = []
        self._on_closed: Callable[[str], None] | None = None

    def open(self, on_text: Callable[[str | bytes], None], on_closed: Callable[[str], None]) -> None:
        """Start to deliver."""
        self._on_closed = on_closed
        self._tasks = [asyncio.create_task(self._receive(on_text)), asyncio.create_task(self._send())]

    def send(self, text: str) -> None:
        """Queue a text; raises `QueueFull` when too many wait, `Unavailable` when the socket is closed."""
        if self._on_closed is None:
            raise Unavailable("the connection to the page is closed", reason="closed")
        try:
            self._outgoing.put_nowait(text)
        except asyncio.QueueFull:
            raise QueueFull(f"{MAX_WAITING} messages wait to be sent to the page; it does not read them") from None

    def drop(self, why: str) -> None:
        """Report the connection as closed, because it is known to be before the socket notices."""
        on_closed, self._on_closed = self._on_closed, None
        if on_closed is not None:
            on_closed(why)

    async def close(self) -> None:
        """Close the socket and wait for both tasks."""
        self._on_closed = None
        await self._connection.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _receive(self, on_text: Callable[[str | bytes], None]) -> None:
        receive = self._connection.recv
        try:
            while True:
                on_text(await receive(decode=False))
        except ConnectionClosed as error:
            self.drop(f"the page is gone ({error})")

    async def _send(self) -> None:
        try:
            while True:
                await self._connection.send(await self._outgoing.get())
        except ConnectionClosed as error:
            self.drop(f"the page is gone ({error})")
