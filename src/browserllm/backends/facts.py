"""What a backend knows of answering a request, before anything is sent."""

from __future__ import annotations

import msgspec


class BackendFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a backend knows of answering a request; ``None`` where it does not know.

    ``model`` would answer; ``knows_model`` says whether the backend has the very model that the request names.
    ``available`` is false when it surely cannot answer, ``reason`` then says why. The four about the model on the
    device are ``None`` for backends that have none: ``fits`` (the device can run it), ``downloaded``, ``fetch_bytes``
    (still to be fetched before it can answer), ``loaded``. ``queue_length`` counts the requests before this one.
    ``cost_usd`` is an estimate, 0.0 on the user's own device. ``context_window`` counts the tokens that prompt and
    answer may have together.
    """

    leaves_device: bool
    needs_network: bool
    model: str | None = None
    knows_model: bool | None = None
    available: bool = True
    reason: str = ""
    fits: bool | None = None
    downloaded: bool | None = None
    fetch_bytes: int | None = None
    loaded: bool | None = None
    queue_length: int | None = None
    cost_usd: float | None = None
    context_window: int | None = None
