"""ScriptedBackend: a backend that follows a script (see `browserllm.testing.script`), for tests without a model."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Any

from .._internal import lazy_asyncio as asyncio
from .._internal.arguments import check_kind
from .._internal.identity import Hashed
from ..backends.base import Backend
from ..backends.draft import Draft
from ..backends.facts import BackendFacts
from ..backends.request import Prompt, build_request
from ..backends.stream import Delta
from ..page.environment import Environment
from ..types import Capabilities, ChatRequest, FinishReason, ToolCallDelta, ToolCallPart, Usage
from .script import Answer, Clock, Cue, Script, Wait, count_words


class ScriptedBackend(Backend):
    """A backend with scripted answers. ``requests`` lists all requests, ``stopped`` those that were ended early."""

    def __init__(
        self,
        answers: str | Sequence[Answer] = "Hello from the script.",
        *,
        name: str = "scripted",
        model: str = "scripted",
        finish_reason: FinishReason | None = None,
        capabilities: Capabilities | None = None,
        clock: Clock | None = None,
        leaves_device: bool = False,
        facts: BackendFacts | None = None,
        environment: Environment | None = None,
    ) -> None:
        """Return ``answers`` in order; ``finish_reason`` defaults to ``tool_calls`` after a tool call, else ``stop``.

        ``leaves_device``, ``facts`` and ``environment`` are what a router sees.
        """
        check_kind("answers", answers, (str, Sequence), "a script", write="use a text, or a list of answers")
        self.name = name
        self.leaves_device = self.needs_network = leaves_device
        self.known_facts = facts
        self.known_environment = environment
        self.prepared: list[ChatRequest] = []
        self.model = model
        self.capabilities = capabilities or Capabilities(
            tools=True,
            structured_output=("json_schema", "json", "tool"),
            parameters=frozenset(ChatRequest.__struct_fields__),
        )
        self.clock = clock or Clock()
        self.requests: list[ChatRequest] = []
        self.stopped: list[ChatRequest] = []
        self.closed = False
        self._finish_reason: FinishReason | None = finish_reason
        self._identity = repr(answers)
        self._script = Script(answers, self.clock)

    def identity(self, request: ChatRequest, hashed: Hashed) -> Any:
        """Return the name, the model and the whole script."""
        return [self.name, self.model, self._finish_reason, self._identity]

    async def generate(self, request: ChatRequest, draft: Draft) -> AsyncGenerator[Delta, None]:
        """Stream the next answer."""
        self.requests.append(request)
        draft.model = request.model or self.model
        draft.cost_usd = 0.0
        tokens = calls = 0
        ended = False
        try:
            for step in self._script.next():
                if isinstance(step, BaseException):
                    ended = True
                    raise step
                if isinstance(step, Wait):
                    await self.clock.sleep(step.seconds)
                elif isinstance(step, Cue):
                    await asyncio.get_running_loop().create_future()
                elif isinstance(step, ToolCallPart):
                    yield ToolCallDelta(
                        sequence=0,
                        index=calls,
                        id=step.id,
                        name=step.name,
                        arguments=step.arguments,
                        signature=step.signature,
                    )
                    calls += 1
                else:
                    tokens += 1
                    yield step
            ended = True
            draft.finish_reason = self._finish_reason or ("tool_calls" if calls else "stop")
        finally:
            draft.usage = Usage(prompt_tokens=count_words(request.messages), completion_tokens=tokens)
            if not ended:
                self.stopped.append(request)

    async def count_tokens(self, prompt: Prompt, *, model: str | None = None) -> int | None:
        """Count the words."""
        return count_words(build_request(prompt, {} if model is None else {"model": model}).messages)

    async def facts(self, request: ChatRequest) -> BackendFacts:
        """Return ``known_facts``, or facts without an obstacle."""
        if self.known_facts is not None:
            return self.known_facts
        return BackendFacts(
            leaves_device=self.leaves_device,
            needs_network=self.needs_network,
            model=request.model or self.model,
            cost_usd=0.0,
        )

    async def estimate_cost(self, prompt: Prompt, **options: Any) -> float | None:
        """Return the cost from its facts."""
        return (await self.facts(build_request(prompt, options))).cost_usd

    def environment(self) -> Environment | None:
        """Return ``known_environment``."""
        return self.known_environment

    async def prepare(self, request: ChatRequest) -> None:
        """Add the request to ``prepared``."""
        self.prepared.append(request)

    async def close(self) -> None:
        """Set ``closed``."""
        self.closed = True
