"""Which addresses may be fetched for an untrusted caller, such as a model: only public ones, over https.

A name is checked by what it resolves to: all its addresses must be public, and the connection must go to one of the
checked addresses (`HttpRequest.address`), because a second lookup may return others.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from ...errors import InvalidRequest, Unavailable
from .address import read_address

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""Returns the addresses of a host, for a port; raises OSError if it has none."""

MAX_URL_CHARS = 4096

# https://www.iana.org/assignments/iana-ipv4-special-registry, and multicast. A table of our own, because the one in
# `ipaddress` differs between Python versions.
_SPECIAL_4 = {
    "unspecified": ("0.0.0.0/8",),
    "private": ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"),
    "shared by a provider's customers": ("100.64.0.0/10",),
    "loopback": ("127.0.0.0/8",),
    "link-local": ("169.254.0.0/16",),
    "for documentation": ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"),
    "for benchmarks": ("198.18.0.0/15",),
    "multicast": ("224.0.0.0/4",),
    "reserved": ("192.0.0.0/24", "192.88.99.0/24", "240.0.0.0/4"),
}
# https://www.iana.org/assignments/iana-ipv6-special-registry: within the allocated space, 2000::/3.
_SPECIAL_6 = {
    "reserved": ("2001::/23",),
    "for documentation": ("2001:db8::/32", "3fff::/20"),
    "a tunnel to another address (6to4)": ("2002::/16",),
}
_NETWORKS_4 = [(IPv4Network(network), why) for why, networks in _SPECIAL_4.items() for network in networks]
_NETWORKS_6 = [(IPv6Network(network), why) for why, networks in _SPECIAL_6.items() for network in networks]
_GIVEN_OUT = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
_KINDS_6 = [
    (IPv6Network("::1/128"), "loopback"),
    (IPv6Network("::/128"), "unspecified"),
    (IPv6Network("fc00::/7"), "private"),
    (IPv6Network("fe80::/9"), "link-local"),
    (IPv6Network("ff00::/8"), "multicast"),
]

# https://www.iana.org/assignments/special-use-domain-names, and names that home and company networks use.
_LOCAL_NAMES = frozenset(
    {"arpa", "corp", "home", "internal", "intranet", "invalid", "lan", "local", "localdomain", "localhost", "onion"}
)
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
# Browsers read a host whose last label looks like this as an IPv4 address, in any spelling.
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_SAFE = "/?%:@!$&'()*+,;=~-._"
_ENTRY = re.compile(r"(?P<any>\*\.)?(?P<host>\[[^\]]+\]|[^\[\]:/*@\s]+)(?::(?P<port>[0-9]{1,5}))?")


class Target(NamedTuple):
    """A checked address: the ``url`` to request, and its ``host`` and ``port``."""

    url: str
    host: str
    port: int
    is_literal: bool


class HostList:
    """The allowed hosts, on port 443 or the port that they name: ``example.com``, ``*.example.com:8443``."""

    def __init__(self, entries: Iterable[str]) -> None:
        """Parse the entries; raise `InvalidRequest` for one that is not a host."""
        if isinstance(entries, str):
            raise InvalidRequest(f"allow={entries!r} is a string; use a list of hosts", parameter="allow")
        self._entries = [_read_entry(entry) for entry in entries]

    def has(self, host: str, port: int) -> bool:
        """Return whether a host and port are in the list."""
        return any(
            port == wanted and (host.endswith(f".{name}") if below else host == name)
            for name, wanted, below in self._entries
        )

    def __str__(self) -> str:
        shown = [f"{'*.' * below}{name}{'' if port == 443 else f':{port}'}" for name, port, below in self._entries]
        return ", ".join(shown) or "none"


def check_public_url(url: str, allow: HostList | None = None) -> Target:
    """Return the target of an https address, or raise `InvalidRequest` unless it is certainly public.

    The port must be 443, except for hosts that ``allow`` lists with another one. The returned URL is rebuilt from the
    parts that were checked, so that later code cannot parse it differently.
    """
    if len(url) > MAX_URL_CHARS:
        raise _refused(f"the address has {len(url)} characters, more than {MAX_URL_CHARS}")
    shown = repr(url) if len(url) < 200 else f"{url[:200]!r}..."
    # Browsers drop some of these and read a backslash as a slash.
    if re.search(r"[\x00-\x20\x7f\\]", url):
        raise _refused(f"{shown} contains a space, a control character or a backslash; use the plain address")
    try:
        parts = urlsplit(url)
        name, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise _refused(f"{shown} is not a valid address ({error})") from None
    if parts.scheme != "https":
        raise _refused(f"{shown} is not https; only https addresses are fetched")
    if "@" in parts.netloc:
        raise _refused("the address contains a user or a password; use the plain address")
    host, is_literal = _read_host(name, shown)
    port = 443 if port is None else port
    if allow is not None and not allow.has(host, port):
        raise _refused(f"{_with_port(host, port)} is not an allowed host; allowed are: {allow}")
    if allow is None and port != 443:
        raise _refused(f"{shown} names the port {port}; only 443 is allowed")
    path = quote(parts.path or "/", safe=_SAFE)
    query = f"?{quote(parts.query, safe=_SAFE)}" if parts.query else ""
    where = f"[{host}]" if ":" in host else host
    written = f"https://{_with_port(where, port)}{path}{query}"
    try:
        # All other code parses addresses with read_address: it must find the same host.
        is_same = read_address(written)[:3] == ("https", host, port)
    except ValueError:
        is_same = False
    if not is_same:
        raise _refused(f"the host of {shown} can be parsed in two ways; write it plainly")
    return Target(written, host, port, is_literal)


async def public_addresses(target: Target, resolve: Resolve) -> list[str]:
    """Return the addresses to connect to.

    Raises `InvalidRequest` if one of them is not public, `Unavailable` if the name has none.
    """
    if target.is_literal:
        return [target.host]
    try:
        found = await resolve(target.host, target.port)
    except (OSError, UnicodeError) as error:
        raise Unavailable(f"the host {target.host} was not found ({error})", reason="unreachable") from None
    if not found:
        raise Unavailable(f"the host {target.host} was not found", reason="unreachable")
    for address in found:
        if why := why_not_public(address):
            # Without the address, which would reveal the structure of an internal network.
            raise _refused(f"{target.host} resolves to an address that is not public: {why}")
    return list(dict.fromkeys(found))


def why_not_public(address: str) -> str:
    """Return why an IP address is not public; empty for a public address."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return "not an IP address"
    if isinstance(parsed, IPv6Address):
        if parsed.scope_id is not None:
            return "link-local"
        if parsed.ipv4_mapped is not None:
            parsed = parsed.ipv4_mapped
        elif parsed in _NAT64:
            # Networks without IPv4 reach all IPv4 addresses this way.
            parsed = IPv4Address(int(parsed) & 0xFFFFFFFF)
    if isinstance(parsed, IPv4Address):
        return next((why for network, why in _NETWORKS_4 if parsed in network), "")
    if parsed not in _GIVEN_OUT:
        return next((why for network, why in _KINDS_6 if parsed in network), "reserved")
    return next((why for network, why in _NETWORKS_6 if parsed in network), "")


def _read_host(name: str, shown: str) -> tuple[str, bool]:
    """Return the host to request, and whether it is an IP address."""
    if len(name) > 253:
        raise _refused("the host in the address is too long")
    try:
        # Converts digits and dots of other scripts to ASCII before the checks.
        host = name if name.isascii() else name.encode("idna").decode("ascii").lower()
    except UnicodeError:
        raise _refused(f"{shown} has an invalid host name ({name!r})") from None
    host = host.removesuffix(".")
    labels = host.split(".")
    if ":" in host or _NUMBER.fullmatch(labels[-1]):
        try:
            literal = str(ip_address(host))
        except ValueError:
            raise _refused(
                f"{shown} has an IP address in an unusual spelling; write it as four plain numbers"
            ) from None
        if why := why_not_public(literal):
            raise _refused(f"{shown} is not public: {why}")
        return literal, True
    if not all(_LABEL.fullmatch(label) for label in labels):
        raise _refused(f"{shown} has no host, or an invalid host name ({name!r})")
    if len(labels) < 2 or labels[-1] in _LOCAL_NAMES:
        raise _refused(f"{shown} names {host!r}, a host of a local network; only public hosts are fetched")
    return host, False


def _read_entry(entry: str) -> tuple[str, int, bool]:
    match = _ENTRY.fullmatch(entry) if isinstance(entry, str) else None  # pyright: ignore[reportUnnecessaryIsInstance]
    port = 443 if match is None or match["port"] is None else int(match["port"])
    if match is None or not 0 < port < 65536:
        raise InvalidRequest(
            f"allow contains {entry!r}, which is not a host; use 'example.com', '*.example.com' or 'example.com:8443'",
            parameter="allow",
        )
    try:
        host, _ = _read_host(match["host"].strip("[]").lower(), repr(entry))
    except InvalidRequest as error:
        raise InvalidRequest(f"allow contains a host that is never fetched: {error}", parameter="allow") from None
    return host, port, match["any"] is not None


def _with_port(host: str, port: int) -> str:
    return host if port == 443 else f"{host}:{port}"


def _refused(why: str) -> InvalidRequest:
    return InvalidRequest(f"not fetched: {why}", parameter="url")
