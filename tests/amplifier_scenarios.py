"""Sessions whose events and results are compared between engines: native, ours on CPython, ours in a page.

``python amplifier_scenarios.py [python]`` prints them as JSON; with ``python`` our engine is used.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from typing import Any

if sys.argv[1:] == ["python"]:
    from browserllm.amplifier.install import install_engine

    install_engine(force=True)

import browserllm as bl
from browserllm.amplifier import create_session
from browserllm.amplifier.kernel import HookResult, ToolResult
from browserllm.testing.script import HANG
from browserllm.types import ReasoningDelta

STREAM = ("llm:stream_block_start", "llm:stream_block_delta", "llm:stream_block_end", "llm:stream_aborted")
# What differs from run to run.
VOLATILE = ("timestamp", "session_id", "request_id", "duration_ms", "parent_id")

CALL = bl.ToolCallPart("c1", "add", '{"a": 1, "b": 2}')


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


class Run:
    """One session, with everything that it tells."""

    def __init__(self, answers: Any, **options: Any) -> None:
        from amplifier_core.events import ALL_EVENTS

        self.backend = bl.ScriptedBackend(answers, model="paper")
        self.session = create_session(self.backend, **{"tools": [add], "session_id": "s", **options})
        self.told: list[Any] = []
        for event in [*ALL_EVENTS, *STREAM]:
            self.hooks.register(event, self._record, priority=-100, name="recorder")

    @property
    def hooks(self) -> Any:
        return self.session.coordinator.hooks

    async def _record(self, event: str, data: dict[str, Any]) -> HookResult:
        self.told.append([event, stable(data)])
        return HookResult()

    def hook(self, event: str, **answer: Any) -> None:
        """Answer an event."""

        async def handler(event: str, data: dict[str, Any]) -> HookResult:
            return HookResult(**answer)

        self.hooks.register(event, handler, name=f"hook of {event}")

    async def prompt(self, *prompts: str) -> list[Any]:
        """Run prompts, clean up, and return everything."""
        async with self.session as session:
            for prompt in prompts:
                await self.execute(session.execute(prompt))
        return self.all()

    async def execute(self, running: Awaitable[str]) -> None:
        """Tell an answer, or the error in its place."""
        try:
            self.told.append(["answer", await running])
        except RuntimeError as error:
            self.told.append(["error", str(error)])

    def all(self) -> list[Any]:
        """Return what was told, and what the model was sent."""
        sent = [[[message.role, message.text] for message in each.messages] for each in self.backend.requests]
        return [*self.told, ["sent", sent], ["stopped", len(self.backend.stopped)]]


def stable(value: Any) -> Any:
    """Return a value without what differs from run to run."""
    if isinstance(value, dict):
        return {key: stable(each) for key, each in sorted(value.items()) if key not in VOLATILE}
    return [stable(each) for each in value] if isinstance(value, list) else value


class Person:
    """Answers questions for approval."""

    def __init__(self, answer: str) -> None:
        self.answer = answer

    async def request_approval(self, prompt: str, options: list[str], timeout: float, default: str) -> str:
        return self.answer


async def answers() -> list[Any]:
    return await Run(["One.", "Two."], system="Be brief.").prompt("First?", "Second?")


async def thinks() -> list[Any]:
    return await Run([[ReasoningDelta(reasoning="Hm."), "So."]]).prompt("Why?")


async def calls_a_tool() -> list[Any]:
    return await Run([["Let me see. ", CALL], "It is 3."]).prompt("1 + 2?")


async def calls_two_tools() -> list[Any]:
    told = await Run([[CALL, bl.ToolCallPart("c2", "add", '{"a": 5, "b": 5}')], "3 and 10."]).prompt("Add")
    # They run side by side: the events of each are in order, those of both are not.
    ordered = iter(
        sorted((each for each in told if each[0].startswith("tool:")), key=lambda each: each[1]["tool_call_id"])
    )
    return [next(ordered) if each[0].startswith("tool:") else each for each in told]


async def calls_an_unknown_tool() -> list[Any]:
    return await Run([[bl.ToolCallPart("c1", "subtract", "{}")], "I see."]).prompt("Subtract")


async def calls_with_wrong_arguments() -> list[Any]:
    return await Run([[bl.ToolCallPart("c1", "add", '{"a": "x"}')], "I see."]).prompt("Add")


async def a_tool_fails() -> list[Any]:
    class Own:
        name, description, input_schema = "add", "Adds.", {"type": "object"}

        async def execute(self, input: dict[str, Any]) -> ToolResult:
            raise LookupError("broken")

    return await Run([[CALL], "Sorry."], tools=[Own()]).prompt("Add")


async def a_tool_with_rich_content() -> list[Any]:
    class Own:
        name, description, input_schema = "add", "Adds.", {"type": "object"}

        async def execute(self, input: dict[str, Any]) -> ToolResult:
            return ToolResult(output={"sum": 3}, content=[{"type": "text", "text": "three"}])

    return await Run([[CALL], "Three."], tools=[Own()]).prompt("Add")


async def a_hook_denies_a_tool() -> list[Any]:
    run = Run([[CALL], "Then not."])
    run.hook("tool:pre", action="deny", reason="no sums today")
    return await run.prompt("Add")


async def a_hook_denies_a_prompt() -> list[Any]:
    run = Run("Never.")
    run.hook("prompt:submit", action="deny", reason="not now")
    return await run.prompt("Hi")


async def a_hook_changes_the_arguments() -> list[Any]:
    run = Run([[CALL], "Done."])
    run.hook("tool:pre", action="modify", data={"tool_name": "add", "tool_input": {"a": 20, "b": 2}})
    return await run.prompt("Add")


async def a_hook_changes_the_result() -> list[Any]:
    run = Run([[CALL], "Done."])
    run.hook("tool:post", action="modify", data={"tool_result": {"output": "<3>"}})
    return await run.prompt("Add")


async def hooks_inject_context() -> list[Any]:
    run = Run(["One.", "Two."])
    run.hook("provider:request", action="inject_context", context_injection="It is late.")
    return await run.prompt("First?", "Second?")


async def hooks_inject_for_one_call() -> list[Any]:
    run = Run([[CALL], "Two."])
    run.hook(
        "tool:post",
        action="inject_context",
        context_injection="Check it.",
        ephemeral=True,
        append_to_last_tool_result=True,
    )
    return await run.prompt("Add", "Again")


async def a_person_allows() -> list[Any]:
    run = Run([[CALL], "Done."], approval_system=Person("Allow once"))
    run.hook("tool:pre", action="ask_user", approval_prompt="Run add?", approval_options=["Allow once", "Deny"])
    return await run.prompt("Add")


async def a_person_denies() -> list[Any]:
    run = Run([[CALL], "Done."], approval_system=Person("Deny"))
    run.hook("tool:pre", action="ask_user", approval_prompt="Run add?")
    return await run.prompt("Add")


async def no_person_is_there() -> list[Any]:
    run = Run([[CALL], "Done."])
    run.hook("tool:pre", action="ask_user", approval_prompt="Run add?", approval_default="allow")
    return await run.prompt("Add")


async def a_hook_fails() -> list[Any]:
    run = Run("Fine.")

    async def broken(event: str, data: dict[str, Any]) -> HookResult:
        raise ValueError("broken")

    run.hooks.register("prompt:submit", broken, name="broken")
    return await run.prompt("Hi")


async def a_hook_answers_nonsense() -> list[Any]:
    run = Run("Never.")

    async def nonsense(event: str, data: dict[str, Any]) -> Any:
        return 5

    run.hooks.register("prompt:submit", nonsense, name="nonsense")
    return await run.prompt("Hi")


async def the_model_fails() -> list[Any]:
    return await Run([["Half ", bl.Timeout("too slow")], "Better."]).prompt("Hi", "Again")


async def the_loop_reaches_its_limit() -> list[Any]:
    return await Run([[CALL]], loop={"max_iterations": 2}).prompt("For ever")


async def a_module_fails_to_load() -> list[Any]:
    async def broken(coordinator: Any, config: Any = None) -> None:
        raise ValueError("broken module")

    return await Run("Fine.", modules={"hooks-broken": broken}).prompt("Hi")


async def _cancelled(immediate: bool, phase: str) -> list[Any]:
    started, end = asyncio.Event(), asyncio.Event()

    async def wait() -> str:
        """Wait."""
        started.set()
        await end.wait()
        return "ended"

    answers = {
        "before": ["Never."],
        "prefill": [[HANG]],
        "decode": [["Half ", HANG]],
        "tool": [[bl.ToolCallPart("c1", "wait", "{}")], "Never."],
    }[phase]
    run = Run(answers, tools=[wait])
    async with run.session as session:
        if phase == "before":
            await session.coordinator.request_cancel(immediate)
        running = asyncio.ensure_future(session.execute("Hi"))
        if phase == "tool":
            await started.wait()
        while phase in ("prefill", "decode") and not run.backend.requests:
            await asyncio.sleep(0)
        while phase == "decode" and not any(event == STREAM[1] for event, _ in run.told):
            await asyncio.sleep(0)
        if phase != "before":
            await session.coordinator.request_cancel(immediate)
        if not immediate:
            end.set()
        await run.execute(running)
    return run.all()


SCENARIOS: dict[str, Callable[[], Awaitable[list[Any]]]] = {
    scenario.__name__: scenario
    for scenario in (
        *(answers, thinks, calls_a_tool, calls_two_tools, calls_an_unknown_tool, calls_with_wrong_arguments),
        *(a_tool_fails, a_tool_with_rich_content, a_hook_denies_a_tool, a_hook_denies_a_prompt),
        *(a_hook_changes_the_arguments, a_hook_changes_the_result, hooks_inject_context, hooks_inject_for_one_call),
        *(a_person_allows, a_person_denies, no_person_is_there, a_hook_fails, a_hook_answers_nonsense),
        *(the_model_fails, the_loop_reaches_its_limit, a_module_fails_to_load),
    )
}
for _immediate in (False, True):
    for _phase in ("before", "prefill", "decode", "tool"):
        SCENARIOS[f"cancelled_{'immediately' if _immediate else 'gracefully'}_{_phase}"] = (
            lambda immediate=_immediate, phase=_phase: _cancelled(immediate, phase)
        )


async def run_all() -> dict[str, Any]:
    """Run every scenario; return what each told, as JSON values."""
    return {name: json.loads(json.dumps(await scenario(), default=str)) for name, scenario in SCENARIOS.items()}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(run_all())), flush=True)  # noqa: T201
    # The native engine's threads can crash an interpreter that ends while they run.
    import os

    os._exit(0)
