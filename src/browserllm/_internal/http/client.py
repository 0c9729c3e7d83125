"""The one HTTP seam under the clouds: a request goes out, a status and headers come back, then bytes as they arrive.

There are two implementations: `sockets.SocketClient` in a process, `fetch.FetchClient` in a page. Their
failures are these, and no others:

============================================  ======================================================================
nobody answers at the address                 `Unavailable`, reason ``unreachable`` (a browser may say ``offline``)
the connection takes too long                 `Timeout`, data ``{"phase": "connect"}``
the request cannot be sent for too long       `Timeout`, data ``{"phase": "send"}``
silence before the body's first byte          `Timeout`, data ``{"phase": "first_token"}``
silence after it                              `Stalled`
the connection breaks in the body             `Unavailable`, reason ``unreachable``, data ``{"phase": "body"}``
what comes is not HTTP                        `ProtocolError`
============================================  ======================================================================

A cancelled task ends its transfer at once.
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
"""The largest body that is read as a whole."""


class Timeouts(msgspec.Struct, frozen=True, kw_only=True):
    """How long to wait, in seconds; ``None`` is for ever.

    ``connect_s`` is for the connection, ``silence_s`` the longest time without a byte, the wait for the first one
    included (a model may think for a while before it says anything).
    """

    connect_s: float | None = 10
    silence_s: float | None = 120


class HttpRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One request. Header values that must not be shown are `Secret`; ``mask`` hides what else must not be.

    ``address`` is the IP address to connect to, for whoever has looked at it: the URL's host is not resolved again, no
    proxy is asked, and the connection serves this request alone. Its certificate must be the host's all the same.
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
        """For `rich`, which would show the body."""
        return [("method", self.method), ("url", self.url), ("headers", self.headers)]

    def hide(self, text: str) -> str:
        """Return a library's or a server's words about this request without its keys."""
        return (self.mask or Mask(secrets_in(self.headers))).text(text)


class HttpResponse(ABC):
    """An answer whose headers are there; the body comes with `chunks`. Close it whatever happens."""

    status: int
    headers: Mapping[str, str]
    """By name in lower case. A page sees only those that the server lets it see (CORS)."""

    @abstractmethod
    def chunks(self) -> AsyncGenerator[bytes, None]:
        """Give the body's bytes as they come, decompressed; once."""

    @abstractmethod
    async def aclose(self) -> None:
        """End the transfer at once, whatever is still to come; safe to call more than once."""

    async def read(self, limit_bytes: int = MAX_BODY_BYTES) -> bytes:
        """Return the whole body; raises `ProtocolError` when it is larger than the limit."""
        body, whole = await self.read_start(limit_bytes)
        if not whole:
            raise ProtocolError(
                f"the answer is larger than {limit_bytes} bytes; check that the address is an API's",
                data={"limit_bytes": limit_bytes},
            )
        return body

    async def read_start(self, limit_bytes: int) -> tuple[bytes, bool]:
        """Return at most so many bytes of the body, and whether that is all of it."""
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
    """Sends requests; it keeps connections open between them."""

    @abstractmethod
    async def send(self, request: HttpRequest) -> HttpResponse:
        """Send a request and return once the headers are there. Redirects are not followed."""

    @abstractmethod
    async def close(self) -> None:
        """Close every connection; safe to call more than once. A later request opens new ones."""
