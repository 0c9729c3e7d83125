"""The servers on loopback, asked what no browser asks: each answer is a well-formed one or none, and costs little."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import re
import secrets
import socket
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from browserllm.hosts import serving
from browserllm.hosts.share import FolderServer
from browserllm.hosts.static import SiteServer, read_file

PAGE, FILES = "page.test", "files.test"
SECRET = "the-secret"
CASES = 400

Ask = Callable[[bytes], "asyncio.Future[bytes]"]


@pytest.fixture(autouse=True)
def no_traceback(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Nothing that strangers send shows a traceback in the program's log, at any level."""
    caplog.set_level(logging.DEBUG)
    yield
    told = [record.getMessage() for record in caplog.get_records("call") if record.exc_info or record.levelno > 30]
    assert told == [], told
    assert SECRET not in caplog.text


@pytest.fixture(params=["site", "launched", "files"])
def kind(request: pytest.FixtureRequest) -> str:
    """Each of the servers in turn."""
    return request.param


@asynccontextmanager
async def running(kind: str, site: Path) -> AsyncIterator[int]:
    """The port of a server of a kind, which knows the host `page.test`."""
    if kind == "files":
        server = await FolderServer(host=PAGE, origin=f"http://{PAGE}", key=b"k" * 32).start()
        server.share(site)
    else:
        on_page = (lambda page: None) if kind == "launched" else None
        server = await SiteServer(site, hosts=[PAGE], secret=SECRET, on_page=on_page).start()
    try:
        yield server.port
    finally:
        await server.close()


async def ask(port: int, request: bytes) -> bytes:
    """Send bytes and the end of them; all that comes back."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        writer.write_eof()
        return await reader.read()
    except ConnectionError:
        return b""  # closed before it had taken all
    finally:
        writer.close()


def status_of(answer: bytes) -> int | None:
    """The status of a well-formed answer whose body is as long as it says; ``None`` for a closed connection."""
    if not answer:
        return None
    head, separator, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    match = re.fullmatch(rb"HTTP/1\.1 ([1-5]\d\d) [ -~]+", first)
    assert match and separator, answer[:200]
    headers = dict(line.lower().split(b": ", 1) for line in lines)
    assert len(headers) == len(lines), "a header is there twice"
    status = int(match[1])
    if status not in (204, 304):
        assert body == b"" or len(body) == int(headers[b"content-length"])
    assert b"content-security-policy" in headers and headers[b"connection"] == b"close"
    return status


def lines(*headers: str, target: str = "/", method: str = "GET") -> bytes:
    return "\r\n".join([f"{method} {target} HTTP/1.1", *headers, "", ""]).encode("latin-1")


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
async def test_a_target_that_is_no_path_is_a_bad_request(kind: str, site: Path, target: str) -> None:
    """Whole addresses, broken escapes, what is not ASCII, and what another reader could take for a host."""
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
async def test_headers_that_are_unclear_are_a_bad_request(kind: str, site: Path, headers: list[str]) -> None:
    """No Host, two of them, two origins, and whatever two readers would understand differently."""
    async with running(kind, site) as port:
        assert status_of(await ask(port, lines(*headers))) == 400


async def test_a_socket_needs_its_origin_named_once(site: Path) -> None:
    """A browser always says it; the secret alone opens nothing, and opens one connection."""
    opened: list[object] = []
    server = await SiteServer(site, hosts=[PAGE], secret=SECRET, on_page=opened.append).start()
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


async def test_a_launched_browsers_server_knows_its_own_name_alone(site: Path) -> None:
    """No page in another browser of this machine is served the host page, by whatever name it found the port."""
    server = await SiteServer(site, hosts=[PAGE], secret=SECRET, on_page=lambda page: None).start()
    for name in (f"127.0.0.1:{server.port}", f"localhost:{server.port}", f"{PAGE}:{server.port}", f"{PAGE}."):
        assert status_of(await ask(server.port, lines(f"Host: {name}", target="/host.html"))) == 403
    assert status_of(await ask(server.port, lines(f"Host: {PAGE}", target="/host.html"))) == 200
    await server.close()


def seeded() -> random.Random:
    """Chance that can be had again: the seed is shown where a test fails."""
    seed = int(os.environ.get("SEED") or secrets.randbits(32))
    print(f"SEED={seed}")  # noqa: T201
    return random.Random(seed)  # noqa: S311


def generated(chance: random.Random) -> bytes:
    """A request that begins well enough to be read, and goes wrong anywhere."""
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

    def some(choices: list[str], most: int) -> str:
        return "".join(chance.choice(choices) for _ in range(chance.randint(0, most)))

    method = chance.choice(["GET", "HEAD", "OPTIONS", "POST", "get", "G\0T", "", "CONNECT", "TRACE"])
    target = chance.choice(["/", ""]) + some(pieces, 6)
    version = chance.choice(["HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/2.0", "HTTP/1.1 ", "", "http/1.1"])
    headers = [f"Host: {PAGE}"] if chance.random() < 0.8 else []
    between = [": ", ":", " : ", ""]
    count = chance.randint(0, 5)
    headers += [chance.choice(names) + chance.choice(between) + chance.choice(values) for _ in range(count)]
    chance.shuffle(headers)
    data = "\r\n".join([f"{method} {target} {version}", *headers, "", ""]).encode("latin-1")
    if chance.random() < 0.2:
        data = data.replace(b"\r\n", chance.choice([b"\n", b"\r", b"\r\n\r\n", b"\0\r\n"]), chance.randint(1, 3))
    if chance.random() < 0.1:
        data = data[: chance.randrange(len(data))]
    return data + chance.choice([b"", b"", b"more", b"GET / HTTP/1.1\r\n\r\n", bytes(2000)])


async def test_whatever_is_sent_the_answer_is_well_formed_or_none(kind: str, site: Path) -> None:
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


async def test_random_bytes_are_answered_as_no_request(kind: str, site: Path) -> None:
    """With and without the end of a head."""
    async with running(kind, site) as port:
        chance = seeded()
        for size in range(0, 400, 7):
            data = chance.randbytes(size)
            assert status_of(await ask(port, data)) in (None, 400)
            assert status_of(await ask(port, data + b"\r\n\r\n")) == 400


async def test_a_request_that_comes_byte_by_byte_is_one(kind: str, site: Path) -> None:
    """However the network cuts it."""
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
    """One that says no more, after a time; one that never stops, at the longest head there may be."""
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


async def test_connections_that_say_nothing_give_way(kind: str, site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There are only so many; who asks is served in place of who has been silent for longest."""
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


# --- who reads slowly -----------------------------------------------------------------------------------------------

BIG = 64 * 1024 * 1024


@asynccontextmanager
async def sharing(folder: Path) -> AsyncIterator[tuple[FolderServer, str]]:
    server = await FolderServer(host=FILES, origin=f"http://{PAGE}", key=b"k" * 32).start()
    try:
        yield server, urlsplit(server.share(folder)).path
    finally:
        await server.close()


@pytest.fixture
def big(tmp_path: Path) -> Path:
    """A folder with a large file, which needs no room on the disk."""
    folder = tmp_path / "big"
    folder.mkdir()
    with (folder / "big.bin").open("wb") as file:
        file.truncate(BIG)
    return folder


async def begin(port: int, host: str, target: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Ask for a file and read the head of the answer, and no more."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
    writer.write(lines(f"Host: {host}", target=target))
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
    return reader, writer


async def all_of(reader: asyncio.StreamReader) -> int:
    """How many bytes still come before the end, however it comes."""
    count = 0
    try:
        while piece := await reader.read(1 << 20):
            count += len(piece)
    except ConnectionError:
        return count
    return count


async def ended(visitors: serving.Visitors) -> None:
    """Wait until a server has no connection."""
    while visitors._connections:
        await next(iter(visitors._connections))._ended


@pytest.mark.parametrize("kind", ["site", "files"])
async def test_who_takes_nothing_of_a_file_is_cut_off(big: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """After a time without progress; who reads on gets all of it."""
    if kind == "files":
        server = await FolderServer(host=FILES, origin=f"http://{PAGE}", key=b"k" * 32).start()
        target = f"{urlsplit(server.share(big)).path}big.bin"
    else:
        server, target = await SiteServer(big, hosts=[FILES]).start(), "/big.bin"
    reader, writer = await begin(server.port, FILES, target)
    assert await all_of(reader) == BIG
    writer.close()
    monkeypatch.setattr(serving, "STALL_WAIT_S", 0.1)
    reader, writer = await begin(server.port, FILES, target)
    await ended(server._visitors)
    assert await all_of(reader) < BIG
    writer.close()
    await server.close()


async def test_many_slow_readers_cost_no_memory_and_keep_nobody_out_for_ever(
    big: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file is not copied for each; who is one too many is told to come again, and is served when others are gone."""
    monkeypatch.setattr(serving, "MAX_CONNECTIONS", 16)
    monkeypatch.setattr(serving, "STALL_WAIT_S", 0.5)
    async with sharing(big) as (server, path):
        resident = memory_in_use()
        slow = [await begin(server.port, FILES, f"{path}big.bin") for _ in range(16)]
        assert status_of(await ask(server.port, lines(f"Host: {FILES}", target=f"{path}big.bin"))) in (None, 503)
        assert memory_in_use() - resident < BIG
        await ended(server._visitors)
        reader, writer = await begin(server.port, FILES, f"{path}big.bin")
        assert await all_of(reader) == BIG
        for _, other in [*slow, (reader, writer)]:
            other.close()


def memory_in_use() -> int:
    """The memory of this process in bytes, or 0 where the system does not say."""
    if sys.platform != "linux":
        return 0
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


# --- files that change while they are shared ------------------------------------------------------------------------

links = pytest.mark.skipif(os.name == "nt", reason="links need a right of their own on Windows")


@links
@pytest.mark.parametrize("swapped", ["file", "folder", "shared folder", "folder above"])
async def test_a_file_swapped_for_a_link_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, swapped: str
) -> None:
    """Not even when it is swapped after it was looked at, whichever part of its path it is."""
    above = tmp_path / "above"
    folder = above / "model"
    (folder / "onnx").mkdir(parents=True)
    (folder / "onnx" / "a.bin").write_bytes(b"public")
    secret = tmp_path / "elsewhere"
    for name in ("a.bin", "onnx/a.bin", "model/onnx/a.bin"):
        (secret / name).parent.mkdir(parents=True, exist_ok=True)
        (secret / name).write_bytes(b"secret")
    victim, target = {
        "file": (folder / "onnx" / "a.bin", secret / "a.bin"),
        "folder": (folder / "onnx", secret),
        "shared folder": (folder, secret),
        "folder above": (above, secret),
    }[swapped]
    resolve = Path.resolve

    def swap_after(self: Path, strict: bool = False) -> Path:
        found = resolve(self, strict=strict)
        if self.name == "a.bin" and not victim.is_symlink():
            victim.rename(tmp_path / "moved")
            victim.symlink_to(target)
        return found

    async with sharing(folder) as (server, path):
        request = lines(f"Host: {FILES}", target=f"{path}onnx/a.bin")
        assert (await ask(server.port, request)).endswith(b"public")
        monkeypatch.setattr(Path, "resolve", swap_after)
        for _ in range(2):
            answer = await ask(server.port, request)
            assert status_of(answer) in (403, 404)
            assert b"secret" not in answer


@links
async def test_a_race_of_swaps_never_gives_the_secret_away(tmp_path: Path) -> None:
    """Another thread swaps the file for a link and back, as fast as it can, while it is asked for."""
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "real").write_bytes(b"public")
    stop = threading.Event()

    def swap() -> None:
        new = tmp_path / "new"
        while not stop.is_set():
            for make, source in ((new.hardlink_to, "real"), (new.symlink_to, "secret")):
                make(tmp_path / source)
                new.replace(folder / "a.bin")
                (folder / "a.bin").unlink()

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        async with sharing(folder) as (server, path):
            for _ in range(300):
                answer = await ask(server.port, lines(f"Host: {FILES}", target=f"{path}a.bin"))
                assert status_of(answer) in (200, 403, 404)
                assert not answer.endswith(b"secret")
    finally:
        stop.set()
        thread.join()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
async def test_what_is_no_plain_file_is_not_waited_for(tmp_path: Path) -> None:
    """A named pipe in a file's place would keep a thread of the program for ever."""
    folder = tmp_path / "model"
    folder.mkdir()
    os.mkfifo(folder / "a.bin")
    async with sharing(folder) as (server, path):
        assert status_of(await ask(server.port, lines(f"Host: {FILES}", target=f"{path}a.bin"))) == 404
    server = await SiteServer(folder, hosts=[FILES]).start()
    assert status_of(await ask(server.port, lines(f"Host: {FILES}", target="/a.bin"))) == 404
    await server.close()


async def test_a_file_that_becomes_shorter_ends_the_connection(big: Path) -> None:
    """Who was promised more sees that it did not come."""
    async with sharing(big) as (server, path):
        reader, writer = await begin(server.port, FILES, f"{path}big.bin")
        os.truncate(big / "big.bin", BIG // 2)
        assert await all_of(reader) < BIG
        writer.close()


@links
async def test_a_site_made_of_links_is_served_and_another_follows_none(site: Path, tmp_path: Path) -> None:
    """Some installers link every file; where none was a link at the start, none that comes later is followed."""
    (tmp_path / "secret.txt").write_text("secret")
    server = await SiteServer(site, hosts=[FILES]).start()
    (site / "later.txt").symlink_to(tmp_path / "secret.txt")
    (site / "inside.html").symlink_to(site / "index.html")
    assert status_of(await ask(server.port, lines(f"Host: {FILES}", target="/later.txt"))) == 404
    assert status_of(await ask(server.port, lines(f"Host: {FILES}", target="/inside.html"))) == 200
    await server.close()
    (tmp_path / "store").mkdir()
    (site / "index.html").rename(tmp_path / "store" / "index.html")
    (site / "index.html").symlink_to(tmp_path / "store" / "index.html")
    server = await SiteServer(site, hosts=[FILES]).start()
    assert status_of(await ask(server.port, lines(f"Host: {FILES}"))) == 200
    await server.close()


@pytest.mark.parametrize("other", ["HOST.HTML", "alias.html"])
def test_the_host_page_is_hidden_under_every_name_it_has(site: Path, other: str) -> None:
    """On disks that take other spellings for the same file, a link of the same file stands for such a spelling."""
    if not (site / other).exists():
        (site / other).hardlink_to(site / "host.html")
    for path in ("/host.html", "/%68ost.html", f"/{other}"):
        assert read_file(site, path, hidden="host.html").status_code == 404
        answer = read_file(site, path)
        assert answer.status_code == 200 and answer.file is not None
        answer.file.close()
