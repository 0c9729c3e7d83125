"""Switching a local model's thinking: by its chat template's option, or by words in the system message."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..types import ThinkingEffort
from . import engines
from .catalog.card import ModelCard


class Switch(NamedTuple):
    """How a request's ``thinking`` is applied to a model.

    ``option`` is the page's ``thinking``, ``words`` go to the end of the system message, ``short`` says which part of
    the request is not met, and ``instead`` what happens to it.
    """

    option: bool | None = None
    words: str = ""
    short: str = ""
    instead: str = ""

    def arguments(self, messages: list[dict[str, Any]]) -> dict[str, Any]:
        """Return the page's arguments: the messages with the words added, and the option."""
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
    constrained: bool = False,
) -> Switch:
    """Return how to switch the thinking of ``model`` on an engine; ``card`` is its catalog entry, if any.

    ``constrained`` says that the answer is constrained from its first token, which leaves no place for thoughts. If the
    chat template turns out to have no switch, the page reports it.
    """
    if thinking is None:
        return Switch()
    way = None if card is None else card.thinking
    on = thinking is not False
    if way == "never":
        return Switch(short=f"model {model!r} does not think", instead="the option was ignored") if on else Switch()
    if on and constrained:
        off = switch_thinking(card, model, engine, thinking=False)
        return off._replace(short="a constrained answer has no thoughts before it", instead="thinking was switched off")
    short, instead = "", ""
    if isinstance(thinking, str):
        short, instead = f"model {model!r} has no effort levels", f"{thinking!r} only switches thinking on"
    if way == "always":
        return Switch(short=short, instead=instead) if on else Switch(short=f"model {model!r} always thinks")
    if way == "words":
        return Switch(words="/think" if on else "/no_think", short=short, instead=instead)
    runtime = engines.find(engine)
    if way is None and runtime is not None and not runtime.reads_thinking_switch:
        why = f"how to switch the thinking of model {model!r} is unknown (set ModelCard.thinking)"
        return Switch(short=why, instead="the option was ignored")
    return Switch(option=on, short=short, instead=instead)


def begins_with_form(response_format: dict[str, Any] | None, tool_choice: str | dict[str, Any] | None) -> bool:
    """Return whether an answer in this response format is constrained from its first token on."""
    kind = None if response_format is None else response_format.get("type")
    # Tags may appear within free text, unless the model must call a tool.
    free = kind == "structural_tag" and tool_choice in (None, "auto", "none")
    return kind not in (None, "text") and not free
