"""The markers around thoughts for each model family, taken from the chat templates.

Sources, as of 2026-11-29: the templates on the Hub, vLLM's reasoning parsers
(docs.vllm.ai/en/latest/features/reasoning_outputs), ai.google.dev/gemma/docs/core/prompt-formatting-gemma4.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple


class Markers(NamedTuple):
    """The markers around a thought. ``framing`` is what a family puts around its answers; it is not part of them."""

    opening: str
    closings: tuple[str, ...]
    framing: tuple[str, ...] = ()


def _tags(*names: str) -> tuple[Markers, ...]:
    return tuple(Markers(f"<{name}>", (f"</{name}>",)) for name in names)


_ENDS = ("</think>", "</thinking>")  # small models mix the two up
THINK = (Markers("<think>", _ENDS), Markers("<thinking>", _ENDS))
"""DeepSeek R1, Qwen3, GLM, MiniMax, Nemotron, SmolLM3 and most others; Amazon Nova, and models prompted to use it."""
MISTRAL = Markers("[THINK]", ("[/THINK]",))
GEMMA = Markers("<|channel>thought", ("<channel|>",))
GPT_OSS = Markers(
    "<|channel|>analysis<|message|>",
    ("<|end|>", "<|channel|>final<|message|>"),
    (
        "<|start|>assistant",
        "<|channel|>final<|message|>",
        "<|channel|>commentary<|message|>",
        "<|end|>",
        "<|return|>",
    ),
)
COHERE = Markers("<|START_THINKING|>", ("<|END_THINKING|>",), ("<|START_RESPONSE|>", "<|END_RESPONSE|>"))

ALL_MARKERS: tuple[Markers, ...] = (
    *THINK,
    *_tags("thought", "thoughts", "reason", "reasoning", "ant_thinking", "antThinking", "seed:think"),
    MISTRAL,
    GEMMA,
    GPT_OSS,
    COHERE,
    Markers("<|begin_of_thought|>", ("<|end_of_thought|>",)),  # OpenThinker
    Markers("◁think▷", ("◁/think▷",)),  # Kimi
)
"""All known markers, for models and servers whose family is unknown."""

CLOSING_MARKERS = tuple(sorted({closing.lower() for markers in ALL_MARKERS for closing in markers.closings}))
"""All closing markers, in lower case."""


class Thinking(NamedTuple):
    """How the models of a family mark their thoughts.

    ``opens``: the template may open the thought, so that the answer has only its closing marker. ``history``: what the
    template writes around a thought of the current turn, once its tool calls have results. Thoughts of earlier turns
    are never sent again; without ``history``, neither are those of the current turn.
    """

    markers: tuple[Markers, ...] = ALL_MARKERS
    opens: bool = False
    history: tuple[str, str] | None = None

    def render(self, thought: str) -> str:
        """Write a thought of the current turn as the template does; an empty text if the template drops thoughts."""
        thought = thought.strip()
        return f"{self.history[0]}{thought}{self.history[1]}" if self.history is not None and thought else ""


_QWEN = ("<think>\n", "\n</think>\n\n")

# By the prefix of the family's name, longer prefixes first.
_FAMILIES: tuple[tuple[str, Thinking], ...] = (
    ("Qwen3.5", Thinking(THINK, opens=True, history=_QWEN)),
    ("Qwen3", Thinking(THINK, history=_QWEN)),
    ("DeepSeek R1", Thinking(THINK, opens=True)),
    ("Ministral", Thinking((MISTRAL, *THINK), history=("[THINK]", "[/THINK]"))),
    ("Gemma 4", Thinking((GEMMA, *THINK), history=("<|channel>thought\n", "<channel|>"))),
)


def thinking_for(family: str) -> Thinking:
    """Return how a family (`ModelCard.family`) marks its thoughts; an unknown family may use any marker."""
    return next((thinking for start, thinking in _FAMILIES if family.startswith(start)), Thinking())


_OPENED = re.compile(r"deepseek[-_/ ]?r1|(?:^|[-_/.: ])(?:qwq|think|thinking|reasoner)(?:[-_/.: ]|$)|minimax-m[2-9]")


def template_opens(model: str) -> bool:
    """Whether a model's template opens the thought, judged by the server's name for the model."""
    return _OPENED.search(model[:256].lower()) is not None


def opens_thought(prompt_end: str, markers: Iterable[Markers] = ALL_MARKERS) -> bool:
    """Whether a prompt with this end has opened a thought, which the answer continues."""
    return prompt_end.rstrip().lower().endswith(tuple(each.opening.lower() for each in markers))
