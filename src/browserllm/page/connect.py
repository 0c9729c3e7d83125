"""The hosts: `connect` gives the one that fits where the program runs."""

from __future__ import annotations

import sys
from collections.abc import Generator
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from .host import Host


def connect(
    *,
    browser: str | Path | None = None,
    profile: str | Path | None = None,
    visible: bool = False,
    webgpu: Literal["auto", "software", "off"] = "auto",
    timeout_s: float = 60.0,
) -> Connecting:
    """Open a connection to a page, for ``async with``; or await it, and close the host later.

    Inside a page (Pyodide) that is the page itself, and the options mean nothing. In a plain process a browser is
    launched and ends with the host: ``browser`` is its path (else one is looked for, `browserllm.page.chrome.find`),
    ``profile`` the folder that keeps its model cache (else one that all programs of this user share), ``visible`` shows
    its window, ``timeout_s`` bounds all of the start, in seconds (ending what was started may take two more).
    ``webgpu`` is ``auto`` (the GPU, or Chromium's software adapter where there is none), ``software`` (always that
    adapter) or ``off``.

    Raises `Unavailable`, whose reason says what is missing, and `ProtocolError` when the page is of another release.
    """
    return Connecting(
        {"browser": browser, "profile": profile, "visible": visible, "webgpu": webgpu, "timeout_s": timeout_s}
    )


class Connecting:
    """A connection in the making: await it for the host, or use it with ``async with``."""

    def __init__(self, options: dict[str, Any]) -> None:
        """Made by `connect`."""
        self._options = options
        self._host: Host | None = None

    def __await__(self) -> Generator[Any, None, Host]:
        return self._open().__await__()

    async def __aenter__(self) -> Host:
        self._host = await self._open()
        return self._host

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._host is not None:
            await self._host.close()

    async def _open(self) -> Host:
        if sys.platform == "emscripten":
            from .pyodide import connect_to_page

            return await connect_to_page()
        from .chrome.launch import ChromeHost

        return await ChromeHost.launch(**self._options)
