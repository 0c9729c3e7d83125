"""LangChain's with_fallbacks."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from typing import Any

sys.path.insert(0, os.path.dirname(__file__))

from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_openai import ChatOpenAI
from measure import Calls, Contender, main


class Fake(BaseChatModel):
    """Says what it is told, or fails."""

    fails: bool = False

    @property
    def _llm_type(self) -> str:
        return "fake"

    def _generate(self, messages: list, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=AIMessage(content=messages[-1].content))])

    async def _astream(
        self, messages: list, stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        if self.fails:
            raise ConnectionError("down")
        yield ChatGenerationChunk(message=AIMessageChunk(content=messages[-1].content))


def _calls(models: list[BaseChatModel]) -> Calls:
    router = models[0].with_fallbacks(models[1:])

    async def ask(model: Any, prompt: str) -> str:
        return "".join([str(chunk.content) async for chunk in model.astream(prompt)])

    return Calls(lambda prompt: ask(models[-1], prompt), lambda prompt: ask(router, prompt))


def fake(count: int, first_fails: bool) -> Calls:
    """A chat model in the process."""
    return _calls([Fake(fails=first_fails and index == 0) for index in range(count)])


def loopback(base: str, count: int, first_fails: bool) -> Calls:
    """OpenAI-compatible models."""

    def model(which: str) -> BaseChatModel:
        return ChatOpenAI(model="m", base_url=f"{base}/{which}/v1", api_key="k", max_retries=0, stream_usage=True)

    return _calls([model("fail" if first_fails and index == 0 else "ok") for index in range(count)])


main(Contender(fake, loopback))
