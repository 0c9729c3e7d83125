"""A key is sent in a header and shown nowhere else."""

from __future__ import annotations

import asyncio
import copy
import logging
import pickle
import traceback
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

import browserllm as bl
import cloud_scenarios as scenarios
from browserllm._internal.http.client import HttpRequest, Secret
from browserllm.backends.cloud.failures import MAX_QUOTE
from browserllm.backends.cloud.sse import QUOTE
from openai_exchanges import EXCHANGES
from vendor_server import Hold, Reply, VendorServer, answer, server_playing, stream

SHOWN = scenarios.KEY[3:]
"""A part of the key that would give it away."""


server = server_playing(EXCHANGES)


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Callable[[], str]:
    """Everything that anybody logs, at the lowest level, with what the records hold."""
    caplog.set_level(logging.DEBUG)
    for name in ("httpx2", "httpcore2", "httpcore2.http11", "httpcore2.connection", "asyncio"):
        caplog.set_level(logging.DEBUG, name)
    return lambda: caplog.text + repr([vars(record) for record in caplog.records])


def everything_of(error: BaseException) -> str:
    """What collectors of errors keep: tracebacks with the values of local variables, along every link, and pickles."""
    seen: list[str] = []
    links: list[BaseException | None] = [error]
    while links:
        link = links.pop()
        if link is None:
            continue
        formatted = traceback.TracebackException.from_exception(link, capture_locals=True, lookup_lines=False)
        seen += [*formatted.format(chain=False), repr(link), str(link), repr(vars(link))]
        if isinstance(link, bl.BrowserLLMError):
            seen.append(repr(pickle.dumps(link)))
        links += [link.__cause__, link.__context__]
    return "\n".join(seen)


async def test_an_answer_shows_no_key(server: VendorServer, logged: Callable[[], str]) -> None:
    """Neither the backend nor the response, nor any log; the server received it."""
    async with scenarios.openai(server.url, "hello", headers={"X-Proxy-Key": "proxy-" + SHOWN}) as llm:
        response = await llm.complete("Hi")
        request = llm.stream("Hi")
        shown = [repr(llm), str(llm), f"{llm}", repr(vars(llm)), repr(response), msgspec.json.encode(response).decode()]
        shown += [repr(await llm.facts(bl.ChatRequest(messages=[]))), repr(request)]
        await request.aclose()
    for text in [*shown, logged()]:
        assert SHOWN not in text
    asked = server.asked("hello")[0]
    assert asked.headers["authorization"] == f"Bearer {scenarios.KEY}"
    assert asked.headers["x-proxy-key"] == "proxy-" + SHOWN
    assert SHOWN not in asked.path and SHOWN not in asked.body.decode()
    assert "httpcore2" in logged()


@pytest.mark.parametrize(
    "name", [*scenarios.STATUSES, "cut-mid-event", "bad-json", "bad-utf8", "silent-before", "gone"]
)
async def test_a_failure_shows_no_key(server: VendorServer, logged: Callable[[], str], name: str) -> None:
    """However it fails, and however it is looked at."""
    url = "http://127.0.0.1:1" if name == "gone" else server.url
    async with scenarios.openai(
        url, name, timeouts=bl.backends.cloud.Timeouts(silence_s=0.1 if "silent" in name else None)
    ) as llm:
        with pytest.raises(bl.BrowserLLMError) as caught:
            await llm.complete("Hi")
    assert SHOWN not in everything_of(caught.value)
    assert "base.py" in everything_of(caught.value)
    assert SHOWN not in logged()


def add_echoes(server: VendorServer) -> None:
    """A server that quotes the key, in an error's body and in the middle of a stream."""
    body = b'{"error": {"message": "Incorrect API key provided: %s", "code": "%s"}}' % ((scenarios.KEY.encode(),) * 2)
    server.add("echo", Reply((body,), 401, {"content-type": "application/json"}, length=len(body)))
    server.add("echo-stream", stream(b"data: " + body + b"\n\n"))
    # Where the quote ends, in the middle of the key.
    server.add("echo-cut", answer({"error": {"message": "x" * (MAX_QUOTE - 15) + scenarios.KEY}}, 401))
    server.add("echo-broken", stream(b"data: " + b"x" * (QUOTE - 15) + scenarios.KEY.encode() + b"\n\n"))


async def test_a_server_that_quotes_the_key_is_masked(server: VendorServer) -> None:
    """Its text is passed on without the key."""
    add_echoes(server)
    async with scenarios.openai(server.url, "echo") as llm:
        with pytest.raises(bl.AuthenticationError, match=r"Incorrect API key provided: \[secret\]") as caught:
            await llm.complete("Hi")
        assert SHOWN not in everything_of(caught.value)
        assert SHOWN not in (await llm.health()).reason
    async with scenarios.openai(server.url, "echo-stream") as llm:
        with pytest.raises(bl.AuthenticationError, match=r"Incorrect API key provided: \[secret\]") as caught:
            await llm.complete("Hi")
    assert SHOWN not in everything_of(caught.value)
    for name in ("echo-cut", "echo-broken"):
        async with scenarios.openai(server.url, name) as llm:
            with pytest.raises(bl.BrowserLLMError, match=r"xx\[secret\]") as caught:
                await llm.complete("Hi")
        assert SHOWN[:6] not in str(caught.value) + repr(caught.value.data), name


async def test_a_cancelled_request_shows_no_key(server: VendorServer, logged: Callable[[], str]) -> None:
    """The cancellation passes through the whole httpx2, whose local variables are shown, too."""
    for reply in (Reply(before=(before := Hold())), stream(hold := Hold())):
        server.add("held", reply)
        async with scenarios.openai(server.url, "held") as llm:
            task = asyncio.create_task(llm.complete("Hi"))
            await (before if reply.before else hold).wait_until_reached()
            task.cancel()
            with pytest.raises(asyncio.CancelledError) as caught:
                await task
        assert SHOWN not in everything_of(caught.value)
        await server.asked("held")[-1].wait_until_gone()
    assert SHOWN not in logged()


@pytest.mark.parametrize("key", [scenarios.KEY + "\nX", scenarios.KEY + "é", " \n"])
def test_a_key_that_cannot_be_sent_is_refused_without_showing_it(key: str) -> None:
    """As an argument, as a header, and from the environment."""
    with pytest.raises(bl.InvalidRequest, match="api_key") as caught:
        bl.OpenAI("m", api_key=key)
    # This frame, and the ones of pytest, have the key by right.
    frames = traceback.TracebackException.from_exception(caught.value, capture_locals=True).stack
    shown = "".join(repr(frame.locals) for frame in frames if "browserllm" in frame.filename)
    assert SHOWN not in shown and SHOWN not in str(caught.value)
    with pytest.raises(bl.InvalidRequest, match=r"headers\['x-key'\]") as caught:
        bl.OpenAI("m", headers={"X-Key": key})
    assert SHOWN not in str(caught.value)


async def test_a_bad_key_of_the_environment_is_refused_without_showing_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """When it is first needed."""
    monkeypatch.setenv("OPENAI_API_KEY", scenarios.KEY + "\nX")
    with pytest.raises(bl.InvalidRequest, match="OPENAI_API_KEY") as caught:
        await bl.OpenAI("m").complete("Hi")
    assert SHOWN not in everything_of(caught.value)


def test_a_secret_is_shown_masked_and_used_in_full() -> None:
    """Shown it is a mask; sent, joined and compared it is the text."""
    secret = Secret(scenarios.KEY)
    request = HttpRequest(method="GET", url="https://x.example/", headers={"authorization": Secret("Bearer " + secret)})
    values: list[Any] = [secret, [secret], {"a": secret}, (secret,), request]
    for value in values:
        for shown in (repr(value), str(value), f"{value}", "%s %r" % (value, value), "{}".format(value)):  # noqa: UP031, UP032
            assert SHOWN not in shown
    assert f"{secret:>20}" == "[secret]"
    assert secret == scenarios.KEY and secret.encode() == scenarios.KEY.encode() and "".join(secret) == scenarios.KEY
    assert Secret(secret) is secret and copy.deepcopy([secret])[0] is secret and copy.copy(secret) is secret
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(secret)
