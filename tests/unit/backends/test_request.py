"""The door: what callers pass becomes a checked request, or an error that names the value."""

from __future__ import annotations

from typing import Any

import pytest

import browserllm as bl
from browserllm.backends.request import build_request
from browserllm.types import MAX_REQUEST_BYTES, ChatRequest

HI = [bl.Message("user", "hi")]


@pytest.mark.parametrize(
    "prompt",
    ["hi", bl.Message("user", "hi"), HI, [{"role": "user", "content": "hi"}], ChatRequest(messages=HI)],
)
def test_every_form_of_a_prompt_is_the_same_request(prompt: Any) -> None:
    """A text, a message, messages, dicts and a request all mean the same."""
    assert build_request(prompt, {"seed": 1}) == ChatRequest(messages=HI, seed=1)


def test_options_win_over_the_request() -> None:
    """A request can be sent again with one thing changed."""
    request = ChatRequest(messages=HI, temperature=1.0, seed=4)
    assert build_request(request, {"temperature": 0.5}) == ChatRequest(messages=HI, temperature=0.5, seed=4)


def test_all_parts_and_options_pass_the_door() -> None:
    """Everything that a request can say comes through unchanged."""
    request = ChatRequest(
        messages=[
            bl.Message("system", "s"),
            bl.Message(
                "user",
                [bl.TextPart("t"), bl.ImagePart(data=b"\x00\xff", media_type="image/png"), bl.AudioPart(url="u")],
            ),
            bl.Message("assistant", [bl.ToolCallPart("1", "f", '{"a":1}')]),
            bl.Message("tool", [bl.ToolResultPart("1", "r", is_error=True)]),
        ],
        model="m",
        temperature=0.1,
        top_p=0.2,
        top_k=3,
        max_tokens=4,
        stop=["x"],
        seed=5,
        frequency_penalty=0.6,
        presence_penalty=-0.7,
        logit_bias={8: 9.0},
        logprobs=True,
        top_logprobs=2,
        n=2,
        response_format={"type": "json_object"},
        tools=[bl.Tool("f", "d", {"type": "object"})],
        tool_choice="auto",
        thinking="high",
        metadata={"k": "v"},
        deadline_s=10.0,
        unsupported="error",
    )
    assert build_request(request, {}) == request


def test_a_single_stop_text_is_a_list_of_one() -> None:
    """``stop="x"`` is what people write."""
    assert build_request("hi", {"stop": "x"}).stop == ["x"]


@pytest.mark.parametrize(
    ("options", "parameter", "said"),
    [
        ({"temprature": 1}, "temprature", "'temperature'"),
        ({"zzzzqqq": 1}, "zzzzqqq", "known options"),
        ({"temperature": 2.5}, "temperature", "2.5"),
        ({"temperature": -0.1}, "temperature", "-0.1"),
        ({"temperature": "hot"}, "temperature", "'hot'"),
        ({"top_p": 0}, "top_p", "0"),
        ({"top_k": 0}, "top_k", "0"),
        ({"max_tokens": 0}, "max_tokens", "at least 1"),
        ({"n": 0}, "n", "0"),
        ({"deadline_s": 0}, "deadline_s", "above 0"),
        ({"presence_penalty": 3}, "presence_penalty", "at most 2"),
        ({"top_logprobs": 3}, "top_logprobs", "logprobs=True"),
        ({"stop": ["a", ""]}, "stop", "empty"),
        ({"unsupported": "ignore"}, "unsupported", "'ignore'"),
        ({"logit_bias": {"a": 1}}, "logit_bias", "'a'"),
        ({"thinkng": True}, "thinkng", "'thinking'"),
    ],
)
def test_a_wrong_option_is_named(options: dict[str, Any], parameter: str, said: str) -> None:
    """The error names the option and the value, or what the option should be called."""
    with pytest.raises(bl.InvalidRequest) as caught:
        build_request("hi", options)
    assert caught.value.data["parameter"] == parameter
    assert parameter in str(caught.value)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "wrong", ["maximum", "minimal", "none", "", "True", "HIGH", "low ", 0, 1, -1, 0.5, 2048, [], ["low"], {}, {"a": 1}]
)
def test_a_wrong_thinking_names_the_choices(wrong: Any) -> None:
    """Whatever it is: the value, and all that may stand there."""
    with pytest.raises(bl.InvalidRequest) as caught:
        build_request("hi", {"thinking": wrong})
    assert caught.value.data["parameter"] == "thinking"
    for said in (repr(wrong), "True", "False", "'low'", "'medium'", "'high'", "None"):
        assert said in str(caught.value)
    with pytest.raises(bl.InvalidRequest, match="thinking="):
        build_request(bl.ChatRequest(messages=HI, thinking=wrong), {})


@pytest.mark.parametrize("thinking", [None, True, False, "low", "medium", "high"])
def test_thinking_is_one_option_with_six_values(thinking: Any) -> None:
    """It comes through as it is; a request's own gives way to the option."""
    assert build_request("hi", {"thinking": thinking}).thinking == thinking
    request = bl.ChatRequest(messages=HI, thinking="medium")
    assert build_request(request, {}).thinking == "medium"
    assert build_request(request, {"thinking": thinking}).thinking == thinking


@pytest.mark.parametrize(
    ("messages", "said"),
    [
        ([], "messages=[] is empty"),
        ([{"role": "robot", "content": "x"}], "robot"),
        ([{"role": "user", "content": 7}], "content"),
        (7, "messages=7"),
        ([bl.Message("user", "a"), bl.Message("system", "b")], "system messages come first"),
        ([bl.Message("system", "a")], "only system messages"),
        ([bl.Message("user", [bl.ToolCallPart("1", "f")])], "only 'assistant' calls tools"),
        ([bl.Message("user", [bl.ToolResultPart("1", "r")])], "use role 'tool'"),
    ],
)
def test_a_chat_that_makes_no_sense_is_refused(messages: Any, said: str) -> None:
    """The error says what is wrong with the messages, and where."""
    with pytest.raises(bl.InvalidRequest, match="messages") as caught:
        build_request(messages, {})
    assert said in str(caught.value)


def test_several_system_messages_may_begin_a_chat() -> None:
    """Only one that comes later is refused."""
    messages = [bl.Message("system", "a"), bl.Message("system", "b"), *HI]
    assert build_request(messages, {}).messages == messages


def test_a_request_over_the_limit_is_refused_with_both_numbers() -> None:
    """The size and the limit are in the text and in the data; one below the limit passes."""
    with pytest.raises(bl.InvalidRequest) as caught:
        build_request("x" * MAX_REQUEST_BYTES, {})
    size_bytes = caught.value.data["size_bytes"]
    assert size_bytes > MAX_REQUEST_BYTES
    assert str(size_bytes) in str(caught.value)
    assert str(MAX_REQUEST_BYTES) in str(caught.value)
    overhead = size_bytes - MAX_REQUEST_BYTES
    assert build_request("x" * (MAX_REQUEST_BYTES - overhead), {}).messages


def test_what_is_no_json_is_refused() -> None:
    """A request travels as JSON, so an object in the metadata cannot."""
    with pytest.raises(bl.InvalidRequest, match="JSON"):
        build_request("hi", {"metadata": {"k": object()}})


def test_a_message_gives_its_text_and_tool_calls() -> None:
    """The text of a message is that of its text parts."""
    call = bl.ToolCallPart("1", "f")
    message = bl.Message("assistant", [bl.TextPart("a"), call, bl.TextPart("b")])
    assert (message.text, message.tool_calls) == ("ab", [call])
    assert (bl.Message("user", "x").text, bl.Message("user", "x").tool_calls) == ("x", [])
    assert bl.types.Usage(prompt_tokens=2, completion_tokens=3).total_tokens == 5


def test_only_the_assistant_reasons() -> None:
    """Thinking in another role's turn is refused by its place; in an assistant's turn it may come back."""
    thought = bl.ReasoningPart("hm", signature="s")
    with pytest.raises(bl.InvalidRequest, match=r"messages\[0\] has role 'user' and reasoning"):
        build_request([bl.Message("user", [thought])], {})
    request = build_request([bl.Message("user", "hi"), bl.Message("assistant", [thought, bl.TextPart("ok")])], {})
    assert (request.messages[1].reasoning, request.messages[1].text, request.messages[0].reasoning) == ("hm", "ok", "")
