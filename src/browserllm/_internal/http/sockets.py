"""The HTTP seam of a process: httpx2 over sockets, imported with the first request.

Proxies and certificates come from the environment, as everywhere (HTTPS_PROXY, NO_PROXY, SSL_CERT_FILE). A loopback
address is the exception: it is never reached through a proxy, which would carry to another machine what was meant for
this one. Nor is a host whose address the caller has chosen: a proxy would choose by itself.
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


# The request that this task is sending: what the libraries log of its answer may quote its key.
_HIDDEN: ContextVar[HttpRequest | None] = ContextVar("browserllm_request", default=None)
_LOGGERS = ("httpx2", *(f"httpcore2.{name}" for name in ("connection", "http11", "http2", "proxy", "socks")))


class _HideKeys(logging.Filter):
    """Takes the keys of the request that is being sent out of what is logged of it."""

    def filter(self, record: logging.LogRecord) -> bool:
        request = _HIDDEN.get()
        if request is not None:
            said = record.getMessage()
            shown = request.hide(said)
            if shown != said:
                record.msg, record.args = shown, None
        return True


_HIDE_KEYS = _HideKeys()


def _hide_in_logs() -> None:
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_HIDE_KEYS)  # once: it is the same one


class SocketClient(HttpClient):
    """Sends requests from a process. One client can serve several event loops; connections belong to one of them."""

    def __init__(self) -> None:
        """Nothing is opened before the first request."""
        # For each event loop, by whether the address is a loopback's.
        self._clients: dict[asyncio.AbstractEventLoop, dict[bool, httpx2.AsyncClient]] = {}

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Send a request and return once the headers are there."""
        import httpx2

        host = _check_address(request.url)
        own = None if request.address is None else _open_for_one()
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
            # A connection that is not kept is closed with its answer; there is nothing else in such a client.
            return SocketResponse(response, request)
        finally:
            _HIDDEN.reset(hiding)
        # Raised out here, the failure has no context: the frames of httpx2 hold the headers, with the key.
        raise failure

    async def close(self) -> None:
        """Close the connections of this event loop; those of a loop that has ended go with it."""
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
    """Return the addresses of a host, as this machine knows them; raises OSError where there are none.

    A lookup may take as long as the network likes, so it has threads of its own.
    """
    import socket

    try:
        found = await _NAMES.run(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    except QueueFull as error:
        raise OSError(errno.EAGAIN, f"the name {host!r} was not looked up: {error}") from error
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def _open(loopback: bool) -> httpx2.AsyncClient:
    import httpx2

    # How many run at a time is for the router to say; here nobody waits.
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=20, keepalive_expiry=30)
    return _make_client(trust_env=not loopback, limits=limits)


def _open_for_one() -> httpx2.AsyncClient:
    """Return a client for a chosen address: no proxy, no ``.netrc``, and no connection that another host could get."""
    import httpx2

    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=0)
    return _make_client(trust_env=False, limits=limits, own_certificates=True)


def _make_client(*, trust_env: bool, limits: httpx2.Limits, own_certificates: bool = False) -> httpx2.AsyncClient:
    import httpx2

    try:
        # Without the environment's proxies its certificates (SSL_CERT_FILE) still count.
        verify = httpx2.create_ssl_context() if own_certificates else True
        client = httpx2.AsyncClient(trust_env=trust_env, follow_redirects=False, limits=limits, verify=verify)
    except (ImportError, ValueError, OSError) as error:
        raise Unavailable(
            f"the proxy or the certificates of the environment cannot be used ({error}); look at HTTPS_PROXY, "
            "ALL_PROXY and SSL_CERT_FILE (a SOCKS proxy needs the package 'socksio')",
            reason="unreachable",
        ) from None
    from .connecting import look_up_names_with

    look_up_names_with(resolve, client)
    return client


class SocketResponse(HttpResponse):
    """An answer over a socket."""

    def __init__(self, response: httpx2.Response, request: HttpRequest) -> None:
        """Made by `SocketClient`."""
        self.status = response.status_code
        self.headers = {name.lower(): value for name, value in response.headers.items()}
        self._response = response
        self._request = request

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Give the body's bytes as they come; once."""
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
        """End the transfer at once; a connection whose answer was read to its end stays open for the next."""
        import httpx2

        # What is left of a connection that is being given up does not matter.
        with suppress(httpx2.HTTPError):
            await self._response.aclose()


def _check_address(url: str) -> str:
    """Return the host of an address; raise `InvalidRequest` unless httpx2 would connect to that very one."""
    import httpx2

    try:
        judged, read = read_address(url), httpx2.URL(url)
        # Written anew, an IPv6 address has one spelling.
        there = read_address(f"{read.scheme}://{read.netloc.decode('ascii')}")
        is_same = there == judged._replace(rest="") and not read.userinfo
    except (ValueError, httpx2.InvalidURL) as error:
        why = f": {error}" if type(error) is ValueError else ""
        raise InvalidRequest(
            f"the request to {origin(url)} cannot be sent{why}; check base_url", parameter="base_url"
        ) from None
    if not is_same:
        raise InvalidRequest(
            f"the request to {origin(url)} was not sent: its address can be read in two ways; write it plainly",
            parameter="base_url",
        )
    return judged.host


def _build(request: HttpRequest) -> httpx2.Request:
    import httpx2

    timeouts = request.timeouts
    timeout = httpx2.Timeout(
        connect=timeouts.connect_s, read=timeouts.silence_s, write=timeouts.silence_s, pool=None
    ).as_dict()
    # Packed answers would come in blocks, not token by token.
    headers: dict[str, Any] = {"user-agent": f"browserllm/{__version__}", "accept-encoding": "identity"}
    url = httpx2.URL(request.url)
    extensions: dict[str, Any] = {"timeout": timeout}
    if request.address is not None:
        # The name is for the server and for the certificate; the connection goes to the address.
        headers["host"] = url.netloc.decode("ascii")
        extensions["sni_hostname"] = url.host
        url = url.copy_with(host=request.address)
    return httpx2.Request(
        request.method, url, headers={**headers, **request.headers}, content=request.body, extensions=extensions
    )


def _failure(error: Exception, request: HttpRequest, phase: str) -> BrowserLLMError:
    """Say what httpx2's failure means; `phase` is where the answer was when it came."""
    import httpx2

    where = origin(request.url)
    # What is no HTTP is quoted by httpx2, and may quote the key.
    why = request.hide(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__)
    timeouts = request.timeouts
    if isinstance(error, httpx2.ConnectTimeout):
        return Timeout(
            f"no connection to {where} within {timeouts.connect_s:g} s; check the network, or raise Timeouts.connect_s",
            data={"phase": "connect", "limit_s": timeouts.connect_s},
        )
    if isinstance(error, httpx2.WriteTimeout):
        return Timeout(
            f"{where} took nothing of the request for {timeouts.silence_s:g} s; check the network",
            data={"phase": "send", "limit_s": timeouts.silence_s},
        )
    if isinstance(error, httpx2.ReadTimeout):
        if phase == "body":
            return Stalled(
                f"{where} said nothing more for {timeouts.silence_s:g} s; try again, or raise Timeouts.silence_s",
                data={"limit_s": timeouts.silence_s},
            )
        return Timeout(
            f"{where} said nothing for {timeouts.silence_s:g} s; try again, or raise Timeouts.silence_s",
            data={"phase": "first_token", "limit_s": timeouts.silence_s},
        )
    if isinstance(error, (httpx2.InvalidURL, httpx2.UnsupportedProtocol, httpx2.LocalProtocolError)):
        # Not with httpx2's words: they may quote a header.
        return InvalidRequest(f"the request to {where} cannot be sent; check base_url and headers")
    if isinstance(error, httpx2.DecodingError):
        return ProtocolError(f"what {where} sent cannot be unpacked ({why})")
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
