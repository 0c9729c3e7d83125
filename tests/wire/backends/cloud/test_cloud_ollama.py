"""Ollama's own API over real sockets, and compared with its official SDK."""

from __future__ import annotations

import json
from typing import Any

import ollama
import pytest
from ollama._types import ChatRequest

import browserllm as bl
from native_scenarios import KEY, PIXEL, RECIPE, WEATHER
from ollama_exchanges import EXCHANGES, FAILURES, LINES, MODEL, TAGS
from vendor_server import VendorServer, server_playing

server = server_playing(EXCHANGES)


def sdk(server: VendorServer, name: str) -> ollama.AsyncClient:
    """The official client, playing an exchange."""
    return ollama.AsyncClient(host=f"{server.url}/{name}", headers={"authorization": f"Bearer {KEY}"})


async def ours(server: VendorServer, name: str, prompt: Any, **options: Any) -> Any:
    """What our backend sends."""
    async with bl.Ollama(MODEL, base_url=f"{server.url}/{name}", api_key=KEY, num_ctx=8192) as llm:
        await llm.complete(prompt, **options)
    return server.asked(name)[-1]


EVERYTHING: dict[str, Any] = {
    "temperature": 0.5,
    "top_p": 0.9,
    "top_k": 40,
    "max_tokens": 99,
    "seed": 7,
    "frequency_penalty": 0.1,
    "presence_penalty": 0.2,
    "stop": ["END"],
    "logprobs": True,
    "top_logprobs": 2,
    "tools": [WEATHER],
    "response_format": {"type": "json_schema", "json_schema": {"name": "recipe", "schema": RECIPE}},
}

CHAT: list[bl.Message] = [
    bl.Message("system", "Be brief."),
    bl.Message("user", [bl.TextPart("What is this?"), bl.ImagePart(data=PIXEL)]),
    bl.Message("assistant", "A pixel."),
    bl.Message("assistant", [bl.ReasoningPart("Hm."), bl.ToolCallPart("call_1", "weather", '{"city": "Oslo"}')]),
    bl.Message("tool", [bl.ToolResultPart("call_1", "no such city", is_error=True)]),
    bl.Message("user", "Try again."),
]


async def test_the_sdk_sends_the_same_request(server: VendorServer) -> None:
    """For everything a request can say, the official client's body means what ours does.

    We say more: that a chat which is too long must fail, and the ids of calls.
    """
    asked = await ours(server, "hello", CHAT, **EVERYTHING)
    async with sdk(server, "hello") as client:
        stream = await client.chat(
            MODEL,
            messages=[
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "What is this?", "images": [PIXEL]},
                {"role": "assistant", "content": "A pixel."},
                {
                    "role": "assistant",
                    "content": "",
                    "thinking": "Hm.",
                    "tool_calls": [{"function": {"name": "weather", "arguments": {"city": "Oslo"}}}],
                },
                {"role": "tool", "content": "Error: no such city", "tool_name": "weather"},
                {"role": "user", "content": "Try again."},
            ],
            tools=[
                {
                    "type": "function",
                    "function": {
                        "name": "weather",
                        "description": "Tells the weather",
                        "parameters": WEATHER.parameters,
                    },
                }
            ],
            stream=True,
            format=RECIPE,
            logprobs=True,
            top_logprobs=2,
            options={
                "temperature": 0.5,
                "top_p": 0.9,
                "top_k": 40,
                "num_predict": 99,
                "seed": 7,
                "frequency_penalty": 0.1,
                "presence_penalty": 0.2,
                "stop": ["END"],
                "num_ctx": 8192,
            },
        )
        async for _ in stream:
            pass
    their = server.asked("hello")[-1]
    body = asked.json
    assert body.pop("truncate") is False
    (call,) = body["messages"][3]["tool_calls"]
    assert (call.pop("id"), call["function"].pop("index")) == ("call_1", 0)
    assert body["messages"][4].pop("tool_call_id") == "call_1"
    # The SDK leaves an empty content out, which means the same.
    assert body["messages"][3].pop("content") == ""
    assert body == their.json
    assert asked.path == their.path
    assert asked.headers["authorization"] == their.headers["authorization"] == f"Bearer {KEY}"


async def test_our_request_has_the_sdks_types(server: VendorServer) -> None:
    """Our body validates as the SDK's own request."""
    body = (await ours(server, "hello", CHAT, **EVERYTHING)).json
    request = ChatRequest.model_validate(body)
    assert request.options is not None and request.messages is not None
    assert len(request.messages) == len(CHAT)
    ollama.Options.model_validate(body["options"])
    assert set(body["options"]) <= set(ollama.Options.model_fields)
    for message in body["messages"]:
        # The SDK takes an image as an object of its own, and sends the base64 in it.
        images = [ollama.Image(value=each) for each in message.pop("images", [])]
        assert [image.model_dump() for image in images] == [image.value for image in images]
        ollama.Message.model_validate(message)
    with pytest.raises(ValueError, match="num_predict"):
        ollama.Options.model_validate({"num_predict": "many"})


@pytest.mark.parametrize("name", LINES)
async def test_the_sdk_reads_the_same_answer(server: VendorServer, name: str) -> None:
    """The exchanges have the SDK's types, and it reads the same: text, thinking, calls, tokens."""
    async with sdk(server, name) as client:
        parts = [part async for part in await client.chat(MODEL, stream=True)]
    async with bl.Ollama(MODEL, base_url=f"{server.url}/{name}") as llm:
        response = await llm.complete("Hi")
    assert response.text == "".join(part.message.content or "" for part in parts)
    assert response.reasoning == "".join(part.message.thinking or "" for part in parts)
    called = [call.function for part in parts for call in part.message.tool_calls or []]
    assert [(call.name, json.loads(call.arguments)) for call in response.message.tool_calls] == [
        (call.name, call.arguments) for call in called
    ]
    end = parts[-1]
    assert (response.usage.prompt_tokens, response.usage.completion_tokens) == (end.prompt_eval_count, end.eval_count)
    assert end.eval_duration is not None and response.timings.decode_ms == end.eval_duration / 1e6
    assert response.logprobs == [entry.model_dump() for part in parts for entry in part.logprobs or []]


async def test_a_tool_loop_sends_thinking_calls_and_results(server: VendorServer) -> None:
    """Thinking and calls are the model's, each result follows them, with the name and the id of its call."""
    async with bl.Ollama(MODEL, base_url=f"{server.url}/tools") as llm:
        asked = [bl.Message("user", "Weather?")]
        response = await llm.complete(asked, tools=[WEATHER])
        calls = response.message.tool_calls
        results = bl.Message("tool", [bl.ToolResultPart(call.id, "rain") for call in calls])
        await llm.complete([*asked, response.message, results], tools=[WEATHER])
    sent = server.asked("tools")[-1].json["messages"]
    assert sent[1:] == [
        {
            "role": "assistant",
            "content": "Let me look.",
            "tool_calls": [
                {"id": call.id, "function": {"index": index, "name": "weather", "arguments": {"city": city}}}
                for index, (call, city) in enumerate(zip(calls, ("Oslo", "Rome"), strict=True))
            ],
        },
        *({"role": "tool", "content": "rain", "tool_name": "weather", "tool_call_id": call.id} for call in calls),
    ]
    for message in sent:
        ollama.Message.model_validate(message)


@pytest.mark.parametrize("name", FAILURES)
async def test_the_sdk_recognises_the_errors(server: VendorServer, name: str) -> None:
    """Each error body is one the SDK knows, with the message that ours quotes."""
    status, body = FAILURES[name]
    async with sdk(server, name) as client:
        with pytest.raises(ollama.ResponseError) as caught:
            await client.chat(MODEL)
    assert (caught.value.status_code, caught.value.error) == (status, body["error"])
    async with bl.Ollama(MODEL, base_url=f"{server.url}/{name}") as llm:
        with pytest.raises(bl.BrowserLLMError) as our:
            await llm.complete("Hi")
    assert body["error"] in str(our.value)


async def test_the_sdk_lists_the_same_models(server: VendorServer) -> None:
    """The listing has the SDK's type."""
    listed = ollama.ListResponse.model_validate(TAGS)
    async with bl.Ollama(MODEL, base_url=f"{server.url}/models") as llm:
        assert [model.id for model in await llm.list_models()] == [model.model for model in listed.models]


async def test_a_private_request_first_asks_where_the_model_runs(server: VendorServer) -> None:
    """Only the question is sent; the prompt follows if the model runs here."""
    async with bl.Ollama(MODEL, base_url=f"{server.url}/private") as llm:
        await llm.complete("A secret.", private=True)
    assert [asked.path for asked in server.asked("private")] == ["/private/api/show", "/private/api/chat"]
    for name, model in (("private-passed-on", MODEL), ("hello", "gpt-oss:120b-Cloud")):
        async with bl.Ollama(model, base_url=f"{server.url}/{name}") as llm:
            with pytest.raises(bl.Unavailable):
                await llm.complete("A secret.", private=True)
        assert not any(b"secret" in asked.body for asked in server.asked(name)), name
