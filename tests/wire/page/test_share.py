"""Shared folders over HTTP: in ranges, only for the page, and nothing outside the folder."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import browserllm as bl
from browserllm.page.serving.share import KEY_NAME, FolderServer, open_key
from browserllm.testing.host import ScriptedHost

HOST, ORIGIN = "files.test", "http://page.test"
KEY = b"k" * 32
DATA = bytes(range(256)) * 40


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A folder with files and a subfolder, and a secret beside it."""
    folder = tmp_path / "model"
    (folder / "onnx").mkdir(parents=True)
    (folder / "weights.bin").write_bytes(DATA)
    (folder / "onnx" / "größe 1.bin").write_bytes(b"below")
    (folder / "empty.bin").write_bytes(b"")
    (folder / ".hidden").write_text("secret")
    (tmp_path / "secret.txt").write_text("secret")
    return folder


@asynccontextmanager
async def serving(key: bytes = KEY) -> AsyncIterator[FolderServer]:
    server = await FolderServer(host=HOST, origin=ORIGIN, key=key).start()
    try:
        yield server
    finally:
        await server.close()


async def send(server: FolderServer, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(request)
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


async def ask(server: FolderServer, url: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Send one request; return status, headers (lower case) and body."""
    address = urlsplit(url)
    every = {"Host": address.netloc, **{name.replace("_", "-"): value for name, value in headers.items()}}
    lines = [f"{method} {address.path} HTTP/1.1", *(f"{name}: {value}" for name, value in every.items())]
    head, _, body = (await send(server, "\r\n".join([*lines, "", ""]).encode())).partition(b"\r\n\r\n")
    status, *rest = head.decode().split("\r\n")
    return int(status.split()[1]), {k.lower(): v for k, v in (line.split(": ", 1) for line in rest)}, body


async def test_a_file_is_complete_and_has_the_headers_that_a_download_needs(model: Path) -> None:
    """Length, ETag, date and ranges, only for the page's origin."""
    async with serving() as server:
        status, headers, body = await ask(server, server.share(model) + "weights.bin", Origin=ORIGIN)
    assert (status, body, headers["content-length"]) == (200, DATA, str(len(DATA)))
    assert headers["accept-ranges"] == "bytes" and headers["etag"].startswith('"') and headers["last-modified"]
    assert headers["access-control-allow-origin"] == ORIGIN
    assert "ETag" in headers["access-control-expose-headers"]
    assert headers["cross-origin-resource-policy"] == "same-site"
    assert headers["connection"] == "close"


@pytest.mark.parametrize(
    ("asked", "status", "body", "content_range"),
    [
        ("bytes=0-", 206, DATA, "bytes 0-10239/10240"),
        ("bytes=100-199", 206, DATA[100:200], "bytes 100-199/10240"),
        ("bytes=10239-", 206, DATA[-1:], "bytes 10239-10239/10240"),
        ("bytes=10000-99999", 206, DATA[10000:], "bytes 10000-10239/10240"),
        ("bytes=-40", 206, DATA[-40:], "bytes 10200-10239/10240"),
        ("bytes=-99999", 206, DATA, "bytes 0-10239/10240"),
        ("bytes=10240-", 416, b"", "bytes */10240"),
        ("bytes=-0", 416, b"", "bytes */10240"),
        ("bytes=200-100", 200, DATA, None),
        ("bytes=-", 200, DATA, None),
        ("bytes=0-1,5-6", 200, DATA, None),
        ("lines=0-1", 200, DATA, None),
    ],
)
async def test_ranges(model: Path, asked: str, status: int, body: bytes, content_range: str | None) -> None:
    """A range returns that part, a wrong one an error with the size, several ranges the whole file."""
    async with serving() as server:
        got, headers, data = await ask(server, server.share(model) + "weights.bin", Range=asked)
    assert (got, data, headers.get("content-range")) == (status, body, content_range)
    assert headers["content-length"] == str(len(body))


async def test_a_changed_file_is_sent_from_its_start(model: Path) -> None:
    """If-Range must match the ETag or the date of the current file."""
    async with serving() as server:
        url = server.share(model) + "weights.bin"
        _, headers, _ = await ask(server, url)
        for known in (headers["etag"], headers["last-modified"]):
            assert (await ask(server, url, Range="bytes=9-", If_Range=known))[0] == 206
        assert (await ask(server, url, If_None_Match=headers["etag"]))[::2] == (304, b"")
        (model / "weights.bin").write_bytes(b"new")
        os.utime(model / "weights.bin", (1, 1))
        for known in (headers["etag"], headers["last-modified"], "bytes"):
            assert (await ask(server, url, Range="bytes=1-", If_Range=known))[::2] == (200, b"new")
        assert (await ask(server, url, If_None_Match=headers["etag"]))[0] == 200


async def test_head_has_no_body(model: Path) -> None:
    """Length and ranges are those of GET; an empty file has no byte 0."""
    async with serving() as server:
        folder = server.share(model)
        status, headers, body = await ask(server, folder + "weights.bin", "HEAD", Range="bytes=0-")
        assert (status, headers["content-length"], body) == (206, str(len(DATA)), b"")
        assert (await ask(server, folder + "empty.bin", "HEAD", Range="bytes=0-"))[0] == 416
        assert (await ask(server, folder + "empty.bin"))[::2] == (200, b"")


async def test_a_preflight_allows_what_a_resumed_download_sends(model: Path) -> None:
    """Another origin may not send If-Range without a preflight."""
    async with serving() as server:
        status, headers, _ = await ask(server, server.share(model) + "weights.bin", "OPTIONS", Origin=ORIGIN)
    assert (status, headers["access-control-allow-origin"]) == (204, ORIGIN)
    assert {"Range", "If-Range"} <= set(headers["access-control-allow-headers"].split(", "))


async def test_only_the_page_may_read_and_none_may_write(model: Path) -> None:
    """Other hosts (DNS rebinding), other origins and other methods are refused."""
    async with serving() as server:
        url = server.share(model) + "weights.bin"
        for headers, method, expected in (
            ({"Host": f"127.0.0.1:{server.port}"}, "GET", 403),
            ({"Host": "evil.test"}, "GET", 403),
            ({"Origin": "http://evil.test"}, "GET", 403),
            ({"Origin": "null"}, "OPTIONS", 403),
            ({}, "PUT", 405),
            ({}, "DELETE", 405),
        ):
            status, _, body = await ask(server, url, method, **headers)
            assert (status, DATA in body) == (expected, False)
    assert (model / "weights.bin").read_bytes() == DATA


@pytest.mark.parametrize(
    "path",
    [
        "../secret.txt",
        "%2e%2e/secret.txt",
        "..%2fsecret.txt",
        "onnx/../../secret.txt",
        "..%5csecret.txt",
        "/secret.txt",
        "%2fetc/passwd",
        ".hidden",
        "C:/secret.txt",
        "weights.bin%00",
        "",
        "onnx",
        "onnx/",
        "nothing.bin",
        "weights.bin/x",
    ],
)
async def test_nothing_outside_the_folder_is_served(model: Path, path: str) -> None:
    """In any spelling; hidden files stay hidden, and folders are not listed."""
    async with serving() as server:
        status, _, body = await ask(server, server.share(model) + path)
    assert (status, b"secret" in body) == (404, False)


@pytest.mark.parametrize("url", ["/", "/x", "/0123456789abcdef/resolve/local/weights.bin", "//weights.bin"])
async def test_an_unknown_url_is_not_found(model: Path, url: str) -> None:
    """Reading a folder needs its URL."""
    async with serving() as server:
        server.share(model)
        assert (await ask(server, f"http://{HOST}{url}"))[0] == 404


@pytest.mark.skipif(os.name == "nt", reason="links need a right of their own on Windows")
async def test_a_link_is_followed_inside_the_folder_only(model: Path) -> None:
    """The error for a link to the outside says what to do."""
    (model / "inside.bin").symlink_to("weights.bin")
    (model / "outside.txt").symlink_to("../secret.txt")
    (model / "up").symlink_to("..")
    async with serving() as server:
        folder = server.share(model)
        assert (await ask(server, folder + "inside.bin"))[::2] == (200, DATA)
        status, _, body = await ask(server, folder + "outside.txt")
        assert (status, body) == (
            403,
            b"'outside.txt' links to a file outside the shared folder; copy the file into the folder",
        )
        assert (await ask(server, folder + "up/secret.txt"))[0] == 403


def in_hub_cache(cache: Path, name: str = "models--org--tiny") -> Path:
    """Store a model like huggingface_hub; return its snapshot, whose files are links into the blobs."""
    model = cache / name
    snapshot = model / "snapshots" / ("5f" * 20)
    (snapshot / "onnx").mkdir(parents=True)
    (model / "blobs").mkdir()
    (model / "refs").mkdir()
    (model / "refs" / "main").write_text(snapshot.name)
    for blob, file, up in (("a1" * 20, "config.json", "../.."), ("b2" * 32, "onnx/model.onnx", "../../..")):
        (model / "blobs" / blob).write_bytes(f"{name}/{file}".encode())
        (snapshot / file).symlink_to(f"{up}/blobs/{blob}")
    return snapshot


@pytest.mark.skipif(os.name == "nt", reason="links need a right of their own on Windows")
async def test_a_snapshot_in_hugging_faces_cache_is_served_from_its_blobs(tmp_path: Path) -> None:
    """Also from a subfolder, and if the cache itself is a link."""
    snapshot = in_hub_cache(tmp_path / "hub")
    (tmp_path / "link").symlink_to(tmp_path / "hub")
    async with serving() as server:
        folder = server.share(tmp_path / "link" / snapshot.relative_to(tmp_path / "hub"))
        assert folder == server.share(snapshot)
        assert (await ask(server, folder + "config.json"))[::2] == (200, b"models--org--tiny/config.json")
        status, headers, body = await ask(server, folder + "onnx/model.onnx", Range="bytes=0-5")
        assert (status, body, headers["content-range"]) == (206, b"models", "bytes 0-5/33")


@pytest.mark.skipif(os.name == "nt", reason="links need a right of their own on Windows")
@pytest.mark.parametrize(
    "target",
    [
        "/etc/passwd",
        "../../../secret.txt",
        "../../refs/main",
        "../../../models--org--other/blobs/" + "a1" * 20,
        "../../blobs/../../secret.txt",
        "../../blobs/passwd",
        "../../blobs/below/secret.txt",
        "../../blobs",
    ],
)
async def test_a_snapshot_gives_access_to_its_own_blobs_only(tmp_path: Path, target: str) -> None:
    """Not to other files, not to another model's, not to the target of a blob that is a link."""
    snapshot = in_hub_cache(tmp_path)
    in_hub_cache(tmp_path, "models--org--other")
    (tmp_path / "secret.txt").write_text("secret")
    blobs = snapshot.parent.parent / "blobs"
    (blobs / "passwd").symlink_to("/etc/passwd")
    (blobs / "below").mkdir()
    (blobs / "below" / "secret.txt").write_text("secret")
    (snapshot / "wrong").symlink_to(target)
    assert (snapshot / "wrong").exists()
    async with serving() as server:
        status, _, body = await ask(server, server.share(snapshot) + "wrong")
    assert (status, body) == (
        403,
        b"'wrong' links to a file outside the shared folder; copy the file into the folder",
    )


@pytest.mark.skipif(os.name == "nt", reason="links need a right of their own on Windows")
async def test_blobs_that_are_a_link_are_not_followed(tmp_path: Path) -> None:
    """Otherwise a program that writes to the cache could choose which files are read."""
    snapshot = in_hub_cache(tmp_path)
    blobs = snapshot.parent.parent / "blobs"
    blobs.rename(tmp_path / "elsewhere")
    blobs.symlink_to(tmp_path / "elsewhere")
    async with serving() as server:
        assert (await ask(server, server.share(snapshot) + "config.json"))[0] == 403


@pytest.mark.skipif(os.name == "nt", reason="links need a right of their own on Windows")
async def test_blobs_beside_any_other_folder_are_not_served(tmp_path: Path) -> None:
    """The names of both parent folders must match; the folder's own name does not matter."""
    for above in ("models--org--tiny/other", "datasets--org--tiny/snapshots"):
        folder = tmp_path / above / "rev"
        folder.mkdir(parents=True)
        (tmp_path / above).parent.joinpath("blobs").mkdir()
        (tmp_path / above).parent.joinpath("blobs", "x").write_text("secret")
        (folder / "config.json").symlink_to("../../blobs/x")
        async with serving() as server:
            assert (await ask(server, server.share(folder) + "config.json"))[0] == 403


@pytest.mark.skipif(os.name == "nt", reason="links need a right of their own on Windows")
async def test_a_circle_of_links_is_not_found(tmp_path: Path) -> None:
    """In any folder."""
    snapshot = in_hub_cache(tmp_path)
    blobs = snapshot.parent.parent / "blobs"
    (blobs / "one").symlink_to("two")
    (blobs / "two").symlink_to("one")
    (snapshot / "loop.json").symlink_to("../../blobs/one")
    (snapshot / "self.json").symlink_to("self.json")
    async with serving() as server:
        folder = server.share(snapshot)
        for name in ("loop.json", "self.json"):
            assert (await ask(server, folder + name))[0] == 404


async def test_names_may_have_any_unicode_characters(model: Path) -> None:
    """Encoded as in a manifest."""
    async with serving() as server:
        assert (await ask(server, server.share(model) + "onnx/gr%C3%B6%C3%9Fe%201.bin"))[2] == b"below"


async def test_the_url_is_the_same_in_every_run_and_different_for_others(model: Path, tmp_path: Path) -> None:
    """The browser caches models by URL; without the profile's key it cannot be guessed."""
    async with serving() as first, serving() as second, serving(b"x" * 32) as other:
        url = first.share(model)
        assert url == second.share(str(model)) == first.share(model / "onnx" / "..")
        assert url != other.share(model) and url != first.share(tmp_path)
        assert url.startswith(f"http://{HOST}/") and url.endswith("/resolve/local/")


async def test_only_folders_can_be_shared(model: Path) -> None:
    """The error for a file or a missing folder has its name."""
    async with serving() as server:
        for wrong in (model / "weights.bin", model / "nothing"):
            with pytest.raises(bl.InvalidRequest, match=rf"there is no folder '{wrong}'"):
                server.share(wrong)


@pytest.mark.parametrize(
    "request_", [b"\r\n\r\n", b"GET\r\n\r\n", b"get / HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nx\r\n\r\n"]
)
async def test_an_invalid_request_is_a_bad_request(request_: bytes) -> None:
    """And it is cheap."""
    async with serving() as server:
        assert (await send(server, request_)).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("request_", [b"GET / HTTP/1.1\r\n" + b"x" * 20000, b""])
async def test_a_request_without_end_is_dropped(request_: bytes) -> None:
    """A client cannot fill this process's memory."""
    async with serving() as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(request_)
        writer.write_eof()
        assert await reader.read() == b""
        writer.close()


async def test_a_large_file_is_streamed_and_closing_ends_it(tmp_path: Path) -> None:
    """After a client stops reading, the file is not read further, and the server can close."""
    with (tmp_path / "large.bin").open("wb") as file:
        file.truncate(256 * 1024 * 1024)
    async with serving() as server:
        url = urlsplit(server.share(tmp_path) + "large.bin")
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(f"GET {url.path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"Content-Length: 268435456" in head
        assert await reader.readexactly(1_000_000) == bytes(1_000_000)
    writer.close()


def test_the_key_is_created_once_and_is_private(tmp_path: Path) -> None:
    """The next run uses it again; a damaged key is replaced."""
    key = open_key(tmp_path)
    assert (len(key), open_key(tmp_path)) == (32, key)
    if os.name != "nt":
        assert stat.S_IMODE((tmp_path / KEY_NAME).stat().st_mode) == 0o600
    (tmp_path / KEY_NAME).write_bytes(b"short")
    assert len(open_key(tmp_path)) == 32
    assert len(open_key(tmp_path / "nowhere")) == 32


def test_other_hosts_say_where_folders_can_be_shared() -> None:
    """A page of another server cannot read this machine's files."""
    with pytest.raises(bl.errors.Unsupported, match=r"cannot share the folder '/models/x': .* browserllm\.connect\(\)"):
        ScriptedHost().share_folder("/models/x")


@pytest.mark.parametrize("turns", range(4))
async def test_closing_closes_what_is_being_accepted(turns: int) -> None:
    """However far it was: a client never waits for a server that is closed."""
    server = await FolderServer(host=HOST, origin=ORIGIN, key=KEY).start()
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        for _ in range(turns):
            await asyncio.sleep(0)
        await server.close()
        client.setblocking(False)
        try:
            async with asyncio.timeout(20):
                assert await asyncio.get_running_loop().sock_recv(client, 1) == b""
        except ConnectionResetError:
            pass


async def test_a_close_that_is_cancelled_has_stopped_listening(model: Path) -> None:
    """The socket is not left to the garbage collector."""
    server = await FolderServer(host=HOST, origin=ORIGIN, key=KEY).start()
    closing = asyncio.get_running_loop().create_task(server.close())
    await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", server.port)
