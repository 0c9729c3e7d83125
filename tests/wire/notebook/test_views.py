"""The views of a widget: they come and go, and their channels carry texts of any length in order."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import pytest

from browserllm._internal.version import __version__
from browserllm.errors import BrowserLLMError, Timeout, Unavailable
from browserllm.notebook import views as views_module
from browserllm.notebook.channel import CommChannel
from browserllm.notebook.messages import PIECE_BYTES
from browserllm.notebook.views import View, Views
from notebook_front_end import FrontEnd


def shown() -> tuple[FrontEnd, Views, list[View]]:
    front, ready = FrontEnd(), list[View]()
    views = Views(front.post, lambda: {"url": "http://127.0.0.1:8019/notebook.html"}, ready.append)
    front.receive = views.receive
    return front, views, ready


class Got:
    """What a channel delivered."""

    def __init__(self, channel: CommChannel) -> None:
        self.texts: list[str] = []
        self.closed: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        channel.open(lambda text: self.texts.append(bytes(text).decode()), self.closed.set_result)  # type: ignore[arg-type]


async def opened() -> tuple[FrontEnd, Views, CommChannel, Got]:
    front, views, ready = shown()
    await front.show("a")
    channel = ready[0].channel("engine")
    return front, views, channel, Got(channel)


async def test_a_hello_is_answered_each_time_and_says_whether_the_view_is_new() -> None:
    """That is how a view notices that Python is gone, or has forgotten it."""
    front, _, _ = shown()
    front.say("hello", "a")
    first = await front.until(type="welcome", view="a")
    front.say("hello", "a")
    second = await front.until(2, type="welcome", view="a")
    assert (first["fresh"], second["fresh"]) == (True, False)
    assert first["url"] == "http://127.0.0.1:8019/notebook.html"


@pytest.mark.parametrize(
    "content", [None, "hello", {}, {"type": "text", "view": "a", "channel": 1, "n": 1}, {"type": "hello", "view": 7}]
)
async def test_a_message_that_cannot_be_read_is_ignored(content: Any) -> None:
    """Any script of the notebook's page can send one; the views that are there go on."""
    front, views, channel, got = await opened()
    views.receive(content, [])
    front.text("a", channel.number, "still here")
    assert got.texts == ["still here"]


async def test_texts_travel_in_pieces_and_arrive_in_order() -> None:
    """Servers of notebooks limit a message; a kernel with several threads may deliver one before another."""
    front, _, channel, got = await opened()
    text = "é" * PIECE_BYTES
    channel.send(text)
    number = math.ceil(len(text.encode()) / PIECE_BYTES)
    last = await front.until(type="text", channel=channel.number, n=number, more=False)
    pieces = [each["data"] for each in front.got if each["type"] == "text"]
    assert b"".join(pieces).decode() == text and max(map(len, pieces)) == PIECE_BYTES
    assert last["n"] == 2
    front.text("a", channel.number, "two", n=3)
    front.text("a", channel.number, "ne", n=2)
    assert got.texts == []
    front.text("a", channel.number, "o", n=1, more=True)
    assert got.texts == ["one", "two"]
    front.text("a", channel.number, "ne", n=2)
    assert got.texts == ["one", "two"], "a piece that came twice counts once"


async def test_a_lost_message_ends_the_channel() -> None:
    """It waits for no message that will never come."""
    front, _, channel, got = await opened()
    for n in range(2, 1100):
        if not got.closed.done():
            front.text("a", channel.number, "x", n=n)
    assert "lost" in await got.closed
    with pytest.raises(Unavailable) as caught:
        channel.send("more")
    assert caught.value.reason == "closed"


@pytest.mark.parametrize("end", ["bye", "ended", "ready"])
async def test_a_channel_closes_with_its_page(end: str) -> None:
    """The output is cleared, the engine stops, or the frame starts again: the request on it fails at once."""
    front, _, channel, got = await opened()
    front.say(end, "a", channel=channel.number, reason="the engine stopped", version=__version__)
    assert await got.closed
    front.text("a", channel.number, "late")
    assert got.texts == []


async def test_a_page_that_was_reloaded_is_noticed_by_the_next_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tab that dies says nothing: when a new view comes, those that do not answer are gone, and the others stay."""
    monkeypatch.setattr(views_module, "SILENT_S", 0)
    front, views, ready = shown()
    await front.show("alive")
    await front.show("dead")
    alive, dead = (Got(view.channel("engine")) for view in ready)
    front.say("hello", "new")
    await front.until(2, type="check")
    front.say("hello", "alive")
    assert not dead.closed.done(), "the kernel may deliver nothing at the moment"
    front.say("hello", "new")
    assert "gone" in await dead.closed
    assert not alive.closed.done() and views.shown == 2


async def test_waiting_for_a_view_ends_with_what_is_missing() -> None:
    """No view, a view whose frame does not start, and one that says why: each error says what to do."""
    front, views, _ = shown()
    with pytest.raises(Unavailable) as nowhere:
        await views.ready_view(0)
    assert nowhere.value.reason == "no_window" and "display(widget)" in str(nowhere.value)
    front.say("hello", "a")
    with pytest.raises(Timeout):
        await views.ready_view(0)
    waiting = asyncio.ensure_future(views.ready_view(30))
    await asyncio.sleep(0)
    front.say("problem", "a", message="the frame is blocked")
    with pytest.raises(BrowserLLMError) as blocked:
        await waiting
    assert "the frame is blocked" in str(blocked.value)
    front.say("ready", "a", version=__version__)
    assert (await views.ready_view(0)).id == "a"


async def test_a_site_of_another_release_is_refused() -> None:
    """The app's messages have no version of their own."""
    front, views, ready = shown()
    front.say("hello", "a")
    front.say("ready", "a", version="0.0.1")
    closed = await front.until(type="closed", view="a")
    assert "0.0.1" in closed["reason"] and __version__ in closed["reason"]
    assert ready == []
    with pytest.raises(Unavailable):
        await views.ready_view(0)


async def test_a_closed_widget_says_so_to_every_view() -> None:
    """To those that are there, and to one that is shown again later."""
    front, views, _, got = await opened()
    views.close("the cell was run again")
    assert await got.closed == "the cell was run again"
    assert (await front.until(type="closed", view=None))["reason"] == "the cell was run again"
    front.say("hello", "z")
    await front.until(type="closed", view="z")
