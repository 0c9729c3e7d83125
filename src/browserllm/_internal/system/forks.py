"""What a fork of this process must not inherit: the descriptors of its browsers and profiles, and hosts that use them.

A child that inherited a browser's pipe, or a profile's lock file, would keep the browser alive and the profile in use
after this process has ended. One that inherited a socket would keep the port, and close its parent's connection when
it exits. There is one registry for the process, because a fork copies all of it: of descriptors (`keep`), sockets
(`keep_socket`) and objects to notify in a child (`notify`).
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import socket


class Forked(Protocol):
    """Something that must react to a fork."""

    def forked(self) -> None:
        """React to a fork; called in the child."""
        ...


# Held while the registry changes, and by a thread that forks: a child never sees half a change. Nothing blocks while
# holding it. Reentrant, because a signal handler may fork.
_lock = threading.RLock()
_descriptors: dict[int, tuple[int, int]] = {}
_sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()
_notified: weakref.WeakSet[Forked] = weakref.WeakSet()
_forks = 0


def keep(make: Callable[[], tuple[int, ...]]) -> tuple[int, ...]:
    """Return the descriptors that ``make`` opens, such that no child inherits them; `close` them when done.

    ``make`` is called again if another thread forked meanwhile, because that child may have an unknown copy.
    """
    while True:
        before = _forks
        made = make()
        with _lock:
            if _forks == before:
                _descriptors.update((fd, _identity(fd)) for fd in made)
                return made
            for fd in made:
                os.close(fd)


def pipe() -> tuple[int, int]:
    """Return the read end and the write end of a new pipe."""
    reader, writer = keep(os.pipe)
    return reader, writer


def close(fd: int) -> None:
    """Close a descriptor that `keep` returned."""
    with _lock:
        _descriptors.pop(fd, None)
        with suppress(OSError):
            os.close(fd)


def keep_socket(make: Callable[[], socket.socket]) -> socket.socket:
    """Return the socket that ``make`` opens, such that no child inherits it. ``make`` must not block."""
    with _lock:
        made = make()
        _sockets.add(made)
        return made


def notify(one: Forked) -> None:
    """Call ``one.forked()`` in every child, as long as ``one`` is alive."""
    with _lock:
        _notified.add(one)


def _identity(fd: int) -> tuple[int, int]:
    """Return which file a descriptor refers to: its number alone may have been reused."""
    facts = os.fstat(fd)
    return facts.st_dev, facts.st_ino


def _before() -> None:
    global _forks  # noqa: PLW0603
    _lock.acquire()
    _forks += 1


def _in_child() -> None:
    try:
        for fd, identity in _descriptors.items():
            with suppress(OSError):
                if _identity(fd) == identity:
                    _blank(fd)
        _descriptors.clear()
        for one in list(_sockets):
            if (fd := one.fileno()) >= 0:  # a closed one has none
                _blank(fd)
        _sockets.clear()
        for one in list(_notified):
            with suppress(Exception):  # one that fails must not stop the others, or the child
                one.forked()
    finally:
        _lock.release()


def _blank(fd: int) -> None:
    """Redirect a descriptor to /dev/null. Its number stays taken, so its owner cannot close another file by it."""
    try:
        null = os.open(os.devnull, os.O_RDWR)
    except OSError:
        os.close(fd)
        return
    os.dup2(null, fd, inheritable=False)
    os.close(null)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_lock.release, after_in_child=_in_child)
