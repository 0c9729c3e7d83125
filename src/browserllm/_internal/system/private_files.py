"""Opens files and folders that belong to this user alone, never another user's link, pipe or file in their place.

All checks look at the open file, not at its name, which may refer to another file a moment later. On Windows, where a
user's folders are private by default, they look at names.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

POSIX = os.name == "posix"

_user: Callable[[], int] = getattr(os, "geteuid", lambda: 0)
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
# With it a pipe opens at once and can be rejected; without it, opening a pipe waits for a writer.
_NONBLOCK = getattr(os, "O_NONBLOCK", 0)
_CLOEXEC = getattr(os, "O_CLOEXEC", 0)
_DIRECTORY = getattr(os, "O_DIRECTORY", 0)


class NotPrivate(PermissionError):  # noqa: N818 (the base class says Error)
    """A file or a folder is not private to this user; the message says what is wrong and what to do."""

    def __init__(self, why: str) -> None:
        """``why`` is the message."""
        super().__init__(errno.EPERM, why)

    def __str__(self) -> str:
        return str(self.strerror)


class Folder:
    """An open folder of this user. On Windows it is only a path."""

    def __init__(self, path: Path, fd: int | None) -> None:
        """``fd`` is the open folder, ``None`` on Windows; `own_folder` and `private_folder` open one."""
        self.path = path
        self.fd = fd

    def open(self, name: str, flags: int) -> int:
        """Open a regular file of this user in the folder; raises `NotPrivate` for anything else of that name."""
        flags |= _NOFOLLOW | _NONBLOCK | _CLOEXEC | getattr(os, "O_BINARY", 0)
        where = name if self.fd is not None else str(self.path / name)
        try:
            fd = os.open(where, flags, 0o600, dir_fd=self.fd)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENXIO, errno.EISDIR) or getattr(errno, "EMLINK", -1) == error.errno:
                raise NotPrivate(f"{str(self.path / name)!r} is a link or not a regular file; remove it") from error
            raise
        try:
            facts = os.fstat(fd)
            if not stat.S_ISREG(facts.st_mode):
                raise NotPrivate(f"{str(self.path / name)!r} is not a regular file; remove it")
            if POSIX and facts.st_nlink > 1:
                raise NotPrivate(f"{str(self.path / name)!r} is a link to a file elsewhere; remove it")
            _check_owner(facts, self.path / name)
        except BaseException:
            os.close(fd)
            raise
        return fd

    def still_has(self, name: str, fd: int) -> bool:
        """Return whether ``name`` in the folder is still the open file ``fd``: it may have been removed since."""
        try:
            facts = os.stat(name if self.fd is not None else self.path / name, dir_fd=self.fd, follow_symlinks=False)
        except FileNotFoundError:
            return False
        own = os.fstat(fd)
        return (facts.st_dev, facts.st_ino) == (own.st_dev, own.st_ino)

    def close(self) -> None:
        """Close the folder."""
        if self.fd is not None:
            os.close(self.fd)

    def __enter__(self) -> Folder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def own_folder(path: Path) -> Folder:
    """Open a folder that a program or its user has chosen, and create it if needed.

    A new one is private to this user. Raises `NotPrivate` for another user's folder or link, and for a folder in which
    every user may replace files.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _make(path)
    if not POSIX:
        return Folder(path, None)
    link = os.lstat(path)
    if stat.S_ISLNK(link.st_mode):
        _check_owner(link, path)
    folder = Folder(path, _open_folder(path, 0))
    try:
        facts = os.fstat(_fd(folder))
        _check_owner(facts, path)
        if facts.st_mode & stat.S_IWOTH:
            raise NotPrivate(f"every user may write to {str(path)!r}; change that with `chmod o-w`")
    except BaseException:
        folder.close()
        raise
    return folder


def private_folder(path: Path, *, make: bool = True) -> Folder:
    """Create and open a private folder of this program, which no other user can read.

    Raises `NotPrivate` for a link, for another user's folder, and for a parent folder that would let others replace it.
    With ``make`` false it must exist.
    """
    if make:
        path.parent.mkdir(parents=True, exist_ok=True)
        _make(path)
    if not POSIX:
        return Folder(path, None)
    above = path.parent.stat()
    if above.st_uid not in (_user(), 0):
        raise NotPrivate(f"{str(path.parent)!r} belongs to another user (uid {above.st_uid})")
    if above.st_mode & stat.S_IWOTH and not above.st_mode & stat.S_ISVTX:
        raise NotPrivate(f"every user may write to {str(path.parent)!r}; change that with `chmod o-w`")
    folder = Folder(path, _open_folder(path, _NOFOLLOW))
    try:
        facts = os.fstat(_fd(folder))
        _check_owner(facts, path)
        if stat.S_IMODE(facts.st_mode) != stat.S_IRWXU:
            os.fchmod(_fd(folder), stat.S_IRWXU)
    except BaseException:
        folder.close()
        raise
    return folder


def _make(path: Path) -> None:
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        if not path.is_dir() and not path.is_symlink():
            raise


def _open_folder(path: Path, flags: int) -> int:
    try:
        return os.open(path, os.O_RDONLY | _DIRECTORY | _CLOEXEC | _NONBLOCK | flags)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            raise NotPrivate(f"{str(path)!r} is a link or not a folder; remove it") from error
        raise


def _fd(folder: Folder) -> int:
    assert folder.fd is not None  # noqa: S101 (it is None only on Windows)
    return folder.fd


def _check_owner(facts: os.stat_result, path: Path) -> None:
    if POSIX and facts.st_uid != _user():
        raise NotPrivate(
            f"{str(path)!r} belongs to another user (uid {facts.st_uid}; this program runs as uid {_user()})"
        )
