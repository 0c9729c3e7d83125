"""Serves the site's files over HTTP on loopback, and accepts the page's WebSocket."""

from __future__ import annotations

import asyncio
import hmac
import logging
import os
from collections.abc import Awaitable, Callable, Collection, Mapping
from functools import partial
from http import HTTPStatus
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NamedTuple, Self
from urllib.parse import parse_qs, unquote, urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve

from ..._internal.formatting import system_text
from ..._internal.system.listening import listen, stop_listening
from ..._internal.system.opening import open_linked, open_real
from ..._internal.threads import Threads
from ...errors import Unavailable
from .connection import Answer, Connections, HttpConnection, prepare, text_answer
from .policy import chat_policy, host_policy, meta_policy
from .requests import Request, stays_inside
from .websocket import MAX_MESSAGE_BYTES

SOCKET_PATH = "/host"

# Not from the system's table: on Windows that is in the registry, where programs change it.
MIME_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".css": "text/css",
    ".json": "application/json",
    ".map": "application/json",
    ".ipynb": "application/json",
    ".wasm": "application/wasm",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".txt": "text/plain; charset=utf-8",
    ".zip": "application/zip",
    ".whl": "application/zip",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}

HOST_PAGE = "host.html"
"""The page that connects to Python. It is only served to browsers that Python launches."""

FRAME_PAGE = "notebook.html"
"""The page that a notebook shows in a frame. It is the only one that may be framed."""

socket_logger = logging.getLogger("browserllm.socket")
# websockets would log handshakes with the secret, and clients that are refused are not our errors.
socket_logger.setLevel(logging.CRITICAL)


def site_folder() -> Path:
    """Return the folder with the built site; raises `Unavailable` that says how to build it."""
    folder = Path(__file__).parents[2] / "static"
    if not (folder / HOST_PAGE).is_file():
        raise Unavailable(
            f"the site's files are not in {str(folder)!r}; in a checkout, run `make site`, otherwise install "
            "browserllm from its wheel",
            reason="blocked",
        )
    return folder


class Socket(NamedTuple):
    """A WebSocket that a `SiteServer` accepts from its own pages.

    ``take`` gets each connection whose address has the ``token``; ``once``: the token is valid for one connection.
    """

    token: str
    take: Callable[[ServerConnection], None]
    once: bool = False


class SiteServer:
    """Serves a folder on loopback, only to requests for an allowed host (which stops DNS rebinding).

    It accepts the WebSockets in ``sockets``, by path, from the origin of an allowed host. ``launched`` serves a browser
    that Python launched: only that gets the host page. With ``frame_key`` it serves frames in other pages: its only
    page is `FRAME_PAGE`, for addresses with that key.
    """

    def __init__(
        self,
        folder: Path,
        *,
        port: int = 0,
        hosts: Collection[str] = (),
        sockets: Mapping[str, Socket] | None = None,
        launched: bool = False,
        instead: Mapping[str, str] | None = None,
        frame_key: str | None = None,
    ) -> None:
        """Serve ``folder``; ``port`` 0 takes any free port.

        ``hosts`` are allowed besides the address itself, or with ``launched`` instead of it, because a launched browser
        only uses those. ``instead`` maps paths to the paths of the files that are served there.
        """
        self._folder = folder
        self._wanted_port = port
        self._hosts = set(hosts)
        self._sockets = dict(sockets or {})
        self._spent: set[str] = set()
        self._launched = launched
        self._instead = dict(instead or {})
        self._frame_key = frame_key
        self._server: Server | None = None
        self._threads = Threads("files of the site", places=8)
        self._connections = Connections({})
        self._links = False
        self.port = 0

    async def start(self) -> Self:
        """Start listening; raises `Unavailable` if the port is in use."""
        self._links = await self._threads.run(has_links, self._folder)
        try:
            self._server = await serve(
                self._hold,
                sock=listen(self._wanted_port),
                create_connection=_connection_class(self._connections, self._answer),
                compression=None,
                max_size=MAX_MESSAGE_BYTES,
                logger=socket_logger,
                server_header=None,
                # Loopback needs no pings: a page that dies closes its socket.
                ping_interval=None,
                close_timeout=1,
            )
        except OSError as error:
            raise Unavailable(
                f"cannot listen on 127.0.0.1:{self._wanted_port}: {system_text(error)}; choose another port",
                reason="blocked",
                data={"parameter": "port"},
            ) from error
        self.port = int(next(iter(self._server.sockets)).getsockname()[1])
        if not self._launched or not self._hosts:
            self._hosts |= {f"127.0.0.1:{self.port}", f"localhost:{self.port}"}
        self._connections.common = self._common_headers()
        return self

    @property
    def url(self) -> str:
        """The address of the site."""
        return f"http://127.0.0.1:{self.port}/"

    async def close(self) -> None:
        """Stop listening, and close all connections."""
        if self._server is not None:
            await stop_listening(self._server)
            await self._connections.close()
            await self._server.wait_closed()

    def _common_headers(self) -> dict[str, str]:
        # Cross-origin isolation, which threads in WebAssembly need. A launched browser is a Chromium, which supports
        # credentialless. It lets the page find out whether a server without CORS headers exists at all; Safari, which
        # may open the chat page, only supports require-corp.
        if self._frame_key is not None:
            return {
                "Cross-Origin-Embedder-Policy": "require-corp",
                # A notebook that is isolated itself may only frame what allows it.
                "Cross-Origin-Resource-Policy": "cross-origin",
                "Content-Security-Policy": meta_policy(),
                "X-Content-Type-Options": "nosniff",
                "Referrer-Policy": "no-referrer",
            }
        sockets = self._hosts if self._sockets else ()
        return {
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Embedder-Policy": "credentialless" if self._launched else "require-corp",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Content-Security-Policy": host_policy(self._hosts) if self._launched else chat_policy(sockets),
            "X-Frame-Options": "DENY",
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
        }

    async def _hold(self, connection: ServerConnection) -> None:
        request = connection.request
        socket = self._sockets.get(urlsplit(request.path).path) if request is not None else None
        if socket is not None:
            socket.take(connection)
        await connection.wait_closed()

    async def _answer(self, request: Request) -> Answer | None:
        host = request.headers["host"].lower()
        if host not in self._hosts:
            return text_answer(HTTPStatus.FORBIDDEN, f"this server does not serve the host {host!r}")
        if request.method not in ("GET", "HEAD"):
            return text_answer(
                HTTPStatus.METHOD_NOT_ALLOWED, f"{request.method} is not for files", {"Allow": "GET, HEAD"}
            )
        if request.path in self._sockets:
            return self._refuse_socket(request, host)
        hidden = None if self._launched else HOST_PAGE
        known = request.headers.get("if-none-match")
        path = self._instead.get(request.path, request.path)
        read = partial(read_file, self._folder, path, known, hidden=hidden, follow_links=self._links)
        return await prepare(self._threads, lambda: self._check_frame(read(), request))

    def _check_frame(self, answer: Answer, request: Request) -> Answer:
        """Refuse every page but the one for frames, and that one without the key. Scripts and data are no secrets."""
        if self._frame_key is None or not answer.headers["Content-Type"].startswith("text/html"):
            return answer
        given = parse_qs(request.query).get("key", [""])[0]
        if request.path == f"/{FRAME_PAGE}" and hmac.compare_digest(given.encode(), self._frame_key.encode()):
            return answer
        if answer.file is not None:
            answer.file.close()
        return text_answer(HTTPStatus.FORBIDDEN, "this server shows pages only in the notebook that it belongs to")

    def _refuse_socket(self, request: Request, host: str) -> Answer | None:
        origin = request.headers.get("origin", "")
        if not origin:
            return text_answer(HTTPStatus.BAD_REQUEST, "there is no Origin header")
        if origin != f"http://{host}":
            return text_answer(HTTPStatus.FORBIDDEN, f"the origin {origin!r} may not connect")
        if request.method != "GET" or request.headers.get("upgrade", "").lower() != "websocket":
            return text_answer(HTTPStatus.UPGRADE_REQUIRED, "this address is for a WebSocket", {"Upgrade": "websocket"})
        given = parse_qs(request.query).get("token", [""])[0]
        token, once = self._sockets[request.path].token, self._sockets[request.path].once
        if not token or not hmac.compare_digest(given.encode(), token.encode()):
            return text_answer(HTTPStatus.FORBIDDEN, "the token is wrong")
        if once and request.path in self._spent:
            return text_answer(HTTPStatus.FORBIDDEN, "the token was already used; it is valid for one connection")
        self._spent.add(request.path)
        return None


def _connection_class(
    connections: Connections, answer: Callable[[Request], Awaitable[Answer | None]]
) -> type[ServerConnection]:
    """Return the class of connections that start as HTTP, and become a WebSocket only after the checks."""

    class SiteConnection(ServerConnection):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            http = HttpConnection(connections, answer, self._upgrade)
            transport.set_protocol(http)
            http.connection_made(transport)

        def _upgrade(self, transport: asyncio.Transport, head: bytes) -> None:
            transport.set_protocol(self)
            super().connection_made(transport)
            self.data_received(head)

    return SiteConnection


def etag_of(file: os.stat_result) -> str:
    """Return the ETag of a file's version."""
    return f'"{file.st_mtime_ns:x}-{file.st_size:x}"'


def has_links(folder: Path) -> bool:
    """Return whether anything below a folder is a link: some installers link all files of a package."""
    return any(path.is_symlink() for path in folder.rglob("*"))


def read_file(
    folder: Path,
    url_path: str,
    known_etag: str | None = None,
    *,
    hidden: str | None = None,
    follow_links: bool = False,
) -> Answer:
    """Return the response for a path of the site: the file, its ``index.html``, "not modified", or "not found".

    The file named ``hidden`` is never found, in any spelling that the disk accepts. Links out of the folder are only
    followed with ``follow_links``.
    """
    file = _open(folder, unquote(url_path), hidden, follow_links)
    if file is None:
        return text_answer(HTTPStatus.NOT_FOUND, "not found")
    facts = os.fstat(file.fileno())
    etag = etag_of(facts)
    headers = {
        "Content-Type": MIME_TYPES.get(PurePosixPath(file.name).suffix, "application/octet-stream"),
        "ETag": etag,
        # The browser asks every time and downloads only what changed: it never mixes old and new files of the site.
        "Cache-Control": "no-cache",
    }
    if known_etag == etag:
        file.close()
        return Answer(HTTPStatus.NOT_MODIFIED, headers)
    return Answer(HTTPStatus.OK, headers, file=file, length=facts.st_size)


def _open(folder: Path, path: str, hidden: str | None, follow_links: bool) -> BinaryIO | None:
    """Open the file for a path of the site, or return ``None`` if it is missing."""
    if path.endswith("/"):
        path += "index.html"
    parts = PurePosixPath(path).parts[1:]
    if not path.startswith("/") or path.startswith("//") or not parts or not stays_inside(parts):
        return None
    try:
        if follow_links:
            file = open_linked(folder.joinpath(*parts))
        else:
            top = folder.resolve()
            real = top.joinpath(*parts).resolve(strict=True)
            if not real.is_relative_to(top):
                return None
            file = open_real(real)
    except (OSError, ValueError, RuntimeError):  # RuntimeError: Python before 3.13 raises it for a circle of links
        return None
    if hidden is not None and _is_same(file, folder / hidden):
        file.close()
        return None
    return file


def _is_same(file: BinaryIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except OSError:
        return False
