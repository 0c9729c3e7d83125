"""A context for sessions (Amplifier's *context manager*): the messages, cut to what the provider's window holds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

_CHARS_PER_TOKEN = 3.0
"""A cautious guess: English has about four characters a token, code and other languages fewer."""

_SAFETY = 0.9


class Context:
    """Keeps all messages. A request gets the system messages and as many of the latest turns as fit.

    A turn is a question with its tool calls, results and answer; it is sent whole or not at all. ``config``:
    ``system_prompt``, and ``max_tokens`` where no provider names its window.
    """

    def __init__(self, config: Mapping[str, Any] | None = None, hooks: Any = None) -> None:
        """Start empty, or with the ``system_prompt``."""
        self.config = dict(config or {})
        self._hooks = hooks
        self.messages: list[dict[str, Any]] = []
        prompt = self.config.get("system_prompt")
        if prompt:
            self.messages.append({"role": "system", "content": str(prompt)})

    async def add_message(self, message: dict[str, Any]) -> None:
        """Add a message at the end."""
        self.messages.append(dict(message))

    async def get_messages(self) -> list[dict[str, Any]]:
        """Return all messages."""
        return [dict(message) for message in self.messages]

    async def set_messages(self, messages: list[dict[str, Any]]) -> None:
        """Replace all messages, for a session that is resumed."""
        self.messages = [dict(message) for message in messages]

    async def clear(self) -> None:
        """Remove everything but the system messages."""
        self.messages = [message for message in self.messages if message.get("role") == "system"]

    async def get_messages_for_request(
        self, token_budget: int | None = None, provider: Any | None = None
    ) -> list[dict[str, Any]]:
        """Return the messages to send: at most ``token_budget`` tokens, or what the provider's window leaves."""
        budget = token_budget or _budget_of(provider) or self.config.get("max_tokens")
        system = [message for message in self.messages if message.get("role") == "system"]
        turns = _turns([message for message in self.messages if message.get("role") != "system"])
        if not budget or not turns:
            return [dict(message) for message in self.messages]
        left = budget - sum(map(_tokens, system))
        kept: list[dict[str, Any]] = []
        for turn in reversed(turns):
            left -= sum(map(_tokens, turn))
            if left < 0 and kept:
                await self._told(len(turns), budget)
                break
            kept[:0] = turn
        return [dict(message) for message in [*system, *kept]]

    async def _told(self, turns: int, budget: int) -> None:
        if self._hooks is not None:
            await self._hooks.emit("context:compaction", {"turns": turns, "token_budget": budget})


def _budget_of(provider: Any | None) -> int | None:
    if provider is None or not hasattr(provider, "get_info"):
        return None
    defaults = provider.get_info().defaults
    window, answer = defaults.get("context_window"), defaults.get("max_output_tokens") or 0
    return int((window - answer) * _SAFETY) if isinstance(window, int) and window > answer else None


def _turns(messages: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    turns: list[list[dict[str, Any]]] = []
    for message in messages:
        if message.get("role") == "user" or not turns:
            turns.append([])
        turns[-1].append(message)
    return turns


def _tokens(message: dict[str, Any]) -> int:
    content = message.get("content")
    text = content if isinstance(content, str) else json.dumps(content, default=str)
    calls = message.get("tool_calls")
    more = len(json.dumps(calls, default=str)) if calls else 0
    return int((len(text) + more) / _CHARS_PER_TOKEN) + 8
