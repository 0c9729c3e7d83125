"""A backend with a context window that counts words, for tests of what happens when it is full."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import browserllm as bl
from browserllm.backends.draft import Draft
from browserllm.backends.request import Prompt, build_request
from browserllm.backends.stream import Delta


def words(messages: list[bl.Message]) -> int:
    """The tokens of a prompt here: its words, and a mark around each message."""
    parts = [part for message in messages for part in message.content if isinstance(part, bl.ToolResultPart)]
    return sum(2 + len(message.text.split()) for message in messages) + sum(len(part.content.split()) for part in parts)


class Windowed(bl.Backend):
    """Answers with ten words, if the prompt fits; counts exactly and says so, or not.

    ``asked`` is how often it was asked for an answer, and ``counted`` for a count.
    """

    capabilities = bl.types.Capabilities(tools=True)

    def __init__(
        self,
        window: int,
        *,
        counts: bool = True,
        tells: bool = True,
        data: bool = True,
        name: str = "windowed",
        leaves_device: bool = False,
    ) -> None:
        self.name = name
        self.leaves_device = self.needs_network = leaves_device
        self.window = window
        self.counts = counts
        self.tells = tells
        self.data = data
        self.asked = 0
        self.counted = 0
        self.requests: list[bl.ChatRequest] = []
        self.refused = 0
        self.calls: list[bl.ToolCallPart] = []
        self.failure: Exception | None = None

    async def generate(self, request: bl.ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
        self.asked += 1
        tokens = words(request.messages)
        if tokens >= self.window:
            self.refused += 1
            known = {"prompt_tokens": tokens, "context_window": self.window} if self.data else {}
            raise bl.ContextExceeded("too long", data=known)
        if self.failure is not None:
            raise self.failure
        self.requests.append(request)
        answer = min(10, request.max_tokens or 10)
        draft.usage = bl.types.Usage(prompt_tokens=tokens, completion_tokens=answer + 2)
        draft.cost_usd = 0.25
        if self.calls:
            call = self.calls.pop(0)
            yield bl.types.ToolCallDelta(index=0, id=call.id, name=call.name, arguments=call.arguments)
            draft.finish_reason = "tool_calls"
            return
        yield " ".join(["said"] * answer)

    async def count_tokens(self, prompt: Prompt, *, model: str | None = None) -> int | None:
        self.counted += 1
        return words(build_request(prompt, {}).messages) if self.counts else None

    async def facts(self, request: bl.ChatRequest) -> bl.backends.BackendFacts:
        window = self.window if self.tells else None
        return bl.backends.BackendFacts(
            leaves_device=self.leaves_device, needs_network=self.needs_network, context_window=window
        )
