"""A prompt, answered word by word on this device."""

import asyncio
import sys

import browserllm as bl


async def main(prompt: str) -> None:
    """Stream an answer, and say where it came from."""
    async with bl.connect() as host:  # a Chromium, Chrome or Edge that this process starts, headless
        llm = bl.LocalBackend(host)  # without a name: the model that comes with browserllm
        async with llm.stream(prompt, max_tokens=120) as stream:
            async for chunk in stream:
                print(chunk.text, end="", flush=True)
            reply = await stream.finish()
    speed = reply.timings.tokens_per_s or 0
    print(f"\n{reply.model} on {reply.engine}: {reply.usage.completion_tokens} tokens, {speed:.0f} a second")


if __name__ == "__main__":
    asyncio.run(main(" ".join(sys.argv[1:]) or "Why is the sky blue?"))
