"""Waiting for a session's cancellation."""

from __future__ import annotations

from typing import Any

from .._internal import lazy_asyncio as asyncio

_LOOK_S = 0.025
"""How often the session's cancellation token is looked at: amplifier-core does not call anything when it is set."""


async def until_cancelled(token: Any, *, immediately: bool = False) -> None:
    """Return when the session is cancelled, or with ``immediately`` when it must not even wait for its tools."""
    while not (token.is_immediate if immediately else token.is_cancelled):
        await asyncio.sleep(_LOOK_S)
