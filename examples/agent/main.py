"""An Amplifier session whose model runs in a browser on this machine: a tool, an approval, an answer."""

import asyncio
import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from amplifier_core import HookResult

import browserllm as bl
from browserllm.amplifier import create_session
from browserllm.chat.builtin import todo_list

BUNDLE = json.loads((Path(__file__).parent / "bundle.json").read_text())
"""What the agent is: its system prompt, tools and settings. The page beside this file reads the same one."""


def clock() -> str:
    """Tell the time of day."""
    return datetime.now().strftime("%H:%M")


class Terminal:
    """Asks a person in the terminal: Amplifier's approval system."""

    async def request_approval(self, prompt: str, options: list[str], timeout: float, default: str) -> str:
        """Return one of the options."""
        answer = await asyncio.to_thread(input, f"{prompt} [y/n] ")
        return "Allow" if answer.strip().lower().startswith("y") else "Deny"


async def ask_first(event: str, data: dict[str, Any]) -> HookResult:
    """Let a person decide about each tool call."""
    return HookResult(action="ask_user", approval_prompt=f"Run {data['tool_name']}({data['tool_input']})?")


async def show(event: str, data: dict[str, Any]) -> HookResult:
    """Print the answer as it comes."""
    print(data["text"], end="", flush=True)
    return HookResult()


async def main(prompt: str) -> None:
    """Answer one prompt."""
    async with bl.connect() as host:
        # Any backend stands here: a cloud, or a Router. The session does not change.
        backend = bl.LocalBackend(host)
        tools = {"todo_list": todo_list(bl.stores.MemoryStore())}
        session = create_session(
            backend,
            system=BUNDLE["system"],
            tools=[*(tools[name] for name in BUNDLE["tools"]), clock],
            config=BUNDLE["settings"],
            loop={"max_iterations": BUNDLE["max_iterations"]},
            approval_system=Terminal(),
        )
        session.coordinator.hooks.register("tool:pre", ask_first)
        session.coordinator.hooks.register("llm:stream_block_delta", show)
        async with session:
            answer = await session.execute(prompt)
    print(f"\nanswer: {answer}")


if __name__ == "__main__":
    asyncio.run(main(" ".join(sys.argv[1:]) or "What time is it?"))
