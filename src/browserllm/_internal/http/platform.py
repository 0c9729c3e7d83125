"""The HTTP client for this platform."""

from __future__ import annotations

import sys

from .client import HttpClient


def open_client() -> HttpClient:
    """Return the client for this platform: fetch in a page, sockets elsewhere. Opens no connection yet."""
    if sys.platform == "emscripten":
        from .fetch import FetchClient

        return FetchClient()
    from .sockets import SocketClient

    return SocketClient()
