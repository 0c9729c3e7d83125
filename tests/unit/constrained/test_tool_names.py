"""Tool names as models and servers write them: with a namespace, a number, markers of a format.

As reported in google-gemini/cookbook#1374 (``default_api.``, made-up namespaces), tontinton/maki#505 (``functions.``),
jundot/omlx#2216 (recipients of gpt-oss); Kimi numbers its calls (``functions.add:0``).
"""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

import browserllm as bl
from browserllm.backends.cloud.failures import ErrorSource
from browserllm.backends.cloud.openai.tool_calls import ToolCalls
from browserllm.backends.draft import Draft
from browserllm.backends.request import build_request
from browserllm.constrained.tool_calls.names import resolve_tool_name
from unit.backends.cloud.native_formats import FORMATS
from unit.backends.cloud.wire_formats import message_of

TOOLS = ["add", "get_weather", "math.add", "mcp__files__read", "to", "f", "functions"]
WAYS = [
    "functions.{}",
    "default_api.{}",
    "default_api:{}",
    "paloma.{}",
    "tools/{}",
    "functions.{}:0",
    "{}:12",
    "{}()",
    " {} ",
    "`{}`",
    '"{}"',
    "{}<|channel|>commentary",
    "{}<|channel|>json",
    "functions.{}<|constrain|>json",
    "{} <|message|>",
    "assistant<|channel|>analysis to=functions.{}",
    "commentary to=functions.{} <|constrain|>json",
    "{}",
]
OTHERS = [
    "",
    "subtract",
    "my_add",
    "add_all",
    "addx",
    "ADD",
    "add.x",
    "add two",
    "x" * 10_000,
    ".",
    ":0",
    "()",
    "<|",
    "to=",
    "functions.other",
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("tool", TOOLS)
def test_extra_text_around_a_name_is_dropped(tool: str, way: str) -> None:
    """The longest suffix that is a tool's name counts, since names may have dots."""
    assert resolve_tool_name(way.format(tool), TOOLS) == tool
    assert resolve_tool_name(way.format(tool), [tool]) == tool


@pytest.mark.parametrize("said", OTHERS)
def test_a_name_of_no_known_tool_stays_unchanged(said: str) -> None:
    """Nothing is guessed: the model gets a list of the tools instead."""
    assert resolve_tool_name(said, ["add", "math.sub"]) == said
    assert resolve_tool_name(f"functions.{said}", []) == f"functions.{said}"


def test_an_exact_match_wins() -> None:
    """Even a name with a namespace or a call's parentheses may be a tool's own."""
    for way in WAYS:
        said = way.format("add")
        assert resolve_tool_name(said, ["add", said]) == said


@pytest.mark.parametrize("way", WAYS)
def test_chat_completions_resolve_tool_names(way: str) -> None:
    """In one piece, or followed by arguments in pieces; each name is emitted once."""
    for seed in range(20):
        choose = random.Random(seed)  # noqa: S311
        text = '{"a": 1}'
        place = choose.randrange(len(text))
        calls = ToolCalls(["add", "sub"])
        entries = [
            {"index": 0, "id": "x", "function": {"name": way.format("add"), "arguments": text[:place]}},
            {"index": 0, "function": {"arguments": text[place:]}},
            {"index": 1, "id": "y", "function": {"name": way.format("sub"), "arguments": text}},
        ]
        deltas = [delta for entry in entries for delta in calls.read([entry])] + list(calls.finish(well=True))
        assert [delta.name for delta in deltas if delta.name] == ["add", "sub"]
        arguments = ["".join(delta.arguments for delta in deltas if delta.index == index) for index in (0, 1)]
        assert (arguments, calls.problems) == ([text, text], [])


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("vendor", FORMATS)
async def test_the_native_formats_resolve_tool_names(vendor: str, way: str) -> None:
    """This covers Anthropic, also behind a proxy, Gemini and Ollama."""
    name = way.format("add")
    said: dict[str, Any] = {
        "anthropic": {"content": [{"type": "tool_use", "id": "x", "name": name, "input": {"a": 1}}]},
        "gemini": {
            "candidates": [
                {"content": {"parts": [{"functionCall": {"name": name, "args": {"a": 1}}}]}, "finishReason": "STOP"}
            ]
        },
        "ollama": {"message": {"tool_calls": [{"function": {"name": name, "arguments": {"a": 1}}}]}},
    }
    llm = FORMATS[vendor].llm
    draft = Draft(build_request("Hi", {"tools": [bl.Tool("add", "", {"type": "object"})]}), llm.name, "chat-1")
    reader = llm.reader(draft, ErrorSource(backend=llm.name, model=llm.model, key_name="api_key"))
    body = json.dumps({**FORMATS[vendor].whole, **said[vendor]}).encode()
    message = await message_of([*reader.read_whole(body), *reader.finish()])
    assert [(call.name, json.loads(call.arguments)) for call in message.tool_calls] == [("add", {"a": 1})]


@pytest.mark.parametrize("way", [way for way in WAYS if "|" not in way])
async def test_a_local_models_call_runs_the_tool_it_means(way: str) -> None:
    """In the format of Hermes and Qwen, however the answer is cut."""
    ran: list[int] = []

    def add(a: int) -> str:
        ran.append(a)
        return "done"

    name = way.format("add").replace('"', '\\"')
    answer = f'<tool_call>\n{{"name": "{name}", "arguments": {{"a": 3}}}}\n</tool_call>'
    for pieces in ([answer], list(answer)):
        host = bl.ScriptedHost([pieces, ["ok"]])
        reply = await bl.Session(bl.LocalBackend(host), tools=[add]).send("x")
        assert reply.text == "ok"
    assert ran == [3, 3]
