"""What a command says about an answer: who gave it, how fast, at what cost, and what was passed over."""

from __future__ import annotations

from ..types import ChatResponse, Hop
from .harmless import harmless_text


def facts_line(response: ChatResponse, *, with_cost: bool = False) -> str:
    """Return engine, device, speed and the time to the first token on one line; ``with_cost`` adds tokens and cost."""
    timings = response.timings
    facts = [
        response.engine or response.backend or "unknown engine",
        f"{response.device}/{response.adapter}" if response.adapter else response.device or "",
        f"{timings.tokens_per_s:.1f} tokens/s" if timings.tokens_per_s is not None else "",
        f"first token {timings.first_token_ms:.0f} ms" if timings.first_token_ms is not None else "",
    ]
    if with_cost:
        count = response.usage.completion_tokens
        facts += [f"{count} {'token' if count == 1 else 'tokens'}", cost_text(response.cost_usd)]
    return harmless_text(" · ".join(fact for fact in facts if fact))


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
