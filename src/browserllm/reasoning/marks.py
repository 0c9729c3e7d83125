"""The marks around thoughts, by family of models: facts of their chat templates.

As of 2026-11-29, from the templates on the Hub and from what reads them: vLLM's reasoning parsers
(docs.vllm.ai/en/latest/features/reasoning_outputs), ai.google.dev/gemma/docs/core/prompt-formatting-gemma4.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple


class Marks(NamedTuple):
    """What stands around a thought. ``framing`` is what a family puts around its answers, and is no part of them."""

    opening: str
    closings: tuple[str, ...]
    framing: tuple[str, ...] = ()


def _tags(*names: str) -> tuple[Marks, ...]:
    return tuple(Marks(f"<{name}>", (f"</{name}>",)) for name in names)


_ENDS = ("</think>", "</thinking>")  # small models mix the two up
THINK = (Marks("<think>", _ENDS), Marks("<thinking>", _ENDS))
"""DeepSeek R1, Qwen3, GLM, MiniMax, Nemotron, SmolLM3 and most others; Amazon Nova, and whom a prompt asked for it."""
MISTRAL = Marks("[THINK]", ("[/THINK]",))
GEMMA = Marks("<|channel>thought", ("<channel|>",))
GPT_OSS = Marks(
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
COHERE = Marks("<|START_THINKING|>", ("<|END_THINKING|>",), ("<|START_RESPONSE|>", "<|END_RESPONSE|>"))

GENERAL: tuple[Marks, ...] = (
    *THINK,
    *_tags("thought", "thoughts", "reason", "reasoning", "ant_thinking", "antThinking", "seed:think"),
    MISTRAL,
    GEMMA,
    GPT_OSS,
    COHERE,
    Marks("<|begin_of_thought|>", ("<|end_of_thought|>",)),  # OpenThinker
    Marks("◁think▷", ("◁/think▷",)),  # Kimi
)
"""Every mark that is known: for models and servers of which nothing more is."""

CLOSINGS = tuple(sorted({closing.lower() for marks in GENERAL for closing in marks.closings}))
"""What ends thoughts, in lower case."""


class Thinking(NamedTuple):
    """How the models of a family think.

    ``opens`` says that their template may open the thought, so that only its end is in the answer. ``kept`` is what the
    template writes around a thought of the turn that goes on (tools were called in it, and answered): of earlier turns
    no thought is sent again, and without ``kept`` none at all.
    """

    marks: tuple[Marks, ...] = GENERAL
    opens: bool = False
    kept: tuple[str, str] | None = None

    def written(self, thought: str) -> str:
        """Return a thought of the turn that goes on as the template has it; an empty text where it wants none."""
        thought = thought.strip()
        return f"{self.kept[0]}{thought}{self.kept[1]}" if self.kept is not None and thought else ""


_QWEN = ("<think>\n", "\n</think>\n\n")

# By how a family's name begins, the longer ones first.
_FAMILIES: tuple[tuple[str, Thinking], ...] = (
    ("Qwen3.5", Thinking(THINK, opens=True, kept=_QWEN)),
    ("Qwen3", Thinking(THINK, kept=_QWEN)),
    ("DeepSeek R1", Thinking(THINK, opens=True)),
    ("Ministral", Thinking((MISTRAL, *THINK), kept=("[THINK]", "[/THINK]"))),
    ("Gemma 4", Thinking((GEMMA, *THINK), kept=("<|channel>thought\n", "<channel|>"))),
)


def thinking_of(family: str) -> Thinking:
    """Return how a family (`ModelCard.family`) thinks; one of which nothing is known may write any of the marks."""
    return next((thinking for start, thinking in _FAMILIES if family.startswith(start)), Thinking())


_OPENED = re.compile(r"deepseek[-_/ ]?r1|(?:^|[-_/.: ])(?:qwq|think|thinking|reasoner)(?:[-_/.: ]|$)|minimax-m[2-9]")


def template_opens(model: str) -> bool:
    """Say whether a model, by a server's name for it, has a template that opens the thought."""
    return _OPENED.search(model[:256].lower()) is not None


def opens_thought(prompt_end: str, marks: Iterable[Marks] = GENERAL) -> bool:
    """Say whether a prompt that ends so has opened a thought, which the answer goes on with."""
    return prompt_end.rstrip().lower().endswith(tuple(each.opening.lower() for each in marks))
