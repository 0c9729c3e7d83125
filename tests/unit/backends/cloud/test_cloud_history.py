"""What goes back to a vendor, whichever it is: turns of every kind, signatures, arguments, names of tools."""

from __future__ import annotations

import json
from typing import Any

import pytest

import browserllm as bl
from browserllm.backends.cloud.history import ToolNames, arguments_object, mark_signature, new_call_id, signature_for
from unit.backends.cloud.wire_formats import body_of

BACKENDS = {
    "anthropic": bl.Anthropic("claude-sonnet-5-5", api_key="k"),
    "gemini": bl.Gemini("gemini-3.8-flash", api_key="k"),
    "ollama": bl.Ollama("qwen3:0.6b"),
}


@pytest.fixture(params=BACKENDS)
def llm(request: pytest.FixtureRequest) -> bl.backends.cloud.CloudBackend:
    """Each backend with a format of its own."""
    return BACKENDS[request.param]


def test_what_a_turn_cannot_have_is_named_and_left_out(llm: bl.backends.cloud.CloudBackend) -> None:
    """Media of the system and of the assistant, words of a tool, names of speakers."""
    image = bl.ImagePart(data=b"\x89PNG")
    chat = [
        bl.Message("system", [bl.TextPart("Be brief."), image]),
        bl.Message("user", "What?", name="ada"),
        bl.Message("assistant", [image, bl.ToolCallPart("a", "weather", "{}")]),
        bl.Message("tool", [bl.ToolResultPart("a", "rain"), bl.TextPart("by the way")]),
    ]
    body, warned = body_of(llm, chat)
    assert warned == ["messages"] * 4
    sent = json.dumps(body)
    assert "iVBO" not in sent and "by the way" not in sent and "ada" not in sent
    assert "Be brief." in sent and "rain" in sent
    with pytest.raises(bl.errors.Unsupported, match="'system' cannot have a part like ImagePart"):
        body_of(llm, chat, unsupported="error")


def test_a_tools_turn_needs_a_result(llm: bl.backends.cloud.CloudBackend) -> None:
    """Words alone answer no call."""
    with pytest.raises(bl.InvalidRequest, match=r"messages\[1\] has role 'tool' and no ToolResultPart"):
        body_of(llm, [bl.Message("user", "?"), bl.Message("tool", "rain")])


def test_a_wrong_choice_of_tools_is_refused(llm: bl.backends.cloud.CloudBackend) -> None:
    """Before anything is sent."""
    for choice in ("any", {"name": "nothing"}, {"type": "function"}):
        with pytest.raises(bl.InvalidRequest, match="tool_choice"):
            body_of(llm, "Hi", tools=[bl.Tool("weather")], tool_choice=choice)


def test_signatures_are_for_the_model_that_made_them() -> None:
    """Unchanged to it, nothing to another model or vendor; one that a program put there goes as it is."""
    kept = mark_signature("gemini", "models/x:tuned", "U0lH+/==")
    assert signature_for("gemini", "models/x:tuned", kept) == "U0lH+/=="
    assert signature_for("gemini", "models/x", kept) is None
    assert signature_for("anthropic", "models/x:tuned", kept) is None
    assert signature_for("anthropic", "any", "U0lH+/==") == "U0lH+/=="
    assert signature_for("anthropic", "any", None) is None
    assert signature_for("anthropic", "any", "") is None


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ('{"a": 1}', {"a": 1}),
        ("", {}),
        (" \n", {}),
        ("{", {"INVALID_JSON": "{"}),
        ("null", {"INVALID_JSON": "null"}),
        ("\ud800", {"INVALID_JSON": "\ud800"}),
    ],
)
def test_arguments_become_an_object(arguments: str, expected: dict[str, Any]) -> None:
    """Whatever the model wrote."""
    assert arguments_object(bl.ToolCallPart("a", "b", arguments)) == expected


def test_a_result_has_the_name_of_the_last_call_with_its_id() -> None:
    """Ids may come again in a long chat."""
    chat = [bl.Message("assistant", [bl.ToolCallPart("a", name)]) for name in ("first", "second")]
    names, result = ToolNames(), bl.ToolResultPart("a", "x")
    found: list[str] = []
    for message in chat:
        names.add(message)
        found.append(names.of(result))
    assert found == ["first", "second"]


def test_made_up_ids_differ() -> None:
    """And are of letters that every vendor takes."""
    ids = {new_call_id() for _ in range(100)}
    assert len(ids) == 100
    assert all(each.replace("_", "").isalnum() and len(each) <= 40 for each in ids)
