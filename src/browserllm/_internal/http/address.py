"""Addresses of APIs: one strict reading of them, which are this machine's own, and which are refused.

Python, the HTTP library and browsers read odd addresses in different ways (a backslash, ``0x7f.1``, a full stop of
another script), and whoever judges one must not see another host than whoever connects. So what is not written in the
one way that all of them read alike is refused: `read_address` is the only judge.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from ...errors import InvalidRequest

# ASCII alone: without it a case-insensitive "s" is also a U+017F, and "k" a U+212A.
_ADDRESS = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[^\]/?#]*\]|[^\[\]:/?#]*)(?P<port>:[^/?#]*)?(?P<rest>[/?#].*)?",
    re.ASCII | re.IGNORECASE | re.DOTALL,
)
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
# A last label like this makes browsers read the whole host as an IPv4 address, in whatever spelling.
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)
_ODD = re.compile(r"[\x00-\x20\x7f-\xa0\u2028\u2029\ud800-\udfff\\]")
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Address(NamedTuple):
    """An http(s) address as everybody reads it; ``host`` is in lower case, and an IPv6 one without brackets."""

    scheme: str
    host: str
    port: int
    """The one that is connected to: 80 and 443 where none is named."""
    rest: str
    """What follows the host: the path, the query, the fragment."""


def read_address(url: str) -> Address:
    """Return what an http(s) address says; raise `ValueError` with the reason where it can be read in two ways.

    The host is a plain name (other scripts in their ``xn--`` form), four plain numbers, or an IPv6 address in brackets.
    There is no user, backslash, blank, control character, percent sign or dot at the end of the host.
    """
    found = _ADDRESS.fullmatch(url)
    if found is None:
        raise ValueError("it does not begin with http:// or https:// and a host")
    scheme, host, port = found["scheme"].lower(), found["host"], found["port"]
    if "@" in f"{host}{port or ''}":
        raise ValueError("it has a user or a password in it")
    if _ODD.search(url):
        raise ValueError("it has a blank, a control character or a backslash in it")
    number = _DEFAULT_PORTS[scheme]
    if port is not None:
        number = int(port[1:]) if re.fullmatch(r":[0-9]{1,5}", port) else 0
        if not 0 < number < 65536:
            raise ValueError(f"its port {port[1:]!r} is none: use 1 to 65535")
    return Address(scheme, _read_host(host), number, found["rest"] or "")


def is_this_device(host: str) -> bool:
    """Say whether a host is this machine: ``localhost``, 127.0.0.0/8 or ::1, plainly spelled; no other name is."""
    if host == "localhost":
        return True
    try:
        return IPv6Address(host) == IPv6Address(1) if ":" in host else IPv4Address(host).is_loopback
    except ValueError:
        return False


def is_loopback(url: str) -> bool:
    """Say whether an address is this machine's own; one that can be read in two ways is not."""
    try:
        return is_this_device(read_address(url).host)
    except ValueError:
        return False


def check_base_url(base_url: str, *, allow_http: bool = False, name: str = "base_url") -> str:
    """Return the address without a slash at its end, or raise `InvalidRequest`.

    It must be https, or http to this machine itself (``allow_http``: to anywhere). It has no user, query or fragment:
    those are shown in logs and errors, and keys do not belong there. ``name`` is what it is called.
    """
    # What may be a secret is looked for first, however the rest is spelled: such an address is not shown.
    # (A password may have a slash in it, so an @ counts wherever it stands.)
    if re.search("[?#@]", base_url):
        raise InvalidRequest(
            f"{name} has a user, a query or a fragment; pass the bare address, and keys as api_key or in headers",
            parameter="base_url",
        )
    if not re.match(r"https?://[^/]", base_url, re.ASCII | re.IGNORECASE):
        raise InvalidRequest(
            f"{name}={base_url!r} is no web address; use one like 'https://api.example.com/v1'", parameter="base_url"
        )
    try:
        address = read_address(base_url)
    except ValueError as error:
        raise InvalidRequest(
            f"{name}={base_url!r} is no address ({error}); use one like 'https://api.example.com/v1'",
            parameter="base_url",
        ) from None
    if address.scheme == "http" and not allow_http and not is_this_device(address.host):
        raise InvalidRequest(
            f"{name}={base_url!r} is http, so anyone on the way could read prompts and key; use https, or say "
            "allow_http=True",
            parameter="base_url",
        )
    return base_url.rstrip("/")


def host_of(url: str) -> str:
    """Return the host of an address, in lower case, without port or brackets; nothing where it has none for sure."""
    try:
        return read_address(url).host
    except ValueError:
        return ""


def origin(url: str) -> str:
    """Return scheme, host and port of an address, to be shown."""
    try:
        address = read_address(url)
    except ValueError:
        return "an address that is none"
    host = f"[{address.host}]" if ":" in address.host else address.host
    port = "" if address.port == _DEFAULT_PORTS[address.scheme] else f":{address.port}"
    return f"{address.scheme}://{host}{port}"


def _read_host(host: str) -> str:
    # Before it is made small: that makes an ASCII letter of some that are none.
    if not host.isascii():
        raise ValueError("its host has letters or dots of another script; write such a name in its xn-- form")
    host = host.lower()
    if host.startswith("["):
        try:
            address = IPv6Address(host[1:-1])
        except ValueError:
            raise ValueError(f"its host {host!r} is no IPv6 address") from None
        if address.scope_id is not None or address.ipv4_mapped is not None:
            raise ValueError(f"its host {host!r} has a zone, or an IPv4 address inside; write the address plainly")
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
        raise ValueError(f"its host {host!r} is no plain name")
    return host
