"""The loop by itself: another session's modules around it, no coordinator, hooks that refuse a result."""

from __future__ import annotations

from typing import Any

import pytest
from amplifier_core import HookRegistry, HookResult

import browserllm as bl
from browserllm.amplifier import BrowserLLMProvider, Context, Loop, create_session

CALL = bl.ToolCallPart("c1", "add", '{"a": 1, "b": 2}')


class Add:
    """A tool of Amplifier's that returns its result as it is."""

    name, description, input_schema = "add", "Adds.", {"type": "object"}

    async def execute(self, input: dict[str, Any]) -> Any:
        return input["a"] + input["b"]


def provider(answers: Any) -> BrowserLLMProvider:
    return BrowserLLMProvider({"backend": bl.ScriptedBackend(answers)})


async def execute(loop: Loop, providers: dict[str, Any], context: Context | None = None) -> str:
    return await loop.execute("Hi", context or Context(), providers, {"add": Add()}, HookRegistry())


async def test_it_needs_no_coordinator() -> None:
    context = Context()
    assert await execute(Loop(), {"one": provider([[CALL], "It is 3."])}, context) == "It is 3."
    assert [message["role"] for message in context.messages] == ["user", "assistant", "tool", "assistant"]
    assert context.messages[2]["content"] == "3"


async def test_a_provider_can_be_chosen() -> None:
    both = {"one": provider("One."), "two": provider("Two.")}
    assert await execute(Loop({"default_provider": "two"}), both) == "Two."
    assert await execute(Loop(), both) == "One."
    with pytest.raises(ValueError, match="default_provider='three' is not mounted; mounted: one, two"):
        await execute(Loop({"default_provider": "three"}), both)
    with pytest.raises(ValueError, match="the session has no provider"):
        await execute(Loop(), {})


@pytest.mark.parametrize("limit", [0, -2, 1.5, True, "many"])
def test_a_limit_that_makes_no_sense_is_refused(limit: Any) -> None:
    with pytest.raises(ValueError, match="max_iterations="):
        Loop({"max_iterations": limit})


async def test_without_a_limit_it_goes_on_until_the_model_answers() -> None:
    answers: list[Any] = [*([[CALL]] * 30), "Done."]
    assert await execute(Loop({"max_iterations": -1}), {"one": provider(answers)}) == "Done."


@pytest.mark.parametrize("prompt", [None, 3, b"Hi"])
async def test_a_prompt_that_is_no_text_is_refused_and_not_kept(prompt: Any) -> None:
    context = Context()
    with pytest.raises(TypeError, match="pass a text"):
        await Loop().execute(prompt, context, {"one": provider("Hi.")}, {}, HookRegistry())
    assert context.messages == []
    assert await execute(Loop(), {"one": provider("Hi.")}, context) == "Hi."


async def test_half_a_character_in_a_prompt_is_replaced() -> None:
    context = Context()
    await Loop().execute("Half \ud83d", context, {"one": provider("Hi.")}, {}, HookRegistry())
    assert context.messages[0]["content"] == "Half \ufffd"


async def test_a_hook_refuses_a_result() -> None:
    backend = bl.ScriptedBackend([[CALL], "Then not."])
    session = create_session(backend, tools=[Add()])

    async def refuse(event: str, data: dict[str, Any]) -> HookResult:
        return HookResult(action="deny", reason="not for you")

    session.coordinator.hooks.register("tool:post", refuse, name="refuse")
    async with session:
        await session.execute("Add")
    (result,) = backend.requests[1].messages[-1].content
    assert getattr(result, "content", None) == "the result was refused: not for you"


async def test_a_session_that_a_hook_cancels_runs_no_tool() -> None:
    """Between the model's answer and the tool."""
    backend = bl.ScriptedBackend([[CALL], "Never."])
    session = create_session(backend, tools=[Add()])
    ran: list[str] = []

    async def cancel(event: str, data: dict[str, Any]) -> HookResult:
        await session.coordinator.request_cancel(False)
        return HookResult()

    async def note(event: str, data: dict[str, Any]) -> HookResult:
        ran.append(event)
        return HookResult()

    session.coordinator.hooks.register("tool:pre", cancel, name="cancel")
    session.coordinator.hooks.register("tool:post", note, name="note")
    async with session:
        await session.execute("Add")
        messages = await session.coordinator.get("context").get_messages()
    assert ran == []
    assert "cancelled before this tool ran" in str(messages[-1]["content"])


async def test_what_is_injected_for_a_tools_result_stands_in_it() -> None:
    backend = bl.ScriptedBackend([[CALL], "Done."])
    session = create_session(backend, tools=[Add()])

    async def remind(event: str, data: dict[str, Any]) -> HookResult:
        return HookResult(
            action="inject_context", context_injection="Check it.", ephemeral=True, append_to_last_tool_result=True
        )

    session.coordinator.hooks.register("tool:post", remind, name="remind")
    async with session:
        await session.execute("Add")
    (result,) = backend.requests[1].messages[-1].content
    assert getattr(result, "content", None) == "3\n\nCheck it."
