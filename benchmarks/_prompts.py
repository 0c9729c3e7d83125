"""Held-out prompts for the pocket model: requests that call a tool, made of words that training never drew.

Half were written by hand (models/pocket/handwritten.py), half are its generator's, with held-out words.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import msgspec

import browserllm as bl

sys.path.append(str(Path(__file__).resolve().parents[1] / "models" / "pocket"))

from handwritten import CASES, declaration
from tool_talk import tool_conversation
from words import Source

SEED = 29
MOST_TOOLS = 3
"""More of them make longer prompts, which the software adapter computes slowly, and nothing else."""


@dataclass(frozen=True)
class ToolPrompt:
    """A chat that ends before the model's turn, the tools on offer, and the one right call."""

    messages: list[bl.Message]
    tools: list[bl.Tool]
    name: str
    arguments: dict[str, Any]

    def is_right(self, call: bl.ToolCallPart) -> bool:
        """Whether a call is the right one."""
        return call.name == self.name and decoded(call) == self.arguments

    def is_valid(self, call: bl.ToolCallPart) -> bool:
        """Whether a call is of a tool on offer, and has arguments of its schema."""
        schema = next((tool.parameters for tool in self.tools if tool.name == call.name), None)
        return schema is not None and fits(decoded(call), schema)


def tool_prompts(count: int) -> list[ToolPrompt]:
    """Return the first ``count`` prompts, by hand and generated in turn."""
    by_hand = [
        ToolPrompt([bl.Message("user", request)], [_tool(declaration(tool)) for tool in tools], name, arguments)
        for tools, request, name, arguments in CASES
    ]
    generated: list[ToolPrompt] = []
    source = Source(SEED, held_out=True)
    while len(generated) < count:
        made = tool_conversation(source)
        first = next((index for index, message in enumerate(made["messages"]) if message["role"] == "assistant"), 0)
        calls = made["messages"][first].get("tool_calls") or []
        if len(calls) != 1 or len(made["tools"]) > MOST_TOOLS:
            continue
        messages = [bl.Message(message["role"], message["content"]) for message in made["messages"][:first]]
        function = calls[0]["function"]
        tools = [_tool(one) for one in made["tools"]]
        generated.append(ToolPrompt(messages, tools, function["name"], function["arguments"]))
    mixed = [prompt for pair in zip_longest(by_hand, generated) for prompt in pair if prompt is not None]
    return mixed[:count]


def _tool(declared: dict[str, Any]) -> bl.Tool:
    function = declared["function"]
    return bl.Tool(function["name"], function.get("description", ""), function["parameters"])


def decoded(call: bl.ToolCallPart) -> Any:
    """The arguments, or None where they are no JSON."""
    try:
        return msgspec.json.decode(call.arguments)
    except msgspec.DecodeError:
        return None


_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
}


def fits(value: Any, schema: dict[str, Any]) -> bool:
    """Whether a value is of a schema, of the kinds that the pocket model's tools have."""
    unknown = set(schema) - {"type", "properties", "required", "enum", "items", "description", "additionalProperties"}
    assert not unknown, f"this check knows no {unknown}"
    kind = schema["type"]
    if not isinstance(value, _TYPES[kind]) or (isinstance(value, bool) and kind != "boolean"):
        return False
    if value not in schema.get("enum", [value]):
        return False
    if kind == "array":
        return all(fits(item, schema["items"]) for item in value)
    if kind == "object":
        properties = schema["properties"]
        complete = set(schema.get("required", ())) <= set(value) <= set(properties)
        return complete and all(fits(value[key], properties[key]) for key in value)
    return True
