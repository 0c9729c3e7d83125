"""ChannelHost: every message reaches its request, and no message from a page breaks the host."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

import browserllm as bl
from browserllm.page import protocol as channel_module
from browserllm.page.device import BatteryFacts
from browserllm.page.host import HostStream
from browserllm.page.protocol import ChannelHost
from browserllm.testing.host import device_facts

HELLO = {"protocol": 1, "page_version": "9.9", "engines": [{"name": "webllm", "version": "1"}], "user_agent": "UA"}


class Pipe:
    """A channel whose other end is the test."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.broken = False
        self.closed = False

    def open(self, on_text: Callable[[str | bytes], None], on_closed: Callable[[str], None]) -> None:
        self.on_text, self.on_closed = on_text, on_closed

    def send(self, text: str) -> None:
        if self.broken:
            raise bl.Unavailable("the pipe is broken", reason="closed")
        self.sent.append(json.loads(text))

    async def close(self) -> None:
        self.closed = True

    def say(self, **message: Any) -> None:
        self.on_text(json.dumps({"v": 1, **message}))


async def connected() -> tuple[ChannelHost, Pipe]:
    """Return a host that has received the hello."""
    pipe = Pipe()
    host = ChannelHost(pipe)
    starting = asyncio.create_task(host.start())
    await asyncio.sleep(0)
    pipe.say(type="hello", data=HELLO)
    await starting
    return host, pipe


async def asked(pipe: Pipe, count: int = 1) -> None:
    """Wait until the page has received this many messages."""
    while len(pipe.sent) < count:
        await asyncio.sleep(0)


async def test_hello_has_the_page_version_and_its_engines() -> None:
    """They are attributes of the host."""
    host, _ = await connected()
    assert host.hello.page_version == "9.9"
    assert [engine.name for engine in host.hello.engines] == ["webllm"]
    assert not host.closed


@pytest.mark.parametrize("bad", [{"protocol": 2, "page_version": "9.9"}, {"protocol": "x"}])
async def test_a_page_of_another_version_is_refused(bad: dict[str, Any]) -> None:
    """The error names both versions."""
    pipe = Pipe()
    starting = asyncio.create_task(ChannelHost(pipe).start())
    await asyncio.sleep(0)
    pipe.say(type="hello", data=bad)
    with pytest.raises(bl.errors.ProtocolError) as caught:
        await starting
    if bad["protocol"] == 2:
        assert caught.value.data == {"page_protocol": 2, "protocol": 1}
        assert "version 2 (page '9.9'), this program version 1" in str(caught.value)


async def test_a_channel_that_closes_before_the_hello_says_why() -> None:
    """A closed page is not waited for."""
    pipe = Pipe()
    starting = asyncio.create_task(ChannelHost(pipe).start())
    await asyncio.sleep(0)
    pipe.on_closed("it crashed")
    with pytest.raises(bl.Unavailable, match="it crashed"):
        await starting


async def test_garbage_instead_of_a_hello_is_a_protocol_error() -> None:
    """The error shows what arrived."""
    pipe = Pipe()
    starting = asyncio.create_task(ChannelHost(pipe).start())
    await asyncio.sleep(0)
    pipe.on_text("HTTP/1.1 400 Bad Request")
    with pytest.raises(bl.errors.ProtocolError, match=r"HTTP/1\.1 400"):
        await starting


async def test_a_second_hello_changes_nothing() -> None:
    """A port may repeat its hello."""
    host, pipe = await connected()
    pipe.say(type="hello", data={"protocol": 7})
    assert host.hello.page_version == "9.9"


async def test_the_page_reports_its_environment() -> None:
    """First in its hello, then in an event for each change, unasked; an unreadable event changes nothing."""
    pipe = Pipe()
    host = ChannelHost(pipe)
    assert host.environment == bl.page.Environment()
    starting = asyncio.create_task(host.start())
    await asyncio.sleep(0)
    wifi = {"type": "wifi", "effective_type": "4g", "save_data": False}
    pipe.say(type="hello", data={**HELLO, "environment": {"online": True, "connection": wifi, "battery": None}})
    await starting
    assert host.environment == bl.page.Environment(online=True, metered=False, save_data=False)
    heard: list[bl.page.Event] = []
    host.subscribe(heard.append)
    now = {"online": False, "connection": {"type": "cellular"}, "battery": {"level": 0.25, "charging": False}}
    pipe.say(type="event", name="environment", data=now)
    assert host.environment == bl.page.Environment(online=False, metered=True, battery_level=0.25, charging=False)
    problems: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: problems.append(context))
    pipe.say(type="event", name="environment", data={"online": "perhaps"})
    assert host.environment.online is False
    assert isinstance(problems[0]["exception"], bl.errors.ProtocolError)
    assert [event.name for event in heard] == ["environment", "environment"]
    pipe.say(type="event", name="environment", data={})
    assert host.environment == bl.page.Environment()
    assert pipe.sent == []


async def test_a_call_is_numbered_and_answered() -> None:
    """The request follows the protocol; results reach their callers in any order."""
    host, pipe = await connected()
    first = asyncio.create_task(host.call("status", {"a": 1}))
    second = asyncio.create_task(host.call("probe"))
    await asked(pipe, 2)
    assert pipe.sent == [
        {"v": 1, "id": 1, "op": "status", "args": {"a": 1}},
        {"v": 1, "id": 2, "op": "probe", "args": {}},
    ]
    pipe.say(type="result", id=2, data={"n": 2})
    pipe.say(type="result", id=1, data={"n": 1})
    assert (await first, await second) == ({"n": 1}, {"n": 2})


async def test_a_page_error_is_raised_typed() -> None:
    """Code, message and data arrive as one of our exceptions."""
    host, pipe = await connected()
    call = asyncio.create_task(host.call("load"))
    await asked(pipe)
    error = {"code": "out_of_memory", "message": "no 'VRAM' left", "data": {"vram_mb": 1}}
    pipe.say(type="error", id=1, error=error)
    with pytest.raises(bl.errors.OutOfMemory, match="no 'VRAM' left") as caught:
        await call
    assert caught.value.data == {"vram_mb": 1}


async def test_progress_reaches_its_caller_only() -> None:
    """Progress calls the callback of its own request; nulls mean unknown."""
    host, pipe = await connected()
    seen: list[bl.page.Progress] = []
    call = asyncio.create_task(host.call("load", {}, seen.append))
    other = asyncio.create_task(host.call("status"))
    await asked(pipe, 2)
    pipe.say(type="progress", id=1, data={"phase": "queued", "position": 2, "fraction": None, "text": "wait"})
    pipe.say(type="progress", id=2, data={"phase": "loading"})
    pipe.say(type="progress", id=77, data={"phase": "loading"})
    pipe.say(type="result", id=1, data={})
    pipe.say(type="result", id=2, data={})
    await asyncio.gather(call, other)
    assert seen == [bl.page.Progress("queued", None, "wait", position=2)]


async def test_a_callback_that_fails_does_not_end_the_connection() -> None:
    """The caller's bug is reported to the event loop, and the call continues."""
    host, pipe = await connected()
    reported: list[str] = []
    loop = asyncio.get_running_loop()
    before = loop.get_exception_handler()
    loop.set_exception_handler(lambda _, context: reported.append(context["message"]))
    try:
        host.subscribe(lambda event: 1 / 0)
        call = asyncio.create_task(host.call("load", {}, lambda progress: 1 / 0))
        await asked(pipe)
        pipe.say(type="progress", id=1, data={"phase": "loading"})
        pipe.say(type="event", name="device_lost")
        pipe.say(type="result", id=1, data={"n": 1})
        assert await call == {"n": 1}
    finally:
        loop.set_exception_handler(before)
    assert reported == ["an on_progress callback failed", "a subscriber failed on the event 'device_lost'"]


async def collect(stream: HostStream, texts: list[str]) -> None:
    async for chunk in stream:
        texts.append(chunk.text)  # noqa: PERF401 (kept when an error comes)


async def test_chunks_reach_their_stream() -> None:
    """Chunks reach their own stream in order; the result ends it."""
    host, pipe = await connected()
    one, two = host.stream("chat"), host.stream("chat")
    first: list[str] = []
    second: list[str] = []
    reading = asyncio.gather(collect(one, first), collect(two, second))
    await asyncio.sleep(0)
    for text in "abc":
        pipe.say(type="chunk", id=1, data={"text": text, "tokens": 1})
    pipe.say(type="chunk", id=2, data={"text": "z", "tokens": 1})
    pipe.say(type="chunk", id=99, data={"text": "lost", "tokens": 1})
    pipe.say(type="result", id=1, data={"finish_reason": "stop"})
    pipe.say(type="result", id=2, data={"finish_reason": "length"})
    await reading
    assert (first, second) == (["a", "b", "c"], ["z"])
    assert (one.result, two.result) == ({"finish_reason": "stop"}, {"finish_reason": "length"})


async def test_chunks_before_an_error_are_delivered() -> None:
    """The text that arrived before the error is delivered first."""
    host, pipe = await connected()
    stream = host.stream("chat")
    pipe.say(type="chunk", id=1, data={"text": "a", "tokens": 1})
    pipe.say(type="error", id=1, error={"code": "device_lost", "message": "gone", "data": {}})
    texts: list[str] = []
    with pytest.raises(bl.errors.DeviceLost):
        await collect(stream, texts)
    assert texts == ["a"]


async def test_a_slow_reader_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the buffer, text, tokens and logprobs are joined to the last chunk."""
    monkeypatch.setattr(channel_module, "BUFFERED_CHUNKS", 2)
    host, pipe = await connected()
    stream = host.stream("chat")
    for text in "abcd":
        pipe.say(type="chunk", id=1, data={"text": text, "tokens": 1, "logprobs": [text] if text > "b" else None})
    pipe.say(type="result", id=1, data={})
    chunks = [chunk async for chunk in stream]
    assert [(chunk.text, chunk.tokens, chunk.logprobs) for chunk in chunks] == [("a", 1, None), ("bcd", 3, ["c", "d"])]


async def test_unread_text_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the limit, the request is cancelled in the page and fails."""
    monkeypatch.setattr(channel_module, "BUFFERED_CHUNKS", 1)
    monkeypatch.setattr(channel_module, "BUFFERED_CHARACTERS", 10)
    host, pipe = await connected()
    stream = host.stream("chat")
    for _ in range(3):
        pipe.say(type="chunk", id=1, data={"text": "12345", "tokens": 1})
    assert pipe.sent[-1] == {"v": 1, "id": 1, "op": "cancel", "args": {}}
    with pytest.raises(bl.errors.ProtocolError, match="were not read"):
        await collect(stream, [])


async def test_a_cancelled_call_is_cancelled_in_the_page() -> None:
    """The page is told at once, and its late answer is ignored."""
    host, pipe = await connected()
    call = asyncio.create_task(host.call("load"))
    await asked(pipe)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert pipe.sent[-1] == {"v": 1, "id": 1, "op": "cancel", "args": {}}
    pipe.say(type="error", id=1, error={"code": "cancelled", "message": "m", "data": {}})
    again = asyncio.create_task(host.call("status"))
    await asked(pipe, 3)
    pipe.say(type="result", id=2, data={"n": 1})
    assert await again == {"n": 1}


async def test_a_stream_can_be_stopped_or_dropped() -> None:
    """cancel() still delivers the result; drop() delivers nothing more; both do nothing after the end."""
    host, pipe = await connected()
    stopped, dropped = host.stream("chat"), host.stream("chat")
    stopped.cancel()
    dropped.drop()
    assert [(message["id"], message["op"]) for message in pipe.sent[2:]] == [(1, "cancel"), (2, "cancel")]
    pipe.say(type="chunk", id=2, data={"text": "late", "tokens": 1})
    pipe.say(type="result", id=1, data={"finish_reason": "cancelled"})
    await collect(stopped, [])
    assert stopped.result == {"finish_reason": "cancelled"}
    stopped.cancel()
    stopped.drop()
    dropped.drop()
    assert len(pipe.sent) == 4


@pytest.mark.parametrize(
    "text",
    ["{not json", "[]", '{"type":"surprise","id":1}', '{"type":"chunk","id":1,"data":{"tokens":1}}', b"\xff\xfe"],
)
async def test_a_broken_message_fails_pending_calls_but_not_the_host(text: str | bytes) -> None:
    """Pending calls are cancelled and raise a ProtocolError with the start of the text; the next call works."""
    host, pipe = await connected()
    call = asyncio.create_task(host.call("status"))
    stream = host.stream("chat")
    await asked(pipe, 2)
    pipe.on_text(text)
    for waiting in (call, collect(stream, [])):
        with pytest.raises(bl.errors.ProtocolError) as caught:
            await waiting
        shown = text[:80] if isinstance(text, str) else text.decode(errors="replace")
        assert repr(shown) in str(caught.value)
    assert {message["id"] for message in pipe.sent if message["op"] == "cancel"} == {1, 2}
    again = asyncio.create_task(host.call("status"))
    await asked(pipe, 5)
    pipe.say(type="result", id=3, data={"n": 1})
    assert await again == {"n": 1}


async def test_only_the_start_of_a_broken_message_is_shown() -> None:
    """A broken message of a megabyte does not become an exception of a megabyte."""
    host, pipe = await connected()
    call = asyncio.create_task(host.call("status"))
    await asked(pipe)
    pipe.on_text("x" * 1_000_000)
    with pytest.raises(bl.errors.ProtocolError) as caught:
        await call
    assert caught.value.data["text"] == "x" * 80
    assert len(str(caught.value)) < 300


async def test_an_error_without_an_id_fails_pending_calls() -> None:
    """The page could not read one of our messages and does not know which."""
    host, pipe = await connected()
    call = asyncio.create_task(host.call("status"))
    await asked(pipe)
    pipe.say(type="error", id=None, error={"code": "protocol", "message": "that was no JSON", "data": {}})
    with pytest.raises(bl.errors.ProtocolError, match="no JSON"):
        await call


async def test_a_closed_channel_fails_everything_at_once() -> None:
    """Pending and later calls and streams raise Unavailable(closed) with the reason."""
    host, pipe = await connected()
    call = asyncio.create_task(host.call("status"))
    stream = host.stream("chat")
    await asked(pipe, 2)
    pipe.on_closed("the browser was killed")
    pipe.on_closed("again")
    for waiting in (call, collect(stream, []), host.call("status")):
        with pytest.raises(bl.Unavailable, match="the browser was killed") as caught:
            await waiting
        assert caught.value.reason == "closed"
    assert host.closed
    stream.cancel()
    assert {message["op"] for message in pipe.sent} == {"status", "chat"}


async def test_close_cancels_pending_requests_in_the_page() -> None:
    """A port outlives its host, so its requests are cancelled before the host closes."""
    host, pipe = await connected()
    async with host:
        call = asyncio.create_task(host.call("load"))
        await asked(pipe)
    assert pipe.sent[-1] == {"v": 1, "id": 1, "op": "cancel", "args": {}}
    assert pipe.closed
    with pytest.raises(bl.Unavailable, match="closed by this program"):
        await call
    await host.close()


async def test_close_waits_until_a_download_has_saved_its_data() -> None:
    """The channel stays open until the page has ended the download, so that its last bytes reach the disk."""
    host, pipe = await connected()
    stream = host.stream("download")
    closing = asyncio.create_task(host.close())
    await asked(pipe, 2)
    assert pipe.sent[-1]["op"] == "cancel"
    for _ in range(20):
        await asyncio.sleep(0)
    assert not pipe.closed and not closing.done()
    pipe.say(id=pipe.sent[0]["id"], type="error", error={"code": "cancelled", "message": "stopped"})
    await closing
    assert pipe.closed and host.closed
    with pytest.raises(bl.Cancelled):
        await collect(stream, [])


@pytest.mark.parametrize("end", ["silence", "the pipe breaks"])
async def test_close_does_not_wait_for_a_page_that_never_saves(monkeypatch: pytest.MonkeyPatch, end: str) -> None:
    """Closing ends, whether the page stays silent or closes meanwhile."""
    monkeypatch.setattr(channel_module, "SAVE_WAIT_S", 0.01 if end == "silence" else 1000)
    host, pipe = await connected()
    host.stream("download")
    closing = asyncio.create_task(host.close())
    await asked(pipe, 2)
    if end != "silence":
        pipe.on_closed("the page is gone")
    await closing
    assert pipe.closed and host.closed


async def test_a_message_that_cannot_be_sent_fails_only_its_call() -> None:
    """The call raises; a cancel that cannot be sent does not hide the cancellation."""
    host, pipe = await connected()
    call = asyncio.create_task(host.call("status"))
    await asked(pipe)
    pipe.broken = True
    with pytest.raises(bl.Unavailable, match="pipe is broken"):
        await host.call("status")
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call


async def test_events_reach_subscribers_until_they_unsubscribe() -> None:
    """Events that the page sends unasked reach every subscriber."""
    host, pipe = await connected()
    seen: list[bl.page.Event] = []
    unsubscribe = host.subscribe(seen.append)
    pipe.say(type="event", name="unloaded", data={"model": "m"})
    unsubscribe()
    unsubscribe()
    pipe.say(type="event", name="unloaded", data={"model": "n"})
    assert seen == [bl.page.Event("unloaded", {"model": "m"})]


async def test_the_probe_is_cached() -> None:
    """Facts are cached until a refresh, or until the device is lost."""
    host = bl.ScriptedHost()
    facts = await host.probe()
    assert await host.probe() is facts
    assert len(host.requests) == 1
    await host.probe(refresh=True)
    assert host.requests[-1] == ("probe", {"refresh": True})
    host.emit("device_lost")
    await host.probe()
    assert len(host.requests) == 3


async def test_the_facts_of_a_device_follow_its_environment() -> None:
    """Both a cached probe and one after the event have the reported environment."""
    host = bl.ScriptedHost(facts=msgspec.structs.replace(device_facts(), online=True))
    assert host.environment.online is True
    assert (await host.probe()).online is True
    host.emit("environment", online=False, battery={"level": 0.5, "charging": True})
    facts = await host.probe()
    assert (facts.online, facts.battery) == (False, BatteryFacts(0.5, True))
    assert [op for op, _ in host.requests] == ["probe"]
    assert (await host.probe(refresh=True)).online is False
    host.emit("device_lost", model="pocket")
    assert (await host.probe()).online is False


async def test_an_invalid_probe_is_a_protocol_error() -> None:
    """The page's answers are validated."""
    host, pipe = await connected()
    call = asyncio.create_task(host.probe())
    await asked(pipe)
    pipe.say(type="result", id=1, data={"webgpu": 7})
    with pytest.raises(bl.errors.ProtocolError, match="'probe'"):
        await call
