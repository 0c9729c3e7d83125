"""What goes back to a vendor, whichever it is: turns of every kind, signatures, arguments, names of tools."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace

import browserllm as bl
from browserllm.backends.cloud.history import ToolNames, arguments_object, mark_signature, new_call_id, signature_for
from browserllm.backends.draft import Draft
from browserllm.backends.request import build_request
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


def test_a_speakers_name_is_left_out_with_a_warning(llm: bl.backends.cloud.CloudBackend) -> None:
    """These APIs have no field for it."""
    body, warned = body_of(llm, [bl.Message("user", "What?", name="ada")])
    assert (warned, "ada" in json.dumps(body)) == (["messages"], False)
    with pytest.raises(bl.errors.Unsupported, match="'ada'"):
        body_of(llm, [bl.Message("user", "What?", name="ada")], unsupported="error")


@pytest.mark.parametrize("llm", [*BACKENDS.values(), bl.OpenAI("gpt-6-luna", api_key="k")])
def test_a_part_of_a_wrong_role_from_middleware_is_left_out(
    llm: bl.backends.cloud.CloudBackend,
) -> None:
    """With a warning: request validation refuses such a part, but middleware can change a request after it."""
    image = bl.ImagePart(data=b"\x89PNG\r\n\x1a\n")
    checked = build_request("What?", {})
    request = replace(
        checked,
        messages=[
            bl.Message("system", [bl.TextPart("Be brief."), image]),
            *checked.messages,
            bl.Message("assistant", [image, bl.ToolCallPart("a", "weather", "{}")]),
            bl.Message("tool", [bl.ToolResultPart("a", "rain"), bl.TextPart("by the way")]),
        ],
    )
    draft = Draft(request, llm.name, "chat-1")
    sent = json.dumps(llm.body(request, draft))
    assert [warning.parameter for warning in draft.warnings] == [f"messages[{index}].content" for index in (0, 2, 3)]
    assert "iVBO" not in sent and "by the way" not in sent
    assert "Be brief." in sent and "rain" in sent
    strict = replace(request, unsupported="error")
    with pytest.raises(bl.errors.Unsupported, match="no part of type 'image' from role 'system'"):
        llm.body(strict, Draft(strict, llm.name, "chat-1"))


def test_a_wrong_choice_of_tools_is_refused(llm: bl.backends.cloud.CloudBackend) -> None:
    """Before anything is sent."""
    for choice in ("any", {"name": "nothing"}, {"type": "function"}):
        with pytest.raises(bl.InvalidRequest, match="tool_choice"):
            body_of(llm, "Hi", tools=[bl.Tool("weather")], tool_choice=choice)


def test_signatures_are_sent_only_to_their_model() -> None:
    """Unchanged; a signature that the program set without a mark is sent as it is."""
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
    """Ids can repeat in a long chat."""
    chat = [bl.Message("assistant", [bl.ToolCallPart("a", name)]) for name in ("first", "second")]
    names, result = ToolNames(), bl.ToolResultPart("a", "x")
    found: list[str] = []
    for message in chat:
        names.add(message)
        found.append(names.of(result))
    assert found == ["first", "second"]


def test_new_call_ids_are_unique() -> None:
    """They only have characters that every vendor accepts."""
    ids = {new_call_id() for _ in range(100)}
    assert len(ids) == 100
    assert all(each.replace("_", "").isalnum() and len(each) <= 40 for each in ids)
