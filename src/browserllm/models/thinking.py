"""How a local model is told whether to think: by its chat template's own switch, or by words in the system message."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..types import ThinkingEffort
from . import engines
from .catalog.card import ModelCard


class Switch(NamedTuple):
    """What a request's ``thinking`` comes to for a model.

    ``option`` is the page's ``thinking``, ``words`` are for the end of the system message, and ``short`` is what falls
    short of what was asked.
    """

    option: bool | None = None
    words: str = ""
    short: str = ""

    def arguments(self, messages: list[dict[str, Any]]) -> dict[str, Any]:
        """Return the page's arguments that have it rendered: messages as the page takes them, and its option."""
        if self.words:
            has_system = messages[0]["role"] == "system"
            text = f"{messages[0]['content']} {self.words}" if has_system else self.words
            messages = [{"role": "system", "content": text}, *messages[1 if has_system else 0 :]]
        return {"messages": messages, **({} if self.option is None else {"thinking": self.option})}


def switch_thinking(
    card: ModelCard | None,
    model: str,
    engine: str,
    thinking: bool | ThinkingEffort | None,
    *,
    held: bool = False,
) -> Switch:
    """Return how ``model`` is told on an engine; ``card`` is what the catalog knows of it.

    ``held`` says that the engine lets it write nothing but a form, which leaves no place for thoughts. A template that
    has no switch after all is for the page to find out and to say.
    """
    if thinking is None:
        return Switch()
    way = None if card is None else card.thinking
    on = thinking is not False
    if way == "never":
        return Switch(short=f"model {model!r} does not think; it was left out" if on else "")
    if on and held:
        off = switch_thinking(card, model, engine, thinking=False)
        return off._replace(short="an answer that is held to a form begins with it, so there are no thoughts before it")
    short = f"model {model!r} knows no effort {thinking!r}; it thinks as it likes" if isinstance(thinking, str) else ""
    if way == "always":
        return Switch(short=short if on else f"model {model!r} always thinks")
    if way == "words":
        return Switch(words="/think" if on else "/no_think", short=short)
    runtime = engines.find(engine)
    if way is None and runtime is not None and not runtime.reads_thinking_switch:
        why = (
            f"it is not known how model {model!r} is asked to think, so thinking was left out; say it in its card "
            "(ModelCard.thinking)"
        )
        return Switch(short=why)
    return Switch(option=on, short=short)


def begins_with_form(response_format: dict[str, Any] | None, tool_choice: str | dict[str, Any] | None) -> bool:
    """Say whether an answer that the page is asked for in this format has a form from its first token on."""
    kind = None if response_format is None else response_format.get("type")
    # Tags may stand among text, unless the model must call a tool.
    free = kind == "structural_tag" and tool_choice in (None, "auto", "none")
    return kind not in (None, "text") and not free
