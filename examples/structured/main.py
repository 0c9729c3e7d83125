"""An answer that is an object of a type, shown while it grows."""

import asyncio
import sys
from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

import browserllm as bl

Die = Annotated[int, Meta(ge=1, le=6)]
"""A whole number from 1 to 6: the grammar has such limits, too."""


@dataclass
class Animal:
    """What the model has to fill in."""

    name: str
    legs: Annotated[int, Meta(ge=0, le=8)]
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
        print(await bl.generate(llm, "Roll three dice.", output=tuple[Die, Die, Die], max_tokens=60))


if __name__ == "__main__":
    asyncio.run(main(" ".join(sys.argv[1:]) or "Describe a fox."))
