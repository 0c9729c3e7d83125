"""What each vendor is sent for ``thinking``, by model: the vendors' own fields, documented in `cloud/thinking.py`."""

from __future__ import annotations

from typing import Any, NamedTuple

import browserllm as bl

WEATHER = bl.Tool("weather", "Tells the weather", {"type": "object", "properties": {"city": {"type": "string"}}})


class Case(NamedTuple):
    """A request to ``server`` (a preset of `OpenAI`, or another backend), the fields it adds, and what is warned of."""

    server: str
    model: str
    options: dict[str, Any]
    added: dict[str, Any]
    warned: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What to call the case."""
        said = ", ".join(f"{key}={value!r}" for key, value in self.options.items() if key not in ("tools",))
        return f"{self.server} {self.model} {said}"


def _cases(server: str, model: str, *rows: tuple[Any, dict[str, Any]] | tuple[Any, dict[str, Any], str]) -> list[Case]:
    return [Case(server, model, {"thinking": row[0]}, row[1], tuple(row[2:])) for row in rows]


def _effort(value: str) -> dict[str, Any]:
    return {"reasoning_effort": value}


def _claude(*, effort: str = "", **thinking: Any) -> dict[str, Any]:
    return {"thinking": thinking, **({"output_config": {"effort": effort}} if effort else {})}


def _gemini(**config: Any) -> dict[str, Any]:
    return {"generationConfig": {"thinkingConfig": config}}


def _kwargs(switch: bool, **more: Any) -> dict[str, Any]:
    return {"chat_template_kwargs": {"enable_thinking": switch, "thinking": switch, **more}}


_SHORT = "thinking"
_ADAPTIVE: dict[str, Any] = {"type": "adaptive", "display": "summarized"}
_TOOLS: dict[str, Any] = {"tools": [WEATHER], "tool_choice": "required"}

CASES: list[Case] = [
    # OpenAI
    *_cases(
        "openai",
        "gpt-6-luna",
        (None, {}),
        (False, _effort("none")),
        (True, _effort("medium")),
        ("low", _effort("low")),
        ("medium", _effort("medium")),
        ("high", _effort("high")),
    ),
    *_cases("openai", "gpt-5.1", (False, _effort("none")), (True, _effort("medium"))),
    *_cases("openai", "gpt-5-mini", (False, _effort("minimal"), _SHORT), (True, _effort("medium"))),
    *_cases("openai", "gpt-5-2025-08-07", (False, _effort("minimal"), _SHORT)),
    *_cases("openai", "gpt-6-astra", (False, _effort("low"), _SHORT), ("high", _effort("high"))),
    *_cases("openai", "gpt-6.1-sol", (False, _effort("low"), _SHORT)),
    *_cases("openai", "o3", (False, _effort("low"), _SHORT), ("high", _effort("high"))),
    *_cases("openai", "o1-mini", (False, {}, _SHORT), (True, {}), ("low", {}, _SHORT)),
    *_cases("openai", "gpt-4o", (False, {}), (True, {}, _SHORT), ("low", {}, _SHORT)),
    *_cases("openai", "ft:gpt-4.1-mini:me::1", (False, {}), (True, {}, _SHORT)),
    *_cases("openai", "gpt-5.3-chat-latest", (True, _effort("medium")), ("high", _effort("medium"), _SHORT)),
    *_cases("openai", "gpt-5-pro", (True, {}, _SHORT), (False, {}, _SHORT)),
    *_cases("openai", "something-new", (True, {}, _SHORT), (False, {}, _SHORT)),
    Case("openai", "gpt-6-luna", {"thinking": True, "tools": [WEATHER]}, _effort("none"), (_SHORT,)),
    Case("openai", "gpt-6-luna", {"thinking": False, "tools": [WEATHER]}, _effort("none")),
    Case("openai", "gpt-5.1", {"thinking": True, "tools": [WEATHER]}, _effort("medium")),
    Case(
        "openai",
        "gpt-6-luna",
        {"thinking": True, "temperature": 0.5, "logprobs": True, "max_tokens": 99},
        {**_effort("medium"), "max_completion_tokens": 99},
        ("temperature", "logprobs"),
    ),
    Case("openai", "gpt-6-luna", {"thinking": False, "temperature": 0.5}, {**_effort("none"), "temperature": 0.5}),
    Case("openai", "gpt-4o", {"thinking": False, "temperature": 0.5}, {"temperature": 0.5}),
    # OpenRouter
    *_cases(
        "openrouter",
        "anthropic/claude-opus-5.5",
        (False, {"reasoning": {"effort": "none"}}),
        (True, {"reasoning": {"enabled": True}}),
        ("low", {"reasoning": {"effort": "low"}}),
    ),
    # Groq
    *_cases("groq", "openai/gpt-oss-120b", (False, _effort("low"), _SHORT), (True, _effort("medium"))),
    *_cases(
        "groq",
        "qwen/qwen3-32b",
        (False, _effort("none")),
        (True, {**_effort("default"), "reasoning_format": "parsed"}),
        ("high", {**_effort("default"), "reasoning_format": "parsed"}, _SHORT),
    ),
    *_cases("groq", "llama-3.3-70b-versatile", (False, {}), (True, {}, _SHORT)),
    # Mistral
    *_cases(
        "mistral",
        "mistral-small-latest",
        (False, _effort("none")),
        (True, _effort("high")),
        ("low", _effort("high"), _SHORT),
        ("high", _effort("high")),
    ),
    *_cases("mistral", "magistral-medium-latest", (False, {}, _SHORT), (True, {})),
    *_cases("mistral", "codestral-latest", (False, {}), (True, {}, _SHORT)),
    *_cases("mistral", "mistral-large-4-0", (True, {}, _SHORT)),
    # DeepSeek
    *_cases(
        "deepseek",
        "deepseek-flash",
        (False, {"thinking": {"type": "disabled"}}),
        (True, {"thinking": {"type": "enabled"}}),
        ("low", {"thinking": {"type": "enabled"}, **_effort("low")}),
        ("medium", {"thinking": {"type": "enabled"}, **_effort("medium")}, _SHORT),
    ),
    Case("deepseek", "deepseek-flash", {"thinking": True, **_TOOLS}, {"thinking": {"type": "disabled"}}, (_SHORT,)),
    Case(
        "deepseek",
        "deepseek-flash",
        {"thinking": True, "temperature": 0.5, "top_p": 0.5},
        {"thinking": {"type": "enabled"}, "top_p": 0.5},
        ("temperature",),
    ),
    # Together
    *_cases(
        "together",
        "Qwen/Qwen3.5-9B",
        (False, {"reasoning": {"enabled": False}}),
        (True, {"reasoning": {"enabled": True}}),
        ("low", {"reasoning": {"enabled": True}}, _SHORT),
    ),
    *_cases("together", "openai/gpt-oss-20b", (True, _effort("medium")), (False, _effort("low"), _SHORT)),
    *_cases("together", "MiniMaxAI/MiniMax-M2.7", (True, {}), (False, {}, _SHORT)),
    *_cases("together", "who/knows", (True, {}, _SHORT), (False, {}, _SHORT)),
    # xAI
    *_cases("xai", "grok-4.3", (False, _effort("none")), (True, _effort("low")), ("medium", _effort("medium"))),
    *_cases("xai", "grok-3-mini", (False, _effort("low"), _SHORT), ("medium", _effort("high"), _SHORT)),
    *_cases("xai", "grok-4-fast-reasoning", (True, {}), ("high", {}, _SHORT), (False, {}, _SHORT)),
    *_cases("xai", "grok-4-fast-non-reasoning", (True, {}, _SHORT), (False, {})),
    Case("xai", "grok-4.3", {"thinking": "high", "stop": ["x"]}, _effort("high"), ("stop",)),
    # servers of one's own
    *_cases(
        "vllm",
        "Qwen/Qwen3-8B",
        (False, _kwargs(False)),
        (True, _kwargs(True)),
        ("low", {**_kwargs(True), **_effort("low")}),
    ),
    *_cases(
        "llamacpp",
        "any",
        (False, _kwargs(False)),
        (True, _kwargs(True)),
        ("low", _kwargs(True, reasoning_effort="low")),
    ),
    *_cases("lmstudio", "qwen3", (False, {}, _SHORT), (True, {}, _SHORT)),
    *_cases("ollama", "qwen3", (False, _effort("none")), (True, _effort("medium")), ("high", _effort("high"))),
    # Anthropic
    *_cases(
        "anthropic",
        "claude-haiku-5-5",
        (None, {}),
        (False, _claude(type="disabled")),
        (True, _claude(**_ADAPTIVE)),
        ("low", _claude(effort="low", **_ADAPTIVE)),
        ("high", _claude(effort="high", **_ADAPTIVE)),
    ),
    *_cases("anthropic", "claude-opus-5", (False, _claude(type="disabled"))),
    *_cases("anthropic", "claude-sonnet-4-6", (True, _claude(**_ADAPTIVE))),
    *_cases("anthropic", "claude-sonnet-5-5", (False, _claude(type="between_tools"))),
    *_cases(
        "anthropic",
        "claude-opus-5-5",
        (False, {"output_config": {"effort": "low"}}, _SHORT),
        ("medium", _claude(effort="medium", **_ADAPTIVE)),
    ),
    *_cases("anthropic", "claude-fable-5-2", (False, {"output_config": {"effort": "low"}}, _SHORT)),
    *_cases(
        "anthropic",
        "claude-haiku-4-5-20251001",
        (False, _claude(type="disabled")),
        (True, {**_claude(type="enabled", budget_tokens=8192), "max_tokens": 24_576}),
        ("low", {**_claude(type="enabled", budget_tokens=2048), "max_tokens": 18_432}),
        ("high", {**_claude(type="enabled", budget_tokens=15_000), "max_tokens": 31_384}),
    ),
    *_cases("anthropic", "claude-3-5-haiku-latest", (False, {}), (True, {}, _SHORT)),
    Case(
        "anthropic",
        "claude-opus-4-5",
        {"thinking": "high", "max_tokens": 6000},
        {**_claude(type="enabled", budget_tokens=3000), "max_tokens": 6000},
        (_SHORT,),
    ),
    Case(
        "anthropic",
        "claude-opus-4-1",
        {"thinking": True, "max_tokens": 40_000},
        {**_claude(type="enabled", budget_tokens=8192), "max_tokens": 40_000},
    ),
    Case("anthropic", "claude-opus-4-1", {"thinking": True, "max_tokens": 500}, {"max_tokens": 500}, (_SHORT,)),
    Case("anthropic", "claude-sonnet-4-5", {"thinking": True, **_TOOLS}, {}, (_SHORT,)),
    Case("anthropic", "claude-sonnet-5", {"thinking": True, **_TOOLS}, _claude(**_ADAPTIVE)),
    # Gemini
    *_cases(
        "gemini",
        "gemini-3.8-flash",
        (None, {}),
        (False, _gemini(thinkingLevel="LOW"), _SHORT),
        (True, _gemini(includeThoughts=True)),
        ("low", _gemini(includeThoughts=True, thinkingLevel="LOW")),
        ("high", _gemini(includeThoughts=True, thinkingLevel="HIGH")),
    ),
    *_cases("gemini", "gemini-3.5-flash-lite", (False, _gemini(thinkingLevel="MINIMAL"), _SHORT)),
    *_cases("gemini", "gemini-3.1-flash-lite", (True, _gemini(includeThoughts=True, thinkingLevel="MEDIUM"))),
    *_cases("gemini", "gemini-4-argon", ("medium", _gemini(includeThoughts=True, thinkingLevel="MEDIUM"))),
    *_cases(
        "gemini",
        "gemini-2.5-flash",
        (False, _gemini(thinkingBudget=0)),
        (True, _gemini(includeThoughts=True, thinkingBudget=-1)),
        ("low", _gemini(includeThoughts=True, thinkingBudget=1024)),
        ("medium", _gemini(includeThoughts=True, thinkingBudget=8192)),
        ("high", _gemini(includeThoughts=True, thinkingBudget=24_576)),
    ),
    *_cases("gemini", "gemini-2.5-pro", (False, _gemini(thinkingBudget=128), _SHORT)),
    *_cases("gemini", "gemini-2.0-flash", (False, {}), (True, {}, _SHORT)),
    *_cases("gemini", "tunedModels/mine", (False, {}, _SHORT), (True, {}, _SHORT)),
    Case(
        "gemini",
        "models/gemini-2.5-flash",
        {"thinking": False, "temperature": 0.5},
        {"generationConfig": {"temperature": 0.5, "thinkingConfig": {"thinkingBudget": 0}}},
    ),
    # Ollama
    *_cases(
        "ollama-native",
        "qwen3",
        (None, {}),
        (False, {"think": False}),
        (True, {"think": True}),
        ("high", {"think": True}, _SHORT),
    ),
    *_cases(
        "ollama-native",
        "gpt-oss:20b",
        (False, {"think": "low"}, _SHORT),
        (True, {"think": "medium"}),
        ("high", {"think": "high"}),
    ),
]

_KINDS = {"anthropic": bl.Anthropic, "gemini": bl.Gemini, "ollama-native": bl.Ollama}


def backend(case: Case, **options: Any) -> bl.OpenAI | bl.Anthropic | bl.Gemini | bl.Ollama:
    """The backend of a case."""
    kind = _KINDS.get(case.server)
    if kind is not None:
        return kind(case.model, **options)
    return bl.OpenAI(case.model, preset=case.server, **options)  # type: ignore[arg-type]


def added(body: dict[str, Any], bare: dict[str, Any]) -> dict[str, Any]:
    """What a body has more, or otherwise, than that of a bare request."""
    return {
        key: value
        for key, value in body.items()
        if key not in ("tools", "tool_choice", "toolConfig") and bare.get(key) != value
    }
