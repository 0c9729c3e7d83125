"""Presets for servers with OpenAI's chat completions: their URL, their key variable, and how they differ.

URLs, keys and unsupported fields are from their documentation, read on 2026-11-21, unless noted:

- OpenAI: developers.openai.com/api/reference (chat completions)
- OpenRouter: openrouter.ai/docs/api/reference
- Groq: console.groq.com/docs/openai ("currently unsupported": logprobs, logit_bias, top_logprobs, messages[].name, n)
- Mistral: docs.mistral.ai/api (random_seed). It refuses fields that it does not list, stream_options among them, and
  ids of calls that are not nine letters and digits: github.com/mistralai/platform-docs-public/issues/7,
  github.com/mistralai/client-js/issues/69
- DeepSeek: api-docs.deepseek.com (JSON without a schema; guides/thinking_mode: what was thought before a tool call must
  come back, and the field be there where nothing was: github.com/deepseek-ai/deepseek-harness/discussions/739)
- Kimi refuses calls without it, too: github.com/continuedev/continue/issues/11600; GLM and MiniMax ask for it:
  docs.z.ai/guides/capabilities/thinking-mode, platform.minimax.io/docs/guides/text-m2-function-call
- Together: docs.together.ai/docs/inference/openai-compatibility
- xAI: docs.x.ai/docs/api-reference
- LM Studio: lmstudio.ai/docs/developer/openai-compat. It refuses JSON without a schema:
  github.com/lmstudio-ai/lmstudio-bug-tracker/issues/189
- vLLM: docs.vllm.ai/en/latest/serving/openai_compatible_server.html (features/interleaved_thinking: ``reasoning``)
- llama.cpp: the README of tools/server
- Ollama: docs.ollama.com/api/openai-compatibility (see also `Ollama`, which speaks its own format)

`thinking` lists how each one switches thinking.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from .addresses import OLLAMA_OPENAI_ADDRESS_FORMAT, OPENAI_ADDRESS_FORMAT, AddressFormat
from .thinking import ThinkingFormat

PresetName = Literal[
    "openai",
    "openrouter",
    "groq",
    "mistral",
    "deepseek",
    "together",
    "xai",
    "lmstudio",
    "vllm",
    "llamacpp",
    "ollama",
]


class Returned(msgspec.Struct, frozen=True):
    """The ``field`` that returns the thinking of a turn with calls; ``without`` is its value if there was none."""

    field: str = ""
    without: str | None = None


NOWHERE = Returned()

RETURNED_TO: dict[str, Returned] = {
    "api.deepseek.com": Returned("reasoning_content", ""),
    "api.moonshot.ai": Returned("reasoning_content", " "),
    "api.moonshot.cn": Returned("reasoning_content", " "),
    "api.z.ai": Returned("reasoning_content"),
    "open.bigmodel.cn": Returned("reasoning_content"),
    "api.minimax.io": Returned("reasoning_content"),
    "api.minimaxi.com": Returned("reasoning_content"),
}
"""Hosts, with any preset, that refuse a chat unless the thinking before a call is sent back with it."""


class Preset(msgspec.Struct, frozen=True, kw_only=True):
    """A server with OpenAI's chat completions.

    ``refuses`` are the `ChatRequest` fields that it does not support, ``formats`` the response formats that it does.
    """

    base_url: str
    key_variables: tuple[str, ...] = ()
    key_hosts: tuple[str, ...] = ()
    """The hosts that get the environment's key; a server without any needs no key."""
    url_variables: tuple[str, ...] = ()
    """The environment variables for another base URL."""
    header_variables: dict[str, str] = {}
    """Environment variables that identify the account, and their headers."""
    address_format: AddressFormat = OPENAI_ADDRESS_FORMAT
    refuses: frozenset[str] = frozenset()
    formats: frozenset[str] = frozenset({"json_object", "json_schema"})
    tokens_field: str = "max_tokens"
    seed_field: str = "seed"
    names: bool = True
    """Whether messages may have a name."""
    stream_options: bool = True
    """Whether usage has to be requested (``stream_options``)."""
    short_call_ids: bool = False
    """Whether ids of tool calls must be nine letters and digits."""
    returns_reasoning: Returned = Returned()
    """How the thinking before a tool call is sent back with the history; see also `provider_metadata`."""
    thinking: ThinkingFormat | None = None
    """How it switches thinking, or ``None`` if it has no such option."""


PRESETS: dict[str, Preset] = {
    "openai": Preset(
        base_url="https://api.openai.com/v1",
        key_variables=("OPENAI_API_KEY",),
        key_hosts=("api.openai.com",),
        url_variables=("OPENAI_BASE_URL",),
        header_variables={"OPENAI_ORG_ID": "openai-organization", "OPENAI_PROJECT_ID": "openai-project"},
        refuses=frozenset({"top_k"}),
        tokens_field="max_completion_tokens",
        thinking="openai",
    ),
    "openrouter": Preset(
        base_url="https://openrouter.ai/api/v1",
        key_variables=("OPENROUTER_API_KEY",),
        key_hosts=("openrouter.ai",),
        returns_reasoning=Returned("reasoning"),
        thinking="openrouter",
    ),
    "groq": Preset(
        base_url="https://api.groq.com/openai/v1",
        key_variables=("GROQ_API_KEY",),
        key_hosts=("api.groq.com",),
        refuses=frozenset({"top_k", "logprobs", "top_logprobs", "logit_bias"}),
        tokens_field="max_completion_tokens",
        names=False,
        thinking="groq",
    ),
    "mistral": Preset(
        base_url="https://api.mistral.ai/v1",
        key_variables=("MISTRAL_API_KEY",),
        key_hosts=("api.mistral.ai",),
        refuses=frozenset({"top_k", "logprobs", "top_logprobs", "logit_bias"}),
        seed_field="random_seed",
        names=False,
        stream_options=False,
        short_call_ids=True,
        thinking="mistral",
    ),
    "deepseek": Preset(
        base_url="https://api.deepseek.com",
        key_variables=("DEEPSEEK_API_KEY",),
        key_hosts=("api.deepseek.com",),
        refuses=frozenset({"top_k", "seed", "logit_bias"}),
        formats=frozenset({"json_object"}),
        returns_reasoning=RETURNED_TO["api.deepseek.com"],
        thinking="deepseek",
    ),
    "together": Preset(
        base_url="https://api.together.ai/v1",
        key_variables=("TOGETHER_API_KEY",),
        key_hosts=("api.together.ai", "api.together.xyz"),
        thinking="together",
    ),
    "xai": Preset(
        base_url="https://api.x.ai/v1",
        key_variables=("XAI_API_KEY",),
        key_hosts=("api.x.ai",),
        refuses=frozenset({"top_k", "logit_bias"}),
        tokens_field="max_completion_tokens",
        thinking="xai",
    ),
    "lmstudio": Preset(base_url="http://127.0.0.1:1234/v1", formats=frozenset({"json_schema"})),
    "vllm": Preset(
        base_url="http://127.0.0.1:8000/v1", returns_reasoning=Returned("reasoning"), thinking="template_effort"
    ),
    "llamacpp": Preset(
        base_url="http://127.0.0.1:8080/v1", returns_reasoning=Returned("reasoning_content"), thinking="template"
    ),
    "ollama": Preset(
        base_url="http://127.0.0.1:11434/v1",
        url_variables=("OLLAMA_HOST",),
        address_format=OLLAMA_OPENAI_ADDRESS_FORMAT,
        refuses=frozenset({"top_k", "logit_bias"}),
        returns_reasoning=Returned("reasoning"),
        thinking="effort",
    ),
}
