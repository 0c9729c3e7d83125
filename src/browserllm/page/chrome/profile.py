"""Browser profiles on disk, each locked by one process at a time.

Temporary profiles are in a private folder of this user, each beside its lock: ``NAME`` and ``NAME.lock``. The lock is
created first, and only the process that holds it creates, uses or deletes the folder, so no process takes or deletes
another's profile.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
import stat
import sys
import threading
import time
import warnings
from contextlib import suppress
from pathlib import Path

from platformdirs import user_cache_path

from ..._internal.formatting import system_text
from ..._internal.system import forks
from ..._internal.system.private_files import POSIX, Folder, own_folder, private_folder
from ...errors import InvalidRequest, Unavailable

LOCK_NAME = "browserllm.lock"
LOCK_SUFFIX = ".lock"

LOCK_WAIT_S = 1.5
"""How long to wait for a profile in use: a browser whose Python was killed takes a moment to exit."""

ORPHANS_WAIT_S = 1.0
"""How long opening a profile waits for orphans to be deleted; the rest is deleted in the background."""

NAME_BYTES = 8
"""Random bytes in the name of a temporary profile, which has twice as many hexadecimal digits."""

# Only folders whose lock has such a name are deleted, never any other, and never "..".
_LOCK_OF_OURS = re.compile(rf"([0-9a-f]{{{2 * NAME_BYTES}}}){re.escape(LOCK_SUFFIX)}")

ATTEMPTS = 100
"""How often to retry creating what another process removed or took at the same moment."""

DELETE_ATTEMPTS = 5
DELETE_PAUSE_S = 0.05


class Lock:
    """The open lock file of a profile. It is a system lock, which ends when all processes have closed the file."""

    def __init__(self, fd: int) -> None:
        """Take ownership of a descriptor that `forks.keep` returned."""
        self._fd = fd
        self._process = os.getpid()

    @property
    def closed(self) -> bool:
        """Whether the lock was released."""
        return self._fd < 0

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._fd

    def close(self) -> None:
        """Unlock and close the file, even if copies of the descriptor are still open."""
        if self._fd >= 0:
            _unlock(self._fd)
            self._drop()

    def __del__(self) -> None:
        if self._fd >= 0 and self._process == os.getpid():
            # Without unlocking, because its browser may still be running.
            fd = self._fd
            self._drop()
            warnings.warn(f"the lock {fd} of a profile was not released", ResourceWarning, 2, self)

    def _drop(self) -> None:
        fd, self._fd = self._fd, -1
        forks.close(fd)


class Profile:
    """A profile folder and its lock."""

    def __init__(self, folder: Path, lock: Lock, *, temporary: bool = False) -> None:
        """Take ownership of ``lock``; a ``temporary`` profile is deleted when it is released."""
        self.folder = folder
        self.temporary = temporary
        self._lock = lock
        self._process = os.getpid()
        self._releasing = threading.Lock()

    @property
    def lock_fd(self) -> int:
        """The lock's file descriptor. The browser inherits it, so the profile is in use until both processes end."""
        return self._lock.fileno()

    def release(self) -> None:
        """Release the profile, and delete it if it is temporary. Does nothing in a fork of the process."""
        if self._process != os.getpid():
            return
        with self._releasing:
            if self._lock.closed:
                return
            file = self.folder.with_name(self.folder.name + LOCK_SUFFIX)
            # A folder that cannot be deleted now keeps its lock file, so a later start finds it.
            deleted = self.temporary and _delete(self.folder, None)
            if deleted:
                _remove(file)
            self._lock.close()
            if deleted and sys.platform == "win32":
                _remove(file)  # Windows cannot remove an open file


def default_folder() -> Path:
    """Return the folder of the profile that all programs of this user share."""
    return user_cache_path("browserllm", appauthor=False) / "profile"


def temporary_root() -> Path:
    """Return the folder with temporary profiles. It is private to this user, unlike the system's temporary folder."""
    return user_cache_path("browserllm", appauthor=False) / "temporary"


def open_profile(wanted: str | Path | None = None) -> tuple[Profile, str | None]:
    """Lock a profile: the ``wanted`` one, or the default, or if that is in use a temporary one, with a notice.

    Blocks for up to `ORPHANS_WAIT_S` and `LOCK_WAIT_S`. Raises `Unavailable`: ``profile_in_use`` if the wanted one is
    in use, ``blocked`` if it cannot be used, with what to do.
    """
    folder = _folder_of(wanted)
    removing = threading.Thread(target=remove_orphans, name="browserllm: orphans", daemon=True)
    with suppress(RuntimeError):  # no thread can be started: a later start deletes them
        removing.start()
        removing.join(ORPHANS_WAIT_S)
    try:
        lock = _take_in_time(folder)
    except (OSError, ValueError) as error:
        raise Unavailable(
            f"the profile folder {str(folder)!r} cannot be used: {system_text(error)}; choose another with the "
            "profile option",
            reason="blocked",
            data={"profile": str(folder), "parameter": "profile"},
        ) from error
    if lock is not None:
        return Profile(folder, lock), None
    if wanted is not None:
        shared, remedy = "", "choose another folder with the profile option, or leave it out"
        if folder == default_folder():
            shared, remedy = (
                ", which all programs of this user share,",
                "or choose another folder with the profile option",
            )
        raise Unavailable(
            f"the profile {str(folder)!r}{shared} is in use by another process; end that process, {remedy}",
            reason="profile_in_use",
            data={"profile": str(folder), "parameter": "profile"},
        )
    notice = (
        f"the profile {str(folder)!r} is in use by another process, so this one uses a temporary profile: it has none "
        "of the downloaded models, and what it downloads is deleted when it ends"
    )
    return _make_temporary(), notice


def remove_orphans() -> None:
    """Delete temporary profiles whose process ended without deleting them, but none that is locked or being created.

    Leaves alone what has no name of ours, or is open to other users, who may have put it there.
    """
    try:
        with private_folder(temporary_root(), make=False) as root:
            for entry in os.listdir(root.path if root.fd is None else root.fd):
                match = _LOCK_OF_OURS.fullmatch(entry)
                if match is not None:
                    with suppress(OSError):  # deleted meanwhile, or not ours
                        _remove_orphan(root, match[1], entry)
    except OSError:
        return  # it does not exist, or is not ours: opening a temporary profile reports that


def _remove_orphan(root: Folder, name: str, lock_name: str) -> None:
    (fd,) = forks.keep(lambda: (root.open(lock_name, os.O_RDWR),))
    lock = Lock(fd) if _lock(fd) else None
    if lock is None:
        forks.close(fd)
        return
    # Relative to the open folder: another folder may have its path by now.
    folder, file = (root.path / name, root.path / lock_name) if root.fd is None else (Path(name), Path(lock_name))
    try:
        if _is_ours(root, fd, folder) and root.still_has(lock_name, fd) and _delete(folder, root.fd):
            _remove(file, root.fd)
    finally:
        lock.close()
    if sys.platform == "win32":
        _remove(file, root.fd)


def _is_ours(root: Folder, lock: int, folder: Path) -> bool:
    """Return whether a lock and its folder look like `_make_in` creates them; the folder may be missing."""
    if not POSIX:
        return True
    try:
        facts = os.stat(folder, dir_fd=root.fd, follow_symlinks=False)
    except FileNotFoundError:
        facts = None
    if facts is not None and not (stat.S_ISDIR(facts.st_mode) and facts.st_uid == os.fstat(lock).st_uid):
        return False
    return not any(stat.S_IMODE(one.st_mode) & 0o077 for one in (facts, os.fstat(lock)) if one is not None)


def _folder_of(wanted: str | Path | None) -> Path:
    try:
        if wanted is not None and not os.fspath(wanted):
            raise ValueError("it is empty")  # `Path` would take that as the current folder
        folder = default_folder() if wanted is None else Path(wanted).expanduser().absolute()
        if b"\0" in os.fsencode(folder):
            raise ValueError("a path cannot contain a NUL character")
    except (RuntimeError, TypeError, ValueError) as error:
        raise InvalidRequest(
            f"the profile {wanted!r} is not a folder: {error}; use the path of one, or leave the profile out",
            parameter="profile",
        ) from error
    if not folder.is_absolute():
        raise Unavailable(
            f"this user has no home folder for the profile {str(folder)!r}; choose a folder with the profile "
            "option, or set HOME",
            reason="blocked",
            data={"parameter": "profile"},
        )
    return folder


def _take_in_time(folder: Path) -> Lock | None:
    """Return the lock of a folder, or ``None`` if another process holds it for longer than `LOCK_WAIT_S`."""
    give_up_at = time.monotonic() + LOCK_WAIT_S
    removed = 0
    while True:
        try:
            with own_folder(folder) as opened:
                lock, in_use = _take(opened, LOCK_NAME, os.O_CREAT)
        except FileNotFoundError:
            lock, in_use = None, False
            removed += 1
            if removed >= ATTEMPTS:
                raise
        if lock is not None:
            return lock
        if in_use:
            if time.monotonic() >= give_up_at:
                return None
            time.sleep(0.05)


def _take(folder: Folder, name: str, flags: int) -> tuple[Lock | None, bool]:
    """Try once to open and lock a file; returns the lock, or ``None`` and whether another process holds it."""
    (fd,) = forks.keep(lambda: (folder.open(name, os.O_RDWR | flags),))
    try:
        if not _lock(fd):
            forks.close(fd)
            return None, True
        # A lock on a file that was removed before it was locked protects nothing.
        if folder.still_has(name, fd):
            return Lock(fd), False
    except BaseException:
        forks.close(fd)
        raise
    _unlock(fd)
    forks.close(fd)
    return None, False


def _make_temporary() -> Profile:
    root = temporary_root()
    failure: OSError = FileExistsError(errno.EEXIST, "other processes took every name")
    try:
        for _ in range(ATTEMPTS):
            try:
                return _make_in(root)
            except (FileExistsError, FileNotFoundError, BlockingIOError) as error:
                failure = error  # the name was taken, or the whole folder was removed: try again
        raise failure
    except OSError as error:
        raise Unavailable(
            f"cannot create a temporary profile in {str(root)!r}: {system_text(error)}; choose a folder with the "
            "profile option, or set XDG_CACHE_HOME to a folder of your own",
            reason="blocked",
            data={"profile": str(root), "parameter": "profile"},
        ) from error


def _make_in(root: Path) -> Profile:
    name = secrets.token_hex(NAME_BYTES)
    with private_folder(root) as opened:
        lock, _ = _take(opened, name + LOCK_SUFFIX, os.O_CREAT | os.O_EXCL)
        if lock is None:
            raise BlockingIOError(errno.EAGAIN, "another process removed the new lock")
        try:
            os.mkdir(name if opened.fd is not None else root / name, 0o700, dir_fd=opened.fd)
        except BaseException:
            _remove(root / (name + LOCK_SUFFIX))
            lock.close()
            raise
    return Profile(root / name, lock, temporary=True)


def _delete(folder: Path, above: int | None) -> bool:
    """Delete a folder with its contents, relative to the open folder ``above`` if given; returns whether it is gone."""
    for attempt in range(DELETE_ATTEMPTS):
        shutil.rmtree(folder, ignore_errors=True, dir_fd=above)
        try:
            os.stat(folder, dir_fd=above, follow_symlinks=False)
        except FileNotFoundError:
            return True
        if attempt + 1 < DELETE_ATTEMPTS:
            time.sleep(DELETE_PAUSE_S)  # a process of the browser that is still exiting may write files
    return False


def _remove(file: Path, above: int | None = None) -> None:
    with suppress(OSError):
        os.unlink(file, dir_fd=above)


def _lock(fd: int) -> bool:
    """Lock an open file; returns false if another process has locked it."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except PermissionError:
        if os.name == "nt":  # Windows' error for a locked file
            return False
        raise
    return True


def _unlock(fd: int) -> None:
    with suppress(OSError):
        if sys.platform == "win32":
            import msvcrt

            os.lseek(fd, 0, os.SEEK_SET)
            msvcrt.locking(fd, msvcrt.LK_UNLCK, 1)
        else:
            import fcntl

            fcntl.flock(fd, fcntl.LOCK_UN)
