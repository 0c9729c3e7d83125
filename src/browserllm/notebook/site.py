"""Where the page in the frame comes from: this process on loopback, or a site elsewhere."""

from __future__ import annotations

import secrets
from urllib.parse import urlsplit

from ..errors import InvalidRequest, Unavailable
from ..page.serving.static import FRAME_PAGE, SiteServer, site_folder

FIRST_PORT = 8019
PORTS = 10
"""How many ports are tried. The browser keeps models by origin, so the first free one is taken, not any."""


class LoopbackSite:
    """The site, served by this process to frames that know its key."""

    def __init__(self) -> None:
        """Serve nothing yet. Raises `Unavailable` if the site is not built."""
        self._folder = site_folder()
        self._key = secrets.token_urlsafe(24)
        self._server: SiteServer | None = None

    @property
    def url(self) -> str:
        """The address for the frame."""
        return f"{self._server.url}{FRAME_PAGE}?key={self._key}" if self._server is not None else ""

    async def start(self) -> None:
        """Listen on the first free port."""
        for port in (*range(FIRST_PORT, FIRST_PORT + PORTS), 0):
            try:
                self._server = await SiteServer(self._folder, port=port, frame_key=self._key).start()
            except Unavailable:
                if port == 0:
                    raise
            else:
                return

    async def close(self) -> None:
        """Stop listening."""
        if self._server is not None:
            await self._server.close()


class OtherSite:
    """A site that ``browserllm build`` wrote, at an address that the reader's browser can reach."""

    def __init__(self, address: str) -> None:
        """Raises `InvalidRequest` for what is not an address of http or https."""
        try:
            parts = urlsplit(address)
        except ValueError:
            parts = urlsplit("")
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise InvalidRequest(
                f"site={address!r} is not the address of a folder; write where the site of `browserllm build` is, such "
                "as site='https://example.org/llm/'",
                parameter="site",
            )
        self.url = f"{address.rstrip('/')}/{FRAME_PAGE}"

    async def start(self) -> None:
        """Do nothing: another server has it."""

    async def close(self) -> None:
        """Do nothing."""
