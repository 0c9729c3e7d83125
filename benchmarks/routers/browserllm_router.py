"""Our Router."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from measure import Calls, Contender, main

import browserllm as bl
from browserllm.backends.draft import Draft
from browserllm.backends.stream import Delta


class Fake(bl.Backend):
    """Says what it is told, or fails."""

    def __init__(self, index: int, fails: bool) -> None:
        """Take a name that tells it from the others."""
        self.name = f"fake-{index}"
        self._fails = fails

    async def generate(self, request: bl.ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
        """Answer with the prompt."""
        if self._fails:
            raise bl.Unavailable("down", reason="server_error")
        yield request.messages[-1].text


def _calls(backends: list[bl.Backend]) -> Calls:
    # The others fail for good after a few failures, unless they are told to go on, and so do we.
    router = bl.Router(backends, breaker=None)

    async def ask(backend: bl.Backend, prompt: str) -> str:
        return "".join([chunk.text async for chunk in backend.stream(prompt)])

    return Calls(lambda prompt: ask(backends[-1], prompt), lambda prompt: ask(router, prompt))


def fake(count: int, first_fails: bool) -> Calls:
    """A backend in the process."""
    return _calls([Fake(index, first_fails and index == 0) for index in range(count)])


def loopback(base: str, count: int, first_fails: bool) -> Calls:
    """OpenAI-compatible backends."""

    def backend(index: int, which: str) -> bl.Backend:
        return bl.OpenAI("m", api_key="k", base_url=f"{base}/{which}/v1", name=f"openai-{index}")

    return _calls([backend(index, "fail" if first_fails and index == 0 else "ok") for index in range(count)])


main(Contender(fake, loopback))
