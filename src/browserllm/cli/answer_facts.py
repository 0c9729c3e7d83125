"""What a command says about an answer: who gave it, how fast, at what cost, and what was passed over."""

from __future__ import annotations

from rich.cells import cell_len

from ..types import ChatResponse, Hop
from .harmless import harmless_text


def facts_line(response: ChatResponse, *, with_cost: bool = False, prefix: str = "", width: int | None = None) -> str:
    """Return engine, device, speed and the time to the first token on one line; ``with_cost`` adds tokens and cost.

    ``prefix`` comes first. A line that is wider than ``width`` leaves out what matters least: the graphics adapter,
    then the time to the first token, the number of tokens, the device, that the answer was free, and the speed. Who
    answered and what it cost stay.
    """
    timings, usage = response.timings, response.usage
    facts = {
        "prefix": prefix,
        "who": response.engine or response.backend or "unknown engine",
        "device": response.device or "",
        "speed": f"{timings.tokens_per_s:.1f} tokens/s" if timings.tokens_per_s is not None else "",
        "first": f"first token {timings.first_token_ms:.0f} ms" if timings.first_token_ms is not None else "",
    }
    if with_cost:
        count = usage.completion_tokens
        facts |= {"tokens": f"{count} {'token' if count == 1 else 'tokens'}", "cost": cost_text(response.cost_usd)}
    whole = facts | ({"device": f"{response.device}/{response.adapter}"} if response.adapter else {})
    line = _joined(whole)
    for name in ("", "first", "tokens", "device", *(() if response.cost_usd else ("cost",)), "speed"):
        if width is None or cell_len(line) <= width:
            break
        facts.pop(name, None)
        line = _joined(facts)
    return line


def _joined(facts: dict[str, str]) -> str:
    return harmless_text(" · ".join(fact for fact in facts.values() if fact))


def cost_text(cost_usd: float | None) -> str:
    """Return a cost: "free", an amount, or that it is unknown."""
    if cost_usd is None:
        return "cost unknown"
    if cost_usd == 0:
        return "free"
    return f"${cost_usd:.2f}" if cost_usd >= 1 else f"${cost_usd:.4f}"


def hop_text(hop: Hop) -> str:
    """Return what was passed over, and why."""
    what = f"{hop.engine} on {hop.device}" if hop.engine else hop.backend or hop.model or "a backend"
    return harmless_text(f"passed over {what}: {hop.reason}")


def cut_text(response: ChatResponse, max_tokens: int | None) -> str:
    """Return why an answer was cut off, or an empty text if it was not."""
    if response.finish_reason != "length":
        return ""
    by_option = max_tokens is not None and response.usage.completion_tokens >= max_tokens
    why = f"at --max-tokens {max_tokens}" if by_option else "because the model's context window is full"
    return f"the answer was cut off {why}"
