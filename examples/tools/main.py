"""A model that calls Python functions, and asks a person before one of them."""

import asyncio
import sys
from typing import Literal

import browserllm as bl

lights = {"kitchen": 0, "hall": 0}


@bl.tool
async def set_light(room: Literal["kitchen", "hall"], brightness: int) -> str:
    """Set the light in a room.

    Args:
        room: Which room.
        brightness: In percent, 0 to 100.
    """
    lights[room] = brightness
    return f"{room} is at {brightness} %"


async def main(prompt: str) -> None:
    """Let the model set a light, once a person has allowed it."""
    approvals = bl.Approvals(tools=[set_light])
    async with bl.connect() as host:
        chat = bl.Session(bl.LocalBackend(host), tools=[set_light], hooks=[approvals])
        person = asyncio.create_task(decide(approvals))
        # "required": the model must call a tool; it can write nothing but arguments that fit the schema.
        reply = await chat.send(prompt, tool_choice="required", max_tokens=80, temperature=0)
        person.cancel()
    for run in reply.calls:
        print(f"called {run.call.name}({run.call.arguments}): {run.result.content}")
    print(reply.text or "(no text)")
    print(lights)


async def decide(approvals: bl.Approvals) -> None:
    """Ask in the terminal about each call."""
    async for pending in approvals:
        answer = await asyncio.to_thread(input, f"Run {pending.call.name}({pending.call.arguments})? [y/n] ")
        if answer.strip().lower().startswith("y"):
            pending.approve()
        else:
            pending.deny("the user said no")


if __name__ == "__main__":
    asyncio.run(main(" ".join(sys.argv[1:]) or "Turn the light in the kitchen to 50 percent."))
