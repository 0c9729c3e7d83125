"""Chat completions compared with OpenAI's official SDK: both send and read the same."""

from __future__ import annotations

from typing import Any

import openai
import pytest
from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming
from pydantic import TypeAdapter

import browserllm as bl
import cloud_scenarios as scenarios
from openai_exchanges import ERRORS, EXCHANGES
from vendor_server import VendorServer, server_playing

# Kept: what it checks lazily, it checks only while it lives.
REQUEST_TYPE = TypeAdapter(CompletionCreateParamsStreaming)
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
PNG = b"\x89PNG\r\n\x1a\n"
WAV = b"RIFF\x00\x00\x00\x00WAVE"
FUNCTION = {"name": "weather", "description": "Tells the weather", "parameters": SCHEMA}
TOOL = bl.Tool("weather", "Tells the weather", SCHEMA)

# A request as ours, and the same as the SDK's.
REQUESTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "text": ({"prompt": "Hi"}, {"messages": [{"role": "user", "content": "Hi"}]}),
    "options": (
        {
            "prompt": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi", "name": "Ada"}],
            "temperature": 0.5,
            "top_p": 0.9,
            "max_tokens": 7,
            "stop": ["\n", "END"],
            "seed": 3,
            "frequency_penalty": 0.1,
            "presence_penalty": -0.1,
            "logit_bias": {50256: -100.0},
            "logprobs": True,
            "top_logprobs": 2,
        },
        {
            "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi", "name": "Ada"}],
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
    ),
    "media": (
        {
            "prompt": bl.Message(
                "user",
                [
                    bl.TextPart("What is this?"),
                    bl.ImagePart(url="https://example.com/a.png"),
                    bl.ImagePart(data=PNG),
                    bl.ImagePart(url="data:image/gif;base64,R0lGODdh"),
                    bl.AudioPart(data=WAV),
                ],
            )
        },
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "What is this?"},
                        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
                        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
                        {"type": "image_url", "image_url": {"url": "data:image/gif;base64,R0lGODdh"}},
                        {"type": "input_audio", "input_audio": {"data": "UklGRgAAAABXQVZF", "format": "wav"}},
                    ],
                }
            ]
        },
    ),
    "tool turns": (
        {
            "prompt": [
                bl.Message("user", "Weather?"),
                bl.Message(
                    "assistant",
                    [
                        bl.ReasoningPart("I must look."),
                        bl.TextPart("Let me look."),
                        bl.ToolCallPart("call_1", "weather", '{"city":"Oslo"}'),
                        bl.ToolCallPart("call_2", "weather", '{"city":"Rome"}'),
                    ],
                ),
                bl.Message(
                    "tool",
                    [bl.ToolResultPart("call_1", "4 degrees"), bl.ToolResultPart("call_2", "No data.", is_error=True)],
                ),
                bl.Message("assistant", [bl.ToolCallPart("call_3", "weather", "{}")]),
                bl.Message("tool", [bl.ToolResultPart("call_3", "?")]),
            ],
            "tools": [TOOL],
            "tool_choice": "required",
        },
        {
            "messages": [
                {"role": "user", "content": "Weather?"},
                {
                    "role": "assistant",
                    "content": "Let me look.",
                    "tool_calls": [
                        {
                            "id": "call_1",
                            "type": "function",
                            "function": {"name": "weather", "arguments": '{"city":"Oslo"}'},
                        },
                        {
                            "id": "call_2",
                            "type": "function",
                            "function": {"name": "weather", "arguments": '{"city":"Rome"}'},
                        },
                    ],
                },
                {"role": "tool", "tool_call_id": "call_1", "content": "4 degrees"},
                {"role": "tool", "tool_call_id": "call_2", "content": "Error: No data."},
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [
                        {"id": "call_3", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
                    ],
                },
                {"role": "tool", "tool_call_id": "call_3", "content": "?"},
            ],
            "tools": [{"type": "function", "function": FUNCTION}],
            "tool_choice": "required",
        },
    ),
    "named tool": (
        {"prompt": "Hi", "tools": [TOOL], "tool_choice": {"name": "weather"}},
        {
            "messages": [{"role": "user", "content": "Hi"}],
            "tools": [{"type": "function", "function": FUNCTION}],
            "tool_choice": {"type": "function", "function": {"name": "weather"}},
        },
    ),
    "json": (
        {"prompt": "JSON!", "response_format": {"type": "json_object"}},
        {"messages": [{"role": "user", "content": "JSON!"}], "response_format": {"type": "json_object"}},
    ),
    "schema": (
        {
            "prompt": "Hi",
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "place", "schema": SCHEMA, "strict": True},
            },
        },
        {
            "messages": [{"role": "user", "content": "Hi"}],
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "place", "schema": SCHEMA, "strict": True},
            },
        },
    ),
}


server = server_playing(EXCHANGES)


def sdk(server: VendorServer, name: str) -> openai.AsyncOpenAI:
    """The official client, at an exchange."""
    return openai.AsyncOpenAI(api_key=scenarios.KEY, base_url=f"{server.url}/{name}", max_retries=0)


def everything(value: Any) -> Any:
    """The value with its lazily checked lists read, which checks them."""
    if isinstance(value, dict):
        return {key: everything(each) for key, each in value.items()}
    if isinstance(value, (str, bytes, int, float, type(None))):
        return value
    return [everything(each) for each in value]


@pytest.mark.parametrize("name", REQUESTS)
async def test_our_request_equals_the_sdks(server: VendorServer, name: str) -> None:
    """Recorded from both, it is the same JSON with the same key, and has the SDK's types."""
    ours, theirs = REQUESTS[name]
    async with scenarios.openai(server.url, "hello") as llm:
        response = await llm.complete(**ours)
    async with sdk(server, "hello") as client:
        stream = await client.chat.completions.create(
            model="gpt-6-luna", stream=True, stream_options={"include_usage": True}, **theirs
        )
        assert [chunk async for chunk in stream]
    first, second = server.asked("hello")
    assert first.json == second.json
    assert (first.method, first.path) == (second.method, second.path) == ("POST", "/hello/chat/completions")
    assert first.headers["authorization"] == second.headers["authorization"] == f"Bearer {scenarios.KEY}"
    assert first.headers["content-type"] == second.headers["content-type"] == "application/json"
    assert response.warnings == []
    checked = REQUEST_TYPE.validate_python(first.json)
    assert everything(checked) == first.json


@pytest.mark.parametrize(
    "name", ["hello", "byte-by-byte", "crlf", "tools", "logprobs", "refusal", "length", "keep-alive", "no-done"]
)
async def test_the_sdk_reads_the_same_answer(server: VendorServer, name: str) -> None:
    """The exchanges have the SDK's types, and give it the same text, calls, usage, model and reason."""
    ours = await scenarios.answer_of(server.url, name, tools=[scenarios.WEATHER])
    texts: list[str] = []
    calls: dict[int, list[str]] = {}
    logprobs: list[Any] = []
    usage = finish = model = None
    async with sdk(server, name) as client:
        stream = await client.chat.completions.create(
            model="gpt-6-luna", messages=[{"role": "user", "content": "Hi"}], stream=True
        )
        async for chunk in stream:
            type(chunk).model_validate(chunk.model_dump())
            model, usage = chunk.model, chunk.usage or usage
            for choice in chunk.choices:
                finish = choice.finish_reason or finish
                texts.append(choice.delta.content or choice.delta.refusal or "")
                logprobs += [entry.model_dump() for entry in (choice.logprobs and choice.logprobs.content) or []]
                for call in choice.delta.tool_calls or []:
                    assert call.function is not None
                    parts = calls.setdefault(call.index, ["", "", ""])
                    parts[0] += call.id or ""
                    parts[1] += call.function.name or ""
                    parts[2] += call.function.arguments or ""
    assert usage is not None and usage.prompt_tokens_details is not None and usage.completion_tokens_details is not None
    assert ours.text == "".join(texts)
    assert [[call.id, call.name, call.arguments] for call in ours.message.tool_calls] == list(calls.values())
    assert ours.usage == bl.types.Usage(
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        cached_tokens=usage.prompt_tokens_details.cached_tokens or 0,
        reasoning_tokens=usage.completion_tokens_details.reasoning_tokens or 0,
    )
    assert ours.usage.total_tokens == usage.total_tokens
    assert ours.model == model
    assert ours.logprobs == logprobs
    assert ours.finish_reason == ("content_filter" if name == "refusal" else finish)


async def test_the_sdk_reads_the_same_whole_answers_and_models(server: VendorServer) -> None:
    """An answer that was not streamed, and the list of models."""
    ours = await scenarios.answer_of(server.url, "whole", tools=[scenarios.WEATHER])
    async with sdk(server, "whole") as client:
        theirs = await client.chat.completions.create(
            model="gpt-6-luna", messages=[{"role": "user", "content": "Hi"}], stream=False
        )
    choice = theirs.choices[0]
    assert (ours.text, ours.finish_reason, ours.model) == (choice.message.content, choice.finish_reason, theirs.model)
    assert [call.id for call in ours.message.tool_calls] == [call.id for call in choice.message.tool_calls or []]
    async with sdk(server, "models") as client, scenarios.openai(server.url, "models") as llm:
        assert [model.id for model in await llm.list_models()] == [model.id async for model in client.models.list()]


@pytest.mark.parametrize("name", [name for name in ERRORS if name not in {"moved", "no-credits"}])
async def test_the_sdk_raises_the_same_failure(server: VendorServer, name: str) -> None:
    """Its exception and ours agree on the status, and on who is at fault."""
    mine = {
        400: (bl.InvalidRequest, bl.ContextExceeded, bl.errors.ContentFiltered, bl.errors.ProtocolError),
        401: (bl.AuthenticationError,),
        403: (bl.AuthenticationError, bl.errors.ContentFiltered, bl.Unavailable),
        404: (bl.errors.ModelNotFound, bl.errors.ProtocolError),
        429: (bl.RateLimited,),
    }
    ours, _ = await scenarios.failure_of(server.url, name, bl.BrowserLLMError)
    async with sdk(server, name) as client:
        with pytest.raises(openai.APIStatusError) as caught:
            await client.chat.completions.create(model="gpt-6-luna", messages=[], stream=True)
    assert ours.data["status"] == caught.value.status_code
    assert isinstance(ours, mine.get(caught.value.status_code, bl.BrowserLLMError))
    if isinstance(caught.value.body, dict) and isinstance(caught.value.body.get("message"), str):
        assert caught.value.body["message"] in str(ours)
