"""A server that quotes the key, in whatever it sends: every vendor's backend, in every method, shows none of it."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import pickle
import traceback
import warnings
from base64 import b64encode
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import pytest
from rich.console import Console
from rich.traceback import Traceback

import browserllm as bl
from browserllm._internal.http.client import HttpClient, HttpRequest, HttpResponse
from browserllm._internal.system.listening import stop_listening

KEY = "sk-proj-" + "q7Z/x+2_" * 12 + "Tt=="
"""Long, as they are today, and with characters that servers escape."""

PROXY_KEY = "proxy-7e1f0a9b2c4d"
BODY_KEY = "inner-5d6c7b8a9f0e"
HIDDEN = (KEY, PROXY_KEY, BODY_KEY)

ENCODINGS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "url": lambda key: quote(key, safe=""),
    "json": lambda key: "".join(f"\\u{ord(each):04x}" if each in "/+=" else each for each in key),
    "base64": lambda key: b64encode(f"Bearer {key}".encode()).decode(),
    "start": lambda key: key[:20],
    "colours": "\x1b[0m".join,
}
VENDORS: dict[str, Callable[..., bl.Backend]] = {
    "openai": bl.OpenAI,
    "anthropic": bl.Anthropic,
    "gemini": bl.Gemini,
    "ollama": bl.Ollama,
}


def replies(said: str) -> dict[str, bytes]:
    """Raw answers in which a server says something, at every place that there is."""
    line = said.replace("\n", " ").replace("\r", " ")
    body = json.dumps({"error": {"message": f"Bad key {said}", "code": said, "type": said, "status": said}, "x": said})

    def http(status: str, content: str, kind: str = "application/json", more: str = "") -> bytes:
        sent = content.encode()
        head = f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {len(sent)}\r\n{more}\r\n"
        return head.encode("latin-1") + sent

    cut = body.encode()[: len(body) // 2]
    chunked = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    ids = "".join(f"{name}: {line}\r\n" for name in ("x-request-id", "request-id", "retry-after", "date", "server"))
    return {
        "status line": f"HTTP/1.1 {line} {line}\r\n\r\n".encode("latin-1"),
        "no HTTP": f"{line}\r\n\r\n".encode("latin-1"),
        "no HTTP version": f"HTTP/9.{line} 200 OK\r\n\r\n".encode("latin-1"),
        "header name": f"HTTP/1.1 200 OK\r\n{line} : x\r\n{line}\r\n\r\n".encode("latin-1"),
        "length": f"HTTP/1.1 200 OK\r\ncontent-length: {line}\r\n\r\n".encode("latin-1"),
        "reason": http(f"401 {line}", body),
        "headers": http("403 Forbidden", "{}", more=ids),
        **{f"error {status}": http(f"{status} X", body, more=ids) for status in (400, 401, 404, 429, 500, 302)},
        "error as text": http("500 X", said, "text/plain"),
        "page": http("200 OK", f"<html>{said}", "text/html"),
        "no JSON": http("200 OK", f'{{"x": "{said}"'),
        "JSON of another shape": http("200 OK", json.dumps({"models": said, "data": said, "choices": said})),
        "JSON of another type": http("200 OK", json.dumps([said])),
        "stream error": http("200 OK", f"event: error\ndata: {body}\n\n", "text/event-stream"),
        "stream of nonsense": http("200 OK", f"data: {said}\n\n", "text/event-stream"),
        "lines of nonsense": http("200 OK", f"{said}\n{said}\n", "application/x-ndjson"),
        "no UTF-8": http("200 OK", "data: ", "text/event-stream").replace(b"content-length: 6", b"content-length: 9999")
        + line.encode("latin-1")
        + b"\xff\n\n",
        "broken off": http("200 OK", body).replace(b"content-length", b"content-length: 99999\r\nx-was") + cut,
        "broken chunk": chunked.encode() + f"{line}\r\n{line}".encode("latin-1"),
        "packed": http("200 OK", said, "application/json", "content-encoding: gzip\r\n"),
    }


NAMES = list(replies(""))


@asynccontextmanager
async def server(reply: bytes, *, holds: bool = False) -> AsyncGenerator[str, None]:
    """A server that sends these bytes to each client, and closes the connection, or ``holds`` it open."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            for line in head.lower().split(b"\r\n"):
                if line.startswith(b"content-length:"):
                    await reader.readexactly(int(line.split(b":")[1]))
            writer.write(reply)
            await writer.drain()
            if holds:
                await reader.read()
        except OSError:
            pass
        finally:
            writer.close()

    running = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{running.sockets[0].getsockname()[1]}"
    finally:
        await stop_listening(running)
        await running.wait_closed()


def shown_by(error: BaseException, *, with_rich: bool = False) -> str:
    """What collectors of errors keep: tracebacks with locals along every link, two ways, facts and pickles."""
    seen: list[str] = []
    links: list[BaseException | None] = [error]
    while links:
        link = links.pop()
        if link is None:
            continue
        stack = traceback.TracebackException.from_exception(link, capture_locals=True, lookup_lines=False)
        # The frames of these tests have the key by right.
        stack.stack[:] = [frame for frame in stack.stack if "/tests/" not in frame.filename]
        seen += [*stack.format(chain=False), repr(link), str(link), repr(vars(link)), repr(link.args)]
        seen.append(repr(getattr(link, "__notes__", None)))
        if isinstance(link, Exception):
            seen.append(repr(pickle.dumps(link)))
        links += [link.__cause__, link.__context__, *getattr(link, "causes", ())]
    # rich looks into what it shows; it is given our frames alone.
    ours = error.__traceback__
    while ours is not None and "/tests/" in ours.tb_frame.f_code.co_filename:
        ours = ours.tb_next
    if ours is not None and with_rich:
        console = Console(file=io.StringIO(), width=4000)
        console.print(Traceback.from_exception(type(error), error, ours, show_locals=True, locals_max_string=16))
        seen.append(console.file.getvalue())  # type: ignore[attr-defined]
    return "\n".join(seen)


def pieces(text: str, size: int) -> set[str]:
    """All pieces of a text of one size, in lower case."""
    text = text.lower()
    return {text[start : start + size] for start in range(len(text) - size + 1)}


PLAIN = {piece for key in HIDDEN for piece in pieces(key, 8)}
WRITTEN = {
    piece for key in HIDDEN for write in ENCODINGS.values() for piece in pieces(write(key), 16) if "\x1b" not in piece
}


def leaked(text: str) -> set[str]:
    """Pieces of keys that can be read in a text, as they are or in one of the ways that this server writes them."""
    return pieces(text, 8) & PLAIN | pieces(text, 16) & WRITTEN


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[], str]]:
    """Everything that anybody logs, at the lowest level, with what the records hold; and every warning."""
    caplog.set_level(logging.DEBUG)
    for name in ("httpx2", "httpcore2", "httpcore2.http11", "httpcore2.connection", "asyncio"):
        caplog.set_level(logging.DEBUG, name)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        yield lambda: caplog.text + repr([vars(record) for record in caplog.records]) + repr([vars(w) for w in warned])


def backend(vendor: str, url: str, **options: Any) -> bl.Backend:
    """A backend with keys in every place."""
    given: dict[str, Any] = {"api_key": KEY, "headers": {"X-Proxy-Key": PROXY_KEY}}
    given["extra_body"] = {"provider": {"api_key": BODY_KEY}}
    return VENDORS[vendor](
        "m", base_url=url, **{**given, "timeouts": bl.backends.cloud.Timeouts(silence_s=5), **options}
    )


METHODS: dict[str, Callable[[Any], Any]] = {
    "complete": lambda llm: llm.complete("Hi"),
    "stream": lambda llm: llm.stream("Hi").finish(),
    "list_models": lambda llm: llm.list_models(),
    "health": lambda llm: llm.health(),
    "count_tokens": lambda llm: llm.count_tokens("Hi"),
    "facts": lambda llm: llm.facts(bl.ChatRequest(messages=[])),
    "estimate_cost": lambda llm: llm.estimate_cost("Hi"),
    "private": lambda llm: llm.complete("Hi", private=True),
    "router": lambda llm: bl.Router([llm, llm]).complete("Hi"),
    "retry": lambda llm: bl.Retry(llm, retries=1, first_wait_s=0).complete("Hi"),
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("vendor", VENDORS)
async def test_no_answer_of_a_server_shows_a_key(vendor: str, name: str, logged: Callable[[], str]) -> None:
    """At every place of an answer, in every encoding: nothing raised, returned, logged or warned about has it."""
    written = [" ".join(map(write, HIDDEN)) for how, write in ENCODINGS.items() if how != "colours"]
    # Colours break what they stand in, in another way.
    for said in (" ".join(written), " ".join(map(ENCODINGS["colours"], HIDDEN))):
        async with server(replies(said)[name]) as url, backend(vendor, url) as llm:
            for method in ("complete", "list_models", "health"):
                shown = [repr(llm), repr(vars(llm)), str(llm)]
                try:
                    result = await METHODS[method](llm)
                except bl.BrowserLLMError as error:
                    shown += [shown_by(error)]
                else:
                    shown += [repr(result)]
                for text in shown:
                    assert leaked(text) == set(), method
    assert leaked(logged()) == set()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("vendor", VENDORS)
async def test_no_method_shows_a_key(vendor: str, method: str) -> None:
    """Of any request to a server that quotes the key."""
    for name in ("error 401", "status line"):
        async with server(replies(" ".join(HIDDEN))[name]) as url, backend(vendor, url) as llm:
            try:
                shown = repr(await METHODS[method](llm))
            except bl.BrowserLLMError as error:
                shown = shown_by(error, with_rich=True)
        assert leaked(shown) == set(), name


@pytest.mark.parametrize("vendor", VENDORS)
async def test_a_valid_answer_shows_no_key_beside_its_text(vendor: str) -> None:
    """Names of models, ids, warnings and reasons are written by the server, too."""
    said = " ".join(HIDDEN)
    chunk = {
        "id": said,
        "model": said,
        "modelVersion": said,
        "responseId": said,
        "choices": [{"delta": {"content": "ok"}, "finish_reason": said}],
        "candidates": [{"content": {"parts": [{"text": "ok"}]}, "finishReason": said, "finishMessage": said}],
        "message": {"content": "ok", "model": said, "id": said},
        "type": "message_start",
        "done": True,
        "done_reason": said,
    }
    more = [
        {"type": "content_block_start", "content_block": {"type": said}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "ok"}},
        {"type": "message_delta", "delta": {"stop_reason": said}},
        {"type": "message_stop"},
    ]
    first = json.dumps(chunk)
    if vendor == "ollama":
        content, kind = f"{first}\n", "application/x-ndjson"
    else:
        rest = (
            [json.dumps(each) for each in more] if vendor == "anthropic" else ["[DONE]"] if vendor == "openai" else []
        )
        content, kind = "".join(f"data: {each}\n\n" for each in (first, *rest)), "text/event-stream"
    head = f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\nx-request-id: {said}\r\nrequest-id: {said}\r\n"
    reply = f"{head}content-length: {len(content)}\r\n\r\n{content}".encode()
    async with server(reply) as url, backend(vendor, url) as llm:
        stream = llm.stream("Hi")
        chunks = [chunk async for chunk in stream]
        assert leaked(repr(chunks) + repr(stream.response)) == set()
        assert stream.response.text == "ok"


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize("method", ["complete", "list_models", "health"])
async def test_a_cancellation_shows_no_key(vendor: str, method: str, logged: Callable[[], str]) -> None:
    """It passes through the whole HTTP library, whose local variables are shown, too."""
    for reply in (b"", b"HTTP/1.1 200 OK\r\ncontent-length: 999\r\ncontent-type: application/json\r\n\r\n{"):
        async with server(reply, holds=True) as url, backend(vendor, url) as llm:
            task = asyncio.ensure_future(METHODS[method](llm))
            for _ in range(200):
                await asyncio.sleep(0)
            task.cancel()
            [ended] = await asyncio.gather(task, return_exceptions=True)
            assert isinstance(ended, asyncio.CancelledError)
            assert leaked(shown_by(ended)) == set()
    assert leaked(logged()) == set()


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "https://127.0.0.1:1"])
@pytest.mark.parametrize("vendor", VENDORS)
async def test_an_unreachable_server_shows_no_key(vendor: str, url: str) -> None:
    """Neither does the operating system's message."""
    async with backend(vendor, url) as llm:
        for method in ("complete", "list_models"):
            with pytest.raises(bl.BrowserLLMError) as caught:
                await METHODS[method](llm)
            assert leaked(shown_by(caught.value)) == set()


WRONG: list[dict[str, Any]] = [
    {"timeouts": 5},
    {"timeouts": bl.backends.cloud.Timeouts(silence_s=-1)},
    {"timeouts": bl.backends.cloud.Timeouts(connect_s="x")},  # type: ignore[arg-type]
    {"timeouts": None},
    {"model": ""},
    {"base_url": "ftp://x.example"},
    {"base_url": "http://x.example"},
    {"base_url": f"https://me:{KEY}@x.example/v1"},
    {"base_url": f"https://x.example/v1?key={KEY}"},
    {"base_url": f"https://x.example/#{KEY}"},
    {"base_url": f"https://me:{KEY}@[x/"},
    {"base_url": f"https://me:{KEY}@x:port/"},
    {"base_url": KEY.encode()},
    {"api_key": KEY + "\n-"},
    {"api_key": KEY + "é"},
    {"api_key": KEY.encode()},
    {"api_key": [KEY]},
    {"api_key": {"key": KEY}},
    {"headers": {"x-a": KEY + "\r\nx-b: 1"}},
    {"headers": {"x-a": KEY.encode()}},
    {"headers": {b"x-a": KEY}},
    {"headers": {"x-a": None, "x-b": KEY}},
    {"headers": [("x-a", KEY)]},
    {"headers": KEY},
    {"extra_body": {"key": KEY, "x": object()}},
    {"extra_body": {"key": KEY, "x": "\ud800" + KEY}},
    {"extra_body": {1j: KEY}},
    {"extra_body": [KEY]},
    {"extra_body": KEY},
    {"leaves_device": False, "base_url": "https://x.example/v1"},
    {"nonsense": KEY},
    {"preset": "nonsense"},
    {"num_ctx": -1},
    {"num_ctx": KEY},
]


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: next(iter(wrong)))
@pytest.mark.parametrize("vendor", VENDORS)
def test_a_constructor_that_fails_shows_no_key(vendor: str, wrong: dict[str, Any]) -> None:
    """Not even in a traceback with local variables, whichever argument is wrong."""
    given: dict[str, Any] = {"model": "m", "api_key": KEY, "headers": {"X-Proxy-Key": PROXY_KEY}}
    given["extra_body"] = {"provider": {"api_key": BODY_KEY}}
    named = next(iter(wrong))
    if (vendor != "openai" and named == "preset") or (vendor != "ollama" and named == "num_ctx"):
        named = "nonsense"
    with pytest.raises((bl.InvalidRequest, TypeError)) as caught:
        VENDORS[vendor](**{**given, **wrong})
    assert leaked(shown_by(caught.value, with_rich=True)) == set()
    if named != "nonsense":
        assert isinstance(caught.value, bl.InvalidRequest)
        assert str(caught.value.data["parameter"]).startswith(named)
        assert len(str(caught.value)) < 300


@pytest.mark.parametrize("vendor", VENDORS)
async def test_a_key_of_the_environment_is_masked(vendor: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Like one that is passed: the server's text goes through the same mask."""
    made = VENDORS[vendor]
    for variable in made("m").key_variables:  # type: ignore[attr-defined]
        monkeypatch.setenv(variable, f" {KEY}\n")
    options = {"base_url": "https://ollama.com"} if vendor == "ollama" else {}

    class Client(HttpClient):
        async def send(self, request: HttpRequest) -> HttpResponse:
            frames = [KEY, request]
            raise bl.Unavailable(
                f"no {''.join(request.headers.values())}", reason="unreachable", data={"x": frames[:1]}
            )

        async def close(self) -> None:
            pass

    llm = made("m", client=Client(), **options)
    for method in ("complete", "list_models"):
        with pytest.raises(bl.Unavailable) as caught:
            await METHODS[method](llm)
        assert leaked(shown_by(caught.value)) == set()
        assert "[secret]" in str(caught.value)
    assert leaked(repr(await llm.health()) + repr(vars(llm))) == set()


async def test_an_unknown_failure_of_a_library_shows_no_key() -> None:
    """Neither does a mistake of our own: frames and causes are removed."""

    class Client(HttpClient):
        async def send(self, request: HttpRequest) -> HttpResponse:
            plain = "".join(request.headers.values())
            try:
                raise LookupError(plain)
            except LookupError as error:
                raise RuntimeError(f"what? {plain}") from error

        async def close(self) -> None:
            pass

    for vendor in VENDORS:
        llm = backend(vendor, "http://127.0.0.1:9", client=Client())
        for method in ("complete", "list_models", "health"):
            with pytest.raises(RuntimeError, match="what") as caught:
                await METHODS[method](llm)
            assert leaked(shown_by(caught.value)) == set()
