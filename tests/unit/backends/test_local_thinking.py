"""`ChatRequest.thinking` on local models: what reaches the page, by what the model's card says of it."""

from __future__ import annotations

from typing import Any

import pytest

import browserllm as bl
from browserllm.models.catalog.card import Thinking
from browserllm.models.catalog.catalog import built_in
from browserllm.models.catalog.curated import thinking_for
from browserllm.testing.host import ScriptedHost

HI = [{"role": "user", "content": "hi"}]
FORM = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}
WEATHER = bl.Tool("weather", "Tells the weather")


def card(thinking: Thinking | None, engine: str = "webllm") -> bl.models.ModelCard:
    """A model whose card says so."""
    device = "webgpu" if engine == "webllm" else "wasm"
    artifact = bl.models.Artifact(engine=engine, device=device, url="u", bundled=True)
    return bl.models.ModelCard(id="mine", thinking=thinking, artifacts=[artifact])


def local(host: ScriptedHost, thinking: Thinking | None, engine: str = "webllm") -> bl.LocalBackend:
    """A backend whose model has such a card."""
    return bl.LocalBackend(host, "mine", catalog=bl.models.Catalog([card(thinking, engine)]))


def last(host: ScriptedHost, op: str = "chat") -> dict[str, Any]:
    """The arguments of the page's last order of a kind."""
    return [args for name, args in host.requests if name == op][-1]


SWITCHES: list[tuple[Thinking | None, str, Any, dict[str, Any], bool]] = [
    # the card's word, the engine, what is asked, what the page gets, whether that falls short
    ("template", "webllm", None, {}, False),
    ("template", "webllm", True, {"thinking": True}, False),
    ("template", "webllm", False, {"thinking": False}, False),
    ("template", "transformersjs", False, {"thinking": False}, False),
    ("template", "webllm", "low", {"thinking": True}, True),
    ("template", "webllm", "high", {"thinking": True}, True),
    ("never", "webllm", None, {}, False),
    ("never", "webllm", False, {}, False),
    ("never", "webllm", True, {}, True),
    ("never", "webllm", "medium", {}, True),
    ("always", "webllm", None, {}, False),
    ("always", "webllm", True, {}, False),
    ("always", "webllm", False, {}, True),
    ("always", "webllm", "low", {}, True),
    ("words", "webllm", None, {}, False),
    ("words", "webllm", True, {"messages": [{"role": "system", "content": "/think"}, *HI]}, False),
    ("words", "webllm", False, {"messages": [{"role": "system", "content": "/no_think"}, *HI]}, False),
    ("words", "transformersjs", "high", {"messages": [{"role": "system", "content": "/think"}, *HI]}, True),
    # The page knows what the template of Transformers.js has; WebLLM's does not show it.
    (None, "transformersjs", True, {"thinking": True}, False),
    (None, "transformersjs", False, {"thinking": False}, False),
    (None, "webllm", True, {}, True),
    (None, "webllm", False, {}, True),
    (None, "webllm", None, {}, False),
]


@pytest.mark.parametrize(("says", "engine", "thinking", "expected", "short"), SWITCHES)
async def test_the_page_gets_the_thinking_option_of_the_models_card(
    says: Thinking | None, engine: str, thinking: Any, expected: dict[str, Any], short: bool
) -> None:
    """By the template's switch, by words in the system message, or not at all; what falls short is a warning."""
    host = ScriptedHost()
    backend = local(host, says, engine)
    response = await backend.complete("hi", thinking=thinking)
    assert last(host) == {"model": "mine", "messages": HI, **expected}
    assert [warning.parameter for warning in response.warnings] == ["thinking"] * short
    await backend.count_tokens(bl.ChatRequest(messages=[bl.Message("user", "hi")], thinking=thinking))
    assert last(host, "count_tokens") == {"model": "mine", "messages": HI, **expected}
    if short:
        with pytest.raises(bl.errors.Unsupported, match="thinking"):
            await backend.complete("hi", thinking=thinking, unsupported="error")


async def test_the_switch_is_added_to_the_end_of_the_system_message() -> None:
    """There is one system message, as always, and the caller's own messages stay unchanged."""
    host = ScriptedHost()
    messages = [bl.Message("system", "Be brief."), bl.Message("system", "Be kind."), bl.Message("user", "hi")]
    await local(host, "words").complete(messages, thinking=False)
    assert last(host)["messages"] == [{"role": "system", "content": "Be brief.\n\nBe kind. /no_think"}, *HI]
    assert messages[1].text == "Be kind."


async def test_the_switch_is_added_once_if_the_page_lost_the_model() -> None:
    """The chat is requested again after another load, with the same messages."""
    host = ScriptedHost()
    backend = local(host, "words")
    await backend.complete("hi", thinking=False)
    host.loaded.clear()
    await backend.complete("again", thinking=False)
    assert last(host)["messages"] == [
        {"role": "system", "content": "/no_think"},
        {"role": "user", "content": "again"},
    ]


@pytest.mark.parametrize(
    "options",
    [
        {"response_format": FORM},
        {"response_format": {"type": "json_object"}},
        {"tools": [WEATHER], "tool_choice": "required"},
        {"tools": [WEATHER], "tool_choice": {"name": "weather"}},
    ],
    ids=["schema", "json", "required", "named"],
)
@pytest.mark.parametrize("thinking", [True, "high"])
async def test_a_constrained_answer_has_no_thoughts_before_it(options: Any, thinking: Any) -> None:
    """A grammar leaves no room for them: thinking is switched off, with a warning."""
    host = ScriptedHost("{}")
    response = await local(host, "template").complete("hi", thinking=thinking, **options)
    assert last(host)["thinking"] is False
    assert "thinking" in [warning.parameter for warning in response.warnings]


async def test_a_model_may_think_before_it_chooses_a_tool() -> None:
    """A free choice does not forbid thoughts, and without thoughts a constraint is possible."""
    host = ScriptedHost("ok")
    response = await local(host, "template").complete("hi", thinking=True, tools=[WEATHER])
    assert last(host)["thinking"] is True
    assert "thinking" not in [warning.parameter for warning in response.warnings]
    response = await local(host, "template").complete("hi", thinking=False, response_format=FORM)
    assert last(host)["thinking"] is False
    assert response.warnings == []


async def test_a_session_and_generate_accept_the_option() -> None:
    """For the whole conversation, for one turn, and for an answer of a type."""
    host = ScriptedHost(["a", "b", '{"value": 7}'])
    backend = local(host, "template")
    session = bl.Session(backend, thinking=False)
    await session.send("one")
    assert last(host)["thinking"] is False
    await session.send("two", thinking=True)
    assert last(host)["thinking"] is True
    assert await bl.generate(backend, "hi", output=int, thinking=False) == 7
    assert last(host)["thinking"] is False


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Qwen3-0.6B", "template"),
        ("Qwen3-8B-q4f16_1-MLC", "template"),
        ("Qwen3-0.6B-ONNX", "template"),
        ("Qwen3-4B-Thinking-2507", "always"),
        ("Qwen3-4B-Instruct-2507-ONNX", "never"),
        ("Qwen3-30B-A3B-Thinking-2507-MLC", "always"),
        ("Qwen3-Coder-30B-A3B-Instruct", "never"),
        ("Qwen3.5-2B", "template"),
        ("DeepSeek-R1-Distill-Qwen-1.5B", "always"),
        ("DeepSeek-R1-Distill-Llama-8B", "always"),
        ("Ministral-3-3B-Reasoning-2512", "always"),
        ("Ministral-3-3B-Instruct-2512-BF16", "never"),
        ("SmolLM3-3B-ONNX", "words"),
        ("SmolLM2-360M-Instruct", "never"),
        ("Llama-3.2-1B-Instruct", "never"),
        ("Phi-4-mini-instruct", "never"),
        ("gemma-4-E2B-it", "never"),
        ("a-custom-model", None),
    ],
)
def test_a_family_is_known_to_think_or_not(name: str, expected: str | None) -> None:
    """Also by the name of a model's folder, whatever comes after the model's own name."""
    assert thinking_for(name) == expected


def test_every_model_of_the_catalog_declares_whether_it_thinks() -> None:
    """None is left to guess."""
    assert [card.id for card in built_in().values() if card.thinking is None] == []
    assert {card.thinking for card in built_in().values()} == {"never", "always", "template"}
