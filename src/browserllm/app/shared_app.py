"""SharedApp: the app of a process, for every page that connects. It uses one page's engine at a time."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from .._internal import lazy_asyncio as asyncio
from ..errors import BrowserLLMError
from ..page.host import Host
from ..page.protocol import Channel, ChannelHost
from .app import App
from .pipe import Pipe

logger = logging.getLogger("browserllm")

HELLO = '{"type": "hello"}'
MAX_EARLY = 1000
"""How many messages of a page are kept while no browser offers an engine yet."""

OpenApp = Callable[[Host], Awaitable[App]]


class SharedApp:
    """Runs the app over the engine of the first page that offers one; when that is gone, over the next one's.

    Pages may connect before there is an engine, and stay when it changes. What carries the texts is the caller's: a
    WebSocket, the comm of a notebook's widget.
    """

    def __init__(self, open_app: OpenApp) -> None:
        """``open_app`` opens the app over a page's engine."""
        self._open_app = open_app
        self._pages: set[_Page] = set()
        self._engines: asyncio.Queue[Channel] = asyncio.Queue()
        self._app: App | None = None
        self._running: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Wait for engines from now on."""
        self._running = asyncio.get_running_loop().create_task(self._run())

    def add_page(self, channel: Channel) -> None:
        """Show the app to a page, until its channel closes."""
        page = _Page(channel, self._pages.discard)
        self._pages.add(page)
        page.open()
        if self._app is not None:
            page.attach(self._app)

    def add_engine(self, channel: Channel) -> None:
        """Use a page's engine when its turn comes. The channel is opened then."""
        self._engines.put_nowait(channel)

    async def close(self) -> None:
        """Close the app, and the channels."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
        await asyncio.gather(*(page.close() for page in list(self._pages)))

    async def _run(self) -> None:
        """Run the app over one engine after the other."""
        while True:
            channel = await self._engines.get()
            try:
                await self._serve(channel)
            except Exception as error:  # also a full disk: the next page must not wait forever
                logger.warning("the app could not use a page's engine: %s", error)

    async def _serve(self, channel: Channel) -> None:
        watched = _Watched(channel)
        host = ChannelHost(watched)
        try:
            await host.start()
            self._app = await self._open_app(host)
            for page in list(self._pages):
                page.attach(self._app)
            await watched.gone.wait()
        finally:
            for page in list(self._pages):
                page.detach()
            app, self._app = self._app, None
            if app is not None:
                await app.close()
            with suppress(BrowserLLMError):
                await host.close()


class _Watched:
    """A channel, and whether it has closed."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self.gone = asyncio.Event()
        self.send = channel.send
        self.close = channel.close

    def open(self, on_text: Callable[[str | bytes], None], on_closed: Callable[[str], None]) -> None:
        def closed(why: str) -> None:
            self.gone.set()
            on_closed(why)

        self._channel.open(on_text, closed)


class _Page:
    """A page's channel. It outlives the app, which changes when the engine does."""

    def __init__(self, channel: Channel, on_gone: Callable[[_Page], Any]) -> None:
        self._channel = channel
        self._pipe: Pipe | None = None
        self._early: list[str] = []
        self._known = False
        self._on_gone = on_gone
        self._closing: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Start listening."""
        self._channel.open(self._on_text, self._on_closed)

    def attach(self, app: App) -> None:
        """Connect to an app: the page gets its state, and what it has asked for so far is carried out."""
        self._pipe = Pipe(app, self._send)
        # The page said hello to the first app; of another one it knows nothing.
        texts = [HELLO, *self._early] if self._known else self._early
        self._early, self._known = [], True
        for text in texts:
            self._on_text(text)

    def detach(self) -> None:
        """Disconnect from an app that ends; the page's calls fail."""
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None

    async def close(self) -> None:
        self.detach()
        await self._channel.close()

    def _on_text(self, text: str | bytes) -> None:
        text = text.decode(errors="replace") if isinstance(text, bytes) else text
        if self._pipe is not None:
            self._pipe.on_text(text)
        elif len(self._early) < MAX_EARLY:
            self._early.append(text)

    def _on_closed(self, why: str) -> None:
        self.detach()
        self._on_gone(self)

    def _send(self, text: str) -> None:
        # A page that does not read is as good as gone: it says hello again when it is back.
        try:
            self._channel.send(text)
        except BrowserLLMError as error:
            self._on_closed(str(error))
            self._closing = asyncio.get_running_loop().create_task(self._channel.close())
