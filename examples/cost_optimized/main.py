"""The cheapest backend that can answer, within a budget, and never twice for the same question."""

import asyncio
import os

import browserllm as bl
from browserllm.backends.router import LeastCost

QUESTIONS = ["Why is the sky blue?", "Tell me a story about a fox.", "Why is the sky blue?"]


async def main() -> None:
    """Ask the questions; print what each answer cost, and what a day's budget has left."""
    async with bl.connect() as host:
        cloud = {"base_url": os.environ.get("OPENAI_BASE_URL")}
        allowance = bl.Allowance(usd=0.01)
        small = bl.Budget(bl.OpenAI("gpt-4.1-nano", **cloud), per_day=allowance)
        large = bl.Budget(bl.OpenAI("gpt-4.1", **cloud), per_day=allowance)
        router = bl.Router([large, small, bl.LocalBackend(host)], LeastCost())
        async with bl.ResponseCache(router) as llm:
            print(await router.explain(QUESTIONS[0]))
            for question in QUESTIONS:
                reply = await llm.complete(question, max_tokens=60, temperature=0)
                print(f"\n> {question}\n{reply.text}\n  {reply.backend}: {reply.cost_usd}")
            # Without the device the cheapest cloud answers, and an answer of a thousand pages is over the budget.
            await pay(bl.Router([large, small], LeastCost()), "Why is the sky blue?", max_tokens=60)
            await pay(bl.Router([large], LeastCost()), "Write a long book.", max_tokens=30_000)


async def pay(router: bl.Router, question: str, max_tokens: int) -> None:
    """Ask a cloud; print its price, or why the budget refuses it."""
    try:
        reply = await router.complete(question, max_tokens=max_tokens)
        print(f"\n> {question}\n{reply.text}\n  {reply.model}: ${reply.cost_usd:.7f}")
    except bl.BrowserLLMError as error:
        print(f"\n> {question}\n  refused: {error}")


if __name__ == "__main__":
    asyncio.run(main())
