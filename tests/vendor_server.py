"""A scripted HTTP/1.1 server on loopback that plays the vendors' APIs, and writes down what it was asked.

    with VendorServer({"hello": stream(b"data: ...")}) as server:
        llm = bl.OpenAI("m", base_url=f"{server.url}/hello", api_key="k")
        ...
        assert server.asked("hello")[0].json["stream"] is True

The first part of a path is the name of an exchange, so that a test needs nothing but an address, and the same tests run
in a page. A name that is asked again gets its next reply; the last one is for all that follow. The server runs in a
thread of its own. What each vendor's exchanges look like, and where that is documented, stands in ``*_exchanges.py``.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Self

import pytest

from browserllm._internal.system.listening import stop_listening
from loop_end import end_the_rest

PATIENCE_S = 20
"""How long anything here waits before it calls the test failed."""


class Cut:
    """A step: the connection breaks here, without the end that the answer's form asks for."""


class Silence:
    """A step: nothing more comes, and the connection stays open until the client goes."""


CUT: Final = Cut()
SILENCE: Final = Silence()


class Hold:
    """A step: the answer waits here until the test says `release`."""

    def __init__(self) -> None:
        """Not reached, not released."""
        self.reached = threading.Event()
        self.released = threading.Event()

    async def wait_until_reached(self) -> None:
        """Wait until the server stands here, having sent everything before it."""
        assert await asyncio.to_thread(self.reached.wait, PATIENCE_S), "the answer never got here"

    def release(self) -> None:
        """Let the answer go on."""
        self.released.set()


Step = bytes | Hold | Cut | Silence


@dataclass(frozen=True)
class Reply:
    """An answer: ``steps`` one after another, each bytes step in a piece of its own.

    With ``length`` the answer says how long it is (truly or not), without it it comes chunked. ``before`` is a step
    before the first byte of all, the status line's.
    """

    steps: tuple[Step, ...] = ()
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    length: int | None = None
    before: Hold | Cut | Silence | None = None

    @property
    def body(self) -> bytes:
        """All bytes of the answer."""
        return b"".join(step for step in self.steps if isinstance(step, bytes))

    def in_pieces(self, size: int = 1) -> Reply:
        """The same answer in pieces of so many bytes, wherever that cuts."""
        steps: list[Step] = []
        for step in self.steps:
            if isinstance(step, bytes):
                steps += [step[at : at + size] for at in range(0, len(step), size)]
            else:
                steps.append(step)
        return replace(self, steps=tuple(steps))


def stream(*steps: Step, status: int = 200, **headers: str) -> Reply:
    """An answer of server-sent events, from steps."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(steps, status, {"content-type": "text/event-stream; charset=utf-8", **named})


def answer(body: Any, status: int = 200, **headers: str) -> Reply:
    """An answer of one JSON text; bytes are sent as they are."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Reply((content,), status, {"content-type": "application/json", **named}, length=len(content))


def events(*data: Any, name: str | None = None) -> bytes:
    """Server-sent events, each with JSON (or a text as it is) as data."""
    head = f"event: {name}\n" if name else ""
    texts = (each if isinstance(each, str) else json.dumps(each) for each in data)
    return "".join(f"{head}data: {text}\n\n" for text in texts).encode()


@dataclass
class Asked:
    """One request, as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    connection: int
    gone: threading.Event = field(default_factory=threading.Event)
    """Set when the client went away before the answer's end."""

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    async def wait_until_gone(self) -> None:
        """Wait until the client has closed the connection in the middle of the answer."""
        assert await asyncio.to_thread(self.gone.wait, PATIENCE_S), "the client is still there"


class VendorServer:
    """The server. Use it as a context manager."""

    def __init__(
        self,
        exchanges: Mapping[str, Reply | Sequence[Reply]] | None = None,
        *,
        cors: bool = False,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Play these exchanges, and those `add` brings; with ``cors`` for the pages of every origin."""
        self._tls = tls
        self.requests: list[Asked] = []
        self.cors = cors
        self.url = ""
        self.port = 0
        self._replies: dict[str, list[Reply]] = {}
        for name, replies in (exchanges or {}).items():
            self.add(name, *([replies] if isinstance(replies, Reply) else replies))
        self._connections = 0
        self._failures: list[BaseException] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._open(), self._loop).result()
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._shut(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        if self._failures:
            raise self._failures[0]

    def add(self, name: str, *replies: Reply) -> str:
        """Play these replies, one per request under ``/name``; returns the address."""
        self._replies[name] = list(replies)
        return f"{self.url}/{name}"

    def asked(self, name: str) -> list[Asked]:
        """The requests for an exchange, in order."""
        return [each for each in list(self.requests) if each.path.split("/")[1] == name and each.method != "OPTIONS"]

    async def _open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=1024 * 1024, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        self.url = f"http{'' if self._tls is None else 's'}://127.0.0.1:{self.port}"

    async def _shut(self) -> None:
        await stop_listening(self._server)
        # What a client never read is not waited for: the loop is about to end.
        await end_the_rest()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections += 1
        connection = self._connections
        try:
            while await self._exchange(reader, writer, connection):
                pass
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client went away, as clients do
        except asyncio.CancelledError:
            pass
        except BaseException as error:
            self._failures.append(error)
        finally:
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: int) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.strip().split("\r\n")
        method, path, _ = first.split(" ")
        headers = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        asked = Asked(method, path, headers, body, connection)
        self.requests.append(asked)
        if method == "OPTIONS" and self.cors:
            allowed = headers.get("access-control-request-headers", "")
            preflight = {"access-control-allow-headers": allowed, "access-control-allow-methods": "GET, POST"}
            return await self._play(Reply(status=204, headers=preflight, length=0), asked, reader, writer)
        replies = self._replies.get(path.split("/")[1])
        if replies is None:
            return await self._play(answer({"error": f"no exchange for {path}"}, 404), asked, reader, writer)
        reply = replies.pop(0) if len(replies) > 1 else replies[0]
        return await self._play(reply, asked, reader, writer)

    async def _play(
        self, reply: Reply, asked: Asked, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        if reply.before is not None and not await self._wait(reply.before, asked, reader, writer):
            return False
        headers = dict(reply.headers)
        if self.cors:
            headers |= {"access-control-allow-origin": "*", "access-control-expose-headers": "*"}
        chunked = reply.length is None
        headers |= {"transfer-encoding": "chunked"} if chunked else {"content-length": str(reply.length)}
        lines = [f"HTTP/1.1 {reply.status} Scripted", *(f"{name}: {value}" for name, value in headers.items())]
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
        for step in reply.steps:
            if not isinstance(step, bytes):
                if not await self._wait(step, asked, reader, writer):
                    return False
            elif step:
                writer.write(b"%x\r\n%s\r\n" % (len(step), step) if chunked else step)
                await writer.drain()
        if chunked:
            writer.write(b"0\r\n\r\n")
        await writer.drain()
        # An answer that is shorter than it said has to end with its connection.
        return chunked or reply.length == len(reply.body)

    async def _wait(
        self, step: Hold | Cut | Silence, asked: Asked, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Stand at a step; returns whether the answer goes on."""
        await writer.drain()
        if isinstance(step, Cut):
            return False
        waits: list[asyncio.Task[Any]] = [asyncio.create_task(reader.read(1))]
        if isinstance(step, Hold):
            step.reached.set()
            waits.append(asyncio.create_task(asyncio.to_thread(step.released.wait, PATIENCE_S)))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone = waits[0].done()
            if isinstance(step, Hold):
                step.released.set()
            waits[0].cancel()
            await asyncio.gather(*waits, return_exceptions=True)
        if gone:
            asked.gone.set()
        return not gone


def server_playing(exchanges: Mapping[str, Reply | Sequence[Reply]] | None = None) -> Any:
    """Return the fixture of a module's tests: a server that plays these exchanges, and what a test adds."""

    @pytest.fixture
    def server() -> Iterator[VendorServer]:
        with VendorServer(exchanges) as running:
            yield running

    return server
