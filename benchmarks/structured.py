"""What constrained decoding gives and costs, on the pocket model: tool calls held to their schemas, and not.

Each held-out request is asked three times, greedily, of WebLLM in Chromium: free, with the choice left to the model,
and with a call required; in the last two the engine holds calls to the tools' schemas. A call is valid when it is of a
tool on offer and has arguments of its schema, right when it is the one that the request wants. What a constraint adds
to a token is measured on answers of one prompt that have the same text with and without.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec
from rich.console import Console
from rich.table import Table

import browserllm as bl
from _prompts import ToolPrompt, tool_prompts
from _report import Row, report

MOST_TOKENS = 160
LEAST_TOKENS = 16
"""Shorter answers say little about the time that a token takes."""


@dataclass
class Tally:
    """The answers to all prompts, asked in one way."""

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


def unconstrained(host: bl.Host) -> None:
    """Let the page say of its engines that they hold nothing to a form, so that the library asks for none."""
    engines = [
        msgspec.structs.replace(info, capabilities=[one for one in info.capabilities if one != "structured_output"])
        for info in host.hello.engines
    ]
    host.hello = msgspec.structs.replace(host.hello, engines=engines)


async def ask(prompts: Sequence[ToolPrompt]) -> list[Tally]:
    """Ask each prompt in the three ways, one right after the other."""
    free, auto, required = Tally("not constrained"), Tally("constrained, auto"), Tally("constrained, required")
    async with bl.connect() as host:
        llm = bl.LocalBackend(host, model="pocket", engine="webllm")
        hello = host.hello
        for prompt in prompts:
            for tally in (free, auto, required):
                host.hello = hello
                if tally is free:
                    unconstrained(host)
                response = await llm.complete(
                    prompt.messages,
                    tools=prompt.tools,
                    tool_choice="required" if tally is required else "auto",
                    temperature=0,
                    max_tokens=MOST_TOKENS,
                )
                tally.answers.append((prompt, response))
    return [free, auto, required]


def added_ms(free: Tally, held: Tally) -> list[float]:
    """What a token takes longer in ``held``, in milliseconds, for each answer that both have word for word."""
    found: list[float] = []
    for (_, one), (_, other) in zip(free.answers, held.answers, strict=True):
        same = [(call.name, call.arguments) for call in one.message.tool_calls] == [
            (call.name, call.arguments) for call in other.message.tool_calls
        ] and one.text == other.text
        speeds = (one.timings.tokens_per_s, other.timings.tokens_per_s)
        if same and one.usage.completion_tokens >= LEAST_TOKENS and speeds[0] and speeds[1]:
            found.append(1000 / speeds[1] - 1000 / speeds[0])
    return found


def main() -> int:
    """Ask, and print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", type=int, default=40, help="held-out tool prompts (default 40)")
    count = parser.parse_args().prompts
    free, auto, required = asyncio.run(ask(tool_prompts(count)))
    table = Table(title="Tool calls", title_justify="left", title_style="bold")
    for heading in ("tools", "prompts", "call", "valid", "the right call"):
        table.add_column(heading, justify="left" if heading == "tools" else "right")
    for tally in (free, auto, required):
        table.add_row(tally.what, str(count), str(tally.called), str(tally.valid), str(tally.right))
    Console(width=110, highlight=False).print(table)
    per_token = [1000 / speed for _, response in free.answers if (speed := response.timings.tokens_per_s)]
    rows = [
        Row(
            "calls that are valid, of those made, auto",
            [100 * auto.valid / max(1, auto.called)],
            "%",
            100,
            at_least=True,
        ),
        Row("prompts with a valid call, required", [100 * required.valid / count], "%", 100, at_least=True),
        Row("time per token, not constrained", per_token, "ms"),
        Row("added per token, auto", added_ms(free, auto), "ms"),
        Row("added per token, required", added_ms(free, required), "ms"),
    ]
    least = min(len(row.values) for row in rows[3:])
    print(f"{least} of {count} answers are the same with and without; the time per token is compared on those")
    return report("Constrained decoding, WebLLM on the software adapter", [row for row in rows if row.values])


if __name__ == "__main__":
    sys.exit(main())
