"""Private requests: the one rule, around every backend, with and without a router, and what a conversation adds."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest
from msgspec.structs import replace

import browserllm as bl
from browserllm.backends.draft import Draft
from browserllm.backends.stream import Delta
from browserllm.testing.backend import ScriptedBackend

SECRET = "my diary"


class Spy(bl.Backend):
    """A backend of a program's own: it notes every request that gets as far as its own methods."""

    def __init__(self, **said: Any) -> None:
        self.seen: list[str] = []
        self.answers: list[Any] = ["ok"]
        vars(self).update(said)

    async def generate(self, request: bl.ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
        self.seen.append(f"generate {request.private}")
        yield self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    async def count_tokens(self, prompt: Any, *, model: str | None = None) -> int | None:
        self.seen.append("count_tokens")
        return 1

    async def estimate_cost(self, prompt: Any, **options: Any) -> float | None:
        self.seen.append("estimate_cost")
        return 1.0

    async def prepare(self, request: bl.ChatRequest) -> None:
        self.seen.append("prepare")


class InItsClass(Spy):
    leaves_device = True


class SaysNothing(Spy):
    pass


class IsNotSure(Spy):
    leaves_device = None  # type: ignore[assignment]


class ByItsFacts(Spy):
    """It keeps most requests here, and says of each which."""

    leaves_device = False

    async def facts(self, request: bl.ChatRequest) -> bl.backends.BackendFacts:
        return bl.backends.BackendFacts(leaves_device=request.model != "small", needs_network=False)


class CannotSay(Spy):
    leaves_device = False

    async def facts(self, request: bl.ChatRequest) -> bl.backends.BackendFacts:
        raise ZeroDivisionError("a bug")


class Mixin:
    """No backend by itself."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    async def generate(self, request: bl.ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
        self.seen.append("generate")
        yield "ok"


class ByMixin(Mixin, bl.Backend):
    pass


class Inherits(ByItsFacts):
    """Its own generate asks its base class."""

    async def generate(self, request: bl.ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
        async for delta in super().generate(request, draft):
            yield delta


def private(**fields: Any) -> bl.ChatRequest:
    """A private request."""
    return bl.ChatRequest(messages=[bl.Message("user", SECRET)], private=True, **fields)


async def ask_in_every_way(backend: bl.Backend, request: bl.ChatRequest) -> list[Exception]:
    """Everything that a backend can be asked with a request; the failures."""

    async def straight() -> None:
        async for _ in backend.generate(request, Draft(request, "x", "id")):
            pass

    ways: list[Callable[[], Any]] = [
        lambda: backend.complete(request),
        straight,
        lambda: backend.count_tokens(request),
        lambda: backend.estimate_cost(request),
        lambda: backend.prepare(request),
        lambda: bl.Router([backend]).complete(request),
        lambda: bl.Session(backend, private=True).send(SECRET),
        lambda: bl.generate(backend, SECRET, output=int, private=True),
        lambda: bl.AsyncClient(backend).chat.completions.create(
            messages=[{"role": "user", "content": SECRET}], private=True
        ),
        lambda: bl.AsyncClient(backend).chat.completions.create(
            messages=[{"role": "user", "content": SECRET}], extra_body={"private": True}
        ),
    ]
    failures: list[Exception] = []
    for way in ways:
        with pytest.raises(bl.BrowserLLMError) as caught:
            await way()
        failures.append(caught.value)
    return failures


@pytest.mark.parametrize("kind", [InItsClass, SaysNothing, IsNotSure, ByItsFacts, CannotSay, ByMixin, Inherits])
@pytest.mark.parametrize("wrap", [None, bl.backends.Middleware, bl.Retry, bl.ResponseCache, bl.Logging])
async def test_a_private_request_gets_as_far_as_no_method_of_a_backend_that_leaves_the_device(
    kind: Callable[[], Any], wrap: Callable[[bl.Backend], bl.Backend] | None
) -> None:
    """For every caller and method, wherever the backend declares it: class, instance, facts, or nowhere."""
    spy = kind()
    whole: bl.Backend = spy if wrap is None else wrap(spy)
    if kind is ByMixin:
        with pytest.raises(bl.Unavailable, match="nothing was sent"):
            await whole.complete(private())
    else:
        failures = await ask_in_every_way(whole, private())
        assert [error.reason for error in failures if isinstance(error, bl.Unavailable)] == ["private"] * 9
        assert isinstance(failures[5], bl.AllBackendsFailed)
    assert spy.seen == []


async def test_a_backend_on_the_device_gets_private_requests() -> None:
    """It answers every method as before."""
    spy = ByItsFacts()
    request = private(model="small")
    assert (await bl.Retry(Inherits()).complete(request)).text == "ok"
    assert (await spy.complete(request)).text == "ok"
    assert await bl.backends.Middleware(spy).count_tokens(request) == 1
    assert await spy.estimate_cost(SECRET, private=True, model="small") == 1.0
    await spy.prepare(request)
    assert spy.seen == ["generate True", "count_tokens", "estimate_cost", "prepare"]
    assert (await InItsClass().complete(replace(request, private=False))).text == "ok"


async def test_a_declaration_changed_later_counts() -> None:
    """On an instance, and between two attempts."""
    spy = Spy(leaves_device=False)
    await spy.complete(private())
    spy.leaves_device = True
    with pytest.raises(bl.Unavailable, match="private"):
        await spy.complete(private())

    class Turns(ByItsFacts):
        async def generate(self, request: bl.ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
            self.seen.append("generate")
            self.leaves_device = True
            raise bl.Unavailable("down", reason="server_error")
            yield ""

    turns = Turns()
    with pytest.raises(bl.Unavailable, match="the request is private"):
        await bl.Retry(turns, first_wait_s=0).complete(private(model="small"))
    assert turns.seen == ["generate"]


async def test_a_word_changed_while_the_facts_are_read_counts() -> None:
    """Reading them takes a while, and another task may send the backend elsewhere meanwhile."""

    class Moves(Spy):
        leaves_device = False

        async def facts(self, request: bl.ChatRequest) -> bl.backends.BackendFacts:
            self.leaves_device = True
            return bl.backends.BackendFacts(leaves_device=False, needs_network=False)

    backend = Moves()
    with pytest.raises(bl.Unavailable, match="private"):
        await backend.complete(SECRET, private=True)
    assert backend.seen == []


async def test_no_middleware_makes_a_private_request_public() -> None:
    """Neither by what it passes on, nor by wrapping a router that would then have a choice."""

    class Opens(bl.backends.Middleware):
        async def generate(self, request: bl.ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
            async for delta in self.backend.generate(replace(request, private=False), draft):
                yield delta

    cloud, local = SaysNothing(), Spy(leaves_device=False)
    for backend in (Opens(bl.Router([cloud])), Opens(bl.Router([cloud], fallback="parallel")), Opens(Opens(cloud))):
        with pytest.raises(bl.BrowserLLMError, match="private"):
            await backend.complete(private())
    for fallback in ("sequential", "parallel"):
        router = bl.Router([cloud, local], bl.CloudFirst(), fallback=fallback)
        assert (await Opens(router).complete(private())).text == "ok"
    assert cloud.seen == []
    assert local.seen == ["generate True"] * 2


async def test_a_middleware_that_leaves_the_device_is_known_by_its_class_and_by_its_instance() -> None:
    """Also around a router, some of whose backends leave it anyway."""

    class InClass(bl.backends.Middleware):
        leaves_device = True

    class OnInstance(bl.backends.Middleware):
        def __init__(self, backend: bl.Backend) -> None:
            super().__init__(backend)
            self.leaves_device = True

    class Later(bl.backends.Middleware):
        pass

    local = Spy(leaves_device=False)
    for inner in (local, bl.Router([local]), bl.Router([local, SaysNothing()])):
        later = Later(inner)
        later.leaves_device = True
        for backend in (InClass(inner), OnInstance(inner), later, bl.Retry(OnInstance(inner))):
            assert backend.leaves_device
            with pytest.raises(bl.Unavailable, match="may leave the device"):
                await backend.complete(private())
            with pytest.raises(bl.AllBackendsFailed):
                await bl.Router([backend]).complete(private())
    assert local.seen == []
    quiet = Later(SaysNothing())
    quiet.leaves_device = False
    assert quiet.leaves_device, "the wrapped one leaves all the same"


# Media


ADDRESSES = [
    "https://example.com/a.png",
    "http://example.com/a.png",
    "http://127.0.0.1:8000/a.png",
    "http://localhost/a.png",
    "HTTPS://EXAMPLE.COM/a.png",
    "//example.com/a.png",
    "DATA:image/png;base64,AAAA",
    " data:image/png;base64,AAAA",
    "file:///etc/passwd",
    "blob:https://example.com/1",
    "",
]


@pytest.mark.parametrize("part", [bl.ImagePart, bl.AudioPart])
@pytest.mark.parametrize("url", ADDRESSES)
async def test_a_url_that_would_be_fetched_is_refused_by_name(url: str, part: Any) -> None:
    """Its server would learn of the request, also from a page or a local server."""
    spy = Spy(leaves_device=False)
    said = bl.Message("user", [bl.TextPart("What is this?"), part(url=url)])
    request = bl.ChatRequest(messages=[bl.Message("system", "Be brief."), said], private=True)
    for backend in (spy, bl.Router([spy]), bl.Retry(bl.Router([bl.Logging(spy)]))):
        for asked in (backend.complete(request), backend.count_tokens(request), backend.prepare(request)):
            with pytest.raises(
                bl.InvalidRequest, match=r"messages\[1\].content\[1\]: the request is private"
            ) as caught:
                await asked
            assert caught.value.data["parameter"] == "messages[1].content[1]"
    assert spy.seen == []
    assert (await spy.complete(replace(request, private=False))).text == "ok"


async def test_bytes_are_taken() -> None:
    """As bytes, or as an address that holds them."""
    for part in (bl.ImagePart(data=b"\x89PNG", media_type="image/png"), bl.ImagePart(url="data:image/png;base64,AA==")):
        assert (await Spy(leaves_device=False).complete([bl.Message("user", [part])], private=True)).text == "ok"


# What reports


async def test_content_of_private_requests_is_not_logged() -> None:
    """Neither question, answer nor an error's words, with content=True; who asked whom still is."""
    records: list[logging.LogRecord] = []
    logger = logging.Logger("test", logging.DEBUG)
    handler = logging.Handler()
    handler.emit = records.append  # type: ignore[method-assign]
    logger.addHandler(handler)
    inner = ScriptedBackend([["diary answer"], [bl.Unavailable("diary quoted", reason="server_error")]])
    llm = bl.Logging(inner, logger=logger, content=True)
    await llm.complete(private())
    with pytest.raises(bl.Unavailable):
        await llm.complete(private())
    assert len(records) == 4
    assert all("diary" not in f"{record.getMessage()}{vars(record)!r}" for record in records)


# Conversations


class Hook(bl.Hooks):
    """Makes requests private, or says that they are not."""

    def __init__(self, private: bool) -> None:
        self.private = private

    async def before_request(self, request: bl.ChatRequest) -> bl.ChatRequest:
        return replace(request, private=self.private)


async def test_a_hook_cannot_open_a_private_conversation() -> None:
    """It can close one, and that is for good."""
    cloud = SaysNothing()
    with pytest.raises(bl.Unavailable, match="private"):
        await bl.Session(cloud, private=True, hooks=[Hook(private=False)]).send(SECRET)
    closing = bl.Session(Spy(leaves_device=False), hooks=[Hook(private=True)])
    await closing.send(SECRET)
    closing.backend = cloud
    with pytest.raises(bl.Unavailable, match="private"):
        await closing.send("And now?")
    assert cloud.seen == []


async def test_a_hook_cannot_open_a_request_that_another_one_closed() -> None:
    """Neither by saying so, nor by making a new request, which is public unless it says otherwise."""

    class Copies(bl.Hooks):
        async def before_request(self, request: bl.ChatRequest) -> bl.ChatRequest:
            return bl.ChatRequest(messages=request.messages)

    for opens in (Hook(private=False), Copies()):
        cloud = SaysNothing()
        with pytest.raises(bl.Unavailable, match="private"):
            await bl.Session(cloud, hooks=[Hook(private=True), opens]).send(SECRET)
        assert cloud.seen == []


async def test_one_private_turn_makes_the_conversation_private() -> None:
    """For every later request carries it: also after a fork, in what is saved, and with another backend."""
    local, cloud = Spy(leaves_device=False), SaysNothing()
    chat = bl.Session(local)
    await chat.send("Hello.")
    assert not chat.history.private
    await chat.send(SECRET, private=True)
    assert chat.history.private
    store = bl.stores.MemoryStore()
    await chat.save(store, "k")
    others = [
        chat,
        chat.fork(),
        chat.fork(1),
        await bl.Session.load(store, "k", backend=cloud),
        bl.Session(cloud, history=chat.history),
        bl.Session(cloud, history=bl.chat.History.from_json(chat.history.to_json())),
    ]
    for other in others:
        other.backend = cloud
        for ask in (other.send("And now?"), other.retry(), other.edit(0, "Hello?"), other.count_tokens()):
            with pytest.raises(bl.Unavailable, match="private"):
                await ask
            if not other.messages:
                break
        with pytest.raises(bl.InvalidRequest, match="private=False is not possible"):
            await other.send("And now?", private=False)
    assert cloud.seen == []
    chat.backend = local
    chat.undo()
    await chat.send("And now?")
    assert local.seen[-1] == "generate True"


async def test_a_private_turn_that_was_taken_back_leaves_no_trace() -> None:
    """Nothing of it is in the history, so nothing of it can go out."""
    chat = bl.Session(ScriptedBackend([[bl.errors.Stalled("nothing came")], "ok"], leaves_device=False))
    with pytest.raises(bl.errors.Stalled):
        await chat.send(SECRET, private=True)
    chat.backend = cloud = SaysNothing()
    assert (await chat.send("Hello.")).text == "ok"
    assert cloud.seen == ["generate False"]


async def test_no_cloud_summarises_a_private_conversation() -> None:
    """The turns are dropped without a summary, and the reply says so."""
    cloud, local = SaysNothing(), ScriptedBackend("ok")
    chat = bl.Session(local, context=bl.chat.Summarize(backend=cloud, window=60, reserve=10))
    replies = [
        await chat.send(f"{number} {SECRET} " + "word " * 20, **({} if number else {"private": True}))
        for number in range(6)
    ]
    assert any("without a summary" in warning.message for reply in replies for warning in reply.warnings)
    assert cloud.seen == []
    assert all(request.private for request in local.requests)


# Tools


async def fetches(tool: bl.chat.FunctionTool, *, is_private: bool, hook: Any = None) -> bl.chat.Reply:
    """A turn in which the model calls a tool with what it was told."""
    call = bl.ToolCallPart("1", tool.tool.name, '{"url": "https://example.com/?q=my+diary"}')
    backend = ScriptedBackend([[call], ["done"]])
    chat = bl.Session(backend, tools=[tool], hooks=[] if hook is None else [hook], private=is_private)
    return await chat.send(SECRET)


async def test_a_private_conversation_runs_no_tool_that_leaves_the_device() -> None:
    """Not even one that a hook would allow; the model reads why."""
    ran: list[str] = []

    @bl.tool(leaves_device=True)
    def look_up(url: str) -> str:
        ran.append(url)
        return "found"

    asked: list[str] = []
    for hook in (None, lambda call: asked.append(call.name) or True):
        reply = await fetches(look_up, is_private=True, hook=hook)
        assert "the conversation is private" in (reply.calls[0].result or bl.ToolResultPart("", "")).content
        assert reply.calls[0].denied is not None and reply.text == "done"
    assert (ran, asked) == ([], [])
    await fetches(look_up, is_private=False)
    assert len(ran) == 1


def test_a_private_request_fetches_from_the_web_only_if_allowed() -> None:
    """The tool that comes with this package asks servers of the model's choice."""
    assert bl.chat.builtin.web_fetch().leaves_device
    assert not bl.chat.builtin.web_fetch(in_private=True).leaves_device
    others = (bl.chat.builtin.calculator(), bl.chat.builtin.clock())
    assert not any(tool.leaves_device for tool in others)
