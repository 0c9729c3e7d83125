"""Chat completions without a network: what is sent to whom, and what is said of what is not."""

from __future__ import annotations

from typing import Any

import pytest

import browserllm as bl
from browserllm.backends.cloud.presets import PRESETS, PresetName
from browserllm.backends.draft import Draft
from browserllm.backends.request import build_request

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOL = bl.Tool("weather", "Tells the weather", SCHEMA)
JSON_SCHEMA = {"type": "json_schema", "json_schema": {"name": "place", "schema": SCHEMA}}


def body_of(llm: bl.OpenAI, prompt: Any = "Hi", **options: Any) -> tuple[dict[str, Any], list[str]]:
    """The body for a request, and the parameters that are warned of."""
    request = build_request(prompt, options)
    draft = Draft(request, llm.name, "chat-1")
    return llm.body(request, draft), [warning.parameter for warning in draft.warnings]


@pytest.mark.parametrize(
    ("base_url", "model", "field"),
    [
        (None, "gpt-4o", "max_completion_tokens"),
        ("https://eu.api.openai.com/v1", "gpt-4o", "max_completion_tokens"),
        ("https://mine.openai.azure.com/openai/v1", "a-deployment", "max_completion_tokens"),
        ("https://proxy.example/v1", "gpt-6-luna", "max_completion_tokens"),
        ("https://proxy.example/v1", "o3", "max_completion_tokens"),
        ("https://proxy.example/v1", "gpt-oss-20b", "max_tokens"),
        ("http://127.0.0.1:8080/v1", "qwen3", "max_tokens"),
    ],
)
def test_max_tokens_has_the_name_that_the_server_knows(base_url: str | None, model: str, field: str) -> None:
    """OpenAI's newer models accept only the newer name, most other servers only the older one."""
    body, _ = body_of(bl.OpenAI(model, base_url=base_url), max_tokens=7)
    assert {key: value for key, value in body.items() if "max" in key} == {field: 7}


def test_a_parameter_that_openai_refuses_is_a_warning() -> None:
    """It is left out; with ``unsupported="error"`` nothing is sent."""
    llm = bl.OpenAI("gpt-6-luna")
    body, warned = body_of(llm, top_k=5, n=2)
    assert warned == ["top_k", "n"]
    assert not {"top_k", "n"} & set(body)
    assert "top_k" not in llm.capabilities.parameters
    with pytest.raises(bl.errors.Unsupported, match="top_k"):
        body_of(llm, top_k=5, unsupported="error")


def test_unset_options_are_not_sent() -> None:
    """A plain prompt has no options at all."""
    body, warned = body_of(bl.OpenAI("gpt-6-luna"))
    assert body == {
        "model": "gpt-6-luna",
        "messages": [{"role": "user", "content": "Hi"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert warned == []


def test_the_request_may_name_another_model() -> None:
    """It replaces the backend's."""
    assert body_of(bl.OpenAI("gpt-6-luna"), model="gpt-6-sol")[0]["model"] == "gpt-6-sol"


def test_mistral_gets_only_fields_that_it_knows() -> None:
    """It refuses others; ids of calls have nine characters, the same for a call and its result."""
    llm = bl.OpenAI("mistral-small-latest", preset="mistral")
    turns = [
        bl.Message("user", "Weather?", name="Ada"),
        bl.Message("assistant", [bl.ToolCallPart("call_DdmO9pD3xa9XTPNJ32zg2hcA", "weather", "{}")]),
        bl.Message("tool", [bl.ToolResultPart("call_DdmO9pD3xa9XTPNJ32zg2hcA", "cold")]),
        bl.Message("assistant", [bl.ToolCallPart("D681PevKs", "weather", "{}")]),
        bl.Message("tool", [bl.ToolResultPart("D681PevKs", "cold")]),
    ]
    body, warned = body_of(llm, turns, seed=3, top_k=5, logprobs=True, logit_bias={1: 1.0}, max_tokens=7)
    assert sorted(warned) == ["logit_bias", "logprobs", "messages", "top_k"]
    assert set(body) == {"model", "messages", "stream", "random_seed", "max_tokens"}
    user, first, result, second, _ = body["messages"]
    assert "name" not in user
    assert len(first["tool_calls"][0]["id"]) == 9 and first["tool_calls"][0]["id"].isalnum()
    assert result["tool_call_id"] == first["tool_calls"][0]["id"]
    assert second["tool_calls"][0]["id"] == "D681PevKs"


def test_a_foreign_id_that_is_too_long_is_shortened() -> None:
    """In a call and its result alike: OpenAI allows forty characters."""
    long = "x" * 41
    turns = [
        bl.Message("user", "?"),
        bl.Message("assistant", [bl.ToolCallPart(long, "f"), bl.ToolCallPart("y" * 40, "f")]),
        bl.Message("tool", [bl.ToolResultPart(long, "1"), bl.ToolResultPart("y" * 40, "2")]),
    ]
    messages = body_of(bl.OpenAI("gpt-6-luna"), turns)[0]["messages"]
    ids = [call["id"] for call in messages[1]["tool_calls"]]
    assert len(ids[0]) <= 40 and ids[1] == "y" * 40
    assert [message["tool_call_id"] for message in messages[2:]] == ids


def test_deepseek_gets_its_thinking_back() -> None:
    """It requires its thinking before a tool call, and refuses it elsewhere."""
    call = [bl.ReasoningPart("I must look."), bl.ToolCallPart("a", "weather", "{}")]
    turns = [
        bl.Message("user", "Weather?"),
        bl.Message("assistant", call),
        bl.Message("tool", [bl.ToolResultPart("a", "cold")]),
        bl.Message("assistant", [bl.ReasoningPart("Done."), bl.TextPart("Cold.")]),
        bl.Message("user", "Thanks"),
    ]
    messages = body_of(bl.OpenAI("deepseek-chat", preset="deepseek"), turns)[0]["messages"]
    assert [message.get("reasoning_content") for message in messages] == [None, "I must look.", None, None, None]
    assert all("reasoning_content" not in message for message in body_of(bl.OpenAI("m"), turns)[0]["messages"])


def test_json_is_requested_as_the_server_supports_it() -> None:
    """Without schemas plain JSON is requested, with a warning; with schemas only, any object."""
    body, warned = body_of(bl.OpenAI("m", preset="deepseek"), response_format=JSON_SCHEMA)
    assert (body["response_format"], warned) == ({"type": "json_object"}, ["response_format"])
    body, warned = body_of(bl.OpenAI("m", preset="lmstudio"), response_format={"type": "json_object"})
    spec = {"name": "answer", "schema": {"type": "object"}}
    assert (body["response_format"], warned) == ({"type": "json_schema", "json_schema": spec}, [])
    assert "response_format" not in body_of(bl.OpenAI("m"), response_format={"type": "text"})[0]


def test_openai_constrains_a_model_strictly_if_possible() -> None:
    """If every field is required, unless the request decides otherwise; for OpenAI only."""
    whole = {**SCHEMA, "required": ["city"]}
    closed = {**whole, "additionalProperties": False}
    for preset, schema, strict, sent in (
        ("openai", whole, None, {"schema": closed, "strict": True}),
        ("openai", SCHEMA, None, {"schema": SCHEMA}),
        ("openai", whole, False, {"schema": whole, "strict": False}),
        ("openai", whole, True, {"schema": whole, "strict": True}),
        ("vllm", whole, None, {"schema": whole}),
    ):
        spec = {"name": "place", "schema": schema, **({} if strict is None else {"strict": strict})}
        shape = {"type": "json_schema", "json_schema": spec}
        body, warned = body_of(bl.OpenAI("m", preset=preset), response_format=shape)
        assert (body["response_format"]["json_schema"], warned) == ({"name": "place", **sent}, []), (preset, strict)


@pytest.mark.parametrize(
    "wrong",
    [
        {"response_format": {"type": "xml"}},
        {"response_format": {"type": "json_schema"}},
        {"tool_choice": "sometimes"},
        {"tool_choice": "required"},
        {"tools": [TOOL], "tool_choice": {"name": "other"}},
        {"prompt": bl.Message("user", [bl.ImagePart()])},
        {"prompt": bl.Message("user", [bl.ImagePart(url="https://x.example/", data=b"x")])},
        {"prompt": bl.Message("user", [bl.ImagePart(url="file:///etc/passwd")])},
        {"prompt": bl.Message("user", [bl.ImagePart(data=b"who knows")])},
    ],
)
def test_a_value_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    """Before anything is sent, with the value."""
    with pytest.raises(bl.InvalidRequest) as caught:
        body_of(bl.OpenAI("gpt-6-luna"), **wrong)
    assert caught.value.data["parameter"] in (*wrong, "messages[0].content[0]")


def test_an_image_is_recognized_by_its_first_bytes() -> None:
    """Or by its declared media type; a data URL without base64 gets it."""
    for part, url in (
        (bl.ImagePart(data=b"\xff\xd8\xff"), "data:image/jpeg;base64,/9j/"),
        (bl.ImagePart(data=b"RIFF....WEBP"), "data:image/webp;base64,UklGRi4uLi5XRUJQ"),
        (bl.ImagePart(data=b"....ftypavif"), "data:image/avif;base64,Li4uLmZ0eXBhdmlm"),
        (bl.ImagePart(data=b"?", media_type="image/png"), "data:image/png;base64,Pw=="),
        (bl.ImagePart(url="data:image/svg+xml,%3Csvg/%3E"), "data:image/svg+xml;base64,PHN2Zy8+"),
        (bl.ImagePart(url="http://x.example/a.png"), "http://x.example/a.png"),
    ):
        body, _ = body_of(bl.OpenAI("gpt-6-luna"), bl.Message("user", [part]))
        assert body["messages"][0]["content"] == [{"type": "image_url", "image_url": {"url": url}}]


def test_media_that_cannot_be_sent_are_a_warning() -> None:
    """Sound by address, and sound of another kind."""
    turns = [
        bl.Message("user", [bl.AudioPart(url="https://x.example/a.wav"), bl.AudioPart(data=b"OggS")]),
        bl.Message("user", "?"),
    ]
    body, warned = body_of(bl.OpenAI("gpt-6-luna"), turns)
    assert warned == ["messages[0].content[0]", "messages[0].content[1]"]
    assert [message["content"] for message in body["messages"]] == [[], "?"]


def test_a_text_is_sent_as_a_string_however_it_was_written() -> None:
    """Many servers of this API accept no parts, or only from users."""
    for content in ("Hi", [bl.TextPart("Hi")]):
        body, _ = body_of(bl.OpenAI("gpt-6-luna"), [bl.Message("system", content), bl.Message("user", content)])
        assert [message["content"] for message in body["messages"]] == ["Hi", "Hi"]


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_are_complete(preset: PresetName) -> None:
    """Each has its own address; clouds need a key and https, local servers run on this machine."""
    llm = bl.OpenAI("m", preset=preset)
    assert llm.name == preset
    assert llm.chat_url("m").endswith("/chat/completions")
    if llm.key_hosts:
        assert llm.base_url.startswith("https://") and llm.key_variables
    else:
        assert llm.base_url.startswith("http://127.0.0.1:") and not llm.key_variables
        assert not bl.OpenAI("m", preset=preset, leaves_device=False).needs_network
    body, warned = body_of(llm, temperature=0.0, max_tokens=5)
    assert (body["temperature"], warned) == (0.0, [])


def test_an_unknown_preset_is_refused() -> None:
    """The error lists the presets."""
    with pytest.raises(bl.InvalidRequest, match="'groq'"):
        bl.OpenAI("m", preset="grok")  # type: ignore[arg-type]
