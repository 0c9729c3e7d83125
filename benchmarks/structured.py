"""What constrained decoding gains and costs: the pocket model's calls and objects with and without schemas.

Each held-out request for a tool is asked three times, greedily, in Chromium: free, with the choice left to the model,
and with a call required; in the last two the engine holds calls to the tools' schemas. A call is valid when it is of a
tool on offer and has arguments of its schema, right when it is the one that the request wants.

Each text of facts is asked for its object three times, greedily and without a repair: in the library's mode without
a constraint, with the words of the constrained mode alone, and constrained. An answer parses when there is JSON in it,
is valid when that is of the type, right when it is the text's object.

What a constraint adds to a token is measured on answers that have the same text with and without.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

import browserllm as bl
from _extraction import EXTRACTIONS, Extraction
from _prompts import ToolPrompt, tool_prompts
from _report import Row, report
from browserllm.backends.draft import Draft
from browserllm.backends.stream import Delta

DEVICES = {"webllm": "webgpu", "transformersjs": "wasm"}
MOST_TOKENS = 160
LEAST_TOKENS = 16
"""Shorter answers say little about the time that a token takes."""


@dataclass
class Calls:
    """The answers to all tool prompts, asked in one way."""

    what: str
    answers: list[tuple[ToolPrompt, bl.ChatResponse]] = field(default_factory=list)

    @property
    def called(self) -> int:
        """Answers that call something."""
        return sum(bool(response.message.tool_calls) for _, response in self.answers)

    @property
    def valid(self) -> int:
        """Answers that call, every call of them well-formed."""
        return sum(
            bool(response.message.tool_calls) and all(map(prompt.is_valid, response.message.tool_calls))
            for prompt, response in self.answers
        )

    @property
    def right(self) -> int:
        """Answers that are the one right call."""
        return sum(
            len(response.message.tool_calls) == 1 and prompt.is_right(response.message.tool_calls[0])
            for prompt, response in self.answers
        )

    @property
    def responses(self) -> list[bl.ChatResponse]:
        """The answers alone."""
        return [response for _, response in self.answers]


@dataclass
class Objects:
    """The answers to all texts of facts, asked in one way."""

    what: str
    llm: bl.Backend
    mode: Any
    parsed: int = 0
    valid: int = 0
    right: int = 0
    responses: list[bl.ChatResponse] = field(default_factory=list)


def unconstrained(host: bl.Host) -> None:
    """Let the page say of its engines that they hold nothing to a form, so that the library asks for none."""
    engines = [
        msgspec.structs.replace(info, capabilities=[one for one in info.capabilities if one != "structured_output"])
        for info in host.hello.engines
    ]
    host.hello = msgspec.structs.replace(host.hello, engines=engines)


async def ask_tools(llm: bl.LocalBackend, prompts: Sequence[ToolPrompt]) -> list[Calls]:
    """Ask each prompt in the three ways, one right after the other."""
    free, auto, required = Calls("not constrained"), Calls("constrained, auto"), Calls("constrained, required")
    hello = llm.host.hello
    for prompt in prompts:
        for asked in (free, auto, required):
            llm.host.hello = hello
            if asked is free:
                unconstrained(llm.host)
            response = await llm.complete(
                prompt.messages,
                tools=prompt.tools,
                tool_choice="required" if asked is required else "auto",
                temperature=0,
                max_tokens=MOST_TOKENS,
            )
            asked.answers.append((prompt, response))
    llm.host.hello = hello
    return [free, auto, required]


class Unheld(bl.backends.Middleware):
    """Leaves the response format out of a request, and says nothing of it."""

    async def generate(self, request: bl.ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
        """Ask the same in words alone."""
        async for delta in super().generate(msgspec.structs.replace(request, response_format=None), draft):
            yield delta


async def ask_objects(llm: bl.LocalBackend, texts: Sequence[Extraction]) -> list[Objects]:
    """Ask for each object in the three ways, one right after the other."""
    ways = [
        Objects("not constrained (mode 'fenced')", llm, "fenced"),
        Objects("not constrained, the same words", Unheld(llm), "constrained"),
        Objects("constrained", llm, "constrained"),
    ]
    for text in texts:
        for way in ways:
            await ask_object(text, way)
    return ways


async def ask_object(text: Extraction, asked: Objects) -> None:
    """Ask for one object, and count what comes."""
    stream = bl.stream_generate(
        asked.llm,
        text.prompt,
        output=type(text.answer),
        mode=asked.mode,
        repairs=0,
        temperature=0,
        max_tokens=MOST_TOKENS,
    )
    async with stream:
        try:
            made = await stream.finish()
        except bl.InvalidOutput as error:
            said = " ".join(problem["message"] for problem in error.data["problems"])
            asked.parsed += bool(said) and "not valid JSON" not in said
        else:
            asked.parsed += 1
            asked.valid += 1
            asked.right += made.output == text.answer
    asked.responses.append(stream.response)


def added_ms(free: Sequence[bl.ChatResponse], held: Sequence[bl.ChatResponse]) -> list[float]:
    """What a token takes longer in ``held``, in milliseconds, for each answer that both have word for word."""
    found: list[float] = []
    for one, other in zip(free, held, strict=True):
        same = [(call.name, call.arguments) for call in one.message.tool_calls] == [
            (call.name, call.arguments) for call in other.message.tool_calls
        ] and one.text == other.text
        speeds = (one.timings.tokens_per_s, other.timings.tokens_per_s)
        if same and one.usage.completion_tokens >= LEAST_TOKENS and speeds[0] and speeds[1]:
            found.append(1000 / speeds[1] - 1000 / speeds[0])
    return found


async def ask(engine: str, prompts: int, texts: int) -> tuple[list[Calls], list[Objects]]:
    """Ask everything of the pocket model on one engine."""
    async with bl.connect() as host:
        # On the software adapter Transformers.js takes most of a second for a token.
        llm = bl.LocalBackend(host, model="pocket", engine=engine, device=None if engine == "webllm" else "wasm")
        return await ask_tools(llm, tool_prompts(prompts)), await ask_objects(llm, EXTRACTIONS[:texts])


def print_table(title: str, headings: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print counts, with what they are of first."""
    table = Table(title=title, title_justify="left", title_style="bold")
    for index, heading in enumerate(headings):
        table.add_column(heading, justify="right" if index else "left")
    for row in rows:
        table.add_row(*map(str, row))
    Console(width=110, highlight=False).print(table)


def main() -> int:
    """Ask, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", type=int, default=40, help="held-out tool prompts (default 40)")
    parser.add_argument("--texts", type=int, default=len(EXTRACTIONS), help=f"texts (default {len(EXTRACTIONS)}, all)")
    parser.add_argument("--engine", default="webllm", choices=list(DEVICES))
    options = parser.parse_args()
    calls, objects = asyncio.run(ask(options.engine, options.prompts, options.texts))
    (free, auto, required), (_, words, held) = calls, objects
    print_table(
        "Tool calls",
        ("tools", "prompts", "call", "valid", "the right call"),
        [(each.what, options.prompts, each.called, each.valid, each.right) for each in calls],
    )
    print_table(
        "Objects",
        ("extraction", "texts", "parse", "valid", "the right object"),
        [(each.what, options.texts, each.parsed, each.valid, each.right) for each in objects],
    )

    def percent(count: int, of: int) -> list[float]:
        return [100 * count / max(1, of)]

    def per_token(responses: Sequence[bl.ChatResponse]) -> list[float]:
        return [1000 / speed for response in responses if (speed := response.timings.tokens_per_s)]

    rows = [
        Row("calls that are valid, of those made, auto", percent(auto.valid, auto.called), "%", 100, at_least=True),
        Row("prompts with a valid call, required", percent(required.valid, options.prompts), "%", 100, at_least=True),
        Row("objects that parse, constrained", percent(held.parsed, options.texts), "%", 100, at_least=True),
        Row("objects that are valid, constrained", percent(held.valid, options.texts), "%", 100, at_least=True),
        Row("time per token, calls, not constrained", per_token(free.responses), "ms"),
        Row("added per token, auto", added_ms(free.responses, auto.responses), "ms"),
        Row("added per token, required", added_ms(free.responses, required.responses), "ms"),
        Row("time per token, objects, not constrained", per_token(words.responses), "ms"),
        Row("added per token, objects", added_ms(words.responses, held.responses), "ms"),
    ]
    calls_alike, objects_alike = min(len(row.values) for row in rows[5:7]), len(rows[-1].values)
    print(
        f"{calls_alike} of {options.prompts} calls and {objects_alike} of {options.texts} objects are the same with "
        "and without; the time per token is compared on those"
    )
    where = f"WebLLM on {free.responses[0].adapter}" if options.engine == "webllm" else "Transformers.js on the CPU"
    return report(f"Constrained decoding, {where}", [row for row in rows if row.values])


if __name__ == "__main__":
    sys.exit(main())
