"""What runs behind a widget, in a thread with an event loop: the site's server, the views and, for a chat, the app."""

from __future__ import annotations

import asyncio
import logging
import os
from contextlib import suppress
from typing import Any

from .._internal.system.user_data import conversations_file
from .._internal.waiting import LoopThread
from ..app.app import App
from ..app.opening import open_app
from ..app.shared_app import SharedApp
from ..errors import Timeout
from ..page.host import Host
from ..stores.sqlite import SQLiteStore
from .channel import AcrossLoops, Post, run_in
from .host import NotebookHost
from .site import LoopbackSite, OtherSite
from .views import View, Views

logger = logging.getLogger("browserllm")


class Running:
    """Runs until `close`, or until the program exits."""

    def __init__(
        self, post: Post, *, site: str | None, chat: bool, conversations: str | os.PathLike[str] | None = None
    ) -> None:
        """Start. ``post`` sends a message to the front ends, and may be called in any thread.

        Raises `InvalidRequest` for a ``site`` that is no address, `Unavailable` if the site cannot be served.
        """
        self._site = OtherSite(site) if site is not None else LoopbackSite()
        self._store = SQLiteStore(conversations or conversations_file()) if chat else None
        self._shared = SharedApp(self._open_app) if chat else None
        self._views: Views | None = None
        self._busy = False
        self._post = _careful(post)
        self._reason = "this program has ended"
        self._thread = LoopThread(self._end)
        try:
            self._loop = self._thread.run(self._start())
        except BaseException:
            self._thread.drop()
            raise

    def receive(self, content: Any, buffers: list[Any]) -> None:
        """Take a message of the comm, in any thread."""
        views = self._views
        if views is not None:
            with suppress(RuntimeError):  # closed
                self._loop.call_soon_threadsafe(views.receive, content, buffers)

    def note_busy(self, busy: bool) -> None:
        """Tell the views that the kernel runs a cell, or that it has ended."""
        self._busy = busy
        self._post({"type": "busy", "busy": busy}, [])

    async def open_host(self, timeout_s: float) -> Host:
        """Open a connection to the engine of the first view, for the event loop that runs now."""
        view = await run_in(self._loop, self._ready_view(timeout_s))
        channel = view.channel("engine")
        host = NotebookHost(AcrossLoops(channel, self._loop))
        try:
            async with asyncio.timeout(timeout_s):
                return await host.start()
        except BaseException as error:
            await host.close()
            if isinstance(error, TimeoutError):
                raise Timeout(
                    f"the engine in the notebook's page did not start within {timeout_s:g} s; run the widget's cell "
                    "again",
                    data={"timeout_s": timeout_s},
                ) from error
            raise

    def close(self, reason: str) -> None:
        """End everything, and tell the views why; waits until the port is free again."""
        self._reason = reason
        self._thread.close()

    async def _start(self) -> asyncio.AbstractEventLoop:
        await self._site.start()
        if self._shared is not None:
            self._shared.start()
        self._views = Views(self._post, self._welcome, self._on_ready)
        return asyncio.get_running_loop()

    async def _end(self) -> None:
        if self._views is not None:
            self._views.close(self._reason)
        if self._shared is not None:
            await self._shared.close()
        if self._store is not None:
            await self._store.close()
        await self._site.close()

    async def _ready_view(self, timeout_s: float) -> View:
        assert self._views is not None  # noqa: S101 (the constructor has waited for `_start`)
        return await self._views.ready_view(timeout_s)

    async def _open_app(self, host: Host) -> App:
        return await open_app(host, store=self._store, python="notebook")

    def _welcome(self) -> dict[str, Any]:
        return {"url": self._site.url, "chat": self._shared is not None, "busy": self._busy}

    def _on_ready(self, view: View) -> None:
        if self._shared is not None:
            self._shared.add_page(view.channel("app"))
            self._shared.add_engine(view.channel("engine"))


def _careful(post: Post) -> Post:
    """Return ``post`` for a program that may be ending: one that cannot send any more must still close the rest."""

    def careful(content: dict[str, Any], buffers: list[bytes]) -> None:
        try:
            post(content, buffers)
        except Exception as error:
            logger.warning("a message to the notebook could not be sent: %s", error)

    return careful
