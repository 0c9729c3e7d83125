"""What is asked while a private request runs is private, options take no privacy away, and reports say known words."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

import pytest
from msgspec.structs import replace

import browserllm as bl
from browserllm.backends.draft import Draft
from browserllm.backends.private_context import is_within_private
from browserllm.backends.stream import Delta
from browserllm.testing.backend import ScriptedBackend

SECRET = "my diary"


class Cloud(bl.Backend):
    """Leaves the device, and notes what it gets."""

    name = "cloud"

    def __init__(self) -> None:
        self.seen: list[str] = []

    async def generate(self, request: bl.ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
        self.seen.append(request.messages[-1].text)
        yield "1"

    async def count_tokens(self, prompt: Any, *, model: str | None = None) -> int | None:
        self.seen.append("count_tokens")
        return 1

    async def estimate_cost(self, prompt: Any, **options: Any) -> float | None:
        self.seen.append("estimate_cost")
        return 1.0

    async def prepare(self, request: bl.ChatRequest) -> None:
        self.seen.append("prepare")


class Here(bl.Backend):
    """Stays, and does something else on the way at every place."""

    name = "here"
    leaves_device = False
    needs_network = False

    def __init__(self, ask: Callable[[], Awaitable[Any]]) -> None:
        self.ask = ask

    async def generate(self, request: bl.ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
        yield "o"
        await self.ask()
        yield "k"

    async def count_tokens(self, prompt: Any, *, model: str | None = None) -> int | None:
        await self.ask()
        return 1

    async def estimate_cost(self, prompt: Any, **options: Any) -> float | None:
        await self.ask()
        return 1.0

    async def prepare(self, request: bl.ChatRequest) -> None:
        await self.ask()


REQUEST = bl.ChatRequest(messages=[bl.Message("user", SECRET)])
PRIVATE = replace(REQUEST, private=True)
MESSAGES = [{"role": "user", "content": SECRET}]


async def drained(deltas: Any) -> None:
    async for _ in deltas:
        pass


async def in_a_task(work: Awaitable[Any]) -> Any:
    async def inner() -> Any:
        return await work

    return await asyncio.create_task(inner())


WAYS: dict[str, Callable[[Cloud], Awaitable[Any]]] = {
    "complete": lambda cloud: cloud.complete("Translate: " + SECRET),
    "said not to be": lambda cloud: cloud.complete(SECRET, private=False),
    "stream": lambda cloud: drained(cloud.stream(REQUEST)),
    "a draft of its own": lambda cloud: drained(cloud.generate(REQUEST, Draft(REQUEST, "x", "y"))),
    "client": lambda cloud: bl.AsyncClient(cloud).chat.completions.create(messages=MESSAGES),
    "client, said not to be": lambda cloud: bl.AsyncClient(cloud).chat.completions.create(
        messages=MESSAGES, extra_body={"private": False}
    ),
    "session": lambda cloud: bl.Session(cloud).send(SECRET),
    "object": lambda cloud: bl.generate(cloud, SECRET, output=int),
    "router": lambda cloud: bl.Router([cloud]).complete(SECRET),
    "middleware": lambda cloud: bl.Retry(bl.Logging(cloud)).complete(SECRET),
    "task": lambda cloud: in_a_task(cloud.complete(SECRET)),
    "count_tokens": lambda cloud: cloud.count_tokens(SECRET),
    "estimate_cost": lambda cloud: cloud.estimate_cost(REQUEST),
    "prepare": lambda cloud: cloud.prepare(REQUEST),
    "by a middleman": lambda cloud: Here(lambda: cloud.complete(SECRET)).complete(SECRET),
}


@pytest.mark.parametrize("way", WAYS)
async def test_requests_of_a_backend_within_a_private_request_are_private(way: str) -> None:
    """By any means, in any of its methods; without privacy all of it is allowed."""
    cloud = Cloud()
    here = Here(lambda: WAYS[way](cloud))
    for ask in (here.complete, here.count_tokens, here.prepare, here.estimate_cost, bl.Router([here]).complete):
        with pytest.raises(bl.BrowserLLMError, match="private"):
            await ask(PRIVATE)
    assert cloud.seen == [] and not is_within_private()
    assert (await here.complete(REQUEST)).text == "ok"
    assert len(cloud.seen) == 1


@pytest.mark.parametrize("name", ["before_request", "after_response", "on_fallback", "on_error", "on_tool_call"])
@pytest.mark.parametrize("way", WAYS)
async def test_requests_of_a_hook_in_a_private_turn_are_private(name: str, way: str) -> None:
    """Also when another hook made the turn private."""
    cloud = Cloud()
    asked: list[str] = []

    async def hooked(self: Any, _: Any) -> None:
        asked.append(name)
        await WAYS[way](cloud)

    class Closes(bl.Hooks):
        async def before_request(self, request: bl.ChatRequest) -> bl.ChatRequest:
            return replace(request, private=True)

    spies = type("Spies", (bl.Hooks,), {name: hooked})()

    @bl.tool
    def look() -> str:
        """Look."""
        return "seen"

    call = bl.ToolCallPart("1", "look", "{}")
    for hooks, options in (([spies], {"private": True}), ([Closes(), spies], {})):
        asked.clear()
        down = ScriptedBackend([[bl.Unavailable("down", reason="server_error")]], leaves_device=False)
        works = ScriptedBackend([[call], ["done"]], leaves_device=False)
        backend: bl.Backend = {"on_error": down, "on_fallback": bl.Router([down, works])}.get(name, works)
        with pytest.raises(bl.BrowserLLMError):
            await bl.Session(backend, tools=[look], hooks=hooks).send(SECRET, **options)
        assert asked, "the hook was asked"
    assert cloud.seen == []


async def test_requests_of_tools_and_chunk_hooks_in_a_private_turn_are_private() -> None:
    """A tool that keeps data here can still not ask a cloud."""
    cloud = Cloud()
    within: list[bool] = []

    @bl.tool
    async def translate(text: str) -> str:
        """Translate."""
        return (await cloud.complete(text)).text

    class Watches(bl.Hooks):
        def on_chunk(self, chunk: bl.types.ChatChunk) -> None:
            within.append(is_within_private())

    call = bl.ToolCallPart("1", "translate", '{"text": "my diary"}')
    chat = bl.Session(
        ScriptedBackend([[call], ["done"]], leaves_device=False), tools=[translate], hooks=[Watches()], private=True
    )
    reply = await chat.send(SECRET)
    assert "the request is private" in (reply.calls[0].result or bl.ToolResultPart("", "")).content
    assert cloud.seen == [] and within and all(within)


async def test_a_conversation_begun_within_a_private_request_stays_private_after_it() -> None:
    """It contains private messages."""
    cloud = Cloud()
    chats = [bl.Session(ScriptedBackend("ok", leaves_device=False))]

    async def converse() -> None:
        chats.append(bl.Session(ScriptedBackend("ok", leaves_device=False)))
        for chat in chats:
            await chat.send(SECRET)

    await Here(converse).complete(PRIVATE)
    for chat in chats:
        chat.backend = cloud
        with pytest.raises(bl.Unavailable, match="private"):
            await chat.send("And now?")
    assert cloud.seen == []


async def test_the_program_that_reads_a_private_answer_may_ask_a_cloud_meanwhile() -> None:
    """Its own code, between two chunks and after the end, however the answer ends, is not within the request."""
    cloud = Cloud()

    async def nothing() -> None:
        assert is_within_private()

    here = bl.Retry(bl.Router([Here(nothing)]))
    for ask in (lambda: here.stream(PRIVATE), lambda: bl.Session(here, private=True).stream(SECRET)):
        async with ask() as chunks:
            async for _ in chunks:
                assert not is_within_private()
                await cloud.complete("the weather")
        async with ask() as chunks:
            async for _ in chunks:
                break
        stream = ask()
        await anext(stream)
        stream.stop()
        await stream.finish()
        unfinished = ask()
        await asyncio.create_task(unfinished.__anext__())  # type: ignore[arg-type]
        await unfinished.aclose()
        dropped = ask()
        await anext(dropped)
        del dropped
        await asyncio.sleep(0)
        assert not is_within_private()
    failing = Here(lambda: cloud.complete(SECRET))
    with pytest.raises(bl.Unavailable, match="also for requests made while a private one runs"):
        await failing.complete(PRIVATE)
    assert not is_within_private()
    assert set(cloud.seen) == {"the weather"}


# Options


@pytest.mark.parametrize(
    ("given", "more", "refusal"),
    [
        ({"private": True}, {"private": False}, bl.InvalidRequest),
        ({"private": False}, {"private": True}, bl.InvalidRequest),
        ({"private": True}, {"private": 0}, bl.InvalidRequest),
        ({"private": True}, {"private": "true"}, bl.InvalidRequest),
        ({"private": True}, {"private": None}, bl.Unavailable),
        ({"private": True}, {"private": True}, bl.Unavailable),
        ({"private": None}, {"private": True}, bl.Unavailable),
        ({}, {"private": True}, bl.Unavailable),
    ],
)
async def test_extra_body_takes_no_privacy_away(given: dict[str, Any], more: dict[str, Any], refusal: Any) -> None:
    """Private if either says so; what contradicts itself is refused before anything is asked."""
    cloud = Cloud()
    completions = bl.AsyncClient(cloud).chat.completions
    for ask in (completions.create, completions.parse):
        for fields in ({}, {"response_format": {"type": "json_object"}}):
            with pytest.raises(refusal, match="private"):
                await ask(messages=MESSAGES, extra_body=more, **given, **fields)
    with pytest.raises(refusal, match="private"):
        await completions.create(messages=MESSAGES, stream=True, extra_body=more, **given)
    assert cloud.seen == []


async def test_an_option_cannot_make_a_private_request_public() -> None:
    """It says what to do; the other way round an option makes a request private."""
    cloud = Cloud()
    for backend in (cloud, bl.Retry(cloud), bl.Router([cloud])):
        for ask in (
            backend.complete,
            backend.estimate_cost,
            lambda p, b=backend, **o: bl.generate(b, p, output=int, **o),
        ):
            with pytest.raises(bl.InvalidRequest, match="build a new request") as caught:
                await ask(PRIVATE, private=False)
            assert caught.value.data["parameter"] == "private"
            with pytest.raises(bl.BrowserLLMError):
                await ask(PRIVATE, private=None)
        with pytest.raises(bl.BrowserLLMError, match="is private"):
            await backend.complete(REQUEST, private=True)
    assert cloud.seen == []
    assert (await cloud.complete(REQUEST, private=False)).text == "1"


# Reports


@pytest.mark.parametrize("field", ["model", "provider_request_id", "finish_reason", "engine", "device", "reason"])
async def test_only_known_words_of_a_private_request_are_logged(field: str) -> None:
    """A server's text can be anything, even the prompt."""
    records: list[logging.LogRecord] = []
    logger = logging.Logger("test", logging.DEBUG)
    handler = logging.Handler()
    handler.emit = records.append  # type: ignore[method-assign]
    logger.addHandler(handler)

    class Echoes(bl.Backend):
        leaves_device = False

        async def generate(self, request: bl.ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
            if field == "reason":
                raise bl.RateLimited("no", data={"reason": SECRET, "phase": SECRET, "status": SECRET})
            setattr(draft, field, SECRET)
            yield "ok"

    for wrap in (bl.backends.Middleware, bl.Retry, lambda inner: bl.Router([inner])):
        records.clear()
        llm = bl.Logging(wrap(Echoes()), logger=logger, content=True)
        for request in (replace(PRIVATE, model="asked"), PRIVATE):
            try:
                await llm.complete(request)
            except bl.BrowserLLMError:
                assert field == "reason"
        text = " ".join(f"{record.getMessage()}{vars(record)!r}" for record in records)
        assert SECRET not in text and "asked" in text
    failing = bl.Logging(
        ScriptedBackend([[bl.Unavailable("x", reason="server_error", data={"status": 503, "phase": "body"})]]),
        logger=logger,
    )
    with pytest.raises(bl.Unavailable):
        await failing.complete(PRIVATE)
    assert "reason='server_error' status=503 phase='body'" in records[-1].getMessage()
