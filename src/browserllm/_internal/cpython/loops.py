"""Separates a forked child's copy of a running event loop from its parent's, with which it shares the kernel's objects.

What: in a child of a fork, replaces the descriptors of a running loop (``_selector``, ``_ssock`` and ``_csock``, and
the epoll object in the selector's own ``_selector``) with new ones.
Why: when a child exits in the ordinary way (``if os.fork() == 0: sys.exit()``), `asyncio.run` closes its copy. That
would remove the parent's descriptors from the epoll set that both share, and the parent's threads could no longer wake
it.
Upstream: python/cpython#66285 (closed without support for forks of a running loop).
Contract: ``tests/wire/_internal/test_cpython_contract.py``.
"""

from __future__ import annotations

import asyncio
import os
import selectors
import socket
import weakref
from contextlib import suppress
from typing import Any

from ..system import forks

_loops: weakref.WeakSet[asyncio.AbstractEventLoop] = weakref.WeakSet()


def separate_at_fork(loop: asyncio.AbstractEventLoop) -> None:
    """Give every child that is forked from now on its own descriptors for this loop."""
    _loops.add(loop)
    forks.notify(_separator)


class _Separator:
    def forked(self) -> None:
        for loop in list(_loops):
            with suppress(Exception):  # another implementation of a loop, or a closed one
                _separate(loop)


_separator = _Separator()

if hasattr(selectors, "EpollSelector"):
    import select

    def _separate(loop: Any) -> None:
        selector = loop._selector  # asyncio has no public name for it
        if not isinstance(selector, selectors.EpollSelector):
            return
        shared: Any = getattr(selector, "_selector")  # noqa: B009 (its type does not declare it)
        with select.epoll() as own:
            os.dup2(own.fileno(), selector.fileno(), inheritable=False)
        reader, writer = socket.socketpair()
        with reader, writer:
            for end, old in ((reader, loop._ssock), (writer, loop._csock)):
                os.dup2(end.fileno(), old.fileno(), inheritable=False)
                old.setblocking(False)
        waits = {selectors.EVENT_READ: select.EPOLLIN, selectors.EVENT_WRITE: select.EPOLLOUT}
        for key in selector.get_map().values():
            with suppress(OSError):  # a descriptor replaced by /dev/null cannot be waited for, and need not be
                mask = sum(bit for event, bit in waits.items() if key.events & event)
                shared.register(key.fd, mask)

else:

    def _separate(loop: Any) -> None:
        """Do nothing: other systems do not share it (kqueue), or wait in the process itself (select, poll)."""
