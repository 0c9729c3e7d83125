"""LiteLLM's Router."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from typing import Any

sys.path.insert(0, os.path.dirname(__file__))
os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # it would fetch its price table at import

import litellm
from litellm import CustomLLM, Router
from litellm.types.utils import GenericStreamingChunk
from measure import Calls, Contender, main

litellm.telemetry = False
litellm.suppress_debug_info = True


class Fake(CustomLLM):
    """Says what it is told, or fails."""

    async def astreaming(self, model: str, messages: list, *args: Any, **kwargs: Any) -> AsyncIterator:
        """What LiteLLM calls."""
        if model == "fail":
            raise litellm.InternalServerError("down", "fake", model)
        yield GenericStreamingChunk(
            text=messages[-1]["content"], is_finished=True, finish_reason="stop", index=0, tool_use=None, usage=None
        )


litellm.custom_provider_map = [{"provider": "fake", "custom_handler": Fake()}]


def _calls(params: list[dict]) -> Calls:
    models = [{"model_name": f"m{index}", "litellm_params": one} for index, one in enumerate(params)]
    fallbacks = [{"m0": [model["model_name"] for model in models[1:]]}] if len(models) > 1 else []
    router = Router(model_list=models, fallbacks=fallbacks, num_retries=0, disable_cooldowns=True)

    async def read(stream: Any) -> str:
        return "".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices])

    def request(prompt: str) -> dict:
        return {"messages": [{"role": "user", "content": prompt}], "stream": True}

    async def direct(prompt: str) -> str:
        return await read(await litellm.acompletion(**params[-1], **request(prompt)))

    async def routed(prompt: str) -> str:
        return await read(await router.acompletion(model="m0", **request(prompt)))

    return Calls(direct, routed)


def fake(count: int, first_fails: bool) -> Calls:
    """A provider in the process."""
    return _calls([{"model": "fake/fail" if first_fails and index == 0 else "fake/ok"} for index in range(count)])


def loopback(base: str, count: int, first_fails: bool) -> Calls:
    """OpenAI-compatible deployments."""

    def deployment(which: str) -> dict:
        return {"model": "openai/m", "api_key": "k", "api_base": f"{base}/{which}/v1", "max_retries": 0}

    return _calls([deployment("fail" if first_fails and index == 0 else "ok") for index in range(count)])


main(Contender(fake, loopback))
