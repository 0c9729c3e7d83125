"""The site's files over HTTP on loopback, and the one WebSocket the page opens back."""

from __future__ import annotations

import hmac
import os
from collections.abc import Callable, Collection, Iterable
from email.utils import formatdate
from http import HTTPStatus
from pathlib import Path, PurePosixPath
from typing import Self
from urllib.parse import parse_qs, unquote, urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from ..errors import Unavailable
from ..threads import Threads
from .websocket import MAX_MESSAGE_BYTES

SOCKET_PATH = "/host"

# Not from the system's table: Windows keeps these in its registry, where anything may be written.
MIME_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".css": "text/css",
    ".json": "application/json",
    ".map": "application/json",
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

# With these two the page is cross-origin isolated, which threads in WebAssembly need.
ISOLATION = {"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp"}


def site_folder() -> Path:
    """Return the folder with the built site; raises `Unavailable` saying how to build it."""
    folder = Path(__file__).parent.parent / "static"
    if not (folder / "host.html").is_file():
        raise Unavailable(
            f"the site's files are not in {str(folder)!r}: in a checkout, run `make site`; "
            "elsewhere, install browserllm from its wheel",
            reason="blocked",
        )
    return folder


class SiteServer:
    """Serves a folder on loopback, only to requests that name an allowed host (a page of another name gets nothing).

    With ``on_page`` it also takes the WebSocket at ``/host``, from the origin of an allowed host and with the secret.
    """

    def __init__(
        self,
        folder: Path,
        *,
        port: int = 0,
        hosts: Collection[str] = (),
        secret: str = "",
        on_page: Callable[[ServerConnection], None] | None = None,
    ) -> None:
        """Serve ``folder``; ``hosts`` are allowed besides the address itself; ``port`` 0 takes any."""
        self._folder = folder
        self._wanted_port = port
        self._hosts = set(hosts)
        self._secret = secret
        self._on_page = on_page
        self._server: Server | None = None
        self._threads = Threads("files of the site", places=8)
        self.port = 0

    async def start(self) -> Self:
        """Start to listen; raises `Unavailable` when the port is taken."""
        try:
            self._server = await serve(
                self._hold,
                "127.0.0.1",
                self._wanted_port,
                process_request=self._answer,
                compression=None,
                max_size=MAX_MESSAGE_BYTES,
                # Loopback needs no pings: a page that dies closes its socket.
                ping_interval=None,
                close_timeout=1,
            )
        except OSError as error:
            raise Unavailable(
                f"cannot listen on 127.0.0.1:{self._wanted_port}: {error}; choose another port", reason="blocked"
            ) from error
        self.port = int(next(iter(self._server.sockets)).getsockname()[1])
        self._hosts |= {f"127.0.0.1:{self.port}", f"localhost:{self.port}"}
        return self

    @property
    def url(self) -> str:
        """The address of the site."""
        return f"http://127.0.0.1:{self.port}/"

    async def close(self) -> None:
        """Stop to listen, and close what is open."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _hold(self, connection: ServerConnection) -> None:
        if self._on_page is not None:
            self._on_page(connection)
        await connection.wait_closed()

    async def _answer(self, connection: ServerConnection, request: Request) -> Response | None:
        host = request.headers.get("Host", "")
        if host.lower() not in self._hosts:
            return _text(HTTPStatus.FORBIDDEN, f"this server does not serve the host {host!r}")
        target = urlsplit(request.path)
        if target.path == SOCKET_PATH and self._on_page is not None:
            return self._refuse_socket(request, host, target.query)
        method: str = getattr(request, "method", "GET")  # older websockets take GET alone
        if method not in ("GET", "HEAD"):
            return _text(HTTPStatus.METHOD_NOT_ALLOWED, f"{method} is not for files")
        response = await self._threads.run(read_file, self._folder, target.path, request.headers.get("If-None-Match"))
        if method == "HEAD":
            response.body = b""
        if self._on_page is not None:
            # A browser of ours is a Chromium, which takes this too. It lets the page find out whether a server that
            # shares nothing is there at all; Safari, which may open the chat page, only knows the stricter word.
            del response.headers["Cross-Origin-Embedder-Policy"]
            response.headers["Cross-Origin-Embedder-Policy"] = "credentialless"
        return response

    def _refuse_socket(self, request: Request, host: str, query: str) -> Response | None:
        origin = request.headers.get("Origin", "")
        if origin != f"http://{host}":
            return _text(HTTPStatus.FORBIDDEN, f"the origin {origin!r} may not connect")
        given = parse_qs(query).get("token", [""])[0]
        if not self._secret or not hmac.compare_digest(given.encode(), self._secret.encode()):
            return _text(HTTPStatus.FORBIDDEN, "the token is wrong")
        return None


def stays_inside(parts: Iterable[str]) -> bool:
    """Say whether a path below a folder is plain: what could leave the folder, on any system, is no name of ours."""
    return not any(part.startswith((".", "/")) or set(part) & set("\\:\0") for part in parts)


def etag_of(file: os.stat_result) -> str:
    """Return what tells a version of a file from all others."""
    return f'"{file.st_mtime_ns:x}-{file.st_size:x}"'


def read_file(folder: Path, url_path: str, known_etag: str | None = None) -> Response:
    """Return the response for a path of the site: the file, its ``index.html``, "not modified", or "not found"."""
    path = unquote(url_path)
    if path.endswith("/"):
        path += "index.html"
    parts = PurePosixPath(path).parts[1:]
    if not path.startswith("/") or not stays_inside(parts):
        return _text(HTTPStatus.NOT_FOUND, "not found")
    file = folder.joinpath(*parts)
    try:
        status = file.stat()
        if not file.is_file():
            return _text(HTTPStatus.NOT_FOUND, "not found")
        etag = etag_of(status)
        headers = Headers(
            {
                "Content-Type": MIME_TYPES.get(file.suffix, "application/octet-stream"),
                "ETag": etag,
                # Asked again every time, sent again only when changed: a rebuilt site is never half old.
                "Cache-Control": "no-cache",
                "Connection": "close",
                "Date": formatdate(usegmt=True),
                "X-Content-Type-Options": "nosniff",
                "Cross-Origin-Resource-Policy": "same-origin",
                **ISOLATION,
            }
        )
        if known_etag == etag:
            return Response(HTTPStatus.NOT_MODIFIED, "Not Modified", headers)
        body = file.read_bytes()
    except OSError:
        return _text(HTTPStatus.NOT_FOUND, "not found")
    headers["Content-Length"] = str(len(body))
    return Response(HTTPStatus.OK, "OK", headers, body)


def _text(status: HTTPStatus, message: str) -> Response:
    body = message.encode()
    headers = Headers(
        {
            "Content-Type": "text/plain; charset=utf-8",
            "Content-Length": str(len(body)),
            "Connection": "close",
            **ISOLATION,
        }
    )
    return Response(status, status.phrase, headers, body)
