"""A loopback server with the shape of OpenAI's chat completions, as cheap as it can be: the same for every contender.

``/ok/v1/chat/completions`` streams ten tokens, or answers whole; ``/fail/...`` answers 503. The answer repeats the last
message, so that a lost or mixed-up answer shows. Prints its port.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

PIECES = 10


class Server(asyncio.Protocol):
    """One connection: requests one after another, each answered at once."""

    def __init__(self) -> None:
        """Begin with nothing received."""
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport: Any = transport

    def data_received(self, data: bytes) -> None:
        """Answer every request that is whole."""
        self._buffer += data
        while True:
            head, separator, rest = self._buffer.partition(b"\r\n\r\n")
            if not separator:
                return
            lower = head.lower()
            at = lower.find(b"content-length:")
            length = int(lower[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(rest) < length:
                return
            body, self._buffer = rest[:length], rest[length:]
            self._answer(head.split(b" ", 2)[1].decode(), body)

    def _answer(self, path: str, body: bytes) -> None:
        if path.startswith("/fail"):
            self._send(503, "application/json", b'{"error":{"message":"overloaded","type":"server_error"}}')
            return
        request = json.loads(body)
        content = request["messages"][-1]["content"]
        said = content if isinstance(content, str) else content[0]["text"]
        base = {"id": "chatcmpl-1", "created": 1, "model": request["model"], "system_fingerprint": None}
        usage = {"prompt_tokens": 5, "completion_tokens": PIECES, "total_tokens": 5 + PIECES}
        if not request.get("stream"):
            message = {"role": "assistant", "content": said, "refusal": None}
            choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
            answer = {**base, "object": "chat.completion", "choices": [choice], "usage": usage}
            self._send(200, "application/json", json.dumps(answer).encode())
            return
        step = max(1, -(-len(said) // PIECES))
        events = []
        for index in range(PIECES):
            delta: dict[str, Any] = {"content": said[index * step : (index + 1) * step]}
            if index == 0:
                delta["role"] = "assistant"
            events.append({"index": 0, "delta": delta, "finish_reason": None, "logprobs": None})
        events.append({"index": 0, "delta": {}, "finish_reason": "stop", "logprobs": None})
        chunks = [{**base, "object": "chat.completion.chunk", "choices": [event], "usage": None} for event in events]
        chunks.append({**base, "object": "chat.completion.chunk", "choices": [], "usage": usage})
        text = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"
        self._send(200, "text/event-stream", text.encode())

    def _send(self, status: int, kind: str, body: bytes) -> None:
        head = f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
        self._transport.write(head.encode() + body)


async def main() -> None:
    """Serve until the process is ended."""
    server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
