"""A front end that shows a widget, as far as Python sees it: a script that answers on the widget's comm."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from browserllm._internal.version import __version__

ENGINE_HELLO = json.dumps({"v": 1, "type": "hello", "data": {"protocol": 1, "engines": [{"name": "webllm"}]}})


class FrontEnd:
    """Keeps what Python sends, and sends as views do. ``receive`` is set to where its messages go."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.receive: Callable[[Any, list[Any]], None] = lambda content, buffers: None
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()
        self._numbers: dict[int, int] = {}

    def post(self, content: dict[str, Any], buffers: list[bytes]) -> None:
        """Take a message of Python, in any thread."""
        self._loop.call_soon_threadsafe(self._take, content, list(buffers))

    def _take(self, content: dict[str, Any], buffers: list[bytes]) -> None:
        self.got.append({**content, "data": b"".join(buffers)})
        self._news.set()

    async def until(self, count: int = 1, **fields: Any) -> dict[str, Any]:
        """Wait for this many messages with these fields, and return the last."""
        while len(found := [each for each in self.got if fields.items() <= each.items()]) < count:
            self._news.clear()
            await self._news.wait()
        return found[count - 1]

    def say(self, kind: str, view: str, data: bytes | None = None, **fields: Any) -> None:
        """Send a message of a view."""
        self.receive({"type": kind, "view": view, **fields}, [] if data is None else [memoryview(data)])

    async def show(self, view: str) -> None:
        """Show the widget, as a view whose frame starts."""
        self.say("hello", view, origin="http://localhost:8888")
        await self.until(type="welcome", view=view)
        self.say("ready", view, version=__version__)

    async def channel(self, view: str, kind: str, count: int = 1) -> int:
        """Wait until Python opens a channel, and return its number."""
        return (await self.until(count, type="open", view=view, kind=kind))["channel"]

    def text(self, view: str, channel: int, text: str, *, more: bool = False, n: int | None = None) -> None:
        """Send a text of a channel, or a piece of one."""
        self._numbers[channel] = n or self._numbers.get(channel, 0) + 1
        self.say("text", view, text.encode(), channel=channel, n=self._numbers[channel], more=more)

    async def start_engine(self, view: str, count: int = 1) -> int:
        """Be the engine of a view: say hello on the channel that Python opens, and return its number."""
        channel = await self.channel(view, "engine", count)
        self.text(view, channel, ENGINE_HELLO)
        return channel
