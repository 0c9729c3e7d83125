"""The host for Python inside the page: the channel is a MessagePort straight to the engine worker.

The page's worker provides the JavaScript module ``_browserllm_page`` with ``engine_port.send(text)`` and
``engine_port.set_handler(function)``. In a worker of other pages (a kernel of JupyterLite) there is none; then the
``connect-kernel.js`` of a built site starts an engine and provides the same.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import import_module
from typing import Any

from ..errors import Unavailable
from .protocol import ChannelHost


class PortChannel:
    """A `Channel` over the page's engine port."""

    def __init__(self, port: Any, create_proxy: Callable[[Any], Any], end: Callable[[], object] | None = None) -> None:
        """Use ``port``; ``create_proxy`` keeps a Python function alive for JavaScript; ``end`` is called on close."""
        self._port = port
        self._create_proxy = create_proxy
        self._end = end
        self._proxy: Any = None
        self._closed = False

    def open(self, on_text: Callable[[str | bytes], None], on_closed: Callable[[str], None]) -> None:
        """Start delivering messages; a port never reports that it closed."""
        self._proxy = self._create_proxy(on_text)
        self._port.set_handler(self._proxy)

    def send(self, text: str) -> None:
        """Post a message to the engine worker."""
        if self._closed:
            raise Unavailable("the port to the engine is closed; connect again", reason="closed")
        self._port.send(text)

    async def close(self) -> None:
        """Stop delivering messages, and release the proxy."""
        self._closed = True
        if self._proxy is not None:
            self._port.set_handler(None)
            self._proxy.destroy()
            self._proxy = None
        if self._end is not None:
            self._end()
            self._end = None


async def connect_to_page(site: str | None = None) -> ChannelHost:
    """Connect to the page that this Python runs in, or else to an engine of ``site``.

    Raises `Unavailable` if the page is not one of browserllm's, and there is no site at that address.
    """
    end: Callable[[], object] | None = None
    try:
        page: Any = import_module("_browserllm_page")
    except ImportError as error:
        if site is None:
            raise Unavailable(
                f"this Python runs in a page without browserllm's engine ({error}); open a page that was built with "
                "`browserllm build`, or name such a site on the same server: connect(site='/llm/')",
                reason="no_window",
            ) from error
        page = await _engine_of(site)
        end = page.close
    ffi = import_module("pyodide.ffi")
    # The port outlives a host: random first ids keep one host's late messages from the next one. (The clock would be
    # too coarse in a page.) 48 bits are exact integers in JavaScript, too.
    first_id = int.from_bytes(os.urandom(6), "big")
    host = ChannelHost(PortChannel(page.engine_port, ffi.create_proxy, end), first_id=first_id)
    return await host.start()


async def _engine_of(site: str) -> Any:
    """Start an engine of a built site, from a worker of any page of the same server."""
    js = import_module("js")
    address = str(
        js.URL.new("connect-kernel.js", js.URL.new(site if site.endswith("/") else f"{site}/", js.location.origin))
    )
    load = import_module("pyodide.code").run_js("(address) => import(address)")
    try:
        module = await load(address)
        return module.open()
    except import_module("pyodide.ffi").JsException as error:
        raise Unavailable(
            f"the engine of the site {site!r} could not be started ({error}); `site` is the address of a folder that "
            f"`browserllm build` wrote, on the server of this page ({js.location.origin})",
            reason="no_window",
        ) from error
