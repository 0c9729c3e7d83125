"""Chromium's DevTools beside a host that `browserllm.connect` launched: what only a page can read, read there."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import Any, Self

from websockets.asyncio.client import ClientConnection, connect

FLAG = "--remote-debugging-port=0"
"""For ``BROWSERLLM_BROWSER_FLAGS``: Chromium then writes its port into the profile."""

DIGESTS = """
async (entries) => Promise.all(entries.map(async ([cache, url]) => {
  const kept = (await caches.has(cache)) ? await (await caches.open(cache)).match(url) : undefined;
  if (kept === undefined) return null;
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", await kept.arrayBuffer()));
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
}))
"""
"""A function of the page: the SHA-256 of each cache entry as it lies there; null for one that does not."""


class DevTools:
    """A connection to the host page of a launched browser."""

    def __init__(self, socket: ClientConnection) -> None:
        """Made by `open`."""
        self._socket = socket
        self._last_id = 0

    @classmethod
    async def open(cls, profile: Path) -> Self:
        """Connect to the browser that runs on this profile with `FLAG`."""
        port = (profile / "DevToolsActivePort").read_text().split("\n")[0]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list") as answer:
            pages = [target for target in json.load(answer) if "/host.html" in target["url"]]
        return cls(await connect(pages[0]["webSocketDebuggerUrl"], max_size=None))

    async def close(self) -> None:
        """End the connection; the page stays."""
        await self._socket.close()

    async def evaluate(self, function: str, argument: Any) -> Any:
        """Call a JavaScript function in the page and return what its promise gives."""
        result = await self.send(
            "Runtime.evaluate",
            expression=f"({function})({json.dumps(argument)})",
            awaitPromise=True,
            returnByValue=True,
        )
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    async def send(self, method: str, **params: Any) -> dict[str, Any]:
        """Ask DevTools for a method of its protocol and return the result."""
        self._last_id += 1
        await self._socket.send(json.dumps({"id": self._last_id, "method": method, "params": params}))
        while True:
            answer = json.loads(await self._socket.recv())
            if answer.get("id") == self._last_id:
                assert "error" not in answer, answer
                return answer["result"]
