"""LocalBackend and tools: what the page is asked, and how calls come back."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

import browserllm as bl
from browserllm.constrained.grammars.grammar import grammar_of_schema
from browserllm.constrained.grammars.reduce import reduce_schema
from browserllm.testing.host import ScriptedHost, device_facts

WEATHER = bl.Tool(
    "weather",
    "Weather in a city",
    {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)
ADD = bl.Tool("add", "Add numbers")
CALL = '<tool_call>\n{"name": "weather", "arguments": {"city": "Oslo"}}\n</tool_call>'


def last_chat(host: ScriptedHost) -> dict[str, Any]:
    """What the page was last asked to answer."""
    return [args for op, args in host.requests if op == "chat"][-1]


def format_of(host: ScriptedHost) -> dict[str, Any]:
    """The structural tag that constrained the last answer."""
    asked = last_chat(host)["response_format"]
    assert asked["type"] == asked["structural_tag"]["type"] == "structural_tag"
    found: dict[str, Any] = asked["structural_tag"]["format"]
    return found


async def test_a_call_streams_as_deltas_and_ends_the_answer() -> None:
    """A local model calls tools as a cloud's does: deltas, a part of the message, the finish reason."""
    host = ScriptedHost(
        [
            [
                "Let me ",
                "look.\n<tool",
                '_call>\n{"name": "weather", "argu',
                'ments": {"ci',
                'ty": "Oslo"}}\n</tool_call>',
            ]
        ]
    )
    stream = bl.LocalBackend(host).stream("Weather in Oslo?", tools=[WEATHER])
    chunks = [chunk async for chunk in stream]
    deltas = [chunk for chunk in chunks if isinstance(chunk, bl.types.ToolCallDelta)]
    assert [delta.name for delta in deltas] == ["weather", None]
    assert [delta.arguments for delta in deltas] == ['{"ci', 'ty": "Oslo"}']
    response = stream.response
    assert response.finish_reason == "tool_calls"
    assert response.text == "Let me look."
    (call,) = response.message.tool_calls
    assert (call.name, call.arguments) == ("weather", '{"city": "Oslo"}')
    assert call.id == deltas[0].id
    assert response.warnings == []


async def test_several_calls_of_one_turn_are_distinguished() -> None:
    """Parallel calls have an index and an id each."""
    answer = f'{CALL}\n<tool_call>\n{{"name": "add", "arguments": {{"a": 1}}}}\n</tool_call>'
    response = await bl.LocalBackend(ScriptedHost(answer)).complete("hi", tools=[WEATHER, ADD])
    calls = response.message.tool_calls
    assert [(call.name, call.arguments) for call in calls] == [("weather", '{"city": "Oslo"}'), ("add", '{"a": 1}')]
    assert calls[0].id != calls[1].id


async def test_an_answer_without_calls_is_text_to_the_letter() -> None:
    """Tools on offer change nothing about an answer that calls none."""
    answer = "No <b>tools</b> {needed}, [here].\n"
    response = await bl.LocalBackend(ScriptedHost(answer)).complete("hi", tools=[WEATHER])
    assert (response.text, response.finish_reason, response.message.tool_calls) == (answer, "stop", [])


async def test_auto_lets_text_be_and_holds_calls() -> None:
    """The default choice constrains nothing but what begins like a call."""
    host = ScriptedHost("hello")
    await bl.LocalBackend(host).complete("hi", tools=[WEATHER, ADD])
    form = format_of(host)
    assert (form["type"], form["triggers"]) == ("triggered_tags", ["<tool_call>"])
    assert [tag["begin"] for tag in form["tags"]] == [
        '<tool_call>\n{"name": "weather", "arguments": ',
        '<tool_call>\n{"name": "add", "arguments": ',
    ]
    assert [tag["content"] for tag in form["tags"]] == [
        {"type": "grammar", "grammar": grammar_of_schema(reduce_schema(WEATHER.parameters).schema)},
        {"type": "grammar", "grammar": grammar_of_schema({"type": "object", "additionalProperties": False})},
    ]


async def test_required_leaves_no_room_for_text() -> None:
    """A required call is tags and nothing else, at least one."""
    host = ScriptedHost(CALL)
    response = await bl.LocalBackend(host).complete("hi", tools=[WEATHER], tool_choice="required")
    form = format_of(host)
    assert (form["type"], form["at_least_one"]) == ("tags_with_separator", True)
    assert response.finish_reason == "tool_calls"


async def test_named_is_one_call_of_that_tool() -> None:
    """The model is constrained to one call of the named tool, in both ways to name it."""
    for choice in ({"name": "weather"}, {"type": "function", "function": {"name": "weather"}}):
        host = ScriptedHost(CALL)
        await bl.LocalBackend(host).complete("hi", tools=[ADD, WEATHER], tool_choice=choice)
        form = format_of(host)
        assert (form["type"], form["begin"]) == ("tag", '<tool_call>\n{"name": "weather", "arguments": ')


async def test_tool_choice_none_calls_nothing() -> None:
    """Tools are not in the prompt; text that looks like a call is text."""
    host = ScriptedHost(CALL)
    response = await bl.LocalBackend(host).complete("hi", tools=[WEATHER], tool_choice="none")
    assert response.text == CALL
    assert response.finish_reason == "stop"
    assert last_chat(host)["messages"] == [{"role": "user", "content": "hi"}]
    assert "response_format" not in last_chat(host)


async def test_calls_and_results_in_the_history_are_written_as_the_model_does() -> None:
    """The pocket model gets its own tags back; a failed tool says so."""
    host = ScriptedHost()
    history = [
        bl.Message("system", "Be brief."),
        bl.Message("user", "Weather in Oslo?"),
        bl.Message("assistant", [bl.TextPart("Let me look."), bl.ToolCallPart("1", "weather", '{"city": "Oslo"}')]),
        bl.Message("tool", [bl.ToolResultPart("1", "no such city", is_error=True)]),
    ]
    await bl.LocalBackend(host).complete(history, tools=[WEATHER])
    system, *rest = last_chat(host)["messages"]
    assert system["content"].startswith("Be brief.\n\n# Tools\n\n")
    assert (
        '\n{"type": "function", "function": {"name": "weather", "description": "Weather in a city", '
        in system["content"]
    )
    assert rest == [
        {"role": "user", "content": "Weather in Oslo?"},
        {"role": "assistant", "content": f"Let me look.\n{CALL}"},
        {"role": "tool", "content": "Error: no such city"},
    ]


async def test_an_engine_that_cannot_constrain_gives_a_warning() -> None:
    """The model is asked for calls without a constraint, and the response has a warning."""
    host = ScriptedHost(CALL)
    engines = [msgspec.structs.replace(info, capabilities=["chat"]) for info in host.hello.engines]
    host.hello = msgspec.structs.replace(host.hello, engines=engines)
    llm = bl.LocalBackend(host)
    response = await llm.complete("hi", tools=[WEATHER])
    assert response.message.tool_calls[0].name == "weather"
    assert [warning.parameter for warning in response.warnings] == ["tools"]
    assert "response_format" not in last_chat(host)
    response = await llm.complete("hi", tools=[WEATHER], tool_choice="required")
    assert [warning.parameter for warning in response.warnings] == ["tool_choice"]
    with pytest.raises(bl.errors.Unsupported, match="tool_choice"):
        await llm.complete("hi", tools=[WEATHER], tool_choice="required", unsupported="error")


async def test_calls_are_constrained_on_the_cpu_too() -> None:
    """Transformers.js is asked for the same structural tag as WebLLM."""
    host, other = ScriptedHost(CALL), ScriptedHost(CALL, facts=device_facts(webgpu=False))
    await bl.LocalBackend(host).complete("hi", tools=[WEATHER])
    response = await bl.LocalBackend(other).complete("hi", tools=[WEATHER])
    assert response.engine == "transformersjs"
    assert response.warnings == []
    assert format_of(other) == format_of(host)


async def test_a_schema_that_the_engine_refuses_is_left_out() -> None:
    """The answer still comes, with a warning that its arguments were not constrained."""
    refusal = bl.InvalidRequest("no grammar", parameter="response_format")
    host = ScriptedHost([[refusal], [CALL]])
    response = await bl.LocalBackend(host).complete("hi", tools=[WEATHER])
    assert response.message.tool_calls[0].name == "weather"
    assert [warning.parameter for warning in response.warnings] == ["tools"]
    assert "response_format" not in last_chat(host)


async def test_other_refusals_are_raised() -> None:
    """Only a refused schema is tried again."""
    host = ScriptedHost([[bl.InvalidRequest("no", parameter="messages")], [CALL]])
    with pytest.raises(bl.InvalidRequest, match="no"):
        await bl.LocalBackend(host).complete("hi", tools=[WEATHER])


@pytest.mark.parametrize("choice", ["sometimes", {"name": "other"}, {"nonsense": 1}])
async def test_an_invalid_tool_choice_is_refused(choice: Any) -> None:
    """It is refused before anything is loaded, with what would be valid."""
    host = ScriptedHost()
    with pytest.raises(bl.InvalidRequest, match="weather"):
        await bl.LocalBackend(host).complete("hi", tools=[WEATHER], tool_choice=choice)
    assert host.requests == []


async def test_a_name_that_no_grammar_holds_is_refused() -> None:
    """A tool's name stands in the prompt and the grammar as it is."""
    with pytest.raises(bl.InvalidRequest, match=r"tools\[0\].name"):
        await bl.LocalBackend(ScriptedHost()).complete("hi", tools=[bl.Tool('a"b')])


async def test_an_answer_cut_off_in_a_call_keeps_its_reason() -> None:
    """What broke off for its length says so, and its arguments are no JSON that anybody would run."""
    host = ScriptedHost('<tool_call>\n{"name": "weather", "arguments": {"city": "Os')
    host.engine.finish_reason = "length"
    response = await bl.LocalBackend(host).complete("hi", tools=[WEATHER])
    assert response.finish_reason == "length"
    assert response.message.tool_calls[0].arguments == '{"city": "Os'


async def test_logprobs_come_with_tools_too() -> None:
    """Tokens of a call have their entries, although its text is no text of the answer."""
    host = ScriptedHost(CALL)
    response = await bl.LocalBackend(host).complete("hi", tools=[WEATHER], logprobs=True)
    assert response.message.tool_calls[0].name == "weather"
    assert response.text == ""


async def test_tools_count_as_tokens() -> None:
    """What the tools add to the prompt is counted with it."""
    host = ScriptedHost()
    await bl.LocalBackend(host).count_tokens(bl.ChatRequest(messages=[bl.Message("user", "hi")], tools=[WEATHER]))
    (args,) = [args for op, args in host.requests if op == "count_tokens"]
    assert "# Tools" in args["messages"][0]["content"]


def test_local_models_can_do_tools() -> None:
    """Routers choose by what a backend says of itself."""
    capabilities = bl.LocalBackend(ScriptedHost()).capabilities
    assert capabilities.tools
    assert {"tools", "tool_choice"} <= capabilities.parameters
