"""What an attacker has: a page of another origin, a WebSocket server that waits for ours, and our site to aim at."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.server import ServerConnection, serve

from browserllm.page.serving.static import SiteServer


@contextmanager
def listening() -> Iterator[tuple[str, list[str]]]:
    """A WebSocket server; gives its address and the list of the origins that connected."""
    connected: list[str] = []

    def take(connection: ServerConnection) -> None:
        assert connection.request is not None
        connected.append(connection.request.headers.get("Origin", ""))
        for _ in connection:
            pass

    with serve(take, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}/x", connected
        server.shutdown()
        thread.join()


@contextmanager
def served(folder: Path, **options: Any) -> Iterator[SiteServer]:
    """A folder served as `browserllm app` serves the site, in a loop of its own thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def run(work: Callable[[], Any]) -> Any:
        async def done() -> Any:
            return await work()

        return asyncio.run_coroutine_threadsafe(done(), loop).result(30)

    async def start() -> SiteServer:
        return await SiteServer(folder, **options).start()

    server: SiteServer = run(start)
    try:
        yield server
    finally:
        run(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
