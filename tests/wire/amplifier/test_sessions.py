"""Whole sessions on amplifier-core's native kernel: tools, hooks that deny, change, inject and ask, cancellation."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from amplifier_core import AmplifierSession, HookResult, ToolResult

import browserllm as bl
from browserllm.amplifier import Context, create_session
from browserllm.backends import BackendFacts
from browserllm.testing.script import HANG

EVENTS = (
    *("session:start", "session:end", "prompt:submit", "prompt:complete", "execution:start", "execution:end"),
    *("provider:request", "provider:response", "provider:error", "tool:pre", "tool:post", "tool:error"),
    *("orchestrator:complete", "cancel:completed", "module:load_failed", "llm:request", "llm:response"),
)


class Watched:
    """A session, its backend and the names of its events."""

    def __init__(self, session: AmplifierSession, backend: bl.ScriptedBackend) -> None:
        self.session, self.backend = session, backend
        self.events: list[tuple[str, dict[str, Any]]] = []
        for event in EVENTS:
            self.hooks.register(event, self._record, name="recorder")

    @property
    def hooks(self) -> Any:
        return self.session.coordinator.hooks

    async def _record(self, event: str, data: dict[str, Any]) -> HookResult:
        self.events.append((event, data))
        return HookResult()

    def names(self) -> list[str]:
        return [name for name, _ in self.events]

    def results(self) -> list[str]:
        """The tool results that the model read."""
        return [part.content for request in self.backend.requests[-1:] for message in request.messages
                for part in message.parts if isinstance(part, bl.ToolResultPart)]  # fmt: skip


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


CALL = bl.ToolCallPart("c1", "add", '{"a": 1, "b": 2}')


def opened(answers: Any, *, facts: BackendFacts | None = None, **options: Any) -> Watched:
    """Return a session over a script."""
    backend = bl.ScriptedBackend(answers, facts=facts)
    return Watched(create_session(backend, **{"tools": [add], **options}), backend)


async def test_a_question_a_tool_and_an_answer() -> None:
    watched = opened([["Let me see. ", CALL], "It is 3."], system="Be brief.")
    async with watched.session as session:
        assert await session.execute("What is 1 + 2?") == "It is 3."
    first, second = watched.backend.requests
    assert [message.role for message in first.messages] == ["system", "user"]
    assert [tool.name for tool in first.tools] == ["add"]
    assert [message.role for message in second.messages] == ["system", "user", "assistant", "tool"]
    assert watched.results() == ["3"]
    asked = ["provider:request", "llm:request", "llm:response", "provider:response"]
    assert watched.names() == [
        *("session:start", "execution:start", "prompt:submit", *asked, "tool:pre", "tool:post", *asked),
        *("prompt:complete", "execution:end", "orchestrator:complete", "session:end"),
    ]
    ended = dict(watched.events)["orchestrator:complete"]
    assert (ended["orchestrator"], ended["turn_count"], ended["status"]) == ("loop-browserllm", 2, "completed")


async def test_a_conversation_goes_on() -> None:
    watched = opened(["One.", "Two."])
    async with watched.session as session:
        await session.execute("First?")
        await session.execute("Second?")
    assert [message.text for message in watched.backend.requests[1].messages] == ["First?", "One.", "Second?"]


async def test_a_hook_denies_a_tool() -> None:
    watched = opened([[CALL], "Then not."])

    async def deny(event: str, data: dict[str, Any]) -> HookResult:
        return HookResult(action="deny", reason="no sums today")

    watched.hooks.register("tool:pre", deny, name="deny")
    async with watched.session as session:
        assert await session.execute("Add") == "Then not."
    assert watched.results() == ["the call was refused: no sums today"]
    assert "tool:post" not in watched.names()


async def test_a_hook_changes_the_arguments_and_the_result() -> None:
    watched = opened([[CALL], "Done."])

    async def change(event: str, data: dict[str, Any]) -> HookResult:
        if event == "tool:pre":
            return HookResult(action="modify", data={**data, "tool_input": {"a": 20, "b": 2}})
        return HookResult(
            action="modify", data={**data, "tool_result": {"output": f"<{data['tool_result']['output']}>"}}
        )

    watched.hooks.register("tool:pre", change, name="pre")
    watched.hooks.register("tool:post", change, name="post")
    async with watched.session as session:
        await session.execute("Add")
    assert watched.results() == ["<22>"]


@pytest.mark.parametrize("ephemeral", [False, True])
async def test_a_hook_injects_context(ephemeral: bool) -> None:
    """For good, or for the next call of the model alone."""
    watched = opened(["One.", "Two."])
    injected: list[str] = []

    async def inject(event: str, data: dict[str, Any]) -> HookResult:
        if injected:
            return HookResult()
        injected.append(event)
        return HookResult(
            action="inject_context", context_injection="It is late.", context_injection_role="user", ephemeral=ephemeral
        )

    watched.hooks.register("provider:request", inject, name="inject")
    async with watched.session as session:
        await session.execute("First?")
        await session.execute("Second?")
    sent = [[message.text for message in request.messages] for request in watched.backend.requests]
    assert "It is late." in sent[0]
    assert ("It is late." in sent[1]) is not ephemeral


class Person:
    """Answers questions for approval."""

    def __init__(self, answer: str) -> None:
        self.answer, self.asked = answer, list[str]()

    async def request_approval(self, prompt: str, options: list[str], timeout: float, default: str) -> str:
        self.asked.append(prompt)
        return self.answer


@pytest.mark.parametrize(("answer", "result"), [("Allow", "3"), ("Deny", "the call was refused: ")])
async def test_a_hook_asks_a_person(answer: str, result: str) -> None:
    person = Person(answer)
    watched = opened([[CALL], "Done."], approval_system=person)

    async def ask(event: str, data: dict[str, Any]) -> HookResult:
        return HookResult(action="ask_user", approval_prompt=f"Run {data['tool_name']}?")

    watched.hooks.register("tool:pre", ask, name="ask")
    async with watched.session as session:
        await session.execute("Add")
    assert person.asked == ["Run add?"]
    assert watched.results()[0].startswith(result)


async def test_a_prompt_that_a_hook_denies_reaches_no_model() -> None:
    watched = opened("Never.")

    async def deny(event: str, data: dict[str, Any]) -> HookResult:
        return HookResult(action="deny", reason="not now")

    watched.hooks.register("prompt:submit", deny, name="deny")
    async with watched.session as session:
        assert await session.execute("Hi") == "The prompt was refused: not now"
    assert watched.backend.requests == []


@pytest.mark.parametrize(
    ("call", "result"),
    [
        (bl.ToolCallPart("c1", "add", '{"a": "x", "b": 2}'), "the arguments do not fit"),
        (bl.ToolCallPart("c1", "subtract", "{}"), "LookupError: there is no tool 'subtract'; the tools are: add"),
    ],
)
async def test_failures_of_tools_are_read_by_the_model(call: bl.ToolCallPart, result: str) -> None:
    watched = opened([[call], "I see."])
    async with watched.session as session:
        assert await session.execute("Add") == "I see."
    assert result in watched.results()[0]


async def test_a_tool_of_amplifiers_own() -> None:
    class Own:
        name, description, input_schema = "add", "Adds.", {"type": "object"}

        async def execute(self, input: dict[str, Any]) -> ToolResult:
            raise RuntimeError(f"broken: {input}")

    watched = opened([[CALL], "Sorry."], tools=[Own()])
    async with watched.session as session:
        await session.execute("Add")
    assert watched.results() == ["RuntimeError: broken: {'a': 1, 'b': 2}"]
    assert dict(watched.events)["tool:error"]["error"]["type"] == "RuntimeError"


async def test_a_failing_model_fails_the_prompt_and_the_next_one_works() -> None:
    watched = opened([[bl.Timeout("too slow")], "Better."])
    async with watched.session as session:
        with pytest.raises(RuntimeError, match="too slow"):
            await session.execute("Hi")
        assert watched.names()[-2:] == ["execution:end", "orchestrator:complete"]
        assert dict(watched.events)["execution:end"]["status"] == "error"
        assert await session.execute("Again") == "Better."


async def test_a_loop_ends_at_its_limit() -> None:
    watched = opened([[CALL]], loop={"max_iterations": 3})
    async with watched.session as session:
        assert "max_iterations" in await session.execute("Add for ever")
    assert len(watched.backend.requests) == 3


async def test_cancelling_while_the_model_answers_stops_it() -> None:
    watched = opened([["Half ", HANG], "Whole."])
    async with watched.session as session:
        running = asyncio.create_task(session.execute("Hi"))
        while not watched.backend.requests:
            await asyncio.sleep(0)
        await session.coordinator.request_cancel(False)
        with pytest.raises(RuntimeError, match="the session was cancelled"):
            await running
        assert len(watched.backend.stopped) == 1
        assert dict(watched.events)["execution:end"]["status"] == "cancelled"
        assert "cancel:completed" in watched.names()


@pytest.mark.parametrize("immediate", [False, True])
async def test_cancelling_while_a_tool_runs(immediate: bool) -> None:
    """Gracefully: the tool ends first. Immediately: it is cancelled. The model is not asked again."""
    started, end = asyncio.Event(), asyncio.Event()
    cancelled: list[bool] = []

    async def wait() -> str:
        """Wait."""
        started.set()
        try:
            await end.wait()
        except asyncio.CancelledError:
            cancelled.append(True)
            raise
        return "ended"

    watched = opened([[bl.ToolCallPart("c1", "wait", "{}")], "Never."], tools=[wait])
    async with watched.session as session:
        running = asyncio.create_task(session.execute("Hi"))
        await started.wait()
        await session.coordinator.request_cancel(immediate)
        if not immediate:
            end.set()
        await running
        stored = await session.coordinator.get("context").get_messages()
    assert (bool(cancelled), len(watched.backend.requests)) == (immediate, 1)
    assert ("cancelled while the tool ran" if immediate else "ended") in stored[-1]["content"]
    assert dict(watched.events)["orchestrator:complete"]["status"] == "cancelled"


@pytest.mark.parametrize(("window", "kept"), [(100_000, 11), (2048, 5), (None, 11)])
async def test_a_conversation_is_cut_to_the_window_of_the_backend_that_answers(window: int | None, kept: int) -> None:
    facts = BackendFacts(leaves_device=False, needs_network=False, context_window=window)
    watched = opened(["Yes."] * 6, facts=facts)
    async with watched.session as session:
        for number in range(6):
            await session.execute(f"Question {number} " + "word " * 200)
    assert len(watched.backend.requests[-1].messages) == kept


async def test_a_long_conversation_keeps_what_fits() -> None:
    context = Context({"system_prompt": "Be brief.", "max_tokens": 120})
    for number in range(20):
        await context.add_message({"role": "user", "content": f"Question {number} " + "x" * 60})
        await context.add_message({"role": "assistant", "content": f"Answer {number}"})
    kept = await context.get_messages_for_request()
    assert kept[0]["role"] == "system" and kept[1]["role"] == "user" and kept[-1]["content"] == "Answer 19"
    assert 2 < len(kept) < 10
    assert len(await context.get_messages()) == 41
    await context.clear()
    assert await context.get_messages() == [{"role": "system", "content": "Be brief."}]
