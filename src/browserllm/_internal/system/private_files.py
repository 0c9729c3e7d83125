"""Files and folders of this user alone, opened so that no other user's link, pipe or file is taken for them.

What is judged is what was opened, not its name, which may lead elsewhere a moment later. On Windows, where a user's
folders are private by themselves, names have to do.
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
# A pipe is then opened at once, and can be refused; without it, opening waits for a writer.
_NONBLOCK = getattr(os, "O_NONBLOCK", 0)
_CLOEXEC = getattr(os, "O_CLOEXEC", 0)
_DIRECTORY = getattr(os, "O_DIRECTORY", 0)


class NotPrivate(PermissionError):  # noqa: N818 (its kind is in the base)
    """A file or a folder that is not what it should be; the text says what is wrong and what to do."""

    def __init__(self, why: str) -> None:
        """Say why."""
        super().__init__(errno.EPERM, why)

    def __str__(self) -> str:
        return str(self.strerror)


class Folder:
    """An open folder of this user's. On Windows it is its path."""

    def __init__(self, path: Path, fd: int | None) -> None:
        """See `own_folder` and `private_folder`."""
        self.path = path
        self.fd = fd

    def open(self, name: str, flags: int) -> int:
        """Open a plain file of this user's in the folder; raises `NotPrivate` for anything else of that name."""
        flags |= _NOFOLLOW | _NONBLOCK | _CLOEXEC | getattr(os, "O_BINARY", 0)
        where = name if self.fd is not None else str(self.path / name)
        try:
            fd = os.open(where, flags, 0o600, dir_fd=self.fd)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENXIO, errno.EISDIR) or getattr(errno, "EMLINK", -1) == error.errno:
                raise NotPrivate(f"{str(self.path / name)!r} is a link or no plain file; remove it") from error
            raise
        try:
            facts = os.fstat(fd)
            if not stat.S_ISREG(facts.st_mode):
                raise NotPrivate(f"{str(self.path / name)!r} is no plain file; remove it")
            if POSIX and facts.st_nlink > 1:
                raise NotPrivate(f"{str(self.path / name)!r} is a link to a file elsewhere; remove it")
            _check_owner(facts, self.path / name)
        except BaseException:
            os.close(fd)
            raise
        return fd

    def still_has(self, name: str, fd: int) -> bool:
        """Say whether the folder has the file that ``fd`` is of, under that name: it may have been removed since."""
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
    """Make a folder that a program or its user has chosen, and open it.

    A new one is for this user alone. Raises `NotPrivate` for one of another user, for another user's link to one, and
    for one in which every user may replace the files.
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
            raise NotPrivate(f"every user may write into {str(path)!r}; take that away with `chmod o-w`")
    except BaseException:
        folder.close()
        raise
    return folder


def private_folder(path: Path, *, make: bool = True) -> Folder:
    """Make and open a folder of this program's own, which no other user can look into.

    Raises `NotPrivate` for a link, for what is another user's, and for a folder above it that would let others replace
    it. With ``make`` false it must be there.
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
        raise NotPrivate(f"every user may write into {str(path.parent)!r}; take that away with `chmod o-w`")
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
            raise NotPrivate(f"{str(path)!r} is a link or no folder; remove it") from error
        raise


def _fd(folder: Folder) -> int:
    assert folder.fd is not None  # noqa: S101 (only Windows has none)
    return folder.fd


def _check_owner(facts: os.stat_result, path: Path) -> None:
    if POSIX and facts.st_uid != _user():
        raise NotPrivate(
            f"{str(path)!r} belongs to another user (uid {facts.st_uid}, and this program runs as {_user()})"
        )
