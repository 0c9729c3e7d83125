"""Serving files while others read them slowly, swap them for links, or truncate them."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from browserllm.page.serving import connection as serving
from browserllm.page.serving.share import FolderServer
from browserllm.page.serving.static import SiteServer, read_file
from raw_requests import ask, lines, status_of

PAGE, FILES = "page.test", "files.test"

# --- slow readers ---------------------------------------------------------------------------------------------------

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
    """A folder with a large sparse file."""
    folder = tmp_path / "big"
    folder.mkdir()
    with (folder / "big.bin").open("wb") as file:
        file.truncate(BIG)
    return folder


async def begin(port: int, host: str, target: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Request a file, and only read the head of the response."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
    writer.write(lines(f"Host: {host}", target=target))
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
    return reader, writer


async def all_of(reader: asyncio.StreamReader) -> int:
    """Return how many bytes still arrive before the end."""
    count = 0
    try:
        while piece := await reader.read(1 << 20):
            count += len(piece)
    except ConnectionError:
        return count
    return count


async def ended(connections: serving.Connections) -> None:
    """Wait until a server has no connection."""
    while connections._connections:
        await next(iter(connections._connections))._ended


@pytest.mark.parametrize("kind", ["site", "files"])
async def test_a_client_that_stops_reading_is_cut_off(big: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """After a time without progress; a client that reads gets the whole file."""
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
    await ended(server._connections)
    assert await all_of(reader) < BIG
    writer.close()
    await server.close()


async def test_many_slow_readers_need_no_memory_and_block_no_other_client_forever(
    big: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is not copied for each; a client over the limit may try again, and is served when others are gone."""
    monkeypatch.setattr(serving, "MAX_CONNECTIONS", 16)
    monkeypatch.setattr(serving, "STALL_WAIT_S", 3)
    monkeypatch.setattr(serving, "YOUNG_S", 1000)
    monkeypatch.setattr(serving, "PLACE_WAIT_S", 0)
    async with sharing(big) as (server, path):
        resident = memory_in_use()
        slow = [await begin(server.port, FILES, f"{path}big.bin") for _ in range(16)]
        assert status_of(await ask(server.port, lines(f"Host: {FILES}", target=f"{path}big.bin"))) in (None, 503)
        assert memory_in_use() - resident < BIG
        await ended(server._connections)
        reader, writer = await begin(server.port, FILES, f"{path}big.bin")
        assert await all_of(reader) == BIG
        for _, other in [*slow, (reader, writer)]:
            other.close()


def make_old(connections: serving.Connections) -> None:
    """Set the start of all connections to a minute ago."""
    for connection in connections._connections:
        connection._began -= 60


async def trickle(readers: list[asyncio.StreamReader]) -> None:
    """Read a little from each connection, forever, except from closed ones."""
    while True:
        for reader in list(readers):
            try:
                if not await reader.read(100):
                    readers.remove(reader)
            except ConnectionError:
                readers.remove(reader)
            await asyncio.sleep(0)


async def test_slow_readers_are_closed_for_the_page(big: Path) -> None:
    """With the maximum of slow readers, a page still gets all its files, six at a time."""
    server = await SiteServer(big, hosts=[FILES]).start()
    slow = [await begin(server.port, FILES, "/big.bin") for _ in range(serving.MAX_CONNECTIONS)]
    assert len(server._connections._connections) == serving.MAX_CONNECTIONS
    make_old(server._connections)
    tasks = [asyncio.create_task(trickle([reader for reader, _ in slow]))]
    for _ in range(2):
        page = await asyncio.gather(*[begin(server.port, FILES, "/big.bin") for _ in range(6)])
        assert await asyncio.gather(*[all_of(reader) for reader, _ in page]) == [BIG] * 6
        for _, writer in page:
            writer.close()
    tasks[0].cancel()
    for _, writer in slow:
        writer.close()
    await server.close()


async def test_the_slowest_client_is_closed_but_no_young_or_fast_one(
    big: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A silent one is closed first; if none may be closed, the new connection is refused."""
    monkeypatch.setattr(serving, "MAX_CONNECTIONS", 4)
    monkeypatch.setattr(serving, "YOUNG_S", 50)
    monkeypatch.setattr(serving, "PLACE_WAIT_S", 0)
    server = await SiteServer(big, hosts=[FILES]).start()
    fast, *slow = [await begin(server.port, FILES, "/big.bin") for _ in range(3)]
    await fast[0].readexactly(BIG // 2)
    fast_one, *slow_ones = server._connections._connections
    silent = await asyncio.open_connection("127.0.0.1", server.port)
    while len(server._connections._connections) < 4:
        await asyncio.sleep(0)
    make_old(server._connections)
    others = [await begin(server.port, FILES, "/big.bin")]
    assert list(server._connections._connections)[:3] == [fast_one, *slow_ones], "the silent one has gone"
    others += [await begin(server.port, FILES, "/big.bin") for _ in slow]
    assert next(iter(server._connections._connections)) is fast_one
    assert not {*slow_ones} & {*server._connections._connections}
    fast_one._began = asyncio.get_running_loop().time()
    assert status_of(await ask(server.port, lines(f"Host: {FILES}", target="/big.bin"))) in (None, 503)
    assert await all_of(fast[0]) == BIG - BIG // 2
    for _, writer in [fast, *slow, silent, *others]:
        writer.close()
    await server.close()


async def test_a_new_connection_waits_until_others_are_no_longer_young(
    big: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not refused at once if all others are young; closing the server ends the waiting ones."""
    monkeypatch.setattr(serving, "YOUNG_S", 50)
    monkeypatch.setattr(serving, "PLACE_WAIT_S", 1000)
    server = await SiteServer(big, hosts=[FILES]).start()
    slow = [await begin(server.port, FILES, "/big.bin") for _ in range(serving.MAX_CONNECTIONS)]
    page = [asyncio.create_task(begin(server.port, FILES, "/big.bin")) for _ in range(6)]
    while len(server._connections._waiting) < len(page):
        await asyncio.sleep(0)
    make_old(server._connections)
    begun = await asyncio.gather(*page)
    assert await asyncio.gather(*[all_of(reader) for reader, _ in begun]) == [BIG] * 6
    more = [await begin(server.port, FILES, "/big.bin") for _ in range(serving.MAX_CONNECTIONS)]
    more.append(await asyncio.open_connection("127.0.0.1", server.port))
    while not server._connections._waiting:
        await asyncio.sleep(0)
    await server.close()
    assert not server._connections._waiting
    for _, writer in [*slow, *begun, *more]:
        writer.close()


async def test_a_client_below_the_minimum_speed_is_cut_off(big: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even if it never stops reading: a response has a time limit that grows with its length."""
    server = await SiteServer(big, hosts=[FILES]).start()
    monkeypatch.setattr(serving, "PACE_GRACE_S", 0.1)
    monkeypatch.setattr(serving, "MIN_BYTES_PER_S", 1 << 60)
    reader, writer = await begin(server.port, FILES, "/big.bin")
    task = asyncio.create_task(trickle([reader]))
    await ended(server._connections)
    task.cancel()
    writer.close()
    monkeypatch.setattr(serving, "MIN_BYTES_PER_S", 1)
    reader, writer = await begin(server.port, FILES, "/big.bin")
    assert await all_of(reader) == BIG
    writer.close()
    await server.close()


def memory_in_use() -> int:
    """Return the memory of this process in bytes, or 0 if the system does not report it."""
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
    """Not even if it is swapped after the check, for any part of its path."""
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
async def test_a_race_of_swaps_never_reveals_the_secret(tmp_path: Path) -> None:
    """Another thread swaps the file for a link and back, as fast as it can, during requests."""
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
async def test_opening_a_pipe_does_not_block(tmp_path: Path) -> None:
    """A named pipe in place of a file would otherwise block a thread forever."""
    folder = tmp_path / "model"
    folder.mkdir()
    os.mkfifo(folder / "a.bin")
    async with sharing(folder) as (server, path):
        assert status_of(await ask(server.port, lines(f"Host: {FILES}", target=f"{path}a.bin"))) == 404
    server = await SiteServer(folder, hosts=[FILES]).start()
    assert status_of(await ask(server.port, lines(f"Host: {FILES}", target="/a.bin"))) == 404
    await server.close()


async def test_a_file_that_becomes_shorter_ends_the_connection(big: Path) -> None:
    """The client sees that the response is incomplete."""
    async with sharing(big) as (server, path):
        reader, writer = await begin(server.port, FILES, f"{path}big.bin")
        os.truncate(big / "big.bin", BIG // 2)
        assert await all_of(reader) < BIG
        writer.close()


@links
async def test_links_are_followed_only_in_a_site_that_has_links(site: Path, tmp_path: Path) -> None:
    """Some installers link every file; if the site had no link at the start, later ones are not followed."""
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
def test_the_host_page_is_hidden_under_all_its_names(site: Path, other: str) -> None:
    """Some disks accept other spellings of a name; a hard link simulates one."""
    if not (site / other).exists():
        (site / other).hardlink_to(site / "host.html")
    for path in ("/host.html", "/%68ost.html", f"/{other}"):
        assert read_file(site, path, hidden="host.html").status_code == 404
        answer = read_file(site, path)
        assert answer.status_code == 200 and answer.file is not None
        answer.file.close()
