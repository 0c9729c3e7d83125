"""A conversation with a local model and a cloud on loopback: who gets a long message, and how much of the rest."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

import browserllm as bl
from browserllm.errors import AllBackendsFailed, ContextExceeded
from browserllm.testing import ScriptedHost
from openai_exchanges import error, text_chunks
from vendor_server import VendorServer, answer, events, stream

LONG = "word " * 4000
"""Some 5,000 tokens; the scripted host's models have a window of 2,048."""

CHAT = stream(events(*text_chunks("From ", "the cloud."), "[DONE]"))
FULL = error(
    "This model's maximum context length is 4096 tokens. However, your messages resulted in 5003 tokens.",
    "invalid_request_error",
    "context_length_exceeded",
    "messages",
)


@pytest.fixture
def server() -> Iterator[VendorServer]:
    listed = answer([{"id": "m", "object": "model", "context_length": 3000}])
    exchanges = {"cloud": CHAT, "down": answer({"error": {"message": "down"}}, 503), "full": answer(FULL, 400)}
    with VendorServer({**exchanges, "small": [listed, CHAT]}) as playing:
        yield playing


@asynccontextmanager
async def talking(
    server: VendorServer, *names: str, policy: Any = None, **options: Any
) -> AsyncIterator[tuple[bl.Session, ScriptedHost]]:
    """A conversation with a model of a scripted page, and with the clouds that play these exchanges."""
    host = ScriptedHost("From the device.")
    clouds = [bl.OpenAI("m", api_key="k", base_url=f"{server.url}/{name}", name=name) for name in names]
    async with bl.Router([bl.LocalBackend(host), *clouds], policy) as router:
        yield bl.Session(router, **options), host
    await host.close()


def sent(server: VendorServer, name: str) -> list[str]:
    """What the user said in the last request that a cloud got."""
    return [each["content"] for each in server.asked(name)[-1].json["messages"] if each["role"] == "user"]


async def test_the_cloud_gets_the_long_message_and_all_before_it(server: VendorServer) -> None:
    """The device is neither asked nor does it load a model for that; the next short message is its own again."""
    async with talking(server, "cloud") as (chat, host):
        reply = await chat.send(LONG)
        assert (reply.text, reply.response.backend) == ("From the cloud.", "cloud")
        assert [hop.reason for hop in reply.response.route] == ["context 2048 < about 5004 tokens"]
        assert {op for op, _ in host.requests} & {"load", "chat", "count_tokens"} == set()
        reply = await chat.send("Hi")
        assert (reply.text, reply.left_out) == ("From the device.", 2)
        asked = next(args for op, args in reversed(host.requests) if op == "chat")
        assert [message["content"] for message in asked["messages"]] == ["Hi"]
        await chat.send(LONG)
        assert sent(server, "cloud") == [LONG, "Hi", LONG]


async def test_a_cloud_whose_own_refusal_says_its_window_is_passed_over(server: VendorServer) -> None:
    """The next one answers; both are on the route with their numbers."""
    async with talking(server, "full", "cloud") as (chat, _):
        reply = await chat.send(LONG)
        assert (reply.text, reply.response.backend) == ("From the cloud.", "cloud")
        assert [(hop.backend, hop.reason) for hop in reply.response.route] == [
            ("local", "context 2048 < about 5004 tokens"),
            ("full", "context 4096 < about 5004 tokens"),
        ]
        assert len(server.asked("full")) == 1
        await chat.send(LONG * 2)
        assert len(server.asked("full")) == 1, "its window is known now, and this is surely more"


async def test_a_listed_window_is_known_before_anything_is_sent(server: VendorServer) -> None:
    """With the vendor's list of models, a cloud that cannot hold the message gets no request."""
    async with talking(server, "small", "cloud") as (chat, _):
        router = chat.backend
        assert isinstance(router, bl.Router)
        await router.backends["small"].list_models()
        reply = await chat.send(LONG * 2)
        assert [(hop.backend, hop.reason) for hop in reply.response.route] == [
            ("local", "context 2048 < about 10004 tokens"),
            ("small", "context 3000 < about 10004 tokens"),
        ]
        assert len(server.asked("small")) == 1


async def test_when_the_cloud_is_down_the_device_answers_with_less(server: VendorServer) -> None:
    """A failed cloud is asked once, and the answer says what was left out."""
    async with talking(server, "down", policy=bl.CloudFirst()) as (chat, host):
        for _ in range(3):
            reply = await chat.send("word " * 1200)
        assert (reply.text, reply.left_out) == ("From the device.", 4)
        assert [(hop.backend, hop.code) for hop in reply.response.route] == [("down", "unavailable")]
        assert len(server.asked("down")) == 3
        assert sum(op == "chat" and "word" in str(args) for op, args in host.requests) == 3
        with pytest.raises(AllBackendsFailed) as caught:
            await chat.send(LONG)
        assert [type(cause) for cause in caught.value.causes] == [bl.Unavailable, ContextExceeded]
        assert len(server.asked("down")) == 4


@pytest.mark.parametrize("private", [True, False], ids=["private", "local only"])
async def test_what_may_not_leave_stays_however_long_it_is(server: VendorServer, private: bool) -> None:
    """Not even a connection is opened; the error names the window and why the cloud was not asked."""
    policy = None if private else bl.LocalOnly()
    async with talking(server, "cloud", policy=policy, private=private) as (chat, _):
        with pytest.raises(ContextExceeded) as caught:
            await chat.send(LONG)
        data = caught.value.data
        assert (data["context_window"], data["backend"]) == (2048, "local")
        assert [(one["backend"], one["reason"]) for one in data["not_asked"]] == [
            ("cloud", "private" if private else "policy")
        ]
        assert (await chat.send("Hi")).text == "From the device."
    assert server.requests == []
