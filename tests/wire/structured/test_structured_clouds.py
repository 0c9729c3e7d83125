"""Objects from the clouds, over real sockets: what is sent is of the vendors' SDKs, what comes is the object.

The recipe is written by pydantic, as the SDKs take it, so that our schema is compared with theirs.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Literal

import anthropic.lib._parse._transform as their_anthropic
import ollama
import openai.lib._pydantic as their_openai
import pytest
from anthropic.types.message_create_params import MessageCreateParamsStreaming
from google.genai import types
from ollama._types import ChatRequest
from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

import anthropic_exchanges
import browserllm as bl
import gemini_exchanges
import ollama_exchanges
import openai_exchanges
from browserllm.types import StructuredMode
from native_scenarios import KEY
from vendor_server import Reply, VendorServer, answer, events, server_playing, stream


class Step(BaseModel):
    """One thing to do."""

    model_config = ConfigDict(extra="forbid")

    text: str
    minutes: int = Field(ge=0, description="How long it takes.")


class Recipe(BaseModel):
    """A dish."""

    model_config = ConfigDict(extra="forbid")

    title: str
    kind: Literal["starter", "main"]
    steps: list[Step]
    note: str | None


TEXT = '{"title":"Pâté 👋","kind":"starter","steps":[{"text":"chop","minutes":5}],"note":null}'
VALUE = json.loads(TEXT)
WRONG = '{"title":"Pasta","kind":"dessert","steps":[],"note":null}'
PIECES = [TEXT[:20], TEXT[20:31], TEXT[31:]]


def _openai(pieces: list[str], *, called: bool) -> Reply:
    chunk, call = openai_exchanges.chunk, openai_exchanges.call
    if not called:
        return stream(events(*openai_exchanges.text_chunks(*pieces), "[DONE]")).in_pieces(11)
    deltas = [chunk(call(0, "call_1", "Recipe")), *(chunk(call(0, arguments=piece)) for piece in pieces)]
    return stream(events(*deltas, chunk({}, "tool_calls"), chunk(usage=openai_exchanges.USAGE), "[DONE]"))


def _anthropic(pieces: list[str], *, called: bool) -> Reply:
    made = anthropic_exchanges
    block = made.tool(0, "toolu_1", "Recipe", "", *pieces) if called else made.text(0, *pieces)
    return stream(made.sse(made.start(), *block, *made.end("tool_use" if called else "end_turn"))).in_pieces(11)


def _gemini(pieces: list[str], *, called: bool) -> Reply:
    piece, call = gemini_exchanges.piece, gemini_exchanges.call
    if called:
        whole = "".join(pieces)
        return stream(events(piece(call("Recipe", json.loads(whole), gemini_exchanges.SIGNATURE), finish="STOP")))
    return stream(events(*(piece({"text": each}) for each in pieces), piece(finish="STOP"))).in_pieces(11)


def _ollama(pieces: list[str], *, called: bool) -> Reply:
    line, last = ollama_exchanges.line, ollama_exchanges.last
    return ollama_exchanges.reply(ollama_exchanges.lines(*map(line, pieces), last())).in_pieces(11)


REPLIES: dict[str, Callable[..., Reply]] = {
    "openai": _openai,
    "anthropic": _anthropic,
    "gemini": _gemini,
    "ollama": _ollama,
}
CLOUDS: list[tuple[str, StructuredMode]] = [
    ("openai", "json_schema"),
    ("openai", "json"),
    ("openai", "tool"),
    ("openai", "fenced"),
    ("anthropic", "json_schema"),
    ("anthropic", "tool"),
    ("anthropic", "fenced"),
    ("gemini", "json_schema"),
    ("gemini", "json"),
    ("gemini", "tool"),
    ("ollama", "json_schema"),
    ("ollama", "json"),
]


server = server_playing()


def cloud(vendor: str, url: str) -> bl.backends.cloud.CloudBackend:
    """A backend of this vendor."""
    if vendor == "openai":
        return bl.OpenAI("gpt-6-luna", base_url=url, api_key=KEY)
    if vendor == "anthropic":
        return bl.Anthropic(anthropic_exchanges.MODEL, base_url=f"{url}/v1", api_key=KEY)
    if vendor == "gemini":
        return bl.Gemini(gemini_exchanges.MODEL, base_url=f"{url}/v1beta", api_key=KEY)
    return bl.Ollama(ollama_exchanges.MODEL, base_url=url, api_key=KEY)


def exhaust(value: Any) -> Any:
    """Walk through a validated value: the SDKs' types validate lists while they are read."""
    if isinstance(value, dict):
        return {key: exhaust(each) for key, each in value.items()}
    if isinstance(value, str | int | float | bool | None):
        return value
    return [exhaust(each) for each in value]


OPENAI_REQUEST = TypeAdapter(CompletionCreateParamsStreaming)
ANTHROPIC_REQUEST = TypeAdapter(MessageCreateParamsStreaming)


def check_body(vendor: str, body: dict[str, Any]) -> None:
    """Hold a body to the SDK's types."""
    if vendor == "openai":
        exhaust(OPENAI_REQUEST.validate_python(body))
    elif vendor == "anthropic":
        exhaust(ANTHROPIC_REQUEST.validate_python(body))
    elif vendor == "gemini":
        for content in (*body["contents"], body["systemInstruction"]):
            types.Content.model_validate(content)
        types.GenerationConfig.model_validate(body.get("generationConfig", {}))
        for tool in body.get("tools", ()):
            types.Tool.model_validate(tool)
        types.ToolConfig.model_validate(body.get("toolConfig", {}))
    else:
        ChatRequest.model_validate(body)
        for message in body["messages"]:
            ollama.Message.model_validate(message)


def sent_schema(vendor: str, mode: StructuredMode, body: dict[str, Any]) -> Any:
    """The schema in a body, from where the vendor has it; and that the answer is asked for in the mode's way."""
    if mode == "fenced":
        assert not {"response_format", "output_config", "tools", "format"} & set(body)
        return None
    if vendor == "openai":
        if mode == "tool":
            assert body["tool_choice"] == {"type": "function", "function": {"name": "Recipe"}}
            return body["tools"][0]["function"]["parameters"]
        assert body["response_format"]["type"] == {"json": "json_object"}.get(mode, mode)
        return body["response_format"].get("json_schema", {}).get("schema")
    if vendor == "anthropic":
        if mode == "tool":
            assert body["tool_choice"] == {"type": "tool", "name": "Recipe"}
            return body["tools"][0]["input_schema"]
        return body["output_config"]["format"]["schema"]
    if vendor == "gemini":
        if mode == "tool":
            named = {"mode": "ANY", "allowedFunctionNames": ["Recipe"]}
            assert body["toolConfig"]["functionCallingConfig"] == named
            return body["tools"][0]["functionDeclarations"][0]["parametersJsonSchema"]
        assert body["generationConfig"]["responseMimeType"] == "application/json"
        return body["generationConfig"].get("responseJsonSchema")
    return None if body["format"] == "json" else body["format"]


@pytest.mark.parametrize(("vendor", "mode"), CLOUDS)
async def test_an_object_streams_and_is_repaired(server: VendorServer, vendor: str, mode: StructuredMode) -> None:
    """A wrong answer, what is wrong with it, and the right one; both requests are of the SDK's types."""
    called = mode == "tool"
    server.add("x", REPLIES[vendor]([WRONG], called=called), REPLIES[vendor](PIECES, called=called))
    async with cloud(vendor, f"{server.url}/x") as llm:
        assert mode == "fenced" or mode in llm.capabilities.structured_output
        chat = [bl.Message("system", "You cook."), bl.Message("user", "Pâté")]
        stream = bl.stream_generate(llm, chat, output=Recipe, mode=mode)
        values = [value async for value in stream]
        made = await stream.finish()
    assert made.output == Recipe.model_validate(VALUE)
    assert (made.mode, made.repairs, made.response.warnings) == (mode, 1, [])
    assert values[-1] == {**VALUE, "title": "Pasta", "kind": "dessert", "steps": []}
    first, second = (asked.json for asked in server.asked("x"))
    for body in (first, second):
        check_body(vendor, body)
        schema = sent_schema(vendor, mode, body)
        assert (schema is None) == (mode in ("json", "fenced"))
    turns = "contents" if vendor == "gemini" else "messages"
    assert second[turns][: len(first[turns])] == first[turns]
    assert "kind" in json.dumps(second[turns][-1], ensure_ascii=False)
    assert made.usage.prompt_tokens == 2 * made.response.usage.prompt_tokens


@pytest.mark.parametrize(("vendor", "mode"), CLOUDS)
async def test_an_object_is_streamed(server: VendorServer, vendor: str, mode: StructuredMode) -> None:
    """If the vendor sends pieces, partial values are shown."""
    server.add("x", REPLIES[vendor](PIECES, called=mode == "tool"))
    async with cloud(vendor, f"{server.url}/x") as llm:
        stream = bl.stream_generate(llm, "Pâté", output=Recipe, mode=mode)
        values = [value async for value in stream]
        made = await stream.finish()
    assert values[-1] == VALUE and made.output == Recipe.model_validate(VALUE)
    assert len(values) == (1 if (vendor, mode) == ("gemini", "tool") else 3)
    assert (made.mode, made.usage.completion_tokens > 0) == (mode, True)


async def test_openai_gets_the_same_request_as_from_its_sdk(server: VendorServer) -> None:
    """With strict mode if the schema allows it; otherwise the schema is only described."""
    schema = await _schema_for(server, "openai", Recipe, strict=True)
    theirs = their_openai.to_strict_json_schema(Recipe)
    assert schema == without(theirs, "minimum") | {"$defs": theirs["$defs"]}

    class Loose(BaseModel):
        title: str
        minutes: int = 5

    assert await _schema_for(server, "openai", Loose, strict=None) == Loose.model_json_schema()


async def test_anthropic_gets_the_same_request_as_from_its_sdk(server: VendorServer) -> None:
    """Closed, with ranges in descriptions; a recursive schema is only described in the prompt."""
    schema = await _schema_for(server, "anthropic", Recipe)
    # The SDK leaves out the type of what has choices.
    del schema["properties"]["kind"]["type"]
    assert schema == their_anthropic.transform_schema(Recipe)

    server.add("loop", _anthropic(['{"label": "a", "next": null}'], called=False))
    async with cloud("anthropic", f"{server.url}/loop") as llm:
        made = await bl.stream_generate(llm, "A node", output=Node).finish()
    assert (made.output, made.mode) == (Node(label="a", next=None), "fenced")
    body = server.asked("loop")[-1].json
    assert "output_config" not in body and '"label"' in body["system"]


class Node(BaseModel):
    """Has itself in it."""

    label: str
    next: Node | None


async def test_a_type_that_is_not_an_object_is_wrapped_in_one(server: VendorServer) -> None:
    """No API accepts a list or a choice at the root of a schema."""
    for vendor, reply in REPLIES.items():
        server.add("list", reply(['{"value":', "[1,2]}"], called=False))
        async with cloud(vendor, f"{server.url}/list") as llm:
            stream = bl.stream_generate(llm, "Numbers", output=list[int])
            assert [value async for value in stream][-1] == [1, 2]
            assert (await stream.finish()).output == [1, 2]
        schema = sent_schema(vendor, "json_schema", server.asked("list")[-1].json)
        assert (schema["type"], list(schema["properties"])) == ("object", ["value"])


async def test_a_call_that_was_not_made_is_read_from_the_text(server: VendorServer) -> None:
    """Some models write what they should call; that is told as words."""
    server.add("said", _openai([f"```json\n{TEXT}\n```"], called=False))
    async with cloud("openai", f"{server.url}/said") as llm:
        made = await bl.stream_generate(llm, "Pâté", output=Recipe, mode="tool").finish()
    assert (made.output.title, made.mode) == ("Pâté 👋", "fenced")


async def test_a_failure_of_the_vendor_is_that_failure(server: VendorServer) -> None:
    """Not one of the answer, and it is not repaired."""
    server.add("full", answer(openai_exchanges.error("Slow down", "rate_limit_exceeded"), 429))
    async with cloud("openai", f"{server.url}/full") as llm:
        with pytest.raises(bl.RateLimited):
            await bl.generate(llm, "Pâté", output=Recipe)
    assert len(server.asked("full")) == 1


def without(schema: dict[str, Any], *names: str) -> dict[str, Any]:
    """A schema without these keywords at its root."""
    return {key: value for key, value in schema.items() if key not in names}


async def _schema_for(server: VendorServer, vendor: str, output: Any, **expected: Any) -> dict[str, Any]:
    text = TEXT if output is Recipe else '{"title": "x"}'
    server.add("schema", REPLIES[vendor]([text], called=False))
    async with cloud(vendor, f"{server.url}/schema") as llm:
        await bl.generate(llm, "Pâté", output=output)
    body = server.asked("schema")[-1].json
    if expected:
        assert body["response_format"]["json_schema"].get("strict") == expected["strict"]
    return sent_schema(vendor, "json_schema", body)
