"""One HTTP request and its response on a connection, for servers that other users of this machine can reach, too.

A client can do little harm: the size of a request and the time to send it are limited, a file goes from the disk to the
socket without a copy in memory, a client that reads too slowly is cut off, and the number of connections is limited:
the slowest is closed for a new one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus
from typing import BinaryIO, cast

from ..._internal.threads import Threads
from ...errors import QueueFull
from .requests import MAX_HEAD_BYTES, Request, RequestError, read_request

HEAD_WAIT_S = 30.0
"""How long a client has to send its request."""

STALL_WAIT_S = 120.0
"""How long a client has to read `PIECE_BYTES` more of a file."""

PIECE_BYTES = 256 * 1024

MIN_BYTES_PER_S = 64 * 1024
"""How fast a client must read a file, on average."""

PACE_GRACE_S = 30.0
"""How long it may fall behind that."""

YOUNG_S = 2.0
"""How long a response is protected before its connection may be closed for a new one."""

PLACE_WAIT_S = 3.0
"""How long a new connection waits for a place: longer than `YOUNG_S`. At most `MAX_CONNECTIONS` may wait."""

PLACE_PAUSE_S = 0.1

END_WAIT_S = 5.0
"""How long a client has to read the end of a response, once all of it was sent."""

MAX_CONNECTIONS = 64
"""A page opens six at a time."""


@dataclass
class Answer:
    """A response: ``body``, or ``length`` bytes of ``file`` from ``start`` on; the file is closed afterwards."""

    status_code: HTTPStatus
    headers: dict[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""
    file: BinaryIO | None = None
    start: int = 0
    length: int = 0


def text_answer(status: HTTPStatus, message: str, headers: Mapping[str, str] | None = None) -> Answer:
    """Return a response with a line of text."""
    return Answer(status, {"Content-Type": "text/plain; charset=utf-8", **(headers or {})}, message.encode())


async def prepare(threads: Threads, work: Callable[[], Answer]) -> Answer:
    """Compute a response in a thread, because the disk may be slow; if the client has gone, close its file."""
    try:
        return await threads.run_or_dispose(work, _close_file)
    except QueueFull as error:
        return text_answer(HTTPStatus.SERVICE_UNAVAILABLE, str(error))


def _close_file(answer: Answer) -> None:
    if answer.file is not None:
        answer.file.close()


class Connections:
    """The connections of a server, limited in number."""

    def __init__(self, common: Mapping[str, str]) -> None:
        """Start without connections; ``common`` are headers of every response."""
        self.common = common
        self._connections: dict[HttpConnection, None] = {}
        self._waiting: dict[HttpConnection, None] = {}
        self.closed = False

    def admit(self, connection: HttpConnection) -> bool:
        """Admit a connection, and close another one for it if necessary.

        That is the one that has been silent longest, otherwise the slowest one whose response is not young. A new
        connection is silent because it had no time to send its request, so it is closed last.
        """
        if len(self._connections) >= MAX_CONNECTIONS:
            old = [one for one in self._connections if not one.young]
            given_up = (
                next((one for one in old if one.silent), None)
                or min((one for one in old if one.answering), key=_pace, default=None)
                or next((one for one in self._connections if one.silent), None)
            )
            if given_up is None:
                return False
            given_up.drop()
        self._waiting.pop(connection, None)
        self._connections[connection] = None
        return True

    def wait(self, connection: HttpConnection) -> bool:
        """Add a connection that waits for a place; returns false if too many wait."""
        if len(self._waiting) >= MAX_CONNECTIONS:
            return False
        self._waiting[connection] = None
        return True

    def leave(self, connection: HttpConnection) -> None:
        """Remove a connection that has ended, or has become a WebSocket."""
        self._connections.pop(connection, None)
        self._waiting.pop(connection, None)

    async def close(self) -> None:
        """Close all connections, wait until they are closed, and close those that were being accepted."""
        self.closed = True
        endings = [connection.drop() for connection in [*self._connections, *self._waiting]]
        await asyncio.gather(*endings, return_exceptions=True)


def _pace(connection: HttpConnection) -> float:
    return connection.pace


class HttpConnection(asyncio.Protocol):
    """One connection with one request and its response."""

    def __init__(
        self,
        connections: Connections,
        answer: Callable[[Request], Awaitable[Answer | None]],
        upgrade: Callable[[asyncio.Transport, bytes], None] | None = None,
    ) -> None:
        """Call ``answer`` with the request; if it returns ``None``, give the transport and the head to ``upgrade``."""
        self._connections = connections
        self._answer = answer
        self._upgrade = upgrade
        self._loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._head = bytearray()
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._over = False
        self._began = self._loop.time()
        self._answering = False
        self._sent = 0
        self._transport: asyncio.Transport

    @property
    def silent(self) -> bool:
        """Whether its request has not arrived yet."""
        return self._task is None

    @property
    def young(self) -> bool:
        """Whether it was opened, or its response started, less than `YOUNG_S` ago."""
        return self._age < YOUNG_S

    @property
    def answering(self) -> bool:
        """Whether its response has started."""
        return self._answering

    @property
    def pace(self) -> float:
        """How fast the client reads the response, in bytes per second on average."""
        return self._sent / max(self._age, 1e-6)

    @property
    def _age(self) -> float:
        return self._loop.time() - self._began

    def drop(self) -> asyncio.Future[None]:
        """Close it at once; returns a future that is done when it is closed."""
        self._connections.leave(self)
        if self._task is not None:
            self._task.cancel()
        self._transport.abort()
        return self._ended

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the request."""
        self._transport = cast("asyncio.Transport", transport)
        if self._connections.closed:
            self.drop()
        elif self._connections.admit(self):
            self._timer = self._loop.call_later(HEAD_WAIT_S, self.drop)
        elif self._connections.wait(self):
            self._transport.pause_reading()
            self._task = self._loop.create_task(self._wait_for_place())
        else:
            self._task = self._loop.create_task(self._refuse())

    def data_received(self, data: bytes) -> None:
        """Collect the request's head; what follows is not read."""
        if self._task is not None:
            return
        seen = max(0, len(self._head) - 3)
        self._head += data
        end = self._head.find(b"\r\n\r\n", seen)
        if max(end, len(self._head) if end < 0 else 0) > MAX_HEAD_BYTES:
            self.drop()
        elif end >= 0:
            self._task = self._loop.create_task(self._serve(bytes(self._head[: end + 4])))

    def eof_received(self) -> bool:
        """Continue a response after the client has finished sending; return whether there is one."""
        self._over = True
        return self._task is not None

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the request."""
        self._connections.leave(self)
        self._stop_timer()
        if self._task is not None:
            self._task.cancel()
        if not self._ended.done():
            self._ended.set_result(None)

    async def _serve(self, head: bytes) -> None:
        self._stop_timer()
        method = "GET"
        try:
            request = read_request(head)
            method = request.method
            answer = await self._answer(request)
        except RequestError as error:
            answer = text_answer(HTTPStatus.BAD_REQUEST, str(error))
        if answer is None and self._over:
            self.drop()  # the client has gone
        elif answer is None:
            assert self._upgrade is not None  # noqa: S101 (a server that answers None has one)
            self._connections.leave(self)
            self._ended.set_result(None)
            self._upgrade(self._transport, head)
        else:
            await self._send(answer, with_body=method != "HEAD")

    async def _wait_for_place(self) -> None:
        give_up_at = self._loop.time() + PLACE_WAIT_S
        while self._loop.time() < give_up_at:
            await asyncio.sleep(PLACE_PAUSE_S)
            if self._connections.admit(self):
                self._task = None
                self._began = self._loop.time()
                self._timer = self._loop.call_later(HEAD_WAIT_S, self.drop)
                self._transport.resume_reading()
                return
        self._connections.leave(self)
        self._transport.resume_reading()
        await self._refuse()

    async def _refuse(self) -> None:
        await self._send(text_answer(HTTPStatus.SERVICE_UNAVAILABLE, "too many connections; try again"), with_body=True)

    async def _send(self, answer: Answer, *, with_body: bool) -> None:
        transport, file = self._transport, answer.file
        self._began, self._answering = self._loop.time(), True
        try:
            transport.write(self._head_of(answer) + (answer.body if with_body else b""))
            if file is not None and with_body and not transport.is_closing():
                await self._send_file(file, answer.start, answer.start + answer.length)
            # Let the client read the end, but do not wait forever.
            self._timer = self._loop.call_later(END_WAIT_S, self.drop)
            transport.close()
        except (OSError, TimeoutError):
            transport.abort()  # the client has gone, or does not read
        finally:
            if file is not None:
                file.close()

    async def _send_file(self, file: BinaryIO, position: int, stop: int) -> None:
        while position < stop:
            count = min(PIECE_BYTES, stop - position)
            time_for_all = PACE_GRACE_S + (self._sent + count) / MIN_BYTES_PER_S
            async with asyncio.timeout(min(STALL_WAIT_S, time_for_all - self._age)):
                sent = await self._loop.sendfile(self._transport, file, position, count)
            if sent == 0:
                raise OSError("the file became shorter")  # the client sees that the connection breaks
            position += sent
            self._sent += sent

    def _head_of(self, answer: Answer) -> bytes:
        headers = {**answer.headers, **self._connections.common, "Date": formatdate(usegmt=True), "Connection": "close"}
        if answer.status_code not in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED):
            headers["Content-Length"] = str(answer.length if answer.file is not None else len(answer.body))
        status = f"HTTP/1.1 {answer.status_code.value} {answer.status_code.phrase}"
        return "\r\n".join([status, *(f"{name}: {value}" for name, value in headers.items()), "", ""]).encode("latin-1")

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
