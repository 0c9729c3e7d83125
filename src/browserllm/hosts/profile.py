"""A browser profile on disk, held by one process at a time."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import IO

from platformdirs import user_cache_path

from ..errors import Unavailable

LOCK_NAME = "browserllm.lock"
TEMPORARY_PREFIX = "browserllm-profile-"

LOCK_WAIT_S = 1.5
"""How long to wait for a profile in use: a browser whose Python was killed takes a moment to end."""


class Profile:
    """A profile folder and the lock on it. The lock is the system's: it ends with whoever holds the file open."""

    def __init__(self, folder: Path, lock: IO[bytes], *, temporary: bool = False) -> None:
        """Made by `open_profile`."""
        self.folder = folder
        self.temporary = temporary
        self._lock = lock

    @property
    def lock_fd(self) -> int:
        """The file descriptor of the lock, for the browser to inherit: the profile is in use until both have gone."""
        return self._lock.fileno()

    def release(self) -> None:
        """Let go of the profile, and delete it when it is temporary."""
        if self.temporary and not self._lock.closed:
            shutil.rmtree(self.folder, ignore_errors=True)
        self._lock.close()


def default_folder() -> Path:
    """Return the folder of the profile that all programs of this user share."""
    return user_cache_path("browserllm", appauthor=False) / "profile"


def open_profile(wanted: str | Path | None = None) -> tuple[Profile, str | None]:
    """Take a profile: the ``wanted`` one, or the default, or when that is in use a temporary one and the notice of it.

    Blocks for up to `LOCK_WAIT_S`. Raises `Unavailable`: ``profile_in_use`` for a wanted one in use, ``blocked`` for
    one that cannot be written.
    """
    remove_orphans()
    folder = default_folder() if wanted is None else Path(wanted).expanduser().absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = _lock(folder)
        give_up_at = time.monotonic() + LOCK_WAIT_S
        while lock is None and time.monotonic() < give_up_at:
            time.sleep(0.05)
            lock = _lock(folder)
    except OSError as error:
        raise Unavailable(
            f"the profile folder {str(folder)!r} cannot be used: {error}; choose another with profile=",
            reason="blocked",
        ) from error
    if lock is not None:
        return Profile(folder, lock), None
    if wanted is not None:
        raise Unavailable(
            f"the profile {str(folder)!r} is in use by another process; end that one, choose another folder, "
            "or leave profile out",
            reason="profile_in_use",
            data={"profile": str(folder)},
        )
    temporary = Path(tempfile.mkdtemp(prefix=TEMPORARY_PREFIX))
    lock = _lock(temporary)
    if lock is None:
        raise Unavailable(f"the new profile {str(temporary)!r} is in use already; try again", reason="profile_in_use")
    notice = (
        f"the profile {str(folder)!r} is in use by another process: this one has a temporary profile, "
        "so models it downloads are gone when it ends"
    )
    return Profile(temporary, lock, temporary=True), notice


def remove_orphans() -> None:
    """Delete temporary profiles whose process ended without doing so."""
    for folder in Path(tempfile.gettempdir()).glob(f"{TEMPORARY_PREFIX}*"):
        try:
            lock = _lock(folder)
        except OSError:
            continue  # another user's, or gone meanwhile
        if lock is not None:
            with lock:
                shutil.rmtree(folder, ignore_errors=True)


def _lock(folder: Path) -> IO[bytes] | None:
    """Return the open, locked lock file of a folder, or ``None`` when another process holds it."""
    file = open(folder / LOCK_NAME, "ab")  # noqa: SIM115 (it stays open: that is the lock)
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    except PermissionError:
        file.close()
        if os.name == "nt":  # how Windows says "locked"
            return None
        raise
    return file
