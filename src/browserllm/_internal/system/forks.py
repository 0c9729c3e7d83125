"""What a fork of this process must not keep: the descriptors of its browsers and profiles, and hosts that use them.

A child that kept the end of a browser's pipe, or the file of a profile's lock, would keep the browser alive and the
profile in use after this process has gone; one that kept a socket would keep the port, and end the connection of its
parent when it ends. There is one list for the process, because forking concerns all of it; it holds descriptors
(`keep`), sockets (`keep_socket`) and whoever wants to be told in a child (`tell`).
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
    """Something that wants to know when it finds itself in a child."""

    def forked(self) -> None:
        """Be told, in the child."""
        ...


# Held while the list changes, and by a thread that forks: a child never sees half a change. Nothing that can block
# is done under it. It can be entered twice, for a signal handler may fork.
_lock = threading.RLock()
_descriptors: dict[int, tuple[int, int]] = {}
_sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()
_told: weakref.WeakSet[Forked] = weakref.WeakSet()
_forks = 0


def keep(make: Callable[[], tuple[int, ...]]) -> tuple[int, ...]:
    """Return the descriptors that ``make`` opens, once no child can have them; `close` them in the end.

    ``make`` is called again when another thread forked meanwhile: that child may have a copy nobody knows of.
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
    """Return the two ends of a new pipe, to read from and to write to."""
    reader, writer = keep(os.pipe)
    return reader, writer


def close(fd: int) -> None:
    """Close a descriptor that `keep` returned."""
    with _lock:
        _descriptors.pop(fd, None)
        with suppress(OSError):
            os.close(fd)


def keep_socket(make: Callable[[], socket.socket]) -> socket.socket:
    """Return the socket that ``make``, which must not block, opens; no child has it, from now on to its close."""
    with _lock:
        made = make()
        _sockets.add(made)
        return made


def tell(one: Forked) -> None:
    """Have ``one`` told in every child, as long as it lives."""
    with _lock:
        _told.add(one)


def _identity(fd: int) -> tuple[int, int]:
    """Say which file a descriptor is of: the number alone may have become another's."""
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
        for one in list(_told):
            with suppress(Exception):  # each of them is told, and a child starts in any case
                one.forked()
    finally:
        _lock.release()


def _blank(fd: int) -> None:
    """Let a descriptor lead nowhere. The number stays taken: an object that still has it closes nothing else by it."""
    try:
        null = os.open(os.devnull, os.O_RDWR)
    except OSError:
        os.close(fd)
        return
    os.dup2(null, fd, inheritable=False)
    os.close(null)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_lock.release, after_in_child=_in_child)
