"""Conversations over loopback: what each vendor gives to be sent back is in the next request, whatever lies between.

Between lie a stream cut at every place, tools, saving and loading, a fork, a store, a cache, and a router's hop to
another vendor and back.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from anthropic.types import MessageParam
from google.genai import types as google
from pydantic import TypeAdapter

import anthropic_exchanges as claude
import browserllm as bl
import gemini_exchanges as gemini
from openai_exchanges import USAGE, chunk
from vendor_server import Reply, VendorServer, answer, events, stream

KEY = "sk-" + "of-a-test-0123456789"
MODEL = "gemini-3.8-flash"  # for all of them: what tells vendors apart is not the model's name

DETAILS = [
    {"type": "reasoning.text", "text": "I look. ", "signature": "Et8B", "format": "anthropic-claude-v1", "index": 0},
    {"type": "reasoning.encrypted", "data": "EmwK", "id": "r2", "format": "anthropic-claude-v1", "index": 1},
]


@bl.tool
def weather(city: str) -> str:
    """Tell the weather."""
    return f"rain in {city}"


@dataclass
class Vendor:
    """A vendor: its backend, what it answers first (calls of ``weather``), and what is to come back of it."""

    make: Callable[[str], bl.backends.cloud.CloudBackend]
    calls: Reply
    says: Reply
    turn_of: Callable[[Any], Any]
    turn: Any
    given: str
    """A text that only this vendor may get."""


def call(arguments: str, **more: Any) -> dict[str, Any]:
    """A call of OpenAI's form."""
    return {
        "index": 0,
        "id": "call_0001",
        "type": "function",
        "function": {"name": "weather", "arguments": arguments},
        **more,
    }


def openai(*deltas: dict[str, Any], finish: str) -> Reply:
    """A stream of OpenAI's form."""
    return stream(events(*map(chunk, deltas), chunk({}, finish), chunk(usage=USAGE), "[DONE]"))


def openai_turn(body: Any) -> Any:
    """The assistant's message with calls."""
    return next(message for message in body["messages"] if message.get("tool_calls"))


ASKED_OF_TOOL = {"id": "call_0001", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Oslo"}'}}
EXTRA = {"google": {"thought_signature": "CiQB0e2Kb+/wM6yL0Q=="}}
CLAUDES: list[dict[str, Any]] = [
    {"type": "thinking", "thinking": "I look.", "signature": claude.SIGNATURE},
    {"type": "redacted_thinking", "data": claude.REDACTED},
    {"type": "text", "text": "Let me look."},
    {"type": "tool_use", "id": "toolu_01", "name": "weather", "input": {"city": "Oslo"}},
    {"type": "thinking", "thinking": "", "signature": "c2lnbmF0dXJlMg=="},
    {"type": "text", "text": "And:"},
    {"type": "tool_use", "id": "toolu_02", "name": "weather", "input": {"city": "Rome"}},
]
GEMINIS: list[dict[str, Any]] = [
    {"text": "Let me "},
    {"text": "look.", "thoughtSignature": "CiQCc2lnbmVk"},
    gemini.call("weather", {"city": "Oslo"}, gemini.SIGNATURE, id="fc_1"),
    gemini.call("weather", {"city": "Rome"}, id="fc_2"),
    {"text": "", "thoughtSignature": "CiQBTGFzdA=="},
]


def in_halves(text: str) -> tuple[str, str]:
    return text[: len(text) // 2], text[len(text) // 2 :]


def claudes(blocks: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The events of these blocks."""
    yield claude.start()
    for index, block in enumerate(blocks):
        if block["type"] == "thinking":
            yield from claude.thinking(index, block["thinking"], block["signature"])
        elif block["type"] == "text":
            yield from claude.text(index, *in_halves(block["text"]))
        elif block["type"] == "tool_use":
            yield from claude.tool(index, block["id"], block["name"], *in_halves(json.dumps(block["input"])))
        else:
            yield from claude.block(index, block)
    yield from claude.end("tool_use")


VENDORS: dict[str, Vendor] = {
    "openrouter": Vendor(
        lambda url: bl.OpenAI(MODEL, preset="openrouter", base_url=url, api_key=KEY),
        openai(
            {"reasoning": "I ", "reasoning_details": [{**DETAILS[0], "text": "I ", "signature": None}]},
            {"reasoning": "look. ", "reasoning_details": [{**DETAILS[0], "text": "look. ", "signature": None}]},
            {"reasoning_details": [{key: value for key, value in DETAILS[0].items() if key != "text"}, DETAILS[1]]},
            {"content": "Let me look."},
            {"tool_calls": [call('{"city":')]},
            {"tool_calls": [{"index": 0, "function": {"arguments": '"Oslo"}'}}]},
            finish="tool_calls",
        ),
        openai({"content": "Rain."}, finish="stop"),
        openai_turn,
        {
            "role": "assistant",
            "content": "Let me look.",
            "reasoning_details": DETAILS,
            "tool_calls": [ASKED_OF_TOOL],
        },
        "Et8B",
    ),
    "openrouter, whole": Vendor(
        lambda url: bl.OpenAI(MODEL, preset="openrouter", base_url=url, api_key=KEY),
        answer(
            {
                "choices": [
                    {
                        "index": 0,
                        "finish_reason": "tool_calls",
                        "message": {
                            "role": "assistant",
                            "content": None,
                            "reasoning": "I look. ",
                            "reasoning_details": DETAILS,
                            "tool_calls": [ASKED_OF_TOOL],
                        },
                    }
                ],
                "usage": USAGE,
            }
        ),
        openai({"content": "Rain."}, finish="stop"),
        openai_turn,
        {"role": "assistant", "content": None, "reasoning_details": DETAILS, "tool_calls": [ASKED_OF_TOOL]},
        "Et8B",
    ),
    "gemini under openai's api": Vendor(
        lambda url: bl.OpenAI(MODEL, base_url=url, api_key=KEY),
        openai({"tool_calls": [call('{"city":"Oslo"}', extra_content=EXTRA)]}, finish="tool_calls"),
        openai({"content": "Rain."}, {"extra_content": EXTRA}, finish="stop"),
        openai_turn,
        {"role": "assistant", "content": None, "tool_calls": [{**ASKED_OF_TOOL, "extra_content": EXTRA}]},
        "CiQB0e2Kb+/wM6yL0Q==",
    ),
    "mistral": Vendor(
        lambda url: bl.OpenAI(MODEL, preset="mistral", base_url=url, api_key=KEY),
        openai(
            {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "I "}]}]},
            {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "look."}], "closed": True}]},
            {"content": "Let me look."},
            {"tool_calls": [{**call('{"city":"Oslo"}'), "id": "abcdefghi"}]},
            finish="tool_calls",
        ),
        openai({"content": "Rain."}, finish="stop"),
        openai_turn,
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": [{"type": "text", "text": "I look."}], "closed": True},
                {"type": "text", "text": "Let me look."},
            ],
            "tool_calls": [{**ASKED_OF_TOOL, "id": "abcdefghi"}],
        },
        '"thinking"',
    ),
    "claude": Vendor(
        lambda url: bl.Anthropic(MODEL, base_url=f"{url}/v1", api_key=KEY),
        stream(claude.sse(*claudes(CLAUDES))),
        stream(claude.sse(claude.start(), *claude.text(0, "Rain."), *claude.end("end_turn"))),
        lambda body: body["messages"][1]["content"],
        CLAUDES,
        claude.SIGNATURE,
    ),
    "gemini": Vendor(
        lambda url: bl.Gemini(MODEL, base_url=f"{url}/v1beta", api_key=KEY),
        stream(
            events(
                gemini.piece({"text": "Hm.", "thought": True}),
                gemini.piece(GEMINIS[0]),
                gemini.piece(*GEMINIS[1:3]),
                gemini.piece(GEMINIS[3]),
                gemini.piece(GEMINIS[4], finish="STOP"),
            )
        ),
        stream(events(gemini.piece({"text": "Rain.", "thoughtSignature": "CiQBRG9uZQ=="}, finish="STOP"))),
        lambda body: body["contents"][1]["parts"],
        GEMINIS,
        gemini.SIGNATURE,
    ),
}
each_vendor = pytest.mark.parametrize("name", VENDORS)


def served(server: VendorServer, name: str, *replies: Reply) -> tuple[bl.backends.cloud.CloudBackend, str]:
    """A vendor's backend at an exchange of its own, which plays these replies."""
    place = f"x{len(server.requests)}-{abs(hash(name))}"
    return VENDORS[name].make(server.add(place, *replies)), place


def body(server: VendorServer, place: str, index: int = -1) -> Any:
    """A request's body, checked against the vendor's own types if there are any."""
    asked = server.asked(place)[index].json
    for message in asked.get("messages", ()) if "max_tokens" in asked else ():
        TypeAdapter[Any](MessageParam).validate_python(message)
    for content in asked.get("contents", ()):
        google.Content.model_validate(content)
    return asked


@each_vendor
async def test_a_tool_loop_sends_metadata_back_unchanged(name: str) -> None:
    """In the very next request, in its order, and again in the next turn's."""
    vendor = VENDORS[name]
    with VendorServer() as server:
        llm, place = served(server, name, vendor.calls, vendor.says)
        async with llm:
            chat = bl.Session(llm, tools=[weather])
            assert (await chat.send("Weather?")).text.endswith("Rain.")
            await chat.send("And?")
        assert vendor.turn_of(body(server, place, 1)) == vendor.turn
        assert vendor.turn_of(body(server, place, 2)) == vendor.turn


@each_vendor
@pytest.mark.parametrize("size", [1, 2, 3, 7, 16, 61])
async def test_metadata_does_not_depend_on_how_the_stream_is_cut(name: str, size: int) -> None:
    """In pieces of any number of bytes."""
    vendor = VENDORS[name]
    with VendorServer() as server:
        llm, place = served(server, name, vendor.calls.in_pieces(size), vendor.says)
        async with llm:
            await bl.Session(llm, tools=[weather]).send("Weather?")
        assert vendor.turn_of(body(server, place)) == vendor.turn


@each_vendor
async def test_metadata_survives_saving_forking_and_undo(name: str) -> None:
    """A session from a file, from a store, a fork and a turn taken back all send it."""
    vendor = VENDORS[name]
    with VendorServer() as server:
        llm, place = served(server, name, vendor.calls, vendor.says)
        async with llm:
            chat = bl.Session(llm, tools=[weather])
            await chat.send("Weather?")
            store = bl.stores.MemoryStore()
            await chat.save(store, "chat")
            saved = bl.Session.from_json(chat.to_json(), llm, tools=[weather])
            loaded = await bl.Session.load(store, "chat", backend=llm, tools=[weather])
            assert saved.messages == loaded.messages == chat.messages
            assert saved.left_out == []
            for other in (saved, loaded, saved.fork(), chat.fork(1)):
                await other.send("And?")
                assert vendor.turn_of(body(server, place)) == vendor.turn
            chat.undo()
            saved.undo()
            await saved.send("Or?")
            assert vendor.turn_of(body(server, place)) == vendor.turn


@each_vendor
async def test_only_its_own_vendor_gets_metadata_through_a_router(name: str) -> None:
    """The router's first backend fails once, and then answers again."""
    vendor = VENDORS[name]
    busy = answer({"error": {"message": "overloaded", "type": "overloaded_error"}}, 503)
    for other_name, other in VENDORS.items():
        if other.make("http://localhost").vendor == vendor.make("http://localhost").vendor:
            continue
        with VendorServer() as server:
            first, place = served(server, name, vendor.calls, vendor.says, busy, vendor.says)
            second = other.make(server.add("second", other.says))
            if first.name == second.name:
                second.name = "second"
            async with bl.Router([first, second], policy=bl.Explicit(first.name, second.name)) as llm:
                chat = bl.Session(llm, tools=[weather])
                await chat.send("Weather?")
                reply = await chat.send("And?")
                assert reply.responses[-1].backend == second.name, other_name
                sent = body(server, "second")
                assert vendor.given not in json.dumps(sent), (name, other_name)
                await chat.send("Again?")
            assert vendor.turn_of(body(server, place)) == vendor.turn, other_name


@each_vendor
async def test_a_cached_answer_has_its_metadata(name: str) -> None:
    """The same request is answered from the store, and the answer is sent back unchanged."""
    vendor = VENDORS[name]
    with VendorServer() as server:
        llm, place = served(server, name, vendor.calls, vendor.says)
        async with bl.ResponseCache(llm) as cached:
            first = await cached.complete("Weather?", tools=[weather.tool], temperature=0)
            again = await cached.complete("Weather?", tools=[weather.tool], temperature=0)
            assert again.message == first.message
            assert [hop.code for hop in again.route] == ["cached"]
            results = [bl.ToolResultPart(each.id, "rain") for each in again.message.tool_calls]
            await cached.complete([bl.Message("user", "Weather?"), again.message, bl.Message("tool", [*results])])
        assert vendor.turn_of(body(server, place)) == vendor.turn


@each_vendor
@pytest.mark.parametrize("streamed", [False, True])
async def test_metadata_survives_the_openai_client(name: str, streamed: bool) -> None:
    """A message is sent back unchanged, also as JSON; that of a stream, with the data of its last chunk."""
    vendor = VENDORS[name]
    with VendorServer() as server:
        llm, place = served(server, name, vendor.calls, vendor.says)
        async with llm, bl.AsyncClient(llm) as client:
            tools = [{"type": "function", "function": {"name": "weather", "parameters": weather.tool.parameters}}]
            asked: dict[str, Any] = {"role": "user", "content": "Weather?"}
            if streamed:
                message: dict[str, Any] = {"role": "assistant", "content": "", "tool_calls": []}
                async for each in await client.chat.completions.create(messages=[asked], tools=tools, stream=True):
                    for choice in each.choices:
                        message["content"] += choice.delta.content or ""
                        for piece in choice.delta.tool_calls or ():
                            if piece.id is not None:
                                message["tool_calls"].append(
                                    {
                                        "id": piece.id,
                                        "type": "function",
                                        "function": {"name": piece.function.name, "arguments": ""},
                                    }
                                )
                            known = message["tool_calls"][piece.index]
                            known["function"]["arguments"] += piece.function.arguments or ""
                            if piece.browserllm is not None:
                                known["browserllm"] = {"signature": piece.browserllm.signature}
                        if choice.delta.browserllm is not None:
                            message["browserllm"] = json.loads(choice.delta.browserllm.model_dump_json())
            else:
                whole = await client.chat.completions.create(messages=[asked], tools=tools)
                message = json.loads(whole.choices[0].message.model_dump_json())
            results = [
                {"role": "tool", "tool_call_id": each["id"], "content": "rain"} for each in message["tool_calls"]
            ]
            await client.chat.completions.create(messages=[asked, message, *results], tools=tools)
        assert vendor.turn_of(body(server, place)) == vendor.turn


@each_vendor
async def test_a_cut_answer_sends_back_only_whole_metadata(name: str) -> None:
    """Cut after every event; the rest of the turn is sent, and the vendor's types accept it."""
    vendor = VENDORS[name]
    parts = vendor.calls.body.split(b"\n\n")
    for end in range(1, len(parts) - 1) if len(parts) > 2 else ():
        with VendorServer() as server:
            begun = stream(b"\n\n".join(parts[:end]) + b"\n\n")
            llm, place = served(server, name, begun, vendor.says)
            async with llm:
                running = llm.stream("Weather?", tools=[weather.tool])
                try:
                    message = (await running.finish()).message
                except bl.Unavailable:
                    message = running.response.message
                if not message.text or message.tool_calls:
                    continue
                await llm.complete([bl.Message("user", "Weather?"), message, bl.Message("user", "Go on.")])
            sent = body(server, place)
        if name == "claude":
            blocks = [each["type"] for each in sent["messages"][1]["content"]]
            assert blocks[-1] == "text", end
            assert all(each.get("signature", "x") for each in sent["messages"][1]["content"]), end
