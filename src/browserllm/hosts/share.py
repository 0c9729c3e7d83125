"""Folders of this machine, shared with the page over HTTP on loopback: models of one's own.

The site's server sends files whole, which is right for the site. A model's files have gigabytes: here they are streamed
from the disk, in ranges, so that a download that broke off goes on. The page sees them under a host name of their own,
which is the same in every run, because the browser keeps models by address.
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
from http import HTTPStatus
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Self
from urllib.parse import unquote, urlsplit

from ..errors import InvalidRequest, QueueFull, Unavailable
from ..threads import Threads
from .private import own_folder
from .static import etag_of, stays_inside

REVISION = "resolve/local/"
"""WebLLM reads models from folders with a revision in their address, and would append one."""

KEY_NAME = "browserllm-shares.key"
"""In the profile, whose caches know the addresses: makes them the same in every run, and nobody else can guess them."""

MAX_HEAD_BYTES = 16 * 1024
HEAD_WAIT_S = 30.0

ALLOWED_HEADERS = "Range, If-Range, If-None-Match"
EXPOSED_HEADERS = "Content-Length, Content-Range, Accept-Ranges, ETag, Last-Modified"


class FolderServer:
    """Serves the folders it was given, to the page's origin, under unguessable addresses. It only reads."""

    def __init__(self, *, host: str, origin: str, key: bytes) -> None:
        """Answer requests for ``host``, shared with ``origin``; ``key`` makes the addresses."""
        self._host = host
        self._origin = origin
        self._key = key
        self._folders: dict[str, Path] = {}
        self._server: asyncio.Server | None = None
        self._answering: set[asyncio.Task[None]] = set()
        self._threads = Threads("shared files", places=8, max_given_up=32)
        self.port = 0

    async def start(self) -> Self:
        """Start to listen on any port."""
        try:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=MAX_HEAD_BYTES)
        except OSError as error:
            raise Unavailable(f"cannot listen on 127.0.0.1: {error}", reason="blocked") from error
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    async def close(self) -> None:
        """Stop to listen, and end what is being sent."""
        if self._server is not None:
            self._server.close()
        for task in self._answering:
            task.cancel()
        await asyncio.gather(*self._answering, return_exceptions=True)

    def share(self, folder: str | os.PathLike[str]) -> str:
        """Share a folder and all below it; returns its address, the same for the same folder in every run.

        Links are followed inside the folder only, and from a snapshot in Hugging Face's cache into its model's blobs.

        Raises `InvalidRequest` when there is no such folder.
        """
        path = Path(folder).expanduser()
        if not path.is_dir():
            raise InvalidRequest(f"{str(folder)!r} is no folder on this machine", parameter="path")
        path = path.resolve()
        name = hmac.new(self._key, os.fsencode(path), hashlib.sha256).hexdigest()[:32]
        self._folders[name] = path
        return f"http://{self._host}/{name}/{REVISION}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 (a callback of the server is always a task)
        self._answering.add(task)
        try:
            await self._answer(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError):
            pass  # the browser went away, or it was none
        finally:
            self._answering.discard(task)
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with asyncio.timeout(HEAD_WAIT_S):
            head = await reader.readuntil(b"\r\n\r\n")
        request = _read_head(head)
        if request is None:
            await self._say(writer, HTTPStatus.BAD_REQUEST, "this is no request")
            return
        method, target, headers = request
        if headers.get("host", "").lower() != self._host:
            await self._say(writer, HTTPStatus.FORBIDDEN, f"this server does not serve {headers.get('host')!r}")
        elif headers.get("origin", self._origin) != self._origin:
            await self._say(writer, HTTPStatus.FORBIDDEN, f"nothing is shared with {headers['origin']!r}")
        elif method == "OPTIONS":
            await self._say(writer, HTTPStatus.NO_CONTENT, "")
        elif method not in ("GET", "HEAD"):
            await self._say(writer, HTTPStatus.METHOD_NOT_ALLOWED, f"{method} is not for files")
        else:
            await self._send_file(writer, method, urlsplit(target).path, headers)

    async def _send_file(self, writer: asyncio.StreamWriter, method: str, path: str, headers: dict[str, str]) -> None:
        try:
            file = await self._threads.run_or_dispose(lambda: self._open(path), _close)
        except PermissionError as error:
            await self._say(writer, HTTPStatus.FORBIDDEN, str(error))
            return
        except OSError:
            await self._say(writer, HTTPStatus.NOT_FOUND, "there is no such file")
            return
        except QueueFull as error:
            await self._say(writer, HTTPStatus.SERVICE_UNAVAILABLE, str(error))
            return
        with file:
            facts = os.fstat(file.fileno())
            size = facts.st_size
            etag = etag_of(facts)
            modified = formatdate(facts.st_mtime, usegmt=True)
            known = {"ETag": etag, "Last-Modified": modified, "Accept-Ranges": "bytes"}
            if headers.get("if-none-match") == etag:
                await self._head(writer, HTTPStatus.NOT_MODIFIED, known)
                return
            wanted = headers.get("range") if headers.get("if-range", etag) in (etag, modified) else None
            span = _read_range(wanted, size)
            if span is None:
                await self._say(
                    writer, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, "", {"Content-Range": f"bytes */{size}"}
                )
                return
            start, stop, partial = span
            if partial:
                known["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
            known |= {"Content-Type": "application/octet-stream", "Content-Length": str(stop - start)}
            await self._head(writer, HTTPStatus.PARTIAL_CONTENT if partial else HTTPStatus.OK, known)
            if method == "GET" and stop > start:
                # From the disk to the socket, without a copy of the file in memory. A file that became shorter ends
                # early, and the closed connection says so.
                await asyncio.get_running_loop().sendfile(writer.transport, file, start, stop - start)

    def _open(self, url_path: str) -> BinaryIO:
        """Open the file for a path; raises `OSError` when there is none or it lies outside the shared folder."""
        _, name, *_ = [*url_path.split("/", 2), ""]
        below = unquote(url_path.removeprefix(f"/{name}/{REVISION}"))
        folder = self._folders.get(name)
        parts = PurePosixPath(below).parts
        if folder is None or not parts or not stays_inside(parts):
            raise FileNotFoundError
        file = folder.joinpath(*parts)
        try:
            real = file.resolve(strict=True)
        except RuntimeError as error:  # what Python before 3.13 says of links that lead to each other
            raise FileNotFoundError from error
        blobs = _blobs_of(folder)
        if not real.is_relative_to(folder) and (blobs is None or real.parent != blobs):
            raise PermissionError(f"{below!r} is a link that leads out of the shared folder; put the file itself there")
        if not real.is_file():
            raise FileNotFoundError
        return real.open("rb")

    async def _say(
        self, writer: asyncio.StreamWriter, status: HTTPStatus, message: str, more: dict[str, str] | None = None
    ) -> None:
        body = message.encode()
        length = {} if status == HTTPStatus.NO_CONTENT else {"Content-Length": str(len(body))}
        await self._head(writer, status, {"Content-Type": "text/plain; charset=utf-8", **length, **(more or {})})
        writer.write(body)
        await writer.drain()

    async def _head(self, writer: asyncio.StreamWriter, status: HTTPStatus, headers: dict[str, str]) -> None:
        every = {
            **headers,
            "Access-Control-Allow-Origin": self._origin,
            "Access-Control-Allow-Methods": "GET, HEAD",
            "Access-Control-Allow-Headers": ALLOWED_HEADERS,
            "Access-Control-Expose-Headers": EXPOSED_HEADERS,
            "Access-Control-Max-Age": "7200",
            "Cross-Origin-Resource-Policy": "same-site",
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-cache",
            "Date": formatdate(usegmt=True),
            "Connection": "close",
        }
        lines = [f"HTTP/1.1 {status.value} {status.phrase}", *(f"{name}: {value}" for name, value in every.items())]
        writer.write("\r\n".join([*lines, "", ""]).encode("latin-1"))
        await writer.drain()


def _blobs_of(folder: Path) -> Path | None:
    """Return where the files of a snapshot in Hugging Face's cache really lie, or ``None`` for any other folder.

    There ``models--OWNER--NAME/snapshots/REVISION`` holds links into the ``blobs`` beside ``snapshots``. ``folder`` has
    no link in it; whether ``blobs`` is one shows where a file really lies: then not in what is returned.
    """
    model = folder.parent.parent
    is_snapshot = folder.parent.name == "snapshots" and model.name.startswith("models--")
    return model / "blobs" if is_snapshot else None


def open_key(profile: Path) -> bytes:
    """Return the key of a profile's addresses, made at the first call."""
    key = secrets.token_bytes(32)
    with (
        suppress(OSError),  # what cannot be kept holds for this run
        own_folder(profile) as folder,
        open(folder.open(KEY_NAME, os.O_RDWR | os.O_CREAT), "r+b", buffering=0) as file,
    ):
        kept = file.read(32)
        if len(kept) == 32:
            return kept
        file.seek(0)
        file.write(key)
    return key


def _close(file: BinaryIO) -> None:
    file.close()


def _read_head(head: bytes) -> tuple[str, str, dict[str, str]] | None:
    """Return method, target and headers (lower case) of a request, or ``None`` when it is none."""
    first, *lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    match = re.fullmatch(r"([A-Z]+) (/[^ ]*) HTTP/1\.[01]", first)
    pairs = [line.partition(":") for line in lines]
    if match is None or any(not separator for _, separator, _ in pairs):
        return None
    return match[1], match[2], {name.strip().lower(): value.strip() for name, _, value in pairs}


def _read_range(header: str | None, size: int) -> tuple[int, int, bool] | None:
    """Return the first byte, the byte after the last, and whether that is a part; ``None`` when there is no such part.

    What is no single range of bytes is passed over, as HTTP has it: then the whole file is sent.
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
