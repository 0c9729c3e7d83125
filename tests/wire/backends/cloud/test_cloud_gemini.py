"""The Gemini API over real sockets, and compared with its official SDK."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import pytest
from google import genai
from google.genai import errors, types

import browserllm as bl
from gemini_exchanges import EXCHANGES, FAILURES, MODEL, PIECES, SIGNATURE
from native_scenarios import KEY, PIXEL, RECIPE, WEATHER
from vendor_server import VendorServer, server_playing

server = server_playing(EXCHANGES)


def sdk(server: VendorServer, name: str) -> genai.Client:
    """The official client, playing an exchange."""
    where = types.HttpOptions(base_url=f"{server.url}/{name}", api_version="v1beta")
    return genai.Client(api_key=KEY, http_options=where)


async def ours(server: VendorServer, name: str, prompt: Any, **options: Any) -> tuple[Any, Any]:
    """What our backend sends."""
    async with bl.Gemini(MODEL, base_url=f"{server.url}/{name}/v1beta", api_key=KEY) as llm:
        await llm.complete(prompt, **options)
    asked = server.asked(name)[-1]
    return asked.json, asked


async def theirs(server: VendorServer, name: str, contents: Any, **config: Any) -> tuple[Any, Any]:
    """What the official client sends."""
    async with sdk(server, name).aio as client:
        settings = types.GenerateContentConfig(
            automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True), **config
        )
        async for _ in await client.models.generate_content_stream(model=MODEL, contents=contents, config=settings):
            pass
    asked = server.asked(name)[-1]
    return asked.json, asked


TOOLS = [
    types.Tool(
        function_declarations=[
            types.FunctionDeclaration(
                name="weather", description="Tells the weather", parameters_json_schema=WEATHER.parameters
            )
        ]
    )
]

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
    "tool_choice": {"name": "weather"},
    "response_format": {"type": "json_schema", "json_schema": {"name": "recipe", "schema": RECIPE}},
}

CHAT: list[bl.Message] = [
    bl.Message("system", "Be brief."),
    bl.Message("user", [bl.TextPart("What is this?"), bl.ImagePart(data=PIXEL)]),
    bl.Message("assistant", "A pixel."),
    bl.Message("user", [bl.ImagePart(url="https://example.com/cat.png", media_type="image/png")]),
    bl.Message(
        "assistant",
        [bl.TextPart("Let me see."), bl.ToolCallPart("fc_1", "weather", '{"city": "Oslo"}', SIGNATURE)],
    ),
    bl.Message("tool", [bl.ToolResultPart("fc_1", "no such city", is_error=True)]),
    bl.Message("user", "Try again."),
]


async def test_the_sdk_sends_the_same_request(server: VendorServer) -> None:
    """For every option of a request, the official client's address, body and key are equivalent to ours."""
    body, asked = await ours(server, "hello", CHAT, **EVERYTHING)
    call = types.Part(
        function_call=types.FunctionCall(id="fc_1", name="weather", args={"city": "Oslo"}),
        thought_signature=base64.b64decode(SIGNATURE),
    )
    result = types.FunctionResponse(id="fc_1", name="weather", response={"error": "no such city"})
    their_body, their = await theirs(
        server,
        "hello",
        [
            types.Content(
                role="user",
                parts=[types.Part(text="What is this?"), types.Part.from_bytes(data=PIXEL, mime_type="image/png")],
            ),
            types.Content(role="model", parts=[types.Part(text="A pixel.")]),
            types.Content(
                role="user",
                parts=[types.Part.from_uri(file_uri="https://example.com/cat.png", mime_type="image/png")],
            ),
            types.Content(role="model", parts=[types.Part(text="Let me see."), call]),
            types.Content(role="user", parts=[types.Part(function_response=result)]),
            types.Content(role="user", parts=[types.Part(text="Try again.")]),
        ],
        system_instruction=types.Content(parts=[types.Part(text="Be brief.")]),
        temperature=0.5,
        top_p=0.9,
        top_k=40,
        max_output_tokens=99,
        seed=7,
        frequency_penalty=0.1,
        presence_penalty=0.2,
        stop_sequences=["END"],
        response_logprobs=True,
        logprobs=2,
        tools=TOOLS,
        tool_config=types.ToolConfig(
            function_calling_config=types.FunctionCallingConfig(
                mode=types.FunctionCallingConfigMode.ANY, allowed_function_names=["weather"]
            )
        ),
        response_mime_type="application/json",
        response_json_schema=RECIPE,
    )
    assert meaning(body) == meaning(their_body)
    assert asked.path == their.path
    assert asked.headers["x-goog-api-key"] == their.headers["x-goog-api-key"] == KEY
    assert KEY not in asked.path


def meaning(value: Any) -> Any:
    """A body in one spelling: the SDK writes some names with underscores, and base64 in the alphabet of addresses."""
    if isinstance(value, list):
        return [meaning(each) for each in value]
    if not isinstance(value, dict):
        return value
    spelled = {re.sub("_(.)", lambda found: found[1].upper(), key): meaning(each) for key, each in value.items()}
    for name in ("data", "thoughtSignature"):
        if name in spelled:
            spelled[name] = base64.urlsafe_b64decode(spelled[name].replace("+", "-").replace("/", "_"))
    return spelled


async def test_a_plain_request_equals_the_sdks(server: VendorServer) -> None:
    """With only a prompt, nothing is added."""
    body, _ = await ours(server, "hello", "Hi")
    their_body, _ = await theirs(server, "hello", "Hi")
    assert body == {key: value for key, value in their_body.items() if value}


async def test_a_vendors_own_settings_are_merged_into_ours(server: VendorServer) -> None:
    """extra_body is merged into the objects of the body, and wins."""
    extra = {"generationConfig": {"thinkingConfig": {"includeThoughts": True}, "seed": 2}, "labels": {"a": "b"}}
    async with bl.Gemini(MODEL, base_url=f"{server.url}/hello/v1beta", api_key=KEY, extra_body=extra) as llm:
        await llm.complete("Hi", temperature=0.5, seed=1)
    body = server.asked("hello")[-1].json
    assert body["generationConfig"] == {"temperature": 0.5, "seed": 2, "thinkingConfig": {"includeThoughts": True}}
    assert body["labels"] == {"a": "b"}


async def test_our_request_has_the_sdks_types(server: VendorServer) -> None:
    """Each part of our body validates as the SDK's own, which refuses unknown fields."""
    body, _ = await ours(server, "hello", CHAT, **EVERYTHING)
    for content in (*body["contents"], body["systemInstruction"]):
        types.Content.model_validate(content)
    types.GenerationConfig.model_validate(body["generationConfig"])
    types.Tool.model_validate(body["tools"][0])
    types.ToolConfig.model_validate(body["toolConfig"])
    assert set(body) == {"contents", "systemInstruction", "generationConfig", "tools", "toolConfig"}
    with pytest.raises(ValueError, match="Extra inputs"):
        types.GenerationConfig.model_validate({**body["generationConfig"], "topQ": 1})


@pytest.mark.parametrize("name", [name for name in PIECES if name != "malformed-call"])
async def test_the_sdk_reads_the_same_answer(server: VendorServer, name: str) -> None:
    """The exchanges have the SDK's types, and it reads the same: text, thoughts, calls, tokens."""
    async with sdk(server, name).aio as client:
        pieces = [piece async for piece in await client.models.generate_content_stream(model=MODEL, contents="Hi")]
    parts = [
        part
        for piece in pieces
        for candidate in piece.candidates or []
        for part in (candidate.content and candidate.content.parts) or []
    ]
    async with bl.Gemini(MODEL, base_url=f"{server.url}/{name}/v1beta", api_key=KEY) as llm:
        response = await llm.complete("Hi")
    assert response.text == "".join(part.text or "" for part in parts if not part.thought)
    assert response.reasoning == "".join(part.text or "" for part in parts if part.thought)
    called = [part.function_call for part in parts if part.function_call]
    assert [(call.name, json.loads(call.arguments)) for call in response.message.tool_calls] == [
        (call.name, call.args or {}) for call in called
    ]
    usage = pieces[-1].usage_metadata
    assert usage is not None
    assert (response.usage.prompt_tokens, response.usage.total_tokens) == (
        usage.prompt_token_count,
        usage.total_token_count,
    )
    assert (response.usage.cached_tokens, response.usage.reasoning_tokens) == (
        usage.cached_content_token_count,
        usage.thoughts_token_count,
    )
    assert response.model == pieces[-1].model_version


@pytest.mark.parametrize("name", ["tools", "thinking-tools"])
async def test_a_tool_loop_sends_the_same_as_the_sdk(server: VendorServer, name: str) -> None:
    """Calls are sent back with their ids and signatures unchanged; of parallel calls only the first one has one."""
    async with bl.Gemini(MODEL, base_url=f"{server.url}/{name}/v1beta", api_key=KEY) as llm:
        asked = [bl.Message("user", "Weather?")]
        response = await llm.complete(asked, tools=[WEATHER])
        results = [
            bl.Message("tool", [bl.ToolResultPart(call.id, f"rain {call.id}")]) for call in response.message.tool_calls
        ]
        await llm.complete([*asked, response.message, *results], tools=[WEATHER])
    body = server.asked(name)[-1].json
    # The SDK's history: what came, piece by piece, as it came. Thoughts need not go back.
    content = types.Content(
        role="model",
        parts=[
            types.Part.model_validate(part)
            for piece in PIECES[name]
            for part in piece["candidates"][0]["content"]["parts"]
            if not part.get("thought")
        ],
    )
    answers = [
        types.Part(
            function_response=types.FunctionResponse(
                id=part.function_call.id, name="weather", response={"output": f"rain {part.function_call.id}"}
            )
        )
        for part in content.parts or []
        if part.function_call
    ]
    question = types.Content(role="user", parts=[types.Part(text="Weather?")])
    their_body, _ = await theirs(
        server, name, [question, content, types.Content(role="user", parts=answers)], tools=TOOLS
    )
    assert meaning(body["contents"]) == meaning(their_body["contents"])
    assert meaning(body["tools"]) == meaning(their_body["tools"])


@pytest.mark.parametrize("name", FAILURES)
async def test_the_sdk_recognises_the_errors(server: VendorServer, name: str) -> None:
    """Each error body is one the SDK knows, with the message that ours quotes."""
    status, body = FAILURES[name]
    async with sdk(server, name).aio as client:
        with pytest.raises(errors.APIError) as caught:
            await client.models.generate_content(model=MODEL, contents="Hi")
    assert (caught.value.code, caught.value.message) == (status, body["error"]["message"])
    async with bl.Gemini(MODEL, base_url=f"{server.url}/{name}/v1beta", api_key=KEY) as llm:
        with pytest.raises(bl.BrowserLLMError) as our:
            await llm.complete("Hi")
    assert body["error"]["message"] in str(our.value)
