"""`ChatRequest.thinking` over real sockets: what each vendor's server gets, checked against the vendors' own SDKs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from anthropic.types.message_create_params import MessageCreateParamsStreaming
from google.genai import types as genai
from ollama._types import ChatRequest as OllamaRequest
from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming
from pydantic import TypeAdapter

import browserllm as bl
from anthropic_exchanges import EXCHANGES as ANTHROPIC
from gemini_exchanges import EXCHANGES as GEMINI
from ollama_exchanges import EXCHANGES as OLLAMA
from openai_exchanges import EXCHANGES as OPENAI
from unit.backends.cloud.thinking_requests import CASES, Case, added, backend
from vendor_server import VendorServer

OPENAI_TYPE = TypeAdapter(CompletionCreateParamsStreaming)
ANTHROPIC_TYPE = TypeAdapter(MessageCreateParamsStreaming)

SERVERS = {"anthropic": ANTHROPIC, "gemini": GEMINI, "ollama-native": OLLAMA}


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, VendorServer]]:
    """A server for each wire format."""
    with (
        VendorServer(OPENAI) as openai,
        VendorServer(ANTHROPIC) as anthropic,
        VendorServer(GEMINI) as gemini,
        VendorServer(OLLAMA) as ollama,
    ):
        yield {"openai": openai, "anthropic": anthropic, "gemini": gemini, "ollama-native": ollama}


async def sent(servers: dict[str, VendorServer], case: Case, **options: Any) -> tuple[Any, list[str]]:
    """What a server was sent, and what the answer warns of."""
    server = servers.get(case.server, servers["openai"])
    ending = {"anthropic": "/v1", "gemini": "/v1beta"}.get(case.server, "")
    async with backend(case, base_url=f"{server.url}/hello{ending}", api_key="key") as llm:
        response = await llm.complete("Hi", **options)
    return server.asked("hello")[-1].json, [warning.parameter for warning in response.warnings]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_the_server_gets_the_vendors_own_field(servers: dict[str, VendorServer], case: Case) -> None:
    """The sent body has it, with the vendor's own type if its SDK has one; the answer has the warnings."""
    bare, _ = await sent(servers, case)
    body, warned = await sent(servers, case, **case.options)
    assert added(body, bare) == case.added
    assert tuple(warned) == case.warned
    if case.server in ("openai", "groq", "mistral", "xai", "ollama", "vllm"):
        told = {key: value for key, value in body.items() if key == "reasoning_effort" and value != "default"}
        checked = OPENAI_TYPE.validate_python({"model": "m", "messages": [], "stream": True, **told})
        assert checked.get("reasoning_effort") == told.get("reasoning_effort")
    elif case.server == "anthropic":
        told = {key: body[key] for key in ("thinking", "output_config", "max_tokens") if key in body}
        checked = ANTHROPIC_TYPE.validate_python({"model": "m", "messages": [], "stream": True, **told})
        assert checked.get("thinking") == told.get("thinking")
        budget = body.get("thinking", {}).get("budget_tokens")
        assert budget is None or 1024 <= budget < body["max_tokens"]
    elif case.server == "gemini":
        config = body.get("generationConfig", {}).get("thinkingConfig")
        if config is not None:
            theirs = genai.ThinkingConfig.model_validate(config)
            assert theirs.model_dump(by_alias=True, exclude_none=True, mode="json") == config
    elif case.server == "ollama-native":
        assert OllamaRequest.model_validate(body).think == body.get("think")


@pytest.mark.parametrize("preset", ["vllm", "llamacpp", "ollama"])
async def test_a_private_request_to_this_machine_may_set_thinking(
    servers: dict[str, VendorServer], preset: Any
) -> None:
    """The option names no other model or place."""
    server = servers["openai"]
    llm = bl.OpenAI("qwen3", preset=preset, base_url=f"{server.url}/hello", leaves_device=False)
    async with llm:
        response = await llm.complete("Hi", thinking=False, private=True)
    assert response.text
    body = [asked.json for asked in server.asked("hello") if asked.path.endswith("/chat/completions")][-1]
    assert {"reasoning_effort", "chat_template_kwargs"} & set(body)
