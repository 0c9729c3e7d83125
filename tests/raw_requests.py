"""Requests as bytes, and answers looked at closely: what no HTTP client would send or show."""

from __future__ import annotations

import asyncio
import re


async def ask(port: int, request: bytes) -> bytes:
    """Send bytes and the end of them; all that comes back."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        writer.write_eof()
        return await reader.read()
    except ConnectionError:
        return b""  # closed before it had taken all
    finally:
        writer.close()


def status_of(answer: bytes) -> int | None:
    """The status of a well-formed answer whose body is as long as it says; ``None`` for a closed connection."""
    if not answer:
        return None
    head, separator, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    match = re.fullmatch(rb"HTTP/1\.1 ([1-5]\d\d) [ -~]+", first)
    assert match and separator, answer[:200]
    headers = dict(line.lower().split(b": ", 1) for line in lines)
    assert len(headers) == len(lines), "a header is there twice"
    status = int(match[1])
    if status not in (204, 304):
        assert body == b"" or len(body) == int(headers[b"content-length"])
    assert b"content-security-policy" in headers and headers[b"connection"] == b"close"
    return status


def lines(*headers: str, target: str = "/", method: str = "GET") -> bytes:
    return "\r\n".join([f"{method} {target} HTTP/1.1", *headers, "", ""]).encode("latin-1")
