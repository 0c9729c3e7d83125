"""The site's files over HTTP, for browsers and for attackers."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

import browserllm as bl
from browserllm.page.serving import static
from browserllm.page.serving.policy import meta_policy
from browserllm.page.serving.static import SiteServer, read_file, site_folder


async def request(
    server: SiteServer, target: str, *, host: str | None = None, method: str = "GET", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    """Send one request as bytes; return status, headers (lower case) and body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host or f'127.0.0.1:{server.port}'}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    writer.write("\r\n".join([*lines, "", ""]).encode())
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *rest = head.decode().split("\r\n")
    return int(status.split()[1]), {k.lower(): v for k, v in (line.split(": ", 1) for line in rest)}, body


@pytest.mark.parametrize(
    ("target", "mime", "body"),
    [
        ("/", "text/html; charset=utf-8", b"<h1>chat</h1>"),
        ("/index.html?x=1", "text/html; charset=utf-8", b"<h1>chat</h1>"),
        ("/assets/engine.mjs", "text/javascript", b"export {}"),
        ("/assets/model.wasm", "application/wasm", b"\0asm"),
        ("/assets/weights.bin", "application/octet-stream", bytes(1000)),
    ],
)
async def test_files_have_their_type_and_the_page_is_isolated(site: Path, target: str, mime: str, body: bytes) -> None:
    """Correct MIME types (needed to stream WebAssembly), isolation headers, complete bodies."""
    server = await SiteServer(site).start()
    status, headers, got = await request(server, target)
    await server.close()
    assert (status, headers["content-type"], got) == (200, mime, body)
    assert headers["content-length"] == str(len(body))
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cross-origin-embedder-policy"] == "require-corp"
    assert headers["x-content-type-options"] == "nosniff"


async def test_a_launched_browser_gets_the_isolation_that_chromium_supports(site: Path) -> None:
    """Its page is isolated, too, and can find out whether a server without CORS headers exists."""
    server = await SiteServer(site, launched=True).start()
    _, headers, _ = await request(server, "/index.html")
    await server.close()
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cross-origin-embedder-policy"] == "credentialless"


async def test_a_file_is_sent_again_only_when_it_changed(site: Path) -> None:
    """The ETag makes the second visit cheap; a rebuilt file has another one."""
    server = await SiteServer(site).start()
    _, headers, _ = await request(server, "/index.html")
    assert headers["cache-control"] == "no-cache"
    status, _, body = await request(server, "/index.html", If_None_Match=headers["etag"])
    assert (status, body) == (304, b"")
    (site / "index.html").write_text("<h1>new chat</h1>")
    status, _, body = await request(server, "/index.html", If_None_Match=headers["etag"])
    assert (status, body) == (200, b"<h1>new chat</h1>")
    await server.close()


async def test_head_has_no_body_and_other_methods_are_rejected(site: Path) -> None:
    """HEAD has the length; nothing can be written."""
    server = await SiteServer(site).start()
    status, headers, body = await request(server, "/assets/weights.bin", method="HEAD")
    assert (status, headers["content-length"], body) == (200, "1000", b"")
    assert (await request(server, "/index.html", method="DELETE"))[0] == 405
    assert (site / "index.html").exists()
    await server.close()


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt",
        "/assets/../../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/..%5csecret.txt",
        "/assets%5c..%5c..%5csecret.txt",
        "//secret.txt",
        "/C:/secret.txt",
        "/.hidden",
        "/index.html%00.txt",
        "secret.txt",
        "/assets",
        "/assets/",
        "/nothing",
    ],
)
def test_nothing_outside_the_folder_is_served(site: Path, path: str) -> None:
    """No path escapes the site, in any spelling, and hidden files stay hidden."""
    (site.parent / "secret.txt").write_text("secret")
    (site / ".hidden").write_text("secret")
    response = read_file(site, path)
    assert response.status_code == 404
    assert response.body == b"not found"


async def test_a_page_of_another_host_is_refused(site: Path) -> None:
    """A foreign name that resolves to this machine (DNS rebinding) is refused; localhost and allowed hosts are not."""
    server = await SiteServer(site, hosts=["browserllm.localhost"]).start()
    status, _, body = await request(server, "/", host="evil.example")
    assert (status, b"evil.example" in body) == (403, True)
    assert (await request(server, "/", host=f"evil.example:{server.port}"))[0] == 403
    for host in ("browserllm.localhost", f"localhost:{server.port}", f"127.0.0.1:{server.port}"):
        assert (await request(server, "/", host=host))[0] == 200
    assert server.url == f"http://127.0.0.1:{server.port}/"
    await server.close()


async def test_a_port_that_is_taken_is_named(site: Path) -> None:
    """The error has the port and what to do."""
    server = await SiteServer(site).start()
    with pytest.raises(bl.Unavailable, match=rf"127\.0\.0\.1:{server.port}.*another port"):
        await SiteServer(site, port=server.port).start()
    await server.close()
    await SiteServer(site).close()


def test_a_site_that_is_not_built_says_how_to_build_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The error names the folder and the command."""
    monkeypatch.setattr(static, "__file__", str(tmp_path / "page" / "serving" / "static.py"))
    with pytest.raises(bl.Unavailable, match=r"static'.*make site"):
        site_folder()
    (tmp_path / "static").mkdir()
    (tmp_path / "static" / "host.html").touch()
    assert site_folder() == tmp_path / "static"


KEY = "a-key-of-24-characters"


@pytest.fixture
def framed(site: Path) -> Path:
    (site / "notebook.html").write_text("<h1>frame</h1>")
    return site


async def test_the_page_with_the_key_may_be_framed(framed: Path) -> None:
    """By any origin: a front end of notebooks may be anywhere. Nothing else of its policy is weaker."""
    server = await SiteServer(framed, frame_key=KEY).start()
    status, headers, body = await request(server, f"/notebook.html?key={KEY}")
    await server.close()
    assert (status, body) == (200, b"<h1>frame</h1>")
    assert headers["content-security-policy"] == meta_policy()
    assert "x-frame-options" not in headers
    assert headers["cross-origin-resource-policy"] == "cross-origin"


@pytest.mark.parametrize(
    "target",
    [
        "/notebook.html",
        "/notebook.html?key=guess",
        f"/notebook%2Ehtml?key={KEY}",
        f"/?key={KEY}",
        "/index.html",
        f"/index.html/.?key={KEY}",
        "/index%2Ehtml",
    ],
)
async def test_no_other_page_is_served_and_none_without_the_key(framed: Path, target: str) -> None:
    """The chat page could be framed by any site that this browser visits, and covered with other buttons."""
    server = await SiteServer(framed, frame_key=KEY).start()
    status, _, body = await request(server, target)
    await server.close()
    assert status == 403 and b"<h1>" not in body


async def test_scripts_and_models_need_no_key(framed: Path) -> None:
    """They are the same for everyone, and a worker's address has no key."""
    server = await SiteServer(framed, frame_key=KEY).start()
    status, _, body = await request(server, "/assets/engine.mjs")
    await server.close()
    assert (status, body) == (200, b"export {}")
