"""A web server on loopback that misbehaves on request and records what it sent, for the tests of downloads.

    with FaultServer() as server:
        url = server.add("/model/shard.bin", Content.generated(300_000), Fault(drop_at=100_000, times=2))
        ...  # download it
        assert server.sent_bytes(url) == 300_000

It answers from a thread of its own, so tests with an event loop and tests without one use it alike. Without faults it
is a good file server: ranges, If-Range, strong ETags, HEAD, and shared with every origin.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import random
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from functools import cache
from typing import Literal, Self
from urllib.parse import urlsplit

from browserllm._internal.system.listening import stop_listening
from loop_end import end_the_rest

PIECE_BYTES = 256 * 1024
"""The most bytes that are written at once."""

FIRST_VERSION_S = 1_700_000_000
"""When a file was last changed; each content adds its own, so that another content has another time."""


class Content:
    """What a file holds: given bytes, or generated ones that cost a megabyte of memory whatever their size."""

    def __init__(self, data: bytes, size: int | None = None) -> None:
        """Hold ``data``; with ``size``, as often as it takes to be that many bytes."""
        self.size = len(data) if size is None else size
        self._period = max(len(data), 1)
        # Twice, so that a piece never has to be joined over the end of the period.
        self._block = memoryview(data if size is None else data * 2)

    @classmethod
    def generated(cls, size: int, seed: int = 0) -> Content:
        """Noise of ``size`` bytes, the same for the same seed; in hexadecimal, so that it can be compressed."""
        return cls(_noise(seed)[:size]) if size <= PIECE_BYTES else cls(_noise(seed), size)

    def __repr__(self) -> str:
        return f"Content of {self.size} bytes"

    def read(self, start: int, stop: int) -> memoryview:
        """The bytes from ``start`` to ``stop``, at most `PIECE_BYTES` of them."""
        offset = start % self._period
        return self._block[offset : offset + stop - start]

    def pieces(self, start: int = 0) -> Iterator[memoryview]:
        """All bytes from ``start``, piece by piece."""
        for at in range(start, self.size, PIECE_BYTES):
            yield self.read(at, min(at + PIECE_BYTES, self.size))

    def digest(self, algorithm: str = "sha256") -> str:
        """The hash of all bytes, in hexadecimal."""
        known = self.__dict__.setdefault("_digests", {})
        if algorithm not in known:
            state = hashlib.new(algorithm, usedforsecurity=False)
            for piece in self.pieces():
                state.update(piece)
            known[algorithm] = state.hexdigest()
        return known[algorithm]


@cache
def _noise(seed: int) -> bytes:
    # No power of two: a piece in the wrong place is then other bytes.
    return random.Random(seed).randbytes(512 * 1024).hex().encode()[3:]  # noqa: S311


@dataclass(frozen=True)
class Fault:
    """One way to be a bad server. What is left out stays as a good server has it; positions are bytes of the file."""

    times: int | None = None
    """How many answers it affects; None for all. An answer that does not reach the position does not count."""

    drop_at: int | None = None
    """End the connection here, as if all was said."""
    reset_at: int | None = None
    """End the connection here, as a router does that forgot it."""
    quiet_s: float = 0
    """Be silent for so long before: a browser throws away what it has not given to the page when a connection ends."""
    stall_at: int | None = None
    """Say nothing more from here, and hold the connection."""
    corrupt_at: int | None = None
    """Change this byte."""
    truncate_at: int | None = None
    """End the file here and say that this is all."""

    status: int | None = None
    """Answer this status instead."""
    retry_after: str | None = None
    """The Retry-After of that answer."""
    retry_date_s: float | None = None
    """The same, as the date that lies so many seconds ahead (dates have whole seconds: up to one less)."""
    first_byte_s: float = 0
    """Wait so long before answering."""
    bytes_per_s: float | None = None
    """Send no faster, and hold at the server's `limit_bytes`; the rate is one answer's."""

    ignore_range: bool = False
    """Answer 200 with everything, whatever was asked."""
    refuse_range: bool = False
    """Answer 416 to every range."""
    shift_range: int = 0
    """Send (and announce) a range that begins so many bytes after what was asked."""
    lie_length: int = 0
    """Announce so many bytes more than are sent (less when negative), and end the connection."""
    chunked: bool = False
    """Announce no length."""
    gzip: bool = False
    """Compress, as servers do on the fly: with the compressed length, and without ranges."""

    validator: Literal["etag", "weak", "date", "none"] = "etag"
    """What says that the file is still the same."""
    etag: str | None = None
    """An ETag that has nothing to do with the bytes."""
    content: Content | None = None
    """Other bytes: the file as it was before it changed."""

    cors: bool = True
    """Share with every origin."""
    exposed: bool = True
    """Let scripts read the headers that a download needs."""
    preflight: bool = True
    """Allow the headers that browsers ask about first (If-Range)."""
    redirect: str | None = None
    """Answer 302 to this address, with a token for one answer, as file hosts do that sign their links."""
    needs_token: bool = False
    """Answer 403 to a request without a token, or with a used one."""

    def meets(self, asked: int | None, stop: int) -> bool:
        """Whether an answer from this byte on (None: no range was asked for) has what the fault is about."""
        if (self.ignore_range or self.refuse_range or self.shift_range) and asked is None:
            return False
        start = asked or 0
        places = (self.drop_at, self.reset_at, self.stall_at, self.corrupt_at, self.truncate_at)
        given = [place for place in places if place is not None]
        return not given or any(start <= place < stop for place in given)

    def over(self, other: Fault) -> Fault:
        """Both at once; where both say something, this one."""
        mine = {name: value for name, value in vars(self).items() if value != getattr(_NO_FAULT, name)}
        return replace(other, **mine)


_NO_FAULT = Fault()


@dataclass
class Request:
    """One request and its outcome."""

    method: str
    path: str
    headers: dict[str, str]
    at_s: float
    """When it came, on the monotonic clock."""
    status: int = 0
    start: int = 0
    """The first byte of the file that was sent."""
    sent_bytes: int = 0
    """Bytes of the body that were handed to the network."""
    whole: bool = False
    """Whether the answer was sent completely."""
    over: bool = False
    """Whether nothing more is sent, however it ended."""


@dataclass
class _File:
    content: Content
    faults: list[Fault]
    spent: dict[int, int] = field(default_factory=dict)
    """How many answers each fault has spoilt, by its place in the list."""

    def faults_for(self, asked: int | None) -> Fault:
        """The faults that an answer from this byte on meets, as one, and count it."""
        met = _NO_FAULT
        for place, fault in enumerate(self.faults):
            stop = max((fault.content or self.content).size, 1)
            left = fault.times is None or self.spent.get(place, 0) < fault.times
            if left and fault.meets(asked, stop):
                self.spent[place] = self.spent.get(place, 0) + 1
                met = fault.over(met)
        return met

    def faults_now(self) -> Fault:
        """The faults that are left, as one, for answers without a body: they spoil nothing and are not counted."""
        met = _NO_FAULT
        for place, fault in enumerate(self.faults):
            if fault.times is None or self.spent.get(place, 0) < fault.times:
                met = fault.over(met)
        return met


class FaultServer:
    """The server. Use it as a context manager; everything it is told takes effect with the next request."""

    def __init__(self, send_buffer_bytes: int = 64 * 1024) -> None:
        """A small send buffer keeps the count of sent bytes close to what the browser has received."""
        self.requests: list[Request] = []
        self.limit_bytes: int | None = None
        """Answers with a rate hold once so many bytes were sent in all; a higher limit, or none, lets them go on."""
        self._files: dict[str, _File] = {}
        self._tokens: set[str] = set()
        self._send_buffer_bytes = send_buffer_bytes
        self._changed = threading.Condition()
        self._failures: list[BaseException] = []
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: asyncio.Server | None = None
        self.port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._open(), self._loop).result()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        if self._failures:
            raise self._failures[0]

    @property
    def origin(self) -> str:
        """The server's origin; `other_origin` is the same server by another name."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def other_origin(self) -> str:
        """Another origin with the same files."""
        return f"http://localhost:{self.port}"

    def add(self, path: str, content: Content | bytes, *faults: Fault) -> str:
        """Serve ``content`` at ``path``, in the place of what was there; returns the file's URL."""
        body = content if isinstance(content, Content) else Content(content)
        self._files[path] = _File(body, list(faults))
        return self.origin + path

    def heal(self, prefix: str = "/") -> None:
        """Take the faults from every file under ``prefix``."""
        for path, file in self._files.items():
            if path.startswith(prefix):
                file.faults = []

    def content(self, url: str) -> Content:
        """What the file of a URL or path holds."""
        return self._files[urlsplit(url).path].content

    def requests_for(self, url: str, method: str = "GET") -> list[Request]:
        """The requests for a URL or path, in order; its query does not count."""
        path = urlsplit(url).path
        return [each for each in list(self.requests) if each.path == path and each.method == method]

    def sent_bytes(self, prefix: str = "/") -> int:
        """Bytes sent of all files under a URL or path."""
        path = urlsplit(prefix).path
        return sum(each.sent_bytes for each in list(self.requests) if each.path.startswith(path))

    def holds(self) -> bool:
        """Whether `limit_bytes` have been sent."""
        return self.limit_bytes is not None and self.sent_bytes() >= self.limit_bytes

    def wait_until(self, condition: Callable[[], bool], within_s: float = 120) -> None:
        """Wait until the condition holds; it is looked at whenever something was asked or sent."""
        with self._changed:
            assert self._changed.wait_for(condition, within_s), f"it did not happen within {within_s} s"

    def stop(self) -> None:
        """Be gone: end every connection and listen no more. Does nothing the second time."""
        if self._server is not None:
            asyncio.run_coroutine_threadsafe(self._shut(), self._loop).result()

    async def _open(self) -> None:
        listener = socket.create_server(("127.0.0.1", 0))
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self._send_buffer_bytes)
        self.port = listener.getsockname()[1]
        self._server = await asyncio.start_server(self._serve, sock=listener)

    async def _shut(self) -> None:
        assert self._server is not None
        server, self._server = self._server, None
        await stop_listening(server)
        for writer in list(self._writers):
            writer.transport.abort()
        await end_the_rest()
        await server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.set_write_buffer_limits(high=PIECE_BYTES)
        self._writers.add(writer)
        try:
            while await _Exchange(self, reader, writer).run():
                pass
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the browser went away, as browsers do, or this server has stopped
        except BaseException as error:
            self._failures.append(error)
            raise
        finally:
            writer.close()
            self._writers.discard(writer)

    def tell(self) -> None:
        """Wake the waiters, so that they check again."""
        with self._changed:
            self._changed.notify_all()

    def find(self, path: str) -> _File | None:
        """The file at a path."""
        return self._files.get(path)

    def new_token(self) -> str:
        """A token for one answer."""
        token = f"t{len(self.requests)}"
        self._tokens.add(token)
        return token

    def use_token(self, query: str) -> bool:
        """Whether the query has a token that is not used yet; it is used then."""
        token = query.removeprefix("token=")
        known = token in self._tokens
        self._tokens.discard(token)
        return known


class _Exchange:
    """One request and its answer."""

    def __init__(self, server: FaultServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._server = server
        self._reader = reader
        self._writer = writer
        self._fault = _NO_FAULT

    async def run(self) -> bool:
        """Answer one request; whether the connection can take another."""
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.strip().split("\r\n")
        method, target, _ = first.split(" ")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        address = urlsplit(target)
        self._request = Request(method, address.path, headers, time.monotonic())
        self._server.requests.append(self._request)
        self._server.tell()
        try:
            return await self._choose(method, address.path, address.query)
        finally:
            self._request.over = True
            self._server.tell()

    async def _choose(self, method: str, path: str, query: str) -> bool:
        file = self._server.find(path)
        if file is None:
            return await self._say(404)
        if method == "OPTIONS":
            self._fault = file.faults_now()
            return await self._say(204 if self._fault.cors and self._fault.preflight else 403)
        asked = _first_byte(self._request.headers.get("range"))
        self._fault = file.faults_for(asked) if method == "GET" else file.faults_now()
        return await self._answer(self._fault.content or file.content, asked, query)

    async def _answer(self, content: Content, asked: int | None, query: str) -> bool:
        fault, method = self._fault, self._request.method
        if fault.first_byte_s:
            await self._silence(fault.first_byte_s)
        if fault.status is not None:
            retry_after = fault.retry_after
            if fault.retry_date_s is not None:
                retry_after = formatdate(time.time() + fault.retry_date_s, usegmt=True)
            return await self._say(fault.status, {"Retry-After": retry_after} if retry_after else {})
        if fault.redirect is not None:
            return await self._say(302, {"Location": f"{fault.redirect}?token={self._server.new_token()}"})
        if fault.needs_token and method == "GET" and not self._server.use_token(query):
            return await self._say(403)
        if fault.gzip:
            packed = Content(gzip.compress(b"".join(content.pieces()), 1, mtime=0))
            return await self._send(packed, 0, {"Content-Encoding": "gzip", **self._validators(content)})
        validators = {"Accept-Ranges": "bytes", **self._validators(content)}
        # A weak ETag is no good for If-Range (RFC 9110, 13.1.5): the answer is then everything.
        condition = self._request.headers.get("if-range")
        changed = condition is not None and (condition.startswith("W/") or condition not in validators.values())
        if asked is None or changed or fault.ignore_range:
            return await self._send(content, 0, validators)
        size = _size(content, fault)
        if asked >= size or fault.refuse_range:
            return await self._say(416, {"Content-Range": f"bytes */{size}"})
        return await self._send(content, asked + fault.shift_range, validators, partial=True)

    def _validators(self, content: Content) -> dict[str, str]:
        etag = f'"{self._fault.etag or content.digest()[:16]}"'
        if self._fault.gzip or self._fault.validator == "weak":
            return {"ETag": f"W/{etag}"}
        if self._fault.validator == "date":
            changed_s = FIRST_VERSION_S + int(content.digest()[:6], 16)
            return {"Last-Modified": formatdate(changed_s, usegmt=True)}
        return {} if self._fault.validator == "none" else {"ETag": etag}

    async def _send(self, content: Content, start: int, headers: dict[str, str], *, partial: bool = False) -> bool:
        fault, request = self._fault, self._request
        size = _size(content, fault)
        if partial:
            headers["Content-Range"] = f"bytes {start}-{size - 1}/{size}"
        if fault.chunked:
            headers["Transfer-Encoding"] = "chunked"
        else:
            headers["Content-Length"] = str(max(size - start + fault.lie_length, 0))
        headers["Content-Type"] = "application/octet-stream"
        self._head(206 if partial else 200, headers)
        request.start = start
        if request.method == "HEAD":
            return await self._end()
        ends = [place for place in (fault.drop_at, fault.reset_at, fault.stall_at) if place is not None]
        stop = min([size, *ends])
        began_s = time.monotonic()
        pace = PIECE_BYTES if fault.bytes_per_s is None else max(1, int(fault.bytes_per_s / 50))
        at = start
        while at < stop:
            piece = content.read(at, min(at + min(pace, PIECE_BYTES), stop))
            if fault.corrupt_at is not None and at <= fault.corrupt_at < at + len(piece):
                spoilt = bytearray(piece)
                spoilt[fault.corrupt_at - at] ^= 0xFF
                piece = memoryview(bytes(spoilt))
            request.sent_bytes += len(piece)
            self._writer.write(b"%x\r\n%b\r\n" % (len(piece), piece) if fault.chunked else piece)
            await self._writer.drain()
            at += len(piece)
            self._server.tell()
            if fault.bytes_per_s is not None:
                await asyncio.sleep(max(0.0, began_s + (at - start) / fault.bytes_per_s - time.monotonic()))
                while self._server.holds():
                    if self._writer.is_closing() or self._reader.at_eof():
                        return False
                    await asyncio.sleep(0.005)
        if fault.quiet_s:
            await self._silence(fault.quiet_s)
        if fault.reset_at is not None:
            connection: socket.socket = self._writer.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._writer.transport.abort()
            return False
        if fault.stall_at is not None:
            await self._silence(None)
            return False
        if fault.drop_at is not None:
            return False
        if fault.chunked:
            self._writer.write(b"0\r\n\r\n")
        return await self._end() and not fault.lie_length

    async def _say(self, status: int, headers: dict[str, str] | None = None) -> bool:
        """Answer without a body."""
        self._head(status, {"Content-Length": "0", **(headers or {})})
        return await self._end()

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self._request.status = status
        if self._fault.cors:
            headers["Access-Control-Allow-Origin"] = "*"
            if self._fault.exposed:
                headers["Access-Control-Expose-Headers"] = "ETag, Content-Range, Accept-Ranges, Retry-After"
            if self._request.method == "OPTIONS" and self._fault.preflight:
                headers["Access-Control-Allow-Headers"] = "Range, If-Range"
        lines = [f"HTTP/1.1 {status} -", f"Date: {formatdate(usegmt=True)}", "Cache-Control: no-store"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self._writer.write("\r\n".join([*lines, "", ""]).encode("latin-1"))

    async def _end(self) -> bool:
        await self._writer.drain()
        self._request.whole = True
        self._server.tell()
        return True

    async def _silence(self, for_s: float | None) -> None:
        """Say nothing for so long, or until the other side ends the connection."""
        try:
            async with asyncio.timeout(for_s):
                if not await self._reader.read(1):
                    raise ConnectionResetError("the other side ended the connection")
        except TimeoutError:
            return


def _size(content: Content, fault: Fault) -> int:
    return content.size if fault.truncate_at is None else min(fault.truncate_at, content.size)


def _first_byte(header: str | None) -> int | None:
    """The first byte of a ``bytes=N-`` range; None for no range. Downloads ask for no other kind."""
    if header is None:
        return None
    unit, _, wanted = header.partition("=")
    first, _, last = wanted.partition("-")
    assert unit == "bytes" and first.isdigit() and not last, f"the range {header!r} is not supported by this server"
    return int(first)
