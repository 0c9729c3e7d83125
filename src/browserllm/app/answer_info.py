"""AnswerInfo: who gave an answer and what it took, from the responses of a turn."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from msgspec.structs import replace

from ..backends.base import Backend, Middleware
from ..backends.router.router import Router
from ..backends.router.survey import PRIVATE_REASON
from ..types import ChatResponse, ChatWarning, Hop
from .state import AnswerInfo, HopInfo

CLOUDS_ONLY = "the settings allow only clouds"
DEVICE_ONLY = "the settings allow only this device"
OTHER_CLOUD = "another cloud is chosen for this conversation"
_CHOICES = (CLOUDS_ONLY, DEVICE_ONLY, OTHER_CLOUD, PRIVATE_REASON)
"""Why a backend is passed over when the user wants it so."""


def where_of(backend: Backend, name: str) -> Literal["local", "cloud"]:
    """Return where the backend called ``name`` answers: it is ``backend``, or one of those behind it."""
    found = backend_named(backend, name) or backend
    return "cloud" if found.leaves_device else "local"


def router_of(backend: Backend) -> Router | None:
    """Return the router that a backend is, or that is behind it."""
    while isinstance(backend, Middleware):
        backend = backend.backend
    return backend if isinstance(backend, Router) else None


def hop_info(hop: Hop) -> HopInfo:
    """Return a hop as people see it."""
    return HopInfo(
        reason=hop.reason,
        code=hop.code,
        backend=hop.backend,
        model=hop.model,
        engine=hop.engine,
        device=hop.device,
        wanted=hop.reason in _CHOICES,
    )


def answer_info(
    backend: Backend,
    responses: Sequence[ChatResponse],
    warnings: Iterable[ChatWarning],
    *,
    cost_usd: float | None,
    first_ms: float | None,
) -> AnswerInfo:
    """Return what all ``responses`` of a turn took; the last one says who answered.

    ``first_ms`` is when the first token came, as measured here, for backends that do not report it.
    """
    last = responses[-1]
    first = responses[0]
    reported = first.timings.first_token_ms
    first_ms = first_ms if reported is None else reported
    totals = [response.timings.total_ms for response in responses]
    hops = {hop_info(hop): None for response in responses for hop in response.route}
    said = {warning.message: None for warning in warnings}
    usage = last.usage
    sent = usage.prompt_tokens + usage.completion_tokens - usage.reasoning_tokens
    return AnswerInfo(
        where=where_of(backend, last.backend),
        backend=last.backend,
        model=last.model,
        engine=last.engine,
        device=last.device,
        adapter=last.adapter,
        finish_reason=last.finish_reason,
        hops=tuple(hops),
        warnings=tuple(said),
        prompt_tokens=sum(response.usage.prompt_tokens for response in responses),
        completion_tokens=sum(response.usage.completion_tokens for response in responses),
        cached_tokens=sum(response.usage.cached_tokens for response in responses),
        tokens_per_s=_tokens_per_s(last, first_ms if last is first else None),
        first_token_ms=first_ms,
        duration_ms=sum(total or 0.0 for total in totals),
        cost_usd=cost_usd,
        context_tokens=sent if usage.prompt_tokens else None,
    )


def joined(before: AnswerInfo | None, after: AnswerInfo) -> AnswerInfo:
    """Return the info of an answer that was continued: the last part says who answered, the rest adds up."""
    if before is None:
        return after
    costs = [before.cost_usd, after.cost_usd]
    return replace(
        after,
        hops=tuple(dict.fromkeys((*before.hops, *after.hops))),
        warnings=tuple(dict.fromkeys((*before.warnings, *after.warnings))),
        prompt_tokens=before.prompt_tokens + after.prompt_tokens,
        completion_tokens=before.completion_tokens + after.completion_tokens,
        cached_tokens=before.cached_tokens + after.cached_tokens,
        first_token_ms=before.first_token_ms,
        duration_ms=(before.duration_ms or 0.0) + (after.duration_ms or 0.0),
        cost_usd=None if None in costs else sum(cost or 0.0 for cost in costs),
        where="cloud" if "cloud" in (before.where, after.where) else "local",
    )


def _tokens_per_s(response: ChatResponse, first_ms: float | None) -> float | None:
    timings = response.timings
    if timings.tokens_per_s is not None or timings.total_ms is None or first_ms is None:
        return timings.tokens_per_s
    decode_ms = timings.total_ms - first_ms
    tokens = response.usage.completion_tokens - 1
    return tokens / decode_ms * 1000 if tokens > 0 and decode_ms > 0 else None


def backend_named(backend: Backend, name: str) -> Backend | None:
    """Return the backend called ``name``: it is ``backend``, or one of those behind it."""
    while isinstance(backend, Middleware):
        backend = backend.backend
    if isinstance(backend, Router):
        inner = backend.backends
        found = inner.get(name)
        return found or next((deeper for each in inner.values() if (deeper := backend_named(each, name))), None)
    return backend if backend.name == name else None
