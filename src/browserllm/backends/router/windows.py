"""Which backend can hold a prompt: it is fitted to the context window of each backend that the router asks.

A `Session` lets the router shorten its request for each backend (`Draft.shortener`). A request that may not be
shortened is passed over to the next backend whole.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from ...errors import BrowserLLMError, ContextExceeded
from ...types import ChatRequest
from ..base import Backend
from ..draft import Draft
from ..tokens import SURELY, estimate_tokens
from .candidate import Choice, Excluded


def may_be_too_long(choice: Choice, draft: Draft) -> bool:
    """Return whether `fit` has anything to do: if not, a request costs nothing more."""
    facts = choice.candidate.facts
    return (facts.context_window is not None or draft.shortener is not None) and not facts.shortens


async def fit(choice: Choice, backend: Backend, request: ChatRequest, draft: Draft) -> ChatRequest:
    """Return the request as this backend can hold it. Raises `ContextExceeded` if it cannot."""
    window = choice.candidate.facts.context_window
    if draft.shortener is not None:
        return await draft.shortener.fit(request, name=choice.name, backend=backend, window=window)
    if window is None:
        return request
    tokens = estimate_tokens(request)
    if tokens <= window:
        return request
    is_counted = False
    if tokens <= SURELY * window:
        # The estimate is too uncertain. Only the device counts without a request; a cloud says itself what is too long.
        counted = await _counted(backend, request) if choice.candidate.local else None
        if counted is None or counted < window:
            return request
        tokens, is_counted = counted, True
    raise ContextExceeded(
        f"the prompt has {'' if is_counted else 'about '}{tokens} tokens, and the context window of {choice.name!r} "
        f"holds {window}; shorten it, or use a model with a larger window",
        data={"prompt_tokens": tokens, "context_window": window, "estimated": not is_counted},
    )


async def refit(
    choice: Choice, backend: Backend, request: ChatRequest, draft: Draft, refusal: ContextExceeded
) -> ChatRequest:
    """Return a shorter request for a backend that has refused one. Raises `ContextExceeded` if it cannot be shorter."""
    facts = choice.candidate.facts
    if draft.shortener is None or facts.shortens or draft.stopped:
        raise refusal
    return await draft.shortener.fit(
        request, name=choice.name, backend=backend, window=facts.context_window, refusal=refusal
    )


def by_window(
    choices: Sequence[Choice], request: ChatRequest, *, shortened: bool
) -> tuple[list[Choice], list[Excluded]]:
    """Return the choices that may hold the request, or only its last turn if it may be shortened, and the others."""
    known = [choice.candidate.facts.context_window for choice in choices if not choice.candidate.facts.shortens]
    if all(window is None for window in known):
        return list(choices), []
    tokens = estimate_tokens(_last_turn(request) if shortened else request)
    able: list[Choice] = []
    excluded: list[Excluded] = []
    for choice in choices:
        facts = choice.candidate.facts
        if facts.context_window is None or facts.shortens or tokens <= SURELY * facts.context_window:
            able.append(choice)
            continue
        data = {"prompt_tokens": tokens, "context_window": facts.context_window, "estimated": True}
        error = ContextExceeded("", data=data)
        excluded.append(Excluded(name=choice.name, reason=reason_of(error), code=error.code, data=data))
    return able, excluded


def _last_turn(request: ChatRequest) -> ChatRequest:
    messages = request.messages
    users = [index for index, message in enumerate(messages) if message.role == "user"]
    system = [message for message in messages if message.role == "system"]
    return replace(request, messages=[*system, *messages[users[-1] :]]) if users else request


def reason_of(error: ContextExceeded) -> str:
    """Return why a backend was passed over, in a few words: ``context 4096 < 9000 tokens``."""
    tokens, window = error.data.get("prompt_tokens"), error.data.get("context_window")
    if not isinstance(tokens, int) or not isinstance(window, int):
        return str(error)
    return f"context {window} < {'about ' if error.data.get('estimated') else ''}{tokens} tokens"


async def _counted(backend: Backend, request: ChatRequest) -> int | None:
    try:
        return await backend.count_tokens(request)
    except BrowserLLMError:
        return None  # the answer will raise the same error
