"""Listening sockets that forks of this process do not inherit, nor their connections."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Protocol

from ..cpython.loops import separate_at_fork
from . import forks

HOST = "127.0.0.1"


class Listener(socket.socket):
    """A listening socket that registers every connection with `forks` before a child can start."""

    def __init__(self) -> None:
        super().__init__(socket.AF_INET, socket.SOCK_STREAM)
        self._owner = os.getpid()

    def close(self) -> None:
        """Stop listening at once, even if a child that just started, or that C code forked, still has a copy."""
        if self._owner == os.getpid():
            with suppress(OSError):
                self.shutdown(socket.SHUT_RDWR)
        super().close()

    def accept(self) -> tuple[socket.socket, Any]:
        """Accept a connection without blocking: asyncio only listens on non-blocking sockets."""
        address: Any = None

        def accept() -> socket.socket:
            nonlocal address
            connection, address = super(Listener, self).accept()
            return connection

        return forks.keep_socket(accept), address


def listen(port: int) -> Listener:
    """Return a socket bound to a loopback port (0 for any), for the running loop.

    Raises `OSError` if the port is in use.
    """
    separate_at_fork(asyncio.get_running_loop())
    listener = Listener()
    forks.keep_socket(lambda: listener)  # before it is bound: the copy of a child that starts earlier is useless
    try:
        listener.setblocking(False)
        if os.name == "posix":
            # Allows reuse of a port that was just released. On Windows the option would let two processes share it.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
    except BaseException:
        listener.close()
        raise
    return listener


class _Socket(Protocol):
    def fileno(self) -> int: ...


class _Server(Protocol):
    @property
    def sockets(self) -> Iterable[_Socket]: ...

    def close(self) -> None: ...


async def stop_listening(server: _Server) -> None:
    """Close a server, after every connection that it is accepting has a transport.

    `asyncio.Server.close` fails inside of asyncio for a connection that was accepted a turn of the loop before, and has
    no transport yet: it would stay open until it is garbage. The server is closed also if this is cancelled.
    """
    loop = asyncio.get_running_loop()
    try:
        for each in server.sockets:
            with suppress(NotImplementedError):  # the loop of Windows accepts in another way
                loop.remove_reader(each.fileno())
        for _ in range(3):
            await asyncio.sleep(0)
    finally:
        server.close()
