"""What a long conversation costs: the time to the first token, turn after turn, on both engines.

Twenty turns of a `Session` with the pocket model in Chromium. With reuse the history only grows, so the engine goes on
in its KV cache and computes the new turn alone. Without it the system message differs in every turn, so all of the
history is computed anew: what every turn would cost if the prefix were not kept. The third conversation has a window
that it outgrows: a trim is one turn without reuse, and the turns after it are as quick as before.

The turns of the three take turns, so that whatever else the machine does is the same for all.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
from dataclasses import dataclass, field

import browserllm as bl
from _report import Row, report

ENGINES = (("webllm", "webgpu"), ("transformersjs", "wasm"))
ANSWER_TOKENS = 24
WINDOW = 400
"""Tokens: some ten of these turns, and the room for an answer."""

SUBJECTS = (
    *("a lighthouse", "a fox", "a bakery", "a train", "a river", "a garden", "a library", "a whale", "a market"),
    *("a mountain", "a ferry", "a piano", "a castle", "a beehive", "an island", "a clock", "a harbour", "a forest"),
    *("a kite", "a bridge"),
)


@dataclass
class Conversation:
    """A session, and of each turn the time to its first token and how much of its prompt the cache had."""

    session: bl.Session
    changes_system: bool = False
    first_token_ms: list[float] = field(default_factory=list)
    computed: list[int] = field(default_factory=list)
    trims: list[int] = field(default_factory=list)

    async def turn(self, number: int) -> None:
        """Take the next turn."""
        if self.changes_system:
            self.session.system = f"You are a story teller, number {number}."
        start = self.session.history.start
        reply = await self.session.send(f"Tell me about {SUBJECTS[number % len(SUBJECTS)]}.")
        if self.session.history.start != start:
            self.trims.append(number)
        usage, timings = reply.response.usage, reply.response.timings
        self.first_token_ms.append(timings.first_token_ms or 0.0)
        self.computed.append(usage.prompt_tokens - usage.cached_tokens)


async def converse(engine: str, device: str, turns: int) -> tuple[Conversation, Conversation, Conversation]:
    """Hold the three conversations, each with a browser of its own: an engine keeps one conversation's cache."""
    options = {"temperature": 0, "max_tokens": ANSWER_TOKENS}
    system = "You are a story teller."
    hosts = [await bl.connect(profile=None) for _ in range(3)]
    try:
        with_reuse, without, trimmed = (
            Conversation(
                bl.Session(
                    bl.LocalBackend(host, "pocket", engine=engine, device=device),
                    system=system,
                    context=bl.chat.DropOldest(window=WINDOW) if index == 2 else bl.chat.DropOldest(),
                    **options,
                ),
                changes_system=index == 1,
            )
            for index, host in enumerate(hosts)
        )
        for conversation in (with_reuse, without, trimmed):
            await conversation.session.backend.complete("Hello!", max_tokens=2)  # the load is not the first turn's
        for number in range(turns):
            for conversation in (with_reuse, without, trimmed):
                await conversation.turn(number)
    finally:
        for host in hosts:
            await host.close()
    return with_reuse, without, trimmed


def rows_of(engine: str, with_reuse: Conversation, without: Conversation, trimmed: Conversation) -> list[Row]:
    """What is printed of an engine."""
    early, late = slice(1, 6), slice(-5, None)
    growth = statistics.median(with_reuse.first_token_ms[late]) / statistics.median(with_reuse.first_token_ms[early])
    at_trim = [trimmed.first_token_ms[number] for number in trimmed.trims]
    after = [trimmed.first_token_ms[number + 1] for number in trimmed.trims if number + 1 < len(trimmed.first_token_ms)]
    rows = [
        Row(f"{engine}: turns 2-6, with reuse", with_reuse.first_token_ms[early], "ms"),
        Row(f"{engine}: the last five turns, with reuse", with_reuse.first_token_ms[late], "ms"),
        Row("  of the turns 2-6", [growth], "", budget=1.5),
        Row("  tokens computed of the prompt", with_reuse.computed[late], "tokens"),
        Row(f"{engine}: the last five turns, without reuse", without.first_token_ms[late], "ms"),
        Row("  tokens computed of the prompt", without.computed[late], "tokens"),
    ]
    if at_trim:
        rows.append(Row(f"{engine}: a turn that trims, window of {WINDOW}", at_trim, "ms"))
    if after:
        rows.append(Row("  the turn after it", after, "ms"))
    return rows


def main() -> int:
    """Hold the conversations on both engines, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=20, help="turns of each conversation (default 20)")
    turns = parser.parse_args().turns
    rows: list[Row] = []
    for engine, device in ENGINES:
        rows += rows_of(engine, *asyncio.run(converse(engine, device, turns)))
    return report(f"multiturn: time to the first token over {turns} turns, the pocket model", rows)


if __name__ == "__main__":
    sys.exit(main())
