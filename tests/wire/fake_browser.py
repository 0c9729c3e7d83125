"""A program that behaves like a launched Chromium, as far as the launcher can see. Its mode is in FAKE_BROWSER.

It serves the debugging pipe on descriptors 3 and 4. When it is asked to open a page, it opens the page's WebSocket and
imitates a page that supports `status` and `chat`.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import sys
import threading
from urllib.parse import urlsplit

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

MODE = os.environ.get("FAKE_BROWSER", "")

RESULTS = {"Target.createTarget": {"targetId": "T"}, "Target.attachToTarget": {"sessionId": "S"}}


NOISE = os.environ.get("FAKE_BROWSER_NOISE", "").encode("latin-1")
"""What it writes to the debugging pipe first, with `!` in place of the NUL after each message."""


def answer(message: dict[str, object]) -> None:
    """Write to the debugging pipe."""
    os.write(4, NOISE.replace(b"!", b"\0") + json.dumps(message).encode() + b"\0")


def page(url: str, script: str) -> None:
    """Imitate the page at this URL; the script has the launcher's secret."""
    port = int(next(re.findall(r"127\.0\.0\.1:(\d+)", flag)[0] for flag in sys.argv if "--host-resolver" in flag))
    address = urlsplit(url)
    launch = json.loads(re.findall(r"value: (\{.*?\})", script)[0])
    target = f"ws://{address.netloc}/host?token={launch['secret']}"
    sock = socket.create_connection(("127.0.0.1", port))
    origin = f"{address.scheme}://{address.netloc}"
    with connect(target, sock=sock, origin=origin, proxy=None) as connection:  # pyright: ignore[reportArgumentType]
        if MODE == "old":
            say(connection, type="hello", data={"protocol": 0, "page_version": "0.0"})
        elif MODE != "mute":
            say(connection, type="hello", data={"protocol": 1, "page_version": "fake"})
        try:
            for text in connection:
                serve(connection, json.loads(text))
        except ConnectionClosed:
            return


def serve(connection: ClientConnection, request: dict[str, object]) -> None:
    """Answer a request of the program."""
    if request["op"] == "status":
        say(connection, id=request["id"], type="result", data={"loaded": [], "queue": 0, "arguments": sys.argv})
    elif request["op"] == "crash":
        answer({"method": "Target.targetCrashed", "params": {"targetId": "T"}})
    elif request["op"] == "die":
        os.kill(os.getppid() if MODE == "split" else os.getpid(), signal.SIGKILL)


def say(connection: ClientConnection, **message: object) -> None:
    """Send a message of the protocol."""
    connection.send(json.dumps({"v": 1, **message}))


def main() -> None:
    """Serve the debugging pipe until it closes."""
    os.write(2, b"a warning of the browser\n")
    if MODE == "stopped":
        os.kill(os.getpid(), signal.SIGSTOP)
    if MODE == "exit":
        os.write(2, b"cannot open display\n")
        sys.exit(7)
    if MODE == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    pending, script = b"", ""
    while data := os.read(3, 65536):
        *messages, pending = (pending + data).split(b"\0")
        for message in map(json.loads, messages):
            if message["method"] == "Browser.close":
                if MODE == "stubborn":
                    continue
                answer({"id": message["id"], "result": {}})
                if MODE != "slow":
                    os._exit(0)
            elif message["method"] == "Target.createTarget" and MODE == "refuse":
                answer({"id": message["id"], "error": {"message": "no pages today"}})
            elif MODE.startswith("{"):
                answer({"id": message["id"], **json.loads(MODE)})
            else:
                answer({"id": message["id"], "result": RESULTS.get(message["method"], {})})
                if message["method"] == "Page.addScriptToEvaluateOnNewDocument":
                    script = message["params"]["source"]
                if message["method"] == "Target.createTarget" and MODE == "stopped-later":
                    os.kill(os.getpid(), signal.SIGSTOP)
                elif message["method"] == "Page.navigate" and MODE == "split":
                    # The socket lives in a process of its own, as Chromium's does.
                    if os.fork() == 0:
                        page(message["params"]["url"], script)
                        os._exit(0)
                elif message["method"] == "Page.navigate" and MODE != "no-page":
                    threading.Thread(target=page, args=[message["params"]["url"], script], daemon=True).start()
    os._exit(0)


main()
