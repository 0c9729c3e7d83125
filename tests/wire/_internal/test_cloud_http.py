"""The HTTP client in a process, over real sockets."""

from __future__ import annotations

import asyncio
import gc
import gzip
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager

import pytest

import browserllm as bl
import cloud_scenarios as scenarios
from browserllm._internal.http.client import HttpClient, HttpRequest
from browserllm._internal.http.platform import open_client
from browserllm._internal.http.sockets import SocketClient
from openai_exchanges import EXCHANGES, chunk, text_chunks
from vendor_server import CUT, SILENCE, Hold, Reply, VendorServer, answer, events, stream


@pytest.fixture
def server() -> Iterator[VendorServer]:
    """A server that imitates OpenAI."""
    with VendorServer(EXCHANGES) as running:
        yield running


@asynccontextmanager
async def client() -> AsyncIterator[HttpClient]:
    """A client in this process."""
    opened = open_client()
    try:
        yield opened
    finally:
        await opened.close()


async def test_bytes_arrive_as_they_are_sent(server: VendorServer) -> None:
    """First the status and the headers by lower-case name, then each piece before the next one exists."""
    hold = Hold()
    server.add("slow", Reply((b"one", hold, b"two"), 201, {"X-Name": "Value", "content-type": "text/plain"}))
    async with client() as http:
        response = await http.send(HttpRequest(method="POST", url=f"{server.url}/slow", body=b"{}"))
        assert (response.status, response.headers["x-name"]) == (201, "Value")
        chunks = response.chunks()
        assert await anext(chunks) == b"one"
        hold.release()
        assert [each async for each in chunks] == [b"two"]
        await response.aclose()
        await response.aclose()
    (asked,) = server.asked("slow")
    assert (asked.method, asked.body) == ("POST", b"{}")
    assert asked.headers["user-agent"].startswith("browserllm/")
    assert asked.headers["accept-encoding"] == "identity"


async def test_a_body_that_is_read_at_once_is_limited(server: VendorServer) -> None:
    """A larger one is an error, or only its start is read."""
    server.add("large", Reply((b"x" * 600, b"y" * 600)))
    request = HttpRequest(method="GET", url=f"{server.url}/large")
    async with client() as http:
        assert len(await (await http.send(request)).read(1200)) == 1200
        response = await http.send(request)
        with pytest.raises(bl.errors.ProtocolError, match="larger than 1199 bytes"):
            await response.read(1199)
        await response.aclose()
        response = await http.send(request)
        assert await response.read_start(700) == (b"x" * 600 + b"y" * 100, False)
        await response.aclose()


async def test_one_connection_serves_many_requests(server: VendorServer) -> None:
    """Also when the answer ends before the transfer, and after an error's body."""
    async with scenarios.openai(server.url, "hello") as llm:
        await llm.complete("Hi")
        await llm.complete("Hi")
        await llm.health()
    assert {asked.connection for asked in server.asked("hello")} == {1}
    assert len(server.asked("hello")) == 3
    server.add("error", EXCHANGES["bad-key"], EXCHANGES["hello"])  # type: ignore[arg-type]
    async with scenarios.openai(server.url, "error") as llm:
        with pytest.raises(bl.AuthenticationError):
            await llm.complete("Hi")
        await llm.complete("Hi")
    assert len({asked.connection for asked in server.asked("error")}) == 1


async def test_an_answer_ends_though_the_transfer_does_not(server: VendorServer) -> None:
    """After its end marker we do not wait for the server to close the connection."""
    server.add("open", stream(events(*text_chunks("Hi"), "[DONE]"), SILENCE))
    async with scenarios.openai(server.url, "open", timeouts=bl.backends.cloud.Timeouts(silence_s=None)) as llm:
        assert (await llm.complete("Hi")).text == "Hi"
        await server.asked("open")[0].wait_until_gone()


@pytest.mark.parametrize("how", ["stop", "break", "close"])
async def test_stopping_ends_the_transfer(server: VendorServer, how: str) -> None:
    """The server notices a stop, a break and a close; the next request works."""
    server.add(
        "endless", stream(events(chunk({"content": "Hi"})), SILENCE), stream(events(*text_chunks("on"), "[DONE]"))
    )
    async with scenarios.openai(server.url, "endless", timeouts=bl.backends.cloud.Timeouts(silence_s=None)) as llm:
        answering = llm.stream("Hi")
        async for piece in answering:
            if how == "stop" and isinstance(piece, bl.types.TextDelta):
                answering.stop()
            if how == "break" and isinstance(piece, bl.types.TextDelta):
                break
            if how == "close" and isinstance(piece, bl.types.TextDelta):
                await answering.aclose()
        await answering.aclose()
        assert (answering.response.text, answering.response.finish_reason) == ("Hi", "cancelled")
        await server.asked("endless")[0].wait_until_gone()
        assert (await llm.complete("Hi")).text == "on"


async def test_a_failure_of_the_network_has_no_context(server: VendorServer) -> None:
    """httpx2's exception is gone, and with it the frames that held the headers."""
    server.add("cut", Reply(before=CUT))
    server.add("cut-later", stream(b"data: ", CUT))
    async with client() as http:
        for url in ("http://127.0.0.1:1/", f"{server.url}/cut"):
            with pytest.raises(bl.Unavailable) as caught:
                await http.send(HttpRequest(method="GET", url=url))
            assert (caught.value.reason, caught.value.__context__, caught.value.__cause__) == (
                "unreachable",
                None,
                None,
            )
        response = await http.send(HttpRequest(method="GET", url=f"{server.url}/cut-later"))
        with pytest.raises(bl.Unavailable) as caught:
            await response.read()
        assert (caught.value.data["phase"], caught.value.__context__) == ("body", None)


async def test_a_connection_that_takes_too_long_is_a_timeout() -> None:
    """A server whose queue is full accepts no connection."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        async with client() as http:
            with pytest.raises(bl.Timeout, match=r"within 0\.2 s") as caught:
                await http.send(HttpRequest(method="GET", url=url, timeouts=bl.backends.cloud.Timeouts(connect_s=0.2)))
    assert caught.value.data == {"phase": "connect", "limit_s": 0.2}


async def test_redirects_are_not_followed(server: VendorServer) -> None:
    """Following one would send the key to any address."""
    server.add("moved", answer({}, 307, location=f"{server.url}/hello/chat/completions"))
    async with scenarios.openai(server.url, "moved") as llm:
        with pytest.raises(bl.errors.ProtocolError, match="correct base_url"):
            await llm.complete("Hi")
    assert server.asked("hello") == []


async def test_cookies_are_forgotten(server: VendorServer) -> None:
    """Only the key identifies the caller."""
    server.add("cookie", stream(events(*text_chunks("Hi"), "[DONE]"), set_cookie="who=you"))
    async with scenarios.openai(server.url, "cookie") as llm:
        await llm.complete("Hi")
        await llm.complete("Hi")
    assert all("cookie" not in asked.headers for asked in server.asked("cookie"))


async def test_a_loopback_address_is_never_reached_through_a_proxy(
    server: VendorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The environment's proxy is for other machines; a request to this machine does not leave it."""
    with VendorServer({"": EXCHANGES["hello"]}) as proxy:
        for variable in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(variable, proxy.url)
        for variable in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(variable, raising=False)
        await scenarios.answer_of(server.url, "hello")
        await scenarios.answer_of(server.url.replace("127.0.0.1", "localhost"), "hello")
        assert (len(server.asked("hello")), proxy.requests) == (2, [])
        llm = bl.OpenAI("m", base_url="http://api.example.test/v1", allow_http=True)
        async with llm:
            await llm.complete("Hi")
        assert [asked.path for asked in proxy.requests] == ["http://api.example.test/v1/chat/completions"]


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1", "gopher://127.0.0.1:1", "http://127.0.0.1:1"])
async def test_a_proxy_that_cannot_be_used_is_an_error(
    server: VendorServer, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    """The error names the variables; an address of this machine is still reached."""
    monkeypatch.setitem(sys.modules, "socksio", None)
    monkeypatch.setenv("ALL_PROXY", proxy)
    async with bl.OpenAI("m", base_url="https://api.example.test/v1", api_key=scenarios.KEY) as llm:
        with pytest.raises(bl.Unavailable) as caught:
            await llm.complete("Hi")
    assert caught.value.reason == "unreachable"
    assert ("ALL_PROXY" in str(caught.value)) == (not proxy.startswith("http"))
    assert (await scenarios.answer_of(server.url, "hello")).text == scenarios.TEXT


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@pytest.mark.parametrize("closed", [True, False])
def test_a_backend_works_in_one_event_loop_after_another(server: VendorServer, closed: bool) -> None:
    """Connections belong to their loop and end with it; the backend lives on."""
    llm = scenarios.openai(server.url, "hello", client=(client := SocketClient()))
    loops: list[asyncio.AbstractEventLoop] = []

    async def ask() -> str:
        loops.append(asyncio.get_running_loop())
        text = (await llm.complete("Hi")).text
        if closed:
            await llm.close()
        return text

    assert [asyncio.run(ask()) for _ in range(3)] == [scenarios.TEXT] * 3
    assert list(client._clients) == ([] if closed else loops[-1:])
    assert len({asked.connection for asked in server.asked("hello")}) == 3
    # A connection that was left open would cause a warning here.
    client._clients.clear()
    gc.collect()


async def test_many_at_a_time_do_not_mix(server: VendorServer) -> None:
    """A hundred simultaneous requests on one backend each get their own answer."""
    server.add("many", *[stream(events(*text_chunks(f"{number}"), "[DONE]")) for number in range(100)])
    async with scenarios.openai(server.url, "many") as llm:
        responses = await asyncio.gather(*(llm.complete("Hi") for _ in range(100)))
    assert sorted(int(response.text) for response in responses) == list(range(100))


async def test_a_compressed_answer_is_decompressed(server: VendorServer) -> None:
    """A server may compress unasked; a body that cannot be decompressed is an error."""
    plain = events(*text_chunks("Hi"), "[DONE]")
    packed = gzip.compress(plain)
    server.add("packed", stream(packed[:20], packed[20:], content_encoding="gzip"))
    assert (await scenarios.answer_of(server.url, "packed")).text == "Hi"
    server.add("torn", stream(plain, content_encoding="gzip"))
    error, _ = await scenarios.failure_of(server.url, "torn", bl.errors.ProtocolError)
    assert "cannot be decompressed" in str(error)


async def test_the_status_counts_even_if_the_body_breaks_off(server: VendorServer) -> None:
    """The part of an error's body that arrived is quoted, or left out."""
    server.add("torn-error", Reply((b'{"error": {"mess',), 503, {"content-type": "application/json"}, length=1000))
    error, _ = await scenarios.failure_of(server.url, "torn-error", bl.Unavailable)
    assert (error.reason, error.data["status"]) == ("server_error", 503)


async def test_a_json_answer_is_limited(server: VendorServer) -> None:
    """A JSON text without end does not fill the memory."""
    server.add("endless-json", Reply((b'{"choices": "', *[b"x" * 1024 * 1024] * 17)))
    error, _ = await scenarios.failure_of(server.url, "endless-json", bl.errors.ProtocolError)
    assert "larger than 16777216 bytes" in str(error)


async def test_a_header_that_cannot_be_sent_is_rejected(server: VendorServer) -> None:
    """The error has its name, but not its value."""
    async with scenarios.openai(server.url, "hello", headers={"bad name": "a-secret"}) as llm:
        with pytest.raises(bl.InvalidRequest, match="check base_url and headers") as caught:
            await llm.complete("Hi")
    assert "a-secret" not in str(caught.value)
    assert server.asked("hello") == []
