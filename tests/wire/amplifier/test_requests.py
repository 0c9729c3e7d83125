"""Amplifier's requests as ours: every role, block and option."""

from __future__ import annotations

import json
from typing import Any

import pytest
from amplifier_core import ChatRequest as AmplifierRequest
from amplifier_core.llm_errors import InvalidRequestError

import browserllm as bl
from browserllm.amplifier.requests import MISSING_RESULT, convert_request
from browserllm.amplifier.settings import Settings


def converted(messages: list[dict[str, Any]], settings: Settings | None = None, **fields: Any) -> bl.ChatRequest:
    """Return the request of ours."""
    request = AmplifierRequest.model_validate({"messages": messages, **fields})
    return convert_request(request, {}, settings or Settings()).request


def one(content: Any, role: str = "user", **fields: Any) -> list[bl.Message]:
    """Return the messages that one message becomes."""
    return converted([{"role": role, "content": content, **fields}]).messages


def test_texts_keep_their_roles() -> None:
    assert one("Be brief.", "system") == [bl.Message("system", "Be brief.")]
    assert one("Hello") == [bl.Message("user", "Hello")]
    assert one([{"type": "text", "text": "Hello"}], "assistant") == [bl.Message("assistant", "Hello")]


def test_a_developers_message_is_a_file_of_context() -> None:
    """Models know no such role."""
    assert one("# Rules", "developer") == [bl.Message("user", "<context_file>\n# Rules\n</context_file>")]


def test_thoughts_keep_what_their_vendor_wants_back() -> None:
    blocks = [
        {"type": "thinking", "thinking": "Hm.", "signature": "sig"},
        {"type": "redacted_thinking", "data": "secret"},
        {"type": "reasoning", "content": [], "summary": [{"type": "summary_text", "text": "In short."}]},
        {"type": "text", "text": "Yes."},
    ]
    assert one(blocks, "assistant")[0].parts == [
        bl.ReasoningPart("Hm.", "sig"),
        bl.ReasoningPart("", "secret", redacted=True),
        bl.ReasoningPart("In short."),
        bl.TextPart("Yes."),
    ]


@pytest.mark.parametrize(
    ("source", "part"),
    [
        ({"type": "base64", "media_type": "image/jpeg", "data": "AAAA"}, {"url": "data:image/jpeg;base64,AAAA"}),
        ({"type": "url", "url": "https://example.org/a.png"}, {"url": "https://example.org/a.png"}),
        ({"data": b"\x89PNG", "media_type": "image/png"}, {"data": b"\x89PNG", "media_type": "image/png"}),
    ],
    ids=["base64", "url", "bytes"],
)
def test_images(source: dict[str, Any], part: dict[str, Any]) -> None:
    assert one([{"type": "image", "source": source}])[0].parts == [bl.ImagePart(**part)]


def test_an_image_without_data_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match=r"messages\[0\].*source with 'url'.*it has \['id'\]"):
        one([{"type": "image", "source": {"id": "file-1"}}])


CALL = {"type": "tool_call", "id": "c1", "name": "add", "input": {"a": 1}}


@pytest.mark.parametrize(
    "message",
    [
        {"content": [CALL]},
        {"content": "", "tool_calls": [{"id": "c1", "tool": "add", "arguments": {"a": 1}}]},
        {"content": "", "tool_calls": [{"id": "c1", "function": {"name": "add", "arguments": '{"a": 1}'}}]},
        {"content": [CALL], "tool_calls": [{"id": "c1", "tool": "add", "arguments": {"a": 1}}]},
    ],
    ids=["block", "loop", "openai", "both"],
)
@pytest.mark.parametrize(
    "result",
    [
        {"role": "tool", "content": "2", "tool_call_id": "c1"},
        {"role": "tool", "content": [{"type": "tool_result", "tool_call_id": "c1", "output": 2}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_call_id": "c1", "output": "2"}]},
        {"role": "function", "content": "2", "name": "c1"},
    ],
    ids=["tool", "tool-block", "user-block", "function"],
)
def test_calls_and_results_in_every_form(message: dict[str, Any], result: dict[str, Any]) -> None:
    """Loops store calls in a field of the message, or in blocks, or in both."""
    messages = converted([{"role": "assistant", **message}, result]).messages
    assert [part.name for part in messages[0].tool_calls] == ["add"]
    assert json.loads(messages[0].tool_calls[0].arguments) == {"a": 1}
    assert messages[1:] == [bl.Message("tool", [bl.ToolResultPart("c1", "2")])]


def test_the_image_of_a_result_follows_it() -> None:
    """A result is text; a vision model still sees the image."""
    blocks = [{"type": "image", "source": {"url": "https://example.org/a.png"}}]
    messages = converted([{"role": "assistant", "content": [CALL]}, *[
        {"role": "tool", "tool_call_id": "c1", "content": blocks}
    ]]).messages  # fmt: skip
    assert messages[1].parts == [bl.ToolResultPart("c1", "(see the image)")]
    assert messages[2] == bl.Message("user", [bl.ImagePart(url="https://example.org/a.png")])


def test_a_call_without_a_result_gets_one() -> None:
    """A cancelled session lacks it, and vendors refuse such a conversation."""
    request = AmplifierRequest.model_validate(
        {"messages": [{"role": "assistant", "content": [CALL]}, {"role": "user", "content": "Go on"}]}
    )
    ours, repairs = convert_request(request, {}, Settings())
    assert [repair._asdict() for repair in repairs] == [{"tool_call_id": "c1", "tool_name": "add"}]
    assert ours.messages[1].parts == [bl.ToolResultPart("c1", MISSING_RESULT, is_error=True)]
    assert ours.messages[2].text == "Go on"


def test_a_result_without_a_call_id_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match=r"messages\[0\]: role 'tool' needs a tool_call_id"):
        one("2", "tool")


def test_the_request_wins_over_the_settings_and_arguments_over_both() -> None:
    settings = Settings(temperature=0.1, max_tokens=10, thinking="low", timeout=5.0, seed=3, private=True)
    request = AmplifierRequest.model_validate(
        {
            "messages": [{"role": "user", "content": "Hi"}],
            "temperature": 0.5,
            "reasoning_effort": "minimal",
            "timeout": 9,
        }
    )
    ours = convert_request(request, {"temperature": 0.9, "max_output_tokens": 7}, settings).request
    assert (ours.temperature, ours.max_tokens, ours.thinking, ours.deadline_s) == (0.9, 7, "low", 9)
    assert (ours.seed, ours.private) == (3, True)
    plain = converted([{"role": "user", "content": "Hi"}], settings, stop=["\n"], top_p=0.5, model="pocket")
    assert (plain.temperature, plain.max_tokens, plain.stop, plain.top_p, plain.model) == (
        0.1,
        10,
        ["\n"],
        0.5,
        "pocket",
    )


TOOL = {"name": "add", "description": "Adds.", "parameters": {"type": "object"}}


@pytest.mark.parametrize(
    ("given", "ours"),
    [
        ("auto", "auto"),
        ("any", "required"),
        ({"type": "any"}, "required"),
        ({"type": "none"}, "none"),
        ({"type": "tool", "name": "add"}, {"type": "function", "function": {"name": "add"}}),
        ({"type": "function", "function": {"name": "add"}}, {"type": "function", "function": {"name": "add"}}),
    ],
)
def test_a_tool_choice_in_each_vendors_form(given: Any, ours: Any) -> None:
    request = converted([{"role": "user", "content": "Hi"}], tools=[TOOL], tool_choice=given)
    assert request.tool_choice == ours
    assert request.tools == [bl.Tool("add", "Adds.", {"type": "object"})]


@pytest.mark.parametrize(
    ("given", "ours"),
    [
        ({"type": "text"}, None),
        ({"type": "json"}, {"type": "json_object"}),
        (
            {"type": "json_schema", "json_schema": {"type": "object"}, "strict": True},
            {"type": "json_schema", "json_schema": {"name": "answer", "schema": {"type": "object"}, "strict": True}},
        ),
        (
            {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}},
            {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}},
        ),
    ],
)
def test_response_formats(given: dict[str, Any], ours: dict[str, Any] | None) -> None:
    assert converted([{"role": "user", "content": "Hi"}], response_format=given).response_format == ours


def test_fields_of_later_versions_are_ignored() -> None:
    """Amplifier plans ``Message.producer_model`` and others."""
    assert one("Hi", producer_model="x", stop_details={"a": 1}) == [bl.Message("user", "Hi")]
