"""A tool can do anything: the turn and the program survive it, and the model reads what happened."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from decimal import Decimal
from pathlib import PurePosixPath
from typing import Any

import pytest

import browserllm as bl


class SpeechlessError(Exception):
    """Cannot even say what went wrong."""

    def __str__(self) -> str:
        raise SystemExit(3)


class Touchy:
    """Raises whatever it is asked for."""

    def __getattr__(self, name: str) -> Any:
        raise KeyboardInterrupt(name)


class Text(str):
    """A text with a word of its own."""

    __slots__ = ()

    def __str__(self) -> str:
        raise ValueError("never")


class Awaited:
    """Ends the program when it is awaited."""

    def __await__(self) -> Iterator[None]:
        raise SystemExit(1)
        yield


def numbers() -> Iterator[int]:
    """Yield numbers that are never read."""
    yield 1


async def later_numbers() -> AsyncIterator[int]:
    """The same, later."""
    yield 1


def endless() -> list[Any]:
    """A list that holds itself."""
    value: list[Any] = []
    value.append(value)
    return value


def deep() -> list[Any]:
    """A list in a list, and so on."""
    value: list[Any] = []
    for _ in range(3_000):
        value = [value]
    return value


RAISED: list[BaseException] = [
    StopIteration("s"),
    StopAsyncIteration("s"),
    GeneratorExit("g"),
    SystemExit(2),
    KeyboardInterrupt("k"),
    asyncio.CancelledError("c"),
    BaseException("b"),
    BaseExceptionGroup("several", [KeyboardInterrupt()]),
    ExceptionGroup("several", [ValueError()]),
    TimeoutError("t"),
    MemoryError("m"),
    RecursionError("r"),
    bl.InvalidRequest("i"),
    bl.Cancelled("c"),
    SpeechlessError(),
]

RETURNED: list[tuple[Callable[[], Any], str]] = [
    (lambda: None, "null"),
    (lambda: {"a": [1, 2.5, None, True]}, '{"a":[1,2.5,null,true]}'),
    (lambda: "\ud800x", "\ufffdx"),
    (lambda: Text("said"), "said"),
    (lambda: b"\xff", '"/w=="'),
    (lambda: {1}, "[1]"),
    (lambda: Decimal("1.50"), '"1.50"'),
    (lambda: PurePosixPath("/a/b"), '"/a/b"'),
    (lambda: float("nan"), "null"),
    (numbers, "'generator', which cannot be written as JSON"),
    (later_numbers, "'async_generator', which cannot be written as JSON"),
    (object, "'object', which cannot be written as JSON"),
    (lambda: {(1, 2): 3}, "'tuple', which cannot be written as JSON"),
    (lambda: 1j, "'complex', which cannot be written as JSON"),
    (Touchy, "KeyboardInterrupt: "),
    (endless, "RecursionError: "),
    (deep, "RecursionError: "),
    (lambda: 10**5000, "ValueError: "),
]


def plain(function: Callable[[], Any]) -> Callable[[], Any]:
    """A plain function, which runs in a thread where there are threads."""

    def probe() -> Any:
        return function()

    return probe


def coroutine(function: Callable[[], Any]) -> Callable[[], Any]:
    """A coroutine function that has waited before."""

    async def probe() -> Any:
        await asyncio.sleep(0)
        return function()

    return probe


def promising(function: Callable[[], Any]) -> Callable[[], Any]:
    """A plain function that returns something to be awaited."""

    def probe() -> Any:
        return coroutine(function)()

    return probe


def raising(error: BaseException) -> Callable[[], Any]:
    """A function that does nothing else."""

    def fail() -> Any:
        raise error

    return fail


async def told(tool: Callable[[], Any]) -> str:
    """What the model is told of a call; the turn ends well, and so does the next one."""
    llm = bl.ScriptedBackend([[bl.ToolCallPart("1", "probe", "{}")], "done", "still here"])
    session = bl.Session(llm, tools=[tool])
    assert (await session.send("Go on.")).text == "done"
    assert (await session.send("Are you there?")).text == "still here"
    (result,) = [part for part in llm.requests[1].messages[-1].content if isinstance(part, bl.ToolResultPart)]
    return result.content


@pytest.mark.parametrize("kind", [plain, coroutine, promising])
@pytest.mark.parametrize("error", RAISED, ids=lambda error: type(error).__name__)
async def test_whatever_a_tool_raises_is_its_result(error: BaseException, kind: Callable[..., Any]) -> None:
    """Also exceptions that would end a program, a generator or a task, and those that cannot be written as text."""
    said = await told(kind(raising(error)))
    cancelled = "probe was cancelled" if isinstance(error, asyncio.CancelledError) else "RuntimeError: coroutine raised"
    assert said.startswith((cancelled, type(error).__name__, str(bl.InvalidRequest("i")))), said


@pytest.mark.parametrize("kind", [plain, coroutine, promising])
@pytest.mark.parametrize(("function", "text"), RETURNED)
async def test_whatever_a_tool_returns_is_its_result(
    function: Callable[[], Any], text: str, kind: Callable[..., Any]
) -> None:
    """JSON values as JSON; for others the model gets the type of the value."""
    assert text in await told(kind(function))


async def test_an_awaitable_that_would_end_the_program_is_a_result() -> None:
    """A plain function may return anything that can be awaited."""
    assert await told(plain(Awaited)) == "SystemExit: 1"


async def test_a_cancelled_turn_stays_cancelled() -> None:
    """A tool's own cancellation is a result, its caller's is not."""
    begun = asyncio.Event()

    async def wait() -> None:
        begun.set()
        await asyncio.get_running_loop().create_future()

    llm = bl.ScriptedBackend([[bl.ToolCallPart("1", "wait", "{}")], "done"])
    turn = asyncio.ensure_future(bl.Session(llm, tools=[wait]).send("Go on."))
    await begun.wait()
    turn.cancel()
    with pytest.raises(asyncio.CancelledError):
        await turn
