"""Conversations with a real model that calls tools, for Python in a page and for CPython that launched it alike.

What a test orders, and what it is told, is JSON: in a page these functions are called from outside.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import msgspec

import browserllm as bl
from browserllm.backends.draft import Draft
from browserllm.backends.stream import Delta

PATIENCE_S = 30.0
QUESTION = "Set the bedroom to 19 degrees."
NEXT = "Set the kitchen to 20 degrees."
SHORT = {"temperature": 0, "max_tokens": 100}


class House:
    """Has tools, and notes what was done with them."""

    def __init__(self) -> None:
        self.done: list[dict[str, Any]] = []
        self.entered = asyncio.Event()
        self.left: list[str] = []
        self.behaviour = "works"

    async def set_temperature(self, room: str, degrees: float) -> dict[str, Any]:
        """Set the temperature of a room in degrees Celsius."""
        self.entered.set()
        self.done.append({"room": room, "degrees": degrees})
        if self.behaviour == "raises":
            raise ValueError(f"the {room} has no radiator")
        if self.behaviour == "hangs":
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                self.left.append(room)
        return {"room": room, "degrees": degrees, "status": "ok"}

    def tools(self, timeout_s: float | None = None) -> list[bl.chat.FunctionTool]:
        """For a session. One, so that prompts are short: each is computed on a software adapter."""
        return [bl.tool(timeout_s=timeout_s)(self.set_temperature)]


class Renaming(bl.backends.Middleware):
    """Tells the model of tools by other names than the session has."""

    async def generate(self, request: bl.ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
        tools = [msgspec.structs.replace(tool, name=f"home_{tool.name}") for tool in request.tools]
        async for delta in super().generate(msgspec.structs.replace(request, tools=tools), draft):
            yield delta


class Insisting(bl.backends.Middleware):
    """Has the model call a tool whenever it may."""

    async def generate(self, request: bl.ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
        if request.tool_choice != "none":
            request = msgspec.structs.replace(request, tool_choice="required")
        async for delta in super().generate(request, draft):
            yield delta


class Bench:
    """A host and what is made of it."""

    def __init__(self, host: bl.Host) -> None:
        self.host = host

    def backend(self, engine: str = "webllm") -> bl.LocalBackend:
        """The pocket model."""
        device = "webgpu" if engine == "webllm" else "wasm"
        return bl.LocalBackend(self.host, "pocket", engine=engine, device=device)


BENCHES: list[Bench] = []


async def begin(host: bl.Host | None = None) -> None:
    """Take a host, or open the page's own."""
    BENCHES.append(Bench(host if host is not None else await bl.connect()))


def told(session: bl.Session, reply: bl.chat.Reply | None, house: House) -> dict[str, Any]:
    """What a test wants to know."""
    results = [part for message in session.history.messages for part in _parts(message, bl.ToolResultPart)]
    return {
        "text": "" if reply is None else reply.text,
        "finish_reason": None if reply is None else reply.finish_reason,
        "warnings": [] if reply is None else [warning.parameter for warning in reply.warnings],
        "roles": [message.role for message in session.history.messages],
        "called": [[call.name, call.arguments] for message in session.history.messages for call in message.tool_calls],
        "results": [[result.content, result.is_error] for result in results],
        "done": house.done,
        "left": house.left,
        "cached": [] if reply is None else [response.usage.cached_tokens for response in reply.responses],
        "prompts": [] if reply is None else [response.usage.prompt_tokens for response in reply.responses],
    }


def _parts(message: bl.Message, kind: type[Any]) -> list[Any]:
    return [] if isinstance(message.content, str) else [part for part in message.content if isinstance(part, kind)]


async def ask(
    text: str = QUESTION,
    *,
    behaviour: str = "works",
    decision: Any = None,
    renamed: bool = False,
    always: bool = False,
    timeout_s: float | None = None,
    engine: str = "transformersjs",
    **options: Any,
) -> dict[str, Any]:
    """Ask a session with tools; ``decision`` is what a hook says of each call: True, False, a reason, new arguments."""
    house = House()
    house.behaviour = behaviour
    asked: list[str] = []

    async def decide(call: bl.ToolCallPart) -> Any:
        asked.append(call.name)
        await asyncio.sleep(0)
        return (
            bl.chat.Deny(decision) if isinstance(decision, str) else bl.chat.Change(decision) if decision else decision
        )

    backend: bl.Backend = BENCHES[0].backend(engine)
    session = bl.Session(
        Renaming(backend) if renamed else Insisting(backend) if always else backend,
        tools=house.tools(timeout_s),
        hooks=[] if decision is None else [decide],
        **SHORT,
        **options,
    )
    reply = await session.send(text)
    return {**told(session, reply, house), "asked": asked}


async def ask_a_person() -> dict[str, Any]:
    """Approve the call after a while, in another task."""
    house = House()
    approvals = bl.Approvals()
    seen: list[list[str]] = []

    async def person() -> None:
        async for pending in approvals:
            seen.append([pending.call.name, *(["done already"] if house.done else [])])
            pending.approve()

    watching = asyncio.create_task(person())
    session = bl.Session(BENCHES[0].backend(), tools=house.tools(), hooks=[approvals], **SHORT)
    reply = await session.send(QUESTION)
    approvals.close()
    await watching
    return {**told(session, reply, house), "seen": seen}


async def stop_in_a_tool(how: str) -> dict[str, Any]:
    """End a turn while its tool runs, by ``stop`` or by cancelling the task; then go on."""
    house = House()
    house.behaviour = "hangs"
    session = bl.Session(BENCHES[0].backend(), tools=house.tools(), **SHORT)
    turn = session.stream(QUESTION)

    async def read() -> bl.chat.Reply:
        return await turn.finish()

    reading = asyncio.create_task(read())
    async with asyncio.timeout(PATIENCE_S):
        await house.entered.wait()
        if how == "stop":
            turn.stop()
        else:
            reading.cancel()
        (ended,) = await asyncio.gather(reading, return_exceptions=True)
    before = told(session, ended if isinstance(ended, bl.chat.Reply) else None, house)
    reply = await session.send("Hello!")
    return {
        "before": before,
        "raised": type(ended).__name__ if isinstance(ended, BaseException) else "",
        "after": told(session, reply, house),
    }


async def take_turns(turns: int) -> list[list[str]]:
    """Let two sessions of one model talk at the same time; returns who got answers, in which order, and what."""
    order: list[list[str]] = []

    async def talk(name: str) -> None:
        session = bl.Session(BENCHES[0].backend(), **{**SHORT, "max_tokens": 12})
        await session.send(f"Hello! My name is {name}.")
        for _ in range(turns):
            reply = await session.send("What is my name?")
            order.append([name, reply.text])

    await asyncio.gather(talk("Hannah"), talk("Otto"))
    return order


async def grow(engine: str, turns: int, window: int | None = None) -> list[list[int]]:
    """Talk for some turns; of each, the tokens of its prompt, those from the cache, and where the history begins."""
    context = bl.chat.DropOldest() if window is None else bl.chat.DropOldest(window=window)
    session = bl.Session(BENCHES[0].backend(engine), system="Be brief.", context=context, **{**SHORT, "max_tokens": 16})
    figures: list[list[int]] = []
    for number in range(turns):
        usage = (await session.send(f"Tell me about a fox, part {number}.")).response.usage
        figures.append([usage.prompt_tokens, usage.cached_tokens, session.history.start])
    return figures


async def keep_and_find_again() -> dict[str, Any]:
    """Save in the page's IndexedDB, load as a session of its own, and go on beside a fork."""
    store = bl.stores.HostStore(BENCHES[0].host, "conversations")
    house = House()
    session = bl.Session(BENCHES[0].backend(), tools=house.tools(), **SHORT)
    await session.send(QUESTION)
    await session.save(store, "house")
    found = await bl.Session.load(store, "house", backend=BENCHES[0].backend(), tools=house.tools(), **SHORT)
    same = found.history.messages == session.history.messages
    fork = found.fork()
    reply = await found.send(NEXT)
    return {
        "same": same,
        "fork": len(fork.history.messages) == len(session.history.messages),
        "answer": reply.text,
        "done": house.done,
    }
