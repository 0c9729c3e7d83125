"""The HTTP client for where this runs."""

from __future__ import annotations

import sys

from .client import HttpClient


def open_client() -> HttpClient:
    """Return the client for where this runs: fetch in a page, sockets elsewhere. Nothing is sent or opened yet."""
    if sys.platform == "emscripten":
        from .fetch import FetchClient

        return FetchClient()
    from .sockets import SocketClient

    return SocketClient()
