"""A browser profile on disk, held by one process at a time.

Temporary profiles lie in a folder of this user's own, each beside its lock: ``NAME`` and ``NAME.lock``. The lock is
made first, and a folder is only made, used or deleted by who holds it: no process takes or deletes what another one
makes or holds.
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

from ..._internal.system import forks
from ..._internal.system.private_files import POSIX, Folder, own_folder, private_folder
from ...errors import InvalidRequest, Unavailable

LOCK_NAME = "browserllm.lock"
LOCK_SUFFIX = ".lock"

LOCK_WAIT_S = 1.5
"""How long to wait for a profile in use: a browser whose Python was killed takes a moment to end."""

ORPHANS_WAIT_S = 1.0
"""How long opening a profile waits for orphans to be removed; then it goes on beside that."""

NAME_BYTES = 8
"""Of the random name of a temporary profile, which is written in twice as many hexadecimal digits."""

# Nothing else in their folder is ours, and least of all "..": what is deleted is named by its lock.
_LOCK_OF_OURS = re.compile(rf"([0-9a-f]{{{2 * NAME_BYTES}}}){re.escape(LOCK_SUFFIX)}")

ATTEMPTS = 100
"""How often something is made again that others removed, or took, in the same moment."""

DELETE_ATTEMPTS = 5
DELETE_PAUSE_S = 0.05


class Lock:
    """The locked, open lock file of a profile. The lock is the system's: it ends with whoever holds the file open."""

    def __init__(self, fd: int) -> None:
        """Take over a descriptor that `forks.keep` returned."""
        self._fd = fd
        self._process = os.getpid()

    @property
    def closed(self) -> bool:
        """Whether it was let go."""
        return self._fd < 0

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._fd

    def close(self) -> None:
        """Unlock and close. A copy of the descriptor that is left somewhere does not keep the lock."""
        if self._fd >= 0:
            _unlock(self._fd)
            self._drop()

    def __del__(self) -> None:
        if self._fd >= 0 and self._process == os.getpid():
            # Without unlocking: the browser of it may be running still.
            fd = self._fd
            self._drop()
            warnings.warn(f"the lock {fd} of a profile was not released", ResourceWarning, 2, self)

    def _drop(self) -> None:
        fd, self._fd = self._fd, -1
        forks.close(fd)


class Profile:
    """A profile folder and the lock on it."""

    def __init__(self, folder: Path, lock: Lock, *, temporary: bool = False) -> None:
        """Made by `open_profile`."""
        self.folder = folder
        self.temporary = temporary
        self._lock = lock
        self._process = os.getpid()
        self._releasing = threading.Lock()

    @property
    def lock_fd(self) -> int:
        """The file descriptor of the lock, for the browser to inherit: the profile is in use until both have gone."""
        return self._lock.fileno()

    def release(self) -> None:
        """Let go of the profile, and delete it when it is temporary. Does nothing in a fork of the process."""
        if self._process != os.getpid():
            return
        with self._releasing:
            if self._lock.closed:
                return
            file = self.folder.with_name(self.folder.name + LOCK_SUFFIX)
            # What cannot be deleted now keeps its lock file, by which a later start finds it.
            deleted = self.temporary and _delete(self.folder, None)
            if deleted:
                _remove(file)
            self._lock.close()
            if deleted and sys.platform == "win32":
                _remove(file)  # where an open file cannot be removed


def default_folder() -> Path:
    """Return the folder of the profile that all programs of this user share."""
    return user_cache_path("browserllm", appauthor=False) / "profile"


def temporary_root() -> Path:
    """Return the folder that temporary profiles lie in. It is this user's, as no folder for everybody's files is."""
    return user_cache_path("browserllm", appauthor=False) / "temporary"


def open_profile(wanted: str | Path | None = None) -> tuple[Profile, str | None]:
    """Take a profile: the ``wanted`` one, or the default, or when that is in use a temporary one and the notice of it.

    Blocks for up to `ORPHANS_WAIT_S` and `LOCK_WAIT_S`. Raises `Unavailable`: ``profile_in_use`` for a wanted one in
    use, ``blocked`` for one that cannot be used, with what to do.
    """
    folder = _folder_of(wanted)
    removing = threading.Thread(target=remove_orphans, name="browserllm: orphans", daemon=True)
    with suppress(RuntimeError):  # no threads: it is for a later start to do
        removing.start()
        removing.join(ORPHANS_WAIT_S)
    try:
        lock = _take_in_time(folder)
    except (OSError, ValueError) as error:
        raise Unavailable(
            f"the profile folder {str(folder)!r} cannot be used: {error}; choose another with profile=",
            reason="blocked",
            data={"profile": str(folder)},
        ) from error
    if lock is not None:
        return Profile(folder, lock), None
    if wanted is not None:
        shared, otherwise = "", ", or leave profile out"
        if folder == default_folder():
            shared, otherwise = ", which all programs of this user share,", ""
        raise Unavailable(
            f"the profile {str(folder)!r}{shared} is in use by another process; end that one, choose another folder "
            f"with profile={otherwise}",
            reason="profile_in_use",
            data={"profile": str(folder)},
        )
    notice = (
        f"the profile {str(folder)!r} is in use by another process: this one has a temporary profile, "
        "without the models of the other; what it downloads is gone when it ends"
    )
    return _make_temporary(), notice


def remove_orphans() -> None:
    """Delete temporary profiles whose process ended without doing so; never one that is held or being made.

    What has no name of ours, or others could look into, is left alone: they may have put it there.
    """
    try:
        with private_folder(temporary_root(), make=False) as root:
            for entry in os.listdir(root.path if root.fd is None else root.fd):
                match = _LOCK_OF_OURS.fullmatch(entry)
                if match is not None:
                    with suppress(OSError):  # gone meanwhile, or nothing of ours
                        _remove_orphan(root, match[1], entry)
    except OSError:
        return  # there is none, or it is no folder of ours: whoever wants a temporary profile is told


def _remove_orphan(root: Folder, name: str, lock_name: str) -> None:
    (fd,) = forks.keep(lambda: (root.open(lock_name, os.O_RDWR),))
    lock = Lock(fd) if _lock(fd) else None
    if lock is None:
        forks.close(fd)
        return
    # Relative to the folder that is open: another one may have its path by now.
    folder, file = (root.path / name, root.path / lock_name) if root.fd is None else (Path(name), Path(lock_name))
    try:
        if _is_ours(root, fd, folder) and root.still_has(lock_name, fd) and _delete(folder, root.fd):
            _remove(file, root.fd)
    finally:
        lock.close()
    if sys.platform == "win32":
        _remove(file, root.fd)


def _is_ours(root: Folder, lock: int, folder: Path) -> bool:
    """Say whether a lock and its folder are as `_make_in` makes them; the folder may be missing."""
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
            raise ValueError("it is empty")  # `Path` takes that for the current folder
        folder = default_folder() if wanted is None else Path(wanted).expanduser().absolute()
        if b"\0" in os.fsencode(folder):
            raise ValueError("no path has a NUL character in it")
    except (RuntimeError, TypeError, ValueError) as error:
        raise InvalidRequest(
            f"profile={wanted!r} is no folder: {error}; give the path of one, or leave profile out", parameter="profile"
        ) from error
    if not folder.is_absolute():
        raise Unavailable(
            f"this user has no home folder for the profile {str(folder)!r}; choose a folder with profile=, or set HOME",
            reason="blocked",
        )
    return folder


def _take_in_time(folder: Path) -> Lock | None:
    """Return the lock of a folder, ``None`` when another process holds it for longer than `LOCK_WAIT_S`."""
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
    """Open and lock a file once; returns the lock, or ``None`` and whether another process holds it."""
    (fd,) = forks.keep(lambda: (folder.open(name, os.O_RDWR | flags),))
    try:
        if not _lock(fd):
            forks.close(fd)
            return None, True
        # A lock on a file that was removed before it was locked keeps nobody out.
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
    failure: OSError = FileExistsError(errno.EEXIST, "other processes take every name")
    try:
        for _ in range(ATTEMPTS):
            try:
                return _make_in(root)
            except (FileExistsError, FileNotFoundError, BlockingIOError) as error:
                failure = error  # another name; or the whole folder was removed: another one
        raise failure
    except OSError as error:
        raise Unavailable(
            f"no temporary profile can be made in {str(root)!r}: {error}; name a folder with profile=, or set "
            "XDG_CACHE_HOME to a folder of your own",
            reason="blocked",
            data={"profile": str(root)},
        ) from error


def _make_in(root: Path) -> Profile:
    name = secrets.token_hex(NAME_BYTES)
    with private_folder(root) as opened:
        lock, _ = _take(opened, name + LOCK_SUFFIX, os.O_CREAT | os.O_EXCL)
        if lock is None:
            raise BlockingIOError(errno.EAGAIN, "another process tidied the new lock up")
        try:
            os.mkdir(name if opened.fd is not None else root / name, 0o700, dir_fd=opened.fd)
        except BaseException:
            _remove(root / (name + LOCK_SUFFIX))
            lock.close()
            raise
    return Profile(root / name, lock, temporary=True)


def _delete(folder: Path, above: int | None) -> bool:
    """Delete a folder with all in it, whose name is relative to an open one if given; returns whether it has gone."""
    for attempt in range(DELETE_ATTEMPTS):
        shutil.rmtree(folder, ignore_errors=True, dir_fd=above)
        try:
            os.stat(folder, dir_fd=above, follow_symlinks=False)
        except FileNotFoundError:
            return True
        if attempt + 1 < DELETE_ATTEMPTS:
            time.sleep(DELETE_PAUSE_S)  # a process of the browser's that is about to end may still write
    return False


def _remove(file: Path, above: int | None = None) -> None:
    with suppress(OSError):
        os.unlink(file, dir_fd=above)


def _lock(fd: int) -> bool:
    """Lock an open file; returns whether that went, which it does not where another process has it locked."""
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
        if os.name == "nt":  # how Windows says "locked"
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
