"""The server of `browserllm serve`: pages share one app, and one page's engine computes for it."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from browserllm.app.actions import DismissNotice
from browserllm.app.app import App
from browserllm.app.state import Notice
from browserllm.cli.app_server import AppServer
from browserllm.page.host import Host

ENGINE_HELLO = json.dumps({"v": 1, "type": "hello", "data": {"protocol": 1, "engines": [{"name": "webllm"}]}})
DISMISS = json.dumps({"type": "call", "id": 1, "action": "notices.dismiss", "args": {"id": "n1"}})


class Opened:
    """Opens an app with one action, and remembers the apps."""

    def __init__(self) -> None:
        self.apps: list[App] = []

    async def __call__(self, host: Host) -> App:
        app = App(python="process")
        app.state.put((Notice(id="n1", at=0, text=f"app {len(self.apps) + 1}"),), "notices")

        async def dismiss(action: DismissNotice) -> None:
            app.state.put(tuple(notice for notice in app.state.value.notices if notice.id != action.id), "notices")

        app.on(DismissNotice, dismiss)
        self.apps.append(app)
        return app


@asynccontextmanager
async def serving(site: Path) -> AsyncIterator[tuple[AppServer, Opened]]:
    opened = Opened()
    server = await AppServer(site, opened).start()
    try:
        yield server, opened
    finally:
        await server.close()


def socket(server: AppServer, path: str, *, key: str | None = None, origin: str | None = None) -> connect:
    """Connect as a page of the server does."""
    address = urlsplit(server.url)
    token = address.fragment.removeprefix("key=") if key is None else key
    own = f"http://{address.netloc}"
    return connect(f"ws://{address.netloc}{path}?token={token}", origin=origin or own, proxy=None)  # pyright: ignore[reportArgumentType]


async def receive(page: ClientConnection) -> dict[str, Any]:
    return json.loads(await asyncio.wait_for(page.recv(), 20))


@pytest.mark.parametrize("path", ["/app", "/host"])
@pytest.mark.parametrize(("key", "origin"), [("", None), ("guess", None), (None, "http://evil.example")])
async def test_a_page_without_the_key_or_of_another_origin_is_refused(
    site: Path, path: str, key: str | None, origin: str | None
) -> None:
    """Other programs of this machine and other sites of this browser cannot reach the app or its engine."""
    async with serving(site) as (server, _):
        with pytest.raises(InvalidStatus) as caught:
            async with socket(server, path, key=key, origin=origin):
                pass
        assert caught.value.response.status_code == 403


async def test_pages_share_the_app_and_see_each_others_changes(site: Path) -> None:
    """What one page asks for before an engine is there is carried out later; the other page gets the patch."""
    async with serving(site) as (server, _), socket(server, "/app") as one, socket(server, "/app") as two:
        await one.send('{"type": "hello"}')
        await two.send('{"type": "hello"}')
        async with socket(server, "/host") as engine:
            await engine.send(ENGINE_HELLO)
            states = [await receive(one), await receive(two)]
            assert [state["state"]["notices"][0]["text"] for state in states] == ["app 1", "app 1"]
            await one.send(DISMISS)
            patch = {"type": "patch", "patches": [{"op": "set", "path": ["notices"], "value": []}]}
            assert await receive(one) == patch
            assert await receive(one) == {"type": "result", "id": 1, "value": None}
            assert await receive(two) == patch


async def test_another_page_takes_over_when_the_engines_page_is_closed(site: Path) -> None:
    """Pages that stay get the state of the app over the next engine, and the app before is closed."""
    async with serving(site) as (server, opened), socket(server, "/app") as page:
        await page.send('{"type": "hello"}')
        first, second = await socket(server, "/host"), await socket(server, "/host")
        await first.send(ENGINE_HELLO)
        await second.send(ENGINE_HELLO)
        assert (await receive(page))["state"]["notices"][0]["text"] == "app 1"
        await first.close()
        assert (await receive(page))["state"]["notices"][0]["text"] == "app 2"
        assert len(opened.apps) == 2
        await second.close()


async def test_an_engine_that_says_something_else_does_not_end_the_server(site: Path) -> None:
    """A page of another version is turned away, and the next one is used."""
    async with serving(site) as (server, _), socket(server, "/app") as page:
        await page.send('{"type": "hello"}')
        async with socket(server, "/host") as strange:
            await strange.send(json.dumps({"v": 99, "type": "hello", "data": {"protocol": 99}}))
            await asyncio.wait_for(strange.wait_closed(), 20)
        async with socket(server, "/host") as engine:
            await engine.send(ENGINE_HELLO)
            assert (await receive(page))["type"] == "state"


async def test_an_app_that_cannot_open_does_not_end_the_server(site: Path) -> None:
    """A full disk, say: the next page's engine is tried."""
    opened = Opened()
    failures: list[Exception] = [OSError("no space left on device")]

    async def open_app(host: Host) -> App:
        if failures:
            raise failures.pop()
        return await opened(host)

    server = await AppServer(site, open_app).start()
    try:
        async with socket(server, "/app") as page:
            await page.send('{"type": "hello"}')
            async with socket(server, "/host") as first:
                await first.send(ENGINE_HELLO)
                await asyncio.wait_for(first.wait_closed(), 20)
            async with socket(server, "/host") as second:
                await second.send(ENGINE_HELLO)
                assert (await receive(page))["type"] == "state"
    finally:
        await server.close()


async def test_the_served_site_connects_to_the_process_and_has_no_service_worker(site: Path) -> None:
    """`connect.js` is the one for a process, and `sw.js` removes one that an earlier site left."""
    for name in ("connect.js", "connect-served.js", "sw.js", "sw-none.js"):
        (site / name).write_text(name)
    async with serving(site) as (server, _):
        root = server.url.partition("#")[0]

        def read(name: str) -> str:
            with urllib.request.urlopen(root + name) as response:  # noqa: S310 (our own server)
                return response.read().decode()

        assert await asyncio.to_thread(read, "connect.js") == "connect-served.js"
        assert await asyncio.to_thread(read, "sw.js") == "sw-none.js"
