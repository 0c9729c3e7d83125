"""Opening a file that others may be changing: what was checked is what is opened, whatever is swapped meanwhile."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from typing import BinaryIO

# A pipe or a device that takes the file's place does not keep the server waiting.
_CAREFUL = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_CLOEXEC", 0)


def open_real(path: Path) -> BinaryIO:
    """Open a plain file by its real path (`Path.resolve` gives it), for reading.

    Raises `OSError` when a part of the path has become a link since, or when there is no plain file.
    """
    return _plain(open(path, "rb", opener=_open_without_links))


def open_linked(path: Path) -> BinaryIO:
    """Open a plain file for reading, over links too; raises `OSError` when there is none."""
    return _plain(open(path, "rb", opener=lambda name, flags: os.open(name, flags | _CAREFUL)))


def _plain(file: BinaryIO) -> BinaryIO:
    if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        return file
    file.close()
    raise FileNotFoundError(f"{file.name!r} is no plain file")


if sys.platform == "linux":

    def _open_without_links(name: str, flags: int) -> int:
        # Part by part, each looked up in the one that is open: no part can be swapped once it was passed.
        root, *folders, last = Path(name).parts
        above = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for folder in folders:
                below = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=above)
                os.close(above)
                above = below
            return os.open(last, flags | _CAREFUL | os.O_NOFOLLOW, dir_fd=above)
        finally:
            os.close(above)

elif sys.platform == "darwin":

    def _open_without_links(name: str, flags: int) -> int:
        return os.open(name, flags | _CAREFUL | os.O_NOFOLLOW_ANY)

else:

    def _open_without_links(name: str, flags: int) -> int:
        # No walk here: looked at once it is open, a link that was followed shows.
        opened = os.open(name, flags | _CAREFUL)
        path = Path(name)
        if path.resolve(strict=True) == path and os.path.samestat(os.fstat(opened), os.lstat(path)):
            return opened
        os.close(opened)
        raise PermissionError(f"{name!r} is a link")
