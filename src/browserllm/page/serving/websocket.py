"""A `Channel` over the WebSocket that a page opened to this process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from ...errors import QueueFull, Unavailable

MAX_MESSAGE_BYTES = 16 * 1024 * 1024
"""The largest message that the protocol allows."""

MAX_WAITING = 1000
"""How many messages may wait to be sent."""


class WebSocketChannel:
    """A `Channel` over a WebSocket: one task receives and one sends, so that callers never wait for the socket."""

    def __init__(self, connection: ServerConnection) -> None:
        """Use an accepted ``connection``."""
        self._connection = connection
        self._outgoing: asyncio.Queue[str] = asyncio.Queue(MAX_WAITING)
        self._tasks: list[asyncio.Task[None]] = []
        self._on_closed: Callable[[str], None] | None = None

    def open(self, on_text: Callable[[str | bytes], None], on_closed: Callable[[str], None]) -> None:
        """Start delivering messages."""
        self._on_closed = on_closed
        self._tasks = [asyncio.create_task(self._receive(on_text)), asyncio.create_task(self._send())]

    def send(self, text: str) -> None:
        """Queue a message; raises `QueueFull` if too many wait, `Unavailable` if the socket is closed."""
        if self._on_closed is None:
            raise Unavailable("the connection to the page is closed", reason="closed")
        try:
            self._outgoing.put_nowait(text)
        except asyncio.QueueFull:
            raise QueueFull(
                f"{MAX_WAITING} messages wait to be sent to the page, which does not read them; wait for answers "
                "before sending more"
            ) from None

    def drop(self, why: str) -> None:
        """Report the connection as closed before the socket notices it."""
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
