"""A cloud on loopback that speaks OpenAI's chat completions: it streams a given answer at a given speed."""

from __future__ import annotations

import http.server
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

TOKEN_CHARS = 4
"""Of a token of English, on average."""

SECTION = """## Part {n}: how a lighthouse lens works

A lighthouse lens is a **Fresnel lens**: a thick lens with the parts cut away that only let light through. What bends
light is the *slope* of the glass where the light enters and leaves it, so `lens {n}` keeps the slopes.

1. The centre is a small ordinary lens.
2. Around it lie rings, each a prism with a steeper slope.
   - The inner rings bend the light.
   - The outer ones reflect it inside the glass.

| Order | Focal length | Height | Used for |
| :--- | ---: | ---: | --- |
| First | 920 mm | 2.59 m | Coasts, seen from 40 km away |
| Third | 500 mm | 1.58 m | Bays and sounds |

```python
def ring_angle(radius_m: float, focal_m: float, n: float = 1.52) -> float:
    sine = radius_m / hypot(radius_m, focal_m)
    return degrees(asin(sine / n))  # Snell's law
```

> The light that saved a million ships. See [how they were made](https://example.org/lenses/{n}).

"""


def answer_tokens(count: int) -> list[str]:
    """An answer in Markdown with headings, lists, tables and code, in pieces as long as tokens."""
    chars = count * TOKEN_CHARS
    text = ""
    number = 0
    while len(text) < chars:
        number += 1
        text += SECTION.replace("{n}", str(number))
    text = text[:chars]
    return [text[at : at + TOKEN_CHARS] for at in range(0, chars, TOKEN_CHARS)]


class Cloud(http.server.ThreadingHTTPServer):
    """Answers each request with `tokens`, `per_s` of them a second; 0 sends all at once."""

    daemon_threads = True
    tokens: list[str]
    per_s: float = 0.0

    @property
    def url(self) -> str:
        """What a client takes as the address of the API."""
        return f"http://127.0.0.1:{self.server_port}/v1"


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Cloud  # type: ignore[assignment]

    def end_headers(self) -> None:
        for name in ("Origin", "Headers", "Methods"):
            self.send_header(f"Access-Control-Allow-{name}", "*" if name == "Origin" else self._allowed(name))
        super().end_headers()

    def _allowed(self, name: str) -> str:
        return self.headers.get("Access-Control-Request-Headers", "*") if name == "Headers" else "GET, POST"

    def do_OPTIONS(self) -> None:
        """Let a page of another origin ask."""
        self.send_response(204)
        self.end_headers()

    def do_POST(self) -> None:
        """Stream the answer."""
        self.rfile.read(int(self.headers["Content-Length"]))
        tokens, per_s = self.server.tokens, self.server.per_s
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        try:
            self._send({"role": "assistant", "content": ""})
            began = time.monotonic()
            for number, token in enumerate(tokens):
                if per_s:
                    time.sleep(max(0.0, began + number / per_s - time.monotonic()))
                self._send({"content": token})
            usage = {"prompt_tokens": 20, "completion_tokens": len(tokens), "total_tokens": 20 + len(tokens)}
            self._send({}, finish_reason="stop", usage=usage)
            self.wfile.write(b"data: [DONE]\n\n")
        except ConnectionError:  # the page stopped the answer, or is gone
            pass

    def _send(self, delta: dict[str, str], *, finish_reason: str | None = None, **more: Any) -> None:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
        chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice], **more}
        self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def cloud() -> Iterator[Cloud]:
    """Serve on loopback."""
    server = Cloud(("127.0.0.1", 0), _Handler)
    server.tokens = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
