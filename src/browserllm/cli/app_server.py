"""AppServer: serves the app from this process. Browsers that open its address draw, and one of them computes."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Self

from websockets.asyncio.server import ServerConnection

from ..app.shared_app import OpenApp, SharedApp
from ..page.serving.static import SOCKET_PATH, SiteServer, Socket
from ..page.serving.websocket import WebSocketChannel

APP_PATH = "/app"


class AppServer:
    """The app of this process, for every page that has its address.

    The app uses the engine of the first page; when that page is closed, the next one takes over. The address has a key
    in its fragment: without it, no page and no other program of this machine can connect.
    """

    def __init__(self, site: Path, open_app: OpenApp, *, port: int = 0) -> None:
        """Serve ``site``; ``open_app`` opens the app over a page's engine."""
        self._key = secrets.token_urlsafe(24)
        self._shared = SharedApp(open_app)
        self._server = SiteServer(
            site,
            port=port,
            sockets={APP_PATH: Socket(self._key, self._on_page), SOCKET_PATH: Socket(self._key, self._on_engine)},
            # The site's own connect.js starts Python in the page, and its service worker would bring that file back.
            instead={"/connect.js": "/connect-served.js", "/sw.js": "/sw-none.js"},
        )

    async def start(self) -> Self:
        """Start listening; raises `Unavailable` if the port is in use."""
        await self._server.start()
        self._shared.start()
        return self

    @property
    def url(self) -> str:
        """The address to open, with its key."""
        return f"{self._server.url}#key={self._key}"

    async def close(self) -> None:
        """Close the app, the pages' connections and the server."""
        await self._shared.close()
        await self._server.close()

    def _on_page(self, connection: ServerConnection) -> None:
        self._shared.add_page(WebSocketChannel(connection))

    def _on_engine(self, connection: ServerConnection) -> None:
        self._shared.add_engine(WebSocketChannel(connection))
