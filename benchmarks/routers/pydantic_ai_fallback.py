"""pydantic-ai's FallbackModel."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator

sys.path.insert(0, os.path.dirname(__file__))

from measure import Calls, Contender, main
from pydantic_ai.direct import model_request_stream
from pydantic_ai.exceptions import ModelHTTPError
from pydantic_ai.messages import ModelRequest, PartDeltaEvent, PartStartEvent, TextPart, TextPartDelta
from pydantic_ai.models import Model
from pydantic_ai.models.fallback import FallbackModel
from pydantic_ai.models.function import FunctionModel
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider


def _calls(models: list[Model]) -> Calls:
    router = FallbackModel(models[0], *models[1:])

    async def ask(model: Model, prompt: str) -> str:
        text = ""
        async with model_request_stream(model, [ModelRequest.user_text_prompt(prompt)]) as stream:
            async for event in stream:
                if isinstance(event, PartStartEvent) and isinstance(event.part, TextPart):
                    text += event.part.content
                elif isinstance(event, PartDeltaEvent) and isinstance(event.delta, TextPartDelta):
                    text += event.delta.content_delta
        return text

    return Calls(lambda prompt: ask(models[-1], prompt), lambda prompt: ask(router, prompt))


def fake(count: int, first_fails: bool) -> Calls:
    """Its FunctionModel."""

    async def say(messages, info) -> AsyncIterator[str]:
        yield messages[-1].parts[-1].content

    async def fail(messages, info) -> AsyncIterator[str]:
        raise ModelHTTPError(503, "m")
        yield ""

    return _calls(
        [FunctionModel(stream_function=fail if first_fails and index == 0 else say) for index in range(count)]
    )


def loopback(base: str, count: int, first_fails: bool) -> Calls:
    """OpenAI-compatible models."""
    from openai import AsyncOpenAI

    def model(which: str) -> Model:
        client = AsyncOpenAI(base_url=f"{base}/{which}/v1", api_key="k", max_retries=0)
        return OpenAIChatModel("m", provider=OpenAIProvider(openai_client=client))

    return _calls([model("fail" if first_fails and index == 0 else "ok") for index in range(count)])


main(Contender(fake, loopback))
