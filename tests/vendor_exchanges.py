"""Exchanges for `vendor_server` that every vendor has: the ways in which a stream breaks."""

from __future__ import annotations

from typing import Any

from vendor_server import CUT, SILENCE, Reply


def broken_streams(hello: Reply, first: bytes, line: bytes) -> dict[str, Reply]:
    """The ways in which an answer can break that every vendor has.

    ``hello`` is a whole answer, ``first`` its beginning up to the first words, ``line`` what stands before data.
    """
    whole, headers = hello.body, hello.headers

    def reply(*steps: Any, **more: Any) -> Reply:
        return Reply(steps, 200, headers, **more)

    return {
        "byte-by-byte": hello.in_pieces(1),
        "crlf": reply(whole.replace(b"\n", b"\r\n")),
        "no-end": reply(first),
        "cut-mid-event": reply(whole[: len(first) + 11], CUT),
        "short-length": reply(first, length=len(whole)),
        "bad-utf8": reply(first, line + b"\xff\xfe\n\n"),
        "bad-json": reply(first, line + b'{"type": "content_block_delta", "candidates": [nonsense\n\n'),
        "wrong-type": reply(first, line + b"[1, 2]\n\n"),
        "huge-event": reply(first, line + b'{"', *[b"a" * 1024 * 1024] * 17),
        "web-page": Reply((b"<html>Sign in</html>",), 200, {"content-type": "text/html"}, length=20),
        "silent-before": reply(before=SILENCE),
        "silent-later": reply(first, SILENCE),
    }
