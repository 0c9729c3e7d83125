"""The HTTP client of the cloud backends: send a request, receive status and headers, then the body as it arrives.

There are two implementations: `sockets.SocketClient` in a process, `fetch.FetchClient` in a page. They raise only
these errors:

============================================  ======================================================================
no server answers at the address              `Unavailable`, reason ``unreachable`` (a browser may say ``offline``)
connecting takes too long                     `Timeout`, data ``{"phase": "connect"}``
sending the request takes too long            `Timeout`, data ``{"phase": "send"}``
silence before the body's first byte          `Timeout`, data ``{"phase": "first_token"}``
silence after it                              `Stalled`
the connection breaks in the body             `Unavailable`, reason ``unreachable``, data ``{"phase": "body"}``
the answer is not HTTP                        `ProtocolError`
============================================  ======================================================================

Cancelling the task ends its transfer at once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

import msgspec

from ...errors import ProtocolError
from .secrets import Mask, Secret, secrets_in

__all__ = [
    "MAX_BODY_BYTES",
    "HttpClient",
    "HttpRequest",
    "HttpResponse",
    "Mask",
    "Secret",
    "Timeouts",
]

MAX_BODY_BYTES = 16 * 1024 * 1024
"""The largest body that is read into memory at once."""


class Timeouts(msgspec.Struct, frozen=True, kw_only=True):
    """How long to wait, in seconds; ``None`` means forever.

    ``connect_s`` limits connecting. ``silence_s`` limits the time without a byte, including the wait for the first one
    (a model may think for a while before it answers).
    """

    connect_s: float | None = 10
    silence_s: float | None = 120


class HttpRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One request. Header values that must not be shown are `Secret`; ``mask`` hides other secrets.

    ``address`` is the IP address to connect to, for callers that have checked it: the URL's host is not resolved
    again, no proxy is used, and the connection serves only this request. The certificate must still be the host's.
    """

    method: str
    url: str
    headers: dict[str, str] = {}
    body: bytes | None = None
    timeouts: Timeouts = Timeouts()
    address: str | None = None
    mask: Mask | None = None

    def __repr__(self) -> str:
        size = 0 if self.body is None else len(self.body)
        return f"HttpRequest({self.method} {self.url!r}, headers={self.headers!r}, {size} bytes)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Hide the body from `rich`."""
        return [("method", self.method), ("url", self.url), ("headers", self.headers)]

    def hide(self, text: str) -> str:
        """Remove this request's keys from a text by a library or a server."""
        return (self.mask or Mask(secrets_in(self.headers))).text(text)


class HttpResponse(ABC):
    """A response whose headers have arrived; read the body with `chunks`. Always close it."""

    status: int
    headers: Mapping[str, str]
    """By lower-case name. A page sees only the headers that the server exposes to it (CORS)."""

    @abstractmethod
    def chunks(self) -> AsyncGenerator[bytes, None]:
        """Yield the body's bytes as they arrive, decompressed. Works once."""

    @abstractmethod
    async def aclose(self) -> None:
        """End the transfer at once, even before the end of the body; safe to call more than once."""

    async def read(self, limit_bytes: int = MAX_BODY_BYTES) -> bytes:
        """Return the whole body; raises `ProtocolError` if it is larger than the limit."""
        body, whole = await self.read_start(limit_bytes)
        if not whole:
            raise ProtocolError(
                f"the answer is larger than {limit_bytes} bytes; check that the address belongs to an API",
                data={"limit_bytes": limit_bytes},
            )
        return body

    async def read_start(self, limit_bytes: int) -> tuple[bytes, bool]:
        """Return at most ``limit_bytes`` of the body, and whether that is all of it."""
        pieces: list[bytes] = []
        size = 0
        async with aclosing(self.chunks()) as chunks:
            async for chunk in chunks:
                pieces.append(chunk)
                size += len(chunk)
                if size > limit_bytes:
                    return b"".join(pieces)[:limit_bytes], False
        return b"".join(pieces), True


class HttpClient(ABC):
    """Sends requests, and keeps connections open between them."""

    @abstractmethod
    async def send(self, request: HttpRequest) -> HttpResponse:
        """Send a request and return once the headers have arrived. Does not follow redirects."""

    @abstractmethod
    async def close(self) -> None:
        """Close all connections; safe to call more than once. A later request opens new ones."""
