"""Connects to a page: `connect` picks the host for the platform that the program runs on."""

from __future__ import annotations

import sys
from collections.abc import Generator
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Protocol, runtime_checkable

from .._internal.arguments import wrong
from .host import Host


@runtime_checkable
class OpensHost(Protocol):
    """A page that is there already: a widget of a notebook."""

    async def open_host(self, timeout_s: float = 60.0) -> Host:
        """Open a connection to its engine."""
        ...


def connect(
    page: object = None,
    /,
    *,
    browser: str | Path | None = None,
    profile: str | Path | None = None,
    visible: bool = False,
    webgpu: Literal["auto", "software", "off"] = "auto",
    timeout_s: float = 60.0,
    site: str | None = None,
) -> Connecting:
    """Open a connection to a page. Use it with ``async with``, or await it and close the host later.

    ``page`` is a widget that a notebook shows (`browserllm.notebook`): the reader's browser computes, and of the
    options only ``timeout_s`` counts. Inside a page (Pyodide) this connects to that page, and the options have no
    effect. In a process it launches a browser, which ends with the host:

    - ``browser`` is the path of the browser; by default `browserllm.page.chrome.find` looks for one.
    - ``profile`` is the folder with its model cache; by default all programs of this user share one.
    - ``visible`` shows its window.
    - ``webgpu`` is ``auto`` (the GPU, or Chromium's software adapter without one), ``software`` (always that
      adapter) or ``off``.
    - ``timeout_s`` limits the whole start, in seconds (cleaning up after a timeout may take two more).

    ``site`` is for Python in a browser but not in one of our pages, such as a kernel of JupyterLite: the address of a
    site that `browserllm build` wrote, on the same server, for example ``/llm/``. Its engine is started, and ends with
    the host. Elsewhere ``site`` has no effect, so that a notebook may give it anywhere.

    Raises `Unavailable`, whose reason says what is missing, and `ProtocolError` if the page is from another release.
    """
    if page is not None:
        if not isinstance(page, OpensHost):
            write = "write connect(app), with `app = browserllm.notebook.ChatApp()`"
            raise wrong("page", page, "a widget of a notebook", write)
        return Connecting({"page": page, "timeout_s": timeout_s})
    if site is not None and not isinstance(site, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise wrong("site", site, "the address of a site", "write site='/llm/'")
    launch = {"browser": browser, "profile": profile, "visible": visible, "webgpu": webgpu, "timeout_s": timeout_s}
    return Connecting(launch, site)


class Connecting:
    """A connection that is not open yet: await it for the host, or use it with ``async with``."""

    def __init__(self, options: dict[str, Any], site: str | None = None) -> None:
        """``options`` and ``site`` are the arguments of `connect`."""
        self._options = options
        self._site = site
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
        if "page" in self._options:
            return await self._options["page"].open_host(self._options["timeout_s"])
        if sys.platform == "emscripten":
            from .pyodide import connect_to_page

            return await connect_to_page(self._site)
        from .chrome.launch import ChromeHost

        return await ChromeHost.launch(**self._options)
