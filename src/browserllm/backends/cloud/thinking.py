"""Translates `ChatRequest.thinking` into each vendor's fields: whether a model thinks before it answers, and how much.

From the vendors' documentation, read on 2026-11-29, unless noted:

- OpenAI: developers.openai.com/api/docs/guides/reasoning, .../guides/deployment-checklist (with thinking no
  ``temperature``, ``top_p``, logprobs; GPT-5.4 and later call functions in chat completions only with the effort
  ``none``: community.openai.com/t/1386454); which efforts each model takes: the reference of ``reasoning_effort`` and
  pydantic-ai's profiles/openai.py, whose authors tried them
- Anthropic: platform.claude.com/docs/en/build-with-claude/thinking, .../effort, the pages "What's new" of Opus 5.5 and
  Sonnet 5.5; for older models .../extended-thinking (``budget_tokens`` is at least 1,024 and below ``max_tokens``, and
  forced tools are refused beside it)
- Gemini: ai.google.dev/gemini-api/docs/thinking (levels from Gemini 3 on, budgets before); which levels: the models'
  pages; ai.google.dev/gemini-api/docs/openai (what a level of effort is as a budget)
- Ollama: docs.ollama.com/capabilities/thinking (gpt-oss takes levels, and nothing else), .../api/openai-compatibility
- OpenRouter: openrouter.ai/docs/use-cases/reasoning-tokens
- Groq: console.groq.com/docs/reasoning
- Mistral: docs.mistral.ai/capabilities/reasoning/adjustable
- DeepSeek: api-docs.deepseek.com/guides/thinking_mode (``medium`` counts as ``high`` there; ``temperature`` and the
  penalties do nothing; forced tools are refused)
- Together: docs.together.ai/docs/inference/chat/reasoning
- xAI: docs.x.ai/developers/model-capabilities/text/reasoning; which models refuse the field: .../docs/guides/reasoning
- vLLM: docs.vllm.ai/en/latest/features/reasoning_outputs (``thinking`` for DeepSeek V3.1 and Granite,
  ``enable_thinking`` for Qwen and most others); a template takes of it what it knows
- llama.cpp: the README of tools/server (``chat_template_kwargs``)
- LM Studio takes neither on /v1/chat/completions: github.com/lmstudio-ai/lmstudio-bug-tracker/issues/988, 2195, 2413

For a model in none of these tables nothing is sent, and the answer has a warning: most vendors refuse a field that the
model does not support.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

from ...constrained.tool_calls.choice import tool_choice_of
from ...types import ChatRequest, ThinkingEffort
from ..base import unsupported
from ..draft import Draft
from .local_only import merged

ThinkingFormat = Literal[
    "openai",
    "openrouter",
    "groq",
    "mistral",
    "deepseek",
    "together",
    "xai",
    "template",
    "template_effort",
    "effort",
]
"""How a server of chat completions switches thinking; see `chat_completion_thinking`."""


class ThinkingFields(NamedTuple):
    """The fields to merge into a body.

    ``shortfall`` says how they differ from the request, if they do: the problem, and after "; " what was done.
    ``excludes`` are the parameters that the vendor does not accept together with them.
    """

    body: dict[str, Any]
    shortfall: str = ""
    excludes: tuple[str, ...] = ()


class Efforts(NamedTuple):
    """The values of a model's effort field: the one for no thinking, the levels from the least on, and the usual one.

    With ``off=None`` the model always thinks; without ``levels`` its effort cannot be set.
    """

    off: str | None
    levels: tuple[str, ...] = ("low", "medium", "high")
    on: str = "medium"


NEVER = Efforts(off="", levels=())
"""A model that does not think."""

ALWAYS = Efforts(off=None, levels=())
"""A model that always thinks, with an effort of its own choice."""

Table = Sequence[tuple[str, Efforts | None]]
"""Efforts by the beginning of a model's name, ``None`` if they are unknown; the first pattern that fits counts."""

_SWITCHED = Efforts(off="none")
_STEADY = Efforts(off=None)

_OPENAI: Table = (
    ("gpt-5-chat|gpt-[34]|chatgpt-4", NEVER),
    (r"gpt-5\.\d-chat", Efforts(off=None, levels=("medium",))),
    # These models answer on another endpoint.
    ("gpt-.*(pro|codex)", None),
    (r"gpt-5(-mini|-nano)?(-\d{4}-|$)", Efforts(off=None, levels=("minimal", "low", "medium", "high"))),
    (r"gpt-6-astra|gpt-6\.1-sol|gpt-oss", _STEADY),
    (r"gpt-5\.\d|gpt-6-(sol|luna)|gpt-6\.1-terra", _SWITCHED),
    ("o1-(mini|preview)", ALWAYS),
    (r"o[134](-|$)", _STEADY),
)
_NO_EFFORT_BESIDE_TOOLS = re.compile(r"gpt-(5\.[4-9]|6)")
_SAMPLING = (
    "temperature",
    "top_p",
    "frequency_penalty",
    "presence_penalty",
    "logit_bias",
    "logprobs",
    "top_logprobs",
)
_GROQ: Table = (
    ("openai/gpt-oss", _STEADY),
    ("qwen/qwen3-32b", Efforts(off="none", levels=("default",), on="default")),
    ("deepseek-r1|qwen-qwq", ALWAYS),
    ("(meta-llama/)?llama-3|gemma", NEVER),
)
_MISTRAL: Table = (
    ("magistral", ALWAYS),
    ("mistral-(small-(latest|2603|4)|medium-(latest|3-5))", Efforts(off="none", levels=("high",), on="high")),
    ("ministral|codestral|devstral|pixtral|open-mi|mistral-(small|medium|large)-2", NEVER),
)
_XAI: Table = (
    (r"grok-4\.3|grok-latest", Efforts(off="none", on="low")),
    ("grok-3-mini", Efforts(off=None, levels=("low", "high"), on="low")),
    (".*non-reasoning|grok-[23]", NEVER),
    (".*reasoning|grok-4(-0709|-latest)?$|grok-code", ALWAYS),
)
_TOGETHER_OSS: Table = (("openai/gpt-oss", _STEADY),)
_TOGETHER_HYBRID = re.compile(
    r"deepseek-ai/DeepSeek-V(3\.1|4)|zai-org/GLM-(4\.[5-9]|5)|moonshotai/Kimi-K2\.[5-9]|Qwen/Qwen3\.[5-9]|deepcogito/"
)
_TOGETHER_ALWAYS = re.compile(r"deepseek-ai/DeepSeek-R1|Qwen/QwQ|MiniMaxAI/|moonshotai/Kimi-K2-Thinking")


def add_thinking(
    body: dict[str, Any],
    request: ChatRequest,
    draft: Draft,
    ask: Callable[[], ThinkingFields],
) -> dict[str, Any]:
    """Return a body with the fields for the request's ``thinking``; report what cannot be honoured.

    ``ask`` returns the vendor's fields.
    """
    if request.thinking is None:
        return body
    fields = ask()
    if fields.shortfall:
        problem, _, instead = fields.shortfall.partition("; ")
        unsupported(draft, "thinking", problem, instead)
    body = dict(body)
    for parameter in fields.excludes:
        if body.pop(parameter, None) is not None:
            unsupported(draft, parameter, "this API does not support it together with thinking", "it was left out")
    return merged(body, fields.body)


# Chat completions


def chat_completion_thinking(
    thinking_format: ThinkingFormat | None, request: ChatRequest, model: str
) -> ThinkingFields:
    """Return the fields for a server of chat completions; without a format there is no field for it."""
    thinking = request.thinking
    if thinking_format == "openai":
        return _openai(request, model)
    if thinking_format == "groq":
        told = _by_table(_GROQ, request, model)
        # Otherwise the thoughts are part of the text.
        parsed = thinking is not False and told.body and model.startswith("qwen/")
        return told._replace(body={**told.body, "reasoning_format": "parsed"}) if parsed else told
    if thinking_format == "mistral":
        return _by_table(_MISTRAL, request, model)
    if thinking_format == "xai":
        told = _by_table(_XAI, request, model)
        thinks = told.body.get("reasoning_effort", "none") != "none"
        return told._replace(excludes=("presence_penalty", "frequency_penalty", "stop")) if thinks else told
    if thinking_format == "together":
        return _together(request, model)
    if thinking_format == "deepseek":
        return _deepseek(request)
    if thinking_format == "openrouter":
        if thinking is True:
            return ThinkingFields({"reasoning": {"enabled": True}})
        return ThinkingFields({"reasoning": {"effort": thinking or "none"}})
    if thinking_format == "effort":
        return ThinkingFields({"reasoning_effort": "medium" if thinking is True else thinking or "none"})
    if thinking_format is not None:
        return _template(thinking_format, thinking)
    return ThinkingFields(
        {}, "this server has no option for it (set it in the server's configuration); it was left out"
    )


def _openai(request: ChatRequest, model: str) -> ThinkingFields:
    name = re.sub("^(openai/|ft:)", "", model)
    told = _by_table(_OPENAI, request, model, name)
    effort = told.body.get("reasoning_effort", "none")
    if effort == "none":
        return told
    if request.tools and _NO_EFFORT_BESIDE_TOOLS.match(name) and _find(_OPENAI, name) == _SWITCHED:
        why = f"{model!r} does not think with tools in chat completions; thinking was switched off"
        return ThinkingFields({"reasoning_effort": "none"}, why)
    return told._replace(excludes=_SAMPLING)


def _together(request: ChatRequest, model: str) -> ThinkingFields:
    thinking = request.thinking
    if _TOGETHER_HYBRID.match(model):
        short = f"{model!r} has no efforts here; thinking was only switched on" if isinstance(thinking, str) else ""
        return ThinkingFields({"reasoning": {"enabled": thinking is not False}}, short)
    table = ((".", ALWAYS),) if _TOGETHER_ALWAYS.match(model) else _TOGETHER_OSS
    return _by_table(table, request, model)


def _deepseek(request: ChatRequest) -> ThinkingFields:
    thinking = request.thinking
    if thinking is False:
        return ThinkingFields({"thinking": {"type": "disabled"}})
    if _is_forced(request):
        return ThinkingFields({"thinking": {"type": "disabled"}}, "a model that must call a tool does not think here")
    effort = {"reasoning_effort": thinking} if isinstance(thinking, str) else {}
    short = "this API has no effort 'medium' and treats it as 'high'" if thinking == "medium" else ""
    alone = ("temperature", "presence_penalty", "frequency_penalty")
    return ThinkingFields({"thinking": {"type": "enabled"}, **effort}, short, alone)


def _template(thinking_format: ThinkingFormat, thinking: bool | ThinkingEffort | None) -> ThinkingFields:
    """Return the options that a server passes on to the model's template, which ignores unknown ones."""
    switches: dict[str, Any] = {"enable_thinking": thinking is not False, "thinking": thinking is not False}
    if not isinstance(thinking, str):
        return ThinkingFields({"chat_template_kwargs": switches})
    if thinking_format == "template_effort":
        return ThinkingFields({"chat_template_kwargs": switches, "reasoning_effort": thinking})
    return ThinkingFields({"chat_template_kwargs": {**switches, "reasoning_effort": thinking}})


def _by_table(table: Table, request: ChatRequest, model: str, name: str | None = None) -> ThinkingFields:
    efforts = _find(table, model if name is None else name)
    if efforts is None:
        return _unknown(model)
    value, short = _effort(efforts, request.thinking, model)
    return ThinkingFields({"reasoning_effort": value} if value else {}, short)


def _find(table: Table, name: str) -> Efforts | None:
    return next((efforts for pattern, efforts in table if re.match(pattern, name)), None)


def _unknown(model: str) -> ThinkingFields:
    return ThinkingFields(
        {},
        f"thinking is not known for {model!r} (set the vendor's own field in extra_body); the option was left out",
    )


def _effort(efforts: Efforts, thinking: bool | ThinkingEffort | None, model: str) -> tuple[str, str]:
    """Return the nearest value of the effort field, and a description of the difference."""
    levels = efforts.levels
    if thinking is False:
        if efforts.off is not None:
            return efforts.off, ""
        if not levels:
            return "", f"{model!r} always thinks; nothing was sent"
        return levels[0], f"{model!r} always thinks; the least effort, {levels[0]!r}, was used"
    if efforts is NEVER:
        return "", f"{model!r} does not think; the option was left out"
    if thinking is True:
        return (efforts.on if efforts.on in levels else next(iter(levels), "")), ""
    if not levels:
        return "", f"{model!r} chooses its own effort; yours was left out"
    if thinking in levels:
        return str(thinking), ""
    order = ("low", "medium", "high")
    # Rather a higher level than a lower one.
    above = [level for level in levels if level in order and order.index(level) >= order.index(str(thinking))]
    nearest = above[0] if above else levels[-1]
    return nearest, f"{model!r} has no effort {thinking!r}; {nearest!r} was used"


def _is_forced(request: ChatRequest) -> bool:
    """Return whether the model must call a tool."""
    choice = tool_choice_of(request)
    return bool(request.tools) and choice is not None and choice.mode in ("required", "named")


# Anthropic

_CLAUDE: tuple[tuple[str, Literal["never", "budget", "always", "between_tools"]], ...] = (
    ("claude-(2|3-[05]|3-(opus|sonnet|haiku)|instant)", "never"),
    ("claude-(3-7|(opus|sonnet|haiku)-4(?!-[6-9]))", "budget"),
    ("claude-(fable|mythos)|claude-opus-5-5", "always"),
    ("claude-sonnet-5-5", "between_tools"),
)
_BUDGETS: dict[bool | ThinkingEffort, int] = {True: 8192, "low": 2048, "medium": 8192, "high": 15_000}
"""Tokens for thoughts. With the usual room for the answer the largest stays below the 32,000 of Claude Opus 4."""

_LEAST_BUDGET = 1024


def anthropic_thinking(request: ChatRequest, model: str, max_tokens: int) -> ThinkingFields:
    """Return Anthropic's fields. ``max_tokens`` covers thoughts and answer together."""
    thinking = request.thinking
    kind = next((kind for pattern, kind in _CLAUDE if re.search(pattern, model)), "adaptive")
    if kind == "never":
        return ThinkingFields({}, f"{model!r} does not think; the option was left out" if thinking is not False else "")
    if thinking is False:
        if kind == "always":
            why = f"{model!r} always thinks; the least effort, 'low', was used"
            return ThinkingFields({"output_config": {"effort": "low"}}, why)
        return ThinkingFields({"thinking": {"type": "between_tools" if kind == "between_tools" else "disabled"}})
    if kind == "budget":
        return _budget(request, model, max_tokens)
    # Without `display` newer models send only the signatures of their thoughts.
    told: dict[str, Any] = {"thinking": {"type": "adaptive", "display": "summarized"}}
    return ThinkingFields({**told, "output_config": {"effort": thinking}} if isinstance(thinking, str) else told)


def _budget(request: ChatRequest, model: str, max_tokens: int) -> ThinkingFields:
    wanted = _BUDGETS[request.thinking or True]
    if _is_forced(request):
        return ThinkingFields({}, f"{model!r} does not think if it must call a tool; thinking was left out")
    if request.max_tokens is None:
        enabled = {"type": "enabled", "budget_tokens": wanted}
        return ThinkingFields({"thinking": enabled, "max_tokens": max_tokens + wanted})
    # The caller's limit covers both.
    budget = min(wanted, max_tokens // 2)
    if budget < _LEAST_BUDGET:
        least = 2 * _LEAST_BUDGET
        why = f"max_tokens={max_tokens} leaves no room for thoughts (set at least {least}); thinking was left out"
        return ThinkingFields({}, why)
    short = f"max_tokens={max_tokens} leaves {budget} tokens for thoughts, not {wanted}" if budget < wanted else ""
    return ThinkingFields({"thinking": {"type": "enabled", "budget_tokens": budget}}, short)


# Gemini

_GEMINI_BUDGETS: dict[bool | ThinkingEffort, int] = {True: -1, "low": 1024, "medium": 8192, "high": 24_576}
_GEMINI_LEAST = 128


def gemini_thinking(request: ChatRequest, model: str) -> ThinkingFields:
    """Return Gemini's fields; thoughts are shown if thinking is switched on."""
    thinking = request.thinking
    name = model.removeprefix("models/")
    if re.match(r"gemini-(1|2\.0)|gemma-[123]", name):
        return ThinkingFields({}, f"{model!r} does not think; the option was left out" if thinking is not False else "")
    if thinking is False:
        config, short = _gemini_off(name, model)
        return ThinkingFields(_thinking_config(**config), short) if config else _unknown(model)
    if name.startswith("gemini-2.5"):
        return ThinkingFields(_thinking_config(includeThoughts=True, thinkingBudget=_GEMINI_BUDGETS[thinking or True]))
    if not _has_levels(name):
        return _unknown(model)
    if isinstance(thinking, str):
        return ThinkingFields(_thinking_config(includeThoughts=True, thinkingLevel=thinking.upper()))
    # The light models hardly think by default.
    light = {"thinkingLevel": "MEDIUM"} if "flash-lite" in name else {}
    return ThinkingFields(_thinking_config(includeThoughts=True, **light))


def _gemini_off(name: str, model: str) -> tuple[dict[str, Any], str]:
    if name.startswith("gemini-2.5-flash"):
        return {"thinkingBudget": 0}, ""
    if name.startswith("gemini-2.5"):
        why = f"{model!r} always thinks; the least budget, {_GEMINI_LEAST} tokens, was used"
        return {"thinkingBudget": _GEMINI_LEAST}, why
    if not _has_levels(name):
        return {}, ""
    # Later models refuse the lowest level.
    level = "MINIMAL" if re.match(r"gemini-3(\.[15])?-flash", name) else "LOW"
    return {"thinkingLevel": level}, f"{model!r} always thinks; the lowest level, {level!r}, was used"


def _has_levels(name: str) -> bool:
    return re.match(r"gemini-([3-9]|flash|pro)", name) is not None


def _thinking_config(**fields: Any) -> dict[str, Any]:
    return {"generationConfig": {"thinkingConfig": fields}}


# Ollama


def ollama_thinking(request: ChatRequest, model: str) -> ThinkingFields:
    """Return Ollama's fields."""
    thinking = request.thinking
    if "gpt-oss" in model:
        level, short = _effort(_STEADY, thinking, model)
        return ThinkingFields({"think": level}, short)
    short = "only gpt-oss has efforts here; thinking was only switched on" if isinstance(thinking, str) else ""
    return ThinkingFields({"think": thinking is not False}, short)
