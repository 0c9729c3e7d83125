"""Tools, hooks, people and models that misbehave: model or caller reads what happened, and the session goes on."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from typing import Any

import pytest
from amplifier_core import HookResult, ToolResult

import browserllm as bl
from browserllm.amplifier import create_session
from browserllm.testing.script import HANG
from browserllm.types import ReasoningDelta

CALL = bl.ToolCallPart("c1", "odd", "{}")
OWN: dict[str, Any] = {}
OWN["own"] = OWN
DEEP: list[Any] = []
for _ in range(150):
    DEEP = [DEEP]


class Odd:
    """A tool of Amplifier's, which may return anything."""

    name, description, input_schema = "odd", "Odd.", {"type": "object"}

    def __init__(self, run: Callable[[dict[str, Any]], Any] = dict) -> None:
        self.run = run

    async def execute(self, input: dict[str, Any]) -> Any:
        return self.run(input)


class Unwritable:
    def __str__(self) -> str:
        raise OSError("no text")


def cancel_itself(_: Any) -> None:
    raise asyncio.CancelledError


def results(backend: bl.ScriptedBackend) -> list[str]:
    """The tool results that the model read last."""
    return [part.content for message in backend.requests[-1].messages for part in message.parts
            if isinstance(part, bl.ToolResultPart)]  # fmt: skip


# Tools


@pytest.mark.parametrize(
    ("run", "read"),
    [
        (lambda _: {(1, 2): 3}, "TypeError: keys must be str"),
        (lambda _: OWN, "ValueError: Circular reference"),
        (lambda _: ToolResult(output={(1, 2): 3}), "TypeError: keys must be str"),
        (lambda _: DEEP, "ValueError: the value is nested more than 100 levels deep"),
        (lambda _: Unwritable(), "OSError: no text"),
        (lambda _: 10**5000, "ValueError: Exceeds the limit"),
        (lambda _: [1.5, float("nan"), float("-inf")], "[1.5, null, null]"),
        (lambda _: {"half \ud83d": "\ude00"}, '{"half \\ufffd": "\\ufffd"}'),
        (lambda _: "both \ud83d\ude00", "both 😀"),
        (cancel_itself, "RuntimeError: the tool was cancelled by its own code"),
    ],
)
async def test_the_model_reads_what_is_wrong_with_a_result(run: Callable[[Any], Any], read: str) -> None:
    backend = bl.ScriptedBackend([[CALL], "I see."])
    async with create_session(backend, tools=[Odd(run)]) as session:
        assert await session.execute("Go") == "I see."
    assert read in results(backend)[0]


async def test_a_function_that_returns_half_a_character_is_read_too() -> None:
    def odd() -> str:
        """Return a text."""
        return "half \ud83d"

    backend = bl.ScriptedBackend([[CALL], "I see."])
    async with create_session(backend, tools=[odd]) as session:
        assert await session.execute("Go") == "I see."
    assert results(backend) == ["half \ufffd"]


def test_tools_of_one_name_are_refused() -> None:
    with pytest.raises(bl.InvalidRequest, match="two tools are named 'odd'"):
        create_session(bl.ScriptedBackend("Hi"), tools=[Odd(), Odd()])


# Models


@pytest.mark.parametrize(
    ("arguments", "given"),
    [
        ('{"a": "half \\ud83d"}', {"a": "half \ufffd"}),
        ('{"\\ude00": 1}', {"\ufffd": 1}),
        ('{"a": NaN, "b": [1e999, -Infinity]}', {"a": None, "b": [None, None]}),
    ],
)
async def test_odd_arguments_reach_the_tool_and_the_session_goes_on(arguments: str, given: dict[str, Any]) -> None:
    ran: list[Any] = []
    backend = bl.ScriptedBackend([[bl.ToolCallPart("c1", "odd", arguments)], "One.", "Two."])
    async with create_session(backend, tools=[Odd(ran.append)]) as session:
        assert [await session.execute("Go"), await session.execute("On")] == ["One.", "Two."]
    assert ran == [given]


@pytest.mark.parametrize("depth", [150, 100_000])
async def test_arguments_that_are_nested_too_deeply_fail_the_prompt_alone(depth: int) -> None:
    deep = f'{{"a": {"[" * depth}{"]" * depth}}}'
    backend = bl.ScriptedBackend([[bl.ToolCallPart("c1", "odd", deep)], "Better."])
    async with create_session(backend, tools=[Odd()]) as session:
        with pytest.raises(RuntimeError, match="InvalidToolCallError: the model called 'odd' with arguments that"):
            await session.execute("Go")
        assert await session.execute("Again") == "Better."


async def test_characters_that_come_in_halves_are_joined() -> None:
    backend = bl.ScriptedBackend(
        [
            ["It is \ud83d", "\ude00, \ud83d"],
            [ReasoningDelta(reasoning="\ud83d"), ReasoningDelta(reasoning="\ude00"), "So."],
        ]
    )
    texts: list[tuple[str, str]] = []

    async def note(event: str, data: dict[str, Any]) -> HookResult:
        texts.append((data["block_type"], data["text"]))
        return HookResult()

    session = create_session(backend)
    session.coordinator.hooks.register("llm:stream_block_delta", note, name="note")
    async with session:
        answers = [await session.execute("Go"), await session.execute("On")]
    assert answers == ["It is 😀, \ufffd", "So."]
    words = [(kind, "".join(text for _, text in said)) for kind, said in itertools.groupby(texts, lambda each: each[0])]
    assert words == [("text", answers[0]), ("thinking", "😀"), ("text", "So.")]


# Callers


async def test_half_a_character_in_the_system_prompt_is_replaced() -> None:
    backend = bl.ScriptedBackend("Hi.")
    async with create_session(backend, system="Be \ud83d") as session:
        await session.execute("Go")
    assert backend.requests[0].messages[0].text == "Be \ufffd"


# Cancellation while something else than model and tool is waited for

SCRIPT = [[CALL], "Never."]


@pytest.mark.parametrize("immediate", [False, True])
async def test_cancelling_ends_the_wait_for_an_approval(immediate: bool) -> None:
    asked = asyncio.Event()
    ran: list[Any] = []

    class Absent:
        async def request_approval(self, prompt: str, options: list[str], timeout: float, default: str) -> str:
            asked.set()
            await asyncio.Event().wait()
            return "Allow"

    async def ask(event: str, data: dict[str, Any]) -> HookResult:
        return HookResult(action="ask_user", approval_prompt="Run it?")

    backend = bl.ScriptedBackend(SCRIPT)
    session = create_session(backend, tools=[Odd(ran.append)], approval_system=Absent())
    session.coordinator.hooks.register("tool:pre", ask, name="ask")
    async with session:
        running = asyncio.create_task(session.execute("Go"))
        await asked.wait()
        await session.coordinator.request_cancel(immediate)
        assert await running == ""
        stored = await session.coordinator.get("context").get_messages()
    assert (ran, len(backend.requests)) == ([], 1)
    assert stored[-1]["content"] == "the session was cancelled while it waited for an approval"


@pytest.mark.parametrize("event", ["prompt:submit", "provider:request", "provider:response", "tool:pre", "tool:post"])
async def test_cancelling_at_once_does_not_wait_for_a_hook_that_hangs(event: str) -> None:
    reached = asyncio.Event()
    ends: list[str] = []

    async def hang(event: str, data: dict[str, Any]) -> HookResult:
        reached.set()
        await asyncio.Event().wait()
        return HookResult()

    async def note(event: str, data: dict[str, Any]) -> HookResult:
        ends.append(data["status"])
        return HookResult()

    backend = bl.ScriptedBackend(SCRIPT)
    session = create_session(backend, tools=[Odd()])
    session.coordinator.hooks.register(event, hang, name="hang")
    session.coordinator.hooks.register("execution:end", note, name="note")
    async with session:
        running = asyncio.create_task(session.execute("Go"))
        await reached.wait()
        await session.coordinator.request_cancel(True)
        assert await running == ""
    assert ends == ["cancelled"]
    assert len(backend.requests) == (0 if event in ("prompt:submit", "provider:request") else 1)


async def test_a_cancelled_session_answers_again_after_its_token_is_reset() -> None:
    """As the documentation says."""
    backend = bl.ScriptedBackend([["Half ", HANG], "Whole."])
    async with create_session(backend) as session:
        running = asyncio.create_task(session.execute("Go"))
        while not backend.requests:
            await asyncio.sleep(0)
        await session.coordinator.request_cancel(immediate=True)
        with pytest.raises(RuntimeError, match="cancelled"):
            await running
        session.coordinator.cancellation.reset()
        assert await session.execute("Again") == "Whole."
