"""Shares folders of this machine with the page over HTTP on loopback, for local models.

The site's server sends whole files, which is enough for the site. A model's files have gigabytes: this server supports
ranges, so that an interrupted download can resume. The page sees them under a separate host name that is the same in
every run, because the browser caches models by URL.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import re
import secrets
from contextlib import suppress
from email.utils import formatdate
from functools import partial
from http import HTTPStatus
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Self
from urllib.parse import unquote

from ..._internal.formatting import system_text
from ..._internal.system.listening import listen, stop_listening
from ..._internal.system.opening import open_real
from ..._internal.system.private_files import own_folder
from ..._internal.threads import Threads
from ...errors import InvalidRequest, Unavailable
from .connection import Answer, Connections, HttpConnection, prepare, text_answer
from .requests import Request, stays_inside
from .static import etag_of

REVISION = "resolve/local/"
"""WebLLM reads models from URLs with a revision, and would append one."""

KEY_NAME = "browserllm-shares.key"
"""The file in the profile with the key of its URLs: they are the same in every run, but cannot be guessed."""

ALLOWED_HEADERS = "Range, If-Range, If-None-Match"
EXPOSED_HEADERS = "Content-Length, Content-Range, Accept-Ranges, ETag, Last-Modified"


class FolderServer:
    """Serves shared folders to the page's origin, read-only, under unguessable URLs."""

    def __init__(self, *, host: str, origin: str, key: bytes) -> None:
        """Answer requests for ``host`` from ``origin``; the URLs depend on ``key``."""
        self._host = host
        self._origin = origin
        self._key = key
        self._folders: dict[str, Path] = {}
        self._server: asyncio.Server | None = None
        self._threads = Threads("shared files", places=8, max_given_up=32)
        self._connections = Connections(
            {
                "Access-Control-Allow-Origin": origin,
                "Access-Control-Allow-Methods": "GET, HEAD",
                "Access-Control-Allow-Headers": ALLOWED_HEADERS,
                "Access-Control-Expose-Headers": EXPOSED_HEADERS,
                "Access-Control-Max-Age": "7200",
                "Cross-Origin-Resource-Policy": "same-site",
                # Files in the folder are data, never pages.
                "Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
                "X-Content-Type-Options": "nosniff",
                "Cache-Control": "no-cache",
            }
        )
        self.port = 0

    async def start(self) -> Self:
        """Start listening on any free port."""
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(
                lambda: HttpConnection(self._connections, self._answer), sock=listen(0)
            )
        except OSError as error:
            raise Unavailable(
                f"cannot listen on 127.0.0.1: {system_text(error)}; allow this program to open a port there",
                reason="blocked",
            ) from error
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    async def close(self) -> None:
        """Stop listening, and close all connections."""
        if self._server is not None:
            await stop_listening(self._server)
        await self._connections.close()

    def share(self, folder: str | os.PathLike[str]) -> str:
        """Share a folder and everything below it; returns its URL, which is the same in every run.

        Links are only followed inside the folder, and from a snapshot in Hugging Face's cache into its model's blobs.

        Raises `InvalidRequest` if the folder does not exist.
        """
        path = Path(folder).expanduser()
        if not path.is_dir():
            raise InvalidRequest(f"there is no folder {str(folder)!r} on this machine", parameter="path")
        path = path.resolve()
        name = hmac.new(self._key, os.fsencode(path), hashlib.sha256).hexdigest()[:32]
        self._folders[name] = path
        return f"http://{self._host}/{name}/{REVISION}"

    async def _answer(self, request: Request) -> Answer:
        host, origin = request.headers["host"], request.headers.get("origin", self._origin)
        if host.lower() != self._host:
            return text_answer(HTTPStatus.FORBIDDEN, f"this server does not serve {host!r}")
        if origin != self._origin:
            return text_answer(HTTPStatus.FORBIDDEN, f"nothing is shared with {origin!r}")
        if request.method == "OPTIONS":
            return Answer(HTTPStatus.NO_CONTENT)
        if request.method not in ("GET", "HEAD"):
            return text_answer(
                HTTPStatus.METHOD_NOT_ALLOWED, f"{request.method} is not for files", {"Allow": "GET, HEAD"}
            )
        return await prepare(self._threads, partial(self._find, request))

    def _find(self, request: Request) -> Answer:
        """Return the response to an allowed request: a file, or a part of it."""
        try:
            file = self._open(request.path)
        except PermissionError as error:
            return text_answer(HTTPStatus.FORBIDDEN, str(error))
        except (OSError, ValueError):
            return text_answer(HTTPStatus.NOT_FOUND, "there is no such file")
        facts = os.fstat(file.fileno())
        size = facts.st_size
        etag, modified = etag_of(facts), formatdate(facts.st_mtime, usegmt=True)
        known = {"ETag": etag, "Last-Modified": modified, "Accept-Ranges": "bytes"}
        headers = request.headers
        if headers.get("if-none-match") == etag:
            file.close()
            return Answer(HTTPStatus.NOT_MODIFIED, known)
        wanted = headers.get("range") if headers.get("if-range", etag) in (etag, modified) else None
        span = _read_range(wanted, size)
        if span is None:
            file.close()
            return text_answer(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, "", {"Content-Range": f"bytes */{size}"})
        start, stop, partly = span
        known["Content-Type"] = "application/octet-stream"
        if partly:
            known["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
        status = HTTPStatus.PARTIAL_CONTENT if partly else HTTPStatus.OK
        return Answer(status, known, file=file, start=start, length=stop - start)

    def _open(self, url_path: str) -> BinaryIO:
        """Open the file for a path; raises `OSError` if it is missing or outside the shared folder."""
        _, name, *_ = [*url_path.split("/", 2), ""]
        below = unquote(url_path.removeprefix(f"/{name}/{REVISION}"))
        folder = self._folders.get(name)
        parts = PurePosixPath(below).parts
        if folder is None or not parts or not stays_inside(parts):
            raise FileNotFoundError
        file = folder.joinpath(*parts)
        try:
            real = file.resolve(strict=True)
        except RuntimeError as error:  # Python before 3.13 raises it for a circle of links
            raise FileNotFoundError from error
        blobs = _blobs_of(folder)
        if not real.is_relative_to(folder) and (blobs is None or real.parent != blobs):
            raise PermissionError(f"{below!r} links to a file outside the shared folder; copy the file into the folder")
        # Opened without following links, because the path may have changed since the check.
        return open_real(real)


def _blobs_of(folder: Path) -> Path | None:
    """Return the folder with the real files of a snapshot in Hugging Face's cache, or ``None`` for any other folder.

    There ``models--OWNER--NAME/snapshots/REVISION`` has links into the ``blobs`` beside ``snapshots``. ``folder`` is a
    real path; if ``blobs`` itself is a link, the real files are not in the returned folder, and so are not served.
    """
    model = folder.parent.parent
    is_snapshot = folder.parent.name == "snapshots" and model.name.startswith("models--")
    return model / "blobs" if is_snapshot else None


def open_key(profile: Path) -> bytes:
    """Return the key of a profile's URLs, created at the first call."""
    key = secrets.token_bytes(32)
    with (
        suppress(OSError),  # a key that cannot be saved is used for this run only
        own_folder(profile) as folder,
        open(folder.open(KEY_NAME, os.O_RDWR | os.O_CREAT), "r+b", buffering=0) as file,
    ):
        kept = file.read(32)
        if len(kept) == 32:
            return kept
        file.seek(0)
        file.write(key)
    return key


def _read_range(header: str | None, size: int) -> tuple[int, int, bool] | None:
    """Return the first byte, the byte after the last, and whether that is a part; ``None`` if there is no such part.

    Anything but a single range of bytes is ignored, as HTTP specifies: then the whole file is sent.
    """
    match = re.fullmatch(r"bytes=(\d{0,18})-(\d{0,18})", (header or "").replace(" ", ""))
    if match is None or match.groups() == ("", ""):
        return 0, size, False
    first, last = match.groups()
    if first == "":
        return (max(0, size - int(last)), size, True) if int(last) > 0 and size > 0 else None
    if last != "" and int(last) < int(first):
        return 0, size, False
    return (int(first), min(size, int(last) + 1 if last else size), True) if int(first) < size else None
