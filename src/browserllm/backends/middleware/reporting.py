"""What logs and telemetry may contain about a private request: known words only, never text from a server.

A server's model name, request id, finish reason or error can be any text, even the prompt itself.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, get_args

from ...errors import ERRORS, BrowserLLMError, UnavailableReason
from ...types import FinishReason, Hop
from ..draft import Draft

_PHASES = frozenset({"connect", "send", "first_token", "between_tokens", "body", "total"})
_KNOWN = {
    "reason": frozenset({*get_args(UnavailableReason), "cancelled"}),
    "phase": _PHASES,
    "finish": frozenset(get_args(FinishReason)),
    "code": frozenset(ERRORS),
}
UNKNOWN = "other"


def known(kind: str, word: Any) -> Any:
    """Return ``word`` if it is a known one of this kind, otherwise ``"other"``."""
    return word if word is None or (isinstance(word, str) and word in _known(kind)) else UNKNOWN


def _known(kind: str) -> Collection[str]:
    if kind not in ("engine", "device"):
        return _KNOWN[kind]
    from ...models import engines  # a program without local models starts sooner

    if kind == "engine":
        return {*engines.names(), "scripted"}
    return {*engines.devices(), "cpu"}


def model_of(draft: Draft, asked: str | None, *, private: bool) -> str | None:
    """Return the model to report: the one that answered, or for a private request the requested one."""
    return asked if private else draft.model


def error_code(error: Exception, *, private: bool) -> str:
    """Return an error's code, or its type's name."""
    if not isinstance(error, BrowserLLMError):
        return type(error).__qualname__
    return known("code", error.code) if private else error.code


def error_facts(error: BrowserLLMError, *, private: bool) -> dict[str, Any]:
    """Return an error's ``reason``, ``status`` and ``phase``, as far as it has them."""
    facts = {key: error.data[key] for key in ("reason", "status", "phase") if key in error.data}
    if private:
        facts |= {key: known(key, facts[key]) for key in ("reason", "phase") if key in facts}
        if not isinstance(facts.get("status", 0), int):
            del facts["status"]
    return facts


def route_texts(route: list[Hop], *, private: bool) -> list[str]:
    """Return the steps of a route as texts: ``"backend: code"``."""
    texts: list[str] = []
    for hop in route:
        engine = known("engine", hop.engine) if private else hop.engine
        texts.append(f"{hop.backend or engine or 'unknown'}: {known('code', hop.code) if private else hop.code}")
    return texts
