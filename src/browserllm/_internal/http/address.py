"""Addresses of APIs: one strict parser, which addresses are loopback, and which are rejected.

Python, the HTTP library and browsers parse unusual addresses differently (a backslash, ``0x7f.1``, a full stop of
another script), and the code that checks an address must see the same host as the code that connects. So
`read_address`, the only parser, rejects everything that they might not parse alike.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from ...errors import InvalidRequest

# ASCII only: otherwise a case-insensitive "s" also matches U+017F, and "k" matches U+212A.
_ADDRESS = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[^\]/?#]*\]|[^\[\]:/?#]*)(?P<port>:[^/?#]*)?(?P<rest>[/?#].*)?",
    re.ASCII | re.IGNORECASE | re.DOTALL,
)
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
# Browsers read a host whose last label looks like this as an IPv4 address, in any spelling.
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)
_ODD = re.compile(r"[\x00-\x20\x7f-\xa0\u2028\u2029\ud800-\udfff\\]")
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Address(NamedTuple):
    """A parsed http(s) address; ``host`` is in lower case, and an IPv6 host has no brackets."""

    scheme: str
    host: str
    port: int
    """The port to connect to: 80 or 443 if the address names none."""
    rest: str
    """What follows the host: the path, the query, the fragment."""


def read_address(url: str) -> Address:
    """Parse an http(s) address; raise `ValueError` with the reason if it can be parsed in two ways.

    The host must be a plain name (other scripts in their ``xn--`` form), four plain numbers, or an IPv6 address in
    brackets. The address has no user, backslash, space or control character; the host has no percent sign or final dot.
    """
    found = _ADDRESS.fullmatch(url)
    if found is None:
        raise ValueError("it does not start with http:// or https:// and a host")
    scheme, host, port = found["scheme"].lower(), found["host"], found["port"]
    if "@" in f"{host}{port or ''}":
        raise ValueError("it contains a user or a password")
    if _ODD.search(url):
        raise ValueError("it contains a space, a control character or a backslash")
    number = _DEFAULT_PORTS[scheme]
    if port is not None:
        number = int(port[1:]) if re.fullmatch(r":[0-9]{1,5}", port) else 0
        if not 0 < number < 65536:
            raise ValueError(f"its port {port[1:]!r} is not valid: use 1 to 65535")
    return Address(scheme, _read_host(host), number, found["rest"] or "")


def is_this_device(host: str) -> bool:
    """Return whether a host is this machine: only ``localhost``, 127.0.0.0/8 or ::1, spelled plainly."""
    if host == "localhost":
        return True
    try:
        return IPv6Address(host) == IPv6Address(1) if ":" in host else IPv4Address(host).is_loopback
    except ValueError:
        return False


def is_loopback(url: str) -> bool:
    """Return whether an address is this machine's; an address that can be parsed in two ways is not."""
    try:
        return is_this_device(read_address(url).host)
    except ValueError:
        return False


def check_base_url(base_url: str, *, allow_http: bool = False, name: str = "base_url") -> str:
    """Return the address without its final slash, or raise `InvalidRequest`.

    It must be https, or http to this machine (with ``allow_http``, to any). It must have no user, query or fragment:
    logs and errors show the address, so keys do not belong there. ``name`` is the name of the argument.
    """
    # Look for possible secrets first, however the rest is spelled: an address with a secret must not be shown.
    # (A password may contain a slash, so an @ counts anywhere.)
    if re.search("[?#@]", base_url):
        raise InvalidRequest(
            f"{name} contains a user, a query or a fragment; pass the plain address, and keys as api_key or in headers",
            parameter="base_url",
        )
    if not re.match(r"https?://[^/]", base_url, re.ASCII | re.IGNORECASE):
        raise InvalidRequest(
            f"{name}={base_url!r} is not a web address; use one like 'https://api.example.com/v1'",
            parameter="base_url",
        )
    try:
        address = read_address(base_url)
    except ValueError as error:
        raise InvalidRequest(
            f"{name}={base_url!r} is not a valid address ({error}); use one like 'https://api.example.com/v1'",
            parameter="base_url",
        ) from None
    if address.scheme == "http" and not allow_http and not is_this_device(address.host):
        raise InvalidRequest(
            f"{name}={base_url!r} is http, so others on the network could read the prompts and the key; use https, "
            "or pass allow_http=True",
            parameter="base_url",
        )
    return base_url.rstrip("/")


def host_of(url: str) -> str:
    """Return the host of an address, in lower case, without port or brackets; empty if the address is not valid."""
    try:
        return read_address(url).host
    except ValueError:
        return ""


def origin(url: str) -> str:
    """Return scheme, host and port of an address, for messages."""
    try:
        address = read_address(url)
    except ValueError:
        return "an invalid address"
    host = f"[{address.host}]" if ":" in address.host else address.host
    port = "" if address.port == _DEFAULT_PORTS[address.scheme] else f":{address.port}"
    return f"{address.scheme}://{host}{port}"


def _read_host(host: str) -> str:
    # Before lower(), which turns some non-ASCII letters into ASCII ones.
    if not host.isascii():
        raise ValueError("its host has non-ASCII characters; write such a name in its xn-- form")
    host = host.lower()
    if host.startswith("["):
        try:
            address = IPv6Address(host[1:-1])
        except ValueError:
            raise ValueError(f"its host {host!r} is not an IPv6 address") from None
        if address.scope_id is not None or address.ipv4_mapped is not None:
            raise ValueError(f"its host {host!r} has a zone or contains an IPv4 address; write the address plainly")
        return str(address)
    labels = host.split(".")
    if _NUMBER.fullmatch(labels[-1] or labels[-2] if len(labels) > 1 else host):
        try:
            return str(IPv4Address(host))
        except ValueError:
            raise ValueError(
                f"its host {host!r} is an IP address in an unusual spelling; write it as four plain numbers"
            ) from None
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError(f"its host {host!r} is not a valid host name")
    return host
