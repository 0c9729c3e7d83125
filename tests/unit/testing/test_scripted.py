"""The shipped test doubles do what their scripts say."""

from __future__ import annotations

import asyncio

import pytest

import browserllm as bl
from browserllm.testing.backend import ScriptedBackend
from browserllm.testing.host import ScriptedHost, device_facts
from browserllm.testing.script import Wait


async def test_answers_come_in_order_and_the_last_one_stays() -> None:
    """A script of two answers gives the second one for ever."""
    backend = ScriptedBackend(["one", "two"])
    assert [(await backend.complete("hi")).text for _ in range(3)] == ["one", "two", "two"]
    assert [request.messages[0].text for request in backend.requests] == ["hi"] * 3


async def test_an_empty_script_answers_nothing() -> None:
    """No answers: an empty text, ended as usual."""
    response = await ScriptedBackend([]).complete("hi")
    assert (response.text, response.finish_reason) == ("", "stop")


async def test_the_end_can_be_scripted() -> None:
    """Name, model and finish reason are the test's to choose."""
    backend = ScriptedBackend(
        name="cloud", model="m", finish_reason="length", capabilities=bl.types.Capabilities(images=True)
    )
    response = await backend.complete("hi")
    assert (response.backend, response.model, response.finish_reason) == ("cloud", "m", "length")
    assert backend.capabilities.images


async def test_a_host_records_and_limits() -> None:
    """max_tokens is honoured, and every request is there to look at."""
    host = ScriptedHost("one two three four")
    response = await bl.LocalBackend(host).complete("hi", max_tokens=2)
    assert (response.text, response.finish_reason) == ("one two ", "length")
    assert [op for op, _ in host.requests] == ["status", "status", "probe", "status", "load", "chat", "chat"]


async def test_a_host_waits_on_the_clock() -> None:
    """A pause in an answer lasts until the test moves the clock, or the answer is stopped."""
    host = ScriptedHost([["one ", Wait(3), "two"], ["a ", Wait(3), "b"]])
    backend = bl.LocalBackend(host)
    task = asyncio.create_task(backend.complete("hi"))
    while not host.clock._sleepers:
        await asyncio.sleep(0)
    host.clock.advance(3)
    assert (await task).text == "one two"
    stream = backend.stream("hi")
    async for chunk in stream:
        if chunk.text:
            stream.stop()
    assert (stream.response.text, stream.response.finish_reason) == ("a ", "cancelled")
    host.clock.advance(10)


async def test_a_host_of_another_protocol() -> None:
    """A page of another version can be played."""
    with pytest.raises(bl.errors.ProtocolError, match="version 9"):
        await ScriptedHost(protocol=9).start()
    assert (await ScriptedHost().start()).hello.page_version == "scripted"


async def test_an_unknown_op_is_a_protocol_error() -> None:
    """As the real page does it."""
    host = ScriptedHost()
    with pytest.raises(bl.errors.ProtocolError, match="'no_such_op'"):
        await host.call("no_such_op")
    assert await host.call("status") == {"loaded": [], "queue": 0}


async def test_a_closed_scripted_host_is_closed() -> None:
    """Nothing can be asked after close()."""
    async with ScriptedHost() as host:
        assert (await host.probe()).webgpu.available
    with pytest.raises(bl.Unavailable):
        await host.call("status")
    with pytest.raises(bl.Unavailable):
        host.page.send("{}")
    host.page.say({"type": "event", "name": "late"})


def test_facts_of_a_device() -> None:
    """A device without WebGPU has a reason and no adapter."""
    facts = device_facts(webgpu=False, reason="no_api")
    assert (facts.webgpu.available, facts.webgpu.reason, facts.webgpu.adapter) == (False, "no_api", None)
    assert device_facts().webgpu.reason is None


async def test_a_router_sees_the_scripted_facts_of_a_backend() -> None:
    """Without a script nothing stands in the way and nothing leaves the device."""
    request = bl.ChatRequest(messages=[bl.Message("user", "hi")])
    here = ScriptedBackend()
    facts = await here.facts(request)
    assert (facts.leaves_device, facts.needs_network, facts.available, facts.model) == (False, False, True, "scripted")
    assert here.environment() is None
    scripted = bl.backends.BackendFacts(leaves_device=True, needs_network=True, fetch_bytes=5)
    there = ScriptedBackend(leaves_device=True, facts=scripted, environment=bl.page.Environment(online=False))
    assert there.leaves_device and await there.facts(request) == scripted
    assert there.environment() == bl.page.Environment(online=False)
    await there.prepare(request)
    assert there.prepared == [request]
