"""An answer that is an object of a type, shown while it grows."""

import asyncio
import sys
from dataclasses import dataclass
from typing import Literal

import browserllm as bl


@dataclass
class Animal:
    """What the model has to fill in."""

    name: str
    legs: int
    lives_in: Literal["water", "forest", "house"]


async def main(prompt: str) -> None:
    """Print the object as it grows, then the whole of it, then a list of another type."""
    async with bl.connect() as host:
        llm = bl.LocalBackend(host)
        async for partial in bl.stream_generate(llm, prompt, output=Animal, max_tokens=120, temperature=0):
            print(partial)  # what is there already; it only grows
        animal = await bl.generate(llm, prompt, output=Animal, max_tokens=120, temperature=0)
        print(f"{animal.name}: {animal.legs} legs, lives in: {animal.lives_in}")
        assert isinstance(animal, Animal)
        print(await bl.generate(llm, "Three numbers.", output=tuple[int, int, int], max_tokens=60))


if __name__ == "__main__":
    asyncio.run(main(" ".join(sys.argv[1:]) or "Describe a fox."))
