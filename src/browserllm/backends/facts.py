"""BackendFacts: what a backend knows about answering a request before anything is sent."""

from __future__ import annotations

from typing import Any

import msgspec


class BackendFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a backend knows about answering a request; ``None`` means unknown.

    ``model`` is the model that would answer; ``knows_model`` says whether the backend has the model that the request
    names. ``available`` is false only if the backend surely cannot answer; ``reason`` then says why, and ``code`` and
    ``data`` are those of the error that a request would get. ``fits`` (the device can run the model),
    ``downloaded``, ``fetch_bytes`` (still to download) and ``loaded`` describe a model on the device and are
    ``None`` for other backends. ``queue_length`` is the number of requests ahead of this one. ``cost_usd`` is an
    estimate, 0.0 on the user's own device. ``context_window`` is the most tokens that prompt and answer may have
    together. ``shortens``: it has the caller's `Shortener` fit the request to the window of each backend that it asks.
    ``unhonoured`` are the parameters of this request that the backend knows it would ignore or change, beside those
    that its ``capabilities`` lack.
    """

    leaves_device: bool
    needs_network: bool
    model: str | None = None
    knows_model: bool | None = None
    available: bool = True
    reason: str = ""
    code: str = "unavailable"
    data: dict[str, Any] = {}
    fits: bool | None = None
    downloaded: bool | None = None
    fetch_bytes: int | None = None
    loaded: bool | None = None
    queue_length: int | None = None
    cost_usd: float | None = None
    context_window: int | None = None
    shortens: bool = False
    unhonoured: tuple[str, ...] = ()
