"""Search notes by meaning, on this device."""

import argparse
import asyncio
import math

import browserllm as bl

NOTES = [
    "The boiler is due in autumn.",
    "Anna was born on the third of May.",
    "The key is under the blue pot.",
    "Trains to the coast leave at noon.",
]


async def main(question: str, model: str, address: str | None) -> None:
    """Embed the notes and the question; print the notes, the nearest first."""
    async with bl.connect() as host:
        llm = bl.LocalBackend(host)
        if address is not None:  # a model of your own, from a folder or a server
            model = (await llm.models.add(address)).id
        embedded = await llm.embed([*NOTES, question], model=model)
    *notes, asked = embedded.vectors
    found = [(cosine(asked, vector), note) for vector, note in zip(notes, NOTES, strict=True)]
    for score, note in sorted(found, reverse=True):
        print(f"{score:.3f}  {note}")
    print(f"{embedded.model}: {len(asked)} dimensions, {embedded.usage.prompt_tokens} tokens")


def cosine(one: list[float], other: list[float]) -> float:
    """Return how alike two vectors are, from -1 to 1."""
    dot = sum(a * b for a, b in zip(one, other, strict=True))
    return dot / (math.hypot(*one) * math.hypot(*other))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("question", nargs="?", default="Where is the key?")
    parser.add_argument("--model", default="all-MiniLM-L6-v2", help="an embedding model of the catalog")
    parser.add_argument("--address", help="the folder or address of another one")
    given = parser.parse_args()
    asyncio.run(main(given.question, given.model, given.address))
