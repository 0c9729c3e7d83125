"""Tools on real engines: the pocket model in Chromium, with and without the constraint of the tools' schemas.

A prompt is asked of the library in this process, whose browser it launched; the page is the built site.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import pytest

import browserllm as bl
from _prompts import ToolPrompt, tool_prompts
from drivers import Launched


@bl.tool
async def set_temperature(room: Literal["bedroom", "kitchen"], degrees: float, quiet: bool = False) -> str:
    """Set the temperature of a room."""
    return f"{room} at {degrees:g}, {'' if quiet else 'not '}quiet"


# benchmarks/structured.py asks forty, each in three ways.
PROMPTS = tool_prompts(3)
POCKET_TOOLS = PROMPTS[0].tools


@pytest.fixture(scope="module")
def launched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launched]:
    """One browser for the file."""
    driver = Launched(tmp_path_factory.mktemp("profile"))
    yield driver
    driver.close()


def ask(launched: Launched, prompt: ToolPrompt, **options: Any) -> bl.ChatResponse:
    """What WebLLM answers, greedily."""
    llm = bl.LocalBackend(launched.host, model="pocket", engine="webllm")
    return launched.run(llm.complete(prompt.messages, tools=prompt.tools, temperature=0, max_tokens=160, **options))


@pytest.mark.parametrize("index", range(len(PROMPTS)))
def test_every_required_call_parses_and_validates(launched: Launched, index: int) -> None:
    """Each prompt gives calls of the offered tools, with arguments that fit their schemas."""
    prompt = PROMPTS[index]
    response = ask(launched, prompt, tool_choice="required")
    calls = response.message.tool_calls
    assert response.finish_reason == "tool_calls"
    assert response.text == ""
    assert calls
    assert all(prompt.is_valid(call) for call in calls), calls
    assert response.warnings == []


def test_auto_chooses_between_text_and_a_call(launched: Launched) -> None:
    """Left the choice, the model calls where a tool fits and talks where none does."""
    response = ask(launched, PROMPTS[0])
    assert PROMPTS[0].is_right(response.message.tool_calls[0])
    talk = ToolPrompt([bl.Message("user", "Hello!")], POCKET_TOOLS, "", {})
    response = ask(launched, talk)
    assert response.finish_reason == "stop"
    assert response.message.tool_calls == []
    assert response.text


def test_a_named_tool_is_the_one_that_is_called(launched: Launched) -> None:
    """Whatever was asked, one call of that tool comes, and nothing else."""
    for tool in POCKET_TOOLS[:2]:
        response = ask(launched, PROMPTS[0], tool_choice={"name": tool.name})
        (call,) = response.message.tool_calls
        assert call.name == tool.name
        assert PROMPTS[0].is_valid(call)
        assert response.text == ""


def test_a_function_accepts_the_call_that_its_schema_constrains(launched: Launched) -> None:
    """The call respects the signature's choices, numbers and defaults, and the function runs."""
    asked = [bl.Message("user", "Set the bedroom to 19 degrees.")]
    prompt = ToolPrompt(asked, [set_temperature.tool], set_temperature.tool.name, {})
    response = ask(launched, prompt, tool_choice="required")
    result = launched.run(set_temperature.run(response.message.tool_calls[0]))
    assert not result.is_error, (result.content, response.message.tool_calls)


def test_a_result_is_answered_from_the_kv_cache(launched: Launched) -> None:
    """The call goes back as the model wrote it, so the turn after it computes the result alone."""
    prompt = PROMPTS[0]
    response = ask(launched, prompt)
    (call,) = response.message.tool_calls
    result = bl.Message("tool", [bl.ToolResultPart(call.id, '{"status": "ok"}')])
    following = ToolPrompt([*prompt.messages, response.message, result], prompt.tools, "", {})
    answer = ask(launched, following)
    assert answer.finish_reason == "stop"
    assert answer.text
    assert answer.usage.cached_tokens >= response.usage.prompt_tokens


def test_transformersjs_calls_too(launched: Launched) -> None:
    """On the CPU the same request gives a call of the same form."""
    llm = bl.LocalBackend(launched.host, model="pocket", engine="transformersjs", device="wasm")
    prompt = PROMPTS[0]
    response = launched.run(llm.complete(prompt.messages, tools=prompt.tools, temperature=0, max_tokens=160))
    assert prompt.is_right(response.message.tool_calls[0])
    assert response.warnings == []


def test_every_family_s_form_is_one_that_the_engine_takes(launched: Launched) -> None:
    """Forms that differ in kind, each written by the pocket model because it must, and read back.

    `wire/constrained/test_reduce_suite.py` asks XGrammar about all of them.
    """
    for name in ("llama", "mistral", "ministral", "phi"):
        card = bl.models.ModelCard(
            id=f"pocket-as-{name}",
            family={"llama": "Llama 3.2", "ministral": "Ministral 3", "phi": "Phi 4"}.get(name, name.title()),
            artifacts=[
                artifact for artifact in bl.models.Catalog().get("pocket").artifacts if artifact.engine == "webllm"
            ],
        )
        llm = bl.LocalBackend(launched.host, card.id, catalog=bl.models.Catalog([card]))
        # One tool: each prompt is computed anew, in its family's form.
        tools = [tool for tool in POCKET_TOOLS if tool.name == "set_temperature"]
        request = "Set the bedroom to 19 degrees."
        options: dict[str, Any] = {"temperature": 0, "max_tokens": 60, "tool_choice": {"name": "set_temperature"}}
        response = launched.run(llm.complete(request, tools=tools, **options))
        assert response.warnings == [], name
        (call,) = response.message.tool_calls
        assert PROMPTS[0].is_valid(call), (name, call)
