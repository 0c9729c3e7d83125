"""Malformed requests to the loopback servers: each response is well-formed or none, and cheap."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import secrets
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from browserllm.page.serving import connection as serving
from browserllm.page.serving.share import FolderServer
from browserllm.page.serving.static import SOCKET_PATH, SiteServer, Socket
from raw_requests import ask, lines, status_of

PAGE = "page.test"
SECRET = "the-secret"
CASES = 400

Ask = Callable[[bytes], "asyncio.Future[bytes]"]


@pytest.fixture(autouse=True)
def no_traceback(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """No request may log a traceback, at any level."""
    caplog.set_level(logging.DEBUG)
    yield
    told = [record.getMessage() for record in caplog.get_records("call") if record.exc_info or record.levelno > 30]
    assert told == [], told
    assert SECRET not in caplog.text


@pytest.fixture(params=["site", "launched", "files"])
def kind(request: pytest.FixtureRequest) -> str:
    """Return each of the servers in turn."""
    return request.param


@asynccontextmanager
async def running(kind: str, site: Path) -> AsyncIterator[int]:
    """Start a server of a kind for the host `page.test`, and yield its port."""
    if kind == "files":
        server = await FolderServer(host=PAGE, origin=f"http://{PAGE}", key=b"k" * 32).start()
        server.share(site)
    else:
        launched = kind == "launched"
        sockets = {SOCKET_PATH: Socket(SECRET, lambda page: None, once=True)} if launched else {}
        server = await SiteServer(site, hosts=[PAGE], sockets=sockets, launched=launched).start()
    try:
        yield server.port
    finally:
        await server.close()


TARGETS = (
    "//[/x",
    "//[::1/x",
    "http://page.test/",
    "http://[/",
    "page.test:80",
    "*",
    "index.html",
    "",
    "/a b",
    "/%",
    "/%4",
    "/%zz/index.html",
    "/x?%zz",
    "/%ff",
    "/%c0%ae%c0%ae/secret",
    "/%ed%a0%80",
    "/\0",
    "/index.html\0",
    "/\x7f",
    "/\xe9",
    "/index.html#ws=x",
    "/" + "a" * 5000,
    "/?" + "a" * 5000,
    "/" + "%41" * 2000,
)


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: repr(target[:20]))
async def test_a_target_that_is_not_a_path_is_a_bad_request(kind: str, site: Path, target: str) -> None:
    """Full URLs, broken escapes, non-ASCII characters, and what another parser could take for a host."""
    async with running(kind, site) as port:
        assert status_of(await ask(port, lines(f"Host: {PAGE}", target=target))) == 400


@pytest.mark.parametrize(
    "headers",
    [
        [],
        ["Host:"],
        ["Host: page.test", "Host: page.test"],
        ["Host: page.test", "host: evil.test"],
        ["HOST: evil.test", "Host: page.test"],
        ["Host: page.test", "Origin: http://page.test", "Origin: http://page.test"],
        ["Host: page.test", "Origin: http://page.test", "ORIGIN: null"],
        ["Host : page.test"],
        [" Host: page.test"],
        ["Host: page.test", " folded"],
        ["Host: page.test", "X"],
        ["Host: page.test", ": x"],
        ["Host: page.test", "X y: z"],
        ["Host: page.test", "X: a\0b"],
        ["Host: page.test", "X: a\nHost: evil.test"],
        ["Host: page.test", "X: a\rb"],
        ["Host: page.test", "X\xe9: a"],
    ],
    ids=repr,
)
async def test_ambiguous_headers_are_a_bad_request(kind: str, site: Path, headers: list[str]) -> None:
    """No Host, two Hosts, two Origins, and anything that two parsers would understand differently."""
    async with running(kind, site) as port:
        assert status_of(await ask(port, lines(*headers))) == 400


async def test_a_socket_needs_exactly_one_origin(site: Path) -> None:
    """Browsers always send it; the secret alone is not enough, and is valid for one connection."""
    opened: list[object] = []
    server = await SiteServer(
        site, hosts=[PAGE], sockets={SOCKET_PATH: Socket(SECRET, opened.append, once=True)}, launched=True
    ).start()
    upgrade = [
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {'A' * 22}==",
    ]
    origin, target = f"Origin: http://{PAGE}", f"/host?token={SECRET}"
    for headers, status in (
        ([f"Host: {PAGE}", *upgrade], 400),
        ([f"Host: {PAGE}", origin, origin, *upgrade], 400),
        ([f"Host: {PAGE}", f"{origin}:80", *upgrade], 403),
        ([f"Host: {PAGE}", "Origin: null", *upgrade], 403),
        ([f"Host: 127.0.0.1:{server.port}", f"Origin: http://127.0.0.1:{server.port}", *upgrade], 403),
        ([f"Host: {PAGE}", origin], 426),
    ):
        assert status_of(await ask(server.port, lines(*headers, target=target))) == status, headers
    assert opened == []
    good = lines(f"Host: {PAGE}", origin, *upgrade, target=target)
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(good)
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
    assert status_of(await ask(server.port, good)) == 403
    assert len(opened) == 1
    writer.close()
    await server.close()


async def test_a_launched_browsers_server_accepts_only_its_own_host(site: Path) -> None:
    """No other browser of this machine gets the host page, under any name for the port."""
    server = await SiteServer(
        site, hosts=[PAGE], sockets={SOCKET_PATH: Socket(SECRET, lambda page: None, once=True)}, launched=True
    ).start()
    for name in (f"127.0.0.1:{server.port}", f"localhost:{server.port}", f"{PAGE}:{server.port}", f"{PAGE}."):
        assert status_of(await ask(server.port, lines(f"Host: {name}", target="/host.html"))) == 403
    assert status_of(await ask(server.port, lines(f"Host: {PAGE}", target="/host.html"))) == 200
    await server.close()


def seeded() -> random.Random:
    """Return a random generator; a failing test shows its seed."""
    seed = int(os.environ.get("SEED") or secrets.randbits(32))
    print(f"SEED={seed}")  # noqa: T201
    return random.Random(seed)  # noqa: S311


def generated(chance: random.Random) -> bytes:
    """Return a request that starts well and is wrong somewhere."""
    pieces = [
        *("/", "//", "[", "]", "%", "%2e", "%2F", "%5c", "%00", "%ff", "..", ".", "\\", ":", "@", "?", "#", "&", ";"),
        *("\0", "\r", "\n", "\r\n", " ", "\t", "\x7f", "\xff", "index.html", "host", "host.html", "assets", "http:"),
        *("page.test", "127.0.0.1", "*", "x" * 300, "~", "resolve", "local"),
    ]
    names = [
        "Host",
        "host",
        "Origin",
        "Range",
        "If-Range",
        "If-None-Match",
        "Upgrade",
        "Connection",
        "X",
        "Content-Length",
    ]
    names += ["Transfer-Encoding", "Sec-WebSocket-Key", "Sec-WebSocket-Version", "Expect", "\xe9", ""]
    values = [PAGE, f"http://{PAGE}", "null", "bytes=0-", "bytes=-1", "bytes=9-3", "bytes=" + "9" * 400, "websocket"]
    values += ["", "chunked", "-1", "100-continue", "a\0b", "\xff", "x" * 400, "13", "W/x", '"', ","]

    def some(good: list[str], bad: list[str]) -> str:
        """Mostly return a good value, sometimes a bad one: requests with too many errors would test little."""
        return chance.choice(good if chance.random() < 0.85 else bad)

    plain = ["/", "index.html", "host", "host.html", "assets", "%2e", "..", ".", "?", "resolve", "local", "~", "%00"]
    method = some(["GET", "GET", "HEAD", "OPTIONS", "POST"], ["get", "G\0T", "", "CONNECT", "TRACE"])
    target = some(["/"], [""]) + "".join(some(plain, pieces) for _ in range(chance.randint(0, 6)))
    version = some(["HTTP/1.1"], ["HTTP/1.0", "HTTP/2.0", "HTTP/1.1 ", "", "http/1.1"])
    headers = [some([f"Host: {PAGE}"], ["X: y"])]
    for _ in range(chance.randint(0, 5)):
        name, between = some(names[2:9], names), some([": "], [":", " : ", ""])
        headers.append(name + between + some(values[:8], values))
    chance.shuffle(headers)
    data = "\r\n".join([f"{method} {target} {version}", *headers, "", ""]).encode("latin-1")
    if chance.random() < 0.1:
        data = data.replace(b"\r\n", chance.choice([b"\n", b"\r", b"\r\n\r\n", b"\0\r\n"]), chance.randint(1, 3))
    if chance.random() < 0.1:
        data = data[: chance.randrange(len(data))]
    return data + chance.choice([b"", b"", b"more", b"GET / HTTP/1.1\r\n\r\n", bytes(2000)])


async def test_the_response_to_any_request_is_well_formed_or_none(kind: str, site: Path) -> None:
    """Hundreds of generated requests: 2xx or 4xx with a whole head and body, or the end of the connection."""
    async with running(kind, site) as port:
        chance = seeded()
        seen: dict[int | None, int] = {}
        for _ in range(CASES):
            data = generated(chance)
            status = status_of(await ask(port, data))
            seen[status] = seen.get(status, 0) + 1
            assert status is None or status // 100 in (2, 4) or status == 304, (status, data)
        assert seen.keys() >= {400, 404, None}, "the requests are of many kinds"
        assert status_of(await ask(port, lines(f"Host: {PAGE}"))) in (200, 404)


async def test_random_bytes_are_a_bad_request(kind: str, site: Path) -> None:
    """With and without the end of the headers."""
    async with running(kind, site) as port:
        chance = seeded()
        for size in range(0, 400, 7):
            data = chance.randbytes(size)
            assert status_of(await ask(port, data)) in (None, 400)
            assert status_of(await ask(port, data + b"\r\n\r\n")) == 400


async def test_a_request_may_arrive_byte_by_byte(kind: str, site: Path) -> None:
    """The network may split it anywhere."""
    async with running(kind, site) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in lines(f"Host: {PAGE}", target="/nothing"):
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0)
        assert status_of(await reader.read()) == 404
        writer.close()


async def test_a_request_without_end_is_cut_off(kind: str, site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A silent one after a timeout, an endless one at the maximum size of the head."""
    async with running(kind, site) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 10_000)
        with pytest.raises(ConnectionError):
            assert await reader.read() == b""
            raise ConnectionResetError
        writer.close()
        monkeypatch.setattr(serving, "HEAD_WAIT_S", 0.05)
        for begun in (b"", b"G", b"GET / HTTP/1.1\r\nHost: page.test\r\n"):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(begun)
            with pytest.raises(ConnectionError):
                assert await reader.read() == b""
                raise ConnectionResetError
            writer.close()


async def test_silent_connections_are_closed_for_new_ones(
    kind: str, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the limit, the connection that has been silent longest is closed."""
    async with running(kind, site) as port:
        monkeypatch.setattr(serving, "MAX_CONNECTIONS", 8)
        silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(40)]
        assert status_of(await ask(port, lines(f"Host: {PAGE}", target="/nothing"))) == 404
        for reader, writer in silent[:32]:
            with pytest.raises(ConnectionError):
                assert await reader.read() == b""
                raise ConnectionResetError
            writer.close()
        for _, writer in silent[32:]:
            writer.close()
