"""`ChatRequest.thinking` as each vendor has it, without a network: what is sent, and what is said of what is not."""

from __future__ import annotations

from typing import Any, get_args

import pytest

import browserllm as bl
from browserllm.backends.cloud.local_only import forwarding_risk
from browserllm.backends.cloud.presets import PRESETS
from browserllm.backends.draft import Draft
from browserllm.backends.request import build_request
from unit.backends.cloud.thinking_requests import CASES, Case, added, backend


def body_of(llm: Any, **options: Any) -> tuple[dict[str, Any], list[bl.types.ChatWarning]]:
    """The body for a request, and the warnings."""
    request = build_request("Hi", options)
    draft = Draft(request, llm.name, "chat-1")
    return llm.body(request, draft), draft.warnings


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_thinking_becomes_the_vendors_own_field(case: Case) -> None:
    """Each model gets the field that it knows, and a warning names any difference from the request."""
    llm = backend(case)
    body, warnings = body_of(llm, **case.options)
    assert added(body, body_of(llm)[0]) == case.added
    assert tuple(warning.parameter for warning in warnings) == case.warned


@pytest.mark.parametrize("case", [case for case in CASES if case.warned], ids=lambda case: case.name)
def test_a_shortfall_is_an_error_if_the_caller_chose_errors(case: Case) -> None:
    """With ``unsupported="error"`` nothing is sent, and the error names the parameter."""
    with pytest.raises(bl.errors.Unsupported) as caught:
        body_of(backend(case), **case.options, unsupported="error")
    assert caught.value.data["parameter"] == case.warned[0]


def test_servers_with_a_thinking_option_list_the_parameter() -> None:
    """A router that looks for a backend with ``thinking`` finds all servers that have an option for it."""
    able = {preset for preset in PRESETS if "thinking" in bl.OpenAI("m", preset=preset).capabilities.parameters}  # type: ignore[arg-type]
    assert set(PRESETS) - able == {"lmstudio"}
    for kind in (bl.Anthropic, bl.Gemini, bl.Ollama, bl.LocalBackend):
        assert "thinking" in kind.capabilities.parameters
    assert {case.server for case in CASES} == {*PRESETS, "anthropic", "gemini", "ollama-native"}


def test_extra_body_wins_over_thinking() -> None:
    """It is merged over the fields for thinking, as over all others."""
    from browserllm.backends.cloud.local_only import merged

    llm = bl.Ollama("qwen3", extra_body={"think": "high"})
    body, _ = body_of(llm, thinking=False)
    assert merged(body, llm.extra_body)["think"] == "high"


def test_an_effort_and_a_schema_can_be_combined() -> None:
    """Anthropic has both in one object, Gemini too; neither replaces the other."""
    schema = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
    shape = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    body, _ = body_of(bl.Anthropic("claude-haiku-5-5"), thinking="low", response_format=shape)
    assert body["output_config"]["effort"] == "low"
    assert body["output_config"]["format"]["type"] == "json_schema"
    body, _ = body_of(bl.Gemini("gemini-3.8-flash"), thinking="low", response_format=shape, temperature=0.5)
    assert set(body["generationConfig"]) == {"temperature", "responseMimeType", "responseJsonSchema", "thinkingConfig"}


@pytest.mark.parametrize(
    "model", ["claude-opus-4@20250514", "claude-opus-4-1", "anthropic.claude-sonnet-4-20250514-v1:0"]
)
def test_a_model_is_recognised_by_its_name_on_any_platform(model: str) -> None:
    """Dates, prefixes and versions do not matter."""
    body, warnings = body_of(bl.Anthropic(model), thinking="low")
    assert (body["thinking"], warnings) == ({"type": "enabled", "budget_tokens": 2048}, [])
    assert body_of(bl.OpenAI("openai/gpt-5.1-2025-11-13"), thinking=False)[0]["reasoning_effort"] == "none"
    assert body_of(bl.Gemini("models/gemini-2.5-flash-lite"), thinking=False)[1] == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_private_request_may_set_thinking_in_extra_body(case: Case) -> None:
    """The fields name no other model or place, so a local server may get them in extra_body, too."""
    fields = {key: value for key, value in case.added.items() if key != "output_config"}
    assert forwarding_risk(fields, {}) == ""


def test_every_value_of_the_option_has_a_case() -> None:
    """The table above has each value for every kind of server."""
    field = bl.ChatRequest.__annotations__["thinking"]
    assert "ThinkingEffort" in str(field)
    said = {case.options["thinking"] for case in CASES}
    from browserllm.types import ThinkingEffort

    assert said == {None, True, False, *get_args(ThinkingEffort)}


def test_an_option_left_out_for_an_unknown_model_is_reported() -> None:
    """The warning names the model, the option and where to set it instead."""
    _, warnings = body_of(bl.OpenAI("x", base_url="http://127.0.0.1:9/v1", api_key="k"), thinking="high")
    assert [warning.message for warning in warnings] == [
        "thinking is not known for 'x' (set the vendor's own field in extra_body); the option was left out"
    ]
