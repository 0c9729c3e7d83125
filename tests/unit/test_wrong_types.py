"""An argument of a wrong type is rejected at once, with the value and what to write instead."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

import browserllm as bl
from browserllm.backends.middleware.detectors import find_terms
from browserllm.chat import builtin
from browserllm.models import engines

BACKEND: Any = bl.ScriptedBackend()


SAVED = bl.Session(BACKEND).to_json()


def host() -> Any:
    return bl.ScriptedHost()


def call() -> None:
    """Do nothing."""


def engine(**attributes: Any) -> Any:
    """An engine with these class attributes and no others."""
    return type("Mine", (engines.Engine,), {"list_files": None, **attributes})()


WRONG: list[tuple[str, Callable[[], Any], str]] = [
    # A host
    ("an unopened host", lambda: bl.LocalBackend(bl.connect()), "not open yet: write `async with browserllm.connect()"),
    (
        "a name for a host",
        lambda: bl.LocalBackend("pocket"),
        "host='pocket' is not a host; use the host of `async with",
    ),
    ("a manager of none", lambda: bl.ModelManager(None), "host=None is not a host"),
    ("a store of none", lambda: bl.stores.HostStore("x"), "host='x' is not a host"),
    ("a manager's catalog", lambda: bl.ModelManager(host(), ["m"]), "not a catalog; use Catalog([card, ...])"),
    ("a backend's catalog", lambda: bl.LocalBackend(host(), catalog={}), "catalog={} is not a catalog"),
    ("no card", lambda: bl.models.Catalog(["m"]), "card='m' is not a model card; use ModelCard("),
    ("one card", lambda: bl.models.Catalog(5), "cards=5 is not a list of model cards"),
    # A backend
    (
        "a name in a router",
        lambda: bl.Router(["gpt"]),
        "backends[0]='gpt' is not a backend; write LocalBackend(host, 'gpt') for a model on this device",
    ),
    (
        "one backend in a router",
        lambda: bl.Router(BACKEND),
        "not a list of backends; put it into a list, as in Router([",
    ),
    ("a class in a router", lambda: bl.Router([bl.OpenAI]), "is not a backend; create an instance"),
    ("a name in a session", lambda: bl.Session("pocket"), "backend='pocket' is not a backend"),
    ("a host in a session", lambda: bl.Session(host()), "that is a host: write LocalBackend(host)"),
    ("a name in generate", lambda: bl.stream_generate("m", "hi", output=int), "backend='m' is not a backend"),
    ("a name in a summary", lambda: bl.chat.Summarize(backend="m"), "backend='m' is not a backend"),
    ("no client's backend", lambda: bl.Client(5), "backend=5 is not"),
    *(
        (f"a name in {kind.__name__}", lambda kind=kind: kind("x"), "backend='x' is not a backend")
        for kind in (bl.Budget, bl.Logging, bl.Redaction, bl.ResponseCache, bl.Retry, bl.Telemetry, bl.TimeLimits)
    ),
    # A policy
    ("a name of a policy", lambda: bl.Router([BACKEND], "local"), "policy='local' is not a policy; use LocalFirst()"),
    ("a class of a policy", lambda: bl.Router([BACKEND], bl.LocalFirst), "is not a policy"),
    ("the next policy", lambda: bl.backends.router.ByCapability("local"), "then='local' is not a policy"),
    ("a policy's function", lambda: bl.backends.router.Custom("local"), "function='local' is not a function"),
    ("a policy's backend", lambda: bl.Explicit(BACKEND), "is not a backend's name"),
    ("a router's limits", lambda: bl.Router([BACKEND], limits=3), "limits=3 is not a dict"),
    ("a router's breaker", lambda: bl.Router([BACKEND], breaker=3), "breaker=3 is not a breaker"),
    ("a router's width", lambda: bl.Router([BACKEND], parallel="2"), "parallel='2' is not valid"),
    # An allowance, and what else is counted
    (
        "a number for a day",
        lambda: bl.Budget(BACKEND, per_day=1.0),
        "per_day=1.0 is not an allowance; write per_day=Allowance(",
    ),
    (
        "a text in an allowance",
        lambda: bl.Budget(BACKEND, per_day=bl.Allowance(usd="1")),
        "per_day.usd='1' is not valid",
    ),
    (
        "a budget's store",
        lambda: bl.Budget(BACKEND, per_day=bl.Allowance(usd=1), store={}),
        "store={} is not a store; use Mem",
    ),
    ("a class of a store", lambda: bl.ResponseCache(BACKEND, store=bl.stores.MemoryStore), "is not a store"),
    ("a tool's store", lambda: builtin.storage("x"), "store='x' is not a store"),
    ("a list's store", lambda: builtin.todo_list("x"), "store='x' is not a store"),
    ("a text as a number of retries", lambda: bl.Retry(BACKEND, retries="3"), "retries='3' is not valid"),
    ("a retry's rule", lambda: bl.Retry(BACKEND, when=True), "when=True is not a function"),
    ("a text of seconds", lambda: bl.TimeLimits(BACKEND, total_s="3"), "total_s='3' is not valid"),
    ("a name of a logger", lambda: bl.Logging(BACKEND, logger="x"), "logger='x' is not a logger"),
    ("no manager to observe", lambda: bl.backends.middleware.observe_models(BACKEND), "is not a model manager"),
    # A name of a model
    ("a number for a model", lambda: bl.LocalBackend(host(), model=5), "model=5 is not the name of a model"),
    (
        "a number for a vendor's",
        lambda: bl.OpenAI(5),
        "model=5 is not the name of a model; write the vendor's model name",
    ),
    ("a number for Claude", lambda: bl.Anthropic(5), "model=5 is not the name"),
    ("a number for Gemini", lambda: bl.Gemini(5), "model=5 is not the name"),
    ("a number for Ollama", lambda: bl.Ollama(5), "model=5 is not the name"),
    ("a price", lambda: bl.OpenAI("m", api_key="k", prices={"m": 3}), "prices['m']=3 is not a price; use Price("),
    ("a number for a session's", lambda: bl.Session(BACKEND, model=5), "model=5 is not the name"),
    ("a number for a summary's", lambda: bl.chat.Summarize(model=5), "model=5 is not the name"),
    ("a number in a catalog", lambda: bl.models.Catalog().get(5), "name=5 is not the name"),
    ("no name in a catalog", lambda: bl.models.Catalog().find(None), "name=None is not the name"),
    # Tools
    ("one tool", lambda: bl.chat.Toolbox(print), "is not a list of tools; put it into a list, as in tools=[weather]"),
    ("one tool in a session", lambda: bl.Session(BACKEND, tools=print), "is not a list of tools"),
    ("one tool to approve", lambda: bl.Approvals(tools=print), "is not a list of tools"),
    # An id that a saved session could not be loaded with
    ("a number for an id", lambda: bl.Session(BACKEND, id=5), "id=5 is not the id of a session; use a text"),
    ("a long id", lambda: bl.Session(BACKEND, id="x" * 201), "is not the id of a session"),
    ("two lines as an id", lambda: bl.Session(BACKEND, id="a\nb"), "is not the id of a session"),
    # A turn, and an engine
    ("a word for a fork's turns", lambda: bl.Session(BACKEND).fork("1"), "at='1' is out of range: there are 0 turns"),
    ("half a turn to fork at", lambda: bl.Session(BACKEND).fork(0.0), "at=0.0 is out of range"),
    ("a word for a turn", lambda: bl.Session(BACKEND).edit("0", "hi"), "turn '0' is out of range: there are 0 turns"),
    ("a class of an engine", lambda: engines.register(engines.Engine), "is not an engine; pass an instance"),
    ("an engine without a name", lambda: engines.register(engine(devices=("wasm",))), "engine.name=None is not"),
    ("an engine without devices", lambda: engines.register(engine(name="mine")), "engine.devices=None is not a list"),
    (
        "one device",
        lambda: engines.register(engine(name="mine", devices="wasm")),
        "engine.devices='wasm' is not a list",
    ),
    ("a number of rounds", lambda: bl.Session(BACKEND, max_rounds=True), "max_rounds=True is out of range"),
    ("a word of seconds", lambda: bl.Session(BACKEND, tool_timeout_s="x"), "tool_timeout_s='x' is out of range"),
    ("a word of a tool's seconds", lambda: bl.tool(timeout_s="x")(call), "timeout_s='x' is out of range"),
    ("a number for results", lambda: bl.Session(BACKEND).send_results(5), "results=5 is not a list of results"),
    ("numbers for results", lambda: bl.Session(BACKEND).send_results([5]), "results[0]=5 is not the result of a call"),
    # A saved session
    ("a number to load", lambda: bl.Session.from_json(5, BACKEND), "text=5 is not a saved session"),
    ("a number as history", lambda: bl.chat.History.from_json(5), "text=5 is not a saved history"),
    ("a number to take", lambda: bl.Session.from_json(SAVED, BACKEND, take=5), "take=5 is not a list of names"),
    ("numbers to take", lambda: bl.Session.from_json(SAVED, BACKEND, take=[[5]]), "take=[5]"),
    # Detectors and terms
    (
        "a name of a detector",
        lambda: bl.Redaction(BACKEND, detectors=["EMAIL"]),
        "detectors[0]='EMAIL' is not a function",
    ),
    ("one detector", lambda: bl.Redaction(BACKEND, detectors=print), "is not a list of functions"),
    ("a word as terms", lambda: bl.Redaction(BACKEND, terms="falcon"), "terms='falcon' is not a list of words"),
    (
        "a kind of two words",
        lambda: bl.Redaction(BACKEND, terms={"falcon": "project name"}),
        "a kind in terms='project name'",
    ),
    ("a number as a term", lambda: bl.Redaction(BACKEND, terms=[5]), "terms[0]=5 is not text"),
    ("a word to find", lambda: find_terms("falcon"), "terms='falcon' is not a list of words"),
    ("one tool to restore", lambda: bl.Redaction(BACKEND, restore_tools="log_in"), "is not a list of names"),
]


@pytest.mark.parametrize(("make", "says"), [each[1:] for each in WRONG], ids=[each[0] for each in WRONG])
async def test_a_wrong_type_is_rejected_at_once_with_what_to_write(make: Callable[[], Any], says: str) -> None:
    """The constructor raises, not the first request; the error names the argument, too."""
    with pytest.raises(bl.InvalidRequest) as caught:
        make()
    assert says in str(caught.value)
    assert caught.value.data["parameter"]


async def test_loading_and_saving_reject_what_is_no_store() -> None:
    """Before anything is read."""
    session: Any = bl.Session
    for asked in (session.load(5, "key", backend=BACKEND), session(BACKEND).save(5, "key")):
        with pytest.raises(bl.InvalidRequest, match="store=5 is not a store"):
            await asked


@pytest.mark.parametrize(
    ("name", "value"), [("backend", "gpt"), ("max_rounds", "x"), ("context", 5), ("system", 5), ("model", 5)]
)
async def test_a_setting_of_a_session_that_is_set_to_a_wrong_kind_fails_the_next_turn(name: str, value: Any) -> None:
    """Also counting its tokens, and the error names the setting."""
    session = bl.Session(bl.ScriptedBackend(["one"]))
    await session.send("hello")
    setattr(session, name, value)
    for asked in (lambda: session.send("hello"), session.count_tokens):
        with pytest.raises(bl.InvalidRequest) as caught:
            await asked()
        assert caught.value.data["parameter"] == name


@asynccontextmanager
async def opens_5() -> AsyncGenerator[Any]:
    yield 5


@pytest.mark.parametrize("opens", [lambda: 5, opens_5], ids=["no context manager", "no backend"])
async def test_a_function_that_opens_no_backend_is_rejected_when_it_is_called(opens: Any) -> None:
    """At the first request; closing the client still works."""
    client = bl.AsyncClient(opens)
    with pytest.raises(bl.InvalidRequest, match="=5 is not"):
        await client.models.list()
    await client.close()


KINDS: dict[Any, tuple[Any, ...]] = {
    **dict.fromkeys((bl.Session, bl.Retry, bl.Logging, bl.Redaction, bl.ResponseCache, bl.TimeLimits), (BACKEND,)),
    **dict.fromkeys((bl.OpenAI, bl.Anthropic, bl.Gemini, bl.Ollama), ("m",)),
    **dict.fromkeys((bl.LocalBackend, bl.ModelManager, bl.stores.HostStore), (host,)),
    **dict.fromkeys((bl.LocalFirst, bl.LocalOnly, bl.CloudFirst, bl.Explicit, bl.backends.router.ByCapability), ()),
    **dict.fromkeys((bl.chat.Summarize, bl.chat.DropOldest, bl.chat.FailWhenFull, bl.chat.History, bl.Approvals), ()),
    **dict.fromkeys((bl.Client, bl.AsyncClient, bl.stores.MemoryStore, bl.models.Catalog, bl.ScriptedBackend), ()),
    bl.Router: ([BACKEND],),
    bl.Budget: (BACKEND,),
    bl.chat.Toolbox: ([],),
}
"""Classes that take options, with the arguments that they need."""


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
async def test_no_option_of_a_wrong_type_raises_an_error_of_pythons_own(kind: Any) -> None:
    """Each option, with values of many types: it is accepted or rejected, and never fails by accident."""
    needed = [each() if each is host else each for each in KINDS[kind]]
    options = list(inspect.signature(kind).parameters.values())[len(needed) :]
    for option in options:
        if option.kind in (option.VAR_KEYWORD, option.VAR_POSITIONAL):
            continue
        for value in (5, -1, "x", True, float("nan"), object(), [5], {5: 5}):
            with suppress(bl.BrowserLLMError):
                kind(*needed, **{option.name: value})


async def test_the_methods_of_models_reject_what_is_not_a_name() -> None:
    """Every method that takes a model's name checks it before it asks the page; a purpose must be a known one."""
    manager: Any = bl.ModelManager(bl.ScriptedHost())
    calls = ("fit", "load", "download", "start_download", "delete", "unload", "readiness")
    for name in calls:
        with pytest.raises(bl.InvalidRequest, match="name=5 is not the name of a model"):
            await getattr(manager, name)(5)
    with pytest.raises(bl.InvalidRequest, match=r"unknown purpose 'cod'. Choose one of: chat, code"):
        await manager.list(purpose="cod")
    local: Any = bl.LocalBackend(manager.host)
    for asked in (local.embed("x", model=5), local.count_tokens("x", model=5)):
        with pytest.raises(bl.InvalidRequest, match="model=5 is not"):
            await asked
    with pytest.raises(bl.InvalidRequest, match="texts=5 is not a list of texts"):
        await local.embed(5)


@pytest.mark.parametrize("found", ["secret-1", ["secret-1"], [(0, 6)], [("0", 6, "X")], None, 5])
async def test_a_detector_that_returns_no_spans_is_named_without_its_result(found: Any) -> None:
    """The result may be secret: the error only has its type."""

    def find_mine(text: str) -> Any:
        return found

    redaction = bl.Redaction(bl.ScriptedBackend(leaves_device=True), detectors=[find_mine])
    with pytest.raises(bl.InvalidRequest, match=r"'find_mine' returned a .*; return a list of Span") as caught:
        await redaction.complete("secret-1")
    assert "secret-1" not in str(caught.value)


async def test_a_toolbox_is_a_list_of_tools() -> None:
    """A session, which runs them, checks this, too."""

    def weather(city: str) -> str:
        return f"fine in {city}"

    backend = bl.ScriptedBackend([[bl.ToolCallPart("1", "weather", '{"city": "Oslo"}')], "Fine."])
    chat = bl.Session(backend, tools=bl.chat.Toolbox([weather]))
    reply = await chat.send("?")
    assert reply.text == "Fine."
    assert [run.result and run.result.content for run in reply.calls] == ["fine in Oslo"]


async def test_a_plain_for_over_a_stream_says_to_use_async_for() -> None:
    """On each of the three streams."""
    backend = bl.ScriptedBackend("1")
    streams: list[Any] = [
        backend.stream("hi"),
        bl.Session(backend).stream("hi"),
        bl.stream_generate(backend, "hi", output=int),
    ]
    for stream in streams:
        with pytest.raises(TypeError, match=r"`async for chunk in ...`"):
            for _ in stream:
                pass
        await stream.aclose()
