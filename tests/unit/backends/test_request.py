"""Request validation: what callers pass becomes a checked request, or an error that names the value."""

from __future__ import annotations

from typing import Any, get_args

import msgspec
import pytest
from msgspec.structs import replace

import browserllm as bl
from browserllm._internal.content import with_joined_texts
from browserllm.backends.request import build_request, check_options
from browserllm.types import MAX_REQUEST_BYTES, ROLE_PARTS, ChatRequest, Role

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


def weather(city: str) -> str:
    """Tell the weather."""
    return f"fine in {city}"


@pytest.mark.parametrize(
    "tools",
    [
        [bl.tool(weather)],
        (bl.tool(weather),),
        bl.chat.Toolbox([weather]),
        [bl.tool(weather).tool],
        [{"type": "function", "function": msgspec.to_builtins(bl.tool(weather).tool)}],
        [{"name": "weather", "description": "Tell the weather.", "parameters": bl.tool(weather).tool.parameters}],
    ],
)
async def test_tools_come_in_each_form_that_declares_them(tools: Any) -> None:
    """What `@bl.tool` made, a Toolbox and a dict all tell the model the same, in every call that takes a request."""
    assert build_request("hi", {"tools": tools}).tools == [bl.tool(weather).tool]
    assert (await bl.ScriptedBackend(["fine"]).complete("hi", tools=tools)).text == "fine"


def test_an_empty_toolbox_means_no_tools() -> None:
    """A program may leave all of its tools out."""
    assert build_request("hi", {"tools": bl.chat.Toolbox()}).tools == []


@pytest.mark.parametrize(
    ("tools", "says"),
    [
        ([weather], r"tools\[0\]=<function weather.* write browserllm.tool\(weather\), or pass it to a Session"),
        (weather, r"tools=<function weather.* is not a list of tools; use Tool\(...\)"),
        (bl.tool(weather), r"tools=FunctionTool\('weather'\) is not a list of tools"),
        ("weather", "tools='weather' is not a list of tools"),
        ([5], r"tools\[0\]=5 is not a tool"),
        ([{"parameters": {}}], "missing required field `name`"),
        (None, "tools=None is not a list of tools"),
    ],
)
def test_a_value_that_is_not_a_list_of_tools_is_refused_with_advice(tools: Any, says: str) -> None:
    """The error names the value and the possible forms."""
    with pytest.raises(bl.InvalidRequest, match=says) as caught:
        build_request("hi", {"tools": tools})
    assert caught.value.data["parameter"] == "tools"


def test_a_valid_request_comes_through_unchanged() -> None:
    """Every part and every option."""
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
        (
            [{"role": "robot", "content": "x"}],
            "'robot' - at `$.role`; use one of 'system', 'user', 'assistant', 'tool'",
        ),
        (" ", "the prompt ' ' is empty"),
        ([{"role": "user", "content": 7}], "content"),
        (7, "messages=7"),
        ([bl.Message("user", "a"), bl.Message("system", "b")], "system messages come first"),
        ([bl.Message("system", "a")], "only system messages"),
        (
            [{"role": "user", "content": "a"}, {"role": "user", "content": 7}],
            "messages[1]={'role': 'user', 'content': 7}",
        ),
        ([bl.Message("user", [bl.ToolCallPart("1", "f")])], "a ToolCallPart, which only role 'assistant' can have"),
        ([bl.Message("user", [bl.ToolResultPart("1", "r")])], "a ToolResultPart, which only role 'tool' can have"),
        ([*HI, bl.Message("tool", "r")], "messages[1] has role 'tool' and no ToolResultPart"),
        ([*HI, bl.Message("tool", "")], "messages[1] has role 'tool' and no ToolResultPart"),
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


def test_a_value_that_is_not_json_is_refused() -> None:
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


PARTS: dict[type[bl.types.ContentPart], bl.types.ContentPart] = {
    bl.TextPart: bl.TextPart("t"),
    bl.ImagePart: bl.ImagePart(data=b"i", media_type="image/png"),
    bl.AudioPart: bl.AudioPart(data=b"a", media_type="audio/wav"),
    bl.ReasoningPart: bl.ReasoningPart("hm", signature="s"),
    bl.ToolCallPart: bl.ToolCallPart("1", "f"),
    bl.ToolResultPart: bl.ToolResultPart("1", "r"),
}
OWNERS: dict[type[bl.types.ContentPart], set[str]] = {
    bl.TextPart: {"system", "user", "assistant"},
    bl.ImagePart: {"user"},
    bl.AudioPart: {"user"},
    bl.ReasoningPart: {"assistant"},
    bl.ToolCallPart: {"assistant"},
    bl.ToolResultPart: {"tool"},
}


@pytest.mark.parametrize("kind", PARTS)
@pytest.mark.parametrize("role", get_args(Role))
def test_a_role_holds_its_own_parts_alone(role: Role, kind: type[bl.types.ContentPart]) -> None:
    """Every role with every part: it comes through, or is refused by its place, its type and its role."""
    beside: list[bl.types.ContentPart] = [PARTS[ROLE_PARTS[role][0]], PARTS[kind]]
    messages = [bl.Message(role, beside), *HI] if role == "system" else [*HI, bl.Message(role, beside)]
    assert (kind in ROLE_PARTS[role]) == (role in OWNERS[kind])
    if role in OWNERS[kind]:
        assert build_request(messages, {}).messages == messages
        return
    with pytest.raises(bl.InvalidRequest) as caught:
        build_request(messages, {})
    place = 0 if role == "system" else 1
    assert str(caught.value).startswith(f"messages[{place}] has role {role!r} and a {kind.__name__}, which only role ")
    assert caught.value.data["parameter"] == "messages"


def test_every_part_of_a_chat_has_a_role() -> None:
    """A new type of part gets its place in the table with its first test."""
    assert (
        {kind for kinds in ROLE_PARTS.values() for kind in kinds} == set(get_args(bl.types.ContentPart)) == set(PARTS)
    )
    assert set(ROLE_PARTS) == set(get_args(Role))


def test_a_message_is_read_by_its_parts() -> None:
    """A text is one part, an empty text none, and parts are themselves."""
    parts: list[bl.types.ContentPart] = [
        bl.ReasoningPart("hm"),
        bl.TextPart("a"),
        bl.ToolCallPart("1", "f"),
        bl.TextPart("b"),
    ]
    message = bl.Message("assistant", parts)
    assert (message.parts, message.reasoning, message.text) == (parts, "hm", "ab")
    assert bl.Message("user", "hi").parts == [bl.TextPart("hi")]
    assert bl.Message("user", "").parts == bl.Message("user").parts == bl.Message("user", []).parts == []


@pytest.mark.parametrize(
    ("content", "canonical"),
    [
        ("hi", "hi"),
        ("", ""),
        ([], ""),
        ([bl.TextPart("hi")], "hi"),
        ([bl.TextPart("")], ""),
        ([bl.TextPart("hi", "signed")], [bl.TextPart("hi", "signed")]),
        ([bl.TextPart("a"), bl.TextPart("b")], [bl.TextPart("a"), bl.TextPart("b")]),
        ([PARTS[bl.ImagePart]], [PARTS[bl.ImagePart]]),
    ],
)
def test_a_message_has_one_canonical_form(content: Any, canonical: Any) -> None:
    """What means the same is equal, and the same JSON; a request that was checked is not changed by another check."""
    given = [bl.Message("user", content, name="n"), *HI]
    request = build_request(given, {})
    assert request.messages == [bl.Message("user", canonical, name="n"), *HI]
    assert build_request(request, {}) == request
    assert given[0].content == content


def test_the_parts_of_a_text_are_joined_where_they_follow_each_other() -> None:
    """A signed text stays as the model wrote it."""
    image, signed = PARTS[bl.ImagePart], bl.TextPart("s", "signed")
    parts = [bl.TextPart("a"), bl.TextPart("b"), image, bl.TextPart("c"), signed, bl.TextPart("d"), bl.TextPart("e")]
    assert with_joined_texts(parts) == [bl.TextPart("ab"), image, bl.TextPart("c"), signed, bl.TextPart("de")]


def test_options_are_checked_without_messages() -> None:
    """The request has none yet, and everything else as in one that has."""
    options: dict[str, Any] = {"temperature": 1, "stop": "x", "tools": [{"name": "f"}], "metadata": {"k": "v"}}
    request = check_options(options)
    assert request == replace(build_request("hi", options), messages=[])
    assert (request.stop, request.tools) == (["x"], [bl.Tool("f")])
    assert check_options({}) == ChatRequest(messages=[])


@pytest.mark.parametrize(
    ("options", "parameter"),
    [
        ({"temprature": 1}, "temprature"),
        ({"temperature": 2.5}, "temperature"),
        ({"temperature": "hot"}, "temperature"),
        ({"tools": [{"name": 5}]}, "tools"),
        ({"metadata": {"k": "x" * MAX_REQUEST_BYTES}}, "messages"),
        ({"messages": HI}, "messages"),
        ({"messages": []}, "messages"),
    ],
)
def test_a_wrong_option_is_refused_without_messages(options: dict[str, Any], parameter: str) -> None:
    """By the same rules and with the same errors as with messages, which are no option here."""
    with pytest.raises(bl.InvalidRequest) as caught:
        check_options(options)
    assert caught.value.data["parameter"] == parameter


@pytest.mark.parametrize("field", ChatRequest.__struct_fields__)
def test_a_value_of_a_wrong_type_is_found_by_its_field(field: str) -> None:
    """In each field; no words of another value are taken for the place."""
    wrong: Any = (
        [["$.seed"]] if field in ("response_format", "tool_choice", "metadata", "logit_bias") else {"$.seed": 1}
    )
    with pytest.raises(bl.InvalidRequest) as caught:
        build_request("hi", {"metadata": {"note": "at `$.seed`"}, field: wrong})
    assert caught.value.data["parameter"] == field
    assert repr(wrong) in str(caught.value)
