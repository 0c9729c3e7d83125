"""Views: the places where front ends show a widget. They come and go without a word: a page is reloaded, a tab dies."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec

from .._internal.version import __version__
from ..errors import ProtocolError, Timeout, Unavailable
from .channel import CommChannel, Post, read_buffer
from .messages import Bye, Ended, FromView, Hello, Problem, Ready, Text

SILENT_S = 5.0
"""How long a view has to answer after another one has answered, before it counts as gone."""

MAX_VIEWS = 100
"""More have never said goodbye; the one that has been silent longest is forgotten."""


class View:
    """One place where the widget is shown."""

    def __init__(self, id: str, views: Views) -> None:  # noqa: A002 (what the messages call it)
        """``id`` is the view's own choice."""
        self.id = id
        self.ready = False
        self.asked = 0
        """How often it was asked whether it is still there, since it last said so."""
        self._views = views
        self._channels: dict[int, CommChannel] = {}

    def channel(self, kind: str) -> CommChannel:
        """Return a new channel to this view; the frame connects it when it is opened."""
        return CommChannel(self, kind, self._views.post)

    def opened(self, channel: CommChannel) -> int:
        """Note a channel that opens, and return its number."""
        number = self._views.next_channel()
        self._channels[number] = channel
        return number

    def closed(self, channel: CommChannel) -> None:
        """Forget a channel."""
        self._channels.pop(channel.number, None)

    def take(self, message: Text, data: bytes) -> None:
        """Take a text of one of its channels; one for a channel that has ended is ignored."""
        if channel := self._channels.get(message.channel):
            channel.take(message, data)

    def end(self, reason: str, number: int | None = None) -> None:
        """End its channels, or one of them."""
        for channel in [each for each in self._channels.values() if number in (None, each.number)]:
            channel.end(reason)


class Views:
    """The views of a widget. Lives in the event loop of the widget's thread.

    A view says hello every few seconds. Its clock may sleep in a tab in the background, and a kernel that runs a cell
    may deliver nothing: silence alone says little. So a new view makes this ask all others, and those that are silent
    although the new one's answers arrive are gone.
    """

    def __init__(self, post: Post, welcome: Callable[[], dict[str, Any]], on_ready: Callable[[View], None]) -> None:
        """Answer hellos with what ``welcome`` returns; call ``on_ready`` when a view's frame has started."""
        self.post = post
        self.problem: str | None = None
        self._welcome = welcome
        self._on_ready = on_ready
        self._views: dict[str, View] = {}
        self._last_channel = 0
        self._news = asyncio.Event()
        self._check: asyncio.TimerHandle | None = None
        self._closed: str | None = None

    @property
    def shown(self) -> int:
        """How many views there are."""
        return len(self._views)

    def next_channel(self) -> int:
        """Return a number that no channel of this widget had."""
        self._last_channel += 1
        return self._last_channel

    def receive(self, content: Any, buffers: list[Any]) -> None:
        """Take a message of the comm. One that is not of ours is ignored: other scripts of the page can send some."""
        try:
            message = msgspec.convert(content, FromView)
            data = read_buffer(buffers) if isinstance(message, Text) else b""
        except (msgspec.ValidationError, ProtocolError, TypeError):
            return
        if self._closed is not None:
            if isinstance(message, Hello):
                self.post({"type": "closed", "view": message.view, "reason": self._closed}, [])
        elif isinstance(message, Hello):
            self._on_hello(message)
        elif view := self._views.get(message.view):
            self._take(view, message, data)

    async def ready_view(self, timeout_s: float) -> View:
        """Return a view whose frame has started; wait for one up to ``timeout_s``.

        Raises `Unavailable` if no view is there, or none can show the page.
        """
        try:
            async with asyncio.timeout(timeout_s):
                while (found := self._first_ready()) is None:
                    if self._closed is not None:
                        raise Unavailable(f"the widget is closed: {self._closed}", reason="closed")
                    if self.problem is not None:
                        raise Unavailable(f"the notebook cannot show the page: {self.problem}", reason="blocked")
                    self._news.clear()
                    await self._news.wait()
                return found
        except TimeoutError as error:
            raise self._too_late(timeout_s) from error

    def close(self, reason: str) -> None:
        """End all views, and tell them why."""
        self._closed = reason
        if self._check is not None:
            self._check.cancel()
        for view in list(self._views.values()):
            view.end(reason)
        self._views.clear()
        self._news.set()
        self.post({"type": "closed", "view": None, "reason": reason}, [])

    def _take(self, view: View, message: FromView, data: bytes) -> None:
        if isinstance(message, Text):
            view.take(message, data)
        elif isinstance(message, Ready):
            self._start(view, message)
        elif isinstance(message, Ended):
            view.end(message.reason or "the page closed it", message.channel)
        elif isinstance(message, Problem):
            self.problem = message.message
            self._news.set()
        elif isinstance(message, Bye):
            self._forget(view, "its output was cleared, its cell was run again, or the tab was closed")

    def _on_hello(self, message: Hello) -> None:
        view = self._views.get(message.view)
        fresh = view is None
        if view is None:
            if len(self._views) >= MAX_VIEWS:
                self._forget(next(iter(self._views.values())), "it did not answer")
            view = self._views[message.view] = View(message.view, self)
            self.post({"type": "check"}, [])
            for other in self._views.values():
                other.asked += 1
        elif self._check is None and any(other.asked for other in self._views.values() if other is not view):
            # This one answers: the others' answers arrive now, too.
            self._check = asyncio.get_running_loop().call_later(SILENT_S, self._drop_silent)
        view.asked = 0
        self.post({"type": "welcome", "view": view.id, "fresh": fresh, **self._welcome()}, [])

    def _drop_silent(self) -> None:
        self._check = None
        for view in [each for each in self._views.values() if each.asked]:
            self._forget(view, "the page that showed it is gone")

    def _start(self, view: View, message: Ready) -> None:
        if message.version != __version__:
            self.problem = (
                f"the site is of browserllm {message.version or '(unknown)'}, and this kernel has {__version__}; build "
                "the site with the same release (browserllm build), or install that release here"
            )
            self.post({"type": "closed", "view": view.id, "reason": self.problem}, [])
            self._news.set()
            return
        self.problem = None
        view.end("the page has started again")
        view.ready = True
        self._news.set()
        self._on_ready(view)

    def _forget(self, view: View, reason: str) -> None:
        self._views.pop(view.id, None)
        view.end(reason)

    def _first_ready(self) -> View | None:
        return next((view for view in self._views.values() if view.ready), None)

    def _too_late(self, timeout_s: float) -> Timeout | Unavailable:
        if self._views:
            return Timeout(
                f"the page in the notebook did not start within {timeout_s:g} s; look at the widget's output, which "
                "says what is missing",
                data={"timeout_s": timeout_s},
            )
        return Unavailable(
            f"no notebook has shown this widget within {timeout_s:g} s: put it on the last line of a cell, or call "
            "display(widget), in JupyterLab, Notebook 7, VS Code or marimo; a script has no output that shows widgets",
            reason="no_window",
        )
