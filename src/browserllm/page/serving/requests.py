"""Reading one HTTP request strictly: what two readers could understand differently is refused."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple
from urllib.parse import unquote_to_bytes, urlsplit

MAX_HEAD_BYTES = 16 * 1024
"""The longest request line and headers that are read at all."""

MAX_TARGET_CHARACTERS = 4096
"""The longest address; the system's longest path has as many."""

# Only a path on this server: another form (a whole URL, `*`) is for proxies, and browsers send none of them here.
_REQUEST_LINE = re.compile(rb"([A-Z]{1,16}) (/[!-~]*) HTTP/1\.[01]")
_HEADER_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROLS = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")

SINGLE_HEADERS = ("host", "origin")
"""Whom a request is for, and from: said twice, it is not known which one holds."""


class RequestError(Exception):
    """A request that is not answered, with the reason."""


class Request(NamedTuple):
    """A request: ``path`` is as it was sent, percent-encoded; the names of ``headers`` are in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]


def read_request(head: bytes) -> Request:
    """Read a request's line and headers, which end with an empty line; raises `RequestError` saying what is wrong."""
    first, *lines = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
    match = _REQUEST_LINE.fullmatch(first)
    if match is None:
        raise RequestError(f"{_shown(first)} is no request for a path of this server")
    method, target = match[1].decode(), match[2].decode()
    headers: dict[str, list[str]] = {}
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or _HEADER_NAME.fullmatch(name) is None or _CONTROLS.search(value):
            raise RequestError(f"{_shown(line)} is no header")
        headers.setdefault(name.decode().lower(), []).append(value.strip(b" \t").decode("latin-1"))
    for name in SINGLE_HEADERS:
        if len(headers.get(name, [])) > 1:
            raise RequestError(f"there is more than one {name.capitalize()} header")
    if not any(headers.get("host", [])):
        raise RequestError("there is no Host header")
    path, query = _split_target(target)
    return Request(method, path, query, {name: ", ".join(values) for name, values in headers.items()})


def stays_inside(parts: Iterable[str]) -> bool:
    """Say whether a path below a folder is plain: what could leave the folder, on any system, is no name of ours."""
    return not any(part.startswith((".", "/")) or set(part) & set("\\:\0") for part in parts)


def _split_target(target: str) -> tuple[str, str]:
    if len(target) > MAX_TARGET_CHARACTERS:
        raise RequestError(f"the address has {len(target)} characters; {MAX_TARGET_CHARACTERS} are allowed")
    path, _, query = target.partition("?")
    try:
        urlsplit(target)  # raises for what another reader could take for a host
        unquote_to_bytes(path).decode()
    except ValueError:
        raise RequestError(f"the address {target[:80]!r} is no path") from None
    if "#" in target or _BROKEN_ESCAPE.search(target):
        raise RequestError(f"the address {target[:80]!r} has an escape that is none")
    return path, query


def _shown(line: bytes) -> str:
    return repr(line[:80].decode("latin-1"))
