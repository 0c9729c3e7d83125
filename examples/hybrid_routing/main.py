"""Local first; the cloud when it must, with what that costs."""

import asyncio
import os
import sys

import browserllm as bl

LONG = "Summarize this in one sentence: " + "The tide comes in and goes out again. " * 400


async def main(model: str) -> None:
    """Ask a short question, a long one, and a private one."""
    async with bl.connect() as host:
        here = bl.LocalBackend(host)
        there = bl.OpenAI(model, base_url=os.environ.get("OPENAI_BASE_URL"))  # OPENAI_API_KEY is read by itself
        async with bl.Router([here, there]) as router:
            print(await router.explain("Why is the sky blue?"))  # who would answer; nothing is sent
            await ask(router, "Why is the sky blue?")
            await ask(router, LONG)  # does not fit the local model's context window
            await ask(router, LONG, private=True)  # must not leave the device, so nothing can answer


async def ask(router: bl.Router, prompt: str, *, private: bool = False) -> None:
    """Print an answer with who gave it, what was passed over before, and what it cost."""
    print(f"\n> {prompt[:60]}{'...' if len(prompt) > 60 else ''}{' (private)' if private else ''}")
    try:
        reply = await router.complete(prompt, max_tokens=60, private=private)
    except bl.BrowserLLMError as error:
        print(f"no answer: {error}")
        return
    print(reply.text)
    for hop in reply.route:
        print(f"  passed over: {hop}")
    cost = "an unknown amount" if reply.cost_usd is None else f"${reply.cost_usd:.6f}" if reply.cost_usd else "nothing"
    print(f"  {reply.backend} ({reply.model}), cost {cost}")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "gpt-4.1-mini"))
