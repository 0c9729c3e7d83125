"""A page's WebSocket: the checks before it opens, and a host over a real one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

import browserllm as bl
from browserllm.page.protocol import ChannelHost
from browserllm.page.serving import websocket
from browserllm.page.serving.static import SOCKET_PATH, SiteServer, Socket
from browserllm.page.serving.websocket import WebSocketChannel

SECRET = "a-secret"
HELLO = json.dumps({"v": 1, "type": "hello", "data": {"protocol": 1, "engines": [{"name": "webllm"}]}})


@asynccontextmanager
async def serving(site: Path) -> AsyncIterator[tuple[SiteServer, asyncio.Queue[WebSocketChannel]]]:
    """A server that accepts pages; their channels are put into the queue."""
    pages: asyncio.Queue[WebSocketChannel] = asyncio.Queue()
    server = SiteServer(
        site,
        sockets={SOCKET_PATH: Socket(SECRET, lambda page: pages.put_nowait(WebSocketChannel(page)), once=True)},
        launched=True,
    )
    await server.start()
    try:
        yield server, pages
    finally:
        await server.close()


def page_of(server: SiteServer, *, token: str = SECRET, origin: str | None = None, path: str = "/host") -> connect:
    """Connect as a page of the server does."""
    address = f"127.0.0.1:{server.port}"
    return connect(
        f"ws://{address}{path}?token={token}",
        origin=origin or f"http://{address}",  # pyright: ignore[reportArgumentType]
        proxy=None,
    )


@asynccontextmanager
async def host_and_page(site: Path) -> AsyncIterator[tuple[ChannelHost, ClientConnection]]:
    """A host over a real socket, and the page at the other end."""
    async with serving(site) as (server, pages), page_of(server) as page:
        await page.send(HELLO)
        host = await ChannelHost(await pages.get()).start()
        yield host, page
        await host.close()


@pytest.mark.parametrize(
    ("token", "origin", "said"),
    [
        ("wrong", None, b"token"),
        ("", None, b"token"),
        ("%F0%9F%98%80", None, b"token"),
        (SECRET, "http://evil.example", b"evil.example"),
        (SECRET, "null", b"null"),
    ],
)
async def test_only_our_page_with_the_secret_may_connect(
    site: Path, token: str, origin: str | None, said: bytes
) -> None:
    """A wrong secret and a foreign origin are rejected before the handshake, each with its reason."""
    async with serving(site) as (server, pages):
        with pytest.raises(InvalidStatus) as caught:
            async with page_of(server, token=token, origin=origin):
                pass
        assert caught.value.response.status_code == 403
        assert said in (caught.value.response.body or b"")
        assert pages.empty()


async def test_a_server_without_pages_has_no_socket(site: Path) -> None:
    """The chat page's server answers "not found" for the socket's path."""
    server = await SiteServer(site).start()
    with pytest.raises(InvalidStatus) as caught:
        async with page_of(server):
            pass
    await server.close()
    assert caught.value.response.status_code == 404


async def test_a_chat_over_a_real_socket(site: Path) -> None:
    """Requests are sent, and chunks and the result arrive in order."""
    async with host_and_page(site) as (host, page):
        stream = host.stream("chat", {"model": "pocket"})
        asked = json.loads(await page.recv())
        assert (asked["op"], asked["args"]) == ("chat", {"model": "pocket"})
        for number in range(100):
            await page.send(
                json.dumps({"v": 1, "id": asked["id"], "type": "chunk", "data": {"text": f"{number} ü ", "tokens": 1}})
            )
        await page.send(json.dumps({"v": 1, "id": asked["id"], "type": "result", "data": {"finish_reason": "stop"}}))
        texts = [chunk.text async for chunk in stream]
        assert texts == [f"{number} ü " for number in range(100)]


async def test_a_page_that_closes_fails_pending_requests(site: Path) -> None:
    """When the socket closes, the host is closed."""
    async with host_and_page(site) as (host, page):
        call = asyncio.create_task(host.call("status"))
        await page.recv()
        await page.close()
        with pytest.raises(bl.Unavailable, match="the page is gone") as caught:
            await call
        assert caught.value.reason == "closed"
        with pytest.raises(bl.Unavailable):
            await host.call("status")


async def test_a_message_over_the_limit_ends_the_connection(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Larger messages than the protocol allows are not read."""
    monkeypatch.setattr("browserllm.page.serving.static.MAX_MESSAGE_BYTES", 1000)
    async with host_and_page(site) as (host, page):
        call = asyncio.create_task(host.call("status"))
        await page.recv()
        await page.send("x" * 2000)
        with pytest.raises(bl.Unavailable):
            await call
        with pytest.raises(ConnectionClosed):
            await page.recv()


async def test_queued_messages_are_limited(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that does not read fails the first request over the limit, and does not fill the memory."""
    monkeypatch.setattr(websocket, "MAX_WAITING", 2)
    async with host_and_page(site) as (host, page):
        host.stream("chat")
        host.stream("chat")
        with pytest.raises(bl.errors.QueueFull, match="2 messages wait"):
            host.stream("chat")
        assert [json.loads(await page.recv())["id"] for _ in range(2)] == [1, 2]


async def test_closing_the_host_closes_the_socket(site: Path) -> None:
    """The page notices it; sending a message afterwards is an error."""
    async with serving(site) as (server, pages), page_of(server) as page:
        await page.send(HELLO)
        channel = await pages.get()
        host = await ChannelHost(channel).start()
        await host.close()
        with pytest.raises(ConnectionClosed):
            await page.recv()
        with pytest.raises(bl.Unavailable):
            channel.send("late")
        channel.drop("late")
