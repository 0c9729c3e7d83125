"""Addresses of APIs: which are this machine's own, and which are refused."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from ..errors import InvalidRequest


def check_base_url(base_url: str, *, allow_http: bool = False) -> str:
    """Return the address without a slash at its end, or raise `InvalidRequest`.

    It must be https, or http to this machine itself (``allow_http``: to anywhere). It has no user, query or fragment:
    those are shown in logs and errors, and keys do not belong there.
    """
    try:
        parts = urlsplit(base_url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        why = "" if "@" in base_url else f" ({error})"  # a login may be quoted
        raise InvalidRequest(f"base_url is no address{why}", parameter="base_url") from None
    if parts.username is not None or parts.query or parts.fragment:
        raise InvalidRequest(
            f"base_url has a user, a query or a fragment (host {host!r}); pass the bare address, and keys as api_key "
            "or in headers",
            parameter="base_url",
        )
    if parts.scheme not in ("http", "https") or not host:
        raise InvalidRequest(
            f"base_url={base_url!r} is no web address; use one like 'https://api.example.com/v1'", parameter="base_url"
        )
    if parts.scheme == "http" and not allow_http and not is_loopback(base_url):
        raise InvalidRequest(
            f"base_url={base_url!r} is http, so anyone on the way could read prompts and key; use https, or say "
            "allow_http=True",
            parameter="base_url",
        )
    return base_url.rstrip("/")


def host_of(url: str) -> str:
    """Return the host of an address, in lower case, without port or brackets."""
    return urlsplit(url).hostname or ""


def origin(url: str) -> str:
    """Return scheme, host and port of an address."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def is_loopback(url: str) -> bool:
    """Say whether an address is this machine's own: localhost, 127.0.0.0/8 or ::1."""
    host = host_of(url)
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
