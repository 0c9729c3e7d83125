"""One HTTP request and its answer on a connection, for servers that strangers on this machine can reach too.

Whatever the other side does, it costs little: a request has a longest size and a longest time to come, a file goes from
the disk to the socket without a copy in memory, who takes nothing or little of it is cut off, and there are only so
many connections, of which the slowest gives way.
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
"""How long a request has to come."""

STALL_WAIT_S = 120.0
"""How long the other side has to take `PIECE_BYTES` more of a file."""

PIECE_BYTES = 256 * 1024

SLOWEST_PACE = 64 * 1024
"""The bytes of a file that the other side must take in a second, on average."""

PACE_GRACE_S = 30.0
"""What it may be late with that."""

YOUNG_S = 2.0
"""How long an answer goes on before it may have to give way to a newcomer."""

PLACE_WAIT_S = 3.0
"""How long a newcomer waits for a place, in which all that are young grow older. As many as have a place may wait."""

PLACE_PAUSE_S = 0.1

END_WAIT_S = 5.0
"""How long the other side has to take the end of an answer, once all of it is on its way."""

MAX_CONNECTIONS = 64
"""A page opens six at a time."""


@dataclass
class Answer:
    """An answer: with ``body``, or with ``length`` bytes of ``file`` from ``start`` on; the file is closed after it."""

    status_code: HTTPStatus
    headers: dict[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""
    file: BinaryIO | None = None
    start: int = 0
    length: int = 0


def say(status: HTTPStatus, message: str, headers: Mapping[str, str] | None = None) -> Answer:
    """Return an answer that is a line of text."""
    return Answer(status, {"Content-Type": "text/plain; charset=utf-8", **(headers or {})}, message.encode())


async def prepare(threads: Threads, work: Callable[[], Answer]) -> Answer:
    """Make an answer in a thread, because a disk may be slow; its file is closed if nobody waits for it any more."""
    try:
        return await threads.run_or_dispose(work, _close_file)
    except QueueFull as error:
        return say(HTTPStatus.SERVICE_UNAVAILABLE, str(error))


def _close_file(answer: Answer) -> None:
    if answer.file is not None:
        answer.file.close()


class Visitors:
    """The connections that a server has, which are bounded in number."""

    def __init__(self, common: Mapping[str, str]) -> None:
        """Begin with none; ``common`` are headers that every answer has."""
        self.common = common
        self._connections: dict[HttpConnection, None] = {}
        self._waiting: dict[HttpConnection, None] = {}

    def admit(self, connection: HttpConnection) -> bool:
        """Take a connection in, if need be in place of another.

        That is the one that has been silent for longest, else the slowest one whose answer is not young. One that came
        only just is silent because it had no time to ask: it gives way last.
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
        """Note one that waits for a place; returns whether it may."""
        if len(self._waiting) >= MAX_CONNECTIONS:
            return False
        self._waiting[connection] = None
        return True

    def leave(self, connection: HttpConnection) -> None:
        """Forget a connection that has ended, or is no longer HTTP."""
        self._connections.pop(connection, None)
        self._waiting.pop(connection, None)

    async def close(self) -> None:
        """End every connection, and wait until each has ended."""
        endings = [connection.drop() for connection in [*self._connections, *self._waiting]]
        await asyncio.gather(*endings, return_exceptions=True)


def _pace(connection: HttpConnection) -> float:
    return connection.pace


class HttpConnection(asyncio.Protocol):
    """One connection, from its first byte to the end of the one answer it gets."""

    def __init__(
        self,
        visitors: Visitors,
        answer: Callable[[Request], Awaitable[Answer | None]],
        upgrade: Callable[[asyncio.Transport, bytes], None] | None = None,
    ) -> None:
        """Let ``answer`` answer the request; where it returns ``None``, ``upgrade`` gets the transport and the head."""
        self._visitors = visitors
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
        """Whether its request has not come yet."""
        return self._task is None

    @property
    def young(self) -> bool:
        """Whether it came, or its answer began, only just."""
        return self._age < YOUNG_S

    @property
    def answering(self) -> bool:
        """Whether its answer has begun."""
        return self._answering

    @property
    def pace(self) -> float:
        """The bytes of its answer that it has taken in a second, on average."""
        return self._sent / max(self._age, 1e-6)

    @property
    def _age(self) -> float:
        return self._loop.time() - self._began

    def drop(self) -> asyncio.Future[None]:
        """End it at once; returns what is done when it has ended."""
        self._visitors.leave(self)
        if self._task is not None:
            self._task.cancel()
        self._transport.abort()
        return self._ended

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the request."""
        self._transport = cast("asyncio.Transport", transport)
        if self._visitors.admit(self):
            self._timer = self._loop.call_later(HEAD_WAIT_S, self.drop)
        elif self._visitors.wait(self):
            self._transport.pause_reading()
            self._task = self._loop.create_task(self._wait_for_place())
        else:
            self._task = self._loop.create_task(self._refuse())

    def data_received(self, data: bytes) -> None:
        """Collect the request's head; what comes after it is not read."""
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
        """Go on with the answer to who will not ask any more; say whether there is one."""
        self._over = True
        return self._task is not None

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop what was under way."""
        self._visitors.leave(self)
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
            answer = say(HTTPStatus.BAD_REQUEST, str(error))
        if answer is None and self._over:
            self.drop()  # nobody is left to talk to
        elif answer is None:
            assert self._upgrade is not None  # noqa: S101 (who answers None has one)
            self._visitors.leave(self)
            self._ended.set_result(None)
            self._upgrade(self._transport, head)
        else:
            await self._send(answer, with_body=method != "HEAD")

    async def _wait_for_place(self) -> None:
        give_up_at = self._loop.time() + PLACE_WAIT_S
        while self._loop.time() < give_up_at:
            await asyncio.sleep(PLACE_PAUSE_S)
            if self._visitors.admit(self):
                self._task = None
                self._began = self._loop.time()
                self._timer = self._loop.call_later(HEAD_WAIT_S, self.drop)
                self._transport.resume_reading()
                return
        self._visitors.leave(self)
        self._transport.resume_reading()
        await self._refuse()

    async def _refuse(self) -> None:
        await self._send(say(HTTPStatus.SERVICE_UNAVAILABLE, "too many connections; try again"), with_body=True)

    async def _send(self, answer: Answer, *, with_body: bool) -> None:
        transport, file = self._transport, answer.file
        self._began, self._answering = self._loop.time(), True
        try:
            transport.write(self._head_of(answer) + (answer.body if with_body else b""))
            if file is not None and with_body and not transport.is_closing():
                await self._send_file(file, answer.start, answer.start + answer.length)
            # The end is on its way: let it arrive, but do not wait for ever.
            self._timer = self._loop.call_later(END_WAIT_S, self.drop)
            transport.close()
        except (OSError, TimeoutError):
            transport.abort()  # the other side has gone, or takes nothing
        finally:
            if file is not None:
                file.close()

    async def _send_file(self, file: BinaryIO, position: int, stop: int) -> None:
        while position < stop:
            count = min(PIECE_BYTES, stop - position)
            time_for_all = PACE_GRACE_S + (self._sent + count) / SLOWEST_PACE
            async with asyncio.timeout(min(STALL_WAIT_S, time_for_all - self._age)):
                sent = await self._loop.sendfile(self._transport, file, position, count)
            if sent == 0:
                raise OSError("the file became shorter")  # the connection's end says so
            position += sent
            self._sent += sent

    def _head_of(self, answer: Answer) -> bytes:
        headers = {**answer.headers, **self._visitors.common, "Date": formatdate(usegmt=True), "Connection": "close"}
        if answer.status_code not in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED):
            headers["Content-Length"] = str(answer.length if answer.file is not None else len(answer.body))
        status = f"HTTP/1.1 {answer.status_code.value} {answer.status_code.phrase}"
        return "\r\n".join([status, *(f"{name}: {value}" for name, value in headers.items()), "", ""]).encode("latin-1")

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
