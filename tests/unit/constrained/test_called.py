"""Names of tools as models and servers write them: with a namespace, a count, marks of a format.

As reported in google-gemini/cookbook#1374 (``default_api.``, made-up namespaces), tontinton/maki#505 (``functions.``),
jundot/omlx#2216 (recipients of gpt-oss); Kimi counts its calls (``functions.add:0``).
"""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

import browserllm as bl
from browserllm.backends.cloud.failures import ErrorSource
from browserllm.backends.cloud.openai.tool_calls import ToolCalls
from browserllm.backends.request import build_request
from browserllm.backends.stream import Draft
from browserllm.constrained.tool_calls.called import called_name
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
def test_what_stands_around_a_name_is_left_away(tool: str, way: str) -> None:
    """The longest end that is a name counts, for a tool's own may have dots."""
    assert called_name(way.format(tool), TOOLS) == tool
    assert called_name(way.format(tool), [tool]) == tool


@pytest.mark.parametrize("said", OTHERS)
def test_a_name_that_is_no_tools_stays_as_it_is(said: str) -> None:
    """Nothing is guessed: the model is told which tools there are."""
    assert called_name(said, ["add", "math.sub"]) == said
    assert called_name(f"functions.{said}", []) == f"functions.{said}"


def test_a_tool_of_exactly_that_name_goes_before_all_others() -> None:
    """Whatever it looks like."""
    for way in WAYS:
        said = way.format("add")
        assert called_name(said, ["add", said]) == said


@pytest.mark.parametrize("way", WAYS)
def test_chat_completions_give_the_tools_own_name(way: str) -> None:
    """In one piece, and with its arguments in pieces after it; a name is told once."""
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
        told = ["".join(delta.arguments for delta in deltas if delta.index == index) for index in (0, 1)]
        assert (told, calls.problems) == ([text, text], [])


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("vendor", FORMATS)
async def test_the_native_formats_give_the_tools_own_name(vendor: str, way: str) -> None:
    """Anthropic's, also behind a proxy, Gemini's and Ollama's."""
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
async def test_a_local_models_call_runs_the_tool_that_it_means(way: str) -> None:
    """In the form of Hermes and Qwen, however the answer is cut."""
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
