"""A backend that, like an engine on the device, ends its answer itself when it is asked to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import browserllm as bl
from browserllm.backends.draft import Draft
from browserllm.backends.stream import Delta


class Interruptible(bl.Backend):
    """Says one word and goes on until it is stopped; then it ends as if nothing were, or fails."""

    name = "engine"

    def __init__(self, failure: bl.BrowserLLMError | None = None, said: str = "word ") -> None:
        self.failure = failure
        self.said = said
        self.requests: list[bl.ChatRequest] = []

    async def generate(self, request: bl.ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
        self.requests.append(request)
        interrupted = asyncio.get_running_loop().create_future()
        draft.interrupt = lambda: interrupted.set_result(None)
        yield self.said
        await interrupted
        if self.failure is not None:
            raise self.failure


async def stopped(backend: bl.Backend, *, temperature: float | None = None) -> bl.ChatResponse:
    """What remains of an answer that is stopped in its middle."""
    stream = backend.stream("hi", temperature=temperature)
    answer = asyncio.create_task(stream.finish())
    for _ in range(20):
        await asyncio.sleep(0)
    stream.stop()
    return await answer
