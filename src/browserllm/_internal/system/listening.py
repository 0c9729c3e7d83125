"""Sockets to listen on that no fork of this process keeps, nor the connections that come to them."""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import suppress
from typing import Any

from ..cpython.loops import part_at_fork
from . import forks

HOST = "127.0.0.1"


class Listener(socket.socket):
    """A socket whose every connection is known to `forks` before a child can begin."""

    def __init__(self) -> None:
        super().__init__(socket.AF_INET, socket.SOCK_STREAM)
        self._owner = os.getpid()

    def close(self) -> None:
        """Stop to listen at once, though a child that has just begun, or was made by C code, may still have a copy."""
        if self._owner == os.getpid():
            with suppress(OSError):
                self.shutdown(socket.SHUT_RDWR)
        super().close()

    def accept(self) -> tuple[socket.socket, Any]:
        """Accept a connection; does not block, as asyncio listens on none that does."""
        address: Any = None

        def accept() -> socket.socket:
            nonlocal address
            connection, address = super(Listener, self).accept()
            return connection

        return forks.keep_socket(accept), address


def listen(port: int) -> Listener:
    """Return a socket bound to a port of loopback, 0 for any, for the running loop.

    Raises `OSError` when the port is taken.
    """
    part_at_fork(asyncio.get_running_loop())
    listener = Listener()
    forks.keep_socket(lambda: listener)  # before it is bound: a child that begins earlier has nothing in it
    try:
        listener.setblocking(False)
        if os.name == "posix":
            # A port that was in use a moment ago can be taken again. On Windows the option would let two have it.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
    except BaseException:
        listener.close()
        raise
    return listener
