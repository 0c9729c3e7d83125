"""OpenAI's requests read into ours. (`test_openai_api_types.py` holds them to the official SDK's types.)"""

from __future__ import annotations

from typing import Any

import pytest

import browserllm as bl
from browserllm.backends.request import build_request
from browserllm.openai_compat.requests import read_embedding_request, read_request

ASK = {"role": "user", "content": "Hi"}
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Tells the weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
        "strict": True,
    },
}
TIME = {"type": "function", "function": {"name": "time"}}
WAV = "UklGRgAAAABXQVZF"


def read(**body: Any) -> bl.ChatRequest:
    """The request, as a backend takes it, with nothing left out."""
    given = read_request({"messages": [ASK], **body})
    assert given.warnings == []
    return build_request(given.request, {})


def warned(**body: Any) -> list[tuple[str, str]]:
    """What is not honoured."""
    return [(warning.parameter, warning.message) for warning in read_request({"messages": [ASK], **body}).warnings]


def test_each_parameter_becomes_a_field() -> None:
    """Under its name; the limit under either of its two names; `None` counts as not given."""
    request = read(
        model="m",
        temperature=0.5,
        top_p=0.9,
        max_completion_tokens=7,
        stop="END",
        seed=3,
        frequency_penalty=0.1,
        presence_penalty=-0.1,
        logit_bias={"50256": -100},
        logprobs=True,
        top_logprobs=2,
        n=2,
        metadata={"who": "me"},
        top_k=4,
        private=True,
        deadline_s=9,
        unsupported="error",
        user=None,
        tools=None,
        tool_choice=None,
    )
    assert request == bl.ChatRequest(
        messages=[bl.Message("user", "Hi")],
        model="m",
        temperature=0.5,
        top_p=0.9,
        max_tokens=7,
        stop=["END"],
        seed=3,
        frequency_penalty=0.1,
        presence_penalty=-0.1,
        logit_bias={50256: -100},
        logprobs=True,
        top_logprobs=2,
        n=2,
        metadata={"who": "me"},
        top_k=4,
        private=True,
        deadline_s=9,
        unsupported="error",
    )
    assert read(max_tokens=5).max_tokens == read(max_tokens=5, max_completion_tokens=5).max_tokens == 5


def test_messages_of_every_role_are_read() -> None:
    """A developer message is a system message; calls, results, refusals and thinking become parts."""
    calls = [{"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}]
    request = read(
        messages=[
            {"role": "developer", "content": [{"type": "text", "text": "Be brief."}]},
            {"role": "user", "content": "Hi", "name": "Ada"},
            {"role": "assistant", "content": None, "tool_calls": calls, "reasoning_content": "Hm."},
            {
                "role": "tool",
                "tool_call_id": "c1",
                "content": [{"type": "text", "text": "4 "}, {"type": "text", "text": "°"}],
            },
            {"role": "assistant", "content": "Cold", "tool_calls": [], "annotations": []},
            {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
            {"role": "assistant", "refusal": "Never."},
            {"role": "assistant", "content": ""},
            {"role": "assistant", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
            ASK,
        ]
    )
    assert request.messages == [
        bl.Message("system", "Be brief."),
        bl.Message("user", "Hi", name="Ada"),
        bl.Message("assistant", [bl.ReasoningPart("Hm."), bl.ToolCallPart("c1", "weather", "{}")]),
        bl.Message("tool", [bl.ToolResultPart("c1", "4 °")]),
        bl.Message("assistant", "Cold"),
        bl.Message("assistant", "No."),
        bl.Message("assistant", "Never."),
        bl.Message("assistant", ""),
        bl.Message("assistant", [bl.TextPart("a"), bl.TextPart("b")]),
        bl.Message("user", "Hi"),
    ]


def test_images_and_sounds_are_read() -> None:
    """By URL, and as data."""
    parts = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "auto"}},
        {"type": "input_audio", "input_audio": {"data": WAV, "format": "wav"}},
    ]
    assert read(messages=[{"role": "user", "content": parts}]).messages[0].content == [
        bl.TextPart("What is this?"),
        bl.ImagePart(url="https://example.com/a.png"),
        bl.AudioPart(data=b"RIFF\0\0\0\0WAVE", media_type="audio/wav"),
    ]


def test_tools_and_tool_choices_are_read() -> None:
    """A function is a tool; a named one is the choice; allowed tools replace the list."""
    weather = bl.Tool("weather", "Tells the weather", WEATHER["function"]["parameters"])
    assert read(tools=[WEATHER, TIME], tool_choice="required").tools == [weather, bl.Tool("time")]
    named = {"type": "function", "function": {"name": "time"}}
    assert read(tools=[WEATHER, TIME], tool_choice=named).tool_choice == named
    allowed = {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [named]}}
    request = read(tools=[WEATHER, TIME], tool_choice=allowed)
    assert (request.tools, request.tool_choice) == ([bl.Tool("time")], "required")


def test_response_formats_are_read() -> None:
    """JSON and schemas are passed on; text is the default."""
    schema = {"type": "json_schema", "json_schema": {"name": "x", "schema": {}}}
    assert read(response_format=schema).response_format == schema
    assert read(response_format={"type": "text"}).response_format is None


def test_stream_options_are_read() -> None:
    """Streamed or not, with usage or without."""
    given = read_request({"messages": [ASK], "stream": True, "stream_options": {"include_usage": True}})
    assert (given.stream, given.include_usage) == (True, True)
    given = read_request({"messages": [ASK], "stream": True, "stream_options": {"include_obfuscation": False}})
    assert (given.stream, given.include_usage) == (True, False)
    assert read_request({"messages": [ASK], "stream": False}).stream is False


@pytest.mark.parametrize(
    "parameter",
    [
        {"audio": {"voice": "alloy"}},
        {"extra_headers": {"x": "y"}},
        {"modalities": ["text", "audio"]},
        {"parallel_tool_calls": False},
        {"prediction": {"type": "content", "content": "x"}},
        {"prompt_cache_key": "k"},
        {"safety_identifier": "me"},
        {"service_tier": "flex"},
        {"store": True},
        {"user": "me"},
        {"verbosity": "low"},
        {"web_search_options": {}},
    ],
    ids=lambda parameter: next(iter(parameter)),
)
def test_an_ignored_parameter_is_named(parameter: dict[str, Any]) -> None:
    """In a warning with its value, or in an error if the caller prefers one."""
    ((name, value),) = parameter.items()
    ((said, message),) = warned(**parameter)
    assert said == name
    assert f"{name}={value!r}" in message
    with pytest.raises(bl.errors.Unsupported, match=name) as caught:
        warned(**parameter, unsupported="error")
    assert caught.value.data["parameter"] == name


def test_a_value_that_changes_nothing_is_not_a_warning() -> None:
    """Values that are the defaults."""
    nothing = {"modalities": ["text"], "parallel_tool_calls": True, "service_tier": "auto", "store": False}
    assert warned(**nothing) == []


def test_unsupported_parts_are_named() -> None:
    """With their place; the rest of the request stays."""
    parts = [
        {"type": "text", "text": "Hi"},
        {"type": "file", "file": {"file_id": "f"}},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "low"}},
    ]
    given = read_request(
        {
            "messages": [{"role": "user", "content": parts, "mood": "good"}],
            "tools": [{"type": "custom", "custom": {"name": "x"}}, TIME],
            "stream": True,
            "stream_options": {"include_obfuscation": True},
        }
    )
    assert [warning.parameter for warning in given.warnings] == [
        "messages[0].mood",
        "messages[0].content[1]",
        "messages[0].content[2].image_url.detail",
        "tools[0]",
        "stream_options",
    ]
    assert len(given.request.messages[0].content) == 2
    assert given.request.tools == [bl.Tool("time")]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"max_token": 5}, "unknown parameter 'max_token'; did you mean 'max_tokens'?"),
        ({"zzz": 5}, "unknown parameter 'zzz'; known parameters: "),
        ({"functions": []}, "'functions' is deprecated; use 'tools'"),
        ({"function_call": "auto"}, "'function_call' is deprecated; use 'tool_choice'"),
        ({"messages": None}, "messages is missing"),
        ({"messages": "Hi"}, "messages: 'Hi' is not valid; use a list"),
        ({"messages": 7}, "messages: 7 is not valid; use a list"),
        ({"messages": [7]}, "messages[0]: 7 is not valid; use a dict"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0]: role='robot' is not valid; use one of "),
        ({"messages": [{"content": "x"}]}, "messages[0]: role=None is not valid"),
        ({"messages": [{"role": ["user"], "content": "x"}]}, "messages[0]: role=['user'] is not valid"),
        ({"messages": [{"role": "user"}]}, "messages[0]: content is missing"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content: 5 is not valid; use a list"),
        ({"messages": [{"role": "user", "content": ["x"]}]}, "messages[0].content[0]: 'x' is not valid"),
        ({"messages": [{"role": "user", "content": [{"type": "video"}]}]}, "content[0]: type='video' is not valid"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "content[0]: text=None is not valid"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "content[0].image_url: None is not"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": 5}}]}]},
            "content[0].image_url: url=5 is not valid",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {"format": "ogg"}}]}]},
            "content[0].input_audio: format='ogg' is not valid; use 'wav' or 'mp3'",
        ),
        (
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [{"type": "input_audio", "input_audio": {"format": "mp3", "data": "??"}}],
                    }
                ]
            },
            "content[0].input_audio: data is not valid base64",
        ),
        (
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [{"type": "input_audio", "input_audio": {"format": "mp3", "data": "é"}}],
                    }
                ]
            },
            "content[0].input_audio: data is not valid base64",
        ),
        ({"messages": [{"role": "user", "content": "x", "tool_calls": [{}]}]}, "only 'assistant' calls tools"),
        ({"messages": [{"role": "assistant", "tool_calls": [{}]}]}, "tool_calls[0].function: None is not valid"),
        (
            {"messages": [{"role": "assistant", "tool_calls": [{"id": "1", "type": "custom"}]}]},
            "tool_calls[0]: type='custom' is not valid; use 'function'",
        ),
        (
            {"messages": [{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]}]},
            "tool_calls[0]: id=None is not valid; use a text",
        ),
        (
            {
                "messages": [
                    {"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": {}}}]}
                ]
            },
            "tool_calls[0].function: arguments={} is not valid; use a text",
        ),
        ({"messages": [{"role": "assistant", "function_call": {"name": "f"}}]}, "are deprecated"),
        ({"messages": [{"role": "function", "name": "f", "content": "x"}]}, "are deprecated"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0]: tool_call_id=None is not valid"),
        (
            {
                "messages": [
                    {
                        "role": "tool",
                        "tool_call_id": "1",
                        "content": [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}],
                    }
                ]
            },
            "a tool's result must be text",
        ),
        ({"messages": [{"role": "assistant", "browserllm": {"reasoning": 5}}]}, "messages[0].browserllm: "),
        ({"tools": {}}, "tools: {} is not valid; use a list"),
        ({"tools": [{"type": "retrieval"}]}, "tools[0]: type='retrieval' is not valid; use 'function'"),
        ({"tools": [{"type": "function"}]}, "tools[0].function: None is not valid"),
        ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function: name=None is not valid"),
        (
            {"tools": [{"type": "function", "function": {"name": "f", "parameters": []}}]},
            "tools[0].function.parameters: [] is not valid",
        ),
        ({"tools": [TIME], "tool_choice": 5}, "tool_choice: 5 is not valid"),
        (
            {
                "tools": [TIME],
                "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [WEATHER]}},
            },
            "tool_choice.allowed_tools.tools: ['weather'] are not among the tools",
        ),
        (
            {"max_tokens": 5, "max_completion_tokens": 6},
            "max_tokens=5 and max_completion_tokens=6 contradict each other",
        ),
        ({"response_format": int}, "for a Python type use chat.completions.parse()"),
        ({"stream": "yes"}, "stream='yes' is not valid; use True or False"),
        ({"stream_options": {"include_usage": True}}, "stream_options needs stream=True"),
        ({"stream": True, "stream_options": {"usage": True}}, "stream_options: unknown option 'usage'"),
    ],
)
def test_a_wrong_value_is_named(body: dict[str, Any], said: str) -> None:
    """The error has the place, the value, and what to do."""
    with pytest.raises(bl.InvalidRequest) as caught:
        read_request({"messages": [ASK], **body})
    assert said in str(caught.value)
    assert caught.value.data["parameter"]


def test_a_value_out_of_range_is_refused() -> None:
    """By the one check that every request passes."""
    with pytest.raises(bl.InvalidRequest, match=r"temperature=7\.0 is out of range"):
        read(temperature=7)
    with pytest.raises(bl.InvalidRequest, match="logit_bias"):
        read(logit_bias={"the": 1})


def test_an_answer_can_be_sent_back_unchanged() -> None:
    """As an object of a response or its dict, with the data that providers expect back."""
    from browserllm.openai_compat.responses import completion_of

    parts = [
        bl.ReasoningPart("Hm.", signature="sig"),
        bl.TextPart("Let me look."),
        bl.ToolCallPart("c1", "weather", "{}", signature="s2"),
    ]
    response = bl.ChatResponse(
        request_id="r", backend="b", message=bl.Message("assistant", parts), finish_reason="tool_calls"
    )
    message = completion_of(response).choices[0].message
    for given in (message, message.model_dump(), message.to_dict()):
        request = read(messages=[ASK, given, {"role": "tool", "tool_call_id": "c1", "content": "4"}])
        assert request.messages[1] == response.message


def test_embedding_requests_are_read() -> None:
    """One text or several; a wrong value is named."""
    assert read_embedding_request({"input": "a", "user": "me", "encoding_format": None}) == (["a"], "float")
    assert read_embedding_request({"input": ("a", "b"), "encoding_format": "base64"}) == (["a", "b"], "base64")
    for body, said in [
        ({"input": [1, 2]}, "input: 1 is not valid"),
        ({"input": 5}, "input: 5 is not valid"),
        ({"input": "a", "encoding_format": "int8"}, "encoding_format='int8' is not valid"),
        ({"input": "a", "size": 5}, "unknown parameter 'size'"),
    ]:
        with pytest.raises(bl.InvalidRequest) as caught:
            read_embedding_request(body)
        assert said in str(caught.value)
    with pytest.raises(bl.errors.Unsupported, match="dimensions=5"):
        read_embedding_request({"input": "a", "dimensions": 5})


@pytest.mark.parametrize("name", ["extra_headers", "extra_query"])
@pytest.mark.parametrize(
    "value", [{"x-api-key": "sk-0123456789abcdef"}, [("key", "sk-0123456789abcdef")], "sk-0123456789"]
)
def test_a_key_in_an_ignored_parameter_is_not_shown(name: str, value: object) -> None:
    """The warning has the parameter, and its value without keys."""
    read = read_request({"messages": [{"role": "user", "content": "Hi"}], name: value})
    [warning] = read.warnings
    assert warning.parameter == name and "sk-0123" not in warning.message
    with pytest.raises(bl.errors.Unsupported) as caught:
        read_request({"messages": [{"role": "user", "content": "Hi"}], "unsupported": "error", name: value})
    assert "sk-0123" not in str(caught.value) + repr(caught.value.data)


@pytest.mark.parametrize(
    ("effort", "thinking", "differs"),
    [
        ("none", False, False),
        ("minimal", "low", True),
        ("low", "low", False),
        ("medium", "medium", False),
        ("high", "high", False),
        ("xhigh", "high", True),
        ("max", "high", True),
    ],
)
def test_reasoning_effort_becomes_thinking(effort: str, thinking: Any, differs: bool) -> None:
    """Unknown efforts become the nearest one, with a warning."""
    body = {"messages": [ASK], "model": "m", "reasoning_effort": effort}
    read = read_request(body)
    assert read.request.thinking == thinking
    assert [warning.parameter for warning in read.warnings] == ["reasoning_effort"] * differs
    if differs:
        with pytest.raises(bl.errors.Unsupported, match="reasoning_effort"):
            read_request({**body, "unsupported": "error"})
    for same in (thinking, *([True] if thinking else [])):
        assert read_request({**body, "thinking": same}).request.thinking == thinking


@pytest.mark.parametrize("wrong", ["maximum", "", True, 1, ["low"], {}])
def test_a_wrong_reasoning_effort_names_the_choices(wrong: Any) -> None:
    """With the value; one that contradicts ``thinking`` is an error, too."""
    with pytest.raises(bl.InvalidRequest, match="'minimal'") as caught:
        read_request({"messages": [ASK], "reasoning_effort": wrong})
    assert caught.value.data["parameter"] == "reasoning_effort"
    with pytest.raises(bl.InvalidRequest, match="thinking=True"):
        read_request({"messages": [ASK], "reasoning_effort": "none", "thinking": True})
    assert read_request({"messages": [ASK], "reasoning_effort": None}).request.thinking is None
