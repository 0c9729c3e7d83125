"""Channels over a widget's comm, and the use of one from another event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Protocol, TypeVar

from ..errors import ProtocolError, Unavailable
from ..page.protocol import Channel
from .messages import PIECE_BYTES, Text

T = TypeVar("T")

MAX_EARLY = 1000
"""How many pieces may overtake one that has not arrived."""

MAX_TEXT_BYTES = 16 * 1024 * 1024
"""The largest text that the protocol allows."""

Post = Callable[[dict[str, Any], list[bytes]], None]
"""Sends a message to all views; each takes its own."""


class ChannelOwner(Protocol):
    """The view that a channel belongs to."""

    id: str

    def opened(self, channel: CommChannel) -> int:
        """Note a channel that opens, and return its number."""
        ...

    def closed(self, channel: CommChannel) -> None:
        """Forget a channel."""
        ...


class CommChannel:
    """A `Channel` to one view's frame, over the widget's comm. It lives in the event loop of the widget's thread."""

    def __init__(self, owner: ChannelOwner, kind: str, post: Post) -> None:
        """``kind`` says what the frame connects it with: ``app`` or ``engine``."""
        self.kind = kind
        self.number = 0
        self._owner = owner
        self._post = post
        self._on_text: Callable[[str | bytes], None] | None = None
        self._on_closed: Callable[[str], None] | None = None
        self._closed: str | None = None
        self._sent = 0
        self._received = 0
        self._early: dict[int, tuple[bytes, bool]] = {}
        self._pieces: list[bytes] = []

    def open(self, on_text: Callable[[str | bytes], None], on_closed: Callable[[str], None]) -> None:
        """Let the frame connect it, and start delivering."""
        if self._closed is not None:
            on_closed(self._closed)
            return
        self._on_text, self._on_closed = on_text, on_closed
        self.number = self._owner.opened(self)
        self._tell("open", kind=self.kind)

    def send(self, text: str) -> None:
        """Send a text; raises `Unavailable` once the channel is closed."""
        if self._closed is not None:
            raise Unavailable(f"the connection to the notebook is closed: {self._closed}", reason="closed")
        data = text.encode(errors="surrogatepass")
        for start in range(0, len(data) or 1, PIECE_BYTES):
            self._sent += 1
            end = start + PIECE_BYTES
            self._tell("text", [data[start:end]], n=self._sent, more=end < len(data))

    async def close(self) -> None:
        """Close it, and let the frame disconnect."""
        if self._closed is None and self.number:
            self._tell("close", reason="Python closed the connection")
        self._on_closed = None
        self.end("it was closed by this program")

    def take(self, message: Text, data: bytes) -> None:
        """Take a piece of a text from the view; pieces are delivered in their order."""
        if message.n <= self._received or self._on_text is None:
            return
        self._early[message.n] = (data, message.more)
        while (piece := self._early.pop(self._received + 1, None)) is not None:
            self._received += 1
            self._join(*piece)
        if len(self._early) > MAX_EARLY:
            self.end(f"a message of the notebook was lost ({len(self._early)} came after it)")

    def end(self, reason: str) -> None:
        """Note that the other side is gone."""
        if self._closed is not None:
            return
        self._closed = reason
        self._owner.closed(self)
        self._on_text, on_closed, self._on_closed = None, self._on_closed, None
        if on_closed is not None:
            on_closed(reason)

    def _join(self, data: bytes, more: bool) -> None:
        self._pieces.append(data)
        if sum(map(len, self._pieces)) > MAX_TEXT_BYTES:
            self.end(f"a message of the page has more than {MAX_TEXT_BYTES} bytes")
        elif not more:
            text, self._pieces = b"".join(self._pieces), []
            if self._on_text is not None:
                self._on_text(text)

    def _tell(self, what: str, buffers: list[bytes] | None = None, **fields: Any) -> None:
        self._post({"type": what, "view": self._owner.id, "channel": self.number, **fields}, buffers or [])


class AcrossLoops:
    """A `Channel` for this event loop, over one that lives in another loop."""

    def __init__(self, channel: Channel, home: asyncio.AbstractEventLoop) -> None:
        """``channel`` is only touched in ``home``."""
        self._channel = channel
        self._home = home
        self._closed = False

    def open(self, on_text: Callable[[str | bytes], None], on_closed: Callable[[str], None]) -> None:
        """Start delivering, in the loop that runs now."""
        here = asyncio.get_running_loop()

        def text(got: str | bytes) -> None:
            with suppress(RuntimeError):  # that loop has ended
                here.call_soon_threadsafe(on_text, got)

        def closed(why: str) -> None:
            self._closed = True
            with suppress(RuntimeError):
                here.call_soon_threadsafe(on_closed, why)

        self._call(lambda: self._channel.open(text, closed))

    def send(self, text: str) -> None:
        """Send a text; raises `Unavailable` once the channel is closed."""
        if self._closed:
            raise Unavailable("the connection to the notebook is closed", reason="closed")
        self._call(lambda: self._send(text))

    async def close(self) -> None:
        """Close the channel."""
        self._closed = True
        with suppress(Unavailable):
            await run_in(self._home, self._channel.close())

    def _send(self, text: str) -> None:
        with suppress(Unavailable):  # it closed meanwhile, and `closed` says so
            self._channel.send(text)

    def _call(self, function: Callable[[], None]) -> None:
        try:
            self._home.call_soon_threadsafe(function)
        except RuntimeError as error:
            raise _gone() from error


async def run_in(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, T]) -> T:
    """Await ``work`` in the event loop of a widget. Raises `Unavailable` if that has ended."""
    try:
        running = asyncio.run_coroutine_threadsafe(work, loop)
    except RuntimeError as error:
        work.close()
        raise _gone() from error
    return await asyncio.wrap_future(running)


def _gone() -> Unavailable:
    return Unavailable("the widget is closed; run its cell again", reason="closed")


def read_buffer(buffers: list[Any]) -> bytes:
    """Return the first buffer of a message. Raises `ProtocolError` if the message has no buffer."""
    if not buffers:
        raise ProtocolError("a message of the notebook has no data")
    return bytes(buffers[0])
