"""The event loop that a fork finds itself in: a copy that shares the kernel's half with the parent.

What: in a child of a fork, replaces the descriptors of a running loop (``_selector``, ``_ssock`` and ``_csock``, and
the epoll object in the selector's own ``_selector``) by new ones.
Why: when a child ends in the ordinary way (``if os.fork() == 0: sys.exit()``), `asyncio.run` closes its copy. That
would take the parent's own descriptors out of the set that both wait on, and the parent would not hear its threads
any more.
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


def part_at_fork(loop: asyncio.AbstractEventLoop) -> None:
    """Give a child what it changes of this loop for its own, from now on."""
    _loops.add(loop)
    forks.tell(_parting)


class _Parting:
    def forked(self) -> None:
        for loop in list(_loops):
            with suppress(Exception):  # a loop of another make, or one that is closed
                _part(loop)


_parting = _Parting()

if hasattr(selectors, "EpollSelector"):
    import select

    def _part(loop: Any) -> None:
        selector = loop._selector  # asyncio has no public name for it
        if not isinstance(selector, selectors.EpollSelector):
            return
        shared: Any = getattr(selector, "_selector")  # noqa: B009 (which its type does not have)
        with select.epoll() as own:
            os.dup2(own.fileno(), selector.fileno(), inheritable=False)
        reader, writer = socket.socketpair()
        with reader, writer:
            for end, old in ((reader, loop._ssock), (writer, loop._csock)):
                os.dup2(end.fileno(), old.fileno(), inheritable=False)
                old.setblocking(False)
        waits = {selectors.EVENT_READ: select.EPOLLIN, selectors.EVENT_WRITE: select.EPOLLOUT}
        for key in selector.get_map().values():
            with suppress(OSError):  # what was blanked cannot be waited for, and need not be
                mask = sum(bit for event, bit in waits.items() if key.events & event)
                shared.register(key.fd, mask)

else:

    def _part(loop: Any) -> None:
        """Other systems share nothing of the kind (kqueue), or wait in the process itself (select, poll)."""
