"""AppServer: serves the app from this process. Browsers that open its address draw, and one of them computes."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from websockets.asyncio.server import ServerConnection

from ..app.app import App
from ..app.pipe import Pipe
from ..errors import BrowserLLMError
from ..page.host import Host
from ..page.protocol import ChannelHost
from ..page.serving.static import SOCKET_PATH, SiteServer, Socket
from ..page.serving.websocket import WebSocketChannel

logger = logging.getLogger("browserllm")

APP_PATH = "/app"
HELLO = '{"type": "hello"}'
MAX_EARLY = 1000
"""How many messages of a page are kept while no browser offers an engine yet."""

OpenApp = Callable[[Host], Awaitable[App]]


class AppServer:
    """The app of this process, for every page that has its address.

    The app uses the engine of the first page; when that page is closed, the next one takes over. The address has a key
    in its fragment: without it, no page and no other program of this machine can connect.
    """

    def __init__(self, site: Path, open_app: OpenApp, *, port: int = 0) -> None:
        """Serve ``site``; ``open_app`` opens the app over a page's engine."""
        self._open_app = open_app
        self._key = secrets.token_urlsafe(24)
        self._server = SiteServer(
            site,
            port=port,
            sockets={APP_PATH: Socket(self._key, self._on_page), SOCKET_PATH: Socket(self._key, self._on_engine)},
            # The site's own connect.js starts Python in the page, and its service worker would bring that file back.
            instead={"/connect.js": "/connect-served.js", "/sw.js": "/sw-none.js"},
        )
        self._pages: set[_Page] = set()
        self._engines: asyncio.Queue[ServerConnection] = asyncio.Queue()
        self._app: App | None = None
        self._running: asyncio.Task[None] | None = None

    async def start(self) -> Self:
        """Start listening; raises `Unavailable` if the port is in use."""
        await self._server.start()
        self._running = asyncio.create_task(self._run())
        return self

    @property
    def url(self) -> str:
        """The address to open, with its key."""
        return f"{self._server.url}#key={self._key}"

    async def close(self) -> None:
        """Close the app, the pages' connections and the server."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
        await asyncio.gather(*(page.close() for page in list(self._pages)))
        await self._server.close()

    async def _run(self) -> None:
        """Run the app over one engine after the other."""
        while True:
            connection = await self._engines.get()
            try:
                await self._serve(connection)
            except Exception as error:  # also a full disk: the next page must not wait forever
                logger.warning("the app could not use a page's engine: %s", error)
                await connection.close(reason="the app could not use this page's engine")

    async def _serve(self, connection: ServerConnection) -> None:
        channel = WebSocketChannel(connection)
        gone = asyncio.create_task(connection.wait_closed())
        host = ChannelHost(channel)
        try:
            await host.start()
            self._app = await self._open_app(host)
            for page in list(self._pages):
                page.attach(self._app)
            await gone
        finally:
            gone.cancel()
            for page in list(self._pages):
                page.detach()
            app, self._app = self._app, None
            if app is not None:
                await app.close()
            with suppress(BrowserLLMError):
                await host.close()

    def _on_engine(self, connection: ServerConnection) -> None:
        self._engines.put_nowait(connection)

    def _on_page(self, connection: ServerConnection) -> None:
        page = _Page(connection, self._pages.discard)
        self._pages.add(page)
        if self._app is not None:
            page.attach(self._app)


class _Page:
    """A page's WebSocket. It outlives the app, which changes when the engine does."""

    def __init__(self, connection: ServerConnection, on_gone: Callable[[_Page], Any]) -> None:
        self._channel = WebSocketChannel(connection)
        self._pipe: Pipe | None = None
        self._early: list[str] = []
        self._known = False
        self._on_gone = on_gone
        self._channel.open(self._on_text, self._on_closed)

    def attach(self, app: App) -> None:
        """Connect to an app: the page gets its state, and what it has asked for so far is carried out."""
        self._pipe = Pipe(app, self._send)
        # The page said hello to the first app; of another one it knows nothing.
        texts = [HELLO, *self._early] if self._known else self._early
        self._early, self._known = [], True
        for text in texts:
            self._pipe.on_text(text)

    def detach(self) -> None:
        """Disconnect from an app that ends; the page's calls fail."""
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None

    async def close(self) -> None:
        self.detach()
        await self._channel.close()

    def _on_text(self, text: str | bytes) -> None:
        text = text.decode(errors="replace") if isinstance(text, bytes) else text
        if self._pipe is not None:
            self._pipe.on_text(text)
        elif len(self._early) < MAX_EARLY:
            self._early.append(text)

    def _on_closed(self, why: str) -> None:
        self.detach()
        self._on_gone(self)

    def _send(self, text: str) -> None:
        # A page that does not read is as good as gone: it says hello again when it is back.
        try:
            self._channel.send(text)
        except BrowserLLMError as error:
            self._channel.drop(str(error))
