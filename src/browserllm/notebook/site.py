"""Where the page in the frame comes from: this process on loopback, or a site elsewhere."""

from __future__ import annotations

import errno
import secrets
import socket
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
        self._reserved: socket.socket | None = None

    @property
    def url(self) -> str:
        """The address for the frame."""
        return f"{self._server.url}{FRAME_PAGE}?key={self._key}" if self._server is not None else ""

    async def start(self) -> None:
        """Listen on the first free port."""
        for port in (*range(FIRST_PORT, FIRST_PORT + PORTS), 0):
            try:
                server = await SiteServer(self._folder, port=port, frame_key=self._key).start()
            except Unavailable:
                if port == 0:
                    raise
                continue
            try:
                self._reserved = _reserve_ipv6(server.port)
            except OSError:
                await server.close()
                if port == 0:
                    raise
            else:
                self._server = server
                return

    async def close(self) -> None:
        """Stop listening."""
        if self._server is not None:
            await self._server.close()
        if self._reserved is not None:
            self._reserved.close()


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


def _reserve_ipv6(port: int) -> socket.socket | None:
    """Keep the same port of ``::1``, so that no other user of this machine can take it; ``None`` without IPv6.

    A notebook at ``localhost`` frames ``localhost``, which is the same site for the browser, and that may be either
    address. Nothing listens here, so the browser goes on to 127.0.0.1.
    """
    reserved: socket.socket | None = None
    try:
        reserved = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
        if exclusive := getattr(socket, "SO_EXCLUSIVEADDRUSE", None):
            reserved.setsockopt(socket.SOL_SOCKET, exclusive, 1)
        reserved.bind(("::1", port))
    except OSError as error:
        if reserved is not None:
            reserved.close()
        if error.errno in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
            return None
        raise
    return reserved
