"""The HTTP client in a process: httpx2 over sockets, imported at the first request.

Proxies and certificates come from the environment, as usual (HTTPS_PROXY, NO_PROXY, SSL_CERT_FILE). Two exceptions
never use a proxy: a loopback address, because a proxy would send the request to another machine, and a host whose
address the caller has chosen, because a proxy would choose its own.
"""

from __future__ import annotations

import errno
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from ...errors import BrowserLLMError, InvalidRequest, ProtocolError, QueueFull, Stalled, Timeout, Unavailable
from .. import lazy_asyncio as asyncio
from ..threads import Threads
from ..version import __version__
from .address import is_this_device, origin, read_address
from .client import HttpClient, HttpRequest, HttpResponse
from .secrets import bare

if TYPE_CHECKING:
    import httpx2

_NAMES = Threads("looking up names", places=32, max_given_up=96)


# The request that this task is sending: the libraries' log messages about its response may quote its key.
_HIDDEN: ContextVar[HttpRequest | None] = ContextVar("browserllm_request", default=None)
_LOGGERS = ("httpx2", *(f"httpcore2.{name}" for name in ("connection", "http11", "http2", "proxy", "socks")))


class _HideKeys(logging.Filter):
    """Removes the keys of the current request from log messages."""

    def filter(self, record: logging.LogRecord) -> bool:
        request = _HIDDEN.get()
        if request is not None:
            message = record.getMessage()
            shown = request.hide(message)
            if shown != message:
                record.msg, record.args = shown, None
        return True


_HIDE_KEYS = _HideKeys()


def _hide_in_logs() -> None:
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_HIDE_KEYS)  # adding the same filter again does nothing


class SocketClient(HttpClient):
    """Sends requests from a process. One client can serve several event loops; each has its own connections."""

    def __init__(self) -> None:
        """Open nothing before the first request."""
        # Per event loop: one client for loopback addresses (True), one for others.
        self._clients: dict[asyncio.AbstractEventLoop, dict[bool, httpx2.AsyncClient]] = {}

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Send a request and return once the headers have arrived."""
        import httpx2

        host = _check_address(request.url)
        own = None if request.address is None else _open_for_address()
        _hide_in_logs()
        hiding = _HIDDEN.set(request)
        try:
            client = own or self._client(is_this_device(host))
            response = await client.send(_build(request), stream=True)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            failure: BaseException = _failure(error, request, "first_token")
        except BaseException as error:
            failure = bare(error)
        else:
            # A client for one request needs no close: its only connection closes with the response.
            return SocketResponse(response, request)
        finally:
            _HIDDEN.reset(hiding)
        # Raised here, outside the except block, it has no context: httpx2's frames have the headers with the key.
        raise failure

    async def close(self) -> None:
        """Close the connections of this event loop; those of a closed loop are gone already."""
        for client in self._clients.pop(asyncio.get_running_loop(), {}).values():
            await client.aclose()

    def _client(self, loopback: bool) -> httpx2.AsyncClient:
        for ended in [loop for loop in self._clients if loop.is_closed()]:
            del self._clients[ended]
        clients = self._clients.setdefault(asyncio.get_running_loop(), {})
        if loopback not in clients:
            clients[loopback] = _open(loopback)
        return clients[loopback]


async def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of a host, by this machine's resolver; raises OSError if it has none.

    A lookup may hang for as long as the network does, so lookups have their own threads.
    """
    import socket

    try:
        found = await _NAMES.run(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    except QueueFull as error:
        raise OSError(errno.EAGAIN, f"the name {host!r} was not looked up: {error}") from error
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def _open(loopback: bool) -> httpx2.AsyncClient:
    import httpx2

    # The router limits concurrency; requests never wait here.
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=20, keepalive_expiry=30)
    return _make_client(trust_env=not loopback, limits=limits)


def _open_for_address() -> httpx2.AsyncClient:
    """Return a client for a chosen address: no proxy, no ``.netrc``, no connection that another host could reuse."""
    import httpx2

    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=0)
    return _make_client(trust_env=False, limits=limits, own_certificates=True)


def _make_client(*, trust_env: bool, limits: httpx2.Limits, own_certificates: bool = False) -> httpx2.AsyncClient:
    import httpx2

    try:
        # trust_env=False would also ignore the environment's certificates (SSL_CERT_FILE).
        verify = httpx2.create_ssl_context() if own_certificates else True
        client = httpx2.AsyncClient(trust_env=trust_env, follow_redirects=False, limits=limits, verify=verify)
    except (ImportError, ValueError, OSError) as error:
        raise Unavailable(
            f"the proxy or the certificates of the environment cannot be used ({error}); check HTTPS_PROXY, "
            "ALL_PROXY and SSL_CERT_FILE (a SOCKS proxy needs the package 'socksio')",
            reason="unreachable",
        ) from None
    from .connecting import look_up_names_with

    look_up_names_with(resolve, client)
    return client


class SocketResponse(HttpResponse):
    """A response over a socket."""

    def __init__(self, response: httpx2.Response, request: HttpRequest) -> None:
        """Wrap httpx2's ``response`` to ``request``."""
        self.status = response.status_code
        self.headers = {name.lower(): value for name, value in response.headers.items()}
        self._response = response
        self._request = request

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Yield the body's bytes as they arrive. Works once."""
        import httpx2

        failure: BaseException | None = None
        phase = "first_token"
        try:
            async with aclosing(self._response.aiter_bytes()) as pieces:
                while (chunk := await self._next(pieces)) is not None:
                    phase = "body"
                    yield chunk
        except (httpx2.HTTPError, httpx2.StreamError) as error:
            failure = _failure(error, self._request, phase)
        except BaseException as error:
            failure = bare(error)
        if failure is not None:
            raise failure

    async def _next(self, pieces: AsyncGenerator[bytes, None]) -> bytes | None:
        hiding = _HIDDEN.set(self._request)
        try:
            return await anext(pieces, None)
        finally:
            _HIDDEN.reset(hiding)

    async def aclose(self) -> None:
        """End the transfer at once; if the body was read to its end, the connection stays open for the next request."""
        import httpx2

        # Errors of a connection that is being closed do not matter.
        with suppress(httpx2.HTTPError):
            await self._response.aclose()


def _check_address(url: str) -> str:
    """Return the host of an address; raise `InvalidRequest` unless httpx2 would connect to the same host."""
    import httpx2

    try:
        ours, theirs = read_address(url), httpx2.URL(url)
        # Rebuilt, an IPv6 address has only one spelling.
        target = read_address(f"{theirs.scheme}://{theirs.netloc.decode('ascii')}")
        is_same = target == ours._replace(rest="") and not theirs.userinfo
    except (ValueError, httpx2.InvalidURL) as error:
        why = f": {error}" if type(error) is ValueError else ""
        raise InvalidRequest(
            f"the request to {origin(url)} cannot be sent{why}; check base_url", parameter="base_url"
        ) from None
    if not is_same:
        raise InvalidRequest(
            f"the request to {origin(url)} was not sent: its address can be parsed in two ways; write it plainly",
            parameter="base_url",
        )
    return ours.host


def _build(request: HttpRequest) -> httpx2.Request:
    import httpx2

    timeouts = request.timeouts
    timeout = httpx2.Timeout(
        connect=timeouts.connect_s, read=timeouts.silence_s, write=timeouts.silence_s, pool=None
    ).as_dict()
    # Compressed responses would arrive in blocks, not token by token.
    headers: dict[str, Any] = {"user-agent": f"browserllm/{__version__}", "accept-encoding": "identity"}
    url = httpx2.URL(request.url)
    extensions: dict[str, Any] = {"timeout": timeout}
    if request.address is not None:
        # The server and the certificate check need the name; the connection goes to the address.
        headers["host"] = url.netloc.decode("ascii")
        extensions["sni_hostname"] = url.host
        url = url.copy_with(host=request.address)
    return httpx2.Request(
        request.method, url, headers={**headers, **request.headers}, content=request.body, extensions=extensions
    )


def _failure(error: Exception, request: HttpRequest, phase: str) -> BrowserLLMError:
    """Return our error for httpx2's; ``phase`` is how far the response had come."""
    import httpx2

    where = origin(request.url)
    # httpx2 quotes what is not HTTP, which may contain the key.
    why = request.hide(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__)
    timeouts = request.timeouts
    if isinstance(error, httpx2.ConnectTimeout):
        return Timeout(
            f"no connection to {where} within {timeouts.connect_s:g} s; check the network, or increase "
            "Timeouts.connect_s",
            data={"phase": "connect", "limit_s": timeouts.connect_s},
        )
    if isinstance(error, httpx2.WriteTimeout):
        return Timeout(
            f"{where} accepted no data of the request for {timeouts.silence_s:g} s; check the network",
            data={"phase": "send", "limit_s": timeouts.silence_s},
        )
    if isinstance(error, httpx2.ReadTimeout):
        if phase == "body":
            return Stalled(
                f"{where} stopped sending for {timeouts.silence_s:g} s; try again, or increase Timeouts.silence_s",
                data={"limit_s": timeouts.silence_s},
            )
        return Timeout(
            f"{where} sent nothing for {timeouts.silence_s:g} s; try again, or increase Timeouts.silence_s",
            data={"phase": "first_token", "limit_s": timeouts.silence_s},
        )
    if isinstance(error, (httpx2.InvalidURL, httpx2.UnsupportedProtocol, httpx2.LocalProtocolError)):
        # Without httpx2's message, which may quote a header.
        return InvalidRequest(f"the request to {where} cannot be sent; check base_url and headers")
    if isinstance(error, httpx2.DecodingError):
        return ProtocolError(f"the response of {where} cannot be decompressed ({why})")
    if phase == "body":
        return Unavailable(
            f"the connection to {where} broke in the middle of the answer ({why}); try again",
            reason="unreachable",
            data={"phase": "body"},
        )
    return Unavailable(
        f"{where} cannot be reached ({why}); check the network and the address, and that a server listens there",
        reason="unreachable",
    )
