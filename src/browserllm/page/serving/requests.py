"""Parses one HTTP request strictly: it rejects what two parsers could understand differently."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple
from urllib.parse import unquote_to_bytes, urlsplit

MAX_HEAD_BYTES = 16 * 1024
"""The largest request line with headers."""

MAX_TARGET_CHARACTERS = 4096
"""The longest address; the system's longest path has as many characters."""

# Only a path on this server: the other forms (a whole URL, `*`) are for proxies, and browsers do not send them here.
_REQUEST_LINE = re.compile(rb"([A-Z]{1,16}) (/[!-~]*) HTTP/1\.[01]")
_HEADER_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROLS = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")

SINGLE_HEADERS = ("host", "origin")
"""Headers that may appear once: with two, parsers could disagree on the request's target or origin."""


class RequestError(Exception):
    """A request is not valid; the message says why."""


class Request(NamedTuple):
    """A request: ``path`` is percent-encoded, as it was sent; the names of ``headers`` are in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]


def read_request(head: bytes) -> Request:
    """Parse a request line and headers, which end with an empty line; raises `RequestError` saying what is wrong."""
    first, *lines = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
    match = _REQUEST_LINE.fullmatch(first)
    if match is None:
        raise RequestError(f"{_shown(first)} is not a valid request line for a path of this server")
    method, target = match[1].decode(), match[2].decode()
    headers: dict[str, list[str]] = {}
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or _HEADER_NAME.fullmatch(name) is None or _CONTROLS.search(value):
            raise RequestError(f"{_shown(line)} is not a valid header")
        headers.setdefault(name.decode().lower(), []).append(value.strip(b" \t").decode("latin-1"))
    for name in SINGLE_HEADERS:
        if len(headers.get(name, [])) > 1:
            raise RequestError(f"there is more than one {name.capitalize()} header")
    if not any(headers.get("host", [])):
        raise RequestError("there is no Host header")
    path, query = _split_target(target)
    return Request(method, path, query, {name: ", ".join(values) for name, values in headers.items()})


def stays_inside(parts: Iterable[str]) -> bool:
    """Return whether a path below a folder is safe: no part could leave the folder, on any system."""
    return not any(part.startswith((".", "/")) or set(part) & set("\\:\0") for part in parts)


def _split_target(target: str) -> tuple[str, str]:
    if len(target) > MAX_TARGET_CHARACTERS:
        raise RequestError(f"the address has {len(target)} characters; {MAX_TARGET_CHARACTERS} are allowed")
    path, _, query = target.partition("?")
    try:
        urlsplit(target)  # raises for what another parser could take for a host
        unquote_to_bytes(path).decode()
    except ValueError:
        raise RequestError(f"the address {target[:80]!r} is not a valid path") from None
    if "#" in target or _BROKEN_ESCAPE.search(target):
        raise RequestError(f"the address {target[:80]!r} has an invalid percent-escape or a fragment")
    return path, query


def _shown(line: bytes) -> str:
    return repr(line[:80].decode("latin-1"))
