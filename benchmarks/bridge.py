"""Python work per streamed chunk, from the pipe (MessagePort, WebSocket) to the body of `async for`.

A peer that speaks the protocol answers a chat with a thousand chunks, one message each, as fast as they are taken. In
the page that is a MessagePort in Pyodide's worker; on CPython a WebSocket client in another process. The time runs from
the start chunk, sent when the request has just gone out: wall time in the page, which includes what the peer's
JavaScript takes to post the messages, and processor time of this process on CPython.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import time
from typing import Any

from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve as serve_socket

import browserllm as bl
from _page import chromium, open_python, run_python, serve
from _report import Row, report
from browserllm.page.protocol import ChannelHost
from browserllm.page.serving.websocket import WebSocketChannel

LOADED = {
    "model": "pocket",
    "engine": "webllm",
    "device": "webgpu",
    "adapter": "none",
    "context_window": 2048,
    "load_ms": 1,
}
WEBGPU = {"webgpu": {"available": True, "adapter": {"vendor": "none"}}}
USAGE = {"prompt_tokens": 1, "completion_tokens": 1, "cached_tokens": 0}
TIMINGS = {"queue_ms": 0, "first_token_ms": 1, "decode_ms": 1, "tokens_per_s": 1}
RESULTS: dict[str, Any] = {
    "status": {"loaded": [LOADED], "queue": 0},
    "load": LOADED,
    "probe": WEBGPU,
    "chat": {"finish_reason": "stop", "usage": USAGE, "timings": TIMINGS, "warnings": []},
}
HELLO = {"v": 1, "type": "hello", "data": {"protocol": 1, "page_version": "bench", "engines": [], "user_agent": ""}}

PEER = """
import json, sys
from websockets.sync.client import connect
results, hello, count = json.loads(sys.argv[2]), sys.argv[3], int(sys.argv[4])
with connect(sys.argv[1]) as socket:
    socket.send(hello)
    for text in socket:
        request = json.loads(text)
        if request["op"] == "cancel":
            continue
        if request["op"] == "chat":
            chunk = json.dumps({"v": 1, "id": request["id"], "type": "chunk", "data": {"text": " word", "tokens": 1}})
            for _ in range(count):
                socket.send(chunk)
        socket.send(json.dumps({"v": 1, "id": request["id"], "type": "result", "data": results[request["op"]]}))
"""

IN_PAGE = """
import json, time
from js import Object
from pyodide.ffi import create_proxy
from pyodide.code import run_js
import browserllm as bl
from browserllm.page.protocol import ChannelHost
from browserllm.page.pyodide import PortChannel

make = run_js('''(results, hello, count) => {
  const { port1, port2 } = new MessageChannel();
  results = JSON.parse(results);
  let handler = null;
  port1.onmessage = ({ data }) => { handler?.(data); };
  port2.onmessage = ({ data }) => {
    const { id, op } = JSON.parse(data);
    if (op === "cancel") return;
    if (op === "chat") {
      const chunk = JSON.stringify({ v: 1, id, type: "chunk", data: { text: " word", tokens: 1 } });
      for (let i = 0; i < count; i += 1) port2.postMessage(chunk);
    }
    port2.postMessage(JSON.stringify({ v: 1, id, type: "result", data: results[op] }));
  };
  return {
    send: (text) => { port1.postMessage(text); },
    set_handler: (f) => { handler = f?.copy() ?? null; port2.postMessage(hello); },
  };
}''')
host = await ChannelHost(PortChannel(make(RESULTS, HELLO, COUNT), create_proxy)).start()
llm = bl.LocalBackend(host, model="pocket")
figures = []
for run in range(RUNS + 1):
    seen, start = 0, 0.0
    async for chunk in llm.stream("Hello"):
        # From the start chunk on, when the request has just gone out: all chunks come after it.
        if isinstance(chunk, bl.types.ChatStart):
            start = time.perf_counter()
        elif chunk.text:
            seen += 1
    figures.append((time.perf_counter() - start) / seen * 1e6)
    assert seen == COUNT, seen
json.dumps(figures[1:])
"""


def in_page(runs: int, count: int) -> list[float]:
    """Microseconds per chunk in the page, a figure per run."""
    code = IN_PAGE.replace("RESULTS", repr(json.dumps(RESULTS))).replace("HELLO", repr(json.dumps(HELLO)))
    code = code.replace("COUNT", str(count)).replace("RUNS", str(runs))
    with serve() as base, chromium() as context:
        return run_python(open_python(context, base), code)


async def on_cpython(runs: int, count: int) -> tuple[list[float], list[float]]:
    """Microseconds per chunk on CPython: processor time of this process, and wall time."""
    connected: asyncio.Future[ServerConnection] = asyncio.get_running_loop().create_future()

    async def accept(connection: ServerConnection) -> None:
        connected.set_result(connection)
        await connection.wait_closed()

    cpu: list[float] = []
    wall: list[float] = []
    async with serve_socket(accept, "127.0.0.1", 0, max_queue=None, compression=None) as server:
        port = server.sockets[0].getsockname()[1]
        arguments = [f"ws://127.0.0.1:{port}", json.dumps(RESULTS), json.dumps(HELLO), str(count)]
        peer = subprocess.Popen([sys.executable, "-c", PEER, *arguments])  # noqa: ASYNC220  # starts at once
        try:
            async with await ChannelHost(WebSocketChannel(await connected)).start() as host:
                llm = bl.LocalBackend(host, model="pocket")
                for _ in range(runs + 1):
                    seen, start, start_cpu = 0, 0.0, 0.0
                    async for chunk in llm.stream("Hello"):
                        if isinstance(chunk, bl.types.ChatStart):
                            start, start_cpu = time.perf_counter(), time.process_time()
                        elif chunk.text:
                            seen += 1
                    cpu.append((time.process_time() - start_cpu) / count * 1e6)
                    wall.append((time.perf_counter() - start) / count * 1e6)
        finally:
            peer.terminate()
            peer.wait()
    return cpu[1:], wall[1:]


def main() -> int:
    """Measure both worlds and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20, help="streams in each world (default 20)")
    parser.add_argument(
        "--chunks",
        type=int,
        default=1000,
        help="chunks in each stream (default 1000; a host keeps 1024 unread ones apart)",
    )
    options = parser.parse_args()
    page = in_page(options.runs, options.chunks)
    cpu, wall = asyncio.run(on_cpython(options.runs, options.chunks))
    rows = [
        Row("Pyodide: MessagePort -> async for", page, "us/chunk", budget=40),
        Row("CPython: WebSocket -> async for, processor time", cpu, "us/chunk", budget=25),
        Row("  the same, wall time with the peer's sending", wall, "us/chunk"),
    ]
    return report("bridge: Python work per streamed chunk", rows)


if __name__ == "__main__":
    sys.exit(main())
