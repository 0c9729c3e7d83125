"""Opens files that other programs may swap meanwhile: the file that was checked is the file that is opened."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from typing import BinaryIO

# A pipe or a device in the file's place must not block the server.
_CAREFUL = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_CLOEXEC", 0)


def open_real(path: Path) -> BinaryIO:
    """Open a regular file by its real path (from `Path.resolve`), for reading.

    Raises `OSError` if a part of the path has become a link since, or if it is not a regular file.
    """
    return _plain(open(path, "rb", opener=_open_without_links))


def open_linked(path: Path) -> BinaryIO:
    """Open a regular file for reading, following links; raises `OSError` if it is missing or another kind of file."""
    return _plain(open(path, "rb", opener=lambda name, flags: os.open(name, flags | _CAREFUL)))


def _plain(file: BinaryIO) -> BinaryIO:
    if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        return file
    file.close()
    raise FileNotFoundError(f"{file.name!r} is not a regular file")


if sys.platform == "linux":

    def _open_without_links(name: str, flags: int) -> int:
        # Part by part, each looked up in the open folder above: a part cannot be swapped after it was opened.
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
        # This system has no safe walk: check after opening whether a link was followed.
        opened = os.open(name, flags | _CAREFUL)
        path = Path(name)
        if path.resolve(strict=True) == path and os.path.samestat(os.fstat(opened), os.lstat(path)):
            return opened
        os.close(opened)
        raise PermissionError(f"{name!r} is a link")
