"""OpenAI's formats checked against the official SDK: what we write is of its types, what it takes is what we read."""

from __future__ import annotations

from typing import Any, get_type_hints

import openai
import pydantic
import pytest
from openai.types import CreateEmbeddingResponse, Model
from openai.types.chat import ChatCompletion, ChatCompletionChunk, ChatCompletionMessage
from openai.types.chat.completion_create_params import (
    CompletionCreateParams,
    CompletionCreateParamsBase,
)
from openai.types.shared import ErrorObject

import browserllm as bl
from browserllm.backends.draft import Draft
from browserllm.backends.request import build_request
from browserllm.errors import ERRORS
from browserllm.openai_compat.client import Options
from browserllm.openai_compat.failures import error_reply
from browserllm.openai_compat.requests import OWN_FIELDS, read_request
from browserllm.openai_compat.responses import ChunkWriter, completion_of, embeddings_of, model_of
from browserllm.openai_compat.shapes import Shape

REQUEST = pydantic.TypeAdapter(CompletionCreateParams)
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
CLOSED = {**SCHEMA, "additionalProperties": False}
TOOL = {"type": "function", "function": {"name": "weather", "description": "Tells it", "parameters": SCHEMA}}
ENTRY = {
    "token": "Hi",
    "logprob": -0.25,
    "bytes": [72, 105],
    "top_logprobs": [{"token": "Hi", "logprob": -0.25, "bytes": [72, 105]}],
}
OF_OURS = {"browserllm", "reasoning_content", "parsed", "parsed_arguments"}
"""The fields that OpenAI's types do not have."""


def unknown_in(model: pydantic.BaseModel) -> set[str]:
    """The fields of a validated object, all the way down, that its types do not know."""
    found = set(model.model_extra or {})
    for name in type(model).model_fields:
        value = getattr(model, name)
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, pydantic.BaseModel):
                found |= unknown_in(each)
    return found


def check(kind: type[pydantic.BaseModel], shape: Shape) -> pydantic.BaseModel:
    """Validate both ways in which an object is written; returns the first, read."""
    models = [kind.model_validate(written, strict=True) for written in (shape.to_dict(), shape.model_dump())]
    assert all(unknown_in(model) <= OF_OURS for model in models)
    return models[0]


def response(*parts: bl.types.ContentPart, **fields: Any) -> bl.ChatResponse:
    """A response with these parts."""
    given: dict[str, Any] = {"request_id": "chat-1", "backend": "b", "model": "m", "finish_reason": "stop", **fields}
    return bl.ChatResponse(message=bl.Message("assistant", list(parts)), **given)


ANSWERS = {
    "text": response(bl.TextPart("Hi"), usage=bl.types.Usage(prompt_tokens=3, completion_tokens=1), logprobs=[ENTRY]),
    "nothing": response(),
    "calls": response(bl.ToolCallPart("c1", "weather", "{}", signature="s"), finish_reason="tool_calls"),
    "thinking": response(bl.ReasoningPart("Hm.", signature="s"), bl.TextPart("Hi"), engine="webllm", device="webgpu"),
    "cancelled": response(bl.TextPart("Hi"), finish_reason="cancelled", warnings=[bl.types.ChatWarning("a", "b")]),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_is_a_chat_completion(name: str) -> None:
    """Its fields and values are those of the SDK's types, plus our own."""
    answer = ANSWERS[name]
    read = check(ChatCompletion, completion_of(answer))
    assert isinstance(read, ChatCompletion)
    assert (read.choices[0].message.content or "") == answer.text
    calls = [(call.id, call.function.name) for call in read.choices[0].message.tool_calls or []]
    assert calls == [(call.id, call.name) for call in answer.message.tool_calls]


async def test_a_stream_consists_of_chat_completion_chunks() -> None:
    """The SDK's own accumulation of them gives the answer."""
    steps: list[Any] = [bl.types.ReasoningDelta(reasoning="Hm."), "Hi", bl.ToolCallPart("c1", "weather", "{}")]
    writer = ChunkWriter(include_usage=True)
    shapes = [shape async for each in bl.ScriptedBackend([steps]).stream("Hi") for shape in writer.write(each)]
    shapes += writer.write(bl.types.TextDelta(sequence=9, text="Hi", logprobs=[ENTRY]))
    shapes += writer.write(bl.types.ToolCallDelta(sequence=9, index=1, arguments="x", signature="s"))
    shapes += writer.write(bl.types.ChatRestart(sequence=9, hop=bl.types.Hop(reason="x"), backend="b"))
    from openai.lib.streaming.chat import ChatCompletionStreamState

    state = ChatCompletionStreamState()
    for index, shape in enumerate(shapes):
        chunk = check(ChatCompletionChunk, shape)
        assert isinstance(chunk, ChatCompletionChunk)
        if index < 6:
            state.handle_chunk(chunk)
    whole = state.get_final_completion()
    assert whole.choices[0].message.content == "Hi"
    assert whole.choices[0].message.tool_calls is not None
    assert whole.choices[0].message.tool_calls[0].id == "c1"
    assert whole.choices[0].finish_reason == "tool_calls"
    assert whole.usage is not None


def test_models_and_vectors_have_the_sdks_types() -> None:
    """A model, and an embedding as numbers."""
    check(Model, model_of(bl.types.ModelInfo(id="pocket", name="Pocket", context_window=2048)))
    check(CreateEmbeddingResponse, embeddings_of(bl.types.Embeddings(model="m", vectors=[[0.5]])))


@pytest.mark.parametrize("code", ERRORS)
def test_an_error_becomes_one_of_the_sdks_errors(code: str) -> None:
    """The SDK reads its message, code and parameter, and raises the class of its status."""
    import httpx2

    reply = error_reply(ERRORS[code]("it says why"))
    said = reply.body["error"]
    assert ErrorObject.model_validate(said, strict=True).model_extra == {}
    client = openai.OpenAI(api_key="k", base_url="http://localhost")
    answer = httpx2.Response(reply.status, json=reply.body, request=httpx2.Request("POST", "http://localhost"))
    error = client._make_status_error_from_response(answer)
    assert (error.code, error.type, error.status_code) == (said["code"], said["type"], reply.status)
    assert "it says why" in str(error)


def test_every_parameter_of_the_sdk_is_known() -> None:
    """A new parameter of a new SDK must be read, or be listed as ignored."""
    known = get_type_hints(CompletionCreateParamsBase, include_extras=True) | {"stream": bool}
    unknown = []
    for name in known:
        try:
            read_request({"messages": [], name: "?"})
        except bl.InvalidRequest as error:
            if "unknown parameter" in str(error):
                unknown.append(name)
    assert unknown == []
    of_call = {"messages", "model", "stream", "response_format", "function_call", "functions"}
    beside = {"timeout", "extra_body", "extra_headers", "extra_query"}
    assert set(Options.__annotations__) == known.keys() - of_call | OWN_FIELDS | beside


MESSAGES: list[Any] = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Hi", "name": "Ada"},
]
REQUESTS: dict[str, dict[str, Any]] = {
    "text": {},
    "options": {
        "temperature": 0.5,
        "top_p": 0.9,
        "max_completion_tokens": 7,
        "stop": ["\n", "END"],
        "seed": 3,
        "frequency_penalty": 0.1,
        "presence_penalty": -0.1,
        "logit_bias": {"50256": -100},
        "logprobs": True,
        "top_logprobs": 2,
    },
    "media": {
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is this?"},
                    {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
                    {"type": "image_url", "image_url": {"url": "data:image/gif;base64,R0lGODdh"}},
                    {"type": "input_audio", "input_audio": {"data": "UklGRgAAAABXQVZF", "format": "wav"}},
                ],
            }
        ]
    },
    "tools": {
        "messages": [
            {"role": "user", "content": "Weather?"},
            {
                "role": "assistant",
                "content": "Let me look.",
                "tool_calls": [
                    {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Oslo"}'}},
                    {"id": "c2", "type": "function", "function": {"name": "weather", "arguments": "{}"}},
                ],
            },
            {"role": "tool", "tool_call_id": "c1", "content": "4 degrees"},
            {"role": "tool", "tool_call_id": "c2", "content": "No data"},
        ],
        "tools": [TOOL],
        "tool_choice": {"type": "function", "function": {"name": "weather"}},
    },
    "json": {"response_format": {"type": "json_object"}},
    "schema": {
        "response_format": {"type": "json_schema", "json_schema": {"name": "place", "schema": CLOSED, "strict": True}},
    },
}


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_survives_reading_and_sending(name: str) -> None:
    """From the SDK's type, through ours, to the body that our OpenAI backend sends: nothing is lost."""
    body = {"messages": MESSAGES, "model": "gpt-6-luna", **REQUESTS[name]}
    REQUEST.validate_python(body)
    read = read_request(body)
    request = build_request(read.request, {})
    draft = Draft(request, "openai", "r")
    sent = bl.OpenAI("gpt-6-luna", api_key="k").body(request, draft)
    assert {key: value for key, value in sent.items() if key not in ("stream", "stream_options")} == body
    assert (read.warnings, draft.warnings) == ([], [])


def test_objects_of_the_sdk_are_accepted() -> None:
    """Its messages, its markers for omitted values, and its tools from pydantic models."""
    answer = ChatCompletionMessage.model_validate(
        {
            "role": "assistant",
            "content": None,
            "annotations": [],
            "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}],
            "reasoning_content": "Hm.",
        }
    )

    class Weather(pydantic.BaseModel):
        """Tells the weather."""

        city: str

    read = read_request(
        {
            "messages": [*MESSAGES, answer, {"role": "tool", "tool_call_id": "c1", "content": "4"}],
            "tools": [openai.pydantic_function_tool(Weather)],
            "temperature": openai.NOT_GIVEN,
            "max_tokens": openai.omit,
        }
    )
    assert read.warnings == []
    assert read.request.messages[2] == bl.Message(
        "assistant", [bl.ReasoningPart("Hm."), bl.ToolCallPart("c1", "weather", "{}")]
    )
    assert (read.request.temperature, read.request.max_tokens) == (None, None)
    assert (read.request.tools[0].name, read.request.tools[0].description) == ("Weather", "Tells the weather.")
    assert read.request.tools[0].parameters["required"] == ["city"]
