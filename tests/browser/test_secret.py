"""The secret of a launched browser's socket: in the memory of both programs, and nowhere else."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import browserllm as bl
from browserllm.page.chrome.launch import ChromeHost
from browserllm.page.serving.static import SOCKET_PATH

PIECE = 10
"""So many characters in a row are not there by chance."""


def traces(secret: str) -> list[bytes]:
    """Pieces of the secret, one of which is in any text that has it, as Chromium writes texts."""
    pieces = [secret[start : start + PIECE] for start in range(0, len(secret) - PIECE + 1, PIECE // 2)]
    return [piece.encode(kind) for piece in pieces for kind in ("ascii", "utf-16-le")]


def files_with(folder: Path, wanted: list[bytes]) -> list[str]:
    """The files below a folder that hold, or are named with, one of the texts."""
    found: list[str] = []
    for path in folder.rglob("*"):
        name = os.fsencode(path.relative_to(folder))
        try:
            data = path.read_bytes() if path.is_file() else b""
        except OSError:
            continue  # gone meanwhile
        if any(piece in data or piece in name for piece in wanted):
            found.append(str(path.relative_to(folder)))
    return found


def processes() -> Iterator[tuple[int, bytes]]:
    """Every process that this user may look at, with its command line and environment."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                yield int(entry.name), (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
            except OSError:
                continue


def visited(profile: Path) -> list[str]:
    """The addresses in the browser's history."""
    with sqlite3.connect(f"file:{profile / 'Default' / 'History'}?mode=ro&immutable=1", uri=True) as database:
        return [str(url) for (url,) in database.execute("SELECT url FROM urls")]


def test_the_secret_is_in_no_file_no_command_line_and_no_environment(tmp_path: Path) -> None:
    """Neither while the browser runs nor after it has ended, although it keeps a history."""
    profile = tmp_path / "profile"

    async def main() -> list[bytes]:
        async with bl.connect(profile=profile, webgpu="off") as host:
            assert isinstance(host, ChromeHost)
            wanted = traces(host._server._sockets[SOCKET_PATH].token)
            assert (await host.call("status"))["loaded"] == []
            assert files_with(profile, wanted) == []
            seen = dict(processes())
            assert any(str(profile).encode() in text for text in seen.values())
            assert [pid for pid, text in seen.items() if any(piece in text for piece in wanted)] == []
        return wanted

    wanted = asyncio.run(main())
    assert files_with(tmp_path, wanted) == []
    # It looked where such a thing would be.
    assert visited(profile) == ["http://browserllm.localhost/host.html"]
    assert files_with(profile, [b"browserllm.localhost/host.html"])
