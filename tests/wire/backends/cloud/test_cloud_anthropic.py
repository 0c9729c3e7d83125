"""Anthropic's messages API over real sockets, and compared with its official SDK."""

from __future__ import annotations

import asyncio
import base64
import json
import traceback
from dataclasses import replace
from typing import Any

import anthropic
import pytest
from anthropic.types import MessageStreamEvent, RawMessageStreamEvent
from anthropic.types.message_create_params import MessageCreateParamsStreaming
from pydantic import TypeAdapter

import browserllm as bl
from anthropic_exchanges import EXCHANGES, FAILURES, ITEMS, MODEL, error, sse
from native_scenarios import KEY, PIXEL, RECIPE, WEATHER
from vendor_server import Hold, VendorServer, answer, server_playing, stream

server = server_playing(EXCHANGES)


def sdk(server: VendorServer, name: str) -> anthropic.AsyncAnthropic:
    """The official client, playing an exchange."""
    return anthropic.AsyncAnthropic(api_key=KEY, base_url=f"{server.url}/{name}", max_retries=0)


async def ours(server: VendorServer, name: str, prompt: Any, **options: Any) -> tuple[Any, dict[str, str]]:
    """What our backend sends."""
    async with bl.Anthropic(MODEL, base_url=f"{server.url}/{name}/v1", api_key=KEY) as llm:
        await llm.complete(prompt, **options)
    asked = server.asked(name)[-1]
    return asked.json, asked.headers


async def theirs(server: VendorServer, name: str, **body: Any) -> tuple[Any, dict[str, str]]:
    """What the official client sends."""
    async with sdk(server, name) as client, client.messages.stream(model=MODEL, **body) as stream:
        await stream.get_final_message()
    asked = server.asked(name)[-1]
    return asked.json, asked.headers


def text(words: str) -> list[dict[str, Any]]:
    """A text as a list of blocks, which is what the API makes of a bare text."""
    return [{"type": "text", "text": words}]


def exhaust(value: Any) -> Any:
    """Walk through a validated value: the SDK's types validate lists while they are read."""
    if isinstance(value, dict):
        return {key: exhaust(each) for key, each in value.items()}
    if isinstance(value, str | int | float | bool | None):
        return value
    return [exhaust(each) for each in value]


EVERYTHING: dict[str, Any] = {
    "max_tokens": 99,
    "stop": ["END"],
    "tools": [WEATHER],
    "tool_choice": {"name": "weather"},
    "response_format": {"type": "json_schema", "json_schema": {"name": "recipe", "schema": RECIPE}},
    "metadata": {"user_id": "u-1"},
}

CHAT: list[bl.Message] = [
    bl.Message("system", "Be brief."),
    bl.Message("user", [bl.TextPart("What is this?"), bl.ImagePart(data=PIXEL)]),
    bl.Message("assistant", "A pixel."),
    bl.Message("user", [bl.ImagePart(url="https://example.com/cat.png")]),
    bl.Message("assistant", [bl.TextPart("Let me see."), bl.ToolCallPart("toolu_1", "weather", '{"city": "Oslo"}')]),
    bl.Message("tool", [bl.ToolResultPart("toolu_1", "no such city", is_error=True)]),
    bl.Message("user", "Try again."),
]


async def test_the_sdk_sends_the_same_request(server: VendorServer) -> None:
    """For every option of a request, the official client's body and headers are equivalent to ours."""
    body, headers = await ours(server, "hello", CHAT, **EVERYTHING)
    image = {"type": "base64", "media_type": "image/png", "data": base64.b64encode(PIXEL).decode()}
    their_body, their_headers = await theirs(
        server,
        "hello",
        max_tokens=99,
        stop_sequences=["END"],
        system="Be brief.",
        tools=[{"name": "weather", "description": "Tells the weather", "input_schema": WEATHER.parameters}],
        tool_choice={"type": "tool", "name": "weather"},
        output_config={"format": {"type": "json_schema", "schema": RECIPE}},
        metadata={"user_id": "u-1"},
        messages=[
            {"role": "user", "content": [*text("What is this?"), {"type": "image", "source": image}]},
            {"role": "assistant", "content": text("A pixel.")},
            {
                "role": "user",
                "content": [{"type": "image", "source": {"type": "url", "url": "https://example.com/cat.png"}}],
            },
            {
                "role": "assistant",
                "content": [
                    *text("Let me see."),
                    {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Oslo"}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "toolu_1", "content": "no such city", "is_error": True},
                    *text("Try again."),
                ],
            },
        ],
    )
    assert body == their_body
    for name in ("authorization", "anthropic-version", "content-type"):
        assert headers[name] == their_headers[name], name
    assert "anthropic-dangerous-direct-browser-access" not in headers


async def test_a_plain_request_equals_the_sdks(server: VendorServer) -> None:
    """With only a prompt, nothing is added but the number of tokens."""
    body, _ = await ours(server, "hello", "Hi")
    their_body, _ = await theirs(server, "hello", max_tokens=16_384, messages=[{"role": "user", "content": text("Hi")}])
    assert body == their_body


async def test_our_request_has_the_sdks_types(server: VendorServer) -> None:
    """Our body validates as the SDK's own request."""
    body, _ = await ours(server, "hello", CHAT, **EVERYTHING)
    request = TypeAdapter(MessageCreateParamsStreaming)
    exhaust(request.validate_python(body))
    body["messages"][0]["content"][1]["source"]["media_type"] = 7
    with pytest.raises(ValueError, match="media_type"):
        exhaust(request.validate_python(body))


@pytest.mark.parametrize("name", ITEMS)
async def test_the_sdk_reads_the_same_answer(server: VendorServer, name: str) -> None:
    """The exchanges have the SDK's types, and it reads the same: text, thinking, calls, tokens."""
    for item in ITEMS[name]:
        if item["type"] != "ping":
            TypeAdapter[Any](RawMessageStreamEvent).validate_python(item)
    async with (
        sdk(server, name) as client,
        client.messages.stream(model=MODEL, max_tokens=99, messages=[{"role": "user", "content": "Hi"}]) as stream,
    ):
        seen: list[MessageStreamEvent] = [event async for event in stream]
        message = await stream.get_final_message()
    assert seen
    async with bl.Anthropic(MODEL, base_url=f"{server.url}/{name}/v1", api_key=KEY) as llm:
        response = await llm.complete("Hi")
    assert response.text == "".join(block.text for block in message.content if block.type == "text")
    assert response.reasoning == "".join(block.thinking for block in message.content if block.type == "thinking")
    assert [(call.id, call.name, json.loads(call.arguments)) for call in response.message.tool_calls] == [
        (block.id, block.name, block.input) for block in message.content if block.type == "tool_use"
    ]
    usage, their = response.usage, message.usage
    assert their.output_tokens_details is not None
    assert (usage.prompt_tokens - usage.cached_tokens - usage.cache_write_tokens) == their.input_tokens
    assert (usage.cached_tokens, usage.cache_write_tokens) == (
        their.cache_read_input_tokens,
        their.cache_creation_input_tokens,
    )
    assert (usage.completion_tokens, usage.reasoning_tokens) == (
        their.output_tokens,
        their.output_tokens_details.thinking_tokens,
    )


async def test_a_tool_loop_sends_the_same_as_the_sdk(server: VendorServer) -> None:
    """Thinking is sent back with its signatures unchanged, before the calls, and the result follows directly."""
    async with bl.Anthropic(MODEL, base_url=f"{server.url}/thinking/v1", api_key=KEY) as llm:
        asked = [bl.Message("user", "Weather in Oslo?")]
        response = await llm.complete(asked, tools=[WEATHER])
        (call,) = response.message.tool_calls
        result = bl.Message("tool", [bl.ToolResultPart(call.id, "rain")])
        await llm.complete([*asked, response.message, result], tools=[WEATHER])
    body = server.asked("thinking")[-1].json
    async with sdk(server, "thinking") as client:
        question = {"role": "user", "content": text("Weather in Oslo?")}
        async with client.messages.stream(model=MODEL, max_tokens=99, messages=[question]) as stream:
            message = await stream.get_final_message()
        answer = {"type": "tool_result", "tool_use_id": "toolu_01", "content": "rain"}
        history = [question, message.to_param(), {"role": "user", "content": [answer]}]
        async with client.messages.stream(model=MODEL, max_tokens=99, messages=history) as stream:
            await stream.get_final_message()
    assert body["messages"] == server.asked("thinking")[-1].json["messages"]


@pytest.mark.parametrize("name", FAILURES)
async def test_the_sdk_recognises_the_errors(server: VendorServer, name: str) -> None:
    """Each error body is one the SDK knows, with the message that ours quotes."""
    async with sdk(server, name) as client:
        with pytest.raises(anthropic.APIStatusError) as caught:
            await client.messages.create(model=MODEL, max_tokens=9, messages=[{"role": "user", "content": "Hi"}])
    _, body = FAILURES[name]
    assert caught.value.type == body["error"]["type"]
    async with bl.Anthropic(MODEL, base_url=f"{server.url}/{name}/v1", api_key=KEY) as llm:
        with pytest.raises(bl.BrowserLLMError) as our:
            await llm.complete("Hi")
    assert body["error"]["message"] in str(our.value)
    assert our.value.data["status"] == caught.value.status_code


async def test_a_slow_answer_is_awaited_and_a_stop_disconnects(server: VendorServer) -> None:
    """No chunk comes before the first byte; a stop in the middle closes the connection at once."""
    before, within = Hold(), Hold()
    first = sse(*ITEMS["hello"][:5])
    server.add("slow", replace(stream(first, within, sse(*ITEMS["hello"][5:])), before=before))
    async with bl.Anthropic(MODEL, base_url=f"{server.url}/slow", api_key=KEY) as llm:
        running = llm.stream("Hi")
        chunk = asyncio.ensure_future(anext(running))
        await before.wait_until_reached()
        assert not chunk.done()
        before.release()
        assert isinstance(await chunk, bl.types.ChatStart)
        await within.wait_until_reached()
        assert (await anext(running)).text == "Grüße"
        running.stop()
        assert (await running.finish()).finish_reason == "cancelled"
        await server.asked("slow")[0].wait_until_gone()


async def test_a_key_is_never_shown(server: VendorServer) -> None:
    """Not by the backend, not in a vendor's quote of it, not in the address."""
    server.add("quotes", answer(error("authentication_error", f"invalid key {KEY}"), 401))
    async with bl.Anthropic(MODEL, base_url=f"{server.url}/quotes", api_key=KEY) as llm:
        with pytest.raises(bl.AuthenticationError) as caught:
            await llm.complete("Hi")
        shown = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
        assert KEY not in shown + repr(llm) + repr(caught.value.data) + server.asked("quotes")[0].path
