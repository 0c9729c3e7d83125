"""The host for Python inside the page: the channel is a MessagePort straight to the engine worker.

The page's worker provides the JavaScript module ``_browserllm_page`` with ``engine_port.send(text)`` and
``engine_port.set_handler(function)``.
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

    def __init__(self, port: Any, create_proxy: Callable[[Any], Any]) -> None:
        """Use ``port``; ``create_proxy`` keeps a Python function alive for JavaScript."""
        self._port = port
        self._create_proxy = create_proxy
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


async def connect_to_page() -> ChannelHost:
    """Connect to the page that this Python runs in; raises `Unavailable` if the page is not one of browserllm's."""
    try:
        page = import_module("_browserllm_page")
        ffi = import_module("pyodide.ffi")
    except ImportError as error:
        raise Unavailable(
            f"this Python runs in a page without browserllm's engine ({error}); "
            "open a page that was built with `browserllm build`",
            reason="no_window",
        ) from error
    # The port outlives a host: random first ids keep one host's late messages from the next one. (The clock would be
    # too coarse in a page.) 48 bits are exact integers in JavaScript, too.
    first_id = int.from_bytes(os.urandom(6), "big")
    host = ChannelHost(PortChannel(page.engine_port, ffi.create_proxy), first_id=first_id)
    return await host.start()
